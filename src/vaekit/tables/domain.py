"""Tables with columns of different kinds."""

import itertools
import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from vaekit.bounds import Amount
from vaekit.domains.base import Domain, require_fitted
from vaekit.domains.checks import (
    as_form,
    check_rows,
    is_foreign_table,
    is_frame,
)
from vaekit.domains.graphs import ItemReader, ItemWriter
from vaekit.domains.hooks import (
    Conditions,
    DetectorDefaults,
    ItemForm,
    Proposals,
    ReadOptions,
    ShardPiece,
    score_of_rows,
)
from vaekit.domains.learning import SchemaLearner
from vaekit.domains.sources import parted, read_pieces, read_source
from vaekit.domains.stored import StoredFields, codes_of
from vaekit.errors import CompositionError, DataError, SpecError, VaekitError, unknown_name
from vaekit.fitting.conditional import read_number
from vaekit.likelihoods.base import TABLE, Likelihood, Support
from vaekit.likelihoods.table import AutoregressiveTable, Table
from vaekit.networks.autoregressive import AutoregressiveCells
from vaekit.networks.dense import Chain, MLPDecoder, Offset, TabularEncoder
from vaekit.networks.sizes import make_denoiser
from vaekit.presets.base import Parts
from vaekit.reading.records import TableOptions, as_pandas, current_options, use_options
from vaekit.reading.tables import FORMS
from vaekit.tables.columns import CategoricalColumn, Cell, Column, ConstantColumn, encode_known
from vaekit.tables.constraints import (
    Condition,
    Constraint,
    FixedCombinations,
    Inequality,
    Unique,
    read_inequality,
)
from vaekit.tables.dtypes import (
    all_numbers,
    checked_frame,
    from_plain,
    plain_columns,
    possible_dtypes,
    read_times,
)
from vaekit.tables.infer import learn_column
from vaekit.tables.numbers import SCALES, NumericColumn
from vaekit.tables.views import dropped_row, page_columns

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from vaekit.evaluation.measures import Measure
    from vaekit.evaluation.subject import EvaluationContext
    from vaekit.fitting.trained import TrainedModel


class UnseenValueWarning(UserWarning):
    """Cells hold values that training did not know, and are taken for missing."""


