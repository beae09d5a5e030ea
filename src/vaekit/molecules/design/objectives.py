"""What a search asks for: numbers of molecules and what is wanted of them."""

import abc
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from vaekit.errors import SpecError
from vaekit.molecules.design.measures import EachMeasure, MoleculeMeasure, PropertyMeasure
from vaekit.molecules.design.space import Space

Floats = NDArray[np.float64]

_ROOM = 1.0  # above the best start, in widths of what the starts cover


class Desirability(abc.ABC):
    """Turns values of one objective into how welcome they are."""

    @abc.abstractmethod
    def fitted(self, values: Floats) -> Self:
        """Return the same with its open ends chosen by the values of the first molecules."""

    @abc.abstractmethod
    def welcome(self, values: Floats) -> Floats:
        """Return the larger the better, in the unit of the values; without bound."""

    @abc.abstractmethod
    def desirability(self, values: Floats) -> Floats:
        """From 0, not acceptable, to 1, as good as can be asked for.

        Source: Derringer & Suich 1980, "Simultaneous optimization of several response variables".
        """

    @abc.abstractmethod
    def words(self, name: str) -> str:
        """Return what is wanted, for people."""


@dataclass(frozen=True)
class Towards(Desirability):
    """As high as possible, or as low.

    Attributes:
        sign: 1 for high, -1 for low.
        worst: The value of desirability 0; ``None`` for the worst of the first molecules.
        best: The value of desirability 1, where more is not asked for; ``None`` for as far beyond
            the best of the first molecules as these differ.

    Example:
        >>> Towards(1, 0.0, 10.0).desirability(np.array([-1.0, 5.0, 20.0]))
        array([0. , 0.5, 1. ])
    """

    sign: int = 1
    worst: float | None = None
    best: float | None = None

    def __post_init__(self) -> None:
        if self.worst is not None and self.best is not None:
            _check_order(self.sign * self.worst, self.sign * self.best, "worst", "best")

    def fitted(self, values: Floats) -> Self:
        """Put the ends where they are open."""
        ends = self.sign * values
        least, most = (ends.min(), ends.max()) if len(ends) else (0.0, 1.0)
        worst = least if self.worst is None else self.sign * self.worst
        best = most + _ROOM * max(most - worst, 1e-9)
        best = max(best, worst + 1e-9) if self.best is None else self.sign * self.best
        worst = min(worst, best - 1e-9)
        return replace(self, worst=self.sign * float(worst), best=self.sign * float(best))

    def welcome(self, values: Floats) -> Floats:
        """Return the values, or minus them."""
        return self.sign * values

    def desirability(self, values: Floats) -> Floats:
        """In a straight line between the ends."""
        if self.worst is None or self.best is None:
            raise SpecError("the ends must be known; call fitted(values) first.")
        share: Floats = np.clip((values - self.worst) / (self.best - self.worst), 0.0, 1.0)
        return share

    def words(self, name: str) -> str:
        """As ``highest qed``."""
        return f"{'highest' if self.sign > 0 else 'lowest'} {name}"


@dataclass(frozen=True)
class Within(Desirability):
    """Inside a range; outside, desirability falls off exponentially, so that nearer is better.

    This keeps apart what Derringer & Suich's straight sides would make all 0.

    Attributes:
        low: The lower end.
        high: The upper end; the same for a single target.
        tolerance: How far outside it is 1/e; ``None`` for half of the range's width, and for a
            single target half of the standard deviation of the first molecules.

    Example:
        >>> Within(2.0, 3.0, tolerance=1.0).desirability(np.array([2.5, 4.0])).round(3)
        array([1.   , 0.368])
    """

    low: float
    high: float
    tolerance: float | None = None

    def __post_init__(self) -> None:
        if not self.low <= self.high:
            _check_order(self.low, self.high, "low", "high")
        if self.tolerance is not None and not self.tolerance > 0:
            raise SpecError(f"tolerance must be above 0; got {self.tolerance}.")

    def fitted(self, values: Floats) -> Self:
        """Choose the tolerance where it is open."""
        if self.tolerance is not None:
            return self
        width = self.high - self.low or (float(values.std()) if len(values) else 0.0)
        return replace(self, tolerance=width / 2 or 1.0)

    def welcome(self, values: Floats) -> Floats:
        """Minus the distance to the range."""
        outside: Floats = np.maximum(np.maximum(self.low - values, values - self.high), 0.0)
        return -outside

    def desirability(self, values: Floats) -> Floats:
        """1 inside."""
        if self.tolerance is None:
            raise SpecError("the tolerance must be known; call fitted(values) first.")
        fallen: Floats = np.exp(self.welcome(values) / self.tolerance)
        return fallen

    def words(self, name: str) -> str:
        """As ``logp from 2 to 3``."""
        return f"{name} from {self.low:g} to {self.high:g}"


def _check_order(first: float, second: float, *names: str) -> None:
    if not first < second:
        raise SpecError(
            f"{names[1]} must lie beyond {names[0]}; got {names[0]}={first:g}, "
            f"{names[1]}={second:g}."
        )


