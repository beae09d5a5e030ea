"""What networks that tell sequences of tokens, each from those before it, have in common."""

import abc

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from vaekit.distributions import BEGIN, END, PADDING
from vaekit.errors import SpecError

__all__ = ["TokenTeller", "lengths_of"]


class TokenTeller(nn.Module, abc.ABC):
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
        self, told: Tensor, state: Tensor, codes: Int[Tensor, "batch"], place: int
    ) -> tuple[Float[Tensor, "batch codes"], Tensor]:
        """Logits of the codes from 2 on after these, and the next state; may write into the last.

        Args:
            told: Of `start`.
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
        length = min(int(lengths_of(codes).max()), self.steps - 1)  # the last place is known
        if length == 0:
            return features.sum(-1, keepdim=True).expand(*batch, x.shape[-1]) * 0.0
        inner = codes[:, :length]
        before = F.pad(inner[:, :-1], (1, 0), value=BEGIN)
        there = inner != PADDING
        logits = self.logits(features.flatten(0, -2), before)[there].float()
        # A code that stands nowhere in a sequence, as a begin, must not reach the loss as another.
        scores = -F.cross_entropy(logits, (inner[there] - END).clamp_min(0), reduction="none")
        out = scores.new_zeros(inner.shape).masked_scatter(there, scores)
        return F.pad(out, (0, x.shape[-1] - length)).view(*batch, x.shape[-1])


def lengths_of(codes: Int[Tensor, "batch steps"]) -> Int[Tensor, "batch"]:
    """Places up to the last that is not padding, at least 1.

    Example:
        >>> lengths_of(torch.tensor([[3, 2, 0], [2, 0, 0]]))
        tensor([2, 1])
    """
    steps = torch.arange(1, codes.shape[1] + 1, device=codes.device)
    return ((codes != PADDING) * steps).amax(1).clamp_min(1)
