"""Sets of molecules that are compared, each looked at once however many measures ask."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vaekit.domains import MoleculeDomain
from vaekit.domains.molecules import (
    Fingerprints,
    as_molecules,
    canonical,
    passes_filters,
    properties_of,
)
from vaekit.errors import DataError
from vaekit.metrics.molecules import (
    chemnet_activations,
    fragment_counts,
    moses_fingerprints,
    scaffold_counts,
)
from vaekit.tasks.evaluation.subject import Subject

__all__ = ["COMPARED", "MoleculeSet", "MoleculeSets", "is_molecules"]

COMPARED = ("logp", "sa", "qed", "mw")
"""Properties of which distributions are compared, those of MOSES."""

_REFERENCES = 10_000


def is_molecules(subject: Subject) -> bool:
    """Whether items are molecules."""
    return isinstance(subject.trained.domain, MoleculeDomain)


@dataclass(frozen=True, eq=False)
class MoleculeSet:
    """Molecules, and what measures need of the valid ones.

    Attributes:
        given: SMILES, valid or not.
    """

    given: Sequence[str]

    @cached_property
    def molecules(self) -> list[Any]:
        """The valid ones, as RDKit molecules."""
        return [molecule for molecule in as_molecules(self.given) if molecule is not None]

    @cached_property
    def smiles(self) -> list[str]:
        """The same, as canonical SMILES."""
        return [smiles for smiles in canonical(self.molecules) if smiles is not None]

    @cached_property
    def fingerprints(self) -> Fingerprints:
        """Of MOSES."""
        return moses_fingerprints(self.molecules)

    @cached_property
    def fragments(self) -> Counter[str]:
        """Of BRICS."""
        return fragment_counts(self.molecules)

    @cached_property
    def scaffolds(self) -> Counter[str]:
        """Of two rings and more."""
        return scaffold_counts(self.molecules)

    @cached_property
    def activations(self) -> Tensor:
        """Of ChemNet."""
        return chemnet_activations(self.smiles)

    @cached_property
    def properties(self) -> dict[str, NDArray[np.float64]]:
        """Those of `COMPARED`."""
        return properties_of(self.molecules, COMPARED)

    @cached_property
    def passing(self) -> float:
        """The share that passes the filters of MOSES."""
        if not self.molecules:
            raise DataError("there must be at least one valid molecule; got none.")
        return float(passes_filters(self.molecules).mean())


@dataclass(frozen=True, eq=False)
class MoleculeSets:
    """All that are compared.

    Attributes:
        subject: What is evaluated.
    """

    subject: Subject

    @cached_property
    def references(self) -> MoleculeSet:
        """Held-out molecules: 10,000, or as many as there are samples if those are more."""
        items = self.subject.some(max(_REFERENCES, self.count))
        return MoleculeSet(self._smiles(self.subject.x(items)))

    @property
    def count(self) -> int:
        """How many samples of each kind."""
        return self.subject.settings.samples

    @cached_property
    def samples(self) -> MoleculeSet:
        """What ``sample`` gives."""
        return MoleculeSet(self._smiles(self.subject.sampled(self._contexts())))

    @cached_property
    def model_prior(self) -> MoleculeSet:
        """The same from the model's own prior."""
        return MoleculeSet(self._smiles(self.subject.drawn_from_prior(self._contexts())))

    @cached_property
    def training(self) -> MoleculeSet:
        """As many training molecules, chosen by chance.

        Raises:
            DataError: They are not told, or not as many as samples.
        """
        known = self.known
        if len(known) < self.count:
            raise DataError(
                f"there must be as many training molecules as samples, {self.count}; got "
                f"{len(known)}. Ask for fewer samples."
            )
        order = torch.randperm(len(known), generator=self.subject.generator())
        return MoleculeSet([known[place] for place in order[: self.count].tolist()])

    @property
    def known(self) -> Sequence[str]:
        """Canonical SMILES of the molecules that the model learnt from.

        Raises:
            DataError: They are not told.
        """
        if self.subject.known is None:
            raise DataError("needs the molecules that the model learnt from (--training).")
        return self.subject.known

    def _contexts(self) -> Any:
        """Items to take the contexts from, again and again if there are fewer than samples."""
        return self.subject.items.subset(torch.arange(self.count) % len(self.subject.items))

    def _smiles(self, x: Tensor) -> list[str]:
        smiles: list[str] = self.subject.trained.domain.decode(x)
        return smiles
