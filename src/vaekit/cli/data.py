"""What a command reads: paths, and built-in data sets by name."""

from pathlib import Path
from typing import Any

import numpy as np

from vaekit.datasets import (
    breast_cancer,
    diabetes,
    digits,
    fashion_mnist,
    penguins,
    shapes,
    wine,
)
from vaekit.domains import Domain, ImageDomain, read_labels, read_source
from vaekit.domains.checks import is_frame
from vaekit.domains.label_files import names_files
from vaekit.domains.labels import Labels
from vaekit.errors import DataError

__all__ = ["DATA_HELP", "image_domain", "read_context", "read_data", "read_labels_of", "take_rows"]

DATA_HELP = (
    "A folder of images, or a .npz, .npy, idx .gz, .csv, .parquet, .smi or .sdf file; "
    "or a built-in data set: digits, fashion_mnist, fashion_mnist_test, shapes; tables: penguins, "
    "wine, breast_cancer, diabetes."
)

_BUILT_IN = {
    "digits": lambda: digits().images,
    "fashion_mnist": lambda: fashion_mnist("train").images,
    "fashion_mnist_test": lambda: fashion_mnist("test").images,
    "shapes": lambda: shapes(10_000).images,
    "penguins": penguins,
    "wine": wine,
    "breast_cancer": breast_cancer,
    "diabetes": diabetes,
}


def read_data(source: str, domain: Domain | None = None) -> Any:
    """Read what the user named; a path wins over a built-in name.

    Raises:
        DataError: Nothing of that name.
    """
    if not Path(source).exists() and source in _BUILT_IN:
        return _BUILT_IN[source]()
    if not Path(source).exists():
        raise DataError(
            f"the data must be a file, a folder, or one of {', '.join(_BUILT_IN)}; there is "
            f"nothing at {source!r}."
        )
    return read_source(source) if domain is None else domain.read(source)


def image_domain(
    size: str | None, skip_bad: bool, layout: str | None, *, keep_transparency: bool = False
) -> ImageDomain:
    """Image options to a domain.

    Raises:
        DataError: A size that is not ``64`` or ``48x64``.
    """
    on_bad = "skip" if skip_bad else "raise"
    return ImageDomain(layout, _size(size), on_bad, "keep" if keep_transparency else "white")


def _size(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    try:
        numbers = [int(part) for part in text.lower().split("x")]
    except ValueError:
        numbers = []
    if len(numbers) not in (1, 2) or min(numbers, default=0) < 1:
        raise DataError(f"--size must be like 64 or 48x64 (height x width); got {text!r}.")
    return numbers[0], numbers[-1]


def read_context(text: str | None, data: str | None = None, domain: Domain | None = None) -> Any:
    """Labels or properties: a file, or values separated by commas.

    Args:
        text: What the user named.
        data: The items that they belong to; a .csv that names the files of a folder is read in
            their order.
        domain: How the items are read.

    Example:
        >>> read_context("cat,dog").tolist()
        ['cat', 'dog']
    """
    if text is None:
        return None
    if text in ("digits", "fashion_mnist"):
        return digits().labels if text == "digits" else fashion_mnist("train").labels
    path = Path(text)
    if not path.exists():
        return np.asarray(text.split(","))
    if path.suffix == ".csv" and data is not None and Path(data).is_dir() and names_files(path):
        return read_labels(path, data, on_bad=_on_bad(domain))
    return read_source(text)


def read_labels_of(text: str, data: str, domain: Domain | None = None) -> Labels:
    """Labels of items: a .csv that names files, one row per item, or a built-in data set's."""
    return Labels.of(read_context(text, data, domain))


def take_rows(values: Any, index: Any) -> Any:
    """Some rows of an array, a data frame or labels."""
    if isinstance(values, Labels):
        return values.at(np.asarray(index))
    return values.iloc[index] if is_frame(values) else values[index]


def _on_bad(domain: Domain | None) -> str:
    return domain.on_bad if isinstance(domain, ImageDomain) else "raise"
