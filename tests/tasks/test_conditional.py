"""Rows under conditions: they hold without exception, and the rest goes with them."""

import numpy as np
import pytest
from scipy.stats import ks_2samp

pd = pytest.importorskip("pandas")

from vaekit import Autoencoder  # noqa: E402
from vaekit.datasets import digits  # noqa: E402
from vaekit.errors import CompositionError, DataError, SpecError  # noqa: E402
from vaekit.fitting import read_conditions  # noqa: E402
from vaekit.tasks import sample_where  # noqa: E402


def people(rows=1200, seed=0):
    rng = np.random.default_rng(seed)
    job = rng.choice(["cook", "clerk", "vet"], rows, p=[0.5, 0.4, 0.1])
    age = rng.integers(18, 90, rows)
    pay = np.round(1500 * (job == "vet") + 20.0 * age + rng.normal(0, 60, rows), 2)
    return pd.DataFrame(
        {
            "id": np.arange(rows),
            "job": job,
            "age": age,
            "pay": np.where(rng.random(rows) < 0.15, np.nan, pay),
            "gain": np.where(rng.random(rows) < 0.7, 0.0, rng.exponential(100, rows).round(2)),
            "old": age > 60,
            "since": pd.Timestamp("2015-01-01") + pd.to_timedelta(rng.integers(0, 2000, rows), "D"),
            "place": "IT",
        }
    )


@pytest.fixture(scope="module")
def model():
    return Autoencoder(max_epochs=80, seed=0, progress=False).fit(people())


CONDITIONS = {
    "a label": ({"job": "vet"}, lambda r: r["job"] == "vet"),
    "labels": ({"job": ["vet", "cook"]}, lambda r: r["job"] != "clerk"),
    "a truth value": ({"old": True}, lambda r: r["old"]),
    "a range": ({"age": (30, 40)}, lambda r: r["age"].between(30, 40)),
    "a lower end": ({"pay": (1500.5, None)}, lambda r: r["pay"] >= 1500.5),
    "an upper end": ({"age": (None, 21)}, lambda r: r["age"] <= 21),
    "a number": ({"age": 45}, lambda r: r["age"] == 45),
    "a shared number": ({"gain": 0.0}, lambda r: r["gain"] == 0),
    "a range without it": ({"gain": (1, 50)}, lambda r: r["gain"].between(1, 50)),
    "a range with it": ({"gain": (0, 50)}, lambda r: r["gain"].between(0, 50)),
    "missing": ({"pay": None}, lambda r: r["pay"].isna()),
    "missing or a number": ({"gain": [0.0]}, lambda r: r["gain"] == 0),
    "dates": ({"since": ("2016-01-01", "2016-12-31")}, lambda r: r["since"].dt.year == 2016),
    "several columns": (
        {"job": "cook", "age": (60, None), "pay": (None, 1800)},
        lambda r: (r["job"] == "cook") & (r["age"] >= 60) & (r["pay"] <= 1800),
    ),
}


@pytest.mark.parametrize("name", CONDITIONS)
def test_every_row_meets_the_conditions(model, name):
    where, holds = CONDITIONS[name]
    rows = model.sample(400, seed=0, where=where)
    assert len(rows) == 400
    assert holds(rows).all()
    assert rows.dtypes.equals(people().dtypes)


def test_the_other_columns_are_those_of_such_rows(model):
    """As if a great many rows had been made, and all others thrown away."""
    many = model.sample(40_000, seed=1)
    chosen = many[(many["job"] == "vet") & (many["age"] <= 40)]
    rows = model.sample(len(chosen), seed=2, where={"job": "vet", "age": (None, 40)})
    for column in ("age", "pay"):
        spread = chosen[column].std() / np.sqrt(len(chosen))
        assert rows[column].mean() == pytest.approx(chosen[column].mean(), abs=6 * spread)
        # Not their standard deviation, nor quantiles within the gap of pay: one row in ten is below
        # it, and a sample with somewhat more or fewer of them has its tenth on the other side.
        widths = [frame[column].quantile([0.2, 0.8]).diff().iloc[-1] for frame in (rows, chosen)]
        assert widths[0] == pytest.approx(widths[1], rel=0.15)
        assert ks_2samp(rows[column].dropna(), chosen[column].dropna()).pvalue > 0.001
    missing = [frame["pay"].isna().mean() for frame in (rows, chosen)]
    assert missing[0] == pytest.approx(missing[1], abs=0.05)


