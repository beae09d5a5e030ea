"""Targets of molecules, numbers and classes; learning them and tokens a piece at a time."""

import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self, final

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from vaekit.domains.stored import StoredFields
from vaekit.errors import DataError, SpecError, unknown_name
from vaekit.molecules.properties import PROPERTIES, compute_properties
from vaekit.molecules.reading import Report
from vaekit.molecules.standardize import Standardized
from vaekit.sequences.domain import TextLearner

if TYPE_CHECKING:
    from vaekit.molecules.domain import MoleculeDomain


Floats = NDArray[np.float64]

_VARIES = 1e-9
_CHECKED, _ALIKE = 50, 0.02  # molecules, and deviations of their property
_MOST_CLASSES = 50


@dataclass(frozen=True)
class Targets:
    """Properties by name, with the mean and the deviation that they had in training.

    A column of texts is a target of classes: it has a column for each, 1 for that of a molecule and
    0 for others, with mean 0 and deviation 1.

    Attributes:
        names: Columns of numbers or texts that came with the molecules, or where there is none of
            that name, of `PROPERTIES`, which are computed.
        means: In training, in the unit of each column.
        deviations: Likewise.
        own: Those of the names whose columns hold something else than the property of that name,
            of which nothing can be computed for new molecules.
        errors: Root mean square errors of predictions of molecules that were held out of training,
            in the unit of each column, ``None`` where too few were known; empty if none were held
            out.
        classes: The classes of each target, sorted, none of a number; empty where all are numbers.

    Example:
        >>> found = Standardized(("CCO", "CCCCO"), (0, 1), {}, None)
        >>> Targets.of(("heavy_atoms",), found)
        Targets(names=('heavy_atoms',), means=(4.0,), deviations=(1.0,), own=(), errors=(), \
classes=())
    """

    names: Sequence[str]
    means: Sequence[float]
    deviations: Sequence[float]
    own: Sequence[str] = ()
    errors: Sequence[float | None] = ()
    classes: Sequence[Sequence[str]] = ()

    @classmethod
    def of(cls, names: Sequence[str], found: Standardized) -> Self:
        """Learn from molecules.

        Raises:
            SpecError: No column and no property has a name.
            DataError: One is the same for all, or missing for all but one; a text that has more
                than 50 classes, or of which a class has one molecule.
        """
        texts = [name for name in names if _is_text(name, found)]
        for name in names:
            if name not in found.properties and name not in PROPERTIES and name not in texts:
                raise unknown_name("target", name, [*found.properties, *found.labels, *PROPERTIES])
        classes = tuple(_classes(name, found) if name in texts else () for name in names)
        blank = cls(tuple(names), (), (), tuple(texts), (), classes if texts else ())
        values = blank.in_own_units(found)
        for name, place, width in blank.groups:
            if width == 1:
                _check_varies(name, values[:, place])
        means, deviations = np.nanmean(values, 0), np.nanstd(values, 0)
        for _, place, width in blank.groups:
            if width > 1:
                means[place : place + width], deviations[place : place + width] = 0.0, 1.0
        own = tuple(name for name in names if name in texts or _is_own(name, found))
        return cls(
            tuple(names), tuple(means.tolist()), tuple(deviations.tolist()), own, (), blank.classes
        )

    def __len__(self) -> int:
        """Return how many columns there are: one of a number, one of each class."""
        return sum(self.widths)

    @property
    def widths(self) -> tuple[int, ...]:
        """How many columns each target has."""
        return tuple(max(1, len(labels)) for labels in self._classes)

    @property
    def groups(self) -> list[tuple[str, int, int]]:
        """Name, first column and number of columns of each target."""
        starts = np.concatenate([[0], np.cumsum(self.widths)]).tolist()
        return list(zip(self.names, starts[:-1], self.widths, strict=True))

    @property
    def columns(self) -> tuple[str, ...]:
        """Name of each column: ``NAME`` of a number, ``NAME=CLASS`` of each class."""
        return tuple(
            each
            for name, labels in zip(self.names, self._classes, strict=True)
            for each in ([f"{name}={label}" for label in labels] or [name])
        )

    @property
    def own_columns(self) -> tuple[str, ...]:
        """Names of the columns of those targets that are the user's own."""
        return tuple(
            column
            for name, place, width in self.groups
            if name in self.own
            for column in self.columns[place : place + width]
        )

    @property
    def class_names(self) -> dict[str, Sequence[str]]:
        """The classes of each target that has some, by its name."""
        pairs = zip(self.names, self._classes, strict=True)
        return {name: tuple(labels) for name, labels in pairs if labels}

    @property
    def _classes(self) -> Sequence[Sequence[str]]:
        return self.classes or ((),) * len(self.names)

    def values(self, found: Standardized) -> Float[Tensor, "molecules columns"]:
        """In deviations from the mean; NaN where missing."""
        away = (self.in_own_units(found) - np.array(self.means)) / np.array(self.deviations)
        return torch.from_numpy(away.astype(np.float32))

    def in_own_units(self, found: Standardized) -> Floats:
        """Return the targets of molecules as they are, shape (molecules, columns).

        A class that training had not is missing, with a warning.
        """
        classes = self.class_names
        if not classes:
            return _columns(self.names, found, self.own)
        parts = [
            _one_hot(name, classes[name], found)
            if name in classes
            else _columns([name], found, self.own)
            for name in self.names
        ]
        return np.concatenate(parts, 1)

    def in_units(
        self, values: Float[Tensor, "molecules columns"]
    ) -> dict[str, NDArray[np.float64]]:
        """Undo `values`, by name of the column."""
        raw = values.double().cpu().numpy() * np.array(self.deviations) + np.array(self.means)
        return dict(zip(self.columns, raw.T, strict=True))

    def balanced_weights(self, found: Standardized) -> tuple[float, ...]:
        """Return weights of the columns by which each class of a target counts as much in all.

        Raises:
            DataError: No target has classes.
        """
        if not self.classes:
            raise DataError(
                "balance_classes needs a target of classes, a column of texts; there are numbers "
                "alone. Leave it out (--balance-classes), or write the classes as words: 'active', "
                "'inactive'."
            )
        values, weights = self.in_own_units(found), np.ones(len(self))
        for _, place, width in self.groups:
            if width > 1:
                counts = np.nansum(values[:, place : place + width], 0)
                weights[place : place + width] = counts.sum() / (width * np.maximum(counts, 1))
        return tuple(weights.tolist())

    def check_stored(self, fields: StoredFields, count: int) -> None:
        """Refuse names, scales and classes that do not fit each other, or so many targets."""
        fields.names("scales.args.names", self.names, count)
        if self.classes:
            fields.length("scales.args.classes", self.classes, count)
        for labels in self.classes:
            fields.names("scales.args.classes", labels)
            fields.require(len(labels) != 1, "scales.args.classes", "be none or several", labels)
        for name in ("means", "deviations"):
            fields.length(f"scales.args.{name}", getattr(self, name), len(self))
        if self.errors:
            fields.length("scales.args.errors", self.errors, len(self))


