"""What a model was taught of molecules, as a first guess of what is asked for."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from vaekit.tasks.optimisation.measures import PropertyMeasure
from vaekit.tasks.optimisation.objectives import Goal
from vaekit.tasks.optimisation.space import Space

__all__ = ["Foresight"]


class Foresight:
    """Scores molecules by the properties that the model tells of them, which costs no call.

    Args:
        space: The model's latents.
        goal: Gives the goal, with its ends as soon as they are known.
    """

    def __init__(self, space: Space, goal: Callable[[], Goal]) -> None:
        self.space, self.goal = space, goal

    def scores(self, smiles: Sequence[str]) -> NDArray[np.float64] | None:
        """The larger the better, NaN where the model cannot encode a molecule.

        ``None`` unless all that is asked for are properties that the model was taught.
        """
        told, goal = self.space.told(smiles), self.goal()
        measures = [each.measure for each in goal.objectives]
        names = [m.name for m in measures if isinstance(m, PropertyMeasure) and m.name in told]
        if len(names) < len(measures):
            return None
        return goal.scores(np.stack([told[name] for name in names], 1))
