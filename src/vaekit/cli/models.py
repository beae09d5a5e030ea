"""``vaekit models``."""

from typing import Annotated

import typer
from rich.console import Group
from rich.table import Table
from rich.text import Text

from vaekit.cli.outputs import console
from vaekit.presets.catalogue import Card, card, catalogue

__all__ = ["models"]


def models(
    name: Annotated[str | None, typer.Argument(help="Explain this one.")] = None,
) -> None:
    """List the named models, or explain one.

    Examples:

    vaekit models

    vaekit models beta_tc_vae
    """
    if name is None:
        _list()
    else:
        _explain(card(name))


def _list() -> None:
    table = Table(box=None, show_header=False, padding=(0, 2, 1, 0))
    table.add_column(no_wrap=True, style="bold")
    table.add_column()
    for entry in catalogue():
        table.add_row(entry.name, Group(entry.summary, Text(_facts(entry), style="dim")))
    console.print(table)
    console.print("Explain one: vaekit models NAME. Train it: vaekit fit DATA RUN --preset NAME.")


def _facts(entry: Card) -> str:
    needs = f"Needs {', '.join(entry.needs)}. " if entry.needs else ""
    gives = f"Gives {', '.join(entry.gives)}. " if entry.gives else ""
    return f"{needs}{gives}{entry.source}"


def _explain(entry: Card) -> None:
    console.print(f"[bold]{entry.name}[/]: {entry.summary}", highlight=False, markup=True)
    for paragraph in entry.details:
        console.print(paragraph, highlight=False)
    rows = {
        "source": entry.source,
        "needs": ", ".join(entry.needs) or "nothing but data",
        "gives": ", ".join(entry.gives),
        **entry.parts,
        "options": ", ".join(f"{k}={v}" for k, v in entry.options.items()) or "none",
    }
    table = Table(show_header=False)
    for title, text in rows.items():
        table.add_row(title, text)
    console.print(table)
    console.print("In Python:", style="bold")
    call = ", ".join(f"{k}={v!r}" for k, v in entry.options.items())
    console.print(f"  Autoencoder(presets.{entry.name}({call})).fit(X)", highlight=False)
    console.print("On the command line:", style="bold")
    options = "".join(f" --option {k}={v}" for k, v in entry.options.items() if _is_word(v))
    console.print(f"  vaekit fit DATA RUN --preset {entry.name}{options}", highlight=False)


def _is_word(value: object) -> bool:
    """Whether the command line can take it."""
    return isinstance(value, int | float | str)
