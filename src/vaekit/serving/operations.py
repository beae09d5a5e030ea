"""What can be asked of a model, by name, and the options of each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from vaekit.errors import SpecError, unknown_name

_LARGEST = 2.0**53
_MOST_DRAWS, _MOST_STEPS, _MOST_CANDIDATES, _MOST_REASONS = 256, 250, 16, 20


@dataclass(frozen=True)
class Option:
    """One argument of an operation.

    Attributes:
        kind: ``"integer"``, ``"number"``, ``"boolean"``, ``"text"``, ``"texts"``, ``"object"`` or
            ``"any"``, which is read by the operation.
        about: What it means, in a sentence.
        default: Its value where it is not given.
        low: The least number.
        high: The largest number: what could take long is bounded.
        choices: The texts that there are; empty for any.
        required: Whether it must be given.
    """

    kind: str
    about: str
    default: Any = None
    low: float | None = None
    high: float | None = None
    choices: Sequence[str] = ()
    required: bool = False


@dataclass(frozen=True)
class Operation:
    """What a model does with items.

    Attributes:
        name: As in the address.
        about: What comes back, in a sentence.
        takes: What its items are called in a body; empty where it takes none.
        gives: What comes back for each item, by name.
        options: Its other arguments, by name.
        with_context: Whether it takes a context.
    """

    name: str
    about: str
    takes: str = "items"
    gives: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, Option] = field(default_factory=dict)
    with_context: bool = True


_STRICT = Option("boolean", "Whether an item that cannot be read is an error; else null.", False)
_SEED = Option("integer", "For the same numbers again.", 0, 0, 2**32 - 1)
_ITEMS = {"items": "The items, in the form of the training data."}

OPERATIONS: Mapping[str, Operation] = {
    each.name: each
    for each in (
        Operation(
            "encode",
            "Encode items: the posterior mean of each, as Autoencoder.transform.",
            gives={"latents": "Latents, latent_dim numbers for each item."},
            options={"strict": _STRICT},
        ),
        Operation(
            "decode",
            "Decode latents into items, as Autoencoder.inverse_transform.",
            takes="latents",
            gives=_ITEMS,
        ),
        Operation(
            "reconstruct",
            "Encode and decode: what the model keeps, as Autoencoder.reconstruct.",
            gives=_ITEMS,
            options={"strict": _STRICT},
        ),
        Operation(
            "score",
            "Bound log p(x) of each item from below, in nats, as Autoencoder.score_samples.",
            gives={"log_p": "Nats for each item; the lower, the less usual."},
            options={
                "draws": Option("integer", "Importance samples per item.", 64, 1, _MOST_DRAWS)
            },
        ),
        Operation(
            "detect",
            "Tell anomalies, as VAEDetector.",
            gives={
                "anomaly_score": "How unusual each item is; the higher, the more.",
                "anomaly_probability": "How sure that is, from 0 to 1.",
                "is_anomaly": "Whether the score is above the threshold.",
                "p_value": "Of detectors with a false-alarm rate.",
                "reasons": "Of flagged rows: the columns that make them so.",
            },
            options={
                "reasons": Option(
                    "integer", "Reasons for each flagged row, at most.", 0, 0, _MOST_REASONS
                )
            },
            with_context=False,
        ),
        Operation(
            "sample",
            "Generate items, as Autoencoder.sample.",
            takes="",
            gives=_ITEMS,
            options={
                "n": Option("integer", "How many.", 1, 1),
                "seed": Option("integer", "For the same items again.", None, 0, 2**32 - 1),
                "prior": Option(
                    "text", "Where latents are drawn from.", "fitted", choices=("fitted", "model")
                ),
                "where": Option(
                    "any",
                    "Conditions: texts such as age>=30 and job=cook|vet, or an object of values, "
                    'lists of values and {"low": 30, "high": null}.',
                ),
                "guidance": Option("number", "How far to go in the context's direction.", 1.0),
                "negative": Option("any", "A context to go away from."),
                "init": Option("any", "Items to begin from."),
                "strength": Option("number", "How much of init is made anew.", None, 0, 1),
                "mask": Option("any", "Where init is made anew: numbers above 0."),
                "steps": Option("integer", "Steps of the solver.", None, 1, _MOST_STEPS),
                "solver": Option("text", "Name of the solver."),
                "temperature": Option("number", "Of codes: below 1 for the more probable."),
                "top_k": Option("integer", "Of codes: so many of the most probable.", 0, 0),
                "top_p": Option("number", "Of codes: the most probable of this share."),
                "rerank": Option(
                    "integer", "Of captions: candidates for each item.", 1, 1, _MOST_CANDIDATES
                ),
            },
        ),
        Operation(
            "impute",
            "Fill missing cells (null) of rows, as vaekit.tasks.impute.",
            gives=_ITEMS,
            options={
                "estimate": Option(
                    "text", "The best guess, or a draw.", "mean", choices=("mean", "draw")
                ),
                "draws": Option("integer", "Latents for each row.", 100, 1, _MOST_DRAWS),
                "weighted": Option(
                    "boolean", "Whether draws are weighted; null for what suits the model."
                ),
                "shift": Option(
                    "object", "By column: how many deviations missing values are above."
                ),
                "seed": _SEED,
            },
        ),
        Operation(
            "edit",
            "Change one thing about items, as vaekit.tasks.edit, or vaekit.tasks.transfer of like.",
            gives=_ITEMS,
            options={
                "attribute": Option("text", "The column of the labels to change."),
                "to": Option("text", "The label to change it to."),
                "labels": Option("any", "Labels of the items, a list or an object of lists."),
                "like": Option("any", "In place of an attribute: items to be made like."),
                "method": Option(
                    "text",
                    "Name of the method.",
                    "auto",
                    choices=("auto", "swap", *("mean", "logistic", "svm")),
                ),
                "protect": Option("texts", "Columns that must not change.", ()),
                "strength": Option("number", "0 changes nothing, 1 is the whole edit.", 1.0),
            },
        ),
    )
}
"""All operations by name; a model has some of them."""


def check_options(operation: Operation, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return all options of an operation: those given, and the defaults of the others.

    Raises:
        SpecError: An unknown option, or a value of another kind or out of its range.

    Example:
        >>> check_options(OPERATIONS["score"], {"draws": 8})
        {'draws': 8}
        >>> check_options(OPERATIONS["score"], {"drwas": 8})
        Traceback (most recent call last):
        ...
        vaekit.errors.SpecError: unknown option of /score 'drwas': did you mean 'draws'? Known: ...
    """
    for name in given:
        if name not in operation.options:
            known = [*filter(None, [operation.takes]), *operation.options]
            known += ["context"] if operation.with_context else []
            raise unknown_name(f"option of /{operation.name}", name[:60], known)
    found = {}
    for name, option in operation.options.items():
        value = given.get(name)
        found[name] = option.default if value is None else _checked(name, option, value)
    return found


