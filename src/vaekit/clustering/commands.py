"""``vaekit cluster``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from vaekit import clustering, storage
from vaekit.console.files import console, read_context, read_data
from vaekit.console.options import ContextOption, Data, Run
from vaekit.console.outputs import check_output_folder, within_run

_MOST_SCORES = 5
_ITEMS_SHOWN = 3


def cluster(
    run: Run,
    data: Data,
    k: Annotated[
        int | None, typer.Option("--k", min=1, help="How many; chosen by the method if left out.")
    ] = None,
    method: Annotated[
        str, typer.Option(help="auto, graph, gmm, kmeans, hdbscan, or model (its own components).")
    ] = "auto",
    labels: Annotated[
        str | None,
        typer.Option(
            help="Known classes to compare the clusters with: a file, or 'digits' or "
            "'fashion_mnist' for those labels. They do not change the clusters."
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder to write; RUN/clusters by default.")
    ] = None,
    context: ContextOption = None,
    projection: Annotated[
        str, typer.Option("--map", help="Of the latent map: pca, or umap (extra 'umap').")
    ] = "pca",
    seed: Annotated[int, typer.Option(min=0, help="Seed of everything random.")] = 0,
) -> None:
    """Find groups of alike items: a table, clusters.csv, clusters.json and pictures.

    clusters.csv has a line for each item: its cluster, -1 for none, and how probable that is.
    cards.png shows the most central items of each cluster and what sets it apart from the rest, in
    standard deviations; latent_map.png shows where clusters lie.

    Examples:

    vaekit cluster runs/digits digits --k 10 --labels digits

    vaekit cluster runs/fashion fashion_mnist --out fashion-clusters

    vaekit cluster runs/table table.csv --method hdbscan

    vaekit cluster runs/vade digits --method model
    """
    out = within_run(run, "clusters") if out is None else out
    model = storage.load_model(run)
    check_output_folder("--out", out, (run, data, labels, context))
    clustering.check_clustering_folder(out)
    clustering.check_options(method, k)
    items = read_data(data, model.domain_)
    with console.status("clustering"):
        found = clustering.cluster(
            model.trained_,
            items,
            read_context(context),
            method=method,
            k=k,
            labels=read_context(labels),
            seed=seed,
        )
        pictures = clustering.draw_pictures(found, model.trained_, items, projection)
    notes = {"run": str(run), "data": data, "versions": storage.versions()}
    clustering.write_clustering(out, found, pictures, notes)
    _print(found, f"{run} on {len(found.assignments)} items of {data}")
    files = ["clusters.csv", "clusters.json", *(f"{name}.png" for name in pictures)]
    console.print(f"wrote {out}: {', '.join(files)}", highlight=False)


def _print(found: clustering.Clustering, title: str) -> None:
    table = Table("cluster", "items", "what sets it apart", "most central items", title=title)
    table.title_justify, table.columns[1].justify = "left", "right"
    for one in found.clusters:
        table.add_row(*_cells(one, len(found.assignments)))
    if found.noise:
        table.add_row("none", _count(found.noise, len(found.assignments)), "", "")
    console.print(table)
    console.print(_choice(found), highlight=False)
    if found.agreement is not None:
        values = vars(found.agreement).items()
        text = ", ".join(f"{name.replace('_', ' ')} {value:.3f}" for name, value in values)
        console.print(f"agreement with the labels: {text}", highlight=False)


def _cells(one: clustering.Cluster, total: int) -> tuple[str, ...]:
    central = ", ".join(str(item) for item in one.representatives[:_ITEMS_SHOWN])
    return str(one.number), _count(one.size, total), one.summary(), central


def _count(size: int, total: int) -> str:
    return f"{size} ({100 * size / total:.0f} %)"


def _choice(found: clustering.Clustering) -> str:
    """Return how many clusters, and why so many."""
    text = f"{found.k} clusters by method '{found.method}'; their number: {found.criterion}"
    best: list[Any] = list(found.scores.items())[:_MOST_SCORES]
    shown = ", ".join(f"{k} ({score:.3g})" for k, score in best)
    return f"{text}; best were {shown}" if shown else text
