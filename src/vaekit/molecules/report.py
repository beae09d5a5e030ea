"""What generated molecules are, and the files that chemists' programs read."""

import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from vaekit.csv_text import frame_csv
from vaekit.errors import DataError, SpecError
from vaekit.files import atomic_write, expanded_path
from vaekit.molecules.domain import MoleculeDomain
from vaekit.molecules.properties import PROPERTIES, compute_properties, find_alerts
from vaekit.molecules.rdkit_tools import (
    Fingerprints,
    as_molecules,
    canonical,
    chemistry,
    morgan_fingerprints,
    nearest_molecules,
)
from vaekit.molecules.standardize import standardize

if TYPE_CHECKING:
    from vaekit.molecules.plots import MoleculeGrid


@dataclass(frozen=True, eq=False)
class KnownMolecules:
    """Molecules in one form each, and what finds the nearest of them.

    Attributes:
        smiles: Standardised, each once.
    """

    smiles: Sequence[str]

    @classmethod
    def of(cls, raw: Any, domain: MoleculeDomain | None = None) -> Self:
        """Read them; some 3,000 a second. What a rule rejects is left out.

        Args:
            raw: SMILES, a data frame or a file; see `vaekit.molecules.read_molecules`.
            domain: Whose rules and column of SMILES apply; ``None`` for the default ones.

        Raises:
            DataError: They cannot be read, or there are none.
        """
        own = MoleculeDomain() if domain is None else domain
        found = standardize(raw, own.standardizer, column=own.column)
        if not len(found):
            raise DataError("there must be at least one training molecule that can be read.")
        return cls(found.smiles)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.smiles)

    def __contains__(self, smiles: str | None) -> bool:
        """Return whether it is one of them; of a canonical SMILES."""
        return smiles in self._set

    @cached_property
    def fingerprints(self) -> Fingerprints:
        """Of all, made when first asked for; some 4,000 a second."""
        return morgan_fingerprints(self.smiles)

    @cached_property
    def _set(self) -> frozenset[str]:
        return frozenset(self.smiles)


_CAPTION = ("qed", "logp", "sa")
_NOT_JUDGED = "Novelty and nearest training molecules were not judged: they need those (training)."


