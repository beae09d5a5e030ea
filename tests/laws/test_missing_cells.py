"""What stands in a missing cell has no influence."""

import pytest
import torch
from laws.examples import CLOCK, default_objective, example_vae, items, likelihood_names

from vaekit.types import Batch

OBSERVED = torch.tensor([[1, 1, 0, 1], [0, 1, 1, 0], [1, 1, 1, 1], [0, 0, 0, 0], [0, 0, 0, 1]]) > 0


@pytest.fixture(params=likelihood_names())
def model(request):
    return example_vae(request.param)


def results(model, batch):
    """Everything that training reads of a batch, by name."""
    model.zero_grad()
    torch.manual_seed(0)
    evidence = model.evidence(batch)
    torch.manual_seed(0)
    (update,) = default_objective(model).losses(model, batch, CLOCK)
    update.losses["model"].backward()
    gradients = {name: p.grad.clone() for name, p in model.named_parameters()}
    loss = update.losses["model"].detach()
    return {"z": evidence.draw.z, "log_px": evidence.log_px, "loss": loss, **gradients}


@pytest.mark.parametrize("junk", [float("nan"), float("inf"), 1e9, -1.0, 0.5])
def test_junk_in_missing_cells_changes_nothing(model, junk):
    x = items(model.likelihood)
    spoilt = torch.where(OBSERVED, x, torch.full_like(x, junk))
    clean = results(model, Batch(x, observed=OBSERVED))
    for name, value in results(model, Batch(spoilt, observed=OBSERVED)).items():
        torch.testing.assert_close(value, clean[name], rtol=0, atol=0, msg=name)
        assert value.isfinite().all(), name


def test_observed_cells_do_have_influence(model):
    x = items(model.likelihood)
    other = torch.where(OBSERVED, x.flip(0), x)
    clean = results(model, Batch(x, observed=OBSERVED))
    changed = results(model, Batch(other, observed=OBSERVED))
    assert not torch.equal(changed["log_px"], clean["log_px"])


def test_all_observed_is_the_same_as_no_mask(model):
    x = items(model.likelihood)
    masked = results(model, Batch(x, observed=torch.ones_like(x, dtype=torch.bool)))
    for name, value in results(model, Batch(x)).items():
        torch.testing.assert_close(value, masked[name], msg=name)


def test_log_prob_is_the_sum_over_observed_cells(model):
    model.eval()
    x = items(model.likelihood)
    px = model.decode(torch.randn(len(x), 2))
    cells = torch.zeros_like(x)
    for j in range(x.shape[1]):
        alone = torch.zeros_like(OBSERVED)
        alone[:, j] = True
        cells[:, j] = model.likelihood.log_prob(px, Batch(x, observed=alone)).detach()[0]
    got = model.likelihood.log_prob(px, Batch(x, observed=OBSERVED))[0]
    torch.testing.assert_close(got, (cells * OBSERVED).sum(1))


def test_an_item_without_observed_cells_scores_zero(model):
    batch = Batch(items(model.likelihood), observed=OBSERVED)
    assert model.evidence(batch).log_px[0, 3].item() == 0.0
