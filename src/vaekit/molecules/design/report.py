"""What a search found, as one page with its pictures in it."""

import base64
import html
from collections import Counter
from importlib import resources
from string import Template
from typing import TYPE_CHECKING, Any

from vaekit.molecules.design.optimize import Optimization, table
from vaekit.molecules.plots import search_curves

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from vaekit.molecules.plots import MoleculeGrid


def draw_best(result: Optimization, n: int = 30) -> "MoleculeGrid":
    """Draw the best molecules with the values of the objectives under each.

    Args:
        result: Of `optimize`.
        n: How many, at most.

    Raises:
        DataError: No molecule has a value.
        MissingExtraError: RDKit is not installed.
    """
    from vaekit.molecules.plots import molecule_grid  # matplotlib costs half a second

    records = [result.records[place] for place in result.order[:n]]
    captions = [
        "\n".join(f"{n} {v:.4g}" for n, v in zip(result.goal.names, record.values, strict=True))
        for record in records
    ]
    return molecule_grid([record.smiles for record in records], captions)


_CARDS, _FRONT, _REASONS = 24, 30, 5


def design_page(result: Optimization, cards: int = _CARDS) -> bytes:
    """A page of HTML that needs no other file.

    It says what was asked for, sets the method beside its baselines and what was given, and draws
    the best molecules with their values, flags and alerts.

    Args:
        result: Of `optimize`.
        cards: How many molecules to draw.

    Raises:
        MissingExtraError: RDKit or pandas is not installed.
    """
    rows = table(result)
    template = resources.files("vaekit") / "templates" / "design.html"
    page = Template(template.read_text("utf-8")).substitute(
        how=html.escape(_how(result)),
        summaries="\n".join(_summary_row(each) for each in result.summaries),
        figures=_figure("The best score so far, call by call", _curves(result)),
        cards="\n".join(_card(result, row) for _, row in rows.head(cards).iterrows()),
        front=_front(result, rows),
        failures=_failures(result),
    )
    return page.encode()


def _how(result: Optimization) -> str:
    found, starts = result.found, result.starts
    parts = [
        f"Asked for: {result.goal.words}, by the method {found.method}, with "
        f"{len(result.records)} of {result.budget} calls"
    ]
    if found.stopped != "budget":
        parts.append(f"stopped before: {found.stopped}")
    if result.constraints:
        parts.append("always: " + "; ".join(rule.words for rule in result.constraints))
    parts.append(starts.words)
    drawn = max(1, found.drawn)
    parts.append(
        f"the model drew {found.drawn} ({found.invalid / drawn:.0%} invalid, "
        f"{found.barred / drawn:.0%} against a constraint)"
    )
    return ". ".join(part[0].upper() + part[1:] for part in parts) + "."


def _summary_row(summary: Any) -> str:
    cells = (summary.calls or "none", *(_number(v) for v in (summary.best, summary.top10)))
    numbers = "".join(f"<td class='number'>{cell}</td>" for cell in (*cells, _number(summary.area)))
    return f"<tr><td>{html.escape(summary.name)}</td>{numbers}</tr>"


def _number(value: float) -> str:
    return "" if value != value else f"{value:.4g}"  # noqa: PLR0124 - NaN differs from itself


def _curves(result: Optimization) -> "Figure":

    return search_curves(result.curves)


def _figure(caption: str, figure: "Figure") -> str:
    from vaekit.plots.style import png_of

    data = base64.b64encode(png_of(figure)).decode()
    words = html.escape(caption)
    return (
        f'<figure><img src="data:image/png;base64,{data}" alt="{words}">'
        f"<figcaption>{words}</figcaption></figure>"
    )


def _card(result: Optimization, row: Any) -> str:
    values = ", ".join(f"{html.escape(n)} {_number(row[n])}" for n in result.goal.names)
    lines = [_drawing(row["smiles"]), f"<b>{row['rank']}</b> {values}"]
    if len(result.goal.names) > 1:
        lines.append(f"score {_number(row['score'])}{', Pareto' if row['pareto'] else ''}")
    if "lead_similarity" in row:
        lines.append(f"similarity to the lead {_number(row['lead_similarity'])}")
    origin = "given" if row["origin"] == "given" else f"call {row['call']}"
    if "nearest_similarity" in row and row["origin"] != "given":
        origin += f", nearest given {_number(row['nearest_similarity'])}"
    lines.append(origin)
    for name in ("flags", "alerts"):
        if row[name]:
            lines.append(f"<span class='warn'>{html.escape(row[name])}</span>")
    lines.append(f"<code>{html.escape(row['smiles'])}</code>")
    return f"<div class='card'>{'<br>'.join(lines)}</div>"


def _drawing(smiles: str) -> str:
    from vaekit.molecules.plots import molecule_grid

    drawn = molecule_grid([smiles]).svg()
    return drawn[drawn.index("<svg") :]  # without the declaration of XML


def _front(result: Optimization, rows: Any) -> str:
    """The Pareto set, where there is more than one objective."""
    names = result.goal.names
    if len(names) == 1:
        return ""
    front = rows[rows["pareto"]]
    cells = [
        f"<tr><td><code>{html.escape(row['smiles'])}</code></td>"
        + "".join(f"<td class='number'>{_number(row[name])}</td>" for name in names)
        + "</tr>"
        for _, row in front.head(_FRONT).iterrows()
    ]
    head = "".join(f"<th>{html.escape(name)}</th>" for name in names)
    return (
        f"<h2>No other is better in everything: {len(front)} molecules</h2>\n"
        f"<div class='scroll'><table><thead><tr><th>molecule</th>{head}</tr></thead><tbody>\n"
        + "\n".join(cells)
        + "\n</tbody></table></div>"
    )


def _failures(result: Optimization) -> str:
    if not result.failures:
        return ""
    counts = Counter(record.reason for record in result.failures).most_common(_REASONS)
    words = "; ".join(f"{count} times {html.escape(str(reason))}" for reason, count in counts)
    return f"<h2>Calls without a value</h2><p>{len(result.failures)} failed: {words}.</p>"
