"""What the text of one column means: numbers, dates and labels in the forms that people write."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from vaekit import read_table
from vaekit.errors import DataError
from vaekit.reading import ReadingWarning, examine_table

N = 24


def read(tmp_path, cells, delimiter=";", **options):
    path = tmp_path / "a.csv"
    quoted = [f'"{cell}"' if delimiter in cell else cell for cell in cells]
    rows = [f"c{delimiter}other", *(f"{cell}{delimiter}x{i % 3}" for i, cell in enumerate(quoted))]
    path.write_text("\n".join(rows) + "\n")
    return read_table(path, **options)["c"]


NUMBERS = {
    "integers": (lambda i: f"{i}", lambda i: i),
    "signs": (lambda i: f"{i - 9:+d}", lambda i: i - 9),
    "decimals": (lambda i: f"{i}.25", lambda i: i + 0.25),
    "no leading zero": (lambda i: f".{i + 1}5", lambda i: float(f".{i + 1}5")),
    "exponents": (lambda i: f"{i}.5e-3", lambda i: (i + 0.5) * 1e-3),
    "decimal commas": (lambda i: f"{i},5", lambda i: i + 0.5),
    "decimal commas and points": (lambda i: f"1.00{i % 9},50", lambda i: 1000.5 + i % 9),
    "thousands": (lambda i: f"{i + 1},234.5", lambda i: 1000 * (i + 1) + 234.5),
    "whole thousands": (lambda i: f"{i + 1},234,567", lambda i: 10**6 * (i + 1) + 234567),
    "spaces": (lambda i: f"{i + 1} 234,5", lambda i: 1000 * (i + 1) + 234.5),
    "narrow spaces": (lambda i: f"{i + 1}\u202f234", lambda i: 1000 * (i + 1) + 234),
    "apostrophes": (lambda i: f"{i + 1}'234.5", lambda i: 1000 * (i + 1) + 234.5),
    "percent": (lambda i: f"{i}.5%", lambda i: i + 0.5),
    "percent with a space": (lambda i: f"{i} %", lambda i: i),
    "dollars": (lambda i: f"${i}.50", lambda i: i + 0.5),
    "euros behind": (lambda i: f"{i},50 €", lambda i: i + 0.5),
    "pounds and thousands": (lambda i: f"£{i + 1},500.25", lambda i: 1000 * (i + 1) + 500.25),
    "codes of currencies": (lambda i: f"USD {i}", lambda i: i),
    "brackets": (lambda i: f"({i}.5)", lambda i: -(i + 0.5)),
    "spaces around": (lambda i: f"  {i}.5 ", lambda i: i + 0.5),
    "tiny": (lambda i: f"{i + 1}e-15", lambda i: (i + 1) * 1e-15),
    "huge": (lambda i: f"{i + 1}e300", lambda i: (i + 1) * 1e300),
    "beyond 2^53": (lambda i: str(2**60 + i), lambda i: 2**60 + i),
    "beyond 2^63": (lambda i: str(2**63 + i), lambda i: 2**63 + i),
}


@pytest.mark.parametrize("name", NUMBERS)
def test_forms_of_numbers(tmp_path, name, recwarn):
    write, value = NUMBERS[name]
    found = read(tmp_path, [write(i) for i in range(N)])
    wanted = [value(i) for i in range(N)]
    if all(isinstance(v, int) for v in wanted):
        assert found.tolist() == wanted
    else:
        assert np.allclose(found, wanted, rtol=1e-12, atol=0)


@pytest.mark.parametrize("word", ["", "NA", "N/A", "nan", "null", "NULL", "-", "?", ".", "missing"])
@pytest.mark.parametrize("kind", ["integer", "number", "date"])
def test_words_for_nothing_among_numbers_and_dates(tmp_path, word, kind):
    write = {"integer": str, "number": lambda i: f"{i}.5", "date": lambda i: f"2021-03-{i + 1:02d}"}
    cells = [word if i % 5 == 1 else write[kind](i) for i in range(N)]
    found = read(tmp_path, cells)
    assert found.isna().tolist() == [i % 5 == 1 for i in range(N)]
    assert not pd.api.types.is_string_dtype(found.dtype)
    if kind == "integer":
        assert found.dtype == "Int64"


@pytest.mark.parametrize("word", ["None", "NA", "nan", "-", "unknown"])
def test_words_among_labels_are_labels(tmp_path, word):
    cells = [word if i % 5 == 1 else "mild" for i in range(N)]
    assert set(read(tmp_path, cells)) == {word, "mild"}
    assert read(tmp_path, cells, missing_values=[word]).isna().sum() == 5


def test_na_among_labels_is_nothing_where_it_is_among_numbers(tmp_path):
    rows = ["sex,mass"] + ["NA,NA" if i % 6 == 1 else f"{'fm'[i % 2]},{i}.5" for i in range(N)]
    (tmp_path / "a.csv").write_text("\n".join(rows))
    assert read_table(tmp_path / "a.csv")["sex"].isna().sum() == 4


DAYS = [dt.datetime(2021, 1 + i % 12, 1 + i, 1 + i % 20, i, 2 * i) for i in range(N)]
DATES = {
    "ISO": "%Y-%m-%d",
    "ISO with hours": "%Y-%m-%dT%H:%M:%S",
    "ISO with a space": "%Y-%m-%d %H:%M:%S",
    "minutes": "%Y-%m-%d %H:%M",
    "day first with points": "%d.%m.%Y",
    "day first with points and hours": "%d.%m.%Y %H:%M",
    "day first with slashes": "%d/%m/%Y",
    "month first": "%m/%d/%Y",
    "month first with halves of days": "%m/%d/%Y %I:%M %p",
    "day first with dashes": "%d-%m-%Y",
    "years of two digits": "%d.%m.%y",
    "year first with slashes": "%Y/%m/%d",
    "months by name": "%d %B %Y",
    "short months": "%d-%b-%Y",
    "short months and years": "%d-%b-%y",
    "American": "%B %d, %Y",
    "seconds": "%d/%m/%Y %H:%M:%S",
}


@pytest.mark.parametrize("name", DATES)
def test_forms_of_dates(tmp_path, name):
    form = DATES[name]
    found = read(tmp_path, [day.strftime(form) for day in DAYS])
    assert found.tolist() == [dt.datetime.strptime(day.strftime(form), form) for day in DAYS]


def test_dates_with_zones_are_in_universal_time(tmp_path):
    found = read(tmp_path, [f"2021-03-{i + 1:02d}T10:00:00+02:00" for i in range(N)])
    assert str(found.dt.tz) == "UTC"
    assert found.iloc[0].hour == 8


@pytest.mark.parametrize(("day_first", "month"), [(None, 3), (True, 4), (False, 3)])
def test_dates_that_do_not_tell_which_number_is_the_day(tmp_path, day_first, month):
    cells = [f"03/04/20{i:02d}" for i in range(N)]
    if day_first is None:
        with pytest.warns(ReadingWarning, match="which number is the day"):
            found = read(tmp_path, cells)
    else:
        found = read(tmp_path, cells, day_first=day_first)
    assert set(found.dt.month) == {month}


def test_dates_beyond_nanoseconds(tmp_path):
    found = read(tmp_path, ["9999-12-31" if i % 4 else "1066-10-14" for i in range(N)])
    assert set(found.dt.year) == {9999, 1066}


def test_hours_are_durations(tmp_path):
    found = read(tmp_path, [f"{i:02d}:30" for i in range(N)])
    assert found.iloc[3] == pd.Timedelta(hours=3, minutes=30)


@pytest.mark.parametrize("cells", [["true", "false"], ["True", "False"], ["TRUE", "FALSE"]])
def test_truth_values(tmp_path, cells):
    assert read(tmp_path, cells * 12).tolist() == [True, False] * 12


@pytest.mark.parametrize(
    "cells",
    [
        ["01000", "01003", "1002"],
        ["007", "010", "123"],
        ["2021-13-45", "x", "y"],
        ["$5", "€6", "£7"],
        ["1-2", "3-4", "5-6"],
        ["A1", "B2", "C3"],
        ["192.168.0.1", "10.0.0.7", "8.8.8.8"],
        ["ja", "nein", "ja"],
        [str(2**70), str(2**70 + 1), str(2**70 + 2)],
    ],
)
def test_what_stays_text(tmp_path, cells):
    with pytest.warns(ReadingWarning) if cells[0][0] in "0$" or len(cells[0]) > 20 else _nothing():
        found = read(tmp_path, cells * 8)
    assert found.tolist() == cells * 8


class _nothing:
    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None


@pytest.mark.parametrize("stray", ["abc", "12 apples", "1,2,3", "=SUM(A1)"])
def test_a_stray_cell_is_named_with_the_cure_and_its_column_kept(tmp_path, stray):
    cells = [stray if i == 16 else f"{i}.5" for i in range(N)]
    with pytest.warns(ReadingWarning, match=r"in row 17 .*--kind c=category"):
        found = read(tmp_path, cells)
    assert found.isna().sum() == 1
    assert found.iloc[3] == 3.5


def test_kinds_of_the_user_win(tmp_path):
    assert read(tmp_path, [str(i % 3) for i in range(N)], kinds={"c": "category"}).iloc[4] == "1"
    mixed = [f"{i}.5" if i % 2 else "x" for i in range(N)]
    with pytest.warns(ReadingWarning, match="12 such cells"):
        assert read(tmp_path, mixed, kinds={"c": "number"}).isna().sum() == 12
    with pytest.raises(DataError, match="must hold dates"):
        read(tmp_path, ["x", "y"] * 12, kinds={"c": "datetime"})


def test_ambiguous_thousands_are_said(tmp_path):
    with pytest.warns(ReadingWarning, match="thousands"):
        found = read(tmp_path, [f"{i + 1},234" for i in range(N)], delimiter=",")
    assert found.iloc[0] == 1234
    with pytest.warns(ReadingWarning, match="decimals"):
        found = read(tmp_path, [f"{i + 1},234" for i in range(N)], delimiter=";")
    assert found.iloc[0] == 1.234


def test_each_column_says_what_it_was_taken_for(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("a;b\n" + "".join(f"{i},5;{1 + i:02d}.03.2021\n" for i in range(N)))
    found = examine_table(path)
    assert [c.format.summary for c in found.columns] == [
        "number with decimal commas",
        "datetime as %d.%m.%Y",
    ]
    assert found.dialect["delimiter"] == ";"
