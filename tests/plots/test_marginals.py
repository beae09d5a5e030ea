import numpy as np
import pytest

pd = pytest.importorskip("pandas")

from vaekit.errors import DataError  # noqa: E402
from vaekit.plots import marginals  # noqa: E402


def table(rows, seed):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "size": rng.normal(size=rows),
            "kind": rng.choice(list("abc"), rows, p=[0.6, 0.3, 0.1]),
            "since": pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 90, rows), "D"),
            "big": pd.array(rng.integers(0, 9, rows), dtype="Int64"),
            "often": np.where(rng.random(rows) < 0.3, None, "yes"),
        }
    )


def test_each_column_has_its_panel_with_both_tables():
    figure = marginals(table(300, 0), table(200, 1))
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles == ["size", "kind", "since", "big", "often"]
    bars = figure.axes[1].patches
    assert [round(bar.get_height(), 1) for bar in bars] == [0.6, 0.3, 0.1]
    ticks = [label.get_text() for label in figure.axes[2].get_xticklabels()]
    assert all(tick.startswith("2020-0") for tick in ticks)
    assert "(missing)" in [label.get_text() for label in figure.axes[4].get_xticklabels()]


def test_shares_add_up():
    figure = marginals(table(300, 0), table(200, 1))
    real, synthetic = figure.axes[0].patches
    assert real.get_data().values.sum() == pytest.approx(1)
    assert 0.9 < synthetic.get_data().values.sum() <= 1  # what lies outside is not drawn


def test_wide_tables_and_long_labels_are_cut():
    wide = pd.DataFrame({f"c{i}": ["a very long label", "b"] for i in range(40)})
    figure = marginals(wide, wide)
    assert len(figure.axes) == 16
    assert figure.axes[0].get_xticklabels()[0].get_text() == "a very long…"


def test_a_column_without_values_is_left_blank():
    frame = pd.DataFrame({"a": [np.nan, np.nan], "b": [1.0, 2.0]})
    assert len(marginals(frame, frame).axes) == 2


@pytest.mark.parametrize("other", [table(5, 0)[["size"]], table(5, 0).iloc[:0]])
def test_tables_must_match(other):
    with pytest.raises(DataError, match="tables must have rows and the same columns"):
        marginals(table(5, 0), other)
