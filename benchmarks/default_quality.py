"""The plain VAE, all else by default, on 20,000 Fashion-MNIST images, on one thread.

    python benchmarks/default_quality.py --metric DIR

Prints CPU seconds of the whole fit (training, sampling prior, health), IWAE-64 on the 10,000 test
images (Bernoulli, nats) and, where the folder of a Fashion-MNIST metric (``measure.py`` with a
class ``Metric``) is given by --metric or VAEKIT_FASHION_METRIC, Frechet distance, precision, recall
and coverage of 5,000 samples, beside those of 5,000 real training images. Nothing was chosen on the
test images: the defaults come from the same split's training and validation part.
"""

import argparse
import importlib.util
import os
import statistics
import time

import numpy as np
import torch
from results import add_option, keep, recording

from vaekit import Autoencoder
from vaekit.datasets import fashion_mnist
from vaekit.plots import image_grid, reconstruction_pairs, save_figure

NAMES = {"fcd": "Frechet", "precision": "precision", "recall": "recall", "coverage": "coverage"}


def find_metric(folder):
    if not folder:
        print("no --metric given: Frechet and coverage are left out")
        return None
    spec = importlib.util.spec_from_file_location("measure", f"{folder}/measure.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Metric()


def describe(score):
    return "  ".join(f"{shown} {score[name]:.2f}" for name, shown in NAMES.items())


def one_seed(seed, train, test, metric):
    started = time.process_time()
    model = Autoencoder("vae", latent_dim=16, seed=seed, progress=False).fit(train)
    seconds = time.process_time() - started
    scores = model.score_samples(test, draws=64)
    error = scores.std() / len(scores) ** 0.5
    print(
        f"seed {seed}: fit {seconds:.1f} CPU s ({len(model.history_)} epochs, best "
        f"{min(model.history_, key=lambda r: r['validation_loss'])['epoch']})  "
        f"IWAE-64 {scores.mean():.2f} ± {error:.2f} nats  {model.health_.active_units} active",
        flush=True,
    )
    figures = {"CPU s": seconds, "IWAE-64, nats": scores.mean()}
    spreads = {"IWAE-64, nats": f"± {error:.2f}"}
    keep(f"seed {seed}", figures | {"active latents": model.health_.active_units}, spreads=spreads)
    if metric is not None:
        for prior in ("model", "fitted"):
            samples = model.sample(5000, seed=seed, prior=prior)
            score = metric.score(samples)
            print(f"  {prior:7} prior  {describe(score)}", flush=True)
            figures = {f"{prior} prior: {name}": score[key] for key, name in NAMES.items()}
            keep(f"seed {seed}", figures)
    return seconds, scores.mean(), model


def main(options):
    torch.set_num_threads(1)
    metric = find_metric(options.metric)
    train, test = fashion_mnist("train").images[:20_000], fashion_mnist("test").images
    if metric is not None:
        real = np.random.default_rng(0).permutation(fashion_mnist("train").images)[:5000]
        print(f"  real train images {describe(metric.score(real))}")
    results = [one_seed(seed, train, test, metric) for seed in range(options.seeds)]
    print(
        f"median over {options.seeds} seeds: {statistics.median(r[0] for r in results):.1f} CPU s, "
        f"IWAE-64 {statistics.median(r[1] for r in results):.2f} nats"
    )
    if options.pictures:
        model = results[0][2]
        samples = image_grid(model.sample(60, seed=0), columns=15)
        save_figure(samples, f"{options.pictures}/fashion-samples.png")
        pairs = reconstruction_pairs(test[:24], model.reconstruct(test[:24]))
        save_figure(pairs, f"{options.pictures}/fashion-reconstructions.png")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--metric", default=os.environ.get("VAEKIT_FASHION_METRIC"))
    parser.add_argument("--pictures", help="folder for samples and reconstructions")
    add_option(parser)
    options = parser.parse_args()
    with recording("defaults", options.results):
        main(options)
