"""One small training loop for all densities that are networks."""

import copy
import math
import time
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_
from torch.optim import Adam

from vaekit.randomness import seeded

__all__ = ["FEWEST_ROWS", "train"]

FEWEST_ROWS = 10
_HELD_OUT = 0.1
_MOST_HELD_OUT = 2000
_LOOKS = 20
_LARGEST_GRADIENT = 10.0

Losses = Callable[..., Tensor]
"""Rows (latents, and contexts where there are some) -> the loss of each, shape (batch,)."""


def train(
    net: nn.Module,
    losses: Losses,
    rows: tuple[Tensor, ...],
    steps: int,
    batch_size: int,
    learning_rate: float,
    deadline: float | None = None,
) -> None:
    """Descend the mean loss by Adam; keep the weights that were best on a held-out tenth.

    Reads the global random stream; see `vaekit.randomness.seeded`.

    Args:
        net: What learns; changed in place.
        losses: The loss of each row under the net, in nats.
        rows: Tensors with as many rows.
        steps: Optimiser steps.
        batch_size: Rows per step.
        learning_rate: Adam's first step size; it falls to 0 along a cosine.
        deadline: Reading of `time.monotonic` at which to stop, if there are steps left.
    """
    held_out, rest = _split(len(rows[0]))
    optimiser = Adam(net.parameters(), learning_rate, fused=True)
    progress = _progress(steps, deadline)
    best, weights = _score(losses, rows, held_out), copy.deepcopy(net.state_dict())
    for step, index in enumerate(_batches(rest, batch_size, steps), start=1):
        with torch.enable_grad():
            loss = losses(*(row[index] for row in rows)).mean()
            optimiser.zero_grad()
            loss.backward()
        clip_grad_norm_(net.parameters(), _LARGEST_GRADIENT)
        optimiser.step()
        done = progress(step)
        for group in optimiser.param_groups:
            group["lr"] = learning_rate * (1 + math.cos(math.pi * done)) / 2
        if step % max(1, steps // _LOOKS) == 0 or done >= 1:
            score = _score(losses, rows, held_out)
            if score < best:  # never true of NaN
                best, weights = score, copy.deepcopy(net.state_dict())
        if done >= 1:
            break
    net.load_state_dict(weights)


def _progress(steps: int, deadline: float | None) -> Callable[[int], float]:
    """The share that is done after each step, of the steps or of the time."""
    started = time.monotonic()
    if deadline is None:
        return lambda step: step / steps
    allowed = max(deadline - started, 1e-3)
    return lambda step: min(1.0, max(step / steps, (time.monotonic() - started) / allowed))


def _split(count: int) -> tuple[Tensor, Tensor]:
    """Row numbers held out, and the rest."""
    order = torch.randperm(count)
    cut = min(_MOST_HELD_OUT, max(1, int(count * _HELD_OUT)))
    return order[:cut], order[cut:]


def _batches(rest: Tensor, batch_size: int, steps: int) -> Iterator[Tensor]:
    """Row numbers of each step, every row once per round."""
    size = min(batch_size, len(rest))
    rounds = -(-steps * size // len(rest))
    order = torch.cat([torch.randperm(len(rest)) for _ in range(rounds)])
    yield from rest[order[: steps * size]].split(size)


@torch.no_grad()
def _score(losses: Losses, rows: tuple[Tensor, ...], index: Tensor) -> float:
    """The mean loss of held-out rows, with the same noise at every look."""
    with seeded(0):
        parts = [losses(*(row[part] for row in rows)) for part in index.split(500)]
    return float(torch.cat(parts).mean())
