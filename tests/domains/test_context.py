"""Contexts: labels and properties."""

import json

import numpy as np
import pandas as pd
import pytest
import torch

from vaekit.domains import Context
from vaekit.domains.context import Labels
from vaekit.errors import DataError, NotFittedError, SpecError
from vaekit.spec import build, describe


@pytest.mark.parametrize(
    "labels",
    [["b", "a", "b"], np.array([2, 1, 2]), torch.tensor([2, 1, 2]), [True, False, True]],
)
def test_labels_become_one_hot_in_sorted_order(labels):
    context = Context().fit(labels)
    assert context.dim == 2
    assert context.prepare(labels).tolist() == [[0, 1], [1, 0], [0, 1]]


def test_floats_and_columns_become_standardized_properties():
    values = np.array([[0.0, 10.0], [2.0, 10.0]])
    context = Context().fit(values)
    assert context.prepare(values).tolist() == [[-1, 0], [1, 0]]
    assert Context().fit([0.5, 1.5]).prepare([1.0]).tolist() == [[0]]


def test_one_label_stands_for_all_rows():
    context = Context().fit(["a", "b"])
    assert context.prepare("b", rows=3).tolist() == [[0, 1]] * 3
    assert Context().fit([[0.0, 1], [2, 3]]).prepare([1.0, 2.0], rows=2).shape == (2, 2)


def test_labels_read_as_text_match_numbers():
    assert Context().fit([3, 7]).prepare(["7"]).tolist() == [[0, 1]]


@pytest.mark.parametrize(
    ("learned", "given", "rows", "message"),
    [
        (["a", "b"], ["c"], None, r"among those of training, \['a', 'b'\]; got \['c'\]"),
        (["a", "b"], ["a", "b"], 3, "got 2 for 3 items"),
        ([[0.0, 1], [2, 3]], [[1.0]], None, "must have 2 properties; got 1"),
        ([[0.0, 1], [2, 3]], [[1.0, np.nan]], None, "finite.*row 0"),
        ([[0.0, 1], [2, 3]], [["x", "y"]], None, "must be numbers"),
    ],
)
def test_contexts_that_do_not_fit(learned, given, rows, message):
    with pytest.raises(DataError, match=message):
        Context().fit(learned).prepare(given, rows)


def test_too_many_labels_and_unfitted():
    with pytest.raises(DataError, match="at most 1000 labels; got 2000"):
        Context().fit(np.arange(2000))
    with pytest.raises(NotFittedError):
        Context().prepare(["a"])


FACES = {"mouth": ["smile", "frown", "smile"], "bald": [True, False, False]}


@pytest.mark.parametrize("raw", [FACES, pd.DataFrame(FACES), Labels.of(FACES)])
def test_columns_of_labels_become_one_hot_columns(raw):
    context = Context().fit(raw)
    assert context.attributes == {"mouth": ("frown", "smile"), "bald": ("False", "True")}
    assert context.dim == 4
    assert context.prepare(raw).tolist() == [[0, 1, 0, 1], [1, 0, 1, 0], [0, 1, 1, 0]]


def test_columns_without_names_are_numbered():
    table = np.array([["a", "x"], ["b", "y"]])
    context = Context().fit(table)
    assert list(context.attributes) == ["0", "1"]
    assert context.prepare(table).tolist() == [[1, 0, 1, 0], [0, 1, 0, 1]]


def test_one_row_stands_for_all_and_more_columns_are_let_be():
    context = Context().fit(FACES)
    for one in ({"mouth": "smile", "bald": True, "age": 3}, ["smile", "True"], [["smile", "True"]]):
        assert context.prepare(one, rows=2).tolist() == [[0, 1, 0, 1]] * 2


def test_a_column_of_text_in_a_frame_keeps_its_name():
    context = Context().fit(pd.DataFrame({"mouth": FACES["mouth"]}))
    assert list(context.attributes) == ["mouth"]
    assert context.prepare("smile", rows=2).tolist() == [[0, 1]] * 2
    assert context.prepare(["smile", "frown"]).tolist() == [[0, 1], [1, 0]]


def test_frames_with_floats_are_properties():
    context = Context().fit(pd.DataFrame({"a": [0.0, 2.0], "b": [1, 3]}))
    assert context.attributes == {}
    assert context.prepare(np.array([[1.0, 2.0]])).tolist() == [[0, 0]]


def test_columns_survive_json():
    context = Context().fit({"type": ["a", "b"], "args": ["c", "d"], "external": ["e", "f"]})
    assert build(json.loads(json.dumps(describe(context)))) == context


def test_a_context_stored_before_there_were_columns_is_read():
    old = {"classes": ["a", "b"], "mean": None, "scale": None}
    context = build({"type": "components.Context", "args": old})
    assert context.prepare(["b"]).tolist() == [[0, 1]]
    assert context.attributes == {"label": ("a", "b")}


def test_one_attribute_is_swapped_and_the_others_stay():
    context = Context().fit(FACES)
    rows = context.prepare(FACES)
    assert context.swap(rows, "mouth", "frown").tolist() == [
        [1, 0, 0, 1],
        [1, 0, 1, 0],
        [1, 0, 1, 0],
    ]
    assert rows[0].tolist() == [0, 1, 0, 1]
    assert Context().fit(["a", "b"]).swap(torch.eye(2), "label", "a").tolist() == [[1, 0]] * 2
    with pytest.raises(SpecError, match="unknown attribute 'mouht': did you mean 'mouth'"):
        context.swap(rows, "mouht", "frown")
    with pytest.raises(SpecError, match="unknown value of attribute 'mouth' 'smiel': did you"):
        context.swap(rows, "mouth", "smiel")
    with pytest.raises(SpecError, match="labels alone can be swapped"):
        Context().fit([0.5, 1.0]).swap(torch.zeros(1, 1), "label", "a")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"mouth": ["smile"]}, r"columns of training, \['mouth', 'bald'\]; got none named"),
        ({"mouth": ["grin"], "bald": [True]}, "context labels of 'mouth' must be among"),
        ({"mouth": ["smile", None], "bald": [1, 0]}, "label in column 'mouth'; 1 have none, .* 1"),
        (pd.DataFrame({"mouth": ["a", "b"], "bald": [0.5, 1]}), "got floats in column 'bald'"),
        ({"mouth": ["smile", "smile"], "bald": [True]}, "of one length"),
    ],
)
def test_columns_that_do_not_fit(given, message):
    with pytest.raises(DataError, match=message):
        Context().fit(FACES).prepare(given)


def test_labels_of_one_column_fit_a_context_without_a_name():
    context = Context().fit(["a", "b"])
    assert context.prepare(Labels.of(["b", "a"])).tolist() == [[0, 1], [1, 0]]


@pytest.mark.parametrize(
    "given", [{}, [[1.0], [1.0, 2.0]], {"a": [1.0], "b": [1.0, 2.0]}, [10**400]]
)
def test_properties_that_are_none(given):
    learned = Context().fit(np.array([[1.0, 2.0], [3.0, 5.0]]))
    with pytest.raises(DataError):
        learned.prepare(given, 2)
