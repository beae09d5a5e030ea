"""Defects of parts: which pictures have one, and where.

    python benchmarks/anomalies_patches.py --data FOLDER [--seeds 3] [--networks 1] [--models 1]

FOLDER has avatars_personas64 and usps (see their .npz files in parts.py). Of each kind of pictures,
600 good ones are learned from; 150 good ones and 160 with one of four kinds of defects are scored.
All was chosen on other pictures and other kinds of defects (--chosen shows those). Prints the area
under the ROC curve of images, that of pixels, PRO (the mean overlap of the defects up to a rate of
.3 of false pixels) in percent, and CPU seconds, of:

- `VAEDetector(novelty=True)` with method="patches", and, for the first --networks seeds, with
  "patches_efficientnet", its default where the extra `images` is installed;
- PatchCore on the same features: distances to the nearest of 2,000 patches of a greedy coreset,
  maps smoothed alike, images by the largest distance weighted by its neighborhood (eq. 7);
- the first neighbour of pixels, and an isolation forest of pixels;
- the default before patches (method="wide_novelty"), for the first --models seeds of the sets of
  --models-on: it takes a quarter of an hour a fit.
"""

import argparse
import time
import warnings
from pathlib import Path

import numpy as np
import torch
from parts import CHOSEN_ON, CHOSEN_SETS, LEFT_OUT, LEFT_OUT_SETS, make
from results import add_option, keep, recording
from scipy import ndimage
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import NearestNeighbors

from vaekit.anomalies import VAEDetector
from vaekit.anomalies.patches import (
    FilterBank,
    NetworkFeatures,
    grid_shape,
    interpolating,
    smoothing,
    squares_apart,
)
from vaekit.metrics import efficientnet_maps

OURS = '`method="patches"`'
FIGURES = ("image AUROC, %", "pixel AUROC, %", "PRO, %", "CPU s")
AREA, STEPS = 0.3, 200
CORESET, PROJECTED, NEIGHBOURS = 2000, 32, 9


def tensor(images):
    return torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255


def coreset(patches, seed):
    """Greedy, by distances in random directions (Roth et al. 2022, algorithm 1)."""
    generator = torch.Generator().manual_seed(seed)
    patches = patches[torch.randperm(len(patches), generator=generator)[:40_000]]
    projected = patches @ torch.randn(patches.shape[1], PROJECTED, generator=generator)
    distance, kept = torch.full((len(patches),), torch.inf), [0]
    while len(kept) < CORESET:
        apart = (projected - projected[kept[-1]]).square().sum(1)
        distance = torch.minimum(distance, apart)
        kept.append(int(distance.argmax()))
    return patches[kept]


def patchcore(train, test, seed, maps):
    """Published scores of images and maps of pixels."""
    images, asked = tensor(train), tensor(test)
    bank = FilterBank.learn(images) if maps is None else NetworkFeatures.learn(maps, images)
    parts = [torch.cat([bank(some) for some in x.split(100)]) for x in (images, asked)]
    learned, found = (x.flatten(2).transpose(1, 2) for x in parts)
    memory = coreset(learned.flatten(0, 1), seed)
    scores, cells = [], []
    for patches in found:
        apart = squares_apart(patches, memory).clamp_min(0).sqrt()
        distance, nearest = apart.min(1)
        top = int(distance.argmax())
        near = squares_apart(memory[nearest[top]][None], memory)[0]
        near = near.topk(NEIGHBOURS, largest=False).indices
        others = (memory[near] - patches[top]).square().sum(1).sqrt()
        weight = 1 - 1 / torch.exp(others - distance[top]).sum()
        scores.append(float(weight * distance[top]))
        cells.append(distance)
    side, grid = test.shape[1], grid_shape(*test.shape[1:3])[0]
    up = smoothing(side, side / 64) @ interpolating(side, grid)
    return np.array(scores), (up @ torch.stack(cells).view(-1, grid, grid) @ up.T).numpy()


def detector(train, test, seed, method):
    fitted = VAEDetector(novelty=True, method=method, seed=seed, progress=False).fit(train)
    return -fitted.score_samples(test), fitted.heat_maps(test)


def neighbour(train, test, seed):
    a, b = (x.reshape(len(x), -1).astype(np.float32) for x in (train, test))
    return NearestNeighbors(n_neighbors=1).fit(a).kneighbors(b)[0][:, 0], None


