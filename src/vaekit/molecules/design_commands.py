"""``vaekit optimize``."""

from __future__ import annotations

import importlib.util
import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.progress import (
    Progress as Bar,
)
from rich.table import Table

from vaekit import fitting, molecules, storage
from vaekit.console.files import console, read_context, write_frame
from vaekit.console.options import ContextOption
from vaekit.console.outputs import ForceOption, check_outputs
from vaekit.errors import SpecError, unknown_name
from vaekit.files import atomic_write
from vaekit.molecules import design


def read_objectives(
    highest: list[str] | None,
    lowest: list[str] | None,
    ranges: list[str] | None,
    oracles: list[str] | None,
    lowest_oracles: list[str] | None,
    takes_list: bool,
    seconds: float | None,
    trained: fitting.TrainedModel,
    context: Any = None,
) -> list[design.DesignObjective]:
    """Return all objectives of a command line.

    A name is that of a property, or of a column of the user's that the model was taught.

    Raises:
        SpecError: None, an unknown property, or words that are no ends.
    """

    def what(name: str) -> str | design.MoleculeMeasure:
        return _asked(name, trained, context)

    found = [_towards(design.maximize, text, what) for text in highest or []]
    found += [_towards(design.minimize, text, what) for text in lowest or []]
    found += [_within(text, what) for text in ranges or []]
    for make, texts in ((design.maximize, oracles), (design.minimize, lowest_oracles)):
        for text in texts or []:
            name = text.rpartition(":")[2]
            found.append(make(_measure(load_function(text), takes_list, seconds), name=name))
    if not found:
        raise SpecError(
            "there must be something to search for: --maximize qed, --minimize sa, --range "
            "logp=2..3, or --oracle file.py:function."
        )
    return found


def _measure(
    function: Callable[..., Any], takes_list: bool, seconds: float | None
) -> design.MoleculeMeasure:
    if seconds is not None and not seconds > 0:
        raise SpecError(f"--timeout must be above 0; got {seconds}.")
    return (
        design.ListMeasure(function, seconds)
        if takes_list
        else design.EachMeasure(function, seconds)
    )


def _asked(name: str, trained: fitting.TrainedModel, context: Any) -> str | design.MoleculeMeasure:
    scales = trained.domain.scales if isinstance(trained.domain, molecules.MoleculeDomain) else None
    own = () if scales is None else [n for n in scales.own if n not in scales.class_names]
    if name in own:
        return design.Predicted(trained, name, context)
    if name not in molecules.PROPERTIES:
        raise unknown_name("property", name, [*own, *molecules.PROPERTIES])
    return name


def _towards(
    make: Callable[..., design.DesignObjective],
    text: str,
    what: Callable[[str], str | design.MoleculeMeasure],
) -> design.DesignObjective:
    name, ends = _parsed(text)
    if len(ends) == 1:
        raise SpecError(f"what is worst and best enough must be NAME=LOW..HIGH; got {text!r}.")
    worst, best = (ends if make is design.maximize else ends[::-1]) or (None, None)
    return make(what(name), worst, best)


def _within(
    text: str, what: Callable[[str], str | design.MoleculeMeasure]
) -> design.DesignObjective:
    name, ends = _parsed(text)
    if not ends:
        raise SpecError(f"--range must be NAME=LOW..HIGH or NAME=TARGET; got {text!r}.")
    return design.within(what(name), ends[0], ends[-1])


def read_bounds(texts: list[str] | None) -> list[design.Bounded]:
    """``["mw=200..500"]`` to constraints; an end may be left out.

    Example:
        >>> [rule.words for rule in read_bounds(["mw=..500"])]
        ['mw from -inf to 500']
    """
    return [_bounded(text) for text in texts or []]


def _bounded(text: str) -> design.Bounded:
    name, _, ends = text.partition("=")
    low, dots, high = ends.partition("..")
    if not dots or not (low or high):
        raise SpecError(f"--bound must be NAME=LOW..HIGH, NAME=LOW.. or NAME=..HIGH; got {text!r}.")
    return design.Bounded(
        name,
        _number(low, text) if low else -float("inf"),
        _number(high, text) if high else float("inf"),
    )


def _parsed(text: str) -> tuple[str, list[float]]:
    """Name, and no number, one, or two."""
    name, equals, ends = text.partition("=")
    return name, [_number(end, text) for end in ends.split("..", 1)] if equals else []


