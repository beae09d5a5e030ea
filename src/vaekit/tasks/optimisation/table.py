"""A search's molecules as rows: ranked, with what a chemist asks next."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from vaekit.domains.molecules import (
    alerts_of,
    as_molecules,
    morgan_fingerprints,
    nearest_molecules,
    tanimoto,
)
from vaekit.errors import MissingExtraError
from vaekit.tasks.optimisation.constraints import Constraint, Similar
from vaekit.tasks.optimisation.exploits import Usual
from vaekit.tasks.optimisation.result import Optimisation

__all__ = ["described", "leads_of", "table"]

_MOST_REFERENCES = 20_000


def leads_of(constraints: Sequence[Constraint]) -> list[str]:
    """Molecules that proposals must be similar to."""
    return [rule.lead for rule in constraints if isinstance(rule, Similar)]


def described(
    smiles: Sequence[str], given: Sequence[str], leads: Sequence[str], usual: Usual
) -> dict[str, list[Any]]:
    """Columns about molecules, whatever their scores.

    Args:
        smiles: The molecules.
        given: Among which the nearest is sought.
        leads: With which they are compared; the largest similarity counts.
        usual: What is usual, for flags.
    """
    mols = as_molecules(smiles)
    bits = morgan_fingerprints(mols)
    columns: dict[str, list[Any]] = {}
    if leads:
        similar = tanimoto(bits, morgan_fingerprints(leads)).max(1)
        columns["lead_similarity"] = similar.astype(float).round(3).tolist()
    if given and len(smiles):
        references = given[:_MOST_REFERENCES]
        near = nearest_molecules(bits, morgan_fingerprints(references))
        columns["nearest_given"] = [references[place] for place in near.places[:, 0]]
        columns["nearest_similarity"] = near.similarity[:, 0].astype(float).round(3).tolist()
    columns["alerts"] = ["; ".join(names) for names in alerts_of(mols)]
    columns["flags"] = usual.flags(mols)
    return columns


def table(result: Optimisation, n: int | None = None) -> Any:
    """A data frame of the molecules, the best first.

    Columns: ``rank``, ``smiles``, ``score``, a value of each objective, ``call``, ``origin``
    (``given`` or ``proposed``), ``pareto``, and those of `described`.

    Args:
        result: Of `optimise`.
        n: Only the first so many; ``None`` for all that have a value.

    Raises:
        MissingExtraError: pandas is not installed.
    """
    try:
        import pandas as pd
    except ImportError as error:
        raise MissingExtraError("a table needs pandas: pip install 'vaekit[pandas]'.") from error
    order, scores, front = result.order[:n], result.scores, result.is_pareto
    records = [result.records[place] for place in order]
    columns: dict[str, Any] = {
        "rank": np.arange(1, len(order) + 1),
        "smiles": [record.smiles for record in records],
        "score": scores[order],
    }
    for column, name in enumerate(result.goal.names):
        columns[name] = [record.values[column] for record in records]
    columns["call"] = [record.call for record in records]
    is_given = order < result.found.num_starts
    columns["origin"] = np.where(is_given, "given", "proposed")
    columns["pareto"] = front[order]
    for name, values in result.columns.items():
        columns[name] = [values[place] for place in order]
    return pd.DataFrame(columns)
