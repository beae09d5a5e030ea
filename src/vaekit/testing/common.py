"""What the checks share."""

import math
from typing import Any

import torch
from torch import Size, Tensor, nn
from torch.distributions import Distribution

from vaekit.distributions import DiagonalNormal, Traced
from vaekit.errors import ConformanceError, SpecError
from vaekit.spec import arguments

__all__ = ["check_density", "check_rebuilds", "draw_from", "require"]

_DRAWS = 4000
_ERRORS = 5.0  # standard errors; one in a million checks of a right density fails


def require(holds: bool, rule: str, got: Any, remedy: str) -> None:
    """Refuse a part that breaks a rule.

    Raises:
        ConformanceError: It does.
    """
    if not holds:
        raise ConformanceError(f"{rule}; got {got}. {remedy}")


def check_rebuilds(part: nn.Module) -> None:
    """Require that the constructor arguments are all there is to know, but for the weights."""
    name = type(part).__name__
    try:
        again = type(part)(**arguments(part))
    except (SpecError, TypeError, ValueError) as error:
        raise ConformanceError(
            f"{name} must be built again from its constructor arguments, each kept in an "
            f"attribute of its name; {error}"
        ) from error
    ours, theirs = (
        {k: tuple(v.shape) for k, v in module.state_dict().items()} for module in (part, again)
    )
    require(
        ours == theirs,
        f"the state of {name} must follow from its constructor arguments",
        sorted(set(ours.items()) ^ set(theirs.items())),
        "Write what is learnt about sizes back into those attributes.",
    )


def draw_from(q: Distribution, draws: int, *, density: bool) -> tuple[Tensor, Tensor | None]:
    """Draws, and their log density where there is one."""
    if isinstance(q, Traced):
        return q.rsample_with_log_prob(Size((draws,)))
    z = q.rsample((draws,)) if q.has_rsample else q.sample((draws,))
    return z, q.log_prob(z) if density else None


@torch.no_grad()
def check_density(q: Distribution, owner: str, draws: int = _DRAWS) -> None:
    """Require that the density is that of the draws.

    For a Gaussian r that is narrower than the draws, the mean of r(z) / q(z) over draws of q is
    the integral of r, which is 1: whatever q, in any number of dimensions.
    """
    z, log_q = draw_from(q, draws, density=True)
    assert log_q is not None
    centre, spread = z.median(0).values, z.std(0)
    r = DiagonalNormal(centre, (_NARROW * spread).clamp_min(1e-6).log())
    ratio = (r.log_prob(z) - log_q).exp()
    error = ratio.std(0) / math.sqrt(draws)
    off = (ratio.mean(0) - 1).abs()
    require(
        bool((off <= _ERRORS * error + 1e-4).all()),
        f"draws of {owner} must follow the density that it gives them",
        f"a mean ratio of {(ratio.mean(0)).flatten().tolist()[:3]} where 1 is right, to "
        f"{error.flatten().tolist()[:3]}",
        "Look for a forgotten log-determinant or a sum over the wrong axis.",
    )


_NARROW = 0.6
