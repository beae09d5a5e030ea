"""Tokens that are put together from smaller ones that often stand side by side."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from vaekit.domains.sequences.tokenisers import Characters, Tokeniser
from vaekit.errors import NotFittedError, SpecError

__all__ = ["BytePairs", "learn_tokeniser", "tokens_of"]

_MOST_STRINGS = 50_000  # merges of more are the same but for the rarest
_LEAST_COUNT = 2
_CHUNK = 10_000  # strings merged at once: what they take stays in the processor's cache
_END = -1  # between strings; no merge has it

Codes = NDArray[np.int32]


@dataclass(frozen=True)
class BytePairs(Tokeniser):
    """Byte-pair encoding over the tokens of another tokeniser.

    `fit` puts the two tokens together that most often stand side by side, and again, until there
    are as many merges as were asked for or no pair occurs twice. Of pairs as frequent the one
    that comes first in the alphabet is taken, so merges depend on the strings alone.

    Attributes:
        base: Splits the strings first.
        num_merges: How many pairs are put together at most.
        merges: Learnt pairs, in order.

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

    base: Tokeniser = field(default_factory=Characters)
    num_merges: int = 400
    merges: Sequence[Sequence[str]] | None = None

    def __post_init__(self) -> None:
        if self.num_merges < 0:
            raise SpecError(f"num_merges must be at least 0; got {self.num_merges}.")
        if isinstance(self.base, BytePairs):
            raise SpecError("the base of BytePairs must be another tokeniser, as SmilesAtoms().")

    def fit(self, texts: Sequence[str]) -> Self:
        """Learn the merges of these strings, of 50,000 spread over them where there are more."""
        places = np.linspace(0, len(texts) - 1, min(len(texts), _MOST_STRINGS)).astype(int)
        tokens = self.base.split([texts[place] for place in places])
        names = sorted({token for each in tokens for token in each})
        codes = _joined(tokens, {name: code for code, name in enumerate(names)})
        merges = []
        for _ in range(self.num_merges):
            pair = _most_frequent(codes, names)
            if pair is None:
                break
            merges.append((names[pair[0]], names[pair[1]]))
            names.append("".join(merges[-1]))
            codes = _merged(codes, *pair, len(names) - 1)
        return replace(self, merges=tuple(merges))

    def split(self, texts: Sequence[str]) -> list[list[str]]:
        """The base's tokens, merged pair by pair in the order learnt.

        Raises:
            NotFittedError: No merges were learnt.
        """
        if self.merges is None:
            raise NotFittedError("these BytePairs have learnt no merges; call fit first.")
        tokens = self.base.split(texts)
        chunks = (tokens[start : start + _CHUNK] for start in range(0, len(texts), _CHUNK))
        return [merged for chunk in chunks for merged in self._merge(chunk)]

    def _merge(self, tokens: list[list[str]]) -> list[list[str]]:
        codes_of: dict[str, int] = {}
        for each in tokens:
            for token in each:
                codes_of.setdefault(token, len(codes_of))
        codes = _joined(tokens, codes_of)
        for left, right in self.merges or ():
            if left in codes_of and right in codes_of:
                new = codes_of.setdefault(left + right, len(codes_of))
                codes = _merged(codes, codes_of[left], codes_of[right], new)
        names = list(codes_of)
        out: list[list[str]] = [[]]
        for code in codes.tolist():
            if code == _END:
                out.append([])
            else:
                out[-1].append(names[code])
        return out[:-1]


def learn_tokeniser(chosen: Tokeniser, texts: Sequence[str]) -> Tokeniser:
    """The tokeniser, with its merges learnt if it has some and has not yet."""
    learns = isinstance(chosen, BytePairs) and chosen.merges is None
    return chosen.fit(texts) if isinstance(chosen, BytePairs) and learns else chosen


def tokens_of(tokeniser: Tokeniser) -> set[str]:
    """All tokens that merges are made of and make.

    Training strings may have none of some, where each was put together further; others have.
    """
    merges = (tokeniser.merges or ()) if isinstance(tokeniser, BytePairs) else ()
    return {token for left, right in merges for token in (left, right, left + right)}


def _joined(tokens: Iterable[Sequence[str]], codes_of: dict[str, int]) -> Codes:
    """All strings after one another, each with a mark behind it."""
    codes: list[int] = []
    for each in tokens:
        codes.extend(codes_of[token] for token in each)
        codes.append(_END)
    return np.array(codes, dtype=np.int32)


def _most_frequent(codes: Codes, names: Sequence[str]) -> tuple[int, int] | None:
    """The pair that stands side by side most often; of equals the first in the alphabet."""
    left, right, count = codes[:-1].astype(np.int64), codes[1:], len(names)
    inside = (left != _END) & (right != _END)
    counts = np.bincount(left[inside] * count + right[inside])
    most = int(counts.max(initial=0))
    if most < _LEAST_COUNT:
        return None
    pairs = [divmod(int(place), count) for place in np.flatnonzero(counts == most)]
    return min(pairs, key=lambda pair: (names[pair[0]], names[pair[1]]))


def _merged(codes: Codes, left: int, right: int, new: int) -> Codes:
    """The codes with each such pair, from the left, replaced."""
    (places,) = np.nonzero((codes[:-1] == left) & (codes[1:] == right))
    if left == right:
        places = _apart(places)
    if len(places) == 0:
        return codes
    codes = codes.copy()
    codes[places] = new
    keep = np.ones(len(codes), dtype=bool)
    keep[places + 1] = False
    return codes[keep]


def _apart(places: NDArray[np.int64]) -> NDArray[np.int64]:
    """Every second place of each run of neighbours: in "aaa" only the first two are a pair."""
    if len(places) == 0:
        return places
    starts = np.flatnonzero(np.diff(places, prepend=-2) != 1)
    run = np.repeat(starts, np.diff(starts, append=len(places)))
    apart: NDArray[np.int64] = places[(np.arange(len(places)) - run) % 2 == 0]
    return apart
