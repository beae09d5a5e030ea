"""The page as one file, which opens without a server: items, latents and the model within."""

import json
from typing import Any

import numpy as np
import torch

from vaekit.errors import CompositionError
from vaekit.explorer.assets import CLASSIC, inlined_import_map, packed, read_asset, runtime_wasm
from vaekit.explorer.html import data_html, page_html, setup_html
from vaekit.explorer.page_model import page_model
from vaekit.explorer.session import Cloud, Session, pack, some_items
from vaekit.randomness import seeded

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
