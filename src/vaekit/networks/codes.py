"""Networks that tell the codes of an item one after the other, and how well they fit a caption."""

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from vaekit.bounds import Layers
from vaekit.errors import SpecError
from vaekit.networks.context import ContextReader
from vaekit.networks.tokens import CausalLayer
from vaekit.types import Conditioning

_HEAD = 32  # width of a head of attention
_START = 0.02


class CodeTransformer(nn.Module):
    """One sequence of what is told and of codes, each place of which sees those before it.

    First come the words of the caption (places without one have a vector of their own, as in the
    source), or the one vector that is told; then the codes. Each place is also told by a linear map
    what the caption as a whole means for it, which takes few steps to learn.

    Args:
        tokens: Codes of an item.
        num_codes: Values that a code may take.
        width: Of each place; a multiple of 32.
        layers: Layers.
        reader: What reads the context; ``None`` where it is told as it is, or there is none.
        context_dim: Size of the context; 0 without one.

    Source: Ramesh et al. 2021, "Zero-shot text-to-image generation", section 2.2.

    Example:
        >>> network = CodeTransformer(4, 9, 32, 1, None, 0)
        >>> network(torch.zeros(5, 4, dtype=torch.long), None).shape
        torch.Size([5, 4, 9])
    """

    def __init__(
        self,
        tokens: int,
        num_codes: int,
        width: int,
        layers: Layers,
        reader: ContextReader | None,
        context_dim: int,
    ) -> None:
        super().__init__()
        if width % _HEAD:
            raise SpecError(f"width must be a multiple of {_HEAD}; got {width}.")
        self.tokens, self.num_codes, self.width, self.layers = tokens, num_codes, width, layers
        self.reader, self.context_dim = reader, context_dim
        self.sequence_dim = 0 if reader is None else reader.sequence_dim
        told = context_dim if reader is None else reader.vector_dim
        self.vector = nn.Linear(told, tokens * width) if told else None
        self.words = nn.Linear(self.sequence_dim, width) if self.sequence_dim else None
        self.begin = nn.Parameter(_START * torch.randn(width))
        self.no_word = nn.Parameter(_START * torch.randn(width))
        self.codes = nn.Embedding(num_codes, width)
        self.positions = nn.Parameter(_START * torch.randn(tokens, width))
        nn.init.normal_(self.codes.weight, std=5 * _START)
        heads = width // _HEAD
        self.heads = heads
        self.body = nn.ModuleList(CausalLayer(width, heads, 0.0, layers) for _ in range(layers))
        self.head = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, num_codes))

    def forward(
        self, codes: Int[Tensor, "batch tokens"], context: Tensor | None
    ) -> Float[Tensor, "batch tokens codes"]:
        """Return the logits of every code, given those before it and the context."""
        before, places = self._conditioning(context, len(codes))
        x = self.codes(codes[:, :-1]) + self.positions[:-1] + places[:, 1:]
        x = torch.cat([before, x], 1)
        for layer in self.body:
            x = layer(x, None)
        logits: Tensor = self.head(x[:, before.shape[1] - 1 :])
        return logits

    def start(
        self, context: Tensor | None, count: int
    ) -> tuple[Float[Tensor, "batch codes"], "CodesSoFar"]:
        """Return the logits of the first code, and what the next ones are told from.

        Args:
            context: A row for each item; ``None`` without one.
            count: How many items.
        """
        x, told = self._conditioning(context, count)
        places = x.shape[1]
        size = (count, self.layers, 2, self.heads, places + self.tokens, _HEAD)
        known = x.new_zeros(size)
        for number, layer in enumerate(self.body):
            x = layer(x, known[:, number, ..., :places, :])
        return self.head(x[:, -1]), CodesSoFar(known, told)

    def step(
        self, so_far: "CodesSoFar", codes: Int[Tensor, "batch"], place: int
    ) -> Float[Tensor, "batch codes"]:
        """Return the logits of the code after one, whose keys and values are filled in.

        Args:
            so_far: Of `start`; changed in place.
            codes: The codes at a place.
            place: Which, from 0.
        """
        known = so_far.known
        x = self.codes(codes) + self.positions[place] + so_far.places[:, place + 1]
        x = x.unsqueeze(1)
        places = known.shape[-2] - self.tokens + place + 1
        for number, layer in enumerate(self.body):
            x = layer(x, known[:, number, ..., :places, :])
        logits: Tensor = self.head(x[:, 0])
        return logits

    def _conditioning(
        self, context: Tensor | None, count: int
    ) -> tuple[Float[Tensor, "batch before width"], Float[Tensor, "batch tokens width"]]:
        """Return what stands before the codes of so many items, and what each place is told."""
        begin: Tensor = self.begin.expand(count, 1, -1)
        if context is None or self.vector is None:
            return begin, begin.new_zeros(1, 1, 1).expand(count, self.tokens, self.width)
        told = Conditioning(context) if self.reader is None else self.reader(context)
        places = self.vector(told.vector).unflatten(1, (self.tokens, self.width))
        begin = begin + places[:, :1]
        if self.words is None or told.sequence is None or told.there is None:
            return begin, places
        words = torch.where(told.there.unsqueeze(-1), self.words(told.sequence), self.no_word)
        return torch.cat([words, begin], 1), places


