"""Strings to tokens and back without loss; tokens to integers."""

import abc
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vaekit.bounds import Steps
from vaekit.distributions.sequences import BEGIN, END, PADDING
from vaekit.errors import DataError, MissingExtraError, NotFittedError, SpecError


def selfies_library() -> Any:
    """Return the package ``selfies``.

    Raises:
        MissingExtraError: It is not installed.
    """
    try:
        import selfies
    except ImportError as error:
        raise MissingExtraError(
            "SELFIES need the package selfies: pip install 'vaekit[molecules]'."
        ) from error
    return selfies


_RESERVED = 1 + max(PADDING, BEGIN, END)


@dataclass(frozen=True)
class Vocabulary:
    """The tokens of training and the most of them in one sequence.

    A row holds the codes of a sequence, then 2, which ends it, then 0, which pads it. Code 1
    stands before the first token; it is told to decoders and is in no row.

    Attributes:
        tokens: Learned tokens, the most frequent first; the first has code 3.
        longest: The most tokens of a sequence.

    Example:
        >>> words = Vocabulary.of([["a", "b"], ["a"]])
        >>> words.encode([["b"]])
        tensor([[4, 2, 0]], dtype=torch.int16)
        >>> words.decode(torch.tensor([[3, 4, 2]]))
        [['a', 'b']]
    """

    tokens: Sequence[str]
    longest: int

    @classmethod
    def of(cls, sequences: Sequence[Sequence[str]], also: Iterable[str] = ()) -> Self:
        """Learn from sequences of tokens; of tokens as frequent the alphabet's first is first.

        Args:
            sequences: Those of training.
            also: Tokens that others may have, though these have none.
        """
        counts = Counter(token for sequence in sequences for token in sequence)
        counts.update(dict.fromkeys(also, 0))
        tokens = sorted(counts, key=lambda token: (-counts[token], token))
        return cls(tuple(tokens), max(map(len, sequences), default=0))

    @property
    def num_codes(self) -> int:
        """Codes of the tokens, and the three that stand for none."""
        return len(self.tokens) + _RESERVED

    @property
    def steps(self) -> int:
        """Length of a row: the longest sequence and its end."""
        return self.longest + 1

    def encode(self, sequences: Sequence[Sequence[str]]) -> Tensor:
        """Codes, int16 if they fit, else int32, shape (sequences, steps).

        Raises:
            DataError: A token or a length that training had not; names it and its row.
        """
        code_of = {token: code for code, token in enumerate(self.tokens, _RESERVED)}
        few = self.num_codes <= np.iinfo(np.int16).max
        rows = np.full((len(sequences), self.steps), PADDING, np.int16 if few else np.int32)
        for place, sequence in enumerate(sequences):
            self._check_length(sequence, place)
            try:
                rows[place, : len(sequence)] = [code_of[token] for token in sequence]
            except KeyError as error:
                raise self._unknown(error.args[0], place, sequences, code_of) from None
            rows[place, len(sequence)] = END
        return torch.from_numpy(rows)

    def _check_length(self, sequence: Sequence[str], place: int) -> None:
        if len(sequence) > self.longest:
            raise DataError(
                f"a sequence must have at most {self.longest} tokens, the longest of training; got "
                f"{len(sequence)} in row {place}. Leave it out, or train with such sequences."
            )

    def _unknown(
        self, token: str, place: int, sequences: Sequence[Sequence[str]], known: Iterable[str]
    ) -> DataError:
        known = set(known)
        count = sum(not known.issuperset(sequence) for sequence in sequences)
        return DataError(
            f"a token must be one of the {len(self.tokens)} of training; got {token!r} in row "
            f"{place} ({count} of {len(sequences)} rows have such tokens). Leave those rows out, "
            "or train with them."
        )

    def decode(self, rows: Tensor) -> list[list[str]]:
        """Tokens up to the first end, or the first code that is none."""
        return [self._sequence(codes) for codes in rows.detach().cpu().long().tolist()]

    def _sequence(self, codes: Sequence[int]) -> list[str]:
        stop = next((i for i, code in enumerate(codes) if code < _RESERVED), len(codes))
        return [self.tokens[code - _RESERVED] for code in codes[:stop]]


