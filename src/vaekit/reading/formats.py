"""What the text of a column means: numbers in many forms, dates, truth values, or text."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vaekit.errors import DataError, SpecError

KINDS = ("text", "integer", "number", "truth", "datetime", "duration")
"""What the text of a column may be."""

MISSING = frozenset(
    [
        "na",
        "n/a",
        "#n/a",
        "#na",
        "nan",
        "null",
        "none",
        "nil",
        "nd",
        "n.d.",
        "missing",
        "unknown",
        "-",
        "--",
        ".",
        "..",
        "?",
        "#value!",
        "#div/0!",
        "*",
    ]
)
"""Words, in lower case, that stand for nothing among numbers and dates."""

_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_DIGIT = re.compile(r"\d")
_INTEGER = re.compile(r"[+-]?\d+")
_PLAIN = re.compile(_NUMBER)
_COMMA = re.compile(r"[+-]?(?:\d+,\d*|,\d+|\d+)(?:[eE][+-]?\d+)?")
_GROUPED = {  # decimal point, thousands
    (".", ","): re.compile(r"[+-]?\d{1,3}(?:,\d{3})+(?:\.\d*)?|" + _NUMBER),
    (",", "."): re.compile(r"[+-]?\d{1,3}(?:\.\d{3})+(?:,\d*)?|[+-]?\d+(?:,\d*)?"),
    (".", " "): re.compile(r"[+-]?\d{1,3}(?:[ \u00a0\u202f]\d{3})+(?:\.\d*)?|" + _NUMBER),
    (",", " "): re.compile(r"[+-]?\d{1,3}(?:[ \u00a0\u202f]\d{3})+(?:,\d*)?|[+-]?\d+(?:,\d*)?"),
    (".", "'"): re.compile(r"[+-]?\d{1,3}(?:['\u2019]\d{3})+(?:\.\d*)?|" + _NUMBER),
}
_ONE_COMMA = re.compile(r"[+-]?\d+,\d+")
_CODES = re.compile(r"0\d+")
_SYMBOLS = "$\u20ac\u00a3\u00a5\u20b9\u20bd\u20a9"
_AFFIX = re.compile(
    rf"^(?P<sign>[+-]?)\s*(?P<before>[{_SYMBOLS}]|[A-Z]{{3}}(?=[\s\d.+-]))?\s*(?P<number>[+-]?[\d.,'"
    rf"\u2019 \u00a0\u202f]*\d[\d.,]*(?:[eE][+-]?\d+)?)\s*(?P<after>%|[{_SYMBOLS}]|[A-Z]{{3}})?$"
)
_IN_BRACKETS = re.compile(r"^\((.*\d.*)\)$")

_CLOCK = r"\d{1,2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:\s?[AaPp]\.?[Mm]\.?)?"
_ZONE = r"\s?(?:Z|UTC|[+-]\d{2}:?\d{2}|[+-]\d{2})"
_ISO = re.compile(rf"\d{{4}}-\d{{2}}-\d{{2}}(?:[T ]{_CLOCK}(?:{_ZONE})?)?")
_DATES = {  # what stands first is told from the values
    "numeric": re.compile(
        rf"(\d{{1,2}})([./-])(\d{{1,2}})\2(\d{{4}}|\d{{2}})(?:,?[T ]+({_CLOCK}))?"
    ),
    "year first": re.compile(rf"(\d{{4}})([./-])(\d{{1,2}})\2(\d{{1,2}})(?:[T ]+({_CLOCK}))?"),
    "month by name": re.compile(
        rf"(\d{{1,2}})([ -])([A-Za-z]{{3,9}})[ -](\d{{4}}|\d{{2}})(?: ({_CLOCK}))?"
    ),
    "name first": re.compile(rf"([A-Za-z]{{3,9}})\.? (\d{{1,2}}),? (\d{{4}})(?: ({_CLOCK}))?"),
    "month and year": re.compile(r"([A-Za-z]{3,9})([ -])(\d{4}|\d{2})"),
}
_MONTHS = frozenset(
    [
        "jan",
        "feb",
        "mar",
        "apr",
        "may",
        "jun",
        "jul",
        "aug",
        "sep",
        "oct",
        "nov",
        "dec",
        "january",
        "february",
        "march",
        "april",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ]
)
_TIME = re.compile(r"(\d{1,3}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?")
_TRUTH = {"true": True, "false": False}
_MOST_ROWS = 20_000  # from which a format is told
_MOST_TOLD = 2000  # different cells of them
_CERTAIN = 0.95  # share of cells that must have a form; the others are named and become missing


@dataclass(frozen=True)
class ColumnFormat:
    """How the text of a column becomes values.

    Attributes:
        kind: One of `KINDS`.
        decimal: What stands before the decimals.
        thousands: What stands between groups of three digits; empty for nothing.
        affix: A currency or a percent sign, which is taken off.
        brackets: Whether numbers in brackets are negative.
        date: Of dates: the format, as ``strptime`` has it, or ``"ISO8601"``.
        missing: Words that stand for nothing, as written.
        guess: What could have been read in another way too, as a sentence; empty if nothing.
    """

    kind: str = "text"
    decimal: str = "."
    thousands: str = ""
    affix: str = ""
    brackets: bool = False
    date: str = ""
    missing: tuple[str, ...] = ("",)
    guess: str = ""

    @property
    def summary(self) -> str:
        """In a few words."""
        parts = [self.kind]
        if self.date:
            parts.append(f"as {self.date}")
        if self.decimal == ",":
            parts.append("with decimal commas")
        if self.thousands:
            parts.append(f"with {self.thousands!r} between thousands")
        if self.affix:
            parts.append(f"with {self.affix}")
        return " ".join(parts)

    @property
    def is_plain(self) -> bool:
        """Whether any reader of CSV files would read it alike."""
        written = (self.decimal, self.thousands, self.affix, self.date, self.brackets)
        return written == (".", "", "", "", False)


@dataclass(frozen=True)
class ParsingHints:
    """What is known of a table before its cells are read.

    Attributes:
        decimal: ``"."`` or ``","``, or ``None`` to tell it from the cells.
        delimiter: Of the cells: where it is a comma, commas in numbers stand between thousands.
        day_first: Of dates such as 03/04/2021; ``None`` takes the point for day first, the slash
            for month first, and says so.
        missing: More words that stand for nothing, in columns of text as well.
        kinds: Kinds of columns that the user knows.
        formats: Of columns of dates.
    """

    decimal: str | None = None
    delimiter: str = ","
    day_first: bool | None = None
    missing: frozenset[str] = frozenset()
    kinds: Mapping[str, str] = field(default_factory=dict)
    formats: Mapping[str, str] = field(default_factory=dict)


def is_missing(cell: str) -> bool:
    """Return whether a cell is empty or a word for nothing."""
    return not cell.strip() or cell.strip().lower() in MISSING


def is_typed(cell: str) -> bool:
    """Return whether a cell looks like a number, an amount, a date or a time.

    Example:
        >>> [is_typed(cell) for cell in ("1.5", "1,5", "$3", "2021-03-04", "Oct-14", "Kiel", "")]
        [True, True, True, True, True, False, False]
    """
    cell = cell.strip()
    if not cell or len(cell) > 40:
        return False
    if _DIGIT.search(cell):
        return bool(_number_form(cell) or _TIME.fullmatch(cell) or _date_form(cell))
    return False


@lru_cache(maxsize=2**16)  # the same cells are asked for by layout, hints and formats
def _number_form(cell: str) -> tuple[str, str] | None:
    """Return the digits and the affix of a number; ``None`` if it is none."""
    if _PLAIN.fullmatch(cell):
        return cell, ""
    inside = _IN_BRACKETS.match(cell)
    match = _AFFIX.match(f"-{inside[1]}" if inside else cell)
    if match is None:
        return None
    number = (match["sign"] + match["number"]).strip()
    if match["before"] and match["after"]:
        return None
    if not any(p.fullmatch(number) for p in (_PLAIN, _COMMA, *_GROUPED.values())):
        return None
    return number, match["before"] or match["after"] or ""


def _date_form(cell: str) -> str | None:
    if _ISO.fullmatch(cell):
        return "ISO"
    for name, pattern in _DATES.items():
        if match := pattern.fullmatch(cell):
            words = [part.lower() for part in match.groups() if part and part[:1].isalpha()]
            if all(word in _MONTHS for word in words):
                return name
    return None


def learn_format(name: str, cells: Any, hints: ParsingHints) -> ColumnFormat:
    """Tell what the text of a column means.

    Args:
        name: Of the column.
        cells: An Arrow array of strings.
        hints: What is known already.

    Raises:
        DataError: A kind was asked for that the cells do not have.
    """
    cells_of = _counted_cells(cells)
    asked = hints.kinds.get(name)
    known = {cell: count for cell, count in cells_of.items() if not _is_nothing(cell, hints)}
    telling = {cell: count for cell, count in known.items() if cell.lower() not in MISSING}
    text = ColumnFormat(missing=_missing_words(cells_of, hints, plain=True))
    if asked in ("category", "text", "key"):
        return text
    if name in hints.formats and telling:
        words = _missing_words(cells_of, hints, plain=False)
        return ColumnFormat("datetime", date=hints.formats[name], missing=words)
    if not telling:
        return text if known else replace(text, missing=_missing_words(cells_of, hints, False))
    found = _find(telling, hints) or (_loose(telling, hints) if asked else None)
    if found is None and asked in ("number", "datetime"):
        raise DataError(
            f"column {name!r} must hold {'numbers' if asked == 'number' else 'dates'}; got "
            f"{next(iter(telling))!r}. Clean it, or leave the kind out."
        )
    if found is None or found.kind == "text":
        return replace(text, guess=found.guess if found else "")
    return replace(found, missing=_missing_words(cells_of, hints, plain=False))


def _counted_cells(cells: Any) -> dict[str, int]:
    """Return different cells of the first rows, and how many there are of each."""
    import pyarrow.compute as pc

    some, counts = cells.slice(0, _MOST_ROWS), dict[str, int]()
    if len(some) <= _MOST_TOLD:  # of very many columns the counting by Arrow takes longest
        found = [(cell, 1) for cell in some.to_pylist()]
    else:
        entries = pc.value_counts(some).to_pylist()[:_MOST_TOLD]
        found = [(entry["values"], entry["counts"]) for entry in entries]
    for cell, count in found:
        if cell is not None:
            counts[cell.strip()] = counts.get(cell.strip(), 0) + count
    return counts


def _is_nothing(cell: str, hints: ParsingHints) -> bool:
    return not cell or cell in hints.missing


def has_cell_of(cells: Any, words: Set[str]) -> bool:
    """Return whether a column of text has one of these words among its first cells."""
    return not words.isdisjoint(_counted_cells(cells))


def _missing_words(cells: Iterable[str], hints: ParsingHints, plain: bool) -> tuple[str, ...]:
    """Return the words of a column that stand for nothing; in text only those that were named."""
    words = {cell for cell in cells if not plain and cell.lower() in MISSING}
    return tuple(sorted({"", *words, *hints.missing}))


def _find(cells: Mapping[str, int], hints: ParsingHints) -> ColumnFormat | None:
    """Return the format that nearly all cells have; ``None`` if they have none."""
    if all(cell.lower() in _TRUTH for cell in cells):
        return ColumnFormat("truth")
    forms = [(form, count) for cell, count in cells.items() if (form := _number_form(cell))]
    if _most(sum(count for _, count in forms), cells):
        found = _number_format(forms, hints)
        if found is None:
            shown = " and ".join(f"{affix}{number}" for (number, affix), _ in (forms[0], forms[-1]))
            return ColumnFormat(
                guess=f"numbers are written in several ways ({shown}), and were read as text"
            )
        return replace(found, brackets=any(_IN_BRACKETS.match(cell) for cell in cells))
    return _date_format(cells, hints) or _duration_format(cells)


def _most(count: int, cells: Mapping[str, int]) -> bool:
    return count >= _CERTAIN * sum(cells.values())


def _loose(cells: Mapping[str, int], hints: ParsingHints) -> ColumnFormat | None:
    """Return the format of those cells that have one, as the user says that there is one."""
    numbers = {cell: count for cell, count in cells.items() if _number_form(cell)}
    dates = {cell: count for cell, count in cells.items() if _date_form(cell)}
    chosen = numbers if len(numbers) >= len(dates) else dates
    return _find(chosen, hints) if chosen else None


_Forms = Sequence[tuple[tuple[str, str], int]]


def _number_format(forms: _Forms, hints: ParsingHints) -> ColumnFormat | None:
    affixes = {affix for (_, affix), _ in forms}
    if len(affixes - {""}) > 1:
        return None  # several currencies
    numbers: dict[str, int] = {}
    for (number, _), count in forms:
        numbers[number] = numbers.get(number, 0) + count
    affix = max(affixes)
    if not affix and all(_INTEGER.fullmatch(n) for n in numbers):
        if any(_CODES.fullmatch(n) for n in numbers):
            return ColumnFormat(guess="codes with leading zeros were read as text")
        if any(abs(int(n)) >= 2**64 for n in numbers):
            return ColumnFormat(guess="integers of more than 64 bits were read as text")
    found = _digits_format(numbers, hints)
    return None if found is None else replace(found, affix=affix)


def _digits_format(numbers: Mapping[str, int], hints: ParsingHints) -> ColumnFormat | None:
    def have(pattern: re.Pattern[str]) -> bool:
        return _most(sum(c for n, c in numbers.items() if pattern.fullmatch(n)), numbers)

    if all(_INTEGER.fullmatch(n) for n in numbers):
        return ColumnFormat("integer")
    if hints.decimal != "," and have(_PLAIN):
        return ColumnFormat("number")
    grouped = [p for p, pattern in _GROUPED.items() if have(pattern)]
    grouped = [p for p in grouped if hints.decimal in (None, p[0])]
    with_comma = hints.decimal != "." and have(_COMMA)
    if with_comma and (".", ",") in grouped:
        return _comma_or_thousands(numbers, hints)
    if with_comma:
        return ColumnFormat("number", decimal=",")
    if not grouped:
        return None
    decimal, thousands = grouped[0]
    kind = "number" if any(decimal in n for n in numbers) else "integer"
    return ColumnFormat(kind, decimal=decimal, thousands=thousands)


def _comma_or_thousands(numbers: Iterable[str], hints: ParsingHints) -> ColumnFormat:
    """Return what a comma before three digits is: among commas that part cells, thousands."""
    guess = f"{next(n for n in numbers if ',' in n)!r} was read as "
    if hints.decimal is None and hints.delimiter == ",":
        return ColumnFormat("integer", thousands=",", guess=f"{guess}thousands")
    return ColumnFormat(
        "number", decimal=",", guess="" if hints.decimal else f"{guess}a number with decimals"
    )


def uses_decimal_commas(columns: Iterable[Any]) -> bool:
    """Return whether some column has commas that can only stand before decimals."""
    for cells in columns:
        counts = _counted_cells(cells)
        numbers = {cell: count for cell, count in counts.items() if not is_missing(cell)}
        forms = {cell: form[0] for cell in numbers if (form := _number_form(cell))}
        commas = [n for n in forms.values() if _ONE_COMMA.fullmatch(n)]
        clear = any(len(n.split(",")[1]) != 3 for n in commas)
        points = any("." in n for n in forms.values())
        if clear and not points and _most(sum(numbers[cell] for cell in forms), numbers):
            return True
    return False


def _date_format(cells: Mapping[str, int], hints: ParsingHints) -> ColumnFormat | None:
    forms: Counter[str | None] = Counter()
    for cell, count in cells.items():
        forms[_date_form(cell)] += count
    form, count = forms.most_common(1)[0]
    if form is None or not _most(count, cells):
        return None
    if form == "ISO":
        return ColumnFormat("datetime", date="ISO8601")
    matches = [m for cell in cells if (m := _DATES[form].fullmatch(cell))]
    made = _MAKERS[form](matches, hints)
    if made is None:
        return None
    date, guess = made
    clocks = {_clock(m.groups()[-1]) for m in matches if form != "month and year"}
    if len(clocks) > 1:
        return None
    clock = clocks.pop() if clocks else ""
    return ColumnFormat("datetime", date=date + (f" {clock}" if clock else ""), guess=guess)


def _clock(text: str | None) -> str:
    if not text:
        return ""
    half = text[-1] in "mM."
    seconds = text.count(":") == 2
    fraction = ".%f" if "." in text.split(":")[-1].rstrip("aApPmM. ") else ""
    spaced = " " if half and " " in text else ""
    return (
        ("%I" if half else "%H")
        + ":%M"
        + (":%S" if seconds else "")
        + fraction
        + (f"{spaced}%p" if half else "")
    )


def _year(text: str) -> str:
    return "%Y" if len(text) == 4 else "%y"


def _numeric(matches: Sequence[re.Match[str]], hints: ParsingHints) -> tuple[str, str] | None:
    """Return the format of dates such as 3/4/2021: one of the two numbers is above 12, or not."""
    separator, year = matches[0][2], _year(matches[0][4])
    if any(m[2] != separator or _year(m[4]) != year for m in matches):
        return None
    day_first = any(int(m[1]) > 12 for m in matches)
    month_first = any(int(m[3]) > 12 for m in matches)
    guess = ""
    if day_first and month_first:
        return None
    if not day_first and not month_first:
        day_first = separator != "/" if hints.day_first is None else hints.day_first
        if hints.day_first is None:
            what = "the day" if day_first else "the month"
            guess = f"no date tells which number is the day; {what} was taken to come first"
    first, second = ("%d", "%m") if day_first else ("%m", "%d")
    return f"{first}{separator}{second}{separator}{year}", guess


def _year_first(matches: Sequence[re.Match[str]], hints: ParsingHints) -> tuple[str, str] | None:
    separator = matches[0][2]
    return (
        (f"%Y{separator}%m{separator}%d", "") if all(m[2] == separator for m in matches) else None
    )


def _named(matches: Sequence[re.Match[str]], hints: ParsingHints) -> tuple[str, str] | None:
    separator, year, month = matches[0][2], _year(matches[0][4]), _month(m[3] for m in matches)
    if any(m[2] != separator or _year(m[4]) != year for m in matches):
        return None
    return f"%d{separator}{month}{separator}{year}", ""


def _name_first(matches: Sequence[re.Match[str]], hints: ParsingHints) -> tuple[str, str] | None:
    comma = "," in matches[0][0]
    return f"{_month(m[1] for m in matches)} %d{',' if comma else ''} %Y", ""


def _month_and_year(
    matches: Sequence[re.Match[str]], hints: ParsingHints
) -> tuple[str, str] | None:
    separator, year = matches[0][2], _year(matches[0][3])
    if any(m[2] != separator or _year(m[3]) != year for m in matches):
        return None
    return f"{_month(m[1] for m in matches)}{separator}{year}", ""


def _month(names: Iterable[str]) -> str:
    return "%b" if all(len(name) == 3 for name in names) else "%B"


_MAKERS = {
    "numeric": _numeric,
    "year first": _year_first,
    "month by name": _named,
    "name first": _name_first,
    "month and year": _month_and_year,
}


def _duration_format(cells: Mapping[str, int]) -> ColumnFormat | None:
    times = sum(count for cell, count in cells.items() if _TIME.fullmatch(cell))
    return ColumnFormat("duration") if _most(times, cells) else None


def convert(cells: Any, form: ColumnFormat) -> tuple[Any, NDArray[np.bool_]]:
    """Return the values of a column, and which cells do not have its format.

    Args:
        cells: An Arrow array of strings.
        form: From `learn_format`.

    Returns:
        An Arrow array, missing where a cell stands for nothing or does not have the format.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if (plain := _plain_numbers(cells, form)) is not None:
        return plain, np.zeros(len(cells), dtype=bool)
    if form.kind == "text":
        words = pa.array(form.missing)
        kept = pc.if_else(pc.is_in(cells, words), pa.scalar(None, pa.string()), cells)
        return kept, np.zeros(len(cells), dtype=bool)
    trimmed = pc.utf8_trim_whitespace(cells)
    nothing = pc.or_kleene(
        pc.is_in(trimmed, pa.array(form.missing)), pc.equal(pc.utf8_length(trimmed), 0)
    )
    text = pc.if_else(nothing, pa.scalar(None, pa.string()), trimmed)
    values = _CONVERTERS[form.kind](text, form)
    strange = pc.and_(pc.is_valid(text), pc.is_null(values))
    return values, np.asarray(strange.to_numpy(zero_copy_only=False), dtype=bool)


