"""Anomalies, through the command line."""

import numpy as np
import pytest
from typer.testing import CliRunner

pd = pytest.importorskip("pandas")

from vaekit.cli import app  # noqa: E402
from vaekit.errors import SpecError  # noqa: E402


def call(*arguments):
    result = CliRunner().invoke(app, [str(a) for a in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture(scope="module")
def payments():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"amount": rng.lognormal(3, 0.3, 300), "hour": rng.normal(12, 2, 300)})
    frame["shop"] = np.where(frame["hour"] > 12, "late", "early")
    frame.loc[7, "amount"] = 5000.0
    return frame


def test_the_table_comes_back_with_scores_flags_and_reasons(payments, tmp_path):
    path, out = tmp_path / "payments.csv", tmp_path / "scored.csv"
    payments.to_csv(path, index=False)
    text = call("anomalies", path, "-o", out, "--max-epochs", 20, "--contamination", 0.02)
    scored = pd.read_csv(out)
    assert "6 of 300 flagged" in text
    assert scored["is_anomaly"].sum() == 6
    assert scored.loc[7, "is_anomaly"]
    assert scored["anomaly_score"].idxmax() == 7
    assert scored.loc[7, "reasons"].startswith("amount 5000, expected ")
    assert scored.loc[~scored["is_anomaly"], "reasons"].isna().all()
    pd.testing.assert_frame_equal(scored[list(payments)], payments)


def test_normal_data_are_learnt_from_and_arrays_are_scored(tmp_path):
    rng = np.random.default_rng(0)
    np.save(tmp_path / "normal.npy", rng.normal(size=(300, 3)))
    np.save(tmp_path / "new.npy", np.r_[rng.normal(size=(20, 3)), [[9.0, 9.0, -9.0]]])
    out = tmp_path / "scored.parquet"
    rate = ("--false-alarm-rate", 0.05)
    call(
        "anomalies", tmp_path / "new.npy", "--normal", tmp_path / "normal.npy", *rate,
        "--max-epochs", 5, "--out", out,
    )  # fmt: skip
    scored = pd.read_parquet(out)
    assert list(scored) == ["item", "anomaly_score", "anomaly_probability", "is_anomaly", "reasons"]
    assert scored.loc[20, "is_anomaly"]
    assert "expected" in scored.loc[20, "reasons"]
    with pytest.raises(SpecError, match="needs --normal"):
        call("anomalies", tmp_path / "new.npy", *rate)


def test_numbers_with_missing_cells_are_searched(payments, tmp_path):
    path, out = tmp_path / "holes.csv", tmp_path / "scored.csv"
    holes = payments[["amount", "hour"]].mask(np.arange(600).reshape(300, 2) % 37 == 0)
    holes.to_csv(path, index=False)
    call("anomalies", path, "-o", out, "--max-epochs", 20)
    assert np.isfinite(pd.read_csv(out)["anomaly_score"]).all()
