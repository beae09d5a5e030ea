"""Molecules with desired properties, from a model and a budget of calls, and their page."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from vaekit.domains.checks import disambiguate_names
from vaekit.errors import DataError, MissingExtraError, SpecError
from vaekit.fitting.trained import TrainedModel
from vaekit.molecules.applicability import measure_applicability, prediction_intervals
from vaekit.molecules.design.constraints import DesignConstraint, ReferenceSet, Similar
from vaekit.molecules.design.evaluator import (
    Record,
    area_of_best,
    best_so_far,
    mean_of_best,
    pareto_set,
    values_of,
)
from vaekit.molecules.design.measures import Predicted
from vaekit.molecules.design.objectives import DesignObjective, Goal
from vaekit.molecules.design.search_loop import SearchResult, Watch, search
from vaekit.molecules.design.settings import SearchSettings, Starts, find_starts, round_of
from vaekit.molecules.design.space import MoleculeSpace, single
from vaekit.molecules.plots import search_curves
from vaekit.molecules.properties import find_alerts
from vaekit.molecules.rdkit_tools import (
    as_molecules,
    morgan_fingerprints,
    nearest_molecules,
    tanimoto,
)
from vaekit.randomness import seeded
from vaekit.reports import figure_html, lines, render

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from vaekit.molecules.plots import MoleculeGrid


Floats = NDArray[np.float64]


_OWN_COLUMNS = (
    "rank",
    "smiles",
    "score",
    "call",
    "origin",
    "pareto",
    "lead_similarity",
    "nearest_given",
    "nearest_similarity",
    "alerts",
    "flags",
)
"""Of `table`, whatever the objectives are called."""


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
class Optimization:
    """What `optimize` returns.

    Attributes:
        found: By the method that was asked for.
        baselines: By others at the same budget.
        starts: What was made of the given molecules.
        constraints: What proposals had to keep.
        budget: Of calls.
        columns: For each scored molecule, in the order of the calls: similarity to the lead, the
            nearest given molecule, alerts and flags; see `table`.
    """

    found: SearchResult
    starts: Starts
    budget: int
    constraints: Sequence[DesignConstraint] = ()
    baselines: Mapping[str, SearchResult] = field(default_factory=dict)
    columns: Mapping[str, Sequence[Any]] = field(default_factory=dict)

    @property
    def goal(self) -> Goal:
        """What was asked for, with the scale that the first molecules gave."""
        return self.found.goal

    @property
    def value_columns(self) -> dict[str, str]:
        """The column of `table` that has the values of each objective, by its name."""
        return disambiguate_names(self.goal.names, _OWN_COLUMNS)

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

    def _rescored(self, found: SearchResult) -> Floats:
        """Return scores of a baseline on the scale of the method."""
        return self.goal.scores(values_of(found.records, self.goal))


_MOST_REFERENCES = 20_000


def leads_of(constraints: Sequence[DesignConstraint]) -> list[str]:
    """Return molecules that proposals must be similar to."""
    return [rule.lead for rule in constraints if isinstance(rule, Similar)]


def described(
    smiles: Sequence[str], given: Sequence[str], leads: Sequence[str], usual: ReferenceSet
) -> dict[str, list[Any]]:
    """Return columns about molecules, whatever their scores.

    Args:
        smiles: The molecules.
        given: Among which the nearest is sought.
        leads: With which they are compared; the largest similarity counts.
        usual: What is usual, for flags.
    """
    mols = as_molecules(smiles)
    bits = morgan_fingerprints(mols)
    columns: dict[str, list[Any]] = {}
    if leads:
        similar = tanimoto(bits, morgan_fingerprints(leads)).max(1)
        columns["lead_similarity"] = similar.astype(float).round(3).tolist()
    if given and len(smiles):
        references = given[:_MOST_REFERENCES]
        near = nearest_molecules(bits, morgan_fingerprints(references))
        columns["nearest_given"] = [references[place] for place in near.positions[:, 0]]
        columns["nearest_similarity"] = near.similarity[:, 0].astype(float).round(3).tolist()
    columns["alerts"] = ["; ".join(names) for names in find_alerts(mols)]
    columns["flags"] = usual.flags(mols)
    return columns


def table(result: Optimization, n: int | None = None) -> Any:
    """Return a data frame of the molecules, the best first.

    Columns: ``rank``, ``smiles``, ``score``, a value of each objective, ``call``, ``origin``
    (``given`` or ``proposed``), ``pareto``, and those of `described`. Values of an objective that
    is called as one of these are in ``NAME_value``; see `Optimization.value_columns`.

    Args:
        result: Of `optimize`.
        n: Only the first so many; ``None`` for all that have a value.

    Raises:
        MissingExtraError: pandas is not installed.
    """
    try:
        import pandas as pd
    except ImportError as error:
        raise MissingExtraError("a table needs pandas: pip install 'vaekit[pandas]'.") from error
    order, scores, front = result.order[:n], result.scores, result.is_pareto
    records = [result.records[place] for place in order]
    named = result.value_columns
    columns: dict[str, Any] = {
        "rank": np.arange(1, len(order) + 1),
        "smiles": [record.smiles for record in records],
        "score": scores[order],
    }
    for column, name in enumerate(result.goal.names):
        columns[named[name]] = [record.values[column] for record in records]
    columns["call"] = [record.call for record in records]
    is_given = order < result.found.num_starts
    columns["origin"] = np.where(is_given, "given", "proposed")
    columns["pareto"] = front[order]
    for name, values in result.columns.items():
        columns[name] = [values[place] for place in order]
    return pd.DataFrame(columns)


BASELINES = ("random", "noise")
"""Methods that every result should be compared with."""

_REFERENCES, _ENOUGH = 500, 200


def optimize(
    trained: TrainedModel,
    objectives: DesignObjective | Sequence[DesignObjective],
    *,
    start: Any = None,
    constraints: Sequence[DesignConstraint] = (),
    context: Any = None,
    budget: int = 1000,
    method: str = "auto",
    batch: int | None = None,
    num_starts: int | None = None,
    combine: str = "product",
    baselines: bool | Sequence[str] = False,
    seed: int = 0,
    watch: Watch | None = None,
) -> Optimization:
    """Search for molecules that do best by some objectives.

    | method | proposes |
    |---|---|
    | ``"auto"`` | ``"noise"`` until 100 molecules are known, then ``"retrained_gp"`` |
    | ``"retrained_gp"`` | as the next two together |
    | ``"fingerprint_gp"`` | many molecules of the model, of which a Gaussian process chooses |
    | ``"retraining"`` | as ``"evolution"``, by a model that learns the best now and then |
    | ``"evolution"`` | codes of the best, with noise, blended and crossed |
    | ``"trust_region"`` | Bayesian optimisation of codes around the best |
    | ``"latent_gp"`` | Bayesian optimisation of codes anywhere |
    | ``"gradient"`` | codes of the best, moved uphill by property heads |
    | ``"noise"`` | codes of the ten best with noise: a baseline |
    | ``"random"`` | samples of the prior: a baseline |

    A call is one molecule about which the objectives are asked; one that was asked about costs
    nothing more. A molecule whose function raises, returns no finite number or takes too long
    counts as a call, and is told in the result with the reason. An interruption from the keyboard
    ends the search, as do four calls that took too long and still go on; what was found until then
    is returned.

    Args:
        trained: A model of molecules, for instance ``load("runs/drugs").trained_``; it is not
            changed.
        objectives: Of `maximize`, `minimize` and `within`.
        start: Molecules to begin with, as `read_molecules` reads them; ``None`` begins with the
            lead of a `Similar`, or else with samples. Of many, the best by computed properties
            are taken, or some at random where a function of yours decides.
        constraints: What proposals must keep; those that do not cost no call.
        context: Of a conditional model: one label, or one row of properties, for all molecules,
            those to begin with among them.
        budget: Calls.
        method: As above.
        batch: Molecules of a round; ``None`` for a twentieth of the budget, but 10 to 100.
        num_starts: The most of ``start``; see `SearchSettings`.
        combine: How several objectives become one score; see `Goal`.
        baselines: Names of methods to run beside, each with as large a budget of its own; True for
            ``"random"`` and ``"noise"``.
        seed: Of everything random.
        watch: Called after each call with a `Progress`.

    Raises:
        SpecError: An unknown method, or a number out of range.
        DataError: No molecule has a value, keeps the constraints, or is known to the model; a
            context is missing, unknown, or more than one.
        CompositionError: No model of molecules.
        MissingExtraError: RDKit is not installed.

    Source: those of `vaekit.molecules.design.METHODS`.

    Example:
        >>> from vaekit import Autoencoder
        >>> from vaekit.molecules.design import maximize
        >>> acids = ["C" * n + "C(=O)O" for n in range(1, 30)]
        >>> model = Autoencoder(latent_dim=4, domain="molecules", max_epochs=2, progress=False)
        >>> found = optimize(model.fit(acids).trained_, maximize("tpsa"), start=acids, budget=20)
        >>> len(found.records), found.found.method
        (20, 'auto')
    """
    goal = Goal(
        (objectives,) if isinstance(objectives, DesignObjective) else tuple(objectives), combine
    )
    chosen = round_of(budget) if batch is None else batch
    settings = SearchSettings(budget, method, chosen, num_starts, tuple(constraints), seed)
    beside = _names(baselines)
    for name in beside:
        replace(settings, method=name)  # complains of unknown names before the work
    space = MoleculeSpace(trained, context)
    starts = find_starts(space, start, goal, settings, space.domain.standardizer)
    found = search(space, goal, starts, settings, watch)
    _check_calls(found)
    others = {
        name: search(
            MoleculeSpace(trained, context), goal, starts, replace(settings, method=name), watch
        )
        for name in beside
        if found.stopped in ("budget", "no more proposals")
    }
    smiles = [record.smiles for record in found.records]
    with seeded(seed):
        usual = ReferenceSet.of(_references(MoleculeSpace(trained, context), starts.given, seed))
    columns = described(smiles, starts.given, leads_of(constraints), usual)
    columns = {**columns, **_known_to_model(trained, found, context)}
    return Optimization(found, starts, budget, tuple(constraints), others, columns)


def _known_to_model(
    trained: TrainedModel, found: SearchResult, context: Any
) -> dict[str, list[Any]]:
    """Return how far each molecule is from training, and the ends of what was predicted of it."""
    smiles = [record.smiles for record in found.records]
    far = measure_applicability(trained, smiles, context)
    columns: dict[str, list[Any]] = {name: v.tolist() for name, v in far.columns().items()}
    for place, objective in enumerate(found.goal.objectives):
        measure = objective.measure
        if isinstance(measure, Predicted):
            own = measure.trained, measure.context
            cost = (
                far if own[0] is trained else measure_applicability(own[0], smiles, own[1])
            ).cost
            values = np.array([record.values[place] for record in found.records], np.float64)
            ends = prediction_intervals(own[0], {measure.name: values}, cost)
            for low, high in ends.values():
                columns[f"{measure.name}_low"] = low.tolist()
                columns[f"{measure.name}_high"] = high.tolist()
    return columns


def _check_calls(found: SearchResult) -> None:
    """A search that hangs at once has nothing to return."""
    if found.stopped == "calls that hang" and not np.isfinite(found.scores).any():
        raise DataError(
            f"the objectives must give a number for some molecules in time; the first "
            f"{len(found.records)} calls failed, the last because {found.records[-1].reason}, and "
            "still go on. Allow more time, or try the function on one molecule by itself."
        )


def _names(baselines: bool | Sequence[str]) -> Sequence[str]:
    if isinstance(baselines, bool):
        return BASELINES if baselines else ()
    if isinstance(baselines, str):
        raise SpecError(f"baselines must be a list of names, or True; got {baselines!r}.")
    return tuple(baselines)


def _references(space: MoleculeSpace, given: Sequence[str], seed: int) -> list[str]:
    """Given molecules, or where these are few the model's own samples, to say what is usual."""
    if len(given) >= _ENOUGH:
        chosen = np.random.default_rng(seed).permutation(len(given))[:_REFERENCES]
        return [given[place] for place in chosen]
    drawn = single([one for one in space.decode(space.prior(_REFERENCES)) if one])
    return [*given, *(one for one in drawn if one)]


