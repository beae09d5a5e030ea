"""Novelty among images, and among features of images, beside detectors of scikit-learn.

    python benchmarks/anomalies_images.py [--features DIR]

One class in turn is normal: the detector learns from some images of it (500 of Fashion-MNIST, half
of the digits of scikit-learn), and scores others of all classes (2,000 images, half of the
digits). Prints the mean area under the ROC curve over the classes and seeds, in percent, of
`VAEDetector(novelty=True)`, of what the model says alone, and on pixels of an isolation forest, of
what 20 principal components leave over, and of the distance to the k-th nearest neighbour.

With DIR (or the folder that VAEKIT_ANOMALY_FEATURES names), ADBench's .npz files of image features
with X and y: learned from half of the normal rows, scored on the others.
"""

import argparse
import os
import time
import warnings
from pathlib import Path

import numpy as np
import torch
from results import add_option, keep, recording
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.neighbors import NearestNeighbors

from vaekit.anomalies import VAEDetector, fit_detector
from vaekit.datasets import digits, fashion_mnist

NEIGHBOURS = (1, 5, 20)
LEARNT, SCORED, COMPONENTS = 500, 2000, 20


def of_digits(seed):
    """By class: images to learn from, to score, and which of those are of other classes."""
    known = digits()
    order = np.random.default_rng(seed).permutation(len(known.images))
    first, second = np.array_split(order, 2)
    for label in np.unique(known.labels):
        learned = first[known.labels[first] == label]
        yield known.images[learned], known.images[second], known.labels[second] != label


def of_fashion(seed):
    rng = np.random.default_rng(seed)
    train, test = fashion_mnist("train"), fashion_mnist("test")
    scored = rng.permutation(len(test.images))[:SCORED]
    for label in range(10):
        learned = rng.permutation(np.flatnonzero(train.labels == label))[:LEARNT]
        yield train.images[learned], test.images[scored], test.labels[scored] != label


def of_features(folder):
    def sets(seed):
        for path in sorted(Path(folder).glob("*.npz")):
            stored, rng = np.load(path), np.random.default_rng(seed)
            X, y = stored["X"].astype(np.float64), stored["y"].astype(int)
            normal = rng.permutation(np.flatnonzero(y == 0))
            half = len(normal) // 2
            scored = np.r_[normal[half:], np.flatnonzero(y == 1)]
            yield X[normal[:half]], X[scored], y[scored]

    return sets


def ours(train, test, seed, options):
    started = time.process_time()
    detector = VAEDetector(novelty=True, seed=seed, progress=False).fit(train)
    found = {"vaekit": -detector.score_samples(test)}
    seconds = time.process_time() - started
    alone = fit_detector(detector.autoencoder_.trained_, train, score="exemplars")
    return found | {"vaekit, exemplars": alone.score(test)}, seconds


def scikit(train, test, seed):
    a, b = (part.reshape(len(part), -1).astype(np.float64) for part in (train, test))
    found = {"IForest": -IsolationForest(random_state=seed).fit(a).score_samples(b)}
    pca = PCA(min(COMPONENTS, len(a) - 1), random_state=seed).fit(a)
    found["PCA"] = ((pca.inverse_transform(pca.transform(b)) - b) ** 2).sum(1)
    for k in NEIGHBOURS:
        found[f"kNN {k}"] = NearestNeighbors(n_neighbors=k).fit(a).kneighbors(b)[0][:, -1]
    return found


def one(name, sets, options):
    figures, spent = {}, []
    for seed in range(options.seed, options.seed + options.seeds):
        for train, test, y in sets(seed):
            found, seconds = ours(train, test, seed, options)
            spent.append(seconds)
            for method, scores in (found | scikit(train, test, seed)).items():
                pair = roc_auc_score(y, scores), average_precision_score(y, scores)
                figures.setdefault(method, []).append(pair)
    print(f"{name}: {len(spent)} fits, AUROC/AP in percent; {np.mean(spent):.1f} CPU s a fit")
    for method, pairs in figures.items():
        area, precision = 100 * np.mean(pairs, axis=0)
        ahead = np.mean(np.array(figures["vaekit"])[:, 0] > np.array(pairs)[:, 0])
        print(f"  {method:16} {area:.2f}/{precision:.2f}  ours ahead on {ahead:.0%}", flush=True)
        keep(method, {"AUROC, %": area, "AP, %": precision}, part=name, seeds=options.seeds)
    keep("vaekit", {"CPU s a fit": np.mean(spent)}, part=name)


def main(options):
    torch.set_num_threads(options.threads)
    warnings.simplefilter("ignore")
    if "digits" in options.parts:
        one("digits", of_digits, options)
    if "fashion" in options.parts:
        one("Fashion-MNIST", of_fashion, options)
    if options.features:
        one("features", of_features(options.features), options)
    else:
        print("no features: pass --features DIR, or set VAEKIT_ANOMALY_FEATURES")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--features", default=os.environ.get("VAEKIT_ANOMALY_FEATURES"))
    parser.add_argument("--parts", nargs="*", default=["digits", "fashion"])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0, help="the first seed")
    parser.add_argument("--threads", type=int, default=1)
    add_option(parser)
    options = parser.parse_args()
    with recording("anomalies_images", options.results):
        main(options)
