"""Pushing a run: its known files and a card that says what it is, in one commit."""

import abc
import json
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vaekit.errors import HubError, NotFittedError, SpecError
from vaekit.files import read_json, stored_file, to_json
from vaekit.registry import name_of
from vaekit.storage.hub import (
    HubName,
    check_repository,
    hub_api,
    hub_errors,
    hub_library,
    run_files,
)
from vaekit.storage.loading import load, locate_run, stored_kind
from vaekit.storage.runs import versions

EVALUATION = Path("evaluation") / "evaluation.json"
"""Where ``vaekit evaluate`` writes into a run by default."""

HOLDS = (
    "domain.json holds what a model needs to decode: of tables the labels of categories, the "
    "quantiles of numbers and the numbering of keys; of texts their words or tokens."
)
"""What is read by whoever has the run, whatever the card leaves out."""

HOLDS_ITEMS = "The files besides those of the model hold some of the training items."
"""The same, of what is more than a model: a detector for instance."""

_MOST_ROWS = 60
_LICENCE = re.compile(r"[a-z0-9][a-z0-9.-]{0,60}")
_LOSSES = ("validation_loss", "loss")


@dataclass(frozen=True)
class CardOptions:
    """What a card says beyond what the run knows.

    Attributes:
        repo: The repository on the hub, ``"user/model"``; ``None`` for a folder.
        licence: As the hub calls it: ``"mit"``, ``"cc-by-4.0"``; ``None`` for none.
        with_labels: Whether labels, ranges, constants and keys of columns are told; they are data.
        evaluation: The folder of an evaluation, or its ``evaluation.json``; ``None`` for the one in
            the run, if there is one.

    Raises:
        SpecError: A licence or a repository that can be none.
    """

    repo: str | None = None
    licence: str | None = None
    with_labels: bool = False
    evaluation: str | Path | None = None

    def __post_init__(self) -> None:
        if self.repo is not None:
            check_repository(self.repo)
        if self.licence is not None and not _LICENCE.fullmatch(self.licence):
            raise SpecError(
                "a licence must be named as on the hub, as in mit, apache-2.0 or cc-by-4.0; got "
                f"{self.licence!r}. Write small letters, digits, dots and hyphens."
            )


def model_card(run: Any, options: CardOptions | None = None) -> str:
    """Return the card of a run, as Markdown with the front matter that the hub reads.

    Columns are named with their kinds. What they hold (labels, ranges, constants, keys) is left out
    unless it is asked for.

    Args:
        run: A fitted estimator that can be saved, a run folder, or any name that `load` takes.
        options: What else to say.

    Raises:
        VaekitError: As of `load`, and of options.
        NotFittedError: An estimator that is not fitted.

    Example:
        >>> from vaekit import Autoencoder
        >>> from vaekit.datasets import wine
        >>> model = Autoencoder(latent_dim=2, max_epochs=1, progress=False).fit(wine())
        >>> print(model_card(model, CardOptions("mary/wine", "mit"))[:37])
        ---
        license: mit
        library_name: vaekit
    """
    options = options or CardOptions()
    is_path = isinstance(run, str | Path)
    folder = locate_run(run) if is_path else None
    facts = _Facts.of(load(run) if is_path else run, folder, options)
    parts = [_front_matter(facts), *_body(facts)]
    return "\n\n".join(part for part in parts if part) + "\n"


@dataclass(frozen=True)
class _Facts:
    """What a card is written from."""

    estimator: Any
    model: Any
    kind: str
    versions: Mapping[str, str]
    evaluation: Mapping[str, Any] | None
    options: CardOptions

    @classmethod
    def of(cls, estimator: Any, folder: Path | None, options: CardOptions) -> "_Facts":
        model = getattr(estimator, "autoencoder_", estimator)
        if "trained_" not in vars(model):
            raise NotFittedError("a card is of a fitted model; call fit(X) before, or load one.")
        stored = None if folder is None else read_json(folder / "train.json").get("versions")
        return cls(
            estimator,
            model,
            "model" if model is estimator else type(estimator).__name__,
            stored or versions(),
            _evaluation(folder, options.evaluation),
            options,
        )

    @property
    def preset(self) -> str:
        return str(self.model.notes_.get("preset", self.model.preset))

    @property
    def data(self) -> str:
        """The kind of items, in a word: ``"table"``."""
        name = name_of(type(self.model.domain_)) or type(self.model.domain_).__name__
        return name.rpartition(".")[2]

    @property
    def name(self) -> str:
        return "RUN" if self.options.repo is None else f"hf://{self.options.repo}"


def _evaluation(folder: Path | None, given: str | Path | None) -> Mapping[str, Any] | None:
    if given is not None:
        path = Path(given)
        path = path / EVALUATION.name if path.is_dir() else path
    elif folder is not None and (folder / EVALUATION).is_file():
        path = folder / EVALUATION
    else:
        return None
    found = read_json(path)
    if not isinstance(found, dict) or not isinstance(found.get("rows"), list):
        raise SpecError(
            f"an evaluation must be what vaekit evaluate wrote; {path} is none. Name its folder."
        )
    return found


