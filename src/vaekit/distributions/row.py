"""What distributions of rows of a table promise."""

import abc
from collections.abc import Callable

from torch import Tensor
from torch.distributions import Categorical, Distribution

from vaekit.errors import CompositionError

__all__ = ["Choose", "Row", "as_row", "drawn", "most_probable"]

Choose = Callable[[int, Distribution], Tensor]
"""From the place of a cell and its distribution to its value in each row: a code, or a number.

The distribution of a code is a `Categorical` of code - 1; that of a number has a ``cdf`` and an
``icdf``."""


class Row(Distribution, abc.ABC):
    """A distribution of rows, whose cells can be chosen one by one."""

    @abc.abstractmethod
    def walk(self, choose: Choose) -> Tensor:
        """Build rows cell by cell, shape (*batch, cells).

        Each cell is asked for with its distribution, given the cells before it.
        """


def as_row(px: Distribution) -> Row:
    """The same, if it is of rows.

    Raises:
        CompositionError: It is not.
    """
    if not isinstance(px, Row):
        raise CompositionError(f"this needs a likelihood of rows of tables; got {px!r}.")
    return px


def drawn(place: int, cell: Distribution) -> Tensor:
    """A draw of a cell."""
    value: Tensor = cell.sample()
    return value + 1.0 if isinstance(cell, Categorical) else value


def most_probable(place: int, cell: Distribution) -> Tensor:
    """The code with the most weight, or the mean of the number."""
    return cell.logits.argmax(-1) + 1.0 if isinstance(cell, Categorical) else cell.mean
