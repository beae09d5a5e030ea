"""What every latent promises."""

import abc

from jaxtyping import Float
from torch import Tensor, nn
from torch.distributions import Distribution

from vaekit.types import Aggregate, Draw, LogDensity

__all__ = ["Latent"]


class Latent(nn.Module, abc.ABC):
    """Joins posterior and prior; hierarchies, in which the two share parts, are one `Latent`."""

    @property
    @abc.abstractmethod
    def provides(self) -> frozenset[str]:
        """What objectives may count on; see `Posterior.provides`."""

    @property
    @abc.abstractmethod
    def latent_dim(self) -> int:
        """Number of latents."""

    @abc.abstractmethod
    def infer(
        self,
        h: Float[Tensor, "batch features"],
        context: Float[Tensor, "batch context"] | None,
        draws: int,
        log_likelihood: LogDensity,
        aggregate: Aggregate,
    ) -> Draw:
        """Draw latents of a batch from its posterior.

        Args:
            h: Features of the batch.
            context: What the model is conditioned on.
            draws: Latents per item.
            log_likelihood: log p(x | z) as a function of z.
            aggregate: q(z | x) of pseudo-inputs.
        """

    @abc.abstractmethod
    def posterior_of(
        self, h: Float[Tensor, "batch features"], log_likelihood: LogDensity
    ) -> Distribution:
        """q(z | x); its mean is the deterministic code of x."""

    @abc.abstractmethod
    def generate(
        self, n: int, context: Float[Tensor, "batch context"] | None, aggregate: Aggregate
    ) -> Float[Tensor, "batch *latent"]:
        """Draw latents from the prior; reads the global random stream (see `seeded`).

        Args:
            n: How many; with a context, one per row of it.
            context: What the model is conditioned on.
            aggregate: q(z | x) of pseudo-inputs.
        """
