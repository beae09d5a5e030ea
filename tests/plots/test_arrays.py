import numpy as np
import pytest
import torch

from vaekit.errors import DataError
from vaekit.plots.style import as_array, as_matrix, as_rgb, as_rgb_rows

GREY = np.random.default_rng(0).integers(0, 256, (2, 5, 6), np.uint8)
COLOUR = np.random.default_rng(1).integers(0, 256, (2, 5, 6, 3), np.uint8)


@pytest.mark.parametrize(
    "images", [GREY, GREY[..., None], GREY[:, None], GREY / 255, torch.from_numpy(GREY)]
)
def test_gray_images_of_any_layout_become_the_same_pixels(images):
    np.testing.assert_array_equal(as_rgb("images", images), np.stack([GREY] * 3, -1))


@pytest.mark.parametrize(
    "images",
    [COLOUR, COLOUR.transpose(0, 3, 1, 2), (COLOUR / 255).astype(np.float32)],
)
def test_color_images_of_any_layout_become_the_same_pixels(images):
    np.testing.assert_array_equal(as_rgb("images", images), COLOUR)


def test_transparent_images_are_laid_on_white():
    opaque = np.concatenate([COLOUR, np.full((2, 5, 6, 1), 255, np.uint8)], -1)
    np.testing.assert_array_equal(as_rgb("images", opaque), COLOUR)
    clear = np.concatenate([COLOUR, np.zeros((2, 5, 6, 1), np.uint8)], -1)
    assert (as_rgb("images", clear) == 255).all()


def test_tensors_with_gradient_and_of_any_float_type_are_read():
    values = torch.tensor([0.0, 0.5], requires_grad=True)
    assert as_array(values).tolist() == [0, 0.5]
    assert as_array(values.bfloat16()).dtype == np.float32


def test_rounding_errors_around_the_range_are_clipped():
    images = np.array([-1e-5, 1.0, 1 + 1e-5, 0.0]).reshape(1, 2, 2)
    assert as_rgb("images", images)[0, :, :, 0].tolist() == [[0, 255], [255, 0]]


@pytest.mark.parametrize(
    ("images", "says"),
    [
        (np.zeros((4, 64)), r"images must have axes NHW, NHWC or NCHW.*\(4, 64\)"),
        (np.zeros((0, 8, 8)), "at least one along each"),
        (np.zeros((2, 5, 8, 8)), "neither has 1, 3 or 4 channels"),
        (np.zeros((2, 3, 8, 3)), "where both fit"),
        (np.full((1, 8, 8), 255.0), "floats from 0 to 1; got floats from 255 to 255"),
        (np.full((1, 8, 8), -1.0), "got floats from -1"),
        (np.full((1, 8, 8), np.nan), "got floats from nan"),
        (np.zeros((1, 8, 8), np.int64), "got dtype int64"),
        (np.full((1, 8, 8), "a"), "got dtype <U1"),
    ],
)
def test_other_images_are_refused(images, says):
    with pytest.raises(DataError, match=says):
        as_rgb("images", images)


def test_rows_of_images_keep_their_order():
    rows = COLOUR.reshape(1, 2, 5, 6, 3)
    np.testing.assert_array_equal(as_rgb_rows("strips", rows), rows)
    with pytest.raises(DataError, match=r"strips must have axes \(rows, steps\)"):
        as_rgb_rows("strips", GREY)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ([1.0, np.inf], r"z must be finite; got inf at index \(1,\)"),
        ([[1.0]], r"z must be numbers with axes \(items\).*\(1, 1\)"),
        ([], "at least one along each"),
        (["a"], "got dtype <U1"),
    ],
)
def test_numbers_are_checked(values, says):
    with pytest.raises(DataError, match=says):
        as_matrix("z", values, "items")
