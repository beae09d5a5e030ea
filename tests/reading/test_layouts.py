"""Layouts of text files: the same small table, written as people write it, is read the same."""

import bz2
import gzip
import io
import lzma
import zipfile

import numpy as np
import pandas as pd
import pytest

from vaekit import read_table
from vaekit.errors import DataError, SpecError
from vaekit.reading import ReadingWarning, examine_table

TOWNS = ["Köln", "Málaga", "Lodz"]
TABLE = pd.DataFrame(
    {
        "höhe": [51.13 + i / 4 for i in range(24)],
        "stück": [(7 * i) % 50 for i in range(24)],
        "ort": [TOWNS[i % 3] for i in range(24)],
    }
)


def lines(delimiter=",", decimal=".", header=True):
    rows = [delimiter.join(TABLE.columns)] if header else []
    for height, count, town in TABLE.itertuples(index=False):
        rows.append(delimiter.join([f"{height:.2f}".replace(".", decimal), str(count), town]))
    return rows


def write(path, rows, encoding="utf-8", newline="\n"):
    path.write_bytes((newline.join(rows) + newline).encode(encoding))
    return path


def check(found, names=tuple(TABLE.columns)):
    assert list(found.columns) == list(names)
    assert np.allclose(found.iloc[:, 0], TABLE["höhe"].round(2))
    assert found.iloc[:, 1].tolist() == TABLE["stück"].tolist()
    assert found.iloc[:, 2].tolist() == TABLE["ort"].tolist()


DIALECTS = [(",", "."), (";", "."), (";", ","), ("\t", "."), ("\t", ","), ("|", "."), ("|", ",")]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize(("delimiter", "decimal"), DIALECTS)
def test_a_dialect_is_told_from_the_file(tmp_path, delimiter, decimal, newline, encoding):
    rows = lines(delimiter, decimal)
    check(read_table(write(tmp_path / "a.csv", rows, encoding, newline)))


@pytest.mark.parametrize(("delimiter", "decimal"), DIALECTS)
def test_another_encoding_is_guessed_and_said(tmp_path, delimiter, decimal):
    path = write(tmp_path / "a.txt", lines(delimiter, decimal), "cp1252")
    with pytest.warns(ReadingWarning, match="cp1252"):
        check(read_table(path))
    check(read_table(path, encoding="latin-1"))


def test_letters_of_other_scripts_are_guessed_or_asked_for(tmp_path):
    rows = ["town;n"] + [f"{name};{i}" for i, name in enumerate(["東京", "大阪", "名古屋"] * 9)]
    with pytest.warns(ReadingWarning, match="read as"):
        found = read_table(write(tmp_path / "a.csv", rows, "shift_jis"))
    assert set(found["town"]) == {"東京", "大阪", "名古屋"}
    rows = ["имя;число"] + [f"{name};{i}" for i, name in enumerate(["Анна", "Пётр"] * 9)]
    path = write(tmp_path / "b.csv", rows, "cp1251")
    with pytest.raises(DataError, match="--encoding cp1251"):
        read_table(path)
    assert set(read_table(path, encoding="cp1251")["имя"]) == {"Анна", "Пётр"}


def around(rows, delimiter, above=(), below=(), units=None):
    unit = [] if units is None else [delimiter.join(units)]
    return [*above, rows[0], *unit, *rows[1:], *below]


