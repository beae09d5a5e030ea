"""The game of a generator and a critic."""

from collections.abc import Callable, Iterable, Iterator, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vaekit.errors import CompositionError, SpecError, unknown_name
from vaekit.models import GAN, Model
from vaekit.networks import FeatureCritic
from vaekit.objectives.adversarial import verdict
from vaekit.objectives.base import Objective, Pace
from vaekit.types import Batch, Clock, Update

__all__ = ["Adversarial"]

Judge = Callable[[Tensor, Tensor], Tensor]
"""Logits of real and of made items -> the critic's loss."""


def _hinge(real: Tensor, made: Tensor) -> Tensor:
    return F.relu(1 - real).mean() + F.relu(1 + made).mean()


def _cross_entropy(real: Tensor, made: Tensor) -> Tensor:
    return verdict(real, real=True) + verdict(made, real=False)


def _difference(real: Tensor, made: Tensor) -> Tensor:
    return made.mean() - real.mean()


_GAMES: dict[str, tuple[Judge, Callable[[Tensor], Tensor]]] = {
    "hinge": (_hinge, lambda made: -made.mean()),
    "non_saturating": (_cross_entropy, lambda made: verdict(made, real=True)),
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
        """The generator, and its critic."""
        return {"model": model.parameters(), "critic": self.critic.parameters()}

    def pace(self, group: str) -> Pace:
        """Little momentum, with which the two would circle each other (Miyato et al. 2018)."""
        return Pace(betas=(0.0, 0.99))

    def losses(self, model: Model, batch: Batch, clock: Clock) -> Iterator[Update]:
        """Yield the critic's updates, then the generator's."""
        gan, x, context = _gan_of(model), batch.visible, batch.context
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
        made = gan.generate(gan.noise(len(x), x), context)
        fooling = please(self.critic(made, context))
        yield Update({"model": fooling}, {"generator": fooling.detach()})

    def _steepness(self, x: Tensor, made: Tensor, context: Tensor | None) -> Tensor:
        """How far the critic's slope is from what it should be, squared."""
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
