"""The records that travel between the parts, and the protocols that tasks ask for.

Axis words are the same everywhere: ``draws`` (samples of z per item), ``batch`` (items),
``*event`` (the shape of one item), ``*latent``, ``context``, ``features``. Log densities are in
nats per item: summed over event axes, never averaged over the batch before the last line.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple, Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float, Shaped
from torch import Tensor
from torch.distributions import Distribution

from vaekit.errors import CompositionError

LogDensity = Callable[[Tensor], Tensor]
"""z of shape (draws, batch, *latent) -> log p(x, z) in nats, shape (draws, batch)."""

Aggregate = Callable[[Tensor], Distribution]
"""Pseudo-inputs of shape (batch, *event) -> q(z | x); what a VAMP prior mixes."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Items as the networks see them.

    Attributes:
        x: The items, scaled by their domain.
        context: What the model is conditioned on: one-hot classes, standardised properties.
        observed: False marks a missing cell; ``None`` means that all are observed.
    """

    x: Shaped[Tensor, "batch *event"]
    context: Float[Tensor, "batch context"] | None = None
    observed: Bool[Tensor, "batch *event"] | None = None

    @property
    def visible(self) -> Shaped[Tensor, "batch *event"]:
        """The items with 0 in their missing cells, so that those have no influence."""
        if self.observed is None:
            return self.x
        return torch.where(self.observed, self.x, torch.zeros_like(self.x))


class Conditioning(NamedTuple):
    """What a network is told of each item.

    Attributes:
        vector: All of it in one vector, shape (batch, width).
        sequence: A vector for each word, shape (batch, places, width), for networks that attend
            to it; ``None`` where there are no words.
        there: Which places hold a word, shape (batch, places).
    """

    vector: Float[Tensor, "batch width"]
    sequence: Float[Tensor, "batch places width"] | None = None
    there: Bool[Tensor, "batch places"] | None = None


@dataclass(frozen=True, slots=True)
class SamplingOptions:
    """How items are drawn, beyond their number and context; each is for models that know it.

    Attributes:
        guidance: How far to go in the direction that the context shows: 1 as it was learned, more
            for items that show more of it, 0 for none of it.
        negative: What to go away from in place of what is made without a context, a row for each
            item.
        steps: Steps of the solver, in place of the model's own.
        solver: Its name, in place of the model's own; see `vaekit.distributions.solvers`.
        start: Items to begin from, as the networks see them, in place of noise.
        strength: How much of the way from noise is gone anew from there, from 0 (nothing
            changes) to 1 (nothing is left of them).
        mask: Where they are made anew, 1, and where they stay, 0, shape (batch, 1, height, width).
        temperature: Of codes: below 1 the most probable ones are drawn more often still; ``None``
            for the prior's own.
        top_k: Of codes: only so many of the most probable ones are drawn; 0 for all.
        top_p: Of codes: only the most probable ones that make up this share; ``None`` for the
            prior's own.
        rerank: Of models of captions, and of codes: so many candidates are drawn for each item, of
            which the one that fits its context best is kept.
    """

    guidance: float = 1.0
    negative: Float[Tensor, "batch context"] | None = None
    steps: int | None = None
    solver: str | None = None
    start: Float[Tensor, "batch *event"] | None = None
    strength: float = 1.0
    mask: Float[Tensor, "batch 1 height width"] | None = None
    temperature: float | None = None
    top_k: int = 0
    top_p: float | None = None
    rerank: int = 1

    def at(self, index: Tensor) -> "SamplingOptions":
        """Return the same for some of the items."""
        parts = (self.negative, self.start, self.mask)
        negative, start, mask = (None if part is None else part[index] for part in parts)
        return replace(self, negative=negative, start=start, mask=mask)


AS_LEARNED = SamplingOptions()
"""Items as the model has learned to make them."""


@dataclass(frozen=True, slots=True)
class TrainingProgress:
    """The only thing that a schedule may depend on.

    Attributes:
        step: Optimiser steps done, from 0.
        total: Optimiser steps planned, at least 1.
        items: Items in the training set (minibatch estimates of q(z) need it).
    """

    step: int
    total: int
    items: int


Schedule = Callable[[TrainingProgress], float]


@dataclass(frozen=True)
class Draw:
    """Latents drawn for a batch, with their two densities.

    The densities are computed when first read: a loss with a closed-form KL never pays for them.

    Attributes:
        z: The draws.
        q: The posterior q(z | x, c).
        p: The prior p(z | c).
        has_density: False for posteriors that are points (plain autoencoders).
        traced: log q(z | x) where drawing has told it, shape (draws, batch).
        kl: KL(q || p) of each item where drawing has told it, shape (draws, batch).
    """

    z: Float[Tensor, "draws batch *latent"]
    q: Distribution
    p: Distribution
    has_density: bool = True
    traced: Float[Tensor, "draws batch"] | None = None
    kl: Float[Tensor, "draws batch"] | None = None

    @cached_property
    def log_q(self) -> Tensor | None:
        """Effective log q(z | x) in nats, shape (draws, batch); ``None`` without a density."""
        if self.traced is not None:
            return self.traced
        return self.q.log_prob(self.z) if self.has_density else None

    @cached_property
    def log_p(self) -> Tensor | None:
        """log p(z) in nats, shape (draws, batch); ``None`` without a density."""
        return self.p.log_prob(self.z) if self.has_density else None


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that an objective may read about one batch.

    Attributes:
        batch: The items.
        draw: Their latents.
        px: The distribution p(x | z) of every cell, with batch shape (draws, batch, *event).
        log_px: log p(x | z) in nats, summed over observed cells.
        features: What the decoder said, before the likelihood read it.
    """

    batch: Batch
    draw: Draw
    px: Distribution
    log_px: Float[Tensor, "draws batch"]
    features: Float[Tensor, "draws batch channels *event"] | None = None

    @property
    def log_w(self) -> Float[Tensor, "draws batch"]:
        """Log importance weights log p(x|z) + log p(z) - log q(z|x), nats (Burda 2016, eq. 7).

        Raises:
            CompositionError: The posterior is a point and has no density.
        """
        log_q, log_p = self.draw.log_q, self.draw.log_p
        if log_q is None or log_p is None:
            raise CompositionError(
                f"importance weights need a posterior with a density; got {self.draw.q!r}, which "
                "is a point. Use a Gaussian posterior, or an objective without 'density'."
            )
        return self.log_px + log_p - log_q


@dataclass(frozen=True, slots=True)
class Update:
    """One optimiser update asked for by an objective.

    Attributes:
        losses: For each parameter group to move now, the scalar to descend (nats).
        terms: Detached scalars for the history and the progress bar (nats unless named else).
    """

    losses: Mapping[str, Float[Tensor, ""]]
    terms: Mapping[str, Float[Tensor, ""]]


@runtime_checkable
class Samples(Protocol):
    """A model that generates items."""

    def sample(
        self, n: int, context: Tensor | None = None, *, generator: torch.Generator | None = None
    ) -> Tensor:
        """Generate items; see `Model.sample`."""


@runtime_checkable
class Encodes(Protocol):
    """A model with a latent representation in both directions."""

    def encode(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """Return the posterior mean; see `VAE.encode`."""

    def decode(self, z: Tensor, context: Tensor | None = None) -> Distribution:
        """p(x | z); see `VAE.decode`."""


@runtime_checkable
class Scores(Protocol):
    """A model with a log density of its items, in nats."""

    def log_prob(
        self,
        x: Tensor,
        context: Tensor | None = None,
        *,
        observed: Tensor | None = None,
        draws: int = 100,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Nats per item; see `VAE.log_prob`."""
