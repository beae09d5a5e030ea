"""What every domain promises."""

import abc
import math
from collections.abc import Callable
from typing import Any, Self

import torch
from torch import Tensor

from vaekit.errors import CompositionError, NotFittedError, unknown_name
from vaekit.likelihoods import (
    Bernoulli,
    Categorical,
    ContinuousBernoulli,
    DiscretisedLogistic,
    Gaussian,
    LearnedGaussian,
    Likelihood,
    OptimalGaussian,
    StructuralSimilarity,
    Student,
)
from vaekit.presets import Parts

__all__ = ["LIKELIHOODS", "Domain"]

LIKELIHOODS: dict[str, Callable[[tuple[int, ...]], Likelihood]] = {
    "bernoulli": lambda _: Bernoulli(),
    "continuous_bernoulli": lambda _: ContinuousBernoulli(),
    "discretised_logistic": lambda _: DiscretisedLogistic(),
    "categorical": lambda _: Categorical(256),
    "gaussian": lambda _: Gaussian(),
    "learned_gaussian": lambda _: LearnedGaussian(),
    "per_feature_gaussian": LearnedGaussian,
    "optimal_gaussian": lambda _: OptimalGaussian(),
    "student": Student,
    "structural_similarity": lambda _: StructuralSimilarity(),
}
"""Likelihoods by name, made for an event shape."""


class Domain(abc.ABC):
    """Knows one kind of data. Immutable: `fit` returns a domain that has learnt the schema.

    Constructor arguments are options and the learnt schema alike, so a fitted domain is stored
    like every other component.
    """

    @abc.abstractmethod
    def fit(self, raw: Any) -> Self:
        """Learn the schema (shape, ranges, columns, scaling) of the training data.

        Raises:
            DataError: The data break a rule; says which, where, and what to do.
        """

    @abc.abstractmethod
    def prepare(self, raw: Any) -> Tensor:
        """Check data against the schema and return them as rows, in a compact dtype.

        Raises:
            DataError: The data differ from the schema.
        """

    def prepare_input(self, raw: Any) -> Tensor:
        """As `prepare`, for encoding alone: what a model tells besides may be missing."""
        return self.prepare(raw)

    @abc.abstractmethod
    def encode(self, rows: Tensor) -> Tensor:
        """Rows to x, float, shape (batch, *event): called for each batch, on its device."""

    def observed(self, rows: Tensor) -> Tensor | None:
        """False where a cell of x is missing, and not to be scored; ``None`` where none can be."""
        return None

    def lengths(self, rows: Tensor) -> Tensor | None:
        """How long each row is, of domains whose rows are of several lengths; else ``None``."""
        return None

    @abc.abstractmethod
    def decode(self, x: Tensor) -> Any:
        """x back to the kind, layout, dtype and range of the training data."""

    @abc.abstractmethod
    def read(self, raw: Any) -> Any:
        """Read a path into data, so that it is read once; data are returned as they are."""

    @property
    def num_features(self) -> int:
        """Values per item."""
        return math.prod(self.event_shape)

    @property
    @abc.abstractmethod
    def feature_names(self) -> tuple[str, ...] | None:
        """Column names, where the data have them."""

    @property
    @abc.abstractmethod
    def event_shape(self) -> tuple[int, ...]:
        """Shape of one x."""

    @property
    @abc.abstractmethod
    def supports(self) -> frozenset[str]:
        """Which `Likelihood.support` values the data satisfy."""

    @property
    @abc.abstractmethod
    def default_likelihood(self) -> str:
        """A name in `LIKELIHOODS`."""

    @property
    def default_preset(self) -> str:
        """Name of the model that these data get where none is chosen."""
        return "vae"

    @abc.abstractmethod
    def parts(
        self,
        rows: Tensor,
        latent_dim: int,
        *,
        context_dim: int = 0,
        network: str = "auto",
        size: str = "small",
        likelihood: str | Likelihood = "auto",
    ) -> Parts:
        """Untrained networks and the likelihood for these data, ready for a preset."""

    def choose_likelihood(self, chosen: str | Likelihood) -> Likelihood:
        """The likelihood of that name, or the one given, checked against the data.

        Raises:
            SpecError: No likelihood has that name.
            CompositionError: The data take values that it does not allow.
        """
        name = self.default_likelihood if chosen == "auto" else chosen
        if isinstance(name, str) and name not in LIKELIHOODS:
            raise unknown_name("likelihood", name, ["auto", *LIKELIHOODS])
        likelihood = LIKELIHOODS[name](self.event_shape) if isinstance(name, str) else name
        if likelihood.support not in self.supports:
            fitting = [k for k, f in LIKELIHOODS.items() if f(()).support in self.supports]
            raise CompositionError(
                f"{type(likelihood).__name__} needs values that are "
                f"{_SUPPORT[likelihood.support]}, which these data are not; use one of "
                f"{', '.join(fitting)}."
            )
        return likelihood


_SUPPORT = {
    "unit": "between 0 and 1",
    "image": "images with values between 0 and 1",
    "codes": "whole numbers from 0",
    "real": "real numbers",
    "table": "cells of a table",
    "tokens": "sequences of tokens",
}


def batch_mean(domain: Domain, rows: Tensor, chunk: int = 512) -> Tensor:
    """The mean of x over all rows, in bounded memory."""
    total = torch.zeros(domain.event_shape, dtype=torch.float64)
    for start in range(0, len(rows), chunk):
        total += domain.encode(rows[start : start + chunk]).sum(0)
    return (total / len(rows)).to(torch.get_default_dtype())


def require_fitted(value: Any, domain: Domain) -> Any:
    """The learnt value, or an error that says what to call."""
    if value is None:
        raise NotFittedError(f"this {type(domain).__name__} has learnt no schema; call fit first.")
    return value
