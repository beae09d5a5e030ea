"""Known against predicted values."""

import numpy as np
import pytest

from vaekit.errors import DataError
from vaekit.molecules import prediction_scatter


def test_points_are_the_pairs_on_equal_axes_with_a_diagonal():
    known, predicted = np.array([1.0, 2.0, np.nan, 5.0]), np.array([1.5, 2.0, 3.0, np.nan])
    figure = prediction_scatter({"logp": (known, predicted), "qed": (predicted, predicted)})
    axes = figure.axes[0]
    np.testing.assert_allclose(axes.collections[0].get_offsets(), [[1.0, 1.5], [2.0, 2.0]])
    assert axes.get_xlim() == axes.get_ylim()
    assert axes.get_title("left") == "logp"
    line = axes.lines[0]
    np.testing.assert_array_equal(line.get_xdata(), line.get_ydata())


def test_many_are_thinned_and_panels_go_three_to_a_row():
    values = np.arange(20_000.0)
    figure = prediction_scatter(dict.fromkeys("abcd", (values, values)))
    assert [axes.axison for axes in figure.axes] == [True] * 4 + [False] * 2
    assert len(figure.axes[0].collections[0].get_offsets()) == 5000


def test_there_must_be_something_to_draw():
    with pytest.raises(DataError, match="at least one property"):
        prediction_scatter({})
    with pytest.raises(DataError, match=r"'qed' must be known and predicted"):
        prediction_scatter({"qed": (np.array([np.nan]), np.array([1.0]))})
