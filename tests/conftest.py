"""Before the first import of vaekit: every annotated shape is checked while testing."""

import hypothesis
import pytest
import shape_checks
import torch

shape_checks.install("vaekit")
torch.set_num_threads(1)
hypothesis.settings.register_profile(
    "vaekit", deadline=None, max_examples=60, derandomize=True, database=None
)
hypothesis.settings.load_profile("vaekit")


@pytest.fixture(autouse=True)
def _fixed_global_stream():
    """The same global random stream for every test, in any order."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


@pytest.fixture(autouse=True)
def _one_thread():
    """Commands that a test runs in this process set threads, which would slow down all others."""
    yield
    torch.set_num_threads(1)


@pytest.fixture
def short_fits(monkeypatch):
    """Two passes a training and three seconds at most, for tests of whether code runs."""
    from vaekit.training import TrainConfig

    epochs, seconds = TrainConfig.epochs, TrainConfig.most_seconds.fget
    monkeypatch.setattr(TrainConfig, "epochs", lambda self, items: min(2, epochs(self, items)))
    limited = property(lambda self: min(seconds(self), 3) if seconds(self) is not None else None)
    monkeypatch.setattr(TrainConfig, "most_seconds", limited)
