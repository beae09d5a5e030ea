"""What networks are told of a context: rows of labels, properties or captions become vectors."""

import abc
import functools
import pathlib
from collections.abc import Callable, Sequence
from typing import Any, Self

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from vaekit.bounds import Layers, Side
from vaekit.errors import CompositionError, MissingExtraError, SpecError, unknown_name
from vaekit.spec import arguments
from vaekit.types import Conditioning, SamplingOptions


def missing_rows(count: int, context_dim: int, like: Tensor) -> Float[Tensor, "batch context"]:
    """Return rows of a context of which nothing is told; a `ContextReader` knows them.

    Example:
        >>> missing_rows(1, 2, torch.zeros(1))
        tensor([[nan, nan]])
    """
    return like.new_full((count, context_dim), torch.nan)


class ContextReader(nn.Module, abc.ABC):
    """Turns rows of a context into what networks are told, and knows rows of which nothing is told.

    In training a share of the rows is left untold, so that one network learns what is made with
    and without them, and sampling can go further in the direction of the difference
    (classifier-free guidance).

    Args:
        context_dim: Size of a row.
        vector_dim: Size of the vector that it becomes.
        sequence_dim: Size of each vector of the sequence that it becomes; 0 without one.
        dropout: Share of rows that are left untold in training.

    Raises:
        SpecError: A dropout outside [0, 1).

    Source: Ho & Salimans 2022, "Classifier-free diffusion guidance", algorithm 1.
    """

    def __init__(
        self, context_dim: int, vector_dim: int, sequence_dim: int = 0, dropout: float = 0.0
    ) -> None:
        super().__init__()
        if not 0 <= dropout < 1:
            raise SpecError(f"dropout must be in [0, 1); got {dropout}.")
        self.context_dim = context_dim
        self.vector_dim = vector_dim
        self.sequence_dim = sequence_dim
        self.dropout = dropout

    @property
    def knows_missing(self) -> bool:
        """Whether it learned what is made where nothing is told: some rows were left untold."""
        return self.dropout > 0

    @abc.abstractmethod
    def read(
        self, rows: Float[Tensor, "batch context"], untold: Bool[Tensor, "batch"]
    ) -> Conditioning:
        """Return what is told; of untold rows, which may hold anything, the same for all."""

    def fresh(self) -> Self:
        """Return another one of the same kind that has learned nothing."""
        return type(self)(**arguments(self))

    def forward(self, rows: Float[Tensor, "batch context"]) -> Conditioning:
        """Read rows; in training some as if they told nothing.

        Raises:
            CompositionError: Rows of another size.
        """
        if rows.shape[-1] != self.context_dim:
            raise CompositionError(
                f"this model takes a context of size {self.context_dim}; got {rows.shape[-1]}."
            )
        untold = rows.isnan().any(-1)
        if self.training and self.dropout:
            untold = untold | (torch.rand(rows.shape[0], device=rows.device) < self.dropout)
        return self.read(rows, untold)


class ValueReader(ContextReader):
    """Labels or properties as they are, and one more number: 1 where they are not told.

    Args:
        context_dim: Size of a row.
        dropout: Share of rows that are left untold in training.

    Example:
        >>> reader = ValueReader(2, 0.1).eval()
        >>> reader(torch.tensor([[0.0, 1.0], [torch.nan, torch.nan]])).vector
        tensor([[0., 1., 0.],
                [0., 0., 1.]])
    """

    def __init__(self, context_dim: int, dropout: float = 0.1) -> None:
        super().__init__(context_dim, context_dim + 1, 0, dropout)

    def read(
        self, rows: Float[Tensor, "batch context"], untold: Bool[Tensor, "batch"]
    ) -> Conditioning:
        """Return zeros and a 1 for rows that are not told."""
        mark = untold.unsqueeze(-1)
        return Conditioning(torch.cat([rows.masked_fill(mark, 0.0), mark.to(rows)], -1))


class NoReader(ContextReader):
    """Tells nothing: for a first stage that leaves the context to the prior of its latents.

    Args:
        context_dim: Size of a row.

    Example:
        >>> NoReader(3)(torch.zeros(5, 3)).vector.shape
        torch.Size([5, 0])
    """

    def __init__(self, context_dim: int) -> None:
        super().__init__(context_dim, 0)

    @property
    def knows_missing(self) -> bool:
        """Always: all rows are alike to it."""
        return True

    def read(
        self, rows: Float[Tensor, "batch context"], untold: Bool[Tensor, "batch"]
    ) -> Conditioning:
        """Return vectors of size 0."""
        return Conditioning(rows.new_zeros(rows.shape[0], 0))