class CodesSoFar(NamedTuple):
    """What a `CodeTransformer` goes on from.

    Attributes:
        known: Keys and values of each layer, with room for all codes.
        places: What the context says of each place.
    """

    known: Float[Tensor, "batch layers 2 heads places size"]
    places: Float[Tensor, "batch tokens width"]


class CaptionScorer(nn.Module):
    """How well codes fit a context, learned by telling each item's own from those of others.

    Args:
        tokens: Codes of an item.
        num_codes: Values that a code may take.
        reader: What reads the context.
        width: Of the vectors that are compared.

    Source: Radford et al. 2021, "Learning transferable visual models from natural language
    supervision" (CLIP), figure 3; Ramesh et al. 2021, section 2.6, for choosing samples by it.

    Example:
        >>> from vaekit.networks import ValueReader
        >>> scorer = CaptionScorer(4, 9, ValueReader(2), 16)
        >>> scorer(torch.zeros(5, 4, dtype=torch.long), torch.zeros(5, 2)).shape
        torch.Size([5])
    """

    def __init__(self, tokens: int, num_codes: int, reader: ContextReader, width: int) -> None:
        super().__init__()
        self.tokens, self.num_codes, self.width = tokens, num_codes, width
        self.reader = reader
        self.codes = nn.Embedding(num_codes, width)
        self.positions = nn.Parameter(_START * torch.randn(tokens, width))
        self.looks = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU())
        self.joins = nn.Sequential(
            nn.Linear(2 * width, 2 * width), nn.GELU(), nn.Linear(2 * width, width)
        )
        self.gates = nn.Parameter(_START * torch.randn(tokens, 2 * width))
        self.words = nn.Linear(reader.vector_dim, width)
        self.sharpness = nn.Parameter(torch.tensor(math.log(10.0)))

    def forward(
        self, codes: Int[Tensor, "batch tokens"], context: Float[Tensor, "batch context"]
    ) -> Float[Tensor, "batch"]:
        """Return the cosine between each item and its context."""
        return (self._items(codes) * self._contexts(context)).sum(-1)

    def losses(
        self, codes: Int[Tensor, "batch tokens"], context: Float[Tensor, "batch context"]
    ) -> Float[Tensor, "batch"]:
        """Return the cross-entropy of each item's own context among all, and the other way."""
        table = self.sharpness.exp() * self._items(codes) @ self._contexts(context).T
        # The same context stands beside several items: any of them is right.
        same = (context.nan_to_num().unsqueeze(0) == context.nan_to_num().unsqueeze(1)).all(-1)
        own = same.float() / same.sum(-1, keepdim=True)
        there = F.cross_entropy(table, own, reduction="none")
        return (there + F.cross_entropy(table.T, own, reduction="none")) / 2

    def _items(self, codes: Tensor) -> Tensor:
        h = self.looks(self.codes(codes) + self.positions) * (1 + self.gates)
        return F.normalize(self.joins(h.mean(1)), dim=-1)

    def _contexts(self, context: Tensor) -> Tensor:
        return F.normalize(self.words(self.reader(context).vector), dim=-1)
