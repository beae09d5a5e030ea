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
