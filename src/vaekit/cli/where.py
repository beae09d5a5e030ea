"""Conditions as they are typed: ``age>=30``, ``job=cook|vet``."""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from vaekit.domains import Category, Domain, Number, TableDomain
from vaekit.domains.tables import Column
from vaekit.errors import DataError, SpecError, unknown_name
from vaekit.tasks.molecules import targets_of

__all__ = ["read_conditions"]

_FORM = re.compile(r"^\s*(.+?)\s*(>=|<=|=)\s*(.*?)\s*$")


def read_conditions(texts: Sequence[str], domain: Domain) -> dict[str, Any]:
    """Conditions for `vaekit.tasks.sample_where`.

    Args:
        texts: Each ``COLUMN=VALUE``, ``COLUMN=A|B`` (one of several), ``COLUMN=LOW..HIGH`` of
            numbers, ``COLUMN>=VALUE`` or ``COLUMN<=VALUE``; quotes around values are taken off, and
            no value means a missing cell. Two bounds of one column make a range, as do two dots,
            with no number at an open end. Columns of molecules are their targets.
        domain: Of the model.

    Raises:
        SpecError: Another form, or no such column.
        DataError: A value that is no number, of a column of numbers.
        CompositionError: The model is not of a table, nor of molecules with targets.
    """
    readers = _readers(domain)
    found: dict[str, Any] = {}
    for text in texts:
        match = _FORM.match(text)
        if match is None:
            raise SpecError(
                f"--where must be like age>=30, job=cook or job=cook|vet; got {text!r}."
            )
        name, sign, value = match.groups()
        if name not in readers:
            raise unknown_name("column", name, list(readers))
        read = readers[name]
        if sign == "=" and ".." in value and name in _of_numbers(domain):
            found[name] = _range(read, value)
        elif sign == "=":
            found[name] = [read(part) for part in value.split("|")]
        else:
            low, high = found[name] if isinstance(found.get(name), tuple) else (None, None)
            bound = read(value)
            found[name] = (bound, high) if sign == ">=" else (low, bound)
    return found


def _of_numbers(domain: Domain) -> list[str]:
    """Columns that can be asked for by ``LOW..HIGH``."""
    if not isinstance(domain, TableDomain):
        return list(targets_of(domain).names)
    return [column.name for column in domain.columns or () if isinstance(column, Number)]


def _range(read: Callable[[str], Any], text: str) -> tuple[Any, Any]:
    low, high = (read(end) if end.strip() else None for end in text.split("..", 1))
    return low, high


def _readers(domain: Domain) -> Mapping[str, Callable[[str], Any]]:
    """How a value of each column is read."""
    if not isinstance(domain, TableDomain):
        return {name: partial(_number, name) for name in targets_of(domain).names}
    return {column.name: partial(_value, column) for column in domain.columns or ()}


def _value(column: Column, text: str) -> Any:
    text = text.strip()
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        text = text[1:-1]
    if not text:
        return None
    if isinstance(column, Number):
        return _number(column.name, text)
    if isinstance(column, Category):  # labels may be numbers or truth values
        return next((label for label in column.labels if str(label) == text), text)
    return text


def _number(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise DataError(f"column {name!r} holds numbers; got {text!r}.") from error
