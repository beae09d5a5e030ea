"""The cells of a row of a table, each given those before it."""

from typing import Any, ClassVar, Protocol

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Categorical, Distribution, constraints

from vaekit.distributions.binned_normal import BinnedNormal
from vaekit.distributions.row import Choose, Row, drawn, most_probable

__all__ = ["AutoregressiveRow"]


class Teller(Protocol):
    """A network that tells cells from those before them; see `AutoregressiveCells`."""

    num_codes: tuple[int, ...]

    @property
    def num_cells(self) -> int: ...
    def __call__(self, features: Tensor, x: Tensor) -> list[Tensor]: ...
    def logits(self, cell: int, known: Tensor) -> Tensor: ...
    def tell(self, cell: int, x: Tensor) -> Tensor: ...
    def bins(self, cell: int) -> Tensor | None: ...
    def has_number(self, cell: int, x: Tensor) -> Tensor: ...


class AutoregressiveRow(Row):
    """Codes 1 … K of several columns, then numbers, each cell given the cells before it.

    Args:
        network: Says the logits of each cell.
        features: What it knows before the first cell.

    Source: Larochelle & Murray 2011, "The neural autoregressive distribution estimator".
    """

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {}

    def __init__(self, network: Teller, features: Float[Tensor, "*batch width"]) -> None:
        self.network, self.features = network, features
        batch = (*features.shape[:-1], network.num_cells)
        super().__init__(torch.Size(batch), validate_args=False)

    @property
    def mean(self) -> Tensor:
        """Cell by cell the most probable code, or the mean of the number."""
        return self.walk(most_probable)

    @torch.no_grad()
    def sample(self, sample_shape: Any = torch.Size()) -> Tensor:
        """Draw the cells one after the other."""
        features = self.features.expand(*sample_shape, *self.features.shape)
        return AutoregressiveRow(self.network, features).walk(drawn)

    def walk(self, choose: Choose) -> Tensor:
        """Choose the cells one after the other, each given those before it."""
        x = self.features.new_zeros(*self.features.shape[:-1], self.network.num_cells)
        known = self.features
        for place in range(self.network.num_cells):
            value = choose(place, self._cell(place, self.network.logits(place, known)))
            if place >= len(self.network.num_codes):
                value = value * self.network.has_number(place, x)
            x[..., place] = value
            known = known + self.network.tell(place, x)
        return x

    def log_prob(self, value: Float[Tensor, "*items cells"]) -> Tensor:
        """Log probability or density of each cell given those before it, in nats.

        Of code 0, which is a cell that is not known, it means nothing.
        """
        cells = [
            self._cell(place, logits)
            for place, logits in enumerate(self.network(self.features, value))
        ]
        codes = len(self.network.num_codes)
        scores = [
            cell.log_prob((value[..., i].long() - 1).clamp_min(0) if i < codes else value[..., i])
            for i, cell in enumerate(cells)
        ]
        return torch.stack(scores, -1)

    def _cell(self, place: int, logits: Tensor) -> Distribution:
        if place < len(self.network.num_codes):
            return Categorical(logits=logits, validate_args=False)
        return BinnedNormal(logits, self.network.bins(place))
