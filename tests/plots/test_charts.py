"""The pictures that are made of numbers: what is drawn is what was passed."""

import numpy as np
import pytest
import torch
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure

from vaekit.errors import DataError
from vaekit.plots import latent_health, latent_map, training_curves
from vaekit.plots.style import FAINT, PALETTE, PLAIN


def legend_of(figure):
    legend = figure.axes[0].get_legend() or figure.legends[0]
    return [text.get_text() for text in legend.get_texts()]


def points_of(figure):
    return np.concatenate([np.asarray(c.get_offsets()) for c in figure.axes[0].collections])


def test_two_latents_are_drawn_as_they_are():
    z = torch.randn(50, 2, generator=torch.Generator().manual_seed(0))
    figure = latent_map(z, title="map")
    np.testing.assert_allclose(points_of(figure), z.numpy(), rtol=1e-6)
    axes = figure.axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("z0", "z1")
    assert axes.get_aspect() == 1
    assert axes.get_title("left") == "map"
    assert axes.get_legend() is None


def test_more_latents_are_projected_on_their_principal_components():
    rng = np.random.default_rng(0)
    spread = rng.normal(size=(400, 2)) * [3, 1]
    basis = np.linalg.qr(rng.normal(size=(5, 5)))[0][:, :2]
    figure = latent_map(spread @ basis.T + 7)
    points = points_of(figure)
    distances = [np.linalg.norm(p - p[:1], axis=1) for p in (points, spread)]
    np.testing.assert_allclose(*distances, rtol=1e-6)
    assert abs(np.corrcoef(points.T)[0, 1]) < 1e-9
    assert points[:, 0].var() > points[:, 1].var()
    share = 100 * points[:, 0].var() / points.var(0).sum()
    assert figure.axes[0].get_xlabel() == f"principal component 1 ({share:.0f} % of the variance)"


def test_latents_that_are_all_the_same_are_drawn():
    assert "(0 % of the variance)" in latent_map(np.ones((4, 3))).axes[0].get_xlabel()


def test_classes_have_colors_and_names():
    figure = latent_map(np.eye(2).repeat(2, 0), [2, 0, 2, 0], label_names=("bag", "shoe", "coat"))
    colors = figure.axes[0].collections[0].get_facecolors()
    assert legend_of(figure) == ["bag", "coat"]
    expected = [to_rgba(PALETTE[code])[:3] for code in (2, 0, 2, 0)]
    np.testing.assert_allclose(colors[:, :3], expected)


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        (["b", "a", "b"], ["a", "b"]),
        ([True, False, True], ["False", "True"]),
        ([10, 9, 10], ["9", "10"]),
        (torch.tensor([1, -1, 1]), ["-1", "1"]),
    ],
)
def test_labels_of_few_kinds_are_classes(labels, names):
    assert legend_of(latent_map(np.eye(3)[:, :2], labels)) == names


def test_classes_after_ten_have_other_markers():
    figure = latent_map(np.zeros((20, 2)), np.arange(20))
    assert len(figure.axes[0].collections) == 2
    handles = figure.axes[0].get_legend().legend_handles
    looks = {(handle.get_color(), handle.get_marker()) for handle in handles}
    assert len(looks) == 20


@pytest.mark.parametrize("labels", [np.linspace(-2, 3, 30), np.arange(30)])
def test_other_numbers_have_a_scale(labels):
    figure = latent_map(np.random.default_rng(0).normal(size=(30, 2)), labels)
    assert len(figure.axes) == 2
    drawn = figure.axes[0].collections[0]
    assert drawn.get_clim() == (labels.min(), labels.max())
    np.testing.assert_array_equal(drawn.get_array(), labels)


@pytest.mark.parametrize(
    ("z", "labels", "names", "says"),
    [
        (np.zeros((5, 1)), None, None, "at least 2 items and 2 latents"),
        (np.zeros((1, 2)), None, None, "at least 2 items and 2 latents"),
        (np.zeros(5), None, None, r"z must be numbers with axes \(items latents\)"),
        (np.full((2, 2), np.nan), None, None, "z must be finite"),
        (np.zeros((5, 2)), [1, 2], None, r"labels must be one per item, shape \(5,\)"),
        (np.zeros((2, 2)), [0.5, np.nan], None, "labels must be finite"),
        (np.zeros((2, 2)), [0, 2], ("a", "b"), "from 0 to 1, one per label name"),
        (np.zeros((2, 2)), ["a", "b"], ("a", "b"), "labels must be whole numbers"),
    ],
)
def test_maps_are_checked(z, labels, names, says):
    with pytest.raises(DataError, match=says):
        latent_map(z, labels, label_names=names)


