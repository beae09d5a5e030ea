"""Objectives with critics: adversarial autoencoders, GAN, VAE-GAN, patch critics."""

import abc
from collections.abc import Callable, Iterable, Iterator, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vaekit.errors import CompositionError, SpecError, unknown_name
from vaekit.models.samplers import GAN
from vaekit.models.vae import VAE, Model
from vaekit.networks.critics import FeatureCritic
from vaekit.objectives.base import Objective, OptimizerOptions, kl_of, require_vae
from vaekit.objectives.evidence_bounds import Sum, coder_groups
from vaekit.types import Batch, Evidence, TrainingProgress, Update


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
        """Return the model, and its critic."""
        return {"model": model.parameters(), "critic": self.critic.parameters()}

    def losses(self, model: Model, batch: Batch, progress: TrainingProgress) -> Iterator[Update]:
        """Yield one update of both."""
        vae = require_vae(model, self)
        evidence = vae.evidence(batch, self.base.draws)
        loss, terms = self.base.total(evidence, vae, progress)
        # One pass of the critic serves both: each loss goes back into its own group alone.
        said = self.critic(evidence.draw.z[0])
        penalty, judged = self.penalty(said, evidence), self.judge(said, evidence)
        yield Update(
            {"model": loss + self.weight * penalty, "critic": judged},
            {**terms, "penalty": penalty.detach(), "critic": judged.detach()},
        )

    @abc.abstractmethod
    def penalty(self, said: Tensor, evidence: Evidence) -> Tensor:
        """Return what the model pays for what the critic said of its latents, nats."""

    @abc.abstractmethod
    def judge(self, said: Tensor, evidence: Evidence) -> Tensor:
        """Return what the critic pays for its errors, nats."""


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
        return critic_loss(said, real=True)

    def judge(self, said: Tensor, evidence: Evidence) -> Tensor:
        """Errors on the prior's draws and on the latents."""
        p = evidence.draw.p
        drawn = p.sample(torch.Size((len(said),)) if not p.batch_shape else torch.Size())
        return critic_loss(self.critic(drawn), real=True) + critic_loss(said, real=False)


class TotalCorrelationCritic(LatentCritic):
    """The critic tells latents from latents shuffled one by one; its logit is their log ratio.

    Args:
        base: The terms, usually the ELBO.
        critic: (batch, latent) -> (batch, 1), a logit: positive for latents as they are.
        weight: Nats that one nat of total correlation is worth.

    Source: Kim & Mnih 2018, "Disentangling by factorising", eq. 2-3 and algorithm 2.
    """

    def penalty(self, said: Tensor, evidence: Evidence) -> Tensor:
        """Return the total correlation, as the critic estimates it."""
        return said.mean()

    def judge(self, said: Tensor, evidence: Evidence) -> Tensor:
        """Errors on latents as they are and shuffled."""
        z = evidence.draw.z[0].detach()
        orders = torch.rand(z.shape, device=z.device).argsort(0)
        shuffled = self.critic(z.gather(0, orders))
        return (critic_loss(said, real=True) + critic_loss(shuffled, real=False)) / 2


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


def critic_loss(logits: Tensor, *, real: bool) -> Tensor:
    """Mean cross-entropy of a critic that should say real, or not, in nats."""
    return F.softplus(-logits if real else logits).mean()


Judge = Callable[[Tensor, Tensor], Tensor]
"""Logits of real and of made items -> the critic's loss."""


def _hinge(real: Tensor, made: Tensor) -> Tensor:
    return F.relu(1 - real).mean() + F.relu(1 + made).mean()


def _cross_entropy(real: Tensor, made: Tensor) -> Tensor:
    return critic_loss(real, real=True) + critic_loss(made, real=False)


def _difference(real: Tensor, made: Tensor) -> Tensor:
    return made.mean() - real.mean()


_GAMES: dict[str, tuple[Judge, Callable[[Tensor], Tensor]]] = {
    "hinge": (_hinge, lambda made: -made.mean()),
    "non_saturating": (_cross_entropy, lambda made: critic_loss(made, real=True)),
    "wasserstein": (_difference, lambda made: -made.mean()),
}