def _front_matter(facts: _Facts) -> str:
    family = re.split(r"\W", facts.preset)[0]
    tags = ["vaekit", "variational-autoencoder", family, facts.data]
    if facts.kind != "model":
        tags.append("anomaly-detection" if "Detector" in facts.kind else facts.kind)
    task = facts.model.domain_.hub_task if facts.kind == "model" and not _context(facts) else ""
    lines = [
        f"license: {facts.options.licence}" if facts.options.licence else "",
        "library_name: vaekit",
        f"pipeline_tag: {task}" if task else "",
        "tags:",
        *(f"- {json.dumps(tag)}" for tag in dict.fromkeys(tag for tag in tags if tag)),
    ]
    return "\n".join(["---", *(line for line in lines if line), "---"])


def _body(facts: _Facts) -> Iterable[str]:
    title = facts.options.repo.partition("/")[2] if facts.options.repo else facts.preset
    yield f"# {_text(title)}"
    yield (
        f"A {'model' if facts.kind == 'model' else facts.kind} of "
        f"[vaekit](https://vaekit.readthedocs.io), trained on data of the kind `{facts.data}`."
    )
    yield _table(("", ""), _what(facts).items())
    yield from _use(facts)
    yield from _data(facts)
    yield from _figures(facts)
    yield "## Training"
    yield _table(("", ""), _training(facts).items())
    licence = facts.options.licence
    yield "## Licence"
    yield f"`{licence}`" if licence else "None was named: ask the owner before you use it."


def _context(facts: _Facts) -> bool:
    return facts.model.context_ is not None


def _what(facts: _Facts) -> dict[str, str]:
    model = facts.model
    count = sum(p.numel() for p in model.model_.parameters())
    context = "none" if model.context_ is None else f"{model.context_.dim} values"
    return {
        "preset": facts.preset,
        "items": f"shape {model.domain_.event_shape}",
        "context": context,
        "latents": str(getattr(model.model_, "latent_dim", "none")),
        "parameters": f"{count:,}",
        "files": "safetensors and JSON; loading runs no code of this repository",
    }


def _use(facts: _Facts) -> Iterable[str]:
    name = facts.name
    yield "## Use"
    yield "`pip install 'vaekit[hub]'`, and in Python:"
    is_model = facts.kind == "model"
    call = "model.sample(10, seed=0)" if is_model else "model.predict(X)  # -1 for anomalies"
    yield f'```python\nfrom vaekit import load\n\nmodel = load("{name}")\n{call}\n```'
    command = (
        f"vaekit sample {name} -n 10"
        if is_model
        else f"vaekit anomalies DATA --detector {name} --out scores.csv"
    )
    yield f"```bash\nvaekit info {name}\n{command}\n```"
    if facts.options.repo is not None:
        yield (
            f"What is at that name may change. `vaekit info {name}` says its commit: "
            f'`load("{name}@COMMIT")` and `vaekit info {name}@COMMIT` give exactly that one for '
            "ever, once loaded also without a network (`HF_HUB_OFFLINE=1`)."
        )


def _data(facts: _Facts) -> Iterable[str]:
    domain = facts.model.domain_
    yield "## Data"
    kinds, holds = domain.column_kinds(), domain.column_summaries()
    if kinds and facts.options.with_labels:
        rows = [(name, kind, holds.get(name, "")) for name, kind in kinds.items()]
        yield _table(("column", "kind", "holds"), rows)
    elif kinds:
        yield _table(("column", "kind"), kinds.items())
    else:
        yield f"Items of shape {domain.event_shape}."
    yield HOLDS
    if facts.kind != "model":
        yield HOLDS_ITEMS


def _figures(facts: _Facts) -> Iterable[str]:
    rows = []
    history = facts.model.history_
    for name in _LOSSES:
        values = [row[name] for row in history if row.get(name) is not None]
        if values:
            unit = "" if facts.model.health_ is None else " nats per item"
            rows.append((f"best {name.replace('_', ' ')}", f"{min(values):.4g}{unit}"))
    yield "## Figures"
    yield _table(("", ""), rows)
    if facts.model.health_ is not None:
        yield "\n".join(f"- {_text(line)}" for line in facts.model.health_.summary().splitlines())
    if facts.evaluation is not None:
        yield f"On {facts.evaluation.get('items')} items that were measured after training:"
        yield _table(("measure", "value"), _measured(facts.evaluation["rows"]))


def _measured(rows: Sequence[Any]) -> Iterable[tuple[str, str]]:
    known = [row for row in rows if isinstance(row, dict) and row.get("value") is not None]
    for row in known[:_MOST_ROWS]:
        error = row.get("standard_error")
        spread = "" if error is None else f" ± {error:.2g}"
        yield str(row.get("name")), f"{row['value']:.4g}{spread} {row.get('unit') or ''}".strip()


def _training(facts: _Facts) -> dict[str, str]:
    seconds = facts.model.notes_.get("seconds")
    took = "" if seconds is None else f" in {seconds:.1f} s"
    return {
        "epochs": f"{len(facts.model.history_)}{took}",
        "seed": str(facts.model.seed),
        "versions": ", ".join(f"{name} {number}" for name, number in facts.versions.items()),
    }


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    if len(lines) == 2:
        return ""
    return "\n".join(f"| {' | '.join(_text(cell) for cell in line)} |" for line in lines)


_MARKS = re.compile(r"([\\`*_\[\]<>|#&])")


def _text(value: str) -> str:
    """Return text that Markdown shows as it is, on one line."""
    return _MARKS.sub(r"\\\1", " ".join(str(value).split()))


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
