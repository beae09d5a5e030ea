"""Numbers along a straight line."""

import numpy as np
import pytest

pd = pytest.importorskip("pandas")

from vaekit.errors import SpecError  # noqa: E402
from vaekit.tables import StandardScaling, TableDomain  # noqa: E402

RNG = np.random.default_rng(0)


def test_what_is_linear_stays_so():
    x = RNG.exponential(size=500)
    frame = pd.DataFrame({"x": x, "y": 3 * x - 1})
    cells = TableDomain(scale="standard").fit(frame).prepare(frame)
    assert cells[:, 2].numpy() == pytest.approx(cells[:, 3].numpy(), abs=1e-5)
    assert float(cells[:, 2].std()) == pytest.approx(1, abs=0.05)  # beyond 6 they end


def test_rows_come_back_and_stay_in_range():
    whole = RNG.integers(0, 60, 500)
    frame = pd.DataFrame({"x": RNG.normal(size=500).round(2), "n": whole, "when": whole})
    frame["when"] = pd.Timestamp("2020-01-01") + pd.to_timedelta(whole, "D")
    domain = TableDomain(scale="standard").fit(frame)
    x = domain.encode(domain.prepare(frame))
    pd.testing.assert_frame_equal(domain.decode(x), frame)
    x[:, 3:] *= 50
    far = domain.decode(x)
    assert far["x"].between(frame["x"].min(), frame["x"].max()).all()
    assert set(far["n"]) <= set(frame["n"])


def test_numbers_beyond_training_are_six_deviations_away_at_most():
    scale = StandardScaling.of(np.arange(100.0))
    assert scale.scores(np.array([1e9, -1e9])).tolist() == [6.0, -6.0]


@pytest.mark.parametrize("values", [np.arange(40.0).repeat(3), RNG.normal(20, 5, 300)])
def test_ranges_hold_what_is_shown_within_them(values):
    scale = StandardScaling.of(values)
    low, high = scale.range(10, 20)
    shown = scale.numbers(RNG.uniform(low, high, 500).clip(-9, 9))
    assert ((shown >= 10) & (shown <= 20)).all()
    assert scale.range(1000, 2000) is None
    assert scale.range(-1000, 2000) == (-np.inf, np.inf)


def test_an_unknown_scale_is_refused():
    with pytest.raises(SpecError, match="did you mean 'quantiles'"):
        TableDomain(scale="quantile").fit(pd.DataFrame({"x": [1.0, 2.0, 3.0]}))
