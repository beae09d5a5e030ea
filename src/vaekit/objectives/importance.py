"""Importance-weighted bounds."""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from vaekit.objectives.base import Term
from vaekit.objectives.elbo import Sum
from vaekit.types import Clock, Evidence

__all__ = ["ImportanceBound", "importance_weighted"]


@dataclass(frozen=True)
class ImportanceBound(Term):
    """-log of the mean importance weight of the draws: tighter the more draws there are.

    Source: Burda et al. 2016, eq. 8.
    """

    name: ClassVar[str] = "importance_bound"
    requires: ClassVar[frozenset[str]] = frozenset({"density"})

    def __call__(self, evidence: Evidence, clock: Clock) -> Tensor:
        """One bound per item."""
        log_w = evidence.log_w
        return math.log(len(log_w)) - torch.logsumexp(log_w, dim=0)


def importance_weighted(k: int = 8) -> Sum:
    """The objective of the importance-weighted autoencoder.

    Args:
        k: Draws per item, at least 1; 1 is the ELBO with an estimated KL.
    """
    return Sum(ImportanceBound(), draws=k)
