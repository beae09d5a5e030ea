"""Editing on the command line: a folder of pictures, a CSV beside it, and what comes out."""

import csv

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from vaekit.cli.app import app
from vaekit.datasets import shapes
from vaekit.errors import DataError, SpecError
from vaekit.images import read_images
from vaekit.storage.loading import load

pytestmark = pytest.mark.slow

COUNT = 400


def call(*arguments):
    result = CliRunner().invoke(app, [str(a) for a in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Coloured sprites in a folder with a subfolder, their labels, and two trained models."""
    place = tmp_path_factory.mktemp("edit")
    made = shapes(COUNT, size=16, color=True, seed=3)
    (place / "faces" / "more").mkdir(parents=True)
    rows = [("file", "side", "shape", "colour")]
    for number, picture in enumerate(made.images):
        name = f"more/{number:03}.png" if number % 3 else f"{number:03}.png"
        Image.fromarray(picture).save(place / "faces" / name)
        side = "left" if made.factors["x"][number] < 8 else "right"
        shape = made.label_names[made.labels[number]]
        rows.append((name, side, shape, f"hue {made.factors['colour'][number]}"))
    with (place / "attributes.csv").open("w", newline="") as file:
        csv.writer(file).writerows([rows[0], *rows[:0:-1]])  # in another order than the files
    options = ["--latent-dim", 8, "--max-epochs", 30]
    call("fit", place / "faces", place / "plain", *options)
    context = ["--context", place / "attributes.csv", "--preset", "cvae"]
    call("fit", place / "faces", place / "conditional", *options, *context)
    return place


def center(images):
    columns = images.astype(float).sum((1, 3))
    return columns @ np.linspace(0, 1, columns.shape[1]) / columns.sum(1)


def to_the_right(place, run, *options):
    labels = ["--labels", place / "attributes.csv", "--attribute", "side", "--to", "right"]
    return call("edit", place / run, place / "faces", *labels, *options)


def test_a_run_remembers_the_columns_of_its_context(place):
    context = load(place / "conditional").context_
    assert list(context.attributes) == ["side", "shape", "colour"]
    assert context.attributes["side"] == ("left", "right")


@pytest.mark.parametrize("run", ["plain", "conditional"])
def test_a_folder_of_edited_images(place, run):
    to_the_right(place, run, "--out", place / f"{run}-edited")
    before, after = read_images(place / "faces"), read_images(place / f"{run}-edited")
    assert after.shape == before.shape
    left = center(before) < 0.5
    assert (center(after) - center(before))[left].mean() > 0.1
    names = {p.relative_to(place / "faces") for p in (place / "faces").rglob("*.png")}
    out = place / f"{run}-edited"
    assert {p.relative_to(out) for p in out.rglob("*.png")} == names


def test_a_picture_an_array_and_a_curve(place):
    to_the_right(
        place, "plain", "--method", "logistic", "--protect", "shape", "--out", place / "a.npz"
    )
    assert np.load(place / "a.npz")["X"].shape == (COUNT, 16, 16, 3)
    output = to_the_right(place, "conditional", "--curve", "--out", place / "strips.png")
    assert "nearest real item" in output
    assert "The judge is right in: side" in output
    for name in ("strips.png", "strips-curve.png"):
        with Image.open(place / name) as picture:
            assert picture.size[0] > 400


def test_by_example_and_by_discovery(place):
    (place / "smiling").mkdir()
    for number in range(12):
        Image.open(place / "faces" / f"{3 * number:03}.png").save(
            place / "smiling" / f"{number}.png"
        )
    call(
        "edit",
        place / "plain",
        place / "faces",
        "--like",
        place / "smiling",
        "--out",
        place / "b.npy",
    )
    assert np.load(place / "b.npy").shape == (COUNT, 16, 16, 3)
    labels = ["--labels", place / "attributes.csv"]
    output = call(
        "edit", place / "plain", place / "faces", "--discover", 3, *labels, "--out", place / "d.png"
    )
    assert len([line for line in output.splitlines() if "(0." in line or "direction" in line]) >= 3
    assert (place / "d.png").exists()


def test_sampling_in_a_context_of_columns(place):
    call(
        "sample",
        place / "conditional",
        "--context",
        "left,heart,hue 0",
        "-n",
        4,
        "--out",
        place / "s.npy",
    )
    assert np.load(place / "s.npy").shape == (4, 16, 16, 3)
    context = ["--context", place / "attributes.csv"]
    call("reconstruct", place / "conditional", place / "faces", *context, "--out", place / "r.npy")
    assert np.load(place / "r.npy").shape == (COUNT, 16, 16, 3)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ([], SpecError, "exactly one of --attribute, --like, --discover and --prompt.*got none"),
        (["--attribute", "side", "--discover", "2"], SpecError, "got --attribute, --discover"),
        (["--attribute", "side"], SpecError, "--to must be given"),
        (["--attribute", "side", "--to", "right"], DataError, "got no labels"),
    ],
)
def test_what_is_missing_is_asked_for(place, options, error, message):
    with pytest.raises(error, match=message):
        call("edit", place / "plain", place / "faces", *options)


def test_a_label_file_that_misses_images_names_them(place):
    lines = (place / "attributes.csv").read_text().splitlines()
    (place / "few.csv").write_text("\n".join(line for line in lines if not line.startswith("000")))
    options = ["--labels", place / "few.csv", "--attribute", "side", "--to", "left"]
    with pytest.raises(DataError, match=r"1 of 400 have none: 000\.png"):
        call("edit", place / "plain", place / "faces", *options)
