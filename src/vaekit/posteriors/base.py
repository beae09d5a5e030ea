"""What every posterior promises."""

import abc
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor, nn
from torch.distributions import Distribution

from vaekit.types import LogDensity

__all__ = ["Posterior"]


class Posterior(nn.Module, abc.ABC):
    """Turns the encoder's features into q(z | x).

    Attributes:
        provides: What objectives may count on: ``"density"`` (log q exists), ``"factorised"``
            (latents are independent given x).
    """

    provides: ClassVar[frozenset[str]]

    def __init__(self, features_dim: int, latent_dim: int) -> None:
        super().__init__()
        self.features_dim = features_dim
        self.latent_dim = latent_dim

    @abc.abstractmethod
    def forward(self, h: Float[Tensor, "batch features"], log_joint: LogDensity) -> Distribution:
        """Return q(z | x).

        Args:
            h: Features of the batch.
            log_joint: log p(x, z) of the batch; only posteriors that follow its gradient use it.
        """
