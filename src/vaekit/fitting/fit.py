"""From raw data to a trained model, its sampling prior and the health of its latents."""

import time
import warnings
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from vaekit.deadlines import Deadline, Stopwatch
from vaekit.domains.base import Domain
from vaekit.domains.captions import captions_of
from vaekit.domains.choice import infer_domain, use_networks
from vaekit.domains.context import Context
from vaekit.errors import CompositionError, SpecError, unknown_name
from vaekit.fitting.callbacks import FitReporter, Preview, PriorProgress, stage_of
from vaekit.fitting.first_stage import (
    check_alone,
    check_first_stage,
    is_frozen,
    measure,
    planned_steps,
    read_first_stage,
)
from vaekit.fitting.prior import (
    MOST_STEPS,
    prior_after,
    refit_prior,
    shared_time,
    time_left,
)
from vaekit.fitting.scorer import learn_to_score
from vaekit.fitting.trained import (
    TrainedModel,
    as_items,
    batches_of,
    prepare_context,
    resolve_context,
)
from vaekit.likelihoods.base import TABLE, TOKENS, Likelihood
from vaekit.memory import check_memory
from vaekit.metrics.latents import Health, latent_health
from vaekit.models.vae import VAE, Model
from vaekit.networks.context import ContextReader, NoReader
from vaekit.objectives.base import FixedSchedule, Objective
from vaekit.presets.base import Preset, Recipe, get_preset
from vaekit.priors.base import FittedPrior
from vaekit.priors.codes import AutoregressiveCodes
from vaekit.priors.flow_matching import FlowMatching
from vaekit.randomness import make_generator, seeded
from vaekit.streams.files import Stream
from vaekit.streams.opening import is_stream, stream
from vaekit.streams.preparing import prepare_stream
from vaekit.training.callbacks import Callback, CallbackList, FitStart, Stage
from vaekit.training.config import Items, TrainConfig, TrainingSet, item_weights, spread_places
from vaekit.training.trainer import Listener, TrainResult, train
from vaekit.types import Batch

_EXAMPLES = 1000
_SIZES = ("small", "medium", "large")
_NARROWEST = 32  # no network has a narrower layer beside the latents


def assemble(
    preset: Preset,
    domain: Domain,
    rows: Tensor,
    latent_dim: int,
    *,
    context_dim: int = 0,
    network: str = "auto",
    network_size: str = "small",
    likelihood: str | Likelihood = "auto",
    encoder: nn.Module | None = None,
    decoder: nn.Module | None = None,
    seed: int = 0,
    context: Context | None = None,
    first_stage: str | Path | None = None,
) -> Recipe:
    """Build the networks that suit the data, and let the preset fill its slots with them.

    Args:
        preset: The named model.
        domain: What was learned about the data.
        rows: The data, as the domain prepared them.
        latent_dim: Number of latents; a warning is given if that compresses nothing.
        context_dim: Size of the context; 0 without one.
        network: Name of the networks.
        network_size: ``"small"``, ``"medium"`` or ``"large"``.
        likelihood: A name or a likelihood.
        encoder: The user's own, in place of the domain's.
        decoder: The user's own, in place of the domain's.
        seed: Seed of the initial weights.
        context: What was learned about the context, in place of its size.
        first_stage: Folder of an autoencoder whose networks stand in place of the domain's and are
            not trained.

    Raises:
        SpecError: Unknown names.
        CompositionError: Parts that do not fit.
        FormatError: As of `read_first_stage`.
    """
    if not (isinstance(latent_dim, int | np.integer) and latent_dim >= 1):
        raise SpecError(f"latent_dim must be a whole number of at least 1; got {latent_dim!r}.")
    if network_size not in _SIZES:
        raise unknown_name("size", network_size, _SIZES)
    # weights into and out of the latents, their gradients and two moments
    wanted = 2 * _NARROWEST * 4 * 4 * int(latent_dim)
    check_memory(f"latent_dim={latent_dim}", wanted, "Take fewer latents.", SpecError)
    chosen = latent_dim != preset.latents_for(domain.event_shape)  # and not by the preset itself
    if chosen and latent_dim >= domain.num_features and TOKENS not in domain.supports:
        warnings.warn(
            f"latent_dim={latent_dim} is not below the {domain.num_features} values of an item, "
            "so nothing is compressed; fewer latents usually sample better.",
            stacklevel=3,
        )
    if isinstance(likelihood, str) and likelihood == "auto":
        of_table = TABLE in domain.supports
        likelihood = preset.table_likelihood if of_table else preset.likelihood
    if network == "auto" and len(domain.event_shape) == 3:
        network = preset.image_network
    with seeded(seed):
        reader = None if context is None else _reader(preset, context)
        if context is not None:
            context_dim = context.dim if reader is None else reader.vector_dim
        parts = domain.parts(
            rows,
            int(latent_dim),
            context_dim=context_dim,
            network=network,
            size=network_size,
            likelihood=likelihood,
        )
        if first_stage is not None:
            parts = read_first_stage(first_stage, domain.event_shape).replacing(parts)
        parts = use_networks(parts, domain.encode(rows[:1]), encoder, decoder)
        return preset.build(replace(parts, examples=_examples(domain, rows), reader=reader))


