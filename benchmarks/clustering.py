"""Clusters of the 10 classes of digits and Fashion-MNIST, found without their labels.

    OMP_NUM_THREADS=1 python benchmarks/clustering.py

k is 10 throughout, but for HDBSCAN, which finds it. Each model has 16 latents and otherwise its
defaults, and sees the items that are clustered: 1,797 digits, the first 20,000 training images of
Fashion-MNIST. Models and pixels are clustered by the methods of `vaekit.clustering`; k-means is
scikit-learn's with 10 starts. Figures are means (least - most) over the seeds; CPU seconds of
training and of clustering. Noise of HDBSCAN counts as a cluster in NMI and ARI, as wrong in
accuracy. docs/results/archive/clustering.md says which of these items were looked at while choosing
what.
"""

import argparse
import statistics
import time
import warnings

import numpy as np
import torch
from results import add_option, keep, recording
from sklearn.decomposition import PCA

from vaekit import Autoencoder, presets
from vaekit.clustering import cluster
from vaekit.clustering.methods import Encoded, find_clusters
from vaekit.datasets import digits, fashion_mnist
from vaekit.metrics import agreement

K, LATENTS = 10, 16
DATA = {"digits": digits, "fashion_mnist": lambda: fashion_mnist("train")}
MODELS = {
    "sigma_vae": presets.sigma_vae(),
    "vae": presets.vae(),
    "vade": presets.vade(components=K),
    "mixture_vae": presets.mixture_vae(components=K),
}
METHODS = ("auto", "gmm", "kmeans", "hdbscan")


def timed(work):
    started = time.process_time()
    result = work()
    return result, time.process_time() - started


def baselines(pixels, seed):
    """Name, assignments and seconds of clustering without a model."""
    reduced = PCA(LATENTS, random_state=seed).fit_transform(pixels)
    for name, values in (("pixels", pixels), (f"PCA {LATENTS}", reduced)):
        for method in ("kmeans", "graph"):
            find = lambda z=values, m=method: find_clusters(Encoded(z), m, K, seed)  # noqa: E731
            found, seconds = timed(find)
            yield (name, method), found.assigned.clusters, 0.0, seconds


def of_models(images, seed, names):
    for name in names:
        fit = Autoencoder(MODELS[name], LATENTS, seed=seed, progress=False).fit
        model, training = timed(lambda fit=fit: fit(images))
        own = ("model",) if name in ("vade", "mixture_vae") else ()
        for method in METHODS + own:
            k = None if method == "hdbscan" else K
            find = lambda m=method, k=k, t=model.trained_: cluster(  # noqa: E731
                t, images, method=m, k=k, seed=seed
            )
            found, seconds = timed(find)
            yield (name, method), found.assignments, training, seconds


def shown(values):
    return f"{statistics.mean(values):.3f} ({min(values):.3f}-{max(values):.3f})"


def main(options):
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    for data_name in options.data:
        data = DATA[data_name]()
        chosen = slice(options.start, options.start + options.items)
        images, labels = data.images[chosen], data.labels[chosen]
        pixels = images.reshape(len(images), -1) / 255
        found = {}
        for seed in range(options.seeds):
            for rows in (baselines(pixels, seed), of_models(images, seed, options.models)):
                for key, clusters, training, seconds in rows:
                    score = agreement(clusters, labels)
                    kinds = len(np.unique(clusters[clusters >= 0]))
                    found.setdefault(key, []).append((score, training, seconds, kinds))
        print(f"{data_name}: {len(images)} items, {options.seeds} seeds")
        print("| items as | method | NMI | ARI | accuracy | clusters | fit, CPU s | find, CPU s |")
        print("|---|---|---|---|---|---|---|---|")
        for key, runs in found.items():
            scores = [run[0] for run in runs]
            cells = [shown([getattr(s, name) for s in scores]) for name in vars(scores[0])]
            times = [f"{statistics.median(run[i] for run in runs):.1f}" for i in (1, 2)]
            kinds = "-".join(str(n) for n in sorted({run[3] for run in runs}))
            print("| " + " | ".join([*key, *cells, kinds, *times]) + " |", flush=True)
            by_name = {name: [getattr(s, name) for s in scores] for name in vars(scores[0])}
            keep(
                ", ".join(key),
                {name: statistics.mean(values) for name, values in by_name.items()}
                | {
                    "clusters": kinds,
                    "fit, CPU s": float(times[0]),
                    "find, CPU s": float(times[1]),
                },
                spreads=by_name,
                part=f"{data_name}, {len(images)} items from {options.start}",
                seeds=options.seeds,
            )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--items", type=int, default=20_000)
    parser.add_argument("--start", type=int, default=0, help="the first item")
    parser.add_argument("--data", type=lambda s: s.split(","), default=list(DATA))
    parser.add_argument("--models", type=lambda s: s.split(","), default=list(MODELS))
    add_option(parser)
    options = parser.parse_args()
    with recording("clustering", options.results):
        main(options)
