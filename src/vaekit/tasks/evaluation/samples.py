"""How close samples are to real items, beside how close other real items are."""

from collections.abc import Callable
from dataclasses import asdict, replace

from torch import Tensor

from vaekit.errors import DataError
from vaekit.metrics import frechet_distance, prdc, sharpness_ratio
from vaekit.tasks.evaluation.rows import Measure, Row
from vaekit.tasks.evaluation.subject import Subject

__all__ = ["SOURCES", "compare", "describe_features"]

SOURCES: dict[str, Callable[[Subject], Tensor]] = {
    "samples": lambda subject: subject.sampled(subject.reference),
    "model prior": lambda subject: subject.drawn_from_prior(subject.reference),
    "reconstructions": lambda subject: subject.reconstructed(subject.others),
    "real items": lambda subject: subject.x(subject.others),
}
"""What is compared with the reference: what ``sample`` gives (of a VAE, from its fitted prior); the
same from the model's own prior, so that the gap shows; reconstructions; other real items. Those are
the floor, what a perfect model would reach. Reconstructions are of the others, not of the
reference, lest each be its item's neighbour."""


def describe_features(subject: Subject) -> list[Row]:
    """What samples are compared by, and how many."""
    features, n, learnt = subject.features, subject.compared, len(subject.learnt_from)
    source = f"learnt from {learnt} other items" if learnt else "given"
    note = f"{features.name}, {source}; {n} samples with {n} real items"
    if features.accuracy is None:
        return [Row("features", None, items=n, note=note)]
    return [Row("accuracy of the features' classifier", features.accuracy, items=n, note=note)]


def compare(subject: Subject, source: str) -> list[Row]:
    """All figures of one kind of samples.

    Args:
        subject: What is evaluated.
        source: A key of `SOURCES`.
    """
    x = SOURCES[source](subject)
    mapped = subject.features(x)
    figures = (
        Measure("", "Frechet distance", lambda subject: _frechet(subject, mapped)),
        Measure("", "precision, recall, density, coverage", lambda s: _neighbours(s, mapped)),
        Measure("", "sharpness", lambda subject: _sharpness(subject, x)),
    )
    rows = [row for figure in figures for row in figure.rows(subject)]
    return [replace(row, source=source) for row in rows]


def _frechet(subject: Subject, mapped: Tensor) -> list[Row]:
    distance = frechet_distance(subject.reference_features, mapped)
    return [_compared(subject, "Frechet distance", distance)]


def _neighbours(subject: Subject, mapped: Tensor) -> list[Row]:
    figures = asdict(prdc(subject.reference_features, mapped, subject.settings.k))
    return [_compared(subject, name, value) for name, value in figures.items()]


def _compared(subject: Subject, name: str, value: float) -> Row:
    """Figures compare only on the same features, so each names them."""
    return Row(name, value, items=subject.compared, note=subject.features.name)


def _sharpness(subject: Subject, x: Tensor) -> list[Row]:
    if not subject.are_images:
        raise DataError("sharpness is of images only.")
    return [Row("sharpness", sharpness_ratio(subject.x(subject.reference), x), items=len(x))]
