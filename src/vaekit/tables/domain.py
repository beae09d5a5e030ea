"""Tables with columns of different kinds."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vaekit.domains.base import Domain, require_fitted
from vaekit.domains.checks import check_column_names, check_rows, is_foreign_table, is_frame
from vaekit.domains.hooks import Conditions, DetectorDefaults, Proposals
from vaekit.domains.sources import read_source
from vaekit.errors import CompositionError, DataError, SpecError, unknown_name
from vaekit.fitting.conditional import read_number
from vaekit.likelihoods.base import Likelihood
from vaekit.likelihoods.support import TABLE, Support
from vaekit.likelihoods.table import AutoregressiveTable, Table
from vaekit.networks.autoregressive import AutoregressiveCells
from vaekit.networks.conv import Chain, MLPDecoder, Offset, TabularEncoder
from vaekit.networks.sizes import make_denoiser
from vaekit.presets.base import Parts
from vaekit.tables.columns import CategoricalColumn, Cell, Column, ConstantColumn, encode_known
from vaekit.tables.constraints import Constraint, Unique
from vaekit.tables.infer import learn_column
from vaekit.tables.numbers import SCALES, NumericColumn

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from vaekit.evaluation.measures import Measure
    from vaekit.evaluation.subject import EvaluationContext
    from vaekit.fitting.trained import TrainedModel


def possible_dtypes(frame: Any, dtypes: Mapping[str, str]) -> dict[str, str]:
    """Return the dtypes, but for whole numbers and truth values of which some are missing now."""
    plain = ("int", "uint", "bool")
    return {
        name: dtype
        for name, dtype in dtypes.items()
        if not (dtype.startswith(plain) and frame[name].isna().any())
    }


def checked_frame(raw: Any) -> Any:
    """Return a data frame with names that are text and differ."""
    frame = _as_frame(raw)
    names = list(frame.columns)
    if not names:
        raise DataError("a table must have at least one column; got none.")
    check_column_names(frame)
    odd = next((name for name in names if not isinstance(name, str)), None)
    if odd is not None:
        raise DataError(
            f"names of columns must be text; got {odd!r}. Rename them with "
            "frame.columns = frame.columns.astype(str)."
        )
    return frame


def _as_frame(raw: Any) -> Any:
    """Return a pandas data frame, from one of polars or pyarrow as well."""
    if is_foreign_table(raw):
        raw = raw.to_pandas()
    if not is_frame(raw):
        raise DataError(f"a table must be a data frame; got {type(raw).__name__}.")
    return raw


_WIDTHS = {"small": 256, "medium": 512, "large": 1024}
_FEWEST_BINS, _MOST_BINS, _ROWS_OF_A_BIN = 4, 100, 10
_DEPTH, _BLIND = 1, 0.1
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
        unseen: What a cell is that training did not know: a new label, a number among labels, a
            missing cell where there was none. Either ``"refuse"``, or ``"missing"``; then
            constants are learned as labels, so that another value is one.
        scale: What the networks see of numbers: ``"quantiles"``, the normal scores of their ranks,
            or
            ``"standard"``, standard deviations, by which what is linear stays so.
        constraints: What every row obeys: `Inequality`, `FixedCombinations`, `Unique`.
        columns: What was learned of each column, in order.
        dtypes: Names and dtypes of the columns of training, where constraints change some.

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
    unseen: str = "refuse"
    scale: str = "quantiles"
    constraints: Sequence[Constraint] = ()
    columns: Sequence[Column] | None = None
    dtypes: Mapping[str, str] = field(default_factory=dict)

    def fit(self, raw: Any) -> Self:
        """Learn the columns."""
        if self.missing not in ("value", "unobserved"):
            raise SpecError(f"missing must be 'value' or 'unobserved'; got {self.missing!r}.")
        if self.unseen not in ("refuse", "missing"):
            raise SpecError(f"unseen must be 'refuse' or 'missing'; got {self.unseen!r}.")
        if self.scale not in SCALES:
            raise unknown_name("scale", self.scale, SCALES)
        frame = checked_frame(self.read(raw))
        check_rows(frame, least=2)
        dtypes = {name: str(frame[name].dtype) for name in frame.columns}
        frame = self._applied(frame)
        for name in self.kinds:
            if name not in frame.columns:
                raise unknown_name("column", name, list(frame.columns))
        columns = tuple(self._learn(frame[name]) for name in frame.columns)
        if not any(column.num_codes for column in columns):
            raise DataError(
                "a table must have a column that can be learnt; got only "
                f"{', '.join(f'{c.name!r}: {c.summary}' for c in columns)}."
            )
        return replace(self, columns=columns, dtypes=dtypes if self.constraints else {})

    def _applied(self, frame: Any) -> Any:
        for constraint in self.constraints:
            frame = constraint.apply(frame)
        return frame

    def _learn(self, values: Any) -> Column:
        known = values.dropna() if self.missing == "unobserved" else values
        column = learn_column(known, self.kinds.get(str(values.name)), self.scale)
        is_label = isinstance(column, ConstantColumn) and column.value is not None
        return learn_column(known, "category") if is_label and self.unseen == "missing" else column

    def read(self, raw: Any) -> Any:
        """Read a .csv or .parquet file; tables of polars and pyarrow become those of pandas."""
        raw = read_source(raw) if isinstance(raw, str | Path) else raw
        return raw.to_pandas() if is_foreign_table(raw) else raw

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
        frame = self._applied(checked_frame(self.read(raw)))
        self._check_columns(frame)
        check_rows(frame)
        cells = [self._cells(column, frame[column.name]) for column in learned]
        numbers = [number for _, number in cells if number is not None]
        array = np.stack([code for code, _ in cells] + numbers, axis=1)
        return torch.from_numpy(array.astype(np.float32))

    def _cells(self, column: Column, values: Any) -> Cell:
        """Codes and numbers; of a hole neither."""
        if self.unseen == "missing":
            return encode_known(column, values, column.knows(values))
        if self.missing == "unobserved":
            return encode_known(column, values, values.notna().to_numpy())
        return column.encode(values)

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
        if not self.dtypes:
            return frame
        return frame[list(self.dtypes)].astype(possible_dtypes(frame, self.dtypes))

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
        return 0.1 if is_frame(raw) and _all_numbers(raw) else 0.5

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
        for code, column in enumerate(self.learned):
            if column.has_number:
                observed[:, self.cells[column.name][1]] = x[:, code] == column.number_code
        return observed

    @property
    def charges_unknown_cells(self) -> bool:
        """Whether a missing cell is a value of its column."""
        return self.missing == "value"

    def detector_defaults(self, clean: bool, X: Any) -> DetectorDefaults:
        """Return standard scaling, since among ranks the largest is never far away."""
        domain = replace(self, scale="standard", unseen="missing")
        return super(TableDomain, domain).detector_defaults(clean, X)

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
        most = max(_FEWEST_BINS, min(_MOST_BINS, len(rows) // _ROWS_OF_A_BIN))
        bins = [column.bins(most) for column in self.learned if column.has_number]
        width = _WIDTHS[size] // 2
        dropout = _DROPOUT * min(1.0, (_FEW_ROWS / len(rows)) ** 0.5)
        cells = AutoregressiveCells(codes, told, bins, width, _DEPTH, dropout, _BLIND)
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


def _all_numbers(frame: Any) -> bool:
    import pandas.api.types as kinds

    dtypes = frame.dtypes
    plain = all(kinds.is_numeric_dtype(t) and not kinds.is_bool_dtype(t) for t in dtypes)
    return plain and not frame.isna().any(axis=None)


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
