import threading

import numpy as np
import pytest
from toy_space import Toy, distance, written

from vaekit.errors import DataError, SpecError
from vaekit.molecules.design import (
    METHODS,
    EachMeasure,
    Goal,
    Lacks,
    SearchSettings,
    Starts,
    maximize,
    minimize,
    search,
)

STARTS = Starts([written(n, m) for n, m in ((5, 2), (12, 9), (20, 8), (28, 10), (30, 5))])


def run(method, budget=120, starts=STARTS, constraints=(), function=distance, seed=0, watch=None):
    settings = SearchSettings(budget, method, 10, constraints=constraints, seed=seed)
    return search(Toy(), Goal([minimize(function)]), starts, settings, watch)


@pytest.mark.parametrize("method", METHODS)
def test_a_method_spends_its_budget_on_different_molecules_and_repeats_by_seed(method):
    found = run(method, 60)
    smiles = [record.smiles for record in found.records]
    assert len(set(smiles)) == len(smiles) == 60
    assert smiles[:5] == list(STARTS.smiles)
    assert found.stopped == "budget"
    assert [record.smiles for record in run(method, 60).records] == smiles
    other = [record.smiles for record in run(method, 60, seed=1).records]
    assert other != smiles


@pytest.mark.parametrize(
    "method", [name for name in METHODS if name not in ("random", "latent_gp")]
)
def test_methods_that_learn_find_what_chance_does_not(method):
    by_chance = np.mean([run("random", seed=seed).scores.max() for seed in range(5)])
    learned = np.mean([run(method, seed=seed).scores.max() for seed in range(3)])
    assert learned > by_chance + 0.5
    assert learned > -4.0


@pytest.mark.parametrize("method", METHODS)
def test_constraints_cost_no_calls_and_are_kept(method):
    starts = Starts([written(20, 8)])
    found = run(method, 40, starts, [Lacks("NNNNNNNNNNN")])
    assert max(record.smiles.count("N") for record in found.records) <= 10
    assert found.barred > 0


@pytest.mark.parametrize("method", METHODS)
def test_without_starts_and_with_failures_it_still_goes(method):
    def oracle(smiles):
        if smiles.count("C") % 3 == 0:
            raise ValueError("not these")
        return distance(smiles)

    found = run(method, 50, Starts(()), function=oracle)
    assert len(found.records) == 50
    failed = [record for record in found.records if record.reason]
    assert failed
    assert all("ValueError: not these" in record.reason for record in failed)
    assert np.isnan(found.scores).sum() == len(failed)


@pytest.mark.parametrize("method", METHODS)
def test_a_constant_objective_is_warned_of(method):
    with pytest.warns(UserWarning, match="the same for all 30"):
        found = run(method, 30, function=lambda smiles: 7.0)
    assert len(found.records) == 30


@pytest.mark.parametrize("method", METHODS)
def test_starts_that_cannot_be_encoded_are_no_trouble(method):
    starts = Starts(["CCO"])
    assert len(run(method, 20, starts).records) == 20


def test_the_default_is_local_until_enough_is_known():
    from_one = Starts([written(20, 8)])

    def found(method, budget, starts):
        return [record.smiles for record in run(method, budget, starts).records]

    first, noise = found("auto", 131, from_one), found("noise", 131, from_one)
    assert first[:101] == noise[:101]
    assert first[101:] != noise[101:]
    many = Starts([written(n, m) for n in range(5, 30) for m in range(2, 6)])
    assert found("auto", 130, many) == found("retrained_gp", 130, many)


def test_an_interruption_returns_what_was_found():
    def oracle(smiles):
        if len(asked) == 25:
            raise KeyboardInterrupt
        asked.append(smiles)
        return distance(smiles)

    asked = []
    found = run("evolution", 60, function=oracle)
    assert found.stopped == "interrupted"
    assert [record.smiles for record in found.records] == asked


def test_calls_that_hang_end_a_search_and_leave_what_was_found():
    released = threading.Event()

    def oracle(smiles):
        if smiles.count("C") > 20:
            released.wait(30)
        return distance(smiles)

    found = run("evolution", 60, function=EachMeasure(oracle, seconds=0.02))
    released.set()
    assert found.stopped == "calls that hang"
    assert sum(record.reason is not None for record in found.records) == 4
    assert len(found.records) > 4


def test_an_interruption_of_the_first_call_returns_nothing():
    def oracle(smiles):
        raise KeyboardInterrupt

    goal = Goal([minimize(oracle), maximize(len)])
    found = search(Toy(), goal, STARTS, SearchSettings(30, "evolution"))
    assert found.stopped == "interrupted"
    assert len(found.records) == len(found.scores) == 0


def test_a_search_that_runs_dry_says_so():
    found = run("random", 40, starts=Starts(["CN"]), constraints=[Lacks("CC"), Lacks("NN")])
    assert found.stopped == "no more proposals"
    assert len(found.records) < 40


def test_nothing_to_begin_with_is_an_error():
    with pytest.raises(DataError, match="none was found among"):
        run("evolution", 40, Starts(()), [Lacks("C")])


def test_progress_tells_calls_and_the_best():
    predicted = []
    run("evolution", 30, watch=predicted.append)
    assert [one.calls for one in predicted] == list(range(1, 31))
    assert predicted[-1].best == max(one.best for one in predicted if np.isfinite(one.best))
    assert predicted[-1].budget == 30


def test_the_better_the_ends_of_several_objectives_the_higher_the_score():
    goal = Goal([minimize(distance), maximize(lambda s: s.count("N"), name="n")])
    found = search(Toy(), goal, STARTS, SearchSettings(60, "evolution", 10))
    assert 0 <= np.nanmin(found.scores) <= np.nanmax(found.scores) <= 1
    assert found.goal.objectives[0].aim.worst is not None


def test_settings_are_checked():
    with pytest.raises(SpecError, match="did you mean 'evolution'"):
        SearchSettings(method="evolutions")
    with pytest.raises(SpecError, match="budget must be at least 1"):
        SearchSettings(budget=0)
    assert SearchSettings(budget=5).most_starts == 5
    assert SearchSettings(budget=10_000).most_starts == 200
