"""What tells how well items fit their captions, learned beside a model to choose samples by."""

import itertools
import math
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.utils import clip_grad_norm_

from vaekit.deadlines import Deadline, Stopwatch
from vaekit.domains.base import Domain
from vaekit.domains.context import Context
from vaekit.files import expanded_path
from vaekit.fitting.first_stage import planned_steps
from vaekit.models.samplers import GAN, Diffusion
from vaekit.models.vae import VAE, Model
from vaekit.networks.scorers import TagScorer
from vaekit.optimizers import Adam
from vaekit.randomness import seeded
from vaekit.training.config import TrainConfig, TrainingSet, spread_places
from vaekit.training.launching import device_of_process
from vaekit.training.state import CHECKPOINT_NAME
from vaekit.types import Batch

_SHARE, _MOST_SECONDS = 0.1, 90.0  # of a given time; after that it gains little
_MOST_STEPS, _PASSES = 2000, 12
_BATCH, _RATE, _LARGEST_GRADIENT = 64, 2e-3, 10.0
_COUNTED, _AT_ONCE = 5000, 256  # captions whose words are counted


def learn_to_score(
    model: Model,
    learned: Context | None,
    domain: Domain,
    items: TrainingSet,
    config: TrainConfig,
    folder: str | Path | None,
) -> TrainConfig:
    """Give a model of captions a scorer, and let that learn; see `TagScorer`.

    Args:
        model: Untrained; its scorer is set.
        learned: What was learned of the context.
        domain: What was learned of the items.
        items: What to learn from.
        config: How the model is to be trained.
        folder: Where the model's training may have left a checkpoint, which holds what the scorer
            has learned.

    Returns:
        The same options with what is left of the time.
    """
    can_keep_one = isinstance(model, VAE | Diffusion | GAN)
    if learned is None or learned.captions is None or not can_keep_one:
        return config
    spent = Stopwatch(config.clock)
    model.scorer = make_scorer(domain, items.examples(), config.seed)
    if folder is not None and (expanded_path(folder) / CHECKPOINT_NAME).exists():
        model.scorer.requires_grad_(False)  # the training goes on from there, or is refused
        return config
    training, _ = items.split(config.held_out, torch.Generator().manual_seed(config.seed))
    seconds = None
    if config.most_seconds is not None:
        seconds = min(_MOST_SECONDS, _SHARE * config.most_seconds)
    steps = planned_steps(config, len(training), _MOST_STEPS)
    fit_scorer(model.scorer, training, config, device_of_process(config), steps, seconds)
    return config.after(spent.seconds())


def make_scorer(domain: Domain, rows: Tensor, seed: int) -> TagScorer:
    """Return a scorer that has learned nothing, with an encoder that suits the items.

    Args:
        domain: What was learned of the items.
        rows: Some of them, as the domain prepared them.
        seed: Of its weights.
    """
    network = "resnet" if len(domain.event_shape) == 3 else "auto"
    with seeded(seed):
        parts = domain.parts(rows, 1, network=network)
        return TagScorer(parts.encoder, parts.features_dim)


def fit_scorer(
    scorer: TagScorer,
    items: TrainingSet,
    config: TrainConfig,
    device: torch.device,
    steps: int,
    seconds: float | None,
) -> None:
    """Let a scorer learn from items and their captions.

    Args:
        scorer: Changed in place; its weights stay as they are from then on.
        items: With captions.
        config: How the model is trained, for its seed and clock.
        device: Where the scorer is to be.
        steps: Optimiser steps; it takes at most twelve passes over the items.
        seconds: After which, by the clock of the limit, it stops; ``None`` for no limit.
    """
    most = max(1, min(steps, _PASSES * math.ceil(len(items) / _BATCH)))
    deadline = None if seconds is None else Deadline.after(seconds, config.clock)
    with seeded(config.seed):
        scorer.to(device).start_from(_captions(items).to(device))
        scorer.train().requires_grad_(True)
        optimizer = Adam(scorer.parameters(), _RATE, fused=True)
        done = _progress(most, deadline)
        for step, batch in enumerate(itertools.islice(_batches(items, config, device), most)):
            share = done(step)
            if share >= 1:
                break
            for group in optimizer.param_groups:
                group["lr"] = _RATE * (1 + math.cos(math.pi * share)) / 2
            assert batch.context is not None, "items have captions"
            loss = scorer.losses(batch.visible, batch.context).mean()
            optimizer.zero_grad()
            loss.backward()
            clip_grad_norm_(scorer.parameters(), _LARGEST_GRADIENT)
            optimizer.step()
    scorer.eval().requires_grad_(False)


def _progress(steps: int, deadline: Deadline | None) -> Callable[[int], float]:
    """Return the share that is done before each step, of the steps or of the time."""
    if deadline is None:
        return lambda step: step / steps
    allowed = max(deadline.left(), 1e-3)
    return lambda step: max(step / steps, 1 - deadline.left() / allowed)


def _batches(items: TrainingSet, config: TrainConfig, device: torch.device) -> Iterator[Batch]:
    """Yield batches without an end, of several captions of an item one after the other."""
    for epoch in itertools.count():
        some = items.of_epoch(epoch)
        for index in some.batches(_BATCH, config.seed, epoch):
            yield some.batch(index, device)


def _captions(items: TrainingSet) -> Tensor:
    """Return the captions of some items, spread evenly."""
    cpu, rows = torch.device("cpu"), []
    for index in spread_places(len(items), _COUNTED).split(_AT_ONCE):
        batch = items.batch(index, cpu)
        assert batch.context is not None, "items have captions"
        rows.append(batch.context)
    return torch.cat(rows)
