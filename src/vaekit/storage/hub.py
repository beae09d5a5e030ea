"""Runs on the hub of models, ``hf://user/model``: names, fetching, and what goes wrong."""

import importlib.metadata
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from vaekit.errors import HubError, MissingExtraError, SpecError, VaekitError
from vaekit.registry import names

_SHOWN = ("history.csv", "training.png")
_NEEDED = ("model.json", "model.safetensors", "domain.json", "train.json")
_WORD = r"(?!.*(?:--|\.\.))[A-Za-z0-9](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9_])?"
_REPO = re.compile(rf"({_WORD})/({_WORD})")
_REVISION = re.compile(r"(?!.*(?:\.\.|//|/$|\.lock$))[A-Za-z0-9_][A-Za-z0-9_./+-]{0,254}")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_TRANSPORTS = frozenset({"httpx", "httpx2", "httpcore", "requests", "urllib3"})


@dataclass(frozen=True)
class HubName:
    """The name of a run on the hub.

    Attributes:
        repo: Its repository, ``"user/model"``.
        revision: A branch, a tag or a commit; ``None`` for the latest of the main branch.
    """

    repo: str
    revision: str | None = None

    @classmethod
    def parse(cls, text: str | Path) -> "HubName":
        """Return what ``hf://user/model`` or ``hf://user/model@revision`` names.

        Raises:
            SpecError: It is of another form.

        Example:
            >>> HubName.parse("hf://mary/digits@v1")
            HubName(repo='mary/digits', revision='v1')
        """
        words = re.sub(r"^hf:/{0,2}", "", Path(text).as_posix())  # a Path has one slash of the two
        repo, sign, revision = words.partition("@")
        if not _REPO.fullmatch(repo) or (sign and not _REVISION.fullmatch(revision)):
            raise SpecError(
                "a run of the hub must be named hf://USER/MODEL or hf://USER/MODEL@REVISION (a "
                f"branch, a tag or a commit); got {str(text)!r}. Look at the name."
            )
        return cls(repo, revision or None)

    @property
    def is_commit(self) -> bool:
        """Whether it names one state for ever."""
        return self.revision is not None and _COMMIT.fullmatch(self.revision) is not None

    @property
    def model(self) -> str:
        """The name without its user."""
        return self.repo.partition("/")[2]

    def __str__(self) -> str:
        return f"hf://{self.repo}" + (f"@{self.revision}" if self.revision else "")


def check_repository(text: str) -> str:
    """Return the repository that a text names, with or without ``hf://`` in front.

    Raises:
        SpecError: It is of another form, or has a revision.

    Example:
        >>> check_repository("mary/digits")
        'mary/digits'
    """
    repo = str(text).removeprefix("hf://")
    if not _REPO.fullmatch(repo):
        raise SpecError(
            f"a repository of the hub must be named USER/MODEL; got {text!r}. Look at the name; a "
            "branch is an option of its own."
        )
    return repo


def run_files() -> list[str]:
    """Return the names of all files that a run may have on the hub, those of plug-ins among them.

    Example:
        >>> "model.safetensors" in run_files(), "checkpoint.safetensors" in run_files()
        (True, False)
    """
    kinds = [f"{kind}.{end}" for kind in names("stored") for end in ("json", "safetensors")]
    return list(dict.fromkeys([*_NEEDED, *kinds, *_SHOWN]))


def fetch_run(name: HubName) -> tuple[Path, HubName]:
    """Download a run into the cache of huggingface_hub, or find it there.

    Only files that vaekit writes are fetched. A commit that is in the cache is not asked for
    again; with ``HF_HUB_OFFLINE=1`` nothing is.

    Returns:
        The folder, and the name with the commit.

    Raises:
        HubError: There is no such repository or revision, it is no run, or the hub cannot be
            reached.
        MissingExtraError: The extra ``hub`` is not installed.
    """
    library = hub_library()
    with hub_errors(name):
        folder = _cached(library, name)
        if folder is None:
            folder = _downloaded(library, name)
    return folder, replace(name, revision=folder.name)


def _cached(library: Any, name: HubName) -> Path | None:
    """Return the folder in the cache, where that is all there is to look at, or enough."""
    is_offline = library.is_offline_mode()
    if not is_offline and not name.is_commit:
        return None
    try:
        found = library.snapshot_download(
            name.repo,
            revision=name.revision,
            allow_patterns=run_files(),
            local_files_only=True,
        )
    except library.errors.LocalEntryNotFoundError:
        found = None
    folder = None if found is None else Path(found)
    if folder is not None and (folder / "model.json").exists():  # which is fetched last
        return folder
    if is_offline:
        raise HubError(
            f"{name} must be in the cache while HF_HUB_OFFLINE is set; it is not. Load it once "
            "without HF_HUB_OFFLINE."
        )
    return None


