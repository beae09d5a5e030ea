from .benchmark import BenchmarkScore as BenchmarkScore, BenchmarkRun as BenchmarkRun
from .models import Comparison as Comparison, compare as compare
from .report import (
    check_comparison_folder as check_comparison_folder,
    table as table,
    summarize as summarize,
    write_comparison as write_comparison,
)
from .settings import ComparisonSettings as ComparisonSettings
