"""One latent vector per item."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Distribution

from vaekit.errors import CompositionError
from vaekit.latents.base import Latent
from vaekit.posteriors import Posterior
from vaekit.priors import Prior
from vaekit.types import Aggregate, Draw, LogDensity

__all__ = ["Single", "draw_prior"]


class Single(Latent):
    """One latent vector: any posterior with any prior of the same size.

    Args:
        posterior: q(z | x).
        prior: p(z).

    Raises:
        CompositionError: Their sizes differ.

    Example:
        >>> from vaekit.posteriors import DiagonalGaussian
        >>> from vaekit.priors import StandardNormal
        >>> latent = Single(DiagonalGaussian(8, 2), StandardNormal(2))
        >>> sorted(latent.provides)
        ['density', 'factorised']
    """

    def __init__(self, posterior: Posterior, prior: Prior) -> None:
        super().__init__()
        if posterior.latent_dim != prior.latent_dim:
            raise CompositionError(
                f"posterior and prior must have the same latent_dim; got {posterior.latent_dim} "
                f"for {type(posterior).__name__} and {prior.latent_dim} for "
                f"{type(prior).__name__}."
            )
        self.posterior = posterior
        self.prior = prior

    @property
    def provides(self) -> frozenset[str]:
        """What the posterior provides."""
        return self.posterior.provides

    @property
    def latent_dim(self) -> int:
        """Number of latents."""
        return self.posterior.latent_dim

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
        z = q.rsample((draws,))
        return Draw(z, q, p, "density" in self.posterior.provides)

    def posterior_of(
        self, h: Float[Tensor, "batch features"], log_likelihood: LogDensity
    ) -> Distribution:
        """q(z | x), for posteriors that read log p(x, z) under this prior without a context."""
        q: Distribution = self.posterior(h, log_likelihood)
        return q

    def generate(
        self, n: int, context: Float[Tensor, "batch context"] | None, aggregate: Aggregate
    ) -> Float[Tensor, "batch *latent"]:
        """Draw from p(z)."""
        return draw_prior(self.prior, n, context, aggregate)


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
