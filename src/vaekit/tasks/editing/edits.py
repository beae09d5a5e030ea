"""What every edit promises, and the two kinds: a step in the latents, a swap in the context."""

import abc
from dataclasses import dataclass, replace

from jaxtyping import Float
from torch import Tensor

from vaekit.domains import Context
from vaekit.errors import CompositionError
from vaekit.tasks.editing.codes import Codes

__all__ = ["Direction", "Edit", "Swap"]


class Edit(abc.ABC):
    """A change of encoded items that can be made more or less of."""

    @abc.abstractmethod
    def apply(self, codes: Codes, strength: float) -> Codes:
        """The codes, edited.

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
        >>> Direction(torch.tensor([1.0, 0.0])).apply(Codes(torch.zeros(1, 2)), 0.5).z
        tensor([[0.5000, 0.0000]])
    """

    step: Float[Tensor, "*items latent"]
    name: str = "direction"

    def apply(self, codes: Codes, strength: float) -> Codes:
        """Walk along the step."""
        return replace(codes, z=codes.z + strength * self.step.to(codes.z))


@dataclass(frozen=True, eq=False)
class Swap(Edit):
    """Another label in the context; the latents stay.

    Attributes:
        context: What the model has learnt about contexts.
        attribute: Which column.
        to: Its new label.

    Source: Kingma et al. 2014, "Semi-supervised learning with deep generative models", section
    4.3 (analogies); Lample et al. 2017 for sliding between labels.
    """

    context: Context
    attribute: str
    to: str

    def apply(self, codes: Codes, strength: float) -> Codes:
        """Slide from the label that each item has to the new one."""
        if codes.context is None:
            raise CompositionError("a swap needs the items' contexts; pass context=.")
        swapped = self.context.swap(codes.context, self.attribute, self.to)
        return replace(codes, context=codes.context.lerp(swapped, strength))
