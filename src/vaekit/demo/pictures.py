"""The pictures of the demonstration."""

from typing import Protocol

import numpy as np
from matplotlib.figure import Figure

from vaekit import plots
from vaekit.autoencoder import Autoencoder
from vaekit.datasets import Dataset

__all__ = ["draw_pictures"]

_SHOWN = 24


class _Models(Protocol):
    """See `vaekit.demo.run.DemoModels`."""

    @property
    def vae(self) -> Autoencoder: ...
    @property
    def flat(self) -> Autoencoder: ...
    @property
    def plain(self) -> Autoencoder: ...
    @property
    def on_demand(self) -> Autoencoder: ...


def draw_pictures(models: _Models, data: Dataset, seed: int) -> dict[str, Figure]:
    """All pictures by file name.

    Args:
        models: The trained models.
        data: Held-out images.
        seed: Seed of the samples.
    """
    vae, images = models.vae, data.images
    return {
        "originals": plots.image_grid(images[:60], columns=15),
        "reconstructions": plots.reconstruction_pairs(
            images[:_SHOWN], vae.reconstruct(images[:_SHOWN])
        ),
        "latent_map": plots.latent_map(
            models.flat.transform(images), data.labels, label_names=data.label_names
        ),
        "latent_plane": _plane(models.flat),
        "samples": plots.image_grid(vae.sample(60, seed=seed), columns=15),
        "samples_prior": plots.image_grid(vae.sample(60, seed=seed, prior="model"), columns=15),
        "samples_plain": plots.image_grid(
            models.plain.sample(60, seed=seed, prior="model"), columns=15
        ),
        "on_demand": plots.image_grid(
            models.on_demand.sample(100, np.repeat(np.arange(10), 10), seed), columns=10
        ),
        "interpolation": _interpolation(vae, data),
        "traversals": _traversals(vae, images[0]),
        "unlikely": _unlikely(vae, images),
        "training": plots.training_curves(vae.history_),
        "health": _health(vae),
    }


def _plane(model: Autoencoder) -> Figure:
    """What each point of a two-dimensional latent space decodes to."""
    grid = np.linspace(-2.2, 2.2, 15)
    points = np.stack(np.meshgrid(grid, grid[::-1]), axis=-1).reshape(-1, 2)
    return plots.image_grid(model.inverse_transform(points), columns=len(grid))


def _interpolation(model: Autoencoder, data: Dataset) -> Figure:
    """From one digit to another one, for six pairs."""
    first = [int(np.flatnonzero(data.labels == digit)[0]) for digit in (0, 1, 2, 3, 4, 5)]
    second = [int(np.flatnonzero(data.labels == digit)[1]) for digit in (6, 7, 8, 9, 0, 3)]
    strips = model.interpolate(data.images[first], data.images[second], steps=11)
    return plots.interpolation_strips(strips)


def _traversals(model: Autoencoder, image: np.ndarray) -> Figure:
    """One latent moved at a time, the busiest first."""
    import torch

    from vaekit.tasks import traverse_latents

    values = torch.linspace(-2.5, 2.5, 11)
    z = torch.from_numpy(model.transform(image[None])[0])
    kl = np.asarray(model.health_.kl_per_latent if model.health_ else ())
    latents = np.argsort(-kl).tolist()
    ways = traverse_latents(z, latents, values)
    shown = model.inverse_transform(ways.flatten(0, 1))
    strips = shown.reshape(len(latents), len(values), *shown.shape[1:])
    return plots.latent_traversals(strips, values, names=[f"z{i}" for i in latents])


def _unlikely(model: Autoencoder, images: np.ndarray) -> Figure:
    """The held-out images that the model finds least and most probable."""
    scores = model.score_samples(images)
    order = np.argsort(scores)
    chosen = np.concatenate([order[:10], order[-10:]])
    captions = [f"{scores[i]:.0f}" for i in chosen]
    return plots.image_grid(images[chosen], columns=10, captions=captions)


def _health(model: Autoencoder) -> Figure:
    from vaekit.metrics.latent_health import ACTIVE_VARIANCE

    health = model.health_
    assert health is not None
    active = np.asarray(health.mean_variance) > ACTIVE_VARIANCE
    return plots.latent_health(health.kl_per_latent, active)
