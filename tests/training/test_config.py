import pytest
import torch

from vaekit.training import TrainConfig
from vaekit.training.config import spread_places


def test_the_batch_is_the_users_or_the_presets_or_128():
    assert TrainConfig().items_per_step == 128
    assert TrainConfig().suggested({"batch_size": 64}).items_per_step == 64
    assert TrainConfig(batch_size=32).suggested({"batch_size": 64}).items_per_step == 32


def test_passes_follow_from_the_steps():
    assert TrainConfig(batch_size=100).epochs(10_000) == 24
    assert TrainConfig(batch_size=100, steps=5000).epochs(10_000) == 50
    assert TrainConfig(batch_size=100, steps=5000, max_epochs=3).epochs(10_000) == 3
    assert TrainConfig().suggested({"steps": 500}).steps == 500


def test_the_share_held_out_is_the_users_or_the_presets_or_a_tenth():
    assert TrainConfig().held_out == 0.1
    assert TrainConfig().suggested({"validation": 0.0}).held_out == 0
    assert TrainConfig(validation=0.2).suggested({"validation": 0.0}).held_out == 0.2
    assert TrainConfig(patience=3).suggested({"validation": 0.0}).held_out == 0.1


@pytest.mark.parametrize("count", [1, 50, 2**24, 20_000_000, 2**31 + 7])
def test_places_are_within_however_many_items_there_are(count):
    """Single precision would round the last of 20 million up, past the end."""
    places = spread_places(count, 1000)
    assert len(places) == min(count, 1000)
    assert (places[0], places[-1]) == (0, count - 1)
    assert torch.equal(places.unique(), places)