def draw_best(result: Optimization, n: int = 30) -> "MoleculeGrid":
    """Draw the best molecules with the values of the objectives under each.

    Args:
        result: Of `optimize`.
        n: How many, at most.

    Raises:
        DataError: No molecule has a value.
        MissingExtraError: RDKit is not installed.
    """
    from vaekit.molecules.plots import molecule_grid  # matplotlib costs half a second

    records = [result.records[place] for place in result.order[:n]]
    captions = [
        "\n".join(f"{n} {v:.4g}" for n, v in zip(result.goal.names, record.values, strict=True))
        for record in records
    ]
    return molecule_grid([record.smiles for record in records], captions)


_CARDS, _FRONT, _REASONS = 24, 30, 5


def design_page(result: Optimization, cards: int = _CARDS) -> bytes:
    """Return a page of HTML that needs no other file.

    It says what was asked for, sets the method beside its baselines and what was given, and draws
    the best molecules with their values, flags and alerts.

    Args:
        result: Of `optimize`.
        cards: How many molecules to draw.

    Raises:
        MissingExtraError: RDKit or pandas is not installed.
    """
    rows = table(result)
    return render(
        "design",
        how=_how(result),
        summaries=lines(_summary_row(each) for each in result.summaries),
        figures=figure_html("The best score so far, call by call", _curves(result)),
        cards=lines(_card(result, row) for _, row in rows.head(cards).iterrows()),
        front=_front(result, rows),
        failures=_failures(result),
    )


