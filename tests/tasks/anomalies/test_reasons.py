"""Reasons of rows with several wrong columns."""

import numpy as np
import pytest

from vaekit.anomalies import VAEDetector

COLUMNS, ROWS = 8, 40


def rows(count, seed):
    """Each of two factors shows in four columns."""
    rng = np.random.default_rng(seed)
    return np.repeat(rng.normal(size=(count, 2)), COLUMNS // 2, 1) + 0.1 * rng.normal(
        size=(count, COLUMNS)
    )


@pytest.fixture(scope="module")
def detector():
    return VAEDetector(novelty=True, progress=False, seed=0).fit(rows(1000, 0))


def test_one_wrong_column_does_not_blame_those_that_go_with_another(detector):
    rng, X = np.random.default_rng(2), rows(ROWS, 1)
    wrong = np.array([rng.permutation(COLUMNS)[:2] for _ in X])
    np.put_along_axis(X, wrong, np.take_along_axis(X, wrong, 1) + 4, 1)
    found = [[int(reason.column) for reason in why] for why in detector.explain(X, top=2)]
    hits = [len({*why} & {*columns}) for why, columns in zip(found, wrong.tolist(), strict=True)]
    assert sum(hits) >= 0.9 * 2 * ROWS
    whole = [sum(reason.share for reason in why) for why in detector.explain(X, top=COLUMNS)]
    assert 0.9 < np.median(whole) < 1.1  # as expected everywhere, a row costs what is usual


def test_reasons_come_in_the_order_of_what_they_explain_and_no_column_twice(detector):
    for why in detector.explain(rows(ROWS, 3) + 3 * np.eye(ROWS, COLUMNS), top=COLUMNS):
        names = [reason.column for reason in why]
        assert len(set(names)) == len(names)
        assert all(reason.share > 0 for reason in why)
    X = rows(ROWS, 3) + 3 * np.eye(ROWS, COLUMNS)
    first = [[reason.column for reason in why[:1]] for why in detector.explain(X, top=3)]
    assert first == [[reason.column for reason in why] for why in detector.explain(X, top=1)]
