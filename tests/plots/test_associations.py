"""The picture of how columns go together."""

import numpy as np
import pytest

pd = pytest.importorskip("pandas")

from vaekit.errors import DataError  # noqa: E402
from vaekit.plots import association_difference  # noqa: E402


def matrix(size, value):
    names = [f"column {i}" for i in range(size)]
    return pd.DataFrame(np.full((size, size), value), names, names)


def test_three_panels_show_real_synthetic_and_their_difference():
    figure = association_difference(matrix(3, 0.5), matrix(3, 0.2))
    shown = [axes.images[0].get_array() for axes in figure.axes[:3]]
    assert [float(values.mean()) for values in shown] == pytest.approx([0.5, 0.2, -0.3])
    assert [t.get_text() for t in figure.axes[0].get_yticklabels()] == list(matrix(3, 0).columns)


def test_many_columns_are_not_named_and_others_are_refused():
    wide = association_difference(matrix(60, 0.5), matrix(60, 0.5))
    assert not wide.axes[0].get_yticklabels()
    with pytest.raises(DataError, match="same columns"):
        association_difference(matrix(3, 0.5), matrix(2, 0.5))
