"""Asking for values, once for each molecule and within a budget."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vaekit.errors import DataError
from vaekit.tasks.optimisation.measures import Failure, Outcome
from vaekit.tasks.optimisation.objectives import Goal

__all__ = ["Assessor", "Record", "values_of"]

_ALL_FAILED = 20  # molecules, after which a run without any value stops


@dataclass(frozen=True)
class Record:
    """What became of one molecule.

    Attributes:
        smiles: Canonical.
        values: One for each objective; NaN where it failed.
        call: Which call it was, from 1.
        reason: Why it failed; ``None`` if it did not.
    """

    smiles: str
    values: tuple[float, ...]
    call: int
    reason: str | None = None


class Assessor:
    """Asks the measures; a molecule costs one call, and nothing when it is asked for again.

    Args:
        goal: Whose measures to ask.
        budget: The most different molecules.
        watch: Called with each record as it comes in.
    """

    def __init__(self, goal: Goal, budget: int, watch: Callable[[Record], None]) -> None:
        self.goal, self.budget, self.watch = goal, budget, watch
        self.records: dict[str, Record] = {}

    @property
    def remaining(self) -> int:
        """Calls that are left."""
        return self.budget - len(self.records)

    @property
    def successes(self) -> list[Record]:
        """Those with values, in the order of the calls."""
        return [record for record in self.records.values() if record.reason is None]

    def ask(self, smiles: Sequence[str]) -> list[Record]:
        """Records of those among these molecules that are new, as far as the budget goes.

        Raises:
            DataError: The first 20 molecules failed, or all of the budget.
        """
        new = [one for one in dict.fromkeys(smiles) if one not in self.records]
        new = new[: self.remaining]
        streams = [each.measure.outcomes(new) for each in self.goal.objectives]
        made = []
        for one, outcomes in zip(new, zip(*streams, strict=True), strict=True):
            record = self._record(one, outcomes)
            self.records[one] = record
            made.append(record)
            self.watch(record)
            self._check(record)
        return made

    def _record(self, smiles: str, outcomes: Sequence[Outcome]) -> Record:
        failures = [
            f"{name} {outcome.reason}"
            for name, outcome in zip(self.goal.names, outcomes, strict=True)
            if isinstance(outcome, Failure)
        ]
        values = tuple(np.nan if isinstance(o, Failure) else o for o in outcomes)
        return Record(smiles, values, len(self.records) + 1, "; ".join(failures) or None)

    def _check(self, record: Record) -> None:
        if record.reason is None or len(self.records) < min(_ALL_FAILED, self.budget):
            return
        if not self.successes:
            raise DataError(
                f"the objectives must give a number for some molecules; all of the first "
                f"{len(self.records)} failed, the last, {record.smiles!r}, because "
                f"{record.reason}. Try the function on that molecule by itself."
            )


def values_of(records: Sequence[Record], goal: Goal) -> NDArray[np.float64]:
    """Values as an array, shape (molecules, objectives), also of no molecule."""
    values = np.array([record.values for record in records], np.float64)
    return values.reshape(len(records), len(goal.objectives))
