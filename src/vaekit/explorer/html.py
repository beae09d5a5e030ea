"""The page around the modules: the same for a server and for one file."""

import json
from collections.abc import Mapping
from typing import Any

import jinja2
from markupsafe import Markup

from vaekit.explorer.assets import read_asset


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
