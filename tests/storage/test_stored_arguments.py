"""Every whole number of every part that a stored run can hold, set to what no sound run has."""

import inspect
import json
import resource
import time
import warnings

import pytest
import torch
from laws.examples import example
from torch import nn

from vaekit.bounds import SMALLEST_LARGEST, Budget, metered
from vaekit.errors import FormatError, VaekitError
from vaekit.schema import check_arguments
from vaekit.spec import Source, build, components, describe

HOSTILE = (10**9, SMALLEST_LARGEST, 2**63, 10**30, -1, 0, True, 1.5, "x", None, [], {}, [10**9] * 3)
SECONDS, MEGABYTES = 5, 500


def places(value, path=()):
    """The paths of all whole numbers in JSON."""
    if isinstance(value, int) and not isinstance(value, bool):
        yield path
    elif isinstance(value, list | dict):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, item in items:
            yield from places(item, (*path, key))


def with_value(spec, path, value):
    changed = json.loads(json.dumps(spec))
    parent = changed
    for step in path[:-1]:
        parent = parent[step]
    parent[path[-1]] = value
    return changed


def shapes_of(part):
    return (
        [tuple(t.shape) for t in part.state_dict().values()] if isinstance(part, nn.Module) else []
    )


def build_as_loading_does(spec, budget):
    """First on the meta device within the budget, then, if the shapes are the same, in earnest."""
    source = Source("model.json: model", largest=budget.largest)
    with metered(budget, "model.json"):
        return shapes_of(build(spec, source=source))


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000


@pytest.mark.parametrize(
    ("name", "argument", "value", "rule"),
    [
        ("networks.TokenGRU", "dropout", 1e5, "less than or equal to 1"),
        ("networks.TokenGRU", "dropout", -0.1, "greater than or equal to 0"),
        ("networks.AutoregressiveCells", "blind", 1.5, "less than or equal to 1"),
        ("posteriors.GumbelSoftmax", "temperature", 0.0, "greater than 0"),
    ],
)
def test_a_number_that_need_not_be_whole_has_its_range_too(name, argument, value, rule):
    changed = with_value(describe(example(name)), ("args", argument), value)
    with pytest.raises(FormatError, match=rf"{argument} must be {rule}; got"):
        build(changed, source=Source("model.json: model"))


CASES = [(name, path) for name in components() for path in places(describe(example(name)))]


@pytest.mark.parametrize(
    ("name", "path"), CASES, ids=lambda x: x if isinstance(x, str) else str(x[-1])
)
def test_no_whole_number_asks_for_more_than_is_stored(name, path):
    part = example(name)
    spec, shapes = describe(part), shapes_of(part)
    budget = Budget.of(shapes)
    for value in HOSTILE:
        start, before = time.perf_counter(), peak()
        changed = with_value(spec, path, value)
        with warnings.catch_warnings(), torch.random.fork_rng():
            warnings.simplefilter("ignore")
            try:
                if build_as_loading_does(changed, budget) == shapes:
                    build(changed, source=Source(largest=budget.largest))
            except VaekitError:
                pass
        assert time.perf_counter() - start < SECONDS, value
        assert peak() - before < MEGABYTES, value


@pytest.mark.parametrize("name", components())
def test_every_argument_has_an_annotation_that_is_checked(name):
    cls = components()[name]
    for parameter in inspect.signature(cls).parameters.values():
        assert parameter.annotation is not parameter.empty, parameter.name


@pytest.mark.parametrize("name", components())
def test_an_argument_of_the_wrong_type_is_named(name):
    part = describe(example(name))
    for argument in part["args"]:
        wrong = {**part, "args": {**part["args"], argument: {"a": object.__name__}}}
        if argument in ("kinds", "dtypes", "formats", "originals"):  # objects of texts
            wrong["args"][argument] = 3
        with pytest.raises(FormatError, match=rf"model.args.{argument}"):
            build(wrong, source=Source("model.json: model"))


@pytest.mark.parametrize("name", components())
def test_sound_arguments_are_let_be(name):
    part = example(name)
    spec = describe(part)
    values = {key: build(value) for key, value in spec["args"].items()}
    check_arguments(components()[name], values, "model", name)


def test_a_loop_without_end_is_stopped_by_what_it_makes():
    spec = describe(example("priors.FittedFlow"))
    spec["args"]["transforms"] = SMALLEST_LARGEST
    start = time.perf_counter()
    with pytest.raises(FormatError, match="must fit the stored weights"):
        build_as_loading_does(spec, Budget.of(shapes_of(example("priors.FittedFlow"))))
    assert time.perf_counter() - start < SECONDS


def test_small_constants_are_computed_and_give_way_to_what_has_no_memory():
    with metered(Budget.of([]), "model.json"):
        small, large = 2 * torch.arange(1.0, 4), torch.arange(10**9)
        both = torch.eye(3) + torch.zeros(3, 3)
    assert small.tolist() == [2.0, 4.0, 6.0]
    assert large.is_meta
    assert both.is_meta
    with pytest.raises(RuntimeError), metered(Budget.of([]), "model.json"):
        torch.eye(3) @ torch.eye(4)  # a fault of the part, which is not hidden
