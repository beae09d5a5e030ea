"""What is asked of latents before a density is fitted to them."""

from collections.abc import Sequence

from torch import Tensor

from vaekit.errors import CompositionError, DataError, SpecError
from vaekit.priors.base import Prior

__all__ = ["check_context", "check_latents", "check_whole", "check_widths"]


def check_whole(least: int, **values: int) -> None:
    """Refuse what is no count, or below the least one.

    Raises:
        SpecError: Names the first.
    """
    for name, value in values.items():
        if not isinstance(value, int) or value < least:
            raise SpecError(f"{name} must be a whole number of at least {least}; got {value!r}.")


def check_widths(hidden: Sequence[int]) -> None:
    """Refuse layers without units.

    Raises:
        SpecError: Names the first.
    """
    for place, width in enumerate(hidden):
        check_whole(1, **{f"hidden[{place}]": width})


def check_latents(
    prior: Prior, u: Tensor, context: Tensor | None, context_dim: int, needed: int
) -> None:
    """Refuse latents that a prior cannot be fitted to.

    Args:
        prior: What is to be fitted.
        u: Latents, shape (n, latent).
        context: What they are conditioned on, shape (n, context).
        context_dim: The size of the context that the prior was made for; 0 for none.
        needed: The fewest latents.

    Raises:
        CompositionError: Latents or context of another size.
        DataError: Too few latents, or some that are not finite.
    """
    name = type(prior).__name__
    if len(u) < needed:
        raise DataError(f"{name} needs at least {needed} items; got {len(u)}.")
    _check_size(name, "latent", u.shape[-1], prior.latent_dim)
    _check_size(name, "context", 0 if context is None else context.shape[-1], context_dim)
    if not u.isfinite().all():
        raise DataError(f"the latents that {name} is fitted to must be finite; got NaN or inf.")


def check_context(prior: Prior, context: Tensor | None, context_dim: int) -> Tensor | None:
    """The context, or ``None`` for a prior that ignores it.

    Raises:
        CompositionError: Missing, or of another size than the prior was fitted with.
    """
    if context_dim == 0:
        return None
    got = 0 if context is None else context.shape[-1]
    _check_size(type(prior).__name__, "context", got, context_dim)
    return context


def _check_size(owner: str, name: str, got: int, expected: int) -> None:
    if got != expected:
        raise CompositionError(
            f"the {name} of this {owner} must have size {expected}; got {got}. "
            f"Make it with {name}_dim={got}."
        )
