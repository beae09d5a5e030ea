"""What the package computes is what it computed when this was recorded."""

import json
from pathlib import Path

import pytest
from gold.cases import CASES
from gold.flat import agree
from gold.table import run

pytestmark = pytest.mark.slow

GOLD = json.loads(Path(__file__).with_name("gold.json").read_text())


def test_every_case_is_recorded():
    assert sorted(CASES) == sorted(GOLD)


@pytest.mark.parametrize("name", sorted(GOLD))
def test_it_is_what_it_was(name):
    found, stored = run(name), GOLD[name]
    only_shapes = CASES[name].only_shapes
    if not only_shapes:
        assert sorted(found) == sorted(stored)
    shared = [entry for entry in stored if entry in found]
    wrong = {
        entry: (stored[entry], found[entry])
        for entry in shared
        if not agree(found[entry], stored[entry], only_shapes=only_shapes)
    }
    assert not wrong
