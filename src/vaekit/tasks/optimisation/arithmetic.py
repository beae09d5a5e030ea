"""Half precision, where the processor is faster by it."""

from contextlib import AbstractContextManager, nullcontext

import torch

__all__ = ["fast_arithmetic", "is_fast_in_halves"]


def is_fast_in_halves(device: torch.device) -> bool:
    """Whether this is a CPU with instructions for bfloat16: without, it would be slower by it."""
    tell = getattr(torch.cpu, "get_capabilities", None)
    if device.type != "cpu" or tell is None:  # older versions of PyTorch do not tell
        return False
    return bool(tell().get("avx512_bf16", False))


def fast_arithmetic(device: torch.device) -> AbstractContextManager[object]:
    """Networks that only draw may compute in bfloat16 within; elsewhere nothing changes.

    Example:
        >>> with fast_arithmetic(torch.device("cpu")):
        ...     torch.nn.Linear(2, 3)(torch.zeros(5, 2)).shape
        torch.Size([5, 3])
    """
    if not is_fast_in_halves(device):
        return nullcontext()
    return torch.autocast("cpu", torch.bfloat16)
