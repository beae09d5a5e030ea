"""The command line: ``vaekit --help``."""

import sys
import warnings
from typing import TextIO

import typer
from rich.console import Console

from vaekit.anomalies.commands import anomalies
from vaekit.cli.fit import fit, refit
from vaekit.cli.use import demo, info, interpolate, models, reconstruct, sample, score
from vaekit.clustering.commands import cluster
from vaekit.comparison.commands import compare
from vaekit.editing.commands import edit
from vaekit.errors import VaekitError
from vaekit.evaluation.commands import evaluate
from vaekit.molecules.commands import analogues, predict
from vaekit.molecules.design_commands import optimise
from vaekit.tables.commands import augment, impute

__all__ = ["app", "main"]

app = typer.Typer(
    help="Variational autoencoders on your own data: compress, generate, edit, score, explain.",
    epilog="Start with: vaekit demo",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    add_completion=False,
)
for command in (
    demo,
    models,
    fit,
    refit,
    sample,
    reconstruct,
    interpolate,
    edit,
    score,
    evaluate,
    compare,
    cluster,
    anomalies,
    predict,
    analogues,
    impute,
    augment,
    optimise,
    info,
):
    app.command()(command)


def main() -> None:
    """Run a command; an expected error is one message and exit status 1, no traceback.

    Warnings are messages as well, without the place in the code that they come from.
    """
    warnings.showwarning = _show_warning
    try:
        app()
    except VaekitError as error:
        Console(stderr=True).print(f"[bold red]error:[/] {type(error).__name__}:", end=" ")
        Console(stderr=True, markup=False, highlight=False).print(str(error))
        sys.exit(1)


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    Console(stderr=True).print("[bold yellow]warning:[/]", end=" ")
    Console(stderr=True, markup=False, highlight=False).print(str(message))


if __name__ == "__main__":
    main()
