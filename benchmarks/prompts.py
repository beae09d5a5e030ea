"""Is what a prompt asks for drawn? Cartoon faces with captions, by each kind of model.

    python benchmarks/prompts.py --data DIR --minutes 15 --seeds 3
    python benchmarks/prompts.py --data DIR --cpu-minutes 15 --kinds latent_diffusion diffusers

DIR holds avatars_personas64: avatars_personas64.npz with x_train and x_test (n, 64, 64, 3) as
bytes, and attributes.csv.gz, test rows first. Captions are written from the nine attributes by
varied templates. A tenth of the pairs of a hair colour and a mouth is left out of training.

A judge, a classifier of every attribute that learned from all real training pictures and is used
for nothing else, says of each sample whether it shows what its prompt asked. A figure of 100 % is
its accuracy on the real test pictures with those captions. The Frechet distance is taken in 64
principal components of EfficientNet's features, between prompted samples and the test pictures
with the same captions; beside it that of the same fit without captions. Copies are the share of
samples that lie nearer to a training picture (in pixels) than a real test picture does, of pairs.
The kind "diffusers" is a peer of about the size of latent_diffusion; see prompts_diffusers.py.
"""

import argparse
import itertools
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from prompts_diffusers import Peer
from results import add_option, keep, recording
from torch import nn

from vaekit import Autoencoder
from vaekit.metrics import efficientnet_features, frechet_distance, reduced_features
from vaekit.plots import image_grid, save_figure

KINDS = ("latent_diffusion", "vq_transformer", "flow_matching", "image_vae", "cvae", "gan")
PEER = "diffusers"
GUIDED = ("latent_diffusion", "flow_matching", "image_vae", "cvae", PEER)
HAIR_COLORS = {
    "#e16381": "pink", "#362c47": "black", "#f27d65": "coral", "#e15c66": "red",
    "#f29c65": "orange", "#dee1f5": "white", "#6c4545": "brown",
}  # fmt: skip
CLOTHES = {
    "#f55d81": "pink", "#6dbb58": "green", "#54d7c7": "turquoise", "#7555ca": "purple",
    "#f3b63a": "yellow", "#e24553": "red", "#456dff": "blue",
}  # fmt: skip
SKINS = {
    "#92594b": "brown", "#e7a391": "rosy", "#d78774": "tanned", "#eeb4a4": "pale",
    "#e5a07e": "peach", "#b16a5b": "bronze", "#623d36": "dark",
}  # fmt: skip
BODIES = {
    "small": ("a small body", "narrow shoulders"),
    "squared": ("a square body", "broad shoulders"),
    "checkered": ("a checkered shirt", "checks on the shirt"),
    "rounded": ("a round body", "round shoulders"),
}
EYES = {
    "glasses": ("glasses", "wearing glasses"),
    "sunglasses": ("sunglasses", "wearing shades"),
    "wink": ("winking", "a wink"),
    "happy": ("happy eyes", "eyes full of joy"),
    "sleep": ("sleepy eyes", "eyes closed"),
    "open": ("open eyes", "eyes wide open"),
}
MOUTHS = {
    "bigSmile": ("a big smile", "grinning"),
    "smirk": ("a smirk", "smirking"),
    "surprise": ("a surprised mouth", "looking surprised"),
    "pacifier": ("a pacifier", "sucking a pacifier"),
    "lips": ("full lips", "pouting lips"),
    "smile": ("a smile", "smiling"),
    "frown": ("a frown", "frowning"),
}
NOSES = {
    "wrinkles": ("a wrinkled nose", "wrinkles on the nose"),
    "smallRound": ("a small nose", "a tiny round nose"),
    "mediumRound": ("a round nose", "a medium nose"),
}
BEARDS = {
    "": ("no beard", "clean shaven"),
    "beardMustache": ("a full beard", "beard and mustache"),
    "shadow": ("a stubble", "unshaven"),
    "pyramid": ("a pyramid mustache", "a mustache like a pyramid"),
    "soulPatch": ("a soul patch", "a small tuft on the chin"),
    "walrus": ("a walrus mustache", "a drooping mustache"),
    "goatee": ("a goatee", "a pointed beard"),
}
NOUNS = ("a person", "a portrait of a person", "somebody", "a cartoon face", "a character")
HELD_OUT = ("hairColor", "mouth")
LEFT_OUT, OMITTED = 0.1, 0.1


