"""What commands may write over: never what they read, and files only when told to."""

from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from pathlib import Path
from typing import Annotated, Any

import typer

from vaekit.errors import SaveError
from vaekit.files import expanded_path
from vaekit.places import check_replaceable, check_target, is_hub_name, is_there

ForceOption = Annotated[bool, typer.Option("--force", help="Replace files that are there already.")]

_RUN = "model.json"
_PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff")


def default_output(run: Path, ending: str) -> Path:
    """Return a name beside a run, that of the run and an ending; of the hub one in this folder.

    Example:
        >>> default_output(Path("runs/mine"), "scores.csv").as_posix()
        'runs/mine-scores.csv'
        >>> default_output(Path("hf://mary/digits@v1"), "scores.csv").as_posix()
        'digits-scores.csv'
    """
    if not is_hub_name(run):
        return run.with_name(f"{run.name}-{ending}")
    from vaekit.storage.loading import run_name

    return Path(f"{run_name(run)}-{ending}")


def within_run(run: Path, name: str) -> Path:
    """Return a name in a run; of the hub, where nothing can be written, one as of `default_output`.

    Example:
        >>> within_run(Path("runs/mine"), "clusters").as_posix()
        'runs/mine/clusters'
    """
    return default_output(run, name) if is_hub_name(run) else run / name


def check_outputs(
    outputs: Mapping[str, Path | None],
    inputs: Iterable[str | Path | None],
    *,
    force: bool = False,
) -> None:
    """Refuse files to write that are read, or that are there; worth asking before the work.

    Args:
        outputs: The files, by the option that names each; ``None`` is not written.
        inputs: What the command reads: files, folders or runs. Other words, names of built-in
            data for instance, are no paths and do not count.
        force: Whether files that are there may be replaced. What is read may never be.

    Raises:
        SaveError: An output is an input, lies among the files of one, is a folder, is there
            already, or is named twice.
    """
    read = _existing(inputs)
    taken: dict[Path, str] = {}
    for option, named in outputs.items():
        if named is None:
            continue
        check_target(option, expanded_path(named))
        path = expanded_path(named).resolve()
        if path in taken:
            raise SaveError(
                f"{taken[path]} and {option} must be different files; got {named} for both. "
                "Choose another name."
            )
        taken[path] = option
        for place in read:
            _check_input(option, path, place)
        if path.is_dir():
            raise SaveError(f"{option} must be a file; {named} is a folder. Name a file in it.")
        if path.exists() and not force:
            raise SaveError(
                f"{option} must be a new file; {named} is there already and would be lost. Choose "
                "another name, or add --force to replace it."
            )


def check_output_folder(option: str, folder: Path, inputs: Iterable[str | Path | None]) -> None:
    """Refuse a folder to write whole that holds what is read.

    Raises:
        SaveError: It is an input, or one lies in it.
    """
    check_target(option, expanded_path(folder))
    check_replaceable(option, expanded_path(folder))
    path = expanded_path(folder).resolve()
    if path.is_file():
        raise SaveError(f"{option} must be a folder; {folder} is a file. Choose another name.")
    for place in _existing(inputs):
        if place == path or path in place.parents:
            raise _of_input(option, path, place)


def check_picture_folder(
    option: str, folder: Path, inputs: Iterable[str | Path | None], *, force: bool
) -> None:
    """Refuse a folder for images that is read, or that holds anything.

    Args:
        option: The option that names it.
        folder: The folder, which is replaced whole.
        inputs: As of `check_outputs`.
        force: Whether images that are there may be replaced; anything else may never be.

    Raises:
        SaveError: It holds something.
    """
    check_output_folder(option, folder, inputs)
    path = expanded_path(folder)
    held = [item for item in path.rglob("*") if item.is_file()] if path.is_dir() else []
    other = next((item for item in held if item.suffix.lower() not in _PICTURES), None)
    if other is not None:
        raise SaveError(
            f"{option} must be a new folder, or one of images only; {folder} also holds "
            f"{other.relative_to(path)}, which would be lost. Choose another name."
        )
    if held and not force:
        raise SaveError(
            f"{option} must be a new folder; {folder} holds {len(held)} images, which would be "
            "lost. Choose another name, or add --force to replace them."
        )


def _existing(inputs: Iterable[str | Path | None]) -> list[Path]:
    paths = [expanded_path(named) for named in inputs if named is not None and str(named)]
    return [path.resolve() for path in paths if is_there(path)]


def _check_input(option: str, path: Path, place: Path) -> None:
    if path == place or (path.exists() and path.samefile(place)):
        raise _of_input(option, path, place)
    if not path.is_file() or place not in path.parents:
        return
    # A run may hold files of the user's besides its own; of a folder of data every file is read.
    if not (place / _RUN).is_file() or path.name in _files_of_run(place):
        raise _of_input(option, path, place)


def _files_of_run(run: Path) -> set[str]:
    endings = (".json", ".safetensors")
    return {item.name for item in run.iterdir() if item.suffix in endings} | {"history.csv"}


def _of_input(option: str, path: Path, place: Path) -> SaveError:
    what = "it is read" if path == place else f"{place} is read"
    return SaveError(
        f"{option} must not be what the command reads; got {path}, and {what}. Choose another "
        "name: not even --force replaces it."
    )


def expanding_home(command: Callable[..., Any]) -> Callable[..., Any]:
    """Return a command whose paths may begin with ``~``, also where a shell leaves that as it is.

    A shell reads ``--out ~/a.csv``, and not ``--out=~/a.csv`` or what stands in quotes.
    """

    @wraps(command)
    def expanded(*args: Any, **options: Any) -> Any:
        return command(*map(_expanded, args), **{k: _expanded(v) for k, v in options.items()})

    return expanded


def _expanded(value: Any) -> Any:
    if isinstance(value, Path):
        return expanded_path(value)
    if isinstance(value, str) and value.startswith(("~/", "~\\")):
        return str(expanded_path(value))
    return [_expanded(each) for each in value] if isinstance(value, list) else value
