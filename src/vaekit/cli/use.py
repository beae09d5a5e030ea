"""Commands on a trained model: sample, reconstruct, interpolate, score, info."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import lazy_loader
import typer
from rich.console import Group
from rich.progress import track
from rich.table import Table
from rich.text import Text

import vaekit
from vaekit import domains, fitting, plots, registry, storage
from vaekit.console.files import (
    concatenate_parts,
    console,
    print_table,
    prompts_for,
    read_context,
    read_data,
    take_rows,
    write_frame,
    write_items,
    write_table,
)
from vaekit.console.options import DATA_HELP, ContextOption, Data, Run
from vaekit.console.outputs import ForceOption, check_outputs, default_output
from vaekit.errors import DataError, SpecError, unknown_name

if TYPE_CHECKING:
    import numpy as np
else:
    np = lazy_loader.load("numpy")


_CHUNK = 512

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
    prompt: Annotated[
        list[str] | None,
        typer.Option(help="Of models of captions: what to make; may be repeated, -n of each."),
    ] = None,
    negative: Annotated[
        str | None, typer.Option(help="A prompt, or a context, to go away from.")
    ] = None,
    guidance: Annotated[
        float,
        typer.Option(help="How far to go in the direction of the context: 1 as learned, 2 to 5."),
    ] = 1.0,
    steps: Annotated[int | None, typer.Option(help="Of diffusion: steps of the solver.")] = None,
    solver: Annotated[
        str | None,
        typer.Option(help="Of diffusion: ddim, euler, heun, dpm++2m, rk4 or multistep."),
    ] = None,
    init: Annotated[
        str | None, typer.Option(help="Of images: one to begin from in place of noise.")
    ] = None,
    strength: Annotated[
        float | None,
        typer.Option(help="How much of --init is made anew: from 0, nothing, to 1, all."),
    ] = None,
    mask: Annotated[
        Path | None,
        typer.Option(help="An image of the same size: where it is bright, --init is made anew."),
    ] = None,
    temperature: Annotated[
        float | None,
        typer.Option(help="Of codes: below 1 more of what is most probable. 0.7 with a context."),
    ] = None,
    top_k: Annotated[int, typer.Option(help="Of codes: only so many most probable ones.")] = 0,
    top_p: Annotated[
        float | None,
        typer.Option(help="Of codes: the most probable ones of this share. 0.95 with a context."),
    ] = None,
    rerank: Annotated[
        int,
        typer.Option(
            help="Of models of captions: candidates for each item; the one that fits is kept."
        ),
    ] = 1,
    force: ForceOption = False,
) -> None:
    """Generate new items.

    Examples:

    vaekit sample runs/fashion -n 100 --out samples.png

    vaekit sample runs/digits --context 7 -n 20

    vaekit sample runs/adult -n 10000 --where "income='>50K'" --where "age<=30" --out young.csv

    vaekit sample runs/drugs -n 1000 --training drugs.smi --out new.csv --grid new.html

    vaekit sample runs/faces --prompt "a woman with red hair, smiling" --negative glasses \
