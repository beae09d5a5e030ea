"""Which model tells anomalies best, by the kind of items and by what is known of them."""

import math
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from vaekit.domains import ArrayDomain, Domain, ImageDomain, SeriesDomain, TableDomain
from vaekit.presets import Preset, beta_vae, vae

__all__ = ["Suited", "suited_to"]

# Weights of the KL: clean items need not be compressed as much as others, and wide ones even less.
_LESS, _LEAST, _WIDE = 0.3, 0.1, 256
_LATENTS_OF_SERIES = 4  # with more, anomalies are given back as well as the rest


class Suited(NamedTuple):
    """What suits some items.

    Attributes:
        domain: The kind of items, with options chosen.
        preset: The model.
        latent_dim: Its latents; ``None`` for as many as it takes.
        likelihood: Its likelihood.
        score: What tells anomalies; see `vaekit.tasks.anomalies.SCORES`.
    """

    domain: Domain
    preset: Preset
    latent_dim: int | None
    likelihood: str
    score: str


def suited_to(domain: Domain, clean: bool, X: Any) -> Suited:
    """What suits items of a kind.

    Args:
        domain: The kind.
        clean: Whether the training items are known to be normal.
        X: The training items.
    """
    score = "novelty" if clean else "contaminated"
    if isinstance(domain, TableDomain):  # among ranks, the largest is never far away
        domain = replace(domain, scale="straight", unseen="hole")
    elif isinstance(domain, SeriesDomain):
        kind = "window" if domain.window is not None and clean else "series"
        return Suited(domain, vae(), _LATENTS_OF_SERIES, "auto", f"{kind}_{score}")
    elif isinstance(domain, ArrayDomain | ImageDomain) and clean:
        # One noise for columns of one range: else the model explains the easy ones only.
        if isinstance(domain, ArrayDomain):
            domain = replace(domain, scaling="range")
        wide = isinstance(domain, ImageDomain) or math.prod(np.asarray(X).shape[1:]) >= _WIDE
        preset = beta_vae(beta=_LEAST if wide else _LESS)
        score = "wide_novelty" if wide else score
        return Suited(domain, preset, None, "learned_gaussian", score)
    return Suited(domain, vae(), None, "auto", score)
