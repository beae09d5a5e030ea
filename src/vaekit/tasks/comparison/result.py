"""What a comparison found."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from vaekit.tasks.comparison.settings import ComparisonSettings
from vaekit.tasks.comparison.trial import Trial

__all__ = ["Comparison"]


@dataclass(frozen=True)
class Comparison:
    """What was found.

    Attributes:
        trials: One for each model and seed.
        floor: The measures of real items in place of samples: what a perfect model would reach.
        features: What samples were compared by, in words.
        items: Items trained on, and held out.
        settings: The options.
        examples: Some held-out items, in the form of the data.
        are_images: Whether they can be looked at.
    """

    trials: tuple[Trial, ...]
    floor: Mapping[str, float]
    features: str
    items: tuple[int, int]
    settings: ComparisonSettings
    examples: Any = field(default=None, repr=False, compare=False)
    are_images: bool = False

    @property
    def models(self) -> list[str]:
        """Names, in the order asked for."""
        return list(dict.fromkeys(trial.model for trial in self.trials))

    def of(self, model: str) -> list[Trial]:
        """The trials of one model."""
        return [trial for trial in self.trials if trial.model == model]

    def values(self, model: str, measure: str) -> list[float]:
        """A measure of the finished model, seed by seed; empty where it has none.

        Args:
            model: Its name.
            measure: As "Frechet distance, samples".
        """
        finals = [trial.final for trial in self.of(model)]
        return [final[measure] for final in finals if measure in final]

    def to_json(self) -> dict[str, Any]:
        """Everything but items and models, as plain values."""
        return {
            "settings": asdict(self.settings),
            "items": {"trained_on": self.items[0], "held_out": self.items[1]},
            "features": self.features,
            "real_items": dict(self.floor),
            "trials": [trial.to_json() for trial in self.trials],
        }
