"""Items that meet conditions, sampled from what the model knows under those conditions."""

import math
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from vaekit.domains.base import Domain
from vaekit.domains.hooks import Proposals
from vaekit.errors import DataError, SpecError, unknown_name
from vaekit.fitting.trained import TrainedModel, check_sample, distinct_items
from vaekit.randomness import seeded
from vaekit.seeds import check_seed

_AT_ONCE = 4096
_SPARE = 1.3
_RARE = 1e-4  # a probability below which conditions are worth a warning


@torch.no_grad()
def sample_where(
    trained: TrainedModel,
    n: int,
    where: Mapping[str, Any],
    context: Any = None,
    seed: int | None = None,
    prior: str = "fitted",
) -> Any:
    """Generate items that meet conditions.

    Rows of tables meet them on any of their columns, without exception. They are made as always,
    but for the cells asked for: those are drawn from what the conditions leave of their
    distribution. Each row is then kept as often as the conditions were probable on the way to it
    (importance sampling), which makes its other cells those of the model's distribution given the
    conditions.

    Molecules meet ranges of the targets that a model was taught (`MoleculeDomain(targets=...)`) as
    far as it knows: each is kept as often as its latents make the ranges probable. Judge what comes
    out by properties that are computed or measured.

    Args:
        trained: A model of a table, or of molecules with targets.
        n: How many.
        where: By column a value, a list of values, or a pair (low, high) with ``None`` for an open
            end; of dates also as text. By target a pair.
        context: Labels or properties, for conditional models.
        seed: Of the draws; ``None`` for fresh ones.
        prior: ``"fitted"`` or ``"model"``.

    Returns:
        A data frame, or SMILES.

    Raises:
        CompositionError: The model is of other data, or was taught no targets.
        SpecError: No column, target or label has that name; suggests the nearest.
        DataError: A condition that can never hold.

    Example:
        >>> import pandas as pd
        >>> from vaekit import Autoencoder
        >>> frame = pd.DataFrame({"size": [1.5, 2.0, 2.5, 4.0] * 9, "kind": list("aabb") * 9})
        >>> model = Autoencoder(domain="table", max_epochs=2, progress=False).fit(frame)
        >>> rows = sample_where(model.trained_, 5, {"kind": "b", "size": (2.0, None)}, seed=0)
        >>> set(rows["kind"]), rows["size"].min() >= 2.0
        ({'b'}, np.True_)
    """
    check_sample(trained.domain, n)
    seed = None if seed is None else check_seed(seed)
    rows = trained.rows(context, _AT_ONCE)
    proposals = trained.domain.proposals(trained, rows, prior == "fitted", where)

    def draw(positions: Tensor) -> Tensor:
        found, log_w = _candidates(proposals, len(positions))
        _say_if_rare(log_w)
        return found[_chosen(log_w, len(positions))]

    with seeded(seed):
        found = distinct_items(trained.domain, n, draw)
    return trained.domain.impose(found, where)


def _say_if_rare(log_w: Tensor) -> None:
    """Warn of conditions that the model gives hardly any probability."""
    probability = math.exp(float(log_w.double().logsumexp(0)) - math.log(len(log_w)))
    if probability < _RARE:
        warnings.warn(
            f"the model gives these conditions a probability of {probability:.1g}: hardly any row "
            "of training is like that, so look at what comes with care.",
            stacklevel=4,
        )


def _candidates(proposals: Proposals, n: int) -> tuple[Tensor, Tensor]:
    """Return enough to choose from, and their log weights."""
    found, weights = [], []
    while True:
        some, log_w = proposals.propose(_AT_ONCE)
        found.append(some)
        weights.append(log_w)
        log_w = torch.cat(weights)
        if _expected(log_w) > _SPARE * n or len(log_w) >= proposals.most:
            return torch.cat(found), log_w


def _expected(log_w: Tensor) -> float:
    """Return how many rows remain if each is kept as often as its weight says."""
    return float((log_w - log_w.max()).exp().sum())


def _chosen(log_w: Tensor, n: int) -> Tensor:
    """Places of rows kept by their weight: none twice if there are enough, else some again."""
    weights = (log_w - log_w.max()).exp()
    if (kept := (torch.rand_like(weights) < weights).nonzero().squeeze(1)).numel() >= n:
        return kept[:n]
    effective = float(weights.sum() ** 2 / weights.square().sum())
    if effective < n:
        warnings.warn(
            f"the conditions are so rare that {n} rows come from about {effective:.0f} different "
            "ones: they are less varied than they should be. Ask for fewer rows, or for less.",
            stacklevel=3,
        )
    return torch.multinomial(weights, n, replacement=True)


_FORM = re.compile(r"^\s*(.+?)\s*(>=|<=|=)\s*(.*?)\s*$")


def read_conditions(texts: Sequence[str], domain: Domain) -> dict[str, Any]:
    """Conditions for `vaekit.tasks.sample_where`.

    Args:
        texts: Each ``COLUMN=VALUE``, ``COLUMN=A|B`` (one of several), ``COLUMN=LOW..HIGH`` of
            numbers, ``COLUMN>=VALUE`` or ``COLUMN<=VALUE``; quotes around values are taken off, and
            no value means a missing cell. Two bounds of one column make a range, as do two dots,
            with no number at an open end. Columns of molecules are their targets.
        domain: Of the model.

    Raises:
        SpecError: Another form, or no such column.
        DataError: A value that is no number, of a column of numbers.
        CompositionError: The model is not of a table, nor of molecules with targets.
    """
    readers, ranges = domain.conditions()
    found: dict[str, Any] = {}
    for text in texts:
        match = _FORM.match(text)
        if match is None:
            raise SpecError(
                f"--where must be like age>=30, job=cook or job=cook|vet; got {text!r}."
            )
        name, sign, value = match.groups()
        if name not in readers:
            raise unknown_name("column", name, list(readers))
        read = readers[name]
        if sign == "=" and ".." in value and name in ranges:
            found[name] = _range(read, value)
        elif sign == "=":
            found[name] = [read(part) for part in value.split("|")]
        else:
            low, high = found[name] if isinstance(found.get(name), tuple) else (None, None)
            bound = read(value)
            found[name] = (bound, high) if sign == ">=" else (low, bound)
    return found


def _range(read: Callable[[str], Any], text: str) -> tuple[Any, Any]:
    low, high = (read(end) if end.strip() else None for end in text.split("..", 1))
    return low, high


def read_number(name: str, text: str) -> float:
    """Return the number that a text is.

    Raises:
        DataError: It is none.
    """
    try:
        return float(text)
    except ValueError as error:
        raise DataError(f"column {name!r} holds numbers; got {text!r}.") from error
