"""Substructures that make a chemist look twice, and the rules that MOSES filters by."""

import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vaekit.domains.molecules.parsing import as_molecules
from vaekit.domains.molecules.toolkit import chemistry
from vaekit.errors import unknown_name

__all__ = ["CATALOGUES", "Catalogue", "alerts_of", "passes_filters"]

_ATOMS = frozenset({"H", "C", "N", "O", "S", "F", "Cl", "Br"})
_LARGEST_RING = 7

# The medicinal chemistry filters of MOSES (Polykovskiy et al. 2020), as in the package molsets
# 0.3.1, moses/metrics/mcf.csv; MIT licence, (c) 2018 Insilico Medicine, Inc: see NOTICE.
_MEDICINAL = (
    "[#6]=&!@[#6]-[#6]#[#7]",
    "[#6]=&!@[#6]-[#16](=[#8])=[#8]",
    "[#6]=&!@[#6&!H0]-&!@[#6](=[#8])-&!@[#7]",
    "[H]C([H])([#6])[F,Cl,Br,I]",
    "[#6]1-[#8]-[#6]-1",
    "[#6]-[#7]=[#6]=[#8]",
    "[#6&!H0]=[#8]",
    "[#6](=&!@[#7&!H0])-&!@[#6,#7,#8,#16]",
    "[#6]1-[#7]-[#6]-1",
    "[#6]~&!@[#7]~&!@[#7]~&!@[#6]",
    "[#7]=&!@[#7]",
    "[H][#6]-1=[#6]([H])-[#6]=[#6](-*)-[#8]-1",
    "[H][#6]-1=[#6]([H])-[#6]=[#6](-*)-[#16]-1",
    "[#17,#35,#53]-c(:*):[!#1!#6]:*",
    "[H][#7]([H])-[#6]-1=[#6]-[#6]=[#6]-[#6]=[#6]-1",
    "[#16]~[#16]",
    "[#7]~&!@[#7]~&!@[#7]",
    "[#7]-&!@[#6&!H0&!H1]-&!@[#7]",
    "[#6&!H0](-&!@[#8])-&!@[#8]",
    "[#35].[#35].[#35]",
    "[#17].[#17].[#17].[#17]",
    "[#9].[#9].[#9].[#9].[#9].[#9].[#9]",
)


@dataclass(frozen=True)
class Catalogue:
    """A published list of substructures.

    Attributes:
        name: As in `CATALOGUES`.
        meaning: In one line.
        key: RDKit's name of it.
    """

    name: str
    meaning: str
    key: str


def _known(*catalogues: Catalogue) -> Mapping[str, Catalogue]:
    return MappingProxyType({each.name: each for each in catalogues})


CATALOGUES = _known(
    Catalogue("pains", "interfere with assays of many kinds (Baell 2010)", "PAINS"),
    Catalogue("brenk", "toxic, reactive or unstable (Brenk 2008)", "BRENK"),
    Catalogue("nih", "reactive, or no good start for medicines (Jadhav 2010)", "NIH"),
    Catalogue("zinc", "outside of what ZINC takes for drug-like", "ZINC"),
    Catalogue("chembl", "seven lists of companies and projects, as in ChEMBL", "CHEMBL"),
)
"""Lists of alerts, by name. An alert is a reason to look, no verdict: many medicines have one."""


def alerts_of(
    molecules: Iterable[Any], catalogues: Sequence[str] = ("pains", "brenk", "nih")
) -> list[tuple[str, ...]]:
    """Name the alerts of each molecule.

    Args:
        molecules: SMILES, or RDKit molecules as `as_molecules` gives them.
        catalogues: Some of `CATALOGUES`.

    Returns:
        ``"brenk: aldehyde"`` for one, each once, for each molecule; none for what is no molecule.

    Raises:
        SpecError: No catalogue has that name.
        MissingExtraError: RDKit is not installed.

    Example:
        >>> alerts_of(["CCC=O", "CCO"], ["brenk"])
        [('brenk: aldehyde',), ()]
    """
    for name in catalogues:
        if name not in CATALOGUES:
            raise unknown_name("catalogue of alerts", name, CATALOGUES)
    return [() if m is None else _alerts(m, catalogues) for m in as_molecules(molecules)]


def _alerts(molecule: Any, catalogues: Sequence[str]) -> tuple[str, ...]:
    found = (
        f"{name}: {entry.GetDescription()}"
        for name in catalogues
        for entry in _catalogue(CATALOGUES[name].key).GetMatches(molecule)
    )
    return tuple(dict.fromkeys(found))


@functools.cache
def _catalogue(key: str) -> Any:
    chemistry()
    from rdkit.Chem.FilterCatalog import FilterCatalog, FilterCatalogParams

    chosen = FilterCatalogParams()
    chosen.AddCatalog(getattr(FilterCatalogParams.FilterCatalogs, key))
    return FilterCatalog(chosen)


@functools.cache
def _medicinal() -> list[Any]:
    chem = chemistry()
    return [chem.MolFromSmarts(smarts) for smarts in _MEDICINAL]


def passes_filters(molecules: Iterable[Any]) -> NDArray[np.bool_]:
    """Whether molecules pass the rules of MOSES.

    No ring of more than 7 atoms, no charged atom, only H, C, N, O, S, F, Cl, Br, none of 22
    substructures of medicinal chemists, none of the catalogue ``"pains"``.

    Args:
        molecules: SMILES, or RDKit molecules as `as_molecules` gives them.

    Returns:
        Shape (molecules,); False for what is no molecule.

    Raises:
        MissingExtraError: RDKit is not installed.

    Source: Polykovskiy et al. 2020, "Molecular sets (MOSES): a benchmarking platform for molecular
    generation models".

    Example:
        >>> passes_filters(["CCO", "CCC=O", "C[N+](C)(C)C", "C1CCCCCCC1"])
        array([ True, False, False, False])
    """
    return np.array([m is not None and _passes(m) for m in as_molecules(molecules)], dtype=np.bool_)


def _passes(molecule: Any) -> bool:
    return _is_plain(molecule) and not _is_medicinal_alert(molecule) and not _is_pains(molecule)


def _is_plain(molecule: Any) -> bool:
    """Without large rings, charged atoms or rare elements."""
    if any(len(ring) > _LARGEST_RING for ring in molecule.GetRingInfo().AtomRings()):
        return False
    return all(a.GetFormalCharge() == 0 and a.GetSymbol() in _ATOMS for a in molecule.GetAtoms())


def _is_medicinal_alert(molecule: Any) -> bool:
    full = chemistry().AddHs(molecule)  # some of the patterns name their hydrogens
    return any(full.HasSubstructMatch(pattern) for pattern in _medicinal())


def _is_pains(molecule: Any) -> bool:
    return bool(_catalogue(CATALOGUES["pains"].key).HasMatch(molecule))
