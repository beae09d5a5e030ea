"""A VAE that is also a generative adversarial network."""

from collections.abc import Iterable, Iterator, Mapping

from torch import Tensor, nn

from vaekit.models import Model
from vaekit.networks import FeatureCritic
from vaekit.objectives.adversarial import verdict
from vaekit.objectives.base import Objective, vae_of
from vaekit.objectives.importance import coder_groups
from vaekit.objectives.terms import kl_of
from vaekit.types import Batch, Clock, Update

__all__ = ["VAEGAN"]


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
        return {**coder_groups(vae_of(model, self)), "critic": self.critic.parameters()}

    def losses(self, model: Model, batch: Batch, clock: Clock) -> Iterator[Update]:
        """Yield one update of all three."""
        vae = vae_of(model, self)
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
        return verdict(self.critic(x), real=real)
