"""Measures of edits, and the judge that they are made by."""

import numpy as np
import pytest
import torch

from vaekit.datasets import shapes
from vaekit.domains.context import Labels
from vaekit.errors import DataError
from vaekit.images import ImageDomain
from vaekit.metrics import attribute_classifier, edit_scores, identity_distance
from vaekit.training import Items


@pytest.fixture(scope="module")
def judged():
    """Sprites, their labels, and a judge of two attributes."""
    made = shapes(800, size=16)
    domain = ImageDomain().fit(made.images)
    items = Items(domain.prepare(made.images), domain.encode)
    labels = Labels.of(
        {"side": made.factors["x"] // 8, "height": made.factors["y"] // 8, "one": [0] * 800}
    )
    return items, labels, attribute_classifier(items, labels, epochs=8)


def test_a_judge_tells_all_attributes_that_have_two_labels(judged):
    items, labels, judge = judged
    assert set(judge.accuracy) == {"side", "height"}
    assert min(judge.accuracy.values()) > 0.9
    predicted = judge(items.batch(torch.arange(100), torch.device("cpu")).x)
    assert (predicted["side"] == labels.column("side")[:100]).mean() > 0.9
    assert predicted["side"].shape == (100,)


def test_the_same_seed_makes_the_same_judge(judged):
    items, labels, judge = judged
    again = attribute_classifier(items, labels, epochs=8)
    assert all(map(torch.equal, again.network.parameters(), judge.network.parameters()))


def test_a_shifted_picture_flips_one_attribute_and_keeps_the_other(judged):
    items, _, judge = judged
    x = items.batch(torch.arange(200), torch.device("cpu")).x
    left = x[judge(x)["side"] == "0"]
    mirrored = left.flip(-1)
    scores = edit_scores(judge, left, mirrored, "side", "1")
    assert scores.flip > 0.9
    assert list(scores.kept) == ["height"]
    assert scores.least_kept > 0.9
    assert scores.identity == pytest.approx(identity_distance(left, mirrored))
    unchanged = edit_scores(judge, left, left, "side", "1")
    assert (unchanged.flip, unchanged.least_kept, unchanged.identity) == (0, 1, 0)


def test_distances_are_in_the_units_of_the_values():
    a = torch.zeros(2, 1, 4, 4)
    assert identity_distance(a, a + torch.tensor([0.1, 0.3]).view(2, 1, 1, 1)) == pytest.approx(0.2)


@pytest.mark.parametrize("labels", [{"a": np.arange(10)}, {"a": ["same"] * 30}])
def test_a_judge_needs_items_and_two_labels(labels):
    named = Labels.of(labels)
    with pytest.raises(DataError, match="at least 20 items and an attribute with two labels"):
        attribute_classifier(Items(torch.zeros(len(named), 3)), named)
