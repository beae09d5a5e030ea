"""Captions of items: texts in words, and words in codes."""

import abc
import math
import re
import unicodedata
import warnings
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from vaekit.bounds import Side, Steps
from vaekit.domains.stored import StoredFields
from vaekit.domains.tokenizers import BytePairs, Characters
from vaekit.errors import DataError, NotFittedError, SpecError
from vaekit.networks.context import (
    WORDLLAMA,
    ContextReader,
    LearnedTextReader,
    PretrainedTextReader,
    pretrained_text,
)

_WORD = re.compile(r"\w+|[^\w\s]")
_LONGEST, _USUAL = 64, 0.999
_UNKNOWN, _FIRST = 1, 2  # 0 stands after the last word
_MOST_WORDS = 200_000  # that merges are learned from


class Captions(abc.ABC):
    """Turns captions into rows of codes, 0 after the last word; learned like a domain.

    An empty caption is one of which nothing is told. Captions that are longer than nearly all of
    training, or than 64 codes, are cut, with a warning that counts them.

    Immutable and made of JSON, like a domain.
    """

    length: int | None

    @abc.abstractmethod
    def fit(self, texts: Sequence[str]) -> Self:
        """Learn the words, and how many captions have."""

    @abc.abstractmethod
    def split(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the codes of each caption, however many."""

    @abc.abstractmethod
    def reader(self, dropout: float) -> ContextReader:
        """Return a network, untrained, that reads the rows.

        Args:
            dropout: Share of captions that are left untold in training.
        """

    @abc.abstractmethod
    def check_stored(self, fields: StoredFields) -> None:
        """Refuse learned fields that do not fit each other."""

    def prepare(self, texts: Sequence[str]) -> Float[Tensor, "batch length"]:
        """Return a row for each caption."""
        if self.length is None:
            raise NotFittedError("these captions have learnt nothing; call fit first.")
        rows = np.zeros((len(texts), self.length), np.float32)
        longer = 0
        for row, codes in zip(rows, self.split(texts), strict=True):
            longer += len(codes) > self.length
            row[: len(codes)] = codes[: self.length]
        if longer:
            warnings.warn(
                f"{longer} of {len(texts)} captions have more than {self.length} words or parts of "
                "words, the most that this model reads; what comes after them is left out.",
                stacklevel=4,
            )
        return torch.from_numpy(rows)


@dataclass(frozen=True)
class LearnedWords(Captions):
    """Captions in words of their own, the rarer ones in parts of words (byte pairs).

    What no caption of training has, a sign of another script for one, is one code for all such.

    Attributes:
        num_merges: How many pairs of parts are put together at most.
        pairs: Learned merges.
        parts: Learned parts of words, the most frequent first.
        length: Learned number of codes of a row.

    Example:
        >>> words = LearnedWords().fit(["a red hat", "a blue hat"] * 2)
        >>> words.prepare(["a hat"]).shape
        torch.Size([1, 3])
    """

    num_merges: Steps = 1000
    pairs: BytePairs | None = None
    parts: Sequence[str] | None = None
    length: Side | None = None

    def fit(self, texts: Sequence[str]) -> Self:
        """Learn merges within words, never across them, and the parts that they leave."""
        words = [word for text in texts for word in words_of(text)]
        if not words:
            raise DataError("captions must have words; all are empty.")
        spread = np.linspace(0, len(words) - 1, min(len(words), _MOST_WORDS)).astype(int)
        pairs = BytePairs(Characters(), self.num_merges).fit([words[i] for i in spread])
        known = sorted(set(words))
        parts_of = dict(zip(known, pairs.split(known), strict=True))
        counts = Counter(part for word in words for part in parts_of[word])
        counts.update(dict.fromkeys({sign for word in known for sign in word}, 0))
        parts = tuple(sorted(counts, key=lambda part: (-counts[part], part)))
        fitted = replace(self, pairs=pairs, parts=parts)
        return replace(fitted, length=usual_length(fitted.split(texts)))

    def split(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the codes of the parts of the words."""
        if self.pairs is None or self.parts is None:
            raise NotFittedError("these captions have learnt nothing; call fit first.")
        code_of = {part: code for code, part in enumerate(self.parts, _FIRST)}
        words = [words_of(text) for text in texts]
        known = sorted({word for each in words for word in each})
        codes = {
            word: [code_of.get(part, _UNKNOWN) for part in parts]
            for word, parts in zip(known, self.pairs.split(known), strict=True)
        }
        return [[code for word in each for code in codes[word]] for each in words]

    def reader(self, dropout: float) -> ContextReader:
        """Return a small Transformer, with vectors of words that it learns."""
        assert self.parts is not None, "fitted before"
        assert self.length is not None, "fitted before"
        return LearnedTextReader(len(self.parts) + _FIRST, self.length, dropout=dropout)

    def check_stored(self, fields: StoredFields) -> None:
        """Refuse parts that are none, or no merges."""
        fields.require(bool(self.parts), "parts", "be given", self.parts)
        fields.names("parts", self.parts)
        merged = self.pairs is not None and self.pairs.merges is not None
        fields.require(merged, "pairs", "have merges", self.pairs)
        check_length(fields, self.length)


@dataclass(frozen=True)
class PretrainedWords(Captions):
    """Captions in words that others have learned, so that prompts may have words never seen.

    Attributes:
        source: ``"wordllama"``, or the folder of a text model of the library transformers.
        length: Learned number of codes of a row.
    """

    source: str = WORDLLAMA
    length: Side | None = None

    def fit(self, texts: Sequence[str]) -> Self:
        """Learn how many words captions have."""
        if not any(text.strip() for text in texts):
            raise DataError("captions must have words; all are empty.")
        return replace(self, length=usual_length(self.split(texts)))

    def split(self, texts: Sequence[str]) -> list[list[int]]:
        """Let the others' tokeniser do it; an empty caption has no codes."""
        distinct = sorted({text for text in texts if text.strip()})
        found = dict(zip(distinct, pretrained_text(self.source).codes(distinct), strict=True))
        return [found.get(text, []) for text in texts]

    def reader(self, dropout: float) -> ContextReader:
        """Return a small Transformer on the others' vectors."""
        assert self.length is not None, "fitted before"
        word_dim = pretrained_text(self.source).word_dim
        return PretrainedTextReader(self.source, self.length, word_dim, dropout=dropout)

    def check_stored(self, fields: StoredFields) -> None:
        """Refuse a length that is none."""
        check_length(fields, self.length)


def check_length(fields: StoredFields, length: Any) -> None:
    """Refuse a stored number of codes that is none."""
    fields.require(isinstance(length, int) and length >= 1, "length", "be at least 1", length)


def captions_of(kind: str) -> Captions:
    """Return how captions are read.

    Args:
        kind: ``"learned"``, ``"wordllama"``, or the folder of a text model.

    Raises:
        SpecError: It is none of them.
    """
    if not isinstance(kind, str) or not kind:
        raise SpecError(
            f"text must be 'learned', 'wordllama' or the folder of a text model; got {kind!r}."
        )
    return LearnedWords() if kind == "learned" else PretrainedWords(kind)


def words_of(text: str) -> list[str]:
    """Return the words and signs of a text, in small letters.

    Example:
        >>> words_of("A woman, smiling")
        ['a', 'woman', ',', 'smiling']
    """
    return _WORD.findall(unicodedata.normalize("NFKC", text).lower())


def usual_length(codes: Iterable[Sequence[int]]) -> int:
    """Return the number of codes that nearly all captions have at most, and at most 64."""
    lengths = np.array([len(each) for each in codes])
    return int(min(_LONGEST, max(1, np.quantile(lengths, _USUAL, method="higher"))))


def is_missing(value: Any) -> bool:
    """Return whether a value is NaN, or a missing cell of pandas."""
    is_nan = isinstance(value, float) and math.isnan(value)
    return is_nan or type(value).__name__ in ("NAType", "NaTType")


def caption_texts(raw: Any) -> NDArray[np.str_] | None:
    """Return texts, with ``""`` where one is missing; ``None`` if they are no texts.

    Args:
        raw: A text, or a list, column or array of texts and of None or NaN where one is missing.
    """
    array = np.atleast_1d(np.asarray(raw, dtype=object))
    if array.ndim != 1:
        return None
    texts = []
    for value in array.tolist():
        if isinstance(value, str):
            texts.append(value.strip())
        elif value is None or is_missing(value):
            texts.append("")
        else:
            return None
    return np.array(texts, dtype=str)
