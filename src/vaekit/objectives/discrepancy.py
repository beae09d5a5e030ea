"""Maximum mean discrepancy between latents and prior."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from vaekit.errors import unknown_name
from vaekit.models import VAE
from vaekit.objectives.base import Term
from vaekit.types import Clock, Evidence

__all__ = ["MeanDiscrepancy"]

_SCALES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


def _inverse_multiquadratic(squared: Tensor, width: float) -> Tensor:
    return width / (width + squared)


def _gaussian(squared: Tensor, width: float) -> Tensor:
    return torch.exp(-squared / width)


_KERNELS = {"inverse_multiquadratic": _inverse_multiquadratic, "gaussian": _gaussian}


@dataclass(frozen=True)
class MeanDiscrepancy(Term):
    """MMD² between the latents of a batch and as many draws from the prior, without bias.

    A number, not nats: its weight says how many nats one unit is worth.

    Attributes:
        kernel: ``"inverse_multiquadratic"`` (heavy tails) or ``"gaussian"``, summed over seven
            widths around that of a standard normal.

    Source: Gretton et al. 2012, eq. 3; Tolstikhin et al. 2018, "Wasserstein auto-encoders",
    section 3 and appendix C (kernel and widths); Zhao et al. 2019, "InfoVAE".
    """

    name: ClassVar[str] = "mean_discrepancy"

    kernel: str = "inverse_multiquadratic"

    def __post_init__(self) -> None:
        if self.kernel not in _KERNELS:
            raise unknown_name("kernel", self.kernel, _KERNELS)

    def __call__(self, evidence: Evidence, model: VAE, clock: Clock) -> Tensor:
        """One value for the batch."""
        z, p = evidence.draw.z[0], evidence.draw.p
        drawn = p.sample(torch.Size((len(z),)) if not p.batch_shape else torch.Size())
        within = self._mean_of_pairs(z) + self._mean_of_pairs(drawn)
        return within - 2 * self._kernel(_squared(z, drawn), z.shape[1]).mean()

    def _mean_of_pairs(self, z: Tensor) -> Tensor:
        values = self._kernel(_squared(z, z), z.shape[1])
        return (values.sum() - values.diagonal().sum()) / max(1, len(z) * (len(z) - 1))

    def _kernel(self, squared: Tensor, dim: int) -> Tensor:
        kernel = _KERNELS[self.kernel]
        return torch.stack([kernel(squared, 2 * dim * scale) for scale in _SCALES]).sum(0)


def _squared(a: Tensor, b: Tensor) -> Tensor:
    """Squared distances; by products, whose gradient is finite where points agree."""
    lengths = a.square().sum(-1, keepdim=True) + b.square().sum(-1)
    return (lengths - 2 * a @ b.mT).clamp_min(0)
