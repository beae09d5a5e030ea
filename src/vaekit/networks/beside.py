"""Two decoders of the same latents."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from vaekit.networks.blurred import BlurredDecoder
from vaekit.networks.mlp import MLPDecoder

__all__ = ["Beside", "blurred_part", "with_numbers"]

_WIDTH = 384


class Beside(nn.Module):
    """Decodes latents twice, the features of the second decoder behind those of the first.

    So the second may stay out of what is done to the first: properties are told by latents as they
    are, while noise is mixed into what the tokens are told by (see `BlurredDecoder`).

    Args:
        first: Of shape (batch, latent + context) -> (batch, *places, features).
        second: Likewise, with the same places.

    Example:
        >>> Beside(nn.Linear(2, 3), nn.Linear(2, 4))(torch.zeros(5, 2)).shape
        torch.Size([5, 7])
    """

    def __init__(self, first: nn.Module, second: nn.Module) -> None:
        super().__init__()
        self.first, self.second = first, second

    def forward(self, z: Tensor) -> Tensor:
        """Features of both."""
        return torch.cat([self.first(z), self.second(z)], -1)

    def for_draws(self) -> Callable[[Tensor], Tensor]:
        """The decoder of new items; see `BlurredDecoder.for_draws`."""
        blurred = blurred_part(self)
        first = self.first if blurred is None else blurred.for_draws()
        return lambda z: torch.cat([first(z), self.second(z)], -1)


def blurred_part(decoder: nn.Module) -> BlurredDecoder | None:
    """Where noise is mixed in: the decoder itself, or the first of two; ``None`` of others."""
    if isinstance(decoder, Beside):
        decoder = decoder.first
    return decoder if isinstance(decoder, BlurredDecoder) else None


def with_numbers(decoder: nn.Module, in_dim: int, count: int) -> Beside:
    """A decoder of tokens, and beside it one that tells numbers.

    Args:
        decoder: Of the tokens, (batch, in_dim) -> (batch, 1, features).
        in_dim: Latents and context.
        count: How many numbers.
    """
    return Beside(decoder, MLPDecoder(in_dim, (_WIDTH,), (1, count), True))