ODDITIES = {
    "title": ({"above": ["Survey 2021"]}, "above the table"),
    "titles and a gap": ({"above": ["Survey", "of towns", ""]}, "above the table"),
    "comment": ({"above": ["# exported by hand"]}, "above the table"),
    "units": ({"units": ["cm", "pieces", "name"]}, "row of units"),
    "total": ({"below": ["Total{d}552{d}"]}, "at the end"),
    "note": ({"below": ["", "Source: somebody's notebook"]}, "at the end"),
}


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("name", ODDITIES)
def test_what_stands_around_a_table_is_left_out_and_said(tmp_path, name, delimiter):
    given, message = ODDITIES[name]
    given = {
        key: [text.replace("{d}", delimiter) for text in value] if key != "units" else value
        for key, value in given.items()
    }
    path = write(tmp_path / "a.csv", around(lines(delimiter), delimiter, **given))
    with pytest.warns(ReadingWarning, match=message):
        check(read_table(path))


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("where", ["everywhere", "rows only", "blank lines"])
def test_trailing_delimiters_and_blank_lines_shift_nothing(tmp_path, delimiter, where):
    rows = lines(delimiter)
    if where == "blank lines":
        rows = [line for row in rows for line in (row, "")]
    else:
        rows = [rows[0] if where == "rows only" else rows[0] + delimiter] + [
            row + delimiter for row in rows[1:]
        ]
    check(read_table(write(tmp_path / "a.csv", rows)))


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_no_row_of_a_table_without_header_is_lost(tmp_path, delimiter):
    path = write(tmp_path / "a.csv", lines(delimiter, header=False))
    names = ("column_1", "column_2", "column_3")
    with pytest.warns(ReadingWarning, match="no header"):
        check(read_table(path), names)
    with pytest.warns(ReadingWarning, match="no header"):
        check(read_table(path, header=False), names)


@pytest.mark.parametrize("header", ["höhe,stück,ort", ",höhe,stück,ort"])
def test_names_of_rows_are_no_column(tmp_path, header):
    rows = [header] + [f"r{i},{row}" for i, row in enumerate(lines(header=False))]
    with pytest.warns(ReadingWarning, match="index"):
        found = read_table(write(tmp_path / "a.csv", rows))
    check(found)
    assert found.index.tolist() == [f"r{i}" for i in range(24)]


def test_header_of_two_rows(tmp_path):
    rows = ["control,,fire,", "X,Y,X,Y"] + [f"{i}.5,{i},{i + 1}.25,-{i}" for i in range(12)]
    with pytest.warns(ReadingWarning, match="2 rows"):
        found = read_table(write(tmp_path / "a.csv", rows))
    assert list(found.columns) == ["control X", "control Y", "fire X", "fire Y"]


def test_names_that_are_empty_or_stand_twice_are_renamed_and_said(tmp_path):
    rows = ["a,,a,b"] + [f"{i},{i * 2},{i * 3},x{i % 2}" for i in range(12)]
    with pytest.warns(ReadingWarning, match=r"column_2.*a\.1"):
        found = read_table(write(tmp_path / "a.csv", rows))
    assert list(found.columns) == ["a", "column_2", "a.1", "b"]


def test_years_may_be_names(tmp_path):
    rows = ["country,2019,2020,2021"] + [f"land {i},{i}.5,{i + 1}.25,{i * 3}" for i in range(12)]
    found = read_table(write(tmp_path / "a.csv", rows))
    assert list(found.columns) == ["country", "2019", "2020", "2021"]


def test_quotes_hold_delimiters_quotes_and_line_ends(tmp_path):
    rows = ["size,note"] + [f'{i}.5,"Łódź, ""{i}""\nsecond"' for i in range(12)]
    found = read_table(write(tmp_path / "a.csv", rows))
    assert found["note"].tolist() == [f'Łódź, "{i}"\nsecond' for i in range(12)]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("bad", ["1{d}2", "1{d}2{d}x{d}4{d}5"])
def test_an_uneven_row_is_named_or_left_out(tmp_path, bad, delimiter):
    rows = [*lines(delimiter), bad.replace("{d}", delimiter)]
    path = write(tmp_path / "a.csv", rows)
    with pytest.raises(DataError, match=r"row 26 of the file has .*--skip-bad"):
        read_table(path)
    with pytest.warns(ReadingWarning, match="1 row"):
        check(read_table(path, skip_bad=True))


def test_rows_that_end_early_by_habit_have_missing_cells(tmp_path):
    rows = ["a,b,c"] + [f"{i},x" if i % 3 else f"{i},x,{i}.5" for i in range(30)]
    with pytest.warns(ReadingWarning, match="20 rows end early"):
        found = read_table(write(tmp_path / "a.csv", rows))
    assert found["c"].isna().sum() == 20


