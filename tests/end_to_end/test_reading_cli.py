"""How tables are read on the command line: described, trained on, and read again alike."""

import json
import warnings

import pandas as pd
import pytest
from typer.testing import CliRunner

from vaekit import load, registry
from vaekit.cli.app import app
from vaekit.console.options import accept_table_options
from vaekit.errors import DataError, SpecError
from vaekit.reading import ReadingWarning
from vaekit.tables.domain import UnseenValueWarning

ROWS = 40
OPTIONS = ["--sep", "--decimal", "--encoding", "--header", "--kind", "--drop", "--missing-values"]


def call(*words):
    given = [str(word) for word in words]
    return CliRunner().invoke(app, given, catch_exceptions=False)


@pytest.fixture
def rides(tmp_path):
    lines = ["city;begin;end;fare;zip;ride"]
    for i in range(ROWS):
        begin, end = f"{1 + i % 28:02d}.03.2021", f"{1 + i % 28:02d}.04.2021"
        lines.append(f"{'Ulm' if i % 2 else 'Bonn'};{begin};{end};{i},50;0{i % 2}000;r{i}")
    path = tmp_path / "rides.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def fit(path, *more):
    run = path.parent / "run"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert call("fit", path, run, "--max-epochs", 1, *more).exit_code == 0
    return run


def test_describe_says_what_each_column_is_taken_for(rides):
    found = json.loads(call("describe", rides, "--json").output)
    kinds = {column["name"]: column["kind"] for column in found["columns"]}
    assert found["rows"] == ROWS
    assert found["dialect"]["delimiter"] == ";"
    assert kinds == {
        "city": "category",
        "begin": "datetime",
        "end": "datetime",
        "fare": "number",
        "zip": "category",
        "ride": "key",
    }
    shown = call("describe", rides).output
    assert "leading zeros" in shown
    assert "decimal ," in shown
    assert "8 x 8" in call("describe", "digits").output
    assert "species" in call("describe", "penguins").output


def test_a_file_is_trained_on_sampled_and_scored_as_it_is_meant(rides):
    run = fit(rides)
    out = rides.parent / "new.csv"
    assert call("sample", run, "-n", 50, "--out", out).exit_code == 0
    new = pd.read_csv(out, dtype={"zip": str}, parse_dates=["begin", "end"])
    assert set(new["zip"]) <= {"00000", "01000"}
    assert (new["begin"] <= new["end"]).all()
    assert new["fare"].between(0.5, 39.5).all()
    shown = call("info", run).output
    assert "datetime" in shown
    assert "after 'begin', which it is never below" in load(run).domain_.column_summaries()["end"]
    # A later file whose dates do not tell which number is the day is read as training was.
    later = rides.parent / "later.csv"
    rows = ["city;begin;end;fare;zip;ride"] + ["Ulm;03.04.2021;04.04.2021;1,5;01000;r1"] * 3
    later.write_text("\n".join(rows))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ReadingWarning)
        frame = load(run).domain_.read(later)
    assert set(frame["begin"].dt.month) == {4}
    assert frame["zip"].tolist() == ["01000"] * 3


def test_options_reach_the_reader_of_every_command(rides):
    run = fit(rides, "--drop", "ride", "--kind", "zip=category", "--missing-values", "Bonn")
    domain = load(run).domain_
    assert "ride" not in [column.name for column in domain.columns]
    assert next(c for c in domain.columns if c.name == "city").has_missing
    with pytest.raises(SpecError, match="--kind must be COLUMN=KIND"):
        call("describe", rides, "--kind", "zip")
    with pytest.raises(SpecError, match="did you mean 'ride'"):
        call("describe", rides, "--drop", "rid")


@pytest.mark.parametrize("name", ["impute", "anomalies", "augment", "score", "evaluate", "cluster"])
def test_commands_that_read_tables_say_how(name):
    shown = call(name, "--help").output
    for option in OPTIONS:
        assert option in shown


def test_commands_that_read_nothing_are_left_as_they_are():
    command = registry.get("commands", "models")
    assert accept_table_options(command) is command


@pytest.mark.filterwarnings("ignore:rides.csv")
def test_rules_of_rows(rides):
    run = fit(rides, "--require", "end >= begin", "--unique", "ride", "--fixed", "city,zip")
    new = load(run).sample(100, seed=0)
    assert set(zip(new["city"], new["zip"], strict=True)) <= {("Bonn", "00000"), ("Ulm", "01000")}
    with pytest.raises(SpecError, match="must be like 'begin < end'"):
        call("fit", rides, rides.parent / "other", "--require", "begin end")
    with pytest.raises(SpecError, match="for tables of several kinds"):
        call("fit", "digits", rides.parent / "other", "--require", "a < b")


def test_an_uneven_row_is_refused_or_left_out(rides):
    rides.write_text(rides.read_text() + "Ulm;x\n")
    with pytest.raises(DataError, match="--skip-bad"):
        call("describe", rides)
    found = json.loads(call("describe", rides, "--skip-bad", "--json").output)
    assert found["rows"] == ROWS


@pytest.mark.filterwarnings("ignore:rides.csv")
def test_values_that_training_did_not_know_are_counted_or_refused(rides):
    run, strict = fit(rides), rides.parent / "strict"
    assert call("fit", rides, strict, "--max-epochs", 1, "--refuse-unseen").exit_code == 0
    later = rides.parent / "later.csv"
    later.write_text(rides.read_text().replace("Bonn", "Jena"))
    with pytest.warns(UnseenValueWarning, match=r"20 of 40 rows.*'Jena' in row 0.*--refuse-unseen"):
        call("score", run, later, "--out", rides.parent / "scores.csv")
    with pytest.raises(DataError, match="column 'city' had 2 labels"):
        call("score", strict, later, "--out", rides.parent / "others.csv")
