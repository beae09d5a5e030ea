"""Measures of sets of molecules: Fréchet ChemNet distance, fragments, scaffolds, similarity."""

import functools
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib import resources
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from vaekit.errors import DataError, MissingExtraError, SpecError
from vaekit.metrics.sample_quality import frechet_distance
from vaekit.molecules.properties import compute_properties
from vaekit.molecules.rdkit_tools import (
    Fingerprints,
    as_molecules,
    canonical,
    chemistry,
    morgan_fingerprints,
    nearest_molecules,
    quiet,
    similarities,
)

_LONGEST = 349  # letters; the network was trained on rows of 350, the end included
_WEIGHTS = "ChemNet_v0.13_pretrained.pt"


def chemnet_activations(
    molecules: Iterable[str | None], batch_size: int = 256, device: str | torch.device = "cpu"
) -> Float[Tensor, "molecules 512"]:
    """What ChemNet, trained to predict bioassays, sees in molecules; 2 ms each on one CPU core.

    Args:
        molecules: SMILES; invalid ones are left out, and those with more than 349 letters.
        batch_size: Molecules at once.
        device: Where to compute.

    Raises:
        MissingExtraError: The extra ``fcd`` is not installed.

    Source: Mayr et al. 2018, "Large-scale comparison of machine learning methods for drug target
    prediction on ChEMBL", for the network.
    """
    network, encoded = _network(str(device))
    texts = [text for text in canonical(molecules) if text is not None and len(text) <= _LONGEST]
    parts = [torch.empty(0, 512)]
    for start in range(0, len(texts), batch_size):
        rows = np.stack([encoded(text, _LONGEST + 1) for text in texts[start : start + batch_size]])
        letters = torch.from_numpy(rows / rows.shape[2]).float().to(device)
        with torch.no_grad():
            parts.append(network(letters.transpose(1, 2)).cpu())
    return torch.cat(parts)


def frechet_chemnet_distance(
    references: Iterable[str | None] | Tensor, samples: Iterable[str | None] | Tensor
) -> float:
    """Fréchet distance of what ChemNet sees in two sets of molecules (FCD).

    It depends on how many there are: random molecules of MOSES' training set are at about
    0.01 + 1206 / n from its whole test set. So compare at equal numbers, and beside that floor.

    Args:
        references: SMILES, for instance held-out ones, or their `chemnet_activations`.
        samples: The same of generated molecules.

    Raises:
        DataError: Not more than 512 valid molecules on either side.
        MissingExtraError: The extra ``fcd`` is not installed.

    Source: Preuer et al. 2018, "Fréchet ChemNet distance: a metric for generative models for
    molecules in drug discovery".
    """
    ours, theirs = (
        side if isinstance(side, Tensor) else chemnet_activations(side)
        for side in (references, samples)
    )
    least = min(len(ours), len(theirs))
    if least <= ours.shape[1]:
        raise DataError(
            f"the Fréchet ChemNet distance needs more than {ours.shape[1]} valid molecules on "
            f"either side, and better 5,000; got {len(ours)} references and {len(theirs)} samples. "
            "Pass more."
        )
    return frechet_distance(ours, theirs)


@functools.cache
def _network(device: str) -> tuple[Any, Any]:
    """ChemNet, and what writes a SMILES as one-hot letters."""
    try:
        from fcd.utils import get_one_hot, load_imported_model
    except ImportError as error:
        raise MissingExtraError(
            "the Fréchet ChemNet distance needs the package fcd: pip install 'vaekit[fcd]'."
        ) from error
    with resources.as_file(resources.files("fcd") / _WEIGHTS) as path:
        stored = torch.load(path, map_location="cpu", weights_only=True)
    return load_imported_model(stored).to(device).eval().requires_grad_(False), get_one_hot


def validity(samples: Iterable[str | None]) -> float:
    """Return the share of samples that RDKit takes for a molecule.

    Args:
        samples: SMILES, valid or not.

    Raises:
        DataError: No samples.

    Example:
        >>> validity(["CCO", "C1CC"])
        0.5
    """
    found = canonical(samples)
    return sum(smiles is not None for smiles in found) / _several(len(found), "samples")


def uniqueness(samples: Iterable[str | None], k: int | None = None) -> float:
    """Return the share of different molecules among the valid samples.

    Args:
        samples: SMILES, valid or not.
        k: Look at the first ``k`` valid ones only, since the share falls with their number.

    Raises:
        DataError: No valid samples.

    Example:
        >>> uniqueness(["CCO", "OCC", "CCC", "C1CC"])
        0.6666666666666666
    """
    valid = [smiles for smiles in canonical(samples) if smiles is not None][:k]
    return len(set(valid)) / _several(len(valid), "valid samples")


