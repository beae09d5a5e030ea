"""Command-line options made from the estimator's signature, and the checks of all of them."""

import ast
import functools
import inspect
import math
import re
from collections.abc import Callable, Iterable
from functools import wraps
from pathlib import Path
from typing import Annotated, Any

import typer

from vaekit.csv_text import use_raw_text
from vaekit.errors import SpecError
from vaekit.places import check_source, is_there
from vaekit.seeds import check_seed

DATA_HELP = (
    "A folder of images, or a .npz, .npy, idx .gz, .csv, .parquet, .smi or .sdf file; "
    "or a built-in data set: digits, fashion_mnist, fashion_mnist_test, shapes; tables: penguins, "
    "wine, breast_cancer, diabetes."
)

Run = Annotated[
    Path,
    typer.Argument(
        help="Folder written by vaekit fit; or hf://USER/MODEL of the hub, with @REVISION for a "
        "branch, a tag or a commit."
    ),
]
Data = Annotated[str, typer.Argument(help=DATA_HELP)]
ContextOption = Annotated[
    str | None,
    typer.Option(help="For conditional models: a file, or values separated by commas."),
]

_NOT_ON_THE_COMMAND_LINE = frozenset(
    {"callbacks", "encoder", "decoder", "checkpoint_dir", "progress", "domain"}
)
_SIMPLE = {"bool": bool, "int": int, "float": float, "str": str}


def accept_estimator_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command that takes ``**options`` one option for each argument of `Autoencoder`.

    The signature is read from the source, since importing the estimator costs seconds.
    """
    own = [
        p
        for p in inspect.signature(command, eval_str=True).parameters.values()
        if p.kind is not inspect.Parameter.VAR_KEYWORD
    ]
    signature = inspect.Signature([*own, *_estimator_options()])
    command.__signature__ = signature  # type: ignore[attr-defined]
    command.__annotations__ = {p.name: p.annotation for p in signature.parameters.values()}
    return command


DEBUG_HELP = "Of an error: show where it happened, and write a file to attach to a report."


def accept_debug(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command ``--debug``, which the handler of all exceptions looks for by itself."""
    signature = inspect.signature(command, eval_str=True)
    if "debug" in signature.parameters:
        return command

    @functools.wraps(command)
    def debugged(*args: Any, **given: Any) -> None:
        given.pop("debug", None)
        command(*args, **given)

    return _with_flag(debugged, signature, "debug", DEBUG_HELP)


def accept_raw_text(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command that writes what it read ``--raw-text``, for CSV files without apostrophes."""
    signature = inspect.signature(command, eval_str=True)
    named = signature.parameters.keys()
    if "out" not in named or "raw_text" in named or not {"data", "run"} & named:
        return command

    @functools.wraps(command)
    def writing(*args: Any, **given: Any) -> None:
        with use_raw_text(bool(given.pop("raw_text", False))):
            command(*args, **given)

    return _with_flag(writing, signature, "raw_text", _RAW_HELP)


def _with_flag(
    command: Callable[..., None], signature: inspect.Signature, name: str, text: str
) -> Callable[..., None]:
    """Return a command whose signature has one flag more."""
    flag = Annotated[bool, typer.Option(f"--{name.replace('_', '-')}", help=text)]
    kind = inspect.Parameter.KEYWORD_ONLY
    added = inspect.Parameter(name, kind, default=False, annotation=flag)
    parameters = [*signature.parameters.values(), added]
    command.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=parameters
    )
    command.__annotations__ = {p.name: p.annotation for p in parameters}
    return command


_RAW_HELP = (
    "Write text into .csv as it is, also where a spreadsheet would run it as a formula (it begins "
    "with = + - or @); else an apostrophe is put in front."
)

_READS_DATA = frozenset({"data", "training", "context", "labels"})


def accept_table_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command that reads files the options that say how tables are to be read.

    They hold for every table that the command reads; what it does not read, it does not ask.
    """
    signature = inspect.signature(command, eval_str=True)
    if not _READS_DATA & signature.parameters.keys():
        return command
    own = list(signature.parameters.values())
    added = [p for p in _table_options() if p.name not in signature.parameters]

    @functools.wraps(command)
    def reading(*args: Any, **given: Any) -> None:
        from vaekit.reading.records import use_options

        options = {p.name: given.pop(p.name) for p in added}
        options.setdefault("skip_bad", given.get("skip_bad", False))
        with use_options(_as_table_options(options)):
            command(*args, **given)

    reading.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=[*own, *added]
    )
    reading.__annotations__ = {p.name: p.annotation for p in [*own, *added]}
    return reading


def _table_options() -> list[inspect.Parameter]:
    def option(name: str, annotation: Any, default: Any) -> inspect.Parameter:
        kind = inspect.Parameter.KEYWORD_ONLY
        return inspect.Parameter(name, kind, default=default, annotation=annotation)

    panel = "How tables are read"

    def say(text: str, *names: str) -> Any:
        return typer.Option(*names, help=text, rich_help_panel=panel)

    return [
        option(
            "sep",
            Annotated[str | None, say("What stands between cells: ',', ';', '|', or tab.")],
            None,
        ),
        option("decimal", Annotated[str | None, say("What stands before decimals: . or ,")], None),
        option("encoding", Annotated[str | None, say("Of text files: utf-8, latin-1, ...")], None),
        option(
            "header",
            Annotated[
                bool | None,
                say("Whether names stand above the columns.", "--header/--no-header"),
            ],
            None,
        ),
        option(
            "column_kind",
            Annotated[
                list[str] | None,
                say(
                    "What a column is, as in zip=category: category, number, datetime, key, text.",
                    "--kind",
                ),
            ],
            None,
        ),
        option("drop", Annotated[list[str] | None, say("A column to leave out.")], None),
        option(
            "missing_values",
            Annotated[list[str] | None, say("A word that stands for nothing in any column.")],
            None,
        ),
        option(
            "day_first",
            Annotated[
                bool | None,
                say("Whether 03/04/2021 is in April or in March.", "--day-first/--month-first"),
            ],
            None,
        ),
        option(
            "skip_bad",
            Annotated[bool, say("Leave out rows with too few or too many cells.", "--skip-bad")],
            False,
        ),
    ]


