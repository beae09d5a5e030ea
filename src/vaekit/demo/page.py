"""The page: a template that ships with the package, filled with measured numbers."""

import html
from importlib import resources
from pathlib import Path
from string import Template

from vaekit.files import atomic_write

__all__ = ["write_page"]


def write_page(path: Path, figures: dict[str, str]) -> None:
    """Write the page beside its pictures.

    Args:
        path: The HTML file.
        figures: Names and values for its table.
    """
    template = Template((resources.files("vaekit.demo") / "index.html").read_text("utf-8"))
    rows = "\n".join(
        f"<tr><th>{html.escape(name)}</th><td>{html.escape(value)}</td></tr>"
        for name, value in figures.items()
    )
    atomic_write(path, template.substitute(rows=rows).encode())
