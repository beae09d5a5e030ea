"""One latent vector per item."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Distribution

from vaekit.distributions import REAL, Traced
from vaekit.errors import CompositionError
from vaekit.latents.base import Latent
from vaekit.posteriors import Posterior, Quantiser
from vaekit.priors import Prior
from vaekit.types import Aggregate, Draw, LogDensity

__all__ = ["Single", "draw_prior"]


class Single(Latent):
    """One latent vector: any posterior with any prior of the same size and space.

    Args:
        posterior: q(z | x).
        prior: p(z).

    Raises:
        CompositionError: They differ in size or space, or the prior needs what the posterior
            does not provide.

    Example:
        >>> from vaekit.posteriors import DiagonalGaussian
        >>> from vaekit.priors import StandardNormal
        >>> latent = Single(DiagonalGaussian(8, 2), StandardNormal(2))
        >>> "density" in latent.provides
        True
    """

    def __init__(self, posterior: Posterior, prior: Prior) -> None:
        super().__init__()
        _check_pair(posterior, prior)
        self.posterior = posterior
        self.prior = prior

    @property
    def provides(self) -> frozenset[str]:
        """What posterior and prior provide."""
        return self.posterior.provides | self.prior.provides

    @property
    def latent_dim(self) -> int:
        """Number of latents."""
        return self.posterior.latent_dim

    @property
    def num_codes(self) -> int:
        """0: the coordinates are real."""
        return 0

    @property
    def num_coordinates(self) -> int:
        """Number of latents."""
        return self.latent_dim

    @property
    def keeps_density(self) -> bool:
        """Whether flat coordinates keep volumes, so that densities compare."""
        return self.posterior.manifold == REAL

    def infer(
        self,
        h: Float[Tensor, "batch features"],
        context: Float[Tensor, "batch context"] | None,
        draws: int,
        log_likelihood: LogDensity,
        aggregate: Aggregate,
    ) -> Draw:
        """Draw from q(z | x), reparametrised."""
        p = self.prior(context, aggregate)
        q = self.posterior(h, lambda z: log_likelihood(z) + p.log_prob(z))
        if isinstance(q, Traced):
            z, log_q = q.rsample_with_log_prob(torch.Size((draws,)))
            return Draw(z, q, p, traced=log_q)
        return Draw(q.rsample((draws,)), q, p, "density" in self.posterior.provides)

    def code(
        self,
        h: Float[Tensor, "batch features"],
        context: Float[Tensor, "batch context"] | None,
        log_likelihood: LogDensity,
        aggregate: Aggregate,
    ) -> Float[Tensor, "batch latent"]:
        """The posterior's mean."""
        p = self.prior(context, aggregate)
        mean: Tensor = self.posterior(h, lambda z: log_likelihood(z) + p.log_prob(z)).mean
        return mean

    def posterior_of(
        self, h: Float[Tensor, "batch features"], log_likelihood: LogDensity
    ) -> Distribution:
        """q(z | x), for posteriors that do not look at the prior."""
        q: Distribution = self.posterior(h, log_likelihood)
        return q

    def prior_of(
        self, context: Float[Tensor, "batch context"] | None, aggregate: Aggregate
    ) -> Distribution:
        """p(z | c)."""
        p: Distribution = self.prior(context, aggregate)
        return p

    def generate(
        self, n: int, context: Float[Tensor, "batch context"] | None, aggregate: Aggregate
    ) -> Float[Tensor, "batch *latent"]:
        """Draw from p(z)."""
        return draw_prior(self.prior, n, context, aggregate)

    def flatten(self, draw: Draw) -> Float[Tensor, "batch coordinates"]:
        """Flat coordinates of the space."""
        return self.posterior.manifold.flatten(draw.z[0])

    def unflatten(self, u: Float[Tensor, "batch coordinates"]) -> Float[Tensor, "batch latent"]:
        """Points of the space."""
        return self.posterior.manifold.unflatten(u)


def draw_prior(
    prior: Prior,
    n: int,
    context: Float[Tensor, "batch context"] | None,
    aggregate: Aggregate,
) -> Float[Tensor, "batch *latent"]:
    """Draw n latents: all from one p(z), or one from each row's p(z | c)."""
    p = prior(context, aggregate)
    shape = torch.Size((n,)) if not p.batch_shape else torch.Size()
    sample: Tensor = p.sample(shape)
    return sample


def _check_pair(posterior: Posterior, prior: Prior) -> None:
    q, p = type(posterior).__name__, type(prior).__name__
    if isinstance(posterior, Quantiser):
        raise CompositionError(f"{q} draws codes; join it by latents.Discrete, without a prior.")
    if posterior.latent_dim != prior.latent_dim:
        raise CompositionError(
            f"posterior and prior must have the same latent_dim; got {posterior.latent_dim} "
            f"for {q} and {prior.latent_dim} for {p}."
        )
    if posterior.manifold != prior.manifold:
        raise CompositionError(
            f"posterior and prior must lie in the same space; got {posterior.manifold} for {q} "
            f"and {prior.manifold} for {p}."
        )
    missing = prior.requires - posterior.provides
    if missing:
        raise CompositionError(
            f"{p} requires {sorted(missing)} of the posterior, which {q} does not provide "
            f"(it provides {sorted(posterior.provides)}). DiagonalGaussian and FullGaussian fit."
        )
