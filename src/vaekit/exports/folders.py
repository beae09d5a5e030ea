"""The folders that exports write, and what is said of them."""

import importlib.metadata
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vaekit.errors import SaveError, VaekitError
from vaekit.files import is_leftover, read_json
from vaekit.fitting.first_stage import CONFIG, WEIGHTS
from vaekit.places import check_replaceable, check_target

MARK = "vaekit_export.json"
"""A file in every exported folder, by which a later export knows that it may be replaced."""

_ENDINGS = (".onnx", ".pt2")


@dataclass(frozen=True)
class ExportReport:
    """What an export wrote.

    Attributes:
        folder: Where it is.
        target: The form.
        model: What it is called there.
        largest_difference: Between what both make of the same items, of values of a size of 1 or
            below, of larger ones relative to them.
        differences: The same of each program, by its name; of forms that have several.
        skipped: Why programs were left out, by their names.
    """

    folder: Path
    target: str
    model: str
    largest_difference: float
    differences: Mapping[str, float] = field(default_factory=dict)
    skipped: Mapping[str, str] = field(default_factory=dict)


def mark(target: str) -> dict[str, Any]:
    """Return what is stored in every exported folder."""
    version = importlib.metadata.version("vaekit")
    return {"written_by": "vaekit", "version": version, "target": target}


def check_destination(path: Path) -> None:
    """Refuse a place that holds what no export wrote.

    Raises:
        SaveError: It does.
    """
    check_target("a folder to export to", path)
    check_replaceable("a folder to export to", path)
    if path.exists() and not _may_replace(path):
        raise SaveError(
            f"{path} must be a new folder, or one that an export wrote; it holds something else, "
            "which would be lost. Choose another name."
        )


def _may_replace(path: Path) -> bool:
    if not path.is_dir():
        return False
    names = {item.name for item in path.iterdir() if not is_leftover(item.name)}
    others = {name for name in names if name not in (MARK, CONFIG, WEIGHTS)}
    ours = all(name.endswith(_ENDINGS) for name in others)
    return not names or (MARK in names and ours and _is_marked(path))


def _is_marked(path: Path) -> bool:
    try:
        found = read_json(path / MARK)
    except VaekitError:
        return False
    return isinstance(found, dict) and found.get("written_by") == "vaekit"
