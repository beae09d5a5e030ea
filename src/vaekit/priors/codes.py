"""An autoregressive density of codes."""

from typing import Any, Self

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from torch.distributions import Distribution

from vaekit.bounds import Steps
from vaekit.errors import DataError
from vaekit.priors.base import (
    FEWEST_ROWS,
    FittedPrior,
    check_context,
    check_latents,
    check_whole,
    train,
)
from vaekit.priors.flow import Rows
from vaekit.randomness import seeded
from vaekit.types import Aggregate

_BATCH_SIZE, _LEARNING_RATE = 128, 4e-3
_PART = 512  # 512 rows of 64 tokens with 512 codes each are 64 MB of log-probabilities


class AutoregressiveCodes(FittedPrior):
    """p(codes) = product over tokens of p(code | codes before it, context), by a GRU.

    Args:
        latent_dim: Codes per item.
        num_codes: Values that a code may take, at least 2.
        context_dim: Size of the context; 0 for an unconditional model.
        width: Size of the GRU's state.
        steps: Optimiser steps of a fit.

    Raises:
        SpecError: A count is too small.

    Source: van den Oord et al. 2017, "Neural discrete representation learning", section 3.3 (an
    autoregressive prior over codes, there a PixelCNN); Cho et al. 2014 for the GRU.

    Example:
        >>> codes = torch.arange(100).remainder(3).view(50, 2).float()
        >>> prior = AutoregressiveCodes(2, num_codes=3, steps=5).fit(codes)
        >>> prior(None, aggregate=None).sample((4,)).shape
        torch.Size([4, 2])
    """

    net: "_Network"

    def __init__(
        self,
        latent_dim: int,
        num_codes: int,
        context_dim: int = 0,
        width: int = 128,
        steps: Steps = 800,
    ) -> None:
        super().__init__(latent_dim)
        check_whole(0, context_dim=context_dim)
        check_whole(1, latent_dim=latent_dim, width=width, steps=steps)
        check_whole(2, num_codes=num_codes)
        self.num_codes = num_codes
        self.context_dim = context_dim
        self.width = width
        self.steps = steps
        self.net = self._make_net()

    def fit(
        self,
        u: Float[Tensor, "batch latent"],
        context: Float[Tensor, "batch context"] | None = None,
        *,
        generator: torch.Generator | None = None,
    ) -> Self:
        """Train a fresh network by cross-entropy.

        Args:
            u: The numbers of codes, whole numbers from 0 to ``num_codes - 1``; at least 10 rows.
            context: What they are conditioned on.
            generator: Source of randomness; ``None`` uses fresh entropy.

        Raises:
            CompositionError: Codes or context of another size.
            DataError: Too few rows, or numbers that are no codes.
        """
        check_latents(self, u, context, self.context_dim, FEWEST_ROWS)
        codes = self._checked(u)
        rows = (codes,) if context is None else (codes, context.to(self.net.head.weight))
        with seeded(generator):
            self.net = self._make_net().to(u.device)
            train(self.net, self._losses, rows, self.steps, _BATCH_SIZE, _LEARNING_RATE)
        return self

    def forward(
        self, context: Float[Tensor, "batch context"] | None, aggregate: Aggregate
    ) -> Distribution:
        """Return p(codes), or p(codes | c) with batch shape (batch,).

        Raises:
            CompositionError: The context is missing, or of another size.
        """
        context = check_context(self, context, self.context_dim)
        return Rows(self.latent_dim, self._draw, self._log_prob, context, _PART)

    def _make_net(self) -> "_Network":
        return _Network(self.latent_dim, self.num_codes, self.context_dim, self.width)

    def _checked(self, u: Tensor) -> Tensor:
        codes = u.detach().round().long()
        if not (codes == u).all() or codes.min() < 0 or codes.max() >= self.num_codes:
            raise DataError(
                f"codes must be whole numbers from 0 to {self.num_codes - 1}; got values from "
                f"{u.min():g} to {u.max():g}. Make the prior with the model's num_codes."
            )
        return codes

    def _losses(self, codes: Tensor, context: Tensor | None = None) -> Tensor:
        logits = self.net(codes, context)
        return F.cross_entropy(logits.mT, codes, reduction="none").sum(-1)

    def _log_prob(self, u: Tensor, context: Tensor | None) -> Tensor:
        return -self._losses(u.long(), context)

    def _draw(self, n: int, context: Tensor | None) -> Tensor:
        return self.net.draw(n, context).to(self.net.head.weight.dtype)


class _Network(nn.Module):
    """A GRU that reads the code before each token, the token's place, and the context."""

    def __init__(self, tokens: int, num_codes: int, context_dim: int, width: int) -> None:
        super().__init__()
        self.start = num_codes  # stands before the first token
        self.codes = nn.Embedding(num_codes + 1, width)
        self.positions = nn.Embedding(tokens, width)
        self.context = nn.Linear(context_dim, width) if context_dim else None
        self.gru = nn.GRU(width, width, batch_first=True)
        self.head = nn.Linear(width, num_codes)

    def forward(self, codes: Tensor, context: Tensor | None) -> Tensor:
        """Logits of every token, shape (batch, tokens, codes)."""
        before = F.pad(codes[:, :-1], (1, 0), value=self.start)
        logits: Tensor = self.head(self.gru(self._read(before, self.positions.weight, context))[0])
        return logits

    def draw(self, n: int, context: Tensor | None) -> Tensor:
        """Codes drawn one token after the other, shape (n, tokens)."""
        code = torch.full((n, 1), self.start, device=self.head.weight.device)
        state: Any = None
        drawn = []
        for place in self.positions.weight.split(1):
            h, state = self.gru(self._read(code, place, context), state)
            code = self.head(h[:, 0]).softmax(-1).multinomial(1)
            drawn.append(code)
        return torch.cat(drawn, dim=1)

    def _read(self, before: Tensor, positions: Tensor, context: Tensor | None) -> Tensor:
        h: Tensor = self.codes(before) + positions
        return h if self.context is None else h + self.context(context).unsqueeze(1)
