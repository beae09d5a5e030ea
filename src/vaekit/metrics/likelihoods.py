"""Estimates of log p(x), with their errors, also by annealed importance sampling."""

import itertools
import math
import statistics
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.distributions import Distribution

from vaekit.errors import CompositionError, DataError, SpecError
from vaekit.models.vae import VAE
from vaekit.randomness import make_generator, seeded
from vaekit.types import Batch, LogDensity, Scores


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
        """Return the normal confidence interval of the mean, in nats.

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
        """Return the mean in bits per value; see `bits_per_dim`.

        Args:
            num_values: Values of an item.
            levels: Of the data; 1 for a likelihood of discrete values.
        """
        return bits_per_dim(self.mean, num_values, levels)


def bits_per_dim(nats: float, values: int, levels: int = 256) -> float:
    """Return what an item costs, in bits for each of its values; smaller is better.

    A density of data scaled to 0 ... 1 is that of one of ``levels`` values spread over an interval
    of length 1 / levels: each value costs log2(levels) bits more than the density says. A
    likelihood of discrete values (discretised logistic, categorical, Bernoulli of binary data)
    is a probability already: pass ``levels=1``.

    Args:
        nats: Log-likelihood of an item.
        values: Values of an item: channels x height x width.
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
    """Return the importance-weighted bound of log p(x), averaged over items.

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
    """Return the evidence lower bound with weight 1 on the KL, averaged over items.

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
    """Return one draw at a time: the same memory for any number of them."""
    total = sum((model.evidence(batch).log_w[0] for _ in range(draws)), torch.zeros(()))
    return (total / draws).cpu()


_STEEPNESS = 4.0
_FIRST_STEP = 0.1
_ACCEPTANCE = 0.65
_ADAPTATION = 1.02


def annealed_log_likelihood(
    model: VAE,
    batch: Batch,
    *,
    steps: int = 1000,
    chains: int = 16,
    leapfrog: int = 10,
    generator: torch.Generator | None = None,
) -> Float[Tensor, "batch"]:
    """Estimate log p(x) of each item by annealing from the prior to its posterior.

    Chains start at the prior and pass through the densities p(z) p(x | z)^b, with b rising from 0
    to 1 along a sigmoid; between rises a Hamiltonian Monte Carlo transition follows each density.
    The encoder is not used, so a poor posterior does not loosen the estimate. The step size of
    each item follows its acceptance rate, aiming at 65 %, which makes the chains of an item very
    slightly dependent (as in the published implementations).

    It costs steps x leapfrog passes through the decoder, forward and backward, for chains x batch
    latents: with the defaults, 100 images of 28 x 28 and one hidden layer of 512, ten minutes on
    one CPU core. Put the model in evaluation mode first.

    Args:
        model: With real latents and a normalised likelihood; its own prior is used, not the one
            fitted for sampling.
        batch: The items; missing cells are left out.
        steps: Rises of b, at least 1; more are tighter.
        chains: Independent chains per item, at least 1; more are tighter.
        leapfrog: Leapfrog steps per transition, at least 1.
        generator: Source of randomness; ``None`` uses fresh entropy.

    Returns:
        Nats per item: in expectation a lower bound, which is exact in the limit of many steps.

    Raises:
        CompositionError: Latents that are codes or lie on a curved space; an energy in place of a
            likelihood.
        SpecError: Less than one step, chain or leapfrog step.

    Source: Neal 2001, "Annealed importance sampling"; Wu et al. 2017, "On the
    quantitative analysis of decoder-based generative models" (schedule, chains).

    Example:
        >>> from vaekit import latents, likelihoods, networks, posteriors, priors
        >>> model = VAE(
        ...     networks.MLPEncoder((4,), (8,)),
        ...     latents.Single(posteriors.DiagonalGaussian(8, 2), priors.StandardNormal(2)),
        ...     networks.MLPDecoder(2, (8,), (1, 4)),
        ...     likelihoods.Gaussian(0.5),
        ... )
        >>> annealed_log_likelihood(model, Batch(torch.zeros(3, 4)), steps=10).shape
        torch.Size([3])
    """
    _check(model, steps, chains, leapfrog)
    with seeded(generator), torch.no_grad():
        path = _Path(model.prior(batch.context), model.log_likelihood(batch))
        log_weights = _anneal(path, len(batch.x), _schedule(steps), chains, leapfrog)
    return torch.logsumexp(log_weights, 0) - math.log(chains)


