"""Tables as a whole: data frames in, data frames out."""

import numpy as np
import pytest
import torch

pd = pytest.importorskip("pandas")

from vaekit import Autoencoder, load, presets  # noqa: E402
from vaekit.domains import ArrayDomain, infer_domain  # noqa: E402
from vaekit.errors import CompositionError, DataError, SpecError  # noqa: E402
from vaekit.tables import TableDomain  # noqa: E402
from vaekit.tables.domain import UnseenValueWarning  # noqa: E402

RNG = np.random.default_rng(0)
ROWS = 400


def people(rows=ROWS, seed=0):
    """Every kind of column; income depends on age and job."""
    rng = np.random.default_rng(seed)
    age = rng.integers(18, 90, rows)
    job = rng.choice(["cook", "clerk", "vet"], rows, p=[0.5, 0.3, 0.2])
    income = np.round(np.where(job == "vet", 3000, 1500) + 10.0 * age + rng.normal(0, 50, rows))
    return pd.DataFrame(
        {
            "id": np.arange(rows) + 1000,
            "age": age,
            "job": pd.Series(job, dtype="str"),
            "income": np.where(rng.random(rows) < 0.2, np.nan, income),
            "gain": np.where(rng.random(rows) < 0.7, 0.0, rng.exponential(100, rows).round(2)),
            "member": rng.random(rows) < 0.4,
            "since": pd.Timestamp("2015-01-01") + pd.to_timedelta(rng.integers(0, 2000, rows), "D"),
            "country": "IT",
        }
    )


@pytest.fixture(scope="module")
def fitted():
    return Autoencoder(max_epochs=100, seed=0, progress=False).fit(people())


def test_rows_come_back():
    frame = people()
    domain = TableDomain().fit(frame)
    back = domain.decode(domain.encode(domain.prepare(frame)))
    pd.testing.assert_frame_equal(back.drop(columns="id"), frame.drop(columns="id"))
    assert back["id"].tolist() == list(range(1400, 1800))


def test_only_cells_that_hold_a_number_are_observed():
    frame = people()
    domain = TableDomain().fit(frame)
    rows = domain.prepare(frame)
    seen = dict(zip(domain.feature_names, domain.observed(rows).T, strict=True))
    assert seen["gain"].tolist() == (frame["gain"] != 0).tolist()
    assert seen["income"].tolist() == frame["income"].notna().tolist()
    assert not domain.encode(rows).isnan().any()


def test_columns_are_matched_by_name_and_others_left_alone():
    frame = people()
    domain = TableDomain().fit(frame)
    shuffled = frame[frame.columns[::-1]].assign(more=1).drop(columns=["id", "country"])
    assert torch.equal(domain.prepare(shuffled).nan_to_num(), domain.prepare(frame).nan_to_num())


def test_data_frames_of_several_kinds_are_tables():
    assert type(infer_domain(people())) is TableDomain
    assert type(infer_domain(people()[["age", "gain"]])) is ArrayDomain
    assert type(infer_domain(people()[["age", "income"]])) is TableDomain
    assert type(infer_domain(people()[["age"]], "table")) is TableDomain


def test_new_rows_are_like_those_of_training(fitted):
    frame, new = people(), fitted.sample(2000, seed=0)
    pd.testing.assert_index_equal(new.columns, frame.columns)
    assert new.dtypes.equals(frame.dtypes)
    assert (new["country"] == "IT").all()
    assert new["id"].is_unique
    assert not set(new["id"]) & set(frame["id"])
    assert new["age"].between(18, 89).all()
    assert set(new["job"]) == {"cook", "clerk", "vet"}
    assert new["income"].isna().mean() == pytest.approx(frame["income"].isna().mean(), abs=0.06)
    assert (new["gain"] == 0).mean() == pytest.approx((frame["gain"] == 0).mean(), abs=0.06)
    assert (new["gain"].dropna() == new["gain"].dropna().round(2)).all()
    shares = new["job"].value_counts(normalize=True) - frame["job"].value_counts(normalize=True)
    assert shares.abs().max() < 0.08


