"""Sequences of tokens: text, peptides, codes of events."""

import abc
import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Self, final

import numpy as np
from torch import Tensor, nn

from vaekit.domains.base import Domain, require_fitted
from vaekit.domains.choice import collect_items
from vaekit.domains.graphs import ItemReader, ItemWriter, Port, RowsReader, RowsWriter
from vaekit.domains.hooks import ItemForm, ShardPiece
from vaekit.domains.learning import SchemaLearner
from vaekit.domains.stored import StoredFields, codes_of
from vaekit.domains.tokenizers import (
    Characters,
    Tokenizer,
    Vocabulary,
    learn_tokenizer,
    tokens_of,
)
from vaekit.errors import CompositionError, DataError, DataTypeError
from vaekit.files import expanded_path
from vaekit.likelihoods.base import TOKENS, Likelihood, Support
from vaekit.likelihoods.tokens import TargetedTokens, Tokens
from vaekit.networks.dense import MLPDecoder
from vaekit.networks.tokens import (
    AutoregressiveTokenDecoder,
    TokenEncoder,
    TokenGRU,
    TokenTransformer,
    lengths_of,
)
from vaekit.networks.wrappers import with_numbers
from vaekit.presets.base import Parts


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


_WIDTHS = {"small": 384, "medium": 512, "large": 1024}
_BEAMS = 3
"""Sequences followed in search of the one to show; as many again cost as much and find little."""
_SPAN = 32
"""Of each head, as in the base Transformer halved."""


