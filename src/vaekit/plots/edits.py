"""What an edit makes of images, and how well it does."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from vaekit.errors import DataError
from vaekit.plots.arrays import as_rgb_rows
from vaekit.plots.mosaic import compose, draw_mosaic, label_columns
from vaekit.plots.style import (
    ACCENT,
    DPI,
    FAINT,
    INK,
    LABEL_SIZE,
    PALETTE,
    PLAIN,
    bare_frame,
    write_title,
)

__all__ = ["edit_curves", "edit_strips"]

_MARGIN = 0.2  # inches, for the words above
_SIZE = (6.4, 2.6)  # inches


def edit_strips(strips: Any, names: Sequence[str], *, title: str | None = None) -> Figure:
    """Draw each item as a row: as it was, as the model sees it, and edited ever more.

    Args:
        strips: Axes (items, columns) and then those of an image: HW, HWC or CHW; uint8, or floats
            from 0 to 1.
        names: One per column, for instance ``["original", "reconstruction", "1"]``.
        title: Above the images.

    Raises:
        DataError: Another layout, dtype or range; not one name per column.

    Example:
        >>> import numpy as np
        >>> figure = edit_strips(np.zeros((2, 3, 8, 8)), ["original", "reconstruction", "1"])
        >>> [text.get_text() for text in figure.axes[0].texts]
        ['original', 'reconstruction', '1']
    """
    rgb = as_rgb_rows("strips", strips)
    if len(names) != rgb.shape[1]:
        raise DataError(
            f"names must be one per column of the strips, {rgb.shape[1]}; got {len(names)}."
        )
    mosaic = compose(rgb.reshape(-1, *rgb.shape[2:]), rgb.shape[1])
    figure, axes = draw_mosaic(mosaic, title, top=_MARGIN)
    label_columns(axes, mosaic, names)
    return figure


def edit_curves(
    strengths: Sequence[float],
    flip: Sequence[float],
    kept: Mapping[str, Sequence[float]],
    identity: Sequence[float],
    *,
    baselines: Mapping[str, tuple[float, float]] | None = None,
    title: str | None = None,
) -> Figure:
    """Draw what an edit gains and costs over its strength, and gain against cost.

    Args:
        strengths: Increasing.
        flip: Share of items that get the new label, one per strength.
        kept: Share of items that keep the label of each other attribute.
        identity: Distance from the reconstruction.
        baselines: For each, its flip and its identity.
        title: Above.

    Raises:
        DataError: Not one number per strength.

    Example:
        >>> figure = edit_curves([0.5, 1.0], [0.4, 0.9], {"hair": [1.0, 0.9]}, [0.1, 0.2])
        >>> [axes.get_xlabel() for axes in figure.axes]
        ['strength', 'distance from the reconstruction']
    """
    for name, values in {"flip": flip, "identity": identity, **kept}.items():
        if len(values) != len(strengths):
            raise DataError(
                f"{name} must be one number per strength, {len(strengths)}; got {len(values)}."
            )
    figure = Figure(figsize=_SIZE, dpi=DPI, layout="constrained")
    left, right = figure.subplots(1, 2)
    _over_strength(left, strengths, flip, kept)
    write_title(left, title)
    _gain_against_cost(right, strengths, flip, identity, baselines or {})
    return figure


def _over_strength(
    axes: Axes,
    strengths: Sequence[float],
    flip: Sequence[float],
    kept: Mapping[str, Sequence[float]],
) -> None:
    bare_frame(axes)
    for place, (name, shares) in enumerate(kept.items()):
        colour = PALETTE[place % len(PALETTE)]
        axes.plot(strengths, shares, color=colour, linewidth=0.8, label=f"kept: {name}")
    axes.plot(strengths, flip, color=ACCENT, linewidth=1.8, marker="o", markersize=3, label="flip")
    axes.set_ylim(-0.03, 1.03)
    axes.set_xlabel("strength", fontsize=LABEL_SIZE, color=INK)
    axes.set_ylabel("share of items", fontsize=LABEL_SIZE, color=INK)
    axes.legend(frameon=False, fontsize=LABEL_SIZE - 2, labelcolor=INK)


def _gain_against_cost(
    axes: Axes,
    strengths: Sequence[float],
    flip: Sequence[float],
    identity: Sequence[float],
    baselines: Mapping[str, tuple[float, float]],
) -> None:
    bare_frame(axes)
    axes.plot(identity, flip, color=PLAIN, linewidth=1.4, marker="o", markersize=3)
    for strength, *place in zip(strengths, identity, flip, strict=True):
        _write(axes, f"{strength:g}", place)
    for name, (gain, cost) in baselines.items():
        axes.plot([cost], [gain], color=FAINT, marker="s", markersize=4, linestyle="none")
        _write(axes, name, [cost, gain])
    axes.set_ylim(-0.03, 1.06)
    axes.margins(x=0.15)
    axes.set_xlabel("distance from the reconstruction", fontsize=LABEL_SIZE, color=INK)
    axes.set_ylabel("flip", fontsize=LABEL_SIZE, color=INK)


def _write(axes: Axes, text: str, place: Sequence[float]) -> None:
    axes.annotate(
        text,
        (place[0], place[1]),
        xytext=(3, 3),
        textcoords="offset points",
        fontsize=LABEL_SIZE - 2,
        color=INK,
    )
