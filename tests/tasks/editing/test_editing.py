"""Editing attributes of pictures whose factors are known."""

import numpy as np
import pytest
import torch

from vaekit import Autoencoder, tasks
from vaekit.datasets import digits, shapes
from vaekit.domains.context import Labels
from vaekit.editing.codes import EncodedItems, encode_items
from vaekit.editing.directions import Whitening, balanced_weights
from vaekit.editing.edits import items_of
from vaekit.errors import CompositionError, DataError, SpecError
from vaekit.images import ImageDomain
from vaekit.presets import get_preset

QUICK = {"latent_dim": 8, "max_epochs": 8, "seed": 0, "progress": False}


@pytest.fixture(scope="module")
def data():
    made = shapes(1500, size=16)
    named = {name: codes // 8 if name in "xy" else codes for name, codes in made.factors.items()}
    return made.images, {name: named[name] for name in ("shape", "x", "y")}


@pytest.fixture(scope="module")
def plain(data):
    return Autoencoder("vae", **QUICK).fit(data[0]).trained_


@pytest.fixture(scope="module")
def conditional(data):
    return Autoencoder("cvae", **QUICK).fit(data[0], context=data[1]).trained_


def center(images):
    """Where the light of each image lies from left to right, 0 to 1."""
    columns = np.asarray(images, float).sum(1)
    return columns @ np.linspace(0, 1, columns.shape[1]) / columns.sum(1)


@pytest.mark.parametrize("method", ["mean", "logistic", "svm"])
def test_a_direction_moves_what_it_should(plain, data, method):
    images, labels = data
    left = labels["x"] == 0
    moved = tasks.edit(plain, images, labels, attribute="x", to="1", method=method)
    before = tasks.edit(plain, images, labels, attribute="x", to="1", method=method, strength=0.0)
    assert moved.shape == images.shape
    assert moved.dtype == np.uint8
    assert np.array_equal(before, plain.reconstruct(images))
    gained = center(moved[left]) - center(before[left])
    assert gained.mean() > 0.15
    assert abs((center(moved.swapaxes(1, 2)) - center(before.swapaxes(1, 2))).mean()) < 0.06


def test_a_conditional_model_swaps_by_itself(conditional, data):
    images, labels = data
    found = tasks.find_edit(conditional, images, labels, attribute="x", to="1")
    assert isinstance(found, tasks.Swap)
    left = np.flatnonzero(labels["x"] == 0)
    here = {name: column[left] for name, column in labels.items()}
    moved = tasks.apply_edit(conditional, images[left], found, context=here)
    assert (center(moved) - center(images[left])).mean() > 0.15
    halfway = tasks.apply_edit(conditional, images[left], found, 0.5, context=here)
    assert center(images[left]).mean() < center(halfway).mean() < center(moved).mean()


def test_one_nameless_label_is_called_label():
    made = digits()
    model = Autoencoder("cvae", **QUICK).fit(made.images, context=made.labels)
    edited = tasks.edit(model.trained_, made.images[:9], made.labels[:9], attribute="label", to="1")
    assert np.array_equal(
        edited,
        model.inverse_transform(model.transform(made.images[:9], made.labels[:9]), context=1),
    )


def cloud(seed=0):
    """Latents in which 'sex' and 'hair' go together, each with a direction of its own."""
    draws = np.random.default_rng(seed)
    sex = draws.random(4000) < 0.5
    hair = np.where(draws.random(4000) < 0.9, sex, ~sex)
    z = draws.normal(size=(4000, 3)) + np.stack([3 * sex, 3 * hair, 0 * sex], 1)
    return EncodedItems(torch.from_numpy(z).float()), Labels.of({"sex": sex, "hair": hair})


@pytest.mark.parametrize("method", ["mean", "logistic", "svm"])
def test_classes_are_balanced_against_what_goes_along(method):
    codes, labels = cloud()
    step = tasks.find_direction(codes, labels, attribute="hair", to="True", method=method).step
    assert step[1] > 1.5
    assert step[[0, 2]].abs().max() < 0.35 * step[1]
    raw = codes.z[labels.having("hair", "True")].mean(0) - codes.z.mean(0)
    assert raw[0] > 0.5 * raw[1]


def test_a_protected_attribute_has_no_part_in_the_direction():
    codes, labels = cloud()
    step = tasks.find_direction(codes, labels, attribute="hair", to="True", protect=["sex"]).step
    assert step[1] > 1.5
    assert abs(step[0]) < 0.15 * step[1]
    with pytest.raises(SpecError, match="cannot be protected, too"):
        tasks.find_direction(codes, labels, attribute="hair", to="True", protect=["hair"])
    same = Labels.of({"a": labels.column("sex"), "b": labels.column("sex")})
    with pytest.raises(DataError, match=r"must have a part beside those of \['b'\]"):
        tasks.find_direction(codes, same, attribute="a", to="True", protect=["b"])


def test_weights_without_other_attributes_only_balance_the_classes():
    positive = np.array([True, False, False, False])
    assert balanced_weights(positive, []).tolist() == pytest.approx([2, 2 / 3, 2 / 3, 2 / 3])


def test_a_collapsed_latent_is_not_blown_up():
    z = np.random.default_rng(0).normal(size=(100, 2)) * [1.0, 0.0]
    whitening = Whitening.of(z)
    assert np.isfinite(whitening(z)).all()
    assert whitening.step(whitening(z)) == pytest.approx(z - z.mean(0), abs=1e-9)


@pytest.mark.parametrize(
    ("labels", "to", "error", "message"),
    [
        (["a"] * 60, "a", DataError, "must have at least two labels; all 60 items have 'a'"),
        (
            ["a"] * 3 + ["b"] * 57,
            "a",
            DataError,
            "10 items labelled 'a'; got 3: row 0, row 1, row 2",
        ),
        (["a"] * 57 + ["b"] * 3, "a", DataError, "10 items not labelled 'a'; got 3: row 57"),
        (["a", "b"] * 30, "c", SpecError, "unknown value of attribute 'label' 'c'"),
        (["a", "b"], "a", DataError, "one per item; got 2 for 60"),
        (None, "a", DataError, "found from labelled items; got no labels"),
    ],
)
def test_labels_by_which_no_direction_can_be_found(plain, data, labels, to, error, message):
    with pytest.raises(error, match=message):
        tasks.edit(plain, data[0][:60], labels, attribute="label", to=to)


def test_wrong_names_are_answered(plain, conditional, data):
    images, labels = data[0][:60], {name: column[:60] for name, column in data[1].items()}
    with pytest.raises(SpecError, match="unknown attribute 'shap': did you mean 'shape'"):
        tasks.edit(plain, images, labels, attribute="shap", to="1")
    with pytest.raises(SpecError, match="unknown method 'means': did you mean 'mean'"):
        tasks.edit(plain, images, labels, attribute="shape", to="1", method="means")
    with pytest.raises(SpecError, match="unknown value of attribute 'shape' '7'"):
        tasks.edit(conditional, images, labels, attribute="shape", to="7")
    with pytest.raises(CompositionError, match="'swap' needs a model with a context"):
        tasks.edit(plain, images, labels, attribute="shape", to="1", method="swap")


@pytest.mark.parametrize("preset", ["vq_vae", "svae"])
def test_latents_that_are_not_straight_are_refused(preset, data):
    domain = ImageDomain().fit(data[0])
    model = tasks.assemble(get_preset(preset), domain, domain.prepare(data[0]), 8).model
    with pytest.raises(CompositionError, match="needs latents that are real vectors"):
        tasks.edit(tasks.TrainedModel(model, domain), *data, attribute="x", to="1")


def test_examples_show_the_way(plain, data):
    images, labels = data
    left, right = images[labels["x"] == 0], images[labels["x"] == 1]
    moved = tasks.apply_edit(plain, left, tasks.transfer(plain, right, left))
    assert (center(moved) - center(plain.reconstruct(left))).mean() > 0.15
    pairs = tasks.transfer(plain, right[:20], left[:20], pairs=True)
    arrived = tasks.apply_edit(plain, left[:20], pairs)
    assert np.abs(arrived.astype(int) - plain.reconstruct(right[:20]).astype(int)).max() <= 1
    with pytest.raises(DataError, match="as many on both sides; got 20 and 30"):
        tasks.transfer(plain, right[:30], left[:20], pairs=True)


@pytest.mark.parametrize("source", ["latents", "decoder"])
def test_directions_are_discovered_and_named(plain, data, source):
    images, labels = data
    found = tasks.discover_directions(plain, images, 4, labels, source=source)
    assert any(direction.name[:3] in ("x: ", "y: ") for direction in found)
    codes = encode_items(plain, items_of(plain, images, None, None))
    whitening = Whitening.of(codes.z.double().numpy())
    steps = np.stack([d.step.double().numpy() @ whitening.forth for d in found])
    assert steps @ steps.T == pytest.approx(np.eye(4), abs=1e-3)
    for direction in found:
        if direction.name[:3] == "x: ":
            along = whitening(codes.z.double().numpy()) @ direction.step.double().numpy()
            assert np.corrcoef(along, labels["x"] == int(direction.name[3]))[0, 1] > 0
    unnamed = tasks.discover_directions(plain, images, 2, source=source)
    assert [d.name for d in unnamed] == ["direction 1", "direction 2"]


def test_the_strongest_direction_of_the_decoder_changes_most(plain, data):
    found = tasks.discover_directions(plain, data[0], 8)
    shown = [
        [tasks.apply_edit(plain, data[0][:100], d, s).astype(float) for s in (-0.3, 0.3)]
        for d in (found[0], found[-1])
    ]
    strong, weak = (((b - a) ** 2).mean() for a, b in shown)
    assert strong > 2 * weak


def test_discovery_refuses_what_is_not_there(plain, data):
    with pytest.raises(SpecError, match="from 1 to the number of latents, 8; got 9"):
        tasks.discover_directions(plain, data[0], 9)
    with pytest.raises(SpecError, match="unknown source 'decod': did you mean 'decoder'"):
        tasks.discover_directions(plain, data[0], 2, source="decod")


def test_a_curve_tells_an_edit_from_its_baselines(plain, data):
    curve = tasks.edit_curve(plain, *data, attribute="x", to="1", strengths=(0.5, 1.0), epochs=6)
    half, whole = (point.scores for point in curve.points)
    base = curve.baselines
    assert set(base) == {"no edit", "random direction", "nearest real item"}
    assert curve.accuracy["x"] > 0.85
    assert base["no edit"].flip < 0.3 < 0.6 < whole.flip
    assert half.flip <= whole.flip
    assert base["no edit"].identity == 0
    assert half.identity < whole.identity
    assert base["nearest real item"].flip > 0.6
    assert base["random direction"].flip < whole.flip
    assert set(whole.kept) == {"shape", "y"}
    rows = curve.rows()
    assert rows[0]["edit"] == "strength 0.5"
    assert rows[0].keys() == {"edit", "flip", "identity", "kept shape", "kept y"}
    again = tasks.edit_curve(plain, *data, attribute="x", to="1", strengths=(0.5, 1.0), epochs=6)
    assert again == curve


def test_a_curve_of_a_swap(conditional, data):
    curve = tasks.edit_curve(conditional, *data, attribute="x", to="1", strengths=[1.0], epochs=6)
    assert curve.points[0].scores.flip > curve.baselines["no edit"].flip + 0.3


def test_a_curve_needs_items_and_strengths(plain, data):
    few = {name: column[:60] for name, column in data[1].items()}
    with pytest.raises(
        DataError, match="at least 10 items|at least 5 items to edit|at least 20 items"
    ):
        tasks.edit_curve(plain, data[0][:60], few, attribute="shape", to="1")
    with pytest.raises(SpecError, match="at least one; got none"):
        tasks.edit_curve(plain, *data, attribute="x", to="1", strengths=[])


def test_a_fader_network_keeps_content_and_swaps_style(data):
    images, labels = data[0], {"x": data[1]["x"]}
    model = Autoencoder("fader_vae", **QUICK).fit(images, context=labels)
    assert model.history_[-1]["validation_critic"] > 0.1  # 0.25 is what guessing costs
    moved = tasks.edit(model.trained_, images, labels, attribute="x", to="1")
    left = labels["x"] == 0
    assert (center(moved[left]) - center(images[left])).mean() > 0.15
