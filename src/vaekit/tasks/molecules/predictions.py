"""Properties of a file of molecules, as a model tells them, beside those that are known."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import mean_absolute_error, r2_score

from vaekit.domains import MoleculeDomain
from vaekit.domains.molecules import PROPERTIES, Standardised, Targets, properties_of
from vaekit.errors import DataError
from vaekit.tasks.molecules.aimed import targets_of
from vaekit.tasks.molecules.predict import expected_errors, predict_targets
from vaekit.tasks.molecules.readable import UNREADABLE, readable_molecules
from vaekit.tasks.trained import Trained

__all__ = ["Agreement", "Predictions", "predict_molecules"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Agreement:
    """How well predictions agree with what is known.

    Attributes:
        count: Molecules of which it is known.
        r2: Share of the variance that is told; NaN where there is none to tell.
        error: Mean absolute error, in the property's unit.
    """

    count: int
    r2: float
    error: float


@dataclass(frozen=True)
class Predictions:
    """What a model says of molecules, in their order.

    Attributes:
        place: What rows count: ``"row"``, ``"line"`` or ``"record"``.
        rows: Where each molecule stood.
        smiles: Standardised; as it was given where nothing could be predicted.
        values: Predicted properties by name, in their units, NaN where nothing could be.
        known: What is known of them, by name, NaN where missing.
        errors: By how much predictions were off of molecules held out of training, by name: root
            mean squares; those that were measured.
        reasons: Why nothing could be predicted, by place; others are not there.
    """

    place: str
    rows: Sequence[int]
    smiles: Sequence[str]
    values: Mapping[str, Floats]
    known: Mapping[str, Floats]
    errors: Mapping[str, float]
    reasons: Mapping[int, str]

    def __len__(self) -> int:
        """How many molecules there are."""
        return len(self.smiles)

    def frame(self) -> Any:
        """As a data frame of pandas: predictions, then ``NAME_known``, then ``reason``."""
        import pandas as pd

        columns: dict[str, Any] = {self.place: self.rows, "smiles": self.smiles, **self.values}
        columns |= {f"{name}_known": values for name, values in self.known.items()}
        if self.reasons:
            columns["reason"] = [self.reasons.get(place, "") for place in range(len(self))]
        return pd.DataFrame(columns)

    def agreement(self) -> dict[str, Agreement]:
        """By name, of properties that are known of two molecules at least."""
        found = {}
        for name, known in self.known.items():
            there = ~np.isnan(known) & ~np.isnan(self.values[name])
            if there.sum() > 1:
                pair = known[there], self.values[name][there]
                r2 = float(r2_score(*pair)) if np.ptp(pair[0]) else np.nan
                error = float(mean_absolute_error(*pair))
                found[name] = Agreement(int(there.sum()), r2, error)
        return found


def predict_molecules(
    trained: Trained, molecules: Any, context: Any = None, *, compute: bool = False
) -> Predictions:
    """Predict the targets of a list or file of molecules, one row for each.

    Molecules that a rule rejects, or that the model has no tokens for, keep their row, with the
    reason. Columns of the file that are named as targets are taken for what is known.

    Args:
        trained: A model fitted with `MoleculeDomain(targets=...)`.
        molecules: SMILES, a data frame or a file.
        context: If the model is conditional: one row for all, or one for each molecule, of which
            then none may be rejected.
        compute: Also compute the targets that RDKit can, to compare: 2 ms a molecule.

    Raises:
        CompositionError: The model was taught no targets.
        DataError: The source cannot be read, or holds no molecule that the model knows.

    Example:
        >>> from vaekit import Autoencoder
        >>> smiles = ["C" * n + end for n in range(2, 12) for end in ("O", "N", "Cl")]
        >>> domain = MoleculeDomain(targets=("mw",))
        >>> model = Autoencoder(latent_dim=4, domain=domain, max_epochs=1, progress=False)
        >>> found = predict_molecules(model.fit(smiles).trained_, ["CCCO", "C1CC"])
        >>> found.reasons
        {1: 'not a valid SMILES'}
    """
    targets, domain = targets_of(trained.domain), trained.domain
    assert isinstance(domain, MoleculeDomain)  # as of `targets_of`
    found = _read(domain, molecules, is_strict=context is not None)
    kept, _ = readable_molecules(domain, found) if context is None else (found, 0)
    if not len(kept):
        raise DataError(
            f"the model must know one molecule at least; each of the {len(found)} has "
            f"{UNREADABLE}. Fit a model of molecules like these."
        )
    told = predict_targets(trained, kept, context)
    known = _known(kept, targets, compute=compute)
    errors = expected_errors(trained)
    return _in_order(found, kept, told, known, errors)


def _read(domain: MoleculeDomain, molecules: Any, *, is_strict: bool) -> Standardised:
    """Those that were rejected are in the report, so nobody needs a warning."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "left out")
        return replace(domain, on_bad="raise" if is_strict else "skip").read(molecules)


def _known(found: Standardised, targets: Targets, *, compute: bool) -> dict[str, Floats]:
    given = {name: found.properties[name] for name in targets.names if name in found.properties}
    open_ones = [name for name in targets.names if name not in (*given, *targets.own)]
    computed = [name for name in open_ones if compute and name in PROPERTIES]
    return given | properties_of(found.smiles, computed)


def _in_order(
    found: Standardised,
    kept: Standardised,
    told: Mapping[str, Floats],
    known: Mapping[str, Floats],
    errors: Mapping[str, float],
) -> Predictions:
    """Rows of what could be predicted and of what could not, as they were given."""
    texts = dict(zip(found.rows, found.smiles, strict=True))
    why = dict.fromkeys(set(found.rows) - set(kept.rows), UNREADABLE)
    for entry in found.report.rejected:
        texts[entry.row], why[entry.row] = entry.given, str(entry.reason)
    rows = sorted(texts)
    places = {row: place for place, row in enumerate(rows)}
    there = [places[row] for row in kept.rows]
    return Predictions(
        found.report.place,
        rows,
        [texts[row] for row in rows],
        {name: _spread(values, there, len(rows)) for name, values in told.items()},
        {name: _spread(values, there, len(rows)) for name, values in known.items()},
        errors,
        {places[row]: reason for row, reason in sorted(why.items())},
    )


def _spread(values: Floats, places: Sequence[int], count: int) -> Floats:
    spread = np.full(count, np.nan)
    spread[places] = values
    return spread
