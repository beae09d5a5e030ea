"""One trained run and what it can be asked, by the functions that Python's users call."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from vaekit.anomalies.estimator import VAEDetector
from vaekit.anomalies.threshold import conformal_p_values
from vaekit.autoencoder import Autoencoder
from vaekit.domains.base import Domain
from vaekit.domains.checks import is_frame
from vaekit.editing.edits import apply_edit, edit, transfer
from vaekit.errors import CompositionError, SpecError
from vaekit.models.vae import VAE
from vaekit.serving.faults import NotFoundError
from vaekit.serving.items import ready_items
from vaekit.serving.operations import OPERATIONS, Operation
from vaekit.serving.receiving import Request, Result, merge_key
from vaekit.serving.warned import collecting_warnings
from vaekit.storage.loading import load, run_name
from vaekit.tables.imputation import impute, is_weighted

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_MERGED = ("encode", "decode", "reconstruct", "detect")
_ALIKE = 1e-5


class Service:
    """A trained run under a name.

    Args:
        name: Letters, digits, dots, hyphens and underscores.
        run: A fitted `Autoencoder` or `VAEDetector`.

    Raises:
        SpecError: Another name, or something else than a run.

    Example:
        >>> from vaekit.datasets import digits
        >>> model = Autoencoder(latent_dim=2, max_epochs=1, progress=False).fit(digits().images)
        >>> service = Service("digits", model)
        >>> service.run(Request("sample", None, 3, options={"seed": 0})).values["items"].shape
        (3, 8, 8)
    """

    def __init__(self, name: str, run: Any) -> None:
        if not _NAME.fullmatch(name):
            raise SpecError(
                "the name of a model must be of letters, digits, dots, hyphens and underscores; "
                f"got {name!r}. Name it: NAME=RUN."
            )
        if not isinstance(run, Autoencoder | VAEDetector):
            raise SpecError(
                f"only models and detectors of anomalies can be served; got {type(run).__name__}."
            )
        self.name = name
        self.detector = run if isinstance(run, VAEDetector) else None
        self.model: Autoencoder = run.autoencoder_ if isinstance(run, VAEDetector) else run
        self.operations: Mapping[str, Operation] = {
            each: OPERATIONS[each] for each in OPERATIONS if self._has(each)
        }
        self._merges = self._mergeable()
        self._runs: Mapping[str, Callable[[Request], Result]] = {
            "encode": self._encode,
            "decode": self._decode,
            "reconstruct": self._reconstruct,
            "score": self._score,
            "detect": self._detect,
            "sample": self._sample,
            "impute": self._impute,
            "edit": self._edit,
        }

    @property
    def domain(self) -> Domain:
        """What was learned of the data."""
        domain: Domain = self.model.domain_
        return domain

    def operation(self, name: str) -> Operation:
        """Return one of the operations that this run has.

        Raises:
            NotFoundError: It has not.
        """
        if name not in self.operations:
            has = ", ".join(f"/{each}" for each in self.operations)
            raise NotFoundError(
                f"model {self.name!r} must have the operation; it has {has}."
                if name in OPERATIONS
                else f"there is no such operation; model {self.name!r} has {has}."
            )
        return self.operations[name]

    def run(self, request: Request) -> Result:
        """Do what is asked, with the warnings that Python would have given.

        Raises:
            VaekitError: As of the function of that name.
        """
        self.operation(request.operation)
        with collecting_warnings() as said:
            request = replace(request, items=ready_items(request.items, self.domain))
            result = self._runs[request.operation](request)
        return Result(result.values, result.facts, tuple(said))

    def key(self, request: Request) -> Any:
        """Return what requests have to have in common to be merged; ``None`` to stay alone.

        Random draws depend on how many items there are, so what draws is never merged: it gives
        to the byte what Python gives.
        """
        return merge_key(request) if request.operation in self._merges else None

    def describe(self) -> dict[str, Any]:
        """Return what a client has to know, as JSON."""
        model, domain = self.model, self.domain
        told: dict[str, Any] = {
            "name": self.name,
            "kind": "model" if self.detector is None else "detector",
            "preset": str(model.notes_.get("preset", model.preset)),
            "data": type(domain).__name__.removesuffix("Domain").lower(),
            "item_shape": list(domain.event_shape),
            "latent_dim": self._latent_dim(),
            "operations": list(self.operations),
            "merged": [each for each in self.operations if each in self._merges],
        }
        if columns := domain.column_summaries():
            told["columns"] = dict(columns)
        if model.context_ is not None:
            told["context"] = model.context_.known
        return told

    def _latent_dim(self) -> int | None:
        model = self.model.model_
        return int(model.latent_dim) if isinstance(model, VAE) else None

    def _has(self, name: str) -> bool:
        if name in ("sample", "detect"):
            return name == "sample" or self.detector is not None
        vae = self.model.model_
        return isinstance(vae, VAE) and self._vae_has(name, vae)

    def _vae_has(self, name: str, vae: VAE) -> bool:
        domain, context = self.domain, self.model.context_
        if name == "score":
            return {"density", "normalised"} <= vae.provides
        if name == "impute":
            return domain.fills_holes and "density" in vae.provides
        if name == "edit":
            swaps = context is not None and bool(context.attributes)
            return swaps or (not vae.latent.num_codes and vae.latent.keeps_density)
        return True

    def _mergeable(self) -> frozenset[str]:
        """Return the operations whose result for an item does not depend on the others."""
        if self.domain.items_overlap:
            return frozenset()
        alone = {"detect"} if self.detector is None or not self._scores_alone() else set[str]()
        return frozenset(set(_MERGED) - alone)

    def _scores_alone(self) -> bool:
        """Return whether the detector scores some rows together as it does each of them alone."""
        assert self.detector is not None
        detector = self.detector.detector_
        if self.detector.steps_ is not None:
            return False
        rows = detector.memory.rows[:8]
        together = detector.score_rows(rows)
        single = np.concatenate([detector.score_rows(row[None]) for row in rows])
        return bool(np.allclose(together, single, rtol=_ALIKE, atol=_ALIKE))

    # What is asked.

    def _encode(self, request: Request) -> Result:
        strict = request.options.get("strict", False)
        z = self.model.transform(request.items, request.context, strict=strict)
        return Result({"latents": z})

    def _decode(self, request: Request) -> Result:
        return Result({"items": self.model.inverse_transform(request.items, request.context)})

    def _reconstruct(self, request: Request) -> Result:
        strict = request.options.get("strict", False)
        found = self.model.reconstruct(request.items, request.context, strict=strict)
        return Result({"items": found})

    def _score(self, request: Request) -> Result:
        draws = request.options.get("draws", 64)
        return Result({"log_p": self.model.score_samples(request.items, request.context, draws)})

    def _detect(self, request: Request) -> Result:
        assert self.detector is not None
        detector, items = self.detector, request.items
        if detector.steps_ is not None:
            events = [asdict(event) for event in detector.events(items)]
            return Result({"anomaly_score": detector.step_scores(items)}, {"events": events})
        usual = detector.score_samples(items)
        scores, flagged = -usual, usual - detector.offset_ < 0
        values: dict[str, Any] = {
            "anomaly_score": scores,
            "anomaly_probability": detector.detector_.probabilities(scores),
            "is_anomaly": flagged,
        }
        if detector.held_out_ is not None:
            values["p_value"] = conformal_p_values(scores, detector.held_out_)
        if top := request.options.get("reasons", 0):
            values["reasons"] = _reasons(detector, items, flagged, top)
        return Result(values, {"threshold": -float(detector.offset_)})

    def _sample(self, request: Request) -> Result:
        items = self.model.sample(request.count, request.context, **request.options)
        return Result({"items": items})

    def _impute(self, request: Request) -> Result:
        options = {"weighted": None, **request.options}
        if options["weighted"] is None:
            options["weighted"] = is_weighted(self.model.preset)
        trained = self.model.trained_
        return Result({"items": impute(trained, request.items, request.context, **options)})

    def _edit(self, request: Request) -> Result:
        options, trained = dict(request.options), self.model.trained_
        like, labels = options.pop("like", None), options.pop("labels", None)
        if like is not None:
            strength = options.get("strength", 1.0)
            change = transfer(trained, like, request.items, unlike_context=request.context)
            items = apply_edit(trained, request.items, change, strength, request.context)
            return Result({"items": items})
        for name in ("attribute", "to"):
            if options.get(name) is None:
                raise SpecError(f"{name} must be given, or like; got neither.")
        found = edit(trained, request.items, labels, context=request.context, **options)
        return Result({"items": found})


def _reasons(detector: VAEDetector, items: Any, flagged: Any, top: int) -> list[Any]:
    """Return the reasons of flagged rows, none of the others."""
    found: list[Any] = [[] for _ in flagged]
    positions = np.flatnonzero(flagged)
    if len(positions):
        some = items.iloc[positions] if is_frame(items) else items[positions]
        for place, reasons in zip(positions, detector.explain(some, top), strict=True):
            found[place] = [asdict(reason) for reason in reasons]
    return found


def load_services(runs: Sequence[str | Path]) -> list[Service]:
    """Load runs, each under the name of its folder, or under that before an equals sign.

    Args:
        runs: Folders, ``NAME=FOLDER``, or names of the hub or of models of the package.

    Raises:
        SpecError: None, or two of one name.
        FormatError: A folder that holds no run.
    """
    if not runs:
        raise SpecError("there must be a run at least to serve; got none.")
    services: list[Service] = []
    for text in map(str, runs):
        name, sign, path = text.partition("=")
        if not sign:
            path, name = text, run_name(text)
        if name in [service.name for service in services]:
            raise SpecError(
                f"models must have different names; got {name!r} twice. Name them: NAME=RUN."
            )
        services.append(Service(name, _loaded(path)))
    return services


def _loaded(path: str) -> Any:
    found = load(path)
    if isinstance(found, VAEDetector):
        return found
    if not isinstance(found, Autoencoder):
        raise CompositionError(f"{path} must hold a model or a detector of anomalies.")
    return found
