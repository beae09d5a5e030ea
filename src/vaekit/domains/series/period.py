"""How long a pattern is that comes again and again."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["auto_window", "dominant_period"]

Floats = NDArray[np.float64]

_LEAST_PERIOD, _LEAST_CORRELATION = 4, 0.2
_SHORTEST, _LONGEST = 128, 256
_WINDOWS = 4  # so many, side by side, must fit into the series


def dominant_period(series: Floats) -> int | None:
    """The lag of the highest peak of the autocorrelation.

    Args:
        series: Shape (time, channels), NaN where missing; the channels' correlations are averaged.

    Returns:
        Steps, from 4 to a third of the series; ``None`` where no peak reaches a correlation of .2.

    Example:
        >>> dominant_period(np.sin(np.arange(300) * 2 * np.pi / 25)[:, None])
        25
    """
    correlation = np.mean([_autocorrelation(channel) for channel in series.T], axis=0)
    lags = np.arange(_LEAST_PERIOD, len(series) // 3)
    if len(lags) == 0:
        return None
    inner = correlation[lags]
    peaks = (inner > correlation[lags - 1]) & (inner >= correlation[lags + 1])
    high = np.where(peaks, inner, -1.0)
    return int(lags[high.argmax()]) if high.max() >= _LEAST_CORRELATION else None


def _autocorrelation(channel: Floats) -> Floats:
    """By lag; what is missing counts as the mean. 0 for a constant."""
    centred = np.nan_to_num(channel - np.nanmean(channel))
    power = np.abs(np.fft.rfft(centred, 2 * len(centred))) ** 2
    products: Floats = np.fft.irfft(power)[: len(centred)]
    return products / products[0] if products[0] > 0 else np.zeros(len(centred))


def auto_window(series: Floats) -> int:
    """As many dominant periods as make at least 128 steps, and at most 256; 128 without a period.

    A quarter of the series at most, so that there are some windows that do not overlap.
    """
    period = dominant_period(series) or 1
    wanted = period * -(-_SHORTEST // period)
    return max(2, min(wanted, _LONGEST, len(series) // _WINDOWS))