def history(epochs=5, validation=True):
    rows = []
    for epoch in range(1, epochs + 1):
        row = {"epoch": epoch, "step": 10 * epoch, "learning_rate": 1e-3}
        row |= {"loss": 10 - epoch, "capacity_kl": epoch / 2}
        if validation:
            row |= {"validation_loss": 10 + (epoch - 3) ** 2, "validation_capacity_kl": epoch}
        rows.append(row)
    return rows


def lines(axes):
    return {line.get_label(): line for line in axes.get_lines()}


def test_each_term_has_a_panel_with_both_lines():
    figure = training_curves(history())
    assert [axes.get_title("left") for axes in figure.axes] == ["loss", "capacity kl"]
    assert [axes.get_ylabel() for axes in figure.axes] == ["nats", "nats"]
    drawn = lines(figure.axes[1])
    np.testing.assert_array_equal(drawn["training"].get_ydata(), [0.5, 1, 1.5, 2, 2.5])
    np.testing.assert_array_equal(drawn["validation"].get_ydata(), [1, 2, 3, 4, 5])
    np.testing.assert_array_equal(drawn["validation"].get_xdata(), [1, 2, 3, 4, 5])


def test_the_best_epoch_is_marked_in_every_panel():
    figure = training_curves(history())
    for axes in figure.axes:
        assert set(lines(axes)["best epoch (3)"].get_xdata()) == {3}
    assert legend_of(figure) == ["training", "validation", "best epoch (3)"]


def test_without_validation_nothing_is_said_of_it():
    figure = training_curves(history(validation=False))
    assert legend_of(figure) == ["training"]


def test_validation_in_some_epochs_is_joined():
    rows = history()
    for row in rows[1::2]:
        del row["validation_loss"]
    rows[4]["validation_loss"] = float("nan")
    drawn = lines(training_curves(rows).axes[0])
    np.testing.assert_array_equal(drawn["validation"].get_xdata(), [1, 3])


def test_a_single_epoch_is_a_point_at_a_whole_number():
    figure = training_curves(history(epochs=1))
    axes = figure.axes[0]
    assert lines(axes)["training"].get_marker() == "o"
    low, high = axes.get_xlim()
    assert {1.0} <= set(axes.get_xticks()) <= {float(i) for i in range(-1, 4)}
    assert low < 1 < high


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([], "history must have at least one row"),
        ([{"loss": 1.0}], r"must have an epoch; got \['loss'\] in row 0"),
        ([{"epoch": 1, "step": 3}], "history must have terms"),
    ],
)
def test_histories_are_checked(rows, says):
    with pytest.raises(DataError, match=says):
        training_curves(rows)


def test_bars_are_sorted_active_first():
    kl, active = [0.2, 3.0, 0.5, 1.0], [True, True, False, True]
    axes = latent_health(kl, active).axes[0]
    assert [bar.get_height() for bar in axes.patches] == [3, 1, 0.2, 0.5]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["z1", "z3", "z0", "z2"]
    expected = [to_rgba(color) for color in (PLAIN, PLAIN, PLAIN, FAINT)]
    assert [bar.get_facecolor() for bar in axes.patches] == expected


def test_a_line_divides_active_from_inactive():
    figure = latent_health(torch.tensor([1.0, 0.0, 2.0]), torch.tensor([True, False, True]))
    divider = [line for line in figure.axes[0].get_lines() if line.get_linestyle() == "--"]
    assert set(divider[0].get_xdata()) == {1.5}
    assert legend_of(figure) == ["2 active", "1 inactive"]


@pytest.mark.parametrize(("active", "key"), [(True, ["3 active"]), (False, ["3 inactive"])])
def test_latents_of_one_kind_need_no_line(active, key):
    figure = latent_health([1.0, 2.0, 3.0], [active] * 3)
    assert legend_of(figure) == key
    assert all(line.get_linestyle() != "--" for line in figure.axes[0].get_lines())


def test_many_latents_are_ranked_without_names():
    axes = latent_health(np.ones(200), np.ones(200, bool)).axes[0]
    assert axes.get_xlabel() == "latents, by rank"
    assert isinstance(axes.get_figure(), Figure)
    assert axes.get_figure().get_figwidth() <= 8


@pytest.mark.parametrize(
    ("kl", "active", "says"),
    [
        ([1.0], [1], "active must be booleans"),
        ([1.0, 2.0], [True], r"of shape \(2,\), one per latent.*\(1,\)"),
        ([np.nan], [True], "kl_per_latent must be finite"),
        ([], [], "kl_per_latent must be numbers"),
    ],
)
def test_health_is_checked(kl, active, says):
    with pytest.raises(DataError, match=says):
        latent_health(kl, active)
