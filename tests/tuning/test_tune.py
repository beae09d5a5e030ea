"""Searches: what is tried, kept, resumed, given up, and what becomes of failures."""

import json
import os
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import vaekit
from vaekit import tune
from vaekit.cli.app import app
from vaekit.errors import CompositionError, DataError, SpecError, TrainingError, TrainingPruned
from vaekit.tuning import (
    Choice,
    Integer,
    Objective,
    PruningCallback,
    Real,
    default_space,
    known_objectives,
    read_space,
)
from vaekit.tuning.leases import Lease, is_lost
from vaekit.tuning.space import OPTIONS, check_space

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


def test_an_interrupted_trial_is_handed_back(tmp_path, monkeypatch):
    from vaekit.tuning import work

    real, calls = work.measure, []

    def interrupted(*arguments):
        calls.append(arguments)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(*arguments)

    monkeypatch.setattr(work, "measure", interrupted)
    with pytest.raises(KeyboardInterrupt):
        search(tmp_path / "out")
    found = search(tmp_path / "out")
    assert states(found) == {"complete": 3, "lost": 1}
    lost = found.trials[found.trials["state"] == "lost"].iloc[0]
    retry = found.trials[found.trials["retry_of"] == lost["number"]].iloc[0]
    assert retry["param learning_rate"] == lost["param learning_rate"]


@pytest.mark.slow
def test_pruned_trials_are_over_and_have_no_value(tmp_path):
    space, options = {"learning_rate": [1e-6, 5e-3]}, {"max_epochs": 40, "batch_size": 16}
    found = search(tmp_path / "out", space=space, trials=14, options=options)
    pruned = found.trials[found.trials["state"] == "pruned"]
    assert len(found.trials) == 14
    assert 1e-6 in set(pruned["param learning_rate"])
    assert pruned["IWAE-64 bound"].isna().all()
    assert pruned["reason"].str.contains("given up after epoch").all()


def test_the_pruning_callback_serves_a_study_of_ones_own():
    pruner = optuna.pruners.ThresholdPruner(lower=0)
    trial = optuna.create_study(direction="maximize", pruner=pruner).ask()
    model = vaekit.Autoencoder(max_epochs=2, progress=False, callbacks=[PruningCallback(trial)])
    with pytest.raises(TrainingPruned, match="given up after epoch 1"):
        model.fit(X)
    assert list(trial.study.trials[0].intermediate_values) == [1]


def test_conditional_models_and_tables(tmp_path):
    frame = pd.DataFrame(X, columns=list("abcde")).assign(kind=["x", "y"] * 60)
    table = search(tmp_path / "table", data=frame, trials=1, presets=["vae"])
    assert list(table.best.sample(2).columns) == [*"abcde", "kind"]
    told = tune(
        X,
        ["x", "y"] * 60,
        trials=1,
        minutes=5,
        presets=["cvae"],
        options=QUICK,
        refit=False,
        out=tmp_path / "told",
    )
    assert told.best.sample(2, context="x").shape == (2, 5)


def test_objectives_have_names_and_directions():
    assert Objective.of("C2ST").name == "two-sample AUC of boosted trees, samples"
    assert Objective.of("boosted trees predict x, samples").target == "x"
    assert Objective.of("mine=max").direction == "maximize"
    assert all(Objective.of(name).direction for name in known_objectives())


def test_spaces_are_read_from_files(tmp_path):
    toml, words = tmp_path / "space.toml", tmp_path / "space.json"
    toml.write_text("latent_dim = {low = 2, high = 8}\n[option.beta]\nlow = 0.1\nhigh = 1.0\n")
    words.write_text('{"ema": [0.0, 0.9], "network": ["mlp"]}')
    assert read_space(toml) == {"latent_dim": Integer(2, 8), "option.beta": Real(0.1, 1.0)}
    assert read_space(words) == {"ema": Choice((0.0, 0.9)), "network": Choice(("mlp",))}
    toml.write_text("latent_dim = ")
    with pytest.raises(SpecError, match="must be sound TOML"):
        read_space(toml)


def test_every_preset_with_a_space_has_its_options():
    for name in OPTIONS:
        check_space(default_space([name], (8, 8, 1)), [name])