def _plain_numbers(cells: Any, form: ColumnFormat) -> Any:
    """Return numbers that are all there and written plainly, in two steps; else ``None``."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if form.kind not in ("integer", "number") or not form.is_plain or form.missing != ("",):
        return None
    try:
        values = pc.cast(cells, pa.int64() if form.kind == "integer" else pa.float64())
    except pa.ArrowInvalid:
        return None
    return values if values.null_count == 0 and pc.all(pc.is_finite(values)).as_py() else None


def _numbers(text: Any, form: ColumnFormat) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = pa.int64() if form.kind == "integer" else pa.float64()
    text = _plain_digits(text, form)
    try:
        return pc.cast(text, kind)
    except pa.ArrowInvalid:  # Arrow takes no plus sign
        text = pc.replace_substring_regex(text, r"^\+", "")
    if form.kind == "integer":  # beyond 63 bits, or not whole after all
        if pc.all(pc.match_substring_regex(text, r"^\d{1,20}$")).as_py():
            return pc.cast(text, pa.uint64())
        kind = pa.float64()
    is_number = pc.match_substring_regex(text, rf"^{_NUMBER}$")
    return pc.cast(pc.if_else(is_number, text, pa.scalar(None, pa.string())), kind)


def _plain_digits(text: Any, form: ColumnFormat) -> Any:
    import pyarrow.compute as pc

    if form.is_plain:
        return text
    text = pc.replace_substring_regex(text, r"^\((.*)\)$", r"-\1")
    if form.affix:
        text = pc.utf8_trim_whitespace(pc.replace_substring(text, form.affix, ""))
    if form.thousands:
        marks = {" ": "[ \u00a0\u202f]", "'": "['\u2019]"}.get(
            form.thousands, re.escape(form.thousands)
        )
        text = pc.replace_substring_regex(text, marks, "")
    if form.decimal == ",":
        text = pc.replace_substring(text, ",", ".")
    return pc.replace_substring_regex(text, r"^([+-])\s+", r"\1")


def _truths(text: Any, form: ColumnFormat) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    lower = pc.utf8_lower(text)
    known = pc.is_in(lower, pa.array(list(_TRUTH)))
    return pc.if_else(known, pc.equal(lower, "true"), pa.scalar(None, pa.bool_()))


def _dates(text: Any, form: ColumnFormat) -> Any:
    import pandas as pd
    import pyarrow as pa
    import pyarrow.compute as pc

    options: dict[str, Any] = {"format": form.date, "errors": "coerce"}
    if form.date == "ISO8601":
        zoned = pc.any(pc.match_substring_regex(text, rf"^.{{11,}}{_ZONE}$")).as_py()
        options["utc"] = bool(zoned)
        if not zoned:
            try:
                return pc.cast(text, pa.timestamp("us"))
            except pa.ArrowInvalid:
                pass  # minutes without seconds, or a cell that is no date
    return pa.Array.from_pandas(pd.to_datetime(text.to_pandas(), **options))


def _durations(text: Any, form: ColumnFormat) -> Any:
    import pandas as pd
    import pyarrow as pa

    cells = text.to_pandas()
    short = cells.str.count(":") == 1
    cells = cells.where(~short.fillna(False).astype(bool), cells + ":00")
    return pa.Array.from_pandas(pd.to_timedelta(cells, errors="coerce"))


_CONVERTERS = {
    "integer": _numbers,
    "number": _numbers,
    "truth": _truths,
    "datetime": _dates,
    "duration": _durations,
}


def check_decimal(decimal: str | None) -> None:
    """Refuse a decimal mark that is none.

    Raises:
        SpecError: Neither a point nor a comma.
    """
    if decimal not in (None, ".", ","):
        raise SpecError(f"the decimal mark must be '.' or ','; got {decimal!r}.")