def forest(train, test, seed):
    a, b = (x.reshape(len(x), -1) for x in (train, test))
    return -IsolationForest(random_state=seed).fit(a).score_samples(b), None


def overlap(maps, masks):
    """PRO: the area under the mean overlap of connected defects, up to a share of false pixels."""
    labelled = [ndimage.label(mask) for mask in masks]
    regions = [
        maps[i][parts == k] for i, (parts, n) in enumerate(labelled) for k in range(1, n + 1)
    ]
    normal = np.sort(maps[~masks])
    rates = np.linspace(0, AREA, STEPS)
    levels = normal[np.clip(((1 - rates) * len(normal)).astype(int), 0, len(normal) - 1)]
    covered = [np.mean([(region >= level).mean() for region in regions]) for level in levels]
    return float(np.mean(covered))  # the rates are evenly spaced


def methods(options, name, seed):
    found = {
        OURS: lambda *given: detector(*given, "patches"),
        "PatchCore, same features": lambda *given: patchcore(*given, None),
        "first neighbour of pixels": neighbour,
        "isolation forest of pixels": forest,
    }
    if seed < options.seed + options.networks:
        found['`method="patches_efficientnet"`'] = lambda *given: detector(
            *given, "patches_efficientnet"
        )
        found["PatchCore, EfficientNet"] = lambda *given: patchcore(*given, efficientnet_maps())
    if seed < options.seed + options.models and name in options.models_on:
        found['`method="wide_novelty"`'] = lambda *given: detector(*given, "wide_novelty")
    return found


def one(name, defects, options, figures):
    own = {}
    for seed in range(options.seed, options.seed + options.seeds):
        train, test, masks, kinds = make(name, seed, options.data, defects)
        for method, score in methods(options, name, seed).items():
            started = time.process_time()
            scores, maps = score(train, test, seed)
            seconds = time.process_time() - started
            row = [100 * roc_auc_score(kinds != "", scores), np.nan, np.nan, seconds]
            if maps is not None:
                row[1] = 100 * roc_auc_score(masks.ravel(), maps.ravel())
                row[2] = 100 * overlap(maps, masks)
            own.setdefault(method, []).append(row)
            for kind in defects:
                some = (kinds == "") | (kinds == kind)
                area = 100 * roc_auc_score(kinds[some] != "", scores[some])
                figures.setdefault(("kinds", method), {}).setdefault(kind, []).append(area)
    for method, rows in own.items():
        figures.setdefault(("sets", method), {})[name] = rows
        show(method, rows, name)


def show(method, rows, part):
    rows = np.array(rows)
    mean, spread = rows.mean(0), rows.std(0)
    words = [
        f"{figure} {value:.1f} ± {deviation:.1f}"
        for figure, value, deviation in zip(FIGURES, mean, spread, strict=True)
        if np.isfinite(value)
    ]
    print(f"  {part:14} {method:34} {', '.join(words)}; {len(rows)} seeds", flush=True)
    known = {f: v for f, v in zip(FIGURES, mean, strict=True) if np.isfinite(v)}
    keep(method, known, part=part, seeds=len(rows))


def main(options):
    torch.set_num_threads(options.threads)
    warnings.simplefilter("ignore")
    if missing := [n for n in ("avatars_personas64", "usps") if not (options.data / n).is_dir()]:
        raise SystemExit(f"--data must have the folders avatars_personas64 and usps; no {missing}.")
    sets = CHOSEN_SETS if options.chosen else LEFT_OUT_SETS
    figures = {}
    for name in options.parts or sets:
        one(name, CHOSEN_ON if options.chosen else LEFT_OUT, options, figures)
    for (what, method), found in figures.items():
        if what == "kinds":
            areas = ", ".join(f"{kind} {np.mean(values):.1f}" for kind, values in found.items())
            print(f"  image AUROC by kind of defect: {method:34} {areas}")
        elif len(found) == len(sets):
            show(method, [row for rows in found.values() for row in rows], "all sets")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--parts", nargs="*", help="the kinds of pictures; all of them else")
    parser.add_argument("--chosen", action="store_true", help="those that all was chosen on")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0, help="the first seed")
    parser.add_argument("--networks", type=int, default=1, help="seeds with EfficientNet")
    parser.add_argument("--models", type=int, default=0, help="seeds with the default before")
    parser.add_argument("--models-on", nargs="*", default=["boots"])
    parser.add_argument("--threads", type=int, default=1)
    add_option(parser)
    options = parser.parse_args()
    with recording("anomalies_patches", options.results):
        main(options)
