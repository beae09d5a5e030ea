"""What is described can be built again, and is the same."""

import json

import pytest
import torch
from laws.examples import (
    EVEN_IMAGE,
    IMAGE,
    SERIES,
    aggregate,
    combinations,
    example,
    example_prior,
    example_vae,
    flat_priors,
    items,
    names,
)
from torch import nn

from vaekit.spec import build, components, describe
from vaekit.types import Batch


def again(component):
    """The component after a journey through JSON text."""
    return build(json.loads(json.dumps(describe(component), allow_nan=False)))


def shapes(module):
    return {name: tensor.shape for name, tensor in module.state_dict().items()}


@pytest.mark.parametrize("name", components())
def test_description_survives_json(name):
    component = example(name)
    assert describe(again(component)) == describe(component)
    assert type(again(component)) is type(component)


@pytest.mark.parametrize(
    "name", [n for n in components() if issubclass(components()[n], nn.Module)]
)
def test_rebuilt_modules_have_parameters_of_the_same_names_and_shapes(name):
    component = example(name)
    assert shapes(again(component)) == shapes(component)


@pytest.mark.parametrize("name", flat_priors())
def test_a_fitted_or_trained_prior_is_stored_whole(name):
    prior = example_prior(name)
    copy = again(prior)
    copy.load_state_dict(prior.state_dict())
    z = torch.randn(5, 2)
    assert torch.equal(copy(None, aggregate).log_prob(z), prior(None, aggregate).log_prob(z))


@pytest.mark.parametrize("name", [n for n in names("networks") if "coder" in n])
def test_networks_with_the_same_state_give_the_same_output(name):
    network = example(name).eval()
    copy = again(network).eval()
    copy.load_state_dict(network.state_dict())
    width = 12 if any(kind in name for kind in ("Spatial", "Patch", "Autoencoder")) else 2
    of_items = SERIES if "GRU" in name or "Temporal" in name else IMAGE
    of_items = EVEN_IMAGE if "Autoencoder" in name else of_items
    shape = (width,) if "Decoder" in name else (4,) if "MLP" in name else of_items
    x = torch.randn(3, *shape)
    if name == "networks.TabularEncoder":
        x = torch.tensor([[1.0, 0.0, 0.3, 0.0], [2.0, 3.0, 0.0, -1.0], [0.0, 1.0, 2.0, 0.1]])
    if name == "networks.TokenEncoder":
        x = torch.tensor([[3.0, 4.0, 2.0], [2.0, 0.0, 0.0]])
    assert torch.equal(copy(x), network(x))


@pytest.mark.parametrize("parts", list(combinations()), ids=str)
def test_models_with_the_same_state_score_alike(parts):
    model = example_vae(*parts).eval()
    copy = again(model).eval()
    copy.load_state_dict(model.state_dict())
    batch = Batch(items(model.likelihood))
    scores = []
    for m in (model, copy):
        torch.manual_seed(0)
        scores.append(m.evidence(batch).log_px)
    assert torch.equal(*scores)
