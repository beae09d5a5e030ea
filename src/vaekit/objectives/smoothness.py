"""Terms that keep a decoder smooth, for models whose codes are points."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from vaekit.models import VAE
from vaekit.objectives.base import Term
from vaekit.types import Clock, Evidence

__all__ = ["DecoderNorm", "GradientPenalty"]


@dataclass(frozen=True)
class DecoderNorm(Term):
    """Sum of the squared weights of the decoder, halved.

    Source: Ghosh et al. 2020, section 3.1 (RAE-L2).
    """

    name: ClassVar[str] = "decoder_norm"

    def __call__(self, evidence: Evidence, model: VAE, clock: Clock) -> Tensor:
        """One value for the batch."""
        weights = [p for p in model.decoder.parameters() if p.dim() > 1]
        return torch.stack([w.square().sum() for w in weights]).sum() / 2


@dataclass(frozen=True)
class GradientPenalty(Term):
    """|J|², the squared Jacobian of the decoded mean by z, estimated along a random direction.

    Source: Ghosh et al. 2020, eq. 9 (RAE-GP); Hutchinson 1989 for the estimate.
    """

    name: ClassVar[str] = "gradient_penalty"
    requires: ClassVar[frozenset[str]] = frozenset({"smooth"})

    def __call__(self, evidence: Evidence, model: VAE, clock: Clock) -> Tensor:
        """One value per item."""
        with torch.enable_grad():
            z = evidence.draw.z[0].detach().requires_grad_()
            shown = model.decode(z, evidence.batch.context).mean
            direction = torch.randn_like(shown)
            (gradient,) = torch.autograd.grad(
                shown, z, direction, create_graph=torch.is_grad_enabled()
            )
        return gradient.square().sum(-1)
