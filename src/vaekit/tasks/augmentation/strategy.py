"""How many synthetic items of each class there are to be."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from vaekit.errors import DataError, SpecError

__all__ = ["STRATEGIES", "Strategy", "counts_of", "shrunk", "wanted_counts", "wanted_rows"]

Strategy = str | float | Mapping[Any, int]

STRATEGIES = ("auto", "minority", "all")
"""Which classes to bring up to the largest: all others, the smallest, or (twice over) every one."""

_FEWEST = 2
_TIMES = 3.0


def counts_of(y: Any) -> dict[Any, int]:
    """How many items of each class there are, most frequent first.

    Raises:
        DataError: One class only, or a class of a single item.
    """
    labels, counts = np.unique(np.asarray(y), return_counts=True)
    if len(labels) < 2:
        raise DataError(f"y must have at least two classes; got only {labels.tolist()}.")
    if counts.min() < _FEWEST:
        alone = labels[counts.argmin()]
        raise DataError(
            f"every class must have at least {_FEWEST} items; got 1 of {_plain(alone)!r}. One item "
            "does not say how its class varies."
        )
    order = np.argsort(-counts, kind="stable")
    return {_plain(labels[i]): int(counts[i]) for i in order}


def _plain(label: Any) -> Any:
    return label.item() if isinstance(label, np.generic) else label


def wanted_counts(
    counts: Mapping[Any, int], strategy: str | float | Mapping[Any, int]
) -> dict[Any, int]:
    """How many synthetic items of each class a strategy asks for.

    Args:
        counts: How many there are.
        strategy: One of `STRATEGIES`; for two classes, the share of the largest that the other one
            is to have; or how many items of each class there are to be, for some classes.

    Raises:
        SpecError: An unknown strategy, a share out of range or for more than two classes, fewer
            items than there are, or a class that is not there.

    Example:
        >>> wanted_counts({"no": 90, "yes": 10}, "auto"), wanted_counts({"no": 90, "yes": 10}, 0.5)
        ({'yes': 80}, {'yes': 35})
    """
    largest = max(counts.values())
    if isinstance(strategy, str):
        return _by_name(counts, strategy)
    if isinstance(strategy, Mapping):
        goals = dict(strategy)
    else:
        if len(counts) != 2 or not 0 < strategy <= 1:
            raise SpecError(
                f"a share must be above 0, at most 1, and of two classes; got {strategy!r} for "
                f"{len(counts)} classes."
            )
        goals = {min(counts, key=lambda label: counts[label]): round(strategy * largest)}
    for label, goal in goals.items():
        if label not in counts or goal < counts[label]:
            raise SpecError(
                f"sampling_strategy must name classes of y and at least as many items as there "
                f"are; got {label!r}: {goal}, and there are {dict(counts)}."
            )
    return {label: goal - counts[label] for label, goal in goals.items() if goal > counts[label]}


def _by_name(counts: Mapping[Any, int], strategy: str) -> dict[Any, int]:
    largest = max(counts.values())
    if strategy == "all":
        return dict.fromkeys(counts, largest)
    if strategy not in STRATEGIES:
        raise SpecError(
            f"sampling_strategy must be one of {', '.join(STRATEGIES)}, a share or a dict; got "
            f"{strategy!r}."
        )
    few = counts if strategy == "auto" else [min(counts, key=lambda label: counts[label])]
    return {label: largest - counts[label] for label in few if counts[label] < largest}


def shrunk(strategy: Strategy, share: float) -> Strategy:
    """The strategy for a part of the data: numbers of items shrink with it."""
    if not isinstance(strategy, Mapping):
        return strategy
    return {label: int(np.ceil(goal * share)) for label, goal in strategy.items()}


def wanted_rows(n: int, strategy: Strategy) -> int:
    """How many synthetic rows there are to be where targets are numbers.

    Args:
        n: How many rows there are.
        strategy: ``"auto"`` for three times as many, or a positive number of times.

    Raises:
        SpecError: Another strategy.

    Example:
        >>> wanted_rows(50, "auto"), wanted_rows(50, 0.5)
        (150, 25)
    """
    times = _TIMES if strategy == "auto" else strategy
    if not isinstance(times, int | float) or not 0 < times < float("inf"):
        raise SpecError(
            f"where targets are numbers, the strategy must be 'auto' or how many times as many "
            f"synthetic rows there are to be, above 0; got {strategy!r}."
        )
    return max(1, round(times * n))
