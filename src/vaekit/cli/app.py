"""``vaekit``: commands are found by name and imported when used, so that help comes at once."""

from __future__ import annotations

import importlib.metadata
import sys
import warnings
from typing import Annotated, Any, TextIO

import typer
from rich.console import Console
from typer.core import TyperCommand, TyperGroup

from vaekit import registry
from vaekit.batch.commands import accept_data_sets
from vaekit.cli.faults import report_fault
from vaekit.console.options import (
    DEBUG_HELP,
    accept_debug,
    accept_raw_text,
    accept_table_options,
    checking_values,
)
from vaekit.console.outputs import expanding_home
from vaekit.console.terminal import print_message, stopping_in_one_line

_ORDER = (
    "demo",
    "models",
    "describe",
    "fit",
    "refit",
    "sample",
    "reconstruct",
    "interpolate",
    "edit",
    "encode",
    "score",
    "evaluate",
    "compare",
    "tune",
    "cluster",
    "anomalies",
    "predict",
    "analogues",
    "impute",
    "augment",
    "optimize",
    "export",
    "serve",
    "explore",
    "info",
    "card",
    "push",
)
"""In the help; those of plug-ins follow, by name."""

_FORMER = {"optimise": "optimize"}
"""Names of commands in earlier versions, which still work."""


class _Commands(TyperGroup):
    """Commands of the registry; those of plug-ins are not imported for a list."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of all commands."""
        known = registry.names("commands")
        return [*(n for n in _ORDER if n in known), *(n for n in known if n not in _ORDER)]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a command to be listed, or ``None`` if there is none of that name."""
        cmd_name = _FORMER.get(cmd_name, cmd_name)
        if cmd_name not in registry.names("commands"):
            return None
        owner = registry.provider("commands", cmd_name)
        if owner and owner.split()[0] != "vaekit":
            return TyperCommand(cmd_name, help=f"From the package {owner}.")
        return _loaded(cmd_name)

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[Any, Any, list[str]]:
        """Return the command to be run, imported."""
        name, command, rest = super().resolve_command(ctx, args)
        return (
            name,
            None if command is None or name is None else _loaded(_FORMER.get(name, name)),
            rest,
        )


def _loaded(name: str) -> Any:
    single = typer.Typer(add_completion=False, rich_markup_mode="markdown")
    command = accept_data_sets(name, registry.get("commands", name))
    command = accept_raw_text(accept_table_options(command))
    checked = accept_debug(expanding_home(checking_values(command)))
    single.command(name)(checked)
    return typer.main.get_command(single)


app = typer.Typer(
    cls=_Commands,
    help="Variational autoencoders on your own data: compress, generate, edit, score, explain.",
    epilog="Start with: vaekit demo",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)


def _print_version(is_asked: bool) -> None:
    if is_asked:
        Console().print(f"vaekit {importlib.metadata.version('vaekit')}", highlight=False)
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Say which it is."),
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help=DEBUG_HELP)] = False,
) -> None:
    """Variational autoencoders on your own data: compress, generate, edit, score, explain."""


def main() -> None:
    """Run a command; an exception is one message and an exit status, and no traceback.

    The status is 1 for what the user can mend, 2 for a line that is no call of a command, and 70
    for a fault of vaekit itself. Warnings are messages as well, without the place in the code that
    they come from.
    """
    warnings.showwarning = _show_warning
    try:
        with stopping_in_one_line():
            app()
    except Exception as error:
        sys.exit(report_fault(error, sys.argv[1:]))


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    print_message("warning", "bold yellow", str(message))


if __name__ == "__main__":
    main()
