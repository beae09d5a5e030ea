"""Recurrent networks that read and tell sequences of tokens."""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence

from vaekit.networks.token_teller import TokenTeller, lengths_of

__all__ = ["TokenEncoder", "TokenGRU"]


class TokenEncoder(nn.Module):
    """Embedded tokens, a gated recurrent unit in each direction, then one dense layer.

    What follows the end of a sequence is not read, so a sequence is encoded alike in any batch.

    Args:
        num_codes: Codes of tokens; 0 pads.
        width: Of the embedding and of each direction.
        features_dim: Size of the features.
        places: How many of the first places of a row hold codes; ``None`` for all.

    Source: Bowman et al. 2016, "Generating sentences from a continuous space", section 3.

    Example:
        >>> TokenEncoder(9, 16, 32)(torch.tensor([[3.0, 4.0, 2.0, 0.0]])).shape
        torch.Size([1, 32])
    """

    def __init__(
        self, num_codes: int, width: int, features_dim: int, places: int | None = None
    ) -> None:
        super().__init__()
        self.num_codes, self.width, self.features_dim = num_codes, width, features_dim
        self.places = places
        self.embedding = nn.Embedding(num_codes, width)
        self.unit = nn.GRU(width, width, batch_first=True, bidirectional=True)
        self.head = nn.Sequential(nn.Linear(2 * width, features_dim), nn.SiLU())

    def forward(self, x: Float[Tensor, "batch steps"]) -> Float[Tensor, "batch features"]:
        """Encode by the last state of each direction."""
        codes = x[:, : self.places].long()
        lengths = lengths_of(codes)
        told = self.embedding(codes[:, : int(lengths.max())])
        packed = pack_padded_sequence(told, lengths.cpu(), batch_first=True, enforce_sorted=False)
        _, last = self.unit(packed)
        h: Tensor = self.head(torch.cat([last[0], last[1]], dim=1))
        return h


class TokenGRU(TokenTeller):
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
        dropout: float = 0.0,
    ) -> None:
        super().__init__(num_codes, steps, in_dim, dropout)
        self.width, self.embedding_dim = width, embedding_dim
        self.embedding = nn.Embedding(num_codes, embedding_dim)
        self.first = nn.Linear(in_dim, width)
        self.told = nn.Linear(in_dim, embedding_dim)
        self.unit = nn.GRU(2 * embedding_dim, width, batch_first=True)
        self.head = nn.Linear(width, num_codes - 2)

    def logits(
        self, features: Float[Tensor, "batch features"], before: Int[Tensor, "batch places"]
    ) -> Float[Tensor, "batch places codes"]:
        """All places in one call of the unit."""
        told, state = self.start(features)
        states, _ = self.unit(self._inputs(told.unsqueeze(1), before), state.unsqueeze(0))
        logits: Tensor = self.head(F.dropout(states, self.dropout, self.training))
        return logits

    def _inputs(self, told: Tensor, codes: Int[Tensor, "*items"]) -> Tensor:
        embedded = F.dropout(self.embedding(codes), self.dropout, self.training)
        return torch.cat([embedded, told.expand_as(embedded)], -1)

    def start(
        self, features: Float[Tensor, "batch features"]
    ) -> tuple[Float[Tensor, "batch told"], Float[Tensor, "batch width"]]:
        """What is told at every step, and the first state."""
        return self.told(features), torch.tanh(self.first(features))

    def step(
        self,
        told: Float[Tensor, "batch told"],
        state: Float[Tensor, "batch width"],
        codes: Int[Tensor, "batch"],
        place: int,
    ) -> tuple[Float[Tensor, "batch codes"], Float[Tensor, "batch width"]]:
        """Logits of the codes from 2 on after these, and the next state."""
        inputs = self._inputs(told, codes).unsqueeze(1)
        states, last = self.unit(inputs, state.unsqueeze(0).contiguous())
        logits: Tensor = self.head(states.squeeze(1))
        return logits, last.squeeze(0)
