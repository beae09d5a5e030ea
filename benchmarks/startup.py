"""Import time beyond torch's, and peak memory of fitting 60,000 uint8 images.

    python benchmarks/startup.py

Each figure is the median of 7 fresh processes.
"""

import argparse
import statistics
import subprocess
import sys

from results import add_option, keep, recording

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
    return [
        float(subprocess.check_output([sys.executable, "-c", program]).split()[-1])
        for _ in range(times)
    ]


def shown(figures):
    return f"{statistics.median(figures):.3f} ({min(figures):.3f} - {max(figures):.3f})"


def main():
    """Print the figures."""
    for statement in ("import vaekit", "from vaekit import Autoencoder"):
        found = run(IMPORT.format(statement=statement), 7)
        print(f"{statement}: {shown(found)} s beyond import torch")
        name = "seconds beyond `import torch`"
        median = statistics.median(found)
        keep(f"`{statement}`", {name: median}, spreads={name: found}, seeds=len(found))
    found = run(MEMORY, 3)
    print(f"Autoencoder('vae').fit(60,000 uint8 images): peak {shown(found)} MB")
    subject, name = "`Autoencoder().fit`, 60,000 uint8 images, one epoch", "peak of the process, MB"
    keep(subject, {name: statistics.median(found)}, spreads={name: found}, seeds=len(found))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    add_option(parser)
    with recording("startup", parser.parse_args().results):
        main()
