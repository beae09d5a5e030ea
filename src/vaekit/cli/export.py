"""``vaekit export``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vaekit import storage
from vaekit.console.files import console, read_data
from vaekit.console.options import Run


def export(
    run: Run,
    folder: Annotated[Path, typer.Argument(help="Folder to write: a new one, or of an export.")],
    to: Annotated[
        str,
        typer.Option(
            help="Form to write: 'onnx' (graphs that vaekit.runtime, or any ONNX runtime, runs "
            "without PyTorch), 'torch-export' (programs of torch.export), or 'diffusers' (the "
            "autoencoder of latent_diffusion models with --network autoencoder_kl or "
            "--first-stage)."
        ),
    ],
    data: Annotated[
        str | None,
        typer.Option(help="Items to compare both with, 16 at most; samples of the model if none."),
    ] = None,
    only: Annotated[
        str | None,
        typer.Option(
            help="What to write, separated by commas: detect, encode, decode, reconstruct, sample, "
            "score; all if not given."
        ),
    ] = None,
) -> None:
    """Write a trained model or detector for use without vaekit, or without PyTorch.

    What both make of the same items is compared first; nothing is written where it differs.

    Examples:

    vaekit export runs/machines exported/ --to onnx --data rows.csv

    vaekit export runs/photos exported/ --to diffusers
    """
    model = storage.load(run)
    items = None if data is None else read_data(data, model.domain_, is_whole=False)
    chosen = None if only is None else [name.strip() for name in only.split(",")]
    report = model.export(folder, to, items, chosen)
    console.print(
        f"{report.folder} holds {report.model} of {report.target}; the largest difference to it "
        f"is {report.largest_difference:.1e}",
        highlight=False,
    )
    for name, difference in report.differences.items():
        console.print(f"  {name}: {difference:.1e}", highlight=False)
    for name, why in report.skipped.items():
        console.print(f"  no {name}: {why}", highlight=False)
