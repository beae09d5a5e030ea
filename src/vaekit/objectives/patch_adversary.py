"""A bound whose reconstructions must also fool a critic of patches."""

from collections.abc import Iterable, Iterator, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vaekit.errors import CompositionError, SpecError
from vaekit.models import VAE, Model
from vaekit.objectives.base import Objective, Pace, vae_of
from vaekit.objectives.elbo import Sum
from vaekit.types import Batch, Clock, Evidence, Update

__all__ = ["PatchAdversary"]

_RAMP = 0.02  # share of the training in which the critic's weight rises
_SMALLEST = 1e-8


class PatchAdversary(Objective):
    """Terms, plus a critic that tells reconstructions from items; sharp where a mean is blurred.

    At every step the critic's pull on the decoder's output is scaled to a share of the
    reconstruction's, so that the weight needs no tuning and neither outgrows the other. There is
    no loss to choose the best weights by, so that the last are kept.

    Args:
        base: The terms, usually the ELBO.
        critic: (batch, *event) -> logits of any shape, positive for real items.
        weight: Pull of the critic, in pulls of the reconstruction; 0.5 to 1.3 is usual.
        start: Share of the training after which the critic joins; before, there is nothing to
            refine.

    Raises:
        SpecError: A negative weight, or a start outside [0, 1).

    Source: Esser et al. 2021, "Taming transformers for high-resolution image synthesis", eq. 6-7
    (adaptive weight, there by the last layer); Rombach et al. 2022, "High-resolution image
    synthesis with latent diffusion models", section 3.1 (with a KL); Lim & Ye 2017, "Geometric
    GAN" (hinge).
    """

    def __init__(
        self, base: Sum, critic: nn.Module, weight: float = 1.0, start: float = 0.3
    ) -> None:
        super().__init__()
        if not weight >= 0:
            raise SpecError(f"weight must not be negative; got {weight}.")
        if not 0 <= start < 1:
            raise SpecError(f"start must be in [0, 1); got {start}.")
        self.base = base
        self.critic = critic
        self.weight = weight
        self.start = start

    @property
    def requires(self) -> frozenset[str]:
        """What the base requires."""
        return self.base.requires

    @property
    def settled(self) -> bool:
        """Never: the bound is best before the critic joins."""
        return False

    def groups(self, model: Model) -> Mapping[str, Iterable[nn.Parameter]]:
        """The model, and its critic."""
        return {"model": model.parameters(), "critic": self.critic.parameters()}

    def pace(self, group: str) -> Pace:
        """A critic without momentum: what it judges moves."""
        return Pace(betas=(0.0, 0.99)) if group == "critic" else Pace()

    def losses(self, model: Model, batch: Batch, clock: Clock) -> Iterator[Update]:
        """Yield one update of the model, and of the critic once it has joined."""
        vae = vae_of(model, self)
        evidence = vae.evidence(batch, self.base.draws)
        loss, terms = self.base.total(evidence, vae, clock)
        made = self._made(evidence, vae)
        joined = clock.step / clock.total - self.start
        if joined < 0:
            yield Update({"model": loss}, terms)
            return
        # One pass over what was made serves both sides: its gradients go to the images for one,
        # to the critic for the other.
        copy = made.detach().requires_grad_()
        real, false = self.critic(batch.visible), self.critic(copy)
        judged, fooling = F.relu(1 - real).mean() + F.relu(1 + false).mean(), -false.mean()
        terms |= {"fooling": fooling.detach(), "critic": judged.detach()}
        if torch.is_grad_enabled():
            (slope,) = torch.autograd.grad(fooling, copy, retain_graph=True)
            pull = (slope * made).sum()
            weight = self.weight * min(1.0, joined / _RAMP)
            loss = loss + weight * self._balance(evidence, pull) * pull
        yield Update({"model": loss, "critic": judged}, terms)

    def _made(self, evidence: Evidence, vae: VAE) -> Tensor:
        """The reconstructions as they are shown."""
        made = vae.likelihood.point(evidence.px)[0]
        if torch.is_grad_enabled() and not made.requires_grad:
            raise CompositionError(
                f"PatchAdversary needs a likelihood whose most probable item moves smoothly with "
                f"the decoder; got {type(vae.likelihood).__name__}. Use a Gaussian, or Bernoulli."
            )
        return made

    def _balance(self, evidence: Evidence, pull: Tensor) -> Tensor:
        """How much harder the reconstruction pulls at the decoder's output than the critic."""
        features = evidence.features
        assert features is not None, "a VAE gives them"
        sides = (-evidence.log_px.mean(), pull)
        hard, soft = (torch.autograd.grad(s, features, retain_graph=True)[0].norm() for s in sides)
        balance: Tensor = hard / (soft + _SMALLEST)
        return balance
