"""Molecules among the latents: paths from one to another, maps, neighbors."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vaekit.errors import DataError, SpecError, unknown_name
from vaekit.fitting.trained import TrainedModel
from vaekit.molecules.analogue_search import check_molecules
from vaekit.molecules.properties import PROPERTIES, compute_properties
from vaekit.molecules.rdkit_tools import canonical, morgan_fingerprints, tanimoto
from vaekit.plots.latent_maps import latent_map

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from vaekit.molecules.plots import MoleculeGrid


@dataclass(frozen=True, eq=False)
class LatentNeighbors:
    """What lies nearest to some molecules among the latents, the nearest first.

    Attributes:
        smiles: The molecules asked about, standardised.
        neighbors: Those nearest to each.
        distance: Of posterior means, shape (molecules, neighbours).
        similarity: Tanimoto of Morgan fingerprints, shape (molecules, neighbours).
    """

    smiles: Sequence[str]
    neighbors: Sequence[Sequence[str]]
    distance: NDArray[np.float64]
    similarity: NDArray[np.float32]

    def frame(self) -> Any:
        """Return a pandas data frame with a row for each neighbour of each."""
        import pandas as pd

        count = self.distance.shape[1]
        return pd.DataFrame(
            {
                "smiles": np.repeat(np.array(self.smiles, dtype=object), count),
                "neighbour": [smiles for near in self.neighbors for smiles in near],
                "distance": self.distance.ravel(),
                "similarity": self.similarity.ravel(),
            }
        )


def latent_neighbors(
    trained: TrainedModel, molecules: Any, among: Any, count: int = 5, context: Any = None
) -> LatentNeighbors:
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
    distances, positions = finder.kneighbors(codes)
    ours, theirs = morgan_fingerprints(asked.smiles), morgan_fingerprints(known.smiles)
    similar = [tanimoto(ours[i : i + 1], theirs[near])[0] for i, near in enumerate(positions)]
    names = [[known.smiles[place] for place in near] for near in positions]
    return LatentNeighbors(asked.smiles, names, distances.astype(np.float64), np.stack(similar))


def property_map(
    trained: TrainedModel,
    molecules: Any,
    name: str = "logp",
    projection: str = "pca",
    context: Any = None,
) -> "Figure":
    """Scatter molecules by their latents, coloured by a property.

    Args:
        trained: A model of molecules, ``Autoencoder(...).fit(X).trained_``.
        molecules: SMILES in a list, or what else its domain reads; at least two.
        name: One of `vaekit.molecules.PROPERTIES`.
        projection: See `vaekit.plots.latent_map`.
        context: Of a conditional model: of each molecule, or one for all.

    Raises:
        DataError: Molecules that cannot be read, or fewer than two; a context is missing or
            unknown.
        SpecError: An unknown property or projection.
        CompositionError: The model is not one of molecules, or has no latents.
    """

    if name not in PROPERTIES:
        raise unknown_name("property", name, PROPERTIES)
    found = check_molecules(trained).read(molecules)
    values = compute_properties(found.smiles, [name])[name]
    known = ~np.isnan(values)
    codes = trained.encode(found, context).cpu().numpy()
    unit = f", {PROPERTIES[name].unit}" if PROPERTIES[name].unit else ""
    return latent_map(
        codes[known], values[known], scale_name=f"{name}{unit}", projection=projection
    )


_POINTS = 64  # decoded on each way, of which many give the same molecule


@dataclass(frozen=True, eq=False)
class InterpolationPath:
    """Different molecules from one to another, both included.

    Attributes:
        smiles: In order; the first and the last are the given ones, what the model makes between.
        position: Where each was first met, from 0 to 1.
        similarity_to_start: Tanimoto of Morgan fingerprints.
        similarity_to_end: The same.
        valid: The share of points between that are molecules.
    """

    smiles: Sequence[str]
    position: NDArray[np.float64]
    similarity_to_start: NDArray[np.float32]
    similarity_to_end: NDArray[np.float32]
    valid: float

    def __len__(self) -> int:
        """Return how many molecules it has."""
        return len(self.smiles)

    def columns(self) -> dict[str, Any]:
        """Everything by name."""
        return {
            "smiles": list(self.smiles),
            "position": self.position,
            "similarity_to_start": self.similarity_to_start,
            "similarity_to_end": self.similarity_to_end,
        }

    def captions(self) -> list[str]:
        """Return the two similarities of each."""
        both = zip(self.similarity_to_start, self.similarity_to_end, strict=True)
        return [f"{start:.2f} to start, {end:.2f} to end" for start, end in both]

    def grid(self) -> "MoleculeGrid":
        """Drawn as a strip."""
        return draw_paths([self])


def molecule_paths(
    trained: TrainedModel,
    a: Any,
    b: Any,
    steps: int = 8,
    path: str = "linear",
    context: Any = None,
) -> list[InterpolationPath]:
    """Walk through the latents from each molecule to its counterpart.

    64 points of each way are decoded, and the different molecules kept; of more than `steps`, some
    at even distances.

    Args:
        trained: A model of molecules, ``Autoencoder(...).fit(X).trained_``.
        a: SMILES in a list, or what else its domain reads.
        b: As many.
        steps: The most molecules on a way, both ends included; at least 2.
        path: ``"linear"`` or ``"spherical"``.
        context: Of a conditional model: a label, or a row of properties, for each way, or one for
            all.

    Raises:
        DataError: Molecules that cannot be read, or not as many on both sides; a context is
            missing or unknown.
        SpecError: Too few steps, or an unknown path.
        CompositionError: The model is not one of molecules, or has no latents.
    """
    domain = check_molecules(trained)
    if steps < 2:
        raise SpecError(f"steps must be at least 2; got {steps}.")
    if path == "geodesic":
        raise SpecError("path must be 'linear' or 'spherical' for molecules; got 'geodesic'.")
    starts, ends = domain.read(a), domain.read(b)
    points = trained.decoded_ways(starts, ends, _POINTS, path, context)
    texts = canonical(domain.decode(points.flatten(0, 1)))
    made = [texts[at : at + _POINTS] for at in range(0, len(texts), _POINTS)]
    pairs = zip(made, starts.smiles, ends.smiles, strict=True)
    return [_path_between(between, start, end, steps) for between, start, end in pairs]


def _path_between(
    made: Sequence[str | None], start: str, end: str, steps: int
) -> InterpolationPath:
    between = made[1:-1]
    met = {start: 0.0}
    for place, smiles in enumerate(between, 1):
        if smiles is not None and smiles != end:
            met.setdefault(smiles, place / (len(made) - 1))
    if end != start:
        met[end] = 1.0
    count = min(steps, len(met))
    kept = np.unique(np.linspace(0, len(met) - 1, count).round().astype(np.int64))
    names, position = list(met), np.array(list(met.values()))
    chosen = [names[place] for place in kept]
    similar = tanimoto(morgan_fingerprints(chosen), morgan_fingerprints([start, end]))
    valid = float(np.mean([smiles is not None for smiles in between]))
    return InterpolationPath(chosen, position[kept], similar[:, 0], similar[:, 1], valid)


def draw_paths(paths: Sequence[InterpolationPath]) -> "MoleculeGrid":
    """Draw ways as strips, one above the other.

    Args:
        paths: Of `molecule_paths`.

    Raises:
        DataError: There are none.
    """
    from vaekit.molecules.plots import molecule_grid
    from vaekit.molecules.rdkit_tools import chemistry

    if not paths:
        raise DataError("there must be at least one way to draw; got none.")
    longest = max(len(one_path) for one_path in paths)
    molecules: list[Any] = []
    captions: list[str] = []
    for one_path in paths:
        gaps = longest - len(one_path)
        molecules += [*one_path.smiles, *[chemistry().Mol()] * gaps]  # nothing is drawn there
        captions += [*one_path.captions(), *[""] * gaps]
    return molecule_grid(molecules, captions, columns=longest)
