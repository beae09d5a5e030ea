"""``vaekit analogues``."""

from pathlib import Path
from typing import Annotated

import typer

from vaekit.cli.data import read_context
from vaekit.cli.molecules import check_molecule_options, known_of
from vaekit.cli.outputs import console
from vaekit.cli.use import ContextOption, Run
from vaekit.errors import DataError
from vaekit.loading import load
from vaekit.tasks.molecules import check_molecule_path, find_analogues, save_molecules
from vaekit.tasks.molecules.lead import check_molecules

__all__ = ["analogues"]


def analogues(
    run: Run,
    lead: Annotated[str, typer.Argument(help="SMILES of the molecule to start from.")],
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
    seed: Annotated[int, typer.Option(min=0, help="For the same ones again.")] = 0,
) -> None:
    """Propose molecules like a given one.

    Decodes points around the lead's code at growing distance, and keeps different valid molecules
    that are as similar as asked and have the substructure that must stay.

    Examples:

    vaekit analogues runs/drugs "CC(=O)Nc1ccc(O)cc1" --similarity 0.5 --out a.csv --grid a.png

    vaekit analogues runs/drugs "CC(=O)Nc1ccc(O)cc1" --keep "c1ccccc1" --rank sa --lowest
    """
    check_molecule_path(out)
    model = load(run)
    domain = check_molecules(model.trained_)
    check_molecule_options(domain, out, grid, training)
    known = known_of(training, domain)
    with console.status(f"decoding {draws} points"):
        found = find_analogues(
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
            seed=seed,
        )
    if not len(found):
        raise DataError(
            f"no molecule was found that is like the lead; nothing was written. {found.summary()} "
            "Lower --similarity, raise --draws, or train longer."
        )
    save_molecules(out, found.report, found.also())
    console.print(found.summary(), highlight=False)
    console.print(found.report.summary(), highlight=False)
    console.print(f"wrote {out}", highlight=False)
    if grid is not None:
        found.grid().save(grid, f"Analogues of {found.lead.smiles}")
        console.print(f"wrote {grid}", highlight=False)
