"""A clustering as a folder: JSON, CSV and pictures."""

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vaekit.files import to_json
from vaekit.tasks import report
from vaekit.tasks.clustering.pictures import PICTURES
from vaekit.tasks.clustering.result import Clustering

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["FILES", "check_folder", "write_clustering"]

_JSON, _CSV = "clusters.json", "clusters.csv"

FILES = (_JSON, _CSV, *(f"{name}.png" for name in PICTURES))
"""Names of all files that may be written."""


def check_folder(path: Path) -> None:
    """Refuse a place that holds something else; worth asking before the work, too.

    Raises:
        SaveError: Neither new, nor empty, nor older clusters and nothing else.
    """
    report.check_folder(path, FILES, "one of older clusters")


def write_clustering(
    path: Path, found: Clustering, pictures: "Mapping[str, Figure]", notes: Mapping[str, Any]
) -> None:
    """Write a folder in one rename; older clusters there are replaced, anything else is not.

    ``clusters.csv`` has a line for each item: its number, its cluster (-1 for none) and how
    probable that cluster is, where the method tells.

    Args:
        path: The folder.
        found: The clusters.
        pictures: Figures by name.
        notes: What else is worth keeping, as JSON: versions, for instance.

    Raises:
        SaveError: The disk is full or not writable, or the folder holds something else.
    """
    check_folder(path)
    files = {_JSON: to_json({**notes, **found.to_json()}), _CSV: _csv(found)}
    report.write_folder(path, files, pictures)


def _csv(found: Clustering) -> bytes:
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(("item", "cluster", "probability"))
    confidence = found.confidence
    for item, number in enumerate(found.assignments):
        probability = "" if confidence is None else f"{confidence[item]:.4f}"
        table.writerow((item, int(number), probability))
    return text.getvalue().encode()
