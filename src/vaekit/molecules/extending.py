"""Molecules from others: more tokens, scaffolds with attachment points, exchanged pieces."""

import copy
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from vaekit.domains.tokenizers import BytePairs, SpelledAtoms, Tokenizer, Vocabulary, tokens_of
from vaekit.errors import CompositionError, DataError
from vaekit.fitting.trained import TrainedModel
from vaekit.likelihoods.tokens import tokens_part
from vaekit.molecules.domain import MoleculeDomain
from vaekit.molecules.rdkit_tools import as_molecules, chemistry, parse_smiles, quiet
from vaekit.molecules.standardize import Standardized
from vaekit.networks.tokens import TokenEncoder, TokenTransformer
from vaekit.randomness import make_generator, seeded

_ELEMENT = re.compile(r"\[\d*([A-Za-z][a-z]?)[^\]]*\]")
_RESERVED = 3  # codes of no token
_SPREAD = 0.2  # deviations of what a token starts from


def extend_tokens(
    trained: TrainedModel,
    molecules: Standardized,
    *,
    num_merges: int = 0,
    min_count: int = 20,
    longest: int | None = None,
    seed: int = 0,
) -> TrainedModel:
    """Return a copy of a model that can spell any molecule, to be trained further on other ones.

    Its tokens stay and keep what was learned of them. Behind them come the atoms in brackets that
    these molecules have often, the characters that spell all others (see `SpelledAtoms`), and
    merges of these molecules. A new token starts near the mean of those that it is made of, an
    atom in brackets near its element; rows become as long as the longest of the molecules needs.

    Args:
        trained: A model of molecules as SMILES whose decoder is a Transformer.
        molecules: Those that it is to learn, as often as they are to count for the merges.
        num_merges: How many merges are learned of them.
        min_count: In how many of them an atom in brackets must be to be a token.
        longest: The most tokens of a molecule; ``None`` for as many as these have.
        seed: Of the noise that tells new tokens apart.

    Raises:
        CompositionError: The model is of other data, of SELFIES, or has other networks.
    """
    domain, vae = trained.domain, trained.vae
    tokens = tokens_part(vae.likelihood)
    encoder = vae.encoder
    if (
        not isinstance(domain, MoleculeDomain)
        or not isinstance(domain.tokenizer, BytePairs)
        or domain.representation != "bpe-smiles"
        or tokens is None
        or not isinstance(tokens.network, TokenTransformer)
        or not isinstance(encoder, TokenEncoder)
    ):
        raise CompositionError(
            "tokens can be added to a model of molecules with representation='bpe-smiles' and "
            f"network='transformer'; this one is of {type(domain).__name__}. Fit a new model."
        )
    before = domain.vocabulary
    assert before is not None  # it is fitted
    tokenizer = _learned(domain.tokenizer, before, molecules.smiles, num_merges, min_count)
    split = tokenizer.split(molecules.smiles)
    found = Vocabulary.of(split, tokens_of(tokenizer))
    more = [token for token in found.tokens if token not in set(before.tokens)]
    longest = max(before.longest, found.longest if longest is None else longest)
    after = Vocabulary((*before.tokens, *more), longest)
    origins = _origins(domain.tokenizer, before, more)
    trained = copy.deepcopy(trained)
    with seeded(seed):
        _extend(trained, origins, after, seed)
    grown = replace(
        domain,
        spell_rare=True,
        tokenizer=tokenizer,
        vocabulary=after,
        reference=None,
        num_merges=tokenizer.num_merges,
    )
    return replace(trained, domain=grown)


def _learned(
    old: BytePairs, words: Vocabulary, texts: Sequence[str], num_merges: int, min_count: int
) -> BytePairs:
    """Return the merges that there are, and behind them new ones; known atoms stay known."""
    atoms = SpelledAtoms(min_count).fit(texts)
    assert atoms.known is not None  # just learned
    had = [token for token in words.tokens if token[0] == "[" and token.find("]") == len(token) - 1]
    had = [token for token in had if len(token) > 1 and token not in atoms.known]
    base = replace(atoms, known=(*atoms.known, *had))
    merges = tuple(old.merges or ())
    return replace(old, base=base, num_merges=len(merges) + num_merges).extended(texts)


def _origins(old: Tokenizer, words: Vocabulary, tokens: Sequence[str]) -> list[list[int]]:
    """Return for each token the codes of those that it is made of; none where none are known."""
    code_of = {token: code for code, token in enumerate(words.tokens, _RESERVED)}
    plain = [_ELEMENT.sub(r"\1", token) for token in tokens]
    return [[code_of[each] for each in parts if each in code_of] for parts in old.split(plain)]


