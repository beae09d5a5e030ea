"""Pictures of the latent space: maps, clusters, traversals."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from vaekit.errors import DataError, MissingExtraError, unknown_name
from vaekit.plots.images import GAP, compose, draw_mosaic, label_columns, label_rows
from vaekit.plots.style import (
    ACCENT,
    DPI,
    INK,
    LABEL_SIZE,
    PALETTE,
    PLAIN,
    as_array,
    as_matrix,
    as_rgb,
    as_rgb_rows,
    bare_frame,
    plain_text,
    write_title,
)

Projected = tuple[NDArray[np.float64], tuple[str, str]]


def project(z: NDArray[np.float64], how: str) -> Projected:
    """Return points of a map and the names of its axes; two latents are their own map.

    Args:
        z: Shape (items, latents), at least two of each.
        how: A key of `PROJECTIONS`.

    Raises:
        DataError: Fewer than two items or latents.
        SpecError: No projection has that name.
        MissingExtraError: It needs a package that is not installed.

    Example:
        >>> project(np.eye(3), "pca")[0].shape
        (3, 2)
    """
    if how not in PROJECTIONS:
        raise unknown_name("projection", how, PROJECTIONS)
    if min(z.shape) < 2:
        raise DataError(
            f"z must have at least 2 items and 2 latents; got shape {z.shape}. A map needs two "
            "axes: draw a histogram of a single latent."
        )
    return (z, ("z0", "z1")) if z.shape[1] == 2 else PROJECTIONS[how](z)


def _principal(z: NDArray[np.float64]) -> Projected:
    centerd = z - z.mean(0)
    _, spread, directions = np.linalg.svd(centerd, full_matrices=False)
    # The sign of a component is arbitrary; this choice makes the picture reproducible.
    largest = np.abs(directions[:2]).argmax(1)
    directions = directions[:2] * np.sign(directions[[0, 1], largest])[:, None]
    share = 100 * spread[:2] ** 2 / max(float((spread**2).sum()), np.finfo(float).tiny)
    first, second = (
        f"principal component {i + 1} ({share[i]:.0f} % of the variance)" for i in (0, 1)
    )
    return centerd @ directions.T, (first, second)


def _umap(z: NDArray[np.float64]) -> Projected:
    """McInnes et al. 2018, "UMAP: uniform manifold approximation and projection"."""
    try:
        from umap import UMAP
    except ImportError as error:
        raise MissingExtraError(
            "a map by UMAP needs a package that is not installed: pip install 'vaekit[umap]'"
        ) from error
    neighbors = min(15, len(z) - 1)
    start = "random" if len(z) < 20 else "spectral"  # few items have too few eigenvectors
    fitted = UMAP(n_neighbors=neighbors, init=start, random_state=0, n_jobs=1).fit_transform(z)
    return np.asarray(fitted, dtype=np.float64), ("UMAP 1", "UMAP 2")


PROJECTIONS: dict[str, Callable[[NDArray[np.float64]], Projected]] = {
    "pca": _principal,
    "umap": _umap,
}
"""By name, for more than two latents."""


_MOST_CLASSES = 20
_MARKERS = "os^Dv"
_SIDE = 4.5  # inches


def latent_map(
    z: Any,
    labels: Any = None,
    *,
    label_names: Sequence[str] | None = None,
    scale_name: str = "label",
    title: str | None = None,
    projection: str = "pca",
) -> Figure:
    """Scatter items by their latents, coloured by label.

    More than two latents are projected: by default on the two directions of largest variance
    (principal components), of which the axes then say how much each shows. Labels that are text,
    booleans or whole numbers of at most 20 kinds get colours (and after ten, other markers) and
    a legend; other numbers get a colour scale.

    Args:
        z: Latents, shape (items, latents), at least two of each.
        labels: One per item, or ``None``.
        label_names: The name of each whole-number label, by its value from 0.
        scale_name: What labels on a colour scale are called.
        title: Above the map.
        projection: ``"pca"``, or ``"umap"``, which keeps neighbours together and needs the extra
            ``umap``.

    Raises:
        DataError: Wrong shapes, NaN, not one label per item, labels without a name.
        SpecError: An unknown projection.
        MissingExtraError: The extra is not installed.

    Example:
        >>> figure = latent_map(np.eye(3), [0, 1, 1], label_names=("bag", "coat"))
        >>> figure.axes[0].get_xlabel()
        'principal component 1 (50 % of the variance)'
    """
    points, axis_names = project(as_matrix("z", z, "items latents"), projection)
    figure = Figure(figsize=(_SIDE, _SIDE), dpi=DPI, layout="constrained")
    axes = figure.add_subplot(aspect="equal", adjustable="datalim")
    bare_frame(axes)
    axes.set_xlabel(axis_names[0], fontsize=LABEL_SIZE, color=INK)
    axes.set_ylabel(axis_names[1], fontsize=LABEL_SIZE, color=INK)
    write_title(axes, title)
    if labels is None:
        _scatter(axes, points, PLAIN)
        return figure
    figure.set_size_inches(_SIDE + 1.2, _SIDE)
    values = as_array(labels)
    if values.shape != (len(points),):
        raise DataError(
            f"labels must be one per item, shape ({len(points)},); got shape {values.shape}. "
            "Pass one number or text for each row of z."
        )
    if label_names is None and _is_continuous(values):
        _draw_scale(figure, axes, points, as_matrix("labels", values, "items"), scale_name)
    else:
        _draw_classes(axes, points, *_classes(values, label_names))
    return figure


def _scatter(
    axes: Axes, points: NDArray[np.float64], colors: Any, marker: str = "o", of: int = 0
) -> PathCollection:
    """Return points, smaller and more transparent the more there are in all: ``of``, or these."""
    n = max(of, len(points))
    size, alpha = float(np.clip(4000 / n, 5, 18)), float(np.clip(30 / np.sqrt(n), 0.45, 0.85))
    x, y = points.T
    return axes.scatter(x, y, s=size, c=colors, marker=marker, alpha=alpha, linewidths=0)


def _is_continuous(values: NDArray[Any]) -> bool:
    if values.dtype.kind in "iu":
        return len(np.unique(values)) > _MOST_CLASSES
    return values.dtype.kind == "f"


def _draw_scale(
    figure: Figure,
    axes: Axes,
    points: NDArray[np.float64],
    values: NDArray[np.float64],
    name: str,
) -> None:
    drawn = _scatter(axes, points, values)
    drawn.set_cmap("viridis")
    opaque = ScalarMappable(drawn.norm, drawn.cmap)
    bar = figure.colorbar(opaque, ax=axes, shrink=0.7)
    bar.set_label(plain_text(name), fontsize=LABEL_SIZE, color=INK)
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=LABEL_SIZE, colors=INK)


def _classes(
    values: NDArray[Any], names: Sequence[str] | None
) -> tuple[NDArray[np.int64], list[str]]:
    """Return each item's class, counted from 0, and the names of the classes."""
    kinds, codes = np.unique(
        values if values.dtype.kind in "iu" else values.astype(str), return_inverse=True
    )
    if names is None:
        return codes.astype(np.int64), [str(kind) for kind in kinds]
    if values.dtype.kind not in "iu" or kinds[0] < 0 or kinds[-1] >= len(names):
        raise DataError(
            f"labels must be whole numbers from 0 to {len(names) - 1}, one per label name; got "
            f"dtype {values.dtype}, {kinds[0]} to {kinds[-1]}. Pass a name for each."
        )
    return values.astype(np.int64), list(names)


