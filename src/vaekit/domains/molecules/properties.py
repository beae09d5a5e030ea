"""Numbers that are computed from a molecule's structure."""

import functools
import importlib
import importlib.util
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vaekit.domains.molecules.parsing import as_molecules
from vaekit.domains.molecules.toolkit import chemistry, quiet
from vaekit.errors import MissingExtraError, unknown_name

__all__ = ["PROPERTIES", "Property", "properties_of"]


@dataclass(frozen=True)
class Property:
    """A number of a molecule; whether more of it is better, the user knows.

    Attributes:
        name: As in `PROPERTIES`.
        unit: Empty where it has none.
        meaning: In one line.
        of: From an RDKit molecule.
    """

    name: str
    unit: str
    meaning: str
    of: Callable[[Any], float]


def properties_of(
    molecules: Iterable[Any], names: Sequence[str] | None = None
) -> dict[str, NDArray[np.float64]]:
    """Compute properties.

    All of them take 1 to 2 ms a molecule, half of it for ``qed``, a fifth for ``sa``.

    Args:
        molecules: SMILES, or RDKit molecules as `as_molecules` gives them.
        names: Some of `PROPERTIES`; ``None`` for all.

    Returns:
        By name, shape (molecules,) each; NaN for what is no molecule, and for the odd molecule
        that RDKit reads but cannot compute with.

    Raises:
        SpecError: No property has that name.
        MissingExtraError: RDKit is not installed.

    Example:
        >>> found = properties_of(["CCO", "no molecule"], ["heavy_atoms", "tpsa"])
        >>> found["heavy_atoms"], found["tpsa"]
        (array([ 3., nan]), array([20.23,   nan]))
    """
    chosen = [_named(name) for name in (PROPERTIES if names is None else names)]
    rows = [_row(chosen, item) for item in molecules] if chosen else []
    table = np.array(rows, np.float64).reshape(len(rows), len(chosen))
    return {each.name: column for each, column in zip(chosen, table.T, strict=True)}


def _named(name: str) -> Property:
    if name not in PROPERTIES:
        raise unknown_name("property", name, PROPERTIES)
    return PROPERTIES[name]


def _row(chosen: Sequence[Property], item: Any) -> list[float]:
    """One after the other, as a parsed molecule takes some ten kilobytes."""
    (molecule,) = as_molecules([item])
    with quiet():
        return [_value(each, molecule) for each in chosen]


def _value(chosen: Property, molecule: Any) -> float:
    """RDKit reads some odd aromatic rings that its own calculations refuse then."""
    try:
        return np.nan if molecule is None else chosen.of(molecule)
    except (ValueError, RuntimeError):
        return np.nan


def _rdkit(module: str, function: str) -> Callable[[Any], float]:
    """A function of a module of ``rdkit.Chem``, imported when it is first called."""

    def compute(molecule: Any) -> float:
        return float(_found(module, function)(molecule))

    return compute


@functools.cache
def _found(module: str, function: str) -> Any:
    chemistry()
    return getattr(importlib.import_module(f"rdkit.Chem.{module}"), function)


def _synthetic_accessibility(molecule: Any) -> float:
    return float(_scorer().calculateScore(molecule))


@functools.cache
def _scorer() -> Any:
    """The module ``sascorer``, which RDKit brings along outside its packages.

    Raises:
        MissingExtraError: This RDKit does not.
    """
    from rdkit import RDConfig

    path = Path(RDConfig.RDContribDir) / "SA_Score" / "sascorer.py"
    if not path.is_file():
        raise MissingExtraError(
            f"the property sa needs RDKit's Contrib folder; there is no {path}. Install RDKit from "
            "PyPI: pip install 'vaekit[molecules]'."
        )
    spec = importlib.util.spec_from_file_location("vaekit_sascorer", path)
    assert spec is not None
    assert spec.loader is not None  # for type checkers: there is a file, and it ends in .py
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _known(*properties: Property) -> Mapping[str, Property]:
    return MappingProxyType({each.name: each for each in properties})


PROPERTIES = _known(
    Property("qed", "", "estimate of drug-likeness, 0 to 1 (Bickerton 2012)", _rdkit("QED", "qed")),
    Property(
        "sa",
        "",
        "synthetic accessibility, 1 easy to 10 hard (Ertl 2009)",
        _synthetic_accessibility,
    ),
    Property(
        "logp", "", "estimate of log10 octanol to water (Crippen)", _rdkit("Crippen", "MolLogP")
    ),
    Property("mw", "g/mol", "molecular weight, hydrogens included", _rdkit("Descriptors", "MolWt")),
    Property(
        "tpsa",
        "Å²",
        "topological polar surface area (Ertl 2000)",
        _rdkit("rdMolDescriptors", "CalcTPSA"),
    ),
    Property("rings", "", "rings of the smallest set", _rdkit("rdMolDescriptors", "CalcNumRings")),
    Property(
        "heavy_atoms", "", "atoms but hydrogens", _rdkit("rdMolDescriptors", "CalcNumHeavyAtoms")
    ),
    Property(
        "hbd", "", "donors of hydrogen bonds (Lipinski)", _rdkit("rdMolDescriptors", "CalcNumHBD")
    ),
    Property("hba", "", "acceptors of hydrogen bonds", _rdkit("rdMolDescriptors", "CalcNumHBA")),
    Property(
        "rotatable_bonds",
        "",
        "bonds that turn freely",
        _rdkit("rdMolDescriptors", "CalcNumRotatableBonds"),
    ),
    Property("charge", "e", "formal charge, summed", _rdkit("rdmolops", "GetFormalCharge")),
    Property(
        "stereo_centres",
        "",
        "tetrahedral centres, whether their hand is stated or not",
        _rdkit("rdMolDescriptors", "CalcNumAtomStereoCenters"),
    ),
    Property(
        "fraction_csp3",
        "",
        "share of carbons that are sp3, 0 to 1",
        _rdkit("rdMolDescriptors", "CalcFractionCSP3"),
    ),
)
"""What can be computed, by name."""
