"""Constraints hold in every new row, whatever the model does."""

from dataclasses import replace

import numpy as np
import pytest

pd = pytest.importorskip("pandas")

from vaekit import Autoencoder, load  # noqa: E402
from vaekit.errors import DataError, SpecError  # noqa: E402
from vaekit.tables import FixedCombinations, Inequality, TableDomain, Unique  # noqa: E402
from vaekit.tables.domain import UnseenValueWarning  # noqa: E402

PLACES = [("Rome", "IT", 1), ("Lyon", "FR", 2), ("Nice", "FR", 2), ("Bari", "IT", None)]


def trips(rows=300, seed=0):
    rng = np.random.default_rng(seed)
    start = pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 300, rows), "D")
    place = [PLACES[i] for i in rng.integers(0, 4, rows)]
    paid = rng.exponential(100, rows).round(2)
    more = np.where(rng.random(rows) < 0.5, 0, rng.exponential(50, rows))
    return pd.DataFrame(
        {
            "start": start,
            "city": [p[0] for p in place],
            "paid": paid,
            "country": [p[1] for p in place],
            "end": start + pd.to_timedelta(rng.integers(0, 9, rows), "D"),
            "price": (paid + more).round(2),
            "zone": [p[2] for p in place],
        }
    )


CONSTRAINTS = (
    Inequality("start", "end"),
    Inequality("paid", "price"),
    FixedCombinations(("city", "country", "zone")),
)


def domain():
    return TableDomain(constraints=CONSTRAINTS)


@pytest.fixture(scope="module")
def model():
    return Autoencoder(domain=domain(), max_epochs=3, seed=0, progress=False).fit(trips())


def test_rows_come_back():
    frame, learned = trips(), domain().fit(trips())
    back = learned.decode(learned.encode(learned.prepare(frame)))
    pd.testing.assert_frame_equal(back, frame)


def test_every_new_row_obeys_after_hardly_any_training(model):
    rows = model.sample(2000, seed=0)
    assert (rows["start"] <= rows["end"]).all()
    assert (rows["paid"] <= rows["price"]).all()
    found = set(
        rows[["city", "country", "zone"]]
        .astype(object)
        .where(rows.notna(), None)
        .itertuples(index=False, name=None)
    )
    assert found <= set(PLACES)
    assert rows.columns.equals(trips().columns)
    assert rows.dtypes.equals(trips().dtypes)
    assert (rows["price"] == rows["price"].round(2)).all()


def test_without_constraints_some_rows_break_them():
    plain = Autoencoder(domain="table", max_epochs=3, seed=0, progress=False).fit(trips())
    rows = plain.sample(2000, seed=0)
    assert (rows["start"] <= rows["end"]).all()  # of two times, which are found by themselves
    assert [rule.names for rule in plain.domain_.constraints] == [("start", "end")]
    assert len(rows[["city", "country"]].drop_duplicates()) > 4


def test_constraints_are_saved(model, tmp_path):
    model.save(tmp_path / "run")
    again = load(tmp_path / "run")
    assert again.domain_.constraints == CONSTRAINTS
    pd.testing.assert_frame_equal(again.sample(20, seed=1), model.sample(20, seed=1))


def test_rows_that_break_a_constraint_are_named():
    frame = trips()
    frame.loc[7, "end"] = frame.loc[7, "start"] - pd.Timedelta("1D")
    with pytest.raises(DataError, match=r"'start' must never be above 'end'; row 7 .*\(1 such"):
        domain().fit(frame)


@pytest.mark.parametrize(
    ("constraint", "error", "message"),
    [
        (Inequality("strat", "end"), SpecError, "did you mean 'start'"),
        (FixedCombinations(("city", "contry")), SpecError, "did you mean 'country'"),
        (Inequality("city", "end"), DataError, "must be numbers, or both dates"),
    ],
)
def test_constraints_must_fit_the_table(constraint, error, message):
    with pytest.raises(error, match=message):
        TableDomain(constraints=[constraint]).fit(trips())


def test_a_combination_that_training_did_not_see_is_missing_or_refused():
    frame = trips().assign(country="IT")
    with pytest.warns(UnseenValueWarning, match="156 of 300"):
        domain().fit(trips()).prepare(frame)
    strict = replace(domain(), unseen="refuse")
    with pytest.raises(DataError, match=r"'city\+country\+zone' had 4 labels"):
        strict.fit(trips()).prepare(frame)


VISITS = pd.DataFrame({"who": list("abcdef") * 20, "day": np.repeat(np.arange(20), 6)})


@pytest.fixture(scope="module")
def visits():
    once = TableDomain(constraints=[Unique(("who", "day"))])
    return Autoencoder(domain=once, max_epochs=3, seed=0, progress=False).fit(VISITS)


@pytest.mark.parametrize("where", [None, {"who": ["a", "b"]}])
def test_what_must_be_unique_is_so_in_every_new_row(visits, where):
    rows = visits.sample(30, seed=0, where=where)
    assert len(rows) == 30
    assert not rows.duplicated(["who", "day"]).any()
    assert rows.dtypes.equals(VISITS.dtypes)


def test_without_the_constraint_pairs_are_repeated():
    free = Autoencoder(domain="table", max_epochs=3, seed=0, progress=False).fit(VISITS)
    assert free.sample(60, seed=0).duplicated(["who", "day"]).any()


def test_more_unique_rows_than_there_can_be_are_refused(visits):
    with pytest.raises(DataError, match=r"121 rows must be unique .* Ask for fewer"):
        visits.sample(121, seed=0)


def test_rows_are_drawn_again_in_their_own_context():
    once = TableDomain(kinds={"day": "number"}, constraints=[Unique(("day",))])
    day = np.r_[np.arange(40), np.arange(100, 140)]
    days = pd.DataFrame({"day": day, "on": [True, False] * 40})
    model = Autoencoder(domain=once, max_epochs=200, seed=0, progress=False)
    model.fit(days, context=np.repeat(["low", "high"], 40))
    asked = np.array(["low", "high"] * 8)
    assert ((model.sample(16, context=asked, seed=1)["day"] < 70) == (asked == "low")).mean() > 0.8


def test_training_rows_that_are_not_unique_are_refused():
    twice = pd.concat([VISITS, VISITS[:3]], ignore_index=True)
    with pytest.raises(DataError, match=r"row 120 repeats \['a', 0\] \(3 such rows\)"):
        TableDomain(constraints=[Unique(("who", "day"))]).fit(twice)


def test_a_unique_constraint_is_stored(visits, tmp_path):
    visits.save(tmp_path / "run")
    again = load(tmp_path / "run")
    assert again.sample(30, seed=0).equals(visits.sample(30, seed=0))
