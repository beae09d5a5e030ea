"""Posteriors over codes: vector quantization, finite scalars, Gumbel-softmax."""

import abc
import math
from collections.abc import Sequence
from typing import ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from vaekit.bounds import Positive
from vaekit.distributed import mean_over_group, take_from_first
from vaekit.distributions.codes import (
    CodeDistribution,
    GumbelCodes,
    PlacewiseCodes,
    PointCodes,
)
from vaekit.errors import CompositionError
from vaekit.posteriors.gaussian import Posterior
from vaekit.types import LogDensity


class Quantizer(Posterior, abc.ABC):
    """Turns features into codes, and codes into what the decoder reads.

    Attributes:
        num_tokens: Codes per item.
        num_codes: Values that a code may take.
        places: (height, width) of the grid that they lie on; ``None`` without one.
    """

    provides: ClassVar[frozenset[str]] = frozenset({"density", "codes"})
    places: tuple[int, int] | None = None

    def __init__(self, features_dim: int, latent_dim: int, num_tokens: int, num_codes: int) -> None:
        super().__init__(features_dim, latent_dim)
        if num_codes < 2:
            raise ValueError(f"a code must have at least 2 values; got {num_codes}.")
        self.num_tokens = num_tokens
        self.num_codes = num_codes

    @abc.abstractmethod
    def forward(
        self, h: Float[Tensor, "batch features"], log_joint: LogDensity
    ) -> CodeDistribution:
        """Return q(codes | x)."""

    @abc.abstractmethod
    def embed(self, indices: Int[Tensor, "batch tokens"]) -> Float[Tensor, "batch latent"]:
        """Return what the decoder reads for these codes."""


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
        """Return the nearest entry of each piece."""
        pieces = z.view(z.shape[0], self.num_tokens, self.piece).transpose(0, 1)
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


_MEMORY = 0.8
_DEAD = 0.02
"""A code used less than this share of its even part is moved to where encodings are."""


class EMACodebook(nn.Module):
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
        """Return the nearest entry of each piece."""
        return torch.cdist(self._pieces(z), self.entries).argmin(-1).T

    def learn(self, z: Float[Tensor, "batch latent"], indices: Int[Tensor, "batch tokens"]) -> None:
        """Move entries towards the means of the pieces that chose them (van den Oord, eq. 6)."""
        pieces, chosen = self._pieces(z), indices.T
        share = torch.full(chosen.shape, self.num_codes / len(z)).to(z)
        used = torch.zeros_like(self.usage).scatter_add_(1, chosen, share)
        positions = chosen.unsqueeze(-1).expand(pieces.shape)
        sums = torch.zeros_like(self.entries).scatter_add_(1, positions, pieces * share[0, 0])
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
        return z.view(z.shape[0], self.num_pieces, self.piece).transpose(0, 1)


class VectorQuantized(Quantizer):
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
        >>> quantizer = VectorQuantized(8, 4, num_codes=16, num_pieces=2)
        >>> quantizer(torch.randn(5, 8), log_joint=lambda z: z.sum(-1)).indices.shape
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
        self.books = nn.ModuleList(EMACodebook(num_pieces, num_codes, piece) for _ in range(depth))

    def forward(self, h: Float[Tensor, "batch features"], log_joint: LogDensity) -> PointCodes:
        """Quantise; gradients pass straight through to the encoder."""
        encoding = self.head(h).float()
        indices = self._quantize(encoding.detach(), learn=self.training)
        z = self.embed(indices)
        distance = (encoding - z).square().sum(-1)
        straight = z + (encoding - encoding.detach())  # this order adds an exact zero
        return PointCodes(straight, indices, self.num_codes, distance)

    def embed(self, indices: Int[Tensor, "batch tokens"]) -> Float[Tensor, "batch latent"]:
        """Return the sum over the depth of the entries."""
        levels = indices.unflatten(-1, (self.depth, self.num_pieces)).unbind(-2)
        parts = [book.embed(level) for book, level in zip(self._books(), levels, strict=True)]
        return torch.stack(parts).sum(0)

    def _books(self) -> list[EMACodebook]:
        return [book for book in self.books if isinstance(book, EMACodebook)]

    @torch.no_grad()
    def _quantize(self, rest: Tensor, *, learn: bool) -> Tensor:
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


