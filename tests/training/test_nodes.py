"""Processes of several machines, simulated on one: a training is the same however it is shared."""

import json
import os
import signal
import socket
import subprocess
import sys
import time

import numpy as np
import pytest
import torch

from vaekit.errors import SpecError
from vaekit.randomness import BatchPart, drawing_for, seeded
from vaekit.training.config import TrainConfig
from vaekit.training.launching import SingleProcess, make_fabric

SCRIPT = """
import json, os, sys
import numpy as np
import torch
torch.set_num_threads(1)
from vaekit import Autoencoder, stream

folder, name, kind = sys.argv[1:4]
source = np.load(f"{folder}/x.npy") if kind == "memory" else stream(f"{folder}/x.npy")
model = Autoencoder("vae", latent_dim=2, max_epochs=int(sys.argv[4]), batch_size=64,
                    progress=False, checkpoint_dir=f"{folder}/{name}", checkpoint_seconds=0.0)
rank = os.environ.get("RANK", "0")
with open(f"{folder}/{name}-{rank}.pid", "w") as file:
    file.write(str(os.getpid()))
model.fit(source)
weights = [p.double().sum().item() for p in model.model_.parameters()]
with open(f"{folder}/{name}-{rank}.json", "w") as file:
    json.dump({"loss": [row["loss"] for row in model.history_], "weights": weights,
               "validation": [row["validation_loss"] for row in model.history_]}, file)
model.save(f"{folder}/{name}-done")
"""


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(700, 3)) @ rng.normal(size=(3, 6))
    np.save(tmp_path / "x.npy", rows.astype("float32"))
    (tmp_path / "script.py").write_text(SCRIPT)
    return tmp_path


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def start(folder, name, kind, *launcher, epochs=4):
    return start_script(folder, name, kind, epochs, launcher=launcher)


def start_script(folder, name, *words, launcher=()):
    """Begin the folder's script, alone or by a launcher, into a log of that name."""
    said = [str(word) for word in (folder / "script.py", folder, name, *words)]
    with (folder / f"{name}.log").open("a") as log:
        return subprocess.Popen(
            [sys.executable, *launcher, *said],
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            stdout=log,
            stderr=log,
        )


def ended(folder, name, *processes):
    for process in processes:
        assert process.wait(timeout=300) == 0, (folder / f"{name}.log").read_text()[-3000:]


def read(folder, name):
    return json.loads((folder / f"{name}.json").read_text())


TORCHRUN = ("-m", "torch.distributed.run")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["memory", "stream"])
def test_two_machines_train_like_one_process(folder, kind):
    """Noise and all: each process draws for its part of a batch what one draws for the whole."""
    ended(folder, "one", start(folder, "one", kind))
    port = free_port()
    nodes = [
        start(folder, "two", kind, *TORCHRUN, "--nnodes=2", f"--node-rank={rank}",
              "--nproc-per-node=1", "--master-addr=127.0.0.1", f"--master-port={port}")
        for rank in (0, 1)
    ]  # fmt: skip
    ended(folder, "two", *nodes)
    one, first, second = (read(folder, name) for name in ("one-0", "two-0", "two-1"))
    assert first == second
    for figure in ("loss", "validation"):
        assert first[figure] == pytest.approx(one[figure], rel=1e-6)
    assert first["weights"] == pytest.approx(one["weights"], abs=1e-5)
    assert (folder / "two-done" / "model.safetensors").exists()


@pytest.mark.slow
def test_a_lost_process_is_begun_anew_and_ends_the_same(folder):
    launcher = (*TORCHRUN, "--nproc-per-node=2", "--standalone", "--local-addr=127.0.0.1",
                "--max-restarts=1")  # fmt: skip
    ended(folder, "whole", start(folder, "whole", "memory", *launcher, epochs=12))
    killed = start(folder, "killed", "memory", *launcher, epochs=12)
    checkpoint = folder / "killed" / "checkpoint.safetensors"
    while not checkpoint.exists() and killed.poll() is None:
        time.sleep(0.02)
    time.sleep(0.3)
    os.kill(int((folder / "killed-1.pid").read_text()), signal.SIGKILL)
    ended(folder, "killed", killed)
    assert "exitcode: -9" in (folder / "killed.log").read_text()
    assert read(folder, "killed-0") == read(folder, "whole-0")
    weights = [
        (folder / f"{run}-done" / "model.safetensors").read_bytes() for run in ("whole", "killed")
    ]
    assert weights[0] == weights[1]


