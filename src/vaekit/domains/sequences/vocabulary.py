"""Tokens to whole numbers, and back."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from torch import Tensor

from vaekit.distributions import BEGIN, END, PADDING
from vaekit.errors import DataError

__all__ = ["Vocabulary"]

_RESERVED = 1 + max(PADDING, BEGIN, END)


@dataclass(frozen=True)
class Vocabulary:
    """The tokens of training and the most of them in one sequence.

    A row holds the codes of a sequence, then 2, which ends it, then 0, which pads it. Code 1
    stands before the first token; it is told to decoders and is in no row.

    Attributes:
        tokens: Learnt tokens, the most frequent first; the first has code 3.
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
