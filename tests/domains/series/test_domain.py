"""Series: sets and windows, scaling, missing values, and every kind of bad input."""

import numpy as np
import pytest
import torch

from vaekit import Autoencoder, load
from vaekit.domains import infer_domain
from vaekit.errors import CompositionError, DataError, DataTypeError, NotFittedError, SpecError
from vaekit.series import SeriesDomain

pd = pytest.importorskip("pandas")

NAN = float("nan")


def waves(n=20, steps=30, channels=None, seed=0):
    rng = np.random.default_rng(seed)
    phase = rng.uniform(0, 6, (n, 1, 1))
    x = np.sin(np.arange(steps)[None, :, None] / 3 + phase) * [1.0, 20.0, 5.0][: channels or 1]
    return x if channels else x[..., 0]


def long(time=200, channels=None, seed=0):
    x = np.sin(np.arange(time) / 4) + 0.1 * np.random.default_rng(seed).normal(size=time)
    return x if channels is None else np.stack([x * 10**i for i in range(channels)], 1)


def framed(time=50, step="5min"):
    times = pd.date_range("2024-01-01", periods=time, freq=step)
    return pd.DataFrame({"at": times, "load": long(time), "heat": 5 + long(time, seed=1)})


@pytest.mark.parametrize("make", [np.asarray, torch.tensor, lambda x: x.tolist()])
@pytest.mark.parametrize("channels", [None, 1, 3])
def test_a_set_comes_back_in_its_layout(make, channels):
    x = waves(channels=channels)
    raw = make(x)
    domain = infer_domain(raw, "series").fit(raw)
    rows = domain.prepare(raw)
    assert domain.event_shape == (channels or 1, 30)
    assert domain.encode(rows).shape == (20, channels or 1, 30)
    assert domain.observed(rows) is None
    back = domain.decode(domain.encode(rows))
    assert isinstance(back, torch.Tensor) == isinstance(raw, torch.Tensor)
    assert np.allclose(back, x, atol=1e-5)


