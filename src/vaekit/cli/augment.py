"""``vaekit augment``."""

from pathlib import Path
from typing import Annotated, Any

import typer

from vaekit.cli.data import read_data
from vaekit.cli.outputs import console, write_frame
from vaekit.domains.checks import is_frame
from vaekit.errors import DataError, unknown_name
from vaekit.presets import choose_preset
from vaekit.tasks import augment as make
from vaekit.tasks.augmentation import joined
from vaekit.training import TrainConfig

__all__ = ["augment"]


def augment(
    data: Annotated[str, typer.Argument(help="A table: .csv, .csv.gz or .parquet.")],
    target: Annotated[str, typer.Option(help="The column to be predicted: classes or numbers.")],
    out: Annotated[Path, typer.Option(help="File to write: .csv or .parquet.")] = Path(
        "augmented.csv"
    ),
    strategy: Annotated[
        str,
        typer.Option(
            help="auto (all classes up to the largest), minority, all, or a share of the largest; "
            "of numbers, how many times as many rows (auto: 3)."
        ),
    ] = "auto",
    kind: Annotated[
        str, typer.Option(help="What the target is: classes, numbers, or auto to tell by itself.")
    ] = "auto",
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Write the file even if synthetic rows do not help.")
    ] = False,
    only: Annotated[
        bool, typer.Option("--only-synthetic", help="Leave the real rows out of the file.")
    ] = False,
    folds: Annotated[int, typer.Option(min=2, help="Parts to judge on, one after another.")] = 5,
    preset: Annotated[str, typer.Option(help="The model to train.")] = "table_vae",
    max_epochs: Annotated[int | None, typer.Option(min=1, help="Passes over the rows.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of everything random.")] = 0,
) -> None:
    """Add synthetic rows, if an estimator gains by them: of small classes, or with numbers told.

    Boosted trees are trained with and without synthetic rows and judged on rows left out, part by
    part; if they gain no more than chance explains, nothing is written.

    Examples:

    vaekit augment patients.csv --target outcome --out more.csv

    vaekit augment patients.csv --target outcome --strategy 0.5 --folds 3

    vaekit augment patients.csv --target outcome --only-synthetic --anyway --out new.parquet
    """
    frame = read_data(data)
    if not is_frame(frame):
        raise DataError(f"augment reads tables (.csv, .csv.gz, .parquet); got {data}.")
    if target not in frame.columns:
        raise unknown_name("column", target, list(frame.columns))
    config = TrainConfig(max_epochs=max_epochs, seed=seed, progress=False)
    with console.status("preparing") as status:
        found = make(
            frame.drop(columns=target),
            _classes(frame, target),
            strategy=_strategy(strategy),
            kind=kind,
            preset=choose_preset(preset, {}),
            folds=folds,
            config=config,
            watch=lambda done, of: status.update(f"training {done + 1} of {of}"),
        )
    console.print(found.advice, highlight=False)
    if not found.helps and not anyway:
        console.print("Nothing is written; --anyway writes it all the same.", highlight=False)
        return
    new = found.items.assign(**{target: found.labels})[list(frame.columns)]
    write_frame(out, new if only else joined(frame, new))


def _classes(frame: Any, target: str) -> Any:
    if frame[target].isna().any():
        row = int(frame[target].isna().to_numpy().argmax())
        raise DataError(f"column {target!r} must have no missing cells; row {row} has one.")
    return frame[target].to_numpy()


def _strategy(text: str) -> str | float:
    try:
        return float(text)
    except ValueError:
        return text
