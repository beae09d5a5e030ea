"""Editing attributes of cartoon faces, against exact renders of what the edit should give.

    OMP_NUM_THREADS=1 python benchmarks/editing.py --data DIR

DIR holds ``avatars_personas64.npz`` (``x_train``, ``x_test``: uint8 of shape (n, 64, 64, 3);
``cf_mouth_bigSmile`` and ``cf_hairColor_362c47``: the first test faces rendered anew with that one
attribute changed) and ``attributes.csv.gz`` (a column ``split``, test rows first, and one column
per attribute). The faces are DiceBear's "personas".

Two models of the same networks are trained on the training faces: a conditional VAE on all
attributes, which edits by swapping one of them, and a plain VAE, which edits along directions
found on the first half of the training faces. The judge is a classifier of all attributes,
trained on the second half. Test faces are used once, for the figures: the first 1,000 of them, of
which those are edited that lack the label. Hair that is not seen (bald, under a cap) shows no
colour, and there the judge guesses. So figures are also given for faces on which the attribute is
seen: where its exact render differs from the original.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from results import add_option, keep, recording

from vaekit import Autoencoder, load, tasks
from vaekit.domains.context import Labels
from vaekit.metrics import attribute_classifier
from vaekit.plots import edit_strips, save_figure
from vaekit.training import Items

FILES = ("avatars_personas64.npz", "attributes.csv.gz")
EDITS = (("mouth", "bigSmile"), ("hairColor", "362c47"))
HALF = 5_000
METHODS = ("mean", "logistic", "svm")


def read(folder):
    """Images and labels of both splits, and the exact renders."""
    missing = [name for name in FILES if not (folder / name).is_file()]
    if missing:
        sys.exit(f"--data must be a folder with {' and '.join(FILES)}; {missing} are not there.")
    arrays = np.load(folder / FILES[0])
    table = pd.read_csv(folder / FILES[1], keep_default_na=False).replace("", "none")
    parts = {s: t.drop(columns="split").reset_index(drop=True) for s, t in table.groupby("split")}
    exact = {edit: arrays["cf_" + "_".join(edit)] for edit in EDITS}
    return arrays["x_train"], parts["train"], arrays["x_test"], parts["test"], exact


def fitted(name, options, X, context):
    """A model trained here, or one stored by an earlier call."""
    run = options.runs / f"{name}-{options.seed}"
    if run.exists():
        return load(run)
    preset, epochs = ("cvae", options.epochs) if name == "conditional" else ("vae", options.plain)
    model = Autoencoder(
        preset,
        options.latents,
        network="subpixel",
        likelihood="optimal_gaussian",
        batch_size=64,
        learning_rate=options.rate,
        max_epochs=epochs,
        validation=0.05,
        seed=options.seed,
        progress=False,
    )
    wall, cpu = time.perf_counter(), time.process_time()
    model.fit(X, context=context)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(f"{name}: {epochs} epochs in {wall / 60:.1f} min, {cpu / 60:.1f} CPU min", flush=True)
    model.save(run)
    return model


def pixels(images):
    return torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255


def distance(a, b):
    """Root mean square difference of each pair of images, 0 to 1."""
    return np.sqrt(((a.astype(float) - b.astype(float)) ** 2).mean((1, 2, 3))) / 255


def print_recognition(judge, X, made, truth):
    """Accuracy of the judge on originals and on reconstructions."""
    on, off = judge(pixels(X)), judge(pixels(made))
    for name in truth:
        right = [(predicted[name] == truth[name].to_numpy()).mean() for predicted in (on, off)]
        print(f"  {name:14} {right[0]:.3f} {right[1]:.3f}  ratio {right[1] / right[0]:.3f}")
        figure = f"judge's accuracy over that on originals: {name}"
        keep("conditional VAE", {figure: right[1] / right[0]}, part="reconstructions")


def print_edit(name, judge, made, before, exact, edit, seen):
    """One row: flip, least kept, distances from the reconstruction and the exact render.

    ``seen`` says for either edited attribute on which faces it is seen; all others always are.
    """
    attribute, to = edit
    predicted, was = judge(pixels(made)), judge(pixels(before))
    flip, shown = predicted[attribute] == to, seen[attribute]
    everywhere = np.ones(len(made), bool)
    same = {k: predicted[k] == was[k] for k in predicted if k != attribute}
    kept = {k: same[k].mean() for k in same}
    kept_seen = {k: same[k][seen.get(k, everywhere)].mean() for k in same}
    least, least_seen = min(kept, key=kept.get), min(kept_seen, key=kept_seen.get)
    print(
        f"  {name:22} flip {flip.mean():.3f} (seen {flip[shown].mean():.3f})  least kept "
        f"{kept[least]:.3f} {least} (seen {kept_seen[least_seen]:.3f} {least_seen})  from "
        f"reconstruction {distance(made, before).mean():.4f}  from exact "
        f"{distance(made, exact)[shown].mean():.4f}",
        flush=True,
    )
    figures = {
        "flip, all": flip.mean(),
        "flip, seen": flip[shown].mean(),
        "least kept, all": f"{kept[least]:.3f} {least}",
        "least kept, seen": f"{kept_seen[least_seen]:.3f} {least_seen}",
        "distance from the exact render": distance(made, exact)[shown].mean(),
    }
    keep(name, figures, part=f"{attribute} to {to}, {len(made)} faces", seeds=1)


def random_like(direction, seed):
    drawn = torch.randn(direction.step.shape, generator=torch.Generator().manual_seed(seed))
    return tasks.Direction(drawn / drawn.norm() * direction.step.norm(), "random")


def nearest(model, X, pool):
    """For each face the nearest of the pool, by the plain model's latents."""
    z, others = (torch.from_numpy(model.transform(images)) for images in (X, pool))
    return pool[torch.cdist(z, others).argmin(1).numpy()]


