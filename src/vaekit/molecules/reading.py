"""Files, lists and data frames to SMILES as they were given, and a report of each molecule."""

import gzip
import itertools
import re
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vaekit.domains.checks import check_column_names, is_frame
from vaekit.domains.choice import collect_items
from vaekit.errors import DataError, DataTypeError, MissingExtraError, unknown_name
from vaekit.files import expanded_path
from vaekit.molecules.rdkit_tools import chemistry, parse_smiles, quiet
from vaekit.reading.records import current_options, warn_of_guesses
from vaekit.reading.tables import examine_table

_EXAMPLES, _SHOWN = 5, 3


@dataclass(frozen=True)
class Entry:
    """One molecule.

    Attributes:
        row: Where it stood; see `Molecules.rows`.
        given: The SMILES as it was given.
        smiles: The canonical SMILES after standardisation; ``None`` if it was rejected.
        changes: What was done to it, in words.
        reason: Why it was rejected, in words; ``None`` if it was not.
        duplicate_of: The row of the same molecule further up; ``None`` without one.
    """

    row: int
    given: str
    smiles: str | None = None
    changes: Sequence[str] = ()
    reason: str | None = None
    duplicate_of: int | None = None


@dataclass(frozen=True)
class Report:
    """What became of each molecule, in the order given; ``str(report)`` sums it up in words.

    Attributes:
        entries: One for each row.
        place: What rows count: ``"row"``, ``"line"`` or ``"record"``.
    """

    entries: Sequence[Entry]
    place: str = "row"

    @property
    def changed(self) -> list[Entry]:
        """Those that were accepted as another molecule than they were given."""
        return [entry for entry in self.entries if entry.changes and entry.smiles is not None]

    @property
    def rejected(self) -> list[Entry]:
        """Those that were not accepted."""
        return [entry for entry in self.entries if entry.smiles is None]

    @property
    def rejected_words(self) -> str:
        """How many were not accepted, and the first few with their reasons."""
        shown = [
            f"{self.place} {entry.row} ({entry.given[:40]!r}: {entry.reason})"
            for entry in self.rejected[:_SHOWN]
        ]
        more = ", ..." if len(self.rejected) > _SHOWN else ""
        counts = f"{len(self.rejected)} of {len(self.entries)} were rejected"
        return f"{counts}: {', '.join(shown)}{more}"

    @property
    def duplicated(self) -> list[Entry]:
        """Those that stood further up already."""
        return [entry for entry in self.entries if entry.duplicate_of is not None]

    @property
    def counts(self) -> dict[str, int]:
        """How many were ``given``, are ``unique``, ``changed``, ``duplicated``, ``rejected``."""
        rejected, duplicated = len(self.rejected), len(self.duplicated)
        return {
            "given": len(self.entries),
            "unique": len(self.entries) - rejected - duplicated,
            "changed": len(self.changed),
            "duplicated": duplicated,
            "rejected": rejected,
        }

    def __str__(self) -> str:
        """Return the counts, then what was changed and why some were rejected, with examples."""
        counts = self.counts
        lines = [
            f"{counts['given']} molecules given: {counts['unique']} unique, "
            f"{counts['changed']} changed, {counts['duplicated']} duplicated, "
            f"{counts['rejected']} rejected."
        ]
        for change, entries in _grouped([(c, e) for e in self.changed for c in e.changes]):
            lines.append(f"  changed, {change}: {self._examples(entries)}")
        if self.duplicated:
            lines.append(f"  duplicated: {self._examples(self.duplicated)}")
        for reason, entries in _grouped([(str(e.reason), e) for e in self.rejected]):
            lines.append(f"  rejected, {reason}: {self._examples(entries)}")
        return "\n".join(lines)

    def _examples(self, entries: Sequence[Entry]) -> str:
        rows = ", ".join(str(entry.row) for entry in entries[:_EXAMPLES])
        more = ", ..." if len(entries) > _EXAMPLES else ""
        return f"{len(entries)} ({self.place} {rows}{more})"


def _grouped(pairs: Sequence[tuple[str, Entry]]) -> list[tuple[str, list[Entry]]]:
    """Entries by what they share, the most frequent first."""
    order = Counter(key for key, _ in pairs).most_common()
    return [(key, [entry for other, entry in pairs if other == key]) for key, _ in order]


