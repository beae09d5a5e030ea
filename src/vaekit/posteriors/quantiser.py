"""What every posterior over codes promises."""

import abc
import math
from typing import ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from vaekit.distributions import Codes
from vaekit.errors import CompositionError
from vaekit.posteriors.base import Posterior
from vaekit.types import LogDensity

__all__ = ["Quantiser", "TokenBook"]


class Quantiser(Posterior, abc.ABC):
    """Turns features into codes, and codes into what the decoder reads.

    Attributes:
        num_tokens: Codes per item.
        num_codes: Values that a code may take.
    """

    provides: ClassVar[frozenset[str]] = frozenset({"density", "codes"})

    def __init__(self, features_dim: int, latent_dim: int, num_tokens: int, num_codes: int) -> None:
        super().__init__(features_dim, latent_dim)
        if num_codes < 2:
            raise ValueError(f"a code must have at least 2 values; got {num_codes}.")
        self.num_tokens = num_tokens
        self.num_codes = num_codes

    @abc.abstractmethod
    def forward(self, h: Float[Tensor, "batch features"], log_joint: LogDensity) -> Codes:
        """Return q(codes | x)."""

    @abc.abstractmethod
    def embed(self, indices: Int[Tensor, "batch tokens"]) -> Float[Tensor, "batch latent"]:
        """What the decoder reads for these codes."""


class TokenBook(nn.Module):
    """One codebook for each token: z is cut into as many pieces as there are tokens.

    Args:
        num_tokens: Pieces.
        num_codes: Codes of each piece.
        piece: Size of a piece.
    """

    def __init__(self, num_tokens: int, num_codes: int, piece: int) -> None:
        super().__init__()
        self.num_tokens = num_tokens
        self.num_codes = num_codes
        self.piece = piece
        start = torch.randn(num_tokens, num_codes, piece) / math.sqrt(piece)
        self.entries = nn.Parameter(start)

    def embed(self, indices: Int[Tensor, "batch tokens"]) -> Float[Tensor, "batch latent"]:
        """Join the pieces of these codes."""
        tokens = torch.arange(self.num_tokens, device=indices.device)
        return self.entries[tokens, indices].flatten(-2)

    def nearest(self, z: Float[Tensor, "batch latent"]) -> Int[Tensor, "batch tokens"]:
        """The nearest entry of each piece."""
        pieces = z.view(len(z), self.num_tokens, self.piece).transpose(0, 1)
        return torch.cdist(pieces, self.entries).argmin(-1).T


def cut(latent_dim: int, num_tokens: int) -> int:
    """Size of each of so many equal pieces of the latents.

    Raises:
        CompositionError: It does not come out even.
    """
    if num_tokens < 1 or latent_dim % num_tokens:
        raise CompositionError(
            f"num_tokens must divide latent_dim, which is {latent_dim}; got {num_tokens}."
        )
    return latent_dim // num_tokens
