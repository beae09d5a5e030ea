"""Likelihoods of the rows of a table, with cells independent or each given those before it."""

from collections.abc import Iterable, Sequence
from typing import ClassVar

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from torch.distributions import Distribution

from vaekit.distributions.rows import AutoregressiveRow, Cells
from vaekit.errors import SpecError
from vaekit.likelihoods.base import TABLE, Likelihood, Support, sum_observed
from vaekit.networks.autoregressive import AutoregressiveCells
from vaekit.types import Batch

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

    support: ClassVar[Support] = TABLE
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
        start = torch.full((num_numbers,), torch.tensor(_START).expm1().log().item())
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
        """Return the most probable codes, and the means of the numbers."""
        return px.mean

    def initial_features(self, mean: Float[Tensor, "cells"]) -> Float[Tensor, "1 features"]:
        """Equal odds of codes (a mean says nothing about them), and the means of the numbers."""
        odds = mean.new_zeros(sum(self.num_codes))
        return torch.cat([odds, mean[len(self.num_codes) :]]).unsqueeze(0)


class AutoregressiveTable(Likelihood):
    """Each cell given the latents and the cells before it: codes of columns, then numbers.

    The latents say what kind of row it is, and this network how its cells go together; so rows
    are right in their details even where the density of the latents is not.

    Args:
        cells: The network; the decoder says as many features as it is wide.

    Source: Chen et al. 2017, "Variational lossy autoencoder", for an autoregressive decoder; Uria
    et al. 2016, "Neural autoregressive distribution estimation", for the network.

    Example:
        >>> cells = AutoregressiveCells((2, 3), [(1, 3)], [(0.0, 0.5, 1.0)], 8)
        >>> px = AutoregressiveTable(cells)(torch.zeros(1, 4, 1, 8))
        >>> px.sample().shape
        torch.Size([1, 4, 3])
    """

    support: ClassVar[Support] = TABLE
    smooth: ClassVar[bool] = False
    drawn: ClassVar[bool] = True
    needs_calibration: ClassVar[bool] = True

    def __init__(self, cells: AutoregressiveCells) -> None:
        super().__init__()
        self.cells = cells

    @property
    def num_features(self) -> int:
        """How many features the decoder must say of a row."""
        return self.cells.width

    def forward(self, features: Float[Tensor, "draws batch 1 features"]) -> Distribution:
        """Take the features for what is known of each row before its first cell."""
        return AutoregressiveRow(self.cells, features.squeeze(2))

    def log_prob(self, px: Distribution, batch: Batch) -> Float[Tensor, "draws batch"]:
        """Sum over observed cells, in nats; of the others none is told to those after it."""
        return sum_observed(px.log_prob(batch.visible), batch)

    def calibrate(self, seen: Iterable[tuple[Distribution, Batch]]) -> None:
        """Move the shares of each cell until it is predicted as often as there is.

        Dropout makes a network surer in use than it was in training, and then rare values are too
        rare or too frequent by some percent.
        """
        rows = ((px, batch.visible) for px, batch in seen)
        self.cells.calibrate(
            (px.features, x) for px, x in rows if isinstance(px, AutoregressiveRow)
        )

    def point(self, px: Distribution) -> Tensor:
        """Cell by cell the most probable code, or the mean of the number."""
        return px.mean

    def initial_features(self, mean: Float[Tensor, "cells"]) -> Float[Tensor, "1 features"]:
        """Nothing: the network itself starts from the shares of codes."""
        return torch.zeros(1, self.num_features)
