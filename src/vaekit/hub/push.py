"""Pushing a run: its known files and a card, in one commit."""

import abc
import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vaekit.errors import HubError, SpecError
from vaekit.files import read_json, stored_file, to_json
from vaekit.hub.card import HOLDS, HOLDS_ITEMS, CardOptions, model_card
from vaekit.storage.hub import (
    HubName,
    check_repository,
    hub_api,
    hub_errors,
    hub_library,
    run_files,
)
from vaekit.storage.loading import load, locate_run, stored_kind

CARD = "README.md"
_OF_THE_HUB = (".gitattributes", ".gitignore", CARD)
_PLACES = ("checkpoint_dir", "first_stage")
"""Options that are folders of the machine of the training."""


@dataclass(frozen=True)
class PushedRun:
    """What was pushed.

    Attributes:
        name: What `load` takes to get exactly this: ``hf://user/model@commit``.
        url: Of the commit.
        files: Names of the files.
    """

    name: str
    url: str
    files: tuple[str, ...]


def push(
    run: Any,
    repo: str,
    *,
    private: bool = False,
    revision: str | None = None,
    message: str | None = None,
    licence: str | None = None,
    token: str | None = None,
    create: bool = True,
    with_labels: bool = False,
    with_items: bool = False,
    evaluation: str | Path | None = None,
) -> PushedRun:
    """Push a run to the hub, with a card: in one commit, or not at all.

    Only files that vaekit writes for a run are pushed (JSON, safetensors, ``history.csv``, the
    training curves): no checkpoints, no data, nothing else in the folder. Folders of the machine
    are left out of the options. ``domain.json`` holds labels of categories and quantiles of
    numbers, as a model needs them to decode.

    Args:
        run: A fitted estimator that can be saved, a run folder, or any name that `load` takes.
        repo: ``"user/model"``.
        private: Whether a new repository is open to nobody else. One that is there must be private.
        revision: The branch, made where there is none; ``None`` for the main one.
        message: Of the commit.
        licence: As the hub calls it: ``"mit"``, ``"cc-by-4.0"``.
        token: ``None`` for ``HF_TOKEN``, or that of ``hf auth login``.
        create: Whether to make the repository where there is none.
        with_labels: Whether the card tells labels, ranges, constants and keys of columns.
        with_items: Of a detector: whether its training items may be published, of which it holds
            some. A private repository does not ask.
        evaluation: Folder of an evaluation for the card; ``None`` for the one in the run.

    Returns:
        The name with the commit, and what was pushed.

    Raises:
        SpecError: A name that can be none; training items that would be published.
        HubError: The hub refuses it, or cannot be reached; the repository is public, or holds
            something else.
        MissingExtraError: The extra ``hub`` is not installed.
        FormatError: The run is damaged.
    """
    repo = check_repository(repo)
    target = HubName.parse(f"hf://{repo}" + (f"@{revision}" if revision else ""))
    options = CardOptions(repo, licence, with_labels, evaluation)
    hub_library()
    with _folder_of(run) as folder:
        _check_items(stored_kind(folder), private=private, with_items=with_items)
        load(folder)  # what is pushed can be loaded
        card = model_card(folder, options)
        files = {**_contents(folder), CARD: card.encode()}
    with hub_errors(target):
        return _commit(target, files, message, token, create=create, private=private)


def published(run: Any) -> list[str]:
    """Return sentences on what of the data the files of a run hold."""
    with _folder_of(run) as folder:
        kind = stored_kind(folder)
    return [HOLDS, *([] if kind == "model" else [HOLDS_ITEMS])]


@contextmanager
def _folder_of(run: Any) -> Iterator[Path]:
    """Yield the folder of a run; an estimator is saved into one for the time of the block."""
    if isinstance(run, str | Path):
        yield locate_run(run)
        return
    if not callable(getattr(run, "save", None)):
        raise SpecError(
            f"what is pushed must be a run, or an estimator that can be saved; got a "
            f"{type(run).__name__}. Push its autoencoder_, if it has one."
        )
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "run"
        run.save(folder)
        yield folder


def _check_items(kind: str, *, private: bool, with_items: bool) -> None:
    if kind != "model" and not private and not with_items:
        raise SpecError(
            f"a {kind} must be pushed to a private repository, or with the consent to publish: its "
            "files hold some of the training items. Add private=True or with_items=True "
            "(--private, --with-items)."
        )


