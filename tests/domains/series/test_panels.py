"""Several series of pandas: lists, tables with a row for each step, and missing numbers."""

import numpy as np
import pandas as pd
import pytest
import torch
from torch.utils.data import Dataset
from typer.testing import CliRunner

from vaekit import Autoencoder, load
from vaekit.anomalies import VAEDetector
from vaekit.cli.app import app
from vaekit.errors import DataError, SpecError
from vaekit.series import SeriesDomain

LENGTHS = (5, 3, 4, 5, 5, 3, 2, 4, 5, 5, 4, 3)
NAMES = "nacbdhgfeiml"


def parts(channels=1, start=0):
    rng = np.random.default_rng(0)
    return [
        pd.DataFrame(rng.normal(size=(n, channels)), columns=["load", "heat"][:channels])
        for n in LENGTHS
    ]


def padded(frames):
    out = np.full((len(frames), max(LENGTHS), frames[0].shape[1]), np.nan)
    for place, frame in enumerate(frames):
        out[place, : len(frame)] = frame
    return out if out.shape[2] > 1 else out[..., 0]


def long_format(frames, step=1):
    rows = [
        frame.assign(id=name, time=np.arange(len(frame)) * step)
        for name, frame in zip(NAMES, frames, strict=True)
    ]
    return pd.concat(rows, ignore_index=True)[["id", "time", *frames[0].columns]]


def moments(frame):
    return frame.assign(time=pd.Timestamp("2024-01-01") + pd.to_timedelta(frame["time"], "h"))


