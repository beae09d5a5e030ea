"""Gaussian posteriors bent by normalising flows."""

from typing import ClassVar

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from torch.distributions import Distribution

from vaekit.bounds import Side
from vaekit.distributions.wrappers import PushforwardDistribution
from vaekit.posteriors.gaussian import DiagonalGaussian, Posterior
from vaekit.types import LogDensity


class LinearFlow(Posterior):
    """A Gaussian moved by planar and radial flows, in turns.

    Args:
        features_dim: Size of the encoder's features.
        latent_dim: Number of latents.
        flows: ``"planar"`` and ``"radial"``, in the order in which they are applied.

    Source: Rezende & Mohamed 2015, "Variational inference with normalizing flows", eq. 10-14,
    appendix A (constraints that keep them invertible).

    Example:
        >>> q = LinearFlow(8, 2)(torch.zeros(5, 8), log_joint=lambda z: z.sum(-1))
        >>> q.rsample((3,)).shape
        torch.Size([3, 5, 2])
    """

    provides: ClassVar[frozenset[str]] = frozenset({"density"})

    def __init__(
        self,
        features_dim: int,
        latent_dim: int,
        flows: tuple[str, ...] = ("planar", "radial", "planar", "radial", "planar"),
    ) -> None:
        super().__init__(features_dim, latent_dim)
        kinds = {"planar": _Planar, "radial": _Radial}
        self.flows = tuple(flows)
        self.base = DiagonalGaussian(features_dim, latent_dim)
        self.links = nn.ModuleList(kinds[flow](latent_dim) for flow in self.flows)

    def forward(self, h: Float[Tensor, "batch features"], log_joint: LogDensity) -> Distribution:
        """Return the moved Gaussian."""
        return PushforwardDistribution(self.base(h, log_joint), self._push)

    def _push(self, z: Tensor) -> tuple[Tensor, Tensor]:
        total = z.new_zeros(z.shape[:-1])
        for link in self.links:
            z, log_det = link(z)
            total = total + log_det
        return z, total


class _Planar(nn.Module):
    """z + u tanh(w·z + b), with w·u held above -1."""

    def __init__(self, latent_dim: int) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.randn(latent_dim) * 0.1)
        self.u = nn.Parameter(torch.randn(latent_dim) * 0.1)
        self.b = nn.Parameter(torch.zeros(()))

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        product = self.w @ self.u
        shortfall = F.softplus(product) - 1 - product
        u = self.u + shortfall * self.w / self.w.square().sum().clamp_min(1e-6)
        bend = torch.tanh(z @ self.w + self.b)
        slope = (1 - bend.square()) * (self.w @ u)
        return z + u * bend.unsqueeze(-1), torch.log1p(slope.clamp_min(-1 + 1e-6))


class _Radial(nn.Module):
    """z + beta (z - centre) / (alpha + distance), with beta held above -alpha."""

    def __init__(self, latent_dim: int) -> None:
        super().__init__()
        self.center = nn.Parameter(torch.randn(latent_dim) * 0.1)
        self.log_alpha = nn.Parameter(torch.zeros(()))
        self.raw_beta = nn.Parameter(torch.tensor(1.0).expm1().log())  # beta 0: starts as identity

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        alpha = self.log_alpha.exp()
        beta = F.softplus(self.raw_beta) - alpha
        away = z - self.center
        distance = (away.square().sum(-1) + 1e-12).sqrt()
        pull = beta / (alpha + distance)
        log_det = (z.shape[-1] - 1) * torch.log1p(pull)
        log_det = log_det + torch.log1p(pull - beta * distance / (alpha + distance).square())
        return z + pull.unsqueeze(-1) * away, log_det


class InverseAutoregressive(Posterior):
    """A Gaussian moved by masked autoregressive networks that also read the item's features.

    Drawing takes one pass through each network; the density of other points than the draws
    would take one pass per latent and is not offered.

    Args:
        features_dim: Size of the encoder's features.
        latent_dim: Number of latents.
        transforms: Number of networks, the order of the latents reversed after each.
        hidden: Widths of each network.
        context_dim: Size of the summary of the features that the networks read.

    Source: Kingma et al. 2016, "Improving variational inference with inverse autoregressive
    flow", section 3; networks from zuko.

    Example:
        >>> q = InverseAutoregressive(8, 2)(torch.zeros(5, 8), log_joint=lambda z: z.sum(-1))
        >>> q.rsample((3,)).shape
        torch.Size([3, 5, 2])
    """

    provides: ClassVar[frozenset[str]] = frozenset({"density"})

    def __init__(
        self,
        features_dim: int,
        latent_dim: Side,
        transforms: int = 2,
        hidden: tuple[Side, ...] = (64,),
        context_dim: Side = 16,
    ) -> None:
        from zuko.flows import MaskedAutoregressiveTransform

        super().__init__(features_dim, latent_dim)
        self.transforms = transforms
        self.hidden = tuple(hidden)
        self.context_dim = context_dim
        self.base = DiagonalGaussian(features_dim, latent_dim)
        self.summary = nn.Linear(features_dim, context_dim)
        # Masks are counted out when they are made, which tensors without memory do not allow:
        # on the meta device, too, the networks are made in memory.
        with torch.device("cpu"):
            orders = [torch.arange(latent_dim), torch.arange(latent_dim).flip(0)]
            self.networks = nn.ModuleList(
                MaskedAutoregressiveTransform(
                    latent_dim, context_dim, order=orders[i % 2], hidden_features=self.hidden
                )
                for i in range(transforms)
            )

    def forward(self, h: Float[Tensor, "batch features"], log_joint: LogDensity) -> Distribution:
        """Return the moved Gaussian."""
        context = self.summary(h).float()

        def push(z: Tensor) -> tuple[Tensor, Tensor]:
            total = z.new_zeros(z.shape[:-1])
            for network in self.networks:
                z, log_det = network(context).call_and_ladj(z)
                total = total + log_det
            return z, total

        return PushforwardDistribution(self.base(h, log_joint), push)
