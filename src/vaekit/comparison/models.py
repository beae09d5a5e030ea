"""Train models of different kinds within one budget, and score them alike."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from vaekit.comparison.benchmark import SHOWN, Benchmark, BenchmarkRun
from vaekit.comparison.settings import ComparisonSettings
from vaekit.domains.base import Domain
from vaekit.domains.choice import infer_domain
from vaekit.errors import SpecError
from vaekit.fitting.fit import Plan
from vaekit.metrics.feature_extractors import Features
from vaekit.presets.base import Preset, get_preset


@dataclass(frozen=True)
class Comparison:
    """What was found.

    Attributes:
        runs: One for each model and seed.
        floor: The measures of real items in place of samples: what a perfect model would reach.
        features: What samples were compared by, in words.
        items: Items trained on, and held out.
        settings: The options.
        examples: Some held-out items, in the form of the data.
        are_images: Whether they can be looked at.
    """

    runs: tuple[BenchmarkRun, ...]
    floor: Mapping[str, float]
    features: str
    items: tuple[int, int]
    settings: ComparisonSettings
    examples: Any = field(default=None, repr=False, compare=False)
    are_images: bool = False

    def _repr_html_(self) -> str:
        """Return the answers to all questions in a table for notebooks."""
        from vaekit.comparison.report import table
        from vaekit.reports import notebook_table

        head, *rows = table(self)
        return notebook_table(head, rows)

    @property
    def models(self) -> list[str]:
        """Names, in the order asked for."""
        return list(dict.fromkeys(run.model for run in self.runs))

    def of(self, model: str) -> list[BenchmarkRun]:
        """Return the trials of one model."""
        return [run for run in self.runs if run.model == model]

    def values(self, model: str, measure: str) -> list[float]:
        """Return a measure of the finished model, seed by seed; empty where it has none.

        Args:
            model: Its name.
            measure: As "Frechet distance, samples".
        """
        finals = [run.final for run in self.of(model)]
        return [final[measure] for final in finals if measure in final]

    def to_json(self) -> dict[str, Any]:
        """Everything but items and models, as plain values."""
        return {
            "settings": asdict(self.settings),
            "items": {"trained_on": self.items[0], "held_out": self.items[1]},
            "features": self.features,
            "real_items": dict(self.floor),
            "trials": [run.to_json() for run in self.runs],
        }


Watch = Callable[[str, int, int], None]


def compare(
    X: Any,
    models: Sequence[str | Preset] = ("auto", "gan", "diffusion"),
    *,
    labels: Any = None,
    context: Any = None,
    text: str | None = None,
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
        context: What every model is told of each item: labels, properties or captions, in a list,
            an array or a data frame. Samples are then asked for by the contexts of held-out items,
            and it is scored how often one fits its own better than those of nine others.
        text: How captions are read, as of `Autoencoder`; ``None`` where the context is none.
        domain: The kind of data.
        latent_dim: Number of latents of the models that have some; ``None`` takes what suits each.
        network: Name of the networks; ``"auto"`` takes what suits each model.
        settings: Options.
        features: Features of your own to compare samples by.
        watch: Called with what is going on, how many parts are done, and of how many.

    Raises:
        SpecError: No models, one twice, or an unknown one.
        DataError: Fewer than 50 items, or labels or contexts of another number.

    Example:
        >>> from vaekit.datasets import digits
        >>> quick = ComparisonSettings(minutes=0.02, seeds=1, marks=(1.0,), samples=80, steps=())
        >>> found = compare(digits().images[:400], ["vae", "gan"], settings=quick)
        >>> found.models
        ['vae', 'gan']
    """
    domain = infer_domain(X, domain)
    presets = [get_preset(domain.default_preset if m == "auto" else m) for m in models]
    _check_models(presets)
    benchmark = Benchmark.of(X, labels, domain, features, settings, context, text)
    plans = [Plan(preset, latent_dim, benchmark.domain, network, text=text) for preset in presets]
    runs: list[BenchmarkRun] = []
    for seed in range(settings.seeds):  # a seed of all, then the next: stopped early, it compares
        for plan in plans:
            watch(f"{plan.preset}, seed {seed}", len(runs), settings.seeds * len(plans))
            runs.append(benchmark.run(plan, seed))
    return Comparison(
        tuple(runs),
        next((run.floor for run in runs if run.floor), {}),
        benchmark.features.name,
        (len(benchmark.training), len(benchmark.held_out)),
        settings,
        benchmark.held_out[:SHOWN],
        benchmark.domain.draws_images,
    )


def _check_models(presets: Sequence[Preset]) -> None:
    names = [str(preset) for preset in presets]
    if not names or len(set(names)) < len(names):
        raise SpecError(f"models must be at least one, none of them twice; got {names}.")
