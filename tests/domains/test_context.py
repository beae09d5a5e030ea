"""Contexts: labels and properties."""

import numpy as np
import pytest
import torch

from vaekit.domains import Context
from vaekit.errors import DataError, NotFittedError


@pytest.mark.parametrize(
    "labels",
    [["b", "a", "b"], np.array([2, 1, 2]), torch.tensor([2, 1, 2]), [True, False, True]],
)
def test_labels_become_one_hot_in_sorted_order(labels):
    context = Context().fit(labels)
    assert context.dim == 2
    assert context.prepare(labels).tolist() == [[0, 1], [1, 0], [0, 1]]


def test_floats_and_columns_become_standardised_properties():
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
    ("learnt", "given", "rows", "message"),
    [
        (["a", "b"], ["c"], None, r"among those of training, \['a', 'b'\]; got \['c'\]"),
        (["a", "b"], ["a", "b"], 3, "got 2 for 3 items"),
        ([[0.0, 1], [2, 3]], [[1.0]], None, "must have 2 properties; got 1"),
        ([[0.0, 1], [2, 3]], [[1.0, np.nan]], None, "finite.*row 0"),
        ([[0.0, 1], [2, 3]], [["x", "y"]], None, "must be numbers"),
    ],
)
def test_contexts_that_do_not_fit(learnt, given, rows, message):
    with pytest.raises(DataError, match=message):
        Context().fit(learnt).prepare(given, rows)


def test_too_many_labels_and_unfitted():
    with pytest.raises(DataError, match="at most 1000 labels; got 2000"):
        Context().fit(np.arange(2000))
    with pytest.raises(NotFittedError):
        Context().prepare(["a"])
