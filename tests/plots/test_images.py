"""The pictures that are made of images: every pixel has its place."""

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from vaekit.errors import DataError
from vaekit.plots import (
    image_grid,
    interpolation_strips,
    latent_traversals,
    reconstruction_pairs,
)
from vaekit.plots.images import GAP, compose

WHITE = 255


def random_images(*shape, seed=0):
    """No pixel is white, so that gaps can be told from images."""
    return np.random.default_rng(seed).integers(0, 250, shape, np.uint8)


def drawn(figure):
    return np.asarray(figure.axes[0].images[0].get_array())


def texts(figure):
    return [text.get_text() for text in figure.axes[0].texts]


def tiles(figure):
    """The images back from a picture: bands that are not white, by row and column."""
    pixels = drawn(figure)[..., 0]
    rows, columns = (_bands((pixels != WHITE).any(axis)) for axis in (1, 0))
    return [[pixels[top:bottom, left:right] for left, right in columns] for top, bottom in rows]


def _bands(ink):
    edges = np.flatnonzero(np.diff(np.concatenate([[0], ink.astype(int), [0]])))
    return edges.reshape(-1, 2)


def enlarge(image, factor):
    return image.repeat(factor, 0).repeat(factor, 1)


@pytest.mark.parametrize(
    ("side", "factor"), [(8, 12), (28, 3), (32, 3), (64, 2), (128, 1), (300, 1)]
)
def test_images_are_enlarged_by_whole_factors(side, factor):
    images = random_images(2, side, side)
    ((first, second),) = tiles(image_grid(images))
    np.testing.assert_array_equal(first, enlarge(images[0], factor))
    np.testing.assert_array_equal(second, enlarge(images[1], factor))


def test_a_grid_holds_each_image_at_its_place():
    images = random_images(7, 28, 20)
    grid = tiles(image_grid(images, columns=3))
    assert [len(row) for row in grid] == [3, 3, 3]
    for index, image in enumerate(images):
        np.testing.assert_array_equal(grid[index // 3][index % 3], enlarge(image, 3))
    assert (grid[2][1] == WHITE).all()


def test_gaps_are_thin():
    mosaic = compose(np.zeros((4, 8, 8, 3), np.uint8), 2, tile=8)
    assert mosaic.pixels.shape == (16 + GAP, 16 + GAP, 3)
    assert mosaic.pixels[8 : 8 + GAP].min() == WHITE


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
def test_colors_stay(layout):
    images = random_images(1, 64, 64, 3)
    given = images if layout == "NHWC" else images.transpose(0, 3, 1, 2)
    np.testing.assert_array_equal(drawn(image_grid(given)), enlarge(images[0], 2))


@pytest.mark.parametrize(
    ("n", "columns"), [(1, 1), (5, 5), (8, 8), (10, 5), (12, 4), (16, 4), (17, 5), (64, 8)]
)
def test_columns_fill_the_rows_evenly(n, columns):
    width = drawn(image_grid(np.zeros((n, 96, 96), np.uint8))).shape[1]
    assert width == columns * (96 + GAP) - GAP


@pytest.mark.parametrize("title", [None, "A title"])
def test_pixels_of_the_mosaic_are_pixels_of_the_file(title):
    figure = image_grid(random_images(6, 8, 8), title=title)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    page = np.asarray(canvas.buffer_rgba())[..., :3]
    mosaic = drawn(figure)
    box = figure.axes[0].get_window_extent()
    top, left = round(page.shape[0] - box.y1), round(box.x0)
    shown = page[top : top + mosaic.shape[0], left : left + mosaic.shape[1]]
    np.testing.assert_array_equal(shown, mosaic)


def test_captions_stand_below_their_images():
    figure = image_grid(random_images(4, 28, 28), columns=2, captions=["a", "b", "c", "d"])
    assert texts(figure) == ["a", "b", "c", "d"]
    positions = np.array([text.get_position() for text in figure.axes[0].texts])
    side = 4 * 28
    assert positions[0, 0] < side < positions[1, 0]
    assert side <= positions[0, 1] < positions[2, 1] - side


def test_captions_fit_between_the_images():
    names = ["a caption of many words that cannot fit", "Incomprehensibilities"] * 3
    figure = image_grid(random_images(6, 28, 28), columns=3, captions=names)
    FigureCanvasAgg(figure).draw()
    boxes = [text.get_window_extent() for text in figure.axes[0].texts]
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[i + 1 :])
    assert texts(figure)[0].count("\n") == 1
    assert texts(figure)[0].endswith("…")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"captions": ["a"]}, "captions must be one per image, 2; got 1"),
        ({"columns": 0}, "columns must be at least 1; got 0"),
    ],
)
def test_grid_options_are_checked(options, says):
    with pytest.raises(DataError, match=says):
        image_grid(random_images(2, 8, 8), **options)


