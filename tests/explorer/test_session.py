"""What a page asks of a run: every operation, on every kind of data, and wrong arguments."""

import base64
import io
import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from vaekit import Autoencoder, load
from vaekit.anomalies import VAEDetector
from vaekit.datasets import digits
from vaekit.domains.context import Labels
from vaekit.editing import find_edit
from vaekit.errors import CompositionError, DataError, SpecError
from vaekit.explorer import open_session
from vaekit.explorer.latents import lay_out
from vaekit.series import SeriesDomain

DATA = digits()
IMAGES, LABELS = DATA.images[:400], DATA.labels[:400]
RNG = np.random.default_rng(0)
SIZE = RNG.normal(size=300)
TABLE = pd.DataFrame(
    {
        "size": SIZE,
        "twice": 2 * SIZE + RNG.normal(scale=0.1, size=300),
        "kind": np.where(SIZE > 0, "large", "small"),
    }
)


def fitted(preset, latent_dim, X, **options):
    return Autoencoder(preset, latent_dim, steps=60, progress=False, **options).fit(X)


@pytest.fixture(scope="module")
def model():
    return fitted("vae", 4, IMAGES)


@pytest.fixture(scope="module")
def images(model):
    return open_session(model, IMAGES, labels=LABELS, name="digits")


@pytest.fixture(scope="module")
def table():
    return open_session(fitted("vae", 3, TABLE), TABLE)


@pytest.fixture(scope="module")
def detector():
    strange = TABLE.copy()
    strange.loc[7, "twice"] = 40.0
    return open_session(VAEDetector(max_epochs=5, progress=False).fit(strange), strange)


def numbers(packed):
    return np.frombuffer(base64.b64decode(packed["f32"]), "<f4").reshape(packed["shape"])


def pixels(view):
    raw = np.frombuffer(base64.b64decode(view["data"]), np.uint8)
    return raw.reshape(view["height"], view["width"], view["channels"])


def png(array):
    file = io.BytesIO()
    Image.fromarray(array).save(file, "png")
    return base64.b64encode(file.getvalue()).decode()


def test_every_answer_is_json_without_nan(images, table, detector):
    for session in (images, table, detector):
        info = session.call("info", {})
        asked = {
            "info": {},
            "layout": {},
            "item": {"index": 2},
            "items": {"indices": [0, 5]},
            "decode": {"z": [[0.0] * info["latent_dim"]]},
            "walk": {"points": [[0.0, 0.0]]},
            "sample": {"n": 2},
            "score": {"index": 1},
        }
        for operation, given in asked.items():
            json.dumps(session.call(operation, given), allow_nan=False)


def test_sliders_come_with_the_strongest_first_and_do_what_they_say(images, model):
    sliders = images.call("info", {})["latents"]
    effects = [one["effect"] for one in sliders]
    assert effects == sorted(effects, reverse=True)
    first, last = sliders[0], sliders[-1]
    middle = model.transform(IMAGES).mean(0)

    def change(slider):
        ends = np.stack([middle, middle])
        ends[:, slider["index"]] += slider["deviation"] * np.array([-1, 1])
        decoded = model.inverse_transform(ends) / 255
        return float(np.sqrt(np.mean((decoded[0] - decoded[1]) ** 2)))

    assert change(first) == pytest.approx(first["effect"], abs=0.01)
    assert change(first) > change(last)


def test_an_item_is_shown_as_it_is_and_as_it_is_kept(images, model):
    found = images.call("item", {"index": 3})
    assert np.array_equal(pixels(found["view"])[..., 0], IMAGES[3])
    assert np.array_equal(
        pixels(found["reconstruction"])[..., 0], model.reconstruct(IMAGES[3:4])[0]
    )
    assert np.allclose(found["z"], model.transform(IMAGES[3:4])[0], atol=1e-6)
    assert found["facts"] == {"label": str(LABELS[3])}


def test_the_map_of_many_latents_is_their_principal_plane(images, model):
    layout = images.call("layout", {"projection": "pca"})
    z, points = model.transform(IMAGES), numbers(layout["points"])
    away = z - z.mean(0)
    variances = np.linalg.svd(away, compute_uv=False) ** 2
    assert (points**2).sum(0) == pytest.approx(variances[:2], rel=1e-3)
    back = np.array(layout["center"]) + points @ np.array(layout["directions"])
    assert ((z - back) ** 2).sum() == pytest.approx(variances[2:].sum(), rel=1e-2)


def test_a_walk_decodes_the_place_that_it_is_at(images, model):
    layout = images.call("layout", {})
    place = numbers(layout["points"])[11]
    found = images.call("walk", {"points": [place.tolist()]})
    z = np.array(layout["center"]) + place @ np.array(layout["directions"])
    assert np.allclose(found["z"][0], z, atol=1e-5)
    shown = model.inverse_transform(z[None].astype(np.float32))[0].astype(int)
    assert np.abs(pixels(found["views"][0])[..., 0] - shown).max() <= 1


