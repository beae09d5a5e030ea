"""``vaekit card``, ``vaekit push`` and ``vaekit export``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vaekit import hub, storage
from vaekit.console.files import console, read_data
from vaekit.console.options import Run
from vaekit.console.outputs import ForceOption, check_outputs
from vaekit.files import atomic_write

LicenceOption = Annotated[
    str | None, typer.Option(help="As the hub calls it: mit, apache-2.0, cc-by-4.0.")
]
LabelsOption = Annotated[
    bool,
    typer.Option(
        "--with-labels", help="Tell labels, ranges, constants and keys of columns in the card."
    ),
]
EvaluationOption = Annotated[
    Path | None,
    typer.Option(help="Folder of vaekit evaluate, for the figures; RUN/evaluation if not given."),
]


def card(
    run: Run,
    out: Annotated[
        Path | None, typer.Option(help="File to write, README.md; shown if not given.")
    ] = None,
    repo: Annotated[
        str | None, typer.Option(help="USER/MODEL, for the lines on how to use it.")
    ] = None,
    licence: LicenceOption = None,
    with_labels: LabelsOption = False,
    evaluation: EvaluationOption = None,
    force: ForceOption = False,
) -> None:
    """Write a model card of a run: what it is, its columns without data, figures, how to use it.

    Example:

    vaekit card runs/adult --licence mit --out README.md
    """
    check_outputs({"--out": out}, (run, evaluation), force=force)
    text = hub.model_card(run, hub.CardOptions(repo, licence, with_labels, evaluation))
    if out is None:
        typer.echo(text, nl=False)
        return
    atomic_write(out, text.encode())
    console.print(f"wrote {out}", highlight=False)


def push(
    run: Run,
    repo: Annotated[str, typer.Argument(help="USER/MODEL on the hub.")],
    private: Annotated[
        bool, typer.Option("--private", help="A new repository is open to nobody else.")
    ] = False,
    revision: Annotated[
        str | None, typer.Option(help="A branch, made where there is none; else the main one.")
    ] = None,
    message: Annotated[str | None, typer.Option(help="Of the commit.")] = None,
    licence: LicenceOption = None,
    with_labels: LabelsOption = False,
    with_items: Annotated[
        bool,
        typer.Option(
            "--with-items", help="Of a detector: publish the training items that it holds."
        ),
    ] = False,
    evaluation: EvaluationOption = None,
    create: Annotated[
        bool, typer.Option("--create/--no-create", help="Make the repository if there is none.")
    ] = True,
) -> None:
    """Push a run to the hub of models, with a card, in one commit: JSON and safetensors only.

    The token is that of HF_TOKEN, or of hf auth login. Whoever may read the repository can read
    what the model has learned of the columns: labels of categories, quantiles of numbers.

    Examples:

    vaekit push runs/adult mary/adult --licence mit

    vaekit push runs/guard mary/guard --private --revision v2
    """
    for sentence in hub.published(run):
        console.print(sentence, highlight=False)
    pushed = hub.push(
        run,
        repo,
        private=private,
        revision=revision,
        message=message,
        licence=licence,
        create=create,
        with_labels=with_labels,
        with_items=with_items,
        evaluation=evaluation,
    )
    console.print(f"pushed {', '.join(pushed.files)}", highlight=False)
    console.print(f"see {pushed.url}", highlight=False, soft_wrap=True)
    console.print(f"Next: vaekit info {pushed.name}", highlight=False, soft_wrap=True)


def export(
    run: Run,
    folder: Annotated[Path, typer.Argument(help="Folder to write: a new one, or of an export.")],
    to: Annotated[
        str,
        typer.Option(
            help="Form to write: 'onnx' (graphs that vaekit.runtime, or any ONNX runtime, runs "
            "without PyTorch), 'torch-export' (programs of torch.export), or 'diffusers' (the "
            "autoencoder of latent_diffusion models with --network autoencoder_kl or "
            "--first-stage)."
        ),
    ],
    data: Annotated[
        str | None,
        typer.Option(help="Items to compare both with, 16 at most; samples of the model if none."),
    ] = None,
    only: Annotated[
        str | None,
        typer.Option(
            help="What to write, separated by commas: detect, encode, decode, reconstruct, sample, "
            "score; all if not given."
        ),
    ] = None,
) -> None:
    """Write a trained model or detector for use without vaekit, or without PyTorch.

    What both make of the same items is compared first; nothing is written where it differs.

    Examples:

    vaekit export runs/machines exported/ --to onnx --data rows.csv

    vaekit export runs/photos exported/ --to diffusers
    """
    model = storage.load(run)
    items = None if data is None else read_data(data, model.domain_, is_whole=False)
    chosen = None if only is None else [name.strip() for name in only.split(",")]
    report = model.export(folder, to, items, chosen)
    console.print(
        f"{report.folder} holds {report.model} of {report.target}; the largest difference to it "
        f"is {report.largest_difference:.1e}",
        highlight=False,
    )
    for name, difference in report.differences.items():
        console.print(f"  {name}: {difference:.1e}", highlight=False)
    for name, why in report.skipped.items():
        console.print(f"  no {name}: {why}", highlight=False)