def test_reconstructions_stand_below_their_originals():
    above, below = random_images(23, 28, 28), random_images(23, 28, 28, seed=1)
    figure = reconstruction_pairs(above, below, title="pairs")
    grid = tiles(figure)
    assert len(grid) == 6
    assert len(grid[0]) == 8
    for index in range(23):
        block, column = divmod(index, 8)
        np.testing.assert_array_equal(grid[2 * block][column], enlarge(above[index], 3))
        np.testing.assert_array_equal(grid[2 * block + 1][column], enlarge(below[index], 3))
    assert texts(figure) == ["original", "reconstruction"] * 3
    assert figure.axes[0].get_title("left") == "pairs"


def test_labels_at_the_left_stay_within_the_figure():
    figure = reconstruction_pairs(random_images(2, 8, 8), random_images(2, 8, 8))
    FigureCanvasAgg(figure).draw()
    assert min(text.get_window_extent().x0 for text in figure.axes[0].texts) >= 0


def test_pairs_must_match():
    with pytest.raises(DataError, match=r"reconstructions must be as many.*\(1, 8, 8\) for \(2, 8"):
        reconstruction_pairs(random_images(2, 8, 8), random_images(1, 8, 8))


@pytest.mark.parametrize("shape", [(28, 28), (28, 28, 1), (1, 28, 28)])
def test_strips_run_along_the_rows(shape):
    strips = random_images(2, 5, *shape)
    figure = interpolation_strips(strips)
    for row, images in zip(tiles(figure), strips.reshape(2, 5, 28, 28), strict=True):
        for tile, image in zip(row, images, strict=True):
            np.testing.assert_array_equal(tile, enlarge(image, 3))
    assert texts(figure) == ["a", "", "", "", "b"]


def test_a_strip_has_two_ends():
    with pytest.raises(DataError, match="at least 2 steps; got 1"):
        interpolation_strips(random_images(2, 1, 8, 8))


def test_traversals_are_labeled_with_latents_and_values():
    images = random_images(2, 4, 28, 28)
    figure = latent_traversals(images, [-3, -0.001, 0.3333, 2])
    np.testing.assert_array_equal(tiles(figure)[1][2], enlarge(images[1, 2], 3))
    assert texts(figure)[:6] == ["z0", "z1", "−3", "0", "0.33", "2"]
    assert "prior standard deviations" in texts(figure)[6]


def test_long_names_of_latents_stay_within_the_figure():
    names = ["the thickness of the stroke", "slant"]
    figure = latent_traversals(random_images(2, 3, 8, 8), [-1, 0, 1], names=names)
    FigureCanvasAgg(figure).draw()
    assert min(text.get_window_extent().x0 for text in figure.axes[0].texts) >= 0


@pytest.mark.parametrize(
    ("values", "names", "says"),
    [
        ([0, 1], None, "values must be one per step of the images, 3; got 2"),
        ([0, 1, np.nan], None, "values must be finite"),
        ([0, 1, 2], ["a"], "names must be one per latent of the images, 2; got 1"),
    ],
)
def test_traversal_labels_are_checked(values, names, says):
    with pytest.raises(DataError, match=says):
        latent_traversals(random_images(2, 3, 8, 8), values, names=names)
