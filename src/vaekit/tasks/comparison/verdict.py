"""What the numbers say, in plain words."""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

from vaekit.tasks.comparison.result import Comparison
from vaekit.tasks.comparison.scoring import EDITING, SAMPLED_AT_ONCE
from vaekit.tasks.comparison.trial import Trial

__all__ = ["QUESTIONS", "Question", "verdict"]


@dataclass(frozen=True)
class Question:
    """One thing to compare models by.

    Attributes:
        title: In a word or two.
        best: What the best model is said to do, after its name.
        cost: What a trial's model costs, where the question is not answered by a score.
        lower: Whether lower is better.
        digits: Decimals shown.
        note: What the number is.
        measure: Its name among the scores, where it is one of them.
    """

    title: str
    best: str
    cost: Callable[[Trial], float | None] = lambda trial: None
    lower: bool = False
    digits: int = 2
    note: str = ""
    measure: str = ""

    def of(self, comparison: Comparison, model: str) -> list[float]:
        """The values of a model, one for each seed; empty where it has none."""
        if self.measure:
            return comparison.values(model, self.measure)
        return [v for trial in comparison.of(model) if (v := self.cost(trial)) is not None]


def _sampling(trial: Trial) -> float | None:
    return trial.scores[-1].sampling_seconds if trial.scores else None


def _latency(trial: Trial) -> float | None:
    return None if trial.latency is None else 1000 * trial.latency


def _size(trial: Trial) -> float | None:
    return None if trial.parameters is None else trial.parameters / 1e6


QUESTIONS = (
    Question(
        "quality",
        "has the samples closest to real items",
        measure="Frechet distance, samples",
        lower=True,
        note="Frechet distance of samples; lower is closer",
    ),
    Question(
        "diversity",
        "covers most of the kinds of items that there are",
        measure="coverage, samples",
        note="coverage: share of real items with a sample near",
    ),
    Question(
        "recall",
        "could have made most of the real items",
        measure="recall, samples",
        note="recall: share of real items among the samples",
    ),
    Question(
        "sharpness",
        "is nearest to the sharpness of real images",
        measure="sharpness, samples",
        note="fine detail of samples, 1 for real images",
    ),
    Question(
        "reconstruction",
        "gives items back most faithfully",
        measure="Frechet distance, reconstructions",
        lower=True,
        note="Frechet distance of reconstructions",
    ),
    Question(
        "control",
        "changes the label of an item most reliably",
        measure=EDITING,
        note="share of items that show another label after an edit towards it",
    ),
    Question(
        "sampling",
        "samples fastest",
        _sampling,
        lower=True,
        note="CPU seconds for 1,000 samples",
    ),
    Question(
        "latency",
        "answers first when one sample is asked for",
        _latency,
        lower=True,
        digits=1,
        note="milliseconds for one sample",
    ),
    Question(
        "memory",
        "needs the least memory to sample",
        lambda trial: trial.megabytes,
        lower=True,
        digits=1,
        note=f"megabytes while {SAMPLED_AT_ONCE} samples are made at once",
    ),
    Question("size", "is the smallest", _size, lower=True, note="millions of parameters"),
)
"""What models are compared by."""


def verdict(comparison: Comparison) -> list[str]:
    """Sentences about who is best at what, how sure that is, and what went wrong.

    A model is called best only if all its seeds are better than all seeds of every other one.

    Args:
        comparison: What was found.
    """
    sentences = [_answer(comparison, question) for question in QUESTIONS]
    return [s for s in sentences if s] + _failures(comparison) + _spread(comparison)


def _answer(comparison: Comparison, question: Question) -> str:
    values = {model: question.of(comparison, model) for model in comparison.models}
    known = {model: found for model, found in values.items() if found}
    if not known:
        return _unanswered(comparison, question)
    if question.title == "sharpness":  # best is what is nearest to real, not the largest
        known = {model: [abs(v - 1) for v in found] for model, found in known.items()}
    sign = 1 if question.lower or question.title == "sharpness" else -1
    order = sorted(known, key=lambda model: sign * median(known[model]))
    shown = ", ".join(f"{model} {median(values[model]):.{question.digits}f}" for model in order)
    lacking = [model for model in values if not values[model]]
    missing = f" Not available: {', '.join(lacking)}." if lacking else ""
    return (
        f"{question.title.capitalize()}: {_best(known, order, sign, question)} ({shown}).{missing}"
    )


def _unanswered(comparison: Comparison, question: Question) -> str:
    """Why no model has an answer; nothing where it is not a question of these data."""
    reasons = [
        score.missing[question.measure]
        for trial in comparison.trials
        for score in trial.scores[-1:]
        if question.measure in score.missing
    ]
    return f"{question.title.capitalize()}: not measured. {reasons[0]}" if reasons else ""


def _best(known: dict[str, list[float]], order: list[str], sign: int, question: Question) -> str:
    first, others = order[0], order[1:]
    if not others:
        return f"only {first} can be judged"
    worst = max(sign * v for v in known[first])
    rivals = [m for m in others if min(sign * v for v in known[m]) <= worst]
    if rivals:
        return f"no clear winner between {first} and {' and '.join(rivals)}"
    return f"{first} {question.best}"


def _failures(comparison: Comparison) -> list[str]:
    failed = [trial for trial in comparison.trials if trial.failure]
    return [f"Failed: {trial.model} with seed {trial.seed}: {trial.failure}" for trial in failed]


def _spread(comparison: Comparison) -> list[str]:
    """Stability: how much the quality depends on the seed."""
    spreads = {}
    for model in comparison.models:
        values = comparison.values(model, "Frechet distance, samples")
        if len(values) > 1:
            spreads[model] = (max(values) - min(values)) / median(values)
    if not spreads:
        return ["Stability: unknown, as there was one seed only."]
    shown = ", ".join(
        f"{m} {100 * s:.0f} %" for m, s in sorted(spreads.items(), key=lambda p: p[1])
    )
    return [f"Stability: range of the Frechet distance over seeds, of its median: {shown}."]
