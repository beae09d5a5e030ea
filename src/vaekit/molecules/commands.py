"""Commands of molecules: ``vaekit analogues`` and ``vaekit predict``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import lazy_loader
import typer
from rich.table import Table

from vaekit import domains, molecules, plots, storage
from vaekit.console.files import console, read_context, write_frame
from vaekit.console.options import ContextOption, Run
from vaekit.console.outputs import ForceOption, check_outputs, default_output
from vaekit.errors import DataError, SpecError

if TYPE_CHECKING:
    import numpy as np
else:
    np = lazy_loader.load("numpy")


def analogues(
    run: Run,
    lead: Annotated[
        str, typer.Argument(help="SMILES of the molecule to start from; [*] marks open places.")
    ],
    n: Annotated[int, typer.Option("--n", "-n", min=1, help="The most to write.")] = 50,
    similarity: Annotated[
        float, typer.Option(help="The least Tanimoto similarity to the lead, 0 to 1.")
    ] = 0.4,
    keep: Annotated[
        str | None, typer.Option(help="SMARTS of a substructure that must stay.")
    ] = None,
    rank: Annotated[
        str,
        typer.Option(help="What the best are chosen by: similarity, or a property like qed, sa."),
    ] = "similarity",
    lowest: Annotated[
        bool, typer.Option("--lowest", help="Low values are best, as of sa.")
    ] = False,
    training: Annotated[
        str | None, typer.Option(help="The data of fit, to tell which analogues are new.")
    ] = None,
    out: Annotated[
        Path, typer.Option("--out", "-o", help="File to write: .csv, .smi or .sdf.")
    ] = Path("analogues.csv"),
    grid: Annotated[
        Path | None, typer.Option(help="File for drawings: .png, .svg or .html.")
    ] = None,
    context: ContextOption = None,
    draws: Annotated[int, typer.Option(min=8, help="Points of the latents to decode.")] = 5000,
    exchange: Annotated[
        int,
        typer.Option(
            min=0,
            max=1_000_000,
            help="Also try so many exchanges of a piece of the lead for one of molecules that the "
            "model draws: for leads that it does not give back.",
        ),
    ] = 0,
    seed: Annotated[int, typer.Option(min=0, help="For the same ones again.")] = 0,
    force: ForceOption = False,
) -> None:
    """Propose molecules like a given one.

    Decodes points around the lead's code at growing distance, and keeps different valid molecules
    that are as similar as asked and have the substructure that must stay. A lead with [*] is a
    scaffold that gets substituents there, and nowhere else.

    Examples:

    vaekit analogues runs/drugs "CC(=O)Nc1ccc(O)cc1" --similarity 0.5 --out a.csv --grid a.png

    vaekit analogues runs/drugs "CC(=O)Nc1ccc(O)cc1" --keep "c1ccccc1" --rank sa --lowest

    vaekit analogues moses "O=C(N[*])c1ccc([*])cc1" --similarity 0.2

    vaekit analogues druglike "CC1=C[Se]C(NC(=O)C2CC2)=N1" --exchange 1000
    """
    molecules.check_molecule_path(out)
    check_outputs({"--out": out, "--grid": grid}, (run, training, context), force=force)
    model = storage.load_model(run)
    domain = molecules.check_molecules(model.trained_)
    molecules.sample_writer(
        domain, out, domains.SampleOptions(grid, training)
    )  # refuses what does not go together
    known = molecules.read_known_molecules(training, domain)
    with console.status(f"decoding {draws} points"):
        found = molecules.find_analogues(
            model.trained_,
            lead,
            n,
            similarity=similarity,
            keep=keep,
            rank=rank,
            lowest=lowest,
            training=known,
            context=read_context(context),
            draws=draws,
            exchange=exchange,
            seed=seed,
        )
    if not len(found):
        raise DataError(
            f"no molecule was found that is like the lead; nothing was written. {found.summary()} "
            "Lower --similarity, raise --draws, or train longer."
        )
    molecules.save_molecules(out, found.report, found.also())
    console.print(found.summary(), highlight=False)
    console.print(found.report.summary(), highlight=False)
    console.print(f"wrote {out}", highlight=False)
    if grid is not None:
        found.grid().save(grid, f"Analogues of {found.lead.smiles}")
        console.print(f"wrote {grid}", highlight=False)


_COMPARED = ("known", "R2", "mean error", "inside")
_MANY_CLASSES = 12


def predict(
    run: Run,
    data: Annotated[str, typer.Argument(help="Molecules: a .smi, .csv, .sdf or .txt file.")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="File to write: .csv or .parquet.")
    ] = None,
    compute: Annotated[
        bool,
        typer.Option(
            "--compute",
            help="Compare with RDKit, of properties that it can compute, whatever the file says.",
        ),
    ] = False,
    plot: Annotated[
        Path | None,
        typer.Option(help="A picture of known against predicted values: .png."),
    ] = None,
    drop_stereo: Annotated[
        bool,
        typer.Option(
            "--drop-stereo", help="Leave out what molecules say of their stereochemistry."
        ),
    ] = False,
    context: ContextOption = None,
    force: ForceOption = False,
) -> None:
    """Predict the properties that a model of molecules was taught.

    One row for each molecule: each property with the interval in which it lies nine times of ten,
    and how far the molecule is from what the model learned (whether it is given back, how probable
    it is among held-out molecules, its similarity to training). Columns of the file that are named
    as properties are compared with.

    Examples:

    vaekit predict moses drugs.smi --compute --plot predicted.png

    vaekit fit assay.csv runs/assay --start-from moses --targets activity

    vaekit predict runs/assay new.csv --out predicted.csv
    """
    path = out or default_output(run, "predicted.csv")
    _check_endings(path, plot)
    check_outputs({"--out": path, "--plot": plot}, (run, data, context), force=force)
    model = storage.load_model(run)
    molecules.require_targets(model.domain_)
    if not Path(data).is_file():
        raise DataError(f"the molecules must be in a file; there is none at {data!r}.")
    given, trained = read_context(context), model.trained_
    if drop_stereo:
        flat = trained.domain.with_options(domains.ReadOptions(drop_stereo=True))
        trained = replace(trained, domain=flat)
    with console.status("predicting"):
        found = molecules.predict_molecules(trained, data, given, compute=compute)
    if plot is not None and not found.agreement():
        raise DataError(
            "a picture needs properties that are known of some molecules; there is no column of "
            f"{', '.join(found.values)} in {data}. Leave --plot out, or add --compute where RDKit "
            "can compute them."
        )
    write_frame(path, found.frame())
    _say(found)
    _say_classes(found, molecules.expected_agreement(trained))
    told = [name for name, _ in molecules.heads_by_name(trained.domain)]
    if told:
        console.print(
            f"{', '.join(told)}: told by descriptors of the molecule and its latents.",
            highlight=False,
        )
    if found.applicability is not None:
        console.print(found.applicability.summary(), highlight=False)
    if remark := molecules.missing_material(trained):
        console.print(remark, highlight=False)
    if plot is not None:
        plots.save_figure(molecules.prediction_scatter(_pairs(found)), plot)
        console.print(f"wrote {plot}", highlight=False)


def _check_endings(path: Path, plot: Path | None) -> None:
    """Before the work."""
    if path.suffix not in (".csv", ".parquet"):
        raise SpecError(f"--out must end in .csv or .parquet; got {str(path)!r}.")
    if plot is not None and plot.suffix != ".png":
        raise SpecError(f"--plot must end in .png; got {str(plot)!r}.")


def _say(found: molecules.Predictions) -> None:
    predicted = len(found) - len(found.reasons)
    title = f"predicted of {predicted} of {len(found)} molecules"
    table = Table(title=title, title_justify="left")
    known, inside = found.agreement(), found.coverage()
    headings = [
        "mean",
        *(["held-out error"] if found.errors else []),
        *(["90 % in +-"] if found.intervals else []),
        *(_COMPARED if known else ()),
        *(["AUROC"] if any(each.auroc is not None for each in known.values()) else []),
    ]
    table.add_column("property", overflow="fold")  # of classes the end tells them apart
    for heading in headings:
        table.add_column(heading, justify="right")
    of_classes = {f"{name}={label}" for name in found.classes for label in found.classes[name]}
    for name, values in found.values.items():
        if name in of_classes and len(of_classes) > _MANY_CLASSES:
            continue  # they are in the file
        cells = [f"{np.nanmean(values):.4g}"]
        if found.errors:
            cells.append(f"{found.errors[name]:.2g}" if name in found.errors else "")
        if found.intervals:
            ends = found.intervals.get(name)
            cells.append("" if ends is None else f"{np.nanmedian(ends[1] - ends[0]) / 2:.2g}")
        if name in known:
            each = known[name]
            cells += [str(each.count), f"{each.r2:.3f}", f"{each.error:.2g}"]
            cells.append(f"{inside[name]:.0%}" if name in inside else "")
            cells += [] if each.auroc is None else [f"{each.auroc:.3f}"]
        table.add_row(name + _unit(name), *cells)
    console.print(table)


def _say_classes(
    found: molecules.Predictions, expected: Mapping[str, molecules.ClassAgreement]
) -> None:
    """Print how well classes are told, of molecules held out and of those that are known."""
    known = found.class_agreement()
    names = [*found.classes, *(name for name in expected if name not in found.classes)]
    if not names:
        return
    table = Table(title="classes", title_justify="left")
    table.add_column("target")
    for heading in ("most often", "held-out AUROC", "balanced", "known", "AUROC", "balanced"):
        table.add_column(heading, justify="right")
    for name in names:
        labels = [each for each in found.labels(name) if each] if name in found.classes else []
        usual = Counter(labels).most_common(1)
        cells = [f"{usual[0][0]} {usual[0][1] / len(labels):.0%}" if usual else ""]
        for each in (expected.get(name), known.get(name)):
            if each is known.get(name):
                cells.append("" if each is None else str(each.count))
            cells += ["", ""] if each is None else [_share(each.auroc), _share(each.accuracy)]
        table.add_row(name, *cells)
    console.print(table)


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _unit(name: str) -> str:
    unit = molecules.PROPERTIES[name].unit if name in molecules.PROPERTIES else ""
    return f", {unit}" if unit else ""


def _pairs(found: molecules.Predictions) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """By a title that says how well they agree."""
    return {
        f"{name}: R2 {each.r2:.3f}": (found.known[name], found.values[name])
        for name, each in found.agreement().items()
    }
