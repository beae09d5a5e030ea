"""``vaekit edit``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import lazy_loader
import typer
from rich.table import Table

import vaekit
from vaekit import domains, editing, plots, storage
from vaekit.console.files import (
    concatenate_parts,
    console,
    prompts_for,
    read_context,
    read_data,
    read_labels_of,
    take_rows,
    write_items,
)
from vaekit.console.options import ContextOption, Data, Run
from vaekit.console.outputs import (
    ForceOption,
    check_outputs,
    check_picture_folder,
    default_output,
)
from vaekit.errors import SpecError

if TYPE_CHECKING:
    import numpy as np
else:
    np = lazy_loader.load("numpy")


_ROWS = 8  # of a picture
_SHOWN = (0.5, 1.0, 1.5)  # times the strength chosen
_DISCOVERED = (-2.0, -1.0, 0.0, 1.0, 2.0)  # standard deviations


@dataclass(frozen=True, eq=False)
class _Task:
    """What the user named."""

    model: vaekit.Autoencoder
    items: Any
    labels: domains.Labels | None
    context: Any


def edit(
    run: Run,
    data: Data,
    labels: Annotated[
        str | None,
        typer.Option(
            help="CSV with the labels of the items: its first column, or one named file or "
            "filename, is each image's path in the folder; every other one is an attribute."
        ),
    ] = None,
    attribute: Annotated[str | None, typer.Option(help="The column to change.")] = None,
    to: Annotated[str | None, typer.Option(help="The label to change it to.")] = None,
    method: Annotated[
        str,
        typer.Option(
            help="swap (in the context of a conditional model), mean, logistic or svm "
            "(directions); auto swaps where it can, else takes mean."
        ),
    ] = "auto",
    protect: Annotated[
        list[str] | None,
        typer.Option(help="For directions: a column that must not change; may be repeated."),
    ] = None,
    like: Annotated[
        str | None, typer.Option(help="Instead of labels: a folder of items to be made like.")
    ] = None,
    discover: Annotated[
        int | None, typer.Option(min=1, help="Instead: find so many directions without labels.")
    ] = None,
    prompt: Annotated[
        str | None,
        typer.Option(help="Instead, of models of captions: what the edited items are to show."),
    ] = None,
    guidance: Annotated[
        float, typer.Option(help="Of --prompt: how far to go in its direction, 1 to 5.")
    ] = 3.0,
    strength: Annotated[
        float | None,
        typer.Option(
            help="0 changes nothing, 1 is the whole edit; of --prompt 1 is anew, 0.6 usual."
        ),
    ] = None,
    curve: Annotated[
        bool,
        typer.Option("--curve", help="Also measure the edit at several strengths, with a judge."),
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(help="File (.png, .npz, .npy, .csv), or a folder for edited images."),
    ] = None,
    context: ContextOption = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the judge's training.")] = 0,
    force: ForceOption = False,
) -> None:
    """Change one thing about items and leave the rest: by labels, by example, or by discovery.

    A picture (.png) shows the first items at several strengths; .npz, .npy and a folder hold all
    items, edited with --strength. A folder gets one image per item, under its name. Labels are
    also the context of a conditional model.

    Examples:

    vaekit edit runs/faces faces/ --labels attributes.csv --attribute mouth --to smile

    vaekit edit runs/faces faces/ --labels attributes.csv --attribute mouth --to smile \