def test_two_latents_are_a_map_as_they_are():
    z = RNG.normal(size=(20, 2)).astype(np.float32)
    assert np.array_equal(lay_out(z, "pca").points, z)


def test_a_map_without_a_way_back_takes_what_is_near():
    pytest.importorskip("umap")
    z = np.concatenate([np.zeros((15, 3)), np.ones((15, 3))]).astype(np.float32)
    found = lay_out(z + 0.01 * RNG.normal(size=z.shape).astype(np.float32), "umap")
    assert np.allclose(found.latents_at(found.points[:1], z), 0.0, atol=0.05)
    assert np.allclose(found.latents_at(found.points[-1:], z), 1.0, atol=0.05)


def test_attributes_are_the_directions_of_edit(images, model):
    named = {one["name"]: one["step"] for one in images.call("info", {})["attributes"]}
    assert list(named) == [f"label: {digit}" for digit in range(10)]
    found = find_edit(model.trained_, IMAGES, Labels.of(LABELS), attribute="label", to="3")
    assert np.allclose(named["label: 3"], found.step.numpy(), atol=1e-4)


def test_an_image_of_any_size_is_encoded_as_the_model_would(images, model):
    large = np.kron(IMAGES[9], np.ones((5, 5), np.uint8))
    found = images.call("encode", {"item": {"image": png(large)}})
    assert pixels(found["view"]).shape == (8, 8, 1)
    assert np.abs(np.array(found["z"]) - model.transform(IMAGES[9:10])[0]).max() < 0.5
    assert len(found["place"]) == 2


def test_colder_samples_differ_less(images):
    def spread(temperature):
        z = images.call("sample", {"n": 64, "temperature": temperature, "seed": 4})["z"]
        return np.array(z).std(0).mean()

    assert spread(0.0) == pytest.approx(0.0, abs=1e-6)
    assert spread(0.5) == pytest.approx(0.5 * spread(1.0), rel=1e-3)


def test_samples_are_the_same_for_the_same_seed_alone(images):
    first, again, other = (images.call("sample", {"n": 3, "seed": seed})["z"] for seed in (1, 1, 2))
    assert first == again != other


def test_a_score_says_how_many_items_are_less_probable(images):
    shares = [images.call("score", {"index": index})["share"] for index in range(0, 400, 40)]
    assert 0 < np.mean(shares) < 1
    assert images.call("score", {"index": 0}) == images.call("score", {"index": 0})


def test_without_data_the_map_shows_samples(model):
    session = open_session(model)
    info = session.call("info", {})
    assert info["is_sampled"]
    assert info["count"] == 1000
    assert session.call("item", {"index": 0})["view"]["kind"] == "pixels"


def test_more_items_than_points_are_a_part_of_them(model):
    session = open_session(model, IMAGES, labels=LABELS, points=50)
    codes = session.call("column", {"name": "label"})["codes"]
    found = session.call("item", {"index": 7})
    assert len(codes) == session.call("info", {})["count"] == 50
    (place,) = np.flatnonzero((pixels(found["view"])[..., 0] == IMAGES).all((1, 2)))
    assert found["facts"]["label"] == str(LABELS[place])


def test_a_table_is_shown_as_cards_and_colored_by_its_columns(table):
    info = table.call("info", {})
    assert (info["kind"], info["drop"], info["columns"]) == ("card", "row", list(TABLE.columns))
    kinds = table.call("column", {"name": "kind"})
    assert kinds["labels"] == ["large", "small"]
    assert np.allclose(numbers(table.call("column", {"name": "size"})["values"]), SIZE, atol=1e-4)


def test_a_row_of_text_from_a_form_is_read(table):
    given = {"size": "1.5", "twice": "3.0", "kind": "large"}
    found = table.call("encode", {"item": {"row": given}})
    row = pd.DataFrame({"size": [1.5], "twice": [3.0], "kind": ["large"]})
    assert np.allclose(found["z"], table.trained.encode(row)[0].numpy(), atol=1e-5)
    with pytest.raises(DataError, match="lacks"):
        table.call("encode", {"item": {"row": {"size": 1}}})


def test_a_detector_lists_the_strange_and_marks_what_is_odd(detector):
    found = detector.call("anomalies", {"limit": 5})
    assert found["found"][0]["index"] == 7
    item = detector.call("item", {"index": 7})
    assert item["flagged"]
    assert "twice" in item["marked"]


def test_a_conditional_model_makes_the_label_that_is_asked_for():
    model = Autoencoder("cvae", 2, steps=150, progress=False).fit(IMAGES, context=LABELS)
    session = open_session(model, IMAGES, labels=LABELS)
    z = [[0.0, 0.0]]
    shown = [
        pixels(session.call("decode", {"z": z, "context": {"label": label}})["views"][0])
        for label in ("0", "1")
    ]
    wanted = model.inverse_transform(np.zeros((2, 2), np.float32), context=[0, 1])
    assert np.array_equal(shown[0][..., 0], wanted[0])
    assert np.array_equal(shown[1][..., 0], wanted[1])
    index = int(np.flatnonzero(LABELS == 7)[0])
    assert session.call("item", {"index": index})["context"] == {"label": "7"}


