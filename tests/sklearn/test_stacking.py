"""Regressions and trees beside the model of the imputer."""

import pickle
import types

import numpy as np
import pytest

pd = pytest.importorskip("pandas")

from vaekit.errors import SpecError  # noqa: E402
from vaekit.tables import TableDomain, VAEImputer  # noqa: E402
from vaekit.tables.stacking import (  # noqa: E402
    Block,
    Layout,
    Margin,
    _relabelled,
    hidden_cells,
    stacking_weights,
)

QUICK = {"max_epochs": 8, "draws": 20, "progress": False}


def table(rows=300, seed=0):
    """Numbers, labels and times that tell each other, one of them by a bent curve."""
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=rows), rng.normal(size=rows)
    return pd.DataFrame(
        {
            "a": a,
            "linear": 3 * a + b + rng.normal(0, 0.2, rows),
            "bent": np.abs(a) * 10 + rng.normal(0, 0.3, rows),
            "whole": pd.array(np.round(5 * b).astype(int), dtype="Int64"),
            "sign": np.where(a > 0, "plus", "minus"),
            "since": pd.Timestamp("2020-01-01") + pd.to_timedelta(np.round(90 + 30 * b), "D"),
        }
    )


def holed(whole, share=0.2, seed=1):
    return whole.mask(np.random.default_rng(seed).random(whole.shape) < share)


@pytest.fixture(scope="module")
def fitted():
    return VAEImputer(**QUICK).fit(holed(table()))


def error(filled, whole, gap):
    names = ["a", "linear", "bent"]
    off = ((filled[names] - whole[names]) / whole[names].std()).to_numpy()
    return np.sqrt((off[gap[names].to_numpy()] ** 2).mean())


def test_cells_are_told_better_than_by_the_model_alone(fitted):
    whole = table()
    given = holed(whole)
    gap = given.isna()
    alone = VAEImputer(stacking=False, **QUICK).fit(given)
    assert alone.stack_ is None
    stacked, by_model = fitted.transform(given), alone.transform(given)
    assert error(stacked, whole, gap) < 0.9 * error(by_model, whole, gap)
    assert stacked.dtypes.equals(whole.dtypes)
    assert not stacked.isna().any(axis=None)
    for name in whole:
        assert stacked[name][~gap[name]].equals(whole[name][~gap[name]])
    right = (stacked["sign"] == whole["sign"])[gap["sign"] & ~gap["a"]]
    assert right.mean() > 0.9


def test_new_rows_are_filled_and_the_rest_is_stored_with_the_imputer(fitted):
    given = holed(table(40, 7), 0.4, 8)
    filled = fitted.transform(given)
    assert not filled.isna().any(axis=None)
    again = pickle.loads(pickle.dumps(fitted)).transform(given)
    pd.testing.assert_frame_equal(again, filled)


def test_intervals_of_draws_cover_what_they_say(fitted):
    whole = table()
    given = holed(whole)
    imputer = pickle.loads(pickle.dumps(fitted)).set_params(estimate="draw")
    drawn = [imputer.set_params(seed=seed).transform(given) for seed in range(19)]
    inside = []
    for name in ("a", "linear", "bent"):
        gap = given[name].isna().to_numpy()
        values = np.array([one[name].to_numpy()[gap] for one in drawn])
        truth = whole[name].to_numpy()[gap]
        inside.append((truth >= values.min(0)) & (truth <= values.max(0)))
        assert values.std(0).min() > 0
    assert 0.8 < np.concatenate(inside).mean() < 0.98  # 18 in 20 are expected
    assert all(set(one["since"].unique()) <= set(given["since"].dropna()) for one in drawn)


def test_draws_are_moved_by_shifts(fitted):
    given = holed(table())
    imputer = pickle.loads(pickle.dumps(fitted))
    plain, moved = (imputer.set_params(shift=s).transform(given) for s in (None, {"a": 1.0}))
    gap = given["a"].isna()
    assert np.allclose((moved["a"] - plain["a"])[gap], given["a"].std())
    with pytest.raises(SpecError, match="column of numbers"):
        imputer.set_params(shift={"sign": 1.0}).transform(given)


def test_the_model_fills_alone_what_is_too_little_to_learn_from():
    assert VAEImputer(**QUICK).fit(holed(table(40))).stack_ is None
    assert VAEImputer(**QUICK).fit(holed(table()[["a"]])).stack_ is None
    older = VAEImputer(stacking=False, **QUICK).fit(holed(table(60)))
    expected = older.transform(holed(table(60)))
    del older.stack_  # as in imputers stored before there was one
    pd.testing.assert_frame_equal(older.transform(holed(table(60))), expected)
    with pytest.raises(SpecError, match="stacking must be True or False; got 'yes'"):
        VAEImputer(stacking="yes", **QUICK).fit(holed(table(60)))


def test_columns_of_many_labels_are_told_by_the_model():
    whole = table(200)
    whole["town"] = [f"t{i % 40}" for i in range(200)]
    given = holed(whole)
    imputer = VAEImputer(**QUICK).fit(given)
    filled = imputer.transform(given)
    assert not filled.isna().any(axis=None)
    assert set(filled["town"]) <= set(given["town"].dropna())


