"""A measure of sampled clouds."""

import torch

from vaekit.evaluation.measures import ReportRow
from vaekit.evaluation.subject import EvaluationContext


def chamfer_to_nearest(subject: EvaluationContext) -> list[ReportRow]:
    """Return the mean distance of samples to the real cloud that each is most like."""
    real, new = (
        x[:100] for x in (subject.x(subject.reference), subject.sampled(subject.reference))
    )
    found = []
    for cloud in new:
        apart = torch.cdist(cloud.expand_as(real), real)
        found.append((apart.amin(1).mean(1) + apart.amin(2).mean(1)).min())
    return [
        ReportRow(
            "Chamfer distance to the nearest", float(torch.stack(found).mean()), items=len(new)
        )
    ]
