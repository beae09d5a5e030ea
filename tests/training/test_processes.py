"""Several processes: a real group over the loopback interface."""

import json
import os
import subprocess
import sys

import pytest

SCRIPT = """
import json, os, sys, torch
torch.set_num_threads(1)
from vaekit import likelihoods, networks, presets
from vaekit.training import Items, TrainConfig, train

torch.manual_seed(0)
encoder, decoder, width = networks.make_networks("mlp", "small", (6,), 2, 1)
parts = presets.Parts(encoder, decoder, likelihoods.Gaussian(), width, 2)
model, objective = presets.autoencoder().build(parts)
x = torch.randn(90, 6, generator=torch.Generator().manual_seed(0))
devices = int(sys.argv[1])
config = TrainConfig(
    max_epochs=3, batch_size=16, progress=False, device="cpu", devices=devices,
    strategy="ddp" if devices > 1 else "auto", validation=0.0,
)
result = train(model, objective, Items(x), config)
rank = int(os.environ.get("LOCAL_RANK", 0))
total = sum(p.double().sum().item() for p in model.parameters())
with open(f"{sys.argv[2]}/{devices}-{rank}.json", "w") as file:
    json.dump({"sum": total, "loss": [row["loss"] for row in result.history]}, file)
"""


def run(folder, devices):
    launcher = [sys.executable]
    if devices > 1:
        launcher += ["-m", "torch.distributed.run", f"--nproc_per_node={devices}"]
        launcher += ["--master_addr=127.0.0.1", "--master_port=29517"]
    script = folder / "script.py"
    script.write_text(SCRIPT)
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    subprocess.run(
        [*launcher, str(script), str(devices), str(folder)],
        check=True,
        capture_output=True,
        timeout=300,
        env=environment,
    )


@pytest.mark.slow
def test_two_processes_train_like_one(tmp_path):
    """Without noise in the model, a group must take the very steps of one process."""
    run(tmp_path, 1)
    run(tmp_path, 2)
    one, first, second = (
        json.loads((tmp_path / f"{name}.json").read_text()) for name in ("1-0", "2-0", "2-1")
    )
    assert first["sum"] == second["sum"]
    assert first["sum"] == pytest.approx(one["sum"], abs=1e-4)
    losses = [(a + b) / 2 for a, b in zip(first["loss"], second["loss"], strict=True)]
    assert losses == pytest.approx(one["loss"], rel=0.02)