_NAMES = ("smiles", "canonical_smiles", "smi", "structure", "molecule", "mol")
_ATOM_LETTERS = frozenset("BCNOPSFIHbcnopslr0123456789")
_LOOK_AT, _SHARE = 50, 0.5  # so many cells tell whether a column holds SMILES


@dataclass(frozen=True)
class Molecules:
    """What was read, before anything is checked.

    Attributes:
        smiles: As they were given; empty where there was none.
        rows: Where each stood: the index in a list or data frame, the line of a text file or the
            record of an SDF, those counted from 1.
        place: What `rows` count: ``"row"``, ``"line"`` or ``"record"``.
        names: A name for each, or empty.
        properties: Numbers by name, NaN where missing, shape (molecules,) each.
        labels: Texts by name, likewise, ``None`` where missing.
    """

    smiles: Sequence[str]
    rows: Sequence[int]
    place: str = "row"
    names: Sequence[str] = ()
    properties: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    labels: Mapping[str, NDArray[np.object_]] = field(default_factory=dict)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.smiles)

    def __getitem__(self, positions: slice | NDArray[np.int64]) -> "Molecules":
        """Return those at some places, each with the row that it stood in."""
        chosen = np.arange(len(self))[positions].tolist()
        return replace(
            self,
            smiles=tuple(self.smiles[place] for place in chosen),
            rows=tuple(self.rows[place] for place in chosen),
            names=tuple(self.names[place] for place in chosen) if self.names else (),
            properties={name: values[chosen] for name, values in self.properties.items()},
            labels={name: values[chosen] for name, values in self.labels.items()},
        )


def read_molecules(raw: Any, column: str | None = None) -> Molecules:
    """Read molecules, without judging them; see `standardize` for that.

    Args:
        raw: SMILES in a list, array or data frame; or a path to a .smi, .txt, .csv, .tsv or .sdf
            file, each also as .gz. A text file has a SMILES on each line, then perhaps a name. The
            first line is its header if it names a column of SMILES; if it begins with another
            name, it is taken for one with a warning; else it is a molecule. A table may be
            of any dialect that `vaekit.read_table` reads; one
            without a header is read whole, with a warning that says what its columns are called.
        column: The column of SMILES of a data frame, .csv or .tsv; ``None`` looks for one, by name
            and then by content. Other columns of numbers are read as properties, of texts as
            labels.

    Raises:
        DataError: Nothing there, an unknown format, a damaged file, no column of SMILES.
        DataTypeError: Not text.
        SpecError: No column has that name.
        MissingExtraError: RDKit, or for tables pandas, is not installed.

    Example:
        >>> read_molecules(["CCO", "c1ccccc1"]).rows
        (0, 1)
    """
    if isinstance(raw, Molecules):
        return raw
    if isinstance(raw, str | Path):
        return _read_file(expanded_path(raw), column)
    raw = collect_items(raw)
    if is_frame(raw):
        return _of_frame(raw, column, 0, "row")
    if column is not None:
        raise DataError(
            f"column={column!r} names a column of a data frame or .csv file; got "
            f"{type(raw).__name__}. Leave it out."
        )
    return _of_list(raw)


def _of_list(raw: Any) -> Molecules:
    items = raw.tolist() if isinstance(raw, np.ndarray) else list(raw)
    for row, item in enumerate(items):
        if not (item is None or isinstance(item, str) or _is_nan(item)):
            raise DataTypeError(
                f"molecules must be SMILES strings; got {item!r} of type {type(item).__name__} in "
                f"row {row}. Write it as text, for instance with Chem.MolToSmiles."
            )
    smiles = tuple(item.strip() if isinstance(item, str) else "" for item in items)
    return Molecules(smiles, tuple(range(len(items))))


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and bool(np.isnan(value))