def _checked(name: str, option: Option, value: Any) -> Any:
    kinds: Mapping[str, tuple[type, ...]] = {
        "integer": (int,),
        "number": (int, float),
        "boolean": (bool,),
        "text": (str,),
        "texts": (list, tuple),
        "object": (dict,),
    }
    if option.kind == "any":
        return value
    fits = isinstance(value, kinds[option.kind])
    fits = fits and isinstance(value, bool) == (option.kind == "boolean")
    fits = fits and (option.kind != "texts" or all(isinstance(each, str) for each in value))
    if not fits:
        raise SpecError(f"{name} must be of kind {option.kind}; got {_shown(value)}.")
    if option.choices and value not in option.choices:
        raise unknown_name(name, value, option.choices)
    if option.kind in ("integer", "number"):
        _check_range(name, option, value)
    return float(value) if option.kind == "number" else value


def _check_range(name: str, option: Option, value: float) -> None:
    low = -_LARGEST if option.low is None else option.low
    high = _LARGEST if option.high is None else option.high
    if low <= value <= high:
        return
    ends = (
        f"at least {low:g}" if low > -_LARGEST else "",
        f"at most {high:g}" if high < _LARGEST else "",
    )
    rule = " and ".join(filter(None, ends)) or "of a usual size"
    raise SpecError(f"{name} must be {rule}; got {_shown(value)}.")


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
