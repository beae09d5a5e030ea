"""Fashion-MNIST: 70,000 grey pictures of clothes, 28x28 pixels, in ten classes."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vaekit.datasets.base import Dataset
from vaekit.domains.sources import read_source
from vaekit.errors import DataError

__all__ = ["FASHION_MNIST_NAMES", "fashion_mnist"]

FASHION_MNIST_NAMES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
"""The classes in the order of their labels."""

_FILES = {
    "train": ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"),
    "test": ("t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"),
}
_URL = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"
_HASHES = {  # of the authors' files; Debian's hold the same bytes under another gzip header
    "train-images-idx3-ubyte.gz": "md5:8d4fb7e6c68d591d4c3dfef9ec88bf0d",
    "train-labels-idx1-ubyte.gz": "md5:25c81989df183df01b3e8a0aad5dffbe",
    "t10k-images-idx3-ubyte.gz": "md5:bef4ecab320f06d8554ea6380940ec79",
    "t10k-labels-idx1-ubyte.gz": "md5:bb300cfdad3c16e7a12a480ee83cd310",
}
_DEBIAN_FOLDER = Path("/usr/share/datasets/fashion-mnist")
_REMEDY = (
    "On Debian and Ubuntu run 'apt-get install dataset-fashion-mnist', or pass folder= with "
    "the four .gz files of github.com/zalandoresearch/fashion-mnist."
)


def fashion_mnist(split: str = "train", folder: str | Path | None = None) -> Dataset:
    """Fashion-MNIST from a folder, from Debian's package, or downloaded once.

    Without ``folder`` the files of Debian's package ``dataset-fashion-mnist`` are read if they
    are installed; else they are fetched (31 MB in all), checked and kept in the user's cache.

    Args:
        split: ``"train"`` (60,000 images) or ``"test"`` (10,000).
        folder: Where the idx ``.gz`` files lie, under their original names.

    Returns:
        Images uint8 of shape (n, 28, 28), the garment light on black, and labels from 0 to 9.

    Raises:
        DataError: An unknown split, a missing or damaged file, or a failed download.

    Source: Xiao, Rasul and Vollgraf 2017, "Fashion-MNIST: a novel image dataset for
    benchmarking machine learning algorithms", arXiv:1708.07747.

    Example:
        >>> fashion_mnist("validation")
        Traceback (most recent call last):
        ...
        vaekit.errors.DataError: split must be 'train' or 'test'; got 'validation'. Choose one.
    """
    if split not in _FILES:
        raise DataError(f"split must be 'train' or 'test'; got {split!r}. Choose one.")
    images, labels = (_read(path) for path in _find(_FILES[split], folder))
    return Dataset(images, labels.astype(np.int64), FASHION_MNIST_NAMES)


def _find(names: tuple[str, ...], folder: str | Path | None) -> list[Path]:
    if folder is None and not _holds(_DEBIAN_FOLDER, names):
        return [_download(name) for name in names]
    place = _DEBIAN_FOLDER if folder is None else Path(folder)
    if not _holds(place, names):
        raise DataError(f"folder must hold {' and '.join(names)}; got {place}. {_REMEDY}")
    return [place / name for name in names]


def _holds(folder: Path, names: tuple[str, ...]) -> bool:
    return all((folder / name).is_file() for name in names)


def _read(path: Path) -> NDArray[Any]:
    """A copy, because torch warns about the read-only memory of a file's buffer."""
    return np.array(read_source(path))


def _download(name: str) -> Path:
    import pooch

    try:
        cache = Path(pooch.os_cache("vaekit")) / "fashion-mnist"
        return Path(pooch.retrieve(_URL + name, _HASHES[name], fname=name, path=cache))
    except (OSError, ValueError) as error:  # no network, no space; or another file than expected
        raise DataError(
            f"{name} must be on this machine or come from {_URL}; got {error}. {_REMEDY}"
        ) from error
