"""Sets of images: handwritten digits, Fashion-MNIST, generated sprites."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vaekit.domains.sources import read_source
from vaekit.errors import DataError
from vaekit.files import expanded_path
from vaekit.seeds import check_seed


@dataclass(frozen=True, eq=False)
class Dataset:
    """Labelled images; arrays are shared, not copied.

    Attributes:
        images: uint8, shape (n, height, width) or (n, height, width, colours).
        labels: int64, shape (n,), each an index into `label_names`.
        label_names: One name per class.
        factors: For generated images, the code of each factor of variation by its name, each
            int64 of shape (n,) from 0 to the factor's size - 1; ``None`` where they are unknown.
        factor_sizes: How many values each factor has, in the same order; ``None`` likewise.

    Raises:
        DataError: Wrong dtypes or axes, different lengths, labels without a name.

    Example:
        >>> data = Dataset(np.zeros((2, 8, 8), np.uint8), np.array([0, 1]), ("no", "yes"))
        >>> len(data), data.label_names[data.labels[1]]
        (2, 'yes')
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    label_names: tuple[str, ...]
    factors: Mapping[str, NDArray[np.int64]] | None = None
    factor_sizes: Mapping[str, int] | None = None

    def __post_init__(self) -> None:
        """Check that the parts belong together."""
        if self.images.dtype != np.uint8 or self.images.ndim not in (3, 4):
            raise DataError(
                "images must be uint8 with axes NHW or NHWC; got dtype "
                f"{self.images.dtype} and shape {self.images.shape}. Scale and reshape them."
            )
        _check_codes("labels", self.labels, len(self.images), len(self.label_names))
        factors, sizes = self.factors or {}, self.factor_sizes or {}
        if list(factors) != list(sizes):
            raise DataError(
                "factors and factor_sizes must have the same names in the same order; got "
                f"{list(factors)} and {list(sizes)}. Pass both, or neither."
            )
        for name, codes in factors.items():
            _check_codes(f"factor {name!r}", codes, len(self.images), sizes[name])

    def __len__(self) -> int:
        """Return how many images there are."""
        return len(self.images)


def _check_codes(what: str, codes: NDArray[Any], length: int, size: int) -> None:
    if codes.dtype != np.int64 or codes.shape != (length,):
        raise DataError(
            f"{what} must be int64 of shape ({length},), one per image; got dtype "
            f"{codes.dtype} and shape {codes.shape}. Pass one code per image."
        )
    if length and not (codes.min() >= 0 and codes.max() < size):
        raise DataError(
            f"{what} must be from 0 to {size - 1}; got {codes.min()} to {codes.max()}. "
            "Number the values from 0 and name each."
        )


_DARKEST = 16  # scikit-learn counts the inked pixels of each 4x4 block


def digits() -> Dataset:
    """Return the 1,797 digits of scikit-learn; nothing is downloaded.

    Returns:
        Images uint8 of shape (1797, 8, 8), where ink is 255, and labels from 0 to 9.

    Source: Alpaydin and Kaynak 1998, "Optical recognition of handwritten digits" (UCI).

    Example:
        >>> data = digits()
        >>> data.images.shape, data.label_names[data.labels[3]]
        ((1797, 8, 8), '3')
    """
    from sklearn.datasets import load_digits

    bunch = load_digits()
    images = np.rint(bunch.images * (255 / _DARKEST)).astype(np.uint8)
    return Dataset(images, bunch.target.astype(np.int64), tuple("0123456789"))


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
    place = _DEBIAN_FOLDER if folder is None else expanded_path(folder)
    if not _holds(place, names):
        raise DataError(f"folder must hold {' and '.join(names)}; got {place}. {_REMEDY}")
    return [place / name for name in names]


def _holds(folder: Path, names: tuple[str, ...]) -> bool:
    return all((folder / name).is_file() for name in names)


def _read(path: Path) -> NDArray[Any]:
    """Return a copy, because torch warns about the read-only memory of a file's buffer."""
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


SPRITES = ("square", "ellipse", "heart")
"""Shapes by code."""

