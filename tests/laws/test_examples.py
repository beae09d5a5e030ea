"""Every registered component has an example, so that the laws cover it."""

import pytest
from laws.examples import example, names

from vaekit.spec import components


@pytest.mark.parametrize("name", components())
def test_every_registered_component_has_an_example(name):
    assert type(example(name)) is components()[name]


@pytest.mark.parametrize("slot", ["posteriors", "priors", "likelihoods", "networks", "objectives"])
def test_the_laws_find_the_parts_of_each_slot(slot):
    assert len(names(slot)) >= 3
