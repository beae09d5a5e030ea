"""Whether items show what was asked for: pairs made so that the answer is known."""

import pytest
import torch

from vaekit.errors import CompositionError, DataError
from vaekit.metrics import Alignment
from vaekit.networks import LearnedTextReader, ValueReader


def pairs(count, seed):
    """Features that show a digit of five and nothing else of it, among noise."""
    generator = torch.Generator().manual_seed(seed)
    kinds = torch.randint(5, (count,), generator=generator)
    noise = torch.randn(count, 12, generator=generator)
    shown = torch.cat([3 * torch.nn.functional.one_hot(kinds, 5).float(), noise], 1)
    return shown, torch.nn.functional.one_hot(kinds, 5).float(), kinds


@pytest.fixture(scope="module")
def learned():
    features, context, _ = pairs(400, 0)
    return Alignment.learned(features, context, ValueReader(5, 0.0), seed=0)


def test_items_that_show_what_was_asked_for_are_found(learned):
    features, context, _ = pairs(200, 1)
    assert learned.r_precision(features, context) > 0.9


def test_items_that_show_something_else_are_not(learned):
    features, context, kinds = pairs(200, 1)
    other = torch.nn.functional.one_hot((kinds + 1) % 5, 5).float()
    assert learned.r_precision(features, other) < 0.05
    assert learned.r_precision(torch.randn_like(features), context) < 0.35  # one of ten by chance


def test_the_draw_is_the_same_again(learned):
    features, context, _ = pairs(50, 2)
    features = features + torch.randn(features.shape, generator=torch.Generator().manual_seed(0))
    assert learned.r_precision(features, context) == learned.r_precision(features, context)


def test_captions_are_read():
    features, _, kinds = pairs(400, 0)
    words = torch.stack([kinds + 1, (kinds + 1) * (torch.arange(400) % 2)], 1).float()
    found = Alignment.learned(features, words, LearnedTextReader(7, 2, 32, 1), seed=0)
    assert found.r_precision(features, words) > 0.4  # a second word that says nothing new
    assert found.scores(features[:3], words[:4]).shape == (3, 4)


def test_what_cannot_be_learned_is_refused():
    features, context, _ = pairs(30, 0)
    with pytest.raises(CompositionError, match="a context; got 29 for 30"):
        Alignment.learned(features, context[:29], ValueReader(5, 0.0), seed=0)
    with pytest.raises(DataError, match="at least 20 items"):
        Alignment.learned(features[:9], context[:9], ValueReader(5, 0.0), seed=0)


def test_contexts_that_are_all_the_same_are_refused(learned):
    features, context, _ = pairs(30, 0)
    with pytest.raises(DataError, match="must differ"):
        learned.r_precision(features, context[:1].expand(30, -1))
