"""What is to be predicted: classes, or numbers."""

import abc
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vaekit.domains import Domain
from vaekit.errors import DataError, SpecError, unknown_name
from vaekit.presets import Preset
from vaekit.tasks.augmentation.forms import is_numeric_target
from vaekit.tasks.augmentation.judge import classifier_score, regressor_score
from vaekit.tasks.augmentation.makers import ClassMaker, Maker, NumberMaker
from vaekit.tasks.augmentation.strategy import (
    Strategy,
    counts_of,
    shrunk,
    wanted_counts,
    wanted_rows,
)
from vaekit.training import TrainConfig

__all__ = ["KINDS", "Aim", "ClassAim", "NumberAim", "aim_of"]

Splits = Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]


@dataclass(frozen=True)
class Aim(abc.ABC):
    """How items are made, split and judged for one kind of targets.

    Attributes:
        strategy: How many items to make.
        preset: The model.
        domain: The kind of data.
        screened: Whether candidates are screened, where the kind of targets knows that.
    """

    strategy: Strategy
    preset: str | Preset
    domain: str | Domain
    screened: bool

    @property
    @abc.abstractmethod
    def measure(self) -> str:
        """What scores are."""

    @abc.abstractmethod
    def check(self, y: NDArray[Any], folds: int) -> None:
        """Refuse targets that cannot be learnt or split."""

    @abc.abstractmethod
    def wanted(self, y: NDArray[Any], share: float = 1.0) -> Mapping[Any, int]:
        """How many items to make from a share of the data whose targets are these."""

    @abc.abstractmethod
    def maker(self, X: Any, y: NDArray[Any], config: TrainConfig) -> Maker:
        """Train what makes items."""

    @abc.abstractmethod
    def splits(self, y: NDArray[Any], folds: int, seed: int) -> Splits:
        """Places to train and to judge on."""

    @abc.abstractmethod
    def score(
        self, judge: Any, X: Any, y: NDArray[Any], left_out: Any, truth: NDArray[Any]
    ) -> float:
        """What an estimator trained on X and y is worth on items left out."""


class ClassAim(Aim):
    """Targets are classes."""

    @property
    def measure(self) -> str:
        """Of the rarest class, or the mean."""
        return "average precision"

    def check(self, y: NDArray[Any], folds: int) -> None:
        """Two classes at least, and an item of each in every fold."""
        least = min(counts_of(y).values())
        if not 2 <= folds <= least:
            raise SpecError(
                f"folds must be from 2 to {least}, the items of the smallest class; got {folds}."
            )

    def wanted(self, y: NDArray[Any], share: float = 1.0) -> Mapping[Any, int]:
        """By class."""
        return wanted_counts(counts_of(y), shrunk(self.strategy, share))

    def maker(self, X: Any, y: NDArray[Any], config: TrainConfig) -> Maker:
        """A model that is told the class."""
        return ClassMaker.fit(X, y, self.preset, self.domain, config, self.screened)

    def splits(self, y: NDArray[Any], folds: int, seed: int) -> Splits:
        """With as many of each class in each fold."""
        from sklearn.model_selection import StratifiedKFold

        found: Splits = StratifiedKFold(folds, shuffle=True, random_state=seed).split(y, y)
        return found

    def score(
        self, judge: Any, X: Any, y: NDArray[Any], left_out: Any, truth: NDArray[Any]
    ) -> float:
        """See `classifier_score`."""
        return classifier_score(judge, X, y, left_out, truth)


class NumberAim(Aim):
    """Targets are numbers."""

    @property
    def measure(self) -> str:
        """Share of the variance explained."""
        return "R2"

    def check(self, y: NDArray[Any], folds: int) -> None:
        """Finite numbers, and two in every fold."""
        if not np.isfinite(y.astype(np.float64)).all():
            row = int(np.argmin(np.isfinite(y.astype(np.float64))))
            raise DataError(f"y must hold finite numbers; row {row} has {y[row]}. Clean it.")
        if not 2 <= folds <= len(y) // 2:
            raise SpecError(f"folds must be from 2 to {len(y) // 2}; got {folds}.")

    def wanted(self, y: NDArray[Any], share: float = 1.0) -> Mapping[Any, int]:
        """All under the name ``None``."""
        return {None: wanted_rows(len(y), self.strategy)}

    def maker(self, X: Any, y: NDArray[Any], config: TrainConfig) -> Maker:
        """A model of rows."""
        return NumberMaker.fit(X, y, self.preset, config)

    def splits(self, y: NDArray[Any], folds: int, seed: int) -> Splits:
        """At random."""
        from sklearn.model_selection import KFold

        found: Splits = KFold(folds, shuffle=True, random_state=seed).split(y)
        return found

    def score(
        self, judge: Any, X: Any, y: NDArray[Any], left_out: Any, truth: NDArray[Any]
    ) -> float:
        """See `regressor_score`."""
        return regressor_score(judge, X, y, left_out, truth)


KINDS: dict[str, type[ClassAim] | type[NumberAim]] = {"classes": ClassAim, "numbers": NumberAim}
"""What targets may be."""


def aim_of(kind: str, y: Any) -> type[ClassAim] | type[NumberAim]:
    """The one for a kind of targets; ``"auto"`` tells it from them.

    Raises:
        SpecError: No kind has that name.
    """
    if kind == "auto":
        return NumberAim if is_numeric_target(y) else ClassAim
    if kind not in KINDS:
        raise unknown_name("kind", kind, ["auto", *KINDS])
    return KINDS[kind]
