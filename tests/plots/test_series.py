"""Pictures of series."""

import numpy as np
import pytest

from vaekit.errors import DataError
from vaekit.series import unusual_steps


def test_each_channel_has_a_panel_and_each_event_a_shade_in_all():
    figure = unusual_steps(
        np.zeros((50, 3)), np.arange(50.0), [(3, 6), (20, 30)], threshold=9.0, names=list("abc")
    )
    assert [axes.get_ylabel() for axes in figure.axes] == ["a", "b", "c", "score, nats"]
    assert [len(axes.patches) for axes in figure.axes] == [2, 2, 2, 2]
    with pytest.raises(DataError, match="one score for each step"):
        unusual_steps(np.zeros(5), np.zeros(4), [])