def _read_file(path: Path, column: str | None) -> Molecules:
    if not path.is_file():
        raise DataError(
            f"the molecules must be a file or a list of SMILES; there is no file at {path}. Put a "
            "single SMILES into a list: ['CCO']."
        )
    name = path.name.removesuffix(".gz")
    ending = next((end for end in _READERS if name.endswith(end)), None)
    if ending is None:
        raise DataError(
            f"a file of molecules must end in {', '.join(_READERS)}, perhaps with .gz; got {path}."
        )
    if column is not None and ending not in _TABLES:
        raise DataError(f"column={column!r} names a column of a .csv file; got {path}.")
    try:
        return _READERS[ending](path, column)
    except (DataError, MissingExtraError):
        raise
    except (OSError, EOFError, UnicodeDecodeError, RuntimeError) as error:
        raise DataError(f"{path} must be a readable {ending} file; {error}.") from error


def _bytes_of(path: Path) -> Any:
    return gzip.open(path) if path.name.endswith(".gz") else path.open("rb")


def _text_of(path: Path) -> str:
    with _bytes_of(path) as file:
        text: str = file.read().decode("utf-8-sig")
    return text


def _read_lines(path: Path, column: str | None) -> Molecules:
    """Return a SMILES on each line, then perhaps a name; empty lines are let be at the end only."""
    lines = _text_of(path).rstrip().splitlines()
    place = _named_place(lines)
    first = 1 if place is None else 2
    parts = [_words(line) for line in lines[first - 1 :]]
    place = place or 0
    smiles = tuple(part[place] if len(part) > place else "" for part in parts)
    names = tuple(" ".join(part[:place] + part[place + 1 :]) for part in parts)
    rows = tuple(range(first, first + len(parts)))
    return Molecules(smiles, rows, "line", names if any(names) else ())


def _words(line: str) -> list[str]:
    """Return what spaces and tabs part; commas and semicolons, if there are none of those.

    Neither stands in a SMILES, so a name behind one is no part of it.
    """
    words = line.split()
    return words if len(words) > 1 else [word for word in re.split("[,;]", line.strip()) if word]


def _named_place(lines: Sequence[str]) -> int | None:
    """Return which word of each line is the SMILES, if the first line is a header; else ``None``.

    A name has letters that no atom outside brackets has; so a faulty SMILES in the first line is
    no header, but goes on to be rejected.
    """
    heads = [_words(line) for line in itertools.islice(lines, _LOOK_AT)]
    if not heads or not heads[0]:
        return None
    named = [word.lower() for word in heads[0]]
    place = next((named.index(name) for name in _NAMES if name in named), None)
    if place is not None:
        return place
    first = heads[0][0]
    is_name = first.isascii() and first.isidentifier() and not _ATOM_LETTERS.issuperset(first)
    if not is_name or not any(_are_smiles(words[:1]) for words in heads[1:]):
        return None
    warnings.warn(
        f"line 1 of the molecules, {lines[0]!r}, is taken for a header, as it is no SMILES and "
        "others are. Call it 'smiles' if it is one; correct it if it is a molecule.",
        stacklevel=5,
    )
    return 0


def _are_smiles(texts: Sequence[str]) -> bool:
    """Return whether most of these texts can be read as molecules."""
    with quiet():
        good = sum(bool(text) and parse_smiles(text) is not None for text in texts)
    return bool(texts) and good > _SHARE * len(texts)


def _read_csv(path: Path, column: str | None) -> Molecules:
    """Read a table as every other, but for its header, which only a chemist tells from SMILES."""
    options = current_options()
    found = examine_table(path, replace(options, header=options.header is not False))
    if not found.columns:
        raise DataError(f"{path} must hold a table of molecules; it is empty.")
    if options.header is None and _lacks_header(found.to_pandas(), column):
        found = examine_table(path, replace(options, header=False))
    warn_of_guesses(found, path)
    return _of_frame(found.to_pandas(), column, found.start + 1, "line")


def _lacks_header(frame: Any, column: str | None) -> bool:
    """Return whether a cell of the first line is a SMILES above a column of SMILES."""
    if column is not None or {str(name).lower() for name in frame.columns} & set(_NAMES):
        return False
    return any(
        _are_smiles([_undoubled(str(name))])
        and (frame.empty or _are_smiles(_some_texts(frame[name])))
        for name in frame.columns
    )


