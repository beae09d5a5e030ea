"""Commands that take a data set in place of a file: a folder of shards in, a folder out."""

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, get_args

import typer

from vaekit.errors import SpecError
from vaekit.places import is_there


@dataclass(frozen=True)
class DataSetForm:
    """How a command works on a data set.

    Attributes:
        run: Its argument for the run.
        data: Its argument for the data; ``None`` of samples.
        options: Its options that hold for a data set as well.
    """

    run: str = "run"
    data: str | None = "data"
    options: Sequence[str] = ()


FORMS: Mapping[str, DataSetForm] = {
    "encode": DataSetForm(options=("std",)),
    "score": DataSetForm(options=("draws",)),
    "anomalies": DataSetForm("detector", options=("reasons",)),
    "reconstruct": DataSetForm(),
    "impute": DataSetForm(options=("estimate", "draws")),
    "predict": DataSetForm(),
    "sample": DataSetForm(
        data=None,
        options=(
            *("prior", "where", "guidance", "negative", "steps", "solver"),
            *("temperature", "top_k", "top_p", "rerank"),
        ),
    ),
}
"""The commands, which do the task of their name."""

_PANEL = "Data sets: a folder or pattern of shards, with --out FOLDER"
_ADDED = ("shard", "processes", "engine", "address", "keep", "shards")
_ROWS_OF_A_SHARD = 1_000_000


