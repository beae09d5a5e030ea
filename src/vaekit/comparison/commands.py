"""``vaekit compare``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import lazy_loader
import typer
from rich.table import Table

from vaekit import comparison, domains, presets, storage
from vaekit.comparison.settings import ComparisonSettings
from vaekit.console.files import console, read_captions, read_context, read_data
from vaekit.console.options import DATA_HELP
from vaekit.console.outputs import check_output_folder
from vaekit.console.terminal import saying_how_far
from vaekit.errors import SpecError

if TYPE_CHECKING:
    import numpy as np
else:
    np = lazy_loader.load("numpy")


_DEFAULTS = ComparisonSettings()

Models = Annotated[
    str,
    typer.Option(
        help="Presets with commas between, as vaekit models lists them; auto suits the data."
    ),
]
Minutes = Annotated[float, typer.Option(help="Training time of each model and seed.")]
Seeds = Annotated[int, typer.Option(min=1, help="Trainings of each model.")]
Marks = Annotated[
    str, typer.Option(help="Shares of the training time at which to score, rising to 1.")
]
StepwiseDecoder = Annotated[
    str, typer.Option(help="For models that sample in steps: numbers of steps to score.")
]
Labels = Annotated[
    str | None,
    typer.Option(
        help="The class of each item, whose classifier's features then compare samples: a file, "
        "or digits or fashion_mnist, which bring theirs."
    ),
]


def compare(
    data: Annotated[str, typer.Argument(help=DATA_HELP)],
    models: Models = "auto,gan,diffusion",
    out: Annotated[Path, typer.Option(help="Folder for the report.")] = Path("comparison"),
    minutes: Minutes = _DEFAULTS.minutes,
    seeds: Seeds = _DEFAULTS.seeds,
    marks: Marks = ",".join(map(str, _DEFAULTS.marks)),
    steps: StepwiseDecoder = ",".join(map(str, _DEFAULTS.steps)),
    labels: Labels = None,
    context: Annotated[
        str | None,
        typer.Option(
            help="What models are told of each item and samples are asked for by: a file, or a "
            "column of metadata.csv, as of vaekit fit; the report then says who does as asked."
        ),
    ] = None,
    captions: Annotated[
        bool,
        typer.Option(
            "--captions", help="The same with the texts beside the images of a folder; see --text."
        ),
    ] = False,
    text: Annotated[
        str | None,
        typer.Option(help="How captions are read, as of vaekit fit; learned with --captions."),
    ] = None,
    features: Annotated[
        str, typer.Option(help="auto, classifier, efficientnet or raw.")
    ] = _DEFAULTS.features,
    n: Annotated[
        int, typer.Option("--n", "-n", min=10, help="Most samples to compare.")
    ] = _DEFAULTS.samples,
    latent_dim: Annotated[
        int | None,
        typer.Option(min=1, help="Latents, of models that have some; else what suits each."),
    ] = None,
    size: Annotated[
        str | None, typer.Option(help="Scale and crop image files to 64, or 48x64.")
    ] = None,
    skip_bad: Annotated[bool, typer.Option(help="Leave out unreadable image files.")] = False,
    layout: Annotated[str | None, typer.Option(help="Axes of image arrays.")] = None,
) -> None:
    """Train several models on your data for the same time, and see the trade-off.

    Quality, diversity, sharpness, reconstruction, speed, size and stability, each beside real
    items that no model was trained on; a verdict made from these numbers; a page with pictures,
    a table and JSON. It takes models x seeds x minutes, and a little for the scores. All is
    written at the end: a comparison that is stopped before leaves nothing.

    Examples:

    vaekit compare digits --minutes 0.5 --labels digits

    vaekit compare photos/ --size 64 --models image_vae,gan,flow_matching --minutes 10 --seeds 3

    vaekit compare table.csv --models vae,iwae,diffusion --out table-comparison

    vaekit compare photos/ --captions --models latent_diffusion,cvae,gan --minutes 15
    """
    if captions and context is not None:
        raise SpecError("--captions and --context must not be given together; leave one out.")
    check_output_folder("--out", out, (data, labels))
    comparison.check_comparison_folder(out)
    settings = ComparisonSettings(
        minutes, seeds, _numbers(marks, float), _numbers(steps, int), n, features=features
    )
    domain, items = domains.infer_and_read(data if Path(data).exists() else read_data(data))
    domain = domain.with_options(domains.ReadOptions(size, layout, skip_bad))
    names = [name for name in models.split(",") if name]
    for name in set(names) - {"auto"}:
        presets.get_preset(name)  # an unknown one is named before the data are read
    known = None if labels is None else np.asarray(read_context(labels)).reshape(-1)
    if captions:
        asked, text = read_captions(data, domain), text or "learned"
    else:
        asked = read_context(context, data, domain, must=True)
    items = read_data(data, domain) if items is data else domain.read(items)
    told = {"labels": known, "context": asked, "text": text}
    found = _compare(items, names, told, domain, latent_dim, settings)
    files = comparison.write_comparison(out, found, {"data": data, "versions": storage.versions()})
    _print(found)
    console.print(f"wrote {out}: {', '.join(files)}", highlight=False)
    console.print(f"Open {out / 'index.html'} in a browser.", highlight=False)


def _compare(
    X: Any,
    models: list[str],
    told: Mapping[str, Any],
    domain: Any,
    latent_dim: int | None,
    settings: ComparisonSettings,
) -> comparison.Comparison:
    trainings = len(models) * settings.seeds
    over = [0]

    def watch(name: str, done: int, of: int) -> None:
        over[0] = done
        status.update(f"{done + 1} of {of}: {name}, {settings.minutes:g} min")

    def how_far() -> str:
        return (
            f"Nothing is written: a comparison is when all its trainings are over, and {over[0]} "
            f"of {trainings} were. The same command starts anew; fewer --models, --seeds or "
            "--minutes take less time."
        )

    with saying_how_far(how_far), console.status("preparing") as status:
        return comparison.compare(
            X,
            models,
            **told,
            domain=domain,
            latent_dim=latent_dim,
            settings=settings,
            watch=watch,
        )


def _print(found: comparison.Comparison) -> None:
    head, *lines = comparison.table(found)
    shown = Table(*head, title="medians over seeds (range)", title_justify="left")
    for line in lines:
        shown.add_row(*line)
    console.print(shown)
    for sentence in comparison.summarize(found):
        console.print(f"- {sentence}", highlight=False, markup=False)


def _numbers(text: str, kind: type[float] | type[int]) -> tuple[Any, ...]:
    try:
        return tuple(kind(part) for part in text.split(",") if part.strip())
    except ValueError as error:
        raise SpecError(f"numbers must be separated by commas, like 5,10; got {text!r}.") from error
