"""Draw the picture of the README: ``python docs/make_readme_picture.py``.

It trains three small models on built-in data and takes about a minute on one core.
"""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from vaekit import Autoencoder, load
from vaekit.anomalies import VAEDetector
from vaekit.datasets import digits, penguins
from vaekit.molecules import molecule_grid
from vaekit.series import SeriesDomain

INK, FAINT, PLAIN, ACCENT = "#333333", "#c8c8c8", "#3f90da", "#bd1f01"


def draw_images(axes: Axes) -> None:
    """Show digits that a VAE drew."""
    model = Autoencoder(seed=0, max_epochs=60, progress=False).fit(digits().images)
    new = np.asarray(model.sample(30, seed=1), dtype=float)
    rows = [np.concatenate(list(row), axis=1) for row in np.pad(
        new.reshape(5, 6, 8, 8), ((0, 0), (0, 0), (1, 1), (1, 1))
    )]  # fmt: skip
    axes.imshow(np.concatenate(rows), cmap="gray_r", interpolation="nearest")
    axes.set_anchor("NW")
    axes.axis("off")


def draw_table(axes: Axes) -> None:
    """Show two columns of real and of new rows."""
    birds = penguins()
    new = Autoencoder(seed=0, progress=False).fit(birds).sample(len(birds), seed=0)
    for rows, color, label in ((birds, FAINT, "real"), (new, PLAIN, "new")):
        x, y = rows["flipper_length_mm"].astype(float), rows["bill_depth_mm"].astype(float)
        axes.scatter(x, y, s=9, color=color, label=label, linewidths=0)
    axes.set_xlabel("flipper (mm)", fontsize=8, color=INK)
    axes.set_ylabel("bill depth (mm)", fontsize=8, color=INK)
    axes.legend(frameon=False, fontsize=8, handletextpad=0.1, loc="upper right")
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=7, colors=INK)


def draw_molecules(axes: Axes) -> None:
    """Show molecules that the stored model ``moses`` drew."""
    found = load("moses").sample(4, seed=3, where={"qed": (0.85, 0.95), "logp": (2, 3)})
    grid = molecule_grid(list(found), columns=2)
    axes.imshow(Image.open(io.BytesIO(grid.png(scale=2))))
    axes.set_anchor("NW")
    axes.axis("off")


def draw_series(axes: Axes) -> None:
    """Show a series with a fault, the steps found, and the score of each step below it."""
    rng = np.random.default_rng(0)
    signal = np.sin(np.arange(1000) / 6) + 0.1 * rng.normal(size=1000)
    signal[600:620] = signal[600] + 0.1 * rng.normal(size=20)  # a sensor that got stuck
    domain = SeriesDomain(window=32)
    detector = VAEDetector(0.03, domain=domain, max_epochs=20, seed=0, progress=False).fit(signal)
    scores = detector.step_scores(signal)
    shown = np.arange(480, 740)
    for event in detector.events(signal):
        if shown[0] <= event.start and event.end <= shown[-1]:
            axes.axvspan(event.start, event.end, color=ACCENT, alpha=0.15, linewidth=0)
    axes.plot(shown, signal[shown], color=INK, linewidth=0.9)
    height = (scores[shown] - np.nanmin(scores)) / np.nanmax(scores - np.nanmin(scores))
    axes.fill_between(shown, -3.4, -3.4 + 1.8 * height, color=ACCENT, linewidth=0)
    axes.text(shown[0], -2.0, "score of each step", fontsize=8, color=ACCENT)
    axes.axis("off")


PANELS: tuple[tuple[str, Callable[[Axes], None]], ...] = (
    ("Pictures: drawn by a model", draw_images),
    ("Tables: new rows beside real ones", draw_table),
    ("Molecules: asked for QED and logP", draw_molecules),
    ("Series: the unusual steps found", draw_series),
)


def main() -> None:
    """Draw all panels into ``docs/readme.png``."""
    torch.set_num_threads(1)  # on networks this small, threads cost more than they bring
    figure = Figure(figsize=(13, 3.1), layout="constrained")
    for axes, (title, draw) in zip(figure.subplots(1, len(PANELS)), PANELS, strict=True):
        draw(axes)
        axes.set_title(title, loc="left", fontsize=10, color=INK)
    figure.savefig(Path(__file__).with_name("readme.png"), dpi=130)


if __name__ == "__main__":
    main()
