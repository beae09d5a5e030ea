"""The advice of `augment`: what counts beside the folds."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

pd = pytest.importorskip("pandas")

from vaekit.augmentation import Augmentation, augment  # noqa: E402
from vaekit.augmentation.advice import chance_level  # noqa: E402
from vaekit.augmentation.augment_table import _equal_sets  # noqa: E402
from vaekit.errors import SpecError  # noqa: E402
from vaekit.training import TrainConfig  # noqa: E402

QUICK = TrainConfig(max_epochs=2, progress=False)


def scored(without, with_synthetic, **evidence):
    return Augmentation(None, np.array([]), without, with_synthetic, **evidence)


def rows(seed=0, n=60):
    rng = np.random.default_rng(seed)
    X = pd.DataFrame({"a": rng.normal(size=n), "job": rng.choice(["vet", "cook"], n)})
    return X, np.where(X["a"] > 0.3, "yes", "no")


def test_targets_that_nothing_predicts_are_never_advised():
    gains = (0.5, 0.5, 0.5), (0.9, 0.91, 0.9)
    assert scored(*gains, chance=0.02).helps
    found = scored(*gains, chance=0.2)
    assert not found.helps
    assert not found.clear
    assert (
        "Nothing shows that these targets can be predicted at all: of shuffled ones, 20%"
        in found.advice
    )


def test_a_gain_within_its_error_is_not_advised():
    unsure = scored((0.6, 0.7, 0.5), (0.6, 0.4, 0.8))
    assert not unsure.helps
    assert not unsure.clear
    assert unsure.advice.startswith("These items are too few to tell")
    alike = scored((0.6, 0.6, 0.6), (0.6, 0.61, 0.59))
    assert alike.clear
    assert alike.advice.startswith("Do not augment")


def test_chance_is_level_for_noise_and_low_for_what_is_predicted():
    """Of noise the levels are spread evenly, so that one in twenty is below .05."""
    rng = np.random.default_rng(0)
    truth = np.repeat([[1.0, 0.0], [0.0, 1.0]], 20, axis=0)
    levels = [chance_level(truth, rng.normal(size=truth.shape), seed) for seed in range(100)]
    assert np.mean(np.array(levels) <= 0.05) < 0.12
    assert 0.4 < np.mean(levels) < 0.6
    assert chance_level(truth, truth + rng.normal(size=truth.shape), 0) < 0.01


def test_sets_have_as_many_items_of_each_class():
    sets = _equal_sets({"a": 6, "b": 9})
    assert sorted(np.concatenate(sets)) == list(range(15))
    assert [((s < 6).sum(), (s >= 6).sum()) for s in sets] == [(2, 3)] * 3


@pytest.mark.parametrize("seed", range(4))
def test_noise_is_not_advised_after_two_folds_of_two_epochs(seed):
    """It was: two folds of chance often gain more than they differ by."""
    X, y = rows(seed)
    y = np.random.default_rng(seed).permutation(y)
    found = augment(X, y, folds=2, strategy="double", config=TrainConfig(max_epochs=2, seed=seed))
    assert found.chance > 0.025
    assert not found.helps


def test_what_can_be_learned_is_found_whoever_judges():
    X, y = rows()
    assert augment(X, y, folds=2, config=QUICK).chance < 0.01
    own = augment(X[["a"]], y, folds=2, config=QUICK, judge=LogisticRegression())
    assert own.chance < 0.01


def test_numbers_that_are_noise_are_not_advised():
    X, _ = rows()
    found = augment(X, np.random.default_rng(1).normal(size=60), folds=2, config=QUICK)
    assert found.chance > 0.025
    assert not found.helps


def test_a_forest_may_judge():
    """It has a length only once it is trained, so it must not be asked whether it is empty."""
    from sklearn.ensemble import RandomForestRegressor

    X, _ = rows()
    judge = RandomForestRegressor(5, random_state=0)
    found = augment(X[["a"]], 2 * X["a"], folds=2, judge=judge, config=QUICK)
    assert found.measure == "R2"


def test_equal_classes_need_another_strategy():
    X, _ = rows()
    y = np.repeat(["no", "yes"], 30)
    with pytest.raises(SpecError, match="at least one item; got 'auto', .* Take 'double'"):
        augment(X, y, folds=2, config=QUICK)
