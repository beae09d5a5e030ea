import dataclasses

import pytest
import torch
from jaxtyping import TypeCheckError

from vaekit.distributions import Delta, DiagonalNormal
from vaekit.errors import CompositionError
from vaekit.types import Batch, Draw, Encodes, Evidence, Samples, Scores, TrainingProgress


def evidence(q, has_density=True):
    p = DiagonalNormal(torch.zeros(2), torch.zeros(2))
    draw = Draw(torch.ones(4, 3, 2), q, p, has_density)
    return Evidence(Batch(torch.zeros(3, 5)), draw, p, torch.full((4, 3), 7.0))


@pytest.fixture
def normal():
    return DiagonalNormal(torch.zeros(3, 2), torch.full((3, 2), 0.5))


def test_without_a_mask_all_of_x_is_visible():
    x = torch.randn(3, 2)
    assert Batch(x).visible is x


def test_missing_cells_are_visible_as_zero():
    x, observed = torch.tensor([[1.0, float("nan")]]), torch.tensor([[True, False]])
    assert Batch(x, observed=observed).visible.tolist() == [[1.0, 0.0]]


def test_visible_keeps_the_dtype():
    x = torch.ones(2, 2, dtype=torch.uint8)
    assert Batch(x, observed=x > 2).visible.dtype == torch.uint8


@pytest.mark.parametrize("record", [Batch(torch.zeros(1, 1)), TrainingProgress(0, 1, 1)])
def test_records_are_frozen(record):
    field = dataclasses.fields(record)[0].name
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(record, field, None)


@pytest.mark.parametrize(
    ("context", "observed"),
    [
        (torch.zeros(2, 1), None),
        (torch.zeros(3), None),
        (torch.zeros(3, 1, dtype=torch.long), None),
        (None, torch.ones(3, 1, dtype=torch.bool)),
        (None, torch.ones(3, 5)),
    ],
    ids=["rows", "axes", "dtype", "cells", "no booleans"],
)
def test_fields_of_a_batch_must_agree(context, observed):
    with pytest.raises(TypeCheckError):
        Batch(torch.zeros(3, 5), context, observed)


def test_a_draw_computes_its_densities_once(normal, monkeypatch):
    calls = []
    original = DiagonalNormal.log_prob
    monkeypatch.setattr(
        DiagonalNormal, "log_prob", lambda self, z: calls.append(self) or original(self, z)
    )
    draw = evidence(normal).draw
    assert calls == []
    assert draw.log_q is draw.log_q
    assert calls == [normal]


def test_a_point_has_no_densities():
    draw = evidence(Delta(torch.ones(3, 2)), has_density=False).draw
    assert draw.log_q is None
    assert draw.log_p is None


def test_log_w_adds_likelihood_and_prior_and_takes_off_the_posterior(normal):
    e = evidence(normal)
    expected = 7.0 + e.draw.p.log_prob(e.draw.z) - normal.log_prob(e.draw.z)
    assert torch.equal(e.log_w, expected)


def test_log_w_of_a_point_names_the_remedy():
    with pytest.raises(CompositionError, match=r"density.*Gaussian posterior"):
        _ = evidence(Delta(torch.ones(3, 2)), has_density=False).log_w


def test_protocols_are_recognised_by_their_methods():
    class Sampler:
        def sample(self, n, context=None, *, generator=None): ...

    assert isinstance(Sampler(), Samples)
    assert not isinstance(Sampler(), Encodes | Scores)
