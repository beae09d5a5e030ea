"""Large arrays are looked at in pieces, and to the bit as NumPy does it whole."""

import numpy as np
import pytest
import torch

from vaekit.domains import ArrayDomain
from vaekit.domains.arrays import blocks, deviation
from vaekit.training.config import Items

SHAPES = [(5, 3), (300, 4), (9000, 20), (70_000, 1), (5, 30_000), (40_000, 7), (2, 2)]


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("kind", [np.float32, np.float64, np.int64, np.int8, bool])
@pytest.mark.parametrize("shape", SHAPES)
def test_deviation_is_that_of_numpy(shape, kind, order):
    array = (np.random.default_rng(0).normal(size=shape) * 50).astype(kind).copy(order=order)
    np.testing.assert_array_equal(deviation(array), array.std(0, dtype=np.float64))
    some = array[::2, 1:]
    if some.size:
        np.testing.assert_array_equal(deviation(some), some.std(0, dtype=np.float64))


@pytest.mark.parametrize("shape", [(9000, 20), (5, 300_000), (1, 2), (10, 1)])
def test_blocks_are_the_whole(shape):
    array = np.arange(np.prod(shape)).reshape(shape)
    np.testing.assert_array_equal(np.concatenate(list(blocks(array))), array)


@pytest.mark.parametrize("order", ["C", "F"])
def test_rows_are_scaled_as_at_once(order):
    rng = np.random.default_rng(0)
    array = (rng.normal(size=(30_000, 9)) * 40 + 3).astype(np.float32).copy(order=order)
    domain = ArrayDomain().fit(array)
    at_once = (array.astype(np.float64) - np.asarray(domain.mean)) / np.asarray(domain.scale)
    np.testing.assert_array_equal(domain.prepare(array).numpy(), at_once.astype(np.float32))
    assert not domain.whole
    assert ArrayDomain().fit(np.round(array)).whole


def test_a_checksum_does_not_depend_on_how_rows_lie():
    rows = torch.randn(9000, 7)
    lying = rows.T.contiguous().T
    assert not lying.is_contiguous()
    assert Items(rows).fingerprint() == Items(lying).fingerprint()