def test_what_goes_with_a_condition_follows_it(model):
    rows = model.sample(500, seed=0, where={"pay": (3000, None)})
    assert (rows["job"] == "vet").mean() > 0.9
    young = model.sample(500, seed=0, where={"old": False})
    assert young["age"].mean() < 50


def test_seeds_and_priors(model):
    where = {"job": "vet"}
    assert model.sample(9, seed=1, where=where).equals(model.sample(9, seed=1, where=where))
    assert not model.sample(9, seed=1, where=where).equals(model.sample(9, seed=2, where=where))
    rows = sample_where(model.trained_, 50, where, seed=0, prior="model")
    assert (rows["job"] == "vet").all()


def test_a_context_is_kept():
    frame = people()
    conditional = Autoencoder(max_epochs=30, seed=0, progress=False)
    conditional.fit(frame.drop(columns="job"), context=frame["job"].to_numpy())
    rows = conditional.sample(200, "vet", seed=0, where={"age": (30, 50)})
    assert rows["age"].between(30, 50).all()
    assert rows["pay"].mean() > 1800


def test_a_rare_condition_is_warned_of(model, monkeypatch):
    monkeypatch.setattr("vaekit.tables.conditional._GuidedRows.most", 4096)
    with (
        pytest.warns(UserWarning, match="so rare that 4000 rows come from about"),
        pytest.warns(UserWarning, match="a probability of"),
    ):
        rows = model.sample(4000, seed=0, where={"job": "vet", "age": 45, "gain": (90, 91)})
    assert (rows["age"] == 45).all()


@pytest.mark.parametrize(
    ("where", "error", "message"),
    [
        ({"jbo": "vet"}, SpecError, "did you mean 'job'"),
        ({"job": "vte"}, SpecError, "did you mean 'vet'"),
        ({"job": ("a", "b")}, DataError, "labels have no range"),
        ({"age": (40, 30)}, DataError, "column 'age' can never hold"),
        ({"age": (200, None)}, DataError, "can never hold: no row of training"),
        ({"age": [30, 35]}, DataError, r"one number or a range \(low, high\); got \[30.0, 35.0\]"),
        ({"age": None}, DataError, "can never hold"),
        ({"age": (1, 2, 3)}, DataError, r"a pair \(low, high\)"),
        ({"age": (None, None)}, DataError, "one of them None if open"),
        ({"since": "soon"}, DataError, "holds moments; 'soon' is none"),
        ({"id": 7}, DataError, "'id', which is not learnt: a key"),
        ({"place": "FR"}, DataError, "'place', which is not learnt: always 'IT'"),
    ],
)
def test_conditions_that_cannot_hold_are_refused(model, where, error, message):
    with pytest.raises(error, match=message):
        model.sample(5, where=where)


def test_conditions_are_of_tables():
    pictures = Autoencoder("vae", max_epochs=1, progress=False).fit(digits().images[:100])
    with pytest.raises(CompositionError, match="conditions and predictions are of tables"):
        pictures.sample(3, where={"a": 1})
    with pytest.raises(CompositionError, match="conditions and predictions are of tables"):
        read_conditions(["a=1"], pictures.domain_)


@pytest.mark.parametrize(
    ("texts", "where"),
    [
        (["job=vet"], {"job": ["vet"]}),
        (["job='vet' | cook"], {"job": ["vet", "cook"]}),
        (["age>=30", "age <= 40"], {"age": (30.0, 40.0)}),
        (["age=30..40", "pay=..99.5"], {"age": (30.0, 40.0), "pay": (None, 99.5)}),
        (["job=a..b"], {"job": ["a..b"]}),
        (["pay="], {"pay": [None]}),
        (["old=True"], {"old": [True]}),
        (["since>=2016-01-01"], {"since": ("2016-01-01", None)}),
    ],
)
def test_conditions_are_read_as_typed(model, texts, where):
    assert read_conditions(texts, model.domain_) == where


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("age", SpecError, "must be like age>=30"),
        ("aeg=3", SpecError, "did you mean 'age'"),
        ("age=old", DataError, "column 'age' holds numbers; got 'old'"),
        ("age=3..old", DataError, "column 'age' holds numbers; got 'old'"),
    ],
)
def test_conditions_that_cannot_be_read_are_refused(model, text, error, message):
    with pytest.raises(error, match=message):
        read_conditions([text], model.domain_)


@pytest.mark.parametrize("where", [{"age": "old"}, {"age": ("young", None)}, {"age": 10**400}])
def test_a_number_is_asked_for_by_a_number(model, where):
    with pytest.raises(DataError, match="'age' holds numbers"):
        model.sample(3, seed=0, where=where)
