"""Train models of different kinds within one budget, and score them alike."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from vaekit.comparison.benchmark import SHOWN, Arena, Trial
from vaekit.comparison.settings import ComparisonSettings
from vaekit.domains.base import Domain
from vaekit.domains.choice import find_domain
from vaekit.errors import SpecError
from vaekit.fitting.fit import Plan
from vaekit.metrics.feature_extractors import Features
from vaekit.presets.base import Preset, find_preset


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


Watch = Callable[[str, int, int], None]


def compare(
    X: Any,
    models: Sequence[str | Preset] = ("auto", "gan", "diffusion"),
    *,
    labels: Any = None,
    domain: str | Domain = "auto",
    latent_dim: int | None = None,
    network: str = "auto",
    settings: ComparisonSettings = ComparisonSettings(),
    features: Features | None = None,
    watch: Watch = lambda name, done, of: None,
) -> Comparison:
    """Train each model for the same time, with several seeds, and score them on held-out items.

    A training that fails is reported, and does not end the comparison.

    Args:
        X: Raw data, or a path to them.
        models: Presets, by name or with options; ``"auto"`` is the one that suits the data.
        labels: Classes of the items: samples are then compared by features of a classifier.
        domain: The kind of data.
        latent_dim: Number of latents of the models that have some; ``None`` takes what suits each.
        network: Name of the networks; ``"auto"`` takes what suits each model.
        settings: Options.
        features: Features of your own to compare samples by.
        watch: Called with what is going on, how many parts are done, and of how many.

    Raises:
        SpecError: No models, one twice, or an unknown one.
        DataError: Fewer than 50 items, or labels of another number.

    Example:
        >>> from vaekit.datasets import digits
        >>> quick = ComparisonSettings(minutes=0.02, seeds=1, marks=(1.0,), samples=80, steps=())
        >>> found = compare(digits().images[:400], ["vae", "gan"], settings=quick)
        >>> found.models
        ['vae', 'gan']
    """
    domain = find_domain(X, domain)
    presets = [find_preset(domain.default_preset if m == "auto" else m) for m in models]
    _check_models(presets)
    arena = Arena.of(X, labels, domain, features, settings)
    plans = [Plan(preset, latent_dim, arena.domain, network) for preset in presets]
    trials: list[Trial] = []
    for seed in range(settings.seeds):  # a seed of all, then the next: stopped early, it compares
        for plan in plans:
            watch(f"{plan.preset}, seed {seed}", len(trials), settings.seeds * len(plans))
            trials.append(arena.trial(plan, seed))
    return Comparison(
        tuple(trials),
        next((trial.floor for trial in trials if trial.floor), {}),
        arena.features.name,
        (len(arena.training), len(arena.held_out)),
        settings,
        arena.held_out[:SHOWN],
        arena.domain.draws_images,
    )


def _check_models(presets: Sequence[Preset]) -> None:
    names = [str(preset) for preset in presets]
    if not names or len(set(names)) < len(names):
        raise SpecError(f"models must be at least one, none of them twice; got {names}.")