def _item(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


_UNSEEN = ("accept", "refuse", "missing")
_SHOWN = 3
_ROWS_OF_ORDER = 20  # that must keep the order of two times before it is taken for a rule
_WIDTHS = {"small": 256, "medium": 512, "large": 1024}
_FEWEST_BINS, _MOST_BINS, _ROWS_OF_A_BIN = 4, 250, 2
_DEPTH, _BLIND = 1, 0.1
_NARROWER_FROM, _MULTIPLE = 64, 8  # cells from which layers are narrower; of which they are wide
_DROPOUT, _FEW_ROWS = 0.35, 5000  # fewer units are left out where there are more rows
_RARE = 0.5  # rows that a code is taken to have had besides those it had

AnyTable = Table | AutoregressiveTable


@dataclass(frozen=True)
class TableDomain(Domain):
    """Rows of a pandas data frame: numbers, labels, dates, missing cells.

    The networks see one row as codes, one for each column, and then numbers, one for each column
    that has some: a value that many rows share is a code, other numbers are the normal scores of
    their ranks, and a missing cell is a code like any other. Columns that are constant, keys or
    free text are not learned; they are filled in afterwards.

    Attributes:
        kinds: What columns are, where you know better than their values tell: name -> one of
            ``"category"``, ``"number"``, ``"datetime"``, ``"key"``, ``"text"``.
        missing: What a missing cell is: a ``"value"`` of its column, which new rows have as often,
            or ``"unobserved"``, of which the model knows nothing and which it can fill.
        unseen: What a cell is that training did not know: a new label, or a missing cell where
            there was none. ``"accept"`` takes it for missing and says how many there are,
            ``"refuse"`` is an error, and ``"missing"`` says nothing; then constants are learned as
            labels, so that another value is one. A number that a column of few numbers never had
            is the nearest of them, unless it is refused.
        scale: What the networks see of numbers: ``"quantiles"``, the normal scores of their ranks,
            or
            ``"standard"``, standard deviations, by which what is linear stays so.
        constraints: What every row obeys: `Inequality`, `FixedCombinations`, `Unique`. Two times
            of which one is never after the other keep their order without being named.
        columns: What was learned of each column, in order.
        dtypes: Names and dtypes of the columns of training, where constraints change some.
        formats: Of columns of dates that were text in a file, as ``strptime`` has them, so that
            later files are read alike.
        num_rows: Rows of training.
        originals: Types of columns that are learned as others; see `vaekit.tables.dtypes`.
        form: Whose tables new rows are: ``"pandas"``, ``"polars"`` or ``"arrow"``, as in training.

    Example:
        >>> import pandas as pd
        >>> frame = pd.DataFrame({"size": [1.5, None, 2.5] * 9, "kind": list("aab") * 9})
        >>> domain = TableDomain().fit(frame)
        >>> domain.prepare(frame)[:2]
        tensor([[1., 1.],
                [3., 1.]])
    """

    kinds: Mapping[str, str] = field(default_factory=dict)
    missing: str = "value"
    unseen: str = "accept"
    scale: str = "quantiles"
    constraints: Sequence[Constraint] = ()
    columns: Sequence[Column] | None = None
    dtypes: Mapping[str, str] = field(default_factory=dict)
    formats: Mapping[str, str] = field(default_factory=dict)
    num_rows: Amount = 0
    originals: Mapping[str, str] = field(default_factory=dict)
    form: str = "pandas"

    def fit(self, raw: Any) -> Self:
        """Learn the columns."""
        if self.missing not in ("value", "unobserved"):
            raise SpecError(f"missing must be 'value' or 'unobserved'; got {self.missing!r}.")
        if self.unseen not in _UNSEEN:
            raise unknown_name("way with unseen values", self.unseen, _UNSEEN)
        if self.scale not in SCALES:
            raise unknown_name("scale", self.scale, SCALES)
        frame = checked_frame(self.read(raw))
        check_rows(frame, least=2)
        formats = {n: f for n, f in frame.attrs.get("formats", {}).items() if n in frame.columns}
        form = frame.attrs.get("form", "pandas")
        frame, originals = plain_columns(frame)
        rules = (*self.constraints, *self._orders(frame))
        dtypes = {name: str(frame[name].dtype) for name in frame.columns} if rules else {}
        for rule in rules:
            frame = rule.apply(frame)
        for name in self.kinds:
            if name not in frame.columns:
                raise unknown_name("column", name, list(frame.columns))
        asked = {**current_options().kinds, **self.kinds}
        columns = tuple(self._learn(frame[name], asked.get(name)) for name in frame.columns)
        known = {"formats": formats, "num_rows": len(frame), "originals": originals, "form": form}
        return self.with_columns(columns, rules, dtypes=dtypes, **known)

    def with_columns(
        self, columns: Sequence[Column], rules: Sequence[Constraint], **learned: Any
    ) -> Self:
        """Return this domain with what was learned of all rows; see its attributes.

        Raises:
            DataError: No column can be learned.
        """
        if not any(column.num_codes for column in columns):
            raise DataError(
                "a table must have a column that can be learnt; got only "
                f"{', '.join(f'{c.name!r}: {c.summary}' for c in columns)}."
            )
        return replace(self, constraints=rules, columns=columns, **learned)

    def learner(self) -> SchemaLearner:
        """Return what counts values and keeps quantiles."""
        from vaekit.tables.learning import TableLearner

        return TableLearner(self)

    def shard_pieces(
        self, paths: Sequence[Path], rows: int, context: str | None
    ) -> Iterator[ShardPiece]:
        """Yield the rows of files, read as those of training were."""
        for path in paths:
            with use_options(self._reading(current_options())):
                pieces = read_pieces(path, rows)
            yield from (parted(piece, context) for piece in pieces)

    def _orders(self, frame: Any) -> list[Inequality]:
        """Return the orders of times that every row keeps, such as begin and end."""
        if self.unseen != "accept" or self.missing != "value":
            return []
        told = {name for rule in self.constraints for name in rule.names} | self.kinds.keys()
        times = [c for c in frame.columns if c not in told and frame[c].dtype.kind == "M"]
        rules: list[Inequality] = []
        for low, high in itertools.permutations(times, 2):
            taken = {name for rule in rules for name in rule.names}
            if {low, high} & taken or frame[low].dtype != frame[high].dtype:
                continue
            both = frame[[low, high]].dropna()
            if len(both) < _ROWS_OF_ORDER or len(both) < frame[high].notna().sum():
                continue
            if (both[low] <= both[high]).all() and (both[low] < both[high]).any():
                rules.append(Inequality(low, high))
        return rules

    def _learn(self, values: Any, kind: str | None) -> Column:
        known = values.dropna() if self.missing == "unobserved" else values
        column = learn_column(known, kind, self.scale)
        is_label = isinstance(column, ConstantColumn) and column.value is not None
        return learn_column(known, "category") if is_label and self.unseen == "missing" else column

    def read(self, raw: Any) -> Any:
        """Read a file, as that of training was; tables of others become those of pandas."""
        if isinstance(raw, str | Path):
            with use_options(self._reading(current_options())):
                raw = read_source(raw)
        return as_pandas(raw)

    def _reading(self, asked: TableOptions) -> TableOptions:
        """Return options with what training knows: columns of labels are text, dates as ever."""
        if self.columns is None:
            return asked
        text = dict.fromkeys(self.reading_types(), "category")
        return replace(
            asked,
            kinds={**text, **asked.kinds},
            formats={**self.formats, **asked.formats},
            optional=True,
        )

    def with_options(self, options: ReadOptions) -> Self:
        """Return this domain with the rules that rows have to obey."""
        rules = [
            *map(read_inequality, options.require),
            *(Unique(tuple(_names(text))) for text in options.unique),
            *(FixedCombinations(tuple(_names(text))) for text in options.fixed),
        ]
        others = replace(options, require=(), unique=(), fixed=(), refuse_unseen=False)
        known = super().with_options(others)
        unseen = "refuse" if options.refuse_unseen else known.unseen
        return replace(known, constraints=(*known.constraints, *rules), unseen=unseen)

    @property
    def learned(self) -> list[Column]:
        """The columns that the networks see."""
        return [c for c in require_fitted(self.columns, self) if c.num_codes]

    @property
    def cells(self) -> Mapping[str, Sequence[int]]:
        """The places of each learned column among the cells: of its code, and of its number."""
        learned = self.learned
        numbers = itertools.count(len(learned))
        return {
            column.name: (place, next(numbers)) if column.has_number else (place,)
            for place, column in enumerate(learned)
        }

    def prepare(self, raw: Any) -> Tensor:
        """Codes, then numbers, NaN where there is none; columns are matched by name."""
        learned = self.learned
        frame, _ = plain_columns(checked_frame(self.read(raw)))
        for constraint in self.constraints:
            strict = self.unseen == "refuse"
            frame = constraint.apply(frame) if strict else constraint.apply_to_new(frame)
        self._check_columns(frame)
        check_rows(frame)
        # Column by column into place: all of them in double precision would be twice as large.
        array = np.empty((len(frame), len(learned) + self._num_numbers), dtype=np.float32)
        places = itertools.count(len(learned))
        for place, column in enumerate(learned):
            array[:, place], number = self._cells(column, frame[column.name])
            if number is not None:
                array[:, next(places)] = number
        self._warn_of_unseen(frame, array)
        return torch.from_numpy(array)

    def _cells(self, column: Column, values: Any) -> Cell:
        """Codes and numbers; of a hole neither."""
        if self.unseen == "accept":
            values = column.adapt(values)
            return encode_known(column, values, column.knows(values))
        if self.unseen == "missing":
            return encode_known(column, values, column.knows(values))
        if self.missing == "unobserved":
            return encode_known(column, values, values.notna().to_numpy())
        return column.encode(values)

    def _warn_of_unseen(self, frame: Any, rows_of_cells: NDArray[np.float32]) -> None:
        """Warn of values that training did not know, with the first of them."""
        if self.unseen != "accept":
            return
        told, rows = [], np.zeros(len(frame), dtype=bool)
        for column, codes in zip(self.learned, rows_of_cells.T, strict=False):
            values = frame[column.name]
            gone = values.isna().to_numpy()
            unknown = np.isnan(codes) & ~(gone & (self.missing == "unobserved"))
            if unknown.any():
                row = int(unknown.argmax())
                shown = "a missing cell" if gone[row] else repr(_item(values.iloc[row]))
                told.append(f"{column.name!r}: {shown} in row {row} ({int(unknown.sum())} cells)")
                rows |= unknown
        if told:
            more = f"; and {len(told) - _SHOWN} columns more" if len(told) > _SHOWN else ""
            warnings.warn(
                f"{int(rows.sum())} of {len(frame)} rows have values that training did not know, "
                f"which are taken for missing: {', '.join(told[:_SHOWN])}{more}. To refuse them, "
                "fit with TableDomain(unseen='refuse'), or --refuse-unseen.",
                UnseenValueWarning,
                stacklevel=4,
            )

    def column_summaries(self) -> Mapping[str, str]:
        """Return kinds and values of all columns."""
        found = {c.name: f"{c.kind}: {c.summary}" for c in self.columns or ()}
        for rule in self.constraints:
            if isinstance(rule, Inequality) and rule.high in found:
                found[rule.high] += f" after {rule.low!r}, which it is never below"
        return found

    def column_kinds(self) -> Mapping[str, str]:
        """Return the kinds of all columns."""
        return {column.name: column.kind for column in self.columns or ()}

    def _check_columns(self, frame: Any) -> None:
        wanted = {column.name for column in self.learned}
        lacking = [name for name in wanted if name not in frame.columns]
        if lacking:
            raise DataError(
                f"the table must have the columns of training; missing {sorted(lacking)}, got "
                f"{list(frame.columns)}."
            )

    def encode(self, rows: Tensor) -> Tensor:
        """Codes and numbers, 0 where there is none."""
        return rows.nan_to_num(0.0)

    def observed(self, rows: Tensor) -> Tensor | None:
        """False where there is no number, and in holes."""
        return ~rows.isnan()

    def decode(self, x: Tensor) -> Any:
        """Return a data frame with all columns of training, in their order and dtypes."""
        import pandas as pd

        cells = x.detach().cpu().double().numpy()
        codes = cells[:, : len(self.learned)].round().astype(np.int64)
        numbers = iter(cells[:, len(self.learned) :].T)
        positions = iter(range(len(self.learned)))
        blank, values = np.zeros(len(cells), dtype=np.int64), {}
        for column in require_fitted(self.columns, self):
            own = codes[:, next(positions)] if column.num_codes else blank
            values[column.name] = column.decode(own, next(numbers) if column.has_number else None)
        frame = pd.DataFrame(values)
        for constraint in reversed(self.constraints):
            frame = constraint.undo(frame)
        if self.dtypes:
            frame = frame[list(self.dtypes)].astype(possible_dtypes(frame, self.dtypes))
        for name, was in self.originals.items():
            frame[name] = from_plain(frame[name], was)
        return frame

    @property
    def item_form(self) -> ItemForm:
        """Rows of named cells."""
        return ItemForm.TABLE

    @property
    def fills_holes(self) -> bool:
        """Whether missing cells are unobserved."""
        return self.missing == "unobserved"

    def adapted(self, frame: Any) -> Any:
        """Return a data frame with times that came as text read as such."""
        return read_times(self.columns or (), frame)

    def graph_reader(self) -> ItemReader:
        """Return what reads a tensor for each learned column."""
        from vaekit.tables.graphs import table_reader

        return table_reader(self)

    def constant_columns(self) -> Mapping[str, Any]:
        """Return the value of each constant column."""
        columns = require_fitted(self.columns, self)
        return {c.name: c.value for c in columns if isinstance(c, ConstantColumn)}

    def graph_writer(self) -> ItemWriter:
        """Return what writes a tensor for each learned column."""
        from vaekit.tables.graphs import table_writer

        return table_writer(self)

    def read_dropped(self, given: Mapping[str, Any]) -> Any:
        """Return a data frame of one row."""
        return dropped_row(require_fitted(self.columns, self), self.dtypes, given.get("row"))

    def page_decoder(self) -> Mapping[str, Any] | None:
        """Return a card; nothing where constraints put columns together."""
        columns = page_columns(require_fitted(self.columns, self))
        return None if self.constraints else {"kind": "card", "columns": columns}

    def check_stored(self, place: str, model: nn.Module) -> None:
        """Refuse columns that are not those of the model, and rows that cannot be made."""
        fields = StoredFields(place)
        columns = self.columns or ()
        fields.names("columns", [column.name for column in columns])
        fields.require(
            bool(columns) and bool(self.learned), "columns", "hold some to learn", columns
        )
        fields.one_of("missing", self.missing, ("value", "unobserved"))
        fields.one_of("unseen", self.unseen, _UNSEEN)
        fields.one_of("scale", self.scale, SCALES)
        fields.one_of("form", self.form, FORMS)
        for place_of_column, column in enumerate(columns):
            column.check_stored(StoredFields(f"{place}.args.columns[{place_of_column}]"))
        known = [codes for codes in codes_of(model) if isinstance(codes, tuple)]
        fits = not known or self.category_counts in known
        rule = f"have as many codes as the model was made for, {known}"
        fields.require(fits, "columns", rule, self.category_counts)
        likelihood = getattr(model, "likelihood", None)
        if isinstance(likelihood, Table):
            wanted = (tuple(likelihood.num_codes), likelihood.num_numbers)
            own = (self.category_counts, self._num_numbers)
            rule = f"be those of the model's likelihood, {wanted}"
            fields.require(own == wanted, "columns", rule, own)
        try:
            row = torch.zeros(1, *self.event_shape)
            row[:, : len(self.learned)] = 1.0  # the first code of each column
            self.decode(row)
        except VaekitError:
            raise
        except Exception as error:  # pandas raises any for dtypes and values that it cannot hold
            got = f"{type(error).__name__}: {error}"
            fields.require(False, "columns", "make rows of their dtypes and constraints", got)

    def repeated(self, frame: Any) -> NDArray[np.bool_]:
        """Return which rows repeat what must be unique of a row above them."""
        found = np.zeros(len(frame), dtype=bool)
        for constraint in self.constraints:
            if isinstance(constraint, Unique):
                found |= constraint.repeated(frame)
        return found

    @property
    def feature_names(self) -> tuple[str, ...] | None:
        """Names of the cells that the networks see."""
        learned = self.learned
        return tuple(c.name for c in learned) + tuple(c.name for c in learned if c.has_number)

    @property
    def event_shape(self) -> tuple[int, ...]:
        """(cells,)."""
        return (len(self.learned) + self._num_numbers,)

    @property
    def _num_numbers(self) -> int:
        return sum(column.has_number for column in self.learned)

    @classmethod
    def confidence(cls, raw: Any) -> float:
        """Return half for data frames, unless all of their columns are numbers without gaps."""
        if isinstance(raw, Path) or not (is_foreign_table(raw) or is_frame(raw)):
            return 0.0
        return 0.1 if is_frame(raw) and all_numbers(raw) else 0.5

    def reading_types(self) -> Mapping[str, str]:
        """Return text for columns of text labels, as they were in training."""
        return {
            column.name: "str"
            for column in self.learned
            if isinstance(column, CategoricalColumn) and isinstance(column.labels[0], str)
        }

    @property
    def category_counts(self) -> tuple[int, ...]:
        """Number of codes of each learned column."""
        return tuple(column.num_codes for column in self.learned)

    def observed_after(self, x: Tensor, observed: Tensor) -> Tensor:
        """Return which cells count: a number, where the code of its column says that it is one."""
        cells = self.cells
        for code, column in enumerate(self.learned):
            if column.has_number:
                observed[:, cells[column.name][1]] = x[:, code] == column.number_code
        return observed

    def unknown_cost(self, observed: Tensor | None) -> Tensor | None:
        """Return log(rows + 1) for each unknown cell, as for what one row in so many has."""
        if observed is None or self.unseen != "accept" or self.missing != "value":
            return None
        return math.log(self.num_rows + 1) * (~observed[:, : len(self.learned)]).sum(1)

    @property
    def charges_unknown_cells(self) -> bool:
        """Whether a missing cell is a value of its column."""
        return self.missing == "value"

    def detector_defaults(self, clean: bool, X: Any) -> DetectorDefaults:
        """Return standard scaling, since among ranks the largest is never far away."""
        domain = replace(self, scale="standard", unseen="missing")
        found = super(TableDomain, domain).detector_defaults(clean, X)
        return found._replace(score=score_of_rows(clean))

    def conditions(self) -> Conditions:
        """Return readers of the cells of each column."""
        columns = self.columns or ()
        readers = {column.name: partial(_read_cell, column) for column in columns}
        return Conditions(
            readers, frozenset(c.name for c in columns if isinstance(c, NumericColumn))
        )

    def proposals(
        self,
        trained: "TrainedModel",
        context: Tensor | None,
        fitted: bool,
        where: Mapping[str, Any],
    ) -> Proposals:
        """Return rows that meet conditions on any of their columns."""
        from vaekit.tables.conditional import guided_rows

        return guided_rows(self, trained, context, fitted, where)

    def present(self, items: Any) -> Any:
        """Return a table of the kind that was learned from."""
        return as_form(items, self.form)

    def impose(self, items: Any, where: Mapping[str, Any]) -> Any:
        """Return rows in which numbers are exactly what was asked for."""
        columns = {c.name: c for c in self.columns or ()}
        for name, given in where.items():
            values = Condition.of(given).values or ()
            is_number = isinstance(columns.get(name), NumericColumn)
            if not is_number or len(values) != 1 or values[0] is None:
                continue
            if items[name].dtype.kind == "f" or float(values[0]).is_integer():
                items[name] = items[name].mask(items[name].notna(), values[0])
        return items

    def remarks(self, trained: "TrainedModel", X: Any) -> dict[str, str]:
        """Say of a model that makes rows of a small table how near they are to its rows."""
        from vaekit.tables.privacy import closeness_remark

        return closeness_remark(trained, X)

    def evaluation_reference(self, training: Any) -> Tensor:
        """Return training rows as the networks see them."""
        return self.encode(self.prepare(training))

    def evaluation_measures(
        self, subject: "EvaluationContext", usual: "tuple[Measure, ...]"
    ) -> "tuple[Measure, ...]":
        """Return measures of rows in place of squared errors and Frechet distances."""
        from vaekit.tables.evaluation import TABLE_MEASURES

        others = tuple(m for m in usual if m.group not in ("reconstruction", "samples"))
        return (*others, *TABLE_MEASURES)

    def evaluation_pictures(self, subject: "EvaluationContext") -> "dict[str, Figure]":
        """Return the distributions of columns, and how associations differ."""
        from vaekit.tables.evaluation import evaluation_pictures

        return evaluation_pictures(subject)

    @property
    def supports(self) -> frozenset[Support]:
        """Rows of tables."""
        return frozenset({TABLE})

    @property
    def default_likelihood(self) -> str:
        """One made for the columns."""
        return "auto"

    @property
    def default_preset(self) -> str:
        """The model for tables."""
        return "table_vae"

    def _likelihood(self, chosen: str | Likelihood, rows: Tensor, size: str) -> AnyTable:
        """Return the one for these columns; nothing else fits cells of several kinds."""
        codes = [column.num_codes for column in self.learned]
        if chosen == "auto":
            return Table(codes, self._num_numbers)
        if chosen != "autoregressive":
            raise CompositionError(
                "a table of several kinds of columns has likelihoods of its own, 'auto' and "
                f"'autoregressive'; got {chosen!r}. Choose one, or a preset that does."
            )
        told = [(i, c.number_code) for i, c in enumerate(self.learned) if c.has_number]
        count = max(len(rows), self.num_rows)  # of tables that stream, some rows are given
        most = max(_FEWEST_BINS, min(_MOST_BINS, count // _ROWS_OF_A_BIN))
        bins = [column.bins(most) for column in self.learned if column.has_number]
        width = _cells_width(size, len(codes) + len(told))
        dropout = _DROPOUT * min(1.0, (_FEW_ROWS / count) ** 0.5)
        cells = AutoregressiveCells(codes, told, bins, width, _DEPTH, dropout, _BLIND, True)
        cells.start_from(self.encode(rows))
        return AutoregressiveTable(cells)

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
        """Fully connected networks that start from the shares of the codes.

        Raises:
            CompositionError: Another likelihood or network was chosen.
        """
        chosen = self._likelihood(likelihood, rows, size)
        if network not in ("auto", "mlp"):
            raise CompositionError(f"tables have networks 'mlp'; got {network!r}.")
        width = _WIDTHS[size]
        codes = [column.num_codes for column in self.learned]
        by_itself = isinstance(chosen, Table)  # else numbers are told from numbers, not by latents
        encoder = TabularEncoder(codes, self._num_numbers, (width, width), by_itself)
        start = Offset((1, chosen.num_features))
        start.value.copy_(self._log_shares(rows) if isinstance(chosen, Table) else torch.zeros(1))
        told = MLPDecoder(latent_dim + context_dim, (width, width), start.shape, by_itself)
        decoder = Chain(told, start)
        denoiser = partial(make_denoiser, size, self.event_shape, context_dim)
        columns = tuple(self.cells.values())
        return Parts(
            encoder,
            decoder,
            chosen,
            width,
            latent_dim,
            context_dim,
            denoiser=denoiser,
            columns=columns,
        )

    def _log_shares(self, rows: Tensor) -> Tensor:
        """Logits under which codes are as frequent as in training; 0 for the numbers."""
        counts = [
            torch.bincount(codes[codes > 0].long() - 1, minlength=column.num_codes) + _RARE
            for column, codes in zip(self.learned, rows.T, strict=False)
        ]
        logits = torch.cat([(count / count.sum()).log() for count in counts])
        return torch.cat([logits, torch.zeros(self._num_numbers)])


def _cells_width(size: str, cells: int) -> int:
    """Return how wide the layers are that all cells share: their cost is that of all cells."""
    width: float = _WIDTHS[size] // 2 * min(1.0, (_NARROWER_FROM / cells) ** 0.5)
    return _MULTIPLE * max(1, round(width / _MULTIPLE))


def _read_cell(column: Column, text: str) -> Any:
    text = text.strip()
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        text = text[1:-1]
    if not text:
        return None
    if isinstance(column, NumericColumn):
        return read_number(column.name, text)
    if isinstance(column, CategoricalColumn):  # labels may be numbers or truth values
        return next((label for label in column.labels if str(label) == text), text)
    return text