def novelty(samples: Iterable[str | None], training: Iterable[str]) -> float:
    """Return the share of different valid samples that are no training molecule.

    Args:
        samples: SMILES, valid or not.
        training: SMILES that the model learned from, standardised as it reads them.

    Raises:
        DataError: No valid samples.

    Example:
        >>> novelty(["CCO", "CCC"], ["OCC"])
        0.5
    """
    different = set(canonical(samples)) - {None}
    new = different - set(canonical(training))
    return len(new) / _several(len(different), "valid samples")


def _several(count: int, what: str) -> int:
    if not count:
        raise DataError(f"there must be at least one of the {what}; got none. Pass more.")
    return count


_OF_MOSES = ("logp", "sa", "qed", "mw")


def property_distances(
    references: Iterable[Any], samples: Iterable[Any], names: Sequence[str] = _OF_MOSES
) -> dict[str, float]:
    """Wasserstein distance of each property, in its own unit.

    Args:
        references: SMILES, of which invalid ones are left out, or RDKit molecules.
        samples: The same of generated ones.
        names: Some of `vaekit.molecules.PROPERTIES`; those of MOSES by default.

    Raises:
        DataError: No valid molecules on either side.
        SpecError: An unknown property.

    Example:
        >>> property_distances(["CCO"], ["CCCO", "CCO"], ["heavy_atoms"])
        {'heavy_atoms': 0.5}
    """
    ours, theirs = compute_properties(references, names), compute_properties(samples, names)
    return {name: property_distance(ours[name], theirs[name]) for name in names}


