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


def is_first_of_node() -> bool:
    """Return whether this is the only process of this machine, or the first of several."""
    return os.environ.get("LOCAL_RANK", "0") == "0"


def restarts() -> int:
    """Return how often the launcher has begun anew after a process was lost."""
    return int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0"))


def processes() -> int:
    """Return how many processes work together, as their launcher says."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def wait_for_group() -> None:
    """Wait until all processes of the group are here; alone, go on."""
    if _in_group():
        torch.distributed.barrier()