--guidance 3 -n 8 --seed 1

    vaekit sample runs/faces --prompt "wearing a hat" --init face.png --strength 0.5

    vaekit sample moses -n 100 --where "qed>=0.85" --where "logp=2..3" --grid aimed.png
    """
    model = storage.load_model(run)
    path = out or _name(run, "samples", model)
    mask_name = None if mask is None else str(mask)
    read = (run, training, context, init, mask_name)
    check_outputs({"--out": path, "--grid": grid}, read, force=force)
    if prompt and context:
        raise SpecError("--prompt and --context must not be given together; leave one out.")
    given = read_context(context)
    if prompt:
        given = prompts_for(model.context_, prompt, n)
    write_report = model.domain_.sample_writer(path, domains.SampleOptions(grid, training))
    conditions = fitting.read_conditions(where, model.domain_) if where else None
    count = n * max(1, len(prompt or ()))
    with console.status(f"sampling {count}"):
        items = model.sample(
            count,
            given,
            seed,
            prior,
            conditions,
            guidance=guidance,
            negative=negative,
            init=None if init is None else read_data(init, model.domain_),
            strength=strength,
            mask=None if mask is None else read_mask(mask, model.domain_),
            steps=steps,
            solver=solver,
            temperature=temperature,
            top_k=top_k,
            top_p=top_p,
            rerank=rerank,
        )
    if write_report is not None:
        write_report(items)
    else:
        write_items(path, items)


def read_mask(path: Path, domain: domains.Domain) -> Any:
    """Return where an image is bright, shape (height, width)."""
    image = np.asarray(read_data(str(path), domain))[0]
    bright = image.mean(-1) if image.ndim == 3 else image
    return bright > bright.max() / 2


def reconstruct(
    run: Run,
    data: Data,
    out: Out = None,
    n: Annotated[
        int | None, typer.Option("--n", "-n", min=1, help="Only the first so many items.")
    ] = None,
    drop_stereo: Annotated[
        bool,
        typer.Option("--drop-stereo", help="Of molecules: leave out their stereochemistry."),
    ] = False,
    context: ContextOption = None,
    force: ForceOption = False,
) -> None:
    """Encode and decode items: what the model keeps of them.

    Examples:

    vaekit reconstruct runs/fashion fashion_mnist_test -n 30 --out pairs.png

    vaekit reconstruct runs/table table.csv --out reconstructed.csv
    """
    model = storage.load_model(run)
    if drop_stereo:
        flat = model.domain_.with_options(domains.ReadOptions(drop_stereo=True))
        trained = replace(model.trained_, domain=flat)
        model.from_trained(trained, model.history_, model.notes_)
    path = out or _name(run, "reconstructions", model)
    check_outputs({"--out": path}, (run, data, context), force=force)
    items = read_data(data, model.domain_, is_whole=False)
    given = read_context(context, data, model.domain_)
    most = 40 if path.suffix == ".png" and n is None else n
    items = _first(items, most)
    if model.domain_.reads_one_by_one:  # all at once, so that one warning counts the bad
        made = model.reconstruct(items, given)
        texts = ["" if text is None else text for text in made]  # a line for each, in their order
        write_items(path, np.asarray(texts), lambda made: plots.reconstruction_pairs(items, made))
        return
    parts = [
        model.reconstruct(take_rows(items, i), _context_rows(given, i))
        for i in track(_chunks(items), "reconstructing", console=console)
    ]
    write_items(
        path, concatenate_parts(parts), lambda made: plots.reconstruction_pairs(items, made)
    )


def interpolate(
    run: Run,
    data: Annotated[str | None, typer.Argument(help=DATA_HELP)] = None,
    out: WaysOut = None,
    pairs: Annotated[int, typer.Option(min=1, help="Ways to show.")] = 6,
    steps: Annotated[int, typer.Option(min=2, help="Items on each way.")] = 10,
    path: Annotated[str, typer.Option(help="'linear', 'spherical' or 'geodesic'.")] = "linear",
    context: ContextOption = None,
    prompt: Annotated[
        list[str] | None,
        typer.Option(
            help="Of models of captions, in place of data: given twice, from one to the other."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Which pairs are chosen, or the noise.")] = 0,
    force: ForceOption = False,
) -> None:
    """Walk through the latent space from one item to another, or from one prompt to another.

    Examples:

    vaekit interpolate runs/faces --prompt "no beard" --prompt "a full beard" --pairs 3

    vaekit interpolate runs/fashion fashion_mnist_test --pairs 8 --out strips.png

    vaekit interpolate runs/fashion fashion_mnist_test --steps 30 --path geodesic --out way.gif

    vaekit interpolate runs/drugs drugs.smi --pairs 3 --steps 6 --out ways.svg
    """
    model = storage.load_model(run)
    draw = model.domain_.interpolation_writer(model.trained_, out)
    drawn = default_output(run, "interpolation.svg")
    target = out or (_name(run, "interpolation", model) if draw is None else drawn)
    check_outputs({"--out": target}, (run, data, context), force=force)
    if prompt:
        if len(prompt) != 2 or data is not None:
            raise SpecError("--prompt must be given twice, and no data; or data, and no prompt.")
        a, b = (prompts_for(model.context_, [one], pairs) for one in prompt)
        with console.status("interpolating"):
            paths = model.interpolate_prompts(a, b, steps, seed)
        write_items(target, paths, plots.interpolation_strips, plots.path_frames)
        return
    if data is None:
        raise SpecError("interpolate needs data to take pairs from, or --prompt twice.")
    items = read_data(data, model.domain_)
    given = read_context(context, data, model.domain_)
    if given is None:
        items, lost = model.domain_.readable(items)
        if lost:
            console.print(
                f"{lost} items have tokens or a length that training had not, left out",
                highlight=False,
            )
    if len(items) < 2 * pairs:
        raise DataError(f"{pairs} pairs need {2 * pairs} items; got {len(items)}.")
    chosen = np.random.default_rng(seed).permutation(len(items))[: 2 * pairs]
    a, b = take_rows(items, chosen[:pairs]), take_rows(items, chosen[pairs:])
    if draw is not None:
        draw(a, b, steps, path, _context_rows(given, chosen[:pairs]), target)
        return
    with console.status("interpolating"):
        paths = model.interpolate(a, b, steps, path, _context_rows(given, chosen[:pairs]))
    write_items(target, paths, plots.interpolation_strips, plots.path_frames)


def encode(
    run: Run,
    data: Data,
    out: Annotated[
        Path | None, typer.Option(help="File to write: .csv, .parquet, .npz or .npy.")
    ] = None,
    std: Annotated[
        bool, typer.Option("--std", help="Also write the posterior's standard deviations.")
    ] = False,
    context: ContextOption = None,
    force: ForceOption = False,
) -> None:
    """Write the latents of each item: columns z0, z1, ..., the posterior mean.

    Examples:

    vaekit encode runs/fashion fashion_mnist_test --out latents.csv

    vaekit encode runs/table parts/ --out latents/ --keep id --processes 4
    """
    path = out or default_output(run, "latents.csv")
    check_outputs({"--out": path}, (run, data, context), force=force)
    model = storage.load_model(run)
    is_whole = not model.domain_.reads_one_by_one
    items = read_data(data, model.domain_, is_whole=is_whole)
    given = read_context(context, data, model.domain_)
    trained = model.trained_
    if is_whole:
        parts = [
            fitting.latent_columns(trained, take_rows(items, i), _context_rows(given, i), std=std)
            for i in track(_chunks(items), "encoding", console=console)
        ]
    else:  # all at once, so that one warning counts the bad
        parts = [fitting.latent_columns(trained, items, given, std=std)]
    columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    if path.suffix in (".npz", ".npy"):
        write_items(path, np.stack(list(columns.values()), axis=1))
        return
    write_frame(path, _frame_of(columns))


def _frame_of(columns: Mapping[str, Any]) -> Any:
    import pandas as pd

    return pd.DataFrame(columns)


def score(
    run: Run,
    data: Data,
    out: Out = None,
    draws: Annotated[int, typer.Option(min=1, help="Importance samples per item.")] = 64,
    context: ContextOption = None,
    force: ForceOption = False,
) -> None:
    """Write log p(x) of each item in nats: low means unlike the training data.

    Example:

    vaekit score runs/fashion fashion_mnist_test --out scores.csv
    """
    path = out or default_output(run, "scores.csv")
    check_outputs({"--out": path}, (run, data, context), force=force)
    model = storage.load_model(run)
    items = read_data(data, model.domain_)
    given = read_context(context, data, model.domain_)
    parts = [
        model.score_samples(take_rows(items, i), _context_rows(given, i), draws)
        for i in track(_chunks(items), "scoring", console=console)
    ]
    scores = np.concatenate(parts)
    write_table(path, {"item": np.arange(len(scores)), "log_p": scores})
    low, middle = np.quantile(scores, [0.05, 0.5])
    rows = {"mean": scores.mean(), "median": middle, "lowest 5 % below": low}
    print_table(f"log p(x), {len(scores)} items", {k: f"{v:.2f} nats" for k, v in rows.items()})
    console.print(f"wrote {path}", highlight=False)


def info(run: Run) -> None:
    """Say what a run folder, or a run of the hub, holds.

    Examples:

    vaekit info runs/fashion

    vaekit info hf://mary/digits
    """
    model = storage.load_model(run)
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
    if columns := model.domain_.column_summaries():
        print_table("columns", dict(columns))
    if model.health_ is not None:
        console.print(model.health_.summary(), highlight=False)
    if model.source_ is not None:
        console.print(
            f'This commit, for ever: vaekit info {model.source_}, load("{model.source_}")',
            highlight=False,
            soft_wrap=True,
        )


def _name(run: Path, what: str, model: vaekit.Autoencoder) -> Path:
    """Return a file beside the run: a picture of images, a table of tables, lines of text.

    Sampled molecules are reported on in a table.
    """
    return default_output(run, f"{what}.{model.domain_.file_ending(what)}")


def _chunks(items: Any) -> list[Any]:
    return np.array_split(np.arange(len(items)), max(1, -(-len(items) // _CHUNK)))


def _first(items: Any, n: int | None) -> Any:
    return items if n is None else items[:n]


def _context_rows(values: Any, index: Any) -> Any:
    """Return the context of some items; one value stands for all."""
    return values if values is None or len(values) == 1 else take_rows(values, index)


def demo(
    out: Annotated[Path, typer.Argument(help="Folder for the run, the pictures and the page.")] = (
        Path("demo")
    ),
    seed: Annotated[int, typer.Option(min=0, help="Seed of everything random.")] = 0,
) -> None:
    """Train on built-in digits and explain what a VAE does, in pictures.

    Example:

    vaekit demo
    """
    import torch

    torch.set_num_threads(1)  # on networks this small, threads wait for each other longer than work
    result = vaekit.run_demo(out, seed)
    print_table("A VAE of 8x8 digits", result.figures)
    console.print(f"Open {result.page} in a browser.", highlight=False)
    if result.explorer is not None:
        console.print(f"Then try it yourself: {result.explorer}", highlight=False)


def models(
    name: Annotated[str | None, typer.Argument(help="Explain this one.")] = None,
) -> None:
    """List the named models, or explain one.

    Examples:

    vaekit models

    vaekit models beta_tc_vae
    """
    if name is None:
        _list()
    else:
        _explain(_card(name))


def _catalogue() -> list[Mapping[str, Any]]:
    """Return what is known of the presets without importing one."""
    path = Path(__file__).parents[1] / "presets" / "catalogue.json"
    own: list[Mapping[str, Any]] = json.loads(path.read_text("utf-8"))
    others = [
        {
            "name": name,
            "summary": f"From the package {owner}.",
            "needs": (),
            "gives": (),
            "source": "",
        }
        for name in registry.names("presets")
        if (owner := registry.provider("presets", name))
    ]
    return sorted([*own, *others], key=lambda entry: entry["name"])


def _card(name: str) -> Mapping[str, Any]:
    known = {entry["name"]: entry for entry in _catalogue()}
    if name not in known:
        raise unknown_name("preset", name, known)
    return known[name] if "parts" in known[name] else _live_card(name)


def _live_card(name: str) -> Mapping[str, Any]:
    from vaekit.presets.catalogue import card

    return asdict(card(name))


def _list() -> None:
    table = Table(box=None, show_header=False, padding=(0, 2, 1, 0))
    table.add_column(no_wrap=True, style="bold")
    table.add_column()
    for entry in _catalogue():
        table.add_row(entry["name"], Group(entry["summary"], Text(_facts(entry), style="dim")))
    console.print(table)
    console.print("Explain one: vaekit models NAME. Train it: vaekit fit DATA RUN --preset NAME.")


def _facts(entry: Mapping[str, Any]) -> str:
    needs = f"Needs {', '.join(entry['needs'])}. " if entry["needs"] else ""
    gives = f"Gives {', '.join(entry['gives'])}. " if entry["gives"] else ""
    return f"{needs}{gives}{entry['source']}"


def _explain(entry: Mapping[str, Any]) -> None:
    console.print(f"[bold]{entry['name']}[/]: {entry['summary']}", highlight=False, markup=True)
    for paragraph in entry["details"]:
        console.print(paragraph, highlight=False)
    rows = {
        "source": entry["source"],
        "needs": ", ".join(entry["needs"]) or "nothing but data",
        "gives": ", ".join(entry["gives"]),
        **entry["parts"],
        "options": ", ".join(f"{k}={v}" for k, v in entry["options"].items()) or "none",
    }
    table = Table(show_header=False)
    for title, text in rows.items():
        table.add_row(title, text)
    console.print(table)
    console.print("In Python:", style="bold")
    call = ", ".join(f"{k}={v!r}" for k, v in entry["options"].items())
    console.print(f"  Autoencoder(presets.{entry['name']}({call})).fit(X)", highlight=False)
    console.print("On the command line:", style="bold")
    options = "".join(f" --option {k}={v}" for k, v in entry["options"].items() if _is_word(v))
    console.print(f"  vaekit fit DATA RUN --preset {entry['name']}{options}", highlight=False)


def _is_word(value: object) -> bool:
    """Return whether the command line can take it."""
    return isinstance(value, int | float | str)
