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
from vaekit.distributions import DiagonalNormal
from vaekit.latents import Single
from vaekit.models import VAE
from vaekit.objectives import VAEGAN
from vaekit.posteriors import Posterior
from vaekit.priors import Prior
from vaekit.training import Items, StopTraining, TrainConfig, train

class Quiet(DiagonalNormal):
    def rsample(self, sample_shape=torch.Size()):
        return self.loc.expand(self._extended_shape(sample_shape))
    sample = rsample

class QuietPosterior(Posterior):
    provides = frozenset({"density"})
    def __init__(self, features_dim, latent_dim):
        super().__init__(features_dim, latent_dim)
        self.head = torch.nn.Linear(features_dim, 2 * latent_dim)
    def forward(self, h, log_joint):
        return Quiet(*self.head(h).chunk(2, -1))

class QuietPrior(Prior):
    def forward(self, context, aggregate):
        return Quiet(torch.zeros(2), torch.zeros(2))

def three_groups():
    latent = Single(QuietPosterior(width, 2), QuietPrior(2))
    model = VAE(encoder, latent, decoder, likelihoods.Gaussian())
    body = networks.MLPEncoder((6,), (8,))
    return model, VAEGAN(networks.FeatureCritic(body, 8))

torch.manual_seed(0)
encoder, decoder, width = networks.make_networks("mlp", "small", (6,), 2, 1)
parts = presets.Parts(encoder, decoder, likelihoods.Gaussian(), width, 2)
devices, kind = int(sys.argv[1]), sys.argv[3]
model, objective = three_groups() if kind == "three" else presets.autoencoder().build(parts)
x = torch.randn(90, 6, generator=torch.Generator().manual_seed(0))
def listen(event):
    if kind == "stopped" and event.kind == "epoch":
        raise StopTraining
    if kind == "failing" and event.kind == "step":
        raise KeyError("oh")
config = TrainConfig(
    max_epochs=3, batch_size=16, progress=False, device="cpu", devices=devices,
    strategy="ddp" if devices > 1 else "auto", validation=0.0,
)
try:
    result = train(model, objective, Items(x), config, callbacks=[listen])
except Exception as error:
    with open(f"{sys.argv[2]}/error-{os.environ.get('LOCAL_RANK', 0)}.txt", "w") as file:
        file.write(repr(error))
    raise
rank = int(os.environ.get("LOCAL_RANK", 0))
sums = [
    sum(p.double().sum().item() for p in group)
    for group in objective.groups(model).values()
]
with open(f"{sys.argv[2]}/{devices}-{rank}.json", "w") as file:
    json.dump({"sums": sums, "loss": [row["loss"] for row in result.history]}, file)
"""


def run(folder, devices, kind):
    launcher = [sys.executable]
    if devices > 1:
        launcher += ["-m", "torch.distributed.run", f"--nproc_per_node={devices}"]
        # Ports of its own choice: a fixed one may be taken by whatever else runs on the machine.
        launcher += ["--standalone", "--local-addr=127.0.0.1"]
    script = folder / "script.py"
    script.write_text(SCRIPT)
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*launcher, str(script), str(devices), str(folder), kind],
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
        env=environment,
    )
    if kind != "failing":
        assert done.returncode == 0, done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["one", "three"])
def test_two_processes_train_like_one(tmp_path, kind):
    """Without noise in the model, a group must take the very steps of one process.

    ``three`` trains encoder, decoder and critic of a VAE-GAN, each with an optimiser of its own.
    """
    run(tmp_path, 1, kind)
    run(tmp_path, 2, kind)
    one, first, second = (
        json.loads((tmp_path / f"{name}.json").read_text()) for name in ("1-0", "2-0", "2-1")
    )
    assert len(one["sums"]) == {"one": 1, "three": 3}[kind]
    assert first["sums"] == second["sums"]
    assert first["sums"] == pytest.approx(one["sums"], abs=1e-4)
    losses = [(a + b) / 2 for a, b in zip(first["loss"], second["loss"], strict=True)]
    assert losses == pytest.approx(one["loss"], rel=0.02)


@pytest.mark.slow
def test_all_processes_stop_when_a_listener_of_the_first_asks_for_it(tmp_path):
    run(tmp_path, 2, "stopped")
    results = [json.loads((tmp_path / f"2-{rank}.json").read_text()) for rank in (0, 1)]
    assert [len(result["loss"]) for result in results] == [1, 1]


@pytest.mark.slow
def test_no_process_waits_for_a_first_one_whose_listener_failed(tmp_path):
    run(tmp_path, 2, "failing")
    first = (tmp_path / "error-0.txt").read_text()
    assert first == "KeyError('oh')"
    second = tmp_path / "error-1.txt"  # the launcher may end it before it has said so
    assert not second.exists() or "the first process must not fail" in second.read_text()
