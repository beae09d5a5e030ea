"""Delimited text to tables: small files cell by cell, large ones by Arrow's parser."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

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
    Hints,
    convert,
    learn_format,
    uses_decimal_commas,
)
from vaekit.reading.records import ColumnReading, Reading, TableOptions, say

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
    layout = find_layout(rows, options.header)
    body = rows[layout.start :]
    dropped, footer = find_footer(body, layout.width)
    body = body[: len(body) - dropped] if dropped else body
    cells, uneven = even_rows(body, layout, options, layout.start)
    columns = [list(column) for column in zip(*cells, strict=True)] or [[]] * layout.width
    notes += [*layout.notes, *footer, *uneven]
    return text_columns(columns, layout, options, delimiter, encoding, notes)


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
        shown = ", ".join(f"row {row} has {count}" for row, count in bad[:_SHOWN])
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
) -> Reading:
    """Return columns of text as columns of values."""
    import pyarrow as pa

    arrays = [
        c if isinstance(c, pa.ChunkedArray) else pa.chunked_array([pa.array(c, pa.string())])
        for c in columns
    ]
    index = None
    names = list(layout.names)
    if layout.has_index:
        index, arrays, names = arrays[0].to_pandas(), arrays[1:], names[1:]
        index = _index(index)
    hints = table_hints(arrays, options, delimiter)
    read = [column_of_text(n, c, hints) for n, c in zip(names, arrays, strict=True)]
    table = pa.table({name: values for name, (values, _) in zip(names, read, strict=True)})
    dialect = {
        "encoding": encoding,
        "delimiter": "tab" if delimiter == "\t" else delimiter,
        "decimal": hints.decimal or ".",
        "header rows": str(layout.header),
    }
    return Reading(table, index, tuple(c for _, c in read), dialect, tuple(notes), layout.start)


def _index(values: Any) -> Any:
    import pandas as pd

    numbers = pd.to_numeric(values, errors="coerce")
    whole = numbers.notna().all() and (numbers % 1 == 0).all()
    return pd.Index(numbers.astype("int64") if whole else values)


def table_hints(arrays: Sequence[Any], options: TableOptions, delimiter: str) -> Hints:
    """Return what the whole table tells of its cells: decimal commas, words for nothing."""
    decimal = options.decimal
    if decimal is None and uses_decimal_commas(arrays):
        decimal = ","
    hints = Hints(
        decimal,
        delimiter,
        options.day_first,
        frozenset(options.missing_values),
        options.kinds,
        options.formats,
    )
    return replace(hints, missing=hints.missing | _words_of_numbers(arrays, hints))


def _words_of_numbers(arrays: Sequence[Any], hints: Hints) -> frozenset[str]:
    """Return which of NA and NaN stand for nothing among numbers, and so elsewhere too."""
    found: set[str] = set()
    for cells in arrays:
        form = learn_format("", cells.slice(0, 2000), hints)
        if form.kind in ("integer", "number", "datetime"):
            found |= {word for word in form.missing if word in ("NA", "NaN", "N/A", "#N/A")}
    return frozenset(found)


def column_of_text(name: str, cells: Any, hints: Hints) -> tuple[Any, ColumnReading]:
    """Return the values of a column of text, and what it was taken for."""
    form = learn_format(name, cells, hints)
    values, strange = convert(cells, form)
    if form.kind == "integer" and form.is_plain and _has_codes(cells):
        form = ColumnFormat(
            missing=tuple(sorted({"", *hints.missing})),
            guess="codes with leading zeros were read as text",
        )
        values, strange = convert(cells, form)
    note = form.guess
    if form.affix and not note:
        note = f"{form.affix!r} was taken off; its values are numbers, and are written as such"
    count = int(strange.sum())
    if count:
        row = int(strange.argmax())
        note = (
            f"{cells[row].as_py()!r} in row {row + 1} is no {form.kind} ({count} such cells) and "
            f"was read as missing; mend it, or read the column as labels: --kind {name}=category"
        )
    return values, ColumnReading(name, form, str(values.type), int(values.null_count), count, note)


def _has_codes(cells: Any) -> bool:
    """Return whether an integer has zeros in front, beyond the rows that told its format."""
    import pyarrow.compute as pc

    starts = pc.starts_with(cells, "0")
    if not pc.any(starts).as_py():
        return False
    return bool(pc.any(pc.match_substring_regex(cells.filter(starts), r"^0\d")).as_py())


def _read_large(path: Path, head: bytes, options: TableOptions) -> Reading | None:
    """Read a large file by Arrow's parser; ``None`` if its rows are uneven."""
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    cut = head[: head.rfind(b"\n") + 1]
    encoding, guessed = (options.encoding, False) if options.encoding else find_encoding(cut)
    text = cut.decode(encoding, errors="replace").removeprefix("\ufeff")
    delimiter = options.delimiter or find_delimiter(text[: HEAD // 4])
    rows = split_rows(text, delimiter)[:-1]  # the last may go on
    layout = find_layout(rows, options.header)
    if any(len(row) not in (layout.width + layout.trailing, 0) for row in rows[layout.start :]):
        return None
    names = [f"{i}" for i in range(layout.width + layout.trailing)]
    types = _plain_types(rows[layout.start :], layout, options, delimiter)
    reading = arrow_csv.ReadOptions(
        skip_rows=count_lines(text, delimiter, layout.start),
        column_names=names,
        encoding="utf-8" if encoding == "utf-8-sig" else encoding,
        block_size=2**23,
    )
    parsing = arrow_csv.ParseOptions(
        delimiter=delimiter, newlines_in_values='"' in text, quote_char='"'
    )

    def read(types: Mapping[str, Any]) -> Any:
        with open_binary(path) as file:
            converting = arrow_csv.ConvertOptions(
                column_types={name: types.get(name, pa.string()) for name in names},
                null_values=sorted(_NULLS | set(options.missing_values)),
                strings_can_be_null=False,
                quoted_strings_can_be_null=True,
            )
            return arrow_csv.read_csv(file, reading, parsing, converting)

    try:
        has_zeros = "int64" in map(str, types.values()) and _has_leading_zeros(path, delimiter)
        plain = {n: t for n, t in types.items() if not (has_zeros and str(t) == "int64")}
        try:
            table = read(plain)
        except pa.ArrowInvalid:
            table = read({})
    except pa.ArrowInvalid:
        return None
    notes = [f"it is no UTF-8, and was read as {encoding}"] if guessed else []
    return _finish_large(table, layout, options, delimiter, encoding, [*notes, *layout.notes])


def pieces_of_text(path: Path, rows: int, options: TableOptions) -> Iterator[Any] | None:
    """Return pieces of a large even file; ``None`` if it is small, or has lines at its end."""
    with open_binary(path) as file:
        head = file.read(HEAD)
        if len(head) < HEAD:
            return None
    cut = head[: head.rfind(b"\n") + 1]
    encoding, _ = (options.encoding, False) if options.encoding else find_encoding(cut)
    text = cut.decode(encoding, errors="replace").removeprefix("\ufeff")
    delimiter = options.delimiter or find_delimiter(text[: HEAD // 4])
    lines = split_rows(text, delimiter)[:-1]
    layout = find_layout(lines, options.header)
    body = lines[layout.start :]
    if any(len(row) != layout.width for row in body) or layout.has_index:
        return None
    columns = [list(cells) for cells in zip(*body, strict=True)]
    told = text_columns(columns, layout, options, delimiter, encoding, layout.notes)
    say(told, path)
    skipped = count_lines(text, delimiter, layout.start)
    return _stream(path, rows, told, (skipped, delimiter, encoding))


def _stream(path: Path, rows: int, told: Reading, place: tuple[int, str, str]) -> Iterator[Any]:
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    skipped, delimiter, encoding = place
    names = [c.name for c in told.columns]
    reading = arrow_csv.ReadOptions(
        skip_rows=skipped,
        column_names=names,
        encoding="utf-8" if encoding == "utf-8-sig" else encoding,
        block_size=2**22,
    )
    parsing = arrow_csv.ParseOptions(delimiter=delimiter, newlines_in_values=True)
    text = arrow_csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()))
    kept: list[Any] = []
    try:
        with open_binary(path) as file:
            for batch in arrow_csv.open_csv(file, reading, parsing, text):
                kept.append(batch)
                while sum(len(part) for part in kept) >= rows:
                    table = pa.Table.from_batches(kept)
                    kept = table.slice(rows).combine_chunks().to_batches()
                    yield _with_formats(table.slice(0, rows), told)
    except (OSError, EOFError, pa.ArrowException) as error:
        raise DataError(f"{path} must be a readable file of even rows; {error}.") from error
    if kept:
        yield _with_formats(pa.Table.from_batches(kept), told)


def _with_formats(table: Any, told: Reading) -> Any:
    import pyarrow as pa

    values = {
        c.name: convert(table.column(c.name), c.format or ColumnFormat())[0] for c in told.columns
    }
    return replace(told, table=pa.table(values)).to_pandas()


_NULLS = frozenset({"", "NA", "N/A", "n/a", "NaN", "nan", "null", "NULL", "None", "-", "?", "#N/A"})

_PLAIN_KINDS = {"integer": "int64", "number": "float64"}


def _plain_types(
    rows: Sequence[Row], layout: Layout, options: TableOptions, delimiter: str
) -> dict[str, Any]:
    """Return types that Arrow's parser reads by itself: plain integers and numbers."""
    import pyarrow as pa

    if options.decimal == "," or options.kinds:
        return {}
    hints = Hints(options.decimal, delimiter, missing=frozenset(options.missing_values))
    found = {}
    for place, cells in enumerate(zip(*(row for row in rows if row), strict=True)):
        form = learn_format("", pa.chunked_array([pa.array(cells, pa.string())]), hints)
        if form.is_plain and form.kind in _PLAIN_KINDS:
            found[str(place)] = pa.type_for_alias(_PLAIN_KINDS[form.kind])
        elif form.date == "ISO8601" and not any("Z" in c or "+" in c for c in cells[:100]):
            found[str(place)] = pa.timestamp("us")
    if layout.has_index:
        found.pop("0", None)
    return found


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


def _finish_large(
    table: Any,
    layout: Layout,
    options: TableOptions,
    delimiter: str,
    encoding: str,
    notes: list[str],
) -> Reading:
    """Return columns that Arrow read, those of text converted, without lines at the end."""
    import pyarrow as pa

    last = table.slice(max(0, len(table) - 200))
    rows = [
        ["" if cell is None else str(cell) for cell in row.values()] for row in last.to_pylist()
    ]
    dropped, footer = find_footer(rows, layout.width)
    if dropped:
        table = table.slice(0, len(table) - dropped)
    arrays = table.columns[: layout.width]
    names = list(layout.names)
    index = None
    if layout.has_index:
        index, arrays, names = _index(arrays[0].to_pandas()), arrays[1:], names[1:]
    text = [c for c in arrays if c.type == pa.string()]
    hints = table_hints(text, options, delimiter)
    read = [
        column_of_text(name, cells, hints)
        if cells.type == pa.string()
        else (cells, _known(name, cells, cells.type))
        for name, cells in zip(names, arrays, strict=True)
    ]
    found = pa.table({name: values for name, (values, _) in zip(names, read, strict=True)})
    dialect = {
        "encoding": encoding,
        "delimiter": "tab" if delimiter == "\t" else delimiter,
        "decimal": hints.decimal or ".",
        "header rows": str(layout.header),
    }
    return Reading(found, index, tuple(c for _, c in read), dialect, (*notes, *footer))


def _known(name: str, values: Any, kind: Any) -> ColumnReading:
    kinds = {"int64": "integer", "double": "number"}
    form = ColumnFormat(
        kinds.get(str(kind), "datetime"), date="" if str(kind) in kinds else "ISO8601"
    )
    return ColumnReading(name, form, str(kind), int(values.null_count))
