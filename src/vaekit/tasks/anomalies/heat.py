"""Where an image is unusual."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vaekit.domains import ImageDomain
from vaekit.errors import CompositionError
from vaekit.models import VAE
from vaekit.tasks.trained import Trained, batches_of
from vaekit.training import Items
from vaekit.types import Batch

__all__ = ["cell_costs", "heat_maps", "usual_heat"]

Floats = NDArray[np.float64]

_BLUR = 1 / 28  # of the shorter side: a fault is larger than a pixel, the noise of one is not


@torch.no_grad()
def cell_costs(vae: VAE, batch: Batch) -> Tensor:
    """-log p(x | z) of each value at the posterior mean, nats, shape (batch, *event).

    Missing cells cost nothing.

    Raises:
        CompositionError: The likelihood has no costs of single values.
    """
    px = vae.decode(vae.encode(batch.x, batch.context), batch.context)
    if not vae.likelihood.normalised or px.event_shape:
        raise CompositionError(
            f"{type(vae.likelihood).__name__} tells values together, not one by one. Use another "
            "likelihood."
        )
    cost = -px.log_prob(batch.visible).squeeze(0)
    return cost if batch.observed is None else cost.where(batch.observed, 0.0)


def usual_heat(trained: Trained, items: Items) -> Floats | None:
    """The mean cost of each pixel over training images, shape (height, width).

    ``None`` where items are no images.
    """
    if not isinstance(trained.domain, ImageDomain):
        return None
    sums = [cell_costs(trained.vae, b).sum((0, 1)) for b in batches_of(items, trained.device)]
    return torch.stack(sums).sum(0).double().cpu().numpy() / len(items)


def heat_maps(trained: Trained, usual: Floats | None, X: Any) -> Floats:
    """See `Detector.heat_maps`."""
    if usual is None:
        raise CompositionError(
            "heat maps show where images are unusual; these items are no images. Use "
            "explain for rows."
        )
    from scipy.ndimage import gaussian_filter

    costs = [cell_costs(trained.vae, batch).sum(1) for batch in trained.batches(X)]
    excess = torch.cat(costs).double().cpu().numpy() - usual
    sigma = max(0.5, min(usual.shape) * _BLUR)
    found: Floats = np.maximum(0.0, gaussian_filter(excess, (0, sigma, sigma)))
    return found