_ATOMS = re.compile(r"\[[^\]]*\]|Br|Cl|@@|%\d\d|%\(\d+\)|.", re.DOTALL)


class Tokenizer(abc.ABC):
    """Splits strings into tokens that give the string again when they are joined.

    Immutable and made of JSON, like a domain.
    """

    @abc.abstractmethod
    def split(self, texts: Sequence[str]) -> list[list[str]]:
        """Return the tokens of each string; joined, they are that string."""


@dataclass(frozen=True)
class Characters(Tokenizer):
    """Each character is a token.

    Example:
        >>> Characters().split(["ACC"])
        [['A', 'C', 'C']]
    """

    def split(self, texts: Sequence[str]) -> list[list[str]]:
        """Characters."""
        return [list(text) for text in texts]


@dataclass(frozen=True)
class SmilesAtoms(Tokenizer):
    """Atoms, bonds, brackets and ring numbers of SMILES; what is none of them stays a character.

    Source: Schwaller et al. 2018, "Found in translation", section 3.1, for the expression.

    Example:
        >>> SmilesAtoms().split(["C[C@@H](Cl)Br"])
        [['C', '[C@@H]', '(', 'Cl', ')', 'Br']]
    """

    def split(self, texts: Sequence[str]) -> list[list[str]]:
        """Atoms and signs."""
        return [_ATOMS.findall(text) for text in texts]


_PIECES = re.compile("@@|.", re.DOTALL)
_SHORT = ("Br", "Cl")
_SMILES_SIGNS = "()[].-=#$:/\\~<>%*@+0123456789"
_ELEMENT_LETTERS = "ABCDEFGHIKLMNOPRSTUVWXYZabcdefghiklmnoprstuvy"
"""All letters of the symbols of elements, and of aromatic atoms."""


@dataclass(frozen=True)
class SpelledAtoms(Tokenizer):
    """Atoms and signs of SMILES, of which those that training had seldom are spelled by characters.

    So no molecule has a token that is unknown: an atom in brackets such as ``[13C@@H]``, or a ring
    number of two digits, is a token where training had it often, and else as many as it has
    letters, digits and signs, all of which are always known.

    Attributes:
        min_count: In how many training molecules an atom in brackets must be to be a token.
        known: Learned atoms in brackets that are tokens.

    Raises:
        NotFittedError: At `split`, nothing was learned.

    Source: The fall back on characters is that of Sennrich et al. 2016, "Neural machine translation
    of rare words with subword units", section 3.2; for the expression see `SmilesAtoms`.

    Example:
        >>> atoms = SpelledAtoms(min_count=2).fit(["C[C@H](N)O", "CC[C@H](N)O", "[13CH4]"])
        >>> atoms.split(["[C@H][13C@@H]%10"])
        [['[C@H]', '[', '1', '3', 'C', '@@', 'H', ']', '%', '1', '0']]
    """

    min_count: Steps = 20
    known: Sequence[str] | None = None

    def fit(self, texts: Sequence[str]) -> Self:
        """Learn which atoms in brackets come often, the most frequent first."""
        found = Counter(
            t for tokens in SmilesAtoms().split(texts) for t in {*tokens} if t[0] == "["
        )
        often = [
            token for token, count in found.items() if count >= self.min_count and len(token) > 1
        ]
        return replace(self, known=tuple(sorted(often, key=lambda token: (-found[token], token))))

    def split(self, texts: Sequence[str]) -> list[list[str]]:
        """Atoms and signs, the rarer ones in characters."""
        if self.known is None:
            raise NotFittedError("these SpelledAtoms have learnt no atoms; call fit first.")
        whole = {*self.known, *_SHORT}
        return [
            [piece for atom in atoms for piece in ((atom,) if atom in whole else _spelled(atom))]
            for atoms in SmilesAtoms().split(texts)
        ]

    @property
    def alphabet(self) -> frozenset[str]:
        """All tokens that a molecule may have: what is known, and what others are spelled by."""
        return frozenset((*(self.known or ()), *_SHORT, "@@", *_SMILES_SIGNS, *_ELEMENT_LETTERS))


