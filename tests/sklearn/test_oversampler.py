"""The over-sampler among imbalanced-learn's."""

import numpy as np
import pytest
import scipy.sparse
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.utils.estimator_checks import parametrize_with_checks

pd = pytest.importorskip("pandas")

from vaekit.augmentation import VAEOverSampler  # noqa: E402
from vaekit.errors import DataError, SpecError  # noqa: E402

QUICK = {"max_epochs": 3, "progress": False}


def lopsided():
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1, 2], [120, 40, 20])
    return rng.normal(size=(180, 3)) + y[:, None], y


def test_classes_are_brought_up_behind_the_real_rows():
    X, y = lopsided()
    sampler = VAEOverSampler(**QUICK)
    more, labels = sampler.fit_resample(X, y)
    assert np.array_equal(more[:180], X)
    assert np.array_equal(labels[:180], y)
    assert np.bincount(labels).tolist() == [120, 120, 120]
    assert sampler.sampling_strategy_ == {1: 80, 2: 100}
    assert (more.dtype, labels.dtype) == (X.dtype, y.dtype)
    again, _ = clone(sampler).fit_resample(X, y)
    assert np.array_equal(more, again)


def test_frames_and_series_come_back_as_such():
    X, y = lopsided()
    frame = pd.DataFrame(X, columns=list("abc")).assign(job=np.where(X[:, 0] > 1, "vet", "cook"))
    labels = pd.Series(np.array(["no", "maybe", "yes"])[y], name="answer", index=frame.index + 5)
    more, found = VAEOverSampler({"yes": 50}, **QUICK).fit_resample(frame, labels)
    assert more.dtypes.equals(frame.dtypes)
    assert (len(more), found.name, found.dtype) == (210, "answer", labels.dtype)
    assert (found == "yes").sum() == 50


def test_equal_classes_are_left_as_they_are():
    X, y = lopsided()
    X, y = X[:80], np.repeat([0, 1], 40)
    more, labels = VAEOverSampler(**QUICK).fit_resample(X, y)
    assert more is X
    assert labels is y


def test_mistakes_are_said_before_the_training():
    X, y = lopsided()
    with pytest.raises(SpecError, match="of two classes"):
        VAEOverSampler(0.5, max_epochs=10**6).fit_resample(X, y)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        VAEOverSampler(max_epochs=10**6).fit_resample(X, y[:-1])


def two_classes():
    rng = np.random.default_rng(1)
    return rng.normal(size=(70, 2)), np.repeat([0, 1], [50, 20])


@pytest.mark.parametrize(
    ("strategy", "added"),
    [
        ("auto", {1: 80, 2: 100}),
        ("not majority", {1: 80, 2: 100}),
        ("all", {1: 80, 2: 100}),
        ("minority", {2: 100}),
        ("not minority", {1: 80}),
        ("double", {0: 120, 1: 120, 2: 120}),
        ({1: 50, 2: 20}, {1: 10}),
        ({np.int64(1): np.int64(41)}, {1: 1}),
        (lambda y: {2: int((y == 1).sum())}, {2: 20}),
    ],
)
def test_every_strategy_of_imbalanced_learn(strategy, added):
    X, y = lopsided()
    sampler = VAEOverSampler(strategy, max_epochs=1, screened=False, progress=False)
    _, labels = sampler.fit_resample(X, y)
    assert sampler.sampling_strategy_ == added
    expected = np.bincount(y) + [added.get(label, 0) for label in range(3)]
    assert np.bincount(labels).tolist() == expected.tolist()
    assert sampler.fit(X, y).sampling_strategy_ == added


def test_a_share_is_that_of_the_two_classes():
    sampler = VAEOverSampler(0.81, max_epochs=1, progress=False, screened=False)
    _, labels = sampler.fit_resample(*two_classes())
    assert np.bincount(labels).tolist() == [50, 40]  # cut, as imbalanced-learn does


@pytest.mark.parametrize(
    ("strategy", "message"),
    [
        ("most", "must be one of auto, minority, not minority"),
        (0.1, "at least as many items as there are"),
        (1.5, "at most 1"),
        (True, "a share must be"),
        ({7: 9}, "must name classes of y"),
        ({1: 20.5}, "a whole number; got 1: 20.5"),
        (lambda y: 7, "must return a dict"),
        (None, "a share must be"),
    ],
)
def test_strategies_that_say_nothing_are_refused(strategy, message):
    with pytest.raises(SpecError, match=message):
        VAEOverSampler(strategy, max_epochs=10**6).fit_resample(*two_classes())


FORMS = {
    "array": lambda y: y,
    "column": lambda y: y[:, None],
    "list": lambda y: y.tolist(),
    "text": lambda y: np.array(["no", "yes"])[y],
    "objects": lambda y: np.array(["no", "yes"], dtype=object)[y],
    "booleans": lambda y: y.astype(bool),
    "floats": lambda y: y.astype(np.float32),
    "series": lambda y: pd.Series(y, name="answer", index=np.arange(70)[::-1]),
    "int64": lambda y: pd.Series(y, name=3, dtype="Int64"),
    "category": lambda y: pd.Series(np.array(["no", "yes"])[y], name="c", dtype="category"),
    "boolean": lambda y: pd.Series(y == 1, dtype="boolean"),
    "string": lambda y: pd.Series(np.array(["no", "yes"])[y], dtype="string"),
    "frame": lambda y: pd.DataFrame({"answer": y}, dtype="int8"),
}