def _how(result: Optimization) -> str:
    found, starts = result.found, result.starts
    parts = [
        f"Asked for: {result.goal.words}, by the method {found.method}, with "
        f"{len(result.records)} of {result.budget} calls"
    ]
    if found.stopped != "budget":
        parts.append(f"stopped before: {found.stopped}")
    if result.constraints:
        parts.append("always: " + "; ".join(rule.words for rule in result.constraints))
    parts.append(starts.words)
    drawn = max(1, found.drawn)
    parts.append(
        f"the model drew {found.drawn} ({found.invalid / drawn:.0%} invalid, "
        f"{found.barred / drawn:.0%} against a constraint)"
    )
    return ". ".join(part[0].upper() + part[1:] for part in parts) + "."


def _summary_row(summary: Any) -> Markup:
    cells = (summary.calls or "none", *(_number(v) for v in (summary.best, summary.top10)))
    return _numbered_row(summary.name, (*cells, _number(summary.area)))


def _numbered_row(head: Any, numbers: Iterable[Any]) -> Markup:
    cells = Markup("").join(Markup("<td class='number'>{}</td>").format(n) for n in numbers)
    return Markup("<tr><td>{}</td>{}</tr>").format(head, cells)


def _number(value: float) -> str:
    return "" if value != value else f"{value:.4g}"  # noqa: PLR0124 - NaN differs from itself


