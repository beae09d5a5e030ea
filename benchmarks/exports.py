"""Exported models against PyTorch: time to score one row, import time, size, differences.

    python benchmarks/exports.py

Detectors and models of built-in tables and images are exported to ONNX; one item at a time is
scored by Python and by `vaekit.runtime`, on one thread, one after the other in turn. With
--presets every preset is fitted to small images for one epoch and exported, and the largest
difference of each program is printed with the reason of what was left out.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from importlib.metadata import distribution
from pathlib import Path

import numpy as np
import torch
from results import add_option, keep, recording

from vaekit import Autoencoder, runtime
from vaekit.datasets import breast_cancer, digits, penguins
from vaekit.errors import VaekitError
from vaekit.presets import catalogue
from vaekit.sklearn import VAEDetector

ROUNDS, IMPORTS = 100, 7


def in_turn(first, second):
    """Median seconds of both, each called after the other."""
    first(), second()
    times = ([], [])
    for _ in range(ROUNDS):
        for call, kept in zip((first, second), times, strict=True):
            started = time.perf_counter()
            call()
            kept.append(time.perf_counter() - started)
    return [statistics.median(kept) for kept in times]


def compared(subject, report, python, exported, both):
    there, here = in_turn(python, exported)
    figures = {
        "ms, PyTorch": 1000 * there,
        "ms, runtime": 1000 * here,
        "times as fast": there / here,
        "largest difference": both,
        "largest difference of any program": report.largest_difference,
    }
    print(subject, ", ".join(f"{name} {value:.3g}" for name, value in figures.items()), flush=True)
    keep(subject, figures, part="One item at a time, one thread", seeds=1)


def scoring():
    table = penguins()
    kinds = {
        "detector, table of labels and numbers": (table, {}),
        "detector, 30 numbers": (breast_cancer().drop(columns="target", errors="ignore"), {}),
        "detector of clean data, 30 numbers": (
            breast_cancer().drop(columns="target", errors="ignore"),
            {"novelty": True},
        ),
        "detector, images of 8x8": (digits().images, {}),
    }
    for subject, (data, options) in kinds.items():
        detector = VAEDetector(progress=False, max_epochs=20, **options).fit(data)
        with tempfile.TemporaryDirectory() as folder:
            report = detector.export(folder, "onnx", only=["detect"])
            model = runtime.load(folder, threads=1)
            one = data[:1]
            apart = np.abs(model.score(data) + detector.score_samples(data)).max()
            compared(
                subject,
                report,
                lambda d=detector, one=one: d.score_samples(one),
                lambda m=model, one=one: m.score(one),
                float(apart),
            )
    images = digits().images
    model = Autoencoder("vae", progress=False, max_epochs=5).fit(images)
    with tempfile.TemporaryDirectory() as folder:
        report = model.export(folder, "onnx")
        exported = runtime.load(folder, threads=1)
        one, z = images[:1], model.transform(images[:1])
        apart = np.abs(exported.encode(images) - model.transform(images)).max()
        calls = {
            "vae, encode an image of 8x8": (
                lambda: model.transform(one),
                lambda: exported.encode(one),
            ),
            "vae, decode latents": (
                lambda: model.inverse_transform(z),
                lambda: exported.decode(z),
            ),
            "vae, log p(x) of an image": (
                lambda: model.score_samples(one),
                lambda: exported.score_samples(one),
            ),
        }
        for subject, (there, here) in calls.items():
            compared(subject, report, there, here, float(apart))


def container():
    code = "import time, numpy; t = time.perf_counter(); from vaekit import runtime; "
    code += "import onnxruntime; print(time.perf_counter() - t)"
    found = [float(subprocess.check_output([sys.executable, "-c", code])) for _ in range(IMPORTS)]
    size = 0
    for name in ("numpy", "onnxruntime", "lazy-loader", "flatbuffers", "protobuf", "packaging"):
        files = distribution(name).files or []
        size += sum(Path(f.locate()).stat().st_size for f in files if Path(f.locate()).is_file())
    figures = {"seconds to import, with onnxruntime": statistics.median(found)}
    figures["MB installed, without Python and vaekit"] = size / 1e6
    print(figures, flush=True)
    keep("`vaekit.runtime`", figures, part="Without PyTorch", seeds=IMPORTS)


def presets():
    images, labels = digits().images[:400], digits().labels[:400]
    for entry in json.loads(Path(catalogue.__file__).with_name("catalogue.json").read_text()):
        name = entry["name"]
        context = labels if "labels or properties" in entry["needs"] else None
        with tempfile.TemporaryDirectory() as folder:
            try:
                model = Autoencoder(name, max_epochs=1, progress=False)
                report = model.fit(images, context=context).export(f"{folder}/out", "onnx")
            except VaekitError as error:
                print(f"{name}: {error}", flush=True)
                continue
        figures = {"programs": len(report.differences), "difference": report.largest_difference}
        print(f"{name}: {figures} {dict(report.skipped)}", flush=True)
        keep(f"`{name}`", figures, part="Presets, images of 8x8", seeds=1)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--presets", action="store_true", help="also export every preset")
    add_option(parser)
    options = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    with recording("exports", options.results):
        scoring()
        container()
        if options.presets:
            presets()
