"""Small sets of images for examples, tests and benchmarks."""

from vaekit.datasets.base import Dataset
from vaekit.datasets.digits import digits
from vaekit.datasets.fashion_mnist import fashion_mnist
from vaekit.datasets.shapes import shapes

__all__ = ["Dataset", "digits", "fashion_mnist", "shapes"]
