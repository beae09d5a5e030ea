import pytest
import torch

from vaekit.randomness import fresh_seed, make_generator, seeded


def drawn(seed):
    with seeded(seed):
        return torch.rand(4)


@pytest.mark.parametrize("seed", [0, 3, 2**31])
def test_a_seed_fixes_the_stream(seed):
    assert torch.equal(drawn(seed), drawn(seed))
    assert not torch.equal(drawn(seed), drawn(seed + 1))


def test_no_seed_means_fresh_entropy():
    torch.manual_seed(0)
    first = drawn(None)
    torch.manual_seed(0)
    assert not torch.equal(drawn(None), first)


def test_a_generator_advances_with_each_use():
    generator = make_generator(1)
    assert not torch.equal(drawn(generator), drawn(generator))
    assert torch.equal(drawn(make_generator(1)), drawn(make_generator(1)))


def test_the_global_stream_goes_on_as_if_nothing_happened():
    torch.manual_seed(5)
    expected = torch.rand(2)
    torch.manual_seed(5)
    drawn(3)
    assert torch.equal(torch.rand(2), expected)


def fail_in_a_block():
    with seeded(3):
        torch.rand(1)
        raise KeyError


def test_the_global_stream_is_restored_after_an_error():
    state = torch.get_rng_state()
    with pytest.raises(KeyError):
        fail_in_a_block()
    assert torch.equal(torch.get_rng_state(), state)


def test_blocks_nest():
    with seeded(1):
        torch.rand(1)
        drawn(2)
        inner = torch.rand(1)
    with seeded(1):
        torch.rand(1)
        assert torch.equal(torch.rand(1), inner)


def test_fresh_seed_keeps_an_integer_and_draws_from_a_generator():
    assert fresh_seed(12) == 12
    assert fresh_seed(make_generator(1)) == fresh_seed(make_generator(1))
    assert 0 <= fresh_seed(None) < 2**31


def test_make_generator_without_a_seed_is_new_each_time():
    assert make_generator(None).initial_seed() != make_generator(None).initial_seed()
