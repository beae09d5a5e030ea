"""Two interleaved crescents: a curved, two-lobed density of which no Gaussian comes near."""

import torch
from torch import Tensor


def crescents(n: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Points (n, 2) and the one-hot label of each one's crescent (n, 2)."""
    generator = torch.Generator().manual_seed(seed)
    label = torch.arange(n) % 2
    angle = torch.pi * torch.rand(n, generator=generator)
    side = 1.0 - 2.0 * label
    arc = torch.stack([angle.cos() + 0.5 - label, side * (angle.sin() - 0.25)], -1)
    noise = 0.1 * torch.randn(n, 2, generator=generator)
    return 2 * (arc + noise), torch.nn.functional.one_hot(label, 2).float()


def generator(seed: int = 0) -> torch.Generator:
    """A stream of its own for a fit."""
    return torch.Generator().manual_seed(seed)
