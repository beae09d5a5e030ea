"""What every generative model promises."""

import abc

import torch
from torch import Tensor, nn

from vaekit.errors import CompositionError

__all__ = ["Model", "checked_context"]


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


def checked_context(context: Tensor | None, context_dim: int) -> Tensor | None:
    """The context, if it is what the model was built for.

    Raises:
        CompositionError: It is missing, not wanted, or of another size.
    """
    got = 0 if context is None else context.shape[-1]
    if got != context_dim:
        raise CompositionError(
            f"this model takes a context of size {context_dim}; got {got}. "
            + ("Pass context=." if got == 0 else "Leave the context out or refit with it.")
        )
    return context
