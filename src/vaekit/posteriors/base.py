"""What every posterior promises."""

import abc
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor, nn
from torch.distributions import Distribution

from vaekit.distributions.manifolds import REAL, Manifold
from vaekit.types import LogDensity


class Posterior(nn.Module, abc.ABC):
    """Turns the encoder's features into q(z | x).

    Attributes:
        provides: What objectives and priors may count on: ``"density"`` (log q of a draw is
            known), ``"pointwise"`` (log q of any point is known), ``"factorised"`` (latents are
            independent given x), ``"path"`` (`frozen` can stop the gradient of its parameters).
        manifold: The space that its draws lie in.
    """

    provides: ClassVar[frozenset[str]]

    def __init__(self, features_dim: int, latent_dim: int, manifold: Manifold = REAL) -> None:
        super().__init__()
        manifold.check(latent_dim)
        self.manifold = manifold
        self.features_dim = features_dim
        self.latent_dim = latent_dim

    @abc.abstractmethod
    def forward(self, h: Float[Tensor, "batch features"], log_joint: LogDensity) -> Distribution:
        """Return q(z | x).

        Args:
            h: Features of the batch.
            log_joint: log p(x, z) of the batch; only posteriors that follow its gradient use it.
        """