What = str | Callable[[str], Any] | MoleculeMeasure

_ENDS = {"qed": (0.0, 1.0), "sa": (1.0, 10.0)}
"""Of properties that cannot be beyond."""


@dataclass(frozen=True)
class DesignObjective:
    """One thing that is asked for; `maximize`, `minimize` and `within` make them.

    Attributes:
        name: For tables.
        measure: Where the numbers come from.
        aim: What is wanted of them.
    """

    name: str
    measure: MoleculeMeasure
    aim: Desirability


def maximize(
    what: What, worst: float | None = None, best: float | None = None, *, name: str | None = None
) -> DesignObjective:
    """As much of it as possible.

    Args:
        what: A name of `vaekit.molecules.PROPERTIES`, a function of a SMILES, or a
            `MoleculeMeasure`, as `ListMeasure`, one with a time limit, or `Predicted`.
        worst: See `Towards`; counts only beside other objectives. ``None`` for the least that qed
            and sa can be.
        best: The same; ``None`` for the most that they can be.
        name: For tables; ``None`` for that of the property or function.

    Raises:
        SpecError: An unknown property, or a best that is not above the worst.

    Example:
        >>> maximize("qed").name
        'qed'
    """
    low, high = _ends(what)
    aim = Towards(1, low if worst is None else worst, high if best is None else best)
    return DesignObjective(name or _name(what), _measure(what), aim)


def minimize(
    what: What, worst: float | None = None, best: float | None = None, *, name: str | None = None
) -> DesignObjective:
    """As little of it as possible; see `maximize`."""
    low, high = _ends(what)
    aim = Towards(-1, high if worst is None else worst, low if best is None else best)
    return DesignObjective(name or _name(what), _measure(what), aim)


def within(
    what: What,
    low: float,
    high: float,
    *,
    tolerance: float | None = None,
    name: str | None = None,
) -> DesignObjective:
    """Inside a range, or at a target where both ends are the same; see `maximize` and `Within`.

    Example:
        >>> within("logp", 2, 3).aim
        Within(low=2, high=3, tolerance=None)
    """
    return DesignObjective(name or _name(what), _measure(what), Within(low, high, tolerance))


def _ends(what: What) -> tuple[float | None, float | None]:
    return _ENDS.get(what, (None, None)) if isinstance(what, str) else (None, None)


def _measure(what: What) -> MoleculeMeasure:
    if isinstance(what, str):
        return PropertyMeasure(what)
    return what if isinstance(what, MoleculeMeasure) else EachMeasure(what)


def _name(what: What) -> str:
    if isinstance(what, str):
        return what
    return (
        what.label
        if isinstance(what, MoleculeMeasure)
        else str(getattr(what, "__name__", "oracle"))
    )


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
        >>> Goal([maximize("qed"), within("logp", 2, 3)]).words
        'highest qed and logp from 2 to 3'
    """

    objectives: Sequence[DesignObjective]
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
        """Return the same with open ends chosen by values of shape (molecules, objectives)."""
        fitted = [
            replace(each, aim=each.aim.fitted(column))
            for each, column in zip(self.objectives, values.T, strict=True)
        ]
        return replace(self, objectives=tuple(fitted))

    def welcome(self, values: Floats) -> Floats:
        """Return each objective by itself, the larger the better, shape (molecules, objectives)."""
        pairs = zip(self.objectives, values.T, strict=True)
        return np.stack([each.aim.welcome(column) for each, column in pairs], 1)

    def scores(self, values: Floats) -> Floats:
        """Return one number for each molecule, the larger the better."""
        if len(self.objectives) == 1:
            return self.welcome(values)[:, 0]
        pairs = zip(self.objectives, values.T, strict=True)
        parts = np.stack([each.aim.desirability(column) for each, column in pairs], 1)
        if self.combine == "mean":
            means: Floats = parts.mean(1)
            return means
        product: Floats = parts.prod(1) ** (1 / parts.shape[1])
        return product


class SurrogateModel:
    """Scores molecules by the properties that the model tells of them, which costs no call.

    Args:
        space: The model's latents.
        goal: Gives the goal, with its ends as soon as they are known.
    """

    def __init__(self, space: Space, goal: Callable[[], Goal]) -> None:
        self.space, self.goal = space, goal

    def scores(self, smiles: Sequence[str]) -> NDArray[np.float64] | None:
        """Return the larger the better, NaN where the model cannot encode a molecule.

        ``None`` unless all that is asked for are properties that the model was taught.
        """
        predicted, goal = self.space.predicted(smiles), self.goal()
        measures = [each.measure for each in goal.objectives]
        names = [m.name for m in measures if isinstance(m, PropertyMeasure) and m.name in predicted]
        if len(names) < len(measures):
            return None
        values = np.stack([predicted[name] for name in names], 1)
        known = values[~np.isnan(values).any(1)]
        # Before the first molecules have put the open ends of the goal, predictions do.
        return goal.fitted(known).scores(values) if len(known) else np.full(len(values), np.nan)