def spaced(name):
    """``shortComboverChops`` as ``short comboverchops`` would be read: words, in lower case."""
    return "".join(f" {c.lower()}" if c.isupper() else c for c in name)


def caption(row, rng, omitted=OMITTED):
    """A caption of one face: its attributes in any order, some of them left out."""

    def one(choices):
        return choices[rng.integers(len(choices))]

    color, style = HAIR_COLORS[row.hairColor], spaced(row.hair)
    clothes, skin = CLOTHES[row.clothingColor], SKINS[row.skinColor]
    parts = [
        one((f"{color} hair", f"hair dyed {color}", f"{color} haired")),
        one((f"a {style} hairstyle", f"hair: {style}", f"{style} on the head")),
        one((f"{clothes} clothes", f"dressed in {clothes}", f"a {clothes} shirt")),
        one((f"{skin} skin", f"{skin} complexion")),
        one(BODIES[row.body]),
        one(EYES[row.eyes]),
        one(MOUTHS[row.mouth]),
        one(NOSES[row.nose]),
        one(BEARDS[row.facialHair]),
    ]
    kept = [part for part in rng.permutation(parts) if rng.random() >= omitted]
    return f"{one(NOUNS)} with {', '.join(kept)}"


def captions(rows, seed, omitted=OMITTED):
    rng = np.random.default_rng(seed)
    return [caption(row, rng, omitted) for row in rows.itertuples()]


def read_faces(folder):
    folder = folder / "avatars_personas64"
    if not folder.is_dir():
        raise SystemExit(f"prompts.py needs the folder avatars_personas64 in --data; not {folder}.")
    with np.load(folder / "avatars_personas64.npz") as stored:
        images = stored["x_train"], stored["x_test"]
    rows = pd.read_csv(folder / "attributes.csv.gz", keep_default_na=False)
    count = len(images[1])
    return images, (rows[count:].drop(columns="split"), rows[:count].drop(columns="split"))


def left_out_pairs(rows):
    """Which rows have a pair of the tenth that never occurs in training."""
    pairs = rows[list(HELD_OUT)].agg("/".join, axis=1)
    known = np.array(sorted(pairs.unique()))
    chosen = np.random.default_rng(0).permutation(known)[: round(LEFT_OUT * len(known))]
    return pairs.isin(chosen).to_numpy()


class Judge(nn.Module):
    """Convolutions that name every attribute of a face."""

    def __init__(self, counts):
        super().__init__()
        layers = [nn.PixelUnshuffle(2), *convolved(12, 48)]
        for before, after in itertools.pairwise((48, 64, 96, 128)):
            layers += [*convolved(before, after, stride=2), *convolved(after, after)]
        self.body = nn.Sequential(
            *layers, nn.Flatten(), nn.Dropout(0.2), nn.Linear(128 * 16, 256), nn.ReLU()
        )
        self.heads = nn.ModuleList(nn.Linear(256, count) for count in counts)

    def forward(self, images):
        """Logits of each attribute."""
        h = self.body(images.contiguous(memory_format=torch.channels_last))
        return [head(h) for head in self.heads]


def convolved(before, after, stride=1):
    return [
        nn.Conv2d(before, after, 3, stride, padding=1),
        nn.BatchNorm2d(after),
        nn.ReLU(inplace=True),
    ]


def tensor(images):
    images = torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2)
    return images.float() / 255


def codes_of(rows, names):
    return torch.tensor(
        [
            [names[column].index(value) for column, value in row.items()]
            for _, row in rows.iterrows()
        ]
    )


