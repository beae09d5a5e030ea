"""An evaluation as a folder: JSON, CSV and pictures."""

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vaekit.files import to_json
from vaekit.tasks import report
from vaekit.tasks.evaluation.evaluate import Evaluation
from vaekit.tasks.evaluation.pictures import PICTURES

__all__ = ["check_folder", "write_evaluation"]

_JSON, _CSV = "evaluation.json", "evaluation.csv"
_COLUMNS = ("group", "measure", "value", "standard_error", "unit", "items", "note")


def check_folder(path: Path) -> None:
    """Refuse a place that holds something else; worth asking before the work, too.

    Raises:
        SaveError: Neither new, nor empty, nor an older evaluation and nothing else.
    """
    ours = {_JSON, _CSV, *(f"{name}.png" for name in PICTURES)}
    report.check_folder(path, ours, "an older evaluation")


def write_evaluation(path: Path, evaluation: Evaluation, notes: Mapping[str, Any]) -> None:
    """Write a folder in one rename; an older evaluation there is replaced, anything else is not.

    Args:
        path: The folder.
        evaluation: What was measured.
        notes: What else is worth keeping, as JSON: versions, for instance.

    Raises:
        SaveError: The disk is full or not writable, or the folder holds something else.
    """
    check_folder(path)
    files = {_JSON: to_json({**notes, **evaluation.to_json()}), _CSV: _csv(evaluation)}
    report.write_folder(path, files, evaluation.pictures)


def _csv(evaluation: Evaluation) -> bytes:
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(_COLUMNS)
    for row in evaluation.measured:
        stored = row.to_json() | {"measure": row.name}
        table.writerow([stored[column] for column in _COLUMNS])
    return text.getvalue().encode()
