"""Encoder and decoder of a model as ONNX, for a page that runs them in the browser.

Until the export of whole models has all that is needed here.
"""

import copy
import io
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from vaekit.errors import CompositionError, MissingExtraError
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
    vae = copy.deepcopy(trained.vae).cpu().eval()
    told = (torch.zeros(_TRIED, vae.context_dim),) if vae.context_dim else ()
    names = ["context"] * len(told)
    z = torch.zeros(_TRIED, vae.latent_dim)
    decoder = _exported(_Decoder(vae), (z, *told), ["z", *names], "x")
    if decoder is None:
        raise CompositionError(
            f"a page needs a decoder that ONNX can hold; that of this model, "
            f"{type(vae.decoder).__name__} with {type(vae.likelihood).__name__}, is none. Look at "
            "it with the server: leave out --out."
        )
    x = torch.zeros(_TRIED, *trained.domain.event_shape)
    return PageModel(decoder, _exported(_Encoder(vae), (x, *told), ["x", *names], "z"))


class _Decoder(nn.Module):
    def __init__(self, vae: VAE) -> None:
        super().__init__()
        self.vae = vae

    def forward(self, z: Tensor, context: Tensor | None = None) -> Tensor:
        return self.vae.show(z, context)


class _Encoder(nn.Module):
    def __init__(self, vae: VAE) -> None:
        super().__init__()
        self.vae = vae

    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        return self.vae.encode(x, context)


def _exported(
    module: nn.Module, given: tuple[Tensor, ...], inputs: list[str], output: str
) -> bytes | None:
    """Return a module as ONNX with any number of items; ``None`` where it has no such form."""
    try:
        import onnx  # noqa: F401 - what the export of PyTorch imports by itself, and says nothing
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise MissingExtraError(
            "a page that needs no server runs the model as ONNX: pip install 'vaekit[onnx]'."
        ) from error
    batch = torch.export.Dim("batch", min=1)
    try:
        with _quiet():
            program: Any = torch.onnx.export(
                module.eval(),
                given,
                dynamo=True,
                input_names=inputs,
                output_names=[output],
                dynamic_shapes=tuple({0: batch} for _ in given),
                verbose=False,
            )
    except (RuntimeError, ValueError, TypeError, torch.onnx.errors.OnnxExporterError):
        return None
    content: bytes = program.model_proto.SerializeToString()
    return content


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep to itself what the export says while it works."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with (
            warnings.catch_warnings(),
            redirect_stdout(io.StringIO()),
            redirect_stderr(io.StringIO()),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