def _reader(preset: Preset, context: Context) -> ContextReader | None:
    """Return what reads the context for the model: nothing, where its prior reads it."""
    leaves_it = preset.prior_reads_context
    if context.captions is not None:
        leaves_it = leaves_it or preset.prior_reads_captions
    return NoReader(context.dim) if leaves_it else context.reader()


def _examples(domain: Domain, rows: Tensor) -> Tensor:
    """Return items spread evenly over the data, for parts that start from some."""
    return domain.encode(rows[spread_places(len(rows), _EXAMPLES)])


_HEALTH_ITEMS = 2000
_PRIOR_ITEMS = 20_000
_FLOW_ITEMS = 100_000
_SETTLING_ROUNDS, _SETTLING_CELLS = 5, 1_000_000


@torch.no_grad()
def calibrate(trained: TrainedModel, items: TrainingSet, config: TrainConfig) -> None:
    """Let the likelihood put its constants right, where it has some to put right.

    Args:
        trained: The model.
        items: What it was trained on.
        config: How: the same split and seed are used here.
    """
    if not (isinstance(trained.model, VAE) and trained.vae.likelihood.needs_calibration):
        return
    generator = make_generator(config.seed)
    training, _ = items.split(config.held_out, generator)
    some = _some(training, max(500, _SETTLING_CELLS // trained.domain.num_features))
    with seeded(generator):
        for _ in range(_SETTLING_ROUNDS):
            batches = batches_of(some, trained.device)
            trained.vae.likelihood.calibrate((_decoded(trained.vae, b), b) for b in batches)


def _decoded(model: VAE, batch: Batch) -> Distribution:
    """Return p(x | z) of a latent of each item: evidence, but for the items' likelihoods."""
    return model.decode_draws(model.infer(batch).z, batch.context)


def fit_prior(
    trained: TrainedModel,
    items: TrainingSet,
    config: TrainConfig,
    prior: str = "auto",
    steps: int = 0,
    seconds: float | None = None,
    preview: Preview | None = None,
    reporter: FitReporter | None = None,
) -> float:
    """Fit a prior to the latents of training items, for the model to sample from.

    Args:
        trained: The model; its fitted prior is set. One without latents is left as it is.
        items: What it was trained on.
        config: How: the same split and seed are used here.
        prior: Name of what to fit; see `NAMED_PRIORS`.
        steps: How many steps the training took; see `prior_after`.
        seconds: After which, by the clock of the limit, the fit of a network stops; ``None`` for
            no limit.
        preview: Where images are drawn on the way; ``None`` for nowhere.
        reporter: What callbacks are called by on the way; ``None`` for none.

    Returns:
        The seconds that it took.
    """
    started = time.monotonic()
    if not isinstance(trained.model, VAE):
        return 0.0
    generator = make_generator(config.seed)
    training, _ = items.split(config.held_out, generator)
    shape = trained.domain.event_shape
    with seeded(config.seed):  # the weights that a reader begins with
        reader = trained.prior_reader()
    chosen = prior_after(prior, trained.vae, shape, len(training), steps, reader)
    if isinstance(chosen, FittedPrior) and seconds is not None:
        chosen.deadline = Deadline.after(seconds, config.clock)
    tells = isinstance(chosen, AutoregressiveCodes) and chosen.network == "transformer"
    many = tells or isinstance(chosen, FlowMatching)
    most = _FLOW_ITEMS if many else _PRIOR_ITEMS
    some = _some(training, most // training.captions)
    fitting = (
        batch
        for epoch in range(some.captions)
        for batch in batches_of(some.of_epoch(epoch), trained.device)
    )
    with ExitStack() as watched:
        if isinstance(chosen, FittedPrior):
            seen = PriorProgress(trained.vae, chosen, config.progress, preview, reporter)
            watched.enter_context(seen)
        refit_prior(trained.vae, fitting, chosen, generator=generator)
    return time.monotonic() - started


def examine(trained: TrainedModel, items: TrainingSet, config: TrainConfig) -> Health | None:
    """Measure the latents, and both priors, on held-out items.

    Args:
        trained: The model.
        items: What it was trained on.
        config: How: the same split and seed are used here.

    Returns:
        The health of the latents; ``None`` for a model without latents.
    """
    if not isinstance(trained.model, VAE):
        return None
    training, held_out = items.split(config.held_out, make_generator(config.seed))
    measured = batches_of(_some(held_out or training, _HEALTH_ITEMS), trained.device)
    with seeded(config.seed):
        return latent_health(trained.vae, measured, is_given=is_frozen(trained.model))


def _some(items: TrainingSet, most: int) -> TrainingSet:
    """Return the items as their weights have them, evenly spaced ones where there are too many."""
    items = items.resampled()
    if len(items) <= most:
        return items
    return items.subset(spread_places(len(items), most))


_UNTOLD = 0.1  # Ho & Salimans 2022: .1 and .2 are alike, .5 is worse
_FEW = 10
_CAREFUL = 0.25  # of the usual step size: what is there already is to be kept


@dataclass(frozen=True)
class Plan:
    """What to build; see `Autoencoder` for the options.

    Attributes:
        preset: The named model; ``"auto"`` takes what suits the data.
        latent_dim: Number of latents; ``None`` takes what suits the model.
        domain: The kind of data.
        network: Name of the networks.
        network_size: Their size.
        likelihood: A name, or a likelihood.
        encoder: The user's own.
        decoder: The user's own.
        first_stage: Folder of an autoencoder of diffusers that is not trained; ``None`` trains one.
        text: How captions are read; ``None`` where the context is none of captions.
        context_dropout: Share of items whose context is left untold in training.
    """

    preset: str | Preset = "auto"
    latent_dim: int | None = None
    domain: str | Domain = "auto"
    network: str = "auto"
    network_size: str = "small"
    likelihood: str | Likelihood = "auto"
    encoder: nn.Module | None = None
    decoder: nn.Module | None = None
    first_stage: str | Path | None = None
    text: str | None = None
    context_dropout: float | None = None

    def context(self, raw: Any, preset: Preset) -> Context | None:
        """Return what is learned of a context; ``None`` without one.

        Raises:
            SpecError: Captions without a context, or a share outside [0, 1).
            DataError: As of `Context.fit`.
        """
        if raw is None:
            if self.text is not None:
                raise SpecError(
                    f"text={self.text!r} needs captions: pass context= with one for each item, or "
                    "leave text out."
                )
            return None
        captions = None if self.text is None else captions_of(self.text)
        usual = _UNTOLD if captions is not None or preset.guided else 0.0
        share = usual if self.context_dropout is None else self.context_dropout
        if not 0 <= share < 1:
            raise SpecError(f"context_dropout must be in [0, 1); got {share}.")
        return Context(captions=captions, dropout=share).fit(raw)

    def resolve(self, domain: Domain) -> tuple[Preset, int]:
        """Return the preset for these data, and its number of latents.

        Raises:
            SpecError: No preset has that name, or it does not go with a first stage.
        """
        preset = get_preset(domain.default_preset if self.preset == "auto" else self.preset)
        if self.first_stage is not None:
            self._check_first_stage(preset, domain)
        suiting = preset.latents_for(domain.event_shape)
        return preset, suiting if self.latent_dim is None else self.latent_dim

    def _check_first_stage(self, preset: Preset, domain: Domain) -> None:
        others = {
            "latent_dim": self.latent_dim is not None,
            "network": self.network != "auto",
            "network_size": self.network_size != "small",
            "encoder": self.encoder is not None,
            "decoder": self.decoder is not None,
        }
        check_alone(preset.name, preset.options, others)
        if not domain.draws_images:
            raise CompositionError(
                f"first_stage is for images; got {type(domain).__name__}. Pass images, or leave it "
                "out."
            )

    def assembled(self, domain: Domain, context: Context | None, rows: Tensor, seed: int) -> Recipe:
        """Return the model, untrained, and its objective; see `vaekit.fitting.fit`."""
        preset, latent_dim = self.resolve(domain)
        return assemble(
            preset,
            domain,
            rows,
            latent_dim,
            context=context,
            network=self.network,
            network_size=self.network_size,
            likelihood=self.likelihood,
            encoder=self.encoder,
            decoder=self.decoder,
            seed=seed,
            first_stage=self.first_stage,
        )


@dataclass(frozen=True)
class Fitted:
    """What a fit leaves behind.

    Attributes:
        preset: The named model.
        trained: The model, with its prior for sampling.
        result: How the training went.
        health: The state of the latents; ``None`` for models without latents.
        seconds: Time that training and the fit of the prior took.
        remarks: What the domain has to say of the model; see `Domain.remarks`.
    """

    preset: Preset
    trained: TrainedModel
    result: TrainResult
    health: Health | None
    seconds: float
    remarks: Mapping[str, str] = field(default_factory=dict)


def fit_model(
    plan: Plan,
    X: Any,
    context: Any,
    config: TrainConfig,
    *,
    sample_weight: Any = None,
    folder: str | Path | None = None,
    resume: bool = False,
    listeners: Sequence[Listener] = (),
    callbacks: Sequence[Callback] | None = None,
) -> Fitted:
    """Learn the schema, train, fit the sampling prior, and examine the latents.

    Args:
        plan: What to build.
        X: Raw data, or a path to them.
        context: Labels or properties to condition the model on, or ``None``; of a folder of images
            with a ``metadata.csv`` or ``.jsonl`` the name of a column of it.
        config: How to train; the preset may fill what is left open.
        sample_weight: How much each item counts in training, the choice of the best weights, and
            the prior for sampling; ``None`` for all alike. The schema is learned from all items.
        folder: For checkpoints.
        resume: Go on from the checkpoint there.
        listeners: Called with each `Event` of the training.
        callbacks: Of the user; all hooks but `Callback.on_fit_end` are called here.

    Raises:
        VaekitError: See `Autoencoder.fit`.

    Example:
        >>> from vaekit.datasets import digits
        >>> config = TrainConfig(max_epochs=1, progress=False)
        >>> fit_model(Plan(latent_dim=4), digits().images, None, config).result.best_epoch
        1
    """
    observers, reading = CallbackList(callbacks), Stopwatch(config.clock)
    if plan.first_stage is not None:
        check_first_stage(plan.first_stage)
    with ExitStack() as opened:
        if is_stream(X):
            streamed = X if isinstance(X, Stream) else stream(X)
            given = _opened(opened, plan, streamed, context, sample_weight, config)
        else:
            given = _in_memory(plan, X, context, sample_weight)
        config = config.after(reading.seconds())
        return _fit(plan, given, config, folder, resume, observers, listeners)


@dataclass(frozen=True)
class _Given:
    """Data that are ready to learn from.

    Attributes:
        domain: What was learned of them.
        learned: What was learned of their context.
        items: The training set.
        X: The data as the domain reads them; ``None`` where they are not in memory.
    """

    domain: Domain
    learned: Context | None
    items: TrainingSet
    X: Any = None


def _in_memory(plan: Plan, X: Any, context: Any, sample_weight: Any) -> _Given:
    domain = infer_domain(X, plan.domain).with_source(X)
    context = resolve_context(domain, X, context, must=True)
    X = domain.read(X)
    domain = domain.fit(X)
    preset, _ = plan.resolve(domain)
    learned = plan.context(context, preset)
    items = as_items(domain, learned, X, context, all_captions=True)
    items = weighted(replace(items, groups=domain.split_groups(X)), sample_weight)
    return _Given(domain, learned, items, X)


def _opened(
    opened: ExitStack,
    plan: Plan,
    streamed: Stream,
    context: Any,
    sample_weight: Any,
    config: TrainConfig,
) -> _Given:
    """Read a stream twice; its rows are there until what was opened is closed.

    Raises:
        SpecError: Weights, which items of a stream have none of.
    """
    if sample_weight is not None:
        raise SpecError(
            "items that stream have no weights; leave sample_weight out, or pass items in memory."
        )

    def held_out(domain: Domain, count: int) -> float:
        preset, _ = plan.resolve(domain)
        return config.suggested(preset.training_for(count, domain.event_shape)).held_out

    reading = prepare_stream(
        streamed, plan.domain, held_out, context=context, progress=config.progress
    )
    data = opened.enter_context(reading)
    preset, _ = plan.resolve(data.domain)
    learned = plan.context(data.context, preset)
    if learned is None:
        return _Given(data.domain, None, data.items)
    rows = prepare_context(learned, data.context, data.count)
    return _Given(data.domain, learned, data.with_context(rows))


def _fit(
    plan: Plan,
    given: _Given,
    config: TrainConfig,
    folder: str | Path | None,
    resume: bool,
    observers: CallbackList,
    listeners: Sequence[Listener],
) -> Fitted:
    domain, learned, items = given.domain, given.learned, given.items
    preset, _ = plan.resolve(domain)
    config = config.suggested(preset.training_for(len(items), domain.event_shape))
    if len(items) < _FEW:
        warnings.warn(
            f"{len(items)} items are few to learn from: the model will know them by heart. Some "
            "hundreds are better.",
            stacklevel=3,
        )
    model, objective = plan.assembled(domain, learned, items.examples(), config.seed)
    if not observers:
        work = _Work(plan, preset, domain, learned, given.X, items, config, tuple(listeners))
        return work.fit(model, objective, folder, resume)
    reporter = FitReporter(observers, domain, learned, items)
    work = _Work(
        plan, preset, domain, learned, given.X, items, config, (*listeners, reporter), reporter
    )
    with observers.fitting(fit_start(plan, preset, domain, items, config, model, folder)):
        fitted = work.fit(model, objective, folder, resume)
        reporter.finish(fitted.trained.model, fitted.health)
    return fitted


def fit_start(
    plan: Plan,
    preset: Preset,
    domain: Domain,
    items: TrainingSet,
    config: TrainConfig,
    model: Model,
    folder: str | Path | None,
) -> FitStart:
    """Return what callbacks hear of a fit before it begins."""
    _, latent_dim = plan.resolve(domain)
    stages: list[Stage] = [] if is_frozen(model) else ["model"]
    stages += ["prior"] if isinstance(model, VAE) else []
    chosen = {f.name: getattr(plan, f.name) for f in fields(plan)} | {"latent_dim": latent_dim}
    options = {**chosen, **asdict(config), "preset": preset.name}
    plain = {k: v for k, v in options.items() if isinstance(v, str | int | float | None)}
    own = {f"option.{name}": _plain(value) for name, value in preset.options.items()}
    place = None if folder is None else Path(folder)
    return FitStart(
        preset.name, type(domain).__name__, len(items), plain | own, tuple(stages), place
    )


def _plain(value: Any) -> Any:
    return value if isinstance(value, str | int | float | None) else str(value)


@dataclass(frozen=True)
class _Work:
    """What a fit needs once the data are read."""

    plan: Plan
    preset: Preset
    domain: Domain
    learned: Context | None
    X: Any
    items: TrainingSet
    config: TrainConfig
    listeners: tuple[Listener, ...]
    reporter: FitReporter | None = None

    def fit(
        self, model: Model, objective: Objective, folder: str | Path | None, resume: bool
    ) -> Fitted:
        """Train, fit the sampling prior, and examine the latents."""
        domain, items = self.domain, self.items
        config = learn_to_score(model, self.learned, domain, items, self.config, folder)
        listeners, preview = self.listeners, None
        if folder is not None and domain.draws_images:
            preview = Preview(domain, self.learned, items, folder)
            listeners = (*listeners, preview)
        learned_from = items.count_for_training(config.held_out)
        if is_frozen(model):
            result = measure(model, items, config)
            seconds = time_left(config, result.spent)
            steps = planned_steps(config, learned_from, MOST_STEPS)
        else:
            training, seconds = shared_time(config, self.preset.prior, learned_from, model)
            with stage_of(self.reporter, "model"):
                result = train(
                    model,
                    objective,
                    items,
                    training,
                    folder=folder,
                    resume=resume,
                    callbacks=listeners,
                )
            steps = int(result.history[-1]["step"])
        trained = TrainedModel(model.eval(), domain, self.learned)
        calibrate(trained, items, config)
        trained = domain.finished(trained, items, config)
        with stage_of(self.reporter, "prior", is_there=isinstance(model, VAE)):
            spent = fit_prior(
                trained, items, config, self.preset.prior, steps, seconds, preview, self.reporter
            )
        if preview is not None:
            preview.finish(trained.model)
        health = examine(trained, items, config)
        remarks = {} if self.X is None else domain.remarks(trained, self.X)
        return Fitted(self.preset, trained, result, health, result.seconds + spent, remarks)


def weighted(items: Items, sample_weight: Any) -> Items:
    """Return items with weights; those of weight 0 are left out.

    Raises:
        DataError: As of `vaekit.training.item_weights`.
    """
    weights = item_weights(sample_weight, len(items))
    if weights is None:
        return items
    kept = weights.nonzero().squeeze(1)
    parts = (items.context, items.observed, items.lengths, items.groups)
    context, observed, lengths, groups = (None if part is None else part[kept] for part in parts)
    rows = items.rows[kept]
    return Items(rows, items.encode, context, observed, lengths, None, weights[kept], groups)


def continue_training(
    trained: TrainedModel,
    plan: Plan,
    items: Items,
    config: TrainConfig,
    listeners: Sequence[Listener] = (),
    folder: str | Path | None = None,
    resume: bool = False,
) -> TrainResult:
    """Go on training a model, on other items of the same kind.

    The optimiser starts anew, with a quarter of the usual step size; so do critics, where the
    objective has some; else its schedules stand where they ended. The prior for sampling stays as
    it was. A first stage that is not trained stays so: its noise is measured anew.

    Args:
        trained: The model; changed in place.
        plan: How it was built, for its objective.
        items: What to train on: old items among the new ones, or the old will be forgotten.
        config: How to train.
        listeners: Called with each `Event` of the training.
        folder: Where checkpoints go; ``None`` for nowhere.
        resume: Whether to go on from the checkpoint there.

    Raises:
        NonFiniteLossError: As of `train`; the model is then of no use.

    Example:
        >>> from vaekit.datasets import digits
        >>> config = TrainConfig(max_epochs=1, progress=False)
        >>> first = fit_model(Plan(latent_dim=4), digits().images[:900], None, config).trained
        >>> more = as_items(first.domain, None, digits().images, None)
        >>> len(continue_training(first, Plan(latent_dim=4), more, config).history)
        1
    """
    preset, _ = plan.resolve(trained.domain)
    config = config.suggested(preset.training_for(len(items), trained.domain.event_shape))
    if is_frozen(trained.model):
        return measure(trained.model, items, config)
    careful = _CAREFUL * config.peak_rate(trained.model)
    config = replace(config, learning_rate=config.learning_rate or careful)
    objective = plan.assembled(trained.domain, trained.context, items.rows, config.seed).objective
    if set(objective.groups(trained.model)) == {"model"}:
        objective = FixedSchedule(objective)
    result = train(
        trained.model.train(),
        objective,
        items,
        config,
        folder=folder,
        resume=resume,
        callbacks=listeners,
    )
    trained.model.eval()
    calibrate(trained, items, config)
    return result
