"""Small sets of images and tables for examples, tests and benchmarks."""

from vaekit.datasets.base import Dataset
from vaekit.datasets.digits import digits
from vaekit.datasets.fashion_mnist import fashion_mnist
from vaekit.datasets.shapes import shapes
from vaekit.datasets.tables import breast_cancer, diabetes, penguins, wine

__all__ = [
    "Dataset",
    "breast_cancer",
    "diabetes",
    "digits",
    "fashion_mnist",
    "penguins",
    "shapes",
    "wine",
]
