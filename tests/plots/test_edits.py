"""Pictures of edits."""

import numpy as np
import pytest

from vaekit.errors import DataError
from vaekit.plots import edit_curves, edit_strips


def test_strips_have_a_name_above_each_column():
    names = ["original", "reconstruction", "0.5", "1"]
    figure = edit_strips(np.zeros((3, 4, 8, 8, 3), np.uint8), names, title="smile")
    assert [text.get_text() for text in figure.axes[0].texts] == names
    with pytest.raises(DataError, match="one per column of the strips, 4; got 2"):
        edit_strips(np.zeros((3, 4, 8, 8)), ["a", "b"])


def test_curves_show_gain_kept_shares_and_baselines():
    figure = edit_curves(
        [0.5, 1.0],
        [0.4, 0.9],
        {"hair": [1.0, 0.95], "nose": [1.0, 0.9]},
        [0.1, 0.2],
        baselines={"no edit": (0.02, 0.0)},
    )
    left, right = figure.axes
    assert [line.get_label() for line in left.lines] == ["kept: hair", "kept: nose", "flip"]
    assert [text.get_text() for text in right.texts] == ["0.5", "1", "no edit"]
    with pytest.raises(DataError, match="nose must be one number per strength, 2; got 1"):
        edit_curves([0.5, 1.0], [0.4, 0.9], {"nose": [1.0]}, [0.1, 0.2])
