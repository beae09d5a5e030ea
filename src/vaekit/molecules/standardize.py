"""Molecules to canonical SMILES by stated rules, with a report; SELFIES and back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vaekit.bounds import Steps
from vaekit.domains.tokenizers import selfies_library
from vaekit.errors import DataError, SpecError
from vaekit.molecules.rdkit_tools import (
    LONGEST,
    chemistry,
    is_plain_text,
    parse_smiles,
    quiet,
    standardizing,
    without_atom_maps,
)
from vaekit.molecules.reading import Entry, Report, read_molecules

_CHOICES = {
    "fragments": ("largest", "refuse"),
    "charges": ("neutralise", "keep"),
    "stereo": ("keep", "drop"),
    "isotopes": ("drop", "keep", "refuse"),
    "metals": ("refuse", "keep"),
}
_NOT_METALS = frozenset(
    (0, 1, 2, 5, 6, 7, 8, 9, 10, 14, 15, 16, 17, 18, 33, 34, 35, 36, 52, 53, 54, 85, 86)
)


class _RejectedError(Exception):
    """Carries the reason; never leaves this file."""


@dataclass(frozen=True)
class Standardizer:
    """How molecules are brought to one form each.

    Attributes:
        fragments: Of several, as in a salt, keep the ``"largest"`` (organic before inorganic), or
            ``"refuse"`` them.
        charges: ``"neutralise"`` by moving protons, where that can be done, or ``"keep"``.
        stereo: ``"keep"`` or ``"drop"`` centres and double bonds.
        isotopes: ``"drop"`` the labels, ``"keep"`` or ``"refuse"`` them.
        max_atoms: The most heavy atoms of a molecule.
        metals: ``"refuse"`` molecules in which a metal has a bond, whose SMILES are written in many
            ways, or ``"keep"`` them as they are.

    Raises:
        SpecError: A choice that there is not.

    Source: The order follows Bento et al. 2020, "An open source chemical structure curation
    pipeline using RDKit".

    Example:
        >>> Standardizer(stereo="drop").stereo
        'drop'
    """

    fragments: str = "largest"
    charges: str = "neutralise"
    stereo: str = "keep"
    isotopes: str = "drop"
    max_atoms: Steps = 250
    metals: str = "refuse"

    def __post_init__(self) -> None:
        for name, value in self._chosen().items():
            if value not in _CHOICES[name]:
                raise SpecError(
                    f"{name} must be one of {', '.join(_CHOICES[name])}; got {value!r}."
                )
        if self.max_atoms < 1:
            raise SpecError(f"max_atoms must be at least 1; got {self.max_atoms}.")

    def _chosen(self) -> dict[str, str]:
        return {
            "fragments": self.fragments,
            "charges": self.charges,
            "stereo": self.stereo,
            "isotopes": self.isotopes,
            "metals": self.metals,
        }


@dataclass(frozen=True)
class Standardized:
    """Molecules in one form each.

    Attributes:
        smiles: Canonical SMILES.
        rows: Where each stood; see `Molecules.rows`.
        properties: Numbers by name, NaN where missing, shape (molecules,) each.
        report: What was changed, duplicated and rejected.
        labels: Texts by name, ``None`` where missing, shape (molecules,) each.
    """

    smiles: Sequence[str]
    rows: Sequence[int]
    properties: Mapping[str, NDArray[np.float64]]
    report: Report
    labels: Mapping[str, NDArray[np.object_]] = field(default_factory=dict)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.smiles)

    def __getitem__(self, positions: slice | NDArray[np.int64]) -> "Standardized":
        """Return those at some places; the report stays that of all."""
        chosen = np.arange(len(self))[positions].tolist()
        return Standardized(
            tuple(self.smiles[place] for place in chosen),
            tuple(self.rows[place] for place in chosen),
            {name: values[chosen] for name, values in self.properties.items()},
            self.report,
            {name: values[chosen] for name, values in self.labels.items()},
        )


def standardize(
    raw: Any,
    standardizer: Standardizer | None = None,
    *,
    column: str | None = None,
    keep_duplicates: bool = False,
) -> Standardized:
    """Read molecules, bring them to one form each, and say what became of every row.

    Args:
        raw: Whatever `read_molecules` reads.
        standardizer: The rules; ``None`` for the default ones.
        column: See `read_molecules`.
        keep_duplicates: Whether a molecule that stood further up is given again.

    Raises:
        DataError: The source cannot be read; see `read_molecules`. Bad molecules raise nothing:
            they are in the report.

    Example:
        >>> found = standardize(["OCC", "C(O)C", "CC(=O)[O-].[Na+]", "C1CC"])
        >>> found.smiles
        ('CCO', 'CC(=O)O')
        >>> print(found.report)
        4 molecules given: 2 unique, 1 changed, 1 duplicated, 1 rejected.
          changed, largest of 2 fragments kept: 1 (row 2)
          changed, charges neutralised: 1 (row 2)
          duplicated: 1 (row 1)
          rejected, not a valid SMILES: 1 (row 3)
    """
    molecules = read_molecules(raw, column)
    work = _Work(standardizer or Standardizer())
    with quiet():
        entries = [work.entry(r, s) for r, s in zip(molecules.rows, molecules.smiles, strict=True)]
    entries = _mark_duplicates(entries)
    kept = [
        place
        for place, entry in enumerate(entries)
        if entry.smiles is not None and (keep_duplicates or entry.duplicate_of is None)
    ]
    return Standardized(
        tuple(str(entries[place].smiles) for place in kept),
        tuple(entries[place].row for place in kept),
        {name: values[kept] for name, values in molecules.properties.items()},
        Report(tuple(entries), molecules.place),
        {name: values[kept] for name, values in molecules.labels.items()},
    )


def _mark_duplicates(entries: Sequence[Entry]) -> list[Entry]:
    first: dict[str, int] = {}
    marked = []
    for entry in entries:
        above = None if entry.smiles is None else first.setdefault(entry.smiles, entry.row)
        again = above is not None and above != entry.row
        marked.append(
            Entry(entry.row, entry.given, entry.smiles, entry.changes, entry.reason, above)
            if again
            else entry
        )
    return marked


class _Work:
    """The rules with RDKit's tools at hand."""

    def __init__(self, rules: Standardizer) -> None:
        self.rules, self.chem, tools = rules, chemistry(), standardizing()
        self.chooser = tools.LargestFragmentChooser(preferOrganic=True)
        self.normalizer, self.uncharger = tools.Normalizer(), tools.Uncharger()

    def entry(self, row: int, given: str) -> Entry:
        """Return what becomes of a SMILES."""
        changes: list[str] = []
        try:
            smiles = self._standardized(given, changes)
        except _RejectedError as error:
            return Entry(row, given, None, (), str(error))
        return Entry(row, given, smiles, tuple(changes))

    def _standardized(self, given: str, changes: list[str]) -> str:
        mol = self._one_fragment(self._parsed(given, changes), changes)
        self._check(mol)
        mol = self._without_isotopes(mol, changes)
        mol = self._without_charges(mol, changes)
        smiles: str = self.chem.MolToSmiles(mol)
        if self.rules.stereo == "drop" and has_stereo(smiles):
            self.chem.RemoveStereochemistry(mol)
            smiles = self.chem.MolToSmiles(mol)
            changes.append("stereo dropped")
        return self._read_again(smiles) if changes else smiles

    def _read_again(self, smiles: str) -> str:
        """Return what was changed may have centres that are none any more, which reading tells."""
        mol = self.chem.MolFromSmiles(smiles)
        if mol is None:
            raise _RejectedError("not a valid molecule after its changes")
        again: str = self.chem.MolToSmiles(mol)
        return again

    def _parsed(self, given: str, changes: list[str]) -> Any:
        if not given.strip():
            raise _RejectedError("empty or unreadable")
        if len(given) > LONGEST:
            raise _RejectedError(self._too_large)
        if not is_plain_text(given):
            raise _RejectedError(_not_ascii(given))
        smiles, *rest = given.split(maxsplit=1)
        if rest:  # a name, or an extension of ChemAxon's, which RDKit would pass over
            changes.append("text after the SMILES left out")
        mol = parse_smiles(smiles)
        if mol is None:
            raise _RejectedError("not a valid SMILES")
        mol, had_maps = without_atom_maps(mol)
        if had_maps:
            changes.append("atom maps removed")
        if mol.GetNumAtoms() == 0:
            raise _RejectedError("empty or unreadable")
        if self.rules.metals == "refuse" and any(map(_is_bound_metal, mol.GetAtoms())):
            raise _RejectedError("organometallic: a metal has a bond")
        return mol

    @property
    def _too_large(self) -> str:
        return f"more than {self.rules.max_atoms} heavy atoms"

    def _one_fragment(self, mol: Any, changes: list[str]) -> Any:
        count = len(self.chem.GetMolFrags(mol))
        if count == 1:
            return mol
        if self.rules.fragments == "refuse":
            raise _RejectedError("more than one fragment")
        changes.append(f"largest of {count} fragments kept")
        return self.chooser.choose(mol)

    def _check(self, mol: Any) -> None:
        numbers = {atom.GetAtomicNum() for atom in mol.GetAtoms()}
        if 0 in numbers:
            raise _RejectedError("an atom is not specified (*)")
        if 6 not in numbers:
            raise _RejectedError("no carbon atom")
        if mol.GetNumHeavyAtoms() > self.rules.max_atoms:
            raise _RejectedError(self._too_large)

    def _without_isotopes(self, mol: Any, changes: list[str]) -> Any:
        labeled = [atom for atom in mol.GetAtoms() if atom.GetIsotope()]
        if not labeled or self.rules.isotopes == "keep":
            return mol
        if self.rules.isotopes == "refuse":
            raise _RejectedError("an isotope")
        for atom in labeled:
            atom.SetIsotope(0)
        changes.append("isotopes dropped")
        return self.chem.RemoveHs(mol)  # deuterium is plain hydrogen now

    def _without_charges(self, mol: Any, changes: list[str]) -> Any:
        if self.rules.charges == "keep" or not any(a.GetFormalCharge() for a in mol.GetAtoms()):
            return mol
        before = self.chem.MolToSmiles(mol)
        mol = self.uncharger.uncharge(self.normalizer.normalize(mol))
        if self.chem.MolToSmiles(mol) != before:
            changes.append("charges neutralised")
        return mol


