"""Measures of tables where the answer is known."""

import numpy as np
import pytest

pd = pytest.importorskip("pandas")

from vaekit.errors import DataError, SpecError  # noqa: E402
from vaekit.tables import (  # noqa: E402
    associations,
    blended_neighbors,
    closest_record_share,
    row_fidelity,
    shape_errors,
    train_on_synthetic,
    trend_errors,
    two_sample_auc,
)


def table(rows, seed):
    """Numbers and labels that go together, with missing cells."""
    rng = np.random.default_rng(seed)
    job = rng.choice(["cook", "clerk", "vet"], rows, p=[0.5, 0.3, 0.2])
    age = rng.integers(18, 80, rows).astype(float)
    pay = 30 * age + 1000 * (job == "vet") + rng.normal(0, 100, rows)
    pay[rng.random(rows) < 0.1] = np.nan
    since = pd.Timestamp("2020-01-01") + pd.to_timedelta(age, unit="D")
    return pd.DataFrame({"job": job, "age": age, "pay": pay, "since": since})


def independent(frame):
    """The same columns, each in an order of its own."""
    rng = np.random.default_rng(0)
    return pd.DataFrame({n: rng.permutation(frame[n].to_numpy()) for n in frame.columns})


REAL, OTHER = table(800, 0), table(800, 1)


def test_a_table_has_no_errors_against_itself():
    assert set(shape_errors(REAL, REAL).values()) == {0.0}
    assert max(trend_errors(REAL, REAL).values()) == 0.0


def test_shapes_are_known_distances():
    real = pd.DataFrame({"a": [0.0, 1.0, 2.0, 3.0], "b": ["x", "x", "y", None]})
    synthetic = pd.DataFrame({"a": [2.0, 3.0, 4.0, 5.0], "b": ["x", "x", "x", "y"]})
    assert shape_errors(real, synthetic) == {"a": 0.5, "b": 0.25}


def test_columns_that_go_alone_keep_their_shapes_and_lose_their_trends():
    alone = independent(REAL)
    assert max(shape_errors(REAL, alone).values()) == pytest.approx(0)
    trends, usual = trend_errors(REAL, alone), trend_errors(REAL, OTHER)
    assert set(trends) == set(usual)
    for pair in (("age", "pay"), ("age", "since")):
        assert trends[pair] > 0.3 > 0.1 > usual[pair]


def test_trees_tell_columns_that_go_alone_but_not_other_real_rows():
    assert two_sample_auc(REAL, OTHER) == pytest.approx(0.5, abs=0.06)
    assert two_sample_auc(REAL, independent(OTHER)) > 0.9
    assert two_sample_auc(REAL, OTHER) == two_sample_auc(REAL, OTHER)


def test_fidelity_tells_too_narrow_from_too_wide():
    usual = row_fidelity(REAL, OTHER)
    assert usual.alpha_precision > 0.93
    narrow = OTHER.sort_values("age").iloc[350:450]
    far = OTHER.assign(age=OTHER["age"] + 100.0)
    assert row_fidelity(REAL, narrow).beta_recall < usual.beta_recall / 2
    assert row_fidelity(REAL, far).alpha_precision < 0.5


def test_copies_of_training_rows_are_noticed():
    assert closest_record_share(table(500, 2), REAL, OTHER) == pytest.approx(0.5, abs=0.08)
    assert closest_record_share(REAL, REAL, OTHER) > 0.95


@pytest.mark.parametrize(
    ("synthetic", "message"),
    [
        (REAL.drop(columns="job"), r"\['job'\] are in one only"),
        (REAL.iloc[:0], "must have rows; got 800 and 0"),
    ],
)
def test_tables_must_match(synthetic, message):
    for measure in (shape_errors, trend_errors, two_sample_auc, row_fidelity):
        with pytest.raises(DataError, match=message):
            measure(REAL, synthetic)


def test_a_table_of_one_column_can_be_measured():
    for name in REAL.columns:
        assert two_sample_auc(REAL[[name]], OTHER[[name]]) == pytest.approx(0.5, abs=0.08)
        assert trend_errors(REAL[[name]], OTHER[[name]]) == {}
    assert row_fidelity(REAL[["age"]], OTHER[["age"]]).alpha_precision > 0.8


def test_rows_are_useful_if_a_model_learns_the_target_from_them():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(600, 2))
    rows = pd.DataFrame(x, columns=["a", "b"])
    rows["kind"] = np.select([x[:, 0] > 0.5, x[:, 1] > 0], ["u", "v"], "w")
    rows["size"] = 3 * x[:, 0] + rng.normal(0, 0.1, 600)
    rows["more"] = (x[:, 1] > 0).astype(int)
    train, test = rows.iloc[:400], rows.iloc[400:]
    mixed = train.assign(**{c: rng.permutation(train[c].to_numpy()) for c in train})
    for target, chance in (("kind", 0.5), ("size", 0.0), ("more", 0.5)):
        assert train_on_synthetic(train, test, target) > 0.95
        assert train_on_synthetic(mixed, test, target) < chance + 0.2
    only = train[train["kind"] == "u"]
    assert train_on_synthetic(only, test, "kind") == 0.5
    with pytest.raises(SpecError, match="did you mean 'kind'"):
        train_on_synthetic(train, test, "kinds")
    with pytest.raises(DataError, match="must have two values"):
        train_on_synthetic(train, only, "kind")


def test_blends_lie_between_rows_and_keep_kinds():
    made = blended_neighbors(REAL, 500, seed=1)
    assert made.dtypes.equals(REAL.dtypes)
    assert set(made["job"]) <= set(REAL["job"])
    assert made["age"].between(REAL["age"].min(), REAL["age"].max()).all()
    assert made["pay"].isna().mean() == pytest.approx(REAL["pay"].isna().mean(), abs=0.05)
    assert closest_record_share(made, REAL, OTHER) > 0.6
    pd.testing.assert_frame_equal(made, blended_neighbors(REAL, 500, seed=1))
    with pytest.raises(DataError, match="at least 2 rows; got 1"):
        blended_neighbors(REAL[:1], 3)


def test_blends_are_of_neighbors_and_keep_whole_numbers_whole():
    apart = pd.DataFrame({"x": np.r_[np.arange(9), np.arange(1000, 1009)], "on": [True, False] * 9})
    made = blended_neighbors(apart, 300)
    assert made.dtypes.equals(apart.dtypes)
    assert not made["x"].between(9, 999).any()


def test_associations_are_known_strengths():
    n = 3000
    rng = np.random.default_rng(0)
    a, kind = rng.normal(size=n), rng.integers(3, size=n)
    frame = pd.DataFrame({"a": a, "less": -2 * a, "alone": rng.normal(size=n), "same": 1.0})
    frame = frame.assign(kind=np.array(list("xyz"))[kind], twin=np.array(list("ghk"))[kind])
    frame = frame.assign(told=kind * np.sqrt(1.5) + rng.normal(size=n))
    found = associations(frame)
    assert found.loc["a", "less"] == pytest.approx(-1)
    assert found.loc["kind", "twin"] == pytest.approx(1, abs=1e-3)
    assert found.loc["kind", "told"] == pytest.approx(np.sqrt(0.5), abs=0.03)
    assert found.loc["a", ["alone", "kind", "same"]].abs().max() < 0.06
    assert found.equals(found.T)


def test_associations_do_without_missing_numbers_and_refuse_too_little():
    assert associations(REAL).loc["age", "pay"] > 0.6
    with pytest.raises(DataError, match="need columns and 2 rows"):
        associations(REAL[:1])
