import numpy as np
import pytest

from vaekit.datasets import shapes
from vaekit.datasets.images import render
from vaekit.errors import DataError

NAMES = ("shape", "scale", "rotation", "x", "y")


@pytest.fixture(scope="module")
def grid():
    return shapes()


def draw(size=32, **codes):
    """One sprite; factors not named have code 0."""
    return render({name: np.array([codes.get(name, 0)]) for name in NAMES}, size)[0]


def centroid(images):
    """Column and row, in pixels, of the centre of mass."""
    columns, rows = images.sum(1, dtype=np.float64), images.sum(2, dtype=np.float64)
    positions = np.arange(images.shape[1]) + 0.5
    return columns @ positions / columns.sum(1), rows @ positions / rows.sum(1)


def test_the_grid_holds_each_combination_once_in_order(grid):
    assert dict(grid.factor_sizes) == {"shape": 3, "scale": 6, "rotation": 8, "x": 16, "y": 16}
    codes = np.stack(list(grid.factors.values()))
    sizes = tuple(grid.factor_sizes.values())
    np.testing.assert_array_equal(np.ravel_multi_index(codes, sizes), np.arange(36_864))
    np.testing.assert_array_equal(grid.labels, grid.factors["shape"])
    assert grid.label_names == ("square", "ellipse", "heart")


def test_no_two_codes_give_the_same_image(grid):
    for images in (grid.images, shapes(size=16).images):
        assert len({image.tobytes() for image in images}) == len(images) == 36_864


def test_same_factors_give_the_same_image(grid):
    some = shapes(500, seed=3)
    sizes = tuple(grid.factor_sizes.values())
    place = np.ravel_multi_index(np.stack(list(some.factors.values())), sizes)
    np.testing.assert_array_equal(some.images, grid.images[place])


def test_the_center_of_mass_is_where_x_and_y_say(grid):
    column, row = centroid(grid.images)
    np.testing.assert_allclose(column, grid.factors["x"] + 8.5, atol=0.05)
    np.testing.assert_allclose(row, grid.factors["y"] + 8.5, atol=0.05)


def test_moving_a_sprite_shifts_its_pixels():
    np.testing.assert_array_equal(draw(x=6), np.roll(draw(x=5), 1, axis=1))
    np.testing.assert_array_equal(draw(y=9), np.roll(draw(y=5), 4, axis=0))


def test_the_inked_area_is_that_of_the_shape():
    radius, size = 0.25 * 128, 128
    areas = [draw(size, shape=shape, scale=5, x=8, y=8).sum() / 255 for shape in range(3)]
    heart = (0.5 + np.pi / 8) / 0.65664**2
    expected = radius**2 * np.array([2, np.pi * 0.6, heart])
    np.testing.assert_allclose(areas, expected, rtol=0.01)


def test_area_grows_with_the_square_of_the_scale():
    areas = [draw(128, shape=2, scale=scale, x=8, y=8).sum() for scale in range(6)]
    np.testing.assert_allclose(np.sqrt(np.divide(areas, areas[-1])), np.linspace(0.5, 1, 6), 0.01)


def test_rotation_is_clockwise():
    """At 45 degrees the long axis of the ellipse falls to the right."""
    image = draw(64, shape=1, scale=5, rotation=4, x=8, y=8).astype(float)
    positions = np.arange(64) + 0.5
    column, row = centroid(image[None])
    moment = (positions - row)[:, None] * (positions - column)[None] * image
    assert moment.sum() / image.sum() > 10


def test_the_heart_stands_on_its_tip():
    widths = (draw(64, shape=2, scale=5, x=8, y=8) > 127).sum(1)
    inked = widths[widths > 0]
    assert inked[-1] <= 3
    assert inked.argmax() < len(inked) / 2


def test_edges_are_smooth_and_the_inside_full():
    image = draw(shape=1, scale=5, x=8, y=8)
    assert image.max() == 255
    assert image.min() == 0
    assert ((image > 0) & (image < 255)).sum() > 20


@pytest.mark.parametrize("shape", [0, 1, 2])
def test_no_sprite_has_a_hole_in_its_center(shape):
    image = draw(shape=shape, scale=5, x=8, y=8)
    assert image[16, 16] == 255


def test_no_sprite_is_cut_off():
    wide = [draw(64, shape=s, scale=5, rotation=r) for s in range(3) for r in range(8)]
    middle = [draw(64, shape=s, scale=5, rotation=r, x=8, y=8) for s in range(3) for r in range(8)]
    for corner, center in zip(wide, middle, strict=True):
        np.testing.assert_array_equal(corner, np.roll(center, (-16, -16), (0, 1)))


def test_color_tints_the_same_sprites():
    gray, tinted = shapes(60, seed=1), shapes(60, seed=1, color=True)
    assert tinted.images.shape == (60, 32, 32, 3)
    assert list(tinted.factors) == [*NAMES, "colour"]
    np.testing.assert_array_equal(tinted.images.max(-1), gray.images)
    red = tinted.images[tinted.factors["colour"] == 0]
    assert red[..., 0].any()
    assert not red[..., 1:].any()
    yellow = tinted.images[tinted.factors["colour"] == 1]
    np.testing.assert_array_equal(yellow[..., 0], yellow[..., 1])


def test_the_seed_decides_the_draws():
    first, again, other = (shapes(50, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.images, again.images)
    assert (first.images != other.images).any()


def test_drawn_factors_are_uniform_and_independent():
    factors = shapes(20_000, size=16).factors
    codes = np.stack(list(factors.values()))
    assert np.abs(np.corrcoef(codes) - np.eye(5)).max() < 0.03
    for values in codes:
        counts = np.bincount(values)
        assert counts.min() > 0.85 * counts.mean()


def test_parts_of_a_large_set_do_not_depend_on_the_rest():
    """More images than are rendered at once."""
    np.testing.assert_array_equal(
        shapes(700, size=64).images[600:],
        render({name: codes[600:] for name, codes in shapes(700, size=64).factors.items()}, 64),
    )


@pytest.mark.parametrize(
    ("options", "says"),
    [({"n": 0}, "n must be at least 1 or None; got 0"), ({"size": 8}, "at least 16 pixels; got 8")],
)
def test_bad_options_are_refused(options, says):
    with pytest.raises(DataError, match=says):
        shapes(**options)
