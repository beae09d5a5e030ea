"""Each row once, whatever happens: data sets in this process and in several."""

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from multiprocessing import active_children

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from vaekit import load
from vaekit.batch import Scorer, find_shards, plan_samples, process_data_set
from vaekit.batch.job import Job
from vaekit.errors import CompositionError, DataError, SaveError, SpecError
from vaekit.files import is_leftover

from .conftest import as_table, make_frame, read_all


def encode(runs, **options):
    return Scorer(runs / "table", "encode", keep=["id"], **options)


@pytest.fixture(scope="module")
def expected(runs, data, tmp_path_factory):
    out = tmp_path_factory.mktemp("expected") / "out"
    process_data_set(encode(runs), find_shards(data), out)
    return read_all(out)


def test_there_is_a_file_for_each_shard_and_a_row_for_each_row(runs, data, expected, tmp_path):
    summary = process_data_set(encode(runs), find_shards(data), tmp_path / "out")
    assert (summary.written, summary.skipped, summary.rows) == (5, 0, 2036)
    assert read_all(tmp_path / "out") == expected
    assert set(expected) == {"deeper/part-0.parquet", *(f"part-{n}.parquet" for n in range(4))}
    model = load(runs / "table")
    for name in expected:
        source = pq.read_table(data / name).to_pandas()
        found = pq.read_table(tmp_path / "out" / name).to_pandas()
        assert found["id"].tolist() == source["id"].tolist()
        np.testing.assert_array_equal(found[["z0", "z1"]], model.transform(source))


def test_files_say_what_made_them(expected, tmp_path):
    (tmp_path / "a.parquet").write_bytes(expected["part-1.parquet"])
    made_by = json.loads(pq.read_schema(tmp_path / "a.parquet").metadata[b"vaekit"])
    assert (made_by["task"], made_by["shard"], made_by["rows"]) == ("encode", "part-1", 501)
    assert made_by["keep"] == ["id"]


def test_what_is_finished_is_skipped(runs, data, expected, tmp_path):
    out, shards = tmp_path / "out", find_shards(data)
    process_data_set(encode(runs), shards, out, part="2/3")
    assert set(read_all(out)) == {"part-0.parquet", "part-3.parquet"}
    before = {p: p.stat().st_mtime_ns for p in out.iterdir()}
    summary = process_data_set(encode(runs), shards, out)
    assert (summary.written, summary.skipped) == (3, 2)
    assert all(p.stat().st_mtime_ns == changed for p, changed in before.items())
    assert read_all(out) == expected


def test_parts_make_the_whole(runs, data, expected, tmp_path):
    for part in ("1/3", "2/3", "3/3"):
        process_data_set(encode(runs), find_shards(data), tmp_path / "out", part=part)
    assert read_all(tmp_path / "out") == expected


def test_a_shard_that_changed_is_done_again(runs, data, tmp_path):
    source, out = tmp_path / "in", tmp_path / "out"
    shutil.copytree(data, source)
    process_data_set(encode(runs), find_shards(source), out)
    pq.write_table(as_table(make_frame(77, 6)), source / "part-1.parquet")
    summary = process_data_set(encode(runs), find_shards(source), out)
    assert (summary.written, summary.skipped) == (1, 4)
    assert pq.read_metadata(out / "part-1.parquet").num_rows == 77


def test_results_of_other_runs_are_not_mixed(runs, data, expected, tmp_path):
    out, shards = tmp_path / "out", find_shards(data)
    process_data_set(encode(runs), shards, out)
    for other in (
        Scorer(runs / "holes", "encode", keep=["id"]),
        Scorer(runs / "table", "encode"),
        Scorer(runs / "table", "score", {"draws": 2}, keep=["id"]),
    ):
        with pytest.raises(SaveError, match="a shard of another run, task or options.*--force"):
            process_data_set(other, shards, out)
    assert read_all(out) == expected
    process_data_set(Scorer(runs / "holes", "encode", keep=["id"]), shards, out, force=True)
    assert read_all(out) != expected
    (out / "part-0.parquet").write_text("mine")
    with pytest.raises(SaveError, match="a file of somebody else"):
        process_data_set(Scorer(runs / "holes", "encode", keep=["id"]), shards, out)