def test_weights_of_rows_reach_the_regressions():
    whole = table()
    wrong = whole["linear"].to_numpy() * np.where(np.arange(300) % 2, 1, -1)
    given = whole.assign(linear=wrong)[["a", "linear", "bent"]]
    given.loc[:59, "linear"] = np.nan
    weights = (np.arange(300) % 2).astype(float)
    filled = VAEImputer(**QUICK).fit(given, sample_weight=weights).transform(given)
    assert np.corrcoef(filled["linear"][:60], whole["linear"][:60])[0, 1] > 0.9


@pytest.mark.parametrize("estimate", ["mean", "draw"])
def test_types_of_columns_come_back(estimate):
    a = np.random.default_rng(0).normal(size=60)
    whole = pd.DataFrame(
        {
            "single": a.astype(np.float32),
            "lasting": pd.to_timedelta(np.round(100 + 10 * a), unit="s"),
            "month": pd.period_range("2020-01", periods=60, freq="M"),
            "zoned": pd.Timestamp("2020-01-01", tz="UTC") + pd.to_timedelta(np.round(9 * a), "D"),
            "known": pd.array(a > 0, dtype="boolean"),
            "binned": pd.cut(a, 3),
            "text": pd.array(np.where(a > 0, "u", "v"), dtype="string"),
        }
    )
    filled = VAEImputer(estimate, **QUICK | {"max_epochs": 1}).fit_transform(holed(whole))
    assert filled.dtypes.equals(whole.dtypes)
    assert not filled.isna().any(axis=None)


def layout(frame):
    return Layout.of(TableDomain(missing="unobserved").fit(frame), frame)


def test_cells_keep_their_values():
    frame = holed(table())
    found = layout(frame)
    X = found.encode(frame)
    for block in found.blocks:
        known = frame[block.column.name].notna()
        back = pd.Series(block.decode(X[known][:, block.places]))
        assert np.isnan(X[~known][:, block.places]).all()
        if frame[block.column.name].dtype.kind == "f":
            assert np.allclose(back, frame[block.column.name][known])
        else:
            assert (back.to_numpy() == frame[block.column.name][known].to_numpy()).all()


def test_no_label_is_hidden_everywhere():
    frame = table(60)
    frame["sign"] = ["rare"] + ["usual"] * 59
    found = layout(frame)
    X = found.encode(frame)
    for seed in range(30):
        hidden = hidden_cells(found, X, seed)
        assert 0.1 < hidden.mean() < 0.3
        assert found.without(frame, hidden)["sign"].nunique() == 2


def test_cells_are_hidden_where_holes_are():
    """Those of `a` at random, those of `b` where `c` is large."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(600, 3)), columns=["a", "b", "c"])
    frame["a"] = frame["a"].mask(rng.random(600) < 0.3)
    frame["b"] = frame["b"].mask(rng.random(600) < 1 / (1 + np.exp(1 - 2 * frame["c"])))
    found = layout(frame)
    hidden = hidden_cells(found, found.encode(frame), 0)
    for place, name in enumerate(frame):
        known = frame[name].notna()
        assert not hidden[~known, place].any()
        assert hidden[known, place].mean() == pytest.approx(0.2, abs=0.06)
    where = {name: frame["c"][hidden[:, place]].mean() for place, name in enumerate(frame)}
    known, missing = frame["c"][frame["b"].notna()].mean(), frame["c"][frame["b"].isna()].mean()
    assert abs(where["a"]) < 0.25
    assert known < -0.3
    assert where["b"] > known + 0.6 * (missing - known)


def blocks():
    number = types.SimpleNamespace(name="n")
    label = types.SimpleNamespace(name="l")
    return [Block(number, slice(0, 1)), Block(label, slice(1, 3), labels=("x", "y"))]


def test_weights_are_those_of_the_least_error():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(500, 3))
    near, far = X + rng.normal(0, 0.1, X.shape), X + rng.normal(0, 3, X.shape)
    found = stacking_weights(blocks(), [far, near], X, np.ones((500, 2), dtype=bool))
    for weights in found.values():
        assert weights.sum() == pytest.approx(1)
        assert weights.min() >= 0
        assert weights[1] > 0.95
    unknown = stacking_weights(blocks(), [far, near], X, np.zeros((500, 2), dtype=bool))
    assert unknown["n"] == pytest.approx([0.5, 0.5], abs=0.01)


def test_margins_rise_with_the_rank():
    margin = Margin(0.1, np.sort(np.random.default_rng(0).normal(size=99)))
    rank = np.linspace(0, 1, 50)
    off = margin.off(rank, np.ones(50))
    assert (np.diff(off) >= 0).all()
    assert off[0] < -1 < 1 < off[-1]


def test_labels_are_drawn_as_often_as_wanted():
    rng = np.random.default_rng(0)
    model, wanted = np.array([0.7, 0.2, 0.1]), np.array([0.3, 0.3, 0.4])
    draw = np.eye(3)[rng.choice(3, 20_000, p=model)]
    tiled = [np.tile(p, (20_000, 1)) for p in (model, wanted)]
    found = _relabelled(draw, *tiled, rng)
    assert found.mean(0) == pytest.approx(wanted, abs=0.02)
    assert (found == draw).all(1).mean() == pytest.approx(0.6, abs=0.02)  # as often as possible
