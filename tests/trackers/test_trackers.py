"""Trackers, each with its real library and its files on this machine."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import vaekit
from vaekit import Autoencoder, Callback, registry
from vaekit.cli.app import app
from vaekit.datasets import digits
from vaekit.errors import MissingExtraError, SpecError
from vaekit.trackers import Tracker, make_trackers
from vaekit.trackers.base import require_library, samples_table

X = np.random.default_rng(0).normal(size=(100, 3))
IMAGES = digits().images[:60]


def fitted(tracker, data=X, **options):
    options = {"latent_dim": 2, "max_epochs": 2, "progress": False} | options
    return Autoencoder(callbacks=[tracker], **options).fit(data)


class Book(Tracker):
    """A tracker of a user, which keeps everything in memory."""

    def require(self):
        self.log_of = []

    def open(self, fit):
        self.log_of.append(("open", fit.preset))

    def log(self, values, step):
        self.log_of.append(("log", step, dict(values)))

    def log_picture(self, name, png, step):
        self.log_of.append(("picture", name, png))

    def log_table(self, name, table, step):
        self.log_of.append(("table", name, table))

    def close(self, *, failed):
        self.log_of.append(("close", failed))


class Archive(Book):
    """The same, with files."""

    def log_folder(self, folder):
        self.log_of.append(("folder", sorted(path.name for path in folder.iterdir())))


def kinds(book):
    return [entry[0] for entry in book.log_of]


def test_a_tracker_reports_losses_health_samples_and_the_run_folder():
    archive = Archive()
    model = fitted(archive)
    assert kinds(archive) == ["open", "log", "log", "log", "table", "folder", "close"]
    first = archive.log_of[1]
    assert first[1] == model.history_[0]["step"]
    assert first[2]["validation/loss"] == model.history_[0]["validation_loss"]
    assert first[2]["train/kl"] == model.history_[0]["kl"]
    assert {"learning_rate", "epoch", "seconds"} <= first[2].keys()
    assert archive.log_of[3][2]["health/active_units"] == model.health_.active_units
    assert {"model.json", "domain.json", "train.json"} <= set(archive.log_of[5][1])


def test_a_tracker_without_files_leaves_the_run_folder_out():
    book = Book()
    fitted(book)
    assert "folder" not in kinds(book)
    assert book.log_of[-1] == ("close", False)


def test_pictures_of_images_and_tables_of_rows():
    book, rows = Book(), Book()
    fitted(book, IMAGES)
    fitted(rows, pd.DataFrame({"a": X[:, 0], "b": ["x", "y"] * 50}))
    (picture,) = [entry for entry in book.log_of if entry[0] == "picture"]
    assert picture[2].startswith(b"\x89PNG")
    (table,) = [entry for entry in rows.log_of if entry[0] == "table"]
    assert list(table[2].columns) == ["a", "b"]


@pytest.mark.parametrize(
    ("items", "shape"),
    [(["CCO", "CC"], (2, 1)), (np.zeros((40, 2)), (24, 2)), (np.array(["ab"]), (1, 1))],
)
def test_samples_become_tables(items, shape):
    assert samples_table(items).shape == shape


def test_series_have_no_table():
    assert samples_table(np.zeros((5, 4, 2))) is None


def test_a_fit_that_fails_is_a_failed_run():
    class Failing(Callback):
        def on_epoch_end(self, metrics):
            raise ValueError("oh")

    book = Book()
    with pytest.raises(vaekit.errors.CallbackError):
        Autoencoder(max_epochs=1, progress=False, callbacks=[book, Failing()]).fit(X)
    assert book.log_of[-1] == ("close", True)


def test_a_library_that_is_missing_is_named_with_its_extra():
    with pytest.raises(MissingExtraError, match=r"Some needs nothing_such: pip install 'vaekit\[x"):
        require_library("nothing_such.part", "x", "Some")


def test_trackers_have_names_and_packages_may_add_some(tmp_path, monkeypatch):
    assert {"mlflow", "tensorboard", "trackio", "wandb"} <= set(registry.names("trackers"))
    monkeypatch.setitem(registry._registered["trackers"], "book", Book)
    (made,) = make_trackers(["book", "book"], "mine", tmp_path / "run")
    assert (made.project, made.name, made.folder) == ("mine", "run", tmp_path / "run")
    with pytest.raises(SpecError, match="unknown tracker 'tensorbord': did you mean 'tensorboard'"):
        make_trackers(["tensorbord"])


def test_the_command_line_tracks(tmp_path, monkeypatch):
    monkeypatch.setitem(registry._registered["trackers"], "archive", Archive)
    made = []
    monkeypatch.setattr(Archive, "require", lambda self: (Book.require(self), made.append(self)))
    pd.DataFrame(X, columns=list("abc")).to_csv(tmp_path / "table.csv", index=False)
    run = tmp_path / "run"
    words = ["fit", str(tmp_path / "table.csv"), str(run), "--max-epochs", "1"]
    words += ["--track", "archive", "--track-project", "mine"]
    CliRunner().invoke(app, words, catch_exceptions=False)
    assert made[0].project == "mine"
    assert made[0].log_of[-1] == ("close", False)


def test_tensorboard(tmp_path):
    event_files = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    from vaekit.trackers import TensorBoardTracker

    model = fitted(TensorBoardTracker(folder=tmp_path), IMAGES)
    events = event_files.EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    losses = [event.value for event in events.Scalars("validation/loss")]
    assert losses == pytest.approx([row["validation_loss"] for row in model.history_])
    assert events.Scalars("health/active_units")
    assert events.Images("samples")[0].encoded_image_string.startswith(b"\x89PNG")
    assert "options/text_summary" in events.Tags()["tensors"]


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # the library's own
def test_wandb_offline(tmp_path, monkeypatch):
    pytest.importorskip("wandb")
    from vaekit.trackers import WandbTracker

    monkeypatch.setenv("WANDB_MODE", "offline")
    for name in ("WANDB_DIR", "WANDB_CACHE_DIR", "WANDB_CONFIG_DIR", "WANDB_DATA_DIR"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.setenv("WANDB_SILENT", "true")
    fitted(WandbTracker("mine"), IMAGES)
    fitted(WandbTracker("mine"), pd.DataFrame({"a": X[:, 0], "b": ["x", "y"] * 50}))
    runs = sorted((tmp_path / "wandb").glob("offline-run-*"))
    assert len(runs) == 2
    stored = b"".join(path.read_bytes() for path in runs[0].glob("*.wandb"))
    for name in (b"validation/loss", b"health/active_units", b"latent_dim"):
        assert name in stored
    assert list(runs[0].rglob("samples*.png"))
    assert list(runs[1].rglob("samples*.table.json"))
    assert b"model.safetensors" in stored or b"model.json" in stored


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_mlflow_in_a_local_store(tmp_path, monkeypatch):
    mlflow = pytest.importorskip("mlflow")
    from vaekit.trackers import MLflowTracker

    monkeypatch.setenv("MLFLOW_TRACKING_URI", (tmp_path / "store").as_uri())
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    model = fitted(MLflowTracker("mine", name="first"), IMAGES)
    client = mlflow.MlflowClient()
    place = client.get_experiment_by_name("mine").experiment_id
    (run,) = client.search_runs([place])
    assert (run.info.run_name, run.info.status) == ("first", "FINISHED")
    assert run.data.params["latent_dim"] == "2"
    history = client.get_metric_history(run.info.run_id, "validation/loss")
    assert [m.value for m in history] == [row["validation_loss"] for row in model.history_]
    assert "health/active_units" in run.data.metrics
    artifacts = [a.path for a in client.list_artifacts(run.info.run_id)]
    assert sorted(artifacts) == ["run", "samples"]
    found = client.download_artifacts(run.info.run_id, "run", str(tmp_path))
    assert (vaekit.load(found).transform(IMAGES) == model.transform(IMAGES)).all()
    fitted(MLflowTracker("mine"), pd.DataFrame({"a": X[:, 0], "b": ["x", "y"] * 50}))


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_trackio_on_this_machine(tmp_path, monkeypatch):
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path))
    trackio = pytest.importorskip("trackio")
    from vaekit.trackers import TrackioTracker

    model = fitted(TrackioTracker("mine", name="first"), IMAGES)
    fitted(TrackioTracker("mine", name="second"), pd.DataFrame({"a": X[:, 0]}))
    rows = trackio.SQLiteStorage.get_logs("mine", "first")
    losses = [row["validation/loss"] for row in rows if "validation/loss" in row]
    assert losses == pytest.approx([row["validation_loss"] for row in model.history_])
    assert any("samples" in row for row in rows)
    assert any(Path(tmp_path).rglob("*.png"))


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_ray_tune_stops_by_what_the_callback_reports(tmp_path, monkeypatch):
    ray = pytest.importorskip("ray")
    tune = pytest.importorskip("ray.tune")
    monkeypatch.setenv("RAY_AIR_NEW_OUTPUT", "0")

    def trainable(config):
        from vaekit.trackers import RayTuneCallback

        model = Autoencoder(
            latent_dim=2,
            learning_rate=config["rate"],
            max_epochs=5,
            progress=False,
            callbacks=[RayTuneCallback()],
        )
        model.fit(X)

    ray.init(num_cpus=1, include_dashboard=False)
    try:
        tuner = tune.Tuner(
            trainable,
            param_space={"rate": tune.grid_search([1e-3, 1e-2])},
            tune_config=tune.TuneConfig(metric="validation_loss", mode="min"),
            run_config=tune.RunConfig(
                storage_path=str(tmp_path), stop={"training_iteration": 3}, verbose=0
            ),
        )
        results = tuner.fit()
    finally:
        ray.shutdown()
    assert len(results) == 2
    assert not results.errors
    for result in results:
        assert result.metrics["epoch"] == 3
        assert np.isfinite(result.metrics["validation_loss"])
