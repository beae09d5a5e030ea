"""Gradient ascent on property heads in the latent space."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from vaekit.tasks.optimisation.archive import Archive
from vaekit.tasks.optimisation.methods.base import Elites, Method, Tools
from vaekit.tasks.optimisation.space import Codes

__all__ = ["GradientAscent"]

_HEADS, _WIDTH, _RATE = 3, 128, 3e-3
_FIRST_STEPS, _FURTHER_STEPS = 300, 60
_PARENTS, _MOST_POINTS = 20, 2000
_ASCENT_STEPS, _STRIDE = 20, 0.1  # in standard deviations of the prior


class GradientAscent(Method):
    """From codes of the best molecules uphill on what small networks predict.

    Three heads are trained further each round on the codes of all that was scored, each on other
    draws of them; the mean of their predictions less their spread is climbed, in steps of equal
    length, and decoded along the way.

    Source: Gomez-Bombarelli et al. 2018, "Automatic chemical design using a data-driven continuous
    representation of molecules", for ascent on a property head; Lakshminarayanan et al. 2017,
    "Simple and scalable predictive uncertainty estimation using deep ensembles", for several.
    """

    def __init__(self, tools: Tools) -> None:
        self.tools, self.archive = tools, Archive()
        self.elites = Elites(tools.space, self.archive)
        self.heads: list[nn.Module] = []

    def propose(self, n: int) -> list[str]:
        """Climb."""
        space, rng, sieve = self.tools.space, self.tools.rng, self.tools.sieve
        scores, codes = self.elites.best(_MOST_POINTS)
        if not len(codes):
            return sieve.gather(lambda m: space.decode(space.prior(m)), n)
        self._learn(torch.from_numpy(codes), torch.from_numpy(scores).float())

        def draw(m: int) -> list[str | None]:
            starts = codes[rng.integers(min(_PARENTS, len(codes)), size=m)]
            jitter = _STRIDE * rng.standard_normal(starts.shape, np.float32)
            return space.decode(_climbed(self.heads, starts + jitter, rng))

        return sieve.gather(draw, n)

    def _learn(self, z: Tensor, scores: Tensor) -> None:
        """Predict standardised scores."""
        steps = _FURTHER_STEPS if self.heads else _FIRST_STEPS
        self.heads = self.heads or [_new_head(z.shape[1]) for _ in range(_HEADS)]
        aims = (scores - scores.mean()) / scores.std(correction=0).clamp_min(1e-9)
        for head in self.heads:
            _train(head, z, aims, steps, self.tools.rng)

    def tell(self, smiles: Sequence[str], scores: NDArray[np.float64]) -> None:
        """Remember."""
        self.archive.add(smiles, scores)


def _new_head(dim: int) -> nn.Module:
    return nn.Sequential(nn.Linear(dim, _WIDTH), nn.SiLU(), nn.Linear(_WIDTH, 1))


def _train(head: nn.Module, z: Tensor, aims: Tensor, steps: int, rng: np.random.Generator) -> None:
    head.requires_grad_(True)
    optimiser = torch.optim.AdamW(head.parameters(), lr=_RATE, weight_decay=0.01, fused=True)
    for _ in range(steps):
        some = torch.from_numpy(rng.integers(len(z), size=128))
        noisy = z[some] + _STRIDE * torch.randn(len(some), z.shape[1])
        loss = (head(noisy).squeeze(1) - aims[some]).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    head.requires_grad_(False)


def _climbed(heads: Sequence[nn.Module], starts: Codes, rng: np.random.Generator) -> Codes:
    """A point of each way up, from its first step to its last."""
    z = torch.from_numpy(starts.astype(np.float32))
    stops = torch.from_numpy(rng.integers(1, _ASCENT_STEPS + 1, size=len(starts)))
    for step in range(_ASCENT_STEPS):
        z.requires_grad_(True)
        predicted = torch.stack([head(z).squeeze(1) for head in heads])
        height = predicted.mean(0) - predicted.std(0, correction=0)
        (slope,) = torch.autograd.grad(height.sum(), z)
        unit = slope / slope.norm(dim=1, keepdim=True).clamp_min(1e-9)
        going = (step < stops).unsqueeze(1)
        z = torch.where(going, z.detach() + _STRIDE * z.shape[1] ** 0.5 / 4 * unit, z.detach())
    return z.numpy()
