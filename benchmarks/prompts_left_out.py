"""Prompts on two sets of pictures on which nothing was chosen: clothes and emoji.

    python benchmarks/prompts_left_out.py fashion --metric DIR --minutes 5
    python benchmarks/prompts_left_out.py emoji --data DIR --names data.json --minutes 10

fashion: Fashion-MNIST, each picture with one of the ten names of its class as the caption. The
classifier of DIR/measure.py says whether the samples show what was asked for; 100 % is its accuracy
on test pictures. Its features give the Frechet distance to the 10,000 test pictures.

emoji: emoji_pairs32 of DIR (Noto and Twemoji, 32x32), with the label and tags that data.json of the
npm package emojibase-data has for each as captions. A fifth of all emoji are left out of training,
and asked for by their label; a judge of nine categories that learned from all real pictures says
whether what is drawn is of the category asked for. "words never read" are prompts of only those
words of the left-out emoji that stand in no caption of training, which static embeddings alone can
read (--text wordllama).
"""

import argparse
import json
import re
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from default_quality import find_metric
from prompts import accuracies, codes_of, timed, trained_judge
from results import add_option, keep, recording

from vaekit import Autoencoder
from vaekit.datasets import fashion_mnist
from vaekit.plots import image_grid, save_figure

KINDS = ("latent_diffusion", "vq_transformer", "flow_matching", "cvae", "gan")
GUIDED = ("latent_diffusion", "flow_matching")
CLOTHES = (
    "a t-shirt", "trousers", "a pullover", "a dress", "a coat",
    "a sandal", "a shirt", "a sneaker", "a bag", "an ankle boot",
)  # fmt: skip
LEFT_OUT = 0.2


