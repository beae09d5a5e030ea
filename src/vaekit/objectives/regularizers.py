"""Penalties that shape latents and decoders."""

import functools
import math
from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from vaekit.distributions.codes import CodeDistribution
from vaekit.distributions.gaussian import DiagonalNormal
from vaekit.errors import CompositionError, unknown_name
from vaekit.models.vae import VAE
from vaekit.objectives.base import Term
from vaekit.types import Evidence, TrainingProgress

_SCALES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


def _inverse_multiquadratic(squared: Tensor, width: float) -> Tensor:
    return width / (width + squared)


def _gaussian(squared: Tensor, width: float) -> Tensor:
    return torch.exp(-squared / width)


_KERNELS = {"inverse_multiquadratic": _inverse_multiquadratic, "gaussian": _gaussian}


@dataclass(frozen=True)
class MeanDiscrepancy(Term):
    """MMD² between the latents of a batch and as many draws from the prior, without bias.

    A number, not nats: its weight says how many nats one unit is worth.

    Attributes:
        kernel: ``"inverse_multiquadratic"`` (heavy tails) or ``"gaussian"``, summed over seven
            widths around that of a standard normal.

    Source: Gretton et al. 2012, eq. 3; Tolstikhin et al. 2018, "Wasserstein auto-encoders",
    section 3 and appendix C (kernel and widths); Zhao et al. 2019, "InfoVAE".
    """

    name: ClassVar[str] = "mean_discrepancy"

    kernel: str = "inverse_multiquadratic"

    def __post_init__(self) -> None:
        if self.kernel not in _KERNELS:
            raise unknown_name("kernel", self.kernel, _KERNELS)

    def __call__(self, evidence: Evidence, model: VAE, progress: TrainingProgress) -> Tensor:
        """Return one value for the batch."""
        z, p = evidence.draw.z[0], evidence.draw.p
        drawn = p.sample(torch.Size((len(z),)) if not p.batch_shape else torch.Size())
        within = self._mean_of_pairs(z) + self._mean_of_pairs(drawn)
        return within - 2 * self._kernel(_squared(z, drawn), z.shape[1]).mean()

    def _mean_of_pairs(self, z: Tensor) -> Tensor:
        values = self._kernel(_squared(z, z), z.shape[1])
        return (values.sum() - values.diagonal().sum()) / max(1, len(z) * (len(z) - 1))

    def _kernel(self, squared: Tensor, dim: int) -> Tensor:
        kernel = _KERNELS[self.kernel]
        return torch.stack([kernel(squared, 2 * dim * scale) for scale in _SCALES]).sum(0)


def _squared(a: Tensor, b: Tensor) -> Tensor:
    """Squared distances; by products, whose gradient is finite where points agree."""
    lengths = a.square().sum(-1, keepdim=True) + b.square().sum(-1)
    return (lengths - 2 * a @ b.mT).clamp_min(0)


@dataclass(frozen=True)
class DecoderNorm(Term):
    """Sum of the squared weights of the decoder, halved.

    Source: Ghosh et al. 2020, section 3.1 (RAE-L2).
    """

    name: ClassVar[str] = "decoder_norm"

    def __call__(self, evidence: Evidence, model: VAE, progress: TrainingProgress) -> Tensor:
        """Return one value for the batch."""
        weights = [p for p in model.decoder.parameters() if p.dim() > 1]
        return torch.stack([w.square().sum() for w in weights]).sum() / 2


@dataclass(frozen=True)
class GradientPenalty(Term):
    """|J|², the squared Jacobian of the decoded mean by z, estimated along a random direction.

    Source: Ghosh et al. 2020, eq. 9 (RAE-GP); Hutchinson 1989 for the estimate.
    """

    name: ClassVar[str] = "gradient_penalty"
    requires: ClassVar[frozenset[str]] = frozenset({"smooth"})

    def __call__(self, evidence: Evidence, model: VAE, progress: TrainingProgress) -> Tensor:
        """Return one value per item."""
        with torch.enable_grad():
            z = evidence.draw.z[0].detach().requires_grad_()
            shown = model.decode(z, evidence.batch.context).mean
            direction = torch.randn_like(shown)
            (gradient,) = torch.autograd.grad(
                shown, z, direction, create_graph=torch.is_grad_enabled()
            )
        return gradient.square().sum(-1)


