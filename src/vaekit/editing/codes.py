"""What is edited, latents and contexts, and the two kinds of edits: steps and swaps."""

import abc
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor

from vaekit.domains.context import Context
from vaekit.errors import CompositionError
from vaekit.fitting.trained import TrainedModel, batches_of, check_vectors
from vaekit.training.config import Items

_CHUNK = 256


@dataclass(frozen=True, eq=False)
class EncodedItems:
    """Encoded items.

    Attributes:
        z: Their latents.
        context: Their contexts; ``None`` for unconditional models.
    """

    z: Float[Tensor, "items latent"]
    context: Float[Tensor, "items context"] | None = None

    def __len__(self) -> int:
        return len(self.z)

    def at(self, index: Int[Tensor, "some"] | NDArray[Any] | Sequence[int]) -> "EncodedItems":
        """Return some of the items, or some of them more than once."""
        positions = torch.as_tensor(np.asarray(index), device=self.z.device)
        context = None if self.context is None else self.context[positions]
        return EncodedItems(self.z[positions], context)


@torch.no_grad()
def encode_items(trained: TrainedModel, items: Items) -> EncodedItems:
    """Encode items, each in its own context."""
    batches = list(batches_of(items, torch.device("cpu")))
    vae, device = trained.vae, trained.device
    context = [b.context.to(device) for b in batches if b.context is not None]
    z = [
        vae.encode(b.x.to(device), None if b.context is None else b.context.to(device))
        for b in batches
    ]
    return EncodedItems(torch.cat(z), torch.cat(context) if context else None)


@torch.no_grad()
def show(trained: TrainedModel, codes: EncodedItems) -> Tensor:
    """Decode, as the networks see items; an image's values are cut to 0 … 1."""
    positions = torch.arange(len(codes), device=codes.z.device).split(_CHUNK)
    parts = [codes.at(i.cpu()) for i in positions]
    x = torch.cat([trained.vae.show(part.z, part.context).cpu() for part in parts])
    return trained.domain.clip(x)


def check_straight(trained: TrainedModel) -> None:
    """Refuse models along whose latents one cannot walk straight on.

    Raises:
        CompositionError: Latents that are codes, or lie on a sphere or in a ball.
    """
    remedy = (
        "Use a preset with Gaussian latents, or fit with a context and swap the attribute in it."
    )
    check_vectors(trained.vae, "a direction", remedy)


class Edit(abc.ABC):
    """A change of encoded items that can be made more or less of."""

    @abc.abstractmethod
    def apply(self, codes: EncodedItems, strength: float) -> EncodedItems:
        """Return the codes, edited.

        Args:
            codes: As encoded.
            strength: 0 changes nothing, 1 is the whole edit; beyond it is overdone.
        """


@dataclass(frozen=True, eq=False)
class Direction(Edit):
    """A step in the latents; the context stays.

    Attributes:
        step: What strength 1 adds: one step for all items, or one for each.
        name: What it is called in pictures.

    Source: Larsen et al. 2016, "Autoencoding beyond pixels", section 4.2 (attribute vectors).

    Example:
        >>> import torch
        >>> Direction(torch.tensor([1.0, 0.0])).apply(EncodedItems(torch.zeros(1, 2)), 0.5).z
        tensor([[0.5000, 0.0000]])
    """

    step: Float[Tensor, "*items latent"]
    name: str = "direction"

    def apply(self, codes: EncodedItems, strength: float) -> EncodedItems:
        """Walk along the step."""
        return replace(codes, z=codes.z + strength * self.step.to(codes.z))


@dataclass(frozen=True, eq=False)
class Swap(Edit):
    """Another label in the context; the latents stay.

    Attributes:
        context: What the model has learned about contexts.
        attribute: Which column.
        to: Its new label.

    Source: Kingma et al. 2014, "Semi-supervised learning with deep generative models", section
    4.3 (analogies); Lample et al. 2017 for sliding between labels.
    """

    context: Context
    attribute: str
    to: str

    def apply(self, codes: EncodedItems, strength: float) -> EncodedItems:
        """Slide from the label that each item has to the new one."""
        if codes.context is None:
            raise CompositionError("a swap needs the items' contexts; pass context=.")
        swapped = self.context.swap(codes.context, self.attribute, self.to)
        return replace(codes, context=codes.context.lerp(swapped, strength))
