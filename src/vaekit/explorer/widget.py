"""The page as a widget of notebooks: the same modules, with the kernel for a backend."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vaekit.errors import MissingExtraError, SpecError, VaekitError
from vaekit.explorer.opening import open_session
from vaekit.explorer.pages import CLASSIC, modules, read_asset
from vaekit.explorer.session import Session

_LEFT_OUT = ("onnxruntime-web", "vaekit/page_backend.js", "vaekit/page_views.js")
"""What only a page without Python needs."""


def explore(run: Any, X: Any = None, *, labels: Any = None, context: Any = None) -> Any:
    """Return a widget that shows a run and its data.

    Args:
        run: A fitted `vaekit.Autoencoder` or `vaekit.anomalies.VAEDetector`.
        X: Items for the map; ``None`` shows samples there.
        labels: One for each item, or columns of them.
        context: Of the items, for conditional models.

    Raises:
        MissingExtraError: The extra ``notebook`` is not installed.
    """
    return make_widget(open_session(run, X, labels=labels, context=context, name="Latent space"))


def make_widget(session: Session) -> Any:
    """Return a widget that answers by a session.

    Raises:
        MissingExtraError: The extra ``notebook`` is not installed.
    """
    try:
        import anywidget
    except ImportError as error:
        raise MissingExtraError(
            "explore in a notebook needs a package that is not installed: "
            "pip install 'vaekit[notebook]'. `vaekit explore RUN` opens a browser instead."
        ) from error

    class Explorer(anywidget.AnyWidget):
        """Shows the page; what it is made of belongs to the class, as anywidget wants it."""

        _esm = widget_module()
        _css = widget_style()

    widget: Any = Explorer()

    def receive(_: Any, content: Any, __: Any) -> None:
        widget.send(answer(session, content))

    widget.on_msg(receive)
    return widget


def answer(session: Session, content: Any) -> Mapping[str, Any]:
    """Return what the page is sent for one of its requests.

    Args:
        session: The run.
        content: A record with ``id``, ``operation`` and ``given``.

    Example:
        >>> answer(None, {"id": 3})
        {'id': 3, 'error': 'a request must have an operation and its arguments.'}
    """
    number = content.get("id") if isinstance(content, dict) else None
    try:
        if not isinstance(content, dict) or not isinstance(content.get("given"), dict):
            raise SpecError("a request must have an operation and its arguments.")
        return {"id": number, "answer": session.call(content["operation"], content["given"])}
    except VaekitError as error:
        return {"id": number, "error": str(error)}


def widget_module() -> str:
    """Return one module that holds all others, and makes them when a widget is shown.

    A notebook has no place for a map of names, so that each module is told the addresses of those
    that it imports, which are made first.
    """
    sources = {
        name: read_asset(path).decode() for name, path in modules().items() if name not in _LEFT_OUT
    }
    text = _LOADER.replace("__SOURCES__", json.dumps(sources))
    return text.replace("__CLASSIC__", json.dumps(read_asset(CLASSIC).decode()))


def widget_style() -> str:
    """Return the style sheet for what is inside a widget alone: a notebook has its own."""
    return f".vaekit-scope {{\n{read_asset('style.css').decode()}\n}}\n"


_LOADER = (Path(__file__).with_name("page") / "widget.mjs").read_text("utf-8")
