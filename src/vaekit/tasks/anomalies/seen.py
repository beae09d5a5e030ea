"""Items as the scores of anomalies look at them."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vaekit.distributions import DiagonalNormal
from vaekit.domains import Domain, SeriesDomain, TableDomain
from vaekit.models import VAE
from vaekit.objectives.terms import kl_of
from vaekit.randomness import seeded
from vaekit.types import Batch

__all__ = ["Frame", "Seen", "frame_of", "look"]

Floats = NDArray[np.float64]

_DRAWS, _SEED = 16, 0  # the same draws at every call: scores do not differ from call to call


@dataclass(frozen=True)
class Frame:
    """Where training items lie, so that distances of all columns count alike.

    Attributes:
        num_codes: Of each column of labels how many there are; of tables only.
        low: The least of each coordinate in training.
        span: How far each reached; 1 for a constant one.
        fills: Whether a missing cell costs as much as the mean of the item's others, as in series:
            else a shorter one would differ from the longer by its length alone.
    """

    num_codes: tuple[int, ...]
    low: Floats
    span: Floats
    fills: bool = False

    def place(self, x: Tensor) -> Floats:
        """Coordinates, from 0 to 1 in training; a label that differs is a distance of 1."""
        return (_coordinates(x, self.num_codes) - self.low) / self.span


def frame_of(domain: Domain, x: Tensor) -> Frame:
    """Learn it from training items, as the networks see them."""
    codes = tuple(c.num_codes for c in domain.learnt) if isinstance(domain, TableDomain) else ()
    points = _coordinates(x, codes)
    low, high = points.min(0), points.max(0)
    labels = sum(codes)
    span = np.where(high > low, high - low, 1.0)
    span[:labels] = np.sqrt(2.0)
    return Frame(codes, low, span, isinstance(domain, SeriesDomain))


def _coordinates(x: Tensor, num_codes: tuple[int, ...]) -> Floats:
    if not num_codes:
        return x.flatten(1).double().numpy()
    codes = x[:, : len(num_codes)].long()
    hot = [
        torch.nn.functional.one_hot(code, count + 1)[:, 1:]
        for code, count in zip(codes.T, num_codes, strict=True)
    ]
    return torch.cat([*hot, x[:, len(num_codes) :]], dim=1).double().numpy()


@dataclass(frozen=True)
class Seen:
    """Some items.

    Attributes:
        points: Coordinates, shape (items, coordinates).
        codes: Posterior means, shape (items, latents).
        bound: The negative evidence lower bound, nats.
        code_cost: The KL of each posterior to the prior, nats.
        surprise: -log p(x | z) at the posterior mean, nats.
    """

    points: Floats
    codes: Floats
    bound: Floats
    code_cost: Floats
    surprise: Floats

    @property
    def cost(self) -> Floats:
        """The bound, but at the posterior mean in place of draws."""
        return self.code_cost + self.surprise


@torch.no_grad()
def look(vae: VAE, frame: Frame, batches: Iterable[Batch]) -> Seen:
    """Encode, decode and score items."""
    parts = [_look(vae, frame, batch) for batch in batches]
    return Seen(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _look(vae: VAE, frame: Frame, batch: Batch) -> tuple[Floats, ...]:
    kl, log_px = _parts_of_the_bound(vae, batch)
    z = vae.encode(batch.x, batch.context)
    weight = _weight(batch) if frame.fills else torch.ones_like(kl)
    surprise = -weight * vae.likelihood.log_prob(vae.decode(z, batch.context), batch).squeeze(0)
    bound = kl - weight * log_px.mean(0)
    arrays = (part.double().cpu().numpy() for part in (z.flatten(1), bound, kl, surprise))
    return (frame.place(batch.visible.cpu()), *arrays)


def _weight(batch: Batch) -> Tensor:
    """Of each item, how many cells there are to one that is observed."""
    if batch.observed is None:
        return torch.ones(len(batch.x), device=batch.x.device)
    known = batch.observed.flatten(1)
    return known.shape[1] / known.sum(1).clamp_min(1)


def _parts_of_the_bound(vae: VAE, batch: Batch) -> tuple[Tensor, Tensor]:
    """KL of each item, and log p(x | z) of its draws, shape (draws, batch).

    Gaussian posteriors of all items are drawn from by the same noise, so that the score of an item
    does not depend on its company.
    """
    with seeded(_SEED):
        draw = vae.infer(batch, _DRAWS)
    if not isinstance(draw.q, DiagonalNormal):
        return kl_of(draw), vae.log_likelihood(batch)(draw.z)
    with seeded(_SEED):  # anew: how many numbers were drawn before depends on the batch
        noise = torch.randn(_DRAWS, 1, *draw.z.shape[2:]).to(draw.z)
    return kl_of(draw), vae.log_likelihood(batch)(draw.q.mean + draw.q.stddev * noise)
