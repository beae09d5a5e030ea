"""A measure of samples of counts."""

from vaekit.evaluation.measures import ReportRow
from vaekit.evaluation.subject import EvaluationContext


def zero_fraction(subject: EvaluationContext) -> list[ReportRow]:
    """Return the share of zeros among real counts and among sampled ones."""
    real, new = subject.x(subject.reference), subject.sampled(subject.reference)
    note = "too few zeros in samples: try zero_inflated_negative_binomial"
    return [
        ReportRow(
            "share of zeros", float((real == 0).float().mean()), items=len(real), source="real"
        ),
        ReportRow(
            "share of zeros",
            float((new == 0).float().mean()),
            items=len(new),
            source="samples",
            note=note,
        ),
    ]
