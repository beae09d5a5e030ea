"""Proposals that the model itself expects the most of."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vaekit.tasks.optimisation.methods.base import Method, Tools

__all__ = ["Foreseen"]


class Foreseen(Method):
    """Of several proposals for each call those whose properties, as the model tells them, are best.

    Where the model was not taught all that is asked for, the method is left as it is.

    Args:
        method: Proposes.
        tools: What it works with.
        ratio: Proposals for each call.
    """

    def __init__(self, method: Method, tools: Tools, ratio: int = 4) -> None:
        self.method, self.tools, self.ratio = method, tools, ratio

    def propose(self, n: int) -> list[str]:
        """Ask for more, and keep the best."""
        foresight = self.tools.foresight
        if foresight is None or foresight.scores([]) is None:
            return self.method.propose(n)
        made = self.method.propose(self.ratio * n)
        scores = foresight.scores(made)
        assert scores is not None  # as of none of them
        order = np.argsort(-np.nan_to_num(scores, nan=-np.inf), kind="stable")
        return [made[place] for place in order[:n]]

    def tell(self, smiles: Sequence[str], scores: NDArray[np.float64]) -> None:
        """The method."""
        self.method.tell(smiles, scores)