def _check(model: VAE, steps: int, chains: int, leapfrog: int) -> None:
    if min(steps, chains, leapfrog) < 1:
        raise SpecError(
            f"steps, chains and leapfrog must be at least 1; got {steps}, {chains}, {leapfrog}."
        )
    if model.latent.num_codes or not model.latent.keeps_density:
        raise CompositionError(
            "annealing moves along gradients in flat space; the latents of this model are codes, "
            "or lie on a curved space. Use log_likelihood."
        )
    if "normalised" not in model.provides:
        raise CompositionError(
            f"{type(model.likelihood).__name__} is an energy and has no log-likelihood. Use a "
            "normalised likelihood."
        )


def _schedule(steps: int) -> list[float]:
    """Powers of the likelihood from 0 to 1, with small rises at both ends."""
    rises = torch.sigmoid(_STEEPNESS * torch.linspace(-1, 1, steps + 1, dtype=torch.float64))
    powers: list[float] = ((rises - rises[0]) / (rises[-1] - rises[0])).tolist()
    return powers


@dataclass(frozen=True)
class _Place:
    """Points with their two log densities and the gradients of those."""

    z: Float[Tensor, "draws batch *latent"]
    log_p: Float[Tensor, "draws batch"]
    log_px: Float[Tensor, "draws batch"]
    slope_p: Float[Tensor, "draws batch *latent"]
    slope_px: Float[Tensor, "draws batch *latent"]

    def height(self, power: float) -> Tensor:
        """log p(z) + power * log p(x | z)."""
        return self.log_p + power * self.log_px

    def slope(self, power: float) -> Tensor:
        """Return the gradient of `height`."""
        return self.slope_p + power * self.slope_px

    def where(self, chosen: Bool[Tensor, "draws batch"], other: "_Place") -> "_Place":
        """These points where chosen, the others elsewhere."""
        flags = chosen.unsqueeze(-1)
        return _Place(
            torch.where(flags, self.z, other.z),
            torch.where(chosen, self.log_p, other.log_p),
            torch.where(chosen, self.log_px, other.log_px),
            torch.where(flags, self.slope_p, other.slope_p),
            torch.where(flags, self.slope_px, other.slope_px),
        )


@dataclass(frozen=True)
class _Path:
    """The densities between prior and posterior."""

    prior: Distribution
    log_likelihood: LogDensity

    def start(self, chains: int, items: int) -> _Place:
        """Draws from the prior."""
        shape = (chains,) if self.prior.batch_shape else (chains, items)
        return self.at(self.prior.sample(torch.Size(shape)))

    @torch.enable_grad()
    def at(self, z: Tensor) -> _Place:
        """Everything at some points."""
        z = z.detach().requires_grad_()
        log_p, log_px = self.prior.log_prob(z), self.log_likelihood(z)
        (slope_p,) = torch.autograd.grad(log_p.sum(), z)
        (slope_px,) = torch.autograd.grad(log_px.sum(), z)
        return _Place(z.detach(), log_p.detach(), log_px.detach(), slope_p, slope_px)


def _anneal(path: _Path, items: int, powers: list[float], chains: int, leapfrog: int) -> Tensor:
    """Log weights of the chains, shape (chains, items); reads the global random stream."""
    place = path.start(chains, items)
    log_weights = torch.zeros_like(place.log_px)
    size = torch.full_like(place.log_px[0], _FIRST_STEP)
    for before, power in itertools.pairwise(powers):
        log_weights += (power - before) * place.log_px
        place, accepted = _move(path, place, power, size, leapfrog)
        rate = accepted.to(size).mean(0)
        size = torch.where(rate > _ACCEPTANCE, size * _ADAPTATION, size / _ADAPTATION)
    return log_weights


def _move(
    path: _Path, place: _Place, power: float, size: Tensor, leapfrog: int
) -> tuple[_Place, Tensor]:
    """One Hamiltonian Monte Carlo transition (Neal 2011, section 3.2), and which were accepted."""
    momentum = torch.randn_like(place.z)
    before = place.height(power) - _kinetic(momentum)
    step = size.unsqueeze(-1)
    proposal = place
    for _ in range(leapfrog):
        momentum = momentum + 0.5 * step * proposal.slope(power)
        proposal = path.at(proposal.z + step * momentum)
        momentum = momentum + 0.5 * step * proposal.slope(power)
    gain = proposal.height(power) - _kinetic(momentum) - before
    accepted = torch.rand_like(gain).log() < gain  # never where the gain is NaN
    return proposal.where(accepted, place), accepted


def _kinetic(momentum: Tensor) -> Tensor:
    return 0.5 * momentum.square().sum(-1)
