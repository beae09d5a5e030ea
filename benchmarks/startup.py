"""Import time beyond torch's, peak memory of fitting 60,000 uint8 images, and what commands cost.

    python benchmarks/startup.py [--parts import,memory,commands,crowded]

Each figure is the median of 7 fresh processes (memory: 3; commands: 5). Commands run on 60 rows and
for one epoch, so that next to all that they take is their start; it is printed as processor seconds
of the whole process, and as a multiple of those of `import torch`, measured in turn.
Crowded: a detector is trained on 60 rows while as many processes as there are cores work as well,
with threads that spin for as long as OpenMP's do by default, and as vaekit sets it, in turn.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

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


def processor_seconds(arguments, environment=None):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(arguments, env=environment, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def commands(folder):
    """Return commands by name, in the order in which they need what the others leave."""
    table, run = str(folder / "rows.csv"), str(folder / "run")
    rows = (f"{i % 7 / 3:.3f},{'xyz'[i % 3]},{i * i % 11}" for i in range(60))
    (folder / "rows.csv").write_text("\n".join(["a,b,c", *rows]))
    vaekit = [sys.executable, "-W", "ignore", "-m", "vaekit"]
    fit = [*vaekit, "fit", table, run, "--max-epochs", "1"]
    return {
        "import torch": [sys.executable, "-c", "import torch"],
        "vaekit fit": fit,
        "vaekit sample": [*vaekit, "sample", run, "--out", str(folder / "new.csv")],
        "vaekit encode": [
            *vaekit,
            "encode",
            run,
            table,
            "--out",
            str(folder / "z.csv"),
        ],
        "vaekit anomalies": [
            *vaekit,
            "anomalies",
            table,
            "--out",
            str(folder / "s.csv"),
        ],
    }


def shown(figures):
    return f"{statistics.median(figures):.3f} ({min(figures):.3f} - {max(figures):.3f})"


def imports():
    for statement in ("import vaekit", "from vaekit import Autoencoder"):
        found = run(IMPORT.format(statement=statement), 7)
        print(f"{statement}: {shown(found)} s beyond import torch")
        name = "seconds beyond `import torch`"
        median = statistics.median(found)
        keep(f"`{statement}`", {name: median}, spreads={name: found}, seeds=len(found))


def memory():
    found = run(MEMORY, 3)
    print(f"Autoencoder('vae').fit(60,000 uint8 images): peak {shown(found)} MB")
    subject, name = "`Autoencoder().fit`, 60,000 uint8 images, one epoch", "peak of the process, MB"
    keep(subject, {name: statistics.median(found)}, spreads={name: found}, seeds=len(found))


def starts():
    found = {}
    for _ in range(5):
        with tempfile.TemporaryDirectory() as folder:
            for name, arguments in commands(Path(folder)).items():
                found.setdefault(name, []).append(processor_seconds(arguments))
    least = statistics.median(found["import torch"])
    for name, seconds in found.items():
        times = [each / least for each in seconds]
        print(f"{name}: {shown(seconds)} CPU s, {statistics.median(times):.2f} times import torch")
        figures = {
            "processor seconds, 60 rows": statistics.median(seconds),
            "times those of `import torch`": statistics.median(times),
        }
        spreads = {"processor seconds, 60 rows": seconds, "times those of `import torch`": times}
        keep(f"`{name}`", figures, spreads=spreads, seeds=len(seconds))


def crowded():
    ways = {"as OpenMP sets it": "300000", "as vaekit sets it": None}
    found = {name: [] for name in ways}
    others = [
        subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(os.cpu_count())
    ]
    try:
        for _ in range(3):
            for name, spins in ways.items():
                with tempfile.TemporaryDirectory() as folder:
                    command = commands(Path(folder))["vaekit anomalies"]
                    environment = os.environ | ({} if spins is None else {"GOMP_SPINCOUNT": spins})
                    started = time.perf_counter()
                    cost = processor_seconds(command, environment)
                    found[name].append((time.perf_counter() - started, cost))
    finally:
        for other in others:
            other.kill()
            other.wait()
    for name, pairs in found.items():
        for what, figures in zip(
            ("seconds", "processor seconds"), zip(*pairs, strict=True), strict=True
        ):
            print(f"a detector of 60 rows on a busy machine, {name}: {shown(figures)} {what}")
            keep(
                "a detector of 60 rows on a busy machine",
                {f"{what}, threads spin {name}": statistics.median(figures)},
                spreads={f"{what}, threads spin {name}": list(figures)},
                seeds=len(figures),
            )


PARTS = {"import": imports, "memory": memory, "commands": starts, "crowded": crowded}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parts", default=",".join(PARTS))
    add_option(parser)
    options = parser.parse_args()
    with recording("startup", options.results):
        for part in options.parts.split(","):
            PARTS[part]()
