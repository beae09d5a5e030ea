"""What a model is scored by, at any moment of its training."""

import time
from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor

from vaekit.models import Diffusion, Model
from vaekit.randomness import make_generator
from vaekit.tasks.comparison.trial import Score
from vaekit.tasks.evaluation import Subject
from vaekit.tasks.evaluation.rows import Measure, Row
from vaekit.tasks.evaluation.samples import compare

__all__ = ["floor", "latency", "quality", "sampling_seconds", "scores_by_steps"]

_TIMED, _WAITS = 200, 11


def quality(
    subject: Subject,
    seconds: float,
    steps: int | None = None,
    sampling_seconds: float | None = None,
) -> Score:
    """How good samples and reconstructions are, or why that cannot be said.

    Args:
        subject: The model before held-out items.
        seconds: How long it was trained.
        steps: Steps of its sampler, where it has some.
        sampling_seconds: What its samples cost.
    """
    rows = _rows(subject, "samples", "model prior", "reconstructions")
    values = {row.name: row.value for row in rows if row.value is not None}
    missing = {row.name: row.note for row in rows if row.value is None}
    return Score(seconds, values, steps, sampling_seconds, missing)


def floor(subject: Subject) -> dict[str, float]:
    """The same of other real items, under the names that samples have."""
    rows = _rows(subject, "real items")
    known = {row.name: row.value for row in rows if row.value is not None}
    return {name.replace("real items", "samples"): value for name, value in known.items()}


def _rows(subject: Subject, *sources: str) -> list[Row]:
    measures = [Measure("", source, partial(compare, source=source)) for source in sources]
    return [row for measure in measures for row in measure.rows(subject)]


def sampling_seconds(model: Model, context: Tensor | None = None) -> float:
    """CPU seconds for 1,000 samples made some hundreds at once."""
    generator = make_generator(0)
    started = time.process_time()
    model.sample(_TIMED, context, generator=generator)
    return (time.process_time() - started) * 1000 / _TIMED


def latency(model: Model) -> float:
    """Seconds until a single sample is there, median of some."""
    generator, waits = make_generator(0), []
    for _ in range(_WAITS):
        started = time.perf_counter()
        model.sample(1, generator=generator)
        waits.append(time.perf_counter() - started)
    return float(torch.tensor(waits).median())


def scores_by_steps(subject: Subject, seconds: float, steps: Sequence[int]) -> list[Score]:
    """A finished model that samples in steps, with each of these numbers of them.

    Args:
        subject: The model before held-out items.
        seconds: How long it was trained.
        steps: Numbers of steps.
    """
    model, found = subject.trained.model, []
    if not isinstance(model, Diffusion):
        return []
    own = model.steps
    try:
        for count in steps:
            model.steps = count
            found.append(quality(subject, seconds, count, sampling_seconds(model)))
    finally:
        model.steps = own
    return found
