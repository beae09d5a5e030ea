"""What a task found, as a folder of files that appears at once."""

import base64
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2
from markupsafe import Markup

from vaekit.errors import SaveError
from vaekit.files import atomic_folder, expanded_path

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def check_folder(path: Path, ours: Collection[str], what: str) -> None:
    """Refuse a place that holds something else; worth asking before the work, too.

    Args:
        path: The folder to write.
        ours: Names of all files that the task may write.
        what: Its result in words, ``"an older evaluation"`` for one.

    Raises:
        SaveError: Neither new, nor empty, nor such a result and nothing else.
    """
    path = expanded_path(path)
    if not path.exists():
        return
    if not path.is_dir() or {item.name for item in path.iterdir()} - set(ours):
        raise SaveError(
            f"{path} must be a new folder or {what}; it holds something else, which would be "
            "lost. Choose another name."
        )


def write_folder(path: Path, files: Mapping[str, bytes], pictures: "Mapping[str, Figure]") -> None:
    """Write a folder in one rename, in the place of what was there.

    Args:
        path: The folder, which `check_folder` found fit.
        files: Contents by name.
        pictures: Figures by name without an ending.

    Raises:
        SaveError: The disk is full or not writable.
    """
    from vaekit.plots.style import save_figure  # matplotlib costs half a second

    with atomic_folder(path) as folder:
        for name, content in files.items():
            (folder / name).write_bytes(content)
        for name, figure in pictures.items():
            save_figure(figure, folder / f"{name}.png")


def render(template: str, **values: Any) -> bytes:
    """Return a page of HTML; values are escaped, unless they are `Markup`.

    Args:
        template: Its name in ``vaekit/templates``, without the ending.
        **values: What the template shows.
    """
    loader = jinja2.FileSystemLoader(Path(__file__).with_name("templates"))
    pages = jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, keep_trailing_newline=True
    )
    return pages.get_template(f"{template}.html").render(values).encode()


def lines(parts: Iterable[Markup]) -> Markup:
    """Return fragments of HTML one below the other."""
    return Markup("\n").join(parts)


def table_row(head: object, *cells: object) -> Markup:
    """Return a row of a table as HTML."""
    body = Markup("").join(Markup("<td>{}</td>").format(cell) for cell in cells)
    return Markup("<tr><th>{}</th>{}</tr>").format(head, body)


def picture_html(caption: str, source: str) -> Markup:
    """Return a picture in a file with its caption as HTML."""
    return Markup('<figure><img src="{0}" alt="{1}"><figcaption>{1}</figcaption></figure>').format(
        source, caption
    )


def figure_html(caption: str, figure: "Figure") -> Markup:
    """Return a figure with its caption as HTML that needs no other file."""
    from vaekit.plots.style import png_of

    data = base64.b64encode(png_of(figure)).decode()
    return picture_html(caption, f"data:image/png;base64,{data}")


def notebook_table(
    head: Iterable[object], rows: Iterable[Iterable[object]], title: str = ""
) -> str:
    """Return a table as HTML for a notebook; values are escaped.

    Example:
        >>> notebook_table(("name", "value"), [("a < b", 3)]).count("&lt;")
        1
    """
    cells = Markup("").join(Markup("<th>{}</th>").format(name) for name in head)
    body = Markup("").join(table_row(*row) for row in rows)
    caption = Markup("<caption>{}</caption>").format(title) if title else Markup("")
    table = Markup("<table>{}<thead><tr>{}</tr></thead><tbody>{}</tbody></table>")
    return str(table.format(caption, cells, body))
