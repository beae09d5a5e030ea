"""The Transformer of codes: what it sees, and that step by step it says the same as at once."""

import pytest
import torch

from vaekit.errors import SpecError
from vaekit.networks import CodeTransformer, LearnedTextReader

TOKENS, CODES, WORDS = 12, 9, 7


def network(depth, beside, reader=True):
    torch.manual_seed(0)
    reads = LearnedTextReader(20, WORDS, 32, 1) if reader else None
    net = CodeTransformer(TOKENS, CODES, 64, 2, reads, WORDS if reader else 0, depth, beside)
    for weights in net.parameters():
        torch.nn.init.normal_(weights, std=0.2)
    return net.eval()


def codes_and_context():
    generator = torch.Generator().manual_seed(0)
    context = torch.randint(1, 9, (5, WORDS), generator=generator).float()
    context[0] = torch.nan  # nothing is told
    context[1, 3:] = 0  # fewer words
    return torch.randint(0, CODES, (5, TOKENS), generator=generator), context


variants = pytest.mark.parametrize("beside", [False, True])
depths = pytest.mark.parametrize("depth", [1, 2, 3])


@variants
@depths
@torch.no_grad()
def test_step_by_step_it_says_the_same(depth, beside):
    net = network(depth, beside)
    codes, context = codes_and_context()
    at_once = net(codes, context)
    logits, state = net.start(context, len(codes))
    for token in range(TOKENS):
        torch.testing.assert_close(logits, at_once[:, token], rtol=1e-4, atol=1e-5)
        if token + 1 < TOKENS:
            logits = net.step(state, codes[:, token], token)


@variants
@depths
@torch.no_grad()
def test_no_code_sees_those_behind_it(depth, beside):
    net = network(depth, beside)
    codes, context = codes_and_context()
    later = codes.clone()
    later[:, 5:] = (later[:, 5:] + 1) % CODES
    change = (net(later, context) - net(codes, context)).abs().amax((0, 2))
    assert (change[:6] == 0).all()
    assert (change[6:] > 0).all()


@variants
@depths
@torch.no_grad()
def test_every_code_sees_the_words(depth, beside):
    net = network(depth, beside)
    net.vector.weight.zero_()  # what the caption as a whole says is the same for all then
    codes, context = codes_and_context()
    other = context.clone()
    other[:, 0] = 10
    assert ((net(codes, other) - net(codes, context))[1:].abs().amax(-1) > 0).all()


@depths
@torch.no_grad()
def test_it_needs_no_context(depth):
    net = network(depth, True, reader=False)
    codes, _ = codes_and_context()
    assert net(codes, None).shape == (5, TOKENS, CODES)


@pytest.mark.parametrize("depth", [0, 5])
def test_a_depth_that_does_not_divide_is_refused(depth):
    with pytest.raises(SpecError, match="depth must divide the 12 codes"):
        network(depth, True)
