"""The likelihood of a row of a table with columns of different kinds."""

from collections.abc import Sequence
from typing import ClassVar

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from torch.distributions import Distribution

from vaekit.distributions import Cells
from vaekit.errors import SpecError
from vaekit.likelihoods.base import Likelihood, sum_observed
from vaekit.types import Batch

__all__ = ["Table"]

_FLOOR = 1e-3
_START = 0.5


class Table(Likelihood):
    """Codes of columns, each a categorical of its own, then normal numbers with learned noise.

    The decoder says, in one flat row, the logits of all codes and the means of the numbers. The
    noise of each number is a parameter, which finds out how much of it the latents can tell.

    Args:
        num_codes: How many codes each column has, at least one.
        num_numbers: How many numbers follow.

    Raises:
        SpecError: A column without codes.

    Source: Ma et al. 2020, "VAEM: a deep generative model for heterogeneous mixed type data",
    for likelihoods of columns of different kinds; Rybkin et al. 2021 for the learned noise.

    Example:
        >>> px = Table((2, 3), 1)(torch.zeros(1, 4, 1, 6))
        >>> px.sample().shape
        torch.Size([1, 4, 3])
    """

    support: ClassVar[str] = "table"
    smooth: ClassVar[bool] = False
    drawn: ClassVar[bool] = True

    def __init__(self, num_codes: Sequence[int], num_numbers: int) -> None:
        super().__init__()
        if min(num_codes, default=1) < 1 or num_numbers < 0 or not (num_codes or num_numbers):
            raise SpecError(
                f"a table must have columns of at least one code each; got num_codes={num_codes}, "
                f"num_numbers={num_numbers}."
            )
        self.num_codes: tuple[int, ...] = tuple(num_codes)
        self.num_numbers: int = num_numbers
        start = torch.full((num_numbers,), _START).expm1().log()
        self.raw_scale = nn.Parameter(start)

    @property
    def num_features(self) -> int:
        """How many features the decoder must say of a row."""
        return sum(self.num_codes) + self.num_numbers

    @property
    def scale(self) -> Tensor:
        """The noise of each number, as the networks see it."""
        return F.softplus(self.raw_scale) + _FLOOR

    def forward(self, features: Float[Tensor, "draws batch 1 features"]) -> Distribution:
        """Read the features as logits, then means."""
        logits, means = features.squeeze(2).split([sum(self.num_codes), self.num_numbers], -1)
        return Cells(logits, self.num_codes, means, self.scale)

    def log_prob(self, px: Distribution, batch: Batch) -> Float[Tensor, "draws batch"]:
        """Sum over observed cells, in nats."""
        return sum_observed(px.log_prob(batch.visible), batch)

    def point(self, px: Distribution) -> Tensor:
        """The most probable codes, and the means of the numbers."""
        return px.mean

    def initial_features(self, mean: Float[Tensor, "cells"]) -> Float[Tensor, "1 features"]:
        """Equal odds of codes (a mean says nothing about them), and the means of the numbers."""
        odds = mean.new_zeros(sum(self.num_codes))
        return torch.cat([odds, mean[len(self.num_codes) :]]).unsqueeze(0)
