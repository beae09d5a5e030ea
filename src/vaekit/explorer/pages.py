"""Pages to explore: their modules and HTML, and the one file that opens without a server."""

import abc
import base64
import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import torch
from markupsafe import Markup
from torch import Tensor

from vaekit.domains.graphs import Port
from vaekit.errors import CompositionError
from vaekit.explorer.session import Cloud, Session, pack, some_items
from vaekit.exports.bundle import on_cpu
from vaekit.exports.onnx_graph import to_onnx, traced
from vaekit.exports.programs import Program
from vaekit.fitting.trained import TrainedModel
from vaekit.models.vae import VAE
from vaekit.randomness import seeded

_PAGE = Path(__file__).with_name("page")

VENDOR: Mapping[str, str] = {
    "preact": "vendor/preact.mjs",
    "preact/hooks": "vendor/preact-hooks.mjs",
    "htm": "vendor/htm.mjs",
    "pub-sub-es": "vendor/pub-sub-es.mjs",
    "regl-scatterplot": "vendor/regl-scatterplot.mjs",
}
"""Modules of others, by the name that they are imported by."""

ONNX_RUNTIME = "vendor/ort.mjs"
_WASM = "vendor/ort.wasm.gz"

CLASSIC = "vendor/regl.min.js"
"""A script that is no module: it sets ``createREGL``."""


def modules() -> dict[str, str]:
    """Return the files of all modules by the name that they are imported by, ours as ``vaekit/…``.

    Example:
        >>> modules()["vaekit/main.js"]
        'main.js'
    """
    own = {f"vaekit/{path.name}": path.name for path in sorted(_PAGE.glob("*.js"))}
    return {**VENDOR, "regl": "regl.js", "onnxruntime-web": ONNX_RUNTIME, **own}


def read_asset(name: str) -> bytes:
    """Return a file of the page, by its path in the folder of the page."""
    return (_PAGE / name).read_bytes()


def asset_names() -> dict[str, str]:
    """Return the kinds of all files that a server may give away, by their path."""
    kinds = dict.fromkeys((*modules().values(), CLASSIC), "text/javascript")
    return {**kinds, "style.css": "text/css"}


def import_map(base: str) -> str:
    """Return the map by which modules find each other on a server.

    Args:
        base: What stands before the paths of files.
    """
    return json.dumps({"imports": {name: f"{base}{path}" for name, path in modules().items()}})


def inlined_import_map(with_runtime: bool) -> str:
    """Return the same for a page that is one file: the modules themselves, as data.

    Args:
        with_runtime: Whether ONNX Runtime is among them.
    """
    chosen = {
        name: path for name, path in modules().items() if with_runtime or path != ONNX_RUNTIME
    }
    imports = {name: _data_url(read_asset(path)) for name, path in chosen.items()}
    return json.dumps({"imports": imports})


def _data_url(content: bytes) -> str:
    return f"data:text/javascript;base64,{base64.b64encode(content).decode()}"


def runtime_wasm() -> str:
    """Return ONNX Runtime for browsers, gzip-compressed, in base64."""
    return base64.b64encode(read_asset(_WASM)).decode()


def packed(content: bytes) -> str:
    """Return bytes gzip-compressed, in base64; the same for the same bytes."""
    return base64.b64encode(gzip.compress(content, 9, mtime=0)).decode()


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


def page_html(import_map: str, classic: str, style: str, start: str, data: str = "") -> bytes:
    """Return the page.

    Args:
        import_map: JSON by which modules find each other.
        classic: Scripts that are no modules, as HTML.
        style: The style sheet, as HTML.
        start: What starts the page, as HTML.
        data: What the page brings along, as HTML.
    """
    template = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined).from_string(
        read_asset("index.html").decode()
    )
    parts = {
        "import_map": import_map,
        "classic": classic,
        "style": style,
        "start": start,
        "data": data,
    }
    return template.render({name: Markup(text) for name, text in parts.items()}).encode()


def setup_html(setup: Mapping[str, Any]) -> str:
    """Return what the page is told before it asks anything, as HTML.

    Example:
        >>> setup_html({"title": "</script>"}).count("<")
        2
    """
    text = json.dumps(setup).replace("<", "\\u003c")  # so that no text ends or begins an element
    return data_html("vaekit-setup", text, "application/json")


def data_html(name: str, text: str, kind: str = "text/plain") -> str:
    """Return data that a page brings along, as an element of that name that nothing runs.

    Args:
        name: Of the element.
        text: Base64, or JSON without ``<``.
        kind: What the text is.
    """
    return f'<script type="{kind}" id="{name}">{text}</script>'


MOST_BYTES = 1_000_000
"""Of all items as they look, compressed; where they are more, fewer are brought along."""

_DRAWS = 512  # of the prior, that samples are taken from
_FEWEST = 50
_LISTED = 50  # anomalies