class Adversarial(Objective):
    """A critic learns to tell made items from real ones; the generator learns to be taken for real.

    There is no loss to choose the best weights by, so that the last are kept: average them
    (``TrainConfig.ema``).

    Args:
        critic: Items to a logit, positive for real ones; knows the context of a conditional model.
        loss: ``"hinge"``, ``"non_saturating"`` or ``"wasserstein"``.
        gradient_penalty: Weight of holding the critic's slope: at 1 between real and made items
            for ``"wasserstein"`` (10 is usual), at 0 on real items for the others (R1; 0.1 to 10).
        critic_steps: Updates of the critic for each of the generator (5 is usual for
            ``"wasserstein"``).

    Raises:
        SpecError: An unknown loss, a negative weight, or no steps.

    Source: Goodfellow et al. 2014; Miyato et al. 2018, "Spectral normalization", eq. 16-17
    (hinge); Gulrajani et al. 2017, "Improved training of Wasserstein GANs", algorithm 1;
    Mescheder et al. 2018, "Which training methods for GANs do actually converge?", eq. 9 (R1).
    """

    def __init__(
        self,
        critic: FeatureCritic,
        loss: str = "hinge",
        gradient_penalty: float = 0.0,
        critic_steps: int = 1,
    ) -> None:
        super().__init__()
        if loss not in _GAMES:
            raise unknown_name("loss", loss, _GAMES)
        if not gradient_penalty >= 0:
            raise SpecError(f"gradient_penalty must be at least 0; got {gradient_penalty}.")
        if critic_steps < 1:
            raise SpecError(f"critic_steps must be at least 1; got {critic_steps}.")
        self.critic = critic
        self.loss = loss
        self.gradient_penalty = gradient_penalty
        self.critic_steps = critic_steps

    @property
    def requires(self) -> frozenset[str]:
        """A generator, and items that the critic can teach."""
        return frozenset({"generator", "smooth"})

    def groups(self, model: Model) -> Mapping[str, Iterable[nn.Parameter]]:
        """Return the generator, and its critic."""
        return {"model": model.parameters(), "critic": self.critic.parameters()}

    def pace(self, group: str) -> OptimizerOptions:
        """Little momentum, with which the two would circle each other (Miyato et al. 2018)."""
        return OptimizerOptions(betas=(0.0, 0.99))

    def losses(self, model: Model, batch: Batch, progress: TrainingProgress) -> Iterator[Update]:
        """Yield the critic's updates, then the generator's."""
        gan, x = _gan_of(model), batch.visible
        told = gan.conditioning(batch.context)
        context = None if told is None else told.detach()  # what reads it learns with the model
        judge, please = _GAMES[self.loss]
        for _ in range(self.critic_steps):
            made = gan.generate(gan.noise(len(x), x), context).detach()
            judged = judge(self.critic(x, context), self.critic(made, context))
            terms = {"critic": judged.detach()}
            if self.gradient_penalty:
                steepness = self._steepness(x, made, context)
                judged = judged + self.gradient_penalty * steepness
                terms["steepness"] = steepness.detach()
            yield Update({"critic": judged}, terms)
        made = gan.generate(gan.noise(len(x), x), told)
        # The context that the critic sees stays as it is: what reads it learns by what is made of
        # it, and would otherwise please the critic by ever longer vectors.
        fooling = please(self.critic(made, context))
        yield Update({"model": fooling}, {"generator": fooling.detach()})

    def _steepness(self, x: Tensor, made: Tensor, context: Tensor | None) -> Tensor:
        """Return how far the critic's slope is from what it should be, squared."""
        with torch.enable_grad():  # validation asks for the value, too
            if self.loss == "wasserstein":
                share = torch.rand(len(x), *[1] * (x.dim() - 1), device=x.device)
                return (self._slope(torch.lerp(x, made, share), context) - 1).square().mean()
            return self._slope(x, context).square().mean() / 2

    def _slope(self, x: Tensor, context: Tensor | None) -> Tensor:
        x = x.detach().requires_grad_()
        said = self.critic(x, context).sum()
        (gradient,) = torch.autograd.grad(said, x, create_graph=True)
        slope: Tensor = gradient.flatten(1).norm(dim=1)
        return slope


def _gan_of(model: Model) -> GAN:
    if not isinstance(model, GAN):
        raise CompositionError(f"Adversarial trains a GAN; got {type(model).__name__}.")
    return model


