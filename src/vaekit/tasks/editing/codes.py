"""What is edited: the latents of items, and their contexts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor

from vaekit.domains import ImageDomain
from vaekit.tasks.trained import Trained, batches_of
from vaekit.tasks.vectors import check_vectors
from vaekit.training import Items

__all__ = ["Codes", "check_straight", "codes_of", "show"]

_CHUNK = 256


@dataclass(frozen=True, eq=False)
class Codes:
    """Encoded items.

    Attributes:
        z: Their latents.
        context: Their contexts; ``None`` for unconditional models.
    """

    z: Float[Tensor, "items latent"]
    context: Float[Tensor, "items context"] | None = None

    def __len__(self) -> int:
        return len(self.z)

    def at(self, index: Int[Tensor, "some"] | NDArray[Any] | Sequence[int]) -> "Codes":
        """Some of the items, or some of them more than once."""
        places = torch.as_tensor(np.asarray(index), device=self.z.device)
        context = None if self.context is None else self.context[places]
        return Codes(self.z[places], context)


@torch.no_grad()
def codes_of(trained: Trained, items: Items) -> Codes:
    """Encode items, each in its own context."""
    batches = list(batches_of(items, torch.device("cpu")))
    vae, device = trained.vae, trained.device
    context = [b.context.to(device) for b in batches if b.context is not None]
    z = [
        vae.encode(b.x.to(device), None if b.context is None else b.context.to(device))
        for b in batches
    ]
    return Codes(torch.cat(z), torch.cat(context) if context else None)


@torch.no_grad()
def show(trained: Trained, codes: Codes) -> Tensor:
    """Decode, as the networks see items; an image's values are cut to 0 … 1."""
    places = torch.arange(len(codes), device=codes.z.device).split(_CHUNK)
    parts = [codes.at(i.cpu()) for i in places]
    x = torch.cat([trained.vae.show(part.z, part.context).cpu() for part in parts])
    return x.clamp(0, 1) if isinstance(trained.domain, ImageDomain) else x


def check_straight(trained: Trained) -> None:
    """Refuse models along whose latents one cannot walk straight on.

    Raises:
        CompositionError: Latents that are codes, or lie on a sphere or in a ball.
    """
    remedy = (
        "Use a preset with Gaussian latents, or fit with a context and swap the attribute in it."
    )
    check_vectors(trained.vae, "a direction", remedy)
