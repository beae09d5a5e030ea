"""``vaekit explore``."""

from __future__ import annotations

import webbrowser
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vaekit import storage
from vaekit.console.files import console, read_context, read_data, read_labels_of
from vaekit.console.options import DATA_HELP, ContextOption, Run
from vaekit.console.outputs import ForceOption, check_outputs
from vaekit.console.terminal import Stopped
from vaekit.errors import SpecError
from vaekit.files import atomic_write

if TYPE_CHECKING:
    from vaekit.explorer.session import Session


def explore(
    run: Run,
    data: Annotated[
        str | None,
        typer.Argument(help=f"Items for the map; without them it shows samples. {DATA_HELP}"),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Write one page (.html) that needs no server instead."),
    ] = None,
    labels: Annotated[
        str | None,
        typer.Option(
            help="Labels of the items, to colour by and to find directions: a CSV as of vaekit "
            "edit, or a built-in data set's."
        ),
    ] = None,
    context: ContextOption = None,
    beside: Annotated[
        Path | None, typer.Option(help="A second run, shown beside the first on the same items.")
    ] = None,
    points: Annotated[
        int | None,
        typer.Option(min=2, help="Items on the map, at most: 100,000; on a page 2,000."),
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 for any that is free.")] = 0,
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open the page in the browser.")
    ] = True,
    force: ForceOption = False,
) -> None:
    """Look into the latent space of a run in a browser: a map, sliders, samples, what is unusual.

    The page comes from this computer and is for this computer alone: only the link that is printed
    opens it, and nothing is sent anywhere. With --out everything is put into one file that opens
    without a server and without a network.

    Examples:

    vaekit explore runs/digits digits --labels digits

    vaekit explore runs/customers customers.csv

    vaekit explore runs/faces faces/ --labels attributes.csv --out faces.html

    vaekit explore runs/a photos/ --beside runs/b
    """
    if out is not None and (out.suffix != ".html" or beside is not None):
        raise SpecError("--out must end in .html, and --beside needs the server: leave out --out.")
    check_outputs({"--out": out}, (run, data, labels, context, beside), force=force)
    most = points or (2_000 if out is not None else 100_000)
    with console.status("reading and encoding"):
        runs = [run] if beside is None else [run, beside]
        sessions = [_session(each, data, labels, context, most) for each in runs]
    if out is not None:
        _write_page(sessions[0], out)
        return
    _serve(sessions, port, browser)


def _session(
    run: Path, data: str | None, labels: str | None, context: str | None, points: int
) -> Session:
    from vaekit.anomalies.estimator import VAEDetector  # PyTorch costs seconds
    from vaekit.autoencoder import Autoencoder
    from vaekit.explorer.opening import open_session

    loaded = storage.load(run)
    is_known = isinstance(loaded, Autoencoder | VAEDetector)
    model = loaded if is_known else storage.load_model(run)
    domain = model.autoencoder_.domain_ if isinstance(model, VAEDetector) else model.domain_
    items = None if data is None else read_data(data, domain)
    named = None
    if labels is not None:
        if data is None:
            raise SpecError("--labels are of items; name the data as well, or leave them out.")
        named = read_labels_of(labels, data, domain)
    given: Any = read_context(context, data, domain)
    return open_session(
        model, items, labels=named, context=given, points=points, name=run.name or "run"
    )


def _write_page(session: Session, out: Path) -> None:
    from vaekit.explorer.pages import static_page

    with console.status("writing the page"):
        page = static_page(session)
    atomic_write(out, page)
    console.print(f"wrote {out} ({len(page) / 1e6:.1f} MB)", highlight=False)


def _serve(sessions: list[Session], port: int, browser: bool) -> None:
    from vaekit.explorer.server import free_socket, make_token, serve

    def ready(link: str) -> None:
        console.print(f"Open {link}", highlight=False, soft_wrap=True)
        console.print("Press Ctrl-C to stop.", highlight=False)
        if browser:
            webbrowser.open(link)

    with suppress(Stopped):  # Ctrl-C is how a server is left
        serve(sessions, free_socket(port), make_token(), ready)