def trained_judge(images, codes, names, epochs):
    torch.manual_seed(0)
    judge = Judge([len(values) for values in names.values()])
    steps = epochs * (len(images) // 128)
    optimizer = torch.optim.AdamW(judge.parameters(), 2e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, steps)
    for _ in range(epochs):
        for some in torch.randperm(len(images)).split(128)[:-1]:
            x = tensor(images[some.numpy()])
            logits = judge(x)
            losses = [
                nn.functional.cross_entropy(logit, codes[some, i]) for i, logit in enumerate(logits)
            ]
            optimizer.zero_grad()
            sum(losses).backward()
            optimizer.step()
            schedule.step()
    return judge.eval()


@torch.no_grad()
def accuracies(judge, images, codes):
    found = [
        torch.stack([logit.argmax(1) for logit in judge(tensor(part))], 1)
        for part in np.array_split(images, max(1, len(images) // 500))
    ]
    return (torch.cat(found) == codes).float().mean(0).numpy()


def copies(samples, test, train, count=500):
    """Share of pairs whose sample lies nearer to a training picture than the test picture does."""

    def nearest(images):
        flat = torch.from_numpy(images[:count]).flatten(1).float()
        parts = torch.from_numpy(train).flatten(1).float().split(2000)
        return torch.stack([torch.cdist(flat, part).min(1).values for part in parts]).min(0).values

    return float((nearest(samples) < nearest(test)).float().mean())


def fitted(kind, images, context, options, seed):
    if kind == PEER:
        return Peer(images, context, 60 * options.cpu_minutes, seed)
    chosen = {"text": options.text} if context is not None else {}
    limit = "max_minutes" if options.cpu_minutes is None else "cpu_minutes"
    chosen[limit] = options.cpu_minutes or options.minutes
    model = Autoencoder(kind, seed=seed, max_epochs=10_000, progress=options.progress, **chosen)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(images, context=context)


def ways_of_drawing(kind, options):
    """Options of `sample` by what the names of figures say of them."""
    scales = options.guidance if kind in GUIDED else [1.0]
    ways = {}
    for scale, count in itertools.product(scales, [1] if kind == PEER else options.rerank):
        way = f", guidance {scale:g}" if len(scales) > 1 else ""
        way += f", best of {count}" if count > 1 else ""
        ways[way] = {"guidance": scale} if kind in GUIDED else {}
        if kind in GUIDED and options.steps:
            ways[way]["steps"] = options.steps
        if count > 1:
            ways[way]["rerank"] = count
    return ways


def timed(model, prompt, drawing):
    """Seconds of one thread's processor for one prompted picture; the median of five.

    Of the processor, since others that wait for the same core are no property of the model.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    model.sample(1, context=prompt, seed=0, **drawing)
    spent = []
    for seed in range(5):
        started = time.process_time()
        model.sample(1, context=prompt, seed=seed, **drawing)
        spent.append(time.process_time() - started)
    torch.set_num_threads(threads)
    return float(np.median(spent))


def one_kind(kind, seed, options, faces, judge):
    (train, test), (train_rows, test_rows) = faces
    names = {column: sorted(train_rows[column].unique()) for column in train_rows}
    codes = codes_of(test_rows, names)
    new_pairs, train_new = left_out_pairs(test_rows), left_out_pairs(train_rows)
    seen, written = train[~train_new], captions(train_rows[~train_new], seed)
    model = fitted(kind, seen, written, options, seed)
    figures = {}
    ways = ways_of_drawing(kind, options)
    for name, chosen in (("seen", ~new_pairs), ("new", new_pairs)):
        asked = captions(test_rows[chosen], 100 + seed, omitted=0.0)[: options.prompts]
        real, wanted = test[chosen][: options.prompts], codes[chosen][: options.prompts]
        best = accuracies(judge, real, wanted)
        for way, steering in ways.items():
            samples = model.sample(len(asked), context=asked, seed=seed, **steering)
            ratio = 100 * accuracies(judge, samples, wanted) / best
            drawn = ", ".join(f"{k} {v:.1f}" for k, v in zip(names, ratio, strict=True))
            end = f", {name} pairs{way}"
            figures[f"asked and drawn{end}, %"] = float(ratio.mean())
            figures[f"least of an attribute{end}, %"] = float(ratio.min())
            print(f"  {kind}{end}: {drawn}", flush=True)
            if name == "seen":
                figures[f"Frechet{end}"] = options.frechet(real, samples)
                figures[f"copies{end}, %"] = 100 * copies(samples, real, seen)
            if options.pictures:
                both = [a[i : i + 20] for i in (0, 20) for a in (samples, real)]
                folder = Path(options.pictures)
                picture = image_grid(np.concatenate(both), columns=20)
                file = f"{kind}-{name}{way}.png".replace(", ", "-").replace(" ", "-")
                save_figure(picture, folder / file)
    for way, steering in ways.items():
        figures[f"s per prompted picture{way}"] = timed(model, asked[0], steering)
    if options.unprompted:
        plain = fitted(kind, train, None, options, seed)
        some = test[~new_pairs][: options.prompts]
        figures["Frechet, without captions"] = options.frechet(
            some, plain.sample(len(some), seed=seed)
        )
    return figures


def main(options):
    torch.set_num_threads(options.threads)
    faces = read_faces(options.data)
    (train, test), (train_rows, test_rows) = faces
    names = {column: sorted(train_rows[column].unique()) for column in train_rows}
    judge = Judge([len(values) for values in names.values()]).eval()
    if options.judge and options.judge.exists():
        judge.load_state_dict(torch.load(options.judge, weights_only=True))
    else:
        judge = trained_judge(train, codes_of(train_rows, names), names, options.judge_epochs)
    if options.judge:
        torch.save(judge.state_dict(), options.judge)
    real = accuracies(judge, test, codes_of(test_rows, names))
    shown = dict(zip(names, real, strict=True))
    print("judge on real test pictures: " + ", ".join(f"{k} {v:.3f}" for k, v in shown.items()))
    keep("judge", {f"{k}, accuracy": float(v) for k, v in shown.items()})
    features = reduced_features(efficientnet_features(size=64), tensor(train[:2000]))
    options.frechet = lambda a, b: frechet_distance(features(tensor(a)), features(tensor(b)))
    half = len(test) // 2
    floor = options.frechet(test[:half], test[half:])
    print(f"Frechet of two halves of the test pictures: {floor:.2f}")
    for kind in options.kinds:
        for seed in range(options.seeds):
            started = time.monotonic()
            figures = one_kind(kind, seed, options, faces, judge)
            shown = ", ".join(f"{k} {v:.4g}" for k, v in figures.items())
            print(f"{kind}, seed {seed}, {time.monotonic() - started:.0f} s: {shown}", flush=True)
            note = f"{options.minutes:g} minutes on {options.threads} threads"
            if options.cpu_minutes is not None:
                note = f"{options.cpu_minutes:g} minutes of processor time"
            keep(kind, figures, part=f"seed {seed}", note=note)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--kinds", nargs="+", default=list(KINDS), choices=[*KINDS, PEER])
    parser.add_argument("--minutes", type=float, default=15)
    parser.add_argument("--cpu-minutes", type=float, help="in place of --minutes; as of the peer")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--prompts", type=int, default=500)
    parser.add_argument("--text", default="learned")
    parser.add_argument("--guidance", type=float, nargs="+", default=[1.5])
    parser.add_argument("--rerank", type=int, nargs="+", default=[1], help="candidates for each")
    parser.add_argument("--steps", type=int, help="of the solver; 20 where it is left out")
    parser.add_argument("--judge", type=Path, help="file to keep the judge's weights in")
    parser.add_argument("--judge-epochs", type=int, default=8)
    parser.add_argument("--unprompted", action="store_true", help="fit without captions as well")
    parser.add_argument("--progress", action="store_true")
    parser.add_argument("--pictures", help="folder to draw samples into")
    add_option(parser)
    options = parser.parse_args()
    if PEER in options.kinds and (options.cpu_minutes is None or options.unprompted):
        parser.error(f"{PEER} is trained with captions, for --cpu-minutes.")
    with recording("prompts", options.results):
        main(options)
