"""What can be chosen about a search: its method, its budget, the molecules it begins with."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vaekit.errors import DataError, SpecError, unknown_name
from vaekit.molecules.design.bayesian import FingerprintGP, LatentGP, TrustRegion
from vaekit.molecules.design.constraints import DesignConstraint, Keeps, Similar, allowed
from vaekit.molecules.design.measures import Failure
from vaekit.molecules.design.methods import (
    Evolution,
    GradientAscent,
    LocalNoise,
    Method,
    Retraining,
    Screening,
    Staged,
    SurrogateScreening,
    Tools,
    retrained,
)
from vaekit.molecules.design.objectives import Goal
from vaekit.molecules.design.space import Space
from vaekit.molecules.standardize import Standardizer, standardize
from vaekit.seeds import check_seed


def _retrained_gp(tools: Tools) -> Method:
    return FingerprintGP(tools, Retraining())


_ENOUGH = 100  # molecules that tell a Gaussian process more than their order tells local noise

METHODS: Mapping[str, Callable[[Tools], Method]] = MappingProxyType(
    {
        "random": Screening,
        "noise": LocalNoise,
        "gradient": GradientAscent,
        "latent_gp": LatentGP,
        "trust_region": TrustRegion,
        "evolution": Evolution,
        "retraining": retrained,
        "fingerprint_gp": FingerprintGP,
        "retrained_gp": _retrained_gp,
    }
)


def _auto(tools: Tools) -> Method:
    return Staged(SurrogateScreening(LocalNoise(tools), tools), _retrained_gp(tools), _ENOUGH)


def make_method(name: str, tools: Tools) -> Method:
    """The method of that name; ``"auto"`` is what did best in ``benchmarks/molecules_design.py``.

    It is ``"noise"`` until 100 molecules are known, then ``"retrained_gp"``. Where the model was
    taught all that is asked for, it proposes more at first, and asks what it expects the most of.

    Raises:
        SpecError: No method has that name.
    """
    if name == "auto":
        return _auto(tools)
    if name not in METHODS:
        raise unknown_name("method", name, ("auto", *METHODS))
    return METHODS[name](tools)


def round_of(budget: int) -> int:
    """Return molecules of a round where none are chosen: a twentieth of the budget, but 10 to 100.

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
    constraints: Sequence[DesignConstraint] = ()
    seed: int = 0

    def __post_init__(self) -> None:
        """Check the values."""
        for name in ("budget", "batch", "starts"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise SpecError(f"{name} must be at least 1; got {value}.")
        check_seed(self.seed)
        if self.method not in ("auto", *METHODS):
            raise unknown_name("method", self.method, ("auto", *METHODS))

    @property
    def most_starts(self) -> int:
        """How many of the given molecules to begin with."""
        chosen = self.starts or max(10, min(200, self.budget // 10))
        return min(chosen, self.budget)


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
    standardizer: Standardizer | None = None,
) -> Starts:
    """Read molecules, leave out what the model or constraints refuse, choose among the rest.

    Where all objectives are computed or predicted, the best are taken; else some at random, so that
    a function of the user's is not asked more often than the budget says.

    Args:
        space: The model's latents.
        raw: Whatever `vaekit.molecules.read_molecules` reads; ``None`` for none.
        goal: What is asked for.
        settings: How many, and the constraints.
        standardizer: The rules that the model was trained with.

    Raises:
        DataError: No molecule keeps the constraints where these name a scaffold, or none is left.
    """
    leads = [rule.lead for rule in settings.constraints if isinstance(rule, Similar)]
    found = standardize([] if raw is None else raw, standardizer)
    given = list(found.smiles)
    lead_smiles = list(standardize(leads, standardizer).smiles) if leads else []
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
    if found.report.rejected:
        warnings.warn(
            f"left out of the molecules to begin with: {found.report.rejected_words}. "
            "standardize(...) has a report of all.",
            stacklevel=4,
        )
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
    """Return the best by what costs nothing to ask, or the first."""
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
    positions = np.flatnonzero(there)
    order = np.argsort(-goal.fitted(values).scores(values), kind="stable")
    return [usable[place] for place in positions[order][:most]], values


def _check_scaffold(
    pool: Sequence[str], kept: Sequence[str], constraints: Sequence[DesignConstraint]
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


def _none_left(
    pool: Sequence[str], kept: Sequence[str], constraints: Sequence[DesignConstraint]
) -> str:
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
