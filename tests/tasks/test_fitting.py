"""How a given time is shared, and what it is spent on."""

import time
from dataclasses import replace

import pytest
import torch

from vaekit import Autoencoder
from vaekit.datasets import digits
from vaekit.fitting import Plan, fit_model
from vaekit.fitting.prior import training_share
from vaekit.presets import get_preset
from vaekit.priors import FlowMatching, GaussianMixture
from vaekit.training import TrainConfig

WITH_FLOW = replace(get_preset("vae"), prior="latent_flow")


@pytest.mark.parametrize(
    ("name", "items", "share"),
    [
        ("latent_flow", 10_000, 0.75),
        ("latent_flow", 9_999, 1.0),
        ("grid_flow", 100, 0.35),
        ("grid_transformer", 100, 0.35),
        ("auto", 60_000, 1.0),
    ],
)
def test_only_a_flow_is_left_some_time(name, items, share):
    assert training_share(name, items) == share


def test_codes_are_left_some_time_and_keep_to_it():
    assert training_share("auto", 60_000, codes=True) == training_share("codes", 60_000) == 0.6
    images = digits().images[:150]
    started = time.process_time()
    model = Autoencoder("fsq_vae", steps=4, max_minutes=0.02, progress=False).fit(images)
    assert time.process_time() - started < 8  # 18 s without a limit, where 0.5 s are asked for
    assert model.sample(2, seed=0).shape == (2, 8, 8)


def test_training_and_flow_end_within_the_time(monkeypatch):
    # On a busy machine there may be too few steps for a flow; this is about the time.
    monkeypatch.setattr("vaekit.fitting.prior._MANY_STEPS", 1)
    limit = 3.0
    x = torch.randn(12_000, 4, generator=torch.Generator().manual_seed(0)).numpy()
    fit_model(Plan("vae", 2), x[:100], None, TrainConfig(max_epochs=1, progress=False))  # imports
    config = TrainConfig(max_epochs=10_000, max_minutes=limit / 60, progress=False)
    fitted = fit_model(Plan(WITH_FLOW, 2), x, None, config)
    assert type(fitted.trained.model.fitted_prior) is FlowMatching
    assert 0.7 * limit <= fitted.result.seconds < fitted.seconds <= limit + 1


def test_without_a_limit_all_steps_are_taken():
    x = torch.randn(200, 4, generator=torch.Generator().manual_seed(0)).numpy()
    fitted = fit_model(Plan("vae", 2), x, None, TrainConfig(max_epochs=1, progress=False))
    assert type(fitted.trained.model.fitted_prior) is GaussianMixture
    assert fitted.seconds > fitted.result.seconds
