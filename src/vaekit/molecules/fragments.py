"""New molecules by exchanging pieces of one for pieces of others."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from vaekit.molecules.rdkit_tools import as_molecules, chemistry, quiet


class _Piece(NamedTuple):
    """One side of a bond that was cut, with a dummy atom where the other side was.

    Attributes:
        label: Of BRICS: the kind of place that was cut.
        molecule: RDKit's.
        atoms: Heavy atoms.
    """

    label: str
    molecule: Any
    atoms: int


def exchange_fragments(lead: str, others: Sequence[str | None], count: int, seed: int) -> list[str]:
    """Return molecules that are one with a piece exchanged for a piece of another.

    The lead is cut at one bond that retrosynthesis would cut, too (BRICS); its larger side stays,
    and the smaller one is exchanged for pieces of the others that hung on a bond of that kind.

    Args:
        lead: SMILES.
        others: SMILES; ``None`` and those of no molecule are left out.
        count: How many exchanges are tried at most; as many or fewer molecules come of them.
        seed: For the same ones again.

    Returns:
        Canonical SMILES, all different, in the order of their making; none where the lead has no
        such bond.

    Source: Degen et al. 2008, "On the art of compiling and using 'drug-like' chemical fragment
    spaces", for the bonds and their kinds.

    Example:
        >>> exchange_fragments("CC(=O)Nc1ccc(O)cc1", ["CCC(=O)NC", "CN"], 10, seed=0)
        ['CCC(=O)Nc1ccc(O)cc1', 'CNc1ccc(O)cc1']
    """
    (mol,) = as_molecules([lead])
    if mol is None:
        return []
    rng = np.random.default_rng(seed)
    library: dict[str, dict[str, _Piece]] = defaultdict(dict)
    chem = chemistry()
    for other in as_molecules([each for each in others if each]):
        for pair in () if other is None else _cuts(other):
            for piece in pair:
                library[piece.label].setdefault(chem.MolToSmiles(piece.molecule), piece)
    offers = []
    for first, second in _cuts(mol):
        stays, goes = (first, second) if first.atoms >= second.atoms else (second, first)
        offers += [(stays, new) for new in library[goes.label].values()]
    made: dict[str, None] = {}
    with quiet():
        for place in rng.permutation(len(offers))[:count].tolist():
            smiles = _combined(*offers[place])
            if smiles is not None and smiles != chem.MolToSmiles(mol):
                made.setdefault(smiles)
    return list(made)


_MARK = 1  # isotope of the dummy atoms


def _cuts(mol: Any) -> Iterator[tuple[_Piece, _Piece]]:
    """Yield both sides of each bond that may be cut, if it is single and in no ring."""
    from rdkit.Chem import BRICS

    chem = chemistry()
    for (begin, end), labels in BRICS.FindBRICSBonds(mol):
        bond = mol.GetBondBetweenAtoms(begin, end)
        if bond.GetBondType() != chem.BondType.SINGLE or bond.IsInRing():
            continue
        cut = chem.FragmentOnBonds(mol, [bond.GetIdx()], dummyLabels=[(_MARK, _MARK)])
        atoms: list[tuple[int, ...]] = []
        sides = chem.GetMolFrags(cut, asMols=True, fragsMolAtomMapping=atoms)
        if len(sides) == 2:
            first, second = (0, 1) if begin in atoms[0] else (1, 0)
            yield (
                _Piece(labels[0], sides[first], sides[first].GetNumHeavyAtoms()),
                _Piece(labels[1], sides[second], sides[second].GetNumHeavyAtoms()),
            )


def _combined(stays: _Piece, new: _Piece) -> str | None:
    """Return the SMILES of two pieces put together; ``None`` where that is no molecule."""
    chem = chemistry()
    rules = chem.MolzipParams()
    rules.label = chem.MolzipLabel.Isotope
    try:
        mol = chem.molzip(stays.molecule, new.molecule, rules)
        again = chem.MolFromSmiles(chem.MolToSmiles(mol))
    except (RuntimeError, ValueError):  # of RDKit: no valence that it knows
        return None
    return None if again is None or "*" in (smiles := chem.MolToSmiles(again)) else str(smiles)