def _number(text: str, whole: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise SpecError(
            f"the ends of a range must be numbers, as in logp=2..3; got {whole!r}."
        ) from None


def load_function(text: str) -> Callable[..., Any]:
    """Run a Python file of the user's own, and take a function from it.

    Other files in its folder can be imported by it.

    Args:
        text: ``"file.py:function"``.

    Raises:
        SpecError: No such file or function, or the file fails.
    """
    path, colon, name = text.rpartition(":")
    if not colon or not Path(path).is_file():
        raise SpecError(f"--oracle must be FILE.py:FUNCTION of a file that exists; got {text!r}.")
    spec = importlib.util.spec_from_file_location("vaekit_oracle", path)
    if spec is None or spec.loader is None:
        raise SpecError(f"--oracle must name a Python file that ends in .py; got {path!r}.")
    module = importlib.util.module_from_spec(spec)
    sys.modules["vaekit_oracle"] = module  # so that its dataclasses find themselves
    sys.path.append(str(Path(path).parent.resolve()))  # and its neighbours are found
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise SpecError(f"{path} must run; it raised {type(error).__name__}: {error}.") from error
    function: Any = getattr(module, name, None)
    if not callable(function):
        own = [
            other
            for other, value in vars(module).items()
            if inspect.isfunction(value) and value.__module__ == module.__name__
        ]
        raise SpecError(f"{path} must have a function {name!r}; it has {', '.join(own) or 'none'}.")
    return function  # type: ignore[no-any-return]


_SHOWN = 10


def optimize(
    run: Annotated[Path, typer.Argument(help="Folder of a model of molecules.")],
    maximize: Annotated[
        list[str] | None,
        typer.Option(
            "--maximize",
            "--maximise",
            help="A property, as qed, or a column that the model was taught; qed=.3..1 says what "
            "is worst and best enough.",
        ),
    ] = None,
    minimize: Annotated[
        list[str] | None,
        typer.Option("--minimize", "--minimise", help="The same, for less of it."),
    ] = None,
    range_: Annotated[
        list[str] | None, typer.Option("--range", help="A range or target: logp=2..3, mw=350.")
    ] = None,
    oracle: Annotated[
        list[str] | None,
        typer.Option(
            help="Your own function of a SMILES, to maximize: file.py:function. The file is run."
        ),
    ] = None,
    minimize_oracle: Annotated[
        list[str] | None,
        typer.Option(
            "--minimize-oracle", "--minimise-oracle", help="Your own function, to minimize."
        ),
    ] = None,
    takes_list: Annotated[
        bool, typer.Option("--takes-list", help="Your functions take a list of SMILES.")
    ] = False,
    timeout: Annotated[
        float | None, typer.Option(help="Seconds that your function may take for a molecule.")
    ] = None,
    start: Annotated[
        Path | None,
        typer.Option(help="Molecules to begin with: .smi, .csv or .sdf, each also as .gz."),
    ] = None,
    context: ContextOption = None,
    like: Annotated[str | None, typer.Option(help="A lead, as SMILES, to stay similar to.")] = None,
    similarity: Annotated[
        float, typer.Option(help="Tanimoto similarity to the lead, at least.")
    ] = 0.4,
    keep: Annotated[
        list[str] | None, typer.Option(help="SMARTS that must stay; may be repeated.")
    ] = None,
    forbid: Annotated[
        list[str] | None, typer.Option(help="SMARTS that must not be there; may be repeated.")
    ] = None,
    bound: Annotated[
        list[str] | None, typer.Option(help="A property that must stay in a range: mw=200..500.")
    ] = None,
    no_alerts: Annotated[
        bool, typer.Option("--no-alerts", help="No structural alert is allowed.")
    ] = False,
    budget: Annotated[int, typer.Option(min=1, help="Different molecules to ask about.")] = 1000,
    method: Annotated[str, typer.Option(help="auto, or a name that the guide explains.")] = "auto",
    combine: Annotated[
        str, typer.Option(help="How several objectives make a score: product or mean.")
    ] = "product",
    baselines: Annotated[
        bool,
        typer.Option(
            "--baselines", help="Also run random samples and local noise, at the same budget."
        ),
    ] = False,
    out: Annotated[
        Path, typer.Option("--out", "-o", help="File to write: .csv or .parquet.")
    ] = Path("designed.csv"),
    report: Annotated[
        Path | None, typer.Option(help="Page to write (.html), with drawings.")
    ] = None,
    grid: Annotated[
        Path | None, typer.Option(help="Drawing of the best 30: .png, .svg or .html.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of everything random.")] = 0,
    force: ForceOption = False,
) -> None:
    """Search for molecules with desired properties.

    Properties are those that vaekit computes (qed, sa, logp, mw, tpsa and more), columns of yours
    that the model was taught (it predicts them), or numbers of a function of your own, in a Python
    file that you name and that is run. The budget counts different molecules. Ctrl-C ends the
    search, and what was found until then is written.

    Examples:

    vaekit optimize runs/drugs --maximize qed --range logp=2..3 --start drugs.smi

    vaekit optimize runs/drugs --like "CC(=O)Oc1ccccc1C(=O)O" --similarity 0.4 --maximize qed

    vaekit optimize runs/assay --maximize activity --range logp=1..3 --start assay.csv

    vaekit optimize runs/drugs --oracle dock.py:score --timeout 60 --budget 500 --start drugs.smi

    vaekit optimize runs/drugs --maximize qed --keep "c1ccccc1" --forbid "[N+](=O)[O-]"
    --bound mw=200..450 --no-alerts --baselines --out best.csv --report page.html --grid best.png
    """
    _check_endings(out, report, grid)
    own = [text.rpartition(":")[0] for text in (*(oracle or ()), *(minimize_oracle or ()))]
    outputs = {"--out": out, "--report": report, "--grid": grid}
    check_outputs(outputs, (run, start, context, *own), force=force)
    rules = _constraints(like, similarity, keep, forbid, bound, no_alerts)
    trained, given = storage.load_model(run).trained_, read_context(context)
    objectives = read_objectives(
        maximize,
        minimize,
        range_,
        oracle,
        minimize_oracle,
        takes_list,
        timeout,
        trained,
        given,
    )
    with _bar() as watch:
        result = design.optimize(
            trained,
            objectives,
            start=start,
            constraints=rules,
            context=given,
            budget=budget,
            method=method,
            combine=combine,
            baselines=baselines,
            seed=seed,
            watch=watch,
        )
    rows = design.table(result)
    _print(result, rows)
    if like is not None:
        lead = molecules.measure_applicability(trained, [like], given)
        console.print(lead.remark("the lead"), highlight=False)
    write_frame(out, rows)
    if report is not None:
        atomic_write(report, design.design_page(result))
        console.print(f"wrote {report}", highlight=False)
    if grid is not None:
        design.draw_best(result).save(grid, "Designed molecules")
        console.print(f"wrote {grid}", highlight=False)


def _check_endings(out: Path, report: Path | None, grid: Path | None) -> None:
    """Before anything is searched."""
    if out.suffix not in (".csv", ".parquet"):
        raise SpecError(f"--out must end in .csv or .parquet; got {str(out)!r}.")
    if report is not None and report.suffix != ".html":
        raise SpecError(f"--report must end in .html; got {str(report)!r}.")
    if grid is not None:
        molecules.check_grid_path(grid)


def _constraints(
    like: str | None,
    similarity: float,
    keep: list[str] | None,
    forbid: list[str] | None,
    bound: list[str] | None,
    no_alerts: bool,
) -> list[design.DesignConstraint]:
    rules: list[design.DesignConstraint] = (
        [] if like is None else [design.Similar(like, similarity)]
    )
    rules += [design.Keeps(smarts) for smarts in keep or []]
    rules += [design.Lacks(smarts) for smarts in forbid or []]
    rules += read_bounds(bound)
    return [*rules, design.NoAlerts()] if no_alerts else rules


@contextmanager
def _bar() -> Iterator[Callable[[design.Progress], None]]:
    """Yield a bar for each method, with the best score so far."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("best {task.fields[best]:.4g}"),
        TextColumn("{task.fields[failed]}"),
        TimeRemainingColumn(),
    )
    with Bar(*columns, console=console) as bar:
        lines: dict[str, Any] = {}

        def watch(now: design.Progress) -> None:
            if now.method not in lines:
                lines[now.method] = bar.add_task(
                    now.method, total=now.budget, best=now.best, failed=""
                )
            failed = f"{now.failed} failed" if now.failed else ""
            bar.update(lines[now.method], completed=now.calls, best=now.best, failed=failed)

        yield watch


def _print(result: design.Optimization, rows: Any) -> None:
    beside = Table("molecules of", "calls", "best", "mean of ten best", "area")
    for each in result.summaries:
        numbers = (each.best, each.top10, each.area)
        cells = ["" if number != number else f"{number:.4g}" for number in numbers]  # noqa: PLR0124
        beside.add_row(each.name, str(each.calls or "none"), *cells)
    columns = result.value_columns
    best = Table("rank", *columns, "flags, alerts", "smiles", title=result.goal.words)
    for _, row in rows.head(_SHOWN).iterrows():
        known = "" if row["round_trip"] else "not given back"
        signs = "; ".join(filter(None, (known, row["flags"], row["alerts"])))
        best.add_row(
            str(row["rank"]), *(f"{row[n]:.4g}" for n in columns.values()), signs, row["smiles"]
        )
    console.print(best)
    console.print(beside)
    if any(isinstance(each.measure, design.Predicted) for each in result.goal.objectives):
        console.print("Predictions are the model's: measure the best before you believe them.")
    given_back = int(rows["round_trip"].sum())
    console.print(
        f"The model gives {given_back} of {len(rows)} back exactly; of others it knows less.",
        highlight=False,
    )
    if result.starts.given:
        console.print(result.starts.words, highlight=False)
    if result.failures:
        last = result.failures[-1]
        console.print(
            f"{len(result.failures)} calls without a value, the last {last.smiles}: {last.reason}",
            highlight=False,
            markup=False,
        )
    if result.found.stopped != "budget":
        console.print(f"stopped before the budget was spent: {result.found.stopped}")
