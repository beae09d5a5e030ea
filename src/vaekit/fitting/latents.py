"""Latents as columns of a table."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vaekit.errors import CompositionError
from vaekit.fitting.trained import TrainedModel
from vaekit.models.vae import VAE
from vaekit.types import Batch, Draw


def latent_columns(
    trained: TrainedModel, items: Any, context: Any = None, *, std: bool = False
) -> dict[str, NDArray[np.float32]]:
    """Return posterior means as columns ``z0``, ``z1``, ..., shape (items,) each.

    Args:
        trained: The model.
        items: Of the kind seen in training; of molecules that cannot be read the latents are NaN.
        context: Their labels or properties, if the model is conditional.
        std: Whether there are also ``s0``, ``s1``, ...: the posterior's standard deviations.

    Raises:
        CompositionError: A model without latents; or with ``std`` one whose posterior is no
            distribution with a variance, or whose items may be unreadable.

    Example:
        >>> from vaekit import Autoencoder
        >>> from vaekit.datasets import digits
        >>> images = digits().images
        >>> model = Autoencoder(latent_dim=2, max_epochs=1, progress=False).fit(images)
        >>> list(latent_columns(model.trained_, images[:5], std=True))
        ['z0', 'z1', 's0', 's1']
    """
    means = trained.encode(items, context, strict=False).cpu().numpy()
    found = {f"z{place}": column for place, column in enumerate(means.reshape(len(means), -1).T)}
    if std:
        spread = _deviations(trained, items, context)
        found |= {f"s{place}": column for place, column in enumerate(spread.T)}
    return found


@torch.no_grad()
def _deviations(trained: TrainedModel, items: Any, context: Any) -> NDArray[np.float32]:
    if trained.domain.reads_one_by_one:
        usable = trained.domain.usable(items)
        if usable is not None and not usable.is_whole:
            raise CompositionError(
                f"std needs items that can all be read; {usable.words}. Leave them or std out."
            )
    batches = trained.inputs(items, context)
    return np.concatenate([_of_batch(trained.vae, batch) for batch in batches])


def _of_batch(vae: VAE, batch: Batch) -> NDArray[np.float32]:
    with torch.random.fork_rng(devices=[]):  # drawing is none of what is asked for
        draw = vae.infer(batch)
    variance = _variance(draw)
    if variance is None:
        raise CompositionError(
            "std needs a posterior that is a distribution with a variance; this model's is none. "
            "Leave it out."
        )
    found: NDArray[np.float32] = variance.sqrt().flatten(1).cpu().numpy()
    return found


def _variance(draw: Draw) -> Tensor | None:
    try:
        return draw.q.variance if draw.has_density else None
    except NotImplementedError:
        return None
