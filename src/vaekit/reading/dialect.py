"""How a text file is laid out: encoding, delimiter, titles, header, units, lines at its end."""

import codecs
import csv
import io
import itertools
import lzma
import math
import re
import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from vaekit.errors import DataError
from vaekit.memory import check_memory, memory_limit
from vaekit.reading.formats import is_missing, is_typed

DELIMITERS = (",", ";", "\t", "|")
"""What may stand between cells, the most frequent first."""

HEAD = 2**20
"""Bytes from which the layout is told."""

Row = list[str]

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_WESTERN = frozenset({"cp1252", "latin_1", "cp1250", "mac_roman", "iso8859_15", "cp850", "cp437"})
_LEAST_SCORE = 0.2  # of a delimiter; a single column of sentences stays below it
_SOME = 1000  # rows from which the layout is told
_TELLING = 300  # rows from which the delimiter is told
_MOST_TITLES = 50
_MOST_FOOTERS = 20
_BLOCK = 3  # rows on end of one width that are a table
_NEAR = 30  # rows below a header in which its text does not recur
_HABIT = 0.05  # share of rows from which an oddity is a habit of their writer
_LONGEST_CELL = 200  # lines; a longer one is a quote that was never closed
_TOTAL = re.compile(
    r"^\W*((grand|sub|over\s?all)[\s-]*)?(total|totals|sum|summe|gesamt|gesamtsumme|insgesamt|"
    r"somme|totale|suma|average|mean|mittelwert)\W*$",
    re.IGNORECASE,
)
_YEARS = range(1900, 2101)


def open_binary(path: Path) -> IO[bytes]:
    """Open a file that may be compressed (.gz, .bz2, .xz, .zst, .zip).

    What comes out of a compressed one is counted: no more is unpacked than memory could hold.

    Raises:
        DataError: A .zip file that holds several files, or one that unpacks to too much.
    """
    import pyarrow as pa

    if path.suffix == ".xz":
        return io.BufferedReader(_Counted(lzma.open(path), path), _PIECE)
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            members = [name for name in archive.namelist() if not name.endswith("/")]
            if len(members) != 1:
                raise DataError(
                    f"{path} must hold one file; got {len(members)}: {members[:5]}. Unpack it."
                )
            check_memory(
                f"{path}, unpacked,", archive.getinfo(members[0]).file_size, _REMEDY, DataError
            )
            return io.BytesIO(archive.read(members[0]))
    stream: IO[bytes] = pa.input_stream(str(path), compression="detect")
    if path.suffix in (".gz", ".bz2", ".zst"):
        return io.BufferedReader(_Counted(stream, path), _PIECE)
    return stream


_PIECE = 2**20
_REMEDY = "Take a part of it."


class _Counted(io.RawIOBase):
    """A file of which no more can be read than memory could hold."""

    def __init__(self, file: IO[bytes], path: Path) -> None:
        self.file, self.path, self.count, self.most = file, path, 0, memory_limit()

    def readable(self) -> bool:
        """Yes."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read a piece and count it."""
        piece = self.file.read(min(len(buffer), _PIECE))
        self.count += len(piece)
        if self.count > self.most:
            check_memory(f"{self.path}, unpacked,", math.inf, _REMEDY, DataError)
        buffer[: len(piece)] = piece
        return len(piece)

    def readall(self) -> bytes:
        """Read the rest in large pieces."""
        parts = []
        buffer = bytearray(_PIECE)
        while count := self.readinto(buffer):
            parts.append(bytes(buffer[:count]))
        return b"".join(parts)

    def close(self) -> None:
        """Close the file itself."""
        self.file.close()
        super().close()


def find_encoding(data: bytes) -> tuple[str, bool]:
    """Return the encoding of a text, and whether it was guessed.

    Args:
        data: All of it, or a part that ends at a line.
    """
    for bom, name in _BOMS:
        if data.startswith(bom):
            return name, False
    if data[:2000].count(0) > len(data[:2000]) / 4:
        return ("utf-16-le" if data[1:2] == b"\0" else "utf-16-be"), False
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return _guess_encoding(data), True
    return "utf-8", False


