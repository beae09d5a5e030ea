"""What goes wrong with tables elsewhere, one by one: it works, or one clear error says why not."""

import numpy as np
import pytest

pd = pytest.importorskip("pandas")

from vaekit import Autoencoder, load  # noqa: E402
from vaekit.augmentation import (  # noqa: E402
    VAEOverSampler,
    augment,
)
from vaekit.errors import DataError  # noqa: E402
from vaekit.tables import VAEImputer  # noqa: E402
from vaekit.tables.domain import UnseenValueWarning  # noqa: E402

RNG = np.random.default_rng(0)
KINDS = RNG.choice(["a", "b", "c"], 300)


def people():
    return pd.DataFrame(
        {
            "kind": KINDS,
            "size": RNG.normal(size=300).round(3),
            "count": RNG.integers(0, 50, 300),
            "since": pd.Timestamp("2020-01-01") + pd.to_timedelta(RNG.integers(0, 900, 300), "D"),
        }
    )


def fitted(frame, **options):
    settings = {"domain": "table", "max_epochs": 2, "seed": 0, "progress": False} | options
    return Autoencoder(**settings).fit(frame)


def test_missing_numbers_labels_and_dates_come_back_as_often():
    frame = people().mask(RNG.random((300, 4)) < 0.3)
    rows = fitted(frame, max_epochs=100).sample(2000, seed=0)
    assert rows.isna().mean().to_numpy() == pytest.approx(0.3, abs=0.12)
    assert set(rows["kind"].dropna()) <= set("abc")
    numbers = [name for name in frame if name != "kind"]
    assert rows[numbers].dtypes.equals(frame[numbers].dtypes)


def test_one_row_is_too_few_and_no_row_is_none():
    with pytest.raises(DataError, match="at least 2 rows"):
        fitted(people()[:1])
    with pytest.raises(DataError, match="at least one row; got an empty set"):
        fitted(people()[:0])


def test_constants_come_back_exactly():
    frame = people().assign(five=5, none=np.nan, word="same", when=pd.Timestamp("2021-05-05"))
    rows = fitted(frame).sample(50, seed=0)
    assert (rows["five"] == 5).all()
    assert rows["five"].dtype == frame["five"].dtype
    assert (rows["word"] == "same").all()
    assert (rows["when"] == pd.Timestamp("2021-05-05")).all()
    assert rows["none"].isna().all()


def test_dates_with_and_without_a_time_zone_come_back():
    there = people().assign(there=lambda f: f["since"].dt.tz_localize("Europe/Rome"))
    rows = fitted(there).sample(50, seed=0)
    assert rows.dtypes.equals(there.dtypes)
    assert rows["since"].between(there["since"].min(), there["since"].max()).all()
    assert rows["there"].between(there["there"].min(), there["there"].max()).all()


def test_many_labels_need_no_column_each():
    frame = people().assign(many=[f"label {i % 280}" for i in range(300)])
    model = fitted(frame, domain=_as_category("many"))
    encoder = sum(p.numel() for p in model.model_.encoder.parameters())
    assert encoder < 4 * 280 * 256
    assert set(model.sample(50, seed=0)["many"]) <= set(frame["many"])


def _as_category(name):
    from vaekit.tables import TableDomain

    return TableDomain(kinds={name: "category"})


def test_conditions_are_met_without_rejecting_and_impossible_ones_are_said():
    frame = people().assign(rare=np.arange(300) == 7)
    rows = fitted(frame).sample(40, seed=0, where={"rare": True, "size": (0.0, None)})
    assert rows["rare"].all()
    assert (rows["size"] >= 0).all()
    with pytest.raises(DataError, match="size"):
        fitted(frame).sample(5, where={"size": (1e6, None)})


def test_two_default_fits_are_the_same_to_the_byte(tmp_path):
    for name in ("one", "two"):
        fitted(people_once := _once()).save(tmp_path / name)
        assert len(people_once) == 300
    one, two = ((tmp_path / name / "model.safetensors").read_bytes() for name in ("one", "two"))
    assert one == two


def _once(frame=people()):
    return frame


def test_a_stored_model_is_no_pickle_and_samples_the_same(tmp_path):
    model = fitted(_once())
    model.save(tmp_path / "run")
    assert {path.suffix for path in (tmp_path / "run").iterdir()} <= {
        ".json",
        ".safetensors",
        ".csv",
    }
    assert load(tmp_path / "run").sample(20, seed=1).equals(model.sample(20, seed=1))


def test_infinite_values_and_mixed_types_are_named():
    frame = people()
    frame.loc[7, "size"] = np.inf
    with pytest.raises(DataError, match=r"'size'.*finite.* row 7"):
        fitted(frame)
    mixed = people().assign(code=[*range(299), "n/a"])
    with pytest.raises(DataError, match=r"'code'.*one type.*'n/a' at index 299"):
        fitted(mixed)


def test_names_of_columns_must_be_text_and_differ():
    with pytest.raises(DataError, match=r"must be all text, or none; got 3"):
        fitted(people().rename(columns={"size": 3}))
    with pytest.raises(DataError, match=r"must differ; got 'kind'"):
        fitted(people().rename(columns={"size": "kind"}))


def test_more_columns_than_rows():
    wide = pd.DataFrame(RNG.normal(size=(30, 60))).add_prefix("x").assign(kind=list("ab") * 15)
    rows = fitted(wide).sample(5, seed=0)
    assert rows.columns.equals(wide.columns)
    assert np.isfinite(rows.drop(columns="kind").to_numpy()).all()


def test_labels_and_types_that_training_did_not_see_are_named():
    model = fitted(_once())
    with pytest.warns(UnseenValueWarning, match=r"296 of 300 rows.*'kind': 'z' in row 4"):
        scores = model.score_samples(_once().assign(kind=["a"] * 4 + ["z"] * 296))
    assert scores[4:].mean() < model.score_samples(_once())[4:].mean() - 3  # log(301) less a label
    with pytest.raises(DataError, match=r"'size' held numbers in training; got 'big' in row 0"):
        model.score_samples(_once().assign(size="big"))
    with pytest.raises(DataError, match=r"'since' held times in training and is of dtype int64"):
        model.score_samples(_once().assign(since=range(300)))
    text = _once().assign(size=lambda f: f["size"].astype(str))  # as a CSV of text has it
    assert model.score_samples(text) == pytest.approx(model.score_samples(_once()))


@pytest.mark.parametrize("grow", [augment, VAEOverSampler().fit_resample])
def test_a_target_with_one_class_is_refused(grow):
    with pytest.raises(DataError, match=r"at least two classes; got only \['a'\]"):
        grow(_once(), np.full(300, "a"))


def test_a_column_without_any_value_is_left_empty_by_the_imputer():
    frame = _once().mask(RNG.random((300, 4)) < 0.2).assign(none=np.nan)
    filled = VAEImputer(max_epochs=1, progress=False).fit_transform(frame)
    assert filled["none"].isna().all()
    assert filled.drop(columns="none").notna().all(axis=None)
