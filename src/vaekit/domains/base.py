"""What every domain promises."""

import abc
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.distributions import Distribution

from vaekit.domains.context import Labels
from vaekit.domains.graphs import ItemReader, ItemWriter, Port
from vaekit.domains.hooks import (
    Conditions,
    DetectorDefaults,
    ItemForm,
    Proposals,
    ReadOptions,
    SampleOptions,
    ShardPiece,
    UsableItems,
)
from vaekit.domains.likelihoods import likelihood_names, make_likelihood
from vaekit.domains.sources import parted, read_pieces
from vaekit.domains.views import ItemView, columns_of_frame, row_values, usual_views
from vaekit.errors import CompositionError, DataError, NotFittedError, SpecError
from vaekit.likelihoods.base import Likelihood, Support
from vaekit.presets.autoencoders import vae
from vaekit.presets.base import Parts

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from vaekit.anomalies.detector import Detector
    from vaekit.anomalies.steps import StepScorer
    from vaekit.domains.learning import SchemaLearner
    from vaekit.evaluation.measures import Measure
    from vaekit.evaluation.subject import EvaluationContext
    from vaekit.fitting.trained import TrainedModel
    from vaekit.training.config import TrainConfig, TrainingSet


class Domain(abc.ABC):
    """Knows one kind of data. Immutable: `fit` returns a domain that has learned the schema.

    Constructor arguments are options and the learned schema alike, so a fitted domain is stored
    like every other component.
    """

    @abc.abstractmethod
    def fit(self, raw: Any) -> Self:
        """Learn the schema (shape, ranges, columns, scaling) of the training data.

        Raises:
            DataError: The data break a rule; says which, where, and what to do.
        """

    @abc.abstractmethod
    def prepare(self, raw: Any) -> Tensor:
        """Check data against the schema and return them as rows, in a compact dtype.

        Raises:
            DataError: The data differ from the schema.
        """

    def prepare_input(self, raw: Any) -> Tensor:
        """As `prepare`, for encoding alone: what a model tells besides may be missing."""
        return self.prepare(raw)

    @abc.abstractmethod
    def encode(self, rows: Tensor) -> Tensor:
        """Return rows to x, float, shape (batch, *event): called for each batch, on its device."""

    def observed(self, rows: Tensor) -> Tensor | None:
        """False where a cell of x is missing, and not to be scored; ``None`` where none can be."""
        return None

    def lengths(self, rows: Tensor) -> Tensor | None:
        """How long each row is, of domains whose rows are of several lengths; else ``None``."""
        return None

    @abc.abstractmethod
    def decode(self, x: Tensor) -> Any:
        """x back to the kind, layout, dtype and range of the training data."""

    @abc.abstractmethod
    def read(self, raw: Any) -> Any:
        """Read a path into data, so that it is read once; data are returned as they are."""

    @property
    def num_features(self) -> int:
        """Values per item."""
        return math.prod(self.event_shape)

    @property
    @abc.abstractmethod
    def feature_names(self) -> tuple[str, ...] | None:
        """Column names, where the data have them."""

    @property
    @abc.abstractmethod
    def event_shape(self) -> tuple[int, ...]:
        """Shape of one x."""

    @property
    @abc.abstractmethod
    def supports(self) -> frozenset[Support]:
        """Which `Likelihood.support` values the data satisfy."""

    @property
    @abc.abstractmethod
    def default_likelihood(self) -> str:
        """One of `likelihood_names`."""

    @property
    def default_preset(self) -> str:
        """Name of the model that these data get where none is chosen."""
        return "vae"

    @property
    def tuning_objective(self) -> str:
        """Name of the measure that a search for options goes by where none is chosen."""
        return "log-likelihood"

    @abc.abstractmethod
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
        """Untrained networks and the likelihood for these data, ready for a preset."""

    def check_stored(self, place: str, model: nn.Module) -> None:  # noqa: B027 - most need none
        """Refuse learned fields that do not fit each other, or the model that they are stored with.

        Asked once, when a run folder is read. The type of each field was checked before.

        Args:
            place: Where they are stored, as errors call it.
            model: The model in the folder.

        Raises:
            FormatError: Names the field, the rule and what was got.
        """

    # What follows is asked by tasks and commands. The defaults suit items of no particular kind.

    @classmethod
    def confidence(cls, raw: Any) -> float:
        """Return how surely data are of this kind, from 0 to 1, where the user names no domain.

        The domain with the highest answer takes the data. A file of a table or of arrays is read
        first, and the question asked of what it holds.

        Args:
            raw: Data in memory, or a `Path`.
        """
        return 0.0

    def with_source(self, raw: Any) -> Self:
        """Return this domain with what files say of themselves, asked before they are read."""
        return self

    def is_certain(self, items: Any) -> bool:
        """Return whether data that were read need no second look to know their kind."""
        return False

    def with_options(self, options: ReadOptions) -> Self:
        """Return this domain with those options of the command line that it knows.

        Raises:
            SpecError: Options for other data, or values that break a rule.
        """
        if options.of_tables:
            raise SpecError(
                "--require, --unique, --fixed and --refuse-unseen are for tables of several kinds "
                f"of columns; got {type(self).__name__}. Add --domain table, or leave them out."
            )
        if options.of_molecules:
            raise SpecError(
                f"{options.of_molecules} is for molecules; got {type(self).__name__}. Add --domain "
                "molecules, or leave it out."
            )
        if options.id is not None or options.time is not None:
            raise SpecError(
                f"--id and --time are for series; got {type(self).__name__}. Add --domain series, "
                "or leave them out."
            )
        if options.targets is not None:
            raise SpecError(
                f"--targets are properties of molecules; got {type(self).__name__}. Add --domain "
                "molecules, or leave them out."
            )
        return self

    def column_summaries(self) -> Mapping[str, str]:
        """Return what each column was taken for, by name; nothing for data without columns."""
        return {}

    def column_kinds(self) -> Mapping[str, str]:
        """Return the kind of each column by name, and nothing of what is in it."""
        return dict.fromkeys(self.feature_names or (), "number")

    @property
    def hub_task(self) -> str:
        """What samples of a model without context are for, as the hub of models calls it."""
        return ""

    def reading_types(self) -> Mapping[str, str]:
        """Return the types with which columns of a file have to be read again, by name."""
        return {}

    def readable(self, raw: Any) -> tuple[Any, int]:
        """Return the items that a model of this domain can read, and how many it cannot.

        Items that break the schema are left for `prepare` to name.
        """
        return self.read(raw), 0

    @property
    def reads_one_by_one(self) -> bool:
        """Whether `usable` tells items that can be read from others."""
        return False

    def usable(self, raw: Any) -> UsableItems | None:
        """Return the items that can be read one by one; ``None`` where all stand or fall together.

        Asked before items are encoded, so that one bad row does not cost the others.
        """
        return None

    def read_all(self, raw: Any) -> Any:
        """Read a path into data, bad items among them, for `usable` to tell apart later."""
        return self.read(raw)

    def read_file_labels(self, path: Path, folder: Path) -> Labels | None:
        """Return labels that a file gives to the files of a folder, in their order.

        ``None`` where the file names no files, so that it is read as any other.
        """
        return None

    def read_metadata_columns(self, raw: Any, names: Sequence[str], must: bool) -> Any | None:
        """Return columns of a file that lies beside the items and describes them.

        Args:
            raw: The path of the items, or anything else.
            names: Of the columns.
            must: Whether a name that is none is an error; else ``None`` is returned.
        """
        return None

    def read_captions(self, raw: Any) -> list[list[str]] | None:
        """Return the captions that lie beside the items, any number of each.

        Args:
            raw: The path of the items, or anything else.

        Returns:
            ``None`` where there is no place for captions beside such items.

        Raises:
            DataError: No item has one.
        """
        return None

    def file_ending(self, what: str) -> str:
        """Return the ending of the file that ``"samples"`` or ``"reconstructions"`` go to."""
        return "png" if len(self.event_shape) == 3 else "csv"

    def sample_writer(self, out: Path, options: SampleOptions) -> Callable[[Any], None] | None:
        """Return what writes sampled items with a report; ``None`` for no more than the items.

        Raises:
            SpecError: Options for other data, or endings that name no format.
        """
        if options.grid or options.training:
            raise SpecError("--grid and --training are for models of molecules; leave them out.")
        return None

    def interpolation_writer(
        self, trained: "TrainedModel", out: Path | None
    ) -> Callable[[Any, Any, int, str, Any, Path], None] | None:
        """Return what draws the paths between items; ``None`` for no more than their items."""
        return None

    def folder_writer(self, source: str) -> Callable[[Any, Path], None] | None:
        """Return what writes items as one file each; ``None`` where there is no such form."""
        return None

    # How items are written.

    @property
    def item_form(self) -> ItemForm:
        """How items are written in a request."""
        return ItemForm.ARRAY

    def read_contents(self, files: Sequence[bytes], max_pixels: int) -> Any:
        """Return items for files that came without their names, as in a request.

        Args:
            files: What each of them holds.
            max_pixels: The most pixels of an image; all of them may have eight times as many.

        Raises:
            CompositionError: Such items have no files.
            DataError: A file that cannot be read.
        """
        raise CompositionError(f"items of {type(self).__name__} must be sent without files.")

    def file_content(self, item: Any) -> bytes:
        """Return what a file of one item holds.

        Raises:
            CompositionError: Such items have no files.
        """
        raise CompositionError(f"items of {type(self).__name__} have no files of their own.")

    @property
    def fills_holes(self) -> bool:
        """Whether a model of such items can fill what is missing in them."""
        return False

    def adapted(self, frame: Any) -> Any:
        """Return a data frame whose cells came as text, with those read that were not in training.

        Raises:
            DataError: Cells that cannot be read so.
        """
        return frame

    # How items look.

    @property
    def draws_images(self) -> bool:
        """Whether `decode` gives images, which pictures can show as they are."""
        return False

    def clip(self, x: Tensor) -> Tensor:
        """Return x cut to what the data can show: a Gaussian's mean may overshoot it."""
        return x

    def item_views(self, items: Any) -> list[ItemView]:
        """Return how each item looks in a browser.

        Args:
            items: As `decode` or `read` gives them.
        """
        return usual_views(items, self.feature_names)

    def item_facts(self, items: Any) -> Mapping[str, Sequence[Any]]:
        """Return what is known of each item, by name, as values that a map can be coloured by.

        Args:
            items: As `read` gives them.
        """
        return columns_of_frame(items)

    def read_dropped(self, given: Mapping[str, Any]) -> Any:
        """Return one item that a person dropped into a browser, as `prepare` takes it.

        Args:
            given: ``text``, ``row`` (values by column) or ``image`` (the bytes of a file).

        Raises:
            DataError: No item of this kind.
        """
        names = self.feature_names
        row = given.get("row")
        if row is None or len(self.event_shape) != 1:
            raise DataError(f"a model of {type(self).__name__} takes no such item; drop a row.")
        return np.asarray([row_values(row, names or list(map(str, range(self.num_features))))])

    def page_decoder(self) -> Mapping[str, Any] | None:
        """Return how a page without Python shows what the networks make, as plain values.

        The record has a ``"kind"``: ``"pixels"`` (values from 0 to 1, channels first), ``"card"``
        (with ``columns``), or ``"lines"``. ``None`` where only Python can show such items.
        """
        return None

    def repeated(self, items: Any) -> Any:
        """Return for each item whether it repeats what must be unique; empty where nothing must."""
        return ()

    # Columns of rows.

    @property
    def cells(self) -> Mapping[str, Sequence[int]]:
        """The places of each column's cells in a row, by name; empty where items are no rows."""
        if len(self.event_shape) != 1:
            return {}
        names = self.feature_names or [str(i) for i in range(self.event_shape[0])]
        return {name: (place,) for place, name in enumerate(names)}

    @property
    def category_counts(self) -> tuple[int, ...]:
        """Numbers of values of the categorical cells, which come first in a row."""
        return ()

    def observed_after(self, x: Tensor, observed: Tensor) -> Tensor:
        """Return which cells count once some of x were replaced, shape (batch, *event)."""
        return observed

    # Models that leave Python.

    def graph_reader(self) -> ItemReader:
        """Return how raw items become x, as operations of tensors.

        Raises:
            CompositionError: No such operations do it.
        """
        raise self._no_graph()

    def graph_writer(self) -> ItemWriter:
        """Return how x becomes raw items, as operations of tensors.

        Raises:
            CompositionError: No such operations do it.
        """
        raise self._no_graph()

    @property
    def prediction_ports(self) -> tuple[Port, ...]:
        """What the model tells of items beside giving them back, one number each."""
        return ()

    def graph_predictions(self, px: Distribution) -> tuple[Tensor, ...]:
        """Return those numbers, in their own units, of what the decoder says, as tensors."""
        return ()

    def constant_columns(self) -> Mapping[str, Any]:
        """Return columns that are the same in every row, and so are not learned."""
        return {}

    @property
    def item_dtype(self) -> str | None:
        """The type of items that are single arrays, where the networks make another."""
        return None

    def _no_graph(self) -> CompositionError:
        return CompositionError(
            f"an export needs items that tensors alone can read; {type(self).__name__} says no way "
            "to do so. Encode with Python, or export a model of arrays."
        )

    # Anomalies.

    def unknown_cost(self, observed: Tensor | None) -> Tensor | None:
        """Return what cells cost that training did not know, nats, shape (batch,), if anything.

        Args:
            observed: As `observed` returns it.
        """
        return None

    @property
    def charges_unknown_cells(self) -> bool:
        """Whether a missing cell is a value that training did not know, at a cost."""
        return False

    @property
    def imputes_missing_costs(self) -> bool:
        """Whether a missing cell costs as much as the mean of the item's others."""
        return False

    @property
    def items_overlap(self) -> bool:
        """Whether items share values, so that none can be held out at random."""
        return False

    def starts(self, items: int) -> NDArray[np.int64] | None:
        """Return where each item begins, of windows of one series; ``None`` of other items."""
        return None

    def detector_defaults(self, clean: bool, X: Any) -> DetectorDefaults:
        """Return what suits the detection of anomalies among such items.

        Args:
            clean: Whether the training items are known to be normal.
            X: The training items.
        """
        return DetectorDefaults(self, vae(), None, "auto", "novelty" if clean else "contaminated")

    def defaults_of_method(self, is_local: bool, clean: bool, X: Any) -> DetectorDefaults:
        """Return what suits a method that was chosen, but for the method: as for any.

        Args:
            is_local: Whether it compares the patches of images, and the model tells nothing.
            clean: Whether the training items are known to be normal.
            X: The training items.
        """
        return self.detector_defaults(clean, X)

    def fit_step_detector(self, detector: "Detector", X: Any) -> "StepScorer | None":
        """Return what scores single steps; ``None`` where items have none."""
        return None

    def restore_step_detector(
        self, detector: "Detector", arrays: Mapping[str, NDArray[Any]]
    ) -> "StepScorer | None":
        """Return what `fit_step_detector` gave, from its arrays."""
        return None

    # Conditions and what the latents predict.

    def conditions(self) -> Conditions:
        """Return how conditions on items are read.

        Raises:
            CompositionError: Items of this kind meet no conditions.
        """
        raise self._no_conditions()

    def present(self, items: Any) -> Any:
        """Return items for a user: in the kind of table that came in, where that was another."""
        return items

    def impose(self, items: Any, where: Mapping[str, Any]) -> Any:
        """Return items that met conditions, with what was asked for exactly written into them."""
        return items

    def proposals(
        self,
        trained: "TrainedModel",
        context: Tensor | None,
        fitted: bool,
        where: Mapping[str, Any],
    ) -> Proposals:
        """Return candidates for items that meet conditions, for `sample_where`.

        Raises:
            CompositionError: Items of this kind meet no conditions.
        """
        raise self._no_conditions()

    def _no_conditions(self) -> CompositionError:
        return CompositionError(
            "conditions and predictions are of tables, and of molecules with targets; this model "
            "is of other data, or was taught no targets. Fit one of molecules with "
            "MoleculeDomain(targets=('qed', 'logp')), or vaekit fit --targets qed,logp."
        )

    def predictions(
        self, trained: "TrainedModel", items: Any, context: Any = None
    ) -> Mapping[str, NDArray[np.float64]]:
        """Return what the model was taught to predict of items, by name, shape (items,) each.

        Of an item that cannot be read the predictions are NaN.

        Raises:
            CompositionError: It was taught nothing.
        """
        raise self._no_conditions()

    def taught(self, trained: "TrainedModel", targets: Sequence[str], X: Any) -> "TrainedModel":
        """Return a model that can learn to predict targets from its latents.

        Raises:
            CompositionError: Items of this kind have no targets.
        """
        raise CompositionError(
            f"targets are properties of molecules; this model is of {type(self).__name__}. Leave "
            "them out."
        )

    def unlearned(self) -> Self:
        """Return the options alone, without what was learned of the data."""
        return self

    # Data that come a piece at a time.

    def learner(self) -> "SchemaLearner":
        """Return what learns in one pass over pieces of data what `fit` learns of all at once.

        Raises:
            DataError: Items of this kind are learned from all at once only.
        """
        raise DataError(
            "data that stream must be tables, arrays, images, sequences or molecules; "
            f"{type(self).__name__} learns from all of its items at once. Pass them in memory, or "
            "as one file."
        )

    @classmethod
    def streams_file(cls, name: str) -> bool:
        """Return whether items of this kind, and of no other, are in a file of that name."""
        return False

    def shard_pieces(
        self, paths: Sequence[Path], rows: int, context: str | None
    ) -> Iterator[ShardPiece]:
        """Yield the items of several files, a piece at a time.

        Args:
            paths: Of tables or of arrays, if this is not overridden.
            rows: Items of a piece, at most.
            context: Name of the column that conditions a model; ``None`` without one.

        Raises:
            DataError: A damaged file, or one without that column.
        """
        for path in paths:
            for piece in read_pieces(path, rows):
                yield parted(piece, context)

    def read_again(self, items: Any) -> Any:
        """Return decoded items of a first pass as this domain, which has learned, reads them."""
        return items

    def split_groups(self, items: Any) -> Tensor | None:
        """Return a number for each item, the same for those held out together; ``None``: alone."""
        return None

    def finished(
        self, trained: "TrainedModel", items: "TrainingSet", config: "TrainConfig"
    ) -> "TrainedModel":
        """Return a model right after its training, with what the domain measures then."""
        return trained

    def remarks(self, trained: "TrainedModel", X: Any) -> dict[str, str]:
        """Return what a user should know of a new model, in a few words each.

        Args:
            trained: The model, with its prior.
            X: What it was trained on, as `read` gives it.
        """
        return {}

    # Evaluation.

    def evaluation_reference(self, training: Any) -> Any:
        """Return what samples are compared with, of the data that the model learned from.

        Raises:
            DataError: There is no such comparison.
        """
        raise DataError(
            f"training items are compared for tables and molecules only; got {type(self).__name__}."
        )

    def evaluation_measures(
        self, subject: "EvaluationContext", usual: "tuple[Measure, ...]"
    ) -> "tuple[Measure, ...]":
        """Return what an evaluation measures, by default what is usual."""
        return usual

    def evaluation_pictures(self, subject: "EvaluationContext") -> "dict[str, Figure]":
        """Return the pictures of an evaluation beyond those of the latents, by file name."""
        return {}

    def choose_likelihood(self, chosen: str | Likelihood) -> Likelihood:
        """Return the likelihood of that name, or the one given, checked against the data.

        Raises:
            SpecError: No likelihood has that name.
            CompositionError: The data take values that it does not allow.
        """
        name = self.default_likelihood if chosen == "auto" else chosen
        likelihood = make_likelihood(name, self.event_shape) if isinstance(name, str) else name
        if likelihood.support not in self.supports:
            shape = self.event_shape
            fitting = [
                name
                for name in likelihood_names()
                if make_likelihood(name, shape).support in self.supports
            ]
            raise CompositionError(
                f"{type(likelihood).__name__} needs values that are {likelihood.support.words}, "
                f"which these data are not; use one of {', '.join(fitting) or 'your own'}."
            )
        return likelihood


def require_fitted(value: Any, domain: Domain) -> Any:
    """Return the learned value, or an error that says what to call."""
    if value is None:
        raise NotFittedError(f"this {type(domain).__name__} has learnt no schema; call fit first.")
    return value
