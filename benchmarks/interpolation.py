"""Straight ways through the latents of a VAE and of a plain autoencoder of the same size.

    OMP_NUM_THREADS=1 python benchmarks/interpolation.py

Both have the same network and epochs and see the same items: 1,500 digits, the first 20,000
training images of Fashion-MNIST; ways are between random pairs of held-out items. Two questions:

- Is a way smooth? `vaekit.metrics.smoothness` of decoded ways of 51 points.
- Does it stay where data are? The share of points midway that lie in no neighbourhood (of 5) of
  1,500 training items: 1 - precision of Kynkaanniemi et al. 2019. As blur alone raises
  precision, also with the training items as the model itself reconstructs them, so that a point
  is compared with equally blurred ones. In the features of a classifier, and in pixels. Beside it
  the floor: the same share for reconstructions of held-out items.

Figures are means (least - most) over the seeds.
"""

import argparse
import statistics
import time

import numpy as np
import torch

from vaekit import Autoencoder
from vaekit.datasets import digits, fashion_mnist
from vaekit.metrics import (
    classifier_features,
    distance_to_data,
    prdc,
    smoothness,
)
from vaekit.tasks import interpolation_smoothness

PRESETS = ("vae", "autoencoder")
WAYS, POINTS, MIDWAY, GEODESICS = 200, 51, 1500, 32


def read(name):
    """Training images, held-out images, and features that know the classes."""
    if name == "digits":
        data = digits()
        order = np.random.default_rng(0).permutation(len(data.images))
        train, test, told = order[:1500], order[1500:], order[:1500]
        images, labels, held_out, epochs = data.images, data.labels, data.images[test], 20
    else:
        data = fashion_mnist("train")
        train, told, epochs = np.arange(20_000), np.arange(20_000, 30_000), 3
        images, labels, held_out = data.images, data.labels, fashion_mnist("test").images
    x = torch.from_numpy(images[told]).float().div(255).unsqueeze(1)
    judge = classifier_features(
        x, torch.as_tensor(np.asarray(labels[told])), features_dim=32, epochs=epochs
    )
    return images[train], held_out, judge


@torch.no_grad()
def reconstructed(trained, images):
    return torch.cat([trained.vae.show(trained.vae.encode(b.x)) for b in trained.batches(images)])


def outside(points, reference, features):
    return 1 - prdc(features(reference), features(points)).precision


def figures(model, train, held_out, judge, seed):
    trained, random = model.trained_, np.random.default_rng(seed)
    ways = min(WAYS, len(held_out) // 2)
    pairs = random.permutation(len(held_out))[: 2 * ways]
    a, b = held_out[pairs[:ways]], held_out[pairs[ways:]]
    smooth = smoothness(trained.decoded_ways(a, b, POINTS, "linear", None))
    found = {
        "length - 1": smooth.length.mean - 1,
        "energy - 1": smooth.energy.mean - 1,
        "largest jump": smooth.jump.mean,
        "roughness": smooth.roughness.mean,
    }
    a, b = (held_out[random.integers(0, len(held_out), MIDWAY)] for _ in "ab")
    ways = trained.decoded_ways(a, b, 3, "linear", None)
    some = train[random.permutation(len(train))[:MIDWAY]]
    real = torch.cat([batch.x for batch in trained.batches(some)])
    own = reconstructed(trained, some)
    for space, features in (("features", judge), ("pixels", lambda x: x.flatten(1))):
        for what, reference in (("own reconstructions", own), ("real items", real)):
            found[f"outside {what}, {space}"] = outside(ways[:, 1], reference, features)
            found[f"floor: {what}, {space}"] = outside(ways[:, 0], reference, features)
    far = distance_to_data(ways, real).mean(0)
    found["distance to real, midway"] = far[1].item()
    found["distance to real, ends"] = far[[0, 2]].mean().item()
    x = torch.cat([batch.x for batch in trained.batches(held_out)])
    found["squared error, 1e-3"] = (
        1e3 * (reconstructed(trained, held_out) - x).square().mean().item()
    )
    a, b = held_out[:GEODESICS], held_out[GEODESICS : 2 * GEODESICS]
    for path in ("linear", "geodesic"):
        way = interpolation_smoothness(trained, a, b, steps=17, path=path)
        found[f"{path}, 17 points: length - 1"] = way.length.mean - 1
        found[f"{path}, 17 points: energy - 1"] = way.energy.mean - 1
    return found


def shown(runs, name):
    values = [run[name] for run in runs]
    return f"{statistics.mean(values):.3g} ({min(values):.3g}-{max(values):.3g})"


def main(options):
    torch.set_num_threads(1)
    started = time.process_time()
    for name in options.data:
        train, held_out, judge = read(name)
        print(f"{name}: judge's accuracy {judge.accuracy:.3f}")
        for latents in options.latents:
            found = {preset: [] for preset in PRESETS}
            for seed in range(options.seeds):
                for preset in PRESETS:
                    epochs = 60 if name == "digits" else 10
                    model = Autoencoder(
                        preset, latents, network="mlp", max_epochs=epochs, seed=seed, progress=False
                    ).fit(train)
                    found[preset].append(figures(model, train, held_out, judge, seed))
            print(f"\n| {name}, {latents} latents | vae | autoencoder | ratio of means |")
            print("|---|---|---|---|")
            for measure in found["vae"][0]:
                mean = {p: statistics.mean(run[measure] for run in found[p]) for p in PRESETS}
                ratio = mean["autoencoder"] / mean["vae"] if mean["vae"] else float("inf")
                cells = [shown(found[preset], measure) for preset in PRESETS]
                print(f"| {measure} | {cells[0]} | {cells[1]} | {ratio:.2f} |", flush=True)
    print(f"\n{(time.process_time() - started) / 60:.1f} CPU minutes")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--data", type=lambda s: s.split(","), default=["digits", "fashion_mnist"])
    parser.add_argument("--latents", type=lambda s: [int(n) for n in s.split(",")], default=[16, 2])
    main(parser.parse_args())