def has_stereo(smiles: str) -> bool:
    """Return whether a SMILES says something of centres or double bonds.

    Example:
        >>> has_stereo("C[C@H](N)O"), has_stereo("CC(N)O")
        (True, False)
    """
    return any(mark in smiles for mark in "@/\\")


def _not_ascii(given: str) -> str:
    place = next(i for i, letter in enumerate(given) if not is_plain_text(letter))
    return f"not a valid SMILES: {given[place]!r} at place {place} is no letter of SMILES"


def _is_bound_metal(atom: Any) -> bool:
    return atom.GetAtomicNum() not in _NOT_METALS and atom.GetDegree() > 0


def to_selfies(found: Standardized) -> list[str]:
    """SELFIES of each molecule.

    Raises:
        DataError: A molecule that SELFIES cannot write; names it and its row.
    """
    library = selfies_library()
    written = []
    for row, smiles in zip(found.rows, found.smiles, strict=True):
        try:
            written.append(library.encoder(smiles))
        except library.EncoderError as error:
            raise DataError(
                f"molecules must be such that SELFIES can write them; got {smiles!r} at "
                f"{found.report.place} {row}. Leave it out, or use representation='bpe-smiles'."
            ) from error
    return written


def from_selfies(texts: Sequence[str]) -> list[str]:
    """SMILES of each: any sequence of symbols gives one."""
    library = selfies_library()
    return [library.decoder(text) for text in texts]
