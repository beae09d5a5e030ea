"""Files to tables: what they mean, with what was left out and guessed said aloud."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from vaekit.errors import DataError, MissingExtraError, unknown_name
from vaekit.places import check_source, is_there
from vaekit.reading.dialect import (
    find_footer,
    find_layout,
    open_binary,
)
from vaekit.reading.records import (
    ColumnReading,
    Reading,
    TableOptions,
    current_options,
    warn_of_guesses,
)
from vaekit.reading.text import (
    column_of_text,
    decode_text,
    even_rows,
    pieces_of_text,
    read_text,
    table_hints,
    text_columns,
)

ENDINGS = (".csv", ".tsv", ".txt", ".parquet", ".feather", ".arrow", ".jsonl", ".ndjson", ".xlsx")
"""Of files that hold tables; those of text may be compressed: .gz, .bz2, .xz, .zst, .zip."""

COMPRESSED = (".gz", ".bz2", ".xz", ".zst", ".zip")

FORMS = ("pandas", "arrow", "polars")


def is_table_file(path: str | Path) -> bool:
    """Return whether the name is that of a table.

    Example:
        >>> is_table_file("people.csv.gz"), is_table_file("photo.png")
        (True, False)
    """
    return _ending(Path(path)) in ENDINGS


def _ending(path: Path) -> str:
    """Return the ending in lower case, without that of compression."""
    name = path.name.lower()
    for end in COMPRESSED:
        if name.endswith(end) and "." in name[: -len(end)]:
            name = name[: -len(end)]
            break
    return Path(name).suffix


def read_table(
    path: str | Path,
    *,
    sep: str | None = None,
    decimal: str | None = None,
    encoding: str | None = None,
    header: bool | None = None,
    kinds: Mapping[str, str] | None = None,
    drop: Sequence[str] = (),
    missing_values: Sequence[str] = (),
    day_first: bool | None = None,
    skip_bad: bool = False,
    form: str = "pandas",
) -> Any:
    """Read a table from a file, as the file means it.

    The encoding, the delimiter, decimal commas, lines above and below the table, a row of units,
    the header (of several rows too) and the types of columns are told from the file; each can be
    said instead. What is left out, renamed or guessed is said in a `ReadingWarning`.

    Args:
        path: A file ending in one of `ENDINGS`.
        sep: What stands between cells: one character, or ``"tab"``.
        decimal: ``"."`` or ``","``.
        encoding: Of text files.
        header: Whether there are names above the columns.
        kinds: What columns are, where you know better: name -> ``"category"`` (kept as text),
            ``"number"`` or ``"datetime"``.
        drop: Columns to leave out.
        missing_values: Words that stand for nothing in any column. In columns of numbers and dates
            the usual ones (NA, null, -, ?) always do; in those of text only what you name, and NA
            where it stands for nothing in the file's numbers.
        day_first: Whether 03/04/2021 is in April, where no date of a column tells.
        skip_bad: Leave out rows with too few or too many cells; else they are an error.
        form: ``"pandas"``, ``"arrow"`` or ``"polars"``: what is returned.

    Returns:
        A data frame, or a table: numbers, dates (without a zone, or in UTC), durations, truth
        values, and text. Nothing becomes a category yet.

    Raises:
        DataError: The file is damaged, empty, or has uneven rows; names the row and the cure.
        SpecError: An option makes no sense.
        MissingExtraError: A form or a format needs a package that is not installed.

    Example:
        >>> import tempfile, pathlib
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder, "sizes.csv")
        ...     _ = path.write_text("size;day\\n1,5;24.12.2021\\n2,25;1.1.2022\\n")
        ...     read_table(path)
           size        day
        0  1.50 2021-12-24
        1  2.25 2022-01-01
    """
    if form not in FORMS:
        raise unknown_name("form of a table", form, FORMS)
    options = TableOptions(
        sep,
        decimal,
        encoding,
        header,
        kinds or {},
        drop,
        missing_values,
        day_first,
        skip_bad=skip_bad,
    )
    found = examine_table(path, options)
    warn_of_guesses(found, path)
    if form == "arrow":
        return found.table
    if form == "polars":
        try:
            import polars as pl
        except ImportError as error:
            raise MissingExtraError("tables of polars need it: pip install polars.") from error
        return pl.from_arrow(found.table)
    return found.to_pandas()


def examine_table(path: str | Path, options: TableOptions | None = None) -> Reading:
    """Read a table, and tell what was found: the same as `read_table`, with its reasons.

    Raises:
        DataError: As `read_table`.

    Example:
        >>> import tempfile, pathlib
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder, "a.csv")
        ...     _ = path.write_text("code\\tshare\\n01\\t5%\\n02\\t7.5%\\n")
        ...     [c.format.summary for c in examine_table(path).columns]
        ['text', 'number with %']
    """
    options = options or current_options()
    options.check()
    path = Path(path).expanduser()
    check_source(path)
    if not is_there(path) or not path.is_file():
        raise DataError(f"a table must be a file; there is none at {path}.")
    ending = _ending(path)
    if ending not in ENDINGS:
        raise DataError(f"a table must end in {', '.join(ENDINGS)}; got {path.name}.")
    reader = _READERS.get(ending, read_text)
    found = _drop(reader(path, options), options)
    for name in options.kinds:
        if name not in found.table.column_names and not options.optional:
            raise unknown_name("column", name, found.table.column_names)
    return found


def _drop(found: Reading, options: TableOptions) -> Reading:
    for name in options.drop:
        if name not in found.table.column_names:
            raise unknown_name("column", name, found.table.column_names)
    if not options.drop:
        return found
    kept = tuple(c for c in found.columns if c.name not in options.drop)
    return replace(found, table=found.table.drop_columns(list(options.drop)), columns=kept)


def read_pieces(path: str | Path, rows: int, options: TableOptions | None = None) -> Iterator[Any]:
    """Read a table a piece at a time, as data frames with the formats of its first part.

    Of large even text files one piece is in memory; others are read whole and cut.

    Args:
        path: As `read_table`.
        rows: Of a piece, at most.
        options: As `examine_table`.

    Raises:
        DataError: As `read_table`; of a damaged part when it is reached.

    Example:
        >>> import tempfile, pathlib
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder, "a.csv")
        ...     _ = path.write_text("x,y\\n" + "1,a\\n" * 25)
        ...     [len(piece) for piece in read_pieces(path, 10)]
        [10, 10, 5]
    """
    options = options or current_options()
    path = Path(path)
    whole = pieces_of_text(path, rows, options) if _ending(path) in _TEXT else None
    if whole is not None:
        yield from whole
        return
    found = examine_table(path, options)
    warn_of_guesses(found, path)
    frame = found.to_pandas()
    for start in range(0, len(frame), rows):
        yield frame.iloc[start : start + rows]


_TEXT = (".csv", ".tsv", ".txt")


def _read_excel(path: Path, options: TableOptions) -> Reading:
    """Read the first sheet; its rows go the way of those of text."""
    try:
        from openpyxl import load_workbook
    except ImportError as error:
        raise MissingExtraError(
            "reading .xlsx needs openpyxl: pip install 'vaekit[excel]'."
        ) from error
    try:
        book = load_workbook(path, read_only=True, data_only=True)
    except Exception as error:  # whatever a damaged archive makes of it
        raise DataError(f"{path} must be a readable .xlsx file; {error}.") from error
    sheet = book.worksheets[0]
    rows = [[_excel_text(cell) for cell in row] for row in sheet.iter_rows(values_only=True)]
    book.close()
    if not any(any(row) for row in rows):
        raise DataError(f"a table must have rows; the first sheet of {path.name} is empty.")
    layout = find_layout(rows, options.header)
    body = rows[layout.start :]
    dropped, footer = find_footer(body, layout.width)
    cells, uneven = even_rows(body[: len(body) - dropped], layout, options, layout.start)
    columns = [list(column) for column in zip(*cells, strict=True)] or [[]] * layout.width
    more = (
        []
        if len(book.sheetnames) < 2
        else [f"only the first of {len(book.sheetnames)} sheets was read ({book.sheetnames[0]!r})"]
    )
    notes = [*more, *layout.notes, *footer, *uneven]
    return text_columns(columns, layout, options, "\t", "utf-8", notes)


def _excel_text(cell: Any) -> str:
    if cell is None:
        return ""
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 2**53:
        return str(int(cell))
    if hasattr(cell, "isoformat"):
        text: str = cell.isoformat()
        return text.removesuffix("T00:00:00")
    return str(cell)


def _read_parquet(path: Path, options: TableOptions) -> Reading:
    from pyarrow import parquet

    return _read_arrow(path, parquet.read_table, ".parquet")


def _read_feather(path: Path, options: TableOptions) -> Reading:
    from pyarrow import feather

    return _read_arrow(path, feather.read_table, ".feather")


def _read_arrow(path: Path, read: Any, ending: str) -> Reading:
    import pyarrow as pa

    try:
        table = read(str(path))
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"{path} must be a readable {ending} file; {error}.") from error
    return _as_stored(table)


def _as_stored(table: Any) -> Reading:
    names = table.column_names
    twice = sorted(name for name, count in Counter(names).items() if count > 1)
    if twice:
        raise DataError(f"names of columns must differ; got {twice} more than once. Rename them.")
    columns = tuple(
        ColumnReading(name, None, str(values.type), int(values.null_count))
        for name, values in zip(names, table.columns, strict=True)
    )
    return Reading(table, None, columns, {}, ())


def _read_json_lines(path: Path, options: TableOptions) -> Reading:
    """Read one object a line; text goes the way of that of other files."""
    import pyarrow as pa

    with open_binary(path) as file:
        text, _, notes = decode_text(file.read(), options)
    records = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            try:
                record = json.loads(line)
            except (json.JSONDecodeError, RecursionError) as error:
                raise DataError(
                    f"each line must be JSON; line {number} is not: {error}."
                ) from error
            if not isinstance(record, dict):
                raise DataError(
                    f"each line must be a JSON object; line {number} is {type(record).__name__}."
                )
            records.append(record)
    if not records:
        raise DataError(f"a table must have rows; {path.name} is empty.")
    names = list(dict.fromkeys(name for record in records for name in record))
    hints = table_hints([], options, ",")
    read = []
    for name in names:
        try:
            values = pa.chunked_array([pa.array([record.get(name) for record in records])])
        except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
            raise DataError(
                f"column {name!r} must hold values of one type; {error}. Clean it."
            ) from error
        if values.type == pa.string():
            read.append(column_of_text(name, values, hints))
        else:
            read.append((values, ColumnReading(name, None, str(values.type), values.null_count)))
    table = pa.table({name: values for name, (values, _) in zip(names, read, strict=True)})
    return Reading(table, None, tuple(c for _, c in read), {"encoding": "utf-8"}, tuple(notes))


_READERS = {
    ".parquet": _read_parquet,
    ".feather": _read_feather,
    ".arrow": _read_feather,
    ".jsonl": _read_json_lines,
    ".ndjson": _read_json_lines,
    ".xlsx": _read_excel,
}
