"""Rows that break a rule between columns, beside those that are far away."""

import numpy as np
import pandas as pd
import pytest

from vaekit import Autoencoder
from vaekit.anomalies import VAEDetector, fit_detector, load_detector
from vaekit.anomalies.marginals import ParetoTail
from vaekit.anomalies.rules import CEILING, BrokenRules, WithRules
from vaekit.anomalies.scores import Isolation
from vaekit.errors import FormatError, NotFittedError

QUICK = {"max_epochs": 1, "progress": False}


def rows(count, seed, others=3):
    """Two columns, one that is their sum but for a little, and some that follow from nothing."""
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(2, count))
    told = a + b + 0.05 * rng.normal(size=count)
    return np.column_stack([a, b, told, rng.normal(size=(count, others))])


def broken(count, seed, others=3):
    """The third cell of another row, wherever that differs."""
    odd = rows(2 * count, seed, others)
    far = np.abs(odd[::2, 2] - odd[1::2, 2]) > 1.5
    odd[::2, 2] = odd[1::2, 2]
    return odd[::2][far]


@pytest.fixture(scope="module")
def seen():
    model = Autoencoder("vae", 2, seed=0, validation=0.0, **QUICK).fit(rows(600, 0))
    return fit_detector(model.trained_, rows(600, 0), score="neighbours").prepare_inputs


@pytest.mark.parametrize("others", [3, 12])
def test_defaults_of_clean_rows_find_what_breaks_a_rule(others):
    detector = VAEDetector(novelty=True, **QUICK).fit(rows(700, 0, others))
    assert detector.method_ == "novelty_and_rules"
    usual, odd = (detector.score_samples(x) for x in (rows(300, 1, others), broken(60, 2, others)))
    assert (odd < np.quantile(usual, 0.1)).mean() >= 0.8
    far = rows(20, 3, others) + 12.0
    assert (detector.score_samples(far) < np.quantile(odd, 0.5)).all()


def test_defaults_of_mixed_rows_find_what_breaks_a_rule():
    odd = broken(60, 2)
    detector = VAEDetector(**QUICK).fit(np.concatenate([rows(800, 0), odd]))
    assert detector.method_ == "cleaned_and_rules"
    usual, found = np.split(detector.decision_scores_, [800])
    assert (found > np.quantile(usual, 0.9)).mean() >= 0.8


def test_tables_have_the_same_defaults_and_wide_arrays_those_of_before():
    frame = pd.DataFrame(rows(80, 0)).rename(columns=str)
    assert VAEDetector(**QUICK).fit(frame).method_ == "cleaned_and_rules"
    assert VAEDetector(novelty=True, **QUICK).fit(frame).method_ == "novelty_and_rules"
    wide = np.random.default_rng(0).normal(size=(30, 256))
    assert VAEDetector(**QUICK).fit(wide).method_ == "contaminated"
    assert VAEDetector(novelty=True, **QUICK).fit(wide).method_ == "wide_novelty"


def test_labels_of_one_column_are_no_rule_and_those_of_two_are():
    rng = np.random.default_rng(0)
    town = rng.choice(["a", "b", "c"], 400)
    frame = pd.DataFrame({"town": town, "other": rng.choice(["x", "y", "z"], 400)})
    model = Autoencoder("vae", 1, seed=0, **QUICK)
    found = fit_detector(model.fit(frame).trained_, frame, score="broken_rules").training
    assert np.ptp(found) < 1e-9
    frame["region"] = np.where(town == "a", "north", "south")
    detector = fit_detector(model.fit(frame).trained_, frame, score="broken_rules")
    odd = frame[:40].assign(region=np.where(town[:40] == "a", "south", "north"))
    assert detector.score(odd).min() > np.quantile(detector.training, 0.99)