def _downloaded(library: Any, name: HubName) -> Path:
    api = hub_api()
    found = api.model_info(name.repo, revision=name.revision)
    there = {sibling.rfilename for sibling in found.siblings or ()}
    missing = [file for file in _NEEDED if file not in there]
    if missing:
        raise HubError(
            f"{name} must be a run of vaekit, with {', '.join(_NEEDED)}; it lacks "
            f"{', '.join(missing)}. Look at the name: models of other libraries cannot be loaded."
        )
    # The ref of a branch is kept for the use without a network; model.json comes last, so that
    # what was interrupted is no run.
    first, *others = run_files()
    agent = _agent()
    folder = library.snapshot_download(
        name.repo, revision=name.revision, allow_patterns=others, **agent
    )
    commit = Path(folder).name
    library.hf_hub_download(name.repo, first, revision=commit, **agent)
    return Path(folder)


def hub_library() -> Any:
    """Import and return huggingface_hub.

    Raises:
        MissingExtraError: It is not installed.
    """
    try:
        import huggingface_hub
        import huggingface_hub.errors
    except ImportError as error:
        raise MissingExtraError(
            "names of the hub (hf://...) need huggingface_hub: pip install 'vaekit[hub]'."
        ) from error
    return huggingface_hub


def hub_api(token: str | None = None) -> Any:
    """Return the interface to the hub, which says that vaekit calls."""
    return hub_library().HfApi(token=token, **_agent())


def _agent() -> dict[str, str]:
    return {"library_name": "vaekit", "library_version": importlib.metadata.version("vaekit")}


@contextmanager
def hub_errors(name: HubName) -> Iterator[None]:
    """Within the block, whatever the hub or the way to it refuses is a `HubError`.

    Args:
        name: What is asked for, as errors call it.

    Raises:
        HubError: Says what to do.
    """
    errors = hub_library().errors
    try:
        yield
    except VaekitError:
        raise
    except Exception as error:
        told = next((t for each in _chain(error) if (t := _explanation(each, errors, name))), None)
        if told is None:
            raise
        raise HubError(told) from error


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and what it came from: huggingface_hub wraps those of its threads."""
    while error is not None:
        yield error
        error = error.__cause__


def _explanation(error: BaseException, errors: Any, name: HubName) -> str | None:
    """Return what to say of an error; ``None`` of one that is none of the hub."""
    for kind, text in _by_kind(errors):
        if isinstance(error, kind):
            return text.format(name=name, repo=name.repo, revision=name.revision or "main")
    if isinstance(error, errors.HfHubHTTPError):
        status = getattr(getattr(error, "response", None), "status_code", "no status")
        if status in (401, 403):
            return _FORBIDDEN.format(name=name)
        said = getattr(error, "server_message", None) or "no reason given"
        return f"the hub must accept the request for {name}; got {status}: {said}. Try again later."
    if _is_of_the_network(error):
        return (
            f"the hub must be reached for {name}; got {type(error).__name__}: {error}. Look at the "
            "network, or take what is in the cache by HF_HUB_OFFLINE=1."
        )
    return None


_LOGIN = "log in (hf auth login), or set HF_TOKEN to a token with the right to it"
_FORBIDDEN = "{name} must be open to you; the hub refuses it. " + _LOGIN.capitalize() + "."


def _by_kind(errors: Any) -> Sequence[tuple[type[Exception], str]]:
    return (
        (
            errors.GatedRepoError,
            "{name} must be open to you; its owner asks for consent first. Give it on the page of "
            "{repo}, and " + _LOGIN + ".",
        ),
        (
            errors.RepositoryNotFoundError,
            "{name} must be a repository that is there and open to you; the hub shows none. Look "
            "at the name; if it is private, " + _LOGIN + ".",
        ),
        (
            errors.RevisionNotFoundError,
            "{revision!r} must be a branch, a tag or a commit of {repo}; it is none. Look at the "
            "revision.",
        ),
        (
            errors.LocalEntryNotFoundError,
            "{name} must be in the cache, or the hub be reached; neither is so. Look at the "
            "network.",
        ),
        (
            errors.OfflineModeIsEnabled,
            "the hub must be reached for {name}; HF_HUB_OFFLINE forbids it. Unset it.",
        ),
    )


def _is_of_the_network(error: BaseException) -> bool:
    packages = {kind.__module__.partition(".")[0] for kind in type(error).__mro__}
    return bool(packages & _TRANSPORTS) or isinstance(error, ConnectionError | TimeoutError)