@dataclass(frozen=True, eq=False)
class MoleculeReport:
    """One entry for each molecule in every attribute.

    Attributes:
        smiles: Canonical; as given where it is no molecule.
        valid: Whether it is a molecule.
        duplicate: Whether the same stands further up.
        properties: By name; NaN where it is no molecule.
        alerts: Names of structural alerts.
        novel: Whether it is no training molecule (False for what is none); ``None``: not judged.
        nearest: The nearest training molecule, empty for what is none; ``None``: not judged.
        similarity: Tanimoto with that; NaN for what is none; ``None``: not judged.
    """

    smiles: Sequence[str]
    valid: NDArray[np.bool_]
    duplicate: NDArray[np.bool_]
    properties: Mapping[str, NDArray[np.float64]]
    alerts: Sequence[tuple[str, ...]]
    novel: NDArray[np.bool_] | None = None
    nearest: Sequence[str] | None = None
    similarity: NDArray[np.float32] | None = None

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.smiles)

    def __getitem__(self, positions: NDArray[np.int64]) -> "MoleculeReport":
        """Return those at some places."""
        return MoleculeReport(
            [self.smiles[place] for place in positions],
            self.valid[positions],
            self.duplicate[positions],
            {name: values[positions] for name, values in self.properties.items()},
            [self.alerts[place] for place in positions],
            None if self.novel is None else self.novel[positions],
            None if self.nearest is None else [self.nearest[place] for place in positions],
            None if self.similarity is None else self.similarity[positions],
        )

    @property
    def counts(self) -> dict[str, int]:
        """How many were ``given``, are ``valid``, ``different``, ``without_alerts``, ``new``.

        All but the first count valid molecules, the last three each only once.
        """
        once = self.valid & ~self.duplicate
        clean = np.array([not alerts for alerts in self.alerts], dtype=np.bool_)
        found = {
            "given": len(self),
            "valid": int(self.valid.sum()),
            "different": int(once.sum()),
            "without_alerts": int((once & clean).sum()),
        }
        return found if self.novel is None else found | {"new": int((once & self.novel).sum())}

    def summary(self) -> str:
        """Return the counts in words.

        Example:
            >>> print(molecule_report(["CCO", "OCC", "C1CC"], properties=["qed"]).summary())
            3 molecules: 2 valid (66.7 %), 1 different, of these 1 without alerts.
            Novelty and nearest training molecules were not judged: they need those (training).
        """
        counts = self.counts
        share = 100 * counts["valid"] / max(1, len(self))
        new = f" and {counts['new']} new" if "new" in counts else ""
        line = (
            f"{counts['given']} molecules: {counts['valid']} valid ({share:.1f} %), "
            f"{counts['different']} different, of these {counts['without_alerts']} without "
            f"alerts{new}."
        )
        return line if self.novel is not None else f"{line}\n{_NOT_JUDGED}"

    def columns(self) -> dict[str, Any]:
        """Everything by name, in order: what `frame` has."""
        found: dict[str, Any] = {
            "smiles": list(self.smiles),
            "valid": self.valid,
            "duplicate": self.duplicate,
        }
        if self.novel is not None:
            found["novel"] = self.novel
        found |= self.properties
        if self.nearest is not None:
            found |= {"nearest": list(self.nearest), "similarity": self.similarity}
        return found | {"alerts": ["; ".join(alerts) for alerts in self.alerts]}

    def frame(self) -> Any:
        """Return a pandas data frame with a row for each."""
        import pandas as pd

        return pd.DataFrame(self.columns())

    def grid(self, columns: int = 5) -> "MoleculeGrid":
        """Drawn side by side, with some properties under each.

        Args:
            columns: Molecules in a row.

        Raises:
            DataError: There are none to draw.
        """
        from vaekit.molecules.plots import molecule_grid

        return molecule_grid(self.smiles, self.captions(), columns=columns)

    def captions(self, also: Sequence[str] | None = None) -> list[str]:
        """Return some properties of each in a line or two, as `grid` writes them.

        Args:
            also: One more line for each, above.
        """
        words = [self._caption(place) for place in range(len(self))]
        if also is None:
            return words
        return [f"{more}\n{word}".strip() for word, more in zip(words, also, strict=True)]

    def _caption(self, place: int) -> str:
        if not self.valid[place]:
            return ""
        shown = [name for name in _CAPTION if name in self.properties]
        words = ", ".join(f"{name} {self.properties[name][place]:.2f}" for name in shown)
        if self.similarity is None or self.novel is None:
            return words
        kind = f"nearest known {self.similarity[place]:.2f}" if self.novel[place] else "known"
        return f"{words}\n{kind}".strip()


def molecule_report(
    molecules: Iterable[str | None],
    training: Any = None,
    *,
    properties: Sequence[str] | None = None,
    catalogues: Sequence[str] = ("pains", "brenk", "nih"),
) -> MoleculeReport:
    """Judge molecules, one by one; some 150 a second.

    Args:
        molecules: SMILES, valid or not, for instance of ``sample``.
        training: The molecules that the model learned from, `KnownMolecules` or what
            `KnownMolecules.of` reads; ``None`` leaves novelty and nearest ones out.
        properties: Some of `vaekit.molecules.PROPERTIES`; ``None`` for all.
        catalogues: Some of `vaekit.molecules.CATALOGUES`.

    Raises:
        DataError: Training molecules that cannot be read.
        SpecError: An unknown property or catalogue.
        MissingExtraError: RDKit is not installed.

    Example:
        >>> found = molecule_report(["OCC", "C1CC", "CCO"], ["CCO", "CCCO"], properties=["mw"])
        >>> found.counts["new"], found.duplicate.tolist(), found.nearest
        (0, [False, False, True], ['CCO', '', 'CCO'])
    """
    given = ["" if text is None else text for text in molecules]
    parsed = as_molecules(given)
    found = canonical(parsed)
    known = None
    if training is not None:
        known = training if isinstance(training, KnownMolecules) else KnownMolecules.of(training)
    near = None if known is None else _nearest(parsed, known)
    return MoleculeReport(
        [text if smiles is None else smiles for text, smiles in zip(given, found, strict=True)],
        np.array([smiles is not None for smiles in found], dtype=np.bool_),
        _repeats(found),
        compute_properties(parsed, tuple(PROPERTIES) if properties is None else properties),
        find_alerts(parsed, catalogues),
        None if known is None else _are_new(found, known),
        None if near is None else near[0],
        None if near is None else near[1],
    )


