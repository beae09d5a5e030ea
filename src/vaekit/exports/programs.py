"""What a model does, as functions of tensors alone: what an export writes, one by one."""

import abc
import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from vaekit.domains.context import Context
from vaekit.domains.graphs import ItemReader, ItemWriter, Port
from vaekit.errors import CompositionError
from vaekit.exports.tracing import GivenNoise, KnownOperations, noise_widths
from vaekit.fitting.trained import TrainedModel
from vaekit.models.vae import VAE
from vaekit.types import Batch

LATENTS, NORMAL, UNIFORM, CONTEXT = "latents", "normal_noise", "uniform_noise", "context"
DRAWS = 64
"""Importance samples of an item, as of `Autoencoder.score_samples`."""


class Program(nn.Module, abc.ABC):
    """A function of tensors, with an axis of items in front of each.

    Attributes:
        inputs: What it takes.
        outputs: What it gives.
    """

    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]

    def forward(self, *given: Tensor) -> tuple[Tensor, ...]:
        """Return the outputs."""
        with KnownOperations():
            return self.run(*given)

    @abc.abstractmethod
    def run(self, *given: Tensor) -> tuple[Tensor, ...]:
        """Return the outputs, by any operations."""

    @property
    def draws_at_random(self) -> bool:
        """Whether it takes random numbers."""
        return any(port.name in (NORMAL, UNIFORM) for port in self.inputs)


class ContextInput(nn.Module):
    """Reads a context as `Context.prepare` does; of labels that it does not know, zeros.

    Args:
        context: What was learned of it.
    """

    def __init__(self, context: Context) -> None:
        super().__init__()
        self.kind, self.inputs = _context_ports(context)
        self.sizes = [len(port.labels) for port in self.inputs]
        numbers = [float(label) for label in context.classes or ()] if self.kind == "class" else []
        self.register_buffer("known", torch.tensor(numbers, dtype=torch.float64))
        for name, part in (("mean", context.mean), ("scale", context.scale)):
            self.register_buffer(name, torch.tensor(part or [0.0], dtype=torch.float64))

    def forward(self, *given: Tensor) -> Tensor:
        """Return rows."""
        if self.kind == "rows":
            return given[0].float()
        if self.kind == "properties":
            mean, scale = self.get_buffer("mean"), self.get_buffer("scale")
            return ((given[0].double() - mean) / scale).float()
        if self.kind == "class":
            return (given[0].unsqueeze(-1) == self.get_buffer("known")).float()
        places = [torch.arange(1, size + 1) for size in self.sizes]
        hot = [code.unsqueeze(-1) == place for code, place in zip(given, places, strict=True)]
        return torch.cat(hot, 1).float()


def _context_ports(context: Context) -> tuple[str, tuple[Port, ...]]:
    if context.captions is not None:
        return "rows", (Port(CONTEXT, "float32", (context.dim,)),)
    if context.columns is not None:
        ports = [
            Port(f"{CONTEXT}:{name}", "str", labels=tuple(labels))
            for name, labels in context.columns
        ]
        return "labels", tuple(ports)
    if context.classes is None:
        return "properties", (Port(CONTEXT, "float64", (context.dim,)),)
    if all(isinstance(label, str) for label in context.classes):
        labels = tuple(str(label) for label in context.classes)
        return "labels", (Port(CONTEXT, "str", labels=labels),)
    return "class", (Port(CONTEXT, "float64"),)


class Parts:
    """What programs of one model are made of.

    Args:
        trained: The model, on the CPU and in evaluation.

    Raises:
        CompositionError: Items that no tensors can read.
    """

    def __init__(self, trained: TrainedModel) -> None:
        self.trained = trained
        self.reader: ItemReader = trained.domain.graph_reader()
        self.writer: ItemWriter = trained.domain.graph_writer()
        self.context = None if trained.context is None else ContextInput(trained.context)

    @property
    def context_ports(self) -> tuple[Port, ...]:
        """Inputs of the context; empty without one."""
        return () if self.context is None else self.context.inputs


def _latents(vae: VAE) -> Port:
    return Port(LATENTS, "float32", (vae.latent_dim,))


class _OfItems(Program, abc.ABC):
    """Reads items, and their context."""

    def __init__(self, parts: Parts) -> None:
        super().__init__()
        self.reader, self.context = parts.reader, parts.context
        self.inputs = (*parts.reader.inputs, *parts.context_ports)
        self.vae = parts.trained.vae

    def batch(self, given: Sequence[Tensor]) -> Batch:
        """Return items as the networks see them."""
        count = len(self.reader.inputs)
        x, observed = self.reader(*given[:count])
        if self.context is None:
            return Batch(x, None, observed)
        others = len(self.context.inputs)
        return Batch(x, self.context(*given[count : count + others]), observed)


class Encode(_OfItems):
    """Posterior means of items, as `Autoencoder.transform`."""

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        self.outputs = (_latents(self.vae),)

    def run(self, *given: Tensor) -> tuple[Tensor, ...]:
        """Return latents."""
        batch = self.batch(given)
        return (self.vae.encode(batch.x, batch.context).float(),)


class Reconstruct(_OfItems):
    """What a model keeps of items, as `Autoencoder.reconstruct`."""

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        self.writer = parts.writer
        self.outputs = parts.writer.outputs

    def run(self, *given: Tensor) -> tuple[Tensor, ...]:
        """Return items."""
        batch = self.batch(given)
        z = self.vae.encode(batch.x, batch.context)
        found: tuple[Tensor, ...] = self.writer(self.vae.show(z, batch.context))
        return found


