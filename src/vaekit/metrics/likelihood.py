"""Estimates of log p(x), with their errors."""

import math
import statistics
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from vaekit.errors import CompositionError, DataError, SpecError
from vaekit.models import VAE
from vaekit.randomness import make_generator, seeded
from vaekit.types import Batch, Scores

__all__ = ["Estimate", "bits_per_dim", "elbo_estimate", "log_likelihood"]


@dataclass(frozen=True)
class Estimate:
    """The mean of a quantity over items.

    Attributes:
        mean: In nats per item for likelihoods; otherwise in the quantity's unit.
        standard_error: Of the mean, for items drawn at random; in the same unit.
        items: How many.

    Example:
        >>> Estimate(-90.0, 0.5, 1000).interval()
        (-90.9799..., -89.0200...)
    """

    mean: float
    standard_error: float
    items: int

    @classmethod
    def of(cls, values: Float[Tensor, "items"]) -> "Estimate":
        """Average values of single items.

        Args:
            values: One per item.

        Raises:
            DataError: Fewer than two items, which have no standard error.
        """
        if len(values) < 2:
            raise DataError(f"an estimate needs at least two items; got {len(values)}. Pass more.")
        values = values.double()
        error = values.std() / math.sqrt(len(values))
        return cls(values.mean().item(), error.item(), len(values))

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """The normal confidence interval of the mean, in nats.

        Args:
            level: Its probability, between 0 and 1.

        Raises:
            SpecError: Another level.
        """
        if not 0 < level < 1:
            raise SpecError(f"level must be between 0 and 1; got {level}. 0.95 is usual.")
        half = statistics.NormalDist().inv_cdf((1 + level) / 2) * self.standard_error
        return self.mean - half, self.mean + half

    def bits_per_dim(self, num_values: int, levels: int = 256) -> float:
        """The mean in bits per value; see `bits_per_dim`.

        Args:
            num_values: Values of an item.
            levels: Of the data; 1 for a likelihood of discrete values.
        """
        return bits_per_dim(self.mean, num_values, levels)


def bits_per_dim(nats: float, values: int, levels: int = 256) -> float:
    """What an item costs, in bits for each of its values; smaller is better.

    A density of data scaled to 0 ... 1 is that of one of ``levels`` values spread over an interval
    of length 1 / levels: each value costs log2(levels) bits more than the density says. A
    likelihood of discrete values (discretised logistic, categorical, Bernoulli of binary data)
    is a probability already: pass ``levels=1``.

    Args:
        nats: Log-likelihood of an item.
        values: Values of an item: colours x height x width.
        levels: How many levels were scaled to 0 ... 1; 256 for 8-bit images.

    Raises:
        SpecError: Fewer than one value or level.

    Source: Theis et al. 2016, "A note on the evaluation of generative models", section 3.1.

    Example:
        >>> bits_per_dim(0.0, values=784)  # the uniform density
        8.0
    """
    if values < 1 or levels < 1:
        raise SpecError(f"values and levels must be at least 1; got {values} and {levels}.")
    return -nats / (values * math.log(2)) + math.log2(levels)


@torch.no_grad()
def log_likelihood(
    model: Scores,
    batches: Iterable[Batch],
    *,
    draws: int = 64,
    generator: torch.Generator | None = None,
) -> Estimate:
    """The importance-weighted bound of log p(x), averaged over items.

    In expectation a lower bound, tighter for more draws; `annealed_log_likelihood` is tighter
    still where the posterior is poor. Missing cells are left out, so that it is the density of the
    observed ones. Put the model in evaluation mode first.

    Args:
        model: With a log density.
        batches: Held-out items.
        draws: Importance samples per item, at least 1.
        generator: Source of randomness; ``None`` uses fresh entropy.

    Raises:
        DataError: Fewer than two items.
        SpecError: Fewer than one draw.

    Source: Burda et al. 2016, "Importance weighted autoencoders", eq. 8.
    """
    stream = make_generator(None) if generator is None else generator
    values = [
        model.log_prob(
            batch.x, batch.context, observed=batch.observed, draws=draws, generator=stream
        ).cpu()
        for batch in batches
    ]
    return Estimate.of(torch.cat([torch.empty(0), *values]))


@torch.no_grad()
def elbo_estimate(
    model: VAE,
    batches: Iterable[Batch],
    *,
    draws: int = 16,
    generator: torch.Generator | None = None,
) -> Estimate:
    """The evidence lower bound with weight 1 on the KL, averaged over items.

    Each draw gives a bound of its own, and an item's are averaged: more draws make it steadier, not
    tighter. Missing cells are left out. Put the model in evaluation mode first.

    Args:
        model: Whose posterior has a density.
        batches: Held-out items.
        draws: Latents per item, at least 1.
        generator: Source of randomness; ``None`` uses fresh entropy.

    Raises:
        CompositionError: A posterior without a density.
        DataError: Fewer than two items.
        SpecError: Fewer than one draw.

    Source: Kingma & Welling 2014, "Auto-encoding variational Bayes", eq. 2.
    """
    if draws < 1:
        raise SpecError(f"draws must be at least 1; got {draws}.")
    if "density" not in model.provides:
        raise CompositionError(
            f"an ELBO needs a posterior with a density; this model provides "
            f"{sorted(model.provides)}. Use a Gaussian posterior."
        )
    with seeded(generator):
        values = [_elbo(model, batch, draws) for batch in batches]
    return Estimate.of(torch.cat([torch.empty(0), *values]))


def _elbo(model: VAE, batch: Batch, draws: int) -> Float[Tensor, "batch"]:
    """One draw at a time: the same memory for any number of them."""
    total = sum((model.evidence(batch).log_w[0] for _ in range(draws)), torch.zeros(()))
    return (total / draws).cpu()
