"""``vaekit fit`` and ``vaekit refit``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path
from time import process_time
from typing import Annotated, Any

import typer

import vaekit
from vaekit import domains, fitting, plots, presets, storage, streams, trackers, training
from vaekit.console.files import (
    console,
    print_table,
    read_captions,
    read_context,
    read_data,
)
from vaekit.console.options import (
    DATA_HELP,
    ContextOption,
    Data,
    Run,
    accept_estimator_options,
    parse_assignments,
)
from vaekit.console.terminal import saying_what_is_kept
from vaekit.deadlines import Stopwatch
from vaekit.errors import SpecError
from vaekit.files import sweep
from vaekit.places import is_there


@accept_estimator_options
def fit(
    data: Annotated[str, typer.Argument(help=DATA_HELP)],
    run: Annotated[Path, typer.Argument(help="Folder for the trained model.")],
    context: Annotated[
        str | None,
        typer.Option(
            help="Labels or properties to condition on: a .npz, .npy, idx .gz or .csv file, one "
            "row per item, several columns if need be; or a .csv that names the files of a "
            "folder; or of a folder with a metadata.csv or .jsonl the names of its columns; or "
            "'digits' or 'fashion_mnist' for those labels."
        ),
    ] = None,
    option: Annotated[
        list[str] | None, typer.Option(help="Option of the preset, as in --option beta=4.")
    ] = None,
    size: Annotated[
        str | None, typer.Option(help="Scale and crop image files: 64, or 48x64 (height x width).")
    ] = None,
    skip_bad: Annotated[
        bool,
        typer.Option(
            "--skip-bad",
            help="Leave out files that are no readable images, or molecules that a rule rejects.",
        ),
    ] = False,
    keep_transparency: Annotated[
        bool,
        typer.Option("--keep-transparency", help="Learn what is transparent, as in sprites."),
    ] = False,
    kind: Annotated[
        str,
        typer.Option(
            "--domain",
            help="What the data are, where that cannot be told: 'molecules' of a .csv or .txt, "
            "'sequences' of a .txt, 'series', 'table', 'arrays', 'images'.",
        ),
    ] = "auto",
    layout: Annotated[
        str | None, typer.Option(help="NHW, NHWC or NCHW, where the shape leaves it open.")
    ] = None,
    bits: Annotated[
        int | None,
        typer.Option(help="Bits of images deeper than 8: 10, 12, 14 or 16, if not as it looks."),
    ] = None,
    id_column: Annotated[
        str | None,
        typer.Option("--id", help="Of series with a row for each step: the column of their ids."),
    ] = None,
    time: Annotated[
        str | None, typer.Option(help="Of series with a row for each step: the column of times.")
    ] = None,
    captions: Annotated[
        bool,
        typer.Option(
            "--captions",
            help="Of a folder of images: learn to make them from the texts beside them, a.txt of "
            "a.png, or the column text of metadata.csv or .jsonl; see also --text.",
        ),
    ] = False,
    targets: Annotated[
        str | None,
        typer.Option(
            help="Of molecules: properties that the latents are to tell as well, separated by "
            "commas: columns of numbers of the file, or qed, logp and others that are computed."
        ),
    ] = None,
    require: Annotated[
        list[str] | None,
        typer.Option(help="Of tables: what holds in every row, as in 'begin < end'."),
    ] = None,
    unique: Annotated[
        list[str] | None,
        typer.Option(help="Of tables: columns, separated by commas, that never repeat together."),
    ] = None,
    fixed: Annotated[
        list[str] | None,
        typer.Option(
            help="Of tables: columns, separated by commas, of which only known combinations occur."
        ),
    ] = None,
    refuse_unseen: Annotated[
        bool,
        typer.Option(
            "--refuse-unseen",
            help="Of tables: later values that training did not know are an error, not missing.",
        ),
    ] = False,
    drop_stereo: Annotated[
        bool,
        typer.Option(
            "--drop-stereo",
            help="Of molecules: leave out what they say of centres and double bonds.",
        ),
    ] = False,
    scaffold_split: Annotated[
        bool,
        typer.Option(
            "--scaffold-split",
            help="Of molecules: hold out those of other scaffolds than are learned from; see "
            "--validation.",
        ),
    ] = False,
    spell_rare: Annotated[
        bool,
        typer.Option(
            "--spell-rare",
            help="Of molecules: spell atoms in brackets that come seldom by characters, so that "
            "none is unknown later.",
        ),
    ] = False,
    balance_classes: Annotated[
        bool,
        typer.Option(
            "--balance-classes",
            help="Of targets of molecules that are texts: each class counts as much as the others.",
        ),
    ] = False,
    start_from: Annotated[
        str | None,
        typer.Option(
            help="A run, or a model of the package (moses, druglike), to go on from; its model and "
            "form of the data stay, so only options of the training, and targets, apply."
        ),
    ] = None,
    restart: Annotated[
        bool,
        typer.Option("--restart", help="Discard what an unfinished training has left there."),
    ] = False,
    streamed: Annotated[
        bool,
        typer.Option(
            "--stream",
            help="Read the data a piece at a time, so that they need not fit in memory. Folders "
            "and globs of tables, archives of pictures and addresses are read so anyway.",
        ),
    ] = False,
    cache: Annotated[
        str | None,
        typer.Option(help="Of data that stream: folder that keeps them prepared for another fit."),
    ] = None,
    track: Annotated[
        list[str] | None,
        typer.Option(
            help="Report to tensorboard, wandb, mlflow or trackio, or to a tracker of another "
            "package; may be repeated. Their own environment variables say where."
        ),
    ] = None,
    track_project: Annotated[
        str, typer.Option(help="Under which trackers file the run.")
    ] = "vaekit",
    **options: Any,
) -> None:
    """Train a model on your data.

    Ctrl-C stops it after the step and keeps a checkpoint; --resume goes on from there.

    Examples:

    vaekit fit photos/ runs/photos --size 64

    vaekit fit sprites/ runs/sprites --size 32 --keep-transparency

    vaekit fit fashion_mnist runs/fashion --latent-dim 16

    vaekit fit table.csv runs/table --preset beta_vae --option beta=0.5 --max-minutes 5

    vaekit fit digits runs/digits --context digits

    vaekit fit faces/ runs/faces --context attributes.csv

    vaekit fit photos/ runs/photos --captions --preset latent_diffusion --text wordllama

    vaekit fit photos/ runs/photos --preset latent_diffusion --first-stage sd-vae-ft-mse/

    vaekit fit molecules.smi runs/molecules

    vaekit fit assay.csv runs/assay --domain molecules --targets activity,logp

    vaekit fit rides.csv runs/rides --require "pickup < dropoff" --unique id --fixed city,zip

    vaekit fit mine.smi runs/mine --start-from moses

    vaekit fit "rides/*.parquet" runs/rides

    vaekit fit assay.csv runs/assay --start-from moses --targets activity

    vaekit fit fashion_mnist runs/fashion --track tensorboard --track wandb --track-project shirts
    """
    waited, worked = Stopwatch(), Stopwatch(process_time)
    storage.check_destination(run)
    if restart and options["resume"]:
        raise SpecError("--resume and --restart must not be given together; leave one out.")
    if restart:
        training.discard_checkpoint(run)
    if options["resume"] and storage.is_finished(run):
        with training.held(run):
            sweep(run)
        console.print(
            f"{run} is finished: there is nothing to resume. To train it anew, leave --resume out.",
            highlight=False,
        )
        return
    if not options["resume"]:
        training.refuse_to_discard(run)  # worth asking before anything is read
    if options["first_stage"] is not None:
        fitting.check_first_stage(options["first_stage"])
    callbacks = trackers.make_trackers(track or (), track_project, run)
    if start_from is not None:
        asked = domains.ReadOptions(
            skip_bad=skip_bad,
            drop_stereo=drop_stereo,
            scaffold_split=scaffold_split,
            balance_classes=balance_classes,
        )
        _keep(_further(start_from, data, context, targets, asked, options, callbacks), run)
        return
    names = None if targets is None else tuple(targets.split(","))
    asked = domains.ReadOptions(
        size,
        layout,
        skip_bad,
        keep_transparency,
        names,
        drop_stereo,
        bits,
        id_column,
        time,
        tuple(require or ()),
        tuple(unique or ()),
        tuple(fixed or ()),
        refuse_unseen,
        scaffold_split,
        spell_rare,
        balance_classes,
    )
    streamed = streamed or streams.is_stream(data)
    if cache is not None and not streamed:
        raise SpecError("--cache is for data that stream; add --stream, or leave it out.")
    if streamed:
        column, context = _column_of_stream(context, captions, data)
        items: Any = streams.stream(data, cache=cache, context=column)
        domain = domains.infer_domain(items.first(), kind).with_options(asked)
    else:
        domain, items = _read(data, kind, asked)
    name = options.pop("preset")
    name = domain.default_preset if name == "auto" else name
    preset = presets.choose_preset(name, parse_assignments(option or []))
    if captions:
        _check_captions(context, options)
    limit = training.TrainConfig(
        max_minutes=options["max_minutes"], cpu_minutes=options["cpu_minutes"]
    )
    reading = waited if limit.cpu_minutes is None else worked
    limit = limit.after(reading.seconds())
    options |= {"max_minutes": limit.max_minutes, "cpu_minutes": limit.cpu_minutes}
    model = vaekit.Autoencoder(
        preset, domain=domain, checkpoint_dir=run, callbacks=callbacks, progress=True, **options
    )
    with training.held(run), saying_what_is_kept(run, training.CHECKPOINT_NAME):
        given = None
        if not streamed or items.context is None:  # else it comes with the items
            given = _context(context, captions, data, domain)
        model.fit(items, context=given)
        _keep(model, run)


def _read(data: str, kind: str, asked: domains.ReadOptions) -> tuple[domains.Domain, Any]:
    """Return the domain and the items of data that are read at once."""
    domain, found = domains.infer_and_read(data, kind)
    domain = domain.with_options(asked).with_source(data)
    items = read_data(data, domain) if found is data else domain.read(found)
    is_certain = domain.is_certain(items) or kind not in ("auto", "images")
    return domain if is_certain else domains.infer_domain(items).with_options(asked), items


def _context(context: str | None, captions: bool, data: str, domain: domains.Domain) -> Any:
    """Return the context that lies in files beside the items."""
    return (
        read_captions(data, domain) if captions else read_context(context, data, domain, must=True)
    )


def _column_of_stream(
    context: str | None, captions: bool, data: str
) -> tuple[str | None, str | None]:
    """Return the name under which a stream has the context, or else the context as it was."""
    if captions and data.endswith(".tar"):
        return "txt", context
    if context is None or is_there(context):
        return None, context
    return context, None


def _check_captions(context: str | None, options: dict[str, Any]) -> None:
    """Take captions as learned ones where nothing else is said.

    Raises:
        SpecError: A context beside them.
    """
    if context is not None:
        raise SpecError("--captions and --context must not be given together; leave one out.")
    options["text"] = options["text"] or "learned"


def _further(
    start: str,
    data: str,
    context: str | None,
    targets: str | None,
    asked: domains.ReadOptions,
    options: Any,
    callbacks: Sequence[vaekit.Callback],
) -> vaekit.Autoencoder:
    """Go on from a trained model.

    Raises:
        SpecError: An option of a new model was chosen.
    """
    usual, known = vaekit.Autoencoder().get_params(), {f.name for f in fields(training.TrainConfig)}
    chosen = {name: value for name, value in options.items() if value != usual[name]}
    if of_new := sorted(chosen.keys() - known):
        raise SpecError(
            f"--start-from keeps the model as it is, so that only options of the training can be "
            f"given; got {', '.join(of_new)}. Leave them out, or fit a new model."
        )
    first = storage.load_model(start)
    reading = first.domain_
    if asked != domains.ReadOptions():
        reading = reading.with_options(asked)
    if asked.of_molecules:  # so that molecules are read, or split, like that from now on
        lasting = replace(asked, skip_bad=False)
        trained = replace(first.trained_, domain=first.domain_.with_options(lasting))
        first.from_trained(trained, first.history_, first.notes_)
    items = read_data(data, reading)
    names = () if targets is None else tuple(targets.split(","))
    return vaekit.fine_tune(
        first,
        items,
        read_context(context, data, first.domain_, must=True),
        names,
        callbacks,
        **chosen,
    )


def _keep(model: vaekit.Autoencoder, run: Path) -> None:
    curves = plots.png_of(plots.training_curves(model.history_))
    storage.write_run(run, model.run_folder(), {"training.png": curves})
    _report(model, run)


def _best(model: vaekit.Autoencoder) -> dict[str, str]:
    """Return the best loss; of an adversarial game, which has none, where each side ended."""
    history = model.history_
    unit = "" if model.health_ is None else " nats per item"  # a velocity's error has no unit
    shown = next((name for name in ("validation_loss", "loss") if name in history[-1]), None)
    if shown is not None:
        best = min(row[shown] for row in history)
        return {shown.replace("_", " "): f"{best:.2f}{unit}"}
    sides = ("generator", "critic")
    return {side: f"{history[-1][side]:.2f}" for side in sides if side in history[-1]}


def _training(model: vaekit.Autoencoder) -> dict[str, str]:
    if model.health_ is not None and model.health_.is_given:
        return {"first stage": "as it was; its prior alone was trained"}
    return {"epochs": f"{len(model.history_)} in {model.notes_['seconds']:.1f} s"}


def _report(model: vaekit.Autoencoder, run: Path) -> None:
    rows = {
        "items": f"{model.n_features_in_} values each",
        **_training(model),
        **_best(model),
    }
    print_table(f"{run}", rows)
    if columns := model.domain_.column_summaries():
        print_table("columns", dict(columns))
    for name, remark in model.notes_.get("remarks", {}).items():
        console.print(f"{name}: {remark}", highlight=False)
    if model.health_ is not None:
        console.print(model.health_.summary(), highlight=False)
    console.print(f"Next: vaekit sample {run}", highlight=False)


def refit(
    run: Run,
    data: Data,
    prior: Annotated[
        str,
        typer.Option(
            help="gaussian, mixture, maf, nsf, iaf, flow_matching, diffusion, second_stage, "
            "wrapped_normal, uniform_sphere, manifold, vamp, codes, or auto."
        ),
    ] = "auto",
    context: ContextOption = None,
) -> None:
    """Fit another prior to a trained model's latents; samples then come from it.

    Examples:

    vaekit refit runs/fashion fashion_mnist --prior diffusion

    vaekit refit runs/digits digits --prior nsf --context digits
    """
    storage.check_destination(run)
    model = storage.load_model(run)
    items = read_data(data, model.domain_)
    with console.status(f"fitting {prior}"):
        model.refit_prior(prior, items, read_context(context, data, model.domain_))
    model.save(run)
    console.print(f"{run} now samples from {type(model.model_.fitted_prior).__name__}")
