"""Types of columns: whatever goes in is learned, and comes back as it went in."""

import datetime as dt
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from vaekit import Autoencoder
from vaekit.errors import DataTypeError
from vaekit.tables import TableDomain

N = 60
RNG = np.random.default_rng(0)
DAYS = pd.date_range("2021-01-01", periods=N, freq="D")
INTEGERS = [i * 3 % 17 for i in range(N)]
GAPS = [None if i % 7 == 0 else i * 3 % 29 for i in range(N)]

COLUMNS = {
    "int64": pd.Series(INTEGERS),
    "int8": pd.Series(INTEGERS, dtype="int8"),
    "uint16": pd.Series(INTEGERS, dtype="uint16"),
    "float32": pd.Series(RNG.normal(size=N).astype("float32")),
    "Int64 with gaps": pd.Series(GAPS, dtype="Int64"),
    "Float64 with gaps": pd.Series(GAPS, dtype="Float64"),
    "boolean with gaps": pd.Series([[True, False, None][i % 3] for i in range(N)], dtype="boolean"),
    "string": pd.Series(["a", "b", None] * 20, dtype="string"),
    "category": pd.Series(["a", "b", "c"] * 20, dtype="category"),
    "ordered category": pd.Series(
        pd.Categorical(["low", "high", "low"] * 20, categories=["low", "high"], ordered=True)
    ),
    "integer categories": pd.Series([1, 2, 3] * 20, dtype="category"),
    "bins": pd.cut(pd.Series(RNG.normal(size=N)), 4),
    "intervals": pd.Series(pd.IntervalIndex.from_breaks(np.arange(6)).take(np.arange(N) % 5)),
    "periods": pd.Series(pd.period_range("2020-01", periods=N, freq="M")),
    "nanoseconds": pd.Series(DAYS).astype("datetime64[ns]"),
    "seconds": pd.Series(DAYS).astype("datetime64[s]"),
    "zones": pd.Series(DAYS.tz_localize("Europe/Berlin")),
    "durations": pd.Series(pd.to_timedelta(np.arange(N), unit="h")),
    "dates": pd.Series([d.date() for d in DAYS], dtype=object),
    "dates with gaps": pd.Series(
        [None if i % 9 == 0 else d.date() for i, d in enumerate(DAYS)], dtype=object
    ),
    "far dates": pd.Series(
        [dt.date(9999, 12, 31) if i % 5 == 0 else dt.date(2021, 1, 1 + i % 28) for i in range(N)],
        dtype=object,
    ),
    "decimals": pd.Series([Decimal(f"{i}.{i % 100:02d}") for i in range(N)], dtype=object),
    "Arrow's integers": pd.Series(INTEGERS, dtype="int64[pyarrow]"),
    "Arrow's integers with gaps": pd.Series(GAPS, dtype="int32[pyarrow]"),
    "Arrow's numbers": pd.Series(RNG.normal(size=N), dtype="double[pyarrow]"),
    "Arrow's text": pd.Series(["a", "b", "c"] * 20, dtype="string[pyarrow]"),
    "Arrow's truths": pd.Series([True, False] * 30, dtype="bool[pyarrow]"),
    "Arrow's dates": pd.Series([d.date() for d in DAYS], dtype=pd.ArrowDtype(pa.date32())),
    "Arrow's times": pd.Series(DAYS, dtype=pd.ArrowDtype(pa.timestamp("us"))),
}


