"""Where the usual ends."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vaekit.errors import SpecError

Floats = NDArray[np.float64]

_DEVIATIONS, _TO_DEVIATION = 3.0, 1.4826  # of the median absolute deviation, if normal


def automatic_threshold(scores: Any) -> float:
    """Return the median and three robust deviations: where scores of normal shape end.

    Half of the training items may be anomalies without moving it without bound.

    Args:
        scores: Of training items, the higher the more anomalous.

    Source: Leys et al. 2013, "Detecting outliers: do not use standard deviation around the mean,
    use absolute deviation around the median".

    Example:
        >>> automatic_threshold([1.0, 2.0, 3.0, 4.0, 5.0, 90.0])
        10.1717
    """
    array = np.asarray(scores, dtype=np.float64)
    median = np.median(array)
    deviation = _TO_DEVIATION * np.median(np.abs(array - median))
    return float(median + _DEVIATIONS * (deviation or array.std()))


def conformal_p_values(scores: Any, held_out: Any) -> Floats:
    """How often a normal item is at least as anomalous: flag those below a rate of your choice.

    If the held-out items are normal and exchangeable with new normal ones, a new normal item has a
    p-value of at most t with probability t or less, whatever the model: so the false-alarm rate is
    as asked for, in finite samples.

    Args:
        scores: Of the items asked about.
        held_out: Scores of normal items that nothing was learned from.

    Source: Vovk et al. 2005, "Algorithmic learning in a random world"; Bates et al. 2023, "Testing
    for outliers with conformal p-values".

    Example:
        >>> conformal_p_values([0.5, 9.0], held_out=[1.0, 2.0, 3.0, 4.0]).tolist()
        [1.0, 0.2]
    """
    known = np.sort(np.asarray(held_out, dtype=np.float64))
    larger = len(known) - np.searchsorted(known, np.asarray(scores), side="left")
    p: Floats = (1 + larger) / (1 + len(known))
    return p


def conformal_threshold(held_out: Any, rate: float) -> float:
    """Return the score that is exceeded where `conformal_p_values` are at most a rate.

    Args:
        held_out: Scores of normal items that nothing was learned from, at least ``1 / rate - 1``.
        rate: Of false alarms, above 0, below 1.

    Example:
        >>> conformal_threshold([1.0, 2.0, 3.0, 4.0], 0.2)
        4.0
    """
    known = np.sort(np.asarray(held_out, dtype=np.float64))
    allowed = int(np.floor(rate * (len(known) + 1) + 1e-9)) - 1  # so many may be higher
    return float(known[len(known) - 1 - allowed])


def choose_threshold(
    training: Floats, share: float | str, held_out: Floats | None, rate: float | None
) -> float:
    """Return the score above which items are anomalies.

    Args:
        training: Scores of training items.
        share: Of anomalies among them, or ``"auto"``.
        held_out: Scores of normal items that nothing was learned from, for a rate.
        rate: Of false alarms, in place of a share.
    """
    if held_out is not None and rate is not None:
        return conformal_threshold(held_out, rate)
    if isinstance(share, str):
        return automatic_threshold(training)
    return float(np.quantile(training, 1 - share))


def check_contamination(share: Any) -> None:
    """Refuse what is no share of anomalies.

    Raises:
        SpecError: Neither ``"auto"`` nor in (0, 0.5].
    """
    if share != "auto" and not (isinstance(share, float) and 0 < share <= 0.5):
        raise SpecError(f"contamination must be 'auto' or in (0, 0.5]; got {share!r}.")


def check_rate(rate: Any) -> None:
    """Refuse what is no rate of false alarms.

    Raises:
        SpecError: Neither ``None`` nor in (0, 1).
    """
    if rate is not None and not (isinstance(rate, int | float) and 0 < rate < 1):
        raise SpecError(f"false_alarm_rate must be in (0, 1); got {rate!r}.")