def test_a_quote_that_never_ends_is_named(tmp_path):
    rows = ["a,b"] + ['1,"open'] + [f"{i},x" for i in range(300)]
    with pytest.raises(DataError, match="quote in line 2"):
        read_table(write(tmp_path / "a.csv", rows))


def test_an_empty_file_is_an_empty_table(tmp_path):
    with pytest.warns(ReadingWarning, match="empty"):
        assert read_table(write(tmp_path / "a.csv", [""])).shape == (0, 0)


def pack(ending, data):
    if ending == ".zip":
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("inside.csv", data)
        return buffer.getvalue()
    return {".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress}[ending](data)


@pytest.mark.parametrize("ending", [".gz", ".bz2", ".xz", ".zip"])
@pytest.mark.parametrize("kind", [".csv", ".tsv", ".txt"])
def test_compressed_text(tmp_path, kind, ending):
    path = tmp_path / f"a{kind}{ending}"
    path.write_bytes(pack(ending, ("\n".join(lines(";", ",")) + "\n").encode()))
    check(read_table(path))


@pytest.mark.parametrize("ending", [".parquet", ".feather", ".jsonl", ".xlsx"])
def test_other_forms_of_files(tmp_path, ending):
    path = tmp_path / f"a{ending}"
    if ending == ".parquet":
        TABLE.to_parquet(path)
    elif ending == ".feather":
        TABLE.to_feather(path)
    elif ending == ".jsonl":
        TABLE.to_json(path, orient="records", lines=True, force_ascii=False)
    else:
        pytest.importorskip("openpyxl")
        TABLE.to_excel(path, index=False)
    found = read_table(path)
    assert found["ort"].tolist() == TABLE["ort"].tolist()
    assert np.allclose(found["höhe"], TABLE["höhe"])
    assert found["stück"].tolist() == TABLE["stück"].tolist()


def test_a_spreadsheet_with_a_title_and_dates(tmp_path):
    pytest.importorskip("openpyxl")
    days = pd.date_range("2021-01-01", periods=24)
    frame = TABLE.assign(tag=days)
    with pd.ExcelWriter(tmp_path / "a.xlsx") as book:
        frame.to_excel(book, index=False, startrow=2)
        book.sheets["Sheet1"].cell(1, 1, "Survey of towns")
    with pytest.warns(ReadingWarning, match="above the table"):
        found = read_table(tmp_path / "a.xlsx")
    assert found["tag"].tolist() == days.tolist()


@pytest.mark.parametrize("form", ["pandas", "arrow", "polars"])
def test_forms_of_what_is_returned(tmp_path, form):
    if form == "polars":
        pytest.importorskip("polars")
    found = read_table(write(tmp_path / "a.csv", lines()), form=form)
    assert type(found).__module__.split(".")[0] == {"arrow": "pyarrow"}.get(form, form)
    assert found["ort"].to_pylist() if form == "arrow" else list(found["ort"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sep": "::"}, "one character"),
        ({"decimal": ";"}, "decimal mark"),
        ({"encoding": "latin-7000"}, "encoding"),
        ({"kinds": {"ort": "colour"}}, "kind of column"),
        ({"kinds": {"Ort": "category"}}, "ort"),
        ({"drop": ["Ort"]}, "ort"),
        ({"form": "numpy"}, "form"),
    ],
)
def test_options_that_make_no_sense(tmp_path, options, message):
    with pytest.raises(SpecError, match=message):
        read_table(write(tmp_path / "a.csv", lines()), **options)


def test_options_win_over_what_the_file_looks_like(tmp_path):
    path = write(tmp_path / "a.csv", ["a;b", *[f"1,{i};x" for i in range(12)]])
    found = read_table(path, sep=";", decimal=",", drop=["b"])
    assert found.columns.tolist() == ["a"]
    assert found["a"].iloc[3] == pytest.approx(1.3)


def test_what_is_no_table_is_refused(tmp_path):
    with pytest.raises(DataError, match="none at"):
        read_table(tmp_path / "nothing.csv")
    (tmp_path / "a.docx").write_bytes(b"x")
    with pytest.raises(DataError, match="must end in"):
        read_table(tmp_path / "a.docx")
    (tmp_path / "a.parquet").write_bytes(b"no parquet")
    with pytest.raises(DataError, match="readable"):
        read_table(tmp_path / "a.parquet")
    (tmp_path / "a.jsonl").write_text('{"a": 1}\n[2]\n')
    with pytest.raises(DataError, match="line 2"):
        read_table(tmp_path / "a.jsonl")


def test_a_large_file_is_read_like_a_small_one(tmp_path, monkeypatch):
    rows = ["id;zip;size;day;town;when"]
    for i in range(3000):
        day, when = f"{1 + i % 28:02d}.12.2021", f"2021-03-0{1 + i % 9}"
        rows.append(f"{i};{i % 900:05d};{i / 8};{day};{TOWNS[i % 3]};{when}")
    path = write(tmp_path / "a.csv", rows)
    small = examine_table(path)
    monkeypatch.setattr("vaekit.reading.text.HEAD", 2**14)
    monkeypatch.setattr("vaekit.reading.text._LARGE", 2**15)
    large = examine_table(path)
    assert large.table.cast(small.table.schema).equals(small.table)
    assert str(small.table.schema.field("zip").type) == "string"
    assert large.warnings == small.warnings


def test_a_large_file_with_gaps_and_decimal_commas_is_read_like_a_small_one(tmp_path, monkeypatch):
    rows = ["sex;mass;price;note"]
    for i in range(3000):
        sex, mass = ("NA", "NA") if i % 50 == 7 else ("fm"[i % 2], f"{i},5")
        rows.append(f"{sex};{mass};1.{i % 900 + 100};{i}")
        rows += [";;;"] if i % 500 == 3 else []
    path = write(tmp_path / "a.csv", [*rows, "Total;;;4498500"])
    small = examine_table(path)
    monkeypatch.setattr("vaekit.reading.text.HEAD", 2**14)
    monkeypatch.setattr("vaekit.reading.text._LARGE", 2**15)
    large = examine_table(path)
    assert small.table.num_rows == 3000
    assert small.table.column("sex").null_count == 60
    assert small.table.column("price")[0].as_py() == 1100
    assert large.table.cast(small.table.schema).equals(small.table)
    assert large.warnings == small.warnings


def test_pieces_say_what_the_first_part_of_a_file_did_not_tell(tmp_path, monkeypatch):
    from vaekit.domains import read_pieces

    rows = ["code,size,town"] + [f"{i % 9 + 1},{i}.5,{TOWNS[i % 3]}" for i in range(3000)]
    rows += ["007,12.5,Lodz", "8,big,Lodz"]
    path = write(tmp_path / "a.csv", rows)
    monkeypatch.setattr("vaekit.reading.text.HEAD", 2**13)
    pieces = read_pieces(path, 1000)
    assert len(next(pieces)) == len(next(pieces)) == len(next(pieces)) == 1000
    with pytest.warns(ReadingWarning, match=r"'code': codes with leading zeros.*'big' in row 2"):
        last = next(pieces)
    assert last["size"].isna().tolist() == [False, True]


def test_a_label_that_says_total_is_no_total(tmp_path):
    rows = ["kind,size"] + [f"{['part', 'total'][i % 2]},{i}" for i in range(60)]
    assert len(read_table(write(tmp_path / "a.csv", rows))) == 60


def test_a_first_line_that_nothing_tells_from_others_is_said(tmp_path):
    rows = ["name,mail"] + [f"person {chr(97 + i)},{chr(97 + i)}@home" for i in range(20)]
    path = write(tmp_path / "a.csv", rows)
    with pytest.warns(ReadingWarning, match="--no-header"):
        assert len(read_table(path)) == 20
    assert len(read_table(path, header=True)) == 20


def test_only_columns_with_gaps_are_of_types_that_know_them(tmp_path):
    rows = ["a,b,c"] + [
        f"{i},{'' if i % 5 == 1 else i},{'' if i % 5 else 'true'}" for i in range(30)
    ]
    dtypes = read_table(write(tmp_path / "a.csv", rows)).dtypes.astype(str).to_dict()
    assert dtypes == {"a": "int64", "b": "Int64", "c": "boolean"}
