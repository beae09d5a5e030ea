"""Numbers that are computed from a molecule's structure, and substructures that raise alerts."""

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

from vaekit.errors import MissingExtraError, unknown_name
from vaekit.molecules.rdkit_tools import as_molecules, chemistry, quiet


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


def compute_properties(
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
        >>> found = compute_properties(["CCO", "no molecule"], ["heavy_atoms", "tpsa"])
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
    """Return one after the other, as a parsed molecule takes some ten kilobytes."""
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
    """Return a function of a module of ``rdkit.Chem``, imported when it is first called."""

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
    """Return the module ``sascorer``, which RDKit brings along outside its packages.

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


def _known_catalogue(*catalogues: Catalogue) -> Mapping[str, Catalogue]:
    return MappingProxyType({each.name: each for each in catalogues})


CATALOGUES = _known_catalogue(
    Catalogue("pains", "interfere with assays of many kinds (Baell 2010)", "PAINS"),
    Catalogue("brenk", "toxic, reactive or unstable (Brenk 2008)", "BRENK"),
    Catalogue("nih", "reactive, or no good start for medicines (Jadhav 2010)", "NIH"),
    Catalogue("zinc", "outside of what ZINC takes for drug-like", "ZINC"),
    Catalogue("chembl", "seven lists of companies and projects, as in ChEMBL", "CHEMBL"),
)
"""Lists of alerts, by name. An alert is a reason to look, no verdict: many medicines have one."""


def find_alerts(
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
        >>> find_alerts(["CCC=O", "CCO"], ["brenk"])
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
    """Return whether molecules pass the rules of MOSES.

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
