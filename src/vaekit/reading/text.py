"""Delimited text to tables: small files cell by cell, large ones by Arrow's parser."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from vaekit.csv_text import FORMULA, NUMBER, unguarded
from vaekit.errors import DataError
from vaekit.reading.dialect import (
    HEAD,
    Layout,
    Row,
    block_widths,
    count_lines,
    find_delimiter,
    find_encoding,
    find_footer,
    find_layout,
    open_binary,
    split_rows,
)
from vaekit.reading.formats import (
    ColumnFormat,
    ParsingHints,
    convert,
    has_cell_of,
    learn_format,
    uses_decimal_commas,
)
from vaekit.reading.records import ColumnReading, Reading, TableOptions, warn_of_guesses

_LARGE = 2**24  # bytes from which a regular file is read by Arrow's parser, in pieces

_SYSTEMATIC = 0.05  # share of rows that are short by habit of their writer, and not by damage

_SHOWN = 3


def read_text(path: Path, options: TableOptions) -> Reading:
    """Read delimited text: small or uneven files cell by cell, large even ones by Arrow."""
    try:
        with open_binary(path) as file:
            head = file.read(HEAD)
            rest = b"" if len(head) < HEAD else file.read(max(0, _LARGE - HEAD))
            is_large = len(head) + len(rest) >= _LARGE
            if not is_large:
                return _read_small(path, head + rest, options)
            found = _read_large(path, head, options)
            return (
                found
                if found is not None
                else _read_small(path, head + rest + file.read(), options)
            )
    except (OSError, EOFError) as error:
        raise DataError(f"{path} must be a readable file; {error}.") from error


def decode_text(data: bytes, options: TableOptions) -> tuple[str, str, list[str]]:
    """Return the text, its encoding, and a note where that was guessed.

    Raises:
        DataError: The text is not of the encoding.
    """
    encoding, guessed = (options.encoding, False) if options.encoding else find_encoding(data)
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        raise DataError(
            f"the text must be {encoding}; byte {error.start} is {data[error.start]:#x}. Name "
            "another encoding, for instance --encoding latin-1."
        ) from error
    note = f"it is no UTF-8, and was read as {encoding} (--encoding names another)"
    return text.removeprefix("\ufeff"), encoding, [note] if guessed else []


def _read_small(path: Path, data: bytes, options: TableOptions) -> Reading:
    text, encoding, notes = decode_text(data, options)
    if not text.strip():
        import pyarrow as pa

        return Reading(pa.table({}), None, (), {"encoding": encoding}, ("the file is empty",))
    delimiter = options.delimiter or find_delimiter(text[: HEAD // 4])
    rows = split_rows(text, delimiter)
    layout = _with_own_names(find_layout(rows, options.header))
    body = rows[layout.start :]
    dropped, footer = find_footer(body, layout.width)
    body = body[: len(body) - dropped] if dropped else body
    cells, uneven = even_rows(body, layout, options, layout.start)
    columns = [
        [unguarded(cell) if cell[:1] == "'" else cell for cell in column]
        for column in zip(*cells, strict=True)
    ] or [[]] * layout.width
    notes += [*layout.notes, *footer, *uneven]
    return text_columns(columns, layout, options, delimiter, encoding, notes)


def _with_own_names(layout: Layout) -> Layout:
    """Return a layout whose names are as before an apostrophe kept them from being formulas."""
    names = tuple(unguarded(name) for name in layout.names)
    return replace(layout, names=names) if len(set(names)) == len(names) else layout


def _own_text(cells: Any) -> Any:
    """Return text without the apostrophes that keep it from being formulas; see `unguarded`."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if cells.type != pa.string():
        return cells
    marked = pc.match_substring_regex(cells, f"^'+{FORMULA}")
    if not pc.any(marked).as_py():
        return cells
    marked = pc.and_(marked, pc.invert(pc.match_substring_regex(cells, f"^'+{NUMBER}$")))
    return pc.if_else(marked, pc.utf8_slice_codeunits(cells, 1), cells)


