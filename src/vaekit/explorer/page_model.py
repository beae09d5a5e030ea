"""Encoder and decoder of a model as ONNX, for a page that runs them in the browser."""

import abc
from dataclasses import dataclass

import torch
from torch import Tensor

from vaekit.domains.graphs import Port
from vaekit.errors import CompositionError
from vaekit.exports.bundle import on_cpu
from vaekit.exports.onnx_graph import to_onnx, traced
from vaekit.exports.programs import Program
from vaekit.fitting.trained import TrainedModel
from vaekit.models.vae import VAE

_TRIED = 3  # items of the batch that is traced


@dataclass(frozen=True)
class PageModel:
    """What a page runs.

    Attributes:
        decoder: ONNX: ``z`` (batch, latent), and ``context`` for conditional models, to ``x``.
        encoder: ONNX: ``x`` (batch, *event), and ``context``, to ``z``; ``None`` where it has none.
    """

    decoder: bytes
    encoder: bytes | None


def page_model(trained: TrainedModel) -> PageModel:
    """Return the networks of a model as a page runs them.

    Args:
        trained: A model with latents.

    Raises:
        CompositionError: A decoder that cannot be written as ONNX.
        MissingExtraError: The extra ``onnx`` is not installed.
    """
    vae, shape = on_cpu(trained).vae, trained.domain.event_shape
    latents, items = (vae.latent_dim,), tuple(shape)
    try:
        decoder = _exported(_Decoder(vae, Port("z", "float32", latents), Port("x", "", items)))
    except CompositionError as error:
        raise CompositionError(
            f"a page needs a decoder that ONNX can hold; that of this model, "
            f"{type(vae.decoder).__name__} with {type(vae.likelihood).__name__}, is none: {error} "
            "Look at it with the server: leave out --out."
        ) from error
    try:
        encoder = _exported(_Encoder(vae, Port("x", "float32", items), Port("z", "", latents)))
    except CompositionError:
        encoder = None
    return PageModel(decoder, encoder)


class _Network(Program, abc.ABC):
    """One of the two, and rows of a context beside its input where the model takes one."""

    def __init__(self, vae: VAE, taken: Port, given: Port) -> None:
        super().__init__()
        self.vae = vae
        told = (Port("context", "float32", (vae.context_dim,)),) if vae.context_dim else ()
        self.inputs, self.outputs = (taken, *told), (given,)


class _Decoder(_Network):
    def run(self, *given: Tensor) -> tuple[Tensor, ...]:
        """Return what is shown of latents."""
        return (self.vae.show(*given),)


class _Encoder(_Network):
    def run(self, *given: Tensor) -> tuple[Tensor, ...]:
        """Return the posterior means of items."""
        return (self.vae.encode(*given),)


def _exported(network: _Network) -> bytes:
    examples = [torch.zeros(_TRIED, *port.shape) for port in network.inputs]
    return to_onnx(network, traced(network.eval(), examples), lambda port: port.name)
