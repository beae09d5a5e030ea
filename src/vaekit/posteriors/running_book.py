"""A codebook whose entries are running means."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from vaekit.group import mean_over_group, take_from_first

__all__ = ["RunningBook"]

_MEMORY = 0.8
_DEAD = 0.02
"""A code used less than this share of its even part is moved to where encodings are."""


class RunningBook(nn.Module):
    """One codebook for each piece of a vector; learns without gradients.

    Args:
        num_pieces: Pieces.
        num_codes: Codes of each piece.
        piece: Size of a piece.
    """

    entries: Tensor
    usage: Tensor

    def __init__(self, num_pieces: int, num_codes: int, piece: int) -> None:
        super().__init__()
        self.num_pieces = num_pieces
        self.num_codes = num_codes
        self.piece = piece
        self.register_buffer("entries", torch.randn(num_pieces, num_codes, piece))
        self.register_buffer("usage", torch.zeros(num_pieces, num_codes))

    def embed(self, indices: Int[Tensor, "batch tokens"]) -> Float[Tensor, "batch latent"]:
        """Join the pieces of these codes."""
        pieces = torch.arange(self.num_pieces, device=indices.device)
        return self.entries[pieces, indices].flatten(-2)

    def nearest(self, z: Float[Tensor, "batch latent"]) -> Int[Tensor, "batch tokens"]:
        """The nearest entry of each piece."""
        return torch.cdist(self._pieces(z), self.entries).argmin(-1).T

    def learn(self, z: Float[Tensor, "batch latent"], indices: Int[Tensor, "batch tokens"]) -> None:
        """Move entries towards the means of the pieces that chose them (van den Oord, eq. 6)."""
        pieces, chosen = self._pieces(z), indices.T
        share = torch.full(chosen.shape, self.num_codes / len(z)).to(z)
        used = torch.zeros_like(self.usage).scatter_add_(1, chosen, share)
        places = chosen.unsqueeze(-1).expand(pieces.shape)
        sums = torch.zeros_like(self.entries).scatter_add_(1, places, pieces * share[0, 0])
        mean_over_group(used)
        mean_over_group(sums)
        total = self.usage.unsqueeze(-1) * self.entries
        self.usage.lerp_(used, 1 - _MEMORY)
        total.lerp_(sums, 1 - _MEMORY)
        self.entries.copy_(total / self.usage.clamp_min(1e-6).unsqueeze(-1))

    def revive(self, z: Float[Tensor, "batch latent"]) -> None:
        """Put codes that nothing chooses onto pieces of this batch, as all are at the start."""
        dead = self.usage < _DEAD
        if not dead.any():
            return
        pieces = self._pieces(z)
        chosen = torch.randint(len(z), dead.shape, device=z.device)
        fresh = pieces.gather(1, chosen.unsqueeze(-1).expand(-1, -1, self.piece))
        # Equal ones would stay equal.
        fresh = fresh + 1e-3 * pieces.std() * torch.randn_like(fresh)
        self.entries.copy_(torch.where(dead.unsqueeze(-1), fresh, self.entries))
        self.usage.copy_(torch.where(dead, torch.ones_like(self.usage), self.usage))
        take_from_first(self.entries)
        take_from_first(self.usage)

    def _pieces(self, z: Tensor) -> Tensor:
        return z.view(len(z), self.num_pieces, self.piece).transpose(0, 1)
