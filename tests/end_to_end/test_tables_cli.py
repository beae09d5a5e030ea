"""Tables of several kinds of columns, through the command line."""

import numpy as np
import pytest
from typer.testing import CliRunner

pd = pytest.importorskip("pandas")

from vaekit.cli.app import app  # noqa: E402
from vaekit.errors import SpecError  # noqa: E402

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def people():
    rng = np.random.default_rng(0)
    job = rng.choice(["cook", "clerk", 'vet, "large"'], 300)
    pay = np.where(rng.random(300) < 0.1, np.nan, rng.normal(2000, 300, 300).round(2))
    return pd.DataFrame({"job": job, "age": rng.integers(18, 80, 300), "pay": pay})


def call(*arguments):
    result = CliRunner().invoke(app, [str(a) for a in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def write(frame, path):
    frame.to_parquet(path) if path.suffix == ".parquet" else frame.to_csv(path, index=False)
    return path


@pytest.mark.parametrize("name", ["people.csv", "people.csv.gz", "people.parquet"])
def test_a_table_in_every_format(people, tmp_path, name):
    table, run = write(people, tmp_path / name), tmp_path / "run"
    call("fit", table, run, "--max-epochs", 3)
    for ending in (".csv", ".parquet"):
        out = tmp_path / f"new{ending}"
        call("sample", run, "-n", 50, "--seed", 0, "--out", out)
        new = pd.read_csv(out) if ending == ".csv" else pd.read_parquet(out)
        assert list(new.columns) == list(people.columns)
        assert set(new["job"]) <= set(people["job"])
        assert new["age"].dtype == people["age"].dtype
        assert len(new) == 50
    call("score", run, table)
    call("reconstruct", run, table, "--out", tmp_path / "same.csv")
    assert len(pd.read_csv(tmp_path / "same.csv")) == 300


def test_other_endings_are_refused(people, tmp_path):
    table, run = write(people, tmp_path / "people.csv"), tmp_path / "run"
    call("fit", table, run, "--max-epochs", 1)
    for ending in (".png", ".npz", ".npy"):
        with pytest.raises(SpecError, match=r"must end in .csv or .parquet"):
            call("sample", run, "--out", tmp_path / f"new{ending}")
        assert not (tmp_path / f"new{ending}").exists()


def test_holes_are_filled(people, tmp_path):
    table, out = write(people, tmp_path / "people.csv"), tmp_path / "filled.csv"
    shown = call("impute", table, "--out", out, "--max-epochs", 5, "--save", tmp_path / "run")
    filled = pd.read_csv(out)
    assert not filled.isna().any(axis=None)
    assert f"{people['pay'].isna().sum()} of 300" in shown
    pd.testing.assert_frame_equal(filled[["job", "age"]], people[["job", "age"]], check_dtype=False)
    call("impute", table, "--run", tmp_path / "run", "--out", tmp_path / "again.csv")
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "again.csv"), filled)


def test_holes_are_filled_by_several_together(people, tmp_path):
    table, out = write(people, tmp_path / "people.csv"), tmp_path / "filled.csv"
    options = ("--out", out, "--max-epochs", 2, "--draws", 5, "--stacking")
    assert f"{people['pay'].isna().sum()} of 300" in call("impute", table, *options)
    assert not pd.read_csv(out).isna().any(axis=None)
    for given in ("--run", "--save"):
        with pytest.raises(SpecError, match=f"know the model alone; got {given}"):
            call("impute", table, *options, "--force", given, tmp_path / "run")


def test_several_fillings_differ_where_cells_were_missing(people, tmp_path):
    table, out = write(people, tmp_path / "people.csv"), tmp_path / "filled.parquet"
    call("impute", table, "--out", out, "--max-epochs", 5, "--estimate", "draw", "--count", 2)
    first, second = (pd.read_parquet(tmp_path / f"filled-{i}.parquet") for i in (1, 2))
    differ = first["pay"] != second["pay"]
    assert differ.any()
    assert not differ[people["pay"].notna()].any()
    with pytest.raises(SpecError, match="several files need --estimate draw"):
        call("impute", table, "--count", 2)


def test_synthetic_rows_are_written_if_they_help_or_anyway(people, tmp_path):
    frame = people.assign(answer=np.where(np.arange(300) < 260, "no", "yes"))  # tells nothing
    table, out = write(frame, tmp_path / "people.csv"), tmp_path / "more.csv"
    arguments = ("augment", table, "--target", "answer", "--folds", 2, "--max-epochs", 2)
    shown = call(*arguments, "--out", out)
    assert ("Synthetic items help" in shown) != ("Nothing is written" in shown) != out.exists()
    call(*arguments, "--out", tmp_path / "anyway.csv", "--anyway")
    more = pd.read_csv(tmp_path / "anyway.csv")
    assert more["answer"].value_counts().to_dict() == {"no": 260, "yes": 260}
    assert more.columns.equals(frame.columns)
    pd.testing.assert_frame_equal(more[:300], frame, check_dtype=False)
    call(*arguments, "--out", tmp_path / "new.parquet", "--anyway", "--only-synthetic")
    assert len(pd.read_parquet(tmp_path / "new.parquet")) == 220
    with pytest.raises(SpecError, match="did you mean 'answer'"):
        call("augment", table, "--target", "anwser")


def test_rows_under_conditions(people, tmp_path):
    table, run, out = write(people, tmp_path / "people.csv"), tmp_path / "run", tmp_path / "new.csv"
    call("fit", table, run, "--max-epochs", 5)
    where = ("--where", "job=cook|clerk", "--where", "age>=30", "--where", "age<=40")
    call("sample", run, "-n", 40, *where, "--out", out)
    rows = pd.read_csv(out)
    assert set(rows["job"]) <= {"cook", "clerk"}
    assert rows["age"].between(30, 40).all()
    with pytest.raises(SpecError, match="did you mean 'job'"):
        call("sample", run, "--where", "jbo=cook")


def test_an_evaluation_tells_whether_training_rows_are_repeated(people, tmp_path):
    table, run = write(people, tmp_path / "people.csv"), tmp_path / "run"
    call("fit", table, run, "--max-epochs", 2)
    out = call("evaluate", run, table, "--training", table, "--target", "job", "--draws", 2)
    assert "blended neighbours" in out
    written = (run / "evaluation" / "evaluation.csv").read_text()
    assert "samples nearer to training rows" in written
    assert {"columns.png", "associations.png"} <= {p.name for p in (run / "evaluation").iterdir()}


def test_a_number_as_target_is_told_of_new_rows(people, tmp_path):
    known = people.dropna()
    table, out = write(known, tmp_path / "people.csv"), tmp_path / "more.csv"
    quick = ("--folds", 2, "--max-epochs", 2, "--anyway", "--only-synthetic", "--out", out)
    text = call("augment", table, "--target", "pay", "--strategy", 0.5, *quick)
    assert "R2" in text
    new = pd.read_csv(out)
    assert list(new.columns) == list(known.columns)
    assert len(new) == round(len(known) / 2)
    assert new["pay"].between(1000, 3000).all()
