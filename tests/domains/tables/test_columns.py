"""Columns, one kind at a time: what they learn, and whether values come back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pd = pytest.importorskip("pandas")

from vaekit.errors import DataError, SpecError  # noqa: E402
from vaekit.tables import (  # noqa: E402
    CategoricalColumn,
    ConstantColumn,
    DatetimeColumn,
    KeyColumn,
    NumericColumn,
    TextColumn,
    learn_column,
)

RNG = np.random.default_rng(0)


def series(values, **options):
    return pd.Series(values, name="x", **options)


def again(column, values):
    """Values after a journey through codes and numbers, as a column of the same dtype."""
    codes, numbers = column.encode(values)
    filled = None if numbers is None else np.nan_to_num(numbers)
    return pd.Series(column.decode(codes.astype(int), filled), name="x")


TIMES = pd.date_range("2020-01-01", periods=50, freq="7h")
SAME = {
    "text": series(["a", "b", None, "a"] * 9),
    "text without holes": series(["a", "b", "c"] * 9),
    "truth": series([True, False, True] * 9),
    "truth that may be missing": series([True, None, False] * 9, dtype="boolean"),
    "categories": series(pd.Categorical(["s", "l", "m"] * 9, ["s", "m", "l"], ordered=True)),
    "categories with holes": series(pd.Categorical(["s", None, "m"] * 9, ["s", "m"])),
    "whole numbers": series(RNG.integers(0, 200, 300)),
    "small whole numbers": series(RNG.integers(0, 7, 300), dtype="int8"),
    "whole numbers that may be missing": series([1, 2, None, 9] * 30, dtype="Int64"),
    "whole numbers with holes": series([*RNG.integers(0, 200, 300).astype(float), np.nan]),
    "cents": series(np.round(RNG.exponential(50, 300), 2)),
    "mostly zero": series(np.where(RNG.random(300) < 0.6, 0.0, np.round(RNG.exponential(9, 300)))),
    "single precision": series(RNG.integers(0, 90, 300).astype(np.float32)),
    "pandas' own floats": series([0.5, None, 0.25] * 30, dtype="Float64"),
    "days": series(pd.to_datetime(["2020-02-29", "2021-01-01", None] * 9)),
    "hours": series(TIMES),
    "hours somewhere": series(TIMES.tz_localize("Europe/Rome")),
    "durations": series(pd.to_timedelta(RNG.integers(0, 90, 50), unit="min")),
    "decimals as objects": series([0.5, 1, None] * 9, dtype=object).astype(float),
}


@pytest.mark.parametrize("name", SAME)
def test_values_and_dtypes_come_back(name):
    values = SAME[name]
    back = again(learn_column(values), values)
    pd.testing.assert_series_equal(back, values, check_freq=False)


def test_values_between_those_learned_come_back_nearly():
    values = series(RNG.normal(size=5000))
    column = learn_column(values)
    assert len(column.scale.values) == 1000
    np.testing.assert_allclose(again(column, values), values, atol=0.3)
    assert np.abs(again(column, values) - values).mean() < 2e-3


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (series(["a", "b"] * 9), CategoricalColumn),
        (series(RNG.normal(size=50)), NumericColumn),
        (series(TIMES), DatetimeColumn),
        (series([3.5] * 9), ConstantColumn),
        (series([None] * 9, dtype=object), ConstantColumn),
        (series(range(100, 150)), KeyColumn),
        (series([f"id-{i:04d}" for i in range(50)]), KeyColumn),
        (series(range(9)), NumericColumn),  # too few rows to be sure of a key
        (series([0, 10**6, *range(5000, 9000, 70)]), NumericColumn),
        (series([1.0, None] * 9), NumericColumn),
        (series([None, "a"] * 9), CategoricalColumn),
    ],
)
def test_kinds_are_told_from_the_values(values, kind):
    assert type(learn_column(values)) is kind


def test_text_is_left_out_with_a_warning():
    values = series([f"He said {i} and then {i**3 % 997}." for i in range(60)])
    with pytest.warns(UserWarning, match=r"'x' is left out: 60 .*kinds=\{'x': 'category'\}"):
        column = learn_column(values)
    assert type(column) is TextColumn
    assert again_outside(column, 3).isna().all()


def again_outside(column, rows):
    return pd.Series(column.decode(np.zeros(rows, dtype=int), None))


@pytest.mark.parametrize(
    ("values", "new"),
    [
        (series(range(100, 150)), [150, 151]),
        (series([f"id-{i:04d}" for i in range(50)]), ["id-0050", "id-0051"]),
        (series([f"{i}/x" for i in range(8, 58)]), ["58/x", "59/x"]),
    ],
)
def test_keys_are_numbered_on(values, new):
    assert again_outside(learn_column(values), 2).tolist() == new


def test_constants_are_exact():
    column = learn_column(series([5.0] * 9))
    assert again_outside(column, 3).tolist() == [5.0] * 3


def test_a_user_may_know_better():
    codes = series([1, 2, 3, 4] * 9)
    assert type(learn_column(codes, "category")) is CategoricalColumn
    assert (
        type(learn_column(series(["2020-01-01", "2021-05-05"] * 9), "datetime")) is DatetimeColumn
    )
    assert type(learn_column(series(["1.5", "2"] * 9), "number")) is NumericColumn
    with pytest.raises(SpecError, match="did you mean 'number'"):
        learn_column(codes, "nubmer")


def test_values_of_many_rows_are_codes_and_others_normal_scores():
    values = series(np.where(RNG.random(4000) < 0.5, 0.0, RNG.exponential(100, 4000)))
    column = learn_column(values)
    codes, numbers = column.encode(values)
    assert column.masses == (0.0,)
    assert ((codes == 1) == (values == 0)).all()
    assert np.isnan(numbers[codes == 1]).all()
    scores = numbers[codes == 2]
    assert abs(scores.mean()) < 0.02
    assert scores.std() == pytest.approx(1, abs=0.02)


def test_numbers_beyond_the_training_range_go_further_but_not_without_end():
    column = learn_column(series(RNG.normal(size=1000)))
    scores = column.encode(series([-1e9, -4.0, 0.0, 4.0, 1e9]))[1]
    assert (np.diff(scores) > 0).all()
    assert scores[[0, -1]].tolist() == [-6.0, 6.0]


@given(st.lists(st.floats(-1e6, 1e6).map(lambda x: round(x, 3)), min_size=2, max_size=60))
def test_what_comes_out_lies_in_the_range(values):
    column = learn_column(series(values, dtype=float))
    if column.num_codes == 0:
        return
    numbers = np.array([-9.0, -1.0, 0.0, 0.3, 9.0]) if column.has_number else None
    for code in range(1, column.num_codes + 1):
        found = np.asarray(column.decode(np.full(5, code), numbers), dtype=float)
        assert ((found >= min(values)) & (found <= max(values))).all()


@pytest.mark.parametrize(
    ("learned", "new", "message"),
    [
        (series(["cat", "dog"] * 9), series(["dog", "dgo"]), r"'dgo' in row 1.*mean 'dog'"),
        (series(["cat", "dog"] * 9), series(["dog", None]), "no missing cells in training"),
        (SAME["cents"], series([1.0, np.inf]), "finite numbers in training; got inf in row 1"),
        (series([1, 2, 3] * 9), series([2, 7]), "3 different numbers in training; got 7 in row 1"),
        (SAME["cents"], series([1.0, None]), "no missing cells in training"),
    ],
)
def test_new_values_that_do_not_fit_are_named(learned, new, message):
    with pytest.raises(DataError, match=message):
        learn_column(learned).encode(new)


@pytest.mark.parametrize(
    ("values", "kind", "message"),
    [
        (series([1, "two", 3] * 9, dtype=object), None, r"most are a number, and 'two' at index 1"),
        (series([1.0, np.inf, 2.0] * 9), None, "got inf in row 1"),
        (series(["1", "two"] * 9), "number", "must hold numbers in training; got 'two' in row 1"),
        (series(["2020-01-01", "soon"] * 9), "datetime", "must hold dates"),
        (series([[1], [2]] * 9), None, "must hold plain values; got list"),
    ],
)
def test_values_that_cannot_be_learned_are_named(values, kind, message):
    with pytest.raises(DataError, match=message):
        learn_column(values, kind)
