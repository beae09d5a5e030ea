"""What every generative model promises."""

import abc

import torch
from torch import Tensor, nn

__all__ = ["Model"]


class Model(nn.Module, abc.ABC):
    """A trained distribution over items, from which one can sample."""

    @property
    @abc.abstractmethod
    def provides(self) -> frozenset[str]:
        """What objectives may count on."""

    @abc.abstractmethod
    def sample(
        self, n: int, context: Tensor | None = None, *, generator: torch.Generator | None = None
    ) -> Tensor:
        """Generate items.

        Args:
            n: How many.
            context: One row per item, for conditional models.
            generator: Source of randomness; ``None`` uses fresh entropy.

        Returns:
            Items as the networks see them, shape (n, *event).
        """
