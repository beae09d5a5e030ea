"""Models whose weights are spread over processes, as each card holds a part of them."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

if TYPE_CHECKING:
    from torch.distributed.tensor import DTensor

SMALLEST_SHARD = 2**14
"""Numbers that a layer must have to be spread; below, a message costs more than it saves."""


def shard(model: nn.Module, device: torch.device, smallest: int = SMALLEST_SHARD) -> list[str]:
    """Spread the weights of large layers over the processes, each of which keeps a part.

    Each layer gathers its weights when it is called and lets them go afterwards, and again when
    gradients come back; the gradients are summed into the parts. So a process needs memory for its
    part of weights, gradients and moments, and for one whole layer. That holds for fully connected
    and convolutional layers, of which nobody but themselves reads the weights; what else there
    is, a likelihood's scale, embeddings, recurrent layers, is small or read by others, and stays
    whole in each process.

    Args:
        model: Changed in place.
        device: Where the processes compute; parts are moved there.
        smallest: Numbers in a layer from which on it is spread.

    Returns:
        Names of the layers that are.

    Source: Zhao et al. 2023, "PyTorch FSDP", https://arxiv.org/abs/2304.11277; Rajbhandari et al.
    2020, "ZeRO", stage 3.
    """
    # Here and below: PyTorch brings its compiler along, which a trained model never asks for.
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import FSDPModule, fully_shard, share_comm_ctx

    shared = _in_several(model)
    layers = {
        name: layer
        for name, layer in model.named_modules()
        if _is_spread(layer, smallest) and not any(id(p) in shared for p in layer.parameters())
    }
    mesh = init_device_mesh(device.type, (torch.distributed.get_world_size(),))
    spread: list[FSDPModule] = []
    for layer in layers.values():
        part = fully_shard(layer, mesh=mesh)
        part.set_gradient_divide_factor(1.0)  # each process has weighted its loss by its share
        part.set_force_sum_reduction_for_comms(True)  # gloo knows no other
        spread.append(part)
    share_comm_ctx(spread)
    return list(layers)


def _is_spread(layer: nn.Module, smallest: int) -> bool:
    """Attention reads the weights of its last layer itself, so a subclass does not count."""
    known = type(layer) is nn.Linear or (isinstance(layer, _ConvNd) and _is_of_torch(layer))
    return known and sum(p.numel() for p in layer.parameters()) >= smallest


def _is_of_torch(layer: nn.Module) -> bool:
    return type(layer).__module__.startswith("torch.nn.modules.")


def _in_several(model: nn.Module) -> set[int]:
    """Return which parameters several modules have: each of them would gather it for itself."""
    modules = dict.fromkeys(model.modules())
    counts = Counter(id(p) for module in modules for p in module._parameters.values())
    return {parameter for parameter, count in counts.items() if count > 1}


def is_part(tensor: Tensor) -> bool:
    """Return whether this process holds only a part of it."""
    return hasattr(tensor, "to_local")  # as DTensor has


def local(tensor: Tensor) -> Tensor:
    """Return what of it this process holds, in the same memory."""
    return cast("DTensor", tensor).to_local() if is_part(tensor) else tensor


def whole(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Gather tensors, in the memory of the computer; all processes must take part."""
    return {
        name: cast("DTensor", tensor).full_tensor().cpu() if is_part(tensor) else tensor
        for name, tensor in tensors.items()
    }


def parts_like(tensors: Mapping[str, Tensor], examples: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return this process's parts of whole tensors, of those whose examples are parts."""
    return {name: part_like(tensor, examples[name]) for name, tensor in tensors.items()}


def part_like(tensor: Tensor, example: Tensor) -> Tensor:
    """Return this process's part of a whole tensor, if the example is a part."""
    if not is_part(example):
        return tensor
    from torch.distributed.tensor import distribute_tensor

    there, place = tensor.to(example.device), cast("DTensor", example)
    return distribute_tensor(there, place.device_mesh, place.placements, src_data_rank=None)


def clip_gradients(parameters: Iterable[Tensor], most: float) -> None:
    """Scale gradients so that their norm, over all processes, is at most this."""
    gradients = [p.grad for p in parameters if p.grad is not None]
    squares = torch.zeros((), device=gradients[0].device)
    for gradient in gradients:
        if is_part(gradient):
            squares += local(gradient).square().sum()
    torch.distributed.all_reduce(squares)
    for gradient in gradients:
        if not is_part(gradient):
            squares += gradient.square().sum()
    scale = (most / (squares.sqrt() + 1e-6)).clamp(max=1.0)
    for gradient in gradients:
        local(gradient).mul_(scale)
