import math

import pytest
import torch

from vaekit.errors import DataError
from vaekit.metrics import codebook_usage


def test_all_codes_alike_use_the_whole_book():
    got = codebook_usage(torch.arange(8).repeat(5).view(-1, 1), 8)
    assert got.used == 1
    assert got.perplexity == pytest.approx(8)


def test_one_code_has_a_perplexity_of_one():
    got = codebook_usage(torch.full((10, 3), 2), 4)
    assert (got.used, got.perplexity, got.items, got.num_codes) == (0.25, 1.0, 10, 4)


def test_perplexity_is_the_exponential_of_the_entropy():
    got = codebook_usage(torch.tensor([[0], [0], [0], [1]]), 3)
    assert got.perplexity == pytest.approx(math.exp(-0.75 * math.log(0.75) - 0.25 * math.log(0.25)))
    assert got.used == pytest.approx(2 / 3)


def test_tokens_may_each_use_one_code_and_together_all():
    got = codebook_usage(torch.arange(4).expand(6, 4), 4)
    assert got.used_per_token == (0.25,) * 4
    assert got.perplexity_per_token == (1.0,) * 4
    assert (got.used, got.perplexity) == (1.0, pytest.approx(4))


@pytest.mark.parametrize(
    ("indices", "message"),
    [
        (torch.tensor([[0, 4]]), "from 0 to 3; got 0 to 4"),
        (torch.tensor([[-1, 2]]), "got -1 to 2"),
        (torch.zeros(0, 3, dtype=torch.long), r"at least one code; got shape \(0, 3\)"),
    ],
)
def test_indices_must_be_in_the_book(indices, message):
    with pytest.raises(DataError, match=message):
        codebook_usage(indices, 4)
