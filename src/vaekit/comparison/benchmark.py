"""Where models meet: the same items, the same time, the same measures."""

import copy
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Self

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter
from torch.utils.weak import WeakIdKeyDictionary

from vaekit.comparison.settings import ComparisonSettings
from vaekit.domains.base import Domain
from vaekit.domains.captions import captions_of
from vaekit.domains.context import Context
from vaekit.editing.curve import edit_curve
from vaekit.errors import DataError, VaekitError
from vaekit.evaluation.measures import Measure, ReportRow, compare
from vaekit.evaluation.settings import EvaluationSettings
from vaekit.evaluation.subject import EvaluationContext, choose_features
from vaekit.fitting.fit import Fitted, Plan, fit_model, fit_prior
from vaekit.fitting.prior import has_codes, reads_captions, training_share
from vaekit.fitting.trained import TrainedModel, as_items
from vaekit.metrics.alignment import Alignment
from vaekit.metrics.feature_extractors import Features
from vaekit.models.samplers import Diffusion
from vaekit.models.vae import VAE, Model
from vaekit.networks.context import ValueReader
from vaekit.randomness import make_generator
from vaekit.training.callbacks import Event
from vaekit.training.config import TrainConfig


class Snapshots:
    """Listens to a training and keeps the weights when these times have passed.

    Args:
        due: From the model to seconds since the first step, rising.
    """

    def __init__(self, due: Callable[[Model], Sequence[float]]) -> None:
        self._due_of = due
        self.due: list[float] = []
        self.kept: list[tuple[float, dict[str, Tensor]]] = []
        self._started: float | None = None

    def __call__(self, event: Event) -> None:
        """Copying weights takes milliseconds, so that the training is not held up."""
        if event.kind != "step":
            return
        now = time.monotonic()
        if self._started is None:
            self._started, self.due = now, list(self._due_of(event.model))
        if self.due and now - self._started >= self.due[0]:
            self.due.pop(0)
            self.kept.append((now - self._started, copy.deepcopy(event.model.state_dict())))


@dataclass(frozen=True)
class BenchmarkScore:
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
class BenchmarkRun:
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
    scores: tuple[BenchmarkScore, ...] = ()
    by_steps: tuple[BenchmarkScore, ...] = ()
    latency: float | None = None
    megabytes: float | None = None
    parameters: int | None = None
    history: tuple[Mapping[str, float], ...] = ()
    failure: str | None = None
    floor: Mapping[str, float] = field(default_factory=dict)
    samples: Any = field(default=None, repr=False, compare=False)
    trained: TrainedModel | None = field(default=None, repr=False, compare=False)

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


def sampling_megabytes(model: Model, n: int, context: Tensor | None = None) -> float:
    """Megabytes of the tensors that live at once while n items are sampled, and of the weights.

    Counted tensor by tensor, so that neither the allocator nor other programs change it; the
    scratch space that a single operation needs within itself is not seen.

    Args:
        model: A trained model.
        n: Items sampled at once.
        context: A row for each; ``None`` without.

    Example:
        >>> from vaekit import networks
        >>> from vaekit.models import Diffusion
        >>> model = Diffusion(networks.DenoisingMLP((4,), (8,)), (4,), steps=2)
        >>> 0 < sampling_megabytes(model, 10) < 0.1
        True
    """
    living = _Living()
    for weights in model.state_dict().values():
        living.count(weights)
    with living:
        model.sample(n, context, generator=make_generator(0))
    return living.peak / 1e6


