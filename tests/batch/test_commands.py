"""``vaekit encode`` and its kin on files and on data sets."""

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from vaekit import load
from vaekit.batch.commands import FORMS
from vaekit.batch.scorer import TASKS
from vaekit.cli.app import app, main
from vaekit.errors import DataError, SaveError, SpecError, VaekitError

from .conftest import as_table, make_frame, read_all


def call(*words):
    made = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
    assert made.exit_code == 0, made.output
    return made.output


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "a.parquet"
    pq.write_table(as_table(make_frame(40)), path)
    return path


def test_commands_and_tasks_are_the_same():
    assert FORMS.keys() == TASKS.keys()
    for name, form in FORMS.items():
        assert set(form.options) <= set(TASKS[name])


@pytest.mark.parametrize("ending", ["csv", "parquet", "npy", "npz"])
def test_latents_of_one_file(ending, file, runs, tmp_path):
    out = tmp_path / f"z.{ending}"
    call("encode", runs / "table", file, "--out", out)
    expected = load(runs / "table").transform(make_frame(40))
    if ending in ("npy", "npz"):
        found = np.load(out)
        np.testing.assert_array_equal(found if ending == "npy" else found["X"], expected)
        return
    found = pd.read_csv(out) if ending == "csv" else pd.read_parquet(out)
    assert list(found) == ["z0", "z1"]
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_latents_and_their_deviations(file, runs, tmp_path):
    call("encode", runs / "table", file, "--std", "--out", tmp_path / "z.parquet")
    assert list(pd.read_parquet(tmp_path / "z.parquet")) == ["z0", "z1", "s0", "s1"]


def test_an_out_with_an_ending_is_a_file_as_ever(file, runs, tmp_path):
    call("score", runs / "table", file, "--draws", 2, "--out", tmp_path / "s.csv")
    assert list(pd.read_csv(tmp_path / "s.csv")) == ["item", "log_p"]
    call("score", runs / "table", file, "--draws", 2, "--out", tmp_path / "plain")
    assert (tmp_path / "plain").is_file()


LINES = {
    "encode": "encode {runs}/table {data} --keep id",
    "score": "score {runs}/table {data} --draws 2",
    "anomalies": "anomalies {data} --detector {runs}/detector --reasons 1",
    "reconstruct": "reconstruct {runs}/table {data}",
    "impute": "impute {data} --run {runs}/holes --draws 3 --seed 4",
    "sample": "sample {runs}/table -n 25 --shards 3 --where kind=a",
}


@pytest.mark.parametrize("name", LINES)
def test_every_command_takes_a_data_set(name, runs, data, tmp_path):
    out = tmp_path / "out"
    words = LINES[name].format(runs=runs, data=data).split()
    output = " ".join(call(*words, "--out", f"{out}/").split())
    rows = 25 if name == "sample" else 2036
    count = 3 if name == "sample" else 5
    assert f"wrote {count} shards with {rows:,} rows" in output
    assert sum(pq.read_metadata(p).num_rows for p in out.rglob("*.parquet")) == rows
    again = " ".join(call(*words, "--out", f"{out}/").split())
    assert f"wrote 0 shards with 0 rows to {out}/, {count} were there already" in again


@pytest.mark.parametrize("out", ["out/", "there", "new"])
def test_ways_to_name_a_folder(out, runs, data, tmp_path):
    (tmp_path / "there").mkdir()
    call("encode", runs / "table", data, "--out", f"{tmp_path}/{out}")
    assert len(read_all(tmp_path / out.strip("/"))) == 5


def test_a_pattern_and_a_file(runs, data, tmp_path):
    call("encode", runs / "table", f"{data}/part-[01].parquet", "--out", tmp_path / "some")
    call("encode", runs / "table", data / "part-1.parquet", "--out", f"{tmp_path}/one/")
    some, one = read_all(tmp_path / "some"), read_all(tmp_path / "one")
    assert set(some) == {"part-0.parquet", "part-1.parquet"}
    assert one["part-1.parquet"] == some["part-1.parquet"]


def test_jobs_of_an_array(runs, data, tmp_path):
    for n in (1, 2):
        call("encode", runs / "table", data, "--shard", f"{n}/2", "--out", tmp_path / "parts")
    call("encode", runs / "table", data, "--out", tmp_path / "whole")
    assert read_all(tmp_path / "parts") == read_all(tmp_path / "whole")


@pytest.mark.parametrize(
    ("words", "error", "message"),
    [
        ("encode {runs}/table {data} --shard 1/2", SpecError, "needs --out FOLDER"),
        ("encode {runs}/table {data} --shard 3/2 --out {new}", SpecError, "--shard must be"),
        ("encode {runs}/table {data} --keep idd --out {new}", DataError, "did you mean 'id'"),
        ("encode {runs}/table {data} --engine spark --out {new}", SpecError, "unknown engine"),
        ("encode {runs}/table {data} --out {data}", SaveError, "apart from the shards"),
        ("encode {runs}/table {data} --out {data}/x/", SaveError, "apart from the shards"),
        ("encode {runs}/table {data}/q*.parquet --out {new}", DataError, "matches no file"),
        ("anomalies {data} --out {new}", SpecError, "needs --detector"),
        ("impute {data} --out {new}", SpecError, "needs --run"),
        ("anomalies {data} --detector {runs}/table --out {new}", VaekitError, "needs a run that"),
        ("impute {data} --run {runs}/holes --shift size=1 --out {new}", SpecError, "--shift is of"),
        ("reconstruct {runs}/table {data} -n 3 --out {new}", SpecError, "--n is of single files"),
        ("sample {runs}/table -n 2 --shards 3 --out {new}", SpecError, "--shards must be"),
        ("predict {runs}/table {data} --out {new}", DataError, "conditions and predictions"),
        ("encode {runs}/gone {data} --out {new}", VaekitError, "there is none at"),
    ],
)
def test_mistakes(words, error, message, runs, data, tmp_path):
    new = tmp_path / "new"
    arguments = words.format(runs=runs, data=data, new=new).split()
    with pytest.raises(error, match=message):
        CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert not list(tmp_path.rglob("*.parquet"))


def test_a_failure_is_the_exit_status(runs, data, tmp_path, monkeypatch, capsys):
    source = tmp_path / "in"
    source.mkdir()
    pq.write_table(as_table(make_frame(9)).drop_columns(["size"]), source / "bad.parquet")
    pq.write_table(as_table(make_frame(9)), source / "good.parquet")
    words = ["vaekit", "encode", runs / "table", source, "--out", tmp_path / "out"]
    monkeypatch.setattr("sys.argv", [str(word) for word in words])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    said = capsys.readouterr().err
    assert "bad: rows 0 to 8: the table must have the columns of training" in said
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["good.parquet"]
