"""What a detector promises of single steps, where its items have steps: scores and events."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class AnomalousEvent:
    """Steps without a break whose scores are above a threshold.

    Attributes:
        start: The first step.
        end: The step after the last.
        peak: The step of the highest score.
        score: That score, nats.
        channels: Where the model was more surprised than in training, the most surprising channel
            first: names, or places where there are none.
        series: Which series of a set; 0 of a long one.
    """

    start: int
    end: int
    peak: int
    score: float
    channels: tuple[str | int, ...]
    series: int = 0


class StepScorer(Protocol):
    """Scores single steps of items, and finds runs of unusual ones."""

    @property
    def training(self) -> NDArray[np.float64]:
        """Scores of the training steps."""

    @property
    def arrays(self) -> Mapping[str, NDArray[np.float64]]:
        """All that was learned, by name, for `Domain.restore_step_detector`."""

    def score(self, X: Any) -> NDArray[np.float64]:
        """Return how unusual each step is; the higher, the more."""

    def events(self, X: Any, threshold: float | None = None) -> Sequence[AnomalousEvent]:
        """Return the runs of steps with scores above a threshold."""

    def report_page(
        self, X: Any, scores: NDArray[np.float64], events: Sequence[AnomalousEvent]
    ) -> bytes:
        """Return a page of HTML with the steps, their scores and the events."""