def test_one_bad_shard_does_not_cost_the_others(runs, data, expected, tmp_path):
    source, out = tmp_path / "in", tmp_path / "out"
    shutil.copytree(data, source)
    frame = pq.read_table(source / "part-1.parquet").to_pandas().drop(columns="weight")
    pq.write_table(as_table(frame), source / "part-1.parquet")
    (source / "part-2.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(DataError) as caught:
        process_data_set(encode(runs), find_shards(source), out)
    message = str(caught.value)
    assert "2 of 5 shards failed, the other 3 are there" in message
    assert "part-1: rows 0 to 500: the table must have the columns" in message
    assert "part-2: " in message
    assert set(read_all(out)) == {
        "deeper/part-0.parquet",
        "part-0.parquet",
        "part-3.parquet",
    }
    for n in (1, 2):
        shutil.copy2(data / f"part-{n}.parquet", source)
    process_data_set(encode(runs), find_shards(source), out)
    assert {n: pq.read_table(out / n).num_rows for n in expected} == {
        n: pq.read_table(data / n).num_rows for n in expected
    }


def test_bad_cells_are_warned_of_or_refused_by_their_rows(runs, tmp_path, monkeypatch):
    frame = make_frame(300)
    frame["size"] = frame["size"].astype(object)
    source = tmp_path / "in"
    source.mkdir()
    pq.write_table(as_table(make_frame(300)), source / "a.parquet")
    frame.loc[250, "size"] = "many"
    frame.to_csv(source / "b.csv", index=False)
    summary = process_data_set(encode(runs), find_shards(source), tmp_path / "out")
    texts = [text for text, _ in summary.warnings]
    assert any("'many' in row 251" in text for text in texts)
    assert any("a missing cell in row 250" in text for text in texts)
    refused = dataclasses.replace(load(runs / "table").domain_, unseen="refuse")
    model = load(runs / "table")
    model.from_trained(dataclasses.replace(model.trained_, domain=refused), [], {})
    model.save(tmp_path / "run")
    monkeypatch.setattr(Scorer, "slice_rows", 100)
    with pytest.raises(DataError, match=r"1 of 2 shards failed.* b: rows 200 to 299: .*'size'"):
        process_data_set(Scorer(tmp_path / "run", "encode"), find_shards(source), tmp_path / "new")
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["a.parquet"]


def test_empty_shards_give_empty_files(runs, data, tmp_path):
    source = tmp_path / "in"
    source.mkdir()
    pq.write_table(as_table(make_frame(9)).slice(0, 0), source / "a.parquet")
    process_data_set(encode(runs), find_shards(source), tmp_path / "out")
    found = pq.read_table(tmp_path / "out" / "a.parquet")
    assert (found.num_rows, found.column_names) == (0, ["id", "z0", "z1"])


def test_draws_differ_from_shard_to_shard_and_are_the_same_again(runs, tmp_path):
    scorer, shards = Scorer(runs / "table", "sample", seed=7), plan_samples(60, 2)
    for name in ("a", "b"):
        process_data_set(scorer, shards, tmp_path / name)
    assert read_all(tmp_path / "a") == read_all(tmp_path / "b")
    first, second = (pq.read_table(p).to_pandas() for p in sorted((tmp_path / "a").iterdir()))
    assert len(first) == len(second) == 30
    assert not first.equals(second)


def test_the_folder_of_results_lies_apart(runs, data, tmp_path):
    for out in (data, data / "out", data / "deeper"):
        with pytest.raises(SaveError, match="--out must be a folder apart"):
            process_data_set(encode(runs), find_shards(data), out)
    (tmp_path / "file").write_text("")
    with pytest.raises(SaveError, match="is a file"):
        process_data_set(encode(runs), find_shards(data), tmp_path / "file")
    assert not (data / "out").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"engine": "spark"}, "unknown engine"),
        ({"address": "auto"}, "--address is of --engine ray"),
        ({"processes": 0}, "--processes must be"),
        ({"part": "9/3"}, "--shard must be"),
    ],
)
def test_options_that_make_no_sense(options, message, runs, data, tmp_path):
    with pytest.raises(SpecError, match=message):
        process_data_set(encode(runs), find_shards(data), tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


def test_a_run_in_memory_is_not_enough(runs, data, tmp_path):
    with pytest.raises(SpecError, match="needs a run that was saved"):
        process_data_set(Scorer(load(runs / "table"), "encode"), find_shards(data), tmp_path)


def test_windows_of_one_series_are_no_rows(runs, data, tmp_path):
    with pytest.raises(CompositionError, match="score needs a run that can do it"):
        process_data_set(Scorer(runs / "plain", "score"), find_shards(data), tmp_path / "out")


def test_a_run_that_is_replaced_meanwhile_is_noticed(runs, data):
    shards = find_shards(data)
    job = Job(encode(runs), shards, "out", {"run": "0123"})
    with pytest.raises(SpecError, match="was replaced"):
        job.check_run()


def slow_scorer(runs):
    """A task that takes a second for a shard, or some."""
    return Scorer(runs / "table", "score", {"draws": 60}, keep=["id"])


@pytest.mark.slow
def test_a_killed_process_costs_nothing(runs, data, tmp_path):
    process_data_set(slow_scorer(runs), find_shards(data), tmp_path / "one")
    killed = []

    def kill():
        out = tmp_path / "two"
        while not list(out.glob("part-*.parquet")):
            time.sleep(0.005)
        for child in active_children()[:1]:
            os.kill(child.pid, signal.SIGKILL)
            killed.append(child.pid)

    thread = threading.Thread(target=kill)
    thread.start()
    summary = process_data_set(slow_scorer(runs), find_shards(data), tmp_path / "two", processes=2)
    thread.join()
    assert killed
    assert (summary.written, summary.rows) == (5, 2036)
    assert read_all(tmp_path / "two") == read_all(tmp_path / "one")


_CALL = """
import sys
from vaekit.batch import Scorer, find_shards, process_data_set
if __name__ == "__main__":
    scorer = Scorer(sys.argv[1], "score", {"draws": 60}, keep=["id"])
    process_data_set(scorer, find_shards(sys.argv[2]), sys.argv[3], processes=2)
"""


@pytest.mark.slow
def test_a_killed_call_is_gone_on_with(runs, data, tmp_path):
    out, script = tmp_path / "out", tmp_path / "call.py"
    script.write_text(_CALL)
    words = [sys.executable, str(script), str(runs / "table"), str(data), str(out)]
    with subprocess.Popen(words, start_new_session=True) as call:
        while not list(out.glob("part-*.parquet")) and call.poll() is None:
            time.sleep(0.005)
        os.killpg(call.pid, signal.SIGKILL)
    there = {name for name in read_all(out) if name.endswith(".parquet")}
    assert there
    summary = process_data_set(slow_scorer(runs), find_shards(data), out)
    assert summary.skipped >= 1
    process_data_set(slow_scorer(runs), find_shards(data), tmp_path / "one")
    found, expected = read_all(out), read_all(tmp_path / "one")
    # A worker that had not quite died kept its hidden file from being swept away.
    found = {name: content for name, content in found.items() if not is_leftover(name)}
    assert found.keys() == expected.keys()
    assert found == expected


def test_frames_of_text_files_are_read_alike(runs, tmp_path):
    frame = make_frame(90)
    (tmp_path / "in").mkdir()
    frame.to_csv(tmp_path / "in" / "a.csv", index=False)
    process_data_set(encode(runs), find_shards(tmp_path / "in"), tmp_path / "out")
    found = pq.read_table(tmp_path / "out" / "a.parquet").to_pandas()
    assert found["id"].tolist() == frame["id"].tolist()
    read = pd.read_csv(tmp_path / "in" / "a.csv")
    np.testing.assert_array_equal(found[["z0", "z1"]], load(runs / "table").transform(read))
