"""What a task found, as a folder of files that appears at once."""

import base64
import html
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from vaekit.errors import SaveError
from vaekit.files import atomic_folder

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


def figure_html(caption: str, figure: "Figure") -> str:
    """Return a picture with its caption as HTML that needs no other file."""
    from vaekit.plots.style import png_of

    data = base64.b64encode(png_of(figure)).decode()
    words = html.escape(caption)
    return (
        f'<figure><img src="data:image/png;base64,{data}" alt="{words}">'
        f"<figcaption>{words}</figcaption></figure>"
    )
