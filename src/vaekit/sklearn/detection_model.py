"""Which model tells anomalies best, by the kind of items and by what is known of them."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from vaekit.domains import ArrayDomain, Domain, ImageDomain, SeriesDomain, TableDomain
from vaekit.presets import Preset, beta_vae, vae

__all__ = ["Lessons", "Suited", "suited_to"]

# Weights of the KL: clean items need not be compressed as much as others, and wide ones even less.
_LESS, _LEAST, _WIDE = 0.3, 0.1, 256
_STEPS, _BATCH, _RATE = 400, 256, 2e-2
_LEAST_PASSES, _MOST_PASSES = 2, 300
_LATENTS_OF_SERIES = 4  # with more, anomalies are given back as well as the rest


class Lessons(NamedTuple):
    """How long to train; `TrainConfig` explains.

    Attributes:
        steps: About how many steps.
        batch_size: Items per step; ``None`` for the usual number.
        learning_rate: The largest step size; ``None`` for the usual one.
        max_epochs: Passes over the items; ``None`` for as many as the steps take, but 10 at least.
    """

    steps: int = 1500
    batch_size: int | None = None
    learning_rate: float | None = None
    max_epochs: int | None = None


class Suited(NamedTuple):
    """What suits some items.

    Attributes:
        domain: The kind of items, with options chosen.
        preset: The model.
        latent_dim: Its latents; ``None`` for as many as it takes.
        likelihood: Its likelihood.
        score: What tells anomalies; see `vaekit.tasks.anomalies.SCORES`.
        lessons: How long to train.
    """

    domain: Domain
    preset: Preset
    latent_dim: int | None
    likelihood: str
    score: str
    lessons: Lessons = Lessons()


def suited_to(domain: Domain, clean: bool, X: Any) -> Suited:
    """What suits items of a kind.

    Args:
        domain: The kind.
        clean: Whether the training items are known to be normal.
        X: The training items.
    """
    found = _suited_to(domain, clean, X)
    # Nobody draws new items from a detector: a density that takes no time to fit will do.
    return found._replace(preset=replace(found.preset, prior="gaussian"))


def _suited_to(domain: Domain, clean: bool, X: Any) -> Suited:
    score = "novelty" if clean else "contaminated"
    if isinstance(domain, TableDomain):  # among ranks, the largest is never far away
        domain = replace(domain, scale="straight", unseen="hole")
        return Suited(domain, vae(), None, "auto", score)
    if isinstance(domain, SeriesDomain):
        kind = "window" if domain.window is not None and clean else "series"
        return Suited(domain, vae(), _LATENTS_OF_SERIES, "auto", f"{kind}_{score}")
    if isinstance(domain, ArrayDomain):
        return _suited_to_arrays(domain, clean, np.asarray(X).shape)
    if isinstance(domain, ImageDomain) and clean:
        return Suited(domain, beta_vae(beta=_LEAST), None, "learned_gaussian", "wide_novelty")
    return Suited(domain, vae(), None, "auto", score)


def _suited_to_arrays(domain: ArrayDomain, clean: bool, shape: Sequence[int]) -> Suited:
    if not clean:
        return Suited(domain, vae(), None, "auto", "contaminated", _brief(shape))
    # One noise for columns of one range: else the model explains the easy ones only.
    domain, noise = replace(domain, scaling="range"), "learned_gaussian"
    if math.prod(shape[1:]) >= _WIDE:
        return Suited(domain, beta_vae(beta=_LEAST), None, noise, "wide_novelty")
    return Suited(domain, beta_vae(beta=_LESS), None, noise, "novelty", _brief(shape))


def _brief(shape: Sequence[int]) -> Lessons:
    """Of rows of numbers: few but large steps, so that the noise gets in time where it belongs."""
    passes = round(_STEPS * _BATCH / max(1, math.prod(shape[:1])))
    return Lessons(_STEPS, _BATCH, _RATE, min(_MOST_PASSES, max(_LEAST_PASSES, passes)))
