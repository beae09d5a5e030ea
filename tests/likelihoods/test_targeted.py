"""Numbers beside tokens."""

import pytest
import torch

from vaekit.errors import SpecError
from vaekit.likelihoods import TargetedTokens, Tokens
from vaekit.networks import TokenGRU
from vaekit.types import Batch


def likelihood(**options):
    torch.manual_seed(0)
    return TargetedTokens(Tokens(TokenGRU(9, 4, 8, 16)), 2, **options)


def test_numbers_count_more_in_training_and_once_as_a_density():
    batch = Batch(torch.tensor([[3.0, 4, 2, 0, 0.5, -1.0]]))
    plain, heavy = likelihood(), likelihood(weight=7.0)
    features = torch.randn(1, 1, 1, plain.num_features)
    tokens, numbers = (
        part.log_prob(x).sum()
        for part, x in zip(plain(features).parts, batch.x.split([4, 2], -1), strict=True)
    )
    for model, weight in ((plain, 10.0), (heavy, 7.0)):
        px = model(features)
        torch.testing.assert_close(
            model.train().log_prob(px, batch).sum(), tokens + weight * numbers
        )
        torch.testing.assert_close(model.eval().log_prob(px, batch).sum(), tokens + numbers)


def test_a_weight_must_be_above_0():
    with pytest.raises(SpecError, match=r"weight must be above 0; got 0\.0"):
        likelihood(weight=0.0)
