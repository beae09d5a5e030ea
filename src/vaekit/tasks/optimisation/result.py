"""What a search found, beside its baselines and what was there before."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vaekit.tasks.optimisation.assessor import Record, values_of
from vaekit.tasks.optimisation.constraints import Constraint
from vaekit.tasks.optimisation.curves import area_of_best, best_so_far, mean_of_best
from vaekit.tasks.optimisation.objectives import Goal
from vaekit.tasks.optimisation.pareto import pareto_set
from vaekit.tasks.optimisation.search import Found
from vaekit.tasks.optimisation.starts import Starts

__all__ = ["Optimisation", "Summary"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Summary:
    """How good some molecules are together, by the score.

    Attributes:
        name: The method, or ``"given molecules"``.
        calls: Spent; 0 where values cost none.
        best: The highest score.
        top10: Mean of the ten highest.
        area: Mean over the budget of the mean of the ten highest so far; NaN of given molecules.
    """

    name: str
    calls: int
    best: float
    top10: float
    area: float


@dataclass(frozen=True)
class Optimisation:
    """What `optimise` returns.

    Attributes:
        found: By the method that was asked for.
        baselines: By others at the same budget.
        starts: What was made of the given molecules.
        constraints: What proposals had to keep.
        budget: Of calls.
        columns: For each scored molecule, in the order of the calls: similarity to the lead, the
            nearest given molecule, alerts and flags; see `table`.
    """

    found: Found
    starts: Starts
    budget: int
    constraints: Sequence[Constraint] = ()
    baselines: Mapping[str, Found] = field(default_factory=dict)
    columns: Mapping[str, Sequence[Any]] = field(default_factory=dict)

    @property
    def goal(self) -> Goal:
        """What was asked for, with the scale that the first molecules gave."""
        return self.found.goal

    @property
    def records(self) -> Sequence[Record]:
        """One for each call, in order."""
        return self.found.records

    @property
    def failures(self) -> list[Record]:
        """Molecules without a value, with the reason."""
        return [record for record in self.records if record.reason is not None]

    @property
    def scores(self) -> Floats:
        """Of each call; NaN where it failed."""
        scores: Floats = self.found.scores
        return scores

    @property
    def order(self) -> NDArray[np.int64]:
        """Calls that did not fail, the best first, from 0."""
        there = np.flatnonzero(np.isfinite(self.scores))
        return there[np.argsort(-self.scores[there], kind="stable")]

    @property
    def best(self) -> Record:
        """The molecule of the highest score."""
        return self.records[int(self.order[0])]

    @property
    def pareto(self) -> list[Record]:
        """Molecules that no other beats in one objective without losing in another."""
        return [record for record, front in zip(self.records, self.is_pareto, strict=True) if front]

    @property
    def is_pareto(self) -> NDArray[np.bool_]:
        """Which calls brought those."""
        there = np.isfinite(self.scores)
        chosen = np.zeros(len(self.records), bool)
        welcome = self.goal.welcome(values_of(self.records, self.goal)[there])
        chosen[np.flatnonzero(there)] = pareto_set(welcome)
        return chosen

    @property
    def curves(self) -> dict[str, Floats]:
        """The highest score so far, call by call, of each method."""
        scores = {self.found.method: self.scores}
        scores |= {name: self._rescored(found) for name, found in self.baselines.items()}
        return {name: best_so_far(each) for name, each in scores.items()}

    @property
    def summaries(self) -> list[Summary]:
        """The method, its baselines, and what was given, all on the scale of the method."""
        rows = [self._summary(self.found.method, self.scores)]
        rows += [self._summary(n, self._rescored(f)) for n, f in self.baselines.items()]
        given = self.given_scores
        if len(given):
            calls = 0 if self.starts.known_values is not None else len(given)
            nan = float("nan")
            best = float(np.nanmax(given)) if np.isfinite(given).any() else nan
            rows.append(Summary("given molecules", calls, best, mean_of_best(given), nan))
        return rows

    @property
    def given_scores(self) -> Floats:
        """Of the given molecules, as far as they have values."""
        if self.starts.known_values is not None:
            return self.goal.scores(self.starts.known_values)
        return self.scores[: self.found.num_starts]

    def _summary(self, name: str, scores: Floats) -> Summary:
        best = float(np.fmax.reduce(scores)) if len(scores) else float("nan")
        area = area_of_best(scores, self.budget)
        return Summary(name, len(scores), best, mean_of_best(scores), area)

    def _rescored(self, found: Found) -> Floats:
        """Scores of a baseline on the scale of the method."""
        return self.goal.scores(values_of(found.records, self.goal))