def static_page(session: Session) -> bytes:
    """Return a page that shows a run without a server.

    The model runs in the browser, as ONNX in WebAssembly that is within the page.

    Args:
        session: The run.

    Raises:
        CompositionError: A model without latents that are real vectors, one of captions, or one
            whose items only Python can show.
        MissingExtraError: The extra ``onnx`` is not installed.
    """
    _check(session)
    views = _fitting_views(session)
    small = session if len(views) == len(_cloud(session)) else _first(session, len(views))
    model = page_model(session.trained)
    content = {**_content(small), "views": views}
    parts = {
        "vaekit-content": packed(json.dumps(content, separators=(",", ":")).encode()),
        "vaekit-decoder": packed(model.decoder),
        "vaekit-encoder": "" if model.encoder is None else packed(model.encoder),
        "vaekit-runtime": runtime_wasm(),
    }
    setup = setup_html({"backend": "page", "runs": 1, "title": session.name})
    data = "\n".join([setup, *(data_html(name, text) for name, text in parts.items())])
    return page_html(
        import_map=inlined_import_map(with_runtime=True),
        classic=f"<script>{read_asset(CLASSIC).decode()}</script>",
        style=f"<style>{read_asset('style.css').decode()}</style>",
        start='<script type="module">import "vaekit/main.js";</script>',
        data=data,
    )


def _check(session: Session) -> None:
    context = session.trained.context
    told = "a page that needs no server"
    if session.cloud is None or not session.sliders:
        raise CompositionError(
            f"{told} needs latents that are real vectors, which this model has not. Look at it "
            "with the server: leave out --out."
        )
    if context is not None and not context.attributes:
        raise CompositionError(
            f"{told} knows labels as a context, and no captions or properties. Look at this model "
            "with the server: leave out --out."
        )
    if session.trained.domain.page_decoder() is None:
        raise CompositionError(
            f"{told} cannot show such items, which only Python can make of what the networks give. "
            "Look at them with the server: leave out --out."
        )


def _cloud(session: Session) -> Cloud:
    if session.cloud is None:
        raise CompositionError("this model has no latents.")
    return session.cloud


def _fitting_views(session: Session) -> list[Any]:
    """Return the items as they look, as many of the first as a page should carry."""
    count = len(_cloud(session))
    while True:
        views = session.views_of_items(range(count))
        size = len(packed(json.dumps(views).encode()))
        if size <= MOST_BYTES or count <= _FEWEST:
            return views
        count = max(_FEWEST, int(0.95 * count * MOST_BYTES / size))


def _first(session: Session, count: int) -> Session:
    """Return the session of fewer items."""
    cloud = _cloud(session)
    fewer = Cloud(
        cloud.z[:count],
        None if cloud.items is None else some_items(cloud.items, np.arange(count)),
        None if cloud.context is None else cloud.context[:count],
        {name: values[:count] for name, values in cloud.columns.items()},
        None if cloud.scores is None else cloud.scores[:count],
        None if cloud.rows is None else cloud.rows[:count],
    )
    return Session(
        session.name,
        session.trained,
        fewer,
        session.sliders,
        session.attributes,
        session.detector,
    )


def _content(session: Session) -> dict[str, Any]:
    cloud, trained = _cloud(session), session.trained
    info = session.call("info", {})
    found: dict[str, Any] = {
        "info": info,
        "event_shape": list(trained.domain.event_shape),
        "decoder": trained.domain.page_decoder(),
        "z": pack(cloud.z),
        "layouts": {"pca": session.call("layout", {"projection": "pca"})},
        "columns": {name: session.call("column", {"name": name}) for name in cloud.columns},
        "draws": pack(_prior_draws(session)),
        "context": None if cloud.context is None else pack(cloud.context.cpu().numpy()),
    }
    info["projections"] = ["pca"]
    info["can"]["drop"] = info["can"]["drop"] and info["drop"] != "text"
    if cloud.scores is not None:
        found["anomalies"] = session.call("anomalies", {"limit": _LISTED})
        listed = [one["index"] for one in found["anomalies"]["found"]]
        asked = {index: session.call("item", {"index": index}) for index in listed}
        found["unusual"] = {
            index: {key: one[key] for key in ("marked", "heat") if key in one}
            for index, one in asked.items()
        }
        found["scores"] = pack(cloud.scores)
    return found


@torch.no_grad()
def _prior_draws(session: Session) -> Any:
    """Return latents to sample from."""
    vae, cloud = session.trained.vae, _cloud(session)
    rows = None if cloud.context is None else cloud.context[:1].expand(_DRAWS, -1)
    with seeded(0):
        z = vae.generate(_DRAWS, rows, fitted=vae.fitted_prior is not None)
    return z.cpu().numpy()