def even_rows(
    body: Sequence[Row], layout: Layout, options: TableOptions, start: int
) -> tuple[list[Row], list[str]]:
    """Return rows of one width, and what was done for it.

    Raises:
        DataError: Some rows have too few or too many cells, which is no habit of their writer.
    """
    width, whole = layout.width, layout.width + layout.trailing
    rows, bad, short = [], [], 0
    for place, row in enumerate(body):
        if not any(cell.strip() for cell in row) and not (width == 1 and len(row) == 1):
            continue
        if len(row) > width and not any(cell.strip() for cell in row[width:]):
            row = row[:width]
        if len(row) != width:
            bad.append((place + start + 1, len(row)))
            short += len(row) < width
            row = [*row, *[""] * (width - len(row))][:width]
        rows.append(row)
    if not bad:
        return rows, []
    habit = short >= max(2, _SYSTEMATIC * len(rows)) or {n for _, n in bad} <= block_widths(body)
    if short == len(bad) and habit and not options.skip_bad:
        return rows, [f"{short} rows end early; the cells that they lack are missing"]
    if not options.skip_bad:
        shown = ", ".join(f"row {row} of the file has {count}" for row, count in bad[:_SHOWN])
        raise DataError(
            f"each row must have {whole} cells; {shown} ({len(bad)} such rows). Mend them, leave "
            "them out with --skip-bad (skip_bad=True), or name another delimiter with --sep."
        )
    wrong = {row - start - 1 for row, _ in bad}
    return _without(body, wrong, width), [
        f"{len(bad)} rows with too few or too many cells were left out"
    ]


def _without(body: Sequence[Row], wrong: set[int], width: int) -> list[Row]:
    return [
        row[:width]
        for place, row in enumerate(body)
        if place not in wrong and any(cell.strip() for cell in row)
    ]


def text_columns(
    columns: Sequence[Any],
    layout: Layout,
    options: TableOptions,
    delimiter: str,
    encoding: str,
    notes: Sequence[str],
    hints: ParsingHints | None = None,
) -> Reading:
    """Return columns of text as columns of values; columns that have values keep them.

    Args:
        columns: Lists of cells, or Arrow arrays.
        layout: Of the file.
        options: What the user says.
        delimiter: Of the file.
        encoding: Of the file.
        notes: What was said already.
        hints: What the whole table tells of its cells; ``None`` tells it from these.
    """
    import pyarrow as pa

    arrays = [
        c if isinstance(c, pa.ChunkedArray) else pa.chunked_array([pa.array(c, pa.string())])
        for c in columns
    ]
    index, names = None, list(layout.names)
    if layout.has_index:
        index, arrays, names = _index(arrays[0].to_pandas()), arrays[1:], names[1:]
    hints = hints or table_hints(arrays, options, delimiter)
    read = [
        column_of_text(name, cells, hints) if cells.type == pa.string() else _known(name, cells)
        for name, cells in zip(names, arrays, strict=True)
    ]
    table = pa.table({name: values for name, (values, _) in zip(names, read, strict=True)})
    dialect = {
        "encoding": encoding,
        "delimiter": "tab" if delimiter == "\t" else delimiter,
        "decimal": hints.decimal or ".",
        "header rows": str(layout.header),
    }
    return Reading(table, index, tuple(c for _, c in read), dialect, tuple(notes), layout.start)


def _known(name: str, values: Any) -> tuple[Any, ColumnReading]:
    """Return a column that Arrow's parser read, and what it was taken for."""
    kind = {"int64": "integer", "double": "number"}.get(str(values.type), "datetime")
    form = ColumnFormat(kind, date="ISO8601" if kind == "datetime" else "")
    return values, ColumnReading(name, form, str(values.type), int(values.null_count))