def _guess_encoding(data: bytes) -> str:
    """Return Western European, unless most letters are others."""
    lines = data.splitlines()
    telling = b"\n".join(line for line in lines if any(byte > 127 for byte in line))[:100_000]
    letters = [byte for byte in telling if byte > 127 or chr(byte).isalpha()]
    if sum(byte > 127 for byte in letters) > len(letters) / 2:  # Cyrillic, Greek, Chinese ...
        from charset_normalizer import from_bytes

        best = from_bytes(telling).best()
        if best is None or best.encoding in _WESTERN:
            raise DataError(
                "the text is no UTF-8, and its letters are not those of Western Europe. Name its "
                "encoding: --encoding cp1251 (Cyrillic), cp1253 (Greek), gbk, shift_jis, ..."
            )
        return best.encoding
    try:
        telling.decode("cp1252")
    except UnicodeDecodeError:
        return "latin-1"
    return "cp1252"


@dataclass(frozen=True)
class Layout:
    """What the rows of a text file are.

    Attributes:
        names: Of the columns, as they will be called.
        start: Index of the first row of the body.
        width: Cells of a row.
        header: Rows of the header; 0 for none.
        has_index: Whether the first cell of each row is a row name without a column name.
        trailing: Empty cells that end each row.
        notes: What was left out, renamed or guessed, as sentences.
    """

    names: tuple[str, ...]
    start: int
    width: int
    header: int = 1
    has_index: bool = False
    trailing: int = 0
    notes: tuple[str, ...] = field(default=())


def split_rows(text: str, delimiter: str) -> list[Row]:
    """Return the cells of each line; quotes may hold delimiters and line ends.

    Raises:
        DataError: A quote is opened and never closed.
    """
    return [row for row, _ in _numbered_rows(text, delimiter)]


def count_lines(text: str, delimiter: str, rows: int) -> int:
    """Return how many lines the first rows take."""
    lines = [line for _, line in zip(range(rows), _numbered_rows(text, delimiter), strict=False)]
    return lines[-1][1] if lines else 0


def _numbered_rows(text: str, delimiter: str) -> Iterator[tuple[Row, int]]:
    spaced = f'{delimiter} "' in text
    previous = csv.field_size_limit(2**31 - 1)
    try:
        reader = csv.reader(
            io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=spaced
        )
        before = 0
        for row in reader:
            if reader.line_num - before > _LONGEST_CELL:
                raise DataError(
                    f"a cell that is quoted must end; the quote in line {before + 1} runs over "
                    f"{reader.line_num - before} lines. Close it, or double the quote."
                )
            before = reader.line_num
            yield row, before
    except csv.Error as error:
        raise DataError(f"the lines must be delimited cells; {error}.") from error
    finally:
        csv.field_size_limit(previous)


def find_delimiter(text: str) -> str:
    """Return what parts the cells: the delimiter by which rows are most alike and cells plain.

    Args:
        text: The first lines.

    Example:
        >>> find_delimiter("a;b\\n1,5;2\\n1,7;3\\n")
        ';'
    """
    scores = {delimiter: _score(text, delimiter) for delimiter in DELIMITERS}
    best = max(scores, key=lambda delimiter: scores[delimiter])
    return best if scores[best] >= _LEAST_SCORE else ","


def _score(text: str, delimiter: str) -> float:
    try:
        rows = [row for row in split_rows(text, delimiter)[:_TELLING] if _is_filled(row)]
    except DataError:
        return 0.0
    if not rows:
        return 0.0
    width, count = Counter(len(row) for row in rows).most_common(1)[0]
    if width < 2:
        return 0.0
    others = [other for other in DELIMITERS if other != delimiter]
    cells = [cell for row in rows if len(row) == width for cell in row[:50]]
    worth = sum(_worth(cell, others) for cell in cells) / len(cells)
    return (count / len(rows)) * worth * (1 - 1 / (width + 1))


def _worth(cell: str, others: Sequence[str]) -> float:
    if is_typed(cell) or not cell.strip():
        return 1.0
    return 0.1 if any(other in cell for other in others if other != ",") else 0.7