@pytest.mark.parametrize("form", FORMS)
def test_classes_keep_form_name_and_dtype(form):
    X, y = two_classes()
    given = FORMS[form](y)
    sampler = VAEOverSampler(max_epochs=1, screened=False, progress=False)
    more, found = sampler.fit_resample(X, given)
    assert type(found) is type(given)
    assert len(found) == len(more) == 100
    if isinstance(given, list):
        assert {type(label) for label in found} == {int}
        return
    assert np.ndim(found) == np.ndim(given)
    assert getattr(found, "name", None) == getattr(given, "name", None)
    if isinstance(given, pd.DataFrame):
        assert found.dtypes.equals(given.dtypes)
    else:
        assert found.dtype == given.dtype
    assert np.array_equal(np.asarray(found)[:70], np.asarray(given))
    assert set(np.asarray(found).ravel()) == set(np.asarray(given).ravel())


@pytest.mark.parametrize("kind", ["matrix", "array"])
@pytest.mark.parametrize("layout", ["csr", "csc", "coo", "lil"])
def test_sparse_rows_come_back_sparse(layout, kind):
    rng = np.random.default_rng(0)
    dense = np.where(rng.random((70, 3)) < 0.6, 0.0, rng.random((70, 3))).astype(np.float32)
    X = getattr(scipy.sparse, f"{layout}_{kind}")(dense)
    sampler = VAEOverSampler(max_epochs=1, screened=False, progress=False)
    more, _ = sampler.fit_resample(X, two_classes()[1])
    assert (type(more), more.shape, more.dtype) == (type(X), (100, 3), X.dtype)
    assert np.array_equal(more.toarray()[:70], dense)
    assert (more.toarray()[70:] == 0).mean() > 0.2
    as_dense, _ = sampler.fit_resample(dense, two_classes()[1])
    assert np.array_equal(as_dense, more.toarray())


def test_rows_of_lists_come_back_as_such():
    X, y = two_classes()
    more, labels = VAEOverSampler(max_epochs=1, progress=False).fit_resample(X.tolist(), y.tolist())
    assert more[:70] == X.tolist()
    assert (type(more), len(more), type(labels)) == (list, 100, list)


def test_tables_of_pyarrow_come_back_as_such():
    pa = pytest.importorskip("pyarrow")
    X, y = two_classes()
    table = pa.table({"a": X[:, 0], "kind": np.where(X[:, 1] > 0, "x", "y")})
    more, _ = VAEOverSampler(max_epochs=1, progress=False).fit_resample(table, y)
    assert isinstance(more, pa.Table)
    assert more.schema.names == ["a", "kind"]
    assert more.num_rows == 100


def test_the_random_state_is_the_seed():
    X, y = two_classes()

    def made(**options):
        return VAEOverSampler(max_epochs=1, progress=False, **options).fit_resample(X, y)[0]

    assert np.array_equal(made(random_state=3), made(seed=3))
    assert np.array_equal(made(random_state=np.int64(3), seed=3), made(seed=3))
    assert not np.array_equal(made(random_state=4), made(seed=3))
    for kind in (np.random.RandomState, np.random.default_rng):
        state = kind(0)
        first, second = made(random_state=state), made(random_state=state)
        assert np.array_equal(first, made(random_state=kind(0)))
        assert not np.array_equal(first, second)
    for options in ({"random_state": 3, "seed": 4}, {"random_state": -1}, {"random_state": "x"}):
        with pytest.raises(SpecError, match="random_state"):
            made(**options)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.linspace(0, 1, 70), "must be classes; got fractions"),
        (np.eye(2)[np.repeat([0, 1], 35)], "one class for each row; got shape"),
        (np.array([1, "1"] * 35, dtype=object), "of one kind; got int and str"),
        (np.array(["a", None] * 35, dtype=object), "row 1 has none"),
        (np.where(np.arange(70) == 4, np.nan, 1.0), "row 4 has none"),
        (np.ones(70), "at least two classes"),
    ],
)
def test_targets_that_are_no_classes_are_refused(y, message):
    with pytest.raises(DataError, match=message):
        VAEOverSampler(max_epochs=10**6).fit_resample(two_classes()[0], y)


@pytest.mark.filterwarnings("ignore:.* items are few to learn from")
@parametrize_with_checks([VAEOverSampler(max_epochs=1, progress=False, screened=False)])
def test_scikit_learn_checks(estimator, check):
    check(estimator)


class Resampling(ClassifierMixin, BaseEstimator):
    """What imbalanced-learn's pipeline does with a sampler: resample in fit, pass in predict."""

    def __init__(self, sampler, classifier):
        self.sampler, self.classifier = sampler, classifier

    def fit(self, X, y):
        self.fitted_ = clone(self.classifier).fit(*clone(self.sampler).fit_resample(X, y))
        return self

    def predict(self, X):
        return self.fitted_.predict(X)

    def score(self, X, y):
        return self.fitted_.score(X, y)


def test_it_is_searched_over_in_two_processes():
    sampler = VAEOverSampler(max_epochs=1, progress=False, screened=False)
    search = GridSearchCV(
        Resampling(sampler, LogisticRegression()),
        {"sampler__sampling_strategy": ["auto", 0.8]},
        cv=2,
        n_jobs=2,
        error_score="raise",
    )
    assert search.fit(*two_classes()).best_score_ > 0.3


def test_it_stands_in_a_pipeline_of_imbalanced_learn():
    pipeline = pytest.importorskip("imblearn.pipeline")
    sampler = VAEOverSampler(max_epochs=1, progress=False, screened=False)
    model = pipeline.make_pipeline(sampler, LogisticRegression())
    assert len(model.fit(*two_classes()).predict(two_classes()[0])) == 70
