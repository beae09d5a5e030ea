"""Straight ways through the latents of a VAE and of a plain autoencoder of the same size.

    OMP_NUM_THREADS=1 python benchmarks/interpolation.py

Both have the same network and epochs and see the same items: 1,500 digits, the first 20,000
training images of Fashion-MNIST; ways are between random pairs of held-out items. Two questions:

- Is a way smooth? `vaekit.metrics.reconstructions` of decoded ways of 51 points.
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
from results import add_option, keep, recording

from vaekit import Autoencoder
from vaekit.datasets import digits, fashion_mnist
from vaekit.evaluation import interpolation_smoothness
from vaekit.metrics import classifier_features, distance_to_data, prdc

EPOCHS = {"digits": 60, "fashion_mnist": 10}
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


def encoded(trained, images):
    return torch.cat([batch.x for batch in trained.batches(images)])


def outside(points, reference, features):
    return 1 - prdc(features(reference), features(points)).precision


def smooth(trained, held_out, random):
    paths = min(WAYS, len(held_out) // 2)
    pairs = random.permutation(len(held_out))[: 2 * paths]
    a, b = held_out[pairs[:paths]], held_out[pairs[paths:]]
    found = interpolation_smoothness(trained, a, b, steps=POINTS)
    yield "length - 1", found.length.mean - 1
    yield "energy - 1", found.energy.mean - 1
    yield "largest jump", found.jump.mean
    yield "roughness", found.roughness.mean


def near_data(trained, train, held_out, judge, random):
    a, b = (held_out[random.integers(0, len(held_out), MIDWAY)] for _ in "ab")
    paths = trained.decoded_ways(a, b, 3, "linear", None)
    some = train[random.permutation(len(train))[:MIDWAY]]
    real, own = encoded(trained, some), reconstructed(trained, some)
    for space, features in (("features", judge), ("pixels", lambda x: x.flatten(1))):
        for what, reference in (("own reconstructions", own), ("real items", real)):
            yield f"outside {what}, {space}", outside(paths[:, 1], reference, features)
            yield f"floor: {what}, {space}", outside(paths[:, 0], reference, features)
    far = distance_to_data(paths, real).mean(0)
    yield "distance to real, midway", far[1].item()
    yield "distance to real, ends", far[[0, 2]].mean().item()


def shortened(trained, held_out):
    a, b = held_out[:GEODESICS], held_out[GEODESICS : 2 * GEODESICS]
    for path in ("linear", "geodesic"):
        found = interpolation_smoothness(trained, a, b, steps=17, path=path)
        yield f"{path}, 17 points: length - 1", found.length.mean - 1
        yield f"{path}, 17 points: energy - 1", found.energy.mean - 1


def figures(model, train, held_out, judge, seed):
    trained, random = model.trained_, np.random.default_rng(seed)
    error = (reconstructed(trained, held_out) - encoded(trained, held_out)).square().mean().item()
    return {
        **dict(smooth(trained, held_out, random)),
        **dict(near_data(trained, train, held_out, judge, random)),
        "squared error, 1e-3": 1e3 * error,
        **dict(shortened(trained, held_out)),
    }


def shown(runs, name):
    values = [run[name] for run in runs]
    return f"{statistics.mean(values):.3g} ({min(values):.3g}-{max(values):.3g})"


def show_table(title, found):
    print(f"\n| {title} | {' | '.join(found)} | last / first |")
    print("|---" * (len(found) + 2) + "|")
    runs_of = list(found.values())
    for measure in runs_of[0][0]:
        means = [statistics.mean(run[measure] for run in runs) for runs in runs_of]
        ratio = f"{means[-1] / means[0]:.2f}" if means[0] else "-"
        for preset, mean, runs in zip(found, means, runs_of, strict=True):
            spread = [run[measure] for run in runs]
            keep(preset, {measure: mean}, part=title, spreads={measure: spread}, seeds=len(runs))
        print(
            "| " + " | ".join([measure, *(shown(r, measure) for r in runs_of), ratio]) + " |",
            flush=True,
        )


def main(options):
    torch.set_num_threads(1)
    started = time.process_time()
    for name in options.data:
        train, held_out, judge = read(name)
        print(f"{name}: judge's accuracy {judge.accuracy:.3f}")
        for latents in options.latents:
            found = {preset: [] for preset in options.presets}
            for seed in range(options.seeds):
                for preset in options.presets:
                    fit = {"network": "mlp", "max_epochs": EPOCHS[name], "seed": seed}
                    model = Autoencoder(preset, latents, progress=False, **fit).fit(train)
                    found[preset].append(figures(model, train, held_out, judge, seed))
            show_table(f"{name}, {latents} latents", found)
    print(f"\n{(time.process_time() - started) / 60:.1f} CPU minutes")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--data", type=lambda s: s.split(","), default=["digits", "fashion_mnist"])
    presets = ["vae", "autoencoder"]
    parser.add_argument("--presets", type=lambda s: s.split(","), default=presets)
    parser.add_argument("--latents", type=lambda s: [int(n) for n in s.split(",")], default=[16, 2])
    add_option(parser)
    options = parser.parse_args()
    with recording("interpolation", options.results):
        main(options)
