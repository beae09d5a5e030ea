"""``vaekit tune``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from vaekit import domains, presets, tuning
from vaekit.console.files import console, read_context, read_data
from vaekit.console.options import DATA_HELP, parse_assignments
from vaekit.console.outputs import check_output_folder
from vaekit.console.terminal import saying_how_far

_SHOWN = 5


def tune(
    data: Annotated[str, typer.Argument(help=DATA_HELP)],
    trials: Annotated[
        int, typer.Option(min=1, help="How many there are to be in the folder.")
    ] = 50,
    minutes: Annotated[float, typer.Option(help="The time of this call, all included.")] = 30.0,
    out: Annotated[
        Path, typer.Option(help="Folder of the search; the same one again goes on with it.")
    ] = Path("tuning"),
    objective: Annotated[
        list[str] | None,
        typer.Option(
            help="A measure of vaekit evaluate: log-likelihood, C2ST, FCD, 'Frechet distance, "
            "samples' and so on, or 'NAME=min', 'NAME=max'; several are traded off. By default "
            "what suits the data."
        ),
    ] = None,
    models: Annotated[
        str,
        typer.Option(
            help="Presets to choose from, with commas between; the first is the default, and auto "
            "what suits the data."
        ),
    ] = "auto",
    space: Annotated[
        Path | None,
        typer.Option(help="What is searched, in a .toml or .json file; else what suits the model."),
    ] = None,
    option: Annotated[
        list[str] | None,
        typer.Option(help="Option of vaekit fit that all trials share, as in --option steps=500."),
    ] = None,
    processes: Annotated[int, typer.Option(min=1, help="How many to start on this machine.")] = 1,
    context: Annotated[
        str | None, typer.Option(help="Labels or properties to condition on, as of vaekit fit.")
    ] = None,
    kind: Annotated[
        str, typer.Option("--domain", help="What the data are, as of vaekit fit.")
    ] = "auto",
    size: Annotated[
        str | None, typer.Option(help="Scale and crop image files to 64, or 48x64.")
    ] = None,
    held_out: Annotated[
        float, typer.Option(help="Share of the data by which trials are judged.")
    ] = 0.2,
    trial_minutes: Annotated[
        float | None,
        typer.Option(help="Longest training of a trial; by default twice its even share."),
    ] = None,
    pruner: Annotated[
        str, typer.Option(help="How poor trials are found early: median, hyperband or none.")
    ] = "median",
    refit: Annotated[
        bool, typer.Option(help="Fit the best anew to all data, those held out included.")
    ] = True,
    seed: Annotated[int, typer.Option(min=0, help="Seed of everything random.")] = 0,
) -> None:
    """Search for the options that suit your data; the best model is the run OUT/best.

    Models are judged by data that none of them is trained on; keep test data out of DATA
    altogether. The first trial is the default, poor trials are given up early, and OUT/index.html
    shows all of them. Ctrl-C loses nothing: the same command goes on, and at the same time on other
    machines with the same disk it helps.

    Examples:

    vaekit tune table.csv --trials 50 --minutes 30 --out tuned

    vaekit tune table.csv --objective C2ST --objective ELBO --processes 4

    vaekit tune photos/ --size 64 --models image_vae,sigma_vae --minutes 240

    vaekit tune table.csv --space space.toml --trial-minutes 2
    """
    check_output_folder("--out", out, (data, context, space))
    from vaekit.tuning.search import check_tuning_folder  # which imports what takes seconds

    check_tuning_folder(out)
    chosen = [name for name in models.split(",") if name]
    for name in chosen:
        if name != "auto":
            presets.get_preset(name)  # an unknown one is named before the data are read
    goals = objective or ["auto"]
    for goal in goals:
        if goal != "auto":
            tuning.Objective.of(goal)
    tuning.read_space(space)
    domain, found = domains.infer_and_read(data if Path(data).exists() else read_data(data), kind)
    domain = domain.with_options(domains.ReadOptions(size)).with_source(data)
    asked = read_context(context, data, domain, must=True)
    items = read_data(data, domain) if found is data else domain.read(found)
    result = _search(
        out,
        items,
        asked,
        trials=trials,
        minutes=minutes,
        objective=goals,
        presets=chosen,
        space=space,
        out=out,
        processes=processes,
        domain=domain,
        held_out=held_out,
        trial_minutes=trial_minutes,
        pruner=pruner,
        refit=refit,
        options=parse_assignments(option or []),
        seed=seed,
    )
    _print(result)
    console.print(f"Open {out / 'index.html'} in a browser.", highlight=False)
    if result.best_number is not None:
        console.print(f"Next: vaekit sample {out / 'best'}", highlight=False)


def _search(folder: Path, items: Any, context: Any, **options: Any) -> tuning.TuningResult:
    def watch(done: int, of: int, news: str) -> None:
        status.update(f"{done} of {of} trials are over; {news}")

    def how_far() -> str:
        return f"All trials that are over are in {folder}: the same command goes on with them."

    with saying_how_far(how_far), console.status("preparing") as status:
        return tuning.tune(items, context, **options, watch=watch)


def _print(found: tuning.TuningResult) -> None:
    names = [objective.name for objective in found.objectives]
    table = Table("trial", *names, "parameters", title="the best trials", title_justify="left")
    complete = found.trials[found.trials["state"] == "complete"]
    upward = found.objectives[0].direction == "minimize"
    for _, row in complete.sort_values(names[0], ascending=upward).head(_SHOWN).iterrows():
        params = {
            str(name).removeprefix("param "): value
            for name, value in row.dropna().items()
            if str(name).startswith("param ")
        }
        shown = ", ".join(f"{name}={_short(value)}" for name, value in params.items())
        values = [f"{row[name]:.5g}" for name in names]
        table.add_row(str(row["number"]), *values, shown or "the default")
    console.print(table)
    from vaekit.tuning.report import summarize

    for sentence in summarize(found):
        console.print(f"- {sentence}", highlight=False, markup=False)


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
