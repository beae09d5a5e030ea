"""Molecules in a browser: drawn as SVG, with a few properties."""

from collections.abc import Mapping, Sequence
from typing import Any

from vaekit.domains.views import ItemView, plain_value
from vaekit.molecules.properties import PROPERTIES, compute_properties
from vaekit.molecules.rdkit_tools import as_molecules, quiet

_SHOWN = ("logp", "qed", "mw", "tpsa")
_WIDTH, _HEIGHT = 320, 220


def molecule_views(smiles: Sequence[str]) -> list[ItemView]:
    """Return a drawing and properties of each; of what is no molecule the text alone.

    Raises:
        MissingExtraError: RDKit is not installed.

    Example:
        >>> [view["svg"] != "" for view in molecule_views(["CCO", "C1"])]
        [True, False]
    """
    names = [name for name in _SHOWN if name in PROPERTIES]
    computed = compute_properties(smiles, names)
    found = []
    for place, (text, molecule) in enumerate(zip(smiles, as_molecules(smiles), strict=True)):
        cells = [{"name": n, "value": plain_value(float(computed[n][place]))} for n in names]
        drawn = "" if molecule is None else _drawn(molecule)
        cells = [] if molecule is None else cells
        found.append({"kind": "molecule", "text": text, "svg": drawn, "cells": cells})
    return found


def _drawn(molecule: Any) -> str:
    from rdkit.Chem.Draw.rdMolDraw2D import MolDraw2DSVG

    drawer = MolDraw2DSVG(_WIDTH, _HEIGHT)
    options: Any = drawer.drawOptions()  # whose fields its stubs have wrong
    options.clearBackground = False
    options.padding = 0.08
    with quiet():
        drawer.DrawMolecule(molecule)
    drawer.FinishDrawing()
    text: str = drawer.GetDrawingText()
    return text[text.index("<svg") :]  # without the declaration of XML


def molecule_facts(found: Any) -> Mapping[str, Sequence[Any]]:
    """Return the columns of standardized molecules, and where there are none computed ones."""
    given = {name: [plain_value(float(v)) for v in v_] for name, v_ in found.properties.items()}
    wanted = [name for name in _SHOWN if name in PROPERTIES and name not in given]
    computed = compute_properties(found.smiles, wanted)
    return given | {name: [plain_value(float(v)) for v in computed[name]] for name in wanted}
