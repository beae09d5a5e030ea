"""What was found, as one page with its pictures in it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from vaekit.anomalies.detector import Detector
from vaekit.anomalies.inputs import prepare_inputs
from vaekit.anomalies.reasons import Reason, reason_words
from vaekit.fitting.trained import batches_of
from vaekit.plots.task_charts import heat_sheets, score_histogram, unusual_map
from vaekit.reports import figure_html, lines, render, table_row
from vaekit.training.config import Items

if TYPE_CHECKING:
    from matplotlib.figure import Figure


Floats = NDArray[np.float64]

_POINTS, _IMAGES, _COLUMNS = 2000, 24, 12


@dataclass(frozen=True)
class FlaggedItem:
    """One flagged item.

    Attributes:
        place: Which of the items it is, from 0.
        score: How rare it is, nats.
        reasons: Why; empty where items are no rows.
        item: It, as one row or image.
    """

    place: int
    score: float
    reasons: Sequence[Reason]
    item: Any


def report_page(
    detector: Detector, scores: Floats, threshold: float, found: Sequence[FlaggedItem], how: str
) -> bytes:
    """Return a page of HTML that needs no other file.

    It has the distribution of the scores, a map of the latents, how often each column is the first
    reason, and the most unusual items: rows with their reasons, images with where they are so.

    Args:
        detector: What scored.
        scores: Of all items.
        threshold: Those above it are flagged.
        found: The most unusual flagged items, the most unusual first.
        how: What was done, in a sentence.
    """
    flagged = int((scores > threshold).sum())
    pictures = _pictures(detector, scores, threshold, found)
    nothing = Markup("<tr><td colspan='4'>No item is flagged.</td></tr>")
    return render(
        "anomalies",
        how=how,
        summary=f"{flagged} of {len(scores)} items are flagged: their score is above "
        f"{threshold:.2f} nats.",
        figures=lines(figure_html(*pair) for pair in pictures),
        columns=_first_reasons(found),
        items=lines(_item(detector, one) for one in found) or nothing,
    )


def _pictures(
    detector: Detector, scores: Floats, threshold: float, found: Sequence[FlaggedItem]
) -> list[tuple[str, "Figure"]]:
    drawn = [("How unusual the items are", score_histogram(scores, threshold))]
    if not found:
        return drawn
    items = detector.trained.domain.prepare(_stacked([one.item for one in found]))
    if detector.trained.domain.draws_images:
        drawn.append(("The most unusual images, and where they are so", _sheet(detector, found)))
    if detector.trained.vae.latent_dim >= 2:
        usual = _codes(detector, detector.memory.rows[:_POINTS])
        map_of = unusual_map(usual, _codes(detector, items))
        drawn.append(("Where they lie among latents", map_of))
    return drawn


def _codes(detector: Detector, rows: Any) -> Floats:
    domain, trained = detector.trained.domain, detector.trained
    items = Items(rows, domain.encode, None, domain.observed(rows))
    return prepare_inputs(trained.vae, detector.frame, batches_of(items, trained.device)).codes


def _sheet(detector: Detector, found: Sequence[FlaggedItem]) -> "Figure":
    images = _stacked([one.item for one in found[:_IMAGES]])
    # Where patches tell, the model is trained briefly, and what it draws is not what is expected.
    expected = None if detector.localizes else detector.trained.reconstruct(images)
    return heat_sheets(images, expected, detector.heat_maps(images))


def _stacked(items: Sequence[Any]) -> Any:
    """Return rows as a data frame, others as an array."""
    if type(items[0]).__module__.startswith("pandas"):
        import pandas as pd

        return pd.concat(items)
    return np.stack(items)


def _first_reasons(found: Sequence[FlaggedItem]) -> Markup:
    """Return how often each column is the strongest reason, as bars."""
    counts = Counter(one.reasons[0].column for one in found if one.reasons)
    if not counts:
        return Markup("")
    most = max(counts.values())
    bars = lines(
        table_row(column, Markup("{} {}").format(_bar(count / most), count))
        for column, count in counts.most_common(_COLUMNS)
    )
    return Markup(
        "<h2>Which columns are the strongest reason, among the items below</h2>\n"
        "<table class='bars'><tbody>\n{}\n</tbody></table>"
    ).format(bars)


def _item(detector: Detector, one: FlaggedItem) -> Markup:
    sure = float(detector.probabilities(np.array([one.score]))[0])
    reasons = Markup("<br>").join(
        Markup("{} {}").format(_bar(reason.share), reason_words(reason)) for reason in one.reasons
    )
    return table_row(one.place, f"{one.score:.2f}", f"{sure:.3f}", reasons)


def _bar(share: float) -> Markup:
    width = round(60 * min(1.0, max(0.0, share)))
    return Markup('<span class="bar" style="width:{}px"></span>').format(width)
