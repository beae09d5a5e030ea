"""Weights that are spread over processes: the training is the one of whole weights."""

import copy
import os
import signal
import time

import pytest
import torch
from torch import nn

from tests.training.test_nodes import TORCHRUN, ended, read, start_script
from vaekit.errors import SpecError
from vaekit.training.config import TrainConfig
from vaekit.training.launching import clip_gradients, is_part, local, parts_like, shard, whole

SCRIPT = """
import json, os, sys
import numpy as np
import torch
torch.set_num_threads(1)
import vaekit.training.state
from vaekit import Autoencoder, Callback

folder, name, strategy, preset = sys.argv[1:5]
spread, shard = [], vaekit.training.state.shard
def watched(model, device):
    spread.extend(shard(model, device, smallest=256))
vaekit.training.state.shard = watched
x = np.random.default_rng(0).normal(size=(500, 6)).astype("float32")
drawn = []
class Drawing(Callback):
    sample_seconds = 0.0
    def on_samples(self, samples):
        drawn.append(samples.step)
model = Autoencoder(preset, latent_dim=2, max_epochs=int(sys.argv[5]),
                    batch_size=64, ema=0.9, gradient_clip=1.0, progress=False,
                    checkpoint_dir=f"{folder}/{name}", checkpoint_seconds=0.0,
                    strategy=strategy, callbacks=[Drawing()])
rank = os.environ.get("RANK", "0")
with open(f"{folder}/{name}-{rank}.pid", "w") as file:
    file.write(str(os.getpid()))
model.fit(x)
weights = [p.double().sum().item() for p in model.model_.parameters()]
with open(f"{folder}/{name}-{rank}.json", "w") as file:
    json.dump({"loss": [row["loss"] for row in model.history_], "weights": weights,
               "drawn": drawn, "spread": spread,
               "validation": [row["validation_loss"] for row in model.history_]}, file)
model.save(f"{folder}/{name}-done")
"""

PROCESSES = (*TORCHRUN, "--nproc-per-node=2", "--standalone", "--local-addr=127.0.0.1",
             "--max-restarts=1")  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)
    return tmp_path


def start(folder, name, strategy, *launcher, preset="vae", epochs=3):
    return start_script(folder, name, strategy, preset, epochs, launcher=launcher)


@pytest.mark.slow
def test_spread_weights_train_like_whole_ones(folder):
    """Averaged weights, clipped gradients, checkpoints and pictures for listeners among it."""
    ended(folder, "one", start(folder, "one", "auto"))
    ended(folder, "two", start(folder, "two", "fsdp", *PROCESSES))
    one, first, second = (read(folder, name) for name in ("one-0", "two-0", "two-1"))
    assert first["weights"] == second["weights"]
    assert len(first["spread"]) >= 4  # of the model and of its averaged weights
    assert not one["spread"]
    for figure in ("loss", "validation"):
        assert first[figure] == pytest.approx(one[figure], rel=1e-6)
    assert first["weights"] == pytest.approx(one["weights"], abs=1e-5)
    assert first["drawn"] == one["drawn"] != []
    assert (folder / "two-done" / "model.safetensors").exists()


@pytest.mark.slow
def test_gradients_of_gradients_are_refused(folder):
    process = start(folder, "two", "fsdp", *PROCESSES[:-1], preset="rae_gp")
    assert process.wait(timeout=300) != 0
    assert (
        "TrainingError: strategy='fsdp' must train with layers" in (folder / "two.log").read_text()
    )


@pytest.mark.slow
def test_a_lost_process_of_spread_weights_ends_the_same(folder):
    ended(folder, "whole", start(folder, "whole", "fsdp", *PROCESSES, epochs=8))
    killed = start(folder, "killed", "fsdp", *PROCESSES, epochs=8)
    while not (folder / "killed" / "checkpoint.safetensors").exists() and killed.poll() is None:
        time.sleep(0.02)
    time.sleep(0.3)
    os.kill(int((folder / "killed-1.pid").read_text()), signal.SIGKILL)
    ended(folder, "killed", killed)
    assert "exitcode: -9" in (folder / "killed.log").read_text()
    done = [folder / f"{run}-done" / "model.safetensors" for run in ("whole", "killed")]
    assert done[0].read_bytes() == done[1].read_bytes()


@pytest.fixture
def group(tmp_path):
    """A group of this process alone."""
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{tmp_path}/group", rank=0, world_size=1
    )
    yield
    torch.distributed.destroy_process_group()


class Net(nn.Module):
    """Layers of all sorts, some of which others read."""

    def __init__(self):
        super().__init__()
        self.large = nn.Linear(20, 30)
        self.tied, self.other = nn.Linear(30, 30), nn.Linear(30, 30)
        self.other.weight = self.tied.weight
        self.attention = nn.MultiheadAttention(30, 2, batch_first=True)
        self.recurrent = nn.GRU(30, 30, batch_first=True)
        self.small = nn.Linear(30, 2)
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, x):
        h = self.other(self.tied(self.large(x)))[:, None]
        return self.scale * self.small(self.recurrent(self.attention(h, h, h)[0])[0][:, 0])


def test_only_layers_that_nobody_else_reads_are_spread(group):
    net = Net()
    same = copy.deepcopy(net)
    assert shard(net, torch.device("cpu"), smallest=100) == ["large"]
    x = torch.randn(5, 20)
    torch.testing.assert_close(net(x), same(x))
    net(x).square().sum().backward()
    same(x).square().sum().backward()
    assert is_part(net.large.weight.grad)
    torch.testing.assert_close(local(net.large.weight.grad), same.large.weight.grad)


@pytest.mark.parametrize("most", [0.01, 1e6])
def test_gradients_are_clipped_as_pytorch_clips_them(group, most):
    net = Net()
    same = copy.deepcopy(net)
    shard(net, torch.device("cpu"), smallest=100)
    x = torch.randn(5, 20)
    for model in (net, same):
        model(x).square().sum().backward()
    clip_gradients(net.parameters(), most)
    nn.utils.clip_grad_norm_(same.parameters(), most)
    for ours, theirs in zip(net.parameters(), same.parameters(), strict=True):
        torch.testing.assert_close(local(ours.grad), theirs.grad)


def test_gathered_weights_come_back(group):
    net = Net()
    weights = copy.deepcopy(net.state_dict())
    shard(net, torch.device("cpu"), smallest=100)
    gathered = whole(net.state_dict())
    assert not any(is_part(tensor) for tensor in gathered.values())
    for name, tensor in weights.items():
        assert torch.equal(gathered[name], tensor)
    parts = parts_like(gathered, net.state_dict())
    assert {name for name, part in parts.items() if is_part(part)} == {"large.weight", "large.bias"}


def test_strategies_are_checked():
    with pytest.raises(SpecError, match="strategy must be 'auto', 'ddp' or 'fsdp'; got 'zero'"):
        TrainConfig(strategy="zero")
    with pytest.raises(SpecError, match="precision must be 'fp32' or 'bf16' with strategy='fsdp'"):
        TrainConfig(strategy="fsdp", precision="fp16")