NetworkContext = Tensor | Conditioning | None
"""What a network is told of a context: all there is, its vector, or nothing."""

Velocity = Callable[[Tensor, Tensor, NetworkContext], Tensor]
"""Points (batch, *event), times (batch, 1) and what is told of each -> velocities."""


def conditioning_from(
    reader: ContextReader | None, rows: Tensor | None, network: nn.Module
) -> NetworkContext:
    """Return what a network is told of rows of a context: a sequence where it attends to one.

    Args:
        reader: What reads them; ``None`` tells them as they are.
        rows: Shape (batch, context), or ``None`` without a context.
        network: What is told.
    """
    if reader is None or rows is None:
        return rows
    read: Conditioning = reader(rows)
    return read if getattr(network, "sequence_dim", 0) else read.vector


def negative_rows(
    reader: ContextReader | None, rows: Tensor, options: SamplingOptions
) -> Float[Tensor, "batch context"]:
    """Return what guidance goes away from: the negative, or rows of which nothing is told.

    Raises:
        SpecError: The model never learned what is made without its context.
    """
    if reader is None or not reader.knows_missing:
        raise SpecError(
            "guidance and negative need a model that learned what is made without its context; "
            "this one was fitted with context_dropout=0. Fit it with context_dropout=0.1."
        )
    if options.negative is not None:
        return options.negative
    return missing_rows(rows.shape[0], rows.shape[1], rows)


def guided_field(
    velocity: Velocity,
    reader: ContextReader | None,
    rows: Tensor | None,
    network: nn.Module,
    options: SamplingOptions,
) -> Callable[[Tensor, Tensor], Tensor]:
    """Return the velocities to follow: those that the context tells, or further in its direction.

    Args:
        velocity: The velocities at points and times, given what is told.
        reader: What reads the context.
        rows: The context, shape (batch, context), or ``None`` without one.
        network: What is told.
        options: How far, and away from what.

    Raises:
        SpecError: Guidance of a model that never learned what is made without its context.

    Source: Ho & Salimans 2022, "Classifier-free diffusion guidance", eq. 6; with what to go away
    from in place of nothing, as users of Stable Diffusion do.
    """
    if rows is None or (options.guidance == 1 and options.negative is None):
        told = conditioning_from(reader, rows, network)
        return lambda x, t: velocity(x, t.expand(x.shape[0], 1), told)
    away = negative_rows(reader, rows, options)
    both = conditioning_from(reader, torch.cat([rows, away]), network)

    def field(x: Tensor, t: Tensor) -> Tensor:
        asked, other = velocity(torch.cat([x, x]), t.expand(2 * x.shape[0], 1), both).chunk(2)
        return other + options.guidance * (asked - other)

    return field


_HEAD = 32  # width of a head of attention
_BESIDE = 2  # words on either side that a word sees first


class TextReader(ContextReader, abc.ABC):
    """Captions as codes of words, read with their neighbours and then all together.

    First each word sees the two on either side of it, which is most of what a phrase like "red
    hair" has to tell; then a small Transformer, which adds nothing at first, lets it see all. The
    vector is made of the mean and the largest of what the words have become. Before the words
    stands one place of its own, so that there is something to attend to where nothing is told.

    Args:
        length: Codes of a row, 0 after the last word.
        word_dim: Size of the vectors of words.
        width: Of the Transformer, and of what it returns.
        layers: Its layers.
        dropout: Share of captions that are left untold in training.

    Source: Vaswani et al. 2017, "Attention is all you need"; Wu et al. 2019, "Pay less attention
    with lightweight and dynamic convolutions", section 3, for the neighbours; Rombach et al. 2022,
    section 3.3, for its use.
    """

    def __init__(self, length: int, word_dim: int, width: int, layers: int, dropout: float) -> None:
        super().__init__(length, width, width, dropout)
        self.length, self.width, self.layers = length, width, layers
        heads = max(1, width // _HEAD)
        if width % heads:
            raise SpecError(f"width must be a multiple of {_HEAD}; got {width}.")
        self.lift = nn.Linear(word_dim, width)
        self.beside = nn.Conv1d(width, width, 2 * _BESIDE + 1, padding=_BESIDE, groups=width)
        self.phrases = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width)
        )
        self.positions = nn.Parameter(0.02 * torch.randn(length + 1, width))
        block = nn.TransformerEncoderLayer(
            width, heads, 2 * width, 0.0, "gelu", batch_first=True, norm_first=True
        )
        for last in (block.self_attn.out_proj, block.linear2):
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)
        self.body = nn.TransformerEncoder(block, layers, enable_nested_tensor=False)
        self.norm = nn.LayerNorm(width)
        self.whole = nn.Linear(2 * width, width)
        self.nothing = nn.Parameter(torch.zeros(width))

    @abc.abstractmethod
    def words(self, codes: Int[Tensor, "batch places"]) -> Float[Tensor, "batch places word"]:
        """Return a vector for each code."""

    def read(
        self, rows: Float[Tensor, "batch context"], untold: Bool[Tensor, "batch"]
    ) -> Conditioning:
        """Return what the words say together, and the state of each."""
        codes = rows.masked_fill(untold.unsqueeze(-1), 0.0).long()
        some = codes != 0
        h = self.lift(self.words(codes)) * some.unsqueeze(-1)
        h = h + self.phrases(h + self.beside(h.mT).mT)
        there = F.pad(some, (1, 0), value=True)
        states = F.pad(h, (0, 0, 1, 0)) + self.positions
        states = self.norm(self.body(states, src_key_padding_mask=~there))
        return Conditioning(self._whole(states[:, 1:], some), states, there)

    def _whole(self, states: Tensor, some: Tensor) -> Float[Tensor, "batch width"]:
        mask = some.unsqueeze(-1)
        mean = (states * mask).sum(1) / mask.sum(1).clamp_min(1).sqrt()  # as spread as a state is
        largest = states.masked_fill(~mask, -(self.width**0.5)).amax(1)  # less than a norm leaves
        vector = self.whole(torch.cat([mean, largest], -1))
        return torch.where(mask.any(1), vector, self.nothing)


