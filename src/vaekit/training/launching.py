"""The devices and processes of a training, and the weights that are spread over them."""

import atexit
import logging
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import timedelta
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, TypeVar, cast

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from vaekit.errors import SpecError
from vaekit.training.config import PRECISIONS, TrainConfig

if TYPE_CHECKING:
    from lightning_fabric import Fabric
    from torch._C._distributed_c10d import TCPStore
    from torch.distributed.tensor import DTensor


_M = TypeVar("_M", bound=nn.Module)
_T = TypeVar("_T")


class SingleProcess:
    """What a training asks of Fabric, in one process on the CPU: there is nobody to talk to.

    Fabric takes two seconds to import, PyTorch's compiler along with it, which is longer than a
    small table is trained.

    Attributes:
        device: The CPU.
        world_size: One.
        global_rank: Zero.
        is_global_zero: Always.
    """

    device = torch.device("cpu")
    world_size = 1
    global_rank = 0
    is_global_zero = True

    def __init__(self, precision: str) -> None:
        self._precision = precision

    def autocast(self) -> AbstractContextManager[Any]:
        """Return a context that computes in the precision."""
        if self._precision == "bf16":
            return torch.autocast("cpu", torch.bfloat16)
        return nullcontext()

    def to_device(self, module: _M) -> _M:
        """Return a module on the CPU."""
        return module.to(self.device)

    def broadcast(self, value: _T) -> _T:
        """Return what the only process has."""
        return value

    def all_reduce(self, value: _T, *, reduce_op: str) -> _T:
        """Return what the only process has."""
        del reduce_op
        return value


def make_fabric(config: TrainConfig) -> "Fabric | SingleProcess":
    """Return Fabric for these options, launched, or what stands in for it on one CPU.

    Raises:
        SpecError: The device is not there.
    """
    devices, nodes = _launched(config)
    if devices * nodes == 1 and _is_plain(config):
        return SingleProcess(config.precision)
    from lightning_fabric import Fabric

    # Fabric's strategy starts the processes; how weights are spread is ours (see `shard`).
    strategy = "ddp" if devices * nodes > 1 or config.strategy == "fsdp" else config.strategy
    try:
        with _quiet():
            fabric = Fabric(
                accelerator=config.device,
                devices=devices,
                num_nodes=nodes,
                strategy=strategy,
                precision=PRECISIONS[config.precision],  # type: ignore[arg-type]
            )
    except (RuntimeError, ValueError, ImportError) as error:  # of a package for the hardware
        raise SpecError(
            f"device={config.device!r}, devices={devices}, num_nodes={nodes}, "
            f"strategy={config.strategy!r} must name hardware of this machine; {error}"
        ) from error
    if devices * nodes > 1 and os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True":
        _meet(fabric.device)
    fabric.launch()
    if fabric.world_size > 1:
        atexit.register(_leave_group)
    return fabric


def device_of_process(config: TrainConfig) -> torch.device:
    """Return the device that this process trains on, without launching any.

    It serves what learns before the training, in each process alike. The CPU stands in for
    hardware that Fabric alone can name.

    Example:
        >>> device_of_process(TrainConfig(device="cpu"))
        device(type='cpu')
    """
    found = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    if found is None or config.device not in (*_OWN_DEVICES, found.type):
        return torch.device("cpu")
    if found.type != "cuda":
        return found
    return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))


_OWN_DEVICES = ("auto", "gpu")


def _is_plain(config: TrainConfig) -> bool:
    """Return whether one process on the CPU, with no loss to scale, is all that is asked for."""
    has_other = torch.accelerator.is_available() or find_spec("torch_xla") is not None
    on_cpu = config.device == "cpu" or (config.device == "auto" and not has_other)
    alone = config.strategy == "auto" and not torch.distributed.is_torchelastic_launched()
    return on_cpu and alone and config.precision != "fp16"


def _launched(config: TrainConfig) -> tuple[int, int]:
    """Return devices of a machine, and machines: as torchrun says where it launched this process.

    Raises:
        SpecError: Other numbers were asked for.
    """
    if not torch.distributed.is_torchelastic_launched():
        return config.devices, config.num_nodes
    local, world = int(os.environ["LOCAL_WORLD_SIZE"]), int(os.environ["WORLD_SIZE"])
    found = local, world // local
    asked = config.devices, config.num_nodes
    if any(a not in (1, b) for a, b in zip(asked, found, strict=True)):
        raise SpecError(
            f"devices and num_nodes must be those of the launcher, {found[0]} and {found[1]}; got "
            f"{asked[0]} and {asked[1]}. Leave them out."
        )
    return found


_PORT = "vaekit/port"
_PATIENCE = timedelta(seconds=2)
"""How long a process that may be gone is called, before its successor is looked for."""


def _meet(device: torch.device) -> None:
    """Form the group, by a store of addresses that the first process opens.

    The launcher's store outlives its processes: when it begins anew after a loss, it still has
    the addresses of those that are gone, and who is quick would call them.
    """
    from torch._C._distributed_c10d import TCPStore

    rank, world = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    host, port = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
    known = TCPStore(host, port, is_master=False)
    if rank == 0:
        store = TCPStore(host, 0, is_master=True, wait_for_workers=False)
        known.set(_PORT, str(store.port))
    else:
        store = _store_of_first(known, host)
    store.set_timeout(torch.distributed.default_pg_timeout)
    torch.distributed.init_process_group(
        "nccl" if device.type == "cuda" else "gloo", store=store, rank=rank, world_size=world
    )


def _store_of_first(known: "TCPStore", host: str) -> "TCPStore":
    from torch._C._distributed_c10d import TCPStore

    known.wait([_PORT])
    while True:  # the launcher ends a process whose first one never comes
        try:
            return TCPStore(host, int(known.get(_PORT)), is_master=False, timeout=_PATIENCE)
        except torch.distributed.DistNetworkError:
            continue


def _leave_group() -> None:
    """End the group in order; left to the interpreter's end, gloo's threads may abort it."""
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


@contextmanager
def _quiet() -> Iterator[None]:
    """Fabric announces what the caller has just asked for."""
    logger = logging.getLogger("lightning_fabric")
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)


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
