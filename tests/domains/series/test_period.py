"""How long a pattern is, and how many steps a window has."""

import numpy as np
import pytest

from vaekit.series import SeriesDomain, dominant_period


@pytest.mark.parametrize("period", [8, 25, 70])
def test_the_dominant_period_is_found(period):
    rng = np.random.default_rng(0)
    x = np.sin(np.arange(800) * 2 * np.pi / period) + 0.3 * rng.normal(size=800)
    assert dominant_period(x[:, None]) == pytest.approx(period, abs=max(1, 0.05 * period))


@pytest.mark.parametrize(
    ("series", "steps"),
    [
        (np.sin(np.arange(2000) * 2 * np.pi / 70), 140),
        (np.sin(np.arange(2000) * 2 * np.pi / 10), 130),
        (np.sin(np.arange(4000) * 2 * np.pi / 700), 256),
        (np.random.default_rng(0).normal(size=2000), 128),
        (np.random.default_rng(0).normal(size=80), 20),
        (np.zeros(1000), 128),
    ],
)
def test_an_automatic_window_is_some_periods_within_bounds(series, steps):
    assert SeriesDomain(window="auto").fit(series).steps == pytest.approx(steps, abs=2)
