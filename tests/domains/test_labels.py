"""Labels of items, in memory and beside a folder of images."""

import json

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from vaekit import Autoencoder, fine_tune
from vaekit.cli.app import app
from vaekit.domains.context import Labels
from vaekit.errors import DataError, SpecError
from vaekit.images import image_files, read_images, read_labels
from vaekit.images.folders import names_files


@pytest.fixture
def photos(tmp_path):
    """Four pictures, one in a subfolder, each as bright as its name says."""
    folder = tmp_path / "photos"
    (folder / "more").mkdir(parents=True)
    for name, gray in {"b.png": 2, "a.png": 1, "more/d.png": 4, "c.PNG": 3}.items():
        Image.fromarray(np.full((4, 4), gray, np.uint8)).save(folder / name, format="png")
    return folder


def write(folder, text):
    path = folder.parent / "labels.csv"
    path.write_text(text, encoding="utf-8")
    return path


ROWS = ["more/d.png,4,yes", "a.png,1,no", "b.png,2,yes", "c.PNG,3,no"]
TEXT = "\n".join(["picture,grey,even", *ROWS]) + "\n"


def test_labels_of_files_come_in_the_order_of_the_images(photos):
    labels = read_labels(write(photos, TEXT), photos)
    assert labels.column("grey").tolist() == [str(x[0, 0]) for x in read_images(photos)]
    assert [photos / item for item in labels.items] == image_files(photos)
    assert labels.values("even") == ("no", "yes")


def test_the_column_of_files_may_stand_anywhere_if_it_is_named(photos):
    lines = [",".join(reversed(row.split(","))) for row in ["filename,grey,even", *ROWS]]
    path = write(photos, "\ufeff" + "\n".join(lines) + "\n\n")
    assert read_labels(path, photos).column("grey").tolist() == ["1", "2", "3", "4"]
    assert names_files(path)
    assert not names_files(write(photos, "a,b\n1,2\n"))


def test_labels_of_files_that_are_skipped_are_left_out(photos):
    (photos / "0.png").write_bytes(b"no picture")
    path = write(photos, TEXT + "0.png,0,yes\n")
    assert read_labels(path, photos, on_bad="skip").column("grey").tolist() == ["1", "2", "3", "4"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (TEXT.replace("a.png,1,no\n", ""), "every image must have a row .* 1 of 4 .*: a.png"),
        (TEXT + "e.png,5,no\n", "must name an image .* 1 of 5 do not: e.png"),
        (TEXT + "a.png,1,no\n", "name each file once; it names a.png"),
        (TEXT.replace("a.png,1,no", "a.png,1,"), "label in column 'even' .* 1 have none: a.png"),
        (TEXT.replace("a.png,1,no", "a.png,1"), "must have 3 cells; got 2 in row 3"),
        ("file\na.png\n", "must begin with the names of its columns"),
        ("", "must begin with the names of its columns.*nothing"),
    ],
)
def test_files_of_labels_that_do_not_fit(photos, text, message):
    with pytest.raises(DataError, match=message):
        read_labels(write(photos, text), photos)


def test_a_missing_or_binary_file_of_labels(photos):
    with pytest.raises(DataError, match="there is none at"):
        read_labels(photos.parent / "nothing.csv", photos)
    (photos.parent / "labels.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="is not"):
        read_labels(photos.parent / "labels.csv", photos)


def test_labels_in_memory():
    labels = Labels.of(torch.tensor([3, 1, 3]))
    assert labels.column("label").tolist() == ["3", "1", "3"]
    assert labels.having("label", "3").tolist() == [True, False, True]
    assert labels.at(np.array([2])).items == ["row 2"]
    with pytest.raises(SpecError, match="unknown value of attribute 'label' '2'"):
        labels.having("label", "2")
    with pytest.raises(SpecError, match="unknown attribute 'labels': did you mean 'label'"):
        labels.column("labels")


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ([0.5, 1.0], "got floats in column 'label'"),
        (np.zeros((2, 2, 2), int), "must have axes"),
        ({}, "of one length; got none"),
        ({"a": [[1, 2]]}, "one axis; 'a'"),
        (["a", np.nan], "1 have none, the first at row 1"),
    ],
)
def test_labels_in_memory_that_do_not_fit(raw, message):
    if isinstance(raw, list) and isinstance(raw[0], str):
        raw = np.array(raw, dtype=object)
    with pytest.raises(DataError, match=message):
        Labels.of(raw)
    with pytest.raises(DataError, match="one per item; got 2 for 3"):
        Labels.of(["a", "b"], 3)


