"""Networks for sequences of tokens: recurrent units and a Transformer."""

import abc
import math
from collections.abc import Iterator
from typing import ClassVar

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence

from vaekit.bounds import Share
from vaekit.distributions.sequences import BEGIN, END, PADDING
from vaekit.errors import SpecError


class AutoregressiveTokenDecoder(nn.Module, abc.ABC):
    """Tells each code from features and the codes before it.

    The code of padding is never told, nor that of the beginning; in the last place stands nothing
    but an end.

    Args:
        num_codes: Codes of tokens; 0, 1 and 2 are padding, begin and end.
        steps: Length of a row, with its end.
        in_dim: Size of the features.
        dropout: Share of units that are left out in training.

    Raises:
        SpecError: No code for a token, or no place for an end.
    """

    def __init__(self, num_codes: int, steps: int, in_dim: int, dropout: float) -> None:
        super().__init__()
        if num_codes <= END + 1 or steps < 1:
            raise SpecError(
                "sequences need a code for at least one token beside padding, begin and end, and a "
                f"place for the end; got num_codes={num_codes}, steps={steps}."
            )
        self.num_codes, self.steps, self.in_dim, self.dropout = num_codes, steps, in_dim, dropout

    @abc.abstractmethod
    def logits(
        self, features: Float[Tensor, "batch features"], before: Int[Tensor, "batch places"]
    ) -> Float[Tensor, "batch places codes"]:
        """Logits of the codes from 2 on after each of these, the first of which is a begin."""

    @abc.abstractmethod
    def start(self, features: Float[Tensor, "batch features"]) -> tuple[Tensor, Tensor]:
        """What is told at every step, and the first state, each with a row for each sequence."""

    @abc.abstractmethod
    def step(
        self, conditioning: Tensor, state: Tensor, codes: Int[Tensor, "batch"], place: int
    ) -> tuple[Float[Tensor, "batch codes"], Tensor]:
        """Logits of the codes from 2 on after these, and the next state; may write into the last.

        Args:
            conditioning: Of `start`.
            state: Of the step before.
            codes: The last of each sequence.
            place: How many were told before, 0 for the begin.
        """

    def forward(
        self, features: Float[Tensor, "*batch features"], x: Float[Tensor, "*items steps"]
    ) -> Float[Tensor, "*batch steps"]:
        """Log probability of each code given those before it, in nats; 0 of padding."""
        batch = features.shape[:-1]
        codes = x.long().expand(*batch, x.shape[-1]).flatten(0, -2)
        flat = features.flatten(0, -2)
        learns = self.training or torch.is_grad_enabled()
        if learns or codes.device.type != "cpu" or codes.numel() <= _PLACES_AT_ONCE:
            return self._scores(flat, codes).view(*batch, x.shape[-1])
        lengths = lengths_of(codes)
        out = flat.new_zeros(codes.shape)
        for rows in _alike(lengths):
            out[rows] = self._scores(flat[rows], codes[rows])
        return out.view(*batch, x.shape[-1])

    def _scores(
        self, features: Float[Tensor, "batch features"], codes: Int[Tensor, "batch steps"]
    ) -> Float[Tensor, "batch steps"]:
        length = min(int(lengths_of(codes).max()), self.steps - 1)  # the last place is known
        if length == 0:
            return features.sum(-1, keepdim=True).expand(codes.shape) * 0.0
        inner = codes[:, :length]
        before = F.pad(inner[:, :-1], (1, 0), value=BEGIN)
        there = inner != PADDING
        logits = self.logits(features, before)[there].float()
        # A code that stands nowhere in a sequence, as a begin, must not reach the loss as another.
        scores = -F.cross_entropy(logits, (inner[there] - END).clamp_min(0), reduction="none")
        out = scores.new_zeros(inner.shape).masked_scatter(there, scores)
        return F.pad(out, (0, codes.shape[1] - length))


_PLACES_AT_ONCE = 4096  # what a core's own cache holds; more are slower, and pad the shorter rows


def _alike(lengths: Int[Tensor, "batch"]) -> Iterator[Int[Tensor, "rows"]]:
    """Yield rows of about the same length, a few at a time, so that little is padded.

    Example:
        >>> [rows.tolist() for rows in _alike(torch.tensor([2000, 1, 3000, 2]))]
        [[1, 3], [0], [2]]
    """
    order = lengths.argsort(stable=True)
    ordered = lengths[order].tolist()
    first = 0
    for last, length in enumerate(ordered):
        if last > first and (last - first + 1) * length > _PLACES_AT_ONCE:
            yield order[first:last]
            first = last
    yield order[first:]


