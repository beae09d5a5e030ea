"""A Transformer that tells sequences of tokens."""

import math
from typing import ClassVar

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from vaekit.errors import SpecError
from vaekit.networks.token_teller import TokenTeller

__all__ = ["TokenTransformer"]

_SMALL = 0.02
_ROOM = 8  # places that the state grows by, so that it is not copied at each


class TokenTransformer(TokenTeller):
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
        dropout: float = 0.0,
    ) -> None:
        super().__init__(num_codes, steps, in_dim, dropout)
        if width % heads:
            raise SpecError(f"width must be a multiple of heads; got {width} and {heads}.")
        self.width, self.layers, self.heads = width, layers, heads
        self.embedding = nn.Embedding(num_codes, width)
        self.places = nn.Embedding(steps, width)
        self.first = nn.Linear(in_dim, width)
        self.told = nn.Linear(in_dim, width)
        self.body = nn.ModuleList(_Layer(width, heads, dropout, layers) for _ in range(layers))
        self.head = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, num_codes - 2))
        nn.init.normal_(self.embedding.weight, std=5 * _SMALL)
        nn.init.normal_(self.places.weight, std=_SMALL)

    def logits(
        self, features: Float[Tensor, "batch features"], before: Int[Tensor, "batch places"]
    ) -> Float[Tensor, "batch places codes"]:
        """All places at once, none of which sees those after it."""
        told = self.told(features).unsqueeze(1)
        x = self.embedding(before) + self.places.weight[: before.shape[1]] + told
        x = x + F.pad(self.first(features).unsqueeze(1), (0, 0, 0, before.shape[1] - 1))
        for layer in self.body:
            x = layer(x, None)
        logits: Tensor = self.head(x)
        return logits

    def start(self, features: Float[Tensor, "batch features"]) -> tuple[Tensor, Tensor]:
        """What is told at the beginning and at every step; no place is known yet."""
        told = torch.stack([self.told(features), self.first(features)], 1)
        size = (len(features), self.layers, 2, self.heads, 0, self.width // self.heads)
        return told, features.new_zeros(size)

    def step(
        self, told: Tensor, state: Tensor, codes: Int[Tensor, "batch"], place: int
    ) -> tuple[Float[Tensor, "batch codes"], Tensor]:
        """Logits of the codes from 2 on after these, and the keys and values with theirs."""
        if place == state.shape[-2]:
            state = F.pad(state, (0, 0, 0, _ROOM))
        x = self.embedding(codes) + self.places.weight[place] + told[:, 0]
        x = (x + told[:, 1] if place == 0 else x).unsqueeze(1)
        for number, layer in enumerate(self.body):
            x = layer(x, state[:, number, ..., : place + 1, :])
        return self.head(x).squeeze(1), state


class _Layer(nn.Module):
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

    def forward(self, x: Tensor, known: Tensor | None) -> Tensor:
        """The next layer's input.

        Args:
            x: Shape (batch, places, width).
            known: Keys and values of the places so far, shape (batch, 2, heads, places, size),
                where x is the last of them, which is filled in; ``None`` where x is all places.
        """
        parts = self.attention(x).unflatten(-1, (3, self.heads, -1)).transpose(1, 3)
        q, now = parts[:, :, 0], parts[:, :, 1:].transpose(1, 2)
        if known is not None:
            known[..., -1:, :] = now
        keys, values = (now if known is None else known).unbind(1)
        seen = _attended(q, keys, values, known is None)
        x = x + self._dropped(self.out(seen.transpose(1, 2).flatten(2)))
        return x + self._dropped(self.dense(x))

    def _dropped(self, x: Tensor) -> Tensor:
        return F.dropout(x, self.dropout, self.training)


def _attended(q: Tensor, keys: Tensor, values: Tensor, causal: bool) -> Tensor:
    if q.device.type != "cpu":
        return F.scaled_dot_product_attention(q, keys, values, is_causal=causal)
    with torch.autocast("cpu", enabled=False):  # in half precision it is two to eight times as slow
        return F.scaled_dot_product_attention(
            q.float(), keys.float(), values.float(), is_causal=causal
        )
