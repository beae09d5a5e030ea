from .images import (
    Dataset as Dataset,
    digits as digits,
    fashion_mnist as fashion_mnist,
    shapes as shapes,
)
from .tables import (
    breast_cancer as breast_cancer,
    diabetes as diabetes,
    penguins as penguins,
    wine as wine,
)
