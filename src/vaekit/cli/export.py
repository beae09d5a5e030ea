"""``vaekit export``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vaekit import storage
from vaekit.console.files import console
from vaekit.console.options import Run


def export(
    run: Run,
    folder: Annotated[Path, typer.Argument(help="Folder to write: a new one, or of an export.")],
    to: Annotated[
        str,
        typer.Option(
            help="Form to write: 'diffusers' (the autoencoder of latent_diffusion models with "
            "--network autoencoder_kl or --first-stage)."
        ),
    ],
) -> None:
    """Write a trained model in the form of another library.

    What both libraries make of images is compared first; nothing is written where it differs.

    Examples:

    vaekit export runs/photos exported/ --to diffusers
    """
    report = storage.load_model(run).export(folder, to)
    console.print(
        f"{report.folder} holds an {report.model} of {report.target}; the largest difference to it "
        f"is {report.largest_difference:.1e}",
        highlight=False,
    )