class LearnedTextReader(TextReader):
    """Reads captions in words that it learns from them.

    Args:
        num_codes: Codes of words; 0 stands for none.
        length: Codes of a row.
        width: Of the vectors.
        layers: Layers of the Transformer.
        dropout: Share of captions that are left untold in training.

    Example:
        >>> reader = LearnedTextReader(9, 4, width=32, layers=1).eval()
        >>> told = reader(torch.tensor([[3.0, 4.0, 0.0, 0.0]]))
        >>> told.vector.shape, told.sequence.shape, told.there.sum().item()
        (torch.Size([1, 32]), torch.Size([1, 5, 32]), 3)
    """

    def __init__(
        self,
        num_codes: Side,
        length: Side,
        width: Side = 128,
        layers: Layers = 1,
        dropout: float = 0.1,
    ) -> None:
        super().__init__(length, width, width, layers, dropout)
        self.num_codes = num_codes
        self.embedding = nn.Embedding(num_codes, width)

    def words(self, codes: Int[Tensor, "batch places"]) -> Float[Tensor, "batch places word"]:
        """Look the codes up."""
        out: Tensor = self.embedding(codes)
        return out


class PretrainedTextReader(TextReader):
    """Reads captions in words that others have learned from much text; those stay as they are.

    So a prompt may have words that no caption of the training had. What was learned by others is
    not stored with the model, but read again where it is installed.

    Args:
        source: ``"wordllama"``, or the folder of a text model of the library transformers.
        length: Codes of a row.
        word_dim: Size of the vectors of the source.
        width: Of the vectors.
        layers: Layers of the Transformer that learns on top.
        dropout: Share of captions that are left untold in training.

    Raises:
        SpecError: At reading, there is no such source.
        MissingExtraError: At reading, its package is not installed.

    Source: https://github.com/dleemiller/WordLlama for the vectors of words.
    """

    def __init__(
        self,
        source: str,
        length: Side,
        word_dim: Side,
        width: Side = 128,
        layers: Layers = 1,
        dropout: float = 0.1,
    ) -> None:
        super().__init__(length, word_dim, width, layers, dropout)
        self.source = source
        self.word_dim = word_dim

    def words(self, codes: Int[Tensor, "batch places"]) -> Float[Tensor, "batch places word"]:
        """Look the codes up, or let the other model read them; without gradients."""
        with torch.no_grad():
            found = pretrained_text(self.source).vectors(codes)
        if found.shape[-1] != self.word_dim:
            raise SpecError(
                f"the words of {self.source!r} must have {self.word_dim} numbers, as in training; "
                f"got {found.shape[-1]}. Put the model there that was there then."
            )
        return found.to(self.positions)


