"""Learning tokens and targets of molecules that come a piece at a time."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self, final

import numpy as np
from numpy.typing import NDArray

from vaekit.errors import DataError, SpecError
from vaekit.molecules.reading import Report
from vaekit.molecules.standardize import Standardized
from vaekit.sequences.learning import TextLearner

if TYPE_CHECKING:
    from vaekit.molecules.domain import MoleculeDomain

Floats = NDArray[np.float64]


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