def _spelled(atom: str) -> list[str]:
    return _PIECES.findall(atom)


@dataclass(frozen=True)
class SelfiesSymbols(Tokenizer):
    """Symbols of SELFIES, in brackets each.

    Raises:
        DataError: At `split`, a string that is no SELFIES.
        MissingExtraError: At `split`, the package selfies is not installed.

    Source: Krenn et al. 2020, "Self-referencing embedded strings (SELFIES)".

    Example:
        >>> SelfiesSymbols().split(["[C][=O]"])
        [['[C]', '[=O]']]
    """

    def split(self, texts: Sequence[str]) -> list[list[str]]:
        """Symbols."""
        library = selfies_library()
        return [self._symbols(library, row, text) for row, text in enumerate(texts)]

    def _symbols(self, library: Any, row: int, text: str) -> list[str]:
        try:
            symbols: list[str] = list(library.split_selfies(text))
        except ValueError:
            symbols = []
        if "".join(symbols) != text:
            raise DataError(
                f"a SELFIES string must be symbols in brackets, as [C][=O]; got {text!r} in row "
                f"{row}. For SMILES use SmilesAtoms()."
            )
        return symbols


_MOST_STRINGS = 50_000  # merges of more are the same but for the rarest
_LEAST_COUNT = 2
_CHUNK = 10_000  # strings merged at once: what they take stays in the processor's cache
_END = -1  # between strings; no merge has it

Codes = NDArray[np.int32]


@dataclass(frozen=True)
class BytePairs(Tokenizer):
    """Byte-pair encoding over the tokens of another tokeniser.

    `fit` puts the two tokens together that most often stand side by side, and again, until there
    are as many merges as were asked for or no pair occurs twice. Of pairs as frequent the one
    that comes first in the alphabet is taken, so merges depend on the strings alone.

    Attributes:
        base: Splits the strings first.
        num_merges: How many pairs are put together at most.
        merges: Learned pairs, in order.

    Raises:
        SpecError: Fewer than 0 merges, or a base that is itself made of merges.

    Source: Sennrich et al. 2016, "Neural machine translation of rare words with subword units";
    Li & Fourches 2021, "SMILES pair encoding", for molecules.

    Example:
        >>> pairs = BytePairs(Characters(), 2).fit(["abab", "ababc"])
        >>> pairs.merges
        (('a', 'b'), ('ab', 'ab'))
        >>> pairs.split(["ababc"])
        [['abab', 'c']]
    """

    base: Tokenizer = field(default_factory=Characters)
    num_merges: Steps = 400
    merges: Sequence[Sequence[str]] | None = None

    def __post_init__(self) -> None:
        if self.num_merges < 0:
            raise SpecError(f"num_merges must be at least 0; got {self.num_merges}.")
        if isinstance(self.base, BytePairs):
            raise SpecError("the base of BytePairs must be another tokeniser, as SmilesAtoms().")

    def fit(self, texts: Sequence[str]) -> Self:
        """Learn the merges of these strings, of 50,000 spread over them where there are more."""
        positions = np.linspace(0, len(texts) - 1, min(len(texts), _MOST_STRINGS)).astype(int)
        some = [texts[place] for place in positions]
        return replace(self, base=learn_tokenizer(self.base, texts), merges=()).extended(some)

    def extended(self, texts: Sequence[str]) -> Self:
        """Return the merges learned so far, and behind them those of other strings.

        As many as are lacking of `num_merges`.

        Raises:
            NotFittedError: No merges were learned.

        Example:
            >>> pairs = BytePairs(Characters(), 1).fit(["abab", "ababc"])
            >>> replace(pairs, num_merges=2).extended(["abcd", "cdab"]).merges
            (('a', 'b'), ('c', 'd'))
        """
        tokens = self.split(texts)
        names = sorted({token for each in tokens for token in each})
        codes = _joined(tokens, {name: code for code, name in enumerate(names)})
        merges = [(left, right) for left, right in self.merges or ()]
        for _ in range(self.num_merges - len(merges)):
            pair = _most_frequent(codes, names)
            if pair is None:
                break
            merges.append((names[pair[0]], names[pair[1]]))
            names.append("".join(merges[-1]))
            codes = _merged(codes, *pair, len(names) - 1)
        return replace(self, merges=tuple(merges))

    def split(self, texts: Sequence[str]) -> list[list[str]]:
        """Return the base's tokens, merged pair by pair in the order learned.

        Raises:
            NotFittedError: No merges were learned.
        """
        if self.merges is None:
            raise NotFittedError("these BytePairs have learnt no merges; call fit first.")
        tokens = self.base.split(texts)
        chunks = (tokens[start : start + _CHUNK] for start in range(0, len(texts), _CHUNK))
        return [merged for chunk in chunks for merged in self._merge(chunk)]

    def _merge(self, tokens: list[list[str]]) -> list[list[str]]:
        code_of_token: dict[str, int] = {}
        for each in tokens:
            for token in each:
                code_of_token.setdefault(token, len(code_of_token))
        codes = _joined(tokens, code_of_token)
        for left, right in self.merges or ():
            if left in code_of_token and right in code_of_token:
                new = code_of_token.setdefault(left + right, len(code_of_token))
                codes = _merged(codes, code_of_token[left], code_of_token[right], new)
        names = list(code_of_token)
        out: list[list[str]] = [[]]
        for code in codes.tolist():
            if code == _END:
                out.append([])
            else:
                out[-1].append(names[code])
        return out[:-1]