def test_where_there_is_no_rule_nothing_is_said(seen):
    data = np.random.default_rng(0).normal(size=(600, 6))
    model = Autoencoder("vae", 2, seed=0, validation=0.0, **QUICK).fit(data)
    training = fit_detector(model.trained_, data, score="neighbours").prepare_inputs(data)
    assert not BrokenRules().fit(training).of_training(training).any()
    alone, together = (
        score.fit(training).of(training)
        for score in (Isolation(), WithRules((Isolation(),), BrokenRules()))
    )
    order = np.argsort(alone)
    assert (np.diff(together[order]) > -1e-9).all()


def test_a_broken_rule_counts_for_no_more_than_a_ceiling(seen):
    training, odd = seen(rows(600, 0)), seen(broken(60, 2))
    fitted = WithRules((Isolation(),), BrokenRules()).fit(training)
    value = fitted.tail(fitted.rules.of(odd))
    assert np.median(value) > CEILING + 2
    assert np.quantile(fitted.of(odd), 0.8) < CEILING + 0.5


def test_the_tail_is_told_by_what_is_not_the_anomalies_themselves():
    usual = np.random.default_rng(0).pareto(4.0, 2000) + 1
    tail, mixed = ParetoTail.of(usual), ParetoTail.of(np.r_[usual, np.full(60, 1e3)])
    assert tail.power == pytest.approx(4.0, rel=0.15)
    assert mixed.power == pytest.approx(tail.power, rel=0.3)
    assert mixed(np.array([1e3]))[0] > 15
    assert not ParetoTail.of(np.zeros(9))(np.array([0.0, 5.0])).any()


def test_what_was_learned_is_stored_as_arrays(seen, tmp_path):
    training = seen(rows(600, 0))
    fitted = WithRules((Isolation(),), BrokenRules()).fit(training)
    again = WithRules((Isolation(),), BrokenRules()).restored(fitted.arrays)
    asked = seen(rows(30, 5))
    np.testing.assert_array_equal(again.of(asked), fitted.of(asked))
    with pytest.raises(NotFittedError, match="call fit first"):
        BrokenRules().of(asked)
    arrays = {name: array.copy() for name, array in fitted.rules.arrays.items()}
    arrays["left"][:, 0] = 0
    with pytest.raises(FormatError, match="damaged"):
        BrokenRules().restored(arrays)


def test_reasons_of_a_broken_rule_are_its_columns_and_what_the_others_say():
    detector = VAEDetector(novelty=True, **QUICK).fit(rows(700, 0))
    odd = broken(60, 2)
    why = detector.explain(odd)
    assert np.mean([reason[0].column in ("0", "1", "2") for reason in why]) >= 0.8  # by chance .5
    third = [(one, row) for row, said in zip(odd, why, strict=True) for one in said]
    third = [(one, row) for one, row in third if one.column == "2"]
    assert len(third) >= 0.8 * len(odd)
    off = [abs(one.expected - row[:2].sum()) for one, row in third]
    assert np.median(off) < 0.5  # the wrong cell is more than 1.5 away
    assert all(one.found == row[2] for one, row in third)


def test_a_label_that_breaks_a_rule_is_named_beside_the_right_one():
    town = np.random.default_rng(0).choice(["a", "b", "c"], 400)
    frame = pd.DataFrame({"town": town, "region": np.where(town == "a", "north", "south")})
    frame["noise"] = np.random.default_rng(1).normal(size=400)
    model = Autoencoder("vae", 1, seed=0, **QUICK)
    detector = fit_detector(model.fit(frame).trained_, frame, score="broken_rules")
    odd = frame[:40].assign(region=np.where(town[:40] == "a", "south", "north"))
    for (_, row), said in zip(odd.iterrows(), detector.reasons(odd), strict=True):
        expected = {reason.column: reason.expected for reason in said}
        assert expected["region"] == ("south" if row.region == "north" else "north")
        assert "noise" not in expected


def test_every_flagged_row_of_the_defaults_has_a_reason(tmp_path):
    data = np.concatenate([rows(300, 0), broken(20, 2)])
    detector = VAEDetector(**QUICK).fit(data)
    detector.save(tmp_path / "run")
    stored = load_detector(tmp_path / "run")
    flagged = data[stored.labels_ == 1]
    assert len(flagged)
    assert all(stored.explain(flagged))