class FiniteScalar(Quantizer):
    """Each latent is bounded and rounded to one of a few levels: a codebook without learning.

    Args:
        features_dim: Size of the encoder's features.
        latent_dim: Number of latents, each of them one code.
        levels: Values that a latent may take, evenly spaced from -1 to 1.

    Source: Mentzer et al. 2024, "Finite scalar quantization: VQ-VAE made simple", section 3.1.

    Example:
        >>> q = FiniteScalar(8, 2, levels=5)(torch.zeros(3, 8), log_joint=lambda z: z.sum(-1))
        >>> q.num_codes
        5
    """

    def __init__(self, features_dim: int, latent_dim: int, levels: int = 8) -> None:
        super().__init__(features_dim, latent_dim, latent_dim, levels)
        self.levels = levels
        self.head = nn.Linear(features_dim, latent_dim)

    def forward(self, h: Float[Tensor, "batch features"], log_joint: LogDensity) -> PointCodes:
        """Bound by a tangent, round; gradients pass straight through the rounding."""
        bounded = torch.tanh(self.head(h).float())
        indices = self._nearest(bounded.detach())
        z = self.embed(indices)
        straight = z + (bounded - bounded.detach())  # this order adds an exact zero
        zero = straight.new_zeros(straight.shape[0])
        return PointCodes(straight, indices, self.num_codes, zero)

    def embed(self, indices: Int[Tensor, "batch tokens"]) -> Float[Tensor, "batch latent"]:
        """Return the value of each level."""
        return 2 * indices.to(torch.get_default_dtype()) / (self.levels - 1) - 1

    def _nearest(self, z: Tensor) -> Tensor:
        """Return the level nearest to each value."""
        place = (z + 1) / 2 * (self.levels - 1)
        return place.round().clamp(0, self.levels - 1).long()


class GumbelSoftmax(Quantizer):
    """Independent categorical latents with a learned embedding of each value.

    While training, draws are relaxed (Gumbel-softmax) so that gradients pass; otherwise they
    are true codes, so that importance weights are exact.

    Args:
        features_dim: Size of the encoder's features.
        latent_dim: Size of the embedding.
        num_codes: Values of each latent.
        num_tokens: Number of categorical latents; ``None`` takes one for each of latent_dim.
        temperature: Of the relaxation, positive; lower is nearer to true codes, with noisier
            gradients.

    Source: Jang et al. 2017, "Categorical reparameterization with Gumbel-softmax".

    Example:
        >>> import torch
        >>> q = GumbelSoftmax(8, 4, num_codes=3)(torch.zeros(5, 8), log_joint=lambda z: z.sum(-1))
        >>> q.rsample().shape
        torch.Size([5, 4])
    """

    def __init__(
        self,
        features_dim: int,
        latent_dim: int,
        num_codes: int = 16,
        num_tokens: int | None = None,
        temperature: Positive = 0.5,
    ) -> None:
        if not temperature > 0:
            raise ValueError(f"temperature must be positive; got {temperature}.")
        tokens = latent_dim if num_tokens is None else num_tokens
        piece = cut(latent_dim, tokens)
        super().__init__(features_dim, latent_dim, tokens, num_codes)
        self.temperature = temperature
        self.head = nn.Linear(features_dim, tokens * num_codes)
        self.book = TokenBook(tokens, num_codes, piece)

    def forward(self, h: Float[Tensor, "batch features"], log_joint: LogDensity) -> GumbelCodes:
        """Return the codes' distribution."""
        logits = self.head(h).float().unflatten(-1, (self.num_tokens, self.num_codes))
        temperature = self.temperature if self.training else None
        return GumbelCodes(logits, self.book.entries, temperature)

    def embed(self, indices: Int[Tensor, "batch tokens"]) -> Float[Tensor, "batch latent"]:
        """Return the learned embeddings, joined."""
        return self.book.embed(indices)


class Placewise(Quantizer):
    """One quantiser for all places of a grid, whose codes mean the same everywhere.

    Args:
        quantizer: For the features of one place.
        places: (height, width) of the grid.

    Raises:
        ValueError: A grid without places.

    Source: van den Oord et al. 2017, section 4.2 (codes on a grid of 32 x 32).

    Example:
        >>> quantizer = Placewise(VectorQuantized(8, 4, num_codes=16), (2, 3))
        >>> q = quantizer(torch.randn(5, 48), log_joint=lambda z: z.sum(-1))
        >>> q.indices.shape, q.mean.shape
        (torch.Size([5, 6]), torch.Size([5, 24]))
    """

    def __init__(self, quantizer: Quantizer, places: Sequence[int]) -> None:
        height, width = places
        count = height * width
        if count < 1:
            raise ValueError(f"places must be at least 1 x 1; got {height} x {width}.")
        super().__init__(
            count * quantizer.features_dim,
            count * quantizer.latent_dim,
            count * quantizer.num_tokens,
            quantizer.num_codes,
        )
        self.quantizer = quantizer
        self.places = (height, width)
        self._count = count

    def forward(self, h: Float[Tensor, "batch features"], log_joint: LogDensity) -> PlacewiseCodes:
        """Quantise each place of features that lie channels first; a context behind is not read."""
        each = (
            h[:, : self.features_dim].unflatten(1, (-1, self._count)).transpose(1, 2).flatten(0, 1)
        )
        q: CodeDistribution = self.quantizer(each, log_joint)
        return PlacewiseCodes(q, self._count)

    def embed(self, indices: Int[Tensor, "batch tokens"]) -> Float[Tensor, "batch latent"]:
        """Return what the decoder reads for these codes."""
        each = self.quantizer.embed(indices.reshape(-1, self.quantizer.num_tokens))
        joined: Tensor = each.unflatten(0, (-1, self._count)).transpose(1, 2).flatten(1)
        return joined
