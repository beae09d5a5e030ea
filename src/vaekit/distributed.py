"""Agreement between the processes of a group; alone, everything stays as it is."""

import os

import torch
from torch import Tensor


def mean_over_group(tensor: Tensor) -> Tensor:
    """Replace a tensor by its mean over the processes, in place."""
    if _in_group():
        torch.distributed.all_reduce(tensor)
        tensor /= torch.distributed.get_world_size()
    return tensor


def take_from_first(tensor: Tensor) -> Tensor:
    """Replace a tensor by the first process's, in place."""
    if _in_group():
        torch.distributed.broadcast(tensor, src=0)
    return tensor


def _in_group() -> bool:
    return torch.distributed.is_available() and torch.distributed.is_initialized()


def is_first_process() -> bool:
    """Return whether this is the only process or the first of several, as their launcher says."""
    return all(os.environ.get(name, "0") == "0" for name in ("RANK", "LOCAL_RANK", "NODE_RANK"))
