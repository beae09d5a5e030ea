"""Filling holes, where the best guess is known."""

import numpy as np
import pytest

pd = pytest.importorskip("pandas")

from vaekit import Autoencoder, presets  # noqa: E402
from vaekit.datasets import digits  # noqa: E402
from vaekit.errors import CompositionError, DataError, SpecError  # noqa: E402
from vaekit.tables import (  # noqa: E402
    TableDomain,
    impute,
)
from vaekit.tables.imputation import is_weighted  # noqa: E402

pytestmark = pytest.mark.slow

HOLES = TableDomain(missing="unobserved")


def pairs(rows, seed):
    """y is x and a little noise; the label is its sign."""
    rng = np.random.default_rng(seed)
    x = rng.normal(10, 3, rows)
    label = np.where(x > 10, "high", "low")
    return pd.DataFrame({"x": x, "y": 2 * x + rng.normal(0, 0.6, rows), "label": label})


def empty(rows):
    return pairs(rows, 2).where(np.zeros((rows, 3), dtype=bool))


@pytest.fixture(scope="module")
def trained():
    frame = pairs(1500, 0)
    frame = frame.mask(np.random.default_rng(1).random(frame.shape) < 0.2)
    model = Autoencoder(presets.iwae(), 2, domain=HOLES, max_epochs=80, seed=0, progress=False)
    return model.fit(frame).trained_


def test_numbers_are_filled_by_what_the_others_tell(trained):
    frame = pairs(300, 2)
    filled = impute(trained, frame.assign(y=np.nan))
    error = filled["y"] - frame["y"]
    assert error.std() < 0.35 * frame["y"].std()
    assert filled[["x", "label"]].equals(frame[["x", "label"]])


def test_labels_are_filled_by_what_the_numbers_tell(trained):
    frame = pairs(300, 2)
    filled = impute(trained, frame.assign(label=None))
    assert (filled["label"] == frame["label"]).mean() > 0.9


def test_an_empty_row_is_filled_as_the_average(trained):
    filled = impute(trained, empty(40))
    assert filled["x"].mean() == pytest.approx(10, abs=1)
    assert filled["x"].std() < 1


def test_draws_are_as_unsure_as_the_data(trained):
    frame = pairs(400, 2).assign(y=np.nan, label=None)
    drawn = [impute(trained, frame, estimate="draw", seed=seed) for seed in (0, 1)]
    spread = (drawn[0]["y"] - drawn[1]["y"]).std() / np.sqrt(2)
    assert 0.3 < spread < 3
    drawn = impute(trained, empty(400), estimate="draw")
    assert drawn["x"].std() == pytest.approx(3, abs=0.7)
    assert np.corrcoef(drawn["x"], drawn["y"])[0, 1] > 0.9


def test_the_same_seed_fills_the_same(trained):
    frame = pairs(50, 2).assign(y=np.nan)
    assert impute(trained, frame, seed=3).equals(impute(trained, frame, seed=3))
    few, more = (impute(trained, frame, draws=2, seed=s) for s in (3, 4))
    assert not few.equals(more)


def test_what_cannot_fill_is_refused(trained):
    frame = pairs(50, 2)
    with pytest.raises(SpecError, match="did you mean 'mean'"):
        impute(trained, frame, estimate="meen")
    with pytest.raises(SpecError, match="draws must be from 1 to 1000000; got 0"):
        impute(trained, frame, draws=0)
    with pytest.raises(DataError, match=r"missing \['x'\]"):
        impute(trained, frame.drop(columns="x"))
    values = Autoencoder(domain="table", max_epochs=1, progress=False).fit(frame)
    with pytest.raises(CompositionError, match=r"TableDomain\(missing='unobserved'\)"):
        impute(values.trained_, frame)
    points = Autoencoder("autoencoder", domain=HOLES, max_epochs=1, progress=False).fit(frame)
    with pytest.raises(CompositionError, match="latents are points"):
        impute(points.trained_, frame)
    pictures = Autoencoder("vae", max_epochs=1, progress=False).fit(digits().images[:100])
    with pytest.raises(CompositionError, match="holes"):
        impute(pictures.trained_, digits().images)


def test_missing_must_be_a_value_or_a_hole():
    with pytest.raises(SpecError, match="missing must be 'value' or 'unobserved'; got 'nan'"):
        TableDomain(missing="nan").fit(pairs(20, 0))


@pytest.fixture(scope="module")
def masked():
    frame = pairs(600, 0)
    frame = frame.mask(np.random.default_rng(1).random(frame.shape) < 0.2)
    straight = TableDomain(missing="unobserved", scale="standard")
    model = Autoencoder("masked_vae", domain=straight, max_epochs=80, seed=0, progress=False)
    return model.fit(frame).trained_


def test_a_posterior_trained_to_tell_hidden_cells_needs_no_weights(masked):
    frame = pairs(300, 2)
    filled = impute(masked, frame.assign(y=np.nan, label=None), weighted=False)
    assert (filled["y"] - frame["y"]).std() < 0.3 * frame["y"].std()
    assert (filled["label"] == frame["label"]).mean() > 0.9
    assert not is_weighted("masked_vae")
    assert is_weighted(presets.iwae())
    assert is_weighted("auto")


def test_what_is_not_missing_at_random_is_shifted(masked):
    frame = pairs(100, 2).assign(y=np.nan)
    plain, moved = (impute(masked, frame, shift=shift, seed=1) for shift in (None, {"x": 1.0}))
    assert plain.equals(moved)  # there are no holes in x
    holes = pairs(100, 2).mask(np.arange(100)[:, None] % 2 == np.array([[0, 2, 2]]))
    plain, moved = (impute(masked, holes, shift=shift, seed=1) for shift in (None, {"x": -0.5}))
    assert (moved["x"] - plain["x"])[::2].to_numpy() == pytest.approx(-0.5 * holes["x"].std())
    assert moved[["y", "label"]].equals(plain[["y", "label"]])


@pytest.mark.parametrize(
    ("shift", "message"),
    [({"label": 1.0}, "column of numbers"), ({"x": "much"}, "must be a number; got 'much'")],
)
def test_shifts_that_make_no_sense_are_refused(masked, shift, message):
    with pytest.raises(SpecError, match=message):
        impute(masked, pairs(9, 2), shift=shift)
