"""Molecules as sequences of tokens, and the properties that a model learns to predict."""

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.distributions import Distribution

from vaekit.bounds import Steps
from vaekit.distributions.wrappers import Concatenated
from vaekit.domains.base import Domain, require_fitted
from vaekit.domains.graphs import ItemReader, ItemWriter, Port, RowsReader
from vaekit.domains.hooks import (
    Conditions,
    ItemForm,
    Proposals,
    ReadOptions,
    SampleOptions,
    ShardPiece,
    UsableItems,
)
from vaekit.domains.learning import SchemaLearner
from vaekit.domains.stored import StoredFields
from vaekit.domains.tokenizers import (
    BytePairs,
    SelfiesSymbols,
    SmilesAtoms,
    SpelledAtoms,
    Tokenizer,
    Vocabulary,
    learn_tokenizer,
    tokens_of,
)
from vaekit.domains.views import ItemView
from vaekit.errors import DataError, SpecError, unknown_name
from vaekit.fitting.conditional import read_number
from vaekit.likelihoods.base import TOKENS, Likelihood, Support
from vaekit.molecules.descriptor_model import DescriptorModel
from vaekit.molecules.reading import Molecules, read_molecules
from vaekit.molecules.reference import ApplicabilityReference
from vaekit.molecules.standardize import (
    Standardized,
    Standardizer,
    from_selfies,
    has_stereo,
    standardize,
    to_selfies,
)
from vaekit.molecules.targets import Targets
from vaekit.networks.tokens import lengths_of
from vaekit.presets.base import Parts
from vaekit.reading.tables import is_table_file
from vaekit.sequences.domain import check_several, check_vocabulary, token_parts

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from vaekit.evaluation.measures import Measure
    from vaekit.evaluation.subject import EvaluationContext
    from vaekit.fitting.trained import TrainedModel
    from vaekit.training.config import TrainConfig, TrainingSet

Floats = NDArray[np.float64]

_ROOM, _MORE = 2, 16  # times the longest of training, and so many more, where atoms are spelled
_SPLITS = ("random", "scaffold")
_REPRESENTATIONS = ("bpe-smiles", "smiles", "selfies", "bpe-selfies")