def accept_data_sets(name: str, command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of data sets, and what it does with them.

    A call is about a data set if one of these options is given, or ``--out`` is a folder: one that
    is there, or a name that ends in a slash; or if the data are a pattern, or a folder of tables.
    Any other call is of one file, and nothing of it changes.
    """
    if name not in FORMS:
        return command
    form, signature = FORMS[name], inspect.signature(command, eval_str=True)
    own = [_as_text(p) if p.name == "out" else p for p in signature.parameters.values()]
    added = [p for p in _options() if p.name != ("keep" if name == "sample" else "shards")]

    @functools.wraps(command)
    def either(*args: Any, **given: Any) -> None:
        values = inspect.signature(either).bind(*args, **given)
        values.apply_defaults()
        named = dict(values.arguments)
        asked = {p.name: named.pop(p.name) for p in added}
        if _is_data_set(form, named, asked, added):
            defaults = {p.name: p.default for p in own}
            _work(name, form, named, asked, defaults)
            return
        if named["out"] is not None:
            named["out"] = Path(named["out"])
        command(**named)

    either.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=sorted([*own, *added], key=lambda p: p.kind)
    )
    either.__annotations__ = {p.name: p.annotation for p in [*own, *added]}
    return either


def _as_text(parameter: inspect.Parameter) -> inspect.Parameter:
    """Return the option as text, as a path forgets the slash at its end."""
    kind, *rest = get_args(parameter.annotation)
    default = parameter.default
    text: Any = str if kind is Path else str | None
    return parameter.replace(
        annotation=Annotated[(text, *rest)],
        default=str(default) if isinstance(default, Path) else default,
    )


def _options() -> list[inspect.Parameter]:
    def option(name: str, kind: Any, default: Any, text: str, **more: Any) -> inspect.Parameter:
        made = typer.Option(help=text, rich_help_panel=_PANEL, **more)
        return inspect.Parameter(
            name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, made]
        )

    return [
        option(
            "shard",
            str | None,
            None,
            "i/n: only the i-th of n parts of the shards, as a job of an array does.",
        ),
        option(
            "processes",
            int | None,
            None,
            "Processes that work at a time, 1 by default; on Ray: actors, on all cores by default.",
            min=1,
        ),
        option("engine", str, "local", "local, or ray: a cluster of Ray."),
        option("address", str | None, None, "Of the cluster of Ray; else one of this machine."),
        option(
            "keep",
            list[str] | None,
            None,
            "A column of the data that the results begin with; may be repeated.",
        ),
        option("shards", int | None, None, "Files to write; one for a million by default.", min=1),
    ]


def _is_data_set(
    form: DataSetForm,
    given: Mapping[str, Any],
    asked: Mapping[str, Any],
    added: Sequence[inspect.Parameter],
) -> bool:
    if any(asked[p.name] not in (p.default, []) for p in added):
        return True
    out = given["out"]
    if out is not None and (out.endswith(("/", "\\")) or Path(out).is_dir()):
        return True
    data = None if form.data is None else given[form.data]
    if data is None or out is None:
        return False
    from vaekit.batch.shards import is_pattern

    return is_pattern(data) or (not Path(out).suffix and _holds_files(data))


def _holds_files(data: str) -> bool:
    """Return whether this is a folder of tables or arrays, which is no single file's way."""
    from vaekit.batch.shards import is_shard_file
    from vaekit.reading.tables import is_table_file

    if not is_there(data) or not Path(data).is_dir() or is_table_file(data):
        return False
    items = [item for item in Path(data).iterdir() if not item.name.startswith((".", "_"))]
    return bool(items) and all(item.is_dir() or is_shard_file(item) for item in items)


def _work(
    name: str,
    form: DataSetForm,
    given: Mapping[str, Any],
    asked: Mapping[str, Any],
    defaults: Mapping[str, Any],
) -> None:
    from vaekit.batch.data_set import process_data_set
    from vaekit.batch.scorer import Scorer
    from vaekit.batch.shards import find_shards, plan_samples
    from vaekit.console.files import console
    from vaekit.console.terminal import print_message

    _check(name, form, given, defaults)
    context = [] if given.get("context") is None else given["context"].split(",")
    options = {n: given[n] for n in form.options if given[n] not in (None, [])}
    if form.data is None and context:
        options["context"] = context
    scorer = Scorer(
        given[form.run],
        name,
        options,
        keep=asked.get("keep") or (),
        context=() if form.data is None else context,
        seed=given.get("seed", 0),
    )
    if form.data is None:
        count = asked["shards"] or -(-given["n"] // _ROWS_OF_A_SHARD)
        shards = plan_samples(given["n"], count)
    else:
        shards = find_shards(given[form.data])
    summary = process_data_set(
        scorer,
        shards,
        given["out"],
        part=asked["shard"],
        processes=asked["processes"] or (0 if asked["engine"] == "ray" else 1),
        engine=asked["engine"],
        address=asked["address"],
        force=given["force"],
        console=console,
    )
    for text, count in summary.warnings:
        print_message("warning", "bold yellow", f"{text} (in {count} shards)")
    skipped = f", {summary.skipped} were there already" if summary.skipped else ""
    rate = f" in {summary.seconds:.1f} s" if summary.written else ""
    done = f"wrote {summary.written} shards with {summary.rows:,} rows{rate} to {given['out']}"
    console.print(f"{done}{skipped}", highlight=False, soft_wrap=True)


def _check(
    name: str, form: DataSetForm, given: Mapping[str, Any], defaults: Mapping[str, Any]
) -> None:
    """Refuse what holds for one file only.

    Raises:
        SpecError: Names the option.
    """
    if given["out"] is None or given["out"] == defaults["out"]:
        raise SpecError("a data set needs --out FOLDER, for one file for each shard.")
    if given[form.run] is None:
        how = "vaekit anomalies DATA --save" if form.run == "detector" else "vaekit fit DATA"
        raise SpecError(
            f"a data set needs --{form.run}, a run that knows such data. Train one on a part of "
            f"it: {how} {form.run.upper()}."
        )
    known = {form.run, form.data, "out", "force", "context", "seed", "n", *form.options}
    if name == "reconstruct":
        known.discard("n")
    for option, value in given.items():
        if option not in known and value not in (defaults[option], None, []):
            raise SpecError(
                f"--{option.replace('_', '-')} is of single files; leave it out for a data set."
            )
