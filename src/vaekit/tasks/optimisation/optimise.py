"""Molecules with desired properties, from a trained model and a budget of calls."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from vaekit.errors import DataError, SpecError
from vaekit.randomness import seeded
from vaekit.tasks.optimisation.constraints import Constraint
from vaekit.tasks.optimisation.exploits import Usual
from vaekit.tasks.optimisation.objectives import Goal, Objective
from vaekit.tasks.optimisation.result import Optimisation
from vaekit.tasks.optimisation.search import Found, Watch, search
from vaekit.tasks.optimisation.settings import SearchSettings, round_of
from vaekit.tasks.optimisation.space import MoleculeSpace, single
from vaekit.tasks.optimisation.starts import find_starts
from vaekit.tasks.optimisation.table import described, leads_of
from vaekit.tasks.trained import Trained

__all__ = ["BASELINES", "optimise"]

BASELINES = ("random", "noise")
"""Methods that every result should be compared with."""

_REFERENCES, _ENOUGH = 500, 200


def optimise(
    trained: Trained,
    objectives: Objective | Sequence[Objective],
    *,
    start: Any = None,
    constraints: Sequence[Constraint] = (),
    context: Any = None,
    budget: int = 1000,
    method: str = "auto",
    batch: int | None = None,
    num_starts: int | None = None,
    combine: str = "product",
    baselines: bool | Sequence[str] = False,
    seed: int = 0,
    watch: Watch | None = None,
) -> Optimisation:
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
        objectives: Of `maximise`, `minimise` and `within`.
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

    Source: those of `vaekit.tasks.optimisation.METHODS`.

    Example:
        >>> from vaekit import Autoencoder
        >>> from vaekit.tasks import maximise
        >>> acids = ["C" * n + "C(=O)O" for n in range(1, 30)]
        >>> model = Autoencoder(latent_dim=4, domain="molecules", max_epochs=2, progress=False)
        >>> found = optimise(model.fit(acids).trained_, maximise("tpsa"), start=acids, budget=20)
        >>> len(found.records), found.found.method
        (20, 'auto')
    """
    goal = Goal((objectives,) if isinstance(objectives, Objective) else tuple(objectives), combine)
    chosen = round_of(budget) if batch is None else batch
    settings = SearchSettings(budget, method, chosen, num_starts, tuple(constraints), seed)
    beside = _names(baselines)
    for name in beside:
        replace(settings, method=name)  # complains of unknown names before the work
    space = MoleculeSpace(trained, context)
    starts = find_starts(space, start, goal, settings, space.domain.standardiser)
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
        usual = Usual.of(_references(MoleculeSpace(trained, context), starts.given, seed))
    columns = described(smiles, starts.given, leads_of(constraints), usual)
    return Optimisation(found, starts, budget, tuple(constraints), others, columns)


def _check_calls(found: Found) -> None:
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