def _contents(folder: Path) -> dict[str, bytes]:
    """Return the known files that a folder has; of a foreign or linked one, an error."""
    found = {}
    for name in run_files():
        if (folder / name).exists():
            with stored_file(folder / name) as file:
                found[name] = file.read()
    found["train.json"] = _without_places(folder / "train.json", found["train.json"])
    return found


def _without_places(path: Path, content: bytes) -> bytes:
    """Return ``train.json`` without folders of the machine; the same bytes where it has none."""
    document = read_json(path)
    named: Mapping[str, Any] = document["estimator"]
    if not any(named.get(option) for option in _PLACES):
        return content
    cleared = {k: None if k in _PLACES else v for k, v in named.items()}
    return to_json({**document, "estimator": cleared})


def _commit(
    target: HubName,
    files: Mapping[str, bytes],
    message: str | None,
    token: str | None,
    *,
    create: bool,
    private: bool,
) -> PushedRun:
    library, api = hub_library(), hub_api(token)
    if create:
        api.create_repo(target.repo, private=True if private else None, exist_ok=True)
    there = api.model_info(target.repo)
    if private and not there.private:
        raise HubError(
            f"{target.repo} must be private, as was asked; it is there already and public. Choose "
            "another name, or make it private on its page."
        )
    if target.revision is not None:
        api.create_branch(target.repo, branch=target.revision, exist_ok=True)
        there = api.model_info(target.repo, revision=target.revision)
    names = {sibling.rfilename for sibling in there.siblings or ()}
    _check_repository_holds_a_run(target, names)
    stale = sorted((names & set(run_files())) - set(files))
    commit = api.create_commit(
        target.repo,
        [
            *(library.CommitOperationAdd(name, content) for name, content in files.items()),
            *(library.CommitOperationDelete(name) for name in stale),
        ],
        commit_message=message or _message(files),
        revision=target.revision,
    )
    return PushedRun(f"hf://{target.repo}@{commit.oid}", commit.commit_url, tuple(files))


def _check_repository_holds_a_run(target: HubName, names: set[str]) -> None:
    others = sorted(names - set(run_files()) - set(_OF_THE_HUB))
    if others and "domain.json" not in names:
        raise HubError(
            f"{target} must be a new repository, an empty one or one of a run; it holds something "
            f"else, {others[0]} for instance. Choose another name."
        )


def _message(files: Mapping[str, bytes]) -> str:
    train = json.loads(files["train.json"])
    version = (train.get("versions") or {}).get("vaekit", "")
    return f"Push a run of vaekit {version}".strip()


class Shareable(abc.ABC):
    """An estimator that can be saved, and so be pushed to the hub."""

    @abc.abstractmethod
    def save(self, path: str | Path) -> None:
        """Write a run folder."""

    def push_to_hub(
        self,
        repo: str,
        *,
        private: bool = False,
        revision: str | None = None,
        message: str | None = None,
        licence: str | None = None,
        token: str | None = None,
        create: bool = True,
        with_labels: bool = False,
        with_items: bool = False,
    ) -> PushedRun:
        """Push to the hub of models, with a card; ``load("hf://user/model")`` reads it.

        Args:
            repo: ``"user/model"``.
            private: Whether a new repository is open to nobody else; one that is there must be
                private.
            revision: The branch, made where there is none; ``None`` for the main one.
            message: Of the commit.
            licence: As the hub calls it: ``"mit"``, ``"cc-by-4.0"``.
            token: ``None`` for ``HF_TOKEN``, or that of ``hf auth login``.
            create: Whether to make the repository where there is none.
            with_labels: Whether the card tells labels, ranges, constants and keys of columns.
            with_items: Of a detector: whether its training items may be published, of which it
                holds some.

        Returns:
            The name with the commit, as `load` takes it, and what was pushed.

        Raises:
            SpecError: A name that can be none; training items that would be published.
            HubError: The hub refuses it, or cannot be reached.
            MissingExtraError: The extra ``hub`` is not installed.
        """
        return push(
            self,
            repo,
            private=private,
            revision=revision,
            message=message,
            licence=licence,
            token=token,
            create=create,
            with_labels=with_labels,
            with_items=with_items,
        )

    def card(
        self, *, repo: str | None = None, licence: str | None = None, with_labels: bool = False
    ) -> str:
        """Return the card that `push_to_hub` writes, as Markdown.

        Args:
            repo: ``"user/model"``, for the lines on its use.
            licence: As the hub calls it.
            with_labels: Whether it tells labels, ranges, constants and keys of columns.
        """
        return model_card(self, CardOptions(repo, licence, with_labels))