@pytest.mark.parametrize("name", COLUMNS)
@pytest.mark.filterwarnings("ignore:column 'c' is left out")
def test_a_type_goes_in_and_comes_back(name):
    frame = pd.DataFrame({"c": COLUMNS[name], "other": list("xy") * (N // 2)})
    domain = TableDomain().fit(frame)
    rows = domain.prepare(frame)
    back = domain.decode(domain.encode(rows))
    assert back["c"].dtype == frame["c"].dtype
    if domain.columns[0].num_codes:
        assert not domain.observed(rows)[:, 0].logical_not().any()  # no cell of training is unknown
        known = frame["c"].notna()
        assert back["c"].notna().equals(known)
        kinds = {type(value) for value in frame["c"][known]}
        assert {type(value) for value in back["c"][known]} == kinds
        if domain.columns[0].kind == "category":
            assert back["c"][known].tolist() == frame["c"][known].tolist()


def test_complex_numbers_are_refused():
    with pytest.raises(DataTypeError, match="complex"):
        TableDomain().fit(pd.DataFrame({"c": [1j, 2j] * 10, "d": range(20)}))


def frame_of(kind, frame):
    if kind == "arrow":
        return pa.Table.from_pandas(frame)
    polars = pytest.importorskip("polars")
    found = polars.from_pandas(frame)
    return found.lazy() if kind == "lazy polars" else found


@pytest.mark.parametrize("kind", ["arrow", "polars", "lazy polars"])
def test_tables_of_others_are_read(kind):
    frame = pd.DataFrame(
        {
            "n": pd.array(GAPS, "Int64"),
            "d": DAYS,
            "t": list("ab") * (N // 2),
            "b": [True, False, None] * (N // 3),
        }
    )
    domain = TableDomain().fit(frame_of(kind, frame))
    kinds = [column.kind for column in domain.columns]
    assert kinds == ["number", "datetime", "category", "category"]
    domain.prepare(frame_of(kind, frame))
    model = Autoencoder(domain="table", max_epochs=1, progress=False).fit(frame_of(kind, frame))
    package = {"arrow": "pyarrow"}.get(kind, "polars")
    for made in (model.sample(5, seed=0), model.reconstruct(frame_of(kind, frame))):
        assert type(made).__module__.split(".")[0] == package
    column = made["n"].type if package == "pyarrow" else made["n"].dtype
    assert str(column).lower() == "int64"


def test_structured_arrays_are_tables():
    array = np.array([(i, i / 2, "ab"[i % 2]) for i in range(40)], dtype="i4,f8,U1")
    assert [c.kind for c in TableDomain().fit(array).columns][1:] == ["number", "category"]


@pytest.mark.parametrize("power", [-300, -15, -12, 0, 12, 300])
@pytest.mark.parametrize("scale", ["quantiles", "standard"])
def test_numbers_of_any_size_keep_their_digits(power, scale):
    numbers = RNG.lognormal(size=N) * 10.0**power
    frame = pd.DataFrame({"c": numbers, "other": list("xy") * (N // 2)})
    domain = TableDomain(scale=scale).fit(frame)
    rows = domain.prepare(frame)
    assert rows[:, 2].isfinite().all()
    assert rows[:, 2].std() > 0.5
    back = domain.decode(domain.encode(rows))["c"]
    assert np.allclose(back, numbers, rtol=1e-3, atol=0)


@pytest.mark.parametrize("power", [-300, -15, 300])
def test_scores_of_numbers_of_any_size_are_finite(power):
    frame = pd.DataFrame({"c": RNG.lognormal(size=N) * 10.0**power, "d": RNG.normal(size=N)})
    model = Autoencoder(domain="table", max_epochs=1, progress=False).fit(frame)
    assert np.isfinite(model.score_samples(frame)).all()
    assert (model.sample(20, seed=0)["c"] != 0).all()


@pytest.mark.parametrize("kind", ["few", "many", "identifiers"])
def test_integers_beyond_53_bits_are_exact(kind):
    values = {
        "few": [2**60 + i % 3 for i in range(N)],
        "many": [2**60 + i * i % 53 for i in range(N)],
        "identifiers": [int(v) for v in RNG.integers(2**59, 2**62, N)],
    }[kind]
    frame = pd.DataFrame({"c": values, "other": list("xy") * (N // 2)})
    if kind == "identifiers":
        assert TableDomain().fit(frame).columns[0].kind == "key"
        return
    domain = TableDomain().fit(frame)
    back = domain.decode(domain.encode(domain.prepare(frame)))["c"]
    assert back.tolist() == values


def test_a_categorical_with_other_levels_is_read_by_its_labels():
    frame = pd.DataFrame({"c": pd.Categorical(list("ab") * 20), "d": range(40)})
    domain = TableDomain().fit(frame)
    other = frame.assign(c=pd.Categorical(list("ab") * 20, categories=list("xyba")))
    assert domain.prepare(other).equal(domain.prepare(frame))


def test_an_order_of_two_times_is_kept_without_being_named():
    begin = pd.Series(DAYS)
    frame = pd.DataFrame(
        {"begin": begin, "end": begin + pd.to_timedelta(RNG.integers(0, 9, N), "D")}
    )
    model = Autoencoder(domain="table", max_epochs=1, progress=False).fit(frame)
    found = model.sample(200, seed=0)
    assert (found["begin"] <= found["end"]).all()
    late = frame.assign(end=frame["begin"] - pd.Timedelta(days=3))
    with pytest.warns(UserWarning, match="60 of 60"):
        assert np.isfinite(model.score_samples(late)).all()


@pytest.mark.parametrize(
    "where",
    [{"fee": np.nan}, {"day": pd.NaT}, {"room": np.nan}, {"room": {"a", None}}, {"fee": pd.NA}],
)
def test_conditions_that_are_missing_mean_missing(where):
    frame = pd.DataFrame(
        {
            "fee": [None if i % 5 == 0 else i / 4 for i in range(N)],
            "day": [pd.NaT if i % 4 == 0 else d for i, d in enumerate(DAYS)],
            "room": [None if i % 3 == 0 else "ab"[i % 2] for i in range(N)],
        }
    )
    model = Autoencoder(domain="table", max_epochs=1, progress=False).fit(frame)
    name, wanted = next(iter(where.items()))
    found = model.sample(20, seed=0, where=where)[name]
    if isinstance(wanted, set):
        assert (found.isna() | (found == "a")).all()
    else:
        assert found.isna().all()


def test_what_is_asked_for_comes_back_exactly():
    frame = pd.DataFrame({"fee": RNG.normal(size=N), "room": list("ab") * (N // 2)})
    model = Autoencoder(domain="table", max_epochs=1, progress=False).fit(frame)
    with pytest.warns(UserWarning, match="a probability of"):
        found = model.sample(20, seed=0, where={"fee": 0.12345})
    assert set(found["fee"]) == {0.12345}


def test_a_number_that_few_never_were_is_accepted():
    frame = pd.DataFrame({"parch": [0, 1, 2] * 20, "fare": RNG.normal(size=N)})
    domain = TableDomain().fit(frame)
    later = frame.assign(parch=[9, *frame["parch"][1:]])
    assert domain.observed(domain.prepare(later))[:, 0].all()