def describe(folder, form, place=""):
    """Write how a folder's images are, as data sets of Hugging Face do."""
    rows = [
        {"file_name": name, "grey": gray, "even": even, "weight": gray / 4, "box": [1, gray]}
        for name, gray, even in (("more/d.png", 4, "yes"), ("a.png", 1, "no"),
                                 ("b.png", 2, "yes"), ("c.PNG", 3, "no"))
    ]  # fmt: skip
    if place:
        rows = [row for row in rows if not row["file_name"].startswith(place)]
        below = {**rows[0], "file_name": "d.png", "grey": 4, "even": "yes", "weight": 1.0}
        described(folder / place, form, [below])
    described(folder, form, rows)


def described(folder, form, rows):
    if form == "jsonl":
        text = "".join(json.dumps(row) + "\n" for row in rows)
    else:
        lines = [",".join(rows[0])] + [
            ",".join(f'"{value}"' for value in row.values()) for row in rows
        ]
        text = "\n".join(lines) + "\n"
    (folder / f"metadata.{form}").write_text(text)


OPTIONS = {"max_epochs": 1, "progress": False, "latent_dim": 2, "validation": 0.0}


@pytest.mark.filterwarnings("ignore:4 items are few")
@pytest.mark.parametrize("form", ["csv", "jsonl"])
@pytest.mark.parametrize("place", ["", "more/"])
def test_a_column_of_the_metadata_of_a_folder_is_a_context(photos, form, place):
    describe(photos, form, place)
    assert read_images(photos).shape == (4, 4, 4)
    model = Autoencoder("cvae", **OPTIONS).fit(photos, context="even")
    assert model.context_.attributes == {"even": ("no", "yes")}
    truth = {"even": ["no", "yes", "no", "yes"]}
    expected = model.transform(photos, context=truth)
    np.testing.assert_array_equal(model.transform(str(photos), context="even"), expected)
    one = model.transform(photos, context="yes")  # no column, but a label for all
    np.testing.assert_array_equal(one, model.transform(photos, context={"even": ["yes"] * 4}))
    both = Autoencoder("cvae", **OPTIONS).fit(photos, context="even,grey").context_
    assert both.attributes == {"even": ("no", "yes"), "grey": ("1", "2", "3", "4")}
    properties = Autoencoder("cvae", **OPTIONS).fit(photos, context="weight,grey").context_
    assert properties.mean == pytest.approx((0.625, 2.5))
    again = fine_tune(model, photos, context="even", max_epochs=1, progress=False)
    assert again.context_.dim == 2
    with pytest.raises(SpecError, match=r"column of .*metadata\.\w+ 'evem': did you mean 'even'"):
        Autoencoder("cvae", **OPTIONS).fit(photos, context="evem")


@pytest.mark.filterwarnings("ignore:4 items are few")
def test_a_column_of_the_metadata_is_chosen_on_the_command_line(photos, tmp_path):
    describe(photos, "jsonl")
    run = tmp_path / "run"

    def call(*words):
        given = [str(word) for word in words]
        return CliRunner().invoke(app, given, catch_exceptions=False)

    fit = ("fit", photos, run, "--preset", "cvae", "--max-epochs", 1, "--latent-dim", 2)
    with pytest.raises(SpecError, match="Known: box, even, grey, weight"):
        call(*fit, "--context", "odd")
    assert call(*fit, "--context", "even").exit_code == 0
    out = tmp_path / "a.npy"
    for context in ("even", "yes"):
        done = call("reconstruct", run, photos, "--context", context, "--out", out, "--force")
        assert done.exit_code == 0
    assert call(*fit, "--context", photos / "metadata.jsonl").exit_code == 0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"file_name": "a.png", "even": 1}\n{', r"line 2 of .*metadata\.jsonl must be JSON"),
        ('{"file_name": "a.png", "even": 1}\n', "every image must have a row .* 3 of 4 have none"),
        ('{"name": "a.png", "even": 1}\n', "must have a column 'file_name'"),
        ("[1, 2]\n", "must be an object"),
        ("", "got nothing"),
    ],
)
def test_metadata_that_cannot_be_read_say_why(photos, text, words):
    (photos / "metadata.jsonl").write_text(text)
    with pytest.raises(DataError, match=words):
        Autoencoder("cvae", **OPTIONS).fit(photos, context="even")


def test_attributes_can_be_chosen(photos):
    path = write(photos, TEXT)
    assert list(read_labels(path, photos, columns=["even"]).columns) == ["even"]
    with pytest.raises(SpecError, match="Known: even, grey"):
        read_labels(path, photos, columns=["odd"])
