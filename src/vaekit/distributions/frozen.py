"""Distributions through whose parameters no gradient flows."""

from functools import singledispatch

from torch.distributions import Distribution, MultivariateNormal

from vaekit.distributions.diagonal_normal import DiagonalNormal

__all__ = ["frozen"]


@singledispatch
def frozen(q: Distribution) -> Distribution:
    """The same distribution with constant parameters.

    Raises:
        NotImplementedError: Not known for this kind; posteriors that provide ``"path"`` are.
    """
    raise NotImplementedError(f"cannot freeze a {type(q).__name__}")


@frozen.register
def _(q: DiagonalNormal) -> Distribution:
    return DiagonalNormal(q.loc.detach(), q.log_scale.detach())


@frozen.register
def _(q: MultivariateNormal) -> Distribution:
    return MultivariateNormal(q.loc.detach(), scale_tril=q.scale_tril.detach(), validate_args=False)
