"""Everything that is measured of a trained model, in one go."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from vaekit.evaluation.measures import (
    SOURCES,
    Measure,
    ReportRow,
    annealed,
    code_usage,
    compare,
    describe_features,
    elbo,
    health,
    importance_bound,
    information,
    reconstruction,
    scores,
)
from vaekit.evaluation.settings import EvaluationSettings
from vaekit.evaluation.subject import EvaluationContext
from vaekit.fitting.trained import TrainedModel
from vaekit.metrics.feature_extractors import Features
from vaekit.registry import get

if TYPE_CHECKING:
    from matplotlib.figure import Figure


MEASURES = (
    Measure("likelihood", "ELBO", elbo),
    Measure("likelihood", "IWAE bound, bits per dimension", importance_bound),
    Measure("likelihood", "annealed importance sampling", annealed),
    Measure("latents", "KL, active units, log densities", health),
    Measure("latents", "mutual information, aggregate KL, total correlation", information),
    Measure("latents", "codes used, perplexity", code_usage),
    Measure("reconstruction", "reconstruction", reconstruction),
    Measure("samples", "features", describe_features),
    *(Measure("samples", name, partial(compare, source=name)) for name in SOURCES),
    Measure("disentanglement", "disentanglement", scores),
)
"""What is measured, in this order."""


@dataclass(frozen=True)
class Evaluation:
    """What was measured.

    Attributes:
        measured: One row per number or refusal.
        items: How many items there were.
        settings: The options, seed included.
        pictures: Figures by name, without an ending.
    """

    measured: tuple[ReportRow, ...]
    items: int
    settings: EvaluationSettings
    pictures: "Mapping[str, Figure]" = field(repr=False, compare=False)

    def _repr_html_(self) -> str:
        """Return all rows in a table for notebooks."""
        from vaekit.reports import notebook_table

        rows = [
            (row.name, "" if row.value is None else f"{row.value:.4g} {row.unit}", row.note)
            for row in self.measured
        ]
        return notebook_table(("measure", "value", "note"), rows, f"Evaluation, {self.items} items")

    def rows(self, group: str | None = None) -> list[ReportRow]:
        """Return all rows, or those of one group."""
        return [row for row in self.measured if group in (None, row.group)]

    def value(self, name: str) -> float | None:
        """Return the number of a row, for instance of "ELBO" or "Frechet distance, samples".

        Args:
            name: As in `ReportRow.name`.

        Returns:
            ``None`` where the row says why there is no number.

        Raises:
            KeyError: No row has that name.
        """
        values = {row.name: row.value for row in self.measured}
        if name not in values:
            raise KeyError(f"no row is called {name!r}; there are: {'; '.join(values)}.")
        return values[name]

    def to_json(self) -> dict[str, Any]:
        """Everything but the pictures, as plain values."""
        return {
            "items": self.items,
            "settings": asdict(self.settings),
            "rows": [row.to_json() for row in self.measured],
        }


def evaluate(
    trained: TrainedModel,
    X: Any,
    context: Any = None,
    *,
    labels: Any = None,
    factors: Any = None,
    features: Features | None = None,
    training: Any = None,
    metrics: Sequence[str] = (),
    settings: EvaluationSettings = EvaluationSettings(),
    watch: Callable[[str, int, int], None] = lambda name, done, of: None,
) -> Evaluation:
    """Measure a trained model on items that it was not trained on.

    A measure that the model or the data do not allow is a row that says why. Parts look at a
    random choice of the items: the likelihood and reconstructions at 5,000, the latents at 2,000;
    two fifths of the items, at most 5,000, teach the features by which the others are compared
    with samples.

    Args:
        trained: The model, for instance ``Autoencoder(...).fit(X).trained_``.
        X: At least 10 items of the kind seen in training; some thousands are better.
        context: Their labels or properties, for conditional models.
        labels: Their classes, whole numbers or text; with them samples are compared by features
            of a classifier.
        factors: What is known to have made them, whole numbers of shape (items, factors).
        features: What to compare samples by, for instance `module_features` of a network of your
            own; ``None`` learns them from two fifths of the items.
        training: Of tables and molecules: what the model learned from, by which it is told whether
            samples repeat it, and for molecules what a perfect model would reach.
        metrics: Names of registered metrics to measure as well: functions that take an
            `EvaluationContext` and return rows.
        settings: Options.
        watch: Called before each measure with its name, how many are done, and of how many.

    Raises:
        DataError: Items, context, labels, factors or training rows that do not fit the model or
            each other.

    Example:
        >>> from vaekit import Autoencoder
        >>> from vaekit.datasets import digits
        >>> model = Autoencoder(latent_dim=4, max_epochs=2, progress=False).fit(digits().images)
        >>> few = EvaluationSettings(draws=4)
        >>> result = evaluate(model.trained_, digits().images[:300], settings=few)
        >>> result.value("active units") <= 4
        True
    """
    from vaekit.evaluation.report import draw_pictures  # matplotlib costs half a second

    subject = EvaluationContext.of(
        trained, X, context, labels, factors, settings, features, training
    )
    measured: list[ReportRow] = []
    own = tuple(Measure("further metrics", name, get("metrics", name)) for name in metrics)
    measures = (*_measures(subject), *own)
    for done, measure in enumerate(measures):
        watch(measure.name, done, len(measures) + 1)
        measured += measure.rows(subject)
    watch("pictures", len(measures), len(measures) + 1)
    return Evaluation(tuple(measured), len(subject.items), settings, draw_pictures(subject))


def _measures(subject: EvaluationContext) -> tuple[Measure, ...]:
    return subject.trained.domain.evaluation_measures(subject, MEASURES)
