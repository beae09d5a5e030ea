"""Searching a model's latents for molecules with desired properties."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from vaekit.errors import DataError
from vaekit.molecules.design.constraints import CandidateFilter
from vaekit.molecules.design.evaluator import Assessor, Record, values_of
from vaekit.molecules.design.measures import HangingError
from vaekit.molecules.design.methods import Method, Tools
from vaekit.molecules.design.objectives import Goal, SurrogateModel
from vaekit.molecules.design.settings import SearchSettings, Starts, make_method
from vaekit.molecules.design.space import Space
from vaekit.randomness import seeded


@dataclass(frozen=True)
class Progress:
    """How far a search is.

    Attributes:
        method: Its name.
        calls: Spent.
        budget: Of calls.
        best: The highest score so far; NaN before the first.
        failed: Calls without a value.
    """

    method: str
    calls: int
    budget: int
    best: float
    failed: int


Watch = Callable[[Progress], None]

_FEW = 10  # molecules, of which the same value is no surprise


@dataclass(frozen=True)
class SearchResult:
    """What a search by one method found.

    Attributes:
        method: Its name.
        goal: With the ends that the first molecules gave.
        records: One for each call, in order.
        num_starts: How many of the first were given, not proposed.
        stopped: Why it ended: ``"budget"``, ``"no more proposals"``, ``"interrupted"``, or
            ``"calls that hang"`` (see `TimedCalls`).
        drawn: Molecules that the model drew.
        invalid: Those of them that were none.
        barred: Those that broke a constraint.
    """

    method: str
    goal: Goal
    records: Sequence[Record]
    num_starts: int
    stopped: str
    drawn: int = 0
    invalid: int = 0
    barred: int = 0

    @property
    def scores(self) -> Any:
        """Of each call; NaN where it failed."""
        return self.goal.scores(values_of(self.records, self.goal))


@dataclass
class _SearchState:
    """One search under way."""

    goal: Goal
    settings: SearchSettings
    watch: Watch | None
    num_starts: int = 0
    stopped: str = "budget"
    best: float = float("nan")
    failed: int = 0
    is_fitted: bool = False

    def __post_init__(self) -> None:
        self.assessor = Assessor(self.goal, self.settings.budget, self._seen)
        self.candidate_filter = CandidateFilter(self.settings.constraints)

    def _seen(self, record: Record) -> None:
        self.failed += record.reason is not None
        if self.is_fitted:  # before, several objectives have no common scale
            self._rate([record])
        if self.watch is not None:
            settings = self.settings
            predicted = Progress(
                settings.method, record.call, settings.budget, self.best, self.failed
            )
            self.watch(predicted)

    def _rate(self, records: Sequence[Record]) -> None:
        scores = self.goal.scores(values_of(records, self.goal))
        self.best = float(np.fmax.reduce(np.append(scores, self.best)))

    def fit(self, good: Sequence[Record]) -> None:
        """Put the open ends of the goal by the first molecules."""
        self.goal, self.is_fitted = self.goal.fitted(values_of(good, self.goal)), True
        self._rate(good)

    def ask(self, smiles: Sequence[str]) -> list[Record]:
        """Spend calls; what was asked does not come again."""
        self.candidate_filter.close(smiles)
        return [record for record in self.assessor.ask(smiles) if record.reason is None]


def search(
    space: Space,
    goal: Goal,
    starts: Starts,
    settings: SearchSettings,
    watch: Watch | None = None,
) -> SearchResult:
    """Spend a budget of calls by one method.

    Args:
        space: The model's latents.
        goal: What is asked for.
        starts: Molecules to begin with.
        settings: Method, budget, constraints.
        watch: Called after each call.

    Returns:
        What was found, also if it was interrupted from the keyboard, or by calls that hang.

    Raises:
        DataError: No molecule has a value.
    """
    run = _SearchState(goal, settings, watch)
    with seeded(settings.seed):
        surrogate = SurrogateModel(space, lambda: run.goal)
        tools = Tools(space, run.candidate_filter, np.random.default_rng(settings.seed), surrogate)
        try:
            _spend(run, make_method(settings.method, tools), starts)
        except (KeyboardInterrupt, HangingError) as error:
            is_by_hand = isinstance(error, KeyboardInterrupt)
            run.stopped = "interrupted" if is_by_hand else "calls that hang"
            if not run.is_fitted:
                run.fit(run.assessor.successes)
    if not run.assessor.successes and run.stopped in ("budget", "no more proposals"):
        raise DataError(_nothing(run))
    records = tuple(run.assessor.records.values())
    _warn_of_constants(run)
    counts = (run.candidate_filter.drawn, run.candidate_filter.invalid, run.candidate_filter.barred)
    return SearchResult(
        settings.method, run.goal, records, len(starts.smiles), run.stopped, *counts
    )


def _spend(run: _SearchState, method: Method, starts: Starts) -> None:
    """The starts first, then round after round."""
    good = run.ask(starts.smiles)
    while not good and (proposals := _proposed(run, method)):
        good = run.ask(proposals)
    if not good:
        return
    run.fit(good)
    _tell(run, method, good)
    while proposals := _proposed(run, method):
        _tell(run, method, run.ask(proposals))


def _proposed(run: _SearchState, method: Method) -> list[str]:
    """Nothing when the budget is spent."""
    if not run.assessor.remaining:
        return []
    proposals = method.propose(min(run.settings.batch, run.assessor.remaining))
    if not proposals:
        run.stopped = "no more proposals"
    return proposals


def _tell(run: _SearchState, method: Method, good: Sequence[Record]) -> None:
    if good:
        scores = run.goal.scores(values_of(good, run.goal))
        method.observe([record.smiles for record in good], scores)


def _nothing(run: _SearchState) -> str:
    passed = run.candidate_filter
    return (
        "the model must propose molecules that keep the constraints; none was found among "
        f"{passed.drawn} drawn ({passed.invalid} invalid, {passed.barred} against a constraint). "
        "Loosen the constraints, or begin with molecules that keep them."
    )


def _warn_of_constants(run: _SearchState) -> None:
    """An objective that never changes gives a search nothing to go by."""
    good = run.assessor.successes
    if len(good) < _FEW:
        return
    values = values_of(good, run.goal)
    for name, column in zip(run.goal.names, values.T, strict=True):
        if np.ptp(column) == 0:
            warnings.warn(
                f"{name} was the same for all {len(good)} molecules, {column[0]:g}: there was "
                "nothing to search by. See that it depends on the molecule.",
                stacklevel=4,
            )
