"""Commands on a trained model: sample, reconstruct, interpolate, score, info."""

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.progress import track

from vaekit.autoencoder import Autoencoder
from vaekit.cli.data import DATA_HELP, read_context, read_data, take_rows
from vaekit.cli.molecules import (
    check_molecule_options,
    draw_between,
    draws_molecules,
    known_tokens,
    write_sampled,
)
from vaekit.cli.outputs import console, print_table, write_items, write_table
from vaekit.cli.where import read_conditions
from vaekit.domains import MoleculeDomain
from vaekit.errors import DataError
from vaekit.loading import load
from vaekit.plots import (
    image_grid,
    interpolation_strips,
    reconstruction_pairs,
    way_frames,
)

__all__ = ["info", "interpolate", "reconstruct", "sample", "score"]

_CHUNK = 512

Run = Annotated[Path, typer.Argument(help="Folder written by vaekit fit.")]
Data = Annotated[str, typer.Argument(help=DATA_HELP)]
Out = Annotated[
    Path | None,
    typer.Option(help="File to write; its ending decides: .png, .csv, .smi, .sdf, .npz, .npy."),
]
WaysOut = Annotated[
    Path | None,
    typer.Option(
        help="File to write; its ending decides: .png, .gif (moving), .csv, .npz, .npy; of "
        "molecules .png, .svg, .html, .csv."
    ),
]
ContextOption = Annotated[
    str | None,
    typer.Option(help="For conditional models: a file, or values separated by commas."),
]


def sample(
    run: Run,
    n: Annotated[int, typer.Option("--n", "-n", min=1, help="How many.")] = 64,
    out: Out = None,
    context: ContextOption = None,
    seed: Annotated[int, typer.Option(help="For the same items again.")] = 0,
    prior: Annotated[
        str, typer.Option(help="'fitted' to the latents after training, or the 'model' prior.")
    ] = "fitted",
    where: Annotated[
        list[str] | None,
        typer.Option(
            help="Of tables: a condition on a column, like job=cook, job=cook|vet, age>=30; of "
            "molecules: on a target, like logp<=3; may be repeated."
        ),
    ] = None,
    training: Annotated[
        str | None,
        typer.Option(
            help="Of molecules: the data of fit, to tell what is new and what it is nearest to."
        ),
    ] = None,
    grid: Annotated[
        Path | None,
        typer.Option(help="Of molecules: a file for drawings of them: .png, .svg or .html."),
    ] = None,
) -> None:
    """Generate new items.

    Examples:

    vaekit sample runs/fashion -n 100 --out samples.png

    vaekit sample runs/digits --context 7 -n 20

    vaekit sample runs/adult -n 10000 --where "income='>50K'" --where "age<=30" --out young.csv

    vaekit sample runs/drugs -n 1000 --training drugs.smi --out new.csv --grid new.html

    vaekit sample moses -n 100 --where "qed>=0.85" --where "logp=2..3" --grid aimed.png
    """
    model = load(run)
    path = out or _name(run, "samples", model)
    is_reported = check_molecule_options(model.domain_, path, grid, training)
    conditions = read_conditions(where, model.domain_) if where else None
    with console.status(f"sampling {n}"):
        items = model.sample(n, read_context(context), seed, prior, conditions)
    if is_reported:
        write_sampled(items, model.domain_, path, grid, training)
    else:
        write_items(path, items, image_grid)


def reconstruct(
    run: Run,
    data: Data,
    out: Out = None,
    n: Annotated[
        int | None, typer.Option("--n", "-n", min=1, help="Only the first so many items.")
    ] = None,
    context: ContextOption = None,
) -> None:
    """Encode and decode items: what the model keeps of them.

    Examples:

    vaekit reconstruct runs/fashion fashion_mnist_test -n 30 --out pairs.png

    vaekit reconstruct runs/table table.csv --out reconstructed.csv
    """
    model = load(run)
    items = read_data(data, model.domain_)
    given = read_context(context, data, model.domain_)
    path = out or _name(run, "reconstructions", model)
    most = 40 if path.suffix == ".png" and n is None else n
    items = _first(items, most)
    parts = [
        np.asarray(model.reconstruct(take_rows(items, i), _context_rows(given, i)))
        for i in track(_chunks(items), "reconstructing", console=console)
    ]
    write_items(path, np.concatenate(parts), lambda made: reconstruction_pairs(items, made))


