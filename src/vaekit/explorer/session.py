"""What a page asks of a run and its data: operations by name, plain values in and out."""

import base64
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vaekit.anomalies.estimator import VAEDetector
from vaekit.console.files import take_rows
from vaekit.domains.views import ItemView, plain_value
from vaekit.editing.codes import Direction
from vaekit.errors import CompositionError, DataError, SpecError, VaekitError, unknown_name
from vaekit.explorer.latents import Floats, LatentMap, LatentSlider, decoded, lay_out
from vaekit.fitting.trained import TrainedModel
from vaekit.models.vae import VAE
from vaekit.priors.base import Steered
from vaekit.randomness import make_generator, seeded
from vaekit.types import SamplingOptions

Answer = dict[str, Any]

_MOST_DECODED, _MOST_SAMPLES = 400, 100
_DRAWS, _COMPARED = 8, 100  # importance samples of a score, and items that it is compared with
_REASONS, _TINY = 3, 1e-9
_DROPS = {"pixels": "image", "card": "row"}


@dataclass(frozen=True, eq=False)
class Cloud:
    """The items of the map.

    Attributes:
        z: Their latents, shape (items, latent).
        items: As the domain reads them; ``None`` where they are samples of the model.
        context: Their contexts, for conditional models.
        columns: What is known of each, by name: labels, columns, properties.
        scores: How unusual each is, where the run is a detector.
        rows: The items as the domain prepared them; ``None`` where they are samples.
    """

    z: Floats
    items: Any
    context: Tensor | None
    columns: Mapping[str, Sequence[Any]]
    scores: NDArray[np.float64] | None = None
    rows: Tensor | None = None

    def __len__(self) -> int:
        return len(self.z)


def some_items(items: Any, index: NDArray[np.int64]) -> Any:
    """Return some of the items, in the form that they have."""
    return [items[i] for i in index] if isinstance(items, list) else take_rows(items, index)


def pack(array: Any) -> Answer:
    """Return an array as little-endian single floats in base64, with its shape."""
    values = np.ascontiguousarray(array, dtype="<f4")
    return {"f32": base64.b64encode(values.tobytes()).decode(), "shape": list(values.shape)}


