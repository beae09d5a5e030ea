"""What a search found, as one page with its pictures in it."""

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from vaekit.molecules.design.optimize import Optimization, table
from vaekit.molecules.plots import search_curves
from vaekit.reports import figure_html, lines, render

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
    """Return a page of HTML that needs no other file.

    It says what was asked for, sets the method beside its baselines and what was given, and draws
    the best molecules with their values, flags and alerts.

    Args:
        result: Of `optimize`.
        cards: How many molecules to draw.

    Raises:
        MissingExtraError: RDKit or pandas is not installed.
    """
    rows = table(result)
    return render(
        "design",
        how=_how(result),
        summaries=lines(_summary_row(each) for each in result.summaries),
        figures=figure_html("The best score so far, call by call", _curves(result)),
        cards=lines(_card(result, row) for _, row in rows.head(cards).iterrows()),
        front=_front(result, rows),
        failures=_failures(result),
    )


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


def _summary_row(summary: Any) -> Markup:
    cells = (summary.calls or "none", *(_number(v) for v in (summary.best, summary.top10)))
    return _numbered_row(summary.name, (*cells, _number(summary.area)))


def _numbered_row(head: Any, numbers: Iterable[Any]) -> Markup:
    cells = Markup("").join(Markup("<td class='number'>{}</td>").format(n) for n in numbers)
    return Markup("<tr><td>{}</td>{}</tr>").format(head, cells)


def _number(value: float) -> str:
    return "" if value != value else f"{value:.4g}"  # noqa: PLR0124 - NaN differs from itself


def _curves(result: Optimization) -> "Figure":

    return search_curves(result.curves)


def _card(result: Optimization, row: Any) -> Markup:
    named = result.value_columns
    values = ", ".join(f"{n} {_number(row[column])}" for n, column in named.items())
    parts: list[Any] = [_drawing(row["smiles"]), Markup("<b>{}</b> {}").format(row["rank"], values)]
    if len(result.goal.names) > 1:
        parts.append(f"score {_number(row['score'])}{', Pareto' if row['pareto'] else ''}")
    if "lead_similarity" in row:
        parts.append(f"similarity to the lead {_number(row['lead_similarity'])}")
    origin = "given" if row["origin"] == "given" else f"call {row['call']}"
    if "nearest_similarity" in row and row["origin"] != "given":
        origin += f", nearest given {_number(row['nearest_similarity'])}"
    parts.append(origin)
    for name in ("flags", "alerts"):
        if row[name]:
            parts.append(Markup("<span class='warn'>{}</span>").format(row[name]))
    parts.append(Markup("<code>{}</code>").format(row["smiles"]))
    return Markup("<div class='card'>{}</div>").format(Markup("<br>").join(parts))


def _drawing(smiles: str) -> Markup:
    from vaekit.molecules.plots import molecule_grid

    drawn = molecule_grid([smiles]).svg()
    return Markup(drawn[drawn.index("<svg") :])  # without the declaration of XML


def _front(result: Optimization, rows: Any) -> Markup:
    """Return the Pareto set, where there is more than one objective."""
    names = result.goal.names
    if len(names) == 1:
        return Markup("")
    front, columns = rows[rows["pareto"]], result.value_columns.values()
    body = lines(
        _numbered_row(
            Markup("<code>{}</code>").format(row["smiles"]), (_number(row[n]) for n in columns)
        )
        for _, row in front.head(_FRONT).iterrows()
    )
    head = Markup("").join(Markup("<th>{}</th>").format(name) for name in names)
    return Markup(
        "<h2>No other is better in everything: {} molecules</h2>\n"
        "<div class='scroll'><table><thead><tr><th>molecule</th>{}</tr></thead><tbody>\n"
        "{}\n</tbody></table></div>"
    ).format(len(front), head, body)


def _failures(result: Optimization) -> Markup:
    if not result.failures:
        return Markup("")
    counts = Counter(record.reason for record in result.failures).most_common(_REASONS)
    words = "; ".join(f"{count} times {reason}" for reason, count in counts)
    return Markup("<h2>Calls without a value</h2><p>{} failed: {}.</p>").format(
        len(result.failures), words
    )
