"""Cards, bars and maps of clusters."""

import sys

import numpy as np
import pytest

from vaekit.errors import DataError, MissingExtraError, SpecError
from vaekit.plots import cluster_bars, cluster_cards, latent_map


def words_of(figure):
    return [text.get_text() for text in figure.axes[0].texts]


def test_each_cluster_is_a_row_of_its_own_images():
    figure = cluster_cards({"a": np.full((2, 8, 8), 0.5), "b": np.zeros((4, 8, 8))}, title="two")
    pixels = figure.axes[0].images[0].get_array()
    assert words_of(figure) == ["a", "b"]
    assert figure.axes[0].get_title("left") == "two"
    first, second = pixels[0], pixels[-1]
    assert (first == 128).all(-1).sum() < (second == 0).all(-1).sum()
    assert (first[-1] == 255).all()  # a row with fewer images ends in white


def test_colors_and_one_cluster():
    assert words_of(cluster_cards({"all": np.zeros((3, 6, 9, 3), np.uint8)})) == ["all"]


def test_bars_are_as_long_as_differences():
    figure = cluster_bars({"a": {"age": 2.0, "height": -1.0}, "b": {}}, title="what sets apart")
    bars = [patch.get_width() for patch in figure.axes[0].patches]
    assert bars == [2.0, -1.0]
    assert [tick.get_text() for tick in figure.axes[0].get_yticklabels()] == ["age", "height"]
    assert figure.axes[0].get_xlim() == figure.axes[1].get_xlim()


def test_long_names_leave_room_for_the_bars():
    figure = cluster_bars({"a": {"od280/od315_of_diluted_wines": 1.0}})
    assert [t.get_text() for t in figure.axes[0].get_yticklabels()] == ["od280/od315_of_dilu…"]


@pytest.mark.parametrize(
    ("draw", "says"),
    [
        (lambda: cluster_cards({}), "at least one cluster"),
        (lambda: cluster_bars({}), "at least one cluster"),
        (lambda: cluster_cards({"a": np.zeros((1, 8, 8)), "b": np.zeros((1, 9, 9))}), "one size"),
        (lambda: cluster_cards({"a": np.full((1, 8, 8), 3.5)}), "images of 'a'.*0 to 1"),
    ],
)
def test_what_cannot_be_drawn_is_refused(draw, says):
    with pytest.raises(DataError, match=says):
        draw()


@pytest.mark.slow
def test_a_map_by_umap_keeps_neighbors_together():
    pytest.importorskip("umap")
    z = np.random.default_rng(0).normal(size=(60, 4)) + 20 * np.repeat([0, 1], 30)[:, None]
    figure = latent_map(z, np.repeat([0, 1], 30), projection="umap")
    points = np.asarray(figure.axes[0].collections[0].get_offsets())
    assert figure.axes[0].get_xlabel() == "UMAP 1"
    assert np.linalg.norm(points[:30].mean(0) - points[30:].mean(0)) > 2 * points[:30].std()


def test_a_missing_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "umap", None)
    with pytest.raises(MissingExtraError, match=r"vaekit\[umap\]"):
        latent_map(np.eye(5), projection="umap")
    with pytest.raises(SpecError, match="did you mean 'pca'"):
        latent_map(np.eye(5), projection="pcs")