def _index(values: Any) -> Any:
    import pandas as pd

    numbers = pd.to_numeric(values, errors="coerce")
    whole = numbers.notna().all() and (numbers % 1 == 0).all()
    return pd.Index(numbers.astype("int64") if whole else values)


def table_hints(arrays: Sequence[Any], options: TableOptions, delimiter: str) -> ParsingHints:
    """Return what the whole table tells of its cells: decimal commas, words for nothing."""
    decimal = options.decimal
    if decimal is None and uses_decimal_commas(arrays):
        decimal = ","
    hints = ParsingHints(
        decimal,
        delimiter,
        options.day_first,
        frozenset(options.missing_values),
        options.kinds,
        options.formats,
    )
    return replace(hints, missing=hints.missing | _words_of_numbers(arrays, hints))


def _words_of_numbers(arrays: Sequence[Any], hints: ParsingHints) -> frozenset[str]:
    """Return which of NA and NaN stand for nothing among numbers, and so elsewhere too."""
    found: set[str] = set()
    for cells in arrays:
        some = cells.slice(0, 2000)
        if not has_cell_of(some, _OF_NUMBERS):
            continue
        form = learn_format("", some, hints)
        if form.kind in ("integer", "number", "datetime"):
            found |= _OF_NUMBERS.intersection(form.missing)
    return frozenset(found)


_OF_NUMBERS = frozenset({"NA", "NaN", "N/A", "#N/A"})


def column_of_text(name: str, cells: Any, hints: ParsingHints) -> tuple[Any, ColumnReading]:
    """Return the values of a column of text, and what it was taken for."""
    form = learn_format(name, cells, hints)
    if form.kind == "integer" and form.is_plain and _has_codes(cells):
        form = ColumnFormat(missing=tuple(sorted({"", *hints.missing})), guess=_CODES_AS_TEXT)
    return _converted(name, cells, form)


_CODES_AS_TEXT = "codes with leading zeros were read as text"
_CODES_AS_NUMBERS = "codes with leading zeros were read as integers; say --kind COLUMN=category"
_ALWAYS = (_CODES_AS_NUMBERS,)


def _converted(name: str, cells: Any, form: ColumnFormat) -> tuple[Any, ColumnReading]:
    """Return the values of a column by its format, with a note of cells that do not have it."""
    values, strange = convert(cells, form)
    note = form.guess
    if form.kind == "integer" and form.is_plain and _has_codes(cells):
        note = _CODES_AS_NUMBERS
    if form.affix and not note:
        note = f"{form.affix!r} was taken off; its values are numbers, and are written as such"
    count = int(strange.sum())
    if count:
        row = int(strange.argmax())
        note = (
            f"{cells[row].as_py()!r} in row {row + 1} of the table is no {form.kind} ({count} such "
            "cells) and was read as missing; mend it, or read the column as labels: --kind "
            f"{name}=category"
        )
    return values, ColumnReading(name, form, str(values.type), int(values.null_count), count, note)


def _has_codes(cells: Any) -> bool:
    """Return whether an integer has zeros in front, beyond the rows that told its format."""
    import pyarrow.compute as pc

    starts = pc.starts_with(cells, "0")
    if not pc.any(starts).as_py():
        return False
    return bool(pc.any(pc.match_substring_regex(cells.filter(starts), r"^0\d")).as_py())


class _Head(NamedTuple):
    """What the first part of a large file tells of all of it.

    Attributes:
        encoding: Of the text.
        delimiter: Between cells.
        layout: Of the rows.
        columns: The cells of the rows of the body that it holds, column by column.
        hints: What these tell of all cells.
        skipped: Lines above the body.
        has_quotes: Whether cells are quoted.
        notes: What was guessed of the file.
    """

    encoding: str
    delimiter: str
    layout: Layout
    columns: list[Any]
    hints: ParsingHints
    skipped: int
    has_quotes: bool
    notes: tuple[str, ...]

    def parsers(self, names: Sequence[str], block: int) -> tuple[Any, Any]:
        """Return Arrow's options of reading and parsing."""
        from pyarrow import csv

        encoding = "utf-8" if self.encoding == "utf-8-sig" else self.encoding
        reading = csv.ReadOptions(
            skip_rows=self.skipped, column_names=names, encoding=encoding, block_size=block
        )
        return reading, csv.ParseOptions(
            delimiter=self.delimiter, newlines_in_values=self.has_quotes
        )