@pytest.mark.parametrize("channels", [None, 2])
@pytest.mark.parametrize("stride", [1, 7])
def test_a_long_series_becomes_windows(channels, stride):
    x = long(channels=channels)
    domain = SeriesDomain(window=24, stride=stride).fit(x)
    rows = domain.prepare(x)
    assert rows.shape == ((200 - 24) // stride + 1, channels or 1, 24)
    back = domain.decode(domain.encode(rows))
    for place in (0, 3, len(back) - 1):
        assert np.allclose(back[place], x[place * stride : place * stride + 24], atol=1e-5)


def test_windows_share_their_memory():
    x = long(100_000)
    rows = SeriesDomain(window=1000).fit(x).prepare(x)
    assert rows.untyped_storage().nbytes() == 4 * 100_000


def test_channels_are_scaled_by_their_own_spread():
    domain = SeriesDomain(window=20).fit(long(2000, channels=3))
    flat = domain.encode(domain.prepare(long(2000, channels=3))).movedim(1, -1).reshape(-1, 3)
    assert flat.std(0).tolist() == pytest.approx([1, 1, 1], rel=0.02)
    assert domain.scale[2] == pytest.approx(100 * domain.scale[0])


def test_a_constant_channel_does_not_explode():
    x = np.column_stack([long(), np.full(200, 0.1)])
    domain = SeriesDomain(window=20).fit(x)
    assert domain.prepare(x)[:, 1].abs().max() == 0
    assert domain.prepare(x + 0.5)[:, 1].max().item() == pytest.approx(0.5, rel=1e-5)


def test_missing_values_are_not_observed():
    x = long(channels=2)
    x[50, 1] = np.nan
    domain = SeriesDomain(window=10).fit(x)
    rows = domain.prepare(x)
    observed = domain.observed(rows)
    assert (~observed).sum() == 10
    assert not observed[45, 1, 5]
    assert domain.encode(rows)[45, 1, 5] == 0
    assert domain.encode(rows).isfinite().all()


def test_series_of_different_lengths_are_padded_and_not_observed_beyond_their_end():
    raw = [long(steps) for steps in (10, 30, 17)]
    domain = SeriesDomain().fit(raw)
    rows = domain.prepare(raw)
    assert domain.observed(rows).sum((1, 2)).tolist() == [10, 30, 17]
    assert torch.equal(domain.prepare([raw[0], raw[2]]).isnan(), rows[[0, 2]].isnan())
    assert domain.prepare([long(12)]).shape == (1, 1, 30)
    assert np.allclose(domain.decode(domain.encode(rows))[2, :17], raw[2], atol=1e-5)
    wide = SeriesDomain().fit([long(steps, channels=2) for steps in (10, 30)])
    assert wide.event_shape == (2, 30)


def test_frames_have_times_in_a_column_or_as_index():
    frame = framed()
    domain = SeriesDomain(window=8).fit(frame)
    assert (domain.columns, domain.interval) == (("load", "heat"), 300)
    rows = domain.prepare(frame)
    assert torch.equal(rows, domain.prepare(frame.set_index("at")))
    texts = frame.assign(at=frame["at"].astype(str))
    assert torch.equal(rows, SeriesDomain(window=8, time="at").fit(texts).prepare(texts))
    numbers = frame.assign(at=np.arange(50) * 2.0)
    assert SeriesDomain(window=8, time="at").fit(numbers).interval == 2
    assert torch.equal(rows, domain.prepare(frame[["load", "heat"]].to_numpy()))


def test_a_few_gaps_are_let_be():
    frame = framed().drop(index=[10, 11, 30])
    assert SeriesDomain(window=8).fit(frame).interval == 300


def test_files_are_read(tmp_path):
    framed().to_csv(tmp_path / "long.csv", index=False)
    np.savez(tmp_path / "set.npz", X=waves())
    domain = SeriesDomain(window=8, time="at").fit(tmp_path / "long.csv")
    assert len(domain.prepare(tmp_path / "long.csv")) == 43
    assert SeriesDomain().fit(tmp_path / "set.npz").event_shape == (1, 30)
    framed().to_parquet(tmp_path / "long.parquet")
    assert SeriesDomain(window=8).fit(tmp_path / "long.parquet").event_shape == (2, 8)


def test_a_frame_may_hold_a_series_in_each_row():
    domain = SeriesDomain().fit(pd.DataFrame(waves()))
    assert domain.event_shape == (1, 30)


def bad_times(frame, rows):
    frame = frame.copy()
    frame.loc[rows[0], "at"] = frame.loc[rows[1], "at"]
    return frame


LONG, SET = SeriesDomain(window=24), SeriesDomain()
TIMED = SeriesDomain(window=8)


@pytest.mark.parametrize(
    ("domain", "raw", "message"),
    [
        (LONG, long(20), "at least two windows to fit, 25 steps.*got 20"),
        (SeriesDomain(window=10, stride=30), long(35), "40 steps.*stride=30"),
        (LONG, waves(channels=2), r"\(time,\) or \(time, channels\); got shape"),
        (SET, long(), "For one long series"),
        (SET, waves(n=1), "at least 2 series.*1 sample"),
        (SET, waves(n=0), "empty set: 0 sample"),
        (LONG, np.where(np.arange(200) == 7, np.inf, long()), r"infinity at \(7, 0\)"),
        (LONG, np.full(200, NAN), "a channel must have a value; those of 0 are all missing"),
        (LONG, long() * 1e308, "finite variance.*overflow"),
        (
            SET,
            [long(5), long(7, channels=2)],
            r"as many channels as the first.*\(7, 2\) at place 1",
        ),
        (SET, [long(5), []], "at least one step"),
        (SET, np.vstack([waves(), np.full((1, 30), NAN)]), "row 20 are all missing"),
        (TIMED, framed()[::-1], "times must rise; row 1 has an earlier time"),
        (TIMED, bad_times(framed(), (7, 6)), "row 7 has the same time as the row before"),
        (TIMED, bad_times(framed(), (7, 6)), "drop_duplicates"),
        (TIMED, framed().assign(b=framed()["at"]), r"one column of times; got \['at', 'b'\]"),
        (TIMED, framed()[["at"]].assign(a=NAN), "those of 'a' are all missing"),
        (SeriesDomain(window=8, time="at"), long(), "names a column of a data frame; got ndarray"),
    ],
)
def test_bad_series_are_explained(domain, raw, message):
    with pytest.raises(DataError, match=message):
        domain.fit(raw).prepare(raw)


def test_uneven_times_are_refused():
    frame = framed()
    frame["at"] += pd.to_timedelta(np.arange(50) ** 2, unit="s")
    with pytest.raises(DataError, match=r"times must be even.*resample\('5min'\)"):
        TIMED.fit(frame)


def test_unreadable_times_are_located():
    frame = framed().assign(at="yesterday-ish")
    with pytest.raises(DataError, match="got 'yesterday-ish' in row 0 of 'at'"):
        SeriesDomain(window=8, time="at").fit(frame)


@pytest.mark.parametrize(
    ("domain", "raw"),
    [
        (LONG, np.array(["a", "b"] * 50)),
        (LONG, long().astype(complex)),
        (TIMED, framed().assign(site="north")),
        (TIMED, framed().assign(at="no time")),
    ],
)
def test_text_is_refused_by_type(domain, raw):
    with pytest.raises(DataTypeError, match="must be"):
        domain.fit(raw)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"window": 1}, "at least 2; got 1"),
        ({"window": "atuo"}, "'auto' or a whole number.*got 'atuo'"),
        ({"window": True}, "got True"),
        ({"window": 8, "stride": 0}, "stride must be"),
        ({"time": "at"}, "times belong to one long series"),
        ({"window": 8, "time": "when"}, "unknown column 'when'"),
    ],
)
def test_bad_options_are_explained(options, message):
    with pytest.raises(SpecError, match=message):
        SeriesDomain(**options).fit(framed())