class VAEGAN(Objective):
    """Three groups: encoder, decoder, and a critic that tells real items from generated ones.

    Reconstructions are compared in the critic's features as well as value by value; the paper
    compares in features alone (``values=0``), which leaves the likelihood untrained.

    Args:
        critic: Items to features and a logit.
        values: Weight of the reconstruction, value by value.
        features: Weight of the squared error in the critic's features, halved.
        adversarial: Weight of making the critic fail, in nats.

    Source: Larsen et al. 2016, "Autoencoding beyond pixels using a learned similarity metric",
    algorithm 1.
    """

    def __init__(
        self,
        critic: FeatureCritic,
        values: float = 1.0,
        features: float = 1.0,
        adversarial: float = 10.0,
    ) -> None:
        super().__init__()
        self.critic = critic
        self.values = values
        self.features = features
        self.adversarial = adversarial

    @property
    def requires(self) -> frozenset[str]:
        """A density, for the KL, and items that the critic can teach."""
        return frozenset({"density", "smooth"})

    def groups(self, model: Model) -> Mapping[str, Iterable[nn.Parameter]]:
        """Encoder and latent; decoder and likelihood; critic."""
        return {**coder_groups(require_vae(model, self)), "critic": self.critic.parameters()}

    def losses(self, model: Model, batch: Batch, progress: TrainingProgress) -> Iterator[Update]:
        """Yield one update of all three."""
        vae = require_vae(model, self)
        evidence = vae.evidence(batch)
        shown = vae.likelihood.point(evidence.px)[0]
        generated = vae.show(vae.generate(len(batch.x), batch.context, fitted=False), batch.context)
        reconstruction = -evidence.log_px.mean()
        similarity = self._similarity(batch.visible, shown)
        kl = kl_of(evidence.draw).mean()
        matching = self.values * reconstruction + self.features * similarity
        fooling = (self._logit(shown, real=True) + self._logit(generated, real=True)) / 2
        judged = self._judge(batch.visible, shown.detach(), generated.detach())
        terms = {
            "loss": reconstruction + kl,
            "reconstruction": reconstruction,
            "kl": kl,
            "similarity": similarity,
            "fooling": fooling,
            "critic": judged,
        }
        yield Update(
            {
                "encoder": matching + kl,
                "decoder": matching + self.adversarial * fooling,
                "critic": judged,
            },
            {name: term.detach() for name, term in terms.items()},
        )

    def _similarity(self, x: Tensor, shown: Tensor) -> Tensor:
        """Squared error in the critic's features, nats of a unit Gaussian."""
        target = self.critic.features(x).detach()
        return (self.critic.features(shown) - target).square().sum(-1).mean() / 2

    def _judge(self, x: Tensor, shown: Tensor, generated: Tensor) -> Tensor:
        false = (self._logit(shown, real=False) + self._logit(generated, real=False)) / 2
        return self._logit(x, real=True) + false

    def _logit(self, x: Tensor, *, real: bool) -> Tensor:
        return critic_loss(self.critic(x), real=real)


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
        every: The critic judges, and pulls, at every so many steps: once in two or four costs less
            and leaves the pull of a step as it is.
        window: The critic judges one window of so many pixels to a side, another at each step; it
            judges patches, and a part of the image tells of them at a part of the cost. 0 for the
            whole image.

    Raises:
        SpecError: A negative weight or window, a start outside [0, 1), or no step to judge at.

    Source: Esser et al. 2021, "Taming transformers for high-resolution image synthesis", eq. 6-7
    (adaptive weight, there by the last layer); Rombach et al. 2022, "High-resolution image
    synthesis with latent diffusion models", section 3.1 (with a KL); Lim & Ye 2017, "Geometric
    GAN" (hinge).
    """

    def __init__(
        self,
        base: Sum,
        critic: nn.Module,
        weight: float = 1.0,
        start: float = 0.3,
        every: int = 1,
        window: int = 0,
    ) -> None:
        super().__init__()
        if not weight >= 0:
            raise SpecError(f"weight must not be negative; got {weight}.")
        if not 0 <= start < 1:
            raise SpecError(f"start must be in [0, 1); got {start}.")
        if every < 1:
            raise SpecError(f"every must be at least 1; got {every}.")
        if window < 0:
            raise SpecError(f"window must not be negative; got {window}.")
        self.base = base
        self.critic = critic
        self.weight = weight
        self.start = start
        self.every = every
        self.window = window

    @property
    def requires(self) -> frozenset[str]:
        """What the base requires."""
        return self.base.requires

    @property
    def is_checkpointable(self) -> bool:
        """Never: the bound is best before the critic joins."""
        return False

    def groups(self, model: Model) -> Mapping[str, Iterable[nn.Parameter]]:
        """Return the model, and its critic."""
        return {"model": model.parameters(), "critic": self.critic.parameters()}

    def pace(self, group: str) -> OptimizerOptions:
        """Return a critic without momentum: what it judges moves."""
        return OptimizerOptions(betas=(0.0, 0.99)) if group == "critic" else OptimizerOptions()

    def losses(self, model: Model, batch: Batch, progress: TrainingProgress) -> Iterator[Update]:
        """Yield one update of the model, and of the critic once it has joined."""
        vae = require_vae(model, self)
        evidence = vae.evidence(batch, self.base.draws)
        loss, terms = self.base.total(evidence, vae, progress)
        made = self._made(evidence, vae)
        joined = progress.step / progress.total - self.start
        if joined < 0 or progress.step % self.every:
            yield Update({"model": loss}, terms)
            return
        # One pass over what was made serves both sides: its gradients go to the images for one,
        # to the critic for the other.
        copy = made.detach().requires_grad_()
        real, false = self.critic(self._part(batch.visible)), self.critic(self._part(copy))
        judged, fooling = F.relu(1 - real).mean() + F.relu(1 + false).mean(), -false.mean()
        terms |= {"fooling": fooling.detach(), "critic": judged.detach()}
        if torch.is_grad_enabled():
            (slope,) = torch.autograd.grad(fooling, copy, retain_graph=True)
            pull = (slope * made).sum()
            weight = self.weight * min(1.0, joined / _RAMP)
            loss = loss + weight * self._balance(evidence, pull) * pull
        yield Update({"model": loss, "critic": judged}, terms)

    def _part(self, images: Tensor) -> Tensor:
        """Return what the critic judges of images."""
        rows, columns = images.shape[-2:]
        if not self.window or min(rows, columns) <= self.window:
            return images
        top, left = (int(torch.randint(n - self.window + 1, ())) for n in (rows, columns))
        return images[..., top : top + self.window, left : left + self.window]

    def _made(self, evidence: Evidence, vae: VAE) -> Tensor:
        """Return the reconstructions as they are shown."""
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