@torch.no_grad()
def _extend(
    trained: TrainedModel, origins: Sequence[Sequence[int]], words: Vocabulary, seed: int
) -> None:
    vae, generator = trained.vae, make_generator(seed)
    encoder, tokens = vae.encoder, tokens_part(vae.likelihood)
    assert isinstance(encoder, TokenEncoder)  # as whoever extends has looked
    assert tokens is not None
    network = tokens.network
    assert isinstance(network, TokenTransformer)
    head = network.head[1]
    assert isinstance(head, nn.Linear)  # as it is made
    steps = words.steps
    encoder.embedding = _embedding(_grown(encoder.embedding.weight, origins, 0, generator))
    network.embedding = _embedding(_grown(network.embedding.weight, origins, 0, generator))
    rows = _grown(head.weight, origins, _RESERVED - 1, generator)  # codes from 2 on are told
    bias = torch.cat([head.bias, head.bias.mean().expand(len(origins))])
    larger = nn.Linear(head.in_features, len(rows)).to(rows.device)
    larger.weight.copy_(rows)
    larger.bias.copy_(bias)
    network.head[1] = larger
    late = network.positions.weight[-1:].expand(steps - network.steps, -1)
    network.positions = _embedding(torch.cat([network.positions.weight, late]))
    encoder.num_codes = network.num_codes = words.num_codes
    network.steps = steps
    if encoder.positions is not None:
        encoder.positions = steps


def _embedding(rows: Tensor) -> nn.Embedding:
    embedding = nn.Embedding(*rows.shape).to(rows)
    embedding.weight.copy_(rows)
    return embedding


def _grown(
    rows: Tensor, origins: Sequence[Sequence[int]], offset: int, generator: torch.Generator
) -> Tensor:
    """Return the rows, and behind them the mean of the rows of each token's origins, with noise."""
    places = [torch.tensor(codes, dtype=torch.long) - offset for codes in origins]
    everything = rows[_RESERVED - offset :]
    means = torch.stack(
        [rows[each].mean(0) if len(each) else everything.mean(0) for each in places]
    )
    noise = torch.randn(means.shape, generator=generator).to(rows)
    return torch.cat([rows, means + _SPREAD * everything.std() * noise])


@dataclass(frozen=True, eq=False)
class OpenScaffold:
    """A molecule with open places.

    Attributes:
        molecule: RDKit's, with an atom of number 0 in each open place.
        pattern: RDKit's query: the scaffold with some heavy atom in each open place, and nothing
            new at any other.
    """

    molecule: Any
    pattern: Any

    def filled(self, group: str) -> str:
        """Return the SMILES with a group in each open place.

        Args:
            group: SMILES that begins with the atom that is bonded.
        """
        chem = chemistry()
        made = chem.ReplaceSubstructs(
            self.molecule, chem.MolFromSmarts("[#0]"), chem.MolFromSmiles(group), replaceAll=True
        )
        smiles: str = chem.MolToSmiles(chem.MolFromSmiles(chem.MolToSmiles(made[0])))
        return smiles


USUAL_GROUPS = ("C", "OC", "CC", "NC(C)=O", "C(N)=O", "c1ccccc1", "CO", "F")
"""Substituents of which a search begins, as SMILES."""


def has_attachment_points(smiles: str) -> bool:
    """Return whether a SMILES marks places where something is to be put.

    Example:
        >>> has_attachment_points("c1ccc([*])cc1"), has_attachment_points("c1ccccc1")
        (True, False)
    """
    return "*" in smiles


def read_open_scaffold(smiles: str) -> OpenScaffold:
    """Read a scaffold whose open places are marked by ``[*]``, ``*`` or ``[*:1]``.

    Raises:
        DataError: It cannot be read, has no atom beside the marks, or a mark has not one bond.
        MissingExtraError: RDKit is not installed.

    Example:
        >>> from vaekit.molecules import as_molecules
        >>> scaffold = read_open_scaffold("[*]c1ccncc1")
        >>> found = as_molecules(["CCc1ccncc1", "CCc1cc(C)ncc1", "c1ccncc1"])
        >>> scaffold.filled("OC"), [m.HasSubstructMatch(scaffold.pattern) for m in found]
        ('COc1ccncc1', [True, False, False])
    """
    chem = chemistry()
    with quiet():
        molecule = parse_smiles(smiles)
    if molecule is None:
        raise DataError(f"a scaffold must be a SMILES with [*] where it is open; got {smiles!r}.")
    marks = [atom for atom in molecule.GetAtoms() if atom.GetAtomicNum() == 0]
    single = chem.BondType.SINGLE
    good = all([b.GetBondType() for b in mark.GetBonds()] == [single] for mark in marks)
    if not good or len(marks) == molecule.GetNumAtoms():
        raise DataError(
            "each [*] of a scaffold must hang on an atom of it by one single bond, as in "
            f"c1ccc([*])cc1; got {smiles!r}."
        )
    for mark in marks:
        mark.SetAtomMapNum(0)
        mark.SetIsotope(0)
    flags = chem.AdjustQueryWhichFlags.ADJUST_IGNOREDUMMIES
    rules = chem.AdjustQueryParameters.NoAdjustments()
    rules.adjustDegree, rules.adjustDegreeFlags, rules.makeDummiesQueries = True, flags, True
    pattern = chem.AdjustQueryProperties(molecule, rules)
    return OpenScaffold(molecule, pattern)


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
