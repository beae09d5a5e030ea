"""Which fragments and scaffolds molecules are made of, and whether others are made of the same."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from vaekit.domains.molecules import as_molecules
from vaekit.domains.molecules.toolkit import chemistry, quiet
from vaekit.errors import DataError

__all__ = ["cosine_of_counts", "fragment_counts", "scaffold_counts"]


def fragment_counts(molecules: Iterable[Any]) -> Counter[str]:
    """How often each fragment occurs where molecules are cut at the bonds of BRICS.

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
    """How often each scaffold occurs: the rings, what links them, and what doubles on these.

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
