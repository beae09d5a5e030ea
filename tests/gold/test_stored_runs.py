"""Runs that were stored once load, and compute what they computed then."""

import json
import warnings
from pathlib import Path

import pytest
import torch
from gold.flat import agree
from gold.stored import RUNS, RUNS_FOLDER, records_of, records_of_spec
from torch import nn

from vaekit.spec import build
from vaekit.storage.migration import upgraded

EXPECTED = json.loads((RUNS_FOLDER / "expected.json").read_text())
SPECS = json.loads(Path(__file__).with_name("specs.json").read_text())
MODELS = [name for name in SPECS if not name.startswith("component/")]
COMPONENTS = [name for name in SPECS if name.startswith("component/")]


def assert_same(found, expected):
    assert not expected.keys() - found.keys()
    wrong = {
        name: (expected[name], found[name])
        for name in expected
        if not agree(found[name], expected[name])
    }
    assert not wrong


def test_every_stored_run_is_looked_at():
    folders = {path.name for path in RUNS_FOLDER.iterdir() if path.is_dir()}
    assert folders == set(RUNS) == set(EXPECTED)


@pytest.mark.parametrize("name", RUNS)
def test_a_stored_run_computes_what_it_did(name):
    assert_same(records_of(lambda: RUNS[name](RUNS_FOLDER / name)), EXPECTED[name])


@pytest.mark.parametrize("name", MODELS)
def test_weights_under_stored_names_load_and_compute_the_same(name):
    assert_same(records_of_spec(SPECS[name]["spec"]), SPECS[name]["expected"])


@pytest.mark.parametrize("name", COMPONENTS)
def test_a_stored_component_is_built_with_tensors_of_the_same_shapes(name):
    with warnings.catch_warnings(), torch.random.fork_rng():
        warnings.simplefilter("ignore")
        made = build(upgraded(SPECS[name]["component"]))
    state = made.state_dict() if isinstance(made, nn.Module) else {}
    shapes = sorted(list(tensor.shape) for tensor in state.values())
    assert shapes == sorted(SPECS[name]["tensors"].values())
