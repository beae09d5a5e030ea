"""Train, draw, write."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vaekit.autoencoder import Autoencoder
from vaekit.datasets import Dataset, digits
from vaekit.demo.page import write_page
from vaekit.demo.pictures import draw_pictures
from vaekit.errors import SaveError
from vaekit.files import atomic_folder
from vaekit.plots import save_figure

__all__ = ["DemoResult", "run_demo"]

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
    """

    page: Path
    figures: dict[str, str]


def run_demo(out: Path, seed: int = 0) -> DemoResult:
    """Train four small models on digits and write a folder with pictures and one page.

    Args:
        out: The folder; an older demonstration there is replaced in one rename.
        seed: Seed of everything random.

    Raises:
        SaveError: The disk is full or not writable, or the folder holds something else.
    """
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
        write_page(folder / "index.html", figures)
    return DemoResult(out / "index.html", figures)


def _check_destination(out: Path) -> None:
    """The folder is replaced whole, so it may hold nothing but an older demonstration."""
    if not out.exists():
        return
    is_demo = (out / "index.html").is_file() and (out / "run" / "model.json").is_file()
    if not out.is_dir() or (any(out.iterdir()) and not is_demo):
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
            likelihood="discretised_logistic",
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
