"""From a run and its data to what a page can ask: read, encode, find directions."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vaekit.anomalies.estimator import VAEDetector
from vaekit.autoencoder import Autoencoder
from vaekit.domains.context import Labels, several_captions
from vaekit.domains.views import plain_value
from vaekit.editing.codes import Direction, EncodedItems, encode_items
from vaekit.editing.directions import find_direction
from vaekit.editing.edits import items_of
from vaekit.errors import DataError, SpecError, VaekitError
from vaekit.explorer.latents import sliders_of
from vaekit.explorer.session import Cloud, Session, some_items
from vaekit.fitting.trained import TrainedModel
from vaekit.models.vae import VAE
from vaekit.randomness import seeded

_SAMPLED = 1000  # points of a map where no data are given
_MOST_ATTRIBUTES, _MOST_LABELS = 24, 10
_FEWEST = 2


def open_session(
    run: Any,
    data: Any = None,
    *,
    labels: Any = None,
    context: Any = None,
    points: int = 100_000,
    name: str = "run",
) -> Session:
    """Return what a page can ask of a run.

    Args:
        run: A fitted `Autoencoder` or `VAEDetector`.
        data: Items of the kind seen in training, for the map; ``None`` shows samples there.
        labels: One for each item, or columns of them: to colour by, and to find directions.
        context: Of the items, for conditional models; ``None`` takes it from the labels.
        points: Items on the map, at most; of more some are chosen at random.
        name: What the run is called.

    Raises:
        DataError: Items that the model cannot read, or fewer than 2.
        SpecError: Fewer than 2 points.

    Example:
        >>> from vaekit import Autoencoder
        >>> from vaekit.datasets import digits
        >>> data = digits()
        >>> model = Autoencoder(latent_dim=2, max_epochs=1, progress=False).fit(data.images)
        >>> session = open_session(model, data.images, labels=data.labels)
        >>> session.call("info", {})["count"]
        1797
    """
    if points < _FEWEST:
        raise SpecError(f"points must be at least {_FEWEST}; got {points}.")
    detector = run if isinstance(run, VAEDetector) else None
    model: Autoencoder = run.autoencoder_ if isinstance(run, VAEDetector) else run
    trained = model.trained_
    if not isinstance(trained.model, VAE):
        return Session(name, trained, None)
    if data is None:
        cloud = _sampled_cloud(trained)
    else:
        cloud = _cloud(trained, detector, data, labels, context, points)
    vae = trained.vae
    straight = not vae.latent.num_codes and vae.latent.keeps_density
    first = None if cloud.context is None else cloud.context[:1]
    sliders = sliders_of(trained, cloud.z, first) if straight else []
    attributes = list(_attributes(cloud)) if straight and cloud.items is not None else []
    return Session(name, trained, cloud, sliders, attributes, detector)


def _cloud(
    trained: TrainedModel,
    detector: VAEDetector | None,
    data: Any,
    labels: Any,
    context: Any,
    points: int,
) -> Cloud:
    domain = trained.domain
    items = domain.read(data)
    named = None if labels is None else Labels.of(labels, len(items))
    if named is None and context is None:
        items, _ = domain.readable(items)
    if len(items) < _FEWEST:
        raise DataError(f"a map must have at least {_FEWEST} items; got {len(items)}.")
    checked = items_of(trained, items, named, context)
    chosen = _chosen(len(checked), points)
    codes = encode_items(trained, checked.subset(torch.from_numpy(chosen)))
    is_one_each = len(checked) == len(items)
    shown = some_items(items, chosen) if is_one_each else _decoded_items(trained, checked, chosen)
    scores = None
    if detector is not None:
        scores = -detector.score_samples(items)[chosen]
    facts = {
        **_captions(trained, context, chosen),
        **(domain.item_facts(shown) if is_one_each else {}),
    }
    columns = _columns(facts, named, chosen, scores)
    rows = checked.rows if len(chosen) == len(checked) else checked.rows[torch.from_numpy(chosen)]
    return Cloud(codes.z.cpu().numpy(), shown, codes.context, columns, scores, rows)


def _captions(trained: TrainedModel, context: Any, chosen: Any) -> dict[str, Sequence[Any]]:
    """Return what each item's first caption says, of models of captions."""
    learned = trained.context
    if learned is None or learned.captions is None or context is None or isinstance(context, str):
        return {}
    texts = [each[0] for each in several_captions(context)]
    return {"caption": [texts[i] or None for i in chosen]} if len(texts) > 1 else {}


def _chosen(count: int, points: int) -> Any:
    if count <= points:
        return np.arange(count)
    return np.sort(np.random.default_rng(0).choice(count, points, replace=False))


def _decoded_items(trained: TrainedModel, checked: Any, chosen: Any) -> Any:
    """Return items that are parts of others, windows of a series for instance."""
    rows = checked.rows[torch.from_numpy(chosen)]
    return trained.domain.decode(trained.domain.encode(rows))


def _columns(
    facts: Mapping[str, Sequence[Any]], labels: Labels | None, chosen: Any, scores: Any
) -> dict[str, Sequence[Any]]:
    found: dict[str, Sequence[Any]] = {}
    if labels is not None:
        found |= {name: values[chosen].tolist() for name, values in labels.columns.items()}
    found |= {name: values for name, values in facts.items() if name not in found}
    if scores is not None:
        found["anomaly score"] = [plain_value(float(score)) for score in scores]
    return found


def _sampled_cloud(trained: TrainedModel) -> Cloud:
    """Return samples in place of data."""
    vae, count = trained.vae, _SAMPLED
    rows = _any_context(trained, count)
    with seeded(0), torch.no_grad():
        z = vae.generate(count, rows, fitted=vae.fitted_prior is not None)
    return Cloud(z.cpu().numpy(), None, rows, {})


def _any_context(trained: TrainedModel, count: int) -> Tensor | None:
    """Return contexts for samples: every label in turn, where there are labels."""
    learned = trained.context
    if learned is None:
        return None
    if not learned.attributes:
        return trained.rows(None, count)
    turns = {
        name: [labels[i % len(labels)] for i in range(count)]
        for name, labels in learned.attributes.items()
    }
    given: Any = turns if learned.columns is not None else next(iter(turns.values()))
    return trained.rows(given, count)


def _attributes(cloud: Cloud) -> Iterator[Direction]:
    """Find directions towards each label of each column that has few."""
    codes, count = EncodedItems(torch.from_numpy(cloud.z)), 0
    for name, values in cloud.columns.items():
        labels = sorted({str(value) for value in values if value is not None})
        texts = all(value is None or isinstance(value, str | bool) for value in values)
        if not texts or not _FEWEST <= len(labels) <= _MOST_LABELS:
            continue
        named = Labels.of({name: [str(value) for value in values]})
        for label in labels:
            if count >= _MOST_ATTRIBUTES:
                return
            try:
                yield find_direction(codes, named, attribute=name, to=label, method="mean")
            except VaekitError:  # too few items have it
                continue
            count += 1


def run_name(path: Path) -> str:
    """Return what a run is called on the page: the name of its folder."""
    return path.name or "run"