def find_layout(rows: Sequence[Row], header: bool | None = None) -> Layout:
    """Tell titles, header, units and body of the first rows of a file.

    Args:
        rows: Cells, blank rows included.
        header: Whether there are names; ``None`` tells it from the rows.

    Raises:
        DataError: Nothing but blank rows.
    """
    filled = [row for row in rows if _is_filled(row)]
    if not filled:
        raise DataError("a table must have rows; the file has none. Look at what wrote it.")
    width = Counter(len(row) for row in filled[:_SOME]).most_common(1)[0][0]
    place, notes = _skip_titles(rows, width)
    widest = max(block_widths(rows[place:]), default=width)
    if widest > width and len(rows[place]) != widest - 1:
        width = widest
        notes.append("tables of several widths stand below each other and were read as one")
    body = [row for row in rows[place + 1 :] if _is_filled(row)]
    has_header = _has_header(rows[place], body, width) if header is None else header
    if header is None and has_header and not _tells_header(body, width):
        notes.append(
            "nothing tells whether the first line has names; it was taken to (--no-header)"
        )
    if not has_header:
        called = tuple(f"column_{i}" for i in range(1, width + 1))
        notes.append(f"there is no header; columns are called {called[0]} to {called[-1]}")
        return Layout(called, place, width, 0, notes=tuple(notes))
    names, end, depth = _join_header(rows, place, width)
    if depth > 1:
        notes.append(f"the header has {depth} rows, which were joined: {_some(names)}")
    return _name_columns(rows, names, end, width, depth, notes)


def block_widths(rows: Sequence[Row]) -> set[int]:
    """Return the widths that several rows on end have, as those of a table do.

    Example:
        >>> block_widths([["a", "b"], ["1", "2"], ["3", "4"], ["5", "6", "7"]])
        {2}
    """
    filled = [len(row) for row in rows if _is_filled(row)]
    runs = [(width, len(list(run))) for width, run in itertools.groupby(filled)]
    return {width for width, count in runs if count >= _BLOCK}


def _is_filled(row: Row) -> bool:
    return any(cell.strip() for cell in row)


def _count(row: Row) -> int:
    return sum(bool(cell.strip()) for cell in row)


def _skip_titles(rows: Sequence[Row], width: int) -> tuple[int, list[str]]:
    """Return the index of the first row of the table, and what stands above it."""
    left: list[str] = []
    for place, row in enumerate(rows):
        if not _is_filled(row):
            continue
        following = next((r for r in rows[place + 1 :] if _is_filled(r)), None)
        if following is None or len(left) >= _MOST_TITLES or not _is_title(row, following, width):
            break
        left.append(" ".join(cell.strip() for cell in row if cell.strip()))
    notes = [f"lines above the table were left out: {_some(left)}"] if left else []
    return place, notes


def _is_title(row: Row, following: Row, width: int) -> bool:
    count = _count(row)
    if row[0].lstrip().startswith("#"):
        is_header = len(row) == width and not any(is_typed(cell) for cell in row)
        return not (is_header and any(is_typed(cell) for cell in following))
    if width == 1 or any(is_typed(cell) for cell in row):
        return False
    if len(row) < width:
        return count == 1 or (width >= 4 and len(row) <= width / 2)
    return count == 1 and (width >= 3 or _names_both(following))


def _names_both(row: Row) -> bool:
    """Return whether a row looks like a header of two columns."""
    return _count(row) == 2 and not any(is_typed(cell) for cell in row)


def _columns(body: Sequence[Row], width: int) -> list[list[str]]:
    some = body[:_SOME]
    return [[row[i].strip() for row in some if i < len(row)] for i in range(width)]


def _typed_columns(body: Sequence[Row], width: int) -> list[bool]:
    """Return which columns hold numbers or dates."""
    found = []
    for cells in _columns(body, width):
        known = [cell for cell in cells if not is_missing(cell)]
        found.append(bool(known) and sum(map(is_typed, known)) >= 0.8 * len(known))
    return found


