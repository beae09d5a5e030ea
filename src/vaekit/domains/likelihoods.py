"""Likelihoods by the names that users give."""

import re
from typing import Any

from vaekit.errors import SpecError, unknown_name
from vaekit.likelihoods.base import LearnedGaussian, Likelihood
from vaekit.registry import classes


def likelihood_names() -> list[str]:
    """Return the names by which likelihoods can be chosen, those of plug-ins among them.

    Example:
        >>> [name for name in likelihood_names() if "bernoulli" in name]
        ['bernoulli', 'continuous_bernoulli']
    """
    return sorted(_named_likelihoods())


def make_likelihood(name: str, event_shape: tuple[int, ...]) -> Likelihood:
    """Return a likelihood for items of a shape, by its name.

    Raises:
        SpecError: No likelihood has that name.

    Example:
        >>> make_likelihood("student", (4,)).shape
        (4,)
    """
    known = _named_likelihoods()
    if name not in known:
        raise unknown_name("likelihood", name, ["auto", *known])
    if name == _PER_FEATURE:
        return LearnedGaussian(event_shape)
    made = known[name].for_shape(event_shape)
    if made is None:
        raise SpecError(f"likelihood {name!r} must be made by its domain; a name says too little.")
    return made


_PER_FEATURE = "per_feature_gaussian"
"""A learned Gaussian by another choice of its shape."""


def _named_likelihoods() -> dict[str, type[Likelihood]]:
    """Return classes by their names in lower case with underscores."""
    kinds: dict[str, Any] = classes("likelihoods")
    known = {re.sub(r"(?<=.)(?=[A-Z])", "_", name).lower(): cls for name, cls in kinds.items()}
    named = {k: v for k, v in known.items() if v.for_shape(()) is not None}
    return {**named, _PER_FEATURE: LearnedGaussian}
