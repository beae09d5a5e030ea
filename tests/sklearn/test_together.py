"""The estimators inside scikit-learn's tools: searches, pipelines, processes, routing, frames."""

import numpy as np
import pytest
import sklearn
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

pd = pytest.importorskip("pandas")

from vaekit import Autoencoder  # noqa: E402
from vaekit.anomalies import VAEDetector  # noqa: E402
from vaekit.augmentation import VAEOverSampler  # noqa: E402
from vaekit.autoencoder import EstimatorNotFittedError  # noqa: E402
from vaekit.clustering import VAEClusterer  # noqa: E402
from vaekit.domains import Context  # noqa: E402
from vaekit.errors import DataError  # noqa: E402
from vaekit.series import SeriesDomain  # noqa: E402
from vaekit.tables import TableDomain, VAEImputer  # noqa: E402

RNG = np.random.default_rng(0)
Y = np.repeat([0, 1], 40)
X = RNG.normal(size=(80, 3)) + 2 * Y[:, None]
QUICK = {"max_epochs": 2, "progress": False}
ESTIMATORS = {
    "autoencoder": Autoencoder(latent_dim=1, **QUICK),
    "imputer": VAEImputer(latent_dim=1, draws=5, **QUICK),
    "clusterer": VAEClusterer(2, "kmeans", latent_dim=1, **QUICK),
    "detector": VAEDetector(latent_dim=1, **QUICK),
}
GRIDS = {
    "autoencoder": {"latent_dim": [1, 2]},
    "imputer": {"draws": [2, 5]},
    "clusterer": {"n_clusters": [2, 3]},
    "detector": {"contamination": [0.1, 0.2]},
}


@pytest.fixture
def routing():
    with sklearn.config_context(enable_metadata_routing=True):
        yield


def scored(estimator, X, y=None):
    """A score for those that have none of their own."""
    if isinstance(estimator, VAEImputer):
        return -float(np.isnan(estimator.transform(X)).sum())
    return float(np.mean(estimator.predict(X) >= -1))


@pytest.mark.parametrize("name", ESTIMATORS)
@pytest.mark.parametrize("jobs", [1, 2])
def test_a_search_over_their_options(name, jobs):
    scoring = None if name == "autoencoder" else scored
    search = GridSearchCV(
        ESTIMATORS[name], GRIDS[name], cv=2, n_jobs=jobs, scoring=scoring, error_score="raise"
    )
    search.fit(X)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert set(search.best_params_) == set(GRIDS[name])


@pytest.mark.parametrize("name", ESTIMATORS)
def test_in_a_pipeline_behind_a_step(name):
    pipeline = make_pipeline(StandardScaler(), clone(ESTIMATORS[name])).fit(X)
    last = "transform" if name in ("autoencoder", "imputer") else "predict"
    assert len(getattr(pipeline, last)(X)) == 80
    again = clone(pipeline).fit(X)
    assert np.array_equal(getattr(again, last)(X), getattr(pipeline, last)(X))


@pytest.mark.parametrize("name", ["autoencoder", "imputer"])
def test_in_a_pipeline_before_a_classifier_in_two_processes(name):
    pipeline = make_pipeline(clone(ESTIMATORS[name]), LogisticRegression())
    key = f"{type(ESTIMATORS[name]).__name__.lower()}__max_epochs"
    search = GridSearchCV(pipeline, {key: [1, 2]}, cv=2, n_jobs=2, error_score="raise")
    assert search.fit(X, Y).best_score_ > 0.4
    assert cross_val_score(pipeline, X, Y, cv=2, n_jobs=2, error_score="raise").min() >= 0


@pytest.mark.parametrize("name", ESTIMATORS)
def test_processes_give_the_bytes_of_one(name):
    from joblib import Parallel, delayed

    def made(estimator):
        fitted = clone(estimator).fit(X)
        return fitted.transform(X) if hasattr(fitted, "transform") else fitted.predict(X)

    here = made(ESTIMATORS[name])
    for there in Parallel(n_jobs=2)(delayed(made)(ESTIMATORS[name]) for _ in range(2)):
        np.testing.assert_allclose(there, here, rtol=1e-4, atol=1e-4)


# Frames in, frames out.


@pytest.mark.parametrize("kind", ["pandas", "polars"])
@pytest.mark.parametrize("name", ["autoencoder", "imputer"])
@pytest.mark.parametrize("given", ["array", "frame"])
def test_set_output(name, kind, given):
    library = pytest.importorskip(kind)
    frame = pd.DataFrame(X, columns=["a", "b", "c"], index=np.arange(80)[::-1])
    items = X if given == "array" else frame
    estimator = clone(ESTIMATORS[name]).set_output(transform=kind)
    out = estimator.fit(items).transform(items)
    assert isinstance(out, library.DataFrame)
    assert list(out.columns) == list(estimator.get_feature_names_out())
    if kind == "pandas" and given == "frame":
        assert out.index.equals(frame.index)
    plain = clone(ESTIMATORS[name]).set_output(transform="default").fit(items).transform(items)
    assert np.array_equal(np.asarray(out), np.asarray(plain))


def test_set_output_goes_through_pipelines_and_column_transformers():
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    pipeline = make_pipeline(clone(ESTIMATORS["imputer"]), clone(ESTIMATORS["autoencoder"]))
    mixed = make_column_transformer((pipeline, ["a", "b"]), remainder="passthrough")
    out = mixed.set_output(transform="pandas").fit_transform(frame)
    assert list(out.columns) == ["pipeline__autoencoder0", "remainder__c"]
    assert out["remainder__c"].equals(frame["c"].rename("remainder__c"))


