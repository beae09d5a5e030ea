"""Text of data is no formula in the CSV files that commands write, and is read back as it was."""

import csv
import inspect
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

pd = pytest.importorskip("pandas")

from vaekit import read_table, registry  # noqa: E402
from vaekit.cli.app import app  # noqa: E402
from vaekit.csv_text import frame_csv, guarded, rows_csv, unguarded, use_raw_text  # noqa: E402
from vaekit.domains import read_pieces  # noqa: E402

FORMULAS = ["=1+1", "+1-1|cmd", "-x", "@SUM(A1)", "\tx", "\rx", "'=2", "''=3", "-", "=", "+49 30"]
PLAIN = ["a", "'tis", "-3.5", "+2e5", "C=O", "[NH4+]", "", "'", "'-3", " =1"]


@pytest.mark.parametrize("text", FORMULAS)
def test_formulas_get_an_apostrophe(text):
    assert guarded(text) == f"'{text}"
    assert unguarded(guarded(text)) == text


@pytest.mark.parametrize("value", [*PLAIN, -3.5, -2, None, True, np.float32(-1)])
def test_others_stay(value):
    assert guarded(value) is value or guarded(value) == value


@given(st.text())
def test_every_text_comes_back(text):
    assert unguarded(guarded(text)) == text
    assert guarded(text)[:1] not in set("=@\t\r")


@pytest.mark.parametrize("kind", [object, "string", "category", "str"])
def test_columns_of_every_kind(kind):
    frame = pd.DataFrame({"=t": pd.Series(["=1", None, "b"]).astype(kind), "n": [-1.5, 2, -3]})
    assert frame_csv(frame) == "'=t,n\n'=1,-1.5\n,2.0\nb,-3.0\n"
    with use_raw_text(True):
        assert frame_csv(frame) == "=t,n\n=1,-1.5\n,2.0\nb,-3.0\n"
    assert list(frame.columns) == ["=t", "n"]
    assert frame.iloc[0, 0] == "=1"


def test_columns_that_are_no_text_stay():
    frame = pd.DataFrame(
        {
            "time": pd.to_timedelta([-1, 2], unit="D"),
            "day": pd.to_datetime(["2020-01-01", "2021-01-01"]),
            "is": [True, False],
            "big": pd.array([-1, None], "Int64"),
        }
    )
    assert frame_csv(frame) == frame.to_csv(index=False)


def table():
    return pd.DataFrame(
        {
            "=name": (FORMULAS[:4] + FORMULAS[5:8] + ["a", "'tis", "b,c"]) * 6,
            "@x": np.linspace(-3, 3, 60),
            "n": range(-30, 30),
        }
    )


def test_a_file_is_read_as_it_was_written(tmp_path):
    frame = table()
    (tmp_path / "a.csv").write_text(frame_csv(frame), newline="")
    back = read_table(tmp_path / "a.csv")
    pd.testing.assert_frame_equal(back, frame, check_dtype=False)
    assert (tmp_path / "a.csv").read_text().startswith('"\'=name",')


def test_large_files_and_pieces_too(tmp_path):
    frame = pd.concat([table()] * 12_000, ignore_index=True)
    (tmp_path / "a.csv").write_text(frame_csv(frame), newline="")
    assert (tmp_path / "a.csv").stat().st_size > 2**24
    pd.testing.assert_frame_equal(read_table(tmp_path / "a.csv"), frame, check_dtype=False)
    first = next(read_pieces(tmp_path / "a.csv", 1000))
    pd.testing.assert_frame_equal(first, frame[:1000], check_dtype=False)


def test_numbers_and_words_for_nothing_stay(tmp_path):
    (tmp_path / "a.csv").write_text("x,y\n-1,a\n'-2,b\n-,c\n4,=d\n")
    back = read_table(tmp_path / "a.csv", kinds={"x": "category"}, header=True)
    assert list(back["x"]) == ["-1", "'-2", "-", "4"]
    assert list(back["y"]) == ["a", "b", "c", "=d"]


def test_cells_with_commas_are_quoted():
    assert rows_csv(["a,b"], [["=x,y"], [-1]]) == b'"a,b"\n"\'=x,y"\n-1\n'


WRITING = {
    "sample": ["{run}", "-n", "30"],
    "reconstruct": ["{run}", "{data}"],
    "interpolate": ["{run}", "{data}", "--pairs", "2"],
    "edit": ["{run}", "{data}", "--discover", "1"],
    "anomalies": ["{data}", "--max-epochs", "1"],
    "impute": ["{data}", "--max-epochs", "1"],
    "augment": ["{data}", "--target", "y", "--max-epochs", "1", "--folds", "2", "--anyway"],
}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    place = tmp_path_factory.mktemp("formulas")
    frame = table().assign(y=["u", "v", "u"] * 20)
    (place / "in.csv").write_text(frame_csv(frame), newline="")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        call("fit", place / "in.csv", place / "run", "--max-epochs", 1, "--latent-dim", 1)
    return place


def call(*arguments):
    return CliRunner().invoke(app, [str(a) for a in arguments], catch_exceptions=False)


@pytest.mark.parametrize("raw", [False, True])
@pytest.mark.parametrize("command", WRITING)
@pytest.mark.filterwarnings("ignore")
def test_commands(command, raw, place, tmp_path):
    names = {"run": place / "run", "data": place / "in.csv"}
    arguments = [word.format(**names) for word in WRITING[command]]
    out = tmp_path / "out.csv"
    result = call(command, *arguments, "--out", out, *(["--raw-text"] if raw else []))
    assert result.exit_code == 0, result.output
    head, *rows = csv.reader(out.open(newline=""))
    cells = [head[i] for i in range(len(head))] + [row[head.index(h)] for row in rows for h in head]
    begin = {cell[0] for cell in cells if cell and not _is_number(cell)}
    assert bool(begin & set("=+-@\t\r")) == raw
    assert {"=name", "@x"} <= set(read_table(out).columns)


def _is_number(cell):
    try:
        return bool(float(cell)) or True
    except ValueError:
        return False


def test_every_command_that_writes_what_it_read_can_write_it_raw():
    for name in registry.names("commands"):
        named = inspect.signature(registry.get("commands", name)).parameters.keys()
        if "out" in named and name != "demo":
            assert "--raw-text" in call(name, "--help").output, name
