"""The table of recorded cases: how they are declared and run."""

import random
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from gold.flat import Tensors, record

__all__ = ["CASES", "WATCHERS", "Case", "case", "described", "run"]

WATCHERS: list[Callable[[Any], None]] = []
"""Told of each model that a case describes; `make_runs.py` keeps them."""


@dataclass(frozen=True)
class Case:
    """One recorded behaviour.

    Attributes:
        name: Of the case.
        make: Gives a flat dictionary of plain values.
        only_shapes: Whether another machine may rightly take another branch, so that only shapes
            are compared there.
    """

    name: str
    make: Callable[[], dict[str, Any]]
    only_shapes: bool = False


CASES: dict[str, Case] = {}


def case(name: str, *, only_shapes: bool = False) -> Callable[[Any], Any]:
    """Declare a function as a case."""

    def declare(make: Callable[[], dict[str, Any]]) -> Callable[[], dict[str, Any]]:
        if name in CASES:
            raise ValueError(f"there are two cases {name!r}")
        CASES[name] = Case(name, make, only_shapes)
        return make

    return declare


def run(name: str) -> dict[str, dict[str, Any]]:
    """The records of a case, by entry."""
    random.seed(0)
    np.random.seed(0)
    with torch.random.fork_rng(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.manual_seed(0)
        return {entry: record(value) for entry, value in CASES[name].make().items()}


def described(model: Any) -> dict[str, Any]:
    """What training left: weights in their order without their names, and the losses."""
    for watch in WATCHERS:
        watch(model)
    state = [tensor.detach().cpu().numpy() for tensor in model.model_.state_dict().values()]
    keys = dict.fromkeys(key for row in model.history_ for key in row)
    history = {
        f"history/{key}": np.array([row.get(key, np.nan) for row in model.history_])
        for key in keys
        if "second" not in key
    }
    return {"weights": Tensors(state), **history}