_HALF_LOG_TWO_PI = 0.5 * math.log(2 * math.pi)


@dataclass(frozen=True)
class DecomposedKL(Term):
    """The KL in three parts, each with a weight: information, total correlation, marginals.

    q(z) is estimated from the batch, weighted as a sample of the whole training set.

    Attributes:
        information: Weight of I(x; z).
        total_correlation: Weight of KL(q(z) || prod_j q(z_j)), which entangled latents pay.
        marginals: Weight of sum_j KL(q(z_j) || p(z_j)).

    Source: Chen et al. 2018, "Isolating sources of disentanglement in VAEs", eq. 2 and appendix
    C.1 (minibatch-weighted sampling).
    """

    name: ClassVar[str] = "decomposed_kl"
    requires: ClassVar[frozenset[str]] = frozenset({"density", "factorised"})

    information: float = 1.0
    total_correlation: float = 6.0
    marginals: float = 1.0

    def __call__(self, evidence: Evidence, model: VAE, progress: TrainingProgress) -> Tensor:
        """Return one value per item, of its first draw."""
        draw = evidence.draw
        assert isinstance(draw.q, DiagonalNormal)
        each = _log_prob_per_latent(draw.z[0], draw.q)
        log_all = math.log(len(each) * max(progress.items, len(each)))
        log_q_z = torch.logsumexp(each.sum(-1), dim=1) - log_all
        log_marginals = (torch.logsumexp(each, dim=1) - log_all).sum(-1)
        log_q, log_p = draw.q.log_prob(draw.z[0]), draw.p.log_prob(draw.z[0])
        return (
            self.information * (log_q - log_q_z)
            + self.total_correlation * (log_q_z - log_marginals)
            + self.marginals * (log_marginals - log_p)
        )


def _log_prob_per_latent(z: Tensor, q: DiagonalNormal) -> Tensor:
    """log q(z_i of each item | x of each other item), shape (items, items, latent)."""
    error = (z.unsqueeze(1) - q.loc) / q.scale
    return -0.5 * error.square() - q.log_scale - _HALF_LOG_TWO_PI


@dataclass(frozen=True)
class CovariancePenalty(Term):
    """Squared distance of the latents' covariance over the batch from the identity.

    Attributes:
        kind: ``"means"`` (DIP-VAE I) looks at the posterior means, ``"draws"`` (DIP-VAE II) at
            the whole aggregate posterior.
        off_diagonal: Weight of the covariances.
        diagonal: Weight of the variances' distance from 1.

    Source: Kumar et al. 2018, "Variational inference of disentangled latent concepts", eq. 6-7.
    """

    name: ClassVar[str] = "covariance_penalty"
    requires: ClassVar[frozenset[str]] = frozenset({"density", "factorised"})

    kind: str = "means"
    off_diagonal: float = 10.0
    diagonal: float = 100.0

    def __post_init__(self) -> None:
        if self.kind not in ("means", "draws"):
            raise unknown_name("kind", self.kind, ("means", "draws"))

    def __call__(self, evidence: Evidence, model: VAE, progress: TrainingProgress) -> Tensor:
        """Return one value for the batch."""
        q = evidence.draw.q
        centerd = q.mean - q.mean.mean(0)
        covariance = centerd.mT @ centerd / max(1, len(centerd) - 1)
        if self.kind == "draws":
            covariance = covariance + torch.diag(q.variance.mean(0))
        variances = covariance.diagonal()
        off = covariance.square().sum() - variances.square().sum()
        return self.off_diagonal * off + self.diagonal * (variances - 1).square().sum()


@dataclass(frozen=True)
class LatentNorm(Term):
    """|z|² / 2, which keeps the codes of deterministic models together.

    Source: Ghosh et al. 2020, "From variational to deterministic autoencoders", eq. 8.
    """

    name: ClassVar[str] = "latent_norm"

    def __call__(self, evidence: Evidence, model: VAE, progress: TrainingProgress) -> Tensor:
        """Return one value per draw and item."""
        return evidence.draw.z.square().sum(-1) / 2


