"""Values of JSON, files and answers for domains of several layouts, without a model."""

import base64
import io
import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from vaekit.domains.arrays import ArrayDomain
from vaekit.errors import DataError
from vaekit.images.domain import ImageDomain
from vaekit.series.domain import SeriesDomain
from vaekit.serving import Result, ServingLimits
from vaekit.serving.answers import answer_body
from vaekit.serving.faults import BodyError, TooLargeError
from vaekit.serving.items import context_of, images_of, items_of, ready_items
from vaekit.tables.domain import TableDomain

LIMITS = ServingLimits()
RNG = np.random.default_rng(0)
GRAY = RNG.integers(0, 256, (4, 6, 5)).astype(np.uint8)
COLOR = RNG.integers(0, 256, (4, 6, 5, 3)).astype(np.uint8)
LAYOUTS = {
    "gray": (GRAY, GRAY),
    "gray with an axis": (GRAY, GRAY[..., None]),
    "color": (COLOR, COLOR),
    "channels first": (COLOR, np.moveaxis(COLOR, -1, 1)),
    "gray in color": (GRAY, np.repeat(GRAY[..., None], 3, -1)),
    "floats": (COLOR, (COLOR / 255).astype(np.float32)),
}


def png(image):
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize("name", LAYOUTS)
def test_images_of_every_layout(name):
    shown, training = LAYOUTS[name]
    domain = ImageDomain().fit(training)
    found = images_of([png(image) for image in shown], domain, LIMITS)
    expected = domain.prepare(training).float()
    scale = 255 if training.dtype == np.float32 else 1
    assert np.allclose(domain.prepare(found).float() / scale, expected, atol=1e-3)
    texts = [base64.b64encode(png(image)).decode() for image in shown]
    assert np.array_equal(items_of(texts, domain, LIMITS), found)
    values = items_of(training.tolist(), domain, LIMITS)
    assert np.array_equal(domain.prepare(values), domain.prepare(training))


@pytest.mark.parametrize("name", ["gray", "color", "channels first", "floats"])
def test_images_come_out_as_they_went_in(name):
    shown, training = LAYOUTS[name]
    domain = ImageDomain().fit(training)
    body = answer_body(Result({"items": training}), domain, "application/json", {"images": "png"})
    files = [base64.b64decode(text) for text in json.loads(body)["items"]]
    assert np.array_equal([np.asarray(Image.open(io.BytesIO(file))) for file in files], shown)
    one = answer_body(Result({"items": training[:1]}), domain, "image/png", {})
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(one))), shown[0])


