"""The demonstration, seen in a real browser."""

import re
import shutil
import subprocess

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

import vaekit
from vaekit import load
from vaekit.cli.app import app
from vaekit.datasets import digits
from vaekit.demo import run_demo
from vaekit.errors import SaveError

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


pytestmark = pytest.mark.xdist_group("demo")  # one process runs it once


PICTURES = {
    *("originals", "reconstructions", "latent_map", "latent_plane", "samples", "samples_prior"),
    *("samples_plain", "on_demand", "interpolation", "traversals", "unlikely", "training"),
    "health",
}


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """What the command gives after a fifth of its passes."""
    found = []

    def watched(*args):
        found.append(run_demo(*args))
        return found[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vaekit.demo, "_EPOCHS", 12)
        patch.setattr(vaekit, "run_demo", watched)
        out = tmp_path_factory.mktemp("demo") / "out"
        done = CliRunner().invoke(app, ["demo", str(out)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return found[0]


@pytest.mark.slow
def test_the_command_writes_these_files(demo):
    folder = demo.page.parent
    assert {file.stem for file in folder.glob("*.png")} == PICTURES
    others = {"index.html", "explore.html", "run"}
    assert {item.name for item in folder.iterdir() if item.suffix != ".png"} == others


@pytest.mark.slow
def test_every_picture_of_the_page_is_there_and_no_other(demo):
    page = demo.page.read_text()
    shown = set(re.findall(r'<img src="([^"]+)" alt="[^"]+"', page))
    assert shown == {p.name for p in demo.page.parent.glob("*.png")}
    assert len(shown) == page.count("<img")
    assert "$" not in page
    assert all(value in page.replace("&lt;", "<") for value in demo.figures.values())


@pytest.mark.slow
def test_the_demonstration_ends_with_a_page_to_explore(demo):
    assert demo.explorer == demo.page.parent / "explore.html"
    page = demo.explorer.read_text()
    assert len(page) < 7_000_000
    assert "Handwritten digits" in page
    assert 'href="explore.html"' in demo.page.read_text()


def test_a_folder_that_holds_something_else_is_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(SaveError, match="holds something else"):
        run_demo(tmp_path)
    assert (tmp_path / "thesis.tex").read_text() == "years of work"


@pytest.mark.slow
def test_the_run_in_the_folder_can_be_used(demo):
    model = load(demo.page.parent / "run")
    images = digits().images[:100]
    noise = np.random.default_rng(0).integers(0, 256, images.shape, dtype=np.uint8)
    assert model.score(images) > model.score(noise) + 100


@pytest.mark.slow
@pytest.mark.skipif(BROWSER is None, reason="needs chromium")
def test_a_browser_shows_the_page_with_its_pictures(demo, tmp_path):
    shot = tmp_path / "page.png"
    arguments = [f"--user-data-dir={tmp_path}/profile", f"--screenshot={shot}"]
    size = "--window-size=1000,6000"
    subprocess.run(
        [BROWSER, *FLAGS, *arguments, size, demo.page.as_uri()],
        check=True,
        capture_output=True,
        timeout=120,
    )
    with Image.open(shot) as image:
        pixels = np.asarray(image.convert("L"))
    assert pixels.shape == (6000, 1000)
    dark = (pixels < 40).mean(axis=1)  # rows of digits are dark, text hardly
    assert (dark > 0.2).sum() > 800