def _draw_classes(
    axes: Axes, points: NDArray[np.float64], codes: NDArray[np.int64], names: list[str]
) -> None:
    colors = np.array(PALETTE)[codes % len(PALETTE)]
    turns = codes // len(PALETTE)
    for turn in np.unique(turns):
        rows, marker = turns == turn, _MARKERS[turn % len(_MARKERS)]
        _scatter(axes, points[rows], colors[rows], marker, of=len(points))
    handles = [_handle(code, names[code]) for code in np.unique(codes)]
    axes.legend(
        handles=handles,
        loc="center left",
        bbox_to_anchor=(1.02, 0.5),
        frameon=False,
        fontsize=LABEL_SIZE,
        labelcolor=INK,
        handletextpad=0.2,
    )


def _handle(code: int, name: str) -> Line2D:
    marker = _MARKERS[code // len(PALETTE) % len(_MARKERS)]
    color = PALETTE[code % len(PALETTE)]
    return Line2D(
        [], [], linestyle="", marker=marker, markersize=5, color=color, label=plain_text(name)
    )


_MARGIN = 1.7  # inches, for the words at the left
_TILE = 72  # pixels of the file; three lines of words fit beside it
_WHITE = 255
_PANELS = 3  # in a row
_PANEL = (2.6, 1.5)  # inches
_LETTERS = 20  # of a name beside the bars


def cluster_cards(groups: Mapping[str, Any], *, title: str | None = None) -> Figure:
    """Draw a row of images for each cluster, with words at its left.

    Args:
        groups: The images of each cluster by its words, up to three lines; all images of one
            size, axes NHW, NHWC or NCHW with 1, 3 or 4 channels; uint8, or floats from 0 to 1.
        title: Above the rows.

    Raises:
        DataError: No clusters, sizes that differ, another layout, dtype or range.

    Example:
        >>> figure = cluster_cards({"a\\n5 items": np.zeros((2, 8, 8)), "b": np.ones((4, 8, 8))})
        >>> [text.get_text() for text in figure.axes[0].texts]
        ['a\\n5 items', 'b']
    """
    _check_any(groups)
    rows = [as_rgb(f"images of {name!r}", images) for name, images in groups.items()]
    if len({row.shape[1:] for row in rows}) > 1:
        shapes = [row.shape[:3] for row in rows]
        raise DataError(
            f"images of all clusters must be of one size; got (n, height, width) {shapes}. Scale "
            "them."
        )
    columns = max(len(row) for row in rows)
    filled = np.concatenate([_filled(row, columns) for row in rows])
    mosaic = compose(filled, columns, row_gaps=(3 * GAP,), tile=_TILE)
    figure, axes = draw_mosaic(mosaic, title, left=_MARGIN)
    label_rows(axes, mosaic, list(groups))
    return figure


def cluster_bars(groups: Mapping[str, Mapping[str, float]], *, title: str | None = None) -> Figure:
    """Draw for each cluster by how much it differs from the rest, one bar for each trait.

    Args:
        groups: For each cluster by its words, differences in standard deviations by the names of
            latents or columns.
        title: Above all panels.

    Raises:
        DataError: No clusters.

    Example:
        >>> figure = cluster_bars({"cluster 0": {"age": 1.5, "height": -0.5}, "cluster 1": {}})
        >>> len(figure.axes)
        2
    """
    _check_any(groups)
    columns = min(_PANELS, len(groups))
    rows = -(-len(groups) // columns)
    size = (_PANEL[0] * columns, _PANEL[1] * rows + (0.3 if title else 0))
    figure = Figure(figsize=size, dpi=DPI, layout="constrained")
    widest = max((abs(v) for traits in groups.values() for v in traits.values()), default=1.0)
    for place, (name, traits) in enumerate(groups.items()):
        _draw_bars(figure.add_subplot(rows, columns, place + 1), name, traits, widest)
    if title:
        figure.suptitle(plain_text(title), x=0.01, ha="left", color=INK)
    figure.supxlabel("standard deviations from the rest", fontsize=LABEL_SIZE, color=INK)
    return figure


def _check_any(groups: Mapping[str, Any]) -> None:
    if not groups:
        raise DataError("groups must hold at least one cluster; got none. Leave the picture out.")


def _filled(row: NDArray[np.uint8], count: int) -> NDArray[np.uint8]:
    """Return a row that is not full is filled up white."""
    return np.pad(row, ((0, count - len(row)), *((0, 0),) * 3), constant_values=_WHITE)


def _draw_bars(axes: Axes, name: str, traits: Mapping[str, float], widest: float) -> None:
    bare_frame(axes)
    axes.set_title(plain_text(name), loc="left", fontsize=LABEL_SIZE, color=INK)
    values = list(traits.values())
    axes.barh(range(len(values)), values, color=[PLAIN if v > 0 else ACCENT for v in values])
    axes.set_yticks(range(len(values)), [plain_text(trait, _LETTERS) for trait in traits])
    axes.set_ylim(max(1, len(values)) - 0.5, -0.5)  # the largest on top
    axes.set_xlim(-1.05 * widest, 1.05 * widest)
    axes.axvline(0, color=INK, linewidth=0.8)


_LETTER = 0.065  # inches
_ABOVE, _BELOW = 0.2, 0.25  # inches, for the values and for what they are


def latent_traversals(
    images: Any,
    values: Any,
    *,
    names: Sequence[str] | None = None,
    title: str | None = None,
) -> Figure:
    """Draw one row per latent: decoded images while it moves and the others stand still.

    Args:
        images: Axes (latents, steps) and then those of an image: HW, HWC or CHW; uint8, or
            floats from 0 to 1.
        values: The latent's value at each step, in standard deviations of the prior.
        names: One per latent; ``None`` writes z0, z1, ….
        title: Above the images.

    Raises:
        DataError: Another layout, dtype or range; not one value per step, one name per latent.

    Example:
        >>> import numpy as np
        >>> figure = latent_traversals(np.zeros((2, 3, 8, 8)), [-1.5, 0, 1.5])
        >>> [text.get_text() for text in figure.axes[0].texts[:5]]
        ['z0', 'z1', '−1.5', '0', '1.5']
    """
    rgb = as_rgb_rows("images", images)
    latents, steps = rgb.shape[:2]
    numbers = as_matrix("values", values, "steps")
    names = [f"z{latent}" for latent in range(latents)] if names is None else list(names)
    _check_length("values", len(numbers), steps, "step")
    _check_length("names", len(names), latents, "latent")
    mosaic = compose(rgb.reshape(-1, *rgb.shape[2:]), steps)
    left = 0.1 + _LETTER * max(len(plain_text(name)) for name in names)
    figure, axes = draw_mosaic(mosaic, title, left=left, top=_ABOVE, bottom=_BELOW)
    label_rows(axes, mosaic, names)
    label_columns(axes, mosaic, [_number(value) for value in numbers])
    x, y = mosaic.pixels.shape[1] / 2, mosaic.pixels.shape[0] + 2 * GAP
    caption = "value of the latent, prior standard deviations"
    axes.text(x, y, caption, ha="center", va="top", fontsize=LABEL_SIZE, color=INK)
    return figure


def _check_length(what: str, got: int, wanted: int, item: str) -> None:
    if got != wanted:
        raise DataError(
            f"{what} must be one per {item} of the images, {wanted}; got {got}. Pass as many."
        )


def _number(value: float) -> str:
    """At most two digits after the point, with a true minus and no negative zero."""
    return f"{round(value, 2) + 0.0:g}".replace("-", "−")
