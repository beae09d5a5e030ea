"""What every latent promises."""

import abc

from jaxtyping import Float
from torch import Tensor, nn
from torch.distributions import Distribution

from vaekit.types import Aggregate, Draw, LogDensity

__all__ = ["Latent"]


class Latent(nn.Module, abc.ABC):
    """Joins posterior and prior; hierarchies, in which the two share parts, are one `Latent`.

    Besides drawing, a latent maps its points to and from coordinates in which a density can be
    fitted: flat vectors, or the numbers of codes.
    """

    @property
    @abc.abstractmethod
    def provides(self) -> frozenset[str]:
        """What objectives may count on; see `Posterior.provides`."""

    @property
    @abc.abstractmethod
    def latent_dim(self) -> int:
        """Size of what the decoder reads."""

    @property
    @abc.abstractmethod
    def num_codes(self) -> int:
        """How many values each coordinate may take; 0 where coordinates are real."""

    @property
    @abc.abstractmethod
    def num_coordinates(self) -> int:
        """How many coordinates a point has."""

    @property
    @abc.abstractmethod
    def keeps_density(self) -> bool:
        """Whether a density in coordinates compares with one of the points themselves."""

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
    def code(
        self,
        h: Float[Tensor, "batch features"],
        context: Float[Tensor, "batch context"] | None,
        log_likelihood: LogDensity,
        aggregate: Aggregate,
    ) -> Float[Tensor, "batch latent"]:
        """The one point that stands for each item: the posterior's mean, or its mode."""

    @abc.abstractmethod
    def posterior_of(
        self, h: Float[Tensor, "batch features"], log_likelihood: LogDensity
    ) -> Distribution:
        """q(z | x), of which priors are mixed that are made of posteriors."""

    @abc.abstractmethod
    def prior_of(
        self, context: Float[Tensor, "batch context"] | None, aggregate: Aggregate
    ) -> Distribution:
        """p(z | c), with batch shape () where it ignores the context."""

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

    @abc.abstractmethod
    def flatten(self, draw: Draw) -> Float[Tensor, "batch coordinates"]:
        """The coordinates of the first draw of each item."""

    @abc.abstractmethod
    def unflatten(self, u: Float[Tensor, "batch coordinates"]) -> Float[Tensor, "batch latent"]:
        """The points at coordinates."""
