import numpy as np
import pytest

from vaekit.datasets import Dataset
from vaekit.errors import DataError

IMAGES = np.zeros((3, 8, 8), np.uint8)
LABELS = np.array([0, 1, 1])


def test_length_is_the_number_of_images():
    assert len(Dataset(IMAGES, LABELS, ("a", "b"))) == 3


@pytest.mark.parametrize(
    ("images", "labels", "names", "says"),
    [
        (IMAGES.astype(float), LABELS, ("a", "b"), "images must be uint8"),
        (IMAGES[0], LABELS, ("a", "b"), "images must be uint8 with axes NHW"),
        (IMAGES, LABELS[:2], ("a", "b"), r"labels must be int64 of shape \(3,\)"),
        (IMAGES, LABELS.astype(np.int32), ("a", "b"), "labels must be int64"),
        (IMAGES, LABELS, ("a",), "labels must be from 0 to 0; got 0 to 1"),
        (IMAGES, LABELS - 1, ("a", "b"), "labels must be from 0 to 1; got -1 to 0"),
    ],
)
def test_parts_that_do_not_belong_together_are_refused(images, labels, names, says):
    with pytest.raises(DataError, match=says):
        Dataset(images, labels, names)


def test_factors_need_their_sizes():
    with pytest.raises(DataError, match="same names"):
        Dataset(IMAGES, LABELS, ("a", "b"), {"x": LABELS})
    with pytest.raises(DataError, match="factor 'x' must be from 0 to 0"):
        Dataset(IMAGES, LABELS, ("a", "b"), {"x": LABELS}, {"x": 1})