class Predict(_OfItems):
    """What a model tells of items beside giving them back: properties of molecules."""

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        self.domain = parts.trained.domain
        self.outputs = self.domain.prediction_ports
        if not self.outputs:
            raise CompositionError("it was taught nothing to predict.")

    def run(self, *given: Tensor) -> tuple[Tensor, ...]:
        """Return numbers."""
        batch = self.batch(given)
        z = self.vae.encode(batch.x, batch.context)
        return self.domain.graph_predictions(self.vae.decode(z, batch.context))


class Score(_OfItems):
    """A lower bound of log p(x), nats, as `Autoencoder.score_samples`, of given random numbers."""

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        vae, domain = self.vae, parts.trained.domain
        missing = {"density", "normalised"} - vae.provides
        if missing:
            raise CompositionError("it has no density.")
        cells = torch.zeros(1, *domain.event_shape, dtype=torch.bool)
        charges = domain.unknown_cost(cells) is not None
        self.unknown = _UnknownCost(parts.trained) if charges else None
        rows = None if parts.context is None else parts.trained.context

        def draw(count: int) -> None:
            x = torch.zeros(count, *domain.event_shape)
            context = None if rows is None else torch.zeros(count, rows.dim)
            self._bound(Batch(x, context, torch.ones(x.shape, dtype=torch.bool)), DRAWS)

        self.widths = noise_widths(draw)
        self.inputs = (*self.inputs, *_noise_ports(self.widths))
        self.outputs = (Port("log_prob", "float32"),)

    def _bound(self, batch: Batch, draws: int) -> Tensor:
        found = self.vae.evidence(batch, draws).log_w
        return torch.logsumexp(found, dim=0) - math.log(draws)

    def run(self, *given: Tensor) -> tuple[Tensor, ...]:
        """Return nats."""
        batch = self.batch(given)
        normal, uniform = _split_noise(given, self.widths)
        with GivenNoise(batch.x.shape[0], normal, uniform):
            found = self._bound(batch, DRAWS)
        return (found if self.unknown is None else found - self.unknown(batch.observed),)


class _UnknownCost(nn.Module):
    """`Domain.unknown_cost`, which is the same for each unknown cell."""

    def __init__(self, trained: TrainedModel) -> None:
        super().__init__()
        self.domain = trained.domain

    def forward(self, observed: Tensor) -> Tensor:
        """Return nats."""
        cost = self.domain.unknown_cost(observed)
        return observed.new_zeros(len(observed), dtype=torch.float32) if cost is None else cost


class Decode(Program):
    """Items of latents, as `Autoencoder.inverse_transform`."""

    def __init__(self, parts: Parts) -> None:
        super().__init__()
        self.vae, self.context, self.writer = parts.trained.vae, parts.context, parts.writer
        self.inputs = (_latents(self.vae), *parts.context_ports)
        self.outputs = parts.writer.outputs

    def run(self, *given: Tensor) -> tuple[Tensor, ...]:
        """Return items."""
        context = None if self.context is None else self.context(*given[1:])
        found: tuple[Tensor, ...] = self.writer(self.vae.show(given[0], context))
        return found


class Sample(Program):
    """New items, as `Autoencoder.sample`, of given random numbers."""

    def __init__(self, parts: Parts) -> None:
        super().__init__()
        trained = parts.trained
        self.model, self.context, self.writer = trained.model, parts.context, parts.writer
        dim = 0 if trained.context is None else trained.context.dim
        self.is_fitted = isinstance(self.model, VAE) and self.model.fitted_prior is not None

        def draw(count: int) -> None:
            self._drawn(count, torch.zeros(count, dim) if dim else None)

        self.widths = noise_widths(draw)
        self.inputs = (*parts.context_ports, *_noise_ports(self.widths))
        self.outputs = parts.writer.outputs
        if not any(self.widths):
            raise CompositionError("it draws nothing at random.")

    def _drawn(self, count: Any, context: Tensor | None) -> Tensor:
        model = self.model
        if not isinstance(model, VAE):
            return model.sample(count, context)
        z = model.generate(count, context, fitted=self.is_fitted)
        return model.make(z, context)

    def run(self, *given: Tensor) -> tuple[Tensor, ...]:
        """Return items."""
        context = None if self.context is None else self.context(*given[: len(self.context.inputs)])
        normal, uniform = _split_noise(given, self.widths)
        count = given[0].shape[0]
        with GivenNoise(count, normal, uniform):
            x = self._drawn(count, context)
        found: tuple[Tensor, ...] = self.writer(x)
        return found


def _noise_ports(widths: tuple[int, int]) -> tuple[Port, ...]:
    names = zip((NORMAL, UNIFORM), widths, strict=True)
    return tuple(Port(name, "float32", (width,)) for name, width in names if width)


def _split_noise(
    given: Sequence[Tensor], widths: tuple[int, int]
) -> tuple[Tensor | None, Tensor | None]:
    """Return the random numbers, which come last."""
    found = list(given[len(given) - sum(width > 0 for width in widths) :])
    normal = found.pop(0) if widths[0] else None
    return normal, found.pop(0) if widths[1] else None


PROGRAMS: dict[str, type[Any]] = {
    "encode": Encode,
    "decode": Decode,
    "reconstruct": Reconstruct,
    "predict": Predict,
    "sample": Sample,
    "score": Score,
}
"""Programs of any model by name."""
