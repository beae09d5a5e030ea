"""Vector quantisation, plain and residual."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from vaekit.distributions import PointCodes
from vaekit.posteriors.quantiser import Quantiser, cut
from vaekit.posteriors.running_book import RunningBook
from vaekit.types import LogDensity

__all__ = ["VectorQuantised"]


class VectorQuantised(Quantiser):
    """Each piece of the encoding is replaced by the nearest entry of a learned codebook.

    Entries are running means of the encodings they stand for (appendix A.1 of the source), which
    follow the encoder faster than gradients would. With a depth above 1, what a first codebook
    leaves over is quantised by a second one, and so on. Codes that hardly any item uses are moved
    onto encodings of the batch, and all start there, so that codebooks do not collapse (Dhariwal
    et al. 2020, "Jukebox", section 3.3). In a group of processes all keep the same codebooks.

    Args:
        features_dim: Size of the encoder's features.
        latent_dim: Size of the embedding.
        num_codes: Entries of each codebook; at most as many as there are items.
        num_pieces: Pieces into which the embedding is cut, each with its own codebook.
        depth: Codebooks for each piece; an item has num_pieces times depth codes.

    Source: van den Oord et al. 2017, "Neural discrete representation learning", eq. 1-3; Lee et
    al. 2022, "Autoregressive image generation using residual quantization", eq. 2 for depth.

    Example:
        >>> quantiser = VectorQuantised(8, 4, num_codes=16, num_pieces=2)
        >>> quantiser(torch.randn(5, 8), log_joint=lambda z: z.sum(-1)).indices.shape
        torch.Size([5, 2])
    """

    def __init__(
        self,
        features_dim: int,
        latent_dim: int,
        num_codes: int = 256,
        num_pieces: int = 1,
        depth: int = 1,
    ) -> None:
        if depth < 1:
            raise ValueError(f"depth must be at least 1; got {depth}.")
        piece = cut(latent_dim, num_pieces)
        super().__init__(features_dim, latent_dim, num_pieces * depth, num_codes)
        self.num_pieces = num_pieces
        self.depth = depth
        self.head = nn.Linear(features_dim, latent_dim)
        self.books = nn.ModuleList(RunningBook(num_pieces, num_codes, piece) for _ in range(depth))

    def forward(self, h: Float[Tensor, "batch features"], log_joint: LogDensity) -> PointCodes:
        """Quantise; gradients pass straight through to the encoder."""
        encoding = self.head(h).float()
        indices = self._quantise(encoding.detach(), learn=self.training)
        z = self.embed(indices)
        distance = (encoding - z).square().sum(-1)
        straight = z + (encoding - encoding.detach())  # this order adds an exact zero
        return PointCodes(straight, indices, self.num_codes, distance)

    def embed(self, indices: Int[Tensor, "batch tokens"]) -> Float[Tensor, "batch latent"]:
        """The sum over the depth of the entries."""
        levels = indices.unflatten(-1, (self.depth, self.num_pieces)).unbind(-2)
        parts = [book.embed(level) for book, level in zip(self._books(), levels, strict=True)]
        return torch.stack(parts).sum(0)

    def _books(self) -> list[RunningBook]:
        return [book for book in self.books if isinstance(book, RunningBook)]

    @torch.no_grad()
    def _quantise(self, rest: Tensor, *, learn: bool) -> Tensor:
        levels = []
        for book in self._books():
            if learn:
                book.revive(rest)
            indices = book.nearest(rest)
            if learn:
                book.learn(rest, indices)
            rest = rest - book.embed(indices)
            levels.append(indices)
        return torch.cat(levels, dim=-1)
