"""Events are found or missed once each; steps are ranked as they are."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from vaekit.errors import DataError, SpecError
from vaekit.series import event_scores, nab_scale, nab_score, nab_sums, runs, step_ranking


def alarms_at(*steps, length=100):
    flags = np.zeros(length, dtype=bool)
    flags[list(steps)] = True
    return flags


@pytest.mark.parametrize(
    ("flags", "found"),
    [
        ([], []),
        ([0, 0], []),
        ([1, 1], [(0, 2)]),
        ([1, 0, 1, 1, 0, 1], [(0, 1), (2, 4), (5, 6)]),
    ],
)
def test_runs_are_where_flags_are_set_without_a_break(flags, found):
    assert runs(flags) == found


@pytest.mark.parametrize(
    ("predicted", "true", "figures"),
    [
        ([(10, 20)], [(15, 30)], (1.0, 1.0, 1.0)),
        ([(10, 15)], [(15, 30)], (0.0, 0.0, 0.0)),
        ([], [(15, 30)], (0.0, 0.0, 0.0)),
        ([(1, 2), (16, 17), (18, 19)], [(15, 30)], (2 / 3, 1.0, 0.8)),
        ([(0, 100)], [(15, 30), (50, 51)], (1.0, 1.0, 1.0)),
        ([(15, 16)], [(15, 30), (50, 51)], (1.0, 0.5, 2 / 3)),
    ],
)
def test_an_event_is_right_if_it_overlaps(predicted, true, figures):
    found = event_scores(predicted, true)
    assert (found.precision, found.recall, found.f1) == pytest.approx(figures)


def test_a_tolerance_widens_true_events():
    assert event_scores([(10, 12)], [(15, 20)], tolerance=3).recall == 0
    assert event_scores([(10, 12)], [(15, 20)], tolerance=4).recall == 1


def test_random_scores_rank_no_step_whatever_the_length_of_events():
    """With point adjustment they would look nearly perfect."""
    labels = np.zeros(5000, dtype=bool)
    labels[1000:1500] = labels[3000:3500] = True
    scores = np.random.default_rng(0).random(5000)
    assert step_ranking(scores, labels).auroc == pytest.approx(0.5, abs=0.03)
    assert step_ranking(scores, labels).average_precision == pytest.approx(0.2, abs=0.03)
    assert step_ranking(scores, labels).auroc == roc_auc_score(labels, scores)


def test_the_best_has_100_and_silence_0():
    true = [(20, 40), (60, 80)]
    assert nab_score(alarms_at(20, 60), true) == pytest.approx(100)
    assert nab_score(alarms_at(), true) == 0
    assert nab_score(alarms_at(20), true) == pytest.approx(50)


def test_later_is_worse_and_only_the_first_counts():
    true = [(20, 40)]
    scores = [nab_score(alarms_at(step), true) for step in range(20, 40)]
    assert scores == sorted(scores, reverse=True)
    assert scores[-1] > 50  # at the end of a window it is still better than silence
    assert nab_score(alarms_at(25, 30, 35), true) == nab_score(alarms_at(25), true)


def test_false_alarms_cost_by_how_far_behind_a_window_they_are():
    true = [(20, 30)]
    costs = [nab_sums(alarms_at(20, step), true)[0] - 1 for step in (30, 35, 50, 90)]
    assert costs == sorted(costs, reverse=True)
    assert -0.11 < costs[0] < 0
    assert costs[-1] == pytest.approx(-0.11)
    assert nab_sums(alarms_at(5, 20), true)[0] == pytest.approx(1 - 0.11)


def test_it_is_as_numenta_writes_it():
    """Their scorer: 2 / (1 + exp(5 y)) - 1 at y = -(right - i + 1) / width, over that at -1."""
    y = -(29 - 24 + 1) / 10
    expected = (2 / (1 + np.exp(5 * y)) - 1) / (2 / (1 + np.exp(-5)) - 1)
    assert nab_sums(alarms_at(24), [(20, 30)]) == (pytest.approx(expected), 1)
    y = (34 - 29) / 9
    false = 0.11 * (2 / (1 + np.exp(5 * y)) - 1)
    assert nab_sums(alarms_at(24, 34), [(20, 30)])[0] == pytest.approx(expected + false)


def test_the_probation_is_not_scored():
    true = [(5, 10), (50, 60)]
    assert nab_score(alarms_at(1, 2, 3, 50), true, start=15) == pytest.approx(100)
    assert nab_sums(alarms_at(1, 50), true, start=15)[1] == 1


def test_series_without_a_window_only_cost():
    sums = [nab_sums(alarms_at(3), []), nab_sums(alarms_at(20), [(20, 30)])]
    assert nab_scale(sum(raw for raw, _ in sums), 1) == pytest.approx(100 - 11 / 2)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: event_scores([(0, 1)], []), DataError, "at least one true event"),
        (lambda: nab_score(alarms_at(1), []), DataError, "at least one true event"),
        (lambda: event_scores([(3, 3)], [(1, 2)]), DataError, r"end after it starts; got \(3, 3\)"),
        (lambda: event_scores([], [(1, 2)], tolerance=-1), SpecError, "at least 0 steps; got -1"),
        (lambda: step_ranking([1.0, 2.0], [0, 0]), DataError, "labels of both kinds"),
        (lambda: step_ranking([1.0], [0, 1]), DataError, "a score for each label"),
    ],
)
def test_what_makes_no_sense_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()
