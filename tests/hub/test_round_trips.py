"""Runs that are pushed and loaded again, over HTTP."""

import pickle
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from huggingface_hub import constants

from vaekit import Autoencoder, Scorer, load
from vaekit import hub as sharing
from vaekit.anomalies import VAEDetector, load_detector
from vaekit.errors import FormatError, HubError, MissingExtraError, SaveError, SpecError
from vaekit.serving.service import load_services
from vaekit.storage import load_model

# huggingface_hub itself, in its protocol of LFS with its own HTTP library
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")

SECRETS = ("Zanzibar", "Timbuktu")


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "key": [f"customer-{i:04d}" for i in range(120)],
            "age": rng.normal(40, 10, 120).round(1),
            "city": rng.choice(SECRETS, 120),
            "firm": "Acme|Ltd",
        }
    )


@pytest.fixture(scope="module")
def model(table):
    return Autoencoder(latent_dim=2, max_epochs=1, progress=False).fit(table)


@pytest.fixture(scope="module")
def other(table):
    return Autoencoder(latent_dim=1, max_epochs=1, progress=False, seed=1).fit(table)


@pytest.fixture(scope="module")
def run(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "run"
    model.save(folder)
    return folder


def same(a, b):
    pd.testing.assert_frame_equal(a.sample(20, seed=3), b.sample(20, seed=3), check_exact=True)
    return True


@pytest.mark.parametrize("large", [(".safetensors",), ()], ids=["lfs", "regular"])
def test_a_model_comes_back_to_the_bit(hub, model, large):
    hub.large = large or (".none",)
    pushed = model.push_to_hub("mary/digits", licence="mit")
    files = hub.repositories["mary/digits"].files()
    assert set(files) == {
        ".gitattributes", "README.md", "model.json", "model.safetensors", "domain.json",
        "train.json", "history.csv",
    }  # fmt: skip
    assert len(hub.repositories["mary/digits"].commits) == 2  # the hub's own and ours
    loaded = load("hf://mary/digits")
    assert same(model, loaded)
    commit = hub.repositories["mary/digits"].branches["main"]
    assert loaded.source_ == pushed.name == f"hf://mary/digits@{commit}"
    assert same(model, load_model(pushed.name))
    assert model.source_ is None


def test_only_known_files_leave_the_folder(hub, model, tmp_path):
    model.save(tmp_path / "run")
    for name in ("checkpoint.safetensors", "data.csv", "preview.png", "weights.pkl", "notes.txt"):
        (tmp_path / "run" / name).write_bytes(b"mine")
    (tmp_path / "run" / "training.png").write_bytes(b"\x89PNG")
    pushed = sharing.push(tmp_path / "run", "mary/run")
    there = set(hub.repositories["mary/run"].files()) - {".gitattributes"}
    assert there == set(pushed.files)
    assert there == {
        "README.md", "model.json", "model.safetensors", "domain.json", "train.json", "history.csv",
        "training.png",
    }  # fmt: skip


def test_folders_of_the_machine_are_left_out(hub, table, tmp_path):
    place = tmp_path / "secret-project"
    options = {"latent_dim": 2, "max_epochs": 1, "progress": False, "checkpoint_dir": place}
    Autoencoder(**options).fit(table).push_to_hub("mary/run")
    files = hub.repositories["mary/run"].files()
    assert not any(b"secret-project" in content for content in files.values())
    assert load("hf://mary/run").latent_dim == 2


def test_a_link_in_the_folder_is_no_way_out(hub, run, tmp_path):
    copy = tmp_path / "run"
    copy.mkdir()
    for file in run.iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    (tmp_path / "passwords").write_text("secret")
    (copy / "history.csv").unlink()
    (copy / "history.csv").symlink_to(tmp_path / "passwords")
    with pytest.raises(FormatError, match="must lie in the run folder"):
        sharing.push(copy, "mary/run")
    assert not hub.repositories


def test_a_pinned_commit_stays_when_a_new_one_comes(hub, model, other):
    first = model.push_to_hub("mary/run").name
    second = other.push_to_hub("mary/run").name
    assert first != second
    assert load("hf://mary/run").latent_dim == 1
    assert same(load(first), model)
    assert same(load(second), other)


def test_a_pinned_commit_in_the_cache_asks_nobody(hub, model):
    name = model.push_to_hub("mary/run").name
    load(name)
    before = len(hub.requests)
    assert same(load(name), model)
    assert len(hub.requests) == before


def test_branches(hub, model, other):
    model.push_to_hub("mary/run")
    other.push_to_hub("mary/run", revision="feature/wide")
    assert load("hf://mary/run").latent_dim == 2
    assert load("hf://mary/run@feature/wide").latent_dim == 1
    other.push_to_hub("mary/run", revision="feature/wide", message="again")
    with pytest.raises(HubError, match="'gone' must be a branch, a tag or a commit of mary/run"):
        load("hf://mary/run@gone")


def test_private_repositories_need_a_token(hub, model, monkeypatch):
    name = model.push_to_hub("mary/own", private=True).name
    assert hub.repositories["mary/own"].private
    assert load("hf://mary/own").latent_dim == 2
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(HubError, match="if it is private, log in .hf auth login., or set HF_TOKEN"):
        load("hf://mary/own")
    with pytest.raises(HubError, match="hf auth login"):
        model.push_to_hub("mary/own")
    assert same(load(name), model)  # what was loaded once is in the cache


def test_private_is_not_a_wish(hub, model):
    model.push_to_hub("mary/run")
    commits = len(hub.repositories["mary/run"].commits)
    with pytest.raises(HubError, match="it is there already and public"):
        model.push_to_hub("mary/run", private=True)
    assert len(hub.repositories["mary/run"].commits) == commits


def test_offline_from_the_cache(hub, model, monkeypatch):
    name = model.push_to_hub("mary/run").name
    load("hf://mary/run")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    before = len(hub.requests)
    assert same(load("hf://mary/run"), model)
    assert load("hf://mary/run").source_ == name
    assert same(load(name), model)
    for unknown in ("hf://mary/other", "hf://mary/run@v1", f"hf://mary/run@{'a' * 40}"):
        with pytest.raises(HubError, match="must be in the cache while HF_HUB_OFFLINE is set"):
            load(unknown)
    with pytest.raises(HubError, match="HF_HUB_OFFLINE forbids it"):
        model.push_to_hub("mary/run")
    assert len(hub.requests) == before


def test_without_a_network_nothing_is_silently_old(hub, model, monkeypatch):
    model.push_to_hub("mary/run")
    load("hf://mary/run")
    hub.is_down = True
    with pytest.raises(HubError, match="got 500"):
        load("hf://mary/run")
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(HubError, match="take what is in the cache by HF_HUB_OFFLINE=1"):
        load("hf://mary/run")


def test_an_interrupted_download_is_no_run(hub, model):
    name = model.push_to_hub("mary/run").name
    loaded = load(name)
    commit = loaded.source_.rpartition("@")[2]
    folder = Path(constants.HF_HUB_CACHE) / "models--mary--run" / "snapshots" / commit
    for missing in ("model.json", "domain.json"):
        (folder / missing).unlink()
        assert same(load(name), model)


def test_other_files_are_not_fetched(hub, model):
    model.push_to_hub("mary/run")
    repository = hub.repositories["mary/run"]

    class Malice:
        def __reduce__(self):
            return (open, ("/tmp/owned", "w"))

    more = {
        "pytorch_model.bin": pickle.dumps(Malice()),
        "weights.pkl": pickle.dumps(Malice()),
        "modeling.py": b"raise SystemExit",
        "../../escape.json": b"{}",
        "sub/model.json": b"{}",
        "checkpoint.safetensors": b"",
    }
    repository.commit("main", {**repository.files(), **more})
    assert same(load("hf://mary/run"), model)
    fetched = {path.rpartition("/resolve/")[2].partition("/")[2] for path in hub.bytes_sent()}
    assert not fetched & set(more)
    assert "model.safetensors" in fetched


@pytest.mark.parametrize(
    "content", [b"{", b"[]", b'{"format": 99, "model": {}}', b"\x80\x04K\x01."]
)
def test_damaged_runs_of_the_hub(hub, model, content):
    model.push_to_hub("mary/run")
    repository = hub.repositories["mary/run"]
    repository.commit("main", {**repository.files(), "model.json": content})
    with pytest.raises(FormatError):
        load("hf://mary/run")


def test_repositories_of_other_libraries(hub, model):
    model.push_to_hub("mary/run")
    hub.repositories["mary/run"].commit("main", {"config.json": b"{}", "model.safetensors": b""})
    with pytest.raises(HubError, match=r"must be a run of vaekit.*lacks model\.json, domain\.json"):
        load("hf://mary/run")
    with pytest.raises(HubError, match=r"it holds something else, config\.json"):
        model.push_to_hub("mary/run")
    assert not hub.bytes_sent()


def test_missing_repositories(hub, model):
    with pytest.raises(HubError, match="hf://mary/none must be a repository that is there"):
        load("hf://mary/none")
    with pytest.raises(HubError, match="hf://mary/none must be a repository that is there"):
        model.push_to_hub("mary/none", create=False)
    assert not hub.repositories


@pytest.mark.parametrize(
    "name",
    ["hf://digits", "hf://", "hf://a/b/c", "hf://mary/../x", "hf://mary/x@", "hf://mary/x@../../e",
     "hf://mary/x@a b", "hf://ma--ry/x", "hf:/mary", "hf://mary/x@-b"],
)  # fmt: skip
def test_names(name, hub):
    with pytest.raises(SpecError, match="must be named hf://USER/MODEL"):
        load(name)
    assert not hub.requests


@pytest.mark.parametrize("name", ["digits", "a/b/c", "mary/x@v1", "", "../x"])
def test_names_to_push_to(name, hub, model):
    with pytest.raises(SpecError, match="must be named USER/MODEL"):
        model.push_to_hub(name)
    assert not hub.requests


def test_nothing_is_saved_under_a_name_of_the_hub(model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SaveError, match="publish a run by vaekit push"):
        model.save("hf://mary/run")
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_saved_cannot_be_pushed(hub):
    with pytest.raises(SpecError, match="an estimator that can be saved; got a dict"):
        sharing.push({}, "mary/run")


def test_detectors(hub, monkeypatch):
    X = np.random.default_rng(0).normal(size=(200, 3))
    detector = VAEDetector(max_epochs=1, progress=False).fit(X)
    with pytest.raises(SpecError, match="hold some of the training items"):
        detector.push_to_hub("mary/guard")
    assert not hub.requests
    detector.push_to_hub("mary/guard", with_items=True)
    detector.push_to_hub("mary/own-guard", private=True)
    for name in ("hf://mary/guard", "hf://mary/own-guard"):
        loaded = load(name)
        assert isinstance(loaded, VAEDetector)
        assert np.array_equal(loaded.score_samples(X), detector.score_samples(X))
    assert isinstance(load_detector("hf://mary/guard"), VAEDetector)
    card = hub.repositories["mary/guard"].files()["README.md"].decode()
    assert '- "anomaly-detection"' in card
    assert "vaekit anomalies DATA --detector hf://mary/guard" in card
    assert "besides those of the model hold some of the training items" in card
    detector.autoencoder_.push_to_hub("mary/guard")  # a model takes the detector's place
    assert isinstance(load("hf://mary/guard"), Autoencoder)
    assert "detector.json" not in hub.repositories["mary/guard"].files()


def test_scorers_keep_the_commit(hub, model, other, table):
    name = model.push_to_hub("mary/run").name
    scorer = Scorer("hf://mary/run", "encode")
    assert scorer.run == name
    other.push_to_hub("mary/run")
    rows = pa.Table.from_pandas(table.head(4))
    assert pickle.loads(pickle.dumps(scorer))(rows).column_names == ["z0", "z1"]


def test_services_are_named_by_the_model(hub, model):
    model.push_to_hub("mary/run")
    named = load_services(["hf://mary/run", "other=hf://mary/run@main"])
    assert [service.name for service in named] == ["run", "other"]


def test_a_fit_forgets_the_source(hub, model, table):
    model.push_to_hub("mary/run")
    loaded = load("hf://mary/run").set_params(progress=False)
    assert loaded.source_ is not None
    assert loaded.fit(table).source_ is None


def test_without_the_extra(hub, model, monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    for use in (lambda: load("hf://mary/run"), lambda: model.push_to_hub("mary/run")):
        with pytest.raises(MissingExtraError, match=r"pip install 'vaekit\[hub\]'"):
            use()
    assert not hub.requests


def test_an_upload_that_fails_leaves_the_repository_as_it_was(hub, model):
    model.push_to_hub("mary/run")
    commits = dict(hub.repositories["mary/run"].commits)
    hub.refuses = "/objects/"
    with pytest.raises(HubError, match="refuses it. Log in"):
        model.push_to_hub("mary/run", licence="mit", revision="main")
    hub.refuses = "/commit/"
    with pytest.raises(HubError, match="refuses it. Log in"):
        model.push_to_hub("mary/run", licence="mit")
    assert hub.repositories["mary/run"].commits == commits


def test_pickled_and_copied_models_keep_their_source(hub, model):
    model.push_to_hub("mary/run")
    loaded = load("hf://mary/run")
    assert pickle.loads(pickle.dumps(loaded)).source_ == loaded.source_
