"""Models of different kinds, side by side on the user's own data."""

from vaekit.tasks.comparison.compare import compare
from vaekit.tasks.comparison.report import check_comparison_folder, table, write_comparison
from vaekit.tasks.comparison.result import Comparison
from vaekit.tasks.comparison.settings import ComparisonSettings
from vaekit.tasks.comparison.trial import Score, Trial
from vaekit.tasks.comparison.verdict import verdict

__all__ = [
    "Comparison",
    "ComparisonSettings",
    "Score",
    "Trial",
    "check_comparison_folder",
    "compare",
    "table",
    "verdict",
    "write_comparison",
]
