"""Colour images of 32x32 and 64x64: the two presets that images have, within equal time.

    python benchmarks/larger_images.py --images IMAGES.npz --minutes 14

IMAGES.npz holds x_train and x_test (n, height, width, 3) as bytes. Each preset is trained on one
thread for so many minutes, its prior included. Prints, of test images, of samples and of
reconstructions, in 64 principal components of the pixels of training images: the Frechet distance,
precision, recall, coverage, sharpness; and the squared error of reconstructions. With --out, writes
pictures of samples and reconstructions.
"""

import argparse
import os
import time
from pathlib import Path

import numpy as np
import torch
from results import add_option, keep, recording

from vaekit import Autoencoder
from vaekit.metrics import fidelity, frechet_distance, raw_features
from vaekit.plots import image_grid, reconstruction_pairs, save_figure


def tensor(images):
    return torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2))).float() / 255


def one_preset(name, train, test, features, options):
    started = time.monotonic()
    model = Autoencoder(
        name, max_minutes=options.minutes, max_epochs=100_000, seed=options.seed, progress=False
    ).fit(train)
    minutes = (time.monotonic() - started) / 60
    made, back = model.sample(len(test), seed=options.seed), model.reconstruct(test)
    real, new, again = (tensor(images) for images in (test, made, back))
    print(f"\n{name}: {minutes:.1f} minutes, {model.history_[-1]['step']} steps")
    found = fidelity(real, new, features)
    print(found.summary())
    keep(
        name,
        {
            "minutes": minutes,
            "steps": model.history_[-1]["step"],
            **{name: value for name, value in vars(found.fake).items() if value is not None},
            "reconstruction: Frechet": frechet_distance(features(real), features(again)),
            "reconstruction: squared error / 1,000": 1000 * (real - again).square().mean(),
        },
        part=f"{Path(options.images).stem}, {test.shape[2]}x{test.shape[1]}",
        seeds=1,
    )
    print(
        f"reconstructions: Frechet {frechet_distance(features(real), features(again)):.2f}, "
        f"squared error {1000 * (real - again).square().mean():.2f} / 1,000"
    )
    if options.out:
        folder = Path(options.out)
        save_figure(image_grid(made[:32], columns=8), folder / f"{name}.png")
        pairs = reconstruction_pairs(test[:16], back[:16])
        save_figure(pairs, folder / f"{name}-reconstructions.png")


def main(options):
    if not options.images:
        raise SystemExit("larger_images.py measures real images: pass --images IMAGES.npz.")
    torch.set_num_threads(options.threads)
    with np.load(options.images) as stored:
        train, test = stored["x_train"], stored["x_test"]
    features = raw_features(tensor(train[:4000]))
    floor = frechet_distance(features(tensor(test)), features(tensor(train[: len(test)])))
    print(f"training images {train.shape}; Frechet of other real images {floor:.2f}")
    for name in options.presets.split(","):
        one_preset(name, train, test, features, options)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", default=os.environ.get("VAEKIT_IMAGES"))
    parser.add_argument("--presets", default="image_vae,latent_diffusion")
    parser.add_argument("--minutes", type=float, default=14)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", help="a folder for pictures")
    add_option(parser)
    options = parser.parse_args()
    with recording("larger_images", options.results):
        main(options)