def _has_header(first: Row, body: Sequence[Row], width: int) -> bool:
    """Return whether a row names the columns: text above numbers, or text that never recurs."""
    if not body:
        return not any(is_typed(cell) for cell in first)
    typed = _typed_columns(body, width)
    cells = [cell.strip() for cell in first]
    above = [cell for cell, is_number in zip(cells, typed, strict=False) if is_number and cell]
    numbers = [cell for cell in above if is_typed(cell)]
    if above:
        if not numbers:
            return not all(is_missing(cell) for cell in above)
        return len(numbers) < len(above) / 2 or _are_years(numbers, body, typed)
    # Text above text: no header if its cells recur, unless the whole row does, as in tables
    # that stand below each other.
    named = {i: cell for i, cell in enumerate(cells) if cell}
    alike = [
        sum(row[i].strip() == c for i, c in named.items() if i < len(row)) for row in body[:_NEAR]
    ]
    again = [count for count in alike if count]
    repeated = all(count > 0.6 * len(named) for count in again) and len(named) > 1
    return not again or (repeated and len(again) <= _HABIT * len(alike))


def _tells_header(body: Sequence[Row], width: int) -> bool:
    """Return whether columns have numbers, or labels that recur, with which names contrast."""
    some = body[:_SOME]
    recurs = any(len(set(cells)) < len(cells) for cells in _columns(some, width))
    return len(some) < 2 or recurs or any(_typed_columns(some, width))


def _are_years(numbers: Sequence[str], body: Sequence[Row], typed: Sequence[bool]) -> bool:
    """Return whether numbers above numbers are years that name columns."""
    if len(numbers) < 2 or not all(cell.isdigit() and int(cell) in _YEARS for cell in numbers):
        return False
    years = list(map(int, numbers))
    below = {cell for row in body[:_SOME] for cell, t in zip(row, typed, strict=False) if t}
    return years in (sorted(set(years)), sorted(set(years))[::-1]) and not below & set(numbers)


def _join_header(rows: Sequence[Row], place: int, width: int) -> tuple[list[str], int, int]:
    """Return names from one or several rows, the index after them, and how many rows they are.

    A row goes on with the header where it has text above numbers and fills gaps of the row before.
    """
    names = [cell.strip() for cell in rows[place]]
    names += [""] * (width - len(names))
    depth, end = 1, place + 1
    while depth < 4 and any(not name for name in names):
        after = next((i for i in range(end, len(rows)) if _is_filled(rows[i])), None)
        if after is None:
            break
        below = [cell.strip() for cell in rows[after]]
        typed = _typed_columns([r for r in rows[after + 1 :] if _is_filled(r)], width)
        gaps = [i for i, name in enumerate(names[: len(below)]) if not name]
        fills = bool(gaps) and sum(bool(below[i]) for i in gaps) >= 0.5 * len(gaps)
        is_text = not any(is_typed(cell) for cell in below)
        above = any(cell and is_number for cell, is_number in zip(below, typed, strict=False))
        if not (fills and is_text and above):
            break
        names = _join_names(names, below)
        depth, end = depth + 1, after + 1
    return names, end, depth


def _join_names(names: Sequence[str], below: Sequence[str]) -> list[str]:
    found, group = [], ""
    for i, name in enumerate(names):
        group = name or group
        part = below[i] if i < len(below) else ""
        found.append(f"{group} {part}".strip() if part else name)
    return found


def _name_columns(
    rows: Sequence[Row], names: list[str], start: int, width: int, depth: int, notes: list[str]
) -> Layout:
    """Match names and cells: row names, trailing delimiters, empty and repeated names."""
    body = [row for row in rows[start:] if _is_filled(row)]
    header = max((i + 1 for i, name in enumerate(names) if name), default=0)
    columns = _columns(body, width)
    empty = [not any(cells) for cells in columns]
    trailing = 0
    while header < width - trailing and empty[width - trailing - 1]:
        trailing += 1
    width = max(width - trailing, header)
    names = [*names[:width], *[""] * (width - len(names))]
    has_index = False
    if header == width - 1 and body and not names[-1] and _name_rows(columns[0]):
        names, has_index = ["", *names[:-1]], True
        notes.append("the first column has no name and is unlike in each row: it is an index")
    elif not names[0] and width > 1 and _name_rows(columns[0]):
        has_index = True
        notes.append("the first column has no name and is unlike in each row: it is an index")
    names, renamed = _distinct(names, has_index)
    if renamed:
        notes.append(f"columns were renamed: {_some(renamed)}")
    start, units = _skip_units(rows, start, names, width)
    notes += units
    return Layout(tuple(names), start, width, depth, has_index, trailing, tuple(notes))


