"""What can be chosen about a comparison."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from vaekit.errors import SpecError, unknown_name
from vaekit.evaluation.settings import FEATURE_NAMES


@dataclass(frozen=True)
class ComparisonSettings:
    """Options of `compare`.

    Attributes:
        minutes: Time to train each model and fit its prior, every seed anew; the same for all.
        seeds: Trainings of each model, with seeds 0, 1, ...
        marks: Shares of that time at which each model is scored, rising to 1.
        steps: For models that sample in steps: numbers of steps to score, beside their own.
        samples: Most samples, and real items to compare them with.
        held_out: Share of the items that no model is trained on: samples are compared with
            those, and features are learned from some of them.
        features: What samples are compared by: one of `vaekit.evaluation.settings.FEATURE_NAMES`.
        k: Neighbours of precision, recall, density and coverage.

    Raises:
        SpecError: A number out of its range, or an unknown kind of features.
    """

    minutes: float = 2.0
    seeds: int = 2
    marks: Sequence[float] = (0.15, 0.4, 1.0)
    steps: Sequence[int] = (5, 10, 20, 50)
    samples: int = 3000
    held_out: float = 0.2
    features: str = "auto"
    k: int = 5

    def __post_init__(self) -> None:
        """Check the values."""
        rules = {
            "minutes": (math.isfinite(self.minutes) and self.minutes > 0, "positive and finite"),
            "seeds": (1 <= self.seeds <= 1000, "from 1 to 1000"),
            "marks": (_rises_to_one(self.marks), "shares that rise to 1, like (0.4, 1.0)"),
            "steps": (all(s >= 1 for s in self.steps), "at least 1 each"),
            "samples": (self.samples >= 10, "at least 10"),
            "held_out": (0 < self.held_out < 1, "between 0 and 1"),
            "k": (self.k >= 1, "at least 1"),
        }
        for name, (holds, rule) in rules.items():
            if not holds:
                raise SpecError(f"{name} must be {rule}; got {getattr(self, name)!r}.")
        if self.features not in FEATURE_NAMES:
            raise unknown_name("features", self.features, FEATURE_NAMES)


def _rises_to_one(marks: Sequence[float]) -> bool:
    shares = list(marks)
    return bool(shares) and shares == sorted(set(shares)) and shares[0] > 0 and shares[-1] == 1
