"""Evaluations of models of tables."""

import numpy as np
import pytest

pd = pytest.importorskip("pandas")

from vaekit import Autoencoder, presets  # noqa: E402
from vaekit.errors import DataError  # noqa: E402
from vaekit.evaluation import EvaluationSettings, evaluate  # noqa: E402

pytestmark = pytest.mark.slow

SETTINGS = EvaluationSettings(draws=4, target="pay")


def people(rows, seed):
    rng = np.random.default_rng(seed)
    job = rng.choice(["cook", "clerk", "vet"], rows, p=[0.5, 0.3, 0.2])
    age = rng.integers(18, 80, rows)
    pay = np.where(rng.random(rows) < 0.1, np.nan, 30.0 * age + 1500 * (job == "vet"))
    return pd.DataFrame({"id": np.arange(rows), "job": job, "age": age, "pay": pay})


@pytest.fixture(scope="module")
def result():
    model = Autoencoder(max_epochs=60, seed=0, progress=False).fit(people(800, 0))
    return evaluate(model.trained_, people(600, 1), training=people(800, 0), settings=SETTINGS)


def test_rows_are_compared_in_place_of_frechet_distances(result):
    names = {row.measure for row in result.rows("samples")}
    assert names == {
        "shape error",
        "trend error",
        "two-sample AUC of boosted trees",
        "alpha-precision",
        "beta-recall",
        "boosted trees predict pay",
    }
    assert {row.source for row in result.rows("samples")} == {
        "samples",
        "model prior",
        "real items",
        "blended neighbours",
        "lone columns",
    }
    assert all(row.value is not None for row in result.rows("samples"))


def test_samples_lie_between_real_rows_and_lone_columns(result):
    name = "two-sample AUC of boosted trees"
    real, lone = (result.value(f"{name}, {source}") for source in ("real items", "lone columns"))
    assert real == pytest.approx(0.5, abs=0.08)
    assert lone > 0.75
    assert real - 0.05 < result.value(f"{name}, samples") < lone
    trends = [result.value(f"trend error, {s}") for s in ("real items", "samples", "lone columns")]
    assert trends[0] < trends[2]
    assert trends[1] < trends[2]


def test_a_target_is_predicted_from_samples_but_not_from_lone_columns(result):
    name = "boosted trees predict pay"
    found = [result.value(f"{name}, {s}") for s in ("real items", "samples", "lone columns")]
    assert found[0] > 0.95
    assert found[1] > 0.9
    assert found[2] < 0.2


def test_blends_repeat_training_rows_and_samples_do_not():
    def numbers(seed):
        values = np.random.default_rng(seed).normal(size=(400, 4))
        return pd.DataFrame(values, columns=list("abcd"))

    model = Autoencoder(domain="table", max_epochs=10, seed=0, progress=False).fit(numbers(0))
    settings = EvaluationSettings(draws=2)
    result = evaluate(model.trained_, numbers(1), training=numbers(0), settings=settings)
    samples, blends = result.rows("privacy")
    assert (samples.measure, blends.measure) == (
        "samples nearer to training rows",
        "blended neighbours nearer to training rows",
    )
    assert samples.value < 0.57 < 0.8 < blends.value
    assert "no better than others" in samples.note
    assert "ALARM" in blends.note


def test_repeats_need_the_training_rows():
    model = Autoencoder(max_epochs=1, seed=0, progress=False).fit(people(100, 0))
    few = EvaluationSettings(draws=2, samples=20)
    result = evaluate(model.trained_, people(100, 1), settings=few)
    row = {row.measure: row for row in result.measured}["rows nearer to training rows"]
    assert row.value is None
    assert "--training" in row.note
    with pytest.raises(DataError, match="columns of training"):
        evaluate(model.trained_, people(100, 1), training=people(9, 0)[["age"]], settings=few)


def test_pictures_show_columns_and_how_they_go_together(result):
    assert {"columns", "associations", "latent_map"} <= set(result.pictures)


def test_the_worst_column_is_named(result):
    rows = {row.name: row for row in result.measured}
    assert "largest: " in rows["shape error, samples"].note
    assert "id" not in rows["trend error, samples"].note


def test_rows_are_given_back_and_scored():
    model = Autoencoder(presets.beta_vae(beta=0.05), max_epochs=60, seed=0, progress=False)
    result = evaluate(model.fit(people(800, 0)).trained_, people(600, 1), settings=SETTINGS)
    assert result.value("codes given back") > 0.9
    assert 0 < result.value("squared error of normal scores") < 0.2
    assert result.value("ELBO") < result.value("IWAE-4 bound") + 0.5


def test_numbers_repeat():
    model = Autoencoder(max_epochs=2, seed=0, progress=False).fit(people(200, 0))
    results = [evaluate(model.trained_, people(100, 1), settings=SETTINGS) for _ in range(2)]
    assert results[0].to_json() == results[1].to_json()


def test_figures_have_intervals_that_hold_what_real_rows_have(result):
    name = "two-sample AUC of boosted trees, real items"
    row = next(row for row in result.rows("samples") if row.name == name)
    low, high = row.interval
    assert low < 0.5 < high
    for row in (*result.rows("samples"), *result.rows("privacy")):
        assert row.interval is not None or row.measure == "boosted trees predict pay"


def test_few_rows_get_a_reason_in_place_of_figures(result):
    model = Autoencoder(max_epochs=2, seed=0, progress=False).fit(people(60, 0))
    found = evaluate(model.trained_, people(12, 1), training=people(60, 0), settings=SETTINGS)
    rows = [*found.rows("samples"), *found.rows("privacy")]
    assert [row.value for row in rows] == [None] * len(rows)
    assert all("at least 20 rows" in row.note for row in rows)