def _look_at(head: bytes, options: TableOptions) -> _Head | None:
    """Return what the first part of a file tells; ``None`` if its rows are uneven."""
    import pyarrow as pa

    cut = head[: head.rfind(b"\n") + 1]
    encoding, guessed = (options.encoding, False) if options.encoding else find_encoding(cut)
    text = cut.decode(encoding, errors="replace").removeprefix("\ufeff")
    delimiter = options.delimiter or find_delimiter(text[: HEAD // 4])
    rows = split_rows(text, delimiter)[:-1]  # the last may go on
    layout = _with_own_names(find_layout(rows, options.header))
    body = [row for row in rows[layout.start :] if row]
    if not body or any(len(row) != layout.width + layout.trailing for row in body):
        return None
    columns = [
        _own_text(pa.chunked_array([pa.array(c, pa.string())])) for c in zip(*body, strict=True)
    ]
    note = f"it is no UTF-8, and was read as {encoding} (--encoding names another)"
    return _Head(
        encoding,
        delimiter,
        layout,
        columns,
        table_hints(columns[: layout.width], options, delimiter),
        count_lines(text, delimiter, layout.start),
        '"' in text,
        (*([note] if guessed else []), *layout.notes),
    )


def _read_large(path: Path, head: bytes, options: TableOptions) -> Reading | None:
    """Read a large file by Arrow's parser; ``None`` if its rows are uneven."""
    import pyarrow as pa

    if (told := _look_at(head, options)) is None:
        return None
    types = _plain_types(told, options)
    try:
        if pa.int64() in types.values() and _has_leading_zeros(path, told.delimiter):
            types = {name: kind for name, kind in types.items() if kind != pa.int64()}
        try:
            table = _parsed(path, told, types)
        except pa.ArrowInvalid:  # a cell further down is of another kind
            table = _parsed(path, told, {})
    except pa.ArrowInvalid:
        return None
    table, footer = _without_lines(table.select(range(told.layout.width)), told.layout)
    return text_columns(
        [_own_text(cells) for cells in table.columns],
        told.layout,
        options,
        told.delimiter,
        told.encoding,
        (*told.notes, *footer),
        told.hints,
    )


def _parsed(path: Path, told: _Head, types: Mapping[str, Any]) -> Any:
    import pyarrow as pa
    from pyarrow import csv

    names = [f"{i}" for i in range(len(told.columns))]
    converting = csv.ConvertOptions(
        column_types={name: types.get(name, pa.string()) for name in names},
        null_values=sorted(_NULLS | told.hints.missing),
        strings_can_be_null=False,
    )
    with open_binary(path) as file:
        return csv.read_csv(file, *told.parsers(names, 2**23), converting)


def _without_lines(table: Any, layout: Layout) -> tuple[Any, list[str]]:
    """Return a table without blank rows, and without lines at its end that are no part of it."""
    import pyarrow as pa
    import pyarrow.compute as pc

    last = table.slice(max(0, len(table) - 200)).to_pylist()
    rows = [["" if cell is None else str(cell) for cell in row.values()] for row in last]
    dropped, footer = find_footer(rows, layout.width)
    table = table.slice(0, len(table) - dropped)
    blank = None
    for cells in table.columns:
        own = pc.equal(cells, "") if cells.type == pa.string() else pc.is_null(cells)
        blank = own if blank is None else pc.and_(blank, own)
        if not pc.any(blank).as_py():
            return table, footer
    return table.filter(pc.invert(blank)), footer


def pieces_of_text(path: Path, rows: int, options: TableOptions) -> Iterator[Any] | None:
    """Return pieces of a large even file; ``None`` if it is small, or has names of rows."""
    with open_binary(path) as file:
        head = file.read(HEAD)
    told = None if len(head) < HEAD else _look_at(head, options)
    if told is None or told.layout.has_index or told.layout.trailing:
        return None
    found = text_columns(
        told.columns, told.layout, options, told.delimiter, told.encoding, told.notes, told.hints
    )
    warn_of_guesses(found, path)
    return _stream(path, rows, told, found)


def _stream(path: Path, rows: int, told: _Head, found: Reading) -> Iterator[Any]:
    import pyarrow as pa
    from pyarrow import csv

    names = [c.name for c in found.columns]
    text = csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()))
    kept: list[Any] = []
    try:
        with open_binary(path) as file:
            for batch in csv.open_csv(file, *told.parsers(names, 2**22), text):
                kept.append(batch)
                while sum(len(part) for part in kept) >= rows:
                    table = pa.Table.from_batches(kept)
                    kept = table.slice(rows).combine_chunks().to_batches()
                    yield _with_formats(table.slice(0, rows), found, path)
    except (OSError, EOFError, pa.ArrowException) as error:
        raise DataError(f"{path} must be a readable file of even rows; {error}.") from error
    if kept:
        yield _with_formats(pa.Table.from_batches(kept), found, path)