@dataclass(frozen=True)
class Commitment(Term):
    """Squared distance of each encoding from its codes, which the encoder pays.

    Source: van den Oord et al. 2017, eq. 3, last term.
    """

    name: ClassVar[str] = "commitment"
    requires: ClassVar[frozenset[str]] = frozenset({"codes"})

    def __call__(self, evidence: Evidence, model: VAE, progress: TrainingProgress) -> Tensor:
        """Return one value per item."""
        q = evidence.draw.q
        assert isinstance(q, CodeDistribution)
        return q.distance


_FAINTEST = 1e-4  # of the mean power: what is fainter no eye sees, and its logarithm is noise
_ROUNDING = 1e-6  # power of the rounding to bytes, of values from 0 to 1
_CERTAINTY = 4  # of a frequency known by half, a sixteenth is asked for


@dataclass(frozen=True)
class PowerSpectrum(Term):
    """Squared log ratio of the power of reconstructions and of images, over all frequencies.

    What squared errors leave out is fine detail: of what is uncertain they ask for the mean, which
    is smooth. And what layers that paint several pixels at once put in is a checkerboard. Both show
    in the power at single frequencies, averaged over a batch; this asks for the power that the
    images have, at next to no cost. Too much of it always counts. Too little counts as far as the
    reconstruction knows of that frequency (the fourth power of the squared correlation with the
    images): what it does not know it would make up, as a pattern that repeats with the grid of the
    network. Images of which little is known therefore stay smooth.

    Of images of D values, all at a power e times too large or too small, it is D / 2 nats: as much
    as an error e times as large costs under normal noise that is set to its best value.

    Source: Durall et al. 2020, "Watch your up-convolution: CNN based generative deep neural
    networks are failing to reproduce spectral distributions", section 4 (there by cross-entropy of
    the azimuthal mean); Jiang et al. 2021, "Focal frequency loss for image reconstruction and
    synthesis", section 3.
    """

    name: ClassVar[str] = "power_spectrum"
    requires: ClassVar[frozenset[str]] = frozenset({"smooth"})

    def __call__(self, evidence: Evidence, model: VAE, progress: TrainingProgress) -> Tensor:
        """Return one value for the batch."""
        real, made = evidence.batch.visible, model.likelihood.point(evidence.px)[0]
        if real.ndim != 4:
            raise CompositionError(
                "PowerSpectrum needs images of shape (channels, height, width); got items of "
                f"shape {tuple(real.shape[1:])}."
            )
        wanted, got, common = _powers(real, made)
        faintest = _FAINTEST * wanted.mean((1, 2), keepdim=True) + _ROUNDING
        known = (common.square() / ((wanted + faintest) * (got + faintest))).detach()
        ratios = (got + faintest).log() - (wanted + faintest).log()
        weights = torch.where(ratios > 0, 1.0, known**_CERTAINTY)
        return (weights * ratios.square()).mean() * (math.prod(real.shape[1:]) / 2)


def _powers(real: Tensor, made: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Mean power of both about each frequency, and what they have in common.

    Grey and colour apart: else colourful noise would do for detail, which is mostly grey.
    """
    a, b = _waves(real), _waves(made)
    powers = torch.stack([(x * y).mean((1, 2)) for x, y in ((a, a), (b, b), (a, b))])
    wanted, got, common = F.avg_pool2d(powers, 3, stride=1, padding=1, count_include_pad=False)
    return wanted, got, common


def _waves(images: Tensor) -> Float[Tensor, "kinds items colours rows columns"]:
    values = images.float()
    values = values - values.mean((2, 3), keepdim=True)
    height, width = values.shape[-2:]
    waves = _cosines(height).to(values) @ values @ _cosines(width).to(values).mT
    grey = waves.mean(1, keepdim=True)
    kinds = [grey.expand_as(waves), waves - grey] if waves.shape[1] > 1 else [grey]
    return torch.stack(kinds)


@functools.cache
def _cosines(side: int) -> Tensor:
    """Return the cosine transform: unlike Fourier's it sees no step from one edge to the other."""
    with torch.inference_mode(False):  # it is kept for callers that want gradients
        frequencies = torch.arange(side, dtype=torch.float32, device="cpu")
        waves = torch.cos(math.pi / side * frequencies[:, None] * (frequencies + 0.5))
        scaled: Tensor = waves * (2 / side) ** 0.5
    return scaled
