"""Diffusion and flow matching: items from noise, step by step."""

import itertools
from collections.abc import Sequence

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn

from vaekit.distributions import find_path
from vaekit.errors import SpecError
from vaekit.models.base import Model, checked_context
from vaekit.randomness import seeded

__all__ = ["Diffusion"]


class Diffusion(Model):
    """A velocity field that carries noise at time 0 to items at time 1.

    On the way x(t) = a(t) item + s(t) noise, and a network learns the mean velocity of x. From
    position and velocity follow the item and the noise that it expects, and with them each step
    of the sampler: on the diffusion path that is DDIM, on the straight path Euler's method.

    Args:
        network: (x, time, context) -> velocity; x (batch, *event), time (batch, 1).
        shape: Shape of one item.
        path: ``"diffusion"`` (DDPM with a cosine schedule, the network says v) or
            ``"straight"`` (flow matching).
        steps: Calls of the network per sample; more are finer and slower.
        context_dim: Size of the context; 0 for an unconditional model.

    Source: Ho et al. 2020, "Denoising diffusion probabilistic models"; Song et al. 2021,
    "Denoising diffusion implicit models", eq. 12 with sigma 0; Salimans & Ho 2022, "Progressive
    distillation", appendix D (v); Lipman et al. 2023, "Flow matching for generative modeling".

    Example:
        >>> from vaekit import networks
        >>> model = Diffusion(networks.DenoisingMLP((4,), (8,)), (4,), steps=5)
        >>> model.sample(3).shape
        torch.Size([3, 4])
    """

    location: Tensor
    scale: Tensor

    def __init__(
        self,
        network: nn.Module,
        shape: Sequence[int],
        path: str = "diffusion",
        steps: int = 20,
        context_dim: int = 0,
    ) -> None:
        super().__init__()
        if steps < 1:
            raise SpecError(f"steps must be at least 1; got {steps}.")
        find_path(path)
        self.network = network
        self.shape = tuple(shape)
        self.path = path
        self.steps = steps
        self.context_dim = context_dim
        self.register_buffer("location", torch.zeros(()))
        self.register_buffer("scale", torch.ones(()))

    @property
    def provides(self) -> frozenset[str]:
        """A velocity field."""
        return frozenset({"velocity"})

    def standardise(self, x: Shaped[Tensor, "batch *event"]) -> Float[Tensor, "batch *event"]:
        """Items with mean 0 and deviation 1, as the network sees them."""
        return (x - self.location) / self.scale

    def start_from(self, x: Shaped[Tensor, "batch *event"]) -> None:
        """Take mean and deviation from some items."""
        self.location, self.scale = x.mean(), x.std().clamp_min(1e-6)

    def velocity(
        self,
        x: Float[Tensor, "batch *event"],
        t: Float[Tensor, "batch 1"],
        context: Tensor | None = None,
    ) -> Float[Tensor, "batch *event"]:
        """The mean velocity at standardised points and times."""
        velocity: Tensor = self.network(x, t, checked_context(context, self.context_dim))
        return velocity.float()

    def sample(
        self,
        n: int,
        context: Tensor | None = None,
        *,
        generator: torch.Generator | None = None,
        steps: int | None = None,
    ) -> Tensor:
        """Generate items.

        Args:
            n: How many.
            context: One row per item, for conditional models.
            generator: Source of randomness; ``None`` uses fresh entropy.
            steps: In place of the model's own.
        """
        with seeded(generator), torch.no_grad():
            x = torch.randn(n, *self.shape, device=self.location.device)
            return self._follow(x, context, steps or self.steps) * self.scale + self.location

    def _follow(self, x: Tensor, context: Tensor | None, steps: int) -> Tensor:
        """From noise to items in equal steps of time."""
        path = find_path(self.path)
        times = torch.linspace(0, 1, steps + 1, device=x.device)
        for now, later in itertools.pairwise(times):
            a, s, da, ds = path(now)
            v = self.velocity(x, now.expand(len(x), 1), context)
            turn = a * ds - s * da  # never 0: the item and the noise can be told from x and v
            item, noise = (ds * x - s * v) / turn, (a * v - da * x) / turn
            a, s, _, _ = path(later)
            x = a * item + s * noise
        return x