def _as_table_options(given: dict[str, Any]) -> Any:
    from vaekit.reading.records import TableOptions

    options = TableOptions(
        sep=given["sep"],
        decimal=given["decimal"],
        encoding=given["encoding"],
        header=given["header"],
        kinds=_named_kinds(given["column_kind"] or []),
        drop=tuple(given["drop"] or ()),
        missing_values=tuple(given["missing_values"] or ()),
        day_first=given["day_first"],
        skip_bad=given["skip_bad"],
    )
    options.check()
    return options


def _named_kinds(pairs: list[str]) -> dict[str, str]:
    kinds = {}
    for pair in pairs:
        name, equals, kind = pair.rpartition("=")
        if not equals or not name:
            raise SpecError(f"--kind must be COLUMN=KIND, as in zip=category; got {pair!r}.")
        kinds[name] = kind
    return kinds


def _estimator_options() -> list[inspect.Parameter]:
    path = Path(__file__).parents[1] / "autoencoder.py"
    classes = [n for n in ast.parse(path.read_text("utf-8")).body if isinstance(n, ast.ClassDef)]
    estimator = next(n for n in classes if n.name == "Autoencoder")
    described = _descriptions(ast.get_docstring(estimator) or "")
    methods = [n for n in estimator.body if isinstance(n, ast.FunctionDef)]
    arguments = next(n.args for n in methods if n.name == "__init__")
    named = [*arguments.args[1:], *arguments.kwonlyargs]
    defaults = [*arguments.defaults, *arguments.kw_defaults]
    return [
        inspect.Parameter(
            argument.arg,
            inspect.Parameter.KEYWORD_ONLY,
            default=typer.Option(ast.literal_eval(default), help=described[argument.arg]),
            annotation=_simple_type(argument.annotation),
        )
        for argument, default in zip(named, defaults, strict=True)
        if argument.arg not in _NOT_ON_THE_COMMAND_LINE and default is not None
    ]


def _simple_type(hint: ast.expr | None) -> Any:
    """Return the part of a type that a word can stand for: ``str | Preset`` is a str."""
    members = [] if hint is None else [part.strip() for part in ast.unparse(hint).split("|")]
    simple: Any = next(kind for name, kind in _SIMPLE.items() if name in members)
    return simple | None if "None" in members else simple


def _descriptions(docstring: str) -> dict[str, str]:
    """Return what the estimator's docstring says of each argument."""
    section = docstring.split("Args:\n", 1)[1].split("\n\nAttributes:", 1)[0]
    entries = re.findall(r"^ {4}(\w+): (.*(?:\n {8}.*)*)", section, flags=re.MULTILINE)
    return {name: re.sub(r"\s+", " ", text).replace("``", "") for name, text in entries}


def parse_assignments(pairs: list[str]) -> dict[str, Any]:
    """``["beta=4.5", "k=8", "family=normal"]`` to a dictionary of numbers and words.

    Raises:
        SpecError: A pair without ``=``, or without anything after it.

    Example:
        >>> parse_assignments(["beta=0.5", "k=8", "gradient=path"])
        {'beta': 0.5, 'k': 8, 'gradient': 'path'}
    """
    return dict(_assignment(pair) for pair in pairs)


def _assignment(pair: str) -> tuple[str, int | float | str]:
    name, _, value = pair.partition("=")
    if not name or not value:
        raise SpecError(f"a preset option must be NAME=VALUE, as in beta=4; got {pair!r}.")
    if re.fullmatch(r"[+-]?\d+", value):
        return name, int(value)
    try:
        return name, float(value)
    except ValueError:
        return name, value


MOST_COUNT = 2**31 - 1
"""The largest whole number that an option takes, seeds apart."""


def checking_values(command: Callable[..., Any]) -> Callable[..., Any]:
    """Return a command that looks at its options before it does anything.

    Seeds are seeds, whole numbers are below 2**31, other numbers are finite, and no path is a pipe,
    a device or a link to nothing.
    """

    @wraps(command)
    def checked(*args: Any, **options: Any) -> Any:
        given = inspect.signature(command).bind_partial(*args, **options).arguments
        named = {**given, **given.get("options", {})} if "options" in given else given
        for name, value in named.items():
            for each in _each(value):
                _check(name, each)
        return command(*args, **options)

    return checked


def _each(value: Any) -> Iterable[Any]:
    return value if isinstance(value, list | tuple) else [value]


def _check(name: str, value: Any) -> None:
    option = f"--{name.replace('_', '-')}"
    if name == "seed" and value is not None:
        check_seed(value, option)
    elif isinstance(value, float) and not math.isfinite(value):
        raise SpecError(f"{option} must be a finite number; got {value}. Name one.")
    elif isinstance(value, int) and not isinstance(value, bool) and abs(value) > MOST_COUNT:
        raise SpecError(
            f"{option} must be at most {MOST_COUNT}; got {str(value)[:40]}. Take a smaller number."
        )
    elif isinstance(value, Path) or (isinstance(value, str) and is_there(value)):
        check_source(value)  # other words need be no paths
