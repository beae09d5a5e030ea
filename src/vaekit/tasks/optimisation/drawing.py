"""The best molecules of a search, drawn side by side."""

from typing import TYPE_CHECKING

from vaekit.tasks.optimisation.result import Optimisation

if TYPE_CHECKING:
    from vaekit.plots import MoleculeGrid

__all__ = ["draw_best"]


def draw_best(result: Optimisation, n: int = 30) -> "MoleculeGrid":
    """Draw the best molecules with the values of the objectives under each.

    Args:
        result: Of `optimise`.
        n: How many, at most.

    Raises:
        DataError: No molecule has a value.
        MissingExtraError: RDKit is not installed.
    """
    from vaekit.plots import molecule_grid  # matplotlib costs half a second

    records = [result.records[place] for place in result.order[:n]]
    captions = [
        "\n".join(f"{n} {v:.4g}" for n, v in zip(result.goal.names, record.values, strict=True))
        for record in records
    ]
    return molecule_grid([record.smiles for record in records], captions)
