import json

import numpy as np
import pytest
import torch
from torch import nn

from vaekit.errors import CompositionError, SpecError
from vaekit.latents import Single
from vaekit.networks import Chain, MLPEncoder
from vaekit.posteriors import DiagonalGaussian
from vaekit.priors import StandardNormal
from vaekit.spec import build, components, describe


class Own(nn.Module):
    """A user's module, which keeps nothing under the name of its argument."""

    def __init__(self, width=3):
        super().__init__()
        self.layer = nn.Linear(width, width)


def make_own():
    return Own()


class Child(StandardNormal):
    """A subclass is not the registered class."""


OWN = {"external": "links.0"}


def test_the_registry_holds_concrete_classes_only():
    assert "posteriors.Posterior" not in components()
    assert "networks.make_networks" not in components()
    assert components()["posteriors.DiagonalGaussian"] is DiagonalGaussian


@pytest.mark.parametrize(
    "name",
    ["os.system", "builtins.eval", "posteriors.Posterior", "posteriors.gaussian", "Normal", ""],
)
def test_names_that_are_not_registered_are_refused(name):
    with pytest.raises(SpecError, match="unknown component"):
        build({"type": name, "args": {}})


@pytest.mark.parametrize("name", [None, 3, ["priors.StandardNormal"], {"type": "x"}])
def test_a_type_must_be_a_name(name):
    with pytest.raises(SpecError, match="unknown component"):
        build({"type": name, "args": {}})


def test_a_misspelt_component_suggests_the_near_one():
    with pytest.raises(SpecError, match=r"did you mean 'priors\.StandardNormal'"):
        build({"type": "priors.StandardNormall", "args": {"latent_dim": 2}})


@pytest.mark.parametrize(
    "args",
    [
        {},
        {"latent_dim": 2, "extra": 1},
        {"latent_dim": "two"},
        {"latent_dim": -1},
        {"latent_dim": 1.5},
        {"latent_dim": None},
        {"latent_dim": {"type": "priors.StandardNormal", "args": {"latent_dim": 2}}},
    ],
)
def test_arguments_that_the_constructor_refuses_are_a_spec_error(args):
    with pytest.raises(SpecError, match="StandardNormal refuses the stored arguments"):
        build({"type": "priors.StandardNormal", "args": args})


@pytest.mark.parametrize("args", [[], "latent_dim=2", 3, None])
def test_arguments_must_be_an_object(args):
    with pytest.raises(SpecError, match="must be a JSON object"):
        build({"type": "priors.StandardNormal", "args": args})


@pytest.mark.parametrize("args", [{"self": 1}, {"__class__": "x"}, {"latent_dim": 2, "self": 1}])
def test_an_argument_cannot_reach_the_object_itself(args):
    with pytest.raises(SpecError):
        build({"type": "priors.StandardNormal", "args": args})


@pytest.mark.parametrize("links", [3, None, "ab", {"a": 1}])
def test_spread_arguments_must_be_a_list(links):
    with pytest.raises(SpecError):
        build({"type": "networks.Chain", "args": {"links": links}})


def test_parts_that_do_not_fit_are_a_spec_error():
    sizes = describe(Single(DiagonalGaussian(4, 2), StandardNormal(2)))
    sizes["args"]["prior"]["args"]["latent_dim"] = 3
    with pytest.raises((SpecError, CompositionError), match="same latent_dim"):
        build(sizes)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
def test_numbers_must_be_finite(number):
    with pytest.raises(SpecError, match="must be finite"):
        describe({"a": [1.0, number]})


def test_a_nested_component_is_built_with_its_own_arguments():
    latent = Single(DiagonalGaussian(4, 2), StandardNormal(2))
    copy = build(json.loads(json.dumps(describe(latent))))
    assert copy.posterior.head.weight.shape == latent.posterior.head.weight.shape


def test_a_component_without_an_attribute_for_an_argument_says_so():
    encoder = MLPEncoder((4,), (8,))
    del encoder.hidden
    with pytest.raises(SpecError, match="MLPEncoder must keep each constructor argument"):
        describe(encoder)


def test_a_module_of_the_users_own_is_described_by_its_place_alone():
    assert describe(Chain(Own()))["args"]["links"] == [OWN]


def test_a_subclass_is_not_taken_for_its_parent():
    assert describe(Child(2)) == {"external": "Child"}


def test_a_module_that_is_not_handed_in_is_named():
    with pytest.raises(SpecError, match=r"links.0 is a module of your own.*components="):
        build(OWN)


@pytest.mark.parametrize("given", [Own, make_own], ids=["class", "factory"])
def test_a_factory_makes_the_users_module(given):
    assert isinstance(build(OWN, {OWN["external"]: given}), Own)


def test_a_users_object_is_taken_as_it_is():
    own = Own()
    chain = build(describe(Chain(own)), {OWN["external"]: own})
    assert chain.links[0] is own


def test_an_external_name_is_never_imported():
    with pytest.raises(SpecError, match="module of your own"):
        build({"external": "os.system"}, {})


@pytest.mark.parametrize("value", [None, True, 3, 2.5, "text", [1, [2]], {"a": {"b": 1}}])
def test_json_stays_json(value):
    assert json.loads(json.dumps(describe(value))) == value


@pytest.mark.parametrize("value", [torch.zeros(2), {1, 2}, object()])
def test_what_is_no_json_and_no_module_is_refused(value):
    with pytest.raises(SpecError):
        describe(value)


@pytest.mark.parametrize("number", [np.int64(2), np.float32(2), np.float64(2)])
def test_numbers_of_numpy_are_numbers(number):
    assert json.dumps(describe(number)) in ("2", "2.0")


def test_lists_come_back_as_tuples():
    assert build([1, [2, 3]]) == (1, (2, 3))
