"""What commands write of tables has the columns of the tables."""

import numpy as np
import pytest
from typer.testing import CliRunner

pd = pytest.importorskip("pandas")

from vaekit.cli.app import app  # noqa: E402


def call(*arguments):
    result = CliRunner().invoke(app, [str(a) for a in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output


def tables():
    rng = np.random.default_rng(0)
    numbers = pd.DataFrame(rng.normal(size=(120, 3)), columns=["price $", "größe, cm", '"x"'])
    mixed = numbers.assign(kind=rng.choice(["a,b", "c"], 120))
    return {"numbers": numbers, "mixed": mixed}


@pytest.mark.parametrize("name", ["numbers", "mixed"])
@pytest.mark.parametrize("ending", [".csv", ".parquet"])
@pytest.mark.filterwarnings("ignore:latent_dim=")
def test_every_command_keeps_the_names_of_columns(tmp_path, name, ending):
    frame, run = tables()[name], tmp_path / "run"
    frame.to_csv(tmp_path / "in.csv", index=False)
    call("fit", tmp_path / "in.csv", run, "--max-epochs", 1, "--latent-dim", 2)
    read = pd.read_csv if ending == ".csv" else pd.read_parquet
    commands = {
        "reconstruct": [run, tmp_path / "in.csv"],
        "sample": [run, "-n", 7],
        "interpolate": [run, tmp_path / "in.csv", "--pairs", 2],
        "edit": [run, tmp_path / "in.csv", "--discover", 2],
    }
    for command, arguments in commands.items():
        out = tmp_path / f"{command}{ending}"
        call(command, *arguments, "--out", out)
        written = read(out)
        own = [c for c in written.columns if not c.startswith("edit_")]
        assert own == list(frame.columns), command
        assert [t.kind for t in written[own].dtypes] == [t.kind for t in frame.dtypes], command
    assert len(read(tmp_path / f"reconstruct{ending}")) == 120
