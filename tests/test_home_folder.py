"""``~`` in the paths of Python's functions."""

import numpy as np
import pytest

pd = pytest.importorskip("pandas")

from PIL import Image  # noqa: E402

from vaekit import Autoencoder, load, plots  # noqa: E402
from vaekit.anomalies import VAEDetector, load_detector  # noqa: E402
from vaekit.autoencoder import fine_tune  # noqa: E402
from vaekit.domains import infer_domain, read_pieces, read_source  # noqa: E402
from vaekit.errors import SpecError  # noqa: E402
from vaekit.files import atomic_folder, atomic_write, expanded_path  # noqa: E402

QUICK = {"latent_dim": 1, "max_epochs": 1, "progress": False}


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(60, 3)), columns=list("abc"))
    frame.to_csv(tmp_path / "in.csv", index=False)
    frame.to_parquet(tmp_path / "in.parquet")
    np.save(tmp_path / "in.npy", frame.to_numpy())
    yield tmp_path
    assert not (tmp_path / "~").exists()


@pytest.mark.parametrize("name", ["in.csv", "in.parquet", "in.npy"])
def test_files_are_read(home, name):
    assert len(read_source(f"~/{name}")) == 60
    assert sum(map(len, read_pieces(f"~/{name}", 50))) == 60
    assert infer_domain(f"~/{name}").fit(f"~/{name}").event_shape == (3,)


def test_models_are_saved_loaded_and_resumed(home):
    model = Autoencoder(checkpoint_dir="~/checkpoints", **QUICK).fit("~/in.csv")
    assert (home / "checkpoints" / "history.csv").exists()
    model.save("~/run")
    assert load("~/run").latent_dim == 1
    assert fine_tune("~/run", "~/in.csv", max_epochs=1).latent_dim == 1
    VAEDetector(max_epochs=1, progress=False).fit("~/in.csv").save("~/detector")
    assert len(load_detector("~/detector").score_samples("~/in.csv")) == 60


def test_images_are_read_and_drawn(home):
    (home / "images").mkdir()
    for i in range(12):
        Image.fromarray(np.full((8, 8), i, np.uint8)).save(home / "images" / f"{i}.png")
    domain = infer_domain("~/images")
    assert type(domain).__name__ == "ImageDomain"
    assert domain.read("~/images").shape == (12, 8, 8)
    plots.save_figure(plots.image_grid(domain.read("~/images")), "~/grid.png")
    assert (home / "grid.png").exists()


def test_files_and_folders_are_written(home):
    atomic_write(expanded_path("~/a/b.bin"), b"new")
    with atomic_folder(expanded_path("~/folder")) as fresh:
        (fresh / "c").write_bytes(b"new")
    assert (home / "a" / "b.bin").read_bytes() == (home / "folder" / "c").read_bytes() == b"new"


def test_a_user_that_is_not_there_is_said():
    with pytest.raises(SpecError, match=r"~ must name the home folder of a user.*Write the folder"):
        load("~nobody-of-that-name/run")
