"""Properties that a model was taught, as numbers to search by."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch

from vaekit.errors import unknown_name
from vaekit.tasks.molecules.aimed import targets_of
from vaekit.tasks.molecules.predict import told_by_latents
from vaekit.tasks.molecules.readable import UNREADABLE
from vaekit.tasks.optimisation.measures import Failure, Measure, Outcome
from vaekit.tasks.optimisation.space import MoleculeSpace
from vaekit.tasks.trained import Trained

__all__ = ["Predicted"]


@dataclass(frozen=True, eq=False)
class Predicted(Measure):
    """A property as a model tells it, for instance an activity that was measured of some.

    A search by predictions finds what the model takes for good, errors of the model among it, the
    more the further it goes from what was measured: measure the best, teach them, search again.

    Attributes:
        trained: A model fitted with `MoleculeDomain(targets=...)`; a search that learns further
            does not change what is predicted.
        name: One of its targets.
        context: Of a conditional model: one label, or one row of properties, for all molecules.

    Raises:
        CompositionError: The model was taught no targets.
        SpecError: Not that one.

    Example:
        >>> from vaekit import load
        >>> measure = Predicted(load("moses").trained_, "tpsa")
        >>> [round(v, -1) for v in measure.outcomes(["CCOc1ccc(CNC(C)=O)cc1"])]  # by RDKit 38
        [40.0]
    """

    free: ClassVar[bool] = True

    trained: Trained
    name: str
    context: Any = None
    space: MoleculeSpace = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if self.name not in (names := targets_of(self.trained.domain).names):
            raise unknown_name("target", self.name, names)
        object.__setattr__(self, "space", MoleculeSpace(self.trained, self.context))

    @property
    def label(self) -> str:
        """So that no table or page passes predictions for measurements."""
        return f"predicted {self.name}"

    def outcomes(self, smiles: Sequence[str]) -> Iterator[Outcome]:
        """Predict; a molecule that the model cannot encode has no value."""
        known, codes = self.space.encode(smiles)
        z = torch.as_tensor(codes, device=self.trained.device)
        rows = self.trained.rows(self.context, len(z))
        told = iter(told_by_latents(self.trained, z, rows)[self.name].tolist())
        for fine in known:
            yield next(told) if fine else Failure(f"has {UNREADABLE}")
