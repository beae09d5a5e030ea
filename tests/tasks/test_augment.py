"""Augmentation: how many, of what, and whether it helps."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

pd = pytest.importorskip("pandas")

from vaekit.augmentation import (  # noqa: E402  # noqa: E402
    Augmentation,
    augment,
    counts_of,
    synthesize,
    wanted_counts,
    wanted_rows,
)
from vaekit.datasets import digits  # noqa: E402
from vaekit.errors import DataError, SpecError  # noqa: E402
from vaekit.training import TrainConfig  # noqa: E402

pytestmark = pytest.mark.slow

QUICK = TrainConfig(max_epochs=3, progress=False)
COUNTS = {"a": 50, "b": 30, "c": 10}


@pytest.mark.parametrize(
    ("counts", "strategy", "wanted"),
    [
        (COUNTS, "auto", {"b": 20, "c": 40}),
        (COUNTS, "minority", {"c": 40}),
        (COUNTS, "all", {"b": 20, "c": 40}),
        (COUNTS, "not minority", {"b": 20}),
        (COUNTS, "double", {"a": 50, "b": 50, "c": 50}),
        (COUNTS, {"b": 35, "a": 50}, {"b": 5}),
        ({"a": 50, "b": 10}, 0.5, {"b": 15}),
        ({"a": 50, "b": 50}, "auto", {}),
    ],
)
def test_strategies_say_how_many(counts, strategy, wanted):
    assert wanted_counts(counts, strategy) == wanted


@pytest.mark.parametrize(
    ("strategy", "message"),
    [
        (
            "most",
            "one of auto, minority, not minority, not majority, all, double, a share, a dict or a "
            "function; got 'most'",
        ),
        (0.5, "of two classes; got 0.5 for 3 classes"),
        ({"d": 9}, "must name classes of y"),
        ({"a": 9}, "at least as many items as there are; got 'a': 9"),
    ],
)
def test_strategies_that_cannot_be_met_are_refused(strategy, message):
    with pytest.raises(SpecError, match=message):
        wanted_counts(COUNTS, strategy)


def test_classes_are_counted():
    assert counts_of(["b", "a", "b"] + ["a"] * 3) == {"a": 4, "b": 2}
    with pytest.raises(DataError, match=r"at least two classes; got only \[1\]"):
        counts_of([1, 1])
    with pytest.raises(DataError, match="at least 2 items; got 1 of 'b'"):
        counts_of(["a", "a", "b"])


def lopsided(seed=0):
    """Few rows of a class that differs in two of four columns, one of them a label."""
    rng = np.random.default_rng(seed)
    y = np.repeat(["no", "yes"], [300, 40])
    frame = pd.DataFrame(rng.normal(size=(340, 2)), columns=["p", "q"])
    frame["q"] += 3 * (y == "yes")
    frame["job"] = np.where(rng.random(340) < np.where(y == "yes", 0.9, 0.1), "vet", "cook")
    return frame.assign(code=rng.integers(0, 4, 340)), y


def test_synthetic_rows_are_of_the_class_asked_for():
    X, y = lopsided()
    config = TrainConfig(max_epochs=60, progress=False)
    rows, labels = synthesize(X, y, {"yes": 200, "no": 50}, config=config)
    assert (labels == "yes").sum() == 200
    assert rows.dtypes.equals(X.dtypes)
    means = rows.groupby(labels)["q"].mean()
    assert means["yes"] > means["no"] + 2
    assert (rows["job"] == "vet")[labels == "yes"].mean() > 0.7


def test_arrays_and_images_are_augmented_in_their_form():
    X, y = lopsided()
    rows, labels = synthesize(X[["p", "q"]].to_numpy(np.float32), y, {"yes": 5}, config=QUICK)
    assert (rows.shape, rows.dtype, labels.tolist()) == ((5, 2), np.float32, ["yes"] * 5)
    data = digits()
    images, labels = synthesize(
        data.images[:300], data.labels[:300], {7: 3}, preset="vae", config=QUICK
    )
    assert (images.shape, images.dtype, labels.tolist()) == ((3, 8, 8), np.uint8, [7, 7, 7])


@pytest.fixture(scope="module")
def found():
    X, y = lopsided()
    seen = []
    result = augment(X, y, folds=3, config=QUICK, watch=lambda *at: seen.append(at))
    return result, seen


def test_augmentation_is_judged_on_rows_left_out(found):
    result, seen = found
    assert seen == [(0, 4), (1, 4), (2, 4), (3, 4)]
    assert len(result.without) == len(result.with_synthetic) == 3
    assert 0.5 < np.mean(result.without) <= 1
    assert len(result.items) == 260
    assert set(result.labels) == {"yes"}


def test_nothing_made_of_noise_is_advised():
    """Labels that do not depend on the rows cannot be learned better from synthetic ones."""
    X, _ = lopsided()
    y = np.random.default_rng(1).permutation(np.repeat([0, 1], [300, 40]))
    found = augment(X, y, folds=3, config=QUICK, judge=_Numbers())
    assert found.gain < 0.1


class _Numbers(LogisticRegression):
    """A judge of one's own, which looks at the numbers only."""

    def fit(self, X, y):
        return super().fit(X[["p", "q"]], y)

    def predict_proba(self, X):
        return super().predict_proba(X[["p", "q"]])


