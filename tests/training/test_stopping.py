"""Ctrl-C and SIGTERM keep a checkpoint; nobody discards one unasked; one training at a time."""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import torch

from vaekit import presets
from vaekit.errors import SaveError, TrainingError
from vaekit.files import hold
from vaekit.likelihoods import Gaussian
from vaekit.networks import make_networks
from vaekit.training import CHECKPOINT_NAME, Items, TrainConfig, discard_checkpoint, train
from vaekit.training.trainer import finishing_steps

CONFIG = TrainConfig(max_epochs=3, batch_size=16, progress=False, checkpoint_seconds=1000.0)


def make(latent_dim=2):
    torch.manual_seed(0)
    encoder, decoder, width = make_networks("mlp", "small", (4,), latent_dim, 1)
    return presets.vae().build(presets.Parts(encoder, decoder, Gaussian(), width, latent_dim))


def fit(folder=None, latent_dim=2, config=CONFIG, items=None, callbacks=(), resume=False):
    """Train a new model; return it and what came of it."""
    model, objective = make(latent_dim)
    items = data() if items is None else items
    return model, train(
        model, objective, items, config, folder=folder, callbacks=callbacks, resume=resume
    )


def data():
    return Items(torch.randn(70, 4, generator=torch.Generator().manual_seed(0)))


def after(steps, number):
    """A callback that sends a signal to this process at a step."""

    def listen(event):
        if event.kind == "step" and event.step == steps:
            signal.raise_signal(number)

    return listen


def weights(model):
    return {name: value.clone() for name, value in model.state_dict().items()}


@pytest.fixture(autouse=True)
def usual_handler():
    """What Python starts with; processes that run tests side by side may ignore Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def sigterm_raises():
    def handler(number, frame):
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, handler)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.mark.parametrize("step", [1, 4, 6])
def test_ctrl_c_keeps_a_checkpoint_and_a_resumed_training_ends_the_same(tmp_path, step):
    straight, _ = fit()
    with pytest.raises(KeyboardInterrupt, match=rf"step {step} is kept.*resume=True"):
        fit(tmp_path, callbacks=[after(step, signal.SIGINT)])
    model, result = fit(tmp_path, resume=True)
    assert len(result.history) == 3
    expected = weights(straight)
    assert all(torch.equal(value, expected[name]) for name, value in weights(model).items())


def test_a_stop_without_a_folder_says_that_nothing_is_kept():
    with pytest.raises(KeyboardInterrupt, match="No checkpoint was kept"):
        fit(callbacks=[after(2, signal.SIGINT)])


def test_sigterm_reaches_the_handler_that_was_there(tmp_path, sigterm_raises):
    with pytest.raises(SystemExit):
        fit(tmp_path, callbacks=[after(2, signal.SIGTERM)])
    assert (tmp_path / CHECKPOINT_NAME).exists()


def test_the_handlers_are_put_back(tmp_path):
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    fit(tmp_path)
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_the_second_signal_does_not_wait():
    with finishing_steps(alone=True) as request:
        signal.raise_signal(signal.SIGINT)
        assert request.is_made
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        request.number = None


def test_a_thread_trains_without_handlers(tmp_path):
    with ThreadPoolExecutor(1) as pool:
        _, result = pool.submit(fit, tmp_path).result()
    assert len(result.history) == 3


def test_a_checkpoint_is_not_discarded_unasked(tmp_path):
    fit(tmp_path)
    content = (tmp_path / CHECKPOINT_NAME).read_bytes()
    with pytest.raises(TrainingError, match=r"--resume.*--restart"):
        fit(tmp_path)
    assert (tmp_path / CHECKPOINT_NAME).read_bytes() == content
    discard_checkpoint(tmp_path)
    fit(tmp_path)


@pytest.mark.parametrize(
    ("latent_dim", "options", "message"),
    [
        (3, {}, r"model must be the same.*latent_dim was 2 and is 3"),
        (2, {"batch_size": 8}, r"options must be the same; batch_size was 16 and is 8\."),
        (2, {"seed": 4}, r"options must be the same; seed was 0 and is 4\."),
    ],
)
def test_what_differs_is_named_and_little_else(tmp_path, latent_dim, options, message):
    fit(tmp_path)
    config = replace(CONFIG, **options)
    with pytest.raises(TrainingError, match=message) as caught:
        fit(tmp_path, latent_dim, config, resume=True)
    assert len(str(caught.value)) < 600


def test_other_items_are_named_as_such(tmp_path):
    fit(tmp_path)
    with pytest.raises(TrainingError, match="data must be the same; the items are others"):
        fit(tmp_path, items=Items(torch.zeros(70, 4)), resume=True)


def test_one_training_at_a_time(tmp_path):
    run = tmp_path / "run"
    with ThreadPoolExecutor(1) as pool, hold(run):
        other = pool.submit(fit, run)
        with pytest.raises(SaveError, match=rf"one training at a time.*process {os.getpid()}"):
            other.result()
    fit(run)
    assert sorted(item.name for item in tmp_path.iterdir()) == ["run"]


def test_who_holds_a_folder_may_hold_it_again(tmp_path):
    with hold(tmp_path / "run"), hold(tmp_path / "run"):
        assert (tmp_path / ".run.lock").exists()
    assert not (tmp_path / ".run.lock").exists()


HOLD = """
import pathlib, sys, time
from vaekit.files import hold
with hold(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_lock_dies_with_its_holder(tmp_path):
    run = tmp_path / "run"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(run)], stdout=subprocess.PIPE
    ) as process:
        process.stdout.readline()
        with pytest.raises(SaveError, match=f"process {process.pid}"), hold(run):
            pass
        process.kill()
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            with hold(run):
                break
        except SaveError:
            time.sleep(0.05)
    else:
        pytest.fail("the lock outlived its holder")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="the system does not fork")
def test_a_forked_process_does_not_hold_what_its_parent_holds(tmp_path):
    run = tmp_path / "run"
    with hold(run):
        child = os.fork()
        if child == 0:  # pragma: no cover - measured in the parent only
            try:
                with hold(run):
                    os._exit(1)
            except SaveError:
                os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        assert (tmp_path / ".run.lock").exists()
