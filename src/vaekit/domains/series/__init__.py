"""Time series: sets of them, and windows of a long one."""

from vaekit.domains.series.domain import SeriesDomain
from vaekit.domains.series.period import dominant_period

__all__ = ["SeriesDomain", "dominant_period"]