def _is_text(name: str, found: Standardized) -> bool:
    return name in found.labels and name not in found.properties and name not in PROPERTIES


def _classes(name: str, found: Standardized) -> tuple[str, ...]:
    counts = Counter(label for label in found.labels[name] if label is not None)
    if not 2 <= len(counts) <= _MOST_CLASSES:
        shown = ", ".join(map(repr, sorted(counts)[:3]))
        raise DataError(
            f"a target of texts must have from 2 to {_MOST_CLASSES} classes; {name!r} has "
            f"{len(counts)}: {shown}{', ...' if len(counts) > 3 else ''}. Leave it out, or join "
            "some of them."
        )
    rare = [label for label in sorted(counts) if counts[label] < 2]
    if rare:
        raise DataError(
            f"each class of a target must have two molecules at least; of {name!r} "
            f"{', '.join(map(repr, rare[:3]))} has one. Leave these out, or join them to others."
        )
    return tuple(sorted(counts))


def _one_hot(name: str, labels: Sequence[str], found: Standardized) -> Floats:
    """Return 1 for the class of each molecule, NaN where it is missing or unknown."""
    given = found.labels.get(name)
    if given is None:
        if name in found.properties:  # classes that look like numbers in this file alone
            numbers = found.properties[name]
            given = np.array([None if np.isnan(v) else f"{v:g}" for v in numbers], dtype=object)
        else:
            return np.full((len(found), len(labels)), np.nan)
    codes = {label: code for code, label in enumerate(labels)}
    unknown = sorted({label for label in given if label is not None and label not in codes})
    if unknown:
        warnings.warn(
            f"classes of {name!r} that training had not are passed over: "
            f"{', '.join(map(repr, unknown[:3]))}{', ...' if len(unknown) > 3 else ''}.",
            stacklevel=4,
        )
    places = np.array([codes.get(label, -1) for label in given])
    values: Floats = (places[:, None] == np.arange(len(labels))).astype(np.float64)
    values[places < 0] = np.nan
    return values


def _check_varies(name: str, column: Floats) -> None:
    known = column[~np.isnan(column)]
    if len(known) < 2 or np.ptp(known) <= _VARIES * np.abs(known).max():
        shown = f"is {known[0]:g} for all of them" if len(known) else "is missing for all"
        raise DataError(
            f"a target must vary; {name!r} {shown} ({len(known)} of {len(column)} molecules "
            "have it). Leave it out."
        )


def _is_own(name: str, found: Standardized) -> bool:
    """Whether a column says something else than the property of its name does of the first few."""
    if name not in found.properties or name not in PROPERTIES:
        return name in found.properties
    column = np.asarray(found.properties[name], np.float64)
    positions = np.flatnonzero(~np.isnan(column))[:_CHECKED]
    computed = compute_properties([found.smiles[place] for place in positions], [name])[name]
    away = np.nan_to_num(
        np.abs(computed - column[positions])
    )  # what cannot be computed says nothing
    return bool(away.max() > _ALIKE * np.nanstd(column))