def test_a_model_without_latents_can_sample_and_no_more():
    model = Autoencoder("diffusion", steps=5, progress=False).fit(IMAGES)
    session = open_session(model, IMAGES)
    can = session.call("info", {})["can"]
    assert can["sample"]
    assert not can["map"]
    assert len(session.call("sample", {"n": 2})["views"]) == 2
    with pytest.raises(CompositionError, match="no latents"):
        session.call("item", {"index": 0})


@pytest.mark.parametrize(
    ("operation", "given"),
    [
        ("open", {}),
        ("item", {"index": 400}),
        ("item", {"index": "three"}),
        ("item", {}),
        ("decode", {"z": [[1.0]]}),
        ("decode", {"z": [[float("nan")] * 4]}),
        ("decode", {"z": [[0.0] * 4] * 401}),
        ("sample", {"n": 0}),
        ("sample", {"temperature": 1e9}),
        ("layout", {"projection": "../secret"}),
        ("column", {"name": "no"}),
        ("encode", {"item": "/etc/passwd"}),
        ("walk", {"points": [["a", "b"]]}),
    ],
)
def test_wrong_arguments_are_refused(images, operation, given):
    with pytest.raises(SpecError):
        images.call(operation, given)


@pytest.mark.parametrize("item", [{"image": "no base64!"}, {"image": "aGVsbG8="}, {"text": "3"}])
def test_what_is_no_image_is_refused(images, item):
    with pytest.raises(DataError, match="image"):
        images.call("encode", {"item": item})


def test_only_a_detector_tells_anomalies(images):
    with pytest.raises(CompositionError, match="must be a detector"):
        images.call("anomalies", {})


def test_a_detector_of_images_shows_where_they_are_unusual():
    strange = IMAGES.copy()
    strange[3, 2:5, 0:2] = 255
    found = VAEDetector(max_epochs=10, novelty=True, progress=False).fit(IMAGES)
    session = open_session(found, strange)
    item = session.call("item", {"index": 3})
    heat = np.frombuffer(base64.b64decode(item["heat"]), np.uint8).reshape(8, 8)
    assert heat.max() == 255
    assert heat[2:5, 0:2].mean() > 3 * heat.mean()


@pytest.mark.parametrize("preset", ["svae", "poincare_vae", "fsq_vae", "ladder_vae"])
def test_latents_of_any_kind_have_a_map_and_samples(preset):
    model = Autoencoder(preset, steps=4, max_minutes=0.05, progress=False).fit(IMAGES[:150])
    session = open_session(model, IMAGES[:150])
    straight = preset == "ladder_vae"
    info = session.call("info", {})
    assert info["can"]["map"]
    assert info["can"]["slide"] == straight == bool(info["latents"])
    assert session.call("item", {"index": 3})["view"]["kind"] == "pixels"
    found = session.call("sample", {"n": 2})
    assert len(found["views"]) == 2
    assert (found["z"] is not None) == straight


def test_windows_of_a_series_are_its_items():
    steps = np.arange(400)
    series = np.sin(steps / 5) + RNG.normal(scale=0.1, size=400)
    model = Autoencoder("vae", 2, domain=SeriesDomain(window=16), steps=40, progress=False)
    session = open_session(model.fit(series), series)
    assert session.call("info", {})["count"] == 385
    (channel,) = session.call("item", {"index": 30})["view"]["channels"]
    assert np.allclose(channel["values"], series[30:46], atol=1e-3)
    assert session.call("score", {"index": 5})["log_p"] is not None


def test_sequences_are_text():
    model = Autoencoder("sequence_vae", 2, domain="sequences", steps=5, progress=False)
    session = open_session(model.fit(["ACD", "ADD", "CCD"] * 20), ["ACD", "ADD", "CCDA"[:3]])
    assert session.call("item", {"index": 2})["view"] == {"kind": "text", "text": "CCD"}
    assert session.call("encode", {"item": {"text": "ADD"}})["view"]["text"] == "ADD"
    assert session.call("column", {"name": "length"})["labels"] == ["3"]


def test_molecules_are_drawn_and_colored_by_properties():
    pytest.importorskip("rdkit")
    session = open_session(load("moses"), ["CCO", "c1ccccc1O", "CC(=O)N"])
    found = session.call("item", {"index": 1})
    assert found["view"]["svg"].startswith("<svg")
    assert {"logp", "qed"} <= found["facts"].keys()
    typed = session.call("encode", {"item": {"text": "OCC"}})
    assert typed["view"]["text"] == "CCO"
    with pytest.raises(DataError):
        session.call("encode", {"item": {"text": "C1CC"}})
