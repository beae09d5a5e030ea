"""Import time beyond torch's, and peak memory of fitting 60,000 uint8 images.

    python benchmarks/startup.py

Each figure is the median of 7 fresh processes.
"""

import statistics
import subprocess
import sys

IMPORT = """
import time, torch
started = time.perf_counter()
{statement}
print(time.perf_counter() - started)
"""

MEMORY = """
import resource
from vaekit.datasets import fashion_mnist
from vaekit import Autoencoder
images = fashion_mnist("train").images
model = Autoencoder("vae", latent_dim=16, max_epochs=1, progress=False).fit(images)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def run(program, times):
    figures = [
        float(subprocess.check_output([sys.executable, "-c", program]).split()[-1])
        for _ in range(times)
    ]
    return f"{statistics.median(figures):.3f} ({min(figures):.3f} - {max(figures):.3f})"


if __name__ == "__main__":
    for statement in ("import vaekit", "from vaekit import Autoencoder"):
        print(f"{statement}: {run(IMPORT.format(statement=statement), 7)} s beyond import torch")
    print(f"Autoencoder('vae').fit(60,000 uint8 images): peak {run(MEMORY, 3)} MB")
