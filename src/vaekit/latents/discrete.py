"""Codes instead of a vector: quantised and categorical latents."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Distribution

from vaekit.distributions import Codes, UniformCodes
from vaekit.latents.base import Latent
from vaekit.posteriors import Quantiser
from vaekit.types import Aggregate, Draw, LogDensity

__all__ = ["Discrete"]


class Discrete(Latent):
    """Codes under a uniform prior; a prior that knows which codes go together is fitted later.

    The decoder reads embeddings of the codes. Log densities are log-probabilities of codes, so
    that scores are true bounds: of vector-quantised models, too.

    Args:
        quantiser: q(codes | x) and their embedding.

    Source: van den Oord et al. 2017, section 3.2 (uniform prior, autoregressive prior later).

    Example:
        >>> from vaekit.posteriors import FiniteScalar
        >>> Discrete(FiniteScalar(8, 3, levels=5)).num_codes
        5
    """

    def __init__(self, quantiser: Quantiser) -> None:
        super().__init__()
        self.quantiser = quantiser

    @property
    def provides(self) -> frozenset[str]:
        """What the quantiser provides."""
        return self.quantiser.provides

    @property
    def latent_dim(self) -> int:
        """Size of the embedding."""
        return self.quantiser.latent_dim

    @property
    def num_codes(self) -> int:
        """How many values each code may take."""
        return self.quantiser.num_codes

    @property
    def num_coordinates(self) -> int:
        """Codes per item."""
        return self.quantiser.num_tokens

    @property
    def keeps_density(self) -> bool:
        """True: probabilities of codes are what they are."""
        return True

    def infer(
        self,
        h: Float[Tensor, "batch features"],
        context: Float[Tensor, "batch context"] | None,
        draws: int,
        log_likelihood: LogDensity,
        aggregate: Aggregate,
    ) -> Draw:
        """Draw codes and embed them."""
        q: Codes = self.quantiser(h, log_likelihood)
        z, log_q = q.rsample_with_log_prob(torch.Size((draws,)))
        kl = q.kl_to_uniform().expand(draws, -1)
        return Draw(z, q, self._uniform(h), traced=log_q, kl=kl)

    def code(
        self,
        h: Float[Tensor, "batch features"],
        context: Float[Tensor, "batch context"] | None,
        log_likelihood: LogDensity,
        aggregate: Aggregate,
    ) -> Float[Tensor, "batch latent"]:
        """The embedding of the most probable codes."""
        return self.quantiser.embed(self.quantiser(h, log_likelihood).indices)

    def posterior_of(
        self, h: Float[Tensor, "batch features"], log_likelihood: LogDensity
    ) -> Distribution:
        """q(codes | x)."""
        q: Distribution = self.quantiser(h, log_likelihood)
        return q

    def prior_of(
        self, context: Float[Tensor, "batch context"] | None, aggregate: Aggregate
    ) -> Distribution:
        """All codes equally probable."""
        return self._uniform(next(self.quantiser.parameters()))

    def generate(
        self, n: int, context: Float[Tensor, "batch context"] | None, aggregate: Aggregate
    ) -> Float[Tensor, "batch *latent"]:
        """Draw codes and embed them."""
        return self.quantiser.embed(self.prior_of(context, aggregate).sample(torch.Size((n,))))

    def flatten(self, draw: Draw) -> Float[Tensor, "batch coordinates"]:
        """The numbers of the most probable codes."""
        assert isinstance(draw.q, Codes)
        return draw.q.indices.to(draw.z.dtype)

    def unflatten(self, u: Float[Tensor, "batch coordinates"]) -> Float[Tensor, "batch latent"]:
        """The embedding of codes, by their numbers."""
        return self.quantiser.embed(u.long())

    def _uniform(self, like: Tensor) -> UniformCodes:
        return UniformCodes(self.quantiser.num_tokens, self.quantiser.num_codes, like)
