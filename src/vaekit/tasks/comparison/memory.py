"""How much memory sampling takes."""

import weakref
from typing import Any

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter
from torch.utils.weak import WeakIdKeyDictionary

from vaekit.models import Model
from vaekit.randomness import make_generator

__all__ = ["sampling_megabytes"]


def sampling_megabytes(model: Model, n: int) -> float:
    """Megabytes of the tensors that live at once while n items are sampled, and of the weights.

    Counted tensor by tensor, so that neither the allocator nor other programs change it; the
    scratch space that a single operation needs within itself is not seen.

    Args:
        model: A trained model.
        n: Items sampled at once.

    Example:
        >>> from vaekit import networks
        >>> from vaekit.models import Diffusion
        >>> model = Diffusion(networks.DenoisingMLP((4,), (8,)), (4,), steps=2)
        >>> 0 < sampling_megabytes(model, 10) < 0.1
        True
    """
    living = _Living()
    for weights in model.state_dict().values():
        living.count(weights)
    with living:
        model.sample(n, generator=make_generator(0))
    return living.peak / 1e6


class _Living(TorchDispatchMode):
    """Sees every tensor made under it, and when its storage goes."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.now = self.peak = 0
        self._known: WeakIdKeyDictionary = WeakIdKeyDictionary()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        for value in tree_iter(made):
            if isinstance(value, Tensor):
                self.count(value)
        return made

    def count(self, tensor: Tensor) -> None:
        """Add a tensor, unless its storage is counted already."""
        storage = tensor.untyped_storage()
        if storage in self._known:  # a view of what is known
            return
        self._known[storage] = True
        self.now += storage.nbytes()
        self.peak = max(self.peak, self.now)
        weakref.finalize(storage, self._gone, storage.nbytes())

    def _gone(self, nbytes: int) -> None:
        self.now -= nbytes
