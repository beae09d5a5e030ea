"""The likelihood of a row of a table whose cells depend on each other given the latents."""

from collections.abc import Iterable
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Distribution

from vaekit.distributions import AutoregressiveRow
from vaekit.likelihoods.base import Likelihood, sum_observed
from vaekit.networks import AutoregressiveCells
from vaekit.types import Batch

__all__ = ["AutoregressiveTable"]


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

    support: ClassVar[str] = "table"
    smooth: ClassVar[bool] = False
    drawn: ClassVar[bool] = True
    settles: ClassVar[bool] = True

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

    def settle(self, seen: Iterable[tuple[Distribution, Batch]]) -> None:
        """Move the shares of each cell until it is predicted as often as there is.

        Dropout makes a network surer in use than it was in training, and then rare values are too
        rare or too frequent by some percent.
        """
        rows = ((px, batch.visible) for px, batch in seen)
        self.cells.settle((px.features, x) for px, x in rows if isinstance(px, AutoregressiveRow))

    def point(self, px: Distribution) -> Tensor:
        """Cell by cell the most probable code, or the mean of the number."""
        return px.mean

    def initial_features(self, mean: Float[Tensor, "cells"]) -> Float[Tensor, "1 features"]:
        """Nothing: the network itself starts from the shares of codes."""
        return torch.zeros(1, self.num_features)