def interpolate(
    run: Run,
    data: Data,
    out: WaysOut = None,
    pairs: Annotated[int, typer.Option(min=1, help="Ways to show.")] = 6,
    steps: Annotated[int, typer.Option(min=2, help="Items on each way.")] = 10,
    path: Annotated[str, typer.Option(help="'linear', 'spherical' or 'geodesic'.")] = "linear",
    context: ContextOption = None,
    seed: Annotated[int, typer.Option(help="Which pairs are chosen.")] = 0,
) -> None:
    """Walk through the latent space from one item to another.

    Examples:

    vaekit interpolate runs/fashion fashion_mnist_test --pairs 8 --out strips.png

    vaekit interpolate runs/fashion fashion_mnist_test --steps 30 --path geodesic --out way.gif

    vaekit interpolate runs/drugs drugs.smi --pairs 3 --steps 6 --out ways.svg
    """
    model = load(run)
    items = read_data(data, model.domain_)
    given = read_context(context, data, model.domain_)
    if isinstance(model.domain_, MoleculeDomain) and given is None:
        items = known_tokens(model.domain_, items)
    if len(items) < 2 * pairs:
        raise DataError(f"{pairs} pairs need {2 * pairs} items; got {len(items)}.")
    chosen = np.random.default_rng(seed).permutation(len(items))[: 2 * pairs]
    a, b = take_rows(items, chosen[:pairs]), take_rows(items, chosen[pairs:])
    if isinstance(model.domain_, MoleculeDomain) and draws_molecules(out):
        ways_out = out or run.with_name(f"{run.name}-interpolation.svg")
        rows = _context_rows(given, chosen[:pairs])
        draw_between(model.trained_, a, b, steps, path, rows, ways_out)
        return
    with console.status("interpolating"):
        ways = model.interpolate(a, b, steps, path, _context_rows(given, chosen[:pairs]))
    target = out or _name(run, "interpolation", model)
    write_items(target, ways, interpolation_strips, way_frames)


def score(
    run: Run,
    data: Data,
    out: Out = None,
    draws: Annotated[int, typer.Option(min=1, help="Importance samples per item.")] = 64,
    context: ContextOption = None,
) -> None:
    """Write log p(x) of each item in nats: low means unlike the training data.

    Example:

    vaekit score runs/fashion fashion_mnist_test --out scores.csv
    """
    model = load(run)
    items = read_data(data, model.domain_)
    given = read_context(context, data, model.domain_)
    parts = [
        model.score_samples(take_rows(items, i), _context_rows(given, i), draws)
        for i in track(_chunks(items), "scoring", console=console)
    ]
    scores = np.concatenate(parts)
    path = out or run.with_name(f"{run.name}-scores.csv")
    write_table(path, {"item": np.arange(len(scores)), "log_p": scores})
    low, middle = np.quantile(scores, [0.05, 0.5])
    rows = {"mean": scores.mean(), "median": middle, "lowest 5 % below": low}
    print_table(f"log p(x), {len(scores)} items", {k: f"{v:.2f} nats" for k, v in rows.items()})
    console.print(f"wrote {path}", highlight=False)


def info(run: Run) -> None:
    """Say what a run folder holds.

    Example:

    vaekit info runs/fashion
    """
    model = load(run)
    changed = {k: v for k, v in model.get_params(deep=False).items() if v is not None}
    count = sum(p.numel() for p in model.model_.parameters())
    rows = {
        "preset": str(model.notes_.get("preset", changed["preset"])),
        "data": f"{type(model.domain_).__name__}, items of shape {model.domain_.event_shape}",
        "context": "none" if model.context_ is None else f"{model.context_.dim} values",
        "latents": str(getattr(model.model_, "latent_dim", "none")),
        "parameters": f"{count:,}",
        "epochs": f"{len(model.history_)} in {model.notes_.get('seconds', 0.0):.1f} s",
    }
    print_table(str(run), rows)
    if model.health_ is not None:
        console.print(model.health_.summary(), highlight=False)


def _name(run: Path, what: str, model: Autoencoder) -> Path:
    """A file beside the run: a picture of images, a table of tables, lines of text.

    Sampled molecules are reported on in a table.
    """
    ending = "png" if len(model.domain_.event_shape) == 3 else "csv"
    if "tokens" in model.domain_.supports:
        is_molecule = isinstance(model.domain_, MoleculeDomain)
        ending = ("csv" if what == "samples" else "smi") if is_molecule else "txt"
    return run.with_name(f"{run.name}-{what}.{ending}")


def _chunks(items: Any) -> list[Any]:
    return np.array_split(np.arange(len(items)), max(1, -(-len(items) // _CHUNK)))


def _first(items: Any, n: int | None) -> Any:
    return items if n is None else items[:n]


def _context_rows(values: Any, index: Any) -> Any:
    """The context of some items; one value stands for all."""
    return values if values is None or len(values) == 1 else take_rows(values, index)
