"""What can be chosen about a search."""

from collections.abc import Sequence
from dataclasses import dataclass

from vaekit.errors import SpecError, unknown_name
from vaekit.tasks.optimisation.constraints import Constraint
from vaekit.tasks.optimisation.methods import METHODS

__all__ = ["SearchSettings", "round_of"]


def round_of(budget: int) -> int:
    """Molecules of a round where none are chosen: a twentieth of the budget, but 10 to 100.

    Example:
        >>> round_of(50), round_of(1000)
        (10, 50)
    """
    return max(10, min(100, budget // 20))


@dataclass(frozen=True)
class SearchSettings:
    """Options of a search.

    Attributes:
        budget: The most different molecules to ask the objectives about, the first included.
        method: A name of `METHODS`, or ``"auto"``.
        batch: Molecules of a round, after which the method learns.
        starts: The most of the given molecules to begin with; ``None`` for a tenth of the budget,
            but 10 to 200.
        constraints: What proposals must keep.
        seed: Of everything random.

    Raises:
        SpecError: A number out of its range, or an unknown method.
    """

    budget: int = 1000
    method: str = "auto"
    batch: int = 50
    starts: int | None = None
    constraints: Sequence[Constraint] = ()
    seed: int = 0

    def __post_init__(self) -> None:
        """Check the values."""
        for name in ("budget", "batch", "starts"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise SpecError(f"{name} must be at least 1; got {value}.")
        if self.method not in ("auto", *METHODS):
            raise unknown_name("method", self.method, ("auto", *METHODS))

    @property
    def most_starts(self) -> int:
        """How many of the given molecules to begin with."""
        chosen = self.starts or max(10, min(200, self.budget // 10))
        return min(chosen, self.budget)
