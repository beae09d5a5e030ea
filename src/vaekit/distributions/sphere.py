"""Densities on the unit sphere, with respect to its area."""

import math
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Size, Tensor
from torch.distributions import Beta, Distribution, constraints, register_kl


def log_sphere_area(dim: int) -> float:
    """Log of the area of the unit sphere in so many dimensions."""
    return math.log(2) + dim / 2 * math.log(math.pi) - math.lgamma(dim / 2)


class UniformSphereDistribution(Distribution):
    """All directions equally probable.

    Args:
        like: A tensor of shape (latent,), whose size, dtype and device to use.
    """

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {}

    def __init__(self, like: Float[Tensor, "latent"]) -> None:
        self.like = like
        super().__init__(Size(), like.shape, validate_args=False)

    def sample(self, sample_shape: Any = Size()) -> Tensor:
        """Draw unit vectors."""
        return _directions((*sample_shape, *self.event_shape), self.like)

    def log_prob(self, value: Tensor) -> Tensor:
        """Minus the log of the area."""
        return value.new_full(value.shape[:-1], -log_sphere_area(value.shape[-1]))


class PowerSpherical(Distribution):
    """Density proportional to (1 + mean·z)^concentration.

    Args:
        mean_direction: Unit vectors, shape (..., latent).
        concentration: Positive, shape (...).

    Source: De Cao & Aziz 2020, "The power spherical distribution", eq. 4-6, algorithm 1.

    Example:
        >>> q = PowerSpherical(torch.tensor([[1.0, 0.0, 0.0]]), torch.tensor([5.0]))
        >>> q.rsample().norm(dim=-1).allclose(torch.ones(1))
        True
    """

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {}
    has_rsample = True

    def __init__(
        self, mean_direction: Float[Tensor, "*batch latent"], concentration: Float[Tensor, "*batch"]
    ) -> None:
        self.mean_direction, self.concentration = mean_direction, concentration
        self._beta = (mean_direction.shape[-1] - 1) / 2
        super().__init__(concentration.shape, mean_direction.shape[-1:], validate_args=False)

    @property
    def mean(self) -> Tensor:
        """The direction around which the mass lies (the mean would lie inside the sphere)."""
        return self.mean_direction

    @property
    def log_normalizer(self) -> Tensor:
        """Log of what the power integrates to."""
        alpha, beta = self._alpha, self._beta
        log_gammas = torch.lgamma(alpha) - torch.lgamma(alpha + beta)
        return (alpha + beta) * math.log(2) + beta * math.log(math.pi) + log_gammas

    @property
    def _alpha(self) -> Tensor:
        return self._beta + self.concentration

    def rsample(self, sample_shape: Any = Size()) -> Tensor:
        """Draw, reparametrised."""
        alpha = self._alpha
        draws = Beta(alpha, torch.full_like(alpha, self._beta), validate_args=False)
        along = 2 * draws.rsample(Size(sample_shape)) - 1
        return _around(self.mean_direction, along)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log density in nats."""
        cosine = (self.mean_direction * value).sum(-1).clamp(-1 + 1e-6, 1)
        return self.concentration * torch.log1p(cosine) - self.log_normalizer

    def entropy(self) -> Tensor:
        """Differential entropy in nats."""
        alpha = self._alpha
        mean_log = math.log(2) + torch.digamma(alpha) - torch.digamma(alpha + self._beta)
        return self.log_normalizer - self.concentration * mean_log


class VonMisesFisher(Distribution):
    """Density proportional to exp(concentration mean·z).

    Drawn by rejection; gradients of the concentration pass through accepted draws only, as in
    the authors' code (the small correction term of Davidson et al., eq. 18, is left out).

    Args:
        mean_direction: Unit vectors, shape (..., latent).
        concentration: Positive, shape (...).

    Source: Davidson et al. 2018, "Hyperspherical variational auto-encoders", section 3;
    Ulrich 1984, algorithm VM*, with the correction of Wood 1994.

    Example:
        >>> q = VonMisesFisher(torch.tensor([[1.0, 0.0, 0.0]]), torch.tensor([5.0]))
        >>> q.rsample().norm(dim=-1).allclose(torch.ones(1))
        True
    """

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {}
    has_rsample = True

    def __init__(
        self, mean_direction: Float[Tensor, "*batch latent"], concentration: Float[Tensor, "*batch"]
    ) -> None:
        self.mean_direction, self.concentration = mean_direction, concentration
        super().__init__(concentration.shape, mean_direction.shape[-1:], validate_args=False)

    @property
    def mean(self) -> Tensor:
        """The direction around which the mass lies (the mean would lie inside the sphere)."""
        return self.mean_direction

    @property
    def log_normalizer(self) -> Tensor:
        """Log of what the exponential integrates to."""
        k, order = self.concentration, self.event_shape[0] / 2 - 1
        log_bessel: Tensor = _LogBessel.apply(k, order)  # type: ignore[no-untyped-call]
        return (order + 1) * math.log(2 * math.pi) + log_bessel - order * k.log()

    def rsample(self, sample_shape: Any = Size()) -> Tensor:
        """Draw, by rejection along the mean and uniformly around it."""
        k = self.concentration.expand(self._extended_shape(sample_shape)[:-1])
        return _around(self.mean_direction, _along_by_rejection(k, self.event_shape[0]))

    def log_prob(self, value: Tensor) -> Tensor:
        """Log density in nats."""
        cosine = (self.mean_direction * value).sum(-1)
        return self.concentration * cosine - self.log_normalizer

    def entropy(self) -> Tensor:
        """Differential entropy in nats."""
        order = self.event_shape[0] / 2 - 1
        return self.log_normalizer - self.concentration * _bessel_ratio(self.concentration, order)


def _along_by_rejection(k: Tensor, dim: int) -> Tensor:
    """Cosines to the mean (Wood 1994)."""
    rest = dim - 1
    b = rest / (2 * k + (4 * k**2 + rest**2).sqrt())
    x = (1 - b) / (1 + b)
    bound = k * x + rest * torch.log1p(-(x**2))
    proposals = Beta(k.new_tensor(rest / 2), k.new_tensor(rest / 2), validate_args=False)
    accepted = torch.zeros_like(k, dtype=torch.bool)
    chosen = torch.full_like(k, 0.5)
    while not accepted.all():
        e = proposals.sample(k.shape)
        w = (1 - (1 + b) * e) / (1 - (1 - b) * e)
        log_ratio = k * w + rest * torch.log1p(-(x * w)) - bound
        fits = (log_ratio >= torch.rand_like(k).log()) & ~accepted
        chosen = torch.where(fits, e, chosen)
        accepted = accepted | fits
    return (1 - (1 + b) * chosen) / (1 - (1 - b) * chosen)


def _around(mean: Tensor, along: Tensor) -> Tensor:
    """Unit vectors with these cosines to the mean, in random directions around it."""
    dim = mean.shape[-1]
    side = _directions((*along.shape, dim - 1), mean)
    height = (1 - along.square()).clamp_min(1e-10).sqrt()
    y = torch.cat([along.unsqueeze(-1), height.unsqueeze(-1) * side], dim=-1)
    first = torch.zeros_like(mean)
    first[..., 0] = 1
    # A reflection takes the first axis to the mean (Householder).
    normal = first - mean
    normal = normal / normal.norm(dim=-1, keepdim=True).clamp_min(1e-7)
    turned: Tensor = y - 2 * (y * normal).sum(-1, keepdim=True) * normal
    return turned


def _directions(shape: tuple[int, ...], like: Tensor) -> Tensor:
    noise = torch.randn(shape, dtype=like.dtype, device=like.device)
    unit: Tensor = noise / noise.norm(dim=-1, keepdim=True).clamp_min(1e-12)
    return unit


class _LogBessel(torch.autograd.Function):
    """log I_order(k), with its derivative I_{order+1}/I_order + order/k."""

    @staticmethod
    def forward(ctx: Any, k: Tensor, order: float) -> Tensor:
        ctx.save_for_backward(k)
        ctx.order = order
        return _log_bessel(k, order)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (k,) = ctx.saved_tensors
        return gradients[0] * (_bessel_ratio(k, ctx.order) + ctx.order / k), None


def _log_bessel(k: Tensor, order: float) -> Tensor:
    from scipy.special import ive

    exact = k.detach().double().cpu()
    scaled = torch.as_tensor(ive(order, exact.numpy()))
    # Where the function underflows the first term of its series is all there is of it.
    small = order * (exact / 2).log() - math.lgamma(order + 1)
    return torch.where(scaled > 0, scaled.clamp_min(1e-300).log() + exact, small).to(k)


def _bessel_ratio(k: Tensor, order: float) -> Tensor:
    """I_{order+1}(k) / I_order(k), as a function of k with its own gradient."""
    ratio: Tensor = _BesselRatio.apply(k, order)  # type: ignore[no-untyped-call]
    return ratio


class _BesselRatio(torch.autograd.Function):
    """A = I_{order+1}/I_order, with A' = 1 - A² - (2 order + 1) A / k (Sra 2012, eq. 6)."""

    @staticmethod
    def forward(ctx: Any, k: Tensor, order: float) -> Tensor:
        ratio = (_log_bessel(k.double(), order + 1) - _log_bessel(k.double(), order)).exp().to(k)
        ctx.save_for_backward(k, ratio)
        ctx.order = order
        return ratio

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        k, ratio = ctx.saved_tensors
        return gradients[0] * (1 - ratio**2 - (2 * ctx.order + 1) / k * ratio), None


@register_kl(PowerSpherical, UniformSphereDistribution)  # type: ignore[untyped-decorator]
@register_kl(VonMisesFisher, UniformSphereDistribution)  # type: ignore[untyped-decorator]
def _kl_to_uniform(q: PowerSpherical | VonMisesFisher, p: UniformSphereDistribution) -> Tensor:
    return log_sphere_area(q.event_shape[0]) - q.entropy()
