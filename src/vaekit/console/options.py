"""Command-line options made from the estimator's signature, so that the two cannot drift."""

import ast
import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from vaekit.errors import SpecError

DATA_HELP = (
    "A folder of images, or a .npz, .npy, idx .gz, .csv, .parquet, .smi or .sdf file; "
    "or a built-in data set: digits, fashion_mnist, fashion_mnist_test, shapes; tables: penguins, "
    "wine, breast_cancer, diabetes."
)

Run = Annotated[Path, typer.Argument(help="Folder written by vaekit fit.")]
Data = Annotated[str, typer.Argument(help=DATA_HELP)]
ContextOption = Annotated[
    str | None,
    typer.Option(help="For conditional models: a file, or values separated by commas."),
]

_NOT_ON_THE_COMMAND_LINE = frozenset({"encoder", "decoder", "checkpoint_dir", "progress", "domain"})
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
