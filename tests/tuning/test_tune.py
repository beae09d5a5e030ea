"""Searches: what is tried, kept, resumed, given up, and what becomes of failures."""

import json
import re

import numpy as np
import pandas as pd
import pytest

import vaekit
from vaekit import tune
from vaekit.errors import CompositionError, DataError, SpecError, TrainingError

optuna = pytest.importorskip("optuna")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 2)) @ RNG.normal(size=(2, 5)) + 0.1 * RNG.normal(size=(120, 5))
QUICK = {"max_epochs": 2}
SPACE = {"learning_rate": {"low": 1e-3, "high": 1e-2, "log": True}, "latent_dim": [1, 2, 3]}


def search(folder, data=X, **options):
    usual = {"trials": 3, "minutes": 5, "space": SPACE, "options": QUICK, "refit": False}
    return tune(data, out=folder, **(usual | options))


def states(found):
    return found.trials["state"].value_counts().to_dict()


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    folder = tmp_path_factory.mktemp("search") / "out"
    return search(folder, trials=4, refit=True)


def test_the_default_is_the_first_trial_and_the_best_is_not_worse(found):
    assert len(found.trials) == 4
    assert found.trials["number"].tolist() == [0, 1, 2, 3]
    default = found.trials.iloc[0]
    assert default.filter(like="param ").isna().all()
    assert found.trials.iloc[1:]["param learning_rate"].between(1e-3, 1e-2).all()
    best = found.value(found.best_number)
    assert best == found.trials["IWAE-64 bound"].max() >= found.value(0)


def test_the_best_is_a_run_fitted_to_all_data(found):
    note = json.loads((found.folder / "best.json").read_text())
    assert note["refit"]
    model = vaekit.load(found.folder / "best")
    assert model.sample(2, seed=0).shape == (2, 5)
    for name, value in found.best_params.items():
        assert getattr(model, name) == value
    runs = [path.name for path in (found.folder / "runs").iterdir()]
    assert runs == [f"{found.best_number:06d}"]


def test_tables_and_page_hold_all_trials(found):
    table = pd.read_csv(found.folder / "trials.csv")
    stored = pd.read_parquet(found.folder / "trials.parquet")
    assert table["number"].tolist() == stored["number"].tolist() == [0, 1, 2, 3]
    page = (found.folder / "index.html").read_text("utf-8")
    assert page.count("data:image/png;base64") == 2
    assert not re.findall(r"(?:src|href)=\"(?!data:)", page)
    assert f"Best: trial {found.best_number}" in page


def test_the_same_call_adds_nothing_and_more_trials_go_on(found, tmp_path):
    folder = tmp_path / "out"
    first = search(folder, trials=2)
    again = search(folder, trials=2)
    assert first.trials.equals(again.trials)
    more = search(folder, trials=3)
    assert more.trials["number"].tolist() == [0, 1, 2]
    assert more.value(1) == first.value(1)


def test_the_same_seed_tries_the_same(found, tmp_path):
    other = search(tmp_path / "out", trials=4)
    assert other.trials["param learning_rate"].equals(found.trials["param learning_rate"])
    assert other.trials["IWAE-64 bound"].equals(found.trials["IWAE-64 bound"])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"objective": "ELBO"}, "same objectives"),
        ({"seed": 1}, "same seed"),
        ({"data": X + 1}, "same data"),
        ({"space": {"latent_dim": [1, 2]}}, "same space"),
    ],
)
def test_another_search_is_not_mixed_with_it(found, options, words):
    with pytest.raises(SpecError, match=f"{words}.*Choose another folder"):
        search(found.folder, **options)


def test_a_folder_with_something_else_is_refused(tmp_path):
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(SpecError, match="it holds something else"):
        search(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


def test_several_objectives_have_a_front_and_no_best(tmp_path):
    found = search(tmp_path / "out", objective=["ELBO", "squared error per value"], trials=4)
    assert found.best_number is None
    values = found.trials[["ELBO", "squared error per value"]].to_numpy() * [-1, 1]
    for number in found.front:
        worse = (values <= values[number]).all(axis=1) & (values < values[number]).any(axis=1)
        assert not worse.any()
    assert found.load(found.front[0]).sample(1).shape == (1, 5)
    with pytest.raises(CompositionError, match="no best trial"):
        _ = found.best
    with pytest.raises(CompositionError, match="runs are kept of the best"):
        found.load(99)
    assert "No trial was given up early" in (found.folder / "index.html").read_text()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"objective": "log-likelyhood"}, "did you mean 'log-likelihood'.*NAME|=min"),
        ({"objective": []}, "at least one"),
        ({"objective": ["ELBO", "ELBO"]}, "must be different"),
        ({"space": {"learning_rat": [1]}}, "unknown parameter of the search 'learning_rat': did"),
        ({"space": {"option.beta": [1.0]}}, "unknown option of vae 'beta'"),
        ({"space": {"latent_dim": {"low": 3, "high": 1}}}, "low < high"),
        ({"space": {"latent_dim": {"low": 0, "high": 1, "log": True}}}, "low > 0 with log"),
        ({"space": {"latent_dim": 3}}, "must be a list of choices"),
        ({"space": {"latent_dim": {"low": 1, "high": 2, "step": 1}}}, "unknown part of the range"),
        ({"space": {}}, "at least one parameter"),
        ({"space": "nowhere.toml"}, "there is none at"),
        ({"space": "space.yaml"}, ".toml or .json"),
        ({"space": {"max_epochs": [1, 2]}}, "searched or the same for all trials"),
        ({"options": {"nonsense": 1}}, "unknown option of all trials 'nonsense'"),
        ({"presets": ["vea"]}, "unknown preset 'vea'"),
        ({"pruner": "harsh"}, "unknown pruner"),
        ({"trials": 0}, "trials must be"),
        ({"minutes": 0}, "minutes must be positive"),
        ({"held_out": 1.0}, "held_out must be above 0 and below 1"),
        ({"processes": 0}, "processes must be"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_trained(tmp_path, options, words):
    with pytest.raises(SpecError, match=words):
        search(tmp_path / "out", **options)


def test_too_few_items_are_refused(tmp_path):
    with pytest.raises(DataError, match="at least 10 items to learn from"):
        search(tmp_path / "out", data=X[:30])


def test_no_trial_within_the_minutes_is_an_error(tmp_path):
    with pytest.raises(TrainingError, match="none had begun by then. Give more minutes"):
        search(tmp_path / "out", minutes=1e-9)
    assert search(tmp_path / "out", trials=1).best_number == 0  # the folder goes on


def test_a_failing_trial_is_recorded_and_the_search_goes_on(tmp_path):
    space = {"preset": ["vae", "latent_diffusion"]}
    with pytest.raises(SpecError, match="unknown prior"):
        search(tmp_path / "other", space={"prior": ["nonsense"]})
    found = search(tmp_path / "out", space=space, trials=5)
    failed = found.trials[found.trials["state"] == "failed"]
    assert len(found.trials) == 5
    assert set(failed["param preset"]) == {"latent_diffusion"}
    assert failed["reason"].str.len().gt(10).all()
    assert found.best_number is not None
    assert "Failed: " in (found.folder / "index.html").read_text()


def test_all_trials_failing_is_an_error_with_the_first_reason(tmp_path):
    with pytest.raises(TrainingError, match=r"all 2 failed. Trial 0: objective 'no such' must be"):
        search(tmp_path / "out", objective="no such=min", trials=2)
