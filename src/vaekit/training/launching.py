"""The devices and processes of a training, as options or a launcher say."""

import atexit
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch

from vaekit.errors import SpecError
from vaekit.training.config import PRECISIONS, TrainConfig

if TYPE_CHECKING:
    from lightning_fabric import Fabric


def make_fabric(config: TrainConfig) -> "Fabric":
    """Fabric for these options, launched.

    Raises:
        SpecError: The device is not there.
    """
    from lightning_fabric import Fabric  # here: it takes a second, which a trained model never asks

    devices, nodes = _launched(config)
    several = devices * nodes > 1 and config.strategy == "auto"
    try:
        with _quiet():
            fabric = Fabric(
                accelerator=config.device,
                devices=devices,
                num_nodes=nodes,
                strategy="ddp" if several else config.strategy,
                precision=PRECISIONS[config.precision],  # type: ignore[arg-type]
            )
    except (RuntimeError, ValueError, ImportError) as error:  # of a package for the hardware
        raise SpecError(
            f"device={config.device!r}, devices={devices}, num_nodes={nodes}, "
            f"strategy={config.strategy!r} must name hardware of this machine; {error}"
        ) from error
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
