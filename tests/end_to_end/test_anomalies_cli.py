"""Anomalies, through the command line."""

import numpy as np
import pytest
from typer.testing import CliRunner

pd = pytest.importorskip("pandas")

from vaekit.cli.app import app  # noqa: E402
from vaekit.datasets import shapes  # noqa: E402
from vaekit.errors import DataError, SpecError, VaekitError  # noqa: E402

pytestmark = pytest.mark.slow


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
    assert "scored by 'cleaned_and_rules', which suits such data" in text
    assert scored["is_anomaly"].sum() == 6
    assert scored.loc[7, "is_anomaly"]
    assert scored["anomaly_score"].idxmax() == 7
    assert scored.loc[7, "reasons"].startswith("amount 5000, expected ")
    assert scored.loc[~scored["is_anomaly"], "reasons"].isna().all()
    pd.testing.assert_frame_equal(scored[list(payments)], payments)


def test_normal_data_are_learned_from_and_arrays_are_scored(tmp_path):
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


@pytest.mark.filterwarnings("ignore:.*codes with leading zeros")
def test_a_kept_detector_scores_any_length_in_pieces_and_watches_for_drift(payments, tmp_path):
    train, run = tmp_path / "train.csv", tmp_path / "run"
    codes = [f"{i % 7:03d}" if i < 280 else "none" for i in range(300)]  # some pieces: numbers only
    payments.assign(code=codes).to_csv(train, index=False)
    call("anomalies", train, "-o", tmp_path / "a.csv", "--max-epochs", 20, "--save", run)
    today = pd.concat([pd.read_csv(train, dtype={"code": "str"})] * 5, ignore_index=True)
    today.loc[1234, "shop"] = "closed"
    today.to_csv(tmp_path / "today.csv", index=False)
    today.to_parquet(tmp_path / "today.parquet", index=False)
    text = call(
        "anomalies", tmp_path / "today.csv", "--detector", run, "--rows", 100,
        "-o", tmp_path / "scored.csv",
    )  # fmt: skip
    scored = pd.read_csv(tmp_path / "scored.csv", dtype={"code": "str"})
    assert "no drift" in text
    assert len(scored) == 1500
    pd.testing.assert_frame_equal(scored[list(today)], today)
    assert scored.loc[1234, "is_anomaly"]
    assert scored.loc[1234, "reasons"].startswith("shop closed, expected ")
    assert scored["anomaly_score"][7] == pytest.approx(scored["anomaly_score"][307], abs=1e-3)
    call(
        "anomalies", tmp_path / "today.parquet", "--detector", run, "--rows", 700,
        "-o", tmp_path / "scored.parquet",
    )  # fmt: skip
    other = pd.read_parquet(tmp_path / "scored.parquet")
    assert other["anomaly_score"].to_numpy() == pytest.approx(
        scored["anomaly_score"].to_numpy(), abs=1e-3
    )
    moved = today.assign(amount=today["amount"] * 3)
    moved.to_csv(tmp_path / "moved.csv", index=False)
    text = call("anomalies", tmp_path / "moved.csv", "--detector", run, "-o", tmp_path / "b.csv")
    assert "drift: " in text
    assert "amount (" in text


def test_a_piece_that_cannot_be_read_leaves_no_file(payments, tmp_path):
    run = tmp_path / "run"
    payments[["amount", "hour"]].to_csv(tmp_path / "train.csv", index=False)
    options = ("--max-epochs", 2, "--save", run)
    call("anomalies", tmp_path / "train.csv", "-o", tmp_path / "a.csv", *options)
    bad = payments[["amount", "hour"]].copy()
    bad.loc[200, "hour"] = np.nan
    bad.to_csv(tmp_path / "bad.csv", index=False)
    with pytest.raises(DataError, match=r"items from number 200 on: .* NaN at row 0"):
        call(
            "anomalies", tmp_path / "bad.csv", "--detector", run, "--rows", 50,
            "-o", tmp_path / "bad-scored.csv",
        )  # fmt: skip
    assert not [path for path in tmp_path.iterdir() if "bad-scored" in path.name]


def test_the_page_needs_no_other_file(payments, tmp_path):
    payments.to_csv(tmp_path / "payments.csv", index=False)
    page = tmp_path / "page.html"
    call(
        "anomalies", tmp_path / "payments.csv", "-o", tmp_path / "a.csv", "--max-epochs", 20,
        "--report", page,
    )  # fmt: skip
    text = page.read_text()
    assert text.count("data:image/png;base64,") >= 1
    assert "amount 5000, expected" in text
    assert "http" not in text