def test_tables_of_pyarrow_are_filled_as_such():
    pa = pytest.importorskip("pyarrow")
    table = pa.table({"a": [1.0, None, 3.0, 4.0] * 9, "kind": ["x", "y", None, "x"] * 9})
    filled = clone(ESTIMATORS["imputer"]).fit(table).transform(table)
    assert isinstance(filled, pa.Table)
    assert filled.schema.names == ["a", "kind"]
    assert sum(column.null_count for column in filled.columns) == 0


def test_frames_with_numbers_as_names_are_filled():
    frame = pd.DataFrame(np.where(RNG.random((80, 3)) < 0.2, np.nan, X), columns=[3, 1, 2])
    filled = clone(ESTIMATORS["imputer"]).fit_transform(frame)
    assert list(filled.columns) == [3, 1, 2]
    assert not filled.isna().any(axis=None)
    more, _ = VAEOverSampler({1: 50}, **QUICK).fit_resample(frame, Y)
    assert list(more.columns) == [3, 1, 2]


# Names that clash.

CLASHES = {
    "twice": (["a", "b", "a"], "must differ; got 'a' more than once"),
    "numbers twice": ([1, 2, 1], "must differ; got 1 more than once"),
    "text and numbers": ([1, "b", "1"], r"must be all text, or none; got 1 \(int\) beside 'b'"),
    "text and nothing": (["a", None, "b"], "must be all text, or none; got None|got nan"),
}
ENTRANCES = {
    **{name: lambda frame, e=e: clone(e).fit(frame) for name, e in ESTIMATORS.items()},
    "later": lambda frame: clone(ESTIMATORS["autoencoder"]).fit(X).transform(frame),
    "imputed later": lambda frame: clone(ESTIMATORS["imputer"]).fit(X).transform(frame),
    "table": lambda frame: TableDomain().fit(frame),
    "series": lambda frame: SeriesDomain(window=8).fit(frame),
    "context": lambda frame: Context().fit(frame),
    "properties": lambda frame: clone(ESTIMATORS["autoencoder"]).fit(X, context=frame),
    "over-sampler": lambda frame: VAEOverSampler(**QUICK).fit_resample(frame, Y),
}


@pytest.mark.parametrize("clash", CLASHES)
@pytest.mark.parametrize("entrance", ENTRANCES)
def test_names_of_columns_that_clash_have_one_error(entrance, clash):
    names, message = CLASHES[clash]
    frame = pd.DataFrame(X)
    frame.columns = pd.Index(names, dtype=object)
    with pytest.raises(DataError, match=f"names of columns {message}"):
        ENTRANCES[entrance](frame)


# Weights and labels through pipelines.


def test_weights_are_routed_to_those_that_take_some(routing):
    weights = np.where(Y == 1, 1.0, 0.0)
    autoencoder = clone(ESTIMATORS["autoencoder"]).set_fit_request(sample_weight=True)
    pipeline = make_pipeline(StandardScaler().set_fit_request(sample_weight=False), autoencoder)
    routed = pipeline.fit(X, sample_weight=weights)
    scaled = StandardScaler().fit_transform(X)
    direct = clone(autoencoder).fit(scaled, sample_weight=weights)
    assert np.array_equal(routed.transform(X), direct.transform(scaled))
    plain = clone(autoencoder).fit(scaled)
    assert not np.array_equal(plain.transform(scaled), direct.transform(scaled))


def test_weights_are_routed_through_a_search(routing):
    autoencoder = clone(ESTIMATORS["autoencoder"])
    autoencoder.set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
    search = GridSearchCV(autoencoder, GRIDS["autoencoder"], cv=2, error_score="raise")
    search.fit(X, sample_weight=np.linspace(0.1, 1, 80))
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_contexts_are_routed(routing):
    conditional = Autoencoder("cvae", latent_dim=1, **QUICK)
    conditional.set_fit_request(context=True).set_score_request(context=True)
    parts = KFold(2, shuffle=True, random_state=0)
    search = GridSearchCV(conditional, {"max_epochs": [1, 2]}, cv=parts, error_score="raise")
    assert search.fit(X, context=Y).best_estimator_.context_ is not None


@pytest.mark.parametrize("name", ["clusterer", "detector"])
def test_those_that_take_no_weights_say_so(name, routing):
    scaler = StandardScaler().set_fit_request(sample_weight=False)
    pipeline = make_pipeline(scaler, clone(ESTIMATORS[name]))
    with pytest.raises(TypeError, match="not routed (to|metadata in) any object"):
        pipeline.fit(X, sample_weight=np.ones(80))
    with pytest.raises(TypeError, match="unexpected keyword argument 'sample_weight'"):
        clone(ESTIMATORS[name]).fit(X, sample_weight=np.ones(80))
    assert "no ``sample_weight``" in type(ESTIMATORS[name]).__doc__


def test_an_unfitted_one_says_so():
    with pytest.raises(EstimatorNotFittedError, match="call fit"):
        clone(ESTIMATORS["clusterer"]).predict(X)


def test_latents_go_to_another_clusterer():
    pipeline = make_pipeline(clone(ESTIMATORS["autoencoder"]), KMeans(2, n_init=1, random_state=0))
    assert pipeline.fit_predict(X).shape == (80,)