@dataclass(frozen=True)
class MoleculeDomain(Domain):
    """Molecules, read by `read_molecules`, brought to one form each, and written as tokens.

    Attributes:
        representation: ``"smiles"``: atoms and signs of SMILES; ``"selfies"``: symbols of
            SELFIES, of which any sequence is a molecule; ``"bpe-smiles"`` and ``"bpe-selfies"``:
            those put together by `BytePairs`, which makes rows a third as long.
        num_merges: Merges of the byte pairs.
        standardizer: The rules of standardisation.
        column: The column of SMILES of a data frame or .csv; ``None`` finds it.
        targets: Properties that the latents are to tell as well: columns of numbers, or of texts
            with 2 to 50 classes, that come with the molecules, which may be missing in some, or of
            `PROPERTIES`, which are computed.
        balance_classes: Whether each class of a target of texts counts as much as the others in
            training, however rare it is.
        on_bad: ``"raise"`` where a molecule is rejected, or ``"skip"`` it with a warning.
        split: How molecules are held out of training: ``"random"``, or by ``"scaffold"``: those of
            one Bemis-Murcko scaffold together, so that what is measured of them is what may be
            expected of new chemistry. Molecules without rings are one scaffold.
        spell_rare: Whether atoms in brackets that training had seldom are spelled by characters
            (see `SpelledAtoms`), so that no SMILES has a token that is unknown; of SMILES only.
            What is spelled is longer, so rows may have twice the most tokens of training, and 16.
        tokenizer: Learned; splits the written molecule.
        vocabulary: Learned tokens and longest length.
        scales: Learned means, deviations and classes of the targets.
        class_weights: Learned weights of the columns of targets; empty without
            ``balance_classes``.
        reference: Held-out molecules in numbers, measured after training; ``None`` of models of
            earlier versions.
        descriptor_model: What is told of the user's own columns by descriptors, learned after
            training; ``None`` where there are none, and of earlier versions.

    Example:
        >>> domain = MoleculeDomain("smiles").fit(["OCC", "CCCl"])
        >>> domain.prepare(["C(Cl)C"])
        tensor([[3, 3, 4, 2]], dtype=torch.int16)
        >>> domain.decode(domain.prepare(["OCC"]))
        ['CCO']
    """

    representation: str = "bpe-smiles"
    num_merges: Steps = 400
    standardizer: Standardizer = field(default_factory=Standardizer)
    column: str | None = None
    targets: Sequence[str] = ()
    on_bad: str = "raise"
    split: str = "random"
    spell_rare: bool = False
    tokenizer: Tokenizer | None = None
    vocabulary: Vocabulary | None = None
    scales: Targets | None = None
    reference: ApplicabilityReference | None = None
    descriptor_model: DescriptorModel | None = None
    balance_classes: bool = False
    class_weights: Sequence[float] = ()

    def fit(self, raw: Any) -> Self:
        """Learn merges, tokens and longest length."""
        if self.representation not in _REPRESENTATIONS:
            raise unknown_name("representation", self.representation, _REPRESENTATIONS)
        if self.split not in _SPLITS:
            raise unknown_name("split", self.split, _SPLITS)
        found = self.read(raw)
        check_several(found.smiles)
        texts = self._written(found)
        base = self._base()
        in_pairs = self.representation.startswith("bpe")
        chosen = BytePairs(base, self.num_merges) if in_pairs else base
        tokenizer = learn_tokenizer(chosen, texts)
        vocabulary = self.with_room(Vocabulary.of(tokenizer.split(texts), tokens_of(tokenizer)))
        learned = replace(self.unlearned(), tokenizer=tokenizer, vocabulary=vocabulary)
        return learned.with_targets(self.targets, found)

    def with_targets(self, targets: Sequence[str], found: Standardized) -> Self:
        """Return this domain with targets learned of molecules, in place of those that it had.

        Raises:
            SpecError: No column and no property has a name.
            DataError: A target that does not vary, or classes are to be balanced and there are
                none.
        """
        scales = Targets.of(targets, found) if targets else None
        weights: tuple[float, ...] = ()
        if self.balance_classes and scales is not None:
            weights = scales.balanced_weights(found)
        return replace(
            self,
            targets=tuple(targets) if targets else self.targets,
            scales=scales,
            class_weights=weights,
            reference=None,
            descriptor_model=None,
        )

    @property
    def num_target_columns(self) -> int:
        """How many columns of targets lie behind the codes of a row."""
        return len(self.targets) if self.scales is None else len(self.scales)

    @property
    def target_options(self) -> dict[str, Any]:
        """Options of `TargetedTokens` where some targets have classes."""
        if self.scales is None or not self.scales.classes:
            return {}
        return {"widths": self.scales.widths, "class_weights": self.class_weights}

    def with_room(self, words: Vocabulary) -> Vocabulary:
        """Return a vocabulary whose rows have room for atoms that are spelled, if they may be."""
        longest = _ROOM * words.longest + _MORE
        return replace(words, longest=longest) if self.spell_rare else words

    def _base(self) -> Tokenizer:
        if not self._in_selfies:
            return SpelledAtoms() if self.spell_rare else SmilesAtoms()
        if self.spell_rare:
            raise SpecError(
                f"spell_rare must be False with representation={self.representation!r}, whose "
                "symbols cannot be spelled; take representation='bpe-smiles'."
            )
        return SelfiesSymbols()

    @property
    def _in_selfies(self) -> bool:
        return self.representation.endswith("selfies")

    def _written(self, found: Standardized) -> Sequence[str]:
        return to_selfies(found) if self._in_selfies else found.smiles

    def read(self, raw: Any) -> Standardized:
        """Read and standardise; duplicates stay, so that rows go with those of a context.

        Raises:
            DataError: The source cannot be read, or a molecule was rejected.
        """
        if self.on_bad not in ("raise", "skip"):
            raise SpecError(f"on_bad must be 'raise' or 'skip'; got {self.on_bad!r}.")
        if isinstance(raw, Standardized):
            return raw
        found = standardize(raw, self.standardizer, column=self.column, keep_duplicates=True)
        if found.report.rejected and self.on_bad == "raise":
            raise DataError(
                f"molecules must pass the rules of standardisation; {found.report.rejected_words}. "
                "Leave them out: MoleculeDomain(on_bad='skip'), or vaekit fit --skip-bad; "
                "standardise(...) has a report of all."
            )
        if found.report.rejected:
            warnings.warn(f"left out: {found.report.rejected_words}.", stacklevel=3)
        if not found.smiles:
            raise DataError("there must be at least one molecule; got none.")
        return found

    def prepare(self, raw: Any) -> Tensor:
        """Codes, and behind them targets in deviations, shape (molecules, steps + targets)."""
        words, found = require_fitted(self.vocabulary, self), self.read(raw)
        tokens = self.split_into_tokens(found)
        try:
            rows: Tensor = words.encode(tokens)
        except DataError as error:
            raise DataError(f"{error}{self._cure_of_stereo(found)}") from error
        return rows if self.scales is None else torch.cat([rows, self.scales.values(found)], 1)

    def split_into_tokens(self, found: Standardized) -> list[list[str]]:
        """Return the tokens of each molecule."""
        tokenizer: Tokenizer = require_fitted(self.tokenizer, self)
        return tokenizer.split(self._written(found))

    def learner(self) -> SchemaLearner:
        """Return what counts tokens, and takes the scales of targets."""
        from vaekit.molecules.targets import MoleculeLearner

        return MoleculeLearner(self)

    @classmethod
    def streams_file(cls, name: str) -> bool:
        """Return whether it holds molecules and nothing else: lines of SMILES, or an SDF."""
        return name.removesuffix(".gz").endswith((".smi", ".smiles", ".sdf"))

    def shard_pieces(
        self, paths: Sequence[Path], rows: int, context: str | None
    ) -> Iterator[ShardPiece]:
        """Yield the molecules of tables, .smi and .sdf files, brought to one form each.

        Raises:
            DataError: A damaged file, a molecule that was rejected, or a context of a file without
                columns.
        """
        for path in paths:
            done = 0
            for piece in self._raw_pieces(path, rows, context):
                try:
                    found = self.read(piece.items)
                except DataError as error:
                    raise DataError(f"{path}, from item {done} on: {error}") from error
                labels = piece.context
                done += len(piece.items)
                yield ShardPiece(found, labels and [labels[row] for row in found.rows])

    def _raw_pieces(self, path: Path, rows: int, context: str | None) -> Iterator[ShardPiece]:
        if is_table_file(path):
            yield from super().shard_pieces([path], rows, context)
            return
        if context is not None:
            raise DataError(
                f"context={context!r} must name a column of a table; {path} has none. Leave it out."
            )
        found = read_molecules(path)
        for start in range(0, len(found), rows):
            yield ShardPiece(found[start : start + rows])

    def _cure_of_stereo(self, found: Standardized) -> str:
        """Return what to do if marks of stereochemistry alone are what training had not."""
        from vaekit.molecules.readable import STEREO_CURE

        marked = [smiles for smiles in found.smiles if has_stereo(smiles)]
        if not marked or any(has_stereo(token) for token in self.vocabulary_tokens):
            return ""
        return (
            f" {len(marked)} have marks of stereochemistry, which training had not: {STEREO_CURE}."
        )

    @property
    def vocabulary_tokens(self) -> Sequence[str]:
        """The tokens that training had."""
        return tuple(require_fitted(self.vocabulary, self).tokens)

    def prepare_input(self, raw: Any) -> Tensor:
        """As `prepare`, with all targets missing: to compute them takes far longer than tokens."""
        rows = replace(self, targets=(), scales=None).prepare(raw)
        if self.scales is None:
            return rows
        return torch.cat([rows, torch.full((len(rows), self.num_target_columns), torch.nan)], 1)

    def encode(self, rows: Tensor) -> Tensor:
        """Codes as floats; 0 where a target is missing."""
        return rows.float().nan_to_num(0.0)

    def observed(self, rows: Tensor) -> Tensor | None:
        """False where a target is missing."""
        return None if self.scales is None else ~rows.isnan()

    def lengths(self, rows: Tensor) -> Tensor:
        """Tokens of each row, its end included."""
        return lengths_of(rows[:, : require_fitted(self.vocabulary, self).steps].long())

    def decode(self, x: Tensor) -> list[str]:
        """SMILES, of which those of a model need not be valid, unless they come from SELFIES."""
        words = require_fitted(self.vocabulary, self)
        texts = ["".join(tokens) for tokens in words.decode(x[:, : words.steps])]
        return from_selfies(texts) if self._in_selfies else texts

    @property
    def item_form(self) -> ItemForm:
        """SMILES."""
        return ItemForm.TEXT

    def graph_reader(self) -> ItemReader:
        """Return what takes numbers of tokens; molecules become those outside of the graph."""
        steps = require_fitted(self.vocabulary, self).steps
        return RowsReader(Port("tokens", "int64", (steps,)), self.num_target_columns)

    @property
    def prediction_ports(self) -> tuple[Port, ...]:
        """A number for each target, a probability for each class."""
        names = () if self.scales is None else self.scales.columns
        return tuple(Port(name, "float64") for name in names)

    def graph_predictions(self, px: Distribution) -> tuple[Tensor, ...]:
        """Return the targets as the latents tell them."""
        assert isinstance(px, Concatenated)  # as of `TargetedTokens`, which targets ask for
        scales = require_fitted(self.scales, self)
        told = px.parts[1].mean.squeeze(0).double().unbind(-1)
        units = zip(told, scales.means, scales.deviations, strict=True)
        return tuple(value * deviation + mean for value, mean, deviation in units)

    def graph_writer(self) -> ItemWriter:
        """Return what gives numbers of tokens, and targets in their own units."""
        return _MoleculeWriter(require_fitted(self.vocabulary, self).steps, self.scales)

    @property
    def feature_names(self) -> tuple[str, ...] | None:
        """None: steps have no names."""
        return None

    @property
    def event_shape(self) -> tuple[int, ...]:
        """(steps + targets,): the longest molecule and its end, and what goes with it."""
        return (require_fitted(self.vocabulary, self).steps + self.num_target_columns,)

    def check_stored(self, place: str, model: nn.Module) -> None:
        """Refuse a vocabulary, a tokenizer or targets that do not fit each other or the model."""
        fields = StoredFields(place)
        fields.one_of("representation", self.representation, _REPRESENTATIONS)
        fields.one_of("on_bad", self.on_bad, ("raise", "skip"))
        fields.one_of("split", self.split, _SPLITS)
        fields.require(self.tokenizer is not None, "tokenizer", "be given", self.tokenizer)
        check_vocabulary(fields, self.vocabulary, model)
        fields.names("targets", self.targets)
        count = len(self.targets)
        fields.require((self.scales is None) == (count == 0), "scales", "go with targets", count)
        if self.scales is not None:
            self.scales.check_stored(fields, count)
            if self.class_weights:
                fields.length("class_weights", self.class_weights, len(self.scales))
        if self.descriptor_model is not None:
            self.descriptor_model.check_stored(fields, self.num_target_columns)
        if self.reference is not None:
            self.reference.check_stored(fields, self.num_target_columns)

    @classmethod
    def confidence(cls, raw: Any) -> float:
        """Return 1 for files that hold nothing but molecules, and for molecules that were read."""
        if isinstance(raw, Path):
            return float(raw.name.removesuffix(".gz").endswith((".smi", ".smiles", ".sdf")))
        return float(isinstance(raw, Molecules | Standardized))

    def is_certain(self, items: Any) -> bool:
        """Return True: molecules were asked for, or read from a file of molecules."""
        return True

    def with_options(self, options: ReadOptions) -> Self:
        """Return this domain with targets, and with what to do with stereo, rare and bad ones."""
        targets = self.targets if options.targets is None else options.targets
        rules = self.standardizer
        rules = replace(rules, stereo="drop") if options.drop_stereo else rules
        on_bad = "skip" if options.skip_bad else self.on_bad
        split = "scaffold" if options.scaffold_split else self.split
        spell_rare = options.spell_rare or self.spell_rare
        return replace(
            self,
            targets=targets,
            on_bad=on_bad,
            standardizer=rules,
            split=split,
            spell_rare=spell_rare,
            balance_classes=options.balance_classes or self.balance_classes,
        )

    def readable(self, raw: Any) -> tuple[Any, int]:
        """Return the molecules whose tokens and length training had, and how many others."""
        from vaekit.molecules.readable import readable_molecules

        return readable_molecules(self, raw)

    @property
    def reads_one_by_one(self) -> bool:
        """Always."""
        return True

    def usable(self, raw: Any) -> UsableItems:
        """Return the molecules that no rule rejects, and whose tokens and length training had."""
        from vaekit.molecules.readable import judged_molecules

        return judged_molecules(self, raw).usable

    def read_all(self, raw: Any) -> Any:
        """Read molecules without judging them."""
        return raw if isinstance(raw, Standardized) else read_molecules(raw, self.column)

    def file_ending(self, what: str) -> str:
        """Return ``"csv"`` for samples, which are reported on, ``"smi"`` for others."""
        return "csv" if what == "samples" else "smi"

    def sample_writer(self, out: Path, options: SampleOptions) -> Callable[[Any], None] | None:
        """Return what writes molecules with a report of them, and draws them."""
        from vaekit.molecules.outputs import sample_writer

        return sample_writer(self, out, options)

    def interpolation_writer(
        self, trained: "TrainedModel", out: Path | None
    ) -> Callable[[Any, Any, int, str, Any, Path], None] | None:
        """Return what draws or lists the molecules between others."""
        from vaekit.molecules.outputs import draw_between, draws_molecules

        return partial(draw_between, trained) if draws_molecules(out) else None

    def item_views(self, items: Any) -> list[ItemView]:
        """Return drawings with a few properties."""
        from vaekit.molecules.views import molecule_views

        return molecule_views(items.smiles if isinstance(items, Standardized) else items)

    def item_facts(self, items: Any) -> Mapping[str, Sequence[Any]]:
        """Return properties that came with the molecules, and a few that are computed."""
        from vaekit.molecules.views import molecule_facts

        return molecule_facts(items)

    def read_dropped(self, given: Mapping[str, Any]) -> Any:
        """Return one molecule from its SMILES."""
        text = given.get("text")
        if not isinstance(text, str) or not text.strip():
            raise DataError("a model of molecules takes a SMILES; type or paste one.")
        return [text.split()[0]]

    def conditions(self) -> Conditions:
        """Return readers of numbers, one for each target, and of classes."""
        targets = self.known_targets
        readers: dict[str, Callable[[str], Any]] = {
            name: str if name in targets.class_names else partial(read_number, name)
            for name in targets.names
        }
        return Conditions(readers, frozenset(readers) - frozenset(targets.class_names))

    @property
    def known_targets(self) -> "Targets":
        """What a model was taught to predict.

        Raises:
            CompositionError: It was taught nothing.
        """
        if self.scales is None:
            raise self._no_conditions()
        return self.scales

    def proposals(
        self,
        trained: "TrainedModel",
        context: Tensor | None,
        fitted: bool,
        where: Mapping[str, Any],
    ) -> Proposals:
        """Return molecules weighted by how probably they meet ranges of the targets."""
        from vaekit.molecules.predictions import ConditionedMolecules

        return ConditionedMolecules.of(trained, context, fitted, where)

    def predictions(
        self, trained: "TrainedModel", items: Any, context: Any = None
    ) -> Mapping[str, Floats]:
        """Return the targets in their units; see `predict_targets`."""
        from vaekit.molecules.predictions import predict_targets

        return predict_targets(trained, items, context)

    def taught(self, trained: "TrainedModel", targets: Sequence[str], X: Any) -> "TrainedModel":
        """Return a model that can learn to predict targets; see `with_targets`."""
        from vaekit.molecules.predictions import with_targets

        return with_targets(trained, targets, X)

    def unlearned(self) -> Self:
        """Return the options alone, without what was learned of the data."""
        return replace(
            self,
            tokenizer=None,
            vocabulary=None,
            scales=None,
            reference=None,
            descriptor_model=None,
            class_weights=(),
        )

    def split_groups(self, items: Any) -> Tensor | None:
        """Return the number of each molecule's scaffold, where these are held out together.

        Raises:
            DataError: All have the same.
        """
        if self.split == "random":
            return None
        from vaekit.molecules.metrics import murcko_scaffolds

        scaffolds = murcko_scaffolds(self.read(items).smiles)
        numbers = {scaffold: number for number, scaffold in enumerate(dict.fromkeys(scaffolds))}
        if len(numbers) < 2:
            raise DataError(
                "molecules must have several scaffolds to be split by them; all have "
                f"{scaffolds[0] or 'no ring'!r}. Take split='random', or leave out "
                "--scaffold-split."
            )
        return torch.tensor([numbers[scaffold] for scaffold in scaffolds])

    def finished(
        self, trained: "TrainedModel", items: "TrainingSet", config: "TrainConfig"
    ) -> "TrainedModel":
        """Return a model that predicts by descriptors, too, and knows how it fares."""
        from vaekit.molecules.applicability import with_reference
        from vaekit.molecules.descriptor_fitting import with_descriptors
        from vaekit.molecules.predictions import with_errors

        trained = with_reference(with_errors(trained, items, config), items, config)
        return with_descriptors(trained, items, config)

    def remarks(self, trained: "TrainedModel", X: Any) -> dict[str, str]:
        """Return how well own columns are told of molecules held out, and from what."""
        from vaekit.molecules.descriptor_fitting import target_remarks

        return target_remarks(trained.domain)

    def evaluation_reference(self, training: Any) -> Sequence[str]:
        """Return canonical SMILES of the training molecules."""
        smiles: Sequence[str] = self.read(training).smiles
        return smiles

    def evaluation_measures(
        self, subject: "EvaluationContext", usual: "tuple[Measure, ...]"
    ) -> "tuple[Measure, ...]":
        """Return measures of molecules in place of squared errors and Frechet distances."""
        from vaekit.molecules.evaluation import molecule_measures

        others = tuple(m for m in usual if m.group not in ("reconstruction", "samples"))
        return (*others, *molecule_measures(subject))

    def evaluation_pictures(self, subject: "EvaluationContext") -> "dict[str, Figure]":
        """Return drawn samples, a map by logP, and distributions of properties."""
        from vaekit.molecules.evaluation import evaluation_pictures

        return evaluation_pictures(subject)

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
        count, options = self.num_target_columns, self.target_options
        return token_parts(
            words, latent_dim, context_dim, network, size, likelihood, count, options
        )


class _MoleculeWriter(ItemWriter):
    """Tokens, and a number for each target."""

    def __init__(self, steps: int, scales: Targets | None) -> None:
        super().__init__()
        self.steps = steps
        names = () if scales is None else tuple(scales.columns)
        self.means = () if scales is None else tuple(scales.means)
        self.deviations = () if scales is None else tuple(scales.deviations)
        self.outputs = (
            Port("tokens", "int64", (steps,)),
            *(Port(name, "float64") for name in names),
        )

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Return them."""
        found = [x[:, : self.steps].long()]
        for place, (mean, deviation) in enumerate(zip(self.means, self.deviations, strict=True)):
            found.append(x[:, self.steps + place].double() * deviation + mean)
        return tuple(found)
