"""Pictures of anomalies and of edits."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from numpy.typing import NDArray

from vaekit.errors import DataError
from vaekit.plots.images import compose, draw_mosaic, image_sheets, label_columns
from vaekit.plots.latent_maps import project
from vaekit.plots.style import (
    ACCENT,
    DPI,
    FAINT,
    INK,
    LABEL_SIZE,
    PALETTE,
    PLAIN,
    as_matrix,
    as_rgb,
    as_rgb_rows,
    bare_frame,
    plain_text,
    write_key,
    write_title,
)

_SIZE, _BINS = (6.0, 2.4), 60
_SIDE = 4.5  # inches


def score_histogram(scores: Any, threshold: float) -> Figure:
    """Draw how many items have which score, those that are flagged in another colour.

    The counts are on a logarithmic scale, so that a few can be seen beside many.

    Args:
        scores: One per item, the higher the more unusual.
        threshold: Those above it are flagged.

    Raises:
        DataError: No scores, or some that are not finite.

    Example:
        >>> score_histogram([0.5, 1.0, 9.0], 4.0).axes[0].get_xlabel()
        'score: how rare among the training items, nats'
    """
    values = as_matrix("scores", np.asarray(scores)[:, None], "items scores")[:, 0]
    edges = np.linspace(min(values.min(), threshold), max(values.max(), threshold) + 1e-9, _BINS)
    edges = np.sort(np.append(edges, threshold))  # no bar stands on both sides
    figure = Figure(figsize=_SIZE, dpi=DPI, layout="constrained")
    axes = figure.add_subplot()
    bare_frame(axes)
    for part, color in ((values <= threshold, FAINT), (values > threshold, ACCENT)):
        axes.stairs(np.histogram(values[part], edges)[0], edges, fill=True, color=color)
    axes.axvline(threshold, color=INK, linewidth=1.0)
    flagged = int((values > threshold).sum())
    axes.text(
        threshold,
        1.02,
        f" flagged: {flagged} of {len(values)}",
        transform=axes.get_xaxis_transform(),
        fontsize=LABEL_SIZE,
        color=INK,
    )
    axes.set_yscale("log")
    axes.set_ylim(0.8, None)
    axes.set_xlabel(
        "score: how rare among the training items, nats", fontsize=LABEL_SIZE, color=INK
    )
    axes.set_ylabel("items", fontsize=LABEL_SIZE, color=INK)
    return figure


def unusual_map(usual: Any, unusual: Any, *, projection: str = "pca") -> Figure:
    """Scatter items by their latents, the unusual ones over the usual ones.

    Args:
        usual: Latents, shape (items, latents), at least two of each.
        unusual: As many latents of at least one other item.
        projection: See `latent_map`.

    Raises:
        DataError: Other shapes, or values that are not finite.

    Example:
        >>> figure = unusual_map(np.eye(3), np.ones((1, 3)))
        >>> [text.get_text() for text in figure.legends[0].texts]
        ['training items', 'flagged']
    """
    first = as_matrix("usual", usual, "items latents")
    both = np.concatenate([first, as_matrix("unusual", unusual, "items latents")])
    points, names = project(both, projection)
    figure = Figure(figsize=(_SIDE, _SIDE), dpi=DPI, layout="constrained")
    axes = figure.add_subplot(aspect="equal", adjustable="datalim")
    bare_frame(axes)
    axes.set_xlabel(names[0], fontsize=LABEL_SIZE, color=INK)
    axes.set_ylabel(names[1], fontsize=LABEL_SIZE, color=INK)
    drawn = [
        axes.scatter(part[:, 0], part[:, 1], s=size, color=color, linewidths=0, label=label)
        for part, size, color, label in (
            (points[: len(first)], 6, FAINT, "training items"),
            (points[len(first) :], 12, ACCENT, "flagged"),
        )
    ]
    write_key(figure, drawn)
    return figure


def heat_sheets(
    images: Any, expected: Any, heat: Any, *, columns: int = 8, title: str | None = None
) -> Figure:
    """Draw images, what was expected in their place, if known, and where they are unusual, in red.

    Red is full at the largest heat of an image, or at that of all if it has less than a tenth.

    Args:
        images: Of any usual layout.
        expected: As many; ``None`` where nothing is known of it.
        heat: Shape (n, height, width), at least 0.
        columns: Images in a row.
        title: Above the images.

    Raises:
        DataError: Numbers or sizes that differ.

    Example:
        >>> blank = np.zeros((2, 8, 8))
        >>> [text.get_text() for text in heat_sheets(blank, blank, blank).axes[0].texts]
        ['found', 'expected', 'where']
    """
    found, maps = as_rgb("images", images), np.asarray(heat, dtype=np.float64)
    if maps.shape != found.shape[:3] or not (maps >= 0).all():
        raise DataError(
            f"heat must be at least 0 and of shape {found.shape[:3]}, as the images; got shape "
            f"{maps.shape} and a least value of {maps.min():g}."
        )
    between = {} if expected is None else {"expected": expected}
    sheets = {"found": found, **between, "where": _reddened(found, maps)}
    return image_sheets(sheets, columns=columns, title=title)


def _reddened(images: NDArray[np.uint8], heat: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Grey images with red over them, the more the hotter."""
    tops = heat.max((1, 2))
    full = np.maximum(tops, 0.1 * max(tops.max(), 1e-9))
    share = (heat / full[:, None, None])[..., None]
    gray = np.broadcast_to(0.35 * images.mean(-1, keepdims=True) + 0.3 * 255, images.shape)
    red = 255 * np.asarray(to_rgb(ACCENT))
    mixed: NDArray[np.uint8] = np.rint((1 - share) * gray + share * red).astype(np.uint8)
    return mixed


_MARGIN = 0.2  # inches, for the words above
_EDIT_SIZE = (6.4, 2.6)  # inches


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
    figure = Figure(figsize=_EDIT_SIZE, dpi=DPI, layout="constrained")
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
        color = PALETTE[place % len(PALETTE)]
        axes.plot(strengths, shares, color=color, linewidth=0.8, label=plain_text(f"kept: {name}"))
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
        plain_text(text),
        (place[0], place[1]),
        xytext=(3, 3),
        textcoords="offset points",
        fontsize=LABEL_SIZE - 2,
        color=INK,
    )
