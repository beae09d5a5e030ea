"""``vaekit impute``."""

from pathlib import Path
from typing import Annotated, Any

import typer

from vaekit.autoencoder import Autoencoder
from vaekit.cli.data import read_data
from vaekit.cli.options import parse_assignments
from vaekit.cli.outputs import print_table, write_frame
from vaekit.domains import TableDomain
from vaekit.domains.checks import is_frame
from vaekit.errors import DataError, SpecError
from vaekit.loading import load
from vaekit.presets import choose_preset
from vaekit.tasks import impute as fill
from vaekit.tasks.impute import is_weighted

__all__ = ["impute"]


def impute(
    data: Annotated[str, typer.Argument(help="A table: .csv, .csv.gz or .parquet.")],
    out: Annotated[
        Path, typer.Option(help="File to write: .csv or .parquet. With --count, a number is added.")
    ] = Path("filled.csv"),
    run: Annotated[
        Path | None,
        typer.Option(help="A trained model to fill with, in place of one trained on these rows."),
    ] = None,
    save: Annotated[Path | None, typer.Option(help="Folder to keep the trained model in.")] = None,
    estimate: Annotated[
        str, typer.Option(help="mean (the best guess) or draw (a value that might have been).")
    ] = "mean",
    count: Annotated[
        int, typer.Option(min=1, help="Draw so many times, to see how unsure it is.")
    ] = 1,
    draws: Annotated[int, typer.Option(min=1, help="Latents for each row.")] = 100,
    preset: Annotated[str, typer.Option(help="The model to train.")] = "masked_vae",
    shift: Annotated[
        list[str] | None,
        typer.Option(
            help="COLUMN=NUMBER: missing numbers are so many standard deviations above what the "
            "other cells let expect; may be repeated."
        ),
    ] = None,
    max_epochs: Annotated[int | None, typer.Option(min=1, help="Passes over the rows.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of everything random.")] = 0,
) -> None:
    """Fill the missing cells of a table with what goes with the other cells of their row.

    Numbers are filled with their mean, labels with the most probable one; with --estimate draw,
    with values that might have been. The model learns from the rows as they are.

    Examples:

    vaekit impute patients.csv --out filled.csv

    vaekit impute patients.csv --estimate draw --count 5 --out filled.parquet

    vaekit impute patients.csv --shift income=0.5 --out if-the-rich-keep-silent.csv

    vaekit impute patients.csv --save runs/patients

    vaekit impute new-patients.csv --run runs/patients --out new-filled.csv
    """
    if count > 1 and estimate != "draw":
        raise SpecError("several files need --estimate draw; the best guess is always the same.")
    frame = read_data(data)
    if not is_frame(frame):
        raise DataError(f"holes are filled in tables (.csv, .csv.gz, .parquet); got {data}.")
    model = load(run) if run is not None else _trained(frame, preset, max_epochs, seed)
    if save is not None:
        model.save(save)
    shifts = parse_assignments(shift or [])
    for place in range(count):
        filled = fill(
            model.trained_,
            frame,
            estimate=estimate,
            draws=draws,
            weighted=is_weighted(model.preset),
            shift=shifts,
            seed=seed + place,
        )
        path = out if count == 1 else out.with_stem(f"{out.stem}-{place + 1}")
        write_frame(path, filled)
    print_table("cells filled", _counts(frame, filled))


def _trained(frame: Any, preset: str, max_epochs: int | None, seed: int) -> Autoencoder:
    domain = TableDomain(missing="hole", scale="straight")
    model = Autoencoder(choose_preset(preset, {}), domain=domain, max_epochs=max_epochs, seed=seed)
    return model.fit(frame)


def _counts(frame: Any, filled: Any) -> dict[str, str]:
    counts = frame.isna().sum() - filled.isna().sum()
    left = int(filled.isna().sum().sum())
    shown = {name: f"{count} of {len(frame)}" for name, count in counts.items() if count}
    return shown | ({"left empty (not learnt)": str(left)} if left else {})
