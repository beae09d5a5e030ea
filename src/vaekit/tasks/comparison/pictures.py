"""The pictures of a comparison."""

from collections.abc import Mapping

from matplotlib.figure import Figure

from vaekit.plots import Panel, image_sheets, tradeoff_curves
from vaekit.tasks.comparison.result import Comparison
from vaekit.tasks.comparison.trial import Trial

__all__ = ["PICTURES", "draw_pictures"]

_MEASURES = ("Frechet distance", "coverage", "sharpness")
PICTURES = {
    "samples": "Real items that no model was trained on, and samples of each, not chosen.",
    "training": "Scores against the time of training; one line for each seed.",
    "sampling": "Quality against the time that 1,000 samples take; of models that sample in steps "
    "one point for each number of steps.",
    "losses": "What each training minimised, epoch by epoch; scales differ from model to model.",
}
"""Names of files without their ending, and what they show."""


def draw_pictures(found: Comparison) -> dict[str, Figure]:
    """Those of `PICTURES` that the data and the results allow, by name."""
    finished = [trial for trial in found.trials if trial.failure is None]
    if not finished:
        return {}
    drawn = {"training": _training(found), "sampling": _sampling(found), "losses": _losses(found)}
    if found.are_images:
        drawn["samples"] = _samples(found, finished)
    return {name: drawn[name] for name in PICTURES if name in drawn}


def _samples(found: Comparison, finished: list[Trial]) -> Figure:
    first = {trial.model: trial.samples for trial in reversed(finished)}
    sheets = {model: first[model] for model in found.models if model in first}
    return image_sheets({"real items": found.examples, **sheets}, columns=12)


def _training(found: Comparison) -> Figure:
    return tradeoff_curves(
        [
            Panel(
                _curves(found, f"{measure}, samples"),
                "training, s",
                measure,
                found.floor.get(f"{measure}, samples"),
                log_x=True,
            )
            for measure in _MEASURES
            if f"{measure}, samples" in found.floor
        ]
    )


def _curves(found: Comparison, measure: str) -> dict[str, list[tuple[list[float], list[float]]]]:
    curves = {}
    for model in found.models:
        rows = [[s for s in t.scores if measure in s.values] for t in found.of(model)]
        curves[model] = [
            ([s.seconds for s in row], [s.values[measure] for s in row]) for row in rows
        ]
    return curves


def _sampling(found: Comparison) -> Figure:
    measure = "Frechet distance, samples"
    curves = {}
    for model in found.models:
        rows = [trial.by_steps or trial.scores[-1:] for trial in found.of(model)]
        known = [[s for s in row if s.sampling_seconds and measure in s.values] for row in rows]
        curves[model] = [
            ([s.sampling_seconds or 0.0 for s in row], [s.values[measure] for s in row])
            for row in known
        ]
    panel = Panel(
        curves,
        "CPU s for 1,000 samples",
        "Frechet distance",
        found.floor.get(measure),
        log_x=True,
    )
    return tradeoff_curves([panel])


def _losses(found: Comparison) -> Figure:
    panels = []
    for model in found.models:
        trials = [trial for trial in found.of(model) if trial.history]
        terms = _shown_terms(trials[0].history[0]) if trials else []
        panels += [
            Panel(_history(trials, term, model), "epoch", f"{model}: {term}") for term in terms
        ]
    return tradeoff_curves(panels)


def _shown_terms(row: Mapping[str, float]) -> list[str]:
    """The loss; of models without one, such as adversarial ones, what each side minimised."""
    return ["loss"] if "loss" in row else [name for name in ("generator", "critic") if name in row]


def _history(
    trials: list[Trial], term: str, model: str
) -> dict[str, list[tuple[list[float], list[float]]]]:
    rows = [trial.history for trial in trials]
    return {model: [([r["epoch"] for r in h], [r[term] for r in h]) for h in rows]}