def lengths_of(codes: Int[Tensor, "batch steps"]) -> Int[Tensor, "batch"]:
    """Return places up to the last that is not padding, at least 1.

    Example:
        >>> lengths_of(torch.tensor([[3, 2, 0], [2, 0, 0]]))
        tensor([2, 1])
    """
    steps = torch.arange(1, codes.shape[1] + 1, device=codes.device)
    return ((codes != PADDING) * steps).amax(1).clamp_min(1)


class TokenEncoder(nn.Module):
    """Embedded tokens, a gated recurrent unit in each direction, then one dense layer.

    What follows the end of a sequence is not read, so a sequence is encoded alike in any batch.

    Args:
        num_codes: Codes of tokens; 0 pads.
        width: Of the embedding and of each direction.
        features_dim: Size of the features.
        positions: How many of the first places of a row hold codes; ``None`` for all.

    Source: Bowman et al. 2016, "Generating sentences from a continuous space", section 3.

    Example:
        >>> TokenEncoder(9, 16, 32)(torch.tensor([[3.0, 4.0, 2.0, 0.0]])).shape
        torch.Size([1, 32])
    """

    def __init__(
        self, num_codes: int, width: int, features_dim: int, positions: int | None = None
    ) -> None:
        super().__init__()
        self.num_codes, self.width, self.features_dim = num_codes, width, features_dim
        self.positions = positions
        self.embedding = nn.Embedding(num_codes, width)
        self.unit = nn.GRU(width, width, batch_first=True, bidirectional=True)
        self.head = nn.Sequential(nn.Linear(2 * width, features_dim), nn.SiLU())

    def forward(self, x: Float[Tensor, "batch steps"]) -> Float[Tensor, "batch features"]:
        """Encode by the last state of each direction."""
        codes = x[:, : self.positions].long()
        lengths = lengths_of(codes)
        if torch.compiler.is_exporting():
            return self._unpacked(codes, lengths)
        conditioning = self.embedding(codes[:, : int(lengths.max())])
        packed = pack_padded_sequence(
            conditioning, lengths.cpu(), batch_first=True, enforce_sorted=False
        )
        _, last = self.unit(packed)
        h: Tensor = self.head(torch.cat([last[0], last[1]], dim=1))
        return h

    def _unpacked(
        self, codes: Int[Tensor, "batch steps"], lengths: Int[Tensor, "batch"]
    ) -> Float[Tensor, "batch features"]:
        """As `forward`, over all places: other runtimes know no packed sequences.

        The second direction reads each sequence from its own end: what is turned around within its
        length, and then as a whole, it reads so.
        """
        embedded, steps = self.embedding(codes), codes.shape[1]
        forth = self.unit(embedded)[0][..., : self.width]
        turned = (lengths[:, None] - 1 - torch.arange(steps)).clamp_min(0)
        rows = turned.unsqueeze(-1).expand(-1, -1, self.width)
        back = self.unit(embedded.gather(1, rows).flip(1))[0][..., self.width :]
        last = [
            states.gather(1, place[:, None, None].expand(-1, 1, self.width)).squeeze(1)
            for states, place in ((forth, lengths - 1), (back, steps - lengths))
        ]
        h: Tensor = self.head(torch.cat(last, dim=1))
        return h


