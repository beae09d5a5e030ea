"""A training killed by the operating system at random moments ends as if it had not been."""

import os
import random
import signal
import subprocess
import sys
import time

import pytest

pytestmark = pytest.mark.slow

TRAIN = """
import sys, torch
torch.set_num_threads(1)
from vaekit import Autoencoder
from vaekit.datasets import digits
model = Autoencoder(
    "vae",
    latent_dim=4, max_epochs=30, batch_size=64, ema=0.99, progress=False,
    checkpoint_dir=sys.argv[1], checkpoint_seconds=0.05, resume=True,
)
print("training", flush=True)
model.fit(digits().images)
model.save(sys.argv[1])
"""
STABLE = ("model.json", "model.safetensors", "domain.json", "history.csv")


def start(folder):
    process = subprocess.Popen(
        [sys.executable, "-c", TRAIN, str(folder)],
        stdout=subprocess.PIPE,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    process.stdout.readline()  # imports are done, training begins
    return process


def finish(process):
    process.stdout.close()
    assert process.wait() == 0


def resumed_after_kills(folder, kills, rng, seconds):
    """Run to the end, killed so many times at moments spread over the run; returns the kills."""
    hit = 0
    while hit < kills:
        process = start(folder)
        try:
            process.wait(timeout=rng.uniform(0, 2 * seconds / kills))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            hit += 1
            process.stdout.close()
            continue
        process.stdout.close()
        break  # it came to its end before all kills
    finish(start(folder))
    return hit


@pytest.mark.slow
@pytest.mark.parametrize("kills", [int(os.environ.get("VAEKIT_KILLS", "3"))])
def test_sigkill_at_random_moments_changes_no_byte(tmp_path, kills):
    process, began = start(tmp_path / "straight"), time.monotonic()  # imports take longer than it
    finish(process)
    seconds = time.monotonic() - began
    done, attempt = 0, 0
    while done < kills:
        folder = tmp_path / f"killed{attempt}"
        done += resumed_after_kills(folder, kills - done, random.Random(attempt), seconds)
        for name in STABLE:
            expected = (tmp_path / "straight" / name).read_bytes()
            assert (folder / name).read_bytes() == expected, name
        attempt += 1