def test_a_lease_is_lost_with_its_process(tmp_path):
    path = tmp_path / "leases" / "000001"
    lease = Lease(path)
    assert not is_lost(path)
    lease.release()
    assert is_lost(path)
    words = (
        "import sys, time; from pathlib import Path; from vaekit.tuning.leases import Lease; "
        "Lease(Path(sys.argv[1])); print('x', flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", words, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout.read(1) == b"x"
        assert not is_lost(path)
        process.kill()
    assert is_lost(path)


def test_a_lease_of_another_machine_is_lost_after_a_silence(tmp_path):
    path = tmp_path / "000001"
    path.write_text(json.dumps({"host": "elsewhere", "process": 1}))
    assert not is_lost(path)
    os.utime(path, (time.time() - 1000, time.time() - 1000))
    assert is_lost(path)


def test_the_command_line(tmp_path):
    pd.DataFrame(X, columns=list("abcde")).to_csv(tmp_path / "table.csv", index=False)
    (tmp_path / "space.toml").write_text("latent_dim = {low = 1, high = 3}\n")
    words = f"tune {tmp_path}/table.csv --out {tmp_path}/out --trials 2 --minutes 5 --no-refit"
    words += f" --models vae --space {tmp_path}/space.toml --option max_epochs=1"
    result = CliRunner().invoke(app, words.split(), catch_exceptions=False)
    assert result.exit_code == 0
    assert "the default" in result.output
    assert (tmp_path / "out" / "best" / "model.json").is_file()


WORKER = """
import sys
import numpy as np
from vaekit import tune

tune(np.load(sys.argv[1]), trials=12, minutes=10, pruner="none", refit=False,
     space={"learning_rate": {"low": 1e-3, "high": 1e-2}},
     options={"max_epochs": 60, "batch_size": 8}, out=sys.argv[2])
"""


@pytest.mark.slow
def test_a_killed_process_costs_no_trial_and_none_runs_twice(tmp_path):
    np.save(tmp_path / "x.npy", X)
    script = tmp_path / "worker.py"
    script.write_text(WORKER)
    words = [sys.executable, str(script), str(tmp_path / "x.npy"), str(tmp_path / "out")]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    processes = [subprocess.Popen(words, env=environment) for _ in range(4)]
    leases = tmp_path / "out" / "leases"
    killed = kill_a_holder(leases, {process.pid: process for process in processes})
    assert killed is not None
    codes = [process.wait(300) for process in processes]
    assert sorted(codes) == [-signal.SIGKILL, 0, 0, 0]
    table = pd.read_csv(tmp_path / "out" / "trials.csv")
    assert table["state"].value_counts().to_dict() == {"complete": 12, "lost": 1}
    lost = table[table["state"] == "lost"]["number"].item()
    assert lost == killed
    assert (table["retry_of"] == lost).sum() == 1
    rates = table[table["state"] == "complete"]["param learning_rate"].dropna()
    assert rates.is_unique
    assert list(leases.iterdir()) == []


def kill_a_holder(leases, processes):
    """Kill one process while it works on a trial that is none of the first four."""
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline:
        for path in sorted(leases.glob("0*")) if leases.exists() else ():
            try:
                holder = json.loads(path.read_text())["process"]
            except (ValueError, FileNotFoundError):
                continue
            if int(path.name) >= 4 and holder in processes:
                processes[holder].kill()
                return int(path.name)
        time.sleep(0.02)
    return None


@pytest.mark.slow
def test_several_processes_of_one_call(tmp_path):
    found = search(tmp_path / "out", trials=6, processes=3, pruner="none")
    assert states(found) == {"complete": 6}


def test_without_locks_of_the_system_a_file_stands_for_them(tmp_path, monkeypatch):
    from vaekit.tuning import leases

    monkeypatch.setattr(leases, "fcntl", None)
    found = search(tmp_path / "out", trials=2)
    assert states(found) == {"complete": 2}
    path = tmp_path / "lease"
    lease = Lease(path)
    assert not is_lost(path)
    lease.release()
    assert is_lost(path)
