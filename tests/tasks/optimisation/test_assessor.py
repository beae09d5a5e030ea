import threading
import time

import numpy as np
import pytest

from vaekit.errors import DataError
from vaekit.molecules.design import EachMeasure, Goal, ListMeasure, maximize
from vaekit.molecules.design.evaluator import Assessor
from vaekit.molecules.design.measures import HangingError


def assessor(function, budget=10, **options):
    return Assessor(Goal([maximize(function)]), budget, lambda record: None)


def test_a_repeated_molecule_costs_nothing():
    calls = []
    ask = assessor(lambda smiles: calls.append(smiles) or 1.0)
    assert len(ask.ask(["CC", "CCC", "CC"])) == 2
    assert ask.ask(["CC"]) == []
    assert calls == ["CC", "CCC"]
    assert ask.remaining == 8


def test_the_budget_is_never_exceeded():
    ask = assessor(len, budget=3)
    assert [record.call for record in ask.ask(["C" * n for n in range(1, 9)])] == [1, 2, 3]
    assert ask.ask(["CCN"]) == []


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (float("nan"), "is nan"),
        (float("inf"), "is inf"),
        ("much", "no number"),
        (None, "no number"),
    ],
)
def test_what_is_no_finite_number_is_a_failure(value, words):
    ask = assessor(lambda smiles: value if smiles == "CC" else 1.0)
    bad, good = ask.ask(["CC", "CCC"])
    assert words in bad.reason
    assert np.isnan(bad.values[0])
    assert good.reason is None
    assert [record.smiles for record in ask.successes] == ["CCC"]


def test_an_exception_is_a_failure_with_its_words():
    def oracle(smiles):
        if smiles == "CC":
            raise RuntimeError("no pose")
        return 1.0

    bad, good = assessor(oracle).ask(["CC", "CCC"])
    assert "RuntimeError: no pose" in bad.reason
    assert good.values == (1.0,)


def test_a_slow_call_is_given_up():
    def oracle(smiles):
        if smiles == "CC":
            time.sleep(5)
        return 1.0

    started = time.monotonic()
    bad, good = assessor(EachMeasure(oracle, seconds=0.1)).ask(["CC", "CCC"])
    assert time.monotonic() - started < 3
    assert "longer than 0.1 s" in bad.reason
    assert good.reason is None


@pytest.mark.parametrize("measure", [EachMeasure, ListMeasure])
def test_calls_that_hang_do_not_pile_up(measure):
    released, begun = threading.Event(), []

    def oracle(smiles):
        begun.append(smiles)
        released.wait(30)
        return 1.0

    ask = assessor(measure(oracle, seconds=0.02), budget=50)
    with pytest.raises(HangingError, match=r"4 that took too long still go on"):
        ask.ask(["C" * n for n in range(1, 30)])
    assert len(begun) == 4
    with pytest.raises(HangingError):
        ask.ask(["CCO"])
    released.set()
    eventually_free(ask)


def eventually_free(ask):
    """Once they have ended, calls are made again."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            return ask.ask(["CCN"])
        except HangingError:
            time.sleep(0.01)
    raise AssertionError("no call was made after those that hung had ended")


def test_one_bad_molecule_does_not_spoil_a_list():
    def oracle(smiles):
        if "CC" in smiles:
            raise ValueError("bad")
        return [len(one) for one in smiles]

    records = assessor(ListMeasure(oracle)).ask(["C", "CC", "CCC"])
    assert [record.reason is None for record in records] == [True, False, True]


def test_a_list_of_another_length_is_a_failure():
    records = assessor(ListMeasure(lambda smiles: [1.0] * 5)).ask(["C", "CC"])
    assert all("as many numbers" in record.reason for record in records)


def test_a_run_in_which_all_fail_stops_early_and_says_why():
    ask = assessor(lambda smiles: 1 / 0, budget=500)
    with pytest.raises(DataError, match=r"all of the first 20 failed.*ZeroDivisionError"):
        ask.ask(["C" * n for n in range(1, 100)])
    assert len(ask.records) == 20


def test_an_interruption_keeps_what_was_there():
    def oracle(smiles):
        if smiles == "CCC":
            raise KeyboardInterrupt
        return 1.0

    ask = assessor(oracle)
    with pytest.raises(KeyboardInterrupt):
        ask.ask(["C", "CC", "CCC", "CCCC"])
    assert list(ask.records) == ["C", "CC"]
