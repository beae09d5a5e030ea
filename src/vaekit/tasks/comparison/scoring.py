"""What a model is scored by, at any moment of its training."""

import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vaekit.errors import VaekitError
from vaekit.models import Diffusion, Model
from vaekit.randomness import make_generator
from vaekit.tasks.comparison.trial import Score
from vaekit.tasks.editing import edit_curve
from vaekit.tasks.evaluation import Subject
from vaekit.tasks.evaluation.rows import Measure, Row
from vaekit.tasks.evaluation.samples import compare
from vaekit.tasks.trained import Trained

__all__ = [
    "EDITING",
    "SAMPLED_AT_ONCE",
    "floor",
    "latency",
    "quality",
    "sampling_seconds",
    "scores_by_steps",
    "with_editing",
]

EDITING = "edited as told"
"""Name of the measure of control."""

SAMPLED_AT_ONCE = 200
"""Items in a batch whose time and memory are measured."""

_WAITS = 11


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


def with_editing(score: Score, subject: Subject, X: Any, labels: NDArray[Any], seed: int) -> Score:
    """Add the share of items that show another label after an edit towards it.

    The edit is a step of strength 1 along the difference of the labels' mean latents, judged by a
    classifier of its own; the mean over the two most frequent labels.

    Args:
        score: What is known of the model.
        subject: The model.
        X: Items that it was not trained on, in the form of the data.
        labels: Their classes.
        seed: Of the parts and of the judge.
    """
    names, counts = np.unique(labels, return_counts=True)
    towards = names[np.argsort(-counts, kind="stable")][:2].tolist()
    try:
        flips = [_flip(subject.trained, X, labels, to, seed) for to in towards]
    except VaekitError as refusal:
        return replace(score, missing={**score.missing, EDITING: str(refusal)})
    return replace(score, values={**score.values, EDITING: float(np.mean(flips))})


def _flip(trained: Trained, X: Any, labels: NDArray[Any], to: str, seed: int) -> float:
    curve = edit_curve(
        trained, X, labels, attribute="label", to=to, strengths=(1.0,), epochs=5, seed=seed
    )
    return curve.points[0].scores.flip


def sampling_seconds(model: Model, context: Tensor | None = None) -> float:
    """CPU seconds for 1,000 samples made some hundreds at once; the first time does not count."""
    generator = make_generator(0)
    model.sample(SAMPLED_AT_ONCE, context, generator=generator)
    started = time.process_time()
    model.sample(SAMPLED_AT_ONCE, context, generator=generator)
    return (time.process_time() - started) * 1000 / SAMPLED_AT_ONCE


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
