"""``vaekit evaluate``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import lazy_loader
import typer
from rich.table import Table

import vaekit
from vaekit import datasets, domains, storage
from vaekit import evaluation as evaluation_lib
from vaekit.console.files import console, read_context, read_data
from vaekit.console.options import DATA_HELP, Run
from vaekit.console.outputs import check_output_folder, within_run
from vaekit.evaluation.settings import EvaluationSettings

if TYPE_CHECKING:
    import numpy as np
else:
    np = lazy_loader.load("numpy")


_TITLES: dict[str, Any] = {"title_justify": "left", "title_style": "bold"}


def print_evaluation(evaluation: evaluation_lib.Evaluation, title: str) -> None:
    """Print all rows, group by group; those of several sources side by side.

    Args:
        evaluation: What was measured.
        title: Above all.
    """
    console.print(title, highlight=False, style="bold")
    for group in dict.fromkeys(row.group for row in evaluation.measured):
        rows = evaluation.rows(group)
        plain, compared = ([row for row in rows if bool(row.source) == by] for by in (False, True))
        if plain or not compared:
            console.print(_plain_table(group, plain))
        if compared:
            console.print(_side_by_side(compared, "" if plain else group))
            _print_reasons(compared)


def _plain_table(group: str, rows: Sequence[evaluation_lib.ReportRow]) -> Table:
    table = Table("measure", "value", "note", title=group, **_TITLES)
    table.columns[1].justify = "right"
    table.columns[1].no_wrap = True
    for row in rows:
        table.add_row(row.measure, _value(row), row.note)
    return table


def _side_by_side(rows: Sequence[evaluation_lib.ReportRow], title: str) -> Table:
    """Return a line for each measure and a column for each source."""
    sources = list(dict.fromkeys(row.source for row in rows))
    values = {row.name: _value(row) for row in rows}
    table = Table("measure", *sources, title=title or None, **_TITLES)
    for column in table.columns[1:]:
        column.justify = "right"
    for measure in dict.fromkeys(row.measure for row in rows):
        names = [evaluation_lib.ReportRow(measure, None, source=source).name for source in sources]
        table.add_row(measure, *(values.get(name, "–") for name in names))
    return table


def _print_reasons(rows: Sequence[evaluation_lib.ReportRow]) -> None:
    """Why values are missing, each reason once."""
    missing = [row for row in rows if row.value is None]
    for measure, note in dict.fromkeys((row.measure, row.note) for row in missing):
        console.print(f"{measure}: {note}", highlight=False, markup=False)


def _value(row: evaluation_lib.ReportRow) -> str:
    if row.value is None:
        return "–"
    number = str(row.value) if isinstance(row.value, int) else f"{row.value:.4g}"
    text = f"{number} {row.unit}".rstrip()
    if row.interval is None:
        return text
    half = row.interval[1] - row.value
    return f"{row.value:.5g} ± {half:.2g} {row.unit}"


_BUILT_IN: dict[str, Callable[[], datasets.Dataset]] = {
    "digits": lambda: datasets.digits(),  # noqa: PLW0108 - imported when used
    "fashion_mnist": lambda: datasets.fashion_mnist("test"),
    "fashion_mnist_test": lambda: datasets.fashion_mnist("test"),
    "shapes": lambda: datasets.shapes(10_000, seed=1),  # other draws than those that fit reads
}
_DEFAULTS = EvaluationSettings()


HeldOut = Annotated[
    str,
    typer.Argument(
        help=f"Held-out items. {DATA_HELP} Of fashion_mnist it is the test split, of shapes new "
        "draws; digits have no test split."
    ),
]
Out = Annotated[Path | None, typer.Option(help="Folder to write; RUN/evaluation by default.")]
ContextOption = Annotated[
    str | None,
    typer.Option(
        help="For conditional models: a file, or values separated by commas; built-in data bring "
        "their labels."
    ),
]
Labels = Annotated[
    str | None,
    typer.Option(
        help="The class of each item, on which a classifier is trained whose features compare "
        "samples: a file, or the name of a built-in data set; built-in data bring theirs."
    ),
]
FeaturesOption = Annotated[
    str,
    typer.Option(
        help="What samples are compared by: auto (a classifier with labels, else raw), "
        "classifier, efficientnet or raw."
    ),
]
Samples = Annotated[
    int,
    typer.Option(
        "--n", "-n", min=1, help="Most samples, and real items, to compare; 3 in 10 items."
    ),
]
Annealed = Annotated[
    int,
    typer.Option(
        min=0, help="Items for annealed importance sampling, some 6 s each; 0 leaves it out."
    ),
]
Factors = Annotated[
    str | None,
    typer.Option(
        help="File with what made each item: a row per item, a column of whole numbers per "
        "factor. shapes bring theirs."
    ),
]
Neighbors = Annotated[
    int, typer.Option("--k", min=1, help="Neighbours of precision, recall, density, coverage.")
]
Training = Annotated[
    str | None,
    typer.Option(
        help="Of tables and molecules: the data of fit; says whether samples repeat them, and of "
        "molecules what a perfect model would reach."
    ),
]
Target = Annotated[
    str | None,
    typer.Option(help="Of tables: a column that trees trained on samples are to predict."),
]


def evaluate(
    run: Run,
    data: HeldOut,
    out: Out = None,
    context: ContextOption = None,
    labels: Labels = None,
    features: FeaturesOption = _DEFAULTS.features,
    n: Samples = _DEFAULTS.samples,
    draws: Annotated[
        int, typer.Option(min=1, help="Importance samples per item.")
    ] = _DEFAULTS.draws,
    annealed: Annealed = _DEFAULTS.annealed,
    factors: Factors = None,
    metric: Annotated[
        list[str] | None,
        typer.Option(help="A registered metric of another package; may be repeated."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of everything random.")] = _DEFAULTS.seed,
    k: Neighbors = _DEFAULTS.k,
    target: Target = _DEFAULTS.target,
    training: Training = None,
) -> None:
    """Measure a trained model on held-out data: a table, evaluation.json, .csv and pictures.

    Likelihood, latents, codes, reconstruction, samples of both priors beside real items, and
    disentanglement where factors are known. What the model or the data do not allow is a line
    that says why.

    Parts look at a random choice of the items: likelihood, reconstruction and disentanglement at
    5,000, latents at 2,000; samples are compared with 3 in 10 of the items, at most --n, beside
    as many others; 4 in 10, at most 5,000, teach the features. So figures of two models compare on
    the same data with the same options, the seed included: with another, the classifier is another,
    and the Frechet distance may differ by a third. For 10,000 images of 28 x 28 it takes half a
    minute on one core.

    Examples:

    vaekit evaluate runs/fashion fashion_mnist

    vaekit evaluate runs/photos held-out/ --features efficientnet --out photos-evaluation

    vaekit evaluate runs/table test.csv --labels classes.csv --draws 256

    vaekit evaluate runs/shapes shapes --annealed 20

    vaekit evaluate runs/adult adult-test.csv --training adult-train.csv --target income

    vaekit evaluate runs/drugs held-out.smi --training drugs.smi -n 10000
    """
    out = within_run(run, "evaluation") if out is None else out
    model = storage.load_model(run)
    check_output_folder("--out", out, (run, data, context, labels, factors, training))
    evaluation_lib.check_evaluation_folder(out)
    settings = EvaluationSettings(features, n, draws, annealed, k=k, target=target, seed=seed)
    held_out = _read(model, data, context, labels, factors)
    learned_from = None if training is None else read_data(training, model.domain_)
    result = _measure(model, held_out, learned_from, settings, metric or ())
    evaluation_lib.write_evaluation(
        out, result, {"run": str(run), "data": data, "versions": storage.versions()}
    )
    print_evaluation(result, f"{run} on {len(held_out.items)} items of {data}")
    files = ["evaluation.json", "evaluation.csv", *(f"{name}.png" for name in result.pictures)]
    console.print(f"wrote {out}: {', '.join(files)}", highlight=False)


@dataclass(frozen=True, eq=False)
class _Data:
    """What the user named."""

    items: Any
    context: Any
    labels: Any
    factors: Any


def _read(
    model: vaekit.Autoencoder,
    data: str,
    context: str | None,
    labels: str | None,
    factors: str | None,
) -> _Data:
    """Data, and what belongs to them: built-in data sets bring it along."""
    known = _built_in(data)
    items = read_data(data, model.domain_) if known is None else known.images
    own_context = known.labels if known is not None and model.context_ is not None else None
    return _Data(
        items,
        own_context if context is None else _context(context, data, model),
        _labels(data if labels is None and known is not None else labels, _names),
        _own_factors(known) if factors is None else np.asarray(domains.read_source(factors)),
    )


def _built_in(name: str | None) -> datasets.Dataset | None:
    """Return a built-in data set; a path of that name wins."""
    if name is None or name not in _BUILT_IN or Path(name).exists():
        return None
    return _BUILT_IN[name]()


def _labels(text: str | None, of: Callable[[datasets.Dataset], Any]) -> Any:
    """Of a built-in data set, as evaluated here, or what the text names."""
    known = _built_in(text)
    return read_context(text) if known is None else of(known)


def _context(text: str, data: str, model: vaekit.Autoencoder) -> Any:
    known = _built_in(text)
    return read_context(text, data, model.domain_) if known is None else known.labels


def _names(known: datasets.Dataset) -> Any:
    return np.asarray(known.label_names)[known.labels]


def _own_factors(known: datasets.Dataset | None) -> Any:
    if known is None or known.factors is None:
        return None
    return np.stack(list(known.factors.values()), axis=1)


def _measure(
    model: vaekit.Autoencoder,
    held_out: _Data,
    training: Any,
    settings: EvaluationSettings,
    metrics: Sequence[str],
) -> evaluation_lib.Evaluation:
    with console.status("evaluating") as status:
        return evaluation_lib.evaluate(
            model.trained_,
            held_out.items,
            held_out.context,
            labels=held_out.labels,
            factors=held_out.factors,
            training=training,
            metrics=metrics,
            settings=settings,
            watch=lambda name, done, of: status.update(f"{done + 1} of {of}: {name}"),
        )