def _columns(names: Sequence[str], found: Standardized, own: Sequence[str] = ()) -> Floats:
    """Of new molecules those of the user need not be there."""
    given = found.properties
    absent = [name for name in names if name not in given and name not in own]
    computed = compute_properties(found.smiles, [name for name in absent if name in PROPERTIES])
    missing = np.full(len(found), np.nan)
    columns = [given.get(name, computed.get(name, missing)) for name in names]
    return np.stack([np.asarray(column, np.float64) for column in columns], axis=1)


def join_molecules(pieces: Sequence[Standardized]) -> Standardized:
    """Return molecules of several pieces as one; what some lack is missing there.

    Example:
        >>> one = Standardized(("CCO",), (0,), {"a": np.array([1.0])}, Report(()))
        >>> join_molecules([one, Standardized(("CC",), (0,), {}, Report(()))]).properties
        {'a': array([ 1., nan])}
    """
    names = dict.fromkeys(name for piece in pieces for name in piece.properties)
    properties = {
        name: np.concatenate(
            [piece.properties.get(name, np.full(len(piece), np.nan)) for piece in pieces]
        )
        for name in names
    }
    smiles = tuple(each for piece in pieces for each in piece.smiles)
    entries = tuple(entry for piece in pieces for entry in piece.report.entries)
    texts = dict.fromkeys(name for piece in pieces for name in piece.labels)
    labels = {
        name: np.concatenate(
            [piece.labels.get(name, np.full(len(piece), None, object)) for piece in pieces]
        )
        for name in texts
    }
    return Standardized(smiles, tuple(range(len(smiles))), properties, Report(entries), labels)


class _Moments:
    """Means and deviations of columns with holes, by the sums of Chan, Golub and LeVeque (1983)."""

    def __init__(self, columns: int) -> None:
        self.count, self.mean, self.away = (np.zeros(columns) for _ in range(3))

    def update(self, values: Floats) -> None:
        known = ~np.isnan(values)
        count = known.sum(0).astype(float)
        mean = np.where(known, values, 0.0).sum(0) / np.maximum(count, 1)
        away = (np.where(known, values - mean, 0.0) ** 2).sum(0)
        self._add(count, mean, away)

    def merge(self, other: "_Moments") -> None:
        self._add(other.count, other.mean, other.away)

    def _add(self, count: Floats, mean: Floats, away: Floats) -> None:
        both = np.maximum(self.count + count, 1)
        between = mean - self.mean
        self.away = self.away + away + between**2 * self.count * count / both
        self.mean = self.mean + between * count / both
        self.count = self.count + count


@final
class MoleculeLearner(TextLearner):
    """Learns byte pairs from the first molecules, tokens and the scales of targets from all.

    Raises:
        SpecError: Molecules are to be held out by scaffold, or have targets of classes, for which
            all must be in memory.
    """

    domain: "MoleculeDomain"
    fitted: "MoleculeDomain | None"

    def __init__(self, domain: "MoleculeDomain") -> None:
        super().__init__(domain)
        if domain.split != "random":
            raise SpecError(
                f"molecules that stream must be held out at random; got split={domain.split!r}. "
                "Leave it out (--scaffold-split), or read them at once."
            )
        self.moments = _Moments(len(domain.targets))

    def _update(self, piece: Any) -> None:
        found = self.domain.read(piece)
        if len(found) < len(piece):
            raise DataError(
                f"a data set must yield molecules that all pass; {found.report.rejected_words}. "
                "Leave them out of it; of files, on_bad='skip' does."
            )
        super()._update(found)

    def _joined(self, pieces: Sequence[Any]) -> Standardized:
        return join_molecules(pieces)

    def _split(self, piece: Any) -> Sequence[Sequence[str]]:
        assert self.fitted is not None
        return self.fitted.split_into_tokens(piece)

    def _learn(self, piece: Any) -> None:
        super()._learn(piece)
        assert self.fitted is not None
        scales = self.fitted.scales
        if scales is not None and scales.classes:
            raise SpecError(
                "molecules that stream must have targets of numbers; "
                f"{', '.join(scales.class_names)} is of texts. Read them at once."
            )
        if scales is not None:
            self.moments.update(scales.in_own_units(piece))

    def _merge(self, other: Self) -> None:
        self._merge_tokens(other)
        self.moments.merge(other.moments)  # of what it had learned; the rest was learned here

    def _completed(self) -> "MoleculeDomain":
        assert self.fitted is not None
        scales = self.fitted.scales
        if scales is not None:
            moments = self.moments
            deviations = np.sqrt(moments.away / np.maximum(moments.count, 1))
            scales = replace(
                scales, means=tuple(moments.mean.tolist()), deviations=tuple(deviations.tolist())
            )
        vocabulary = self.fitted.with_room(self._vocabulary(also=True))
        return replace(self.fitted, vocabulary=vocabulary, scales=scales)
