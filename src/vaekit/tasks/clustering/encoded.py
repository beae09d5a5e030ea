"""Items as clustering sees them: latents, and what the model itself says of its components."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor
from torch.distributions import MixtureSameFamily

from vaekit.errors import CompositionError
from vaekit.models import VAE
from vaekit.randomness import seeded
from vaekit.tasks.trained import Trained, batches_of
from vaekit.training import Items
from vaekit.types import Batch

__all__ = ["Encoded", "encode"]

_DRAWS = 16


@dataclass(frozen=True, eq=False)
class Encoded:
    """What clusters are looked for in.

    Attributes:
        z: The posterior mean of each item, shape (items, latents).
        responsibilities: q(c | x) of the components of the model's prior, shape
            (items, components); ``None`` where they were not asked for.
    """

    z: NDArray[np.float64]
    responsibilities: NDArray[np.float64] | None = None

    def __len__(self) -> int:
        """How many items there are."""
        return len(self.z)

    def rows(self, index: Any) -> "Encoded":
        """Some of the items."""
        q = self.responsibilities
        return Encoded(self.z[index], None if q is None else q[index])


@torch.no_grad()
def encode(trained: Trained, items: Items, seed: int, *, components: bool) -> Encoded:
    """Encode items, in bounded memory.

    Args:
        trained: The model.
        items: What to encode.
        seed: Of the draws that `components` need.
        components: Whether to ask the model for q(c | x), too.

    Raises:
        CompositionError: The model has no latents, or, when asked for, no components.
    """
    vae = trained.vae
    with seeded(seed):
        parts = [_encoded(vae, b, components) for b in batches_of(items, trained.device)]
    z, q = zip(*parts, strict=True)
    return Encoded(_array(torch.cat(z)), _array(torch.cat(q)) if components else None)


def _encoded(vae: VAE, batch: Batch, components: bool) -> tuple[Tensor, Tensor]:
    z = vae.encode(batch.x, batch.context).flatten(1)
    return z, _responsibilities(vae, batch) if components else z


def _responsibilities(vae: VAE, batch: Batch) -> Float[Tensor, "batch components"]:
    """q(c | x), the mean of p(c | z) over draws of q(z | x) (Jiang et al. 2017, eq. 16)."""
    draw = vae.infer(batch, _DRAWS)
    if not isinstance(draw.p, MixtureSameFamily):
        raise CompositionError(
            "method 'model' needs a prior made of components; this model's has none. Use preset "
            "'vade', 'mixture_vae' or 'vamp', or method 'auto'."
        )
    log_p = draw.p.component_distribution.log_prob(draw.z.unsqueeze(-2))
    logits = draw.p.mixture_distribution.logits + log_p
    return logits.softmax(-1).mean(0)


def _array(values: Tensor) -> NDArray[np.float64]:
    return values.cpu().double().numpy()
