"""Features: what items are compared by, instead of their values."""

import copy
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float, Shaped
from threadpoolctl import threadpool_limits
from torch import Tensor, nn

from vaekit.errors import DataError, unknown_name

__all__ = ["FeatureMap", "Features", "module_features", "raw_features", "reduced_features"]

FeatureMap = Callable[[Tensor], Tensor]
"""A batch of items (batch, *event) -> their features (batch, features)."""


@dataclass(frozen=True)
class Features:
    """A feature map with a name, computed in batches and without gradients.

    Attributes:
        name: What results are called by.
        of: The feature map; outputs with more axes are flattened.
        accuracy: Of the classifier that they come from, on items held out; ``None`` otherwise.
        batch_size: Items at once.
        device: Where the map computes; items are moved there, features to the CPU.

    Example:
        >>> Features("halves", lambda x: x / 2)(torch.ones(3, 2)).shape
        torch.Size([3, 2])
    """

    name: str
    of: FeatureMap
    accuracy: float | None = None
    batch_size: int = 256
    device: torch.device | str = "cpu"

    @torch.no_grad()
    def __call__(self, items: Shaped[Tensor, "items *event"]) -> Float[Tensor, "items features"]:
        """Compute the features of items.

        Raises:
            DataError: The map does not return one row per item.
        """
        return torch.cat([self._of(batch) for batch in items.split(self.batch_size)])

    def _of(self, batch: Tensor) -> Tensor:
        rows = self.of(batch.to(self.device))
        if rows.ndim < 2 or len(rows) != len(batch):
            raise DataError(
                f"features {self.name!r} must map {len(batch)} items to as many rows; got shape "
                f"{tuple(rows.shape)}. Return (batch, features)."
            )
        return rows.flatten(1).float().cpu()


def module_features(
    module: nn.Module, layer: str | None = None, *, name: str = "module", batch_size: int = 256
) -> Features:
    """Features of a network of your own, for instance of a classifier of the same kind of items.

    It is copied and put in evaluation mode; the original is left as it is.

    Args:
        module: Maps items to features.
        layer: The name of a part of it whose output to take instead, as in ``named_modules``.
        name: What results are called by.
        batch_size: Items at once.

    Raises:
        SpecError: No part of that name.

    Example:
        >>> network = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
        >>> module_features(network, layer="1")(torch.zeros(5, 4)).shape
        torch.Size([5, 3])
    """
    frozen = copy.deepcopy(module).eval()
    run = frozen if layer is None else _tapped(frozen, layer)
    device = next(frozen.parameters(), torch.empty(0)).device
    return Features(name, run, batch_size=batch_size, device=device)


def _tapped(module: nn.Module, layer: str) -> FeatureMap:
    """The output of a part of a network, caught as it passes."""
    parts = dict(module.named_modules())
    if layer not in parts:
        raise unknown_name("layer", layer, parts)
    caught: dict[str, Tensor] = {}
    parts[layer].register_forward_hook(lambda _part, _inputs, out: caught.update(out=out))

    def run(x: Tensor) -> Tensor:
        module(x)
        return caught.pop("out")

    return run


def raw_features(items: Shaped[Tensor, "items *event"], dims: int = 64) -> Features:
    """The values themselves, flattened, as at most 64 principal components.

    For tables, whose columns should have one scale, and for images without labels, on which they
    see overall brightness and shape but hardly any detail. Never compare them with figures on
    other features.

    Args:
        items: Real items; the components are fitted to them.
        dims: Components; fewer where items or values are fewer.

    Raises:
        DataError: Values that are not finite.

    Example:
        >>> items = torch.randn(100, 3, 4, generator=torch.Generator().manual_seed(0))
        >>> raw_features(items).name
        'raw values, 12 principal components'
    """
    return reduced_features(Features("raw values", lambda x: x.flatten(1).float()), items, dims)


def reduced_features(
    features: Features, items: Shaped[Tensor, "items *event"], dims: int = 64
) -> Features:
    """The principal components of other features, for when items are few.

    Args:
        features: What to reduce.
        items: Real items; the components are fitted to them.
        dims: Components; fewer where items or features are fewer.

    Raises:
        DataError: Features that are not finite.
    """
    import sklearn.decomposition  # costs half a second and is needed here only

    rows = features(items)
    if not rows.isfinite().all():
        raise DataError(f"features {features.name!r} must be finite; got NaN or infinity.")
    count = min(dims, *rows.shape)
    with threadpool_limits(1):
        fit = sklearn.decomposition.PCA(count, random_state=0).fit(rows.numpy())
    mean, components = torch.as_tensor(fit.mean_), torch.as_tensor(fit.components_)
    return Features(
        f"{features.name}, {count} principal components",
        lambda x: (features(x) - mean) @ components.T,
        features.accuracy,
        features.batch_size,
    )