@pytest.mark.parametrize(
    ("without", "with_synthetic", "advice"),
    [
        ((0.5, 0.6, 0.55), (0.7, 0.75, 0.72), "Synthetic items help: average precision 0.550"),
        ((0.5, 0.6, 0.55), (0.6, 0.5, 0.55), "These items are too few to tell .* of \\+0.000"),
        ((0.5, 0.6, 0.55), (0.51, 0.59, 0.55), "Do not augment: .* a gain of \\+0.000"),
        ((0.5, 0.6, 0.55), (0.4, 0.5, 0.5), "Do not augment: .* a gain of -0.083"),
    ],
)
def test_advice_is_drawn_from_the_scores(without, with_synthetic, advice):
    import re

    found = Augmentation(None, np.array([]), without, with_synthetic)
    assert re.match(advice, found.advice)
    assert found.helps == advice.startswith("Synthetic")


@pytest.mark.parametrize("folds", [1, 41])
def test_folds_must_fit_the_smallest_class(folds):
    X, y = lopsided()
    with pytest.raises(SpecError, match=f"from 2 to 40, .*; got {folds}"):
        augment(X, y, folds=folds)


def test_screening_keeps_what_classifiers_believe():
    """After hardly any training a model does not know the class; the classifiers do."""
    X, y = lopsided()
    means = {}
    for screened in (False, True):
        rows, labels = synthesize(X, y, {"yes": 300}, config=QUICK, screened=screened)
        assert (len(rows), set(labels)) == (300, {"yes"})
        means[screened] = rows["q"].mean()
    assert means[True] > means[False] + 0.5
    again, _ = synthesize(X, y, {"yes": 300}, config=QUICK)
    pd.testing.assert_frame_equal(rows, again)


def curved(rows, seed):
    rng = np.random.default_rng(seed)
    X = pd.DataFrame({"a": rng.normal(size=rows), "kind": rng.choice(list("xy"), rows)})
    return X, 2 * X["a"].to_numpy() + 3 * (X["kind"] == "x") + 0.3 * rng.normal(size=rows)


def test_numbers_are_told_of_new_rows():
    X, y = curved(80, 0)
    found = augment(X, y, folds=2, config=TrainConfig(max_epochs=30, progress=False))
    assert found.measure == "R2"
    assert found.items.dtypes.equals(X.dtypes)
    assert len(found.items) == len(found.labels) == 240
    expected = 2 * found.items["a"] + 3 * (found.items["kind"] == "x")
    assert np.corrcoef(expected, found.labels)[0, 1] > 0.95
    assert found.gain > 0.02  # trees of 40 rows are coarse
    assert "R2" in found.advice


def test_a_kind_of_targets_can_be_said():
    X, _ = curved(60, 0)
    few = np.arange(60) % 5
    told = augment(X, few, kind="numbers", folds=2, config=QUICK)
    assert told.measure == "R2"
    with pytest.raises(SpecError, match="did you mean 'numbers'"):
        augment(X, few, kind="number", config=QUICK)


def test_whole_numbers_stay_whole_and_a_judge_of_ones_own_is_asked():
    from sklearn.linear_model import LinearRegression

    X, y = curved(80, 0)
    whole = np.round(10 * y).astype(int)
    X = X.drop(columns="kind").assign(b=X["a"] ** 2)
    found = augment(
        X.to_numpy(), whole, strategy=0.5, folds=2, judge=LinearRegression(), config=QUICK
    )
    assert found.labels.dtype == whole.dtype
    assert found.items.shape == (40, 2)
    assert -1 < found.without[0] <= 1


@pytest.mark.parametrize(
    ("y", "options", "error", "message"),
    [
        ([0.5, np.nan] * 20, {}, DataError, "finite numbers; row 1 has nan"),
        ([0.5, 0.7] * 20, {"folds": 21}, SpecError, "from 2 to 20; got 21"),
        ([0.5, 0.7] * 20, {"strategy": "all", "folds": 2}, SpecError, "'auto' or how many times"),
    ],
)
def test_numbers_that_cannot_be_learned_are_refused(y, options, error, message):
    X = pd.DataFrame({"a": np.arange(40) % 7, "b": np.arange(40) % 3})
    with pytest.raises(error, match=message):
        augment(X, np.array(y), config=QUICK, **options)


def test_numbers_ask_for_rows_by_times():
    assert (wanted_rows(10, "auto"), wanted_rows(10, 2)) == (30, 20)
