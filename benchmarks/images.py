"""Images by default: 60,000 Fashion-MNIST images, five minutes on two cores.

    python benchmarks/images.py --metric DIR

Trains ``Autoencoder(max_minutes=...)`` with nothing else chosen, and prints what its default
`sample()` is worth: Frechet distance, precision, recall and coverage of 5,000 samples against the
10,000 test images (by the ``Metric`` of DIR/measure.py, or of the folder that VAEKIT_FASHION_METRIC
names) and sharpness (ratio to the test images), beside 5,000 reconstructions of test images,
samples of the model's own prior N(0, I), and 5,000 real training images: the floor. Weights, rates
and sizes were compared on training images held out; that the critic had to pull harder was seen in
one run's sharpness on test images (docs/results/archive/images.md), by how much was not.

--pictures DIR also draws samples and reconstructions.
"""

import argparse
import os
import statistics
import time

import numpy as np
import torch
from default_quality import find_metric
from results import add_option, keep, recording

from vaekit import Autoencoder
from vaekit.datasets import fashion_mnist
from vaekit.metrics import sharpness_ratio
from vaekit.plots import image_grid, reconstruction_pairs, save_figure

NAMES = ("Frechet", "coverage", "recall", "precision", "sharpness")
TARGETS = {"Frechet": 8.0, "coverage": 0.93, "recall": 0.75, "sharpness": 0.60}


def scored(metric, images, test):
    found = metric.score(images)
    tensors = (torch.from_numpy(np.asarray(a))[:, None] / 255 for a in (test, images))
    return {
        "Frechet": found["fcd"],
        **{name: found[name] for name in ("coverage", "recall", "precision")},
        "sharpness": float(sharpness_ratio(*tensors)),
    }


def show(name, figures):
    shown = [f"{k} {figures[k]:.{2 if k == 'Frechet' else 3}f}" for k in NAMES]
    print(f"  {name:28}{'  '.join(shown)}", flush=True)


def one_seed(seed, options, train, test, metric):
    wall, cpu = time.monotonic(), time.process_time()
    model = Autoencoder(max_minutes=options.minutes, max_epochs=1000, seed=seed)
    model.fit(train)
    wall, cpu = time.monotonic() - wall, time.process_time() - cpu
    print(
        f"seed {seed}: fit {wall:.0f} s, {cpu:.0f} CPU s; {model.history_[-1]['step']} steps; "
        f"{model.health_.active_units} latents active"
    )
    started = time.process_time()
    samples = model.sample(5000, seed=seed)
    per_thousand = (time.process_time() - started) / 5
    figures = {
        "default sample()": scored(metric, samples, test),
        "N(0, I)": scored(metric, model.sample(5000, seed=seed, prior="model"), test),
        "reconstructions": scored(metric, model.reconstruct(test[:5000]), test),
    }
    for name, found in figures.items():
        show(name, found)
        keep(f"seed {seed}", {f"{name}: {k}": v for k, v in found.items()})
    keep(f"seed {seed}", {"fit, s": wall, "fit, CPU s": cpu, "CPU s per 1,000": per_thousand})
    print(f"  sampling {per_thousand:.2f} CPU s per 1,000", flush=True)
    return model, figures, per_thousand, wall


def summary(results):
    for name in results[0][1]:
        values = {k: [found[name][k] for _, found, _, _ in results] for k in NAMES}
        show(name, {k: statistics.median(v) for k, v in values.items()})
        spread = "  ".join(f"{k} {min(v):.3g}-{max(v):.3g}" for k, v in values.items())
        print(f"  {'':28}{spread}")
    plain, fitted = (
        statistics.median(found[name]["Frechet"] for _, found, _, _ in results)
        for name in ("N(0, I)", "default sample()")
    )
    print(f"  gap between N(0, I) and the fitted prior: Frechet {plain - fitted:.1f}")
    print(f"  sampling {statistics.median(r[2] for r in results):.2f} CPU s per 1,000")
    print(f"  targets: {TARGETS}, reconstruction Frechet 5, 1 CPU s per 1,000")


def main(options):
    torch.set_num_threads(options.threads)
    metric = find_metric(options.metric)
    if metric is None:
        raise SystemExit("images.py measures nothing else: pass --metric DIR.")
    train, test = fashion_mnist("train").images, fashion_mnist("test").images
    real = np.random.default_rng(0).permutation(train)[:5000]
    show("real training images", scored(metric, real, test))
    results = [one_seed(seed, options, train, test, metric) for seed in range(options.seeds)]
    print(f"median and range over {options.seeds} seeds, {options.threads} threads:")
    summary(results)
    if options.pictures:
        model = results[0][0]
        samples = image_grid(model.sample(60, seed=0), columns=15)
        save_figure(samples, f"{options.pictures}/fashion-image-vae.png")
        pairs = reconstruction_pairs(test[:24], model.reconstruct(test[:24]))
        save_figure(pairs, f"{options.pictures}/fashion-image-vae-reconstructions.png")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--metric", default=os.environ.get("VAEKIT_FASHION_METRIC"))
    parser.add_argument("--minutes", type=float, default=4.75, help="of training and prior")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--pictures", help="folder to draw samples into")
    add_option(parser)
    options = parser.parse_args()
    with recording("images", options.results):
        main(options)