class TokenGRU(AutoregressiveTokenDecoder):
    """Tells each code from features and the codes before it, by a gated recurrent unit.

    The features start its state and are told it again at every step, so that they are not
    forgotten.

    Args:
        num_codes: Codes of tokens; 0, 1 and 2 are padding, begin and end.
        steps: Length of a row, with its end.
        in_dim: Size of the features.
        width: Of the state.
        embedding_dim: Of the embedded codes.
        dropout: Share of the embedding's and the state's units that are left out in training.

    Raises:
        SpecError: No code for a token, or no place for an end.

    Source: Bowman et al. 2016, as of `TokenEncoder`; Gomez-Bombarelli et al. 2018, "Automatic
    chemical design using a data-driven continuous representation of molecules", for molecules.

    Example:
        >>> network = TokenGRU(9, 4, 8, 16, 8)
        >>> network(torch.zeros(5, 8), torch.tensor([[3.0, 4.0, 2.0, 0.0]]).expand(5, 4)).shape
        torch.Size([5, 4])
    """

    def __init__(
        self,
        num_codes: int,
        steps: int,
        in_dim: int,
        width: int,
        embedding_dim: int = 128,
        dropout: Share = 0.0,
    ) -> None:
        super().__init__(num_codes, steps, in_dim, dropout)
        self.width, self.embedding_dim = width, embedding_dim
        self.embedding = nn.Embedding(num_codes, embedding_dim)
        self.first = nn.Linear(in_dim, width)
        self.conditioning = nn.Linear(in_dim, embedding_dim)
        self.unit = nn.GRU(2 * embedding_dim, width, batch_first=True)
        self.head = nn.Linear(width, num_codes - 2)

    def logits(
        self, features: Float[Tensor, "batch features"], before: Int[Tensor, "batch places"]
    ) -> Float[Tensor, "batch places codes"]:
        """Return all places in one call of the unit."""
        conditioning, state = self.start(features)
        states, _ = self.unit(self._inputs(conditioning.unsqueeze(1), before), state.unsqueeze(0))
        logits: Tensor = self.head(F.dropout(states, self.dropout, self.training))
        return logits

    def _inputs(self, conditioning: Tensor, codes: Int[Tensor, "*items"]) -> Tensor:
        embedded = F.dropout(self.embedding(codes), self.dropout, self.training)
        return torch.cat([embedded, conditioning.expand_as(embedded)], -1)

    def start(
        self, features: Float[Tensor, "batch features"]
    ) -> tuple[Float[Tensor, "batch told"], Float[Tensor, "batch width"]]:
        """Return what is told at every step, and the first state."""
        return self.conditioning(features), torch.tanh(self.first(features))

    def step(
        self,
        conditioning: Float[Tensor, "batch told"],
        state: Float[Tensor, "batch width"],
        codes: Int[Tensor, "batch"],
        place: int,
    ) -> tuple[Float[Tensor, "batch codes"], Float[Tensor, "batch width"]]:
        """Logits of the codes from 2 on after these, and the next state."""
        inputs = self._inputs(conditioning, codes).unsqueeze(1)
        states, last = self.unit(inputs, state.unsqueeze(0).contiguous())
        logits: Tensor = self.head(states.squeeze(1))
        return logits, last.squeeze(0)


_SMALL = 0.02
_ROOM = 8  # places that the state grows by, so that it is not copied at each


