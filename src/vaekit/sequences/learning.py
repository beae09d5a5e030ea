"""Learning tokens of texts that come a piece at a time."""

import abc
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, Self

from vaekit.domains.base import Domain
from vaekit.domains.learning import SchemaLearner
from vaekit.domains.tokenizers import Tokenizer, Vocabulary, tokens_of
from vaekit.errors import DataError


class TokenCounts:
    """How often each token came, and the most tokens of a sequence.

    Example:
        >>> counts = TokenCounts()
        >>> counts.update([["a", "b"], ["b"]])
        >>> counts.vocabulary()
        Vocabulary(tokens=('b', 'a'), longest=2)
    """

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.longest = 0
        self.characters = 0

    def update(self, sequences: Sequence[Sequence[str]]) -> None:
        """Count the tokens of some sequences."""
        for tokens in sequences:
            self.counts.update(tokens)
            self.longest = max(self.longest, len(tokens))
            self.characters = max(self.characters, sum(map(len, tokens)))

    def merge(self, other: Self) -> None:
        """Add what was counted of other sequences, which were split in the same way."""
        self.counts.update(other.counts)
        self.longest = max(self.longest, other.longest)
        self.characters = max(self.characters, other.characters)

    def split_again(self, tokenizer: Tokenizer) -> "TokenCounts":
        """Return the counts as another tokenizer would have split, or a little above.

        Its longest sequence is not known, so it may have as many tokens as it had characters: rows
        are wider than they need to be, and never too short.
        """
        found = TokenCounts()
        tokens = list(self.counts)
        for token, parts in zip(tokens, tokenizer.split(tokens), strict=True):
            for part in parts:
                found.counts[part] += self.counts[token]
        found.longest = found.characters = self.characters
        return found

    def vocabulary(self, also: Iterable[str] = ()) -> Vocabulary:
        """Return the tokens, the most frequent first, as `Vocabulary.of` does.

        Args:
            also: Tokens that others may have, though these have none.
        """
        counts = self.counts.copy()
        counts.update(dict.fromkeys(also, 0))
        tokens = sorted(counts, key=lambda token: (-counts[token], token))
        return Vocabulary(tuple(tokens), self.longest)


class TextLearner(SchemaLearner, abc.ABC):
    """Fits the domain to the first items, 100,000 of them, and counts tokens and lengths of all.

    Fewer items are learned from as if they had come at once. Of more, the first say which pairs of
    tokens are put together, and all say which tokens there are.
    """

    most: ClassVar[int] = 100_000

    def __init__(self, domain: Domain) -> None:
        super().__init__(domain)
        self.first: list[Any] = []
        self.fitted: Any = None
        self.tokens = TokenCounts()

    def _update(self, piece: Any) -> None:
        if self.fitted is not None:
            self._learn(piece)
            return
        self.first.append(piece)
        if sum(map(len, self.first)) >= self.most:
            self._adopt(self.domain.fit(self._joined(self.first)))

    def _adopt(self, fitted: Any) -> None:
        """Take what was fitted, and count what was kept."""
        self.fitted, first, self.first = fitted, self.first, []
        for piece in first:
            self._learn(piece)

    def _merge(self, other: Self) -> None:
        self._merge_tokens(other)

    def _merge_tokens(self, other: "TextLearner") -> None:
        if other.fitted is not None:
            if self.fitted is None:
                self._adopt(other.fitted)
            tokenizer = self.fitted.tokenizer
            alike = other.fitted.tokenizer == tokenizer
            self.tokens.merge(other.tokens if alike else other.tokens.split_again(tokenizer))
        for piece in other.first:
            self._update(piece)

    def _learn(self, piece: Any) -> None:
        self.tokens.update(self._split(piece))

    def learned(self) -> Domain:
        """Return the domain with all tokens."""
        if self.count < 2:
            raise DataError(f"there must be at least 2 sequences to learn from; got {self.count}.")
        if self.fitted is None:
            return self.domain.fit(self._joined(self.first))
        return self._completed()

    def _vocabulary(self, also: bool) -> Vocabulary:
        return self.tokens.vocabulary(tokens_of(self.fitted.tokenizer) if also else ())

    @abc.abstractmethod
    def _joined(self, pieces: Sequence[Any]) -> Any:
        """Return pieces as one."""

    @abc.abstractmethod
    def _split(self, piece: Any) -> Sequence[Sequence[str]]:
        """Return the tokens of each item, as what was fitted splits them."""

    @abc.abstractmethod
    def _completed(self) -> Domain:
        """Return what was fitted to the first items, with what was learned of all."""