def test_new_rows_keep_what_goes_together(fitted):
    new = fitted.sample(2000, seed=0)
    means = new.groupby("job")["income"].mean()
    assert means["vet"] > means["cook"] + 800
    cooks = new[new["job"] == "cook"].dropna()
    assert np.corrcoef(cooks["age"], cooks["income"])[0, 1] > 0.6


def test_the_same_seed_gives_the_same_rows_before_and_after_saving(fitted, tmp_path):
    fitted.save(tmp_path / "run")
    again = load(tmp_path / "run")
    pd.testing.assert_frame_equal(fitted.sample(50, seed=1), fitted.sample(50, seed=1))
    pd.testing.assert_frame_equal(fitted.sample(50, seed=1), again.sample(50, seed=1))
    again.save(tmp_path / "again")
    for file in (tmp_path / "run").iterdir():
        assert file.read_bytes() == (tmp_path / "again" / file.name).read_bytes(), file.name


def test_odd_rows_score_lower(fitted):
    frame = people(100, seed=1)
    odd = frame.assign(income=frame["income"].fillna(2000) * np.where(frame.index % 2, 1.9, 0.4))
    assert fitted.score_samples(frame).mean() > fitted.score_samples(odd).mean() + 1
    assert fitted.transform(frame).shape[0] == 100


def test_latents_that_cost_little_give_rows_back():
    model = Autoencoder(presets.beta_vae(beta=0.05), max_epochs=150, seed=0, progress=False).fit(
        people()
    )
    frame = people(100, seed=1)
    assert (model.reconstruct(frame)["job"] == frame["job"]).mean() > 0.9


def test_order_of_rows_does_not_matter(fitted):
    frame = people(60, seed=2)
    order = RNG.permutation(60)
    shuffled = fitted.transform(frame.iloc[order])
    np.testing.assert_allclose(shuffled, fitted.transform(frame)[order], atol=1e-5)


def test_a_user_may_say_what_columns_are():
    domain = TableDomain(kinds={"age": "category", "id": "number"}).fit(people())
    kinds = {column.name: type(column).__name__ for column in domain.columns}
    assert (kinds["age"], kinds["id"]) == ("CategoricalColumn", "NumericColumn")
    with pytest.raises(SpecError, match="did you mean 'age'"):
        TableDomain(kinds={"agee": "category"}).fit(people())


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (people().iloc[:0], "at least one row"),
        (people().iloc[:1], "at least 2 rows"),
        (people()[[]], "at least one column; got none"),
        (people().rename(columns={"age": 7}), r"must be all text, or none; got 7 \(int\) beside"),
        (people().rename(columns={"age": "job"}), "must differ; got 'job' more than once"),
        (people()[["country"]], "a column that can be learnt; got only 'country': always 'IT'"),
    ],
)
def test_tables_that_cannot_be_learned_are_refused(frame, message):
    with pytest.raises(DataError, match=message):
        TableDomain().fit(frame)


def test_later_tables_must_fit():
    domain = TableDomain().fit(people())
    with pytest.raises(DataError, match=r"missing \['age', 'job'\]"):
        domain.prepare(people().drop(columns=["age", "job"]))
    with pytest.warns(UnseenValueWarning, match=r"400 of 400 rows.*'job': 'pilot' in row 0"):
        rows = domain.prepare(people().assign(job="pilot"))
    assert rows[:, domain.cells["job"][0]].isnan().all()
    with pytest.raises(DataError, match="column 'job' had 3 labels"):
        TableDomain(unseen="refuse").fit(people()).prepare(people().assign(job="pilot"))
    shuffled = people()[people().columns[::-1]].assign(more=1)
    again = domain.prepare(shuffled)
    assert torch.allclose(again, domain.prepare(people()), equal_nan=True)


def test_other_likelihoods_and_networks_are_refused():
    with pytest.raises(CompositionError, match="has likelihoods of its own"):
        Autoencoder(likelihood="gaussian", max_epochs=1).fit(people())
    with pytest.raises(CompositionError, match="tables have networks 'mlp'"):
        Autoencoder(network="conv", max_epochs=1).fit(people())


