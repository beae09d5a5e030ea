"""An evaluation as a folder: JSON, CSV and pictures."""

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vaekit.errors import SaveError
from vaekit.files import atomic_folder, to_json
from vaekit.plots import save_figure
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
    if not path.exists():
        return
    ours = {_JSON, _CSV, *(f"{name}.png" for name in PICTURES)}
    if not path.is_dir() or {item.name for item in path.iterdir()} - ours:
        raise SaveError(
            f"{path} must be a new folder or an older evaluation; it holds something else, which "
            "would be lost. Choose another name."
        )


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
    with atomic_folder(path) as folder:
        (folder / _JSON).write_bytes(to_json({**notes, **evaluation.to_json()}))
        (folder / _CSV).write_bytes(_csv(evaluation))
        for name, figure in evaluation.pictures.items():
            save_figure(figure, folder / f"{name}.png")


def _csv(evaluation: Evaluation) -> bytes:
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(_COLUMNS)
    for row in evaluation.measured:
        stored = row.to_json() | {"measure": row.name}
        table.writerow([stored[column] for column in _COLUMNS])
    return text.getvalue().encode()