class TokenTransformer(AutoregressiveTokenDecoder):
    """Tells each code from features and the codes before it, by attention to all of them.

    The features are told at the beginning and, in another form, at every step. The state that
    `step` carries on holds the keys and values of all places so far, shape (batch, layers, 2,
    heads, places, width / heads), so that a new code costs one place and not a whole row. It has
    room for some more places, and `step` writes into it.

    Args:
        num_codes: Codes of tokens; 0, 1 and 2 are padding, begin and end.
        steps: Length of a row, with its end.
        in_dim: Size of the features.
        width: Of each place; a multiple of the heads.
        layers: Layers.
        heads: Heads of each layer.
        dropout: Share of what each layer adds that is left out in training.

    Raises:
        SpecError: No code for a token, no place for an end, or a width that the heads cannot share.

    Source: Vaswani et al. 2017, "Attention is all you need"; Xiong et al. 2020, "On layer
    normalization in the Transformer architecture", for its place; Bagal et al. 2022, "MolGPT",
    for molecules.

    Example:
        >>> network = TokenTransformer(9, 4, 8, 16, layers=1, heads=2)
        >>> network(torch.zeros(5, 8), torch.tensor([[3.0, 4.0, 2.0, 0.0]]).expand(5, 4)).shape
        torch.Size([5, 4])
    """

    peak_rate: ClassVar[float] = 1e-3
    """The fastest step size; see `TrainConfig`."""

    def __init__(
        self,
        num_codes: int,
        steps: int,
        in_dim: int,
        width: int,
        layers: int = 4,
        heads: int = 8,
        dropout: Share = 0.0,
    ) -> None:
        super().__init__(num_codes, steps, in_dim, dropout)
        if width % heads:
            raise SpecError(f"width must be a multiple of heads; got {width} and {heads}.")
        self.width, self.layers, self.heads = width, layers, heads
        self.embedding = nn.Embedding(num_codes, width)
        self.positions = nn.Embedding(steps, width)
        self.first = nn.Linear(in_dim, width)
        self.conditioning = nn.Linear(in_dim, width)
        self.body = nn.ModuleList(CausalLayer(width, heads, dropout, layers) for _ in range(layers))
        self.head = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, num_codes - 2))
        nn.init.normal_(self.embedding.weight, std=5 * _SMALL)
        nn.init.normal_(self.positions.weight, std=_SMALL)

    def logits(
        self, features: Float[Tensor, "batch features"], before: Int[Tensor, "batch places"]
    ) -> Float[Tensor, "batch places codes"]:
        """Return all places at once, none of which sees those after it."""
        conditioning = self.conditioning(features).unsqueeze(1)
        x = self.embedding(before) + self.positions.weight[: before.shape[1]] + conditioning
        x = x + F.pad(self.first(features).unsqueeze(1), (0, 0, 0, before.shape[1] - 1))
        for layer in self.body:
            x = layer(x, None)
        logits: Tensor = self.head(x)
        return logits

    def start(self, features: Float[Tensor, "batch features"]) -> tuple[Tensor, Tensor]:
        """Return what is told at the beginning and at every step; no place is known yet."""
        conditioning = torch.stack([self.conditioning(features), self.first(features)], 1)
        size = (features.shape[0], self.layers, 2, self.heads, 0, self.width // self.heads)
        return conditioning, features.new_zeros(size)

    def step(
        self, conditioning: Tensor, state: Tensor, codes: Int[Tensor, "batch"], place: int
    ) -> tuple[Float[Tensor, "batch codes"], Tensor]:
        """Logits of the codes from 2 on after these, and the keys and values with theirs."""
        if place == state.shape[-2]:
            state = F.pad(state, (0, 0, 0, _ROOM))
        x = self.embedding(codes) + self.positions.weight[place] + conditioning[:, 0]
        x = (x + conditioning[:, 1] if place == 0 else x).unsqueeze(1)
        for number, layer in enumerate(self.body):
            x = layer(x, state[:, number, ..., : place + 1, :])
        return self.head(x).squeeze(1), state


class CausalLayer(nn.Module):
    """Attention to what came before, then a dense part, each added to its input."""

    def __init__(self, width: int, heads: int, dropout: float, layers: int) -> None:
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.attention = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, 3 * width))
        self.out = nn.Linear(width, width)
        back = nn.Linear(4 * width, width)
        self.dense = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, 4 * width), nn.GELU(), back
        )
        for last in (self.out, back):  # what is added starts small
            nn.init.normal_(last.weight, std=_SMALL / math.sqrt(2 * layers))

    def forward(self, x: Tensor, known: Tensor | None, beside: Tensor | None = None) -> Tensor:
        """Return the next layer's input.

        Args:
            x: Shape (batch, places, width).
            known: Keys and values of the places so far, shape (batch, 2, heads, places, size),
                where x is the last of them, or all, and is filled in; ``None`` where x is all
                places and nothing goes on from them.
            beside: Of `keys_and_values`, what every place sees beside those before it, where x is
                all places.
        """
        parts = self.attention(x).unflatten(-1, (3, self.heads, -1)).transpose(1, 3)
        q, now = parts[:, :, 0], parts[:, :, 1:].transpose(1, 2)
        if known is not None:
            known[..., -x.shape[1] :, :] = now
        keys, values = (now if known is None else known).unbind(1)
        if beside is None:
            seen = _attended(q, keys, values, known is None or x.shape[1] > 1)
        else:
            keys, values = torch.cat([beside, torch.stack([keys, values], 1)], -2).unbind(1)
            more = keys.shape[-2] - x.shape[1]
            before = torch.ones(x.shape[1], keys.shape[-2], dtype=torch.bool, device=x.device)
            seen = _attended(q, keys, values, before.tril(more))
        x = x + self._dropped(self.out(seen.transpose(1, 2).flatten(2)))
        return x + self._dropped(self.dense(x))

    def keys_and_values(self, x: Tensor) -> Tensor:
        """Return those of what places only look at, shape (batch, 2, heads, places, size).

        Args:
            x: Shape (batch, places, width).
        """
        norm, joint = self.attention
        assert isinstance(joint, nn.Linear), "made above"
        width = x.shape[-1]
        both: Tensor = F.linear(norm(x), joint.weight[width:], joint.bias[width:])
        parts = torch.unflatten(both, -1, (2, self.heads, -1))
        return parts.transpose(1, 3).transpose(1, 2)

    def _dropped(self, x: Tensor) -> Tensor:
        return F.dropout(x, self.dropout, self.training)


def _attended(q: Tensor, keys: Tensor, values: Tensor, seen: Tensor | bool) -> Tensor:
    """Attention to all places, to those before (``True``), or to those of a mask."""
    mask, causal = (None, seen) if isinstance(seen, bool) else (seen, False)
    if q.device.type != "cpu":
        return F.scaled_dot_product_attention(q, keys, values, mask, is_causal=causal)
    with torch.autocast("cpu", enabled=False):  # in half precision it is two to eight times as slow
        return F.scaled_dot_product_attention(
            q.float(), keys.float(), values.float(), mask, is_causal=causal
        )
