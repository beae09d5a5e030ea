import numpy as np
from sklearn.datasets import load_digits

from vaekit.datasets import digits


def test_pixels_are_scikit_learns_on_a_scale_to_255():
    data, original = digits(), load_digits()
    assert data.images.dtype == np.uint8
    assert data.images.max() == 255
    np.testing.assert_allclose(data.images / 255 * 16, original.images, atol=16 / 255 / 2 + 1e-9)


def test_labels_are_the_digits():
    data = digits()
    np.testing.assert_array_equal(data.labels, load_digits().target)
    assert [int(name) for name in data.label_names] == list(range(10))