@dataclass(eq=False)
class Session:
    """A run that is looked at.

    Attributes:
        name: What it is called on the page.
        trained: The model.
        cloud: The items of the map; ``None`` for models without latents.
        sliders: Its latents, the strongest first; empty where they are no real vectors.
        attributes: Directions towards labels, as ``vaekit edit`` finds them.
        detector: Where the run is one.
    """

    name: str
    trained: TrainedModel
    cloud: Cloud | None
    sliders: Sequence[LatentSlider] = ()
    attributes: Sequence[Direction] = ()
    detector: VAEDetector | None = None
    _maps: dict[str, LatentMap] = field(default_factory=dict)
    _compared: NDArray[np.float64] | None = None
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def call(self, operation: str, given: Mapping[str, Any]) -> Answer:
        """Do one operation; one at a time, whatever thread asks.

        Args:
            operation: A key of `OPERATIONS`.
            given: Its arguments, as JSON has them.

        Raises:
            VaekitError: An unknown operation, or arguments that break a rule.
        """
        if operation not in OPERATIONS:
            raise unknown_name("operation", operation, OPERATIONS)
        with self._lock:
            try:
                return OPERATIONS[operation](self, given)
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                if isinstance(error, VaekitError):
                    raise
                message = f"the arguments of {operation!r} must be as a page sends them; {error}."
                raise SpecError(message) from error

    # Operations.

    def info(self, given: Mapping[str, Any]) -> Answer:
        """Return what there is, so that a page shows nothing that cannot be done."""
        cloud, context = self.cloud, self.trained.context
        vectors, kind = bool(self.sliders), self._kind()
        projections = [] if cloud is None else ["pca"] + ["umap"] * (cloud.z.shape[1] > 2)
        return {
            "name": self.name,
            "kind": kind,
            "drop": _DROPS.get(kind, "text") if cloud is not None else None,
            "count": 0 if cloud is None else len(cloud),
            "is_sampled": cloud is not None and cloud.items is None,
            "latent_dim": 0 if cloud is None else int(cloud.z.shape[1]),
            "latents": [asdict(slider) for slider in self.sliders],
            "attributes": [
                {"name": one.name, "step": one.step.double().cpu().tolist()}
                for one in self.attributes
            ],
            "columns": [] if cloud is None else list(cloud.columns),
            "projections": projections,
            "context": {} if context is None else dict(context.attributes),
            "captions": context is not None and context.captions is not None,
            "can": {
                "map": cloud is not None,
                "slide": vectors,
                "sample": True,
                "temper": vectors,
                "guide": self._knows_guidance,
                "review": cloud is not None and cloud.scores is not None,
                "drop": cloud is not None,
            },
        }

    def _kind(self) -> str:
        """Return how items look."""
        if self.cloud is None:
            return str(self._sampled(1, 1.0, 0, None, {})[0][0]["kind"])
        return str(self.views_of_items([0])[0]["kind"])

    def layout(self, given: Mapping[str, Any]) -> Answer:
        """Return the map of a projection: points, and the plane that they lie on, if any."""
        found = self._map(str(given.get("projection", "pca")))
        plane = found.center is not None and found.directions is not None
        return {
            "points": pack(found.points),
            "axes": list(found.axes),
            "center": found.center.tolist() if plane and found.center is not None else None,
            "directions": None if found.directions is None else found.directions.tolist(),
        }

    def column(self, given: Mapping[str, Any]) -> Answer:
        """Return a column of the items: numbers, or codes of labels."""
        name = given["name"]
        known = self._cloud.columns
        if name not in known:
            raise unknown_name("column", name, known)
        return column_record(known[name])

    def item(self, given: Mapping[str, Any]) -> Answer:
        """Return an item of the map, what the model keeps of it, and what is known of it."""
        cloud, index = self._cloud, self._index(given["index"])
        z = cloud.z[index]
        context = None if cloud.context is None else cloud.context[index : index + 1]
        facts = {name: plain_value(values[index]) for name, values in cloud.columns.items()}
        return {
            "index": index,
            "view": self.views_of_items([index])[0],
            "reconstruction": self._views(z[None], context)[0],
            "z": z.tolist(),
            "facts": facts,
            "context": self._context_names(index),
            **self._unusual(index),
        }

    def items(self, given: Mapping[str, Any]) -> Answer:
        """Return several items of the map, for a list."""
        chosen = [self._index(index) for index in given["indices"][:_MOST_SAMPLES]]
        return {"views": self.views_of_items(chosen) if chosen else []}

    def decode(self, given: Mapping[str, Any]) -> Answer:
        """Return what latents decode to."""
        z = self._latents(given["z"])
        return {"views": self._views(z, self._context(given))}

    def walk(self, given: Mapping[str, Any]) -> Answer:
        """Return what lies at places of a map."""
        places = np.asarray(given["points"], dtype=np.float32).reshape(-1, 2)
        found = self._map(str(given.get("projection", "pca")))
        z = self._latents(found.latents_at(places, self._cloud.z))
        return {"z": z.tolist(), "views": self._views(z, self._context(given))}

    def encode(self, given: Mapping[str, Any]) -> Answer:
        """Return the latents of an item that a person dropped in, and what is kept of it."""
        domain, trained = self.trained.domain, self.trained
        item = domain.read_dropped(self._dropped(given))
        context = self._context(given)
        rows = domain.prepare_input(item)
        x = domain.encode(rows[:1]).to(trained.device)
        with torch.no_grad():
            z = trained.vae.encode(x, context).cpu().numpy()
        return {
            "z": z[0].tolist(),
            "view": domain.item_views(domain.read(item))[0],
            "reconstruction": self._views(z, context)[0],
            "place": self._place(z, str(given.get("projection", "pca"))),
        }

    def sample(self, given: Mapping[str, Any]) -> Answer:
        """Return new items, and their latents where they have some."""
        count = int(given.get("n", 12))
        if not 1 <= count <= _MOST_SAMPLES:
            raise SpecError(f"n must be from 1 to {_MOST_SAMPLES}; got {count}.")
        temperature, seed = float(given.get("temperature", 1.0)), int(given.get("seed", 0))
        if not 0 <= temperature <= 5:
            raise SpecError(f"temperature must be from 0 to 5; got {temperature}.")
        views, z = self._sampled(count, temperature, seed, self._context(given), given)
        return {"views": views, "z": None if z is None else z.tolist()}

    def score(self, given: Mapping[str, Any]) -> Answer:
        """Return how probable an item of the map is, and more than what share of the others."""
        index = self._index(given["index"])
        if not self._has_density:
            return {"log_p": None, "share": None}
        if self._compared is None:
            spread = np.linspace(0, len(self._cloud) - 1, min(len(self._cloud), _COMPARED))
            self._compared = self._log_p(np.unique(spread.astype(int)))
        found = float(self._log_p(np.array([index]))[0])
        return {"log_p": found, "share": float((self._compared < found).mean())}

    def anomalies(self, given: Mapping[str, Any]) -> Answer:
        """Return the most unusual items, their scores, and which are flagged."""
        cloud, detector = self._cloud, self.detector
        if cloud.scores is None or detector is None:
            raise CompositionError("the run must be a detector to tell anomalies; this is none.")
        order = np.argsort(-cloud.scores, kind="stable")[: int(given.get("limit", 50))]
        sure = detector.detector_.probabilities(cloud.scores[order])
        return {
            "threshold": float(-detector.offset_),
            "flagged": int((cloud.scores > -detector.offset_).sum()),
            "found": [
                {"index": int(i), "score": float(cloud.scores[i]), "probability": float(p)}
                for i, p in zip(order, sure, strict=True)
            ],
        }

    # What they are made of.

    @property
    def _cloud(self) -> Cloud:
        if self.cloud is None:
            raise CompositionError("this model has no latents, and so no map; it can only sample.")
        return self.cloud

    def _index(self, given: Any) -> int:
        index = int(given)
        if not 0 <= index < len(self._cloud):
            raise SpecError(f"an item must be from 0 to {len(self._cloud) - 1}; got {index}.")
        return index

    def _map(self, projection: str) -> LatentMap:
        if projection not in self._maps:
            self._maps[projection] = lay_out(self._cloud.z, projection)
        return self._maps[projection]

    def _latents(self, given: Any) -> Floats:
        z = np.asarray(given, dtype=np.float32)
        size = self._cloud.z.shape[1]
        if z.ndim != 2 or z.shape[1] != size or not 1 <= len(z) <= _MOST_DECODED:
            raise SpecError(
                f"latents must have shape (1 to {_MOST_DECODED}, {size}); got {z.shape}."
            )
        if not np.isfinite(z).all():
            raise SpecError("latents must be finite; got NaN or infinity.")
        return z

    def _views(self, z: Any, context: Tensor | None) -> list[ItemView]:
        domain = self.trained.domain
        return domain.item_views(domain.decode(decoded(self.trained, z, context)))

    def views_of_items(self, indices: Sequence[int]) -> list[ItemView]:
        """Return how items of the map look."""
        cloud, chosen = self._cloud, np.asarray(indices)
        if cloud.items is None:
            context = None if cloud.context is None else cloud.context[torch.from_numpy(chosen)]
            return self._views(cloud.z[chosen], context)
        return self.trained.domain.item_views(some_items(cloud.items, chosen))

    def _unusual(self, index: int) -> Answer:
        """Return the score of a detector and the columns that make the item unusual."""
        cloud, detector = self._cloud, self.detector
        if cloud.scores is None or detector is None:
            return {}
        marked: Answer = {}
        score = float(cloud.scores[index])
        flagged = score > -detector.offset_
        if flagged and self.trained.domain.cells:
            (reasons,) = detector.explain(some_items(cloud.items, np.array([index])), _REASONS)
            marked = {
                one.column: {"expected": plain_value(one.expected), "share": plain_value(one.share)}
                for one in reasons
            }
        return {"score": score, "flagged": flagged, "marked": marked, **self._heat(index)}

    def _heat(self, index: int) -> Answer:
        """Return where an image is unusual, 255 where most, of detectors that know it."""
        detector = self.detector
        if detector is None or detector.detector_.usual_heat is None:
            return {}
        (heat,) = detector.heat_maps(some_items(self._cloud.items, np.array([index])))
        levels = np.rint(255 * heat / max(float(heat.max()), _TINY)).astype(np.uint8)
        return {"heat": base64.b64encode(levels.tobytes()).decode()}

    def _context(self, given: Mapping[str, Any]) -> Tensor | None:
        """Return the context that a page asks for: of an item, or by words."""
        learned, wanted = self.trained.context, given.get("context") or {}
        if learned is None:
            return None
        if "like" in wanted and self._cloud.context is not None:
            index = self._index(wanted["like"])
            return self._cloud.context[index : index + 1]
        if learned.captions is not None:
            prompt = str(given.get("prompt") or "")
            return self.trained.rows([prompt] if prompt else None, 1)
        values = {name: str(wanted[name]) for name in learned.attributes if name in wanted}
        if learned.attributes and len(values) == len(learned.attributes):
            return self.trained.one_row(
                values if learned.columns is not None else list(values.values())
            )
        if self.cloud is not None and self.cloud.context is not None:
            return self.cloud.context[:1]
        return self.trained.rows(None, 1)

    def _context_names(self, index: int) -> Answer | None:
        """Return the labels that an item's context stands for."""
        learned, cloud = self.trained.context, self._cloud
        if learned is None or cloud.context is None or not learned.attributes:
            return None
        row, found, start = cloud.context[index].tolist(), {}, 0
        for name, labels in learned.attributes.items():
            own = row[start : start + len(labels)]
            found[name] = labels[int(np.argmax(own))]
            start += len(labels)
        return found

    def _dropped(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        dropped = given["item"]
        if not isinstance(dropped, Mapping):
            raise SpecError("an item must be a record with an image, a row or a text.")
        if "image" in dropped:
            try:
                return {"image": base64.b64decode(dropped["image"], validate=True)}
            except ValueError as error:
                raise DataError(
                    f"an image must be the bytes of a file in base64; {error}."
                ) from error
        return dropped

    def _place(self, z: Any, projection: str) -> list[float] | None:
        found = self._map(projection)
        if found.center is None or found.directions is None:
            nearest = int(((self._cloud.z - z[0]) ** 2).sum(1).argmin())
            return list(map(float, found.points[nearest]))
        return list(map(float, (z[0] - found.center) @ found.directions.T))

    def _sampled(
        self,
        count: int,
        temperature: float,
        seed: int,
        context: Tensor | None,
        given: Mapping[str, Any],
    ) -> tuple[list[ItemView], Floats | None]:
        trained, domain = self.trained, self.trained.domain
        if context is None and trained.context is not None:
            context = trained.rows(None, 1)
        rows = None if context is None else context.to(trained.device).expand(count, -1)
        options = _options(given)
        with seeded(seed), torch.no_grad():
            if not isinstance(trained.model, VAE) or not self.sliders:
                x = trained.model.sample(count, rows, options=options)
                return domain.item_views(domain.decode(domain.clip(x))), None
            vae = trained.vae
            fitted = vae.fitted_prior is not None and given.get("prior") != "model"
            z = vae.generate(count, rows, fitted=fitted, options=options)
            middle = torch.from_numpy(self._cloud.z.mean(0)).to(z)
            z = middle + temperature * (z - middle)
            x = domain.clip(vae.make(z, rows))
        return domain.item_views(domain.decode(x)), z.cpu().numpy()

    @property
    def _knows_guidance(self) -> bool:
        if self.trained.context is None or not self.trained.context.dropout:
            return False
        if not isinstance(self.trained.model, VAE):
            return True
        prior = self.trained.vae.fitted_prior
        return isinstance(prior, Steered) and "guidance" in prior.knows

    @property
    def _has_density(self) -> bool:
        return {"density", "normalised"} <= self.trained.vae.provides and (
            self._cloud.rows is not None
        )

    def _log_p(self, indices: NDArray[np.int64]) -> NDArray[np.float64]:
        cloud, trained = self._cloud, self.trained
        if cloud.rows is None:
            raise CompositionError("samples have no score; name data.")
        rows = cloud.rows[torch.from_numpy(indices)]
        context = None if cloud.context is None else cloud.context[torch.from_numpy(indices)]
        x = trained.domain.encode(rows).to(trained.device)
        observed = trained.domain.observed(rows)
        seen = None if observed is None else observed.to(trained.device)
        found = trained.vae.log_prob(
            x, context, observed=seen, draws=_DRAWS, generator=make_generator(0)
        )
        return found.double().cpu().numpy()


def _options(given: Mapping[str, Any]) -> SamplingOptions:
    guidance = float(given.get("guidance", 1.0))
    return SamplingOptions() if guidance == 1.0 else SamplingOptions(guidance=guidance)


_MOST_KINDS = 20


def column_record(values: Sequence[Any]) -> Answer:
    """Return a column as a page colors by it.

    Whole numbers of at most 20 kinds, and text, are labels; other numbers are a scale. Of text of
    more kinds the most frequent keep their names.

    Example:
        >>> column_record(["b", "a", None])
        {'kind': 'labels', 'labels': ['a', 'b', 'missing'], 'codes': [1, 0, 2]}
        >>> column_record([0.5, 1.5])["kind"]
        'numbers'
        >>> column_record([str(i) for i in range(99)])["labels"][-2:]
        ['9', 'other']
    """
    known = [value for value in values if value is not None]
    numeric = all(isinstance(value, int | float) and not isinstance(value, bool) for value in known)
    whole = all(float(value).is_integer() for value in known) if numeric else False
    kinds = Counter(known)
    if numeric and not (whole and len(kinds) <= _MOST_KINDS):
        return {"kind": "numbers", "values": pack([np.nan if v is None else v for v in values])}
    named = [kind for kind, _ in kinds.most_common(_MOST_KINDS)]
    rest = len(kinds) > _MOST_KINDS
    named = named[: _MOST_KINDS - 1] if rest else named
    ordered = sorted(named) if numeric else sorted(named, key=str)
    positions = {value: place for place, value in enumerate(ordered)}
    labels = [f"{v:g}" if numeric else str(v) for v in ordered] + ["other"] * rest
    codes = [
        len(labels) if value is None else positions.get(value, len(ordered)) for value in values
    ]
    missing = len(known) < len(values)
    return {"kind": "labels", "labels": labels + ["missing"] * missing, "codes": codes}


OPERATIONS: Mapping[str, Callable[[Session, Mapping[str, Any]], Answer]] = {
    "info": Session.info,
    "layout": Session.layout,
    "column": Session.column,
    "item": Session.item,
    "items": Session.items,
    "decode": Session.decode,
    "walk": Session.walk,
    "encode": Session.encode,
    "sample": Session.sample,
    "score": Session.score,
    "anomalies": Session.anomalies,
}
"""By the name that a page calls them by; both backends have the same."""
