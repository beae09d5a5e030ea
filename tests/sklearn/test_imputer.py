"""The imputer among scikit-learn's."""

import numpy as np
import pytest
import sklearn.exceptions
from sklearn.datasets import load_wine
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

pd = pytest.importorskip("pandas")

from vaekit.errors import DataError, SpecError  # noqa: E402
from vaekit.tables import VAEImputer  # noqa: E402

QUICK = {"max_epochs": 2, "progress": False}


OTHER_BATCHES = "rows in another order, or repeated, come in other batches, and noise is drawn anew"


@parametrize_with_checks(
    [VAEImputer(latent_dim=1, max_epochs=2, draws=5, progress=False)],
    expected_failed_checks=lambda _: {
        "check_sample_weight_equivalence_on_dense_data": OTHER_BATCHES
    },
)
@pytest.mark.filterwarnings("ignore:latent_dim=1 is not below", "ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore:.*sklearn.*", "ignore:.* items are few to learn from")
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@pytest.fixture(scope="module")
def wine():
    whole = load_wine().data
    return whole, np.where(np.random.default_rng(0).random(whole.shape) < 0.3, np.nan, whole)


def test_holes_are_filled_better_than_by_means(wine):
    whole, holed = wine
    filled = VAEImputer(seed=0, max_epochs=60, progress=False).fit_transform(holed)
    holes = np.isnan(holed)
    assert np.array_equal(filled[~holes], whole[~holes])
    assert not np.isnan(filled).any()
    by_mean = np.where(holes, np.nanmean(holed, 0), holed)
    errors = [(((f - whole) / whole.std(0))[holes] ** 2).mean() for f in (filled, by_mean)]
    assert errors[0] < 0.75 * errors[1]


def test_draws_are_as_spread_as_the_column(wine):
    whole, holed = wine
    imputer = VAEImputer("draw", seed=0, max_epochs=40, progress=False).fit(holed)
    first, again = imputer.transform(holed), imputer.transform(holed)
    assert np.array_equal(first, again)
    other = imputer.set_params(seed=1).transform(holed)
    holes = np.isnan(holed)
    assert (first != other)[holes].mean() > 0.8
    spread = [np.std(f[:, 0][holes[:, 0]]) for f in (first, whole)]
    assert spread[0] == pytest.approx(spread[1], rel=0.35)


def test_frames_keep_labels_order_and_dtypes():
    rng = np.random.default_rng(0)
    whole = pd.DataFrame(
        {
            "job": pd.Categorical(rng.choice(["cook", "vet"], 300)),
            "since": pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 99, 300), "D"),
            "age": pd.array(rng.integers(18, 80, 300), dtype="Int64"),
            "name": [f"n{i}" for i in range(300)],
        },
        index=np.arange(300)[::-1],
    )
    whole["pay"] = 1000.0 + 2000 * (whole["job"] == "vet")
    holed = whole.mask(rng.random(whole.shape) < 0.2).assign(name=whole["name"])
    filled = VAEImputer(max_epochs=40, progress=False).fit_transform(holed)
    assert filled.dtypes.equals(whole.dtypes)
    assert filled.index.equals(whole.index)
    assert not filled.isna().any(axis=None)
    known = holed.notna()
    assert (filled == holed)[known].isna().equals((filled == holed)[known].isna())
    assert filled["age"].between(18, 79).all()
    told = holed["job"].isna() & holed["pay"].notna()
    assert (filled["job"] == whole["job"])[told].mean() > 0.95


def test_it_stands_in_a_pipeline(wine):
    _, holed = wine
    pipeline = make_pipeline(VAEImputer(**QUICK), StandardScaler())
    assert not np.isnan(pipeline.fit_transform(holed)).any()
    names = VAEImputer(**QUICK).fit(pd.DataFrame(holed).add_prefix("c")).get_feature_names_out()
    assert list(names)[:2] == ["c0", "c1"]


def test_mistakes_are_said(wine):
    _, holed = wine
    with pytest.raises(sklearn.exceptions.NotFittedError, match="call fit"):
        VAEImputer().transform(holed)
    fitted = VAEImputer(**QUICK).fit(holed)
    with pytest.raises(SpecError, match="did you mean 'draw'"):
        fitted.set_params(estimate="drow").transform(holed)
    with pytest.raises(DataError, match="only 'a': always 1"):
        VAEImputer(**QUICK).fit(pd.DataFrame({"a": [1.0, None] * 9}))
