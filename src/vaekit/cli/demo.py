"""``vaekit demo``."""

from pathlib import Path
from typing import Annotated

import torch
import typer

from vaekit.cli.outputs import console, print_table
from vaekit.demo import run_demo

__all__ = ["demo"]


def demo(
    out: Annotated[Path, typer.Argument(help="Folder for the run, the pictures and the page.")] = (
        Path("demo")
    ),
    seed: Annotated[int, typer.Option(min=0, help="Seed of everything random.")] = 0,
) -> None:
    """Train on built-in digits and explain what a VAE does, in pictures.

    Example:

    vaekit demo
    """
    torch.set_num_threads(1)  # on networks this small, threads wait for each other longer than work
    result = run_demo(out, seed)
    print_table("A VAE of 8x8 digits", result.figures)
    console.print(f"Open {result.page} in a browser.", highlight=False)
