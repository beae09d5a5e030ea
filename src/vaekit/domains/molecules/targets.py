"""Properties that a model of molecules learns to predict."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from vaekit.domains.molecules.properties import PROPERTIES, properties_of
from vaekit.domains.molecules.standardise import Standardised
from vaekit.errors import DataError, unknown_name

__all__ = ["Targets"]

Floats = NDArray[np.float64]

_VARIES = 1e-9


@dataclass(frozen=True)
class Targets:
    """Properties by name, with the mean and the deviation that they had in training.

    Attributes:
        names: Columns of numbers that came with the molecules, or where there is none of that
            name, of `PROPERTIES`, which are computed.
        means: In training, in the unit of each.
        deviations: Likewise.

    Example:
        >>> found = Standardised(("CCO", "CCCCO"), (0, 1), {}, None)
        >>> Targets.of(("heavy_atoms",), found)
        Targets(names=('heavy_atoms',), means=(4.0,), deviations=(1.0,))
    """

    names: Sequence[str]
    means: Sequence[float]
    deviations: Sequence[float]

    @classmethod
    def of(cls, names: Sequence[str], found: Standardised) -> Self:
        """Learn from molecules.

        Raises:
            SpecError: No column and no property has a name.
            DataError: One is the same for all, or missing for all but one.
        """
        for name in names:
            if name not in found.properties and name not in PROPERTIES:
                raise unknown_name("target", name, [*found.properties, *PROPERTIES])
        values = _columns(names, found)
        for name, column in zip(names, values.T, strict=True):
            known = column[~np.isnan(column)]
            if len(known) < 2 or np.ptp(known) <= _VARIES * np.abs(known).max():
                shown = f"is {known[0]:g} for all of them" if len(known) else "is missing for all"
                raise DataError(
                    f"a target must vary; {name!r} {shown} ({len(known)} of {len(found)} molecules "
                    "have it). Leave it out."
                )
        means, deviations = np.nanmean(values, 0), np.nanstd(values, 0)
        return cls(tuple(names), tuple(means.tolist()), tuple(deviations.tolist()))

    def __len__(self) -> int:
        """How many there are."""
        return len(self.names)

    def values(self, found: Standardised) -> Float[Tensor, "molecules targets"]:
        """In deviations from the mean; NaN where missing."""
        away = (_columns(self.names, found) - np.array(self.means)) / np.array(self.deviations)
        return torch.from_numpy(away.astype(np.float32))

    def in_units(
        self, values: Float[Tensor, "molecules targets"]
    ) -> dict[str, NDArray[np.float64]]:
        """Undo `values`, by name."""
        raw = values.double().cpu().numpy() * np.array(self.deviations) + np.array(self.means)
        return dict(zip(self.names, raw.T, strict=True))


def _columns(names: Sequence[str], found: Standardised) -> Floats:
    """Of new molecules those of the user need not be there."""
    own = found.properties
    computed = properties_of(found.smiles, [n for n in names if n not in own and n in PROPERTIES])
    missing = np.full(len(found), np.nan)
    columns = [own.get(name, computed.get(name, missing)) for name in names]
    return np.stack([np.asarray(column, np.float64) for column in columns], axis=1)