def fitted(kind, images, captions, options, seed):
    model = Autoencoder(
        kind, text=options.text, seed=seed, max_minutes=options.minutes, max_epochs=10_000,
        progress=options.progress,
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(images, context=captions)


def made(model, kind, asked, seed, options):
    steering = {"guidance": options.guidance} if kind in GUIDED else {}
    return model.sample(len(asked), context=list(asked), seed=seed, **steering)


def drawn(images, name, kind, options, columns):
    if options.pictures:
        grid = image_grid(images, columns=columns)
        save_figure(grid, Path(options.pictures) / f"{name}-{kind}.png")


def fashion(options):
    metric = find_metric(options.metric)
    train, test = fashion_mnist("train"), fashion_mnist("test")
    classify = metric.model if hasattr(metric, "model") else metric.m

    @torch.no_grad()
    def named(images):
        x = torch.from_numpy(np.ascontiguousarray(images)).view(-1, 1, 28, 28).float() / 255
        return torch.cat([classify(part).argmax(1) for part in x.split(1000)]).numpy()

    best = (named(test.images) == test.labels).mean()
    print(f"judge on test pictures: {best:.4f}")
    captions = [CLOTHES[label] for label in train.labels]
    labels = np.arange(5000) % len(CLOTHES)
    for kind in options.kinds:
        for seed in range(options.seeds):
            started = time.monotonic()
            model = fitted(kind, train.images, captions, options, seed)
            samples = made(model, kind, [CLOTHES[label] for label in labels], seed, options)
            figures = {
                "asked and drawn, %": 100 * float((named(samples) == labels).mean() / best),
                "Frechet": metric.score(samples)["fcd"],
                "s per prompted picture": timed(model, CLOTHES[0]),
            }
            drawn(samples[:60], "fashion", kind, options, 20)
            told("Fashion-MNIST, ten words", kind, seed, started, figures, options)


def words(text):
    return re.findall(r"[a-z]+", text.lower())


def read_emoji(options):
    folder = options.data / "emoji_pairs32"
    if not folder.is_dir() or options.names is None:
        raise SystemExit("emoji needs the folder emoji_pairs32 in --data, and --names data.json.")
    rows = pd.read_csv(folder / "labels.csv.gz")
    with np.load(folder / "emoji_pairs32.npz") as stored:
        pairs = stored["google"], stored["twitter"]
    known = {}
    for entry in json.loads(options.names.read_text()):
        for one in (entry, *entry.get("skins", ())):
            code = one["hexcode"].lower().replace("-fe0f", "")
            known[code] = (one["label"], one.get("tags") or entry.get("tags") or [])
    found = [known.get(code.lower().replace("-fe0f", "")) for code in rows.code]
    kept = np.array([one is not None for one in found]) & (rows.category != "Component").to_numpy()
    print(f"{kept.sum()} of {len(rows)} emoji have a name and a category")
    texts = [one for one, keep in zip(found, kept, strict=True) if keep]
    return rows[kept].reset_index(drop=True), tuple(part[kept] for part in pairs), texts


def emoji(options):
    rows, pairs, texts = read_emoji(options)
    rng = np.random.default_rng(0)
    held_out = rng.random(len(rows)) < LEFT_OUT
    names = {"category": sorted(rows.category.unique())}
    codes = codes_of(rows[["category"]], names)
    judge = trained_judge(
        np.concatenate([enlarged(part) for part in pairs]), codes.repeat(2, 1), names, 12
    )
    real = accuracies(judge, enlarged(pairs[0][held_out]), codes[held_out])[0]
    print(f"judge on real pictures, which it knows: {real:.3f}")
    captions = [captions_of(text) for text, out in zip(texts, held_out, strict=True) if not out]
    images = np.concatenate([part[~held_out] for part in pairs])
    read = {word for several in captions for text in several for word in words(text)}
    asked = [label for (label, _), out in zip(texts, held_out, strict=True) if out]
    new = [" ".join(w for w in words(text) if w not in read and len(w) > 2) for text in asked]
    fresh = np.array([bool(text) for text in new])
    wanted = codes[held_out]
    print(f"{len(asked)} prompts; {fresh.sum()} have words never read, as {new[fresh.argmax()]!r}")
    for kind in options.kinds:
        for seed in range(options.seeds):
            started = time.monotonic()
            model = fitted(kind, images, captions * 2, options, seed)
            samples = made(model, kind, asked, seed, options)
            hits = correct(judge, samples, wanted)
            by_category = [hits[wanted[:, 0] == i].mean() for i in range(len(names["category"]))]
            unread = made(model, kind, [t for t in new if t], seed, options)
            figures = {
                "asked and drawn, %": 100 * float(hits.mean()),
                "mean over categories, %": 100 * float(np.nanmean(by_category)),
                "words never read, %": 100
                * float(correct(judge, unread, wanted[torch.from_numpy(fresh)]).mean()),
                "s per prompted picture": timed(model, asked[0]),
            }
            some = rng.permutation(len(asked))[:30]
            both = np.concatenate([samples[some], pairs[0][held_out][some]])
            drawn(both, "emoji", kind, options, 30)
            print("  asked: " + "; ".join(asked[i] for i in some), flush=True)
            shown = zip(names["category"], by_category, strict=True)
            print("  " + ", ".join(f"{k} {100 * v:.0f}" for k, v in shown), flush=True)
            told("emoji", kind, seed, started, figures, options)


def captions_of(text):
    """The label, and two captions of tags where there are some."""
    label, tags = text
    return [label, ", ".join(tags) or label, f"{label}: {', '.join(tags[::-1])}"]


def enlarged(images):
    """The judge of faces looks at pictures of twice the side."""
    return images.repeat(2, axis=1).repeat(2, axis=2)


def correct(judge, images, wanted):
    with torch.no_grad():
        parts = np.array_split(enlarged(images), max(1, len(images) // 500))
        x = [torch.from_numpy(part).permute(0, 3, 1, 2).float() / 255 for part in parts]
        found = torch.cat([judge(part)[0].argmax(1) for part in x])
    return (found == wanted[:, 0]).numpy()


def told(name, kind, seed, started, figures, options):
    shown = ", ".join(f"{k} {v:.4g}" for k, v in figures.items())
    print(f"{kind}, seed {seed}, {time.monotonic() - started:.0f} s: {shown}", flush=True)
    note = f"{options.minutes:g} minutes on {options.threads} threads, text={options.text}"
    keep(f"{name}: {kind}, {options.text}", figures, part=f"seed {seed}", note=note)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("set", choices=("fashion", "emoji"))
    parser.add_argument("--data", type=Path)
    parser.add_argument("--metric", type=Path)
    parser.add_argument("--names", type=Path, help="data.json of emojibase-data")
    parser.add_argument("--kinds", nargs="+", default=["latent_diffusion"], choices=KINDS)
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--text", default="learned")
    parser.add_argument("--guidance", type=float, default=1.5)
    parser.add_argument("--progress", action="store_true")
    parser.add_argument("--pictures", help="folder to draw samples into")
    add_option(parser)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    with recording("prompts_left_out", options.results):
        {"fashion": fashion, "emoji": emoji}[options.set](options)