class PretrainedText(abc.ABC):
    """A tokeniser and vectors of words that others have learned.

    Attributes:
        word_dim: Size of a vector.
    """

    word_dim: int

    @abc.abstractmethod
    def codes(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the codes of each text's words, from 1 on."""

    @abc.abstractmethod
    def vectors(self, codes: Int[Tensor, "batch places"]) -> Float[Tensor, "batch places word"]:
        """Return a vector for each code; of 0 any."""


WORDLLAMA = "wordllama"


@functools.cache
def pretrained_text(source: str) -> PretrainedText:
    """Return what others have learned, read once for each process.

    Args:
        source: ``"wordllama"``, or the folder of a text model of the library transformers.

    Raises:
        SpecError: There is no such source.
        MissingExtraError: Its package is not installed.
    """
    if source == WORDLLAMA:
        return _StaticWords()
    if not pathlib.Path(source).is_dir():
        raise unknown_name("source of words (nor folder of a text model)", source, (WORDLLAMA,))
    return _TransformerText(source)


class _StaticWords(PretrainedText):
    """The vectors that lie in the package wordllama itself; nothing is downloaded.

    A word of several pieces has the mean of theirs, so that it lies near words that mean the same.
    The code of a piece that goes on with a word is greater by the number of pieces.
    """

    def __init__(self) -> None:
        try:
            import wordllama
        except ImportError as error:
            raise MissingExtraError(
                "text='wordllama' needs the package wordllama: pip install 'vaekit[text]'."
            ) from error
        # Its own folder: it would else look in the user's home, and on the network.
        folder = pathlib.Path(str(wordllama.__file__)).parent
        found: Any = wordllama.WordLlama.load(cache_dir=folder, disable_download=True)
        self._tokenizer: Any = found.tokenizer
        self._table = torch.as_tensor(found.embedding).float()
        self.pieces, self.word_dim = self._table.shape

    def codes(self, texts: Sequence[str]) -> list[list[int]]:
        """Let its tokeniser split them."""
        found = self._tokenizer.encode_batch([text.lower() for text in texts])
        return [self._codes(each) for each in found]

    def _codes(self, found: Any) -> list[int]:
        return [
            code + 1 + self.pieces * (token.isalnum())  # none begins a word without a sign for it
            for code, token, there, special in zip(
                found.ids,
                found.tokens,
                found.attention_mask,
                found.special_tokens_mask,
                strict=True,
            )
            if there and not special
        ]

    def vectors(self, codes: Int[Tensor, "batch places"]) -> Float[Tensor, "batch places word"]:
        """Look the pieces up, and give all pieces of a word their mean."""
        codes = codes.cpu()
        goes_on = codes > self.pieces
        found = self._table[(codes - 1).clamp_min(0) % self.pieces]
        word = (~goes_on).cumsum(1).clamp_min(1) - 1
        places = word.unsqueeze(-1).expand_as(found)
        sums = torch.zeros_like(found).scatter_add_(1, places, found)
        counts = torch.zeros_like(found).scatter_add_(1, places, torch.ones_like(found))
        return (sums / counts.clamp_min(1)).gather(1, places)


class _TransformerText(PretrainedText):
    """A text model of the library transformers in a folder, as it was trained."""

    def __init__(self, folder: str) -> None:
        try:
            import transformers
        except ImportError as error:
            raise MissingExtraError(
                f"text={folder!r} needs the package transformers: pip install transformers."
            ) from error
        local = {"local_files_only": True, "trust_remote_code": False}
        try:
            self._tokenizer: Any = transformers.AutoTokenizer.from_pretrained(folder, **local)
            whole: Any = transformers.AutoModel.from_pretrained(
                folder, use_safetensors=True, **local
            )
        except (OSError, ValueError, KeyError) as error:
            raise SpecError(
                f"text must be the folder of a text model of transformers, with its tokeniser and "
                f"weights as safetensors; {folder} is none: {error}"
            ) from error
        if getattr(whole.config, "is_encoder_decoder", False):
            whole = whole.get_encoder()
        self._model: Any = getattr(whole, "text_model", whole).eval().requires_grad_(False)
        config = getattr(whole.config, "text_config", whole.config)
        self.word_dim = int(config.hidden_size)

    def codes(self, texts: Sequence[str]) -> list[list[int]]:
        """Let its tokeniser split them."""
        return [[code + 1 for code in self._tokenizer(text)["input_ids"]] for text in texts]

    def vectors(self, codes: Int[Tensor, "batch places"]) -> Float[Tensor, "batch places word"]:
        """Return its last states."""
        model = self._model.to(codes.device)
        # What attends to nothing gives NaN; of empty captions the first place is attended to.
        there = (codes != 0).index_fill(1, torch.zeros(1, dtype=torch.long), True)
        ids = (codes - 1).clamp_min(0)
        states: Tensor = model(input_ids=ids, attention_mask=there.long()).last_hidden_state
        return states