def learn_tokenizer(chosen: Tokenizer, texts: Sequence[str]) -> Tokenizer:
    """Return the tokeniser, with what it learns of strings learned if it has not yet."""
    if isinstance(chosen, BytePairs):
        return chosen.fit(texts) if chosen.merges is None else chosen
    if isinstance(chosen, SpelledAtoms):
        return chosen.fit(texts) if chosen.known is None else chosen
    return chosen


def tokens_of(tokenizer: Tokenizer) -> set[str]:
    """Return all tokens that merges are made of and make, and those that atoms are spelled by.

    Training strings may have none of some, where each was put together further; others have.
    """
    if isinstance(tokenizer, SpelledAtoms):
        return {*tokenizer.alphabet}
    if not isinstance(tokenizer, BytePairs):
        return set()
    merged = {t for left, right in tokenizer.merges or () for t in (left, right, left + right)}
    return merged | tokens_of(tokenizer.base)


def _joined(tokens: Iterable[Sequence[str]], code_of_token: dict[str, int]) -> Codes:
    """Return all strings after one another, each with a mark behind it."""
    codes: list[int] = []
    for each in tokens:
        codes.extend(code_of_token[token] for token in each)
        codes.append(_END)
    return np.array(codes, dtype=np.int32)


def _most_frequent(codes: Codes, names: Sequence[str]) -> tuple[int, int] | None:
    """Return the pair that stands side by side most often; of equals the first in the alphabet."""
    left, right, count = codes[:-1].astype(np.int64), codes[1:], len(names)
    inside = (left != _END) & (right != _END)
    counts = np.bincount(left[inside] * count + right[inside])
    most = int(counts.max(initial=0))
    if most < _LEAST_COUNT:
        return None
    pairs = [divmod(int(place), count) for place in np.flatnonzero(counts == most)]
    return min(pairs, key=lambda pair: (names[pair[0]], names[pair[1]]))


def _merged(codes: Codes, left: int, right: int, new: int) -> Codes:
    """Return the codes with each such pair, from the left, replaced."""
    (positions,) = np.nonzero((codes[:-1] == left) & (codes[1:] == right))
    if left == right:
        positions = _apart(positions)
    if len(positions) == 0:
        return codes
    codes = codes.copy()
    codes[positions] = new
    keep = np.ones(len(codes), dtype=bool)
    keep[positions + 1] = False
    return codes[keep]


def _apart(positions: NDArray[np.int64]) -> NDArray[np.int64]:
    """Every second place of each run of neighbours: in "aaa" only the first two are a pair."""
    if len(positions) == 0:
        return positions
    starts = np.flatnonzero(np.diff(positions, prepend=-2) != 1)
    run = np.repeat(starts, np.diff(starts, append=len(positions)))
    apart: NDArray[np.int64] = positions[(np.arange(len(positions)) - run) % 2 == 0]
    return apart