--method logistic --protect hairColor --curve --out smiling.png

    vaekit edit runs/faces faces/ --like smiling/ --strength 1.5 --out smiling-faces/

    vaekit edit runs/faces faces/ --discover 6 --out directions.png

    vaekit edit runs/captioned face.png --prompt "a man with glasses" --out glasses.png
    """
    _check_one_of(attribute=attribute, like=like, discover=discover, prompt=prompt)
    model = storage.load_model(run)
    path = out or default_output(run, f"edited.{'png' if _draws(model) else 'csv'}")
    _check_outputs(path, curve, (run, data, labels, like, context), force)
    items = read_data(data, model.domain_)
    if prompt is not None:
        given = prompts_for(model.context_, [prompt], len(items))
        options = {"init": items, "strength": strength, "guidance": guidance}
        made = model.sample(len(items), given, seed, **options)
        write_items(path, made, lambda made: plots.reconstruction_pairs(items, made))
        return
    strength = 1.0 if strength is None else strength
    named = None if labels is None else read_labels_of(labels, data, model.domain_)
    task = _Task(model, items, named, _context(model, context, data, named))
    if discover is not None:
        _write_discovered(task, discover, path)
        return
    change = _chosen(task, attribute, to, method, protect or [], like)
    _write_edited(task, change, strength, path, data)
    if curve:
        _write_curve(task, attribute, to, method, protect or [], path, seed)


def _check_outputs(
    path: Path, curve: bool, inputs: tuple[str | Path | None, ...], force: bool
) -> None:
    """Before the work."""
    if path.suffix == "":
        check_picture_folder("--out", path, inputs, force=force)
    else:
        check_outputs({"--out": path}, inputs, force=force)
    if curve:
        check_outputs({"the picture of --curve": _curve_path(path)}, inputs, force=force)


def _curve_path(path: Path) -> Path:
    return path.with_name(f"{path.stem}-curve.png")


def _check_one_of(**given: object) -> None:
    named = [name for name, value in given.items() if value is not None]
    if len(named) != 1:
        raise SpecError(
            "exactly one of --attribute, --like, --discover and --prompt must be given; got "
            f"{', '.join('--' + name for name in named) or 'none'}."
        )


def _context(
    model: vaekit.Autoencoder, text: str | None, data: str, labels: domains.Labels | None
) -> Any:
    if model.context_ is None:
        return None
    return labels if text is None else read_context(text, data, model.domain_)


def _chosen(
    task: _Task,
    attribute: str | None,
    to: str | None,
    method: str,
    protect: list[str],
    like: str | None,
) -> editing.Edit:
    trained = task.model.trained_
    with console.status("finding the edit"):
        if like is not None:
            others = read_data(like, task.model.domain_)
            return editing.transfer(trained, others, task.items, unlike_context=task.context)
        return editing.find_edit(
            trained,
            task.items,
            task.labels,
            attribute=_given("--attribute", attribute),
            to=_given("--to", to),
            method=method,
            protect=protect,
            context=task.context,
        )


def _given(option: str, value: str | None) -> str:
    if value is None:
        raise SpecError(f"{option} must be given with labels; got none.")
    return value


def _write_edited(
    task: _Task, change: editing.Edit, strength: float, path: Path, data: str
) -> None:
    if path.suffix == ".png" and _draws(task.model):
        _write_strips(task, change, strength, path)
        return
    with console.status("editing"):
        edited = editing.apply_edit(task.model.trained_, task.items, change, strength, task.context)
    write_files = task.model.domain_.folder_writer(data)
    if path.suffix == "" and write_files is not None:
        write_files(edited, path)
        console.print(f"wrote {path}: {len(edited)} files", highlight=False)
    else:
        write_items(path, edited, lambda made: plots.edit_strips(made[:, None], ["edited"]))


def _write_strips(task: _Task, change: editing.Edit, strength: float, path: Path) -> None:
    """The first items, at some strengths around the chosen one."""
    some = np.arange(min(_ROWS, len(task.items)))
    items, context = take_rows(task.items, some), _rows(task.context, some)
    strengths = [0.0, *(strength * times for times in _SHOWN)]
    made = [
        np.asarray(editing.apply_edit(task.model.trained_, items, change, s, context))
        for s in strengths
    ]
    names = ["original", "reconstruction", *(f"{s:g}" for s in strengths[1:])]
    strips = np.stack([items, *made], 1)
    write_items(path, strips, lambda shown: plots.edit_strips(shown, names))


def _write_discovered(task: _Task, count: int, path: Path) -> None:
    with console.status("discovering"):
        found = editing.discover_directions(
            task.model.trained_, task.items, count, task.labels, context=task.context
        )
    for direction in found:
        console.print(direction.name, highlight=False)
    first = np.arange(1)
    one, context = take_rows(task.items, first), _rows(task.context, first)
    made = [
        [editing.apply_edit(task.model.trained_, one, d, s, context) for s in _DISCOVERED]
        for d in found
    ]
    if domains.is_frame(made[0][0]):
        write_items(path, _rows_of_directions(made, [d.name for d in found]))
        return
    shown = np.asarray([[np.asarray(each)[0] for each in row] for row in made])
    names = [f"{s:+g}" if s else "0" for s in _DISCOVERED]
    write_items(path, shown, lambda strips: plots.edit_strips(strips, names))


def _rows_of_directions(made: list[list[Any]], names: list[str]) -> Any:
    """Return rows of a table with the direction and the strength by which each was edited."""
    rows = concatenate_parts([each for row in made for each in row])
    rows.insert(0, "edit_strength", np.tile(_DISCOVERED, len(made)))
    rows.insert(0, "edit_direction", np.repeat(names, len(_DISCOVERED)))
    return rows


def _rows(context: Any, some: Any) -> Any:
    """Return the context of some items; one value stands for all."""
    return context if context is None or len(context) == 1 else take_rows(context, some)


def _write_curve(
    task: _Task,
    attribute: str | None,
    to: str | None,
    method: str,
    protect: list[str],
    path: Path,
    seed: int,
) -> None:
    with console.status("measuring the edit"):
        measured = editing.edit_curve(
            task.model.trained_,
            task.items,
            task.labels,
            attribute=_given("--attribute", attribute),
            to=_given("--to", to),
            method=method,
            protect=protect,
            context=task.context,
            seed=seed,
        )
    _print_curve(measured)
    picture = _curve_path(path)
    scores = [point.scores for point in measured.points]
    figure = plots.edit_curves(
        [point.strength for point in measured.points],
        [s.flip for s in scores],
        {name: [s.kept[name] for s in scores] for name in scores[0].kept},
        [s.identity for s in scores],
        baselines={name: (s.flip, s.identity) for name, s in measured.baselines.items()},
        title=f"{measured.attribute}: {measured.to}",
    )
    plots.save_figure(figure, picture)
    console.print(f"wrote {picture}", highlight=False)


def _print_curve(measured: editing.EditCurve) -> None:
    table = Table(title=f"{measured.attribute}: {measured.to}, {measured.items} items")
    for column in ("edit", "flip", "least kept", "distance"):
        table.add_column(column)
    named = {f"strength {p.strength:g}": p.scores for p in measured.points}
    for name, s in {**named, **measured.baselines}.items():
        table.add_row(name, f"{s.flip:.3f}", f"{s.least_kept:.3f}", f"{s.identity:.4f}")
    console.print(table)
    accuracies = ", ".join(f"{name} {share:.2f}" for name, share in measured.accuracy.items())
    console.print(f"The judge is right in: {accuracies}.", highlight=False)


def _draws(model: vaekit.Autoencoder) -> bool:
    return len(model.domain_.event_shape) == 3
