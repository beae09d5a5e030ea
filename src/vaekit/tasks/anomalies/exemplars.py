"""How probable an item is as a variant of a training item."""

import math
from dataclasses import dataclass, field
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial.distance import cdist
from torch import Tensor
from torch.distributions import Distribution

from vaekit.likelihoods import LearnedGaussian
from vaekit.models import VAE
from vaekit.tasks.anomalies.nearest import usual_distance
from vaekit.tasks.anomalies.score import Arrays, Score, learnt
from vaekit.tasks.anomalies.seen import Seen, finite
from vaekit.types import Batch

__all__ = ["Exemplars"]

Floats = NDArray[np.float64]

_MOST, _MOST_VALUES, _AT_ONCE = 1500, 2**22, 2**24
_HALF_LOG_TAU = 0.5 * math.log(math.tau)
_SAME = 1e-6  # of the mean distance: as near as a code is to its own, found in other company


@dataclass(frozen=True)
class Exemplars(Score):
    """-log of the mean of p(x | z) over the posterior means of training items, nats.

    The prior is replaced by what the training items are encoded to, so it is the density of a
    mixture with a decoded training item in the middle of each component. The less a model
    compresses, the nearer that is to a kernel density of the training items themselves.

    Attributes:
        codes: Of training items, at most 1,500; fewer if items have many values.
        decoded: What they are decoded to, once that was asked for.

    Source: Norouzi et al. 2020, "Exemplar VAE: linking generative models, nearest neighbor
    retrieval, and data augmentation", eq. 3, with p(x | z) at the posterior mean.
    """

    codes: Floats | None = field(default=None, repr=False)
    decoded: dict[str, Distribution] = field(default_factory=dict, repr=False)

    def fit(self, training: Seen) -> Self:
        """Choose the exemplars."""
        most = max(100, min(_MOST, _MOST_VALUES // max(1, training.points.shape[1])))
        chosen = np.random.default_rng(0).permutation(len(training.codes))[:most]
        return self.restored({"codes": training.codes[np.sort(chosen)]})

    def of(self, seen: Seen) -> Floats:
        """Nats."""
        return self._scores(seen, are_training=False)

    def of_training(self, training: Seen) -> Floats:
        """Each without itself."""
        return self._scores(training, are_training=True)

    @torch.no_grad()
    def _scores(self, seen: Seen, *, are_training: bool) -> Floats:
        x, codes = seen.batch.x, learnt(self.codes)
        size = max(1, _AT_ONCE // (len(codes) * max(1, x[0].numel())))
        parts = []
        for rows in torch.arange(len(x)).split(size):
            some = _some(seen.batch, rows)
            log_px = _density(seen.vae, self._px(seen.vae, some), some)
            if are_training:
                asked = seen.codes[rows.numpy()]
                near = cdist(codes, asked) <= _SAME * usual_distance(asked, codes)
                itself = torch.from_numpy(near)
                log_px = log_px.masked_fill(itself.to(log_px.device), -torch.inf)
                others = (~itself).sum(0).to(log_px)
            else:
                others = log_px.new_full((len(rows),), len(codes))
            cost = others.log() - torch.logsumexp(log_px, 0)
            parts.append(cost.where(others > 0, 0.0))  # a single item has no other
        return finite(torch.cat(parts)) + seen.news

    def _px(self, vae: VAE, batch: Batch) -> Distribution:
        """p(x | z) at each code: for all items, or in the context of each."""
        x = batch.x
        z = torch.from_numpy(learnt(self.codes)).to(x.device, torch.float32)[:, None]
        if batch.context is not None:
            return vae.decode_draws(z.expand(-1, len(x), -1), batch.context)
        if "px" not in self.decoded:
            self.decoded["px"] = vae.decode_draws(z)
        return self.decoded["px"]

    @property
    def arrays(self) -> Arrays:
        """The latents."""
        return {"codes": learnt(self.codes)}

    def restored(self, arrays: Arrays) -> Self:
        """With these latents."""
        return type(self)(arrays["codes"])


def _density(vae: VAE, px: Distribution, batch: Batch) -> Tensor:
    """log p(x | z) of each item at each code, nats, shape (codes, items).

    Where all codes have one noise, squares are multiplied out: a tenth of the time of differences.
    """
    likelihood = vae.likelihood
    if not isinstance(likelihood, LearnedGaussian) or not (batch.context is batch.observed is None):
        return likelihood.log_prob(px, batch)
    scale = likelihood.scale.cpu().double().expand(batch.x.shape[1:]).flatten()
    means, x = (part.flatten(1).cpu().double() / scale for part in (px.mean[:, 0], batch.x))
    constant = scale.log().sum() + len(scale) * _HALF_LOG_TAU
    log_px = torch.addmm(-_half_square(means)[:, None] - constant, means, x.T)
    return log_px.sub_(_half_square(x))


def _half_square(x: Tensor) -> Tensor:
    return x.square().sum(1) / 2


def _some(batch: Batch, rows: Tensor) -> Batch:
    context = None if batch.context is None else batch.context[rows]
    observed = None if batch.observed is None else batch.observed[rows]
    return Batch(batch.x[rows], context, observed)
