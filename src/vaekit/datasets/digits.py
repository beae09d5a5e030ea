"""Handwritten digits of 8x8 pixels, which come with scikit-learn."""

import numpy as np

from vaekit.datasets.base import Dataset

__all__ = ["digits"]

_DARKEST = 16  # scikit-learn counts the inked pixels of each 4x4 block


def digits() -> Dataset:
    """The 1,797 digits of scikit-learn; nothing is downloaded.

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
