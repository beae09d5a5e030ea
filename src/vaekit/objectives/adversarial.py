"""Objectives that judge the latents by a critic."""

import abc
from collections.abc import Iterable, Iterator, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vaekit.models import Model
from vaekit.objectives.base import Objective, vae_of
from vaekit.objectives.elbo import Sum
from vaekit.types import Batch, Clock, Evidence, Update

__all__ = ["ContextCritic", "LatentCritic", "PriorCritic", "TotalCorrelationCritic", "verdict"]


class LatentCritic(Objective, abc.ABC):
    """A sum of terms plus what a critic says of the latents; the critic learns beside the model.

    Args:
        base: The terms.
        critic: (batch, latent) -> what it says of each latent.
        weight: Nats that one nat of the critic's verdict is worth.
    """

    def __init__(self, base: Sum, critic: nn.Module, weight: float) -> None:
        super().__init__()
        self.base = base
        self.critic = critic
        self.weight = weight

    @property
    def requires(self) -> frozenset[str]:
        """What the base requires."""
        return self.base.requires

    def groups(self, model: Model) -> Mapping[str, Iterable[nn.Parameter]]:
        """The model, and its critic."""
        return {"model": model.parameters(), "critic": self.critic.parameters()}

    def losses(self, model: Model, batch: Batch, clock: Clock) -> Iterator[Update]:
        """Yield one update of both."""
        vae = vae_of(model, self)
        evidence = vae.evidence(batch, self.base.draws)
        loss, terms = self.base.total(evidence, vae, clock)
        # One pass of the critic serves both: each loss goes back into its own group alone.
        said = self.critic(evidence.draw.z[0])
        penalty, judged = self.penalty(said, evidence), self.judge(said, evidence)
        yield Update(
            {"model": loss + self.weight * penalty, "critic": judged},
            {**terms, "penalty": penalty.detach(), "critic": judged.detach()},
        )

    @abc.abstractmethod
    def penalty(self, said: Tensor, evidence: Evidence) -> Tensor:
        """What the model pays for what the critic said of its latents, nats."""

    @abc.abstractmethod
    def judge(self, said: Tensor, evidence: Evidence) -> Tensor:
        """What the critic pays for its errors, nats."""


class PriorCritic(LatentCritic):
    """The critic tells latents from draws of the prior; the model makes it fail.

    Args:
        base: The terms, usually the reconstruction alone.
        critic: (batch, latent) -> (batch, 1), a logit: positive for the prior.
        weight: Nats that one nat of the critic's verdict is worth.

    Source: Makhzani et al. 2016, "Adversarial autoencoders", section 2.
    """

    def penalty(self, said: Tensor, evidence: Evidence) -> Tensor:
        """Cost of being told from the prior (non-saturating)."""
        return verdict(said, real=True)

    def judge(self, said: Tensor, evidence: Evidence) -> Tensor:
        """Errors on the prior's draws and on the latents."""
        p = evidence.draw.p
        drawn = p.sample(torch.Size((len(said),)) if not p.batch_shape else torch.Size())
        return verdict(self.critic(drawn), real=True) + verdict(said, real=False)


class TotalCorrelationCritic(LatentCritic):
    """The critic tells latents from latents shuffled one by one; its logit is their log ratio.

    Args:
        base: The terms, usually the ELBO.
        critic: (batch, latent) -> (batch, 1), a logit: positive for latents as they are.
        weight: Nats that one nat of total correlation is worth.

    Source: Kim & Mnih 2018, "Disentangling by factorising", eq. 2-3 and algorithm 2.
    """

    def penalty(self, said: Tensor, evidence: Evidence) -> Tensor:
        """The total correlation, as the critic estimates it."""
        return said.mean()

    def judge(self, said: Tensor, evidence: Evidence) -> Tensor:
        """Errors on latents as they are and shuffled."""
        z = evidence.draw.z[0].detach()
        orders = torch.rand(z.shape, device=z.device).argsort(0)
        shuffled = self.critic(z.gather(0, orders))
        return (verdict(said, real=True) + verdict(shuffled, real=False)) / 2


class ContextCritic(LatentCritic):
    """The critic tells the context from the latents; the model hides it there.

    The decoder is given the context anyway, so what the latents keep is the rest: content, beside
    the style of the context. The paper turns the labels of its critic round; here the critic is
    brought to say the mean context, which is all that can be said of latents that know nothing,
    and which is defined for many labels and for properties, too.

    Args:
        base: The terms, usually the ELBO.
        critic: (batch, latent) -> (batch, context), a guess of the context.
        weight: Nats that one nat of the critic's verdict is worth.

    Source: Lample et al. 2017, "Fader networks: manipulating images by sliding attributes",
    section 3; Tzeng et al. 2015, "Simultaneous deep transfer", eq. 4 (confusion).
    """

    @property
    def requires(self) -> frozenset[str]:
        """What the base requires, and a context."""
        return super().requires | {"context"}

    def penalty(self, said: Tensor, evidence: Evidence) -> Tensor:
        """Cost of what is said beyond the mean context, nats of a unit Gaussian."""
        context = _context_of(evidence)
        return _half_square(said - context.mean(0))

    def judge(self, said: Tensor, evidence: Evidence) -> Tensor:
        """Error of the guess, nats of a unit Gaussian."""
        return _half_square(said - _context_of(evidence))


def _context_of(evidence: Evidence) -> Tensor:
    context = evidence.batch.context
    assert context is not None, "checked with what the model provides"
    return context


def _half_square(errors: Tensor) -> Tensor:
    return errors.square().sum(-1).mean() / 2


def verdict(logits: Tensor, *, real: bool) -> Tensor:
    """Mean cross-entropy of a critic that should say real, or not, in nats."""
    return F.softplus(-logits if real else logits).mean()