SCALES = np.linspace(0.5, 1.0, 6, dtype=np.float32)
"""Sizes relative to the largest."""

ROTATIONS = np.linspace(0, np.pi / 2, 8, endpoint=False, dtype=np.float32)
"""Clockwise angles in radians."""

POSITIONS = ((np.arange(16) + 8.5) / 32).astype(np.float32)
"""Centres as shares of the image's size: whole pixels apart where that is 32."""

HUES = np.array(
    [[1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 1, 1], [0, 0, 1], [1, 0, 1]], dtype=np.float32
)
"""Red, green and blue of each colour code."""

_RADIUS = 0.25  # of the circle around the largest sprite, as a share of the image's size
_ELLIPSE = (1.0, 0.6)
_HALF_SIDE = np.float32(np.sqrt(0.5))
_HEART_CENTRE = 0.65664  # height of its centre of mass over its tip, in the units of _heart
_PIXELS_AT_ONCE = 2**19  # bounds the working memory to a few arrays of 2 MB

_Plane = NDArray[np.float32]


def render(codes: Mapping[str, NDArray[np.int64]], size: int) -> NDArray[np.uint8]:
    """Draw one image for each row of codes.

    Args:
        codes: shape, scale, rotation, x, y and perhaps colour, each of shape (n,).
        size: Height and width in pixels.

    Returns:
        uint8, shape (n, size, size), or (n, size, size, 3) with colour.

    Example:
        >>> one = {name: np.array([0]) for name in ("shape", "scale", "rotation", "x", "y")}
        >>> render(one, 32).shape
        (1, 32, 32)
    """
    n = len(codes["shape"])
    channels = (3,) if "colour" in codes else ()
    images = np.empty((n, size, size, *channels), np.uint8)
    step = max(1, _PIXELS_AT_ONCE // size**2)
    for start in range(0, n, step):
        part = {name: values[start : start + step] for name, values in codes.items()}
        ink = _cover(part, size) * np.float32(255)
        if channels:
            ink = ink[..., None] * HUES[part["colour"]][:, None, None]
        images[start : start + step] = np.rint(ink)
    return images


def _cover(codes: Mapping[str, NDArray[np.int64]], size: int) -> _Plane:
    """Return the share of each pixel that the sprite covers, shape (n, size, size)."""
    unit = _RADIUS * SCALES[codes["scale"]]
    u, v = _sprite_axes(codes, size, unit)
    distance = np.empty_like(u)
    for code, measure in enumerate((_square, _ellipse, _heart)):
        rows = codes["shape"] == code
        distance[rows] = measure(u[rows], v[rows])
    return np.clip(0.5 - distance * (unit * size)[:, None, None], 0, 1)


def _sprite_axes(
    codes: Mapping[str, NDArray[np.int64]], size: int, unit: _Plane
) -> tuple[_Plane, _Plane]:
    """Each pixel's place seen from the sprite: right and up, in units of its outer radius."""
    centers = (np.arange(size, dtype=np.float32) + 0.5) / size
    right = ((centers - POSITIONS[codes["x"]][:, None]) / unit[:, None])[:, None, :]
    down = ((centers - POSITIONS[codes["y"]][:, None]) / unit[:, None])[:, :, None]
    angle = ROTATIONS[codes["rotation"]][:, None, None]
    cos, sin = np.cos(angle), np.sin(angle)
    u, v = right * cos + down * sin, right * sin - down * cos
    return u.astype(np.float32, copy=False), v.astype(np.float32, copy=False)


def _square(u: _Plane, v: _Plane) -> _Plane:
    distance: _Plane = np.maximum(np.abs(u), np.abs(v)) - _HALF_SIDE
    return distance


def _ellipse(u: _Plane, v: _Plane) -> _Plane:
    """To first order: exact on the outline, which is where it decides."""
    a, b = _ELLIPSE
    level = np.hypot(u / a, v / b)
    slope = np.hypot(u / a**2, v / b**2)
    # At the very centre both are 0; the nearest outline is at the end of the short axis.
    reach = np.divide(level, slope, out=np.full_like(level, b), where=slope > 0)
    distance: _Plane = (level - 1) * reach
    return distance


def _heart(u: _Plane, v: _Plane) -> _Plane:
    """A square on its tip with two half discs: the exact distance (Quilez, "2D distances")."""
    x, y = np.abs(u) * _HEART_CENTRE, (v + 1) * _HEART_CENTRE
    lobe = np.hypot(x - 0.25, y - 0.75) - _HALF_SIDE / 2
    along = np.maximum(x + y, 0) / 2
    edge = np.minimum(np.hypot(x, y - 1), np.hypot(x - along, y - along))
    inside = np.where(x < y, -edge, edge)
    distance: _Plane = np.where(x + y > 1, lobe, inside) / _HEART_CENTRE
    return distance


_LEAST_SIZE = 16  # below it neighbouring rotations of the smallest square look alike
_SIZES = {
    "shape": len(SPRITES),
    "scale": len(SCALES),
    "rotation": len(ROTATIONS),
    "x": len(POSITIONS),
    "y": len(POSITIONS),
}


def shapes(n: int | None = None, *, size: int = 32, color: bool = False, seed: int = 0) -> Dataset:
    """Return one square, ellipse or heart on black, with independent factors that are known.

    The factors, in order, with the meaning of their codes:

    - ``shape`` (3): square, ellipse, heart; also the label.
    - ``scale`` (6): 0.5 to 1 of the largest sprite, whose corners are a quarter of the image's
      size from its centre.
    - ``rotation`` (8): 0 to 78.75 degrees in steps of 11.25, clockwise.
    - ``x``, ``y`` (16 each): the centre of mass, in steps of 1/32 of the size, to the right and
      down, symmetric about the centre of the image. No sprite is cut off.
    - ``color`` (6, only with ``color=True``): red, yellow, green, cyan, blue, magenta.

    Rotations stop short of 90 degrees, after which a square (and after 180 an ellipse) would
    look as before: so no two codes give the same image, unlike in dSprites. A square of the
    last rotation is nonetheless close to one of the first; in that shape the factor is a circle.

    Args:
        n: How many images with factors drawn uniformly and independently, with replacement;
            ``None`` gives each combination once, the last factor varying fastest: 36,864 images
            (38 MB), and 221,184 (680 MB) with colour.
        size: Height and width in pixels, at least 16.
        color: Add the factor ``color``; images then have three colour channels.
        seed: Decides the draws; the other factors are the same with and without colour.

    Returns:
        Images uint8 of shape (n, size, size), or (n, size, size, 3) with colour; labels, factors
        and factor_sizes as above.

    Raises:
        DataError: ``n`` or ``size`` too small.

    Source: Matthey, Higgins, Hassabis and Lerchner 2017, "dSprites: disentanglement testing
    Sprites dataset".

    Example:
        >>> data = shapes(5, seed=1)
        >>> data.images.shape, list(data.factors)
        ((5, 32, 32), ['shape', 'scale', 'rotation', 'x', 'y'])
    """
    seed = check_seed(seed)
    if n is not None and n < 1:
        raise DataError(f"n must be at least 1 or None; got {n}. None gives the full grid.")
    if size < _LEAST_SIZE:
        raise DataError(
            f"size must be at least {_LEAST_SIZE} pixels; got {size}. Smaller sprites cannot "
            "be told apart: choose a larger size."
        )
    sizes = _SIZES | ({"colour": len(HUES)} if color else {})
    codes = _grid(sizes) if n is None else _draw(sizes, n, seed)
    return Dataset(render(codes, size), codes["shape"], SPRITES, codes, sizes)


def _grid(sizes: dict[str, int]) -> dict[str, NDArray[np.int64]]:
    axes = np.indices(tuple(sizes.values()), dtype=np.int64).reshape(len(sizes), -1)
    return dict(zip(sizes, axes, strict=True))


def _draw(sizes: dict[str, int], n: int, seed: int) -> dict[str, NDArray[np.int64]]:
    generator = np.random.default_rng(seed)
    return {name: generator.integers(0, size, n) for name, size in sizes.items()}
