"""Which latents carry information."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import NDArray

from vaekit.errors import DataError
from vaekit.plots.arrays import as_array, as_matrix
from vaekit.plots.style import DPI, FAINT, INK, LABEL_SIZE, PLAIN, bare_frame, write_key

__all__ = ["latent_health"]

_MOST_NAMES = 32  # more would overlap
_NAME_SIZE = 7.0


def latent_health(kl_per_latent: Any, active: Any) -> Figure:
    """Draw the KL of each latent as a bar: the active ones, then the inactive, largest first.

    A dashed line divides them. It is upright because whether a latent is active is told by the
    variance of its posterior mean, not by its KL.

    Args:
        kl_per_latent: KL of each latent's posterior from its prior, nats per item, shape
            (latents,).
        active: Whether each latent is active: booleans of shape (latents,).

    Raises:
        DataError: Wrong shapes, NaN, or no booleans.

    Example:
        >>> figure = latent_health([0.01, 3.0, 1.0], [False, True, True])
        >>> [label.get_text() for label in figure.axes[0].get_xticklabels()]
        ['z1', 'z2', 'z0']
    """
    kl = as_matrix("kl_per_latent", kl_per_latent, "latents")
    used = as_array(active)
    if used.dtype != np.bool_ or used.shape != kl.shape:
        raise DataError(
            f"active must be booleans of shape {kl.shape}, one per latent; got dtype "
            f"{used.dtype} and shape {used.shape}. Pass for instance variance > 0.01."
        )
    order = np.lexsort((-kl, ~used))
    figure = Figure(figsize=(_width(len(kl)), 2.6), dpi=DPI, layout="constrained")
    axes = figure.add_subplot()
    bare_frame(axes)
    axes.bar(range(len(kl)), kl[order], width=0.8, color=np.where(used[order], PLAIN, FAINT))
    axes.axhline(0, color=INK, linewidth=0.8)
    axes.set_xlim(-0.7, len(kl) - 0.3)
    axes.set_ylabel("KL from the prior, nats", fontsize=LABEL_SIZE, color=INK)
    _name_latents(axes, order)
    _explain(figure, axes, int(used.sum()), len(kl))
    return figure


def _width(latents: int) -> float:
    """Inches: wide enough for a name under each bar, within a page."""
    return float(np.clip(1.0 + 0.24 * latents, 3.2, 8.0))


def _name_latents(axes: Axes, order: NDArray[np.intp]) -> None:
    if len(order) > _MOST_NAMES:
        axes.set_xlabel("latents, by rank", fontsize=LABEL_SIZE, color=INK)
        return
    axes.set_xticks(range(len(order)), [f"z{latent}" for latent in order])
    axes.tick_params(axis="x", length=0, labelsize=_NAME_SIZE)


def _explain(figure: Figure, axes: Axes, num_active: int, latents: int) -> None:
    handles = [
        Patch(color=colour, label=f"{count} {state}")
        for colour, count, state in (
            (PLAIN, num_active, "active"),
            (FAINT, latents - num_active, "inactive"),
        )
        if count
    ]
    if len(handles) == 2:
        axes.axvline(num_active - 0.5, color=INK, linewidth=0.8, linestyle="--")
    write_key(figure, handles)
