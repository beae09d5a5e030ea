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
_CHECKED, _ALIKE = 50, 0.02  # molecules, and deviations of their property


@dataclass(frozen=True)
class Targets:
    """Properties by name, with the mean and the deviation that they had in training.

    Attributes:
        names: Columns of numbers that came with the molecules, or where there is none of that
            name, of `PROPERTIES`, which are computed.
        means: In training, in the unit of each.
        deviations: Likewise.
        own: Those of the names whose columns hold something else than the property of that name,
            of which nothing can be computed for new molecules.
        errors: Root mean square errors of predictions of molecules that were held out of training,
            in the unit of each, ``None`` where too few were known; empty if none were held out.

    Example:
        >>> found = Standardised(("CCO", "CCCCO"), (0, 1), {}, None)
        >>> Targets.of(("heavy_atoms",), found)
        Targets(names=('heavy_atoms',), means=(4.0,), deviations=(1.0,), own=(), errors=())
    """

    names: Sequence[str]
    means: Sequence[float]
    deviations: Sequence[float]
    own: Sequence[str] = ()
    errors: Sequence[float | None] = ()

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
        own = tuple(name for name in names if _is_own(name, found))
        return cls(tuple(names), tuple(means.tolist()), tuple(deviations.tolist()), own)

    def __len__(self) -> int:
        """How many there are."""
        return len(self.names)

    def values(self, found: Standardised) -> Float[Tensor, "molecules targets"]:
        """In deviations from the mean; NaN where missing."""
        away = (_columns(self.names, found, self.own) - np.array(self.means)) / np.array(
            self.deviations
        )
        return torch.from_numpy(away.astype(np.float32))

    def in_units(
        self, values: Float[Tensor, "molecules targets"]
    ) -> dict[str, NDArray[np.float64]]:
        """Undo `values`, by name."""
        raw = values.double().cpu().numpy() * np.array(self.deviations) + np.array(self.means)
        return dict(zip(self.names, raw.T, strict=True))


def _is_own(name: str, found: Standardised) -> bool:
    """Whether a column says something else than the property of its name does of the first few."""
    if name not in found.properties or name not in PROPERTIES:
        return name in found.properties
    column = np.asarray(found.properties[name], np.float64)
    places = np.flatnonzero(~np.isnan(column))[:_CHECKED]
    computed = properties_of([found.smiles[place] for place in places], [name])[name]
    away = np.nan_to_num(np.abs(computed - column[places]))  # what cannot be computed says nothing
    return bool(away.max() > _ALIKE * np.nanstd(column))


def _columns(names: Sequence[str], found: Standardised, own: Sequence[str] = ()) -> Floats:
    """Of new molecules those of the user need not be there."""
    given = found.properties
    absent = [name for name in names if name not in given and name not in own]
    computed = properties_of(found.smiles, [name for name in absent if name in PROPERTIES])
    missing = np.full(len(found), np.nan)
    columns = [given.get(name, computed.get(name, missing)) for name in names]
    return np.stack([np.asarray(column, np.float64) for column in columns], axis=1)
