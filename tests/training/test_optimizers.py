"""Optimizers take the steps that PyTorch's take, and are stored alike."""

import pytest
import torch

from vaekit.optimizers import Adam, AdamW


@pytest.mark.parametrize(("ours", "theirs"), [(Adam, torch.optim.Adam), (AdamW, torch.optim.AdamW)])
@pytest.mark.parametrize("options", [{"fused": True}, {"foreach": False}, {"amsgrad": True}])
def test_steps_and_states_are_pytorchs(ours, theirs, options):
    weights = [torch.nn.Parameter(torch.linspace(-1, 1, 6).view(2, 3)) for _ in range(2)]
    first, second = ours([weights[0]], 0.1, **options), theirs([weights[1]], 0.1, **options)
    for step in range(4):
        for weight, optimizer in zip(weights, (first, second), strict=True):
            optimizer.zero_grad()
            (weight.square() * (step + 1)).sum().backward()
            optimizer.step()
    assert torch.equal(*weights)
    own, other = first.state_dict(), second.state_dict()
    assert own["param_groups"] == other["param_groups"]
    assert own["state"][0].keys() == other["state"][0].keys()
    again = ours([weights[0]], 0.1, **options)
    again.load_state_dict(other)
    assert torch.equal(again.state_dict()["state"][0]["exp_avg"], own["state"][0]["exp_avg"])


def test_a_group_more_is_stepped_too():
    weights = [torch.nn.Parameter(torch.ones(1)) for _ in range(2)]
    optimizer = AdamW(weights[:1], 0.1, weight_decay=0.0)
    optimizer.add_param_group({"params": weights[1:], "lr": 0.2})
    sum(weights).backward()
    assert optimizer.step(lambda: torch.tensor(3.0)) == 3.0  # a closure's loss comes back
    assert [round(w.item(), 4) for w in weights] == [0.9, 0.8]
    assert not any(w.grad_fn for w in weights)