def test_images_get_a_page_with_heat_maps(tmp_path):
    page = tmp_path / "page.html"
    options = ("--max-epochs", 3, "--report", page)
    call("anomalies", "digits", "-o", tmp_path / "a.csv", *options)
    assert "The most unusual images, and where they are so" in page.read_text()


def test_flagged_images_say_where_they_are_unusual(tmp_path):
    """From good ones to a kept detector, the table, the page, and the detector again."""
    parts = shapes(80, size=48).images
    odd = parts[60:].copy()
    odd[:3, 4:9, 6:11] = 255
    for name, images in (("good", parts[:60]), ("today", odd)):
        np.savez(tmp_path / f"{name}.npz", images=images)
    page, out, guard = (tmp_path / name for name in ("page.html", "a.csv", "guard"))
    call(
        "anomalies", tmp_path / "today.npz", "--normal", tmp_path / "good.npz", "-o", out,
        "--max-epochs", 1, "--report", page, "--save", guard,
    )  # fmt: skip
    found = pd.read_csv(out, keep_default_na=False)
    assert found["is_anomaly"][:3].all()
    assert found["reasons"][:3].str.contains(r"rows \d+-\d+, columns \d+-\d+: deviation").all()
    assert (found["reasons"][~found["is_anomaly"]] == "").all()
    assert "where they are so" in page.read_text()
    assert ": deviation" in page.read_text()
    call("anomalies", tmp_path / "today.npz", "--detector", guard, "-o", tmp_path / "b.csv")
    again = pd.read_csv(tmp_path / "b.csv", keep_default_na=False)
    pd.testing.assert_frame_equal(again, found)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--detector", "run", "--contamination", 0.1), "was fitted before"),
        (("--report", "page.pdf"), "must end in .html"),
        (("--out", "scored.txt"), "must end in .csv or .parquet"),
        (("--save", "."), "the folder that you are in"),
    ],
)
def test_what_does_not_go_together_is_refused_before_training(
    payments, tmp_path, monkeypatch, options, message
):
    monkeypatch.chdir(tmp_path)
    payments.to_csv("payments.csv", index=False)
    with pytest.raises(VaekitError, match=message):
        call("anomalies", "payments.csv", *options)


def test_a_series_gets_a_score_for_each_step_and_a_page(tmp_path):
    rng = np.random.default_rng(0)
    at = pd.date_range("2026-01-01", periods=900, freq="h")
    load = np.sin(np.arange(900) / 4) + 0.1 * rng.normal(size=900)
    load[600:606] += 2.0
    frame = pd.DataFrame({"at": at, "load": load})
    frame.to_csv(tmp_path / "sensor.csv", index=False)
    page, run = tmp_path / "events.html", tmp_path / "run"
    text = call(
        "anomalies", tmp_path / "sensor.csv", "--window", 24, "--time", "at", "--max-epochs", 15,
        "-o", tmp_path / "steps.csv", "--report", page, "--save", run,
    )  # fmt: skip
    steps = pd.read_csv(tmp_path / "steps.csv")
    assert len(steps) == 900
    assert list(steps) == ["at", "load", "anomaly_score", "is_anomaly", "event"]
    assert 576 < steps["anomaly_score"].idxmax() < 630
    assert steps.loc[603, "is_anomaly"]
    assert "load" in text
    assert page.read_text().count("data:image/png;base64,") == 1
    call("anomalies", tmp_path / "sensor.csv", "--detector", run, "-o", tmp_path / "again.csv")
    again = pd.read_csv(tmp_path / "again.csv")
    assert again["is_anomaly"].sum() == pytest.approx(steps["is_anomaly"].sum(), abs=20)
    np.save(tmp_path / "load.npy", load)
    call(
        "anomalies", tmp_path / "load.npy", "--window", "auto", "--max-epochs", 1,
        "-o", tmp_path / "array.csv",
    )  # fmt: skip
    assert "value_0" in pd.read_csv(tmp_path / "array.csv")
    with pytest.raises(SpecError, match="whole number of steps or auto"):
        call("anomalies", tmp_path / "load.npy", "--window", "1.5")
