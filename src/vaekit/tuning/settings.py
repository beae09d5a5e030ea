"""What can be chosen about a search."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from vaekit.errors import SpecError, unknown_name
from vaekit.presets.base import Preset
from vaekit.seeds import check_seed
from vaekit.tuning.objectives import Objective
from vaekit.tuning.space import Range

PRUNERS = ("median", "hyperband", "none")
_SHARE = 2.0
"""Of the time that each trial would have if all were alike."""


@dataclass(frozen=True)
class TuningSettings:
    """Options of `tune`, after their names are resolved.

    Attributes:
        trials: How many there are to be in the folder, the default one included.
        minutes: After which no further trial begins; the refit of the best is included.
        objectives: One, or several to trade off.
        presets: The models to choose from; the first is the default.
        space: What is searched.
        options: Options of the estimator that all trials share.
        trial_minutes: Longest training of one trial; ``None`` for twice its even share.
        processes: On this machine.
        held_out: Share of the items that trials are judged by.
        pruner: One of `PRUNERS`.
        refit: Whether the best trial is fitted anew on all items.
        seed: Of everything random.

    Raises:
        SpecError: A value out of its range.
    """

    trials: int
    minutes: float
    objectives: tuple[Objective, ...]
    presets: tuple[Preset, ...]
    space: Mapping[str, Range]
    options: Mapping[str, Any] = field(default_factory=dict)
    trial_minutes: float | None = None
    processes: int = 1
    held_out: float = 0.2
    pruner: str = "median"
    refit: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        """Check the values."""
        for name, most in (("trials", 1_000_000), ("processes", 1024)):
            value = vars(self)[name]
            if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most:
                raise SpecError(f"{name} must be a whole number from 1 to {most}; got {value!r}.")
        for name in ("minutes", "trial_minutes"):
            value = vars(self)[name]
            if value is not None and not (_is_number(value) and 0 < value < math.inf):
                raise SpecError(f"{name} must be positive and finite; got {value!r}.")
        if not (_is_number(self.held_out) and 0 < self.held_out < 1):
            raise SpecError(f"held_out must be above 0 and below 1; got {self.held_out!r}.")
        if self.pruner not in PRUNERS:
            raise unknown_name("pruner", self.pruner, PRUNERS)
        names = [objective.name for objective in self.objectives]
        if not names or len(set(names)) < len(names):
            raise SpecError(f"objectives must be different, at least one; got {names}.")
        check_seed(self.seed)

    @property
    def is_single(self) -> bool:
        """Whether there is one objective, and so a best trial."""
        return len(self.objectives) == 1

    @property
    def prunes(self) -> bool:
        """Whether poor trials are given up: only where one objective says what is poor."""
        return self.is_single and self.pruner != "none"

    @property
    def seconds_of_trial(self) -> float:
        """The longest training of a trial."""
        if self.trial_minutes is not None:
            return 60 * self.trial_minutes
        return _SHARE * 60 * self.minutes * self.processes / self.trials

    def identity(self) -> dict[str, Any]:
        """Return what all calls that work into one folder must share, as JSON."""
        return {
            "objectives": [f"{o.name} ({o.direction})" for o in self.objectives],
            "presets": [str(preset) for preset in self.presets],
            "space": {name: known.to_json() for name, known in self.space.items()},
            "options": {name: repr(value) for name, value in sorted(self.options.items())},
            "held_out": self.held_out,
            "seed": self.seed,
        }


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
