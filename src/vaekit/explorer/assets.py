"""The files of the page: modules by the names that they import each other by."""

import base64
import gzip
import json
from collections.abc import Mapping
from pathlib import Path

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