def drawings():
    """Return ways to draw for items, by name: from how many to values in the first two axes."""
    loc = torch.linspace(-1, 1, 7)
    return {
        "randn": lambda n: torch.randn(n, 3),
        "randn of a size": lambda n: torch.randn((n, 3)),
        "rand by name": lambda n: torch.rand(size=(2, n, 3)),
        "randint": lambda n: torch.randint(0, 9, (n, 3)),
        "randn_like": lambda n: torch.randn_like(torch.zeros(n, 3)),
        "normal_": lambda n: torch.empty(2, n, 3).normal_(),
        "uniform_": lambda n: torch.empty(n).uniform_(),
        "dropout": lambda n: torch.nn.functional.dropout(torch.ones(n, 4), 0.5),
        "normal": lambda n: torch.normal(torch.zeros(n, 7), torch.ones(n, 7)) + loc,
        "bernoulli": lambda n: torch.bernoulli(torch.full((n, 30), 0.3)),
        "distribution": lambda n: torch.distributions.Normal(torch.zeros(n, 2), 1.0).rsample(),
    }


@pytest.mark.parametrize("name", drawings())
@pytest.mark.parametrize("rank", [0, 1, 2])
def test_parts_of_a_batch_draw_what_the_batch_draws(name, rank):
    draw, whole, world = drawings()[name], 11, 3
    own = len(range(rank, whole, world))
    with seeded(5):
        all_of_it, then = draw(whole), torch.rand(3)
    with seeded(5):
        with drawing_for(BatchPart(own, whole, rank, world)):
            part = draw(own)
        afterwards = torch.rand(3)
    axis = next(a for a in (0, 1) if all_of_it.shape[a] == whole)
    index = torch.arange(rank, whole, world)
    torch.testing.assert_close(part, all_of_it.index_select(axis, index), rtol=0, atol=0)
    assert torch.equal(then, afterwards)


def test_numbers_of_machines_are_checked():
    with pytest.raises(SpecError, match="num_nodes must be a whole number from 1 to 4096"):
        TrainConfig(num_nodes=0)


def test_devices_are_those_that_fabric_knows():
    with pytest.raises(SpecError, match="device must be one of auto, cpu, cuda, gpu, mps, or one"):
        TrainConfig(device="npu")
    with pytest.raises(SpecError, match="must name hardware of this machine"):
        make_fabric(TrainConfig(device="tpu"))


def test_launcher_and_options_must_agree(monkeypatch):
    told = {"TORCHELASTIC_RUN_ID": "none", "LOCAL_WORLD_SIZE": "2", "WORLD_SIZE": "4"}
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SpecError, match="those of the launcher, 2 and 2; got 3 and 1"):
        make_fabric(TrainConfig(devices=3, device="cpu"))


def test_one_process_on_the_cpu_needs_no_fabric(monkeypatch):
    assert isinstance(make_fabric(TrainConfig(device="cpu")), SingleProcess)
    alone = make_fabric(TrainConfig(device="cpu", precision="bf16"))
    assert isinstance(alone, SingleProcess)
    with alone.autocast():
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.bfloat16
    assert alone.broadcast("all") == alone.all_reduce("all", reduce_op="sum") == "all"
    with pytest.warns(UserWarning, match="fp16 is not supported on CPU"):  # who scales losses says
        assert not isinstance(make_fabric(TrainConfig(precision="fp16")), SingleProcess)
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: True)
    assert not isinstance(make_fabric(TrainConfig(device="auto")), SingleProcess)