def _name_rows(cells: Sequence[str]) -> bool:
    """Return whether cells are all there and different, as names of rows are."""
    return len(cells) > 1 and all(cells) and len(set(cells)) == len(cells)


def _distinct(names: Sequence[str], has_index: bool) -> tuple[list[str], list[str]]:
    found: list[str] = []
    notes, seen = [], set[str]()
    taken = set(names)
    for place, name in enumerate(names, 1):
        new = name
        if not name and not (has_index and place == 1):
            new = f"column_{place}"
            notes.append(f"column {place} has no name and is called {new}")
        elif name in seen:
            new = next(f"{name}.{i}" for i in range(1, 10**6) if f"{name}.{i}" not in taken)
            notes.append(f"the name {name!r} stands more than once; column {place} is called {new}")
        taken.add(new)
        seen.add(new)
        found.append(new)
    return found, notes


def _skip_units(
    rows: Sequence[Row], start: int, names: Sequence[str], width: int
) -> tuple[int, list[str]]:
    """Return where the body starts after a row of units: text above columns of numbers."""
    place = next((i for i in range(start, len(rows)) if _is_filled(rows[i])), None)
    if place is None:
        return start, []
    body = [row for row in rows[place + 1 :] if _is_filled(row)]
    typed = _typed_columns(body, width)
    row = [cell.strip() for cell in rows[place]]
    above = [cell for cell, is_number in zip(row, typed, strict=False) if is_number]
    told = [cell for cell in above if not is_missing(cell)]
    if len(body) < 3 or not told or any(is_typed(cell) for cell in told) or len(row) > width:
        return start, []
    if any(len(cell) > 20 for cell in row):
        return start, []
    units = [f"{name} [{cell}]" for name, cell in zip(names, row, strict=False) if cell]
    return place + 1, [f"a row of units under the header was left out: {_some(units)}"]


def find_footer(rows: Sequence[Row], width: int) -> tuple[int, list[str]]:
    """Return how many rows at the end do not belong to the table, and notes that say so.

    Args:
        rows: The body, or its last part.
        width: Cells of a row.
    """
    filled = [row for row in rows if _is_filled(row)]
    typed = _typed_columns(filled, width)
    text = next((i for i, is_number in enumerate(typed) if not is_number), None)
    longest = max((len(row[0]) for row in filled[:-_MOST_FOOTERS] if row), default=0)
    # A word that other rows have too is one of the labels, and no line below the table.
    is_no_label = not any(_is_total(row, typed, text) for row in filled[:-_MOST_FOOTERS])
    dropped, left, last = 0, [], list(rows[-_MOST_FOOTERS:]) if len(rows) > 3 else []
    while last:
        row = last.pop()
        if _is_filled(row):
            after_gap = bool(last) and not _is_filled(last[-1])
            strange = len(row) == 1 or after_gap or len(row[0]) > max(20, 2 * longest)
            lonely = width > 1 and _count(row) == 1 and row[0].strip() and not is_typed(row[0])
            if not ((is_no_label and _is_total(row, typed, text)) or (lonely and strange)):
                break
            left.append(" ".join(cell.strip() for cell in row if cell.strip()))
        dropped += 1
    notes = [f"lines at the end were left out: {_some(left[::-1])}"] if left else []
    return dropped, notes


def _is_total(row: Row, typed: Sequence[bool], text: int | None) -> bool:
    for place, cell in enumerate(row[: len(typed)]):
        if cell.strip() and _TOTAL.match(cell.strip()) and (typed[place] or place == text):
            return True
    return False


def _some(texts: Sequence[Any], most: int = 3) -> str:
    shown = "; ".join(str(text)[:60] for text in texts[:most])
    return shown + (f"; and {len(texts) - most} more" if len(texts) > most else "")