class _Living(TorchDispatchMode):
    """Sees every tensor made under it, and when its storage goes."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.now = self.peak = 0
        self._known: WeakIdKeyDictionary = WeakIdKeyDictionary()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        for value in tree_iter(made):
            if isinstance(value, Tensor):
                self.count(value)
        return made

    def count(self, tensor: Tensor) -> None:
        """Add a tensor, unless its storage is counted already."""
        storage = tensor.untyped_storage()
        if storage in self._known:  # a view of what is known
            return
        self._known[storage] = True
        self.now += storage.nbytes()
        self.peak = max(self.peak, self.now)
        weakref.finalize(storage, self._gone, storage.nbytes())

    def _gone(self, nbytes: int) -> None:
        self.now -= nbytes


EDITING = "edited as told"
"""Name of the measure of control."""

ASKED = "own context found, samples"
"""Name of the measure of whether what was asked for is made: R-precision among ten."""

SAMPLED_AT_ONCE = 200
"""Items in a batch whose time and memory are measured."""

_WAITS = 11


def quality(
    subject: EvaluationContext,
    seconds: float,
    steps: int | None = None,
    sampling_seconds: float | None = None,
) -> BenchmarkScore:
    """Return how good samples and reconstructions are, or why that cannot be said.

    Args:
        subject: The model before held-out items.
        seconds: How long it was trained.
        steps: Steps of its sampler, where it has some.
        sampling_seconds: What its samples cost.
    """
    rows = _rows(subject, "samples", "model prior", "reconstructions")
    values = {row.name: row.value for row in rows if row.value is not None}
    missing = {row.name: row.note for row in rows if row.value is None}
    return BenchmarkScore(seconds, values, steps, sampling_seconds, missing)


def floor(subject: EvaluationContext) -> dict[str, float]:
    """Return the same of other real items, under the names that samples have."""
    rows = _rows(subject, "real items")
    known = {row.name: row.value for row in rows if row.value is not None}
    return {name.replace("real items", "samples"): value for name, value in known.items()}


def _rows(subject: EvaluationContext, *sources: str) -> list[ReportRow]:
    measures = [Measure("", source, partial(compare, source=source)) for source in sources]
    return [row for measure in measures for row in measure.rows(subject)]


def with_editing(
    score: BenchmarkScore, subject: EvaluationContext, X: Any, labels: NDArray[Any], seed: int
) -> BenchmarkScore:
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


def _flip(trained: TrainedModel, X: Any, labels: NDArray[Any], to: str, seed: int) -> float:
    curve = edit_curve(
        trained, X, labels, attribute="label", to=to, strengths=(1.0,), epochs=5, seed=seed
    )
    return curve.points[0].scores.flip


def sampling_seconds(model: Model, context: Tensor | None = None) -> float:
    """CPU seconds for 1,000 samples made some hundreds at once; the first time does not count.

    Args:
        model: A trained model.
        context: What is asked for, a row for each of `SAMPLED_AT_ONCE`; ``None`` without.
    """
    generator = make_generator(0)
    model.sample(SAMPLED_AT_ONCE, context, generator=generator)
    started = time.process_time()
    model.sample(SAMPLED_AT_ONCE, context, generator=generator)
    return (time.process_time() - started) * 1000 / SAMPLED_AT_ONCE


def latency(model: Model, context: Tensor | None = None) -> float:
    """Seconds until a single sample is there, median of some; of a context the first is taken."""
    generator, waits = make_generator(0), []
    one = None if context is None else context[:1]
    for _ in range(_WAITS):
        started = time.perf_counter()
        model.sample(1, one, generator=generator)
        waits.append(time.perf_counter() - started)
    return float(torch.tensor(waits).median())


def scores_by_steps(
    subject: EvaluationContext,
    seconds: float,
    steps: Sequence[int],
    context: Tensor | None = None,
) -> list[BenchmarkScore]:
    """Return a finished model that samples in steps, with each of these numbers of them.

    Args:
        subject: The model before held-out items.
        seconds: How long it was trained.
        steps: Numbers of steps.
        context: As of `sampling_seconds`.
    """
    model, found = subject.trained.model, []
    if not isinstance(model, Diffusion):
        return []
    own = model.steps
    try:
        for count in steps:
            model.steps = count
            found.append(quality(subject, seconds, count, sampling_seconds(model, context)))
    finally:
        model.steps = own
    return found


@dataclass(frozen=True, eq=False)
class Conditions:
    """What models are told of the items they learn from, and asked for.

    Attributes:
        training: Contexts of the items to train on, in the form they were given.
        held_out: Those of the held-out items, which samples are asked for by.
        rows: Those of the held-out items, as `judge` reads them.
        judge: How well items fit a context, learned from the items to train on.
    """

    training: Any
    held_out: Any
    rows: Tensor
    judge: Alignment

    @classmethod
    def learned(
        cls, parts: Sequence[Any], learned_from: Any, features: Tensor, text: str | None
    ) -> Self:
        """Learn to judge from contexts of items to train on, whose features are given."""
        captions = None if text is None else captions_of(text)
        context = Context(captions=captions).fit(parts[0])
        reader = context.reader() or ValueReader(context.dim, 0.0)
        judge = Alignment.learned(features, context.prepare(learned_from), reader, 0)
        return cls(parts[0], parts[1], context.prepare(parts[1]), judge)

    def r_precision(self, features: Tensor, places: Tensor) -> float:
        """Return how often items fit their own context best: that of the held-out item at a place.

        Args:
            features: Of the items.
            places: Whose context each was asked for by.
        """
        return self.judge.r_precision(features, self.rows[places])


_JUDGED, _AT_ONCE = 10_000, 500  # items that a judge learns from; 60,000 of 64x64 are 3 GB
_ENDLESS = 100_000  # epochs: the time is the limit
_LEAST_ITEMS = 50
_LEARNT_SHARE = 0.4  # of the held-out items
SHOWN = 24
"""Items and samples kept to be looked at."""


@dataclass(frozen=True)
class Benchmark:
    """What all trials share.

    Attributes:
        training: Items to train on.
        held_out: Items to compare with.
        domain: What was learned about them.
        features: What samples are compared by, learned from neither.
        settings: The options.
        labels: Classes of the held-out items; ``None`` where classes are not known.
        conditioning: What models are told of the items, and asked for; ``None`` for nothing.
    """

    training: Any
    held_out: Any
    domain: Domain
    features: Features
    settings: ComparisonSettings
    labels: NDArray[Any] | None = None
    conditioning: "Conditions | None" = None

    @classmethod
    def of(
        cls,
        X: Any,
        labels: Any,
        domain: Domain,
        features: Features | None,
        settings: ComparisonSettings,
        context: Any = None,
        text: str | None = None,
    ) -> Self:
        """Learn the schema, split the items, learn the features, and what fits a context.

        Raises:
            DataError: Too few items, or labels or contexts of another number.
        """
        X = domain.read(X)
        domain = domain.fit(X)
        rows = domain.prepare(X)
        learn, compared, training = _split(len(rows), settings.held_out)
        classes = _classes(labels, len(rows))
        if features is None:
            x = domain.encode(rows[torch.from_numpy(learn)])
            chosen = None if classes is None else classes[learn]
            features = choose_features(settings.features, x, chosen, seed=0)
        known = None if classes is None else classes[compared]
        conditioning = None
        if context is not None:
            parts = _context_parts(context, len(rows), training, compared)
            some = _evenly(len(training), _JUDGED)
            (learned_from,) = _context_parts(parts[0], len(training), some)
            known_rows = rows[torch.from_numpy(training[some])].split(_AT_ONCE)
            real = torch.cat([features(domain.encode(each)) for each in known_rows])
            conditioning = Conditions.learned(parts, learned_from, real, text)
        split = _part(X, training), _part(X, compared)
        return cls(*split, domain, features, settings, known, conditioning)

    def run(self, plan: Plan, seed: int) -> BenchmarkRun:
        """Train and score one model; an expected failure is a result, too."""
        name, preset = str(plan.preset), plan.resolve(self.domain)[0]

        def due(model: Model) -> list[float]:
            reads = reads_captions(preset.prior, model)
            share = training_share(preset.prior, len(self.training), has_codes(model), reads)
            return [60 * self.settings.minutes * share * mark for mark in self.settings.marks[:-1]]

        watch = Snapshots(due)
        config = TrainConfig(
            max_epochs=_ENDLESS,
            max_minutes=self.settings.minutes,
            validation=0.0,
            progress=False,
            seed=seed,
        )
        try:
            told = None if self.conditioning is None else self.conditioning.training
            fitted = fit_model(plan, self.training, told, config, listeners=[watch])
            return self._scored(name, seed, fitted, watch, config)
        except VaekitError as error:
            return BenchmarkRun(name, seed, failure=f"{type(error).__name__}: {error}")

    def _scored(
        self, name: str, seed: int, fitted: Fitted, watch: Snapshots, config: TrainConfig
    ) -> BenchmarkRun:
        subject, seconds = self._subject(fitted), fitted.seconds
        model, asked = fitted.trained.model, self._asked(fitted.trained, SAMPLED_AT_ONCE)
        last = quality(subject, seconds, sampling_seconds=sampling_seconds(model, asked))
        real = floor(subject)
        if self.conditioning is not None:
            last, real = self._with_asked(last, real, subject)
        if self.labels is not None:
            last = with_editing(last, subject, self.held_out, self.labels, seed)
        return BenchmarkRun(
            name,
            seed,
            (*self._early(fitted, watch, config), last),
            tuple(scores_by_steps(subject, seconds, self.settings.steps, asked)),
            latency(model, asked),
            sampling_megabytes(model, SAMPLED_AT_ONCE, asked),
            sum(p.numel() for p in model.parameters()),
            tuple(fitted.result.history),
            floor=real,
            samples=fitted.trained.sample(self._shown, self._shown_context(), 0, "fitted"),
            trained=fitted.trained,
        )

    def _early(self, fitted: Fitted, watch: Snapshots, config: TrainConfig) -> list[BenchmarkScore]:
        """Scores of the weights kept on the way, each with a prior fitted to its own latents."""
        told = None if self.conditioning is None else self.conditioning.training
        learned = fitted.trained.context
        items, found = as_items(self.domain, learned, self.training, told, all_captions=True), []
        prior = fitted.preset.prior
        last = fitted.trained.model
        reads = reads_captions(prior, last)
        share = training_share(prior, len(items), has_codes(last), reads)
        steps = fitted.result.history[-1]["step"] / fitted.result.seconds
        for seconds, weights in watch.kept:
            model = copy.deepcopy(fitted.trained.model)
            if isinstance(model, VAE):
                model.fitted_prior = None
            model.load_state_dict(weights)
            early = replace(fitted, trained=replace(fitted.trained, model=model))
            left = seconds * (1 - share) / share or None
            spent = fit_prior(early.trained, items, config, prior, int(steps * seconds), left)
            found.append(quality(self._subject(early), seconds + spent))
        return found

    def _subject(self, fitted: Fitted) -> EvaluationContext:
        settings = EvaluationSettings(samples=self.settings.samples, k=self.settings.k)
        asked = None if self.conditioning is None else self.conditioning.held_out
        return EvaluationContext.of(
            fitted.trained, self.held_out, asked, None, None, settings, self.features
        )

    def _asked(self, trained: TrainedModel, count: int) -> Tensor | None:
        """Return contexts of held-out items, so many, in their order and again from the first."""
        if self.conditioning is None:
            return None
        rows = trained.rows(self.conditioning.held_out, len(self.held_out))
        assert rows is not None, "fitted with a context"
        return rows[torch.arange(count) % len(rows)]

    @property
    def _shown(self) -> int:
        """How many samples are shown: as many as real items."""
        return min(SHOWN, len(self.held_out))

    def _shown_context(self) -> Any:
        """Return the contexts of the samples that are shown."""
        if self.conditioning is None:
            return None
        held_out = self.conditioning.held_out
        return _context_parts(held_out, len(self.held_out), np.arange(self._shown))[0]

    def _with_asked(
        self, score: BenchmarkScore, real: Mapping[str, float], subject: EvaluationContext
    ) -> tuple[BenchmarkScore, dict[str, float]]:
        """Add how often a sample, and a real item, fits its own context best of ten."""
        assert self.conditioning is not None, "asked of a comparison with a context"
        items = subject.reference
        places = items.index if items.index is not None else torch.arange(len(items))
        made = self.conditioning.r_precision(self.features(subject.reference_samples), places)
        known = self.conditioning.r_precision(self.features(subject.x(items)), places)
        values = {**score.values, ASKED: made}
        return replace(score, values=values), {**real, ASKED: known}


def _split(count: int, share: float) -> tuple[NDArray[np.int64], ...]:
    """Return places of items to learn features from, to compare with, and to train on."""
    if count < _LEAST_ITEMS:
        raise DataError(
            f"a comparison needs at least {_LEAST_ITEMS} items; got {count}. Some thousands are "
            "better: scores of few items are mostly chance."
        )
    order = torch.randperm(count, generator=make_generator(0)).numpy()
    held_out = max(25, int(share * count))
    learn, compared, training = np.split(order, [int(_LEARNT_SHARE * held_out), held_out])
    return np.sort(learn), np.sort(compared), np.sort(training)


def _part(X: Any, positions: NDArray[np.int64]) -> Any:
    """Some of the items, in the form of the data; indexing a data frame would take columns."""
    return getattr(X, "iloc", X)[positions]


def _evenly(count: int, most: int) -> NDArray[np.int64]:
    """Return places of at most so many, evenly spaced."""
    return np.linspace(0, count - 1, min(count, most)).astype(np.int64)


def _context_parts(context: Any, count: int, *parts: NDArray[np.int64]) -> list[Any]:
    if isinstance(context, Mapping):
        context = pd.DataFrame(context)
    given = len(context)
    if given != count:
        raise DataError(
            f"the context must have one row for each of the {count} items; got {given}."
        )
    if isinstance(context, list | tuple):
        return [[context[place] for place in part] for part in parts]
    return [_part(context, part) for part in parts]


def _classes(labels: Any, count: int) -> NDArray[Any] | None:
    if labels is None:
        return None
    array = np.asarray(labels)
    if array.shape != (count,):
        raise DataError(
            f"labels must be one class for each of the {count} items; got shape {array.shape}."
        )
    return array.astype(str)
