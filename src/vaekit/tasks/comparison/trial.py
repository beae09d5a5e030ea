"""The record of one training of one model."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from vaekit.tasks.trained import Trained

__all__ = ["Score", "Trial"]


@dataclass(frozen=True)
class Score:
    """What a model was worth after some time of training.

    Attributes:
        seconds: Time of training and of fitting the prior, without the scoring.
        values: Measures by name, such as "Frechet distance, samples".
        steps: Steps of the sampler, for a model that samples in steps.
        sampling_seconds: CPU seconds for 1,000 samples.
        missing: Why measures have no value, by name.
    """

    seconds: float
    values: Mapping[str, float]
    steps: int | None = None
    sampling_seconds: float | None = None
    missing: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Everything, as plain values."""
        return {
            "training_seconds": self.seconds,
            "steps": self.steps,
            "sampling_seconds_per_1000": self.sampling_seconds,
            **self.values,
        }


@dataclass(frozen=True)
class Trial:
    """One training of one model.

    Attributes:
        model: Its name.
        seed: Its seed.
        scores: In the order of the training time.
        by_steps: The finished model with other numbers of steps.
        latency: Seconds until one sample is there, median.
        megabytes: Memory that sampling some hundreds at once takes, weights included.
        parameters: Numbers that sampling needs, and encoding where the model encodes.
        history: One row per epoch.
        failure: Why the training or the scoring ended early; ``None`` if it did not.
        floor: The measures of real items in place of samples.
        samples: Some samples of the finished model, in the form of the data.
        trained: The finished model.
    """

    model: str
    seed: int
    scores: tuple[Score, ...] = ()
    by_steps: tuple[Score, ...] = ()
    latency: float | None = None
    megabytes: float | None = None
    parameters: int | None = None
    history: tuple[Mapping[str, float], ...] = ()
    failure: str | None = None
    floor: Mapping[str, float] = field(default_factory=dict)
    samples: Any = field(default=None, repr=False, compare=False)
    trained: Trained | None = field(default=None, repr=False, compare=False)

    @property
    def final(self) -> Mapping[str, float]:
        """The measures of the finished model; empty where it did not finish."""
        return self.scores[-1].values if self.scores and self.failure is None else {}

    def to_json(self) -> dict[str, Any]:
        """Everything but samples and model, as plain values."""
        return {
            "model": self.model,
            "seed": self.seed,
            "failure": self.failure,
            "parameters": self.parameters,
            "latency_seconds": self.latency,
            "sampling_megabytes": self.megabytes,
            "missing": dict(self.scores[-1].missing) if self.scores else {},
            "scores": [score.to_json() for score in self.scores],
            "by_steps": [score.to_json() for score in self.by_steps],
            "history": [dict(row) for row in self.history],
        }
