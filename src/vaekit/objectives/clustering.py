"""The start of clustering models: latents first, then clusters in them."""

from collections.abc import Iterator

import torch
from torch import Tensor

from vaekit.errors import SpecError
from vaekit.latents import Single
from vaekit.models import VAE, Model
from vaekit.objectives.base import Objective, vae_of
from vaekit.objectives.elbo import Sum
from vaekit.objectives.terms import Reconstruction
from vaekit.priors import LearnedMixture
from vaekit.types import Batch, Clock, Update

__all__ = ["ClusterStart"]


class ClusterStart(Objective):
    """Trains an autoencoder for a share of the steps, puts the prior where its latents cluster.

    After that it is the objective it was given. Without such a start a learned mixture mostly
    keeps all items in one component.

    Args:
        base: What to minimise after the start.
        latent_dim: Number of latents.
        share: Share of the steps that the start takes, in (0, 1).
        memory: How many of the latest latents are clustered.

    Source: Jiang et al. 2017, "Variational deep embedding", sections 3.2 and 4.1.
    """

    latents: Tensor
    seen: Tensor
    placed: Tensor

    def __init__(self, base: Sum, latent_dim: int, share: float = 0.25, memory: int = 5000) -> None:
        super().__init__()
        if not 0 < share < 1:
            raise SpecError(f"share must be in (0, 1); got {share}.")
        self.base = base
        self.latent_dim = latent_dim
        self.share = share
        self.memory = memory
        self._start = Sum(Reconstruction())
        self.register_buffer("latents", torch.zeros(memory, latent_dim))
        self.register_buffer("seen", torch.zeros((), dtype=torch.long))
        self.register_buffer("placed", torch.zeros((), dtype=torch.bool))

    @property
    def requires(self) -> frozenset[str]:
        """What the base requires, and a prior of components."""
        return self.base.requires | {"components"}

    @property
    def settled(self) -> bool:
        """Once the clusters are placed: before, the bound is that of a prior not yet in place."""
        return bool(self.placed)

    def losses(self, model: Model, batch: Batch, clock: Clock) -> Iterator[Update]:
        """Yield the one update, of the start or of the base."""
        vae = vae_of(model, self)
        starting = clock.step < self.share * clock.total
        if self.training and not starting and not self.placed:
            self._place(vae)
        evidence = vae.evidence(batch, self.base.draws)
        if self.training and starting:
            self._remember(evidence.draw.z[0].detach())
        loss, terms = (self._start if starting else self.base).total(evidence, vae, clock)
        yield Update({"model": loss}, terms)

    def _remember(self, z: Tensor) -> None:
        places = (self.seen + torch.arange(len(z), device=z.device)) % self.memory
        self.latents[places] = z
        self.seen += len(z)

    def _place(self, model: VAE) -> None:
        assert isinstance(model.latent, Single)
        prior = model.latent.prior
        assert isinstance(prior, LearnedMixture)
        prior.start_from(self.latents[: int(self.seen)])
        self.placed.fill_(True)
