"""The scorer of captions: which words and pairs of words it knows, and what it learns of them."""

import torch
from torch import nn

from vaekit.networks import TagScorer

RED_HAIR, BLUE_HAT = [2.0, 3.0, 0.0], [4.0, 5.0, 0.0]
BLUE_HAIR = [4.0, 3.0, 0.0]
ROWS = torch.tensor([RED_HAIR, BLUE_HAT]).repeat(20, 1)
ITEMS = torch.tensor([[1.0, 0.0], [0.0, 1.0]]).repeat(20, 1)


def scorer(num_tags=8):
    torch.manual_seed(0)
    made = TagScorer(nn.Flatten(), 2, num_tags)
    made.start_from(ROWS)
    return made


def test_tags_are_words_and_pairs_of_words():
    found = scorer()
    known = {tuple(tag) for tag in found.tags.tolist() if tag[0] > 0}
    assert known == {(2, 0), (3, 0), (4, 0), (5, 0), (2, 3), (4, 5)}
    present = found.present(torch.tensor([BLUE_HAIR]))[0]
    words = {tuple(found.tags[place].tolist()) for place in present.nonzero()[:, 0]}
    assert words == {(4, 0), (3, 0)}  # blue, and hair; the pair was never seen


def test_the_most_frequent_tags_are_kept():
    rows = torch.tensor([RED_HAIR] * 30 + [BLUE_HAT] * 10)
    made = TagScorer(nn.Flatten(), 2, num_tags=3)
    made.start_from(rows)
    assert {tuple(tag) for tag in made.tags.tolist()} == {(2, 0), (3, 0), (2, 3)}


def test_before_it_learns_each_tag_is_as_probable_as_it_is_frequent():
    found = scorer()
    nn.init.zeros_(found.head.weight)
    chance = found.logits(ITEMS[:1]).sigmoid()[0]
    known = found.tags[:, 0] > 0
    torch.testing.assert_close(chance[known], torch.full((6,), 0.5))
    assert (chance[~known] < 0.002).all()


def test_items_without_a_caption_teach_nothing():
    found = scorer()
    untold = torch.full((3, 3), torch.nan)
    assert (found.losses(ITEMS[:3], untold) == 0).all()
    assert (found(ITEMS[:3], untold) == 0).all()
    assert (found.losses(ITEMS[:3], torch.zeros(3, 3)) == 0).all()


def test_it_learns_which_item_fits_which_caption():
    found = scorer()
    optimizer = torch.optim.Adam(found.parameters(), 0.1)
    for _ in range(60):
        optimizer.zero_grad()
        found.losses(ITEMS, ROWS).mean().backward()
        optimizer.step()
    right, wrong = found(ITEMS[:2], ROWS[:2]), found(ITEMS[:2].flip(0), ROWS[:2])
    assert (right > wrong + 3).all()
    only_hair = torch.tensor([[3.0, 0.0, 0.0]])  # what a caption is silent about does not count
    assert found(ITEMS[:1], only_hair) > found(ITEMS[1:2], only_hair)
