"""The molecules that a search begins with."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vaekit.domains.molecules import Standardiser, standardise
from vaekit.errors import DataError
from vaekit.tasks.optimisation.constraints import Constraint, Keeps, Similar, allowed
from vaekit.tasks.optimisation.measures import Failure
from vaekit.tasks.optimisation.objectives import Goal
from vaekit.tasks.optimisation.settings import SearchSettings
from vaekit.tasks.optimisation.space import Space

__all__ = ["Starts", "find_starts"]

_RANKED = 5000  # given molecules that properties are computed of, to begin with the best


@dataclass(frozen=True)
class Starts:
    """What was made of the given molecules.

    Attributes:
        smiles: Those to begin with, canonical.
        given: All that were given and are molecules.
        rejected: How many were given that are none.
        unknown: How many the model cannot encode; they are left out.
        barred: How many break a constraint; they are left out.
        known_values: Of given molecules, where the objectives are computed or predicted: at most
            5,000 of them; they cost no calls. Shape (those, objectives).
    """

    smiles: Sequence[str]
    given: Sequence[str] = ()
    rejected: int = 0
    unknown: int = 0
    barred: int = 0
    known_values: NDArray[np.float64] | None = None

    @property
    def words(self) -> str:
        """How many there were, and what became of them."""
        left_out = {
            "rejected": self.rejected,
            "against a constraint": self.barred,
            "unknown to the model": self.unknown,
        }
        counts = ", ".join(f"{count} {why}" for why, count in left_out.items() if count)
        more = f" ({counts})" if counts else ""
        return f"begun with {len(self.smiles)} of {len(self.given)} given molecules{more}"


def find_starts(
    space: Space,
    raw: Any,
    goal: Goal,
    settings: SearchSettings,
    standardiser: Standardiser | None = None,
) -> Starts:
    """Read molecules, leave out what the model or constraints refuse, choose among the rest.

    Where all objectives are computed or predicted, the best are taken; else some at random, so that
    a function of the user's is not asked more often than the budget says.

    Args:
        space: The model's latents.
        raw: Whatever `vaekit.domains.molecules.read_molecules` reads; ``None`` for none.
        goal: What is asked for.
        settings: How many, and the constraints.
        standardiser: The rules that the model was trained with.

    Raises:
        DataError: No molecule keeps the constraints where these name a scaffold, or none is left.
    """
    leads = [rule.lead for rule in settings.constraints if isinstance(rule, Similar)]
    found = standardise([] if raw is None else raw, standardiser)
    given = list(found.smiles)
    lead_smiles = list(standardise(leads, standardiser).smiles) if leads else []
    pool = list(dict.fromkeys([*lead_smiles, *given]))
    good = allowed(pool, settings.constraints)
    kept = [one for one, fine in zip(pool, good, strict=True) if fine]
    _check_scaffold(pool, kept, settings.constraints)
    rng = np.random.default_rng(settings.seed)
    shuffled = [kept[place] for place in rng.permutation(len(kept))][:_RANKED]
    known, _ = space.encode(shuffled)
    usable = [one for one, fine in zip(shuffled, known, strict=True) if fine]
    if pool and not usable:
        raise DataError(_none_left(pool, kept, settings.constraints))
    chosen, values = _chosen(usable, goal, settings.most_starts)
    chosen = list(dict.fromkeys([*(one for one in lead_smiles if one in usable), *chosen]))
    return Starts(
        tuple(chosen[: settings.most_starts]),
        tuple(given),
        len(found.report.rejected),
        len(shuffled) - len(usable),
        len(pool) - len(kept),
        values,
    )


def _chosen(
    usable: Sequence[str], goal: Goal, most: int
) -> tuple[list[str], NDArray[np.float64] | None]:
    """The best by what costs nothing to ask, or the first."""
    measures = [each.measure for each in goal.objectives]
    if not usable or not all(measure.free for measure in measures):
        return list(usable[:most]), None
    columns = [
        [np.nan if isinstance(o, Failure) else o for o in measure.outcomes(usable)]
        for measure in measures
    ]
    values = np.array(columns, np.float64).T
    there = np.isfinite(values).all(1)
    values = values[there]
    places = np.flatnonzero(there)
    order = np.argsort(-goal.fitted(values).scores(values), kind="stable")
    return [usable[place] for place in places[order][:most]], values


def _check_scaffold(
    pool: Sequence[str], kept: Sequence[str], constraints: Sequence[Constraint]
) -> None:
    """A locked substructure that no given molecule has will hardly be met by chance."""
    if kept:
        return
    for rule in constraints:
        if isinstance(rule, Keeps) and not allowed(pool, [rule]).any():
            message = (
                f"no molecule that the search begins with {rule.words.replace('contains', 'has')}: "
                f"{len(pool)} were given. Give some that do as start=, or a lead"
            )
            if pool:
                raise DataError(f"{message}.")
            warnings.warn(f"{message}; without, proposals come by chance.", stacklevel=4)


def _none_left(pool: Sequence[str], kept: Sequence[str], constraints: Sequence[Constraint]) -> str:
    if kept:
        return (
            "the model must know the tokens and lengths of some molecules to begin with; it knows "
            f"none of the {len(kept)} that keep the constraints. Give others, or train a model on "
            "such molecules."
        )
    counts = "; ".join(f"{int(allowed(pool, [r]).sum())} keep: {r.words}" for r in constraints)
    return (
        "some of the molecules to begin with, a lead among them, must keep all constraints; none "
        f"of {len(pool)} does ({counts}). Loosen them, or give others."
    )