def _are_new(found: Sequence[str | None], known: KnownMolecules) -> NDArray[np.bool_]:
    return np.array([s is not None and s not in known for s in found], dtype=np.bool_)


def _nearest(parsed: Sequence[Any], known: KnownMolecules) -> tuple[list[str], Any]:
    near = nearest_molecules(morgan_fingerprints(parsed), known.fingerprints)
    positions = near.positions[:, 0]
    return ["" if place < 0 else known.smiles[place] for place in positions], near.similarity[:, 0]


def _repeats(found: Sequence[str | None]) -> NDArray[np.bool_]:
    seen: set[str | None] = {None}
    repeats = []
    for smiles in found:
        repeats.append(smiles is not None and smiles in seen)
        seen.add(smiles)
    return np.array(repeats, dtype=np.bool_)


FILE_ENDINGS = (".csv", ".smi", ".sdf")
"""What `save_molecules` writes."""


def check_molecule_path(path: Path) -> None:
    """Refuse another ending; worth asking before the work, too.

    Raises:
        SpecError: Another ending than `FILE_ENDINGS`.
    """
    if path.suffix not in FILE_ENDINGS:
        raise SpecError(
            f"a file of molecules must end in {', '.join(FILE_ENDINGS)}; got {str(path)!r}."
        )


def save_molecules(path: str | Path, report: MoleculeReport, also: Any = None) -> None:
    """Write molecules with what was found about them; all of the file or nothing.

    Args:
        path: Ends in ``.csv``: a row for each; ``.smi``: the SMILES of the valid ones; ``.sdf``:
            the valid ones with coordinates for drawing, what was found as fields.
        report: Of `molecule_report`.
        also: Further columns of a ``.csv``, further fields of an ``.sdf``, by name.

    Raises:
        SpecError: Another ending.
        SaveError: The file could not be written; what was there before is unchanged.
    """
    path = expanded_path(path)
    check_molecule_path(path)
    atomic_write(path, _WRITERS[path.suffix](report, also or {}).encode())


def _table(report: MoleculeReport, also: dict[str, Any]) -> str:
    return frame_csv(report.frame().assign(**also), float_format="%.6g")


def _lines(report: MoleculeReport, also: dict[str, Any]) -> str:
    valid = zip(report.smiles, report.valid, strict=True)
    return "".join(f"{smiles}\n" for smiles, is_valid in valid if is_valid)


def _records(report: MoleculeReport, also: dict[str, Any]) -> str:
    from rdkit.Chem.rdDepictor import Compute2DCoords

    columns = {k: v for k, v in (report.columns() | also).items() if k not in ("smiles", "valid")}
    text = io.StringIO()
    writer = chemistry().SDWriter(text)
    for place, molecule in enumerate(as_molecules(report.smiles)):
        if molecule is not None:
            Compute2DCoords(molecule)
            molecule.SetProp("_Name", report.smiles[place])
            for name, values in columns.items():
                if (value := _field(values[place])) is not None:
                    molecule.SetProp(name, value)
            writer.write(molecule)
    writer.close()
    return text.getvalue()


def _field(value: Any) -> str | None:
    """None for what is missing, which an SDF leaves out."""
    if isinstance(value, float | np.floating):
        return None if np.isnan(value) else f"{value:.6g}"
    return str(value) or None


_WRITERS = {".csv": _table, ".smi": _lines, ".sdf": _records}