def _with_formats(table: Any, found: Reading, path: Path) -> Any:
    """Return a piece by the formats that the first part of its file told, and warn of others."""
    import pyarrow as pa

    read = [
        _converted(c.name, _own_text(table.column(c.name)), c.format or ColumnFormat())
        for c in found.columns
    ]
    columns = tuple(column for _, column in read)
    values = {column.name: cells for cells, column in read}
    piece = replace(found, table=pa.table(values), columns=columns, notes=())
    warn_of_guesses(
        replace(piece, columns=tuple(c for c in columns if c.stray or c.note in _ALWAYS)), path
    )
    return piece.to_pandas()


_NULLS = frozenset({"", "NA", "N/A", "n/a", "NaN", "nan", "null", "NULL", "None", "-", "?", "#N/A"})

_PLAIN_KINDS = {"integer": "int64", "number": "float64"}


def _plain_types(told: _Head, options: TableOptions) -> dict[str, Any]:
    """Return types that Arrow's parser reads by itself: plain numbers, and ISO dates."""
    import pyarrow as pa

    found = {}
    for place, cells in enumerate(told.columns[: told.layout.width]):
        name = told.layout.names[place]
        if (name in options.kinds) or (place == 0 and told.layout.has_index):
            continue
        form = learn_format(name, cells, told.hints)
        if form.is_plain and form.kind in _PLAIN_KINDS:
            found[str(place)] = pa.type_for_alias(_PLAIN_KINDS[form.kind])
        elif form.date == "ISO8601" and not _has_zone(cells):
            found[str(place)] = pa.timestamp("us")
    return found


def _has_zone(cells: Any) -> bool:
    import pyarrow.compute as pc

    return bool(pc.any(pc.match_substring_regex(cells, r"^.{11,}([Zz+]|-\d\d:?\d\d$)")).as_py())


def _has_leading_zeros(path: Path, delimiter: str) -> bool:
    """Return whether some cell of a file starts with a zero before another digit."""
    zero, before = ord("0"), [ord(mark) for mark in (delimiter, "\n", '"')]
    tail = b"\n"
    with open_binary(path) as file:
        while piece := file.read(2**20):  # as much as stays in the processor's memory
            bytes_ = np.frombuffer(tail + piece, np.uint8)
            first, second, third = bytes_[:-2], bytes_[1:-1], bytes_[2:]
            found = (second == zero) & (third - zero < 10)  # without sign, so from 0 to 9
            found &= (first == before[0]) | (first == before[1]) | (first == before[2])
            if found.any():
                return True
            tail = piece[-2:]
    return False
