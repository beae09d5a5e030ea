"""The devices and processes of a training, as options or a launcher say."""

import atexit
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

import torch

from vaekit.errors import SpecError
from vaekit.training.config import PRECISIONS, TrainConfig

if TYPE_CHECKING:
    from lightning_fabric import Fabric
    from torch._C._distributed_c10d import TCPStore


def make_fabric(config: TrainConfig) -> "Fabric":
    """Fabric for these options, launched.

    Raises:
        SpecError: The device is not there.
    """
    from lightning_fabric import Fabric  # here: it takes a second, which a trained model never asks

    devices, nodes = _launched(config)
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
