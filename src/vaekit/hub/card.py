"""Model cards: what a trained run is, for people who have not trained it."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vaekit.errors import NotFittedError, SpecError
from vaekit.files import read_json
from vaekit.registry import name_of
from vaekit.storage.hub import check_repository
from vaekit.storage.loading import load, locate_run
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
