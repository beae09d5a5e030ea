"""Sheets of images and usage of codes."""

import numpy as np
import pytest

from vaekit.errors import DataError
from vaekit.plots import code_usage, image_sheets
from vaekit.plots.images import GAP


def sheet(value, count=5):
    return np.full((count, 96, 96), value, np.uint8)


def test_sheets_lie_one_above_the_other_with_their_names():
    figure = image_sheets({"real": sheet(10), "made": sheet(90)}, columns=3, title="both")
    pixels = np.asarray(figure.axes[0].images[0].get_array())[..., 0]
    step = 96 + GAP
    tops = [0, step, 2 * 96 + GAP + 5 * GAP, 3 * 96 + 2 * GAP + 5 * GAP]
    assert [pixels[top + 1, 1] for top in tops] == [10, 10, 90, 90]
    assert (pixels[tops[1], 2 * step :] == 255).all()
    assert [text.get_text() for text in figure.axes[0].texts] == ["real", "made"]
    positions = [text.get_position()[1] for text in figure.axes[0].texts]
    assert positions == [tops[0] + 48, tops[2] + 48]
    assert figure.axes[0].get_title("left") == "both"


@pytest.mark.parametrize(
    ("sheets", "columns"),
    [({}, 3), ({"a": sheet(1), "b": sheet(1, count=4)}, 3), ({"a": sheet(1)}, 0)],
)
def test_sheets_are_checked(sheets, columns):
    with pytest.raises(DataError, match="sheets must be at least one"):
        image_sheets(sheets, columns=columns)


def test_codes_are_ranked_by_their_share():
    axes = code_usage([0, 2, 6, 0]).axes[0]
    assert [bar.get_height() for bar in axes.patches] == [0.75, 0.25, 0, 0]
    assert set(axes.get_lines()[0].get_ydata()) == {0.25}
    words = [text.get_text() for text in axes.get_figure().legends[0].get_texts()]
    assert words == ["2 of 4 codes used", "all alike"]


@pytest.mark.parametrize("counts", [[0, 0], [-1, 2]])
def test_counts_are_checked(counts):
    with pytest.raises(DataError, match="counts must be at least 0"):
        code_usage(counts)
