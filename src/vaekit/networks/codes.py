"""Networks that tell the codes of an item one after the other, and how well they fit a caption."""

import math
from dataclasses import dataclass

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
    source), then the codes; or all codes see the words, as they are read, in each layer, which
    spares the layers' work on places that are not to be told. Each place is also told by a linear
    map what the caption as a whole means for it, which takes few steps to learn. Where a place has
    several codes, layers see it as one, and a small network tells its codes one after the other.

    Args:
        tokens: Codes of an item.
        num_codes: Values that a code may take.
        width: Of each place; a multiple of 32.
        layers: Layers.
        reader: What reads the context; ``None`` where it is told as it is, or there is none.
        context_dim: Size of the context; 0 without one.
        depth: Codes of one place, which stand one after the other; a divisor of ``tokens``.
        beside: Whether the words stand beside the sequence instead of in it.

    Source: Ramesh et al. 2021, "Zero-shot text-to-image generation", section 2.2; Lee et al. 2022,
    "Autoregressive image generation using residual quantization", section 3.2, for the depth.

    Example:
        >>> network = CodeTransformer(4, 9, 32, 1, None, 0, depth=2)
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
        depth: Layers = 1,
        beside: bool = False,
    ) -> None:
        super().__init__()
        if width % _HEAD:
            raise SpecError(f"width must be a multiple of {_HEAD}; got {width}.")
        if depth < 1 or tokens % depth:
            raise SpecError(f"depth must divide the {tokens} codes of an item; got {depth}.")
        self.tokens, self.num_codes, self.width, self.layers = tokens, num_codes, width, layers
        self.depth, self.beside, self.places = depth, beside, tokens // depth
        self.reader, self.context_dim = reader, context_dim
        self.sequence_dim = 0 if reader is None else reader.sequence_dim
        told = context_dim if reader is None else reader.vector_dim
        self.vector = nn.Linear(told, self.places * width) if told else None
        self.words = nn.Linear(self.sequence_dim, width) if self.sequence_dim else None
        self.begin = nn.Parameter(_START * torch.randn(width))
        self.no_word = nn.Parameter(_START * torch.randn(width))
        self.codes = nn.Embedding(depth * num_codes, width)
        self.positions = nn.Parameter(_START * torch.randn(self.places, width))
        nn.init.normal_(self.codes.weight, std=5 * _START)
        heads = width // _HEAD
        self.heads = heads
        self.body = nn.ModuleList(CausalLayer(width, heads, 0.0, layers) for _ in range(layers))
        self.head = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, num_codes))
        self.deeper = nn.ModuleList(_NextCode(width, num_codes) for _ in range(1, depth))

    @property
    def _layers(self) -> list[CausalLayer]:
        return [layer for layer in self.body if isinstance(layer, CausalLayer)]

    def forward(
        self, codes: Int[Tensor, "batch tokens"], context: Tensor | None
    ) -> Float[Tensor, "batch tokens codes"]:
        """Return the logits of every code, given those before it and the context."""
        words, begin, places = self._conditioning(context, codes.shape[0])
        levels = torch.arange(self.depth, device=codes.device) * self.num_codes
        each = self.codes(codes.unflatten(1, (self.places, self.depth)) + levels)
        so_far = each.cumsum(2).unbind(2)
        x = so_far[-1][:, :-1] + self.positions[:-1] + places[:, 1:]
        x = torch.cat([begin, x], 1)
        for layer in self._layers:
            x = layer(x, None, None if words is None else layer.keys_and_values(words))
        x = x[:, -self.places :]
        deeper = [level(x + known) for level, known in zip(self.deeper, so_far, strict=False)]
        logits: Tensor = torch.stack([self.head(x), *deeper], 2).flatten(1, 2)
        return logits

    def start(
        self, context: Tensor | None, count: int
    ) -> tuple[Float[Tensor, "batch codes"], "CodesSoFar"]:
        """Return the logits of the first code, and what the next ones are told from.

        Args:
            context: A row for each item; ``None`` without one.
            count: How many items.
        """
        words, x, told = self._conditioning(context, count)
        beside = 0 if words is None else words.shape[1]
        there = beside + x.shape[1]
        known = x.new_zeros(count, self.layers, 2, self.heads, there + self.places - 1, _HEAD)
        for number, layer in enumerate(self._layers):
            if words is not None:
                known[:, number, ..., :beside, :] = layer.keys_and_values(words)
            x = layer(x, known[:, number, ..., :there, :])
        return self.head(x[:, -1]), CodesSoFar(known, told, x[:, -1])

    def step(
        self, so_far: "CodesSoFar", codes: Int[Tensor, "batch"], token: int
    ) -> Float[Tensor, "batch codes"]:
        """Return the logits of the code after one, whose keys and values are filled in.

        Args:
            so_far: Of `start`; changed in place.
            codes: The last codes.
            token: Which of an item's codes they are, from 0.
        """
        place, level = divmod(token, self.depth)
        embedded = self.codes(codes + level * self.num_codes)
        here = embedded if so_far.here is None else so_far.here + embedded
        if level + 1 < self.depth:
            so_far.here = here
            deeper: Tensor = self.deeper[level](so_far.features + here)
            return deeper
        x = (here + self.positions[place] + so_far.places[:, place + 1]).unsqueeze(1)
        there = so_far.known.shape[-2] - self.places + place + 2
        for number, layer in enumerate(self._layers):
            x = layer(x, so_far.known[:, number, ..., :there, :])
        so_far.features, so_far.here = x[:, 0], None
        logits: Tensor = self.head(x[:, 0])
        return logits

    def _conditioning(
        self, context: Tensor | None, count: int
    ) -> tuple[Tensor | None, Tensor, Float[Tensor, "batch places width"]]:
        """Return what is seen beside a sequence, how that begins, and what each place is told."""
        begin: Tensor = self.begin.expand(count, 1, -1)
        if context is None or self.vector is None:
            places = begin.new_zeros(1, 1, 1).expand(count, self.places, self.width)
            return None, begin, places
        told = Conditioning(context) if self.reader is None else self.reader(context)
        places = self.vector(told.vector).unflatten(1, (self.places, self.width))
        begin = begin + places[:, :1]
        if self.words is None or told.sequence is None or told.there is None:
            return None, begin, places
        words = torch.where(told.there.unsqueeze(-1), self.words(told.sequence), self.no_word)
        return (
            (words, begin, places) if self.beside else (None, torch.cat([words, begin], 1), places)
        )


class _NextCode(nn.Module):
    """What follows, of what a place is told and the codes that it has so far."""

    def __init__(self, width: int, num_codes: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width)
        )
        self.head = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, num_codes))

    def forward(self, x: Float[Tensor, "*batch width"]) -> Float[Tensor, "*batch codes"]:
        """Logits."""
        logits: Tensor = self.head(x + self.body(x))
        return logits


@dataclass
class CodesSoFar:
    """What a `CodeTransformer` goes on from.

    Attributes:
        known: Keys and values of each layer, with room for all places.
        places: What the context says of each place.
        features: Of the place that is being told.
        here: The embeddings of its codes so far, added up; ``None`` before the first.
    """

    known: Float[Tensor, "batch layers 2 heads seen size"]
    places: Float[Tensor, "batch places width"]
    features: Float[Tensor, "batch width"]
    here: Float[Tensor, "batch width"] | None = None


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
