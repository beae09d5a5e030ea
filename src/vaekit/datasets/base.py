"""What every data set of this package is: images, labels and the names of the labels."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vaekit.errors import DataError

__all__ = ["Dataset"]


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
        """How many images there are."""
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