def test_images_are_scaled_where_those_of_training_were():
    domain = ImageDomain(size=(6, 5)).fit(GRAY)
    large = np.kron(GRAY[0], np.ones((20, 20), np.uint8))
    assert images_of([png(large)], domain, LIMITS).shape == (1, 6, 5)
    with pytest.raises(DataError, match="at most 100 pixels"):
        images_of([png(large)], domain, ServingLimits(max_pixels=100))
    two = ServingLimits(max_pixels=large.size // 4)  # of all together, eight times as many
    with pytest.raises(DataError, match="pixels"):
        images_of([png(large)] * 3, domain, two)


def test_pixels_of_all_images_together_are_bounded():
    domain, image = ImageDomain(size=(6, 5)).fit(GRAY), png(np.zeros((40, 40), np.uint8))
    limits = ServingLimits(max_pixels=1600)
    assert len(images_of([image] * 8, domain, limits)) == 8
    with pytest.raises(DataError, match="image number 8"):
        images_of([image] * 9, domain, limits)


def test_cells_become_what_pandas_makes_of_them():
    rows = [{"a": 1, "b": "x", "c": None}, {"a": 2, "b": None, "c": 1.5}, {"b": "y", "d": True}]
    frame = pd.DataFrame({"a": [1.0, 2, 3], "b": ["x", "y", "z"], "c": [0.5, 1, 2]})
    domain = TableDomain().fit(frame)
    found = ready_items(items_of(rows, domain, LIMITS), domain)
    expected = pd.DataFrame(
        {"a": [1, 2, None], "b": ["x", None, "y"], "c": [None, 1.5, None], "d": [None, None, True]}
    )
    pd.testing.assert_frame_equal(found, expected)


def test_times_are_read_as_times():
    days = pd.date_range("2024-01-01", periods=30, freq="D")
    domain = TableDomain().fit(pd.DataFrame({"day": days, "x": np.arange(30.0)}))
    body = {"day": ["2024-01-05", "2024-01-06T00:00:00", None], "x": [1, 2, 3]}
    found = ready_items(items_of(body, domain, LIMITS), domain)
    assert found["day"].tolist()[:2] == [days[4], days[5]]
    with pytest.raises(DataError, match="day"):
        ready_items(items_of({"day": ["never"] * 2, "x": [1, 2]}, domain, LIMITS), domain)


def test_answers_have_what_json_has():
    frame = pd.DataFrame(
        {
            "x": [1.5, np.nan, np.inf],
            "n": pd.array([1, None, 3], dtype="Int64"),
            "day": [pd.Timestamp("2024-01-01"), pd.NaT, pd.Timestamp("2024-01-01 12:30", tz=None)],
            "long": pd.to_timedelta([1, 2, None], unit="h"),
            "kind": pd.Categorical(["a", None, "b"]),
            "yes": [True, False, True],
        }
    )
    facts = {"threshold": np.float64(2.5), "none": float("nan"), "events": [{"channels": ("a", 1)}]}
    domain = TableDomain()
    body = answer_body(Result({"items": frame}, facts, ("said",)), domain, "application/json", {})
    told = json.loads(body)
    assert told["items"] == [
        {"x": 1.5, "n": 1, "day": "2024-01-01T00:00:00", "long": "0 days 01:00:00"}
        | {"kind": "a", "yes": True},
        {"x": None, "n": None, "day": None, "long": "0 days 02:00:00", "kind": None, "yes": False},
        {"x": None, "n": 3, "day": "2024-01-01T12:30:00", "long": None, "kind": "b", "yes": True},
    ]
    assert (told["threshold"], told["none"], told["warnings"]) == (2.5, None, ["said"])
    assert told["events"] == [{"channels": ["a", 1]}]


def test_contexts_have_one_entry_for_each_item():
    assert context_of("a,b", None, 3) == ["a,b"] * 3
    assert context_of(["a"], None, 3) == ["a"] * 3
    assert context_of({"eyes": "open", "nose": ["big", "small"]}, None, 2) == {
        "eyes": ["open", "open"],
        "nose": ["big", "small"],
    }
    assert context_of([["a cap", "a hat"], None], None, 2) == [["a cap", "a hat"], None]
    for raw in ([], {"a": [{}]}, [[[1]]], [{"a": 1}], {"a": {}}, [[]]):
        with pytest.raises(BodyError):
            context_of(raw, None, 2)


@pytest.mark.parametrize(
    ("domain", "raw"),
    [
        (ArrayDomain(), ["1", "2"]),
        (ArrayDomain(), [[1, None]]),
        (ArrayDomain(), [[1, "2"]]),
        (ArrayDomain(), [[True, False]]),
        (ArrayDomain(), [[2**70, 1]]),
        (ArrayDomain(), {"a": [[1]]}),
        (ArrayDomain(), {"a": [1], "b": [1, 2]}),
        (ArrayDomain(), {"a": 1}),
        (TableDomain(), [[1, 2]]),
        (TableDomain(), [{"a": 1}, 2]),
        (TableDomain(), {"a": [10**30]}),
        (SeriesDomain(), [[1, "2"]]),
        (SeriesDomain(), [[1.0], 2.0]),
        (SeriesDomain(), [[1.0], [1.0, "a"]]),
        (ImageDomain().fit(GRAY), [1, "a"]),
        (ImageDomain().fit(GRAY), ["%%%"]),
        (ImageDomain().fit(GRAY), [{"a": 1}]),
    ],
)
def test_values_of_another_form(domain, raw):
    with pytest.raises(BodyError):
        items_of(raw, domain, LIMITS)


def test_tables_that_are_mostly_empty_take_no_memory():
    rows = [{str(i): 1} for i in range(6000)]
    with pytest.raises(TooLargeError, match="cells"):
        items_of(rows, TableDomain(), LIMITS)
    with pytest.raises(TooLargeError, match="columns"):
        items_of({str(i): [1] for i in range(20_000)}, TableDomain(), LIMITS)