def _curves(result: Optimization) -> "Figure":

    return search_curves(result.curves)


def _card(result: Optimization, row: Any) -> Markup:
    named = result.value_columns
    values = ", ".join(f"{n} {_number(row[column])}" for n, column in named.items())
    parts: list[Any] = [_drawing(row["smiles"]), Markup("<b>{}</b> {}").format(row["rank"], values)]
    if len(result.goal.names) > 1:
        parts.append(f"score {_number(row['score'])}{', Pareto' if row['pareto'] else ''}")
    if "lead_similarity" in row:
        parts.append(f"similarity to the lead {_number(row['lead_similarity'])}")
    origin = "given" if row["origin"] == "given" else f"call {row['call']}"
    if "nearest_similarity" in row and row["origin"] != "given":
        origin += f", nearest given {_number(row['nearest_similarity'])}"
    parts.append(origin)
    for name in ("flags", "alerts"):
        if row[name]:
            parts.append(Markup("<span class='warn'>{}</span>").format(row[name]))
    parts.append(Markup("<code>{}</code>").format(row["smiles"]))
    return Markup("<div class='card'>{}</div>").format(Markup("<br>").join(parts))


def _drawing(smiles: str) -> Markup:
    from vaekit.molecules.plots import molecule_grid

    drawn = molecule_grid([smiles]).svg()
    return Markup(drawn[drawn.index("<svg") :])  # without the declaration of XML


def _front(result: Optimization, rows: Any) -> Markup:
    """Return the Pareto set, where there is more than one objective."""
    names = result.goal.names
    if len(names) == 1:
        return Markup("")
    front, columns = rows[rows["pareto"]], result.value_columns.values()
    body = lines(
        _numbered_row(
            Markup("<code>{}</code>").format(row["smiles"]), (_number(row[n]) for n in columns)
        )
        for _, row in front.head(_FRONT).iterrows()
    )
    head = Markup("").join(Markup("<th>{}</th>").format(name) for name in names)
    return Markup(
        "<h2>No other is better in everything: {} molecules</h2>\n"
        "<div class='scroll'><table><thead><tr><th>molecule</th>{}</tr></thead><tbody>\n"
        "{}\n</tbody></table></div>"
    ).format(len(front), head, body)


def _failures(result: Optimization) -> Markup:
    if not result.failures:
        return Markup("")
    counts = Counter(record.reason for record in result.failures).most_common(_REASONS)
    words = "; ".join(f"{count} times {reason}" for reason, count in counts)
    return Markup("<h2>Calls without a value</h2><p>{} failed: {}.</p>").format(
        len(result.failures), words
    )
