"""The results are sound data, their pages are up to date, and a benchmark can write its own."""

import importlib.util
import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def load_results():
    """The module of the benchmarks, which are no package."""
    place = ROOT / "benchmarks" / "results.py"
    spec = importlib.util.spec_from_file_location("benchmark_results", place)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


results = load_results()
TOPICS = list(results.topics())


def one(**fields):
    return results.record(**{"topic": "startup", "figure": "seconds", "value": 1.5, **fields})


@pytest.mark.parametrize("topic", TOPICS)
def test_the_data_satisfy_the_schema(topic):
    records = results.read(results.FOLDER / f"{topic}.json")
    assert records
    results.check(records, topic)
    assert {r["topic"] for r in records} == {topic}


@pytest.mark.parametrize("topic", TOPICS)
def test_the_data_are_written_as_a_benchmark_would(topic):
    path = results.FOLDER / f"{topic}.json"
    assert path.read_text("utf-8") == results.text_of(results.read(path))


def test_every_file_has_a_title_and_every_title_a_file():
    files = {path.stem for path in results.FOLDER.glob("*.json")}
    assert files == {*TOPICS, "schema", "topics"}
    assert all(set(about) == {"title", "lead"} for about in results.topics().values())


def test_a_target_is_met_or_not_only_where_there_is_one():
    records = [r for found in results.all_records().values() for r in found]
    assert [r for r in records if r["met"] is not None and r["target"] is None] == []
    assert [r for r in records if r["peer_value"] is not None and not r["peer"]] == []


def test_the_pages_are_up_to_date():
    made = results.pages(ROOT / "docs" / "results")
    old = [p.name for p, text in made.items() if not p.exists() or p.read_text("utf-8") != text]
    assert old == [], "run: python benchmarks/results.py --pages docs/results"
    assert sorted(made) == sorted((ROOT / "docs" / "results").glob("*.md"))


def test_a_benchmark_writes_its_own_records(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["startup.py", "--peer", "/home/me/peer", "--results", "x"])
    path = tmp_path / "startup.json"
    with results.recording("startup", path), results.part("today"):
        results.keep("vaekit", {"seconds": 2.0}, spreads={"seconds": [1.0, 3.0]}, seeds=3)
        results.keep("b", {"s": 1}, targets={"s": (2, True)}, peer="c", peer_figures={"s": 4})
    first, second = results.read(path)
    assert (second["value"], second["spread"], second["part"]) == (2.0, "1.0 - 3.0", "today")
    assert second["command"] == "python benchmarks/startup.py --peer peer"
    assert (first["target"], first["met"], first["peer_value"]) == (2, True, 4)


def test_records_replace_those_of_the_same_key_only(tmp_path):
    path = tmp_path / "startup.json"
    results.write(path, [one(), one(subject="other")])
    results.write(path, [one(value=2)])
    assert {r["subject"]: r["value"] for r in results.read(path)} == {None: 2, "other": 1.5}
    assert list(tmp_path.iterdir()) == [path]


def test_a_failed_run_writes_what_it_measured(tmp_path):
    path = tmp_path / "startup.json"

    def fail_half_way():
        with results.recording("startup", path):
            results.keep("a", {"seconds": 1})
            raise KeyError

    with pytest.raises(KeyError):
        fail_half_way()
    assert len(results.read(path)) == 1


def test_nothing_is_kept_outside_of_a_recording(tmp_path):
    results.keep("a", {"seconds": 1})
    with results.recording("startup", None) as kept:
        results.keep("a", {"seconds": 1})
    assert len(kept) == 1


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"value": None}, "not number or string or array"),
        ({"date": "yesterday"}, "does not match"),
        ({"met": 1}, "not boolean or null"),
        ({"seeds": True}, "not integer or null"),
        ({"value": ["a"]}, r"value\[0\]"),
    ],
)
def test_a_faulty_record_is_refused_and_nothing_is_written(tmp_path, fields, message):
    path = tmp_path / "startup.json"
    with pytest.raises(ValueError, match=message):
        results.write(path, [one(**fields)])
    assert not path.exists()


def test_an_unknown_field_and_a_missing_one_are_refused():
    with pytest.raises(TypeError, match="no colour"):
        one(colour="red")
    with pytest.raises(ValueError, match="no value"):
        results.check([{k: v for k, v in one().items() if k != "value"}], "startup")
    with pytest.raises(ValueError, match="twice"):
        results.check([one(), one()], "startup")


def test_numbers_of_other_libraries_become_plain_ones():
    import numpy as np
    import torch

    assert results.plain(np.float64(0.1234567891)) == 0.123457
    assert results.plain(torch.tensor(2.5)) == 2.5
    assert results.plain(np.array([1, 2])) == [1, 2]
    assert results.plain(np.bool_(True)) is True
    assert json.dumps(results.plain([float("nan"), np.int64(3)])) == '["nan", 3]'