def test_new_series_must_fit_the_schema():
    domain = SeriesDomain(window=24).fit(long(channels=2))
    with pytest.raises(DataError, match="2 channels of training; got 3"):
        domain.prepare(long(channels=3))
    with pytest.raises(DataError, match="at least 24 steps, one window; got 20"):
        domain.prepare(long(20, channels=2))
    assert len(domain.prepare(long(24, channels=2))) == 1
    with pytest.raises(DataError, match="at most the 30 steps of training; got 31"):
        SeriesDomain().fit(waves()).prepare(waves(steps=31))
    timed = TIMED.fit(framed())
    with pytest.raises(DataError, match=r"\['load', 'heat'\]; got \['heat', 'load'\]"):
        timed.prepare(framed()[["at", "heat", "load"]])
    with pytest.raises(DataError, match="as long as in training, 300 .*; got 3600"):
        timed.prepare(framed(step="1h"))
    with pytest.raises(NotFittedError, match="call fit first"):
        SeriesDomain().prepare(waves())


def test_series_are_never_guessed():
    assert not isinstance(infer_domain(waves()), SeriesDomain)
    assert not isinstance(infer_domain(waves(channels=3)), SeriesDomain)
    with pytest.raises(SpecError, match="did you mean 'series'"):
        infer_domain(waves(), "seires")


def test_networks_for_images_are_refused():
    domain = SeriesDomain().fit(waves())
    with pytest.raises(CompositionError, match="needs images"):
        domain.parts(domain.prepare(waves()), 2, network="conv")
    with pytest.raises(CompositionError, match="needs values that are between 0 and 1"):
        domain.parts(domain.prepare(waves()), 2, likelihood="bernoulli")


@pytest.mark.parametrize("network", ["auto", "temporal_conv", "gru"])
def test_a_model_of_series_works_from_end_to_end(network, tmp_path):
    x = long(400, channels=2)
    x[100:103] = np.nan
    domain = SeriesDomain(window=16)
    model = Autoencoder("vae", 3, domain=domain, network=network, max_epochs=2, progress=False)
    model.fit(x)
    assert model.sample(4, seed=0).shape == (4, 16, 2)
    assert model.reconstruct(x).shape == (385, 16, 2)
    assert model.transform(x).shape == (385, 3)
    scores = model.score_samples(x, draws=2)
    assert scores.shape == (385,)
    assert np.isfinite(scores).all()
    model.save(tmp_path / "run")
    again = load(tmp_path / "run")
    assert again.domain_ == model.domain_
    assert (again.score_samples(x, draws=2) == scores).all()


def test_samples_look_like_series():
    """Neighbouring steps differ little, and the spread is that of the data."""
    x = waves(n=400)
    model = Autoencoder("vae", 4, domain="series", steps=500, progress=False).fit(x)
    sampled = model.sample(300, seed=0)
    assert sampled.std() == pytest.approx(x.std(), rel=0.15)
    rough = [np.diff(s, axis=1).std() for s in (sampled, x)]
    assert rough[0] == pytest.approx(rough[1], rel=0.2)


def test_times_are_read_from_text_as_a_csv_has_them():
    at = pd.date_range("2026-01-01", periods=50, freq="h").astype(str)
    frame = pd.DataFrame({"at": at, "load": np.arange(50.0)})
    domain = SeriesDomain(window=10).fit(frame)
    assert domain.columns == ("load",)
    assert domain.interval == 3600
    with pytest.raises(DataError, match="column 'at' is"):
        SeriesDomain(window=10).fit(frame.assign(at=["noon", *at[1:]]))
