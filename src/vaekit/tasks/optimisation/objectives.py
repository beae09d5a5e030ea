"""What is asked for: a measure and what is wanted of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from vaekit.errors import SpecError
from vaekit.tasks.optimisation.aims import Aim, Towards, Within
from vaekit.tasks.optimisation.measures import EachMeasure, Measure, PropertyMeasure

__all__ = ["Goal", "Objective", "maximise", "minimise", "within"]

Floats = NDArray[np.float64]
What = str | Callable[[str], Any] | Measure

_ENDS = {"qed": (0.0, 1.0), "sa": (1.0, 10.0)}
"""Of properties that cannot be beyond."""


@dataclass(frozen=True)
class Objective:
    """One thing that is asked for; `maximise`, `minimise` and `within` make them.

    Attributes:
        name: For tables.
        measure: Where the numbers come from.
        aim: What is wanted of them.
    """

    name: str
    measure: Measure
    aim: Aim


def maximise(
    what: What, worst: float | None = None, best: float | None = None, *, name: str | None = None
) -> Objective:
    """As much of it as possible.

    Args:
        what: A name of `vaekit.domains.molecules.PROPERTIES`, a function of a SMILES, or a
            `Measure`, as `ListMeasure`, one with a time limit, or `Predicted`.
        worst: See `Towards`; counts only beside other objectives. ``None`` for the least that qed
            and sa can be.
        best: The same; ``None`` for the most that they can be.
        name: For tables; ``None`` for that of the property or function.

    Raises:
        SpecError: An unknown property, or a best that is not above the worst.

    Example:
        >>> maximise("qed").name
        'qed'
    """
    low, high = _ends(what)
    aim = Towards(1, low if worst is None else worst, high if best is None else best)
    return Objective(name or _name(what), _measure(what), aim)


def minimise(
    what: What, worst: float | None = None, best: float | None = None, *, name: str | None = None
) -> Objective:
    """As little of it as possible; see `maximise`."""
    low, high = _ends(what)
    aim = Towards(-1, high if worst is None else worst, low if best is None else best)
    return Objective(name or _name(what), _measure(what), aim)


def within(
    what: What,
    low: float,
    high: float,
    *,
    tolerance: float | None = None,
    name: str | None = None,
) -> Objective:
    """Inside a range, or at a target where both ends are the same; see `maximise` and `Within`.

    Example:
        >>> within("logp", 2, 3).aim
        Within(low=2, high=3, tolerance=None)
    """
    return Objective(name or _name(what), _measure(what), Within(low, high, tolerance))


def _ends(what: What) -> tuple[float | None, float | None]:
    return _ENDS.get(what, (None, None)) if isinstance(what, str) else (None, None)


def _measure(what: What) -> Measure:
    if isinstance(what, str):
        return PropertyMeasure(what)
    return what if isinstance(what, Measure) else EachMeasure(what)


def _name(what: What) -> str:
    if isinstance(what, str):
        return what
    return what.label if isinstance(what, Measure) else str(getattr(what, "__name__", "oracle"))


@dataclass(frozen=True)
class Goal:
    """All objectives, as one score to search by.

    One objective is its own score. Several become desirabilities from 0 to 1, of which the score
    is the geometric mean, which asks for all of them, or the plain mean.

    Attributes:
        objectives: At least one, of different names.
        combine: ``"product"`` or ``"mean"``.

    Raises:
        SpecError: No objective, two of one name, or an unknown combination.

    Example:
        >>> Goal([maximise("qed"), within("logp", 2, 3)]).words
        'highest qed and logp from 2 to 3'
    """

    objectives: Sequence[Objective]
    combine: str = "product"

    def __post_init__(self) -> None:
        names = self.names
        if not names or len(set(names)) < len(names):
            raise SpecError(
                f"there must be at least one objective, each of another name; got {list(names)}. "
                "Pass name= to tell two apart."
            )
        if self.combine not in ("product", "mean"):
            raise SpecError(f"combine must be 'product' or 'mean'; got {self.combine!r}.")

    @property
    def names(self) -> tuple[str, ...]:
        """Of the objectives."""
        return tuple(each.name for each in self.objectives)

    @property
    def words(self) -> str:
        """What is asked for, for people."""
        return " and ".join(each.aim.words(each.name) for each in self.objectives)

    def fitted(self, values: Floats) -> Self:
        """The same with open ends chosen by values of shape (molecules, objectives)."""
        fitted = [
            replace(each, aim=each.aim.fitted(column))
            for each, column in zip(self.objectives, values.T, strict=True)
        ]
        return replace(self, objectives=tuple(fitted))

    def welcome(self, values: Floats) -> Floats:
        """Each objective by itself, the larger the better, shape (molecules, objectives)."""
        pairs = zip(self.objectives, values.T, strict=True)
        return np.stack([each.aim.welcome(column) for each, column in pairs], 1)

    def scores(self, values: Floats) -> Floats:
        """One number for each molecule, the larger the better."""
        if len(self.objectives) == 1:
            return self.welcome(values)[:, 0]
        pairs = zip(self.objectives, values.T, strict=True)
        parts = np.stack([each.aim.desirability(column) for each, column in pairs], 1)
        if self.combine == "mean":
            means: Floats = parts.mean(1)
            return means
        product: Floats = parts.prod(1) ** (1 / parts.shape[1])
        return product