FORMS = {
    "list of series": lambda fs: (SeriesDomain(), [f["load"] for f in fs]),
    "list of frames": lambda fs: (SeriesDomain(), fs),
    "list of frames with times": lambda fs: (
        SeriesDomain(time="at"),
        [f.assign(at=range(len(f))) for f in fs],
    ),
    "list of series with moments": lambda fs: (
        SeriesDomain(),
        [f.set_index(pd.date_range("2024", periods=len(f), freq="D"))["load"] for f in fs],
    ),
    "long": lambda fs: (SeriesDomain(id="id", time="time"), long_format(fs)),
    "long with moments": lambda fs: (SeriesDomain(id="id"), moments(long_format(fs))),
    "panel": lambda fs: (SeriesDomain(), long_format(fs).set_index(["id", "time"])),
    "panel of one series": lambda fs: (
        SeriesDomain(),
        long_format(fs).set_index(["id", "time"])["load"],
    ),
    "panel of times and ids": lambda fs: (
        SeriesDomain(),
        moments(long_format(fs)).set_index(["time", "id"]),
    ),
    "panel by name": lambda fs: (
        SeriesDomain(time="time"),
        long_format(fs).set_index(["time", "id"]),
    ),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("dtype", ["float64", "float32", "Float64", "Int64"])
def test_every_form_of_several_series_is_read_alike(form, dtype):
    frames = [(10 * f).round().astype(dtype) for f in parts()]
    domain, raw = FORMS[form](frames)
    expected = padded([f.astype(float) for f in frames])
    fitted = domain.fit(raw)
    found = fitted.prepare(raw)
    assert found.shape == (len(LENGTHS), 1, 5)
    plain = SeriesDomain().fit(expected)
    np.testing.assert_allclose(found, plain.prepare(expected), rtol=1e-5)
    shape = fitted.decode(fitted.encode(found)).shape
    assert shape == ((12, 5, 1) if form.startswith("list of frames") else (12, 5))


@pytest.mark.parametrize("form", ["list of frames", "long", "panel", "panel by name"])
def test_channels_keep_their_names(form, tmp_path):
    frames = parts(2)
    domain, raw = FORMS[form](frames)
    model = Autoencoder("vae", 2, domain=domain, max_epochs=1, progress=False).fit(raw)
    assert model.domain_.columns == ("load", "heat")
    expected = padded(frames)
    plain = Autoencoder("vae", 2, domain=SeriesDomain(), max_epochs=1, progress=False)
    np.testing.assert_array_equal(model.transform(raw), plain.fit(expected).transform(expected))
    model.save(tmp_path / "run")
    again = load(tmp_path / "run")
    np.testing.assert_array_equal(again.transform(raw), model.transform(raw))
    _, swapped = FORMS[form]([f[["heat", "load"]] for f in frames])
    with pytest.raises(DataError, match=r"of training, .*\['load', 'heat'\]; got \['heat', 'load'"):
        again.transform(swapped)


@pytest.mark.parametrize("form", ["list of series", "long", "panel"])
def test_detectors_take_several_series(form):
    domain, raw = FORMS[form](parts())
    judge = VAEDetector(domain=domain, max_epochs=2, progress=False).fit(raw)
    assert judge.predict(raw).shape == (12,)
    assert judge.step_scores(raw).shape == (12, 5)


@pytest.mark.parametrize("form", ["long", "panel", "list of frames with times"])
def test_steps_that_are_not_sorted_are_sorted_and_said(form):
    domain, raw = FORMS[form](parts())
    expected = domain.fit(raw).prepare(raw)
    if form.startswith("list"):
        shuffled, said = [raw[0].iloc[::-1], *raw[1:]], "1 of 12 series.*place 0"
    else:
        rows = raw.index.get_level_values("id") if form == "panel" else raw["id"]
        shuffled = pd.concat([raw[rows == "n"].iloc[::-1], raw[rows != "n"]])
        said = "1 of 12 series.*id n"
    with pytest.warns(UserWarning, match=said):
        fitted = domain.fit(shuffled)
    with pytest.warns(UserWarning, match="sorted"):
        np.testing.assert_array_equal(fitted.prepare(shuffled), expected)


def broken(frame, **cells):
    frame = frame.copy()
    for name, value in cells.items():
        frame[name] = frame[name].astype(object)
        frame.loc[1, name] = value
    return frame.infer_objects()


@pytest.mark.parametrize(
    ("domain", "make", "error", "words"),
    [
        (SeriesDomain(id="id", time="time"), lambda f: broken(f, time=0), DataError,
         r"series of id n: .*row 1 has the same time as the row before \(1 such rows, at 0\)"),
        (SeriesDomain(id="id", time="time"), lambda f: broken(f, id=None), DataError,
         "1 have no 'id', the first in row 1"),
        (SeriesDomain(id="who", time="time"), lambda f: f, SpecError, "unknown column 'who'"),
        (SeriesDomain(id="id", time="when"), lambda f: f, SpecError, "unknown column 'when'"),
        (SeriesDomain(id="id", time="time"), lambda f: broken(f, load="x"), DataError,
         "must be numbers"),
        (SeriesDomain(id="id", time="time"), lambda f: f[["id", "time"]], DataError,
         "a column of values beside 'id'"),
        (SeriesDomain(id="id", time="time"), lambda f: f.to_numpy(), SpecError,
         "id='id' names a column of a data frame"),
        (SeriesDomain(), lambda f: f.assign(id=1), DataError,
         r"column 'id' looks as if .*SeriesDomain\(id='id'"),
        (SeriesDomain(window=4, id="id"), lambda f: f, SpecError, "leave one of them out"),
        (SeriesDomain(window=4), lambda f: f.set_index(["id", "time"]), DataError,
         "one long series must have a single index"),
        (SeriesDomain(), lambda f: f.set_index(["id", "time", "load"]), DataError,
         "two levels, ids and times; got 3"),
        (SeriesDomain(), lambda f: [f[["load"]], f[["load", "time"]]], DataError,
         "same columns in the same order; got .*at place 1"),
        (SeriesDomain(id="id", time="time"),
         lambda f: f.assign(time=f["time"] * np.where(f["id"] == "a", 2, 1)), DataError,
         "steps of one length; those of id n are 1 long, and those of id a 2"),
    ],
)  # fmt: skip
def test_what_is_no_panel_says_why(domain, make, error, words):
    with pytest.raises(error, match=words):
        domain.fit(make(long_format(parts())))


def test_times_that_stand_twice_are_named_in_a_long_series():
    frame = pd.DataFrame({"at": pd.date_range("2024-01-01", periods=40, freq="h"), "x": 1.0 * 40})
    frame.loc[7, "at"] = frame.loc[3, "at"]
    with pytest.raises(DataError, match=r"row 7 has the same time as row 3 .*2024-01-01 03:00:00"):
        SeriesDomain(window=4).fit(frame)


@pytest.mark.parametrize("dtype", ["Int64", "Float64", "Float32", "boolean"])
@pytest.mark.parametrize("window", [None, 4])
def test_numbers_that_may_be_missing(dtype, window):
    raw = pd.DataFrame(np.random.default_rng(0).integers(0, 2, (20, 6)), columns=list("abcdef"))
    given = raw.astype(dtype)
    given.iloc[3, 2] = pd.NA
    expected = raw.astype(float)
    expected.iloc[3, 2] = np.nan
    domain = SeriesDomain(window=window).fit(given)
    rows = domain.prepare(given)
    np.testing.assert_array_equal(rows, SeriesDomain(window=window).fit(expected).prepare(expected))
    assert rows.isnan().sum() == (1 if window is None else 4)
    listed = [list(row) for row in given.to_numpy(object)]
    assert SeriesDomain().fit(listed).prepare(listed).isnan().sum() == 1


class Waves(Dataset):
    def __len__(self):
        return 12

    def __getitem__(self, place):
        return torch.sin(torch.arange(8.0) + place), place % 2


def test_a_data_set_of_series_goes_in():
    model = Autoencoder("vae", 2, domain="series", max_epochs=1, progress=False).fit(Waves())
    assert model.transform(Waves()).shape == (12, 2)
    assert isinstance(model.sample(2), torch.Tensor)


def test_a_file_with_a_row_for_each_step_on_the_command_line(tmp_path):
    file, run = tmp_path / "panel.csv", tmp_path / "run"
    long_format(parts()).to_csv(file, index=False)

    def call(*words):
        given = [str(word) for word in words]
        assert CliRunner().invoke(app, given, catch_exceptions=False).exit_code == 0

    named = ("--domain", "series", "--id", "id", "--time", "time", "--max-epochs", 1)
    call("fit", file, run, *named, "--latent-dim", 2, "--preset", "vae")
    call("score", run, file, "--out", tmp_path / "scores.csv")
    assert len(pd.read_csv(tmp_path / "scores.csv")) == 12
    with pytest.raises(SpecError, match="--id and --time are for series"):
        call("fit", "digits", run, "--id", "id")
