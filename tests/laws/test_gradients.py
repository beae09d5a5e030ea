"""After one backward pass every parameter has a finite gradient."""

import pytest
import torch
from laws.examples import (
    combinations,
    default_objective,
    example,
    example_vae,
    items,
    loss_of,
    names,
)

from vaekit.objectives import Objective
from vaekit.spec import components
from vaekit.types import Batch

COMBINATIONS = list(combinations())
OBJECTIVES = [name for name in names("objectives") if issubclass(components()[name], Objective)]


def excepted(model, parameter_name):
    """Without a density no loss reads p(z), so a learned prior stays as it is."""
    return "density" not in model.provides and parameter_name.startswith("latent.prior.")


@pytest.mark.parametrize("parts", COMBINATIONS, ids=str)
def test_every_parameter_gets_a_finite_gradient(parts):
    model = example_vae(*parts)
    loss_of(model, Batch(items(model.likelihood))).backward()
    bad = [
        name
        for name, parameter in model.named_parameters()
        if not excepted(model, name)
        and (parameter.grad is None or not parameter.grad.isfinite().all())
    ]
    assert bad == []


@pytest.mark.parametrize("parts", COMBINATIONS, ids=str)
def test_an_excepted_parameter_truly_gets_none(parts):
    model = example_vae(*parts)
    loss_of(model, Batch(items(model.likelihood))).backward()
    moved = [
        name
        for name, parameter in model.named_parameters()
        if excepted(model, name) and parameter.grad is not None
    ]
    assert moved == []


@pytest.mark.parametrize("name", OBJECTIVES)
def test_groups_share_no_parameter_and_leave_none_out(name):
    model, objective = example_vae(prior="priors.LearnedMixture"), example(name)
    grouped = [p for group in objective.groups(model).values() for p in group]
    trained = [*model.parameters(), *objective.parameters()]
    assert len(grouped) == len({id(p) for p in grouped})
    assert {id(p) for p in grouped} == {id(p) for p in trained}


def test_a_step_along_the_gradient_lowers_the_loss():
    model = example_vae()
    batch = Batch(items(model.likelihood))
    before = loss_of(model, batch)
    before.backward()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter -= 1e-3 * parameter.grad
    assert loss_of(model, batch) < before


def test_the_default_objective_fits_each_posterior():
    for name in names("posteriors"):
        model = example_vae(posterior=name)
        assert default_objective(model).requires <= model.provides
