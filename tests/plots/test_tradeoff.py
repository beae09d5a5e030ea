import pytest

from vaekit.errors import DataError
from vaekit.plots import Panel, tradeoff_curves


def curves(**models):
    return Panel(models, "seconds", "distance", target=1.0, log_x=True)


def test_a_model_has_one_color_in_all_panels_and_a_line_for_each_seed():
    a, b = [([1, 2], [3, 4]), ([1, 2], [5, 6])], [([1, 3], [2, 1])]
    figure = tradeoff_curves([curves(a=a, b=b), curves(b=b)])
    first, second = figure.axes
    colors = [line.get_color() for line in first.lines]
    assert len(colors) == 4  # two seeds, one seed, and the target
    assert colors[0] == colors[1] != colors[2] == second.lines[0].get_color()
    keys = [text.get_text() for text in figure.legends[0].get_texts()]
    assert keys == ["a", "b", "real items"]


def test_the_marks_of_a_short_axis_in_powers_can_be_read():
    figure = tradeoff_curves([curves(a=[([1.3, 5.8], [3, 4])])])
    figure.draw_without_rendering()
    axis = figure.axes[0].xaxis
    shown = [label.get_text() for label in axis.get_ticklabels() if label.get_text()]
    assert {"2", "5"} <= set(shown)
    assert not any(label.get_text() for label in axis.get_ticklabels(minor=True))


def test_nothing_to_draw_is_said():
    with pytest.raises(DataError, match="at least one curve; got none"):
        tradeoff_curves([curves()])
