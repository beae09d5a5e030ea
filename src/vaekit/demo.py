"""The demonstration: train, draw, write one page."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from matplotlib.figure import Figure

from vaekit.autoencoder import Autoencoder
from vaekit.datasets.images import Dataset, digits
from vaekit.errors import MissingExtraError, SaveError
from vaekit.explorer.opening import open_session
from vaekit.explorer.pages import static_page
from vaekit.files import atomic_folder, atomic_write, expanded_path
from vaekit.places import check_target
from vaekit.plots.charts import latent_health, training_curves
from vaekit.plots.images import image_grid, interpolation_strips, reconstruction_pairs
from vaekit.plots.latent_maps import latent_map, latent_traversals
from vaekit.plots.style import save_figure
from vaekit.reports import lines, render, table_row
from vaekit.seeds import check_seed


def write_page(path: Path, figures: dict[str, str], explorer: str | None = None) -> None:
    """Write the page beside its pictures.

    Args:
        path: The HTML file.
        figures: Names and values for its table.
        explorer: The name of a page beside it to explore; ``None`` where there is none.
    """
    rows = lines(table_row(name, value) for name, value in figures.items())
    atomic_write(path, render("demo", rows=rows, explorer=explorer))


_SHOWN = 24


class _Models(Protocol):
    """See `vaekit.demo.DemoModels`."""

    @property
    def vae(self) -> Autoencoder: ...
    @property
    def flat(self) -> Autoencoder: ...
    @property
    def plain(self) -> Autoencoder: ...
    @property
    def on_demand(self) -> Autoencoder: ...


def draw_pictures(models: _Models, data: Dataset, seed: int) -> dict[str, Figure]:
    """Return all pictures by file name.

    Args:
        models: The trained models.
        data: Held-out images.
        seed: Seed of the samples.
    """
    vae, images = models.vae, data.images
    return {
        "originals": image_grid(images[:60], columns=15),
        "reconstructions": reconstruction_pairs(images[:_SHOWN], vae.reconstruct(images[:_SHOWN])),
        "latent_map": latent_map(
            models.flat.transform(images), data.labels, label_names=data.label_names
        ),
        "latent_plane": _plane(models.flat),
        "samples": image_grid(vae.sample(60, seed=seed), columns=15),
        "samples_prior": image_grid(vae.sample(60, seed=seed, prior="model"), columns=15),
        "samples_plain": image_grid(models.plain.sample(60, seed=seed, prior="model"), columns=15),
        "on_demand": image_grid(
            models.on_demand.sample(100, np.repeat(np.arange(10), 10), seed), columns=10
        ),
        "interpolation": _interpolation(vae, data),
        "traversals": _traversals(vae, images[0]),
        "unlikely": _unlikely(vae, images),
        "training": training_curves(vae.history_),
        "health": _health(vae),
    }


def _plane(model: Autoencoder) -> Figure:
    """Return what each point of a two-dimensional latent space decodes to."""
    grid = np.linspace(-2.2, 2.2, 15)
    points = np.stack(np.meshgrid(grid, grid[::-1]), axis=-1).reshape(-1, 2)
    return image_grid(model.inverse_transform(points), columns=len(grid))


def _interpolation(model: Autoencoder, data: Dataset) -> Figure:
    """From one digit to another one, for six pairs."""
    first = [int(np.flatnonzero(data.labels == digit)[0]) for digit in (0, 1, 2, 3, 4, 5)]
    second = [int(np.flatnonzero(data.labels == digit)[1]) for digit in (6, 7, 8, 9, 0, 3)]
    strips = model.interpolate(data.images[first], data.images[second], steps=11)
    return interpolation_strips(strips)


def _traversals(model: Autoencoder, image: np.ndarray) -> Figure:
    """Return one latent moved at a time, the busiest first."""
    import torch

    from vaekit.fitting.interpolation import traverse_latents

    values = torch.linspace(-2.5, 2.5, 11)
    z = torch.from_numpy(model.transform(image[None])[0])
    kl = np.asarray(model.health_.kl_per_latent if model.health_ else ())
    latents = np.argsort(-kl).tolist()
    paths = traverse_latents(z, latents, values)
    shown = model.inverse_transform(paths.flatten(0, 1))
    strips = shown.reshape(len(latents), len(values), *shown.shape[1:])
    return latent_traversals(strips, values, names=[f"z{i}" for i in latents])


def _unlikely(model: Autoencoder, images: np.ndarray) -> Figure:
    """Return the held-out images that the model finds least and most probable."""
    scores = model.score_samples(images)
    order = np.argsort(scores)
    chosen = np.concatenate([order[:10], order[-10:]])
    captions = [f"{scores[i]:.0f}" for i in chosen]
    return image_grid(images[chosen], columns=10, captions=captions)


def _health(model: Autoencoder) -> Figure:
    from vaekit.metrics.latents import ACTIVE_VARIANCE

    health = model.health_
    assert health is not None
    active = np.asarray(health.mean_variance) > ACTIVE_VARIANCE
    return latent_health(health.kl_per_latent, active)


_EXPLORER = "explore.html"
_HELD_OUT = 297
_EPOCHS, _BATCH = 60, 64


@dataclass(frozen=True)
class DemoModels:
    """The models that the demonstration compares.

    Attributes:
        vae: The main model.
        flat: A VAE with two latents, whose space can be drawn.
        plain: An autoencoder with the VAE's networks.
        on_demand: A VAE conditioned on the digit.
    """

    vae: Autoencoder
    flat: Autoencoder
    plain: Autoencoder
    on_demand: Autoencoder


@dataclass(frozen=True)
class DemoResult:
    """What the demonstration wrote.

    Attributes:
        page: The HTML page.
        figures: Names and values, for a table.
        explorer: A page to explore; ``None`` where the extra ``onnx`` is not installed.
    """

    page: Path
    figures: dict[str, str]
    explorer: Path | None = None


def run_demo(out: Path, seed: int = 0) -> DemoResult:
    """Train four small models on digits and write a folder with pictures and one page.

    Args:
        out: The folder; an older demonstration there is replaced in one rename.
        seed: Seed of everything random.

    Raises:
        SaveError: The disk is full or not writable, or the folder holds something else.
    """
    seed = check_seed(seed)
    out = expanded_path(out)
    check_target("the folder", out)
    _check_destination(out)
    data = digits()
    order = np.random.default_rng(seed).permutation(len(data))
    test, training = order[:_HELD_OUT], order[_HELD_OUT:]
    models = _train(data, training, seed)
    held_out = Dataset(data.images[test], data.labels[test], data.label_names)
    figures = _measure(models, held_out)
    pictures = draw_pictures(models, held_out, seed)
    with atomic_folder(out) as folder:
        models.vae.save(folder / "run")
        for name, figure in pictures.items():
            save_figure(figure, folder / f"{name}.png")
        explorer = _write_explorer(folder, models.flat, data)
        write_page(folder / "index.html", figures, explorer)
    return DemoResult(out / "index.html", figures, None if explorer is None else out / explorer)


def _write_explorer(folder: Path, model: Autoencoder, data: Dataset) -> str | None:
    """Write a page to explore the two latents; return its name, or ``None`` without ONNX."""
    labels = [data.label_names[label] for label in data.labels]
    session = open_session(model, data.images, labels=labels, name="Handwritten digits")
    try:
        atomic_write(folder / _EXPLORER, static_page(session))
    except MissingExtraError:  # the demonstration needs no extra
        return None
    return _EXPLORER


def _check_destination(out: Path) -> None:
    """The folder is replaced whole, so it may hold nothing but an older demonstration."""
    if not out.exists():
        return
    is_demo = (out / "index.html").is_file() and (out / "run" / "model.json").is_file()
    ours = ("index.html", _EXPLORER, "run")
    if not out.is_dir() or any(
        not is_demo or (item.name not in ours and item.suffix != ".png") for item in out.iterdir()
    ):
        raise SaveError(
            f"{out} must be a new folder or an older demonstration; it holds something else, "
            "which would be lost. Choose another name."
        )


def _train(data: Dataset, training: np.ndarray, seed: int) -> DemoModels:
    images, labels = data.images[training], data.labels[training]

    def model(preset: str, latent_dim: int) -> Autoencoder:
        return Autoencoder(
            preset,
            latent_dim,
            likelihood="discretized_logistic",
            max_epochs=_EPOCHS,
            batch_size=_BATCH,
            seed=seed,
        )

    return DemoModels(
        vae=model("vae", 8).fit(images),
        flat=model("vae", 2).fit(images),
        plain=model("autoencoder", 8).fit(images),
        on_demand=model("cvae", 8).fit(images, context=labels),
    )


def _measure(models: DemoModels, held_out: Dataset) -> dict[str, str]:
    health = models.vae.health_
    assert health is not None
    assert health.fitted_log_density is not None
    gain = health.fitted_log_density - health.prior_log_density
    error = _error(models.vae, held_out)
    return {
        "training items": f"{len(digits()) - _HELD_OUT} images of 64 pixels",
        "compressed to": f"8 latents, {health.active_units} of them active",
        "information in the latents": f"{sum(health.kl_per_latent or ()):.1f} nats per image",
        "log p(x) of held-out images": f"{models.vae.score(held_out.images):.1f} nats",
        "log p(x) of random noise": f"{models.vae.score(_noise(held_out)):.1f} nats",
        "reconstruction error": f"{error:.3f} grey values (0 to 1, root mean square)",
        "same, plain autoencoder": f"{_error(models.plain, held_out):.3f}",
        "fitted prior over N(0, I)": f"{gain:+.2f} nats per latent code",
        "training time": f"{models.vae.notes_['seconds']:.1f} s",
    }


def _error(model: Autoencoder, data: Dataset) -> float:
    difference = model.reconstruct(data.images).astype(float) - data.images
    return float(np.sqrt(np.mean((difference / 255) ** 2)))


def _noise(data: Dataset) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, data.images.shape).astype(np.uint8)
