"""``vaekit refit``."""

from typing import Annotated

import typer

from vaekit.cli.data import read_context, read_data
from vaekit.cli.outputs import console
from vaekit.cli.use import ContextOption, Data, Run
from vaekit.loading import load

__all__ = ["refit"]


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
    model = load(run)
    items = read_data(data, model.domain_)
    with console.status(f"fitting {prior}"):
        model.refit_prior(prior, items, read_context(context, data, model.domain_))
    model.save(run)
    console.print(f"{run} now samples from {type(model.model_.fitted_prior).__name__}")