def token_parts(
    words: Vocabulary,
    latent_dim: int,
    context_dim: int,
    network: str,
    size: str,
    likelihood: str | Likelihood,
    num_targets: int = 0,
    target_options: Mapping[str, Any] | None = None,
) -> Parts:
    """Return a recurrent encoder, and a decoder that tells each token from those before it.

    Args:
        words: Tokens and longest length.
        latent_dim: Number of latents.
        context_dim: Size of the context.
        network: ``"gru"``, which ``"auto"`` takes, or ``"transformer"``, of the decoder.
        size: ``"small"``, ``"medium"`` or ``"large"``.
        likelihood: ``"auto"``, or one made for these codes.
        num_targets: Numbers behind the codes of each row, which are told from the latents.
        target_options: Further arguments of `TargetedTokens`.

    Raises:
        CompositionError: Another network or likelihood was chosen.
    """
    width = _WIDTHS[size]
    tokens = _likelihood(words, network, width, likelihood)
    encoder = TokenEncoder(words.num_codes, width // 2, width, words.steps)
    in_dim = latent_dim + context_dim
    decoder = MLPDecoder(in_dim, (width,), (1, tokens.num_features), True)
    parts = Parts(encoder, decoder, tokens, width, latent_dim, context_dim)
    if not num_targets:
        return parts
    likelihood = TargetedTokens(tokens, num_targets, **(target_options or {}))
    return replace(parts, decoder=with_numbers(decoder, in_dim, num_targets), likelihood=likelihood)


def _likelihood(words: Vocabulary, network: str, width: int, chosen: str | Likelihood) -> Tokens:
    """Return a new one, or the user's, if it is for these codes."""
    if isinstance(chosen, Tokens):
        teller = chosen.network
        if (teller.num_codes, teller.steps) == (words.num_codes, words.steps):
            return chosen
        raise CompositionError(
            f"Tokens must be made for the {words.num_codes} codes and {words.steps} steps of these "
            f"data; got {teller.num_codes} and {teller.steps}. Leave likelihood='auto'."
        )
    if chosen != "auto":
        raise CompositionError(
            f"sequences of tokens have a likelihood of their own, 'auto'; got {chosen!r}. Choose "
            "that, or a preset that does, as 'sequence_vae'."
        )
    return Tokens(_token_decoder(words, network, width), beams=_BEAMS)


def _token_decoder(words: Vocabulary, network: str, width: int) -> AutoregressiveTokenDecoder:
    """Networks of about as many weights."""
    if network in ("auto", "gru"):
        return TokenGRU(words.num_codes, words.steps, width // 2, width, width // 2)
    if network == "transformer":
        half = width // 2
        return TokenTransformer(words.num_codes, words.steps, half, half, heads=half // _SPAN)
    raise CompositionError(
        f"sequences of tokens have networks 'gru' and 'transformer'; got {network!r}."
    )


@dataclass(frozen=True)
class SequenceDomain(Domain):
    """Strings, or lists of tokens; what is decoded has the same form.

    A row holds a code for each token, then 2, which ends the sequence, then 0. Training data say
    which tokens there are and how long a sequence may be.

    Attributes:
        tokenizer: Splits strings; lists of tokens are taken as they are.
        vocabulary: Learned tokens and longest length.
        are_split: Whether the training data were lists of tokens.

    Example:
        >>> domain = SequenceDomain().fit(["ACDA", "AC"])
        >>> domain.prepare(["CA"])
        tensor([[4, 3, 2, 0, 0]], dtype=torch.int16)
        >>> domain.decode(domain.encode(domain.prepare(["CA"])))
        ['CA']
    """

    tokenizer: Tokenizer = field(default_factory=Characters)
    vocabulary: Vocabulary | None = None
    are_split: bool = False

    def fit(self, raw: Any) -> Self:
        """Learn tokens and longest length."""
        items = _checked(self.read(raw))
        check_several(items)
        are_split = not isinstance(items[0], str)
        tokenizer = self.tokenizer if are_split else learn_tokenizer(self.tokenizer, items)
        learned = replace(self, tokenizer=tokenizer, are_split=are_split)
        vocabulary = Vocabulary.of(learned._split(items), () if are_split else tokens_of(tokenizer))
        if not vocabulary.tokens:
            raise DataError("sequences must have a token; got empty ones only.")
        return replace(learned, vocabulary=vocabulary)

    def learner(self) -> SchemaLearner:
        """Return what counts tokens."""
        return _SequenceLearner(self)

    @classmethod
    def streams_file(cls, name: str) -> bool:
        """Return whether it is text, with a sequence on each line."""
        return name.endswith(".txt")

    def shard_pieces(
        self, paths: Sequence[Path], rows: int, context: str | None
    ) -> Iterator[ShardPiece]:
        """Yield the lines of .txt files."""
        if context is not None:
            raise DataError(f"lines have no columns; got context={context!r}. Leave it out.")
        for path in paths:
            try:
                with path.open(encoding="utf-8-sig") as file:
                    lines = (line.rstrip("\r\n") for line in file)
                    while piece := list(itertools.islice(lines, rows)):
                        yield ShardPiece(piece)
            except UnicodeDecodeError as error:
                raise DataError(f"{path} must be text in UTF-8; {error}.") from error

    def _split(self, items: Sequence[Any]) -> list[list[str]]:
        if self.are_split != (not isinstance(items[0], str)):
            wanted = "lists of tokens" if self.are_split else "strings"
            raise DataError(f"sequences must be {wanted}, as those of training; got {items[0]!r}.")
        return [list(item) for item in items] if self.are_split else self.tokenizer.split(items)

    def prepare(self, raw: Any) -> Tensor:
        """Codes, shape (sequences, steps)."""
        words = require_fitted(self.vocabulary, self)
        rows: Tensor = words.encode(self._split(_checked(self.read(raw))))
        return rows

    def read(self, raw: Any) -> Any:
        """Read a .txt file with a sequence on each line."""
        if not isinstance(raw, str | Path):
            return collect_items(raw)
        path = expanded_path(raw)
        if not (path.is_file() and path.suffix == ".txt"):
            raise DataError(
                f"sequences must be a list or a .txt file with one on each line; got {raw!r}. "
                "Put a single one into a list."
            )
        try:
            return path.read_text("utf-8-sig").splitlines()
        except UnicodeDecodeError as error:
            raise DataError(f"{path} must be text in UTF-8; {error}.") from error

    def encode(self, rows: Tensor) -> Tensor:
        """Codes as floats."""
        return rows.float()

    def lengths(self, rows: Tensor) -> Tensor:
        """Tokens of each row, its end included."""
        return lengths_of(rows)

    def decode(self, x: Tensor) -> Any:
        """Return a list of strings, or of lists of tokens."""
        tokens = require_fitted(self.vocabulary, self).decode(x)
        return tokens if self.are_split else ["".join(each) for each in tokens]

    @property
    def feature_names(self) -> tuple[str, ...] | None:
        """None: steps have no names."""
        return None

    @property
    def item_form(self) -> ItemForm:
        """Texts."""
        return ItemForm.TEXT

    def graph_reader(self) -> ItemReader:
        """Return what takes numbers of tokens; texts become those outside of the graph."""
        return RowsReader(Port("tokens", "int64", self.event_shape))

    def graph_writer(self) -> ItemWriter:
        """Return what gives numbers of tokens."""
        return RowsWriter(Port("tokens", "int64", self.event_shape))

    @property
    def event_shape(self) -> tuple[int, ...]:
        """(steps,): the longest sequence and its end."""
        return (require_fitted(self.vocabulary, self).steps,)

    def check_stored(self, place: str, model: nn.Module) -> None:
        """Refuse a vocabulary that there is none of, or that is another than the model's."""
        fields = StoredFields(place)
        check_vocabulary(fields, self.vocabulary, model)

    def item_facts(self, items: Any) -> Mapping[str, Sequence[Any]]:
        """Return how long each is."""
        return {"length": [len(item) for item in items]}

    def read_dropped(self, given: Mapping[str, Any]) -> Any:
        """Return one sequence, its tokens with spaces between where training had lists."""
        text = given.get("text")
        if not isinstance(text, str):
            raise DataError("a model of sequences takes text; type or paste one.")
        return [text.split() if self.are_split else text.strip()]

    def file_ending(self, what: str) -> str:
        """Return ``"txt"``: one sequence a line."""
        return "txt"

    @property
    def supports(self) -> frozenset[Support]:
        """Tokens."""
        return frozenset({TOKENS})

    @property
    def default_likelihood(self) -> str:
        """One made for the vocabulary."""
        return "auto"

    @property
    def default_preset(self) -> str:
        """The model for sequences."""
        return "sequence_vae"

    def parts(
        self,
        rows: Tensor,
        latent_dim: int,
        *,
        context_dim: int = 0,
        network: str = "auto",
        size: str = "small",
        likelihood: str | Likelihood = "auto",
    ) -> Parts:
        """Recurrent networks."""
        words = require_fitted(self.vocabulary, self)
        return token_parts(words, latent_dim, context_dim, network, size, likelihood)


@final
class _SequenceLearner(TextLearner):
    """Counts tokens; pairs of them, where they are learned, come from the first sequences."""

    domain: SequenceDomain
    fitted: SequenceDomain | None

    def _joined(self, pieces: Sequence[Any]) -> list[Any]:
        return [item for piece in pieces for item in _checked(piece)]

    def _split(self, piece: Any) -> list[list[str]]:
        assert self.fitted is not None
        return self.fitted._split(_checked(piece))

    def _completed(self) -> SequenceDomain:
        assert self.fitted is not None
        vocabulary = self._vocabulary(also=not self.fitted.are_split)
        return replace(self.fitted, vocabulary=vocabulary)


def check_vocabulary(fields: StoredFields, words: Vocabulary | None, model: nn.Module) -> None:
    """Refuse a stored vocabulary without tokens, or of another size than the model was made for.

    Raises:
        FormatError: Names the field.
    """
    if words is None or not words.tokens:
        fields.require(False, "vocabulary", "be given and have tokens", words)
        return
    fields.names("vocabulary.args.tokens", words.tokens)
    known = [codes for codes in codes_of(model) if isinstance(codes, int)]
    fits = not known or words.num_codes in known
    rule = f"be as many as the model was made for, {known}, less 3"
    fields.require(fits, "vocabulary.args.tokens", rule, f"{len(words.tokens)} tokens")


def check_several(items: Sequence[Any]) -> None:
    """Refuse data with fewer than two different items.

    Raises:
        DataError: There are none, one, or the same again and again.
    """
    distinct = {item if isinstance(item, str) else tuple(item) for item in items}
    if len(distinct) < 2:
        raise DataError(
            f"there must be at least 2 different items to fit; got {len(items)}, of which "
            f"{len(distinct)} differ. A distribution cannot be learnt from one item: pass more."
        )


def _checked(raw: Any) -> list[Any]:
    """Return a list of strings, or of lists of strings.

    Raises:
        DataError: Nothing, or both kinds.
        DataTypeError: Something else; names its row.
    """
    items = raw.tolist() if isinstance(raw, np.ndarray) else list(raw)
    if not items:
        raise DataError("there must be at least one sequence; got an empty list.")
    are_text = isinstance(items[0], str)
    for row, item in enumerate(items):
        fine = isinstance(item, str) if are_text else _is_tokens(item)
        if not fine:
            raise DataTypeError(
                "sequences must all be strings, or all lists of tokens that are strings; got "
                f"{item!r} in row {row}."
            )
    return items


def _is_tokens(item: Any) -> bool:
    return isinstance(item, list | tuple) and all(isinstance(token, str) for token in item)