def edits_of(edit, options, models, train, test):
    """Every way to edit the test faces: name, edited, and what it is compared with."""
    (X, labels), (T, given) = train, test
    attribute, to = edit
    conditional, plain = (models[name] for name in ("conditional", "plain"))
    swap = tasks.find_edit(conditional.trained_, T, given, attribute=attribute, to=to)
    before = conditional.reconstruct(T, given)
    yield "no edit (conditional)", before, before
    yield "swap", tasks.apply_edit(conditional.trained_, T, swap, 1.0, given), before
    plainly = plain.reconstruct(T)
    yield "no edit (plain)", plainly, plainly
    some = {"attribute": attribute, "to": to}
    for method in METHODS:
        way = tasks.find_edit(plain.trained_, X[:HALF], labels[:HALF], method=method, **some)
        for strength in (1.0, 1.5, 2.0):
            made = tasks.apply_edit(plain.trained_, T, way, strength)
            yield f"{method}, strength {strength:g}", made, plainly
        if method == "mean":
            drawn = random_like(way, options.seed)
            yield "random direction", tasks.apply_edit(plain.trained_, T, drawn), plainly
    pool = X[(labels[attribute] == to).to_numpy()]
    yield "nearest real face", nearest(plain, T, pool), T


def main(options):
    torch.set_num_threads(options.threads)
    X, labels, T, truth, exact = read(options.data)
    models = {
        "conditional": fitted("conditional", options, X, labels),
        "plain": fitted("plain", options, X, None),
    }
    second = Labels.of(labels[HALF:].reset_index(drop=True))
    judge = attribute_classifier(Items(pixels(X[HALF:])), second, epochs=12, seed=options.seed)
    T, truth = T[: options.faces], truth[: options.faces]
    print("the judge on originals, on reconstructions of the conditional model, and their ratio:")
    print_recognition(judge, T, models["conditional"].reconstruct(T, truth), truth)
    for edit in EDITS:
        attribute, value = edit
        to = next(label for label in labels[attribute].unique() if label.strip("#") == value)
        lacking = (truth[attribute] != to).to_numpy()
        faces, given = T[lacking], truth[lacking].reset_index(drop=True)
        wanted = exact[edit][: options.faces][lacking]
        seen = {
            name: (exact[name, value][: options.faces][lacking] != faces).any((1, 2, 3))
            for name, value in EDITS
        }
        print(f"{attribute} to {to}: {lacking.sum()} faces, seen on {seen[attribute].sum()}")
        change = attribute, to
        print_edit("exact render", judge, wanted, faces, wanted, change, seen)
        print_edit("original", judge, faces, faces, wanted, change, seen)
        strips = [faces[:8], wanted[:8]]
        names = ["original", "exact"]
        rows = edits_of(change, options, models, (X, labels), (faces, given))
        for name, made, before in rows:
            print_edit(name, judge, made, before, wanted, change, seen)
            if name in ("no edit (conditional)", "swap", "mean, strength 1", "nearest real face"):
                strips.append(made[:8])
                names.append(name)
        figure = edit_strips(np.stack(strips, 1), [n.split(",")[0].split(" (")[0] for n in names])
        save_figure(figure, options.runs / f"{attribute}.png")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--runs", type=Path, default=Path("runs/editing"), help="models, pictures")
    parser.add_argument("--epochs", type=int, default=14, help="of the conditional model")
    parser.add_argument("--plain", type=int, default=5, help="epochs of the plain model")
    parser.add_argument("--rate", type=float, default=3e-3, help="peak learning rate")
    parser.add_argument("--latents", type=int, default=16)
    parser.add_argument("--faces", type=int, default=1_000, help="test faces")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    add_option(parser)
    options = parser.parse_args()
    with recording("editing", options.results):
        main(options)
