"""Which values x may take, as likelihoods declare it and domains offer it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor


@dataclass(frozen=True)
class Support:
    """A set of values, known by its name.

    A likelihood declares the one that it needs, a domain those that its data satisfy. A package
    that brings both can declare one of its own.

    Attributes:
        name: Its name; two supports of one name are the same.
        words: What values are, as in "these must be ...".
        holds: Return whether items lie in it, given x of shape (batch, *event).
        examples: Return items in it, of a shape (batch, *event), for checks of likelihoods.
        is_ordered: Whether a mean of values says something; not of codes.

    Example:
        >>> UNIT.holds(torch.tensor([[0.0, 0.5, 1.0]])), UNIT.holds(torch.tensor([[2.0]]))
        (True, False)
    """

    name: str
    words: str = field(compare=False)
    holds: Callable[[Tensor], bool] = field(compare=False, repr=False)
    examples: Callable[[Sequence[int]], Tensor] = field(compare=False, repr=False)
    is_ordered: bool = field(default=True, compare=False)


def _in_unit(x: Tensor) -> bool:
    return bool(((x >= 0) & (x <= 1)).all())


def _are_whole(x: Tensor) -> bool:
    return bool(((x >= 0) & (x == x.round())).all())


def _zeros_and_ones(shape: Sequence[int]) -> Tensor:
    return torch.randint(2, tuple(shape)).float()


REAL = Support("real", "real numbers", lambda x: bool(x.isfinite().all()), torch.randn)
UNIT = Support("unit", "between 0 and 1", _in_unit, _zeros_and_ones)
IMAGE = Support("image", "images with values between 0 and 1", _in_unit, _zeros_and_ones)
CODES = Support("codes", "whole numbers from 0", _are_whole, _zeros_and_ones, is_ordered=False)
TABLE = Support("table", "cells of a table", _are_whole, _zeros_and_ones, is_ordered=False)
TOKENS = Support("tokens", "sequences of tokens", _are_whole, _zeros_and_ones, is_ordered=False)
