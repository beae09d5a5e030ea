"""Molecules among the latents: a map by a property, and what lies nearest."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vaekit.domains.molecules import PROPERTIES, morgan_fingerprints, properties_of, tanimoto
from vaekit.errors import DataError, SpecError, unknown_name
from vaekit.tasks.molecules.lead import check_molecules
from vaekit.tasks.trained import Trained

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["LatentNeighbours", "latent_neighbours", "property_map"]


@dataclass(frozen=True, eq=False)
class LatentNeighbours:
    """What lies nearest to some molecules among the latents, the nearest first.

    Attributes:
        smiles: The molecules asked about, standardised.
        neighbours: Those nearest to each.
        distance: Of posterior means, shape (molecules, neighbours).
        similarity: Tanimoto of Morgan fingerprints, shape (molecules, neighbours).
    """

    smiles: Sequence[str]
    neighbours: Sequence[Sequence[str]]
    distance: NDArray[np.float64]
    similarity: NDArray[np.float32]

    def frame(self) -> Any:
        """A pandas data frame with a row for each neighbour of each."""
        import pandas as pd

        count = self.distance.shape[1]
        return pd.DataFrame(
            {
                "smiles": np.repeat(np.array(self.smiles, dtype=object), count),
                "neighbour": [smiles for near in self.neighbours for smiles in near],
                "distance": self.distance.ravel(),
                "similarity": self.similarity.ravel(),
            }
        )


def latent_neighbours(
    trained: Trained, molecules: Any, among: Any, count: int = 5, context: Any = None
) -> LatentNeighbours:
    """Find the molecules that a model takes for most alike.

    Args:
        trained: A model of molecules, ``Autoencoder(...).fit(X).trained_``.
        molecules: SMILES in a list, or what else its domain reads.
        among: Where to search, the same.
        count: Neighbours of each, at least 1.
        context: Of a conditional model: one label, or one row of properties, for all of them.

    Raises:
        DataError: Molecules that cannot be read, or fewer to search among than neighbours; a
            context is missing, unknown, or more than one.
        SpecError: Fewer than one neighbour.
        CompositionError: The model is not one of molecules, or has no latents.
    """
    from sklearn.neighbors import NearestNeighbors

    domain = check_molecules(trained)
    if count < 1:
        raise SpecError(f"count must be at least 1; got {count}.")
    asked, known = domain.read(molecules), domain.read(among)
    if len(known) < count:
        raise DataError(
            f"there must be at least as many molecules to search among as neighbours; got "
            f"{len(known)} for {count}. Pass more, or ask for fewer."
        )
    trained.one_row(context)
    codes, others = (trained.encode(each, context).cpu().numpy() for each in (asked, known))
    finder = NearestNeighbors(n_neighbors=count).fit(others)
    distances, places = finder.kneighbors(codes)
    ours, theirs = morgan_fingerprints(asked.smiles), morgan_fingerprints(known.smiles)
    similar = [tanimoto(ours[i : i + 1], theirs[near])[0] for i, near in enumerate(places)]
    names = [[known.smiles[place] for place in near] for near in places]
    return LatentNeighbours(asked.smiles, names, distances.astype(np.float64), np.stack(similar))


def property_map(
    trained: Trained,
    molecules: Any,
    name: str = "logp",
    projection: str = "pca",
    context: Any = None,
) -> "Figure":
    """Scatter molecules by their latents, coloured by a property.

    Args:
        trained: A model of molecules, ``Autoencoder(...).fit(X).trained_``.
        molecules: SMILES in a list, or what else its domain reads; at least two.
        name: One of `vaekit.domains.molecules.PROPERTIES`.
        projection: See `vaekit.plots.latent_map`.
        context: Of a conditional model: of each molecule, or one for all.

    Raises:
        DataError: Molecules that cannot be read, or fewer than two; a context is missing or
            unknown.
        SpecError: An unknown property or projection.
        CompositionError: The model is not one of molecules, or has no latents.
    """
    from vaekit import plots

    if name not in PROPERTIES:
        raise unknown_name("property", name, PROPERTIES)
    found = check_molecules(trained).read(molecules)
    values = properties_of(found.smiles, [name])[name]
    known = ~np.isnan(values)
    codes = trained.encode(found, context).cpu().numpy()
    unit = f", {PROPERTIES[name].unit}" if PROPERTIES[name].unit else ""
    return plots.latent_map(
        codes[known], values[known], scale_name=f"{name}{unit}", projection=projection
    )