def test_a_table_may_be_conditioned_on():
    frame = people()
    model = Autoencoder(max_epochs=40, seed=0, progress=False)
    model.fit(frame.drop(columns="job"), context=frame["job"].to_numpy())
    means = [model.sample(500, context=job, seed=0)["income"].mean() for job in ("vet", "cook")]
    assert means[0] > means[1] + 800


@pytest.mark.parametrize(
    ("preset", "message"),
    [
        ("gan", r"requires \['smooth'\].*not codes"),
        ("vae_gan", r"requires \['smooth'\].*not codes"),
        ("rae_gp", r"requires \['smooth'\].*not codes"),
        ("diffusion", "rows hold labels as well. Use preset 'table_vae'"),
        ("flow_matching", "rows hold labels as well"),
        ("image_vae", "needs images"),
    ],
)
def test_models_that_cannot_learn_labels_are_refused(preset, message):
    with pytest.raises(CompositionError, match=message):
        Autoencoder(preset, max_epochs=1).fit(people())


@pytest.mark.parametrize("preset", ["vae", "iwae", "beta_tc_vae", "autoencoder", "wae", "vq_vae"])
def test_other_models_learn_tables(preset):
    model = Autoencoder(preset, 4, max_epochs=2, seed=0, progress=False).fit(people())
    assert model.sample(20, seed=0).dtypes.equals(people().dtypes)


def test_tables_of_pyarrow_are_read():
    pa = pytest.importorskip("pyarrow")
    table = pa.Table.from_pandas(people(), preserve_index=False)
    assert type(infer_domain(table)) is TableDomain
    model = Autoencoder(max_epochs=1, seed=0, progress=False).fit(table)
    assert model.sample(3, seed=0).column_names == list(people().columns)
    assert len(model.transform(table)) == ROWS


def odd_cells():
    """What training did not know, in every kind of column."""
    odd = people(20, 1).astype({"member": object, "age": object})
    odd.loc[0, "job"] = "pilot"
    odd.loc[1, "job"] = None
    odd.loc[2, "age"] = "young"
    odd.loc[3, "since"] = pd.NaT
    odd.loc[4, "country"] = "FR"
    return odd


def test_unknown_cells_are_holes_where_that_is_asked_for():
    domain = TableDomain(unseen="missing").fit(people())
    known = domain.observed(domain.prepare(odd_cells()))
    positions = domain.cells
    holes = {(0, "job"), (1, "job"), (2, "age"), (3, "since"), (4, "country")}
    for row in range(20):
        for name in positions:
            assert bool(known[row, positions[name][0]]) == ((row, name) not in holes)
    x = domain.encode(domain.prepare(people()))
    pd.testing.assert_frame_equal(
        domain.decode(x).drop(columns=["id", "income"]), people().drop(columns=["id", "income"])
    )
    with pytest.raises(DataError, match="held numbers in training"):
        TableDomain(unseen="refuse").fit(people()).prepare(odd_cells())
    with pytest.warns(UnseenValueWarning, match="4 of 20 rows"):
        TableDomain().fit(people()).prepare(odd_cells())
    with pytest.raises(SpecError, match="unseen values"):
        TableDomain(unseen="ignore").fit(people())


@pytest.mark.parametrize(
    ("rows", "dropout", "bins"), [(40, 0.35, 20), (1500, 0.35, 250), (20_000, 0.175, 250)]
)
def test_many_rows_have_less_dropout_and_few_rows_fewer_bins(rows, dropout, bins):
    frame = pd.DataFrame({"size": np.random.default_rng(0).normal(size=rows)})
    domain = TableDomain().fit(frame)
    parts = domain.parts(domain.prepare(frame), 2, likelihood="autoregressive")
    cells = parts.likelihood.cells
    assert cells.dropout == pytest.approx(dropout)
    assert len(cells.edges[0]) == bins + 1


@pytest.mark.parametrize(("columns", "width"), [(2, 128), (32, 128), (64, 88), (128, 64)])
def test_layers_are_narrower_in_wide_tables(columns, width):
    rows = np.random.default_rng(0).normal(size=(50, columns))
    frame = pd.DataFrame(rows).add_prefix("x")
    domain = TableDomain().fit(frame)
    parts = domain.parts(domain.prepare(frame), 2, likelihood="autoregressive")
    assert parts.likelihood.cells.width == width