def _undoubled(name: str) -> str:
    """Return a cell of a header as it stands there: pandas numbers those that stand twice."""
    return re.sub(r"\.\d+$", "", name)


def _of_frame(frame: Any, column: str | None, first: int, place: str) -> Molecules:
    """A .csv has its header on line 1; one with line breaks inside quotes counts them as one."""
    import pandas as pd

    check_column_names(frame)
    columns = [str(name) for name in frame.columns]
    frame = frame.set_axis(columns, axis=1)
    chosen = _find_column(frame, columns, column)
    texts = frame[chosen].astype(object)
    smiles = tuple(text.strip() if isinstance(text, str) else "" for text in texts)
    numbers = [name for name in columns if name != chosen and _has_numbers(pd, frame[name])]
    properties = {name: frame[name].to_numpy(np.float64, na_value=np.nan) for name in numbers}
    rows = tuple(range(first, first + len(smiles)))
    texts = [name for name in columns if name != chosen and name not in properties]
    labels = {name: _labels(frame[name]) for name in texts}
    return Molecules(smiles, rows, place, properties=properties, labels=labels)


def _labels(values: Any) -> NDArray[np.object_]:
    """Return texts, of whatever is no number; ``None`` where a cell is missing or empty."""
    pairs = zip(values, values.isna(), strict=True)
    return _texts(None if is_missing else value for value, is_missing in pairs)


def _texts(values: Iterable[Any]) -> NDArray[np.object_]:
    found = [None if value is None else str(value).strip() or None for value in values]
    labels = np.empty(len(found), dtype=object)
    labels[:] = found
    return labels


def _has_numbers(pd: Any, values: Any) -> bool:
    kinds = pd.api.types
    return bool(kinds.is_numeric_dtype(values) and not kinds.is_complex_dtype(values))


def _find_column(frame: Any, columns: Sequence[str], chosen: str | None) -> str:
    if chosen is not None:
        if chosen not in columns:
            raise unknown_name("column", chosen, columns)
        return chosen
    by_name = {name.strip().lower(): name for name in reversed(columns)}
    named = next((by_name[name] for name in _NAMES if name in by_name), None)
    if named is not None:
        return named
    fitting = [name for name in columns if _are_smiles(_some_texts(frame[name]))]
    if fitting:
        return fitting[0]
    remedy = "Name it: column='...'."
    if columns and _are_smiles(columns[:1]):
        remedy = "There seems to be no header: put a first line that names the columns."
    raise DataError(f"a table must have a column of SMILES; got columns {list(columns)}. {remedy}")


def _some_texts(values: Any) -> list[str]:
    return [text.strip() for text in values.dropna().head(_LOOK_AT) if isinstance(text, str)]


def _read_sdf(path: Path, column: str | None) -> Molecules:
    """Molecules of an SDF as SMILES, with their stereochemistry; numbers among its fields."""
    chem = chemistry()
    with quiet(), _bytes_of(path) as file:
        records = list(chem.ForwardSDMolSupplier(file))
    smiles = tuple("" if mol is None else chem.MolToSmiles(mol) for mol in records)
    names = tuple(
        mol.GetProp("_Name") if mol is not None and mol.HasProp("_Name") else "" for mol in records
    )
    fields = [{} if mol is None else mol.GetPropsAsDict() for mol in records]
    known = sorted(set().union(*fields)) if fields else []
    properties = {
        name: np.array([_number(each.get(name)) for each in fields])
        for name in known
        if any(isinstance(each.get(name), int | float) for each in fields)
    }
    labels = {name: _texts(f.get(name) for f in fields) for name in known if name not in properties}
    rows = tuple(range(1, len(records) + 1))
    return Molecules(smiles, rows, "record", names if any(names) else (), properties, labels)


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else np.nan


_READERS: dict[str, Callable[[Path, str | None], Molecules]] = {
    ".smi": _read_lines,
    ".smiles": _read_lines,
    ".txt": _read_lines,
    ".csv": _read_csv,
    ".tsv": _read_csv,
    ".sdf": _read_sdf,
}
_TABLES = (".csv", ".tsv")
ENDINGS = tuple(_READERS)
"""How names of files of molecules end, before a ``.gz``."""
