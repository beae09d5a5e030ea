"""What a command reads: paths, and built-in data sets by name."""

from pathlib import Path
from typing import Any

import numpy as np

from vaekit.datasets import digits, fashion_mnist, shapes
from vaekit.domains import Domain, ImageDomain, read_source
from vaekit.errors import DataError

__all__ = ["DATA_HELP", "image_domain", "read_context", "read_data"]

DATA_HELP = (
    "A folder of images, or a .npz, .npy, idx .gz or .csv file; or a built-in data set: "
    "digits, fashion_mnist, fashion_mnist_test, shapes."
)

_BUILT_IN = {
    "digits": lambda: digits().images,
    "fashion_mnist": lambda: fashion_mnist("train").images,
    "fashion_mnist_test": lambda: fashion_mnist("test").images,
    "shapes": lambda: shapes(10_000).images,
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


def image_domain(size: str | None, skip_bad: bool, layout: str | None) -> ImageDomain:
    """Image options to a domain.

    Raises:
        DataError: A size that is not ``64`` or ``48x64``.
    """
    return ImageDomain(layout, _size(size), "skip" if skip_bad else "raise")


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


def read_context(text: str | None) -> Any:
    """Labels or properties: a file, or values separated by commas.

    Example:
        >>> read_context("cat,dog").tolist()
        ['cat', 'dog']
    """
    if text is None:
        return None
    if text in ("digits", "fashion_mnist"):
        return digits().labels if text == "digits" else fashion_mnist("train").labels
    if Path(text).exists():
        return np.asarray(read_source(text))
    return np.asarray(text.split(","))
