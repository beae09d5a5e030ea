"""Commands of tables: ``vaekit impute`` and ``vaekit augment``; conditions as they are typed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

import vaekit
from vaekit import augmentation, domains, presets, storage, tables, training
from vaekit.console.files import check_frame_path, console, print_table, read_data, write_frame
from vaekit.console.options import parse_assignments
from vaekit.console.outputs import ForceOption, check_outputs
from vaekit.errors import DataError, SpecError, unknown_name


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
        int, typer.Option(min=1, max=10_000, help="Draw so many times, to see how unsure it is.")
    ] = 1,
    draws: Annotated[int, typer.Option(min=1, max=1_000_000, help="Latents for each row.")] = 100,
    preset: Annotated[str, typer.Option(help="The model to train.")] = "masked_vae",
    stacking: Annotated[
        bool,
        typer.Option(
            "--stacking",
            help="Let ridge regressions and trees join the model, weighted by what each tells of "
            "known cells: nearer to the truth, and draws that are as spread as they should be. Not "
            "with --run or --save, which know the model alone.",
        ),
    ] = False,
    shift: Annotated[
        list[str] | None,
        typer.Option(
            help="COLUMN=NUMBER: missing numbers are so many standard deviations above what the "
            "other cells let expect; may be repeated."
        ),
    ] = None,
    max_epochs: Annotated[int | None, typer.Option(min=1, help="Passes over the rows.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of everything random.")] = 0,
    force: ForceOption = False,
) -> None:
    """Fill the missing cells of a table with what goes with the other cells of their row.

    Numbers are filled with their mean, labels with the most probable one; with --estimate draw,
    with values that might have been. The model learns from the rows as they are.

    Examples:

    vaekit impute patients.csv --out filled.csv

    vaekit impute patients.csv --stacking --out filled.csv

    vaekit impute patients.csv --estimate draw --count 5 --out filled.parquet

    vaekit impute patients.csv --shift income=0.5 --out if-the-rich-keep-silent.csv

    vaekit impute patients.csv --save runs/patients

    vaekit impute new-patients.csv --run runs/patients --out new-filled.csv
    """
    if estimate not in tables.ESTIMATES:
        raise unknown_name("estimate", estimate, tables.ESTIMATES)
    if count > 1 and estimate != "draw":
        raise SpecError("several files need --estimate draw; the best guess is always the same.")
    if stacking and (run is not None or save is not None):
        given = "--run" if run is not None else "--save"
        raise SpecError(
            "--stacking must be without --run and --save, which know the model alone; got "
            f"{given}. In Python fit a VAEImputer once, and fill as many tables as you like."
        )
    paths = [out if count == 1 else out.with_stem(f"{out.stem}-{n + 1}") for n in range(count)]
    for path in paths:
        check_frame_path(path)
        check_outputs({"--out": path}, (data, run), force=force)
    if save is not None:
        storage.check_destination(save)
    frame = read_data(data)
    if not domains.is_frame(frame):
        raise DataError(f"holes are filled in tables (.csv, .csv.gz, .parquet); got {data}.")
    shifts = parse_assignments(shift or [])
    if stacking:
        imputer = tables.VAEImputer(
            estimate,
            preset=presets.choose_preset(preset, {}),
            shift=shifts,
            max_epochs=max_epochs,
            draws=draws,
            seed=seed,
        )
        imputer.fit(frame)
        fill = _by_imputer(imputer)
    else:
        model = (
            storage.load_model(run)
            if run is not None
            else _trained(frame, preset, max_epochs, seed)
        )
        if save is not None:
            model.save(save)
        fill = _by_model(model, estimate, draws, shifts)
    for place, path in enumerate(paths):
        filled = fill(frame, seed + place)
        write_frame(path, filled)
    print_table("cells filled", _counts(frame, filled))


def _by_imputer(imputer: tables.VAEImputer) -> Callable[[Any, int], Any]:
    return lambda frame, seed: imputer.set_params(seed=seed).transform(frame)


def _by_model(
    model: vaekit.Autoencoder, estimate: str, draws: int, shifts: dict[str, float]
) -> Callable[[Any, int], Any]:
    weighted = tables.is_weighted(model.preset)
    return lambda frame, seed: tables.impute(
        model.trained_,
        frame,
        estimate=estimate,
        draws=draws,
        weighted=weighted,
        shift=shifts,
        seed=seed,
    )


def _trained(frame: Any, preset: str, max_epochs: int | None, seed: int) -> vaekit.Autoencoder:
    domain = tables.TableDomain(missing="unobserved", scale="standard")
    model = vaekit.Autoencoder(
        presets.choose_preset(preset, {}), domain=domain, max_epochs=max_epochs, seed=seed
    )
    return model.fit(frame)


def _counts(frame: Any, filled: Any) -> dict[str, str]:
    counts = frame.isna().sum() - filled.isna().sum()
    left = int(filled.isna().sum().sum())
    shown = {name: f"{count} of {len(frame)}" for name, count in counts.items() if count}
    return shown | ({"left empty (not learnt)": str(left)} if left else {})


def augment(
    data: Annotated[str, typer.Argument(help="A table: .csv, .csv.gz or .parquet.")],
    target: Annotated[str, typer.Option(help="The column to be predicted: classes or numbers.")],
    out: Annotated[Path, typer.Option(help="File to write: .csv or .parquet.")] = Path(
        "augmented.csv"
    ),
    strategy: Annotated[
        str,
        typer.Option(
            help="auto (all classes up to the largest), minority, 'not minority', double (as many "
            "again as the largest has, of every class), or a share of the largest; of numbers, how "
            "many times as many rows (auto: 3)."
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
    force: ForceOption = False,
) -> None:
    """Add synthetic rows, if an estimator gains by them: of small classes, or with numbers told.

    Boosted trees are trained with and without synthetic rows and judged on rows left out, part by
    part; if they gain no more than chance explains, or the target is predicted no better than a
    shuffled one, nothing is written.

    Examples:

    vaekit augment patients.csv --target outcome --out more.csv

    vaekit augment patients.csv --target outcome --strategy 0.5 --folds 3

    vaekit augment patients.csv --target outcome --only-synthetic --anyway --out new.parquet
    """
    check_frame_path(out)
    check_outputs({"--out": out}, (data,), force=force)
    frame = read_data(data)
    if not domains.is_frame(frame):
        raise DataError(f"augment reads tables (.csv, .csv.gz, .parquet); got {data}.")
    if target not in frame.columns:
        raise unknown_name("column", target, list(frame.columns))
    config = training.TrainConfig(max_epochs=max_epochs, seed=seed, progress=False)
    with console.status("preparing") as status:
        found = augmentation.augment(
            frame.drop(columns=target),
            _classes(frame, target),
            strategy=_strategy(strategy),
            kind=kind,
            preset=presets.choose_preset(preset, {}),
            folds=folds,
            config=config,
            watch=lambda done, of: status.update(f"training {done + 1} of {of}"),
        )
    console.print(found.advice, highlight=False)
    if not found.helps and not anyway:
        console.print("Nothing is written; --anyway writes it all the same.", highlight=False)
        return
    new = found.items.assign(**{target: found.labels})[list(frame.columns)]
    write_frame(out, new if only else augmentation.concatenate_items(frame, new))


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