def property_distance(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Wasserstein distance of two samples of numbers: how far they must be moved on average.

    Args:
        a: Any shape; NaN is left out.
        b: The same.

    Raises:
        DataError: No numbers on one of the sides.

    Example:
        >>> property_distance(np.array([0.0, 1.0]), np.array([2.0, np.nan]))
        1.5
    """
    from scipy.stats import wasserstein_distance

    ours, theirs = (side[~np.isnan(side)] for side in (a, b))
    if not (len(ours) and len(theirs)):
        raise DataError(
            f"there must be numbers on both sides; got {len(ours)} and {len(theirs)}. Pass valid "
            "molecules."
        )
    return float(wasserstein_distance(ours, theirs))


def fragment_counts(molecules: Iterable[Any]) -> Counter[str]:
    """Return how often each fragment occurs where molecules are cut at the bonds of BRICS.

    Args:
        molecules: SMILES, of which invalid ones are left out, or RDKit molecules.

    Raises:
        MissingExtraError: RDKit is not installed.

    Source: Degen et al. 2008, "On the art of compiling and using 'drug-like' chemical fragment
    spaces"; counted as in MOSES (Frag).

    Example:
        >>> fragment_counts(["CC(=O)Nc1ccccc1", "COc1ccccc1"]).most_common(1)
        [('[16*]c1ccccc1', 2)]
    """
    return _counted(molecules, _fragments)


def scaffold_counts(molecules: Iterable[Any], least_rings: int = 2) -> Counter[str]:
    """Return how often each scaffold occurs: the rings, what links them, and what doubles on these.

    Args:
        molecules: SMILES, of which invalid ones are left out, or RDKit molecules.
        least_rings: Scaffolds with fewer rings are left out, as MOSES does (Scaf).

    Raises:
        MissingExtraError: RDKit is not installed.

    Source: Bemis & Murcko 1996, "The properties of known drugs. 1. Molecular frameworks".

    Example:
        >>> scaffold_counts(["CCc1ccc2ccccc2c1", "Cc1ccccc1"])
        Counter({'c1ccc2ccccc2c1': 1})
    """
    return _counted(molecules, lambda molecule: _scaffold(molecule, least_rings))


def murcko_scaffolds(molecules: Iterable[Any]) -> list[str]:
    """Return the scaffold of each molecule: its rings, what links them, and what doubles on these.

    Args:
        molecules: SMILES or RDKit molecules.

    Returns:
        SMILES; empty for what has no ring, is no molecule, or RDKit cannot reduce.

    Raises:
        MissingExtraError: RDKit is not installed.

    Source: as of `scaffold_counts`.

    Example:
        >>> murcko_scaffolds(["CCc1ccccc1", "CCO"])
        ['c1ccccc1', '']
    """
    found = [[] if each is None else _scaffold(each, 1) for each in as_molecules(molecules)]
    return [scaffold[0] if scaffold else "" for scaffold in found]


def cosine_of_counts(a: Mapping[str, int], b: Mapping[str, int]) -> float:
    """Cosine of two vectors of counts: 1 where shares are the same, 0 where nothing is shared.

    Args:
        a: For instance `scaffold_counts` of samples.
        b: The same of held-out molecules.

    Raises:
        DataError: Nothing was counted on one of the sides.

    Example:
        >>> cosine_of_counts({"x": 3, "y": 4}, {"x": 6, "y": 8})
        1.0
    """
    if not (a and b):
        raise DataError(
            f"there must be something counted on both sides; got {len(a)} and {len(b)} kinds. "
            "Pass molecules that have such pieces."
        )
    shared = sum(count * b[name] for name, count in a.items() if name in b)
    lengths = (np.sqrt(float(sum(count**2 for count in side.values()))) for side in (a, b))
    return float(min(1.0, shared / np.prod(list(lengths))))


def _counted(molecules: Iterable[Any], pieces: Callable[[Any], list[str]]) -> Counter[str]:
    counts: Counter[str] = Counter()
    with quiet():
        for molecule in as_molecules(molecules):
            counts.update([] if molecule is None else pieces(molecule))
    return counts


def _fragments(molecule: Any) -> list[str]:
    chem = chemistry()
    smiles: str = chem.MolToSmiles(chem.FragmentOnBRICSBonds(molecule))
    return smiles.split(".")


def _scaffold(molecule: Any, least_rings: int) -> list[str]:
    """None of what RDKit cannot reduce, as in MOSES."""
    from rdkit.Chem.Scaffolds import MurckoScaffold

    try:
        scaffold = MurckoScaffold.GetScaffoldForMol(molecule)
    except (ValueError, RuntimeError):
        return []
    enough = scaffold.GetRingInfo().NumRings() >= least_rings
    smiles = chemistry().MolToSmiles(scaffold)
    return [smiles] if enough and smiles else []


def moses_fingerprints(molecules: Iterable[Any]) -> Fingerprints:
    """Fingerprints as MOSES compares by: Morgan, radius 2, 1,024 bits; of valid molecules only.

    Args:
        molecules: SMILES, valid or not, or RDKit molecules.
    """
    return morgan_fingerprints([m for m in as_molecules(molecules) if m is not None], num_bits=1024)


def internal_diversity(molecules: Iterable[Any] | Fingerprints, power: int = 1) -> float:
    """Return one minus the mean similarity of all pairs, each with itself included.

    Args:
        molecules: SMILES, of which invalid ones are left out, or `moses_fingerprints` of them.
        power: 1, or 2 for the root of the mean square, which heeds clusters more.

    Returns:
        From 0, all the same, to nearly 1.

    Raises:
        DataError: No valid molecules.
        SpecError: A power below 1.

    Source: Polykovskiy et al. 2020, "Molecular sets (MOSES)", equation for IntDiv_p, computed as
    the package molsets does: the root is taken for each molecule, then their mean.

    Example:
        >>> round(internal_diversity(["CCO", "CCO", "c1ccccc1"]), 3)
        0.444
    """
    if power < 1:
        raise SpecError(f"power must be at least 1; got {power}.")
    found = _valid(molecules)
    means = [(part**power).mean(1, dtype=np.float64) for part in similarities(found, found)]
    return float(1 - (np.concatenate(means) ** (1 / power)).mean())


def similarity_to_nearest(
    molecules: Iterable[Any] | Fingerprints, references: Iterable[Any] | Fingerprints
) -> float:
    """Return the mean similarity of molecules to the nearest of the references (SNN).

    Args:
        molecules: SMILES, of which invalid ones are left out, or `moses_fingerprints` of them.
        references: The same of other molecules, for instance held-out ones.

    Raises:
        DataError: No valid molecules on either side.

    Source: Polykovskiy et al. 2020, "Molecular sets (MOSES)", SNN.

    Example:
        >>> similarity_to_nearest(["CCO"], ["CCC", "OCC"])
        1.0
    """
    near = nearest_molecules(_valid(molecules), _valid(references))
    return float(near.similarity.mean(dtype=np.float64))


def _valid(molecules: Iterable[Any] | Fingerprints) -> Fingerprints:
    found = molecules if isinstance(molecules, Fingerprints) else moses_fingerprints(molecules)
    if not len(found):
        raise DataError("there must be at least one valid molecule; got none. Pass more.")
    return found
