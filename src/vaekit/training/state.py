"""The state of a training: what a checkpoint holds, and nothing else."""

import copy
import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vaekit.errors import TrainingError
from vaekit.spec import describe
from vaekit.training.checkpoint import (
    FILE_NAME,
    flatten_optimiser,
    read_checkpoint,
    restore_optimiser,
    write_checkpoint,
)
from vaekit.training.config import TrainConfig
from vaekit.training.data import Items
from vaekit.training.machinery import Machinery

__all__ = ["State"]


class State:
    """Where a training stands.

    Attributes:
        step: Optimiser steps done.
        epoch: Epochs done.
        position: Batches of the current epoch done.
        history: One row per epoch done.
        best_epoch: Epoch of the best weights so far.
    """

    def __init__(
        self, machinery: Machinery, items: Items, folder: Path | None, config: TrainConfig
    ) -> None:
        self.machinery, self.items, self.folder, self.config = machinery, items, folder, config
        self.step = self.epoch = self.position = self.best_epoch = 0
        self.history: list[dict[str, float]] = []
        self.seconds = 0.0
        self._totals: dict[str, float] = {}
        self._best: dict[str, Tensor] = {}
        self._best_loss = math.inf
        self._since = self._saved = time.monotonic()
        self._saved_step: int | None = None

    def start_clock(self) -> None:
        """Count time from now."""
        self._since = self._saved = time.monotonic()

    def elapsed(self) -> float:
        """Seconds trained, over all resumed runs."""
        return self.seconds + time.monotonic() - self._since

    def advance(self, values: Mapping[str, float]) -> None:
        """Count a step and add its terms to the means of the epoch."""
        self.step += 1
        self.position += 1
        for name, value in values.items():
            self._totals[name] = self._totals.get(name, 0.0) + value

    def means(self) -> dict[str, float]:
        """The terms, averaged over the batches of this epoch."""
        return {name: total / max(1, self.position) for name, total in self._totals.items()}

    def end_epoch(self, row: dict[str, float], *, settled: bool = True) -> None:
        """Keep the row, and the weights if they are the best so far.

        Args:
            row: The means of the epoch.
            settled: Whether its loss counts; until one does, the latest weights are the best.
        """
        self.history.append(row)
        self.epoch += 1
        self.position, self._totals = 0, {}
        loss = row.get("validation_loss", -math.inf) if settled else math.inf
        if loss <= self._best_loss or not self._best:
            self._best_loss, self.best_epoch = loss, self.epoch
            self._best = copy.deepcopy(self.machinery.current.state_dict())
        if self.is_due():
            self.save()

    def finish(self) -> None:
        """Put the best weights into the model and write the last checkpoint."""
        if self.folder is not None and self._saved_step != self.step:
            self.save()
        self.machinery.model.load_state_dict(self._best or self.machinery.current.state_dict())
        self.seconds = self.elapsed()
        self._since = time.monotonic()

    def is_due(self) -> bool:
        """Whether it is time for a checkpoint."""
        return (
            self.folder is not None
            and time.monotonic() - self._saved >= self.config.checkpoint_seconds
        )

    def save(self) -> None:
        """Write a checkpoint (by the first process only)."""
        self._saved, self._saved_step = time.monotonic(), self.step
        if self.folder is not None and self.machinery.fabric.is_global_zero:
            write_checkpoint(self.folder, self._tensors(), self._place())

    def last_good(self) -> str:
        """Where the last checkpoint is, in a sentence for an error."""
        if self.folder is None or self._saved_step is None:
            return "No checkpoint was kept."
        return f"The checkpoint of step {self._saved_step} is kept in {self.folder / FILE_NAME}."

    def _tensors(self) -> dict[str, Mapping[str, Tensor]]:
        machinery = self.machinery
        parts: dict[str, Mapping[str, Tensor]] = {
            "model": machinery.model.state_dict(),
            "objective": machinery.objective.state_dict(),
            "best": self._best,
            "random": _random_state(),
        }
        for name, optimiser in machinery.optimisers.items():
            parts[f"optimiser:{name}"] = flatten_optimiser(optimiser)
        if machinery.averaged is not None:
            parts["averaged"] = machinery.averaged.state_dict()
        return parts

    def _place(self) -> dict[str, Any]:
        return {
            "step": self.step,
            "epoch": self.epoch,
            "position": self.position,
            "history": self.history,
            "totals": self._totals,
            "best_epoch": self.best_epoch,
            "best_loss": self._best_loss if math.isfinite(self._best_loss) else None,
            "seconds": self.elapsed(),
            "identity": self._identity(),
        }

    def _identity(self) -> dict[str, Any]:
        """What a resumed run must share with the one it goes on with."""
        return {
            "model": describe(self.machinery.model),
            "objective": describe(self.machinery.objective),
            "options": self.config.schedule_identity(),
            "data": self.items.fingerprint(),
        }

    def resume(self) -> None:
        """Go on from the checkpoint in the folder; without one, start from the beginning.

        Raises:
            TrainingError: No folder, or the checkpoint is of another training.
        """
        if self.folder is None:
            raise TrainingError("resume=True needs the folder that holds the checkpoint.")
        found = read_checkpoint(self.folder)
        if found is None:
            return
        tensors, place = found
        self._check_identity(place["identity"])
        self._restore(tensors)
        self.step, self.epoch, self.position = place["step"], place["epoch"], place["position"]
        self.history, self._totals = place["history"], place["totals"]
        self.best_epoch, self.seconds = place["best_epoch"], place["seconds"]
        self._best_loss = math.inf if place["best_loss"] is None else place["best_loss"]
        self._saved_step = self.step

    def discard(self) -> None:
        """Remove a checkpoint of an earlier training, which this one starts afresh."""
        if self.folder is not None:
            (self.folder / FILE_NAME).unlink(missing_ok=True)

    def _check_identity(self, stored: Mapping[str, Any]) -> None:
        for name, value in self._identity().items():
            if stored.get(name) != value:
                raise TrainingError(
                    f"the checkpoint in {self.folder} belongs to another training: its {name} "
                    f"must be {stored.get(name)!r}; got {value!r}. Use the same {name}, or "
                    "another folder."
                )

    def _restore(self, tensors: dict[str, dict[str, Tensor]]) -> None:
        machinery = self.machinery
        machinery.model.load_state_dict(tensors["model"])
        machinery.objective.load_state_dict(tensors.get("objective", {}))
        self._best = tensors.get("best", {})
        for name, optimiser in machinery.optimisers.items():
            restore_optimiser(optimiser, tensors.get(f"optimiser:{name}", {}))
        if machinery.averaged is not None:
            machinery.averaged.load_state_dict(tensors["averaged"])
        _set_random_state(tensors["random"])


def _random_state() -> dict[str, Tensor]:
    state = {"cpu": torch.get_rng_state()}
    if torch.cuda.is_available():
        state["cuda"] = torch.cuda.get_rng_state()
    return state


def _set_random_state(state: Mapping[str, Tensor]) -> None:
    torch.set_rng_state(state["cpu"])
    if "cuda" in state and torch.cuda.is_available():
        torch.cuda.set_rng_state(state["cuda"])
