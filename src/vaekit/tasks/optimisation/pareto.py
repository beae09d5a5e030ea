"""Which molecules no other beats in everything."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["pareto_set"]


def pareto_set(welcome: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Rows that no other row equals or exceeds in all columns, and exceeds in one.

    Args:
        welcome: The larger the better, shape (molecules, objectives).

    Example:
        >>> pareto_set(np.array([[1.0, 3.0], [2.0, 2.0], [1.0, 2.0]]))
        array([ True,  True, False])
    """
    chosen = np.zeros(len(welcome), bool)
    front = np.empty((0, welcome.shape[1]))
    for place in np.lexsort(-welcome.T[::-1]):  # after those that may beat it
        row = welcome[place]
        beaten = (front >= row).all(1) & (front > row).any(1)
        if not beaten.any():
            chosen[place] = True
            front = np.vstack([front, row])
    return chosen
