"""More tokens for a model of molecules that is trained already."""

import copy
import re
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from vaekit.domains.tokenizers import BytePairs, SpelledAtoms, Tokenizer, Vocabulary, tokens_of
from vaekit.errors import CompositionError
from vaekit.fitting.trained import TrainedModel
from vaekit.likelihoods.tokens import tokens_part
from vaekit.molecules.domain import MoleculeDomain
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
