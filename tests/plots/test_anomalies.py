"""Pictures of anomalies."""

import numpy as np
import pytest

from vaekit.errors import DataError
from vaekit.plots import heat_sheets, png_of, score_histogram, unusual_map

RNG = np.random.default_rng(0)


def test_bars_stand_on_one_side_of_the_threshold():
    figure = score_histogram(np.r_[RNG.random(500), 9.0, 9.5], 5.0)
    usual, flagged = figure.axes[0].patches
    assert usual.get_data().values.sum() == 500
    assert flagged.get_data().values.sum() == 2
    assert figure.axes[0].texts[0].get_text() == " flagged: 2 of 502"
    assert png_of(figure) == png_of(figure)


def test_one_score_is_drawn_too():
    png_of(score_histogram([1.0], 1.0))


def test_unusual_items_lie_on_top():
    figure = unusual_map(RNG.normal(size=(40, 3)), 5 * RNG.normal(size=(4, 3)))
    below, above = figure.axes[0].collections
    assert len(below.get_offsets()) == 40
    assert len(above.get_offsets()) == 4
    with pytest.raises(DataError, match="usual must be"):
        unusual_map(np.zeros(3), np.zeros((1, 3)))


def test_the_hottest_pixel_is_the_reddest():
    images = RNG.random((3, 8, 8))
    heat = np.zeros((3, 8, 8))
    heat[:, 2, 5] = 4.0
    figure = heat_sheets(images, images, heat)
    assert [text.get_text() for text in figure.axes[0].texts] == ["found", "expected", "where"]
    with pytest.raises(DataError, match="heat must be at least 0"):
        heat_sheets(images, images, -heat)
    with pytest.raises(DataError, match=r"shape \(3, 8, 8\)"):
        heat_sheets(images, images, heat[:, :4])
