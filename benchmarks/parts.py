"""Pictures of parts with defects and their masks, made of real pictures and drawn ones.

`make` returns what the benchmarks of anomalies in images learn from and score: 64x64 pictures of
one kind, each as a camera would see it (shifted, turned, unevenly lit, with noise), some of them
with one defect. Kinds: Fashion-MNIST, USPS digits and cartoon faces of avatars_personas64 (both
from --data), crops of the photographs of scikit-learn, and drawn gears, plates and nuts.
"""

import numpy as np
import torch
import torch.nn.functional as F
from scipy import ndimage

from vaekit.datasets import fashion_mnist

SIDE = 64
VISIBLE, FEWEST, TRIES = 0.06, 12, 60  # a mask is what differs by more, in so many pixels
NOISE = 0.012
AVATARS = "avatars_personas64/avatars_personas64.npz"


# Defects: a picture from 0 to 1 (height, width, channels), a generator, where there is something,
# another picture -> the picture with a defect.


def region(rng, content, least, most):
    """A blob with an uneven rim somewhere on the content, from 0 to 1, its middle and radius."""
    radius = rng.uniform(least, most)
    rows, columns = np.nonzero(content)
    place = rng.integers(len(rows))
    y, x = rows[place], columns[place]
    rim = ndimage.gaussian_filter(rng.normal(size=(SIDE, SIDE)), radius / 2)
    down, across = np.mgrid[:SIDE, :SIDE] - np.array([y, x])[:, None, None]
    longer, turn = rng.uniform(0.6, 1.6), rng.uniform(0, np.pi)
    u = np.cos(turn) * across + np.sin(turn) * down
    v = -np.sin(turn) * across + np.cos(turn) * down
    apart = np.sqrt((u / longer) ** 2 + (v * longer) ** 2) + radius * 0.25 * rim / rim.std()
    return np.clip(radius - apart + 0.5, 0, 1), y, x, radius


def scratch(x, rng, content, other):
    """A thin bent line, lighter or darker."""
    rows, columns = np.nonzero(content)
    place = rng.integers(len(rows))
    y, x0, turn = float(rows[place]), float(columns[place]), rng.uniform(0, 2 * np.pi)
    bend, width, fine = rng.normal() * 0.06, rng.uniform(0.5, 1.1), 4
    drawn = np.zeros((SIDE * fine, SIDE * fine))
    for _ in range(rng.integers(30, 90)):
        y, x0 = y + 0.3 * np.sin(turn), x0 + 0.3 * np.cos(turn)
        turn += bend * 0.3 + rng.normal() * 0.02
        spot = int(y * fine + 2), int(x0 * fine + 2)
        if min(spot) >= 0 and max(spot) < SIDE * fine:
            drawn[spot] = 1
    line = ndimage.distance_transform_edt(drawn == 0) <= width * fine / 2
    shift = rng.choice([-1, 1]) * rng.uniform(0.25, 0.6)
    shift = shift * (1 + 0.15 * rng.normal(size=x.shape[2]))
    return x + line.reshape(SIDE, fine, SIDE, fine).mean((1, 3))[..., None] * shift


def stain(x, rng, content, other):
    """A soft spot of another colour, through which the picture shows."""
    spot = ndimage.gaussian_filter(region(rng, content, 3, 8)[0], 1)[..., None]
    spot = spot * rng.uniform(0.5, 0.9)
    return x * (1 - spot) + spot * (0.6 * rng.uniform(size=x.shape[2]) + 0.4 * x.mean((0, 1)))


def foreign(x, rng, content, other):
    """A piece of another picture, from another place (CutPaste)."""
    piece = np.roll(other, rng.integers(-12, 13, 2), (0, 1))
    piece = np.rot90(piece, rng.integers(4))
    return np.where(region(rng, content, 3.5, 8)[0][..., None] > 0.5, piece, x)


def rough(x, rng, content, other):
    """A texture of smooth noise (DRAEM)."""
    spot = rng.uniform(0.5, 1) * region(rng, content, 3, 8)[0][..., None]
    noise = ndimage.gaussian_filter(rng.normal(size=x.shape), (*rng.uniform(0.6, 2, 2), 0))
    return x * (1 - spot) + spot * np.clip(0.5 + 0.25 * noise / noise.std(), 0, 1)


def missing(x, rng, content, other):
    """A piece that is not there: the background shows."""
    spot = region(rng, content, 3, 7.5)[0][..., None]
    background = np.median(edges(x), 0)
    if np.abs(background - x[content].mean(0)).max() < 0.12:
        background = background * rng.uniform(0.2, 0.6)
    return x * (1 - spot) + spot * background


def dent(x, rng, content, other):
    """What is there pulled together or apart, with a shade."""
    _, y, x0, radius = region(rng, content, 4, 8)
    down, across = np.mgrid[:SIDE, :SIDE].astype(float)
    near = np.exp(-1.5 * ((down - y) ** 2 + (across - x0) ** 2) / radius**2)
    pull = rng.choice([-1, 1]) * rng.uniform(0.4, 0.9) * near
    places = [down + pull * (down - y), across + pull * (across - x0)]
    light = rng.uniform(0, 2 * np.pi)
    shade = near * (np.cos(light) * (down - y) + np.sin(light) * (across - x0)) / radius
    return warped(x, places) + shade[..., None] * rng.uniform(0.2, 0.5)


def misplaced(x, rng, content, other):
    """A piece of the same picture, ten pixels away or more."""
    spot = region(rng, content, 3.5, 8)[0][..., None]
    shift = rng.choice([-1, 1], 2) * rng.integers(10, 29, 2)
    piece = np.roll(x, shift, (0, 1))
    return np.where(spot > 0.5, piece[::-1] if rng.random() < 0.5 else piece, x)


def worn(x, rng, content, other):
    """A place where all detail is gone."""
    spot = ndimage.gaussian_filter(region(rng, content, 4.5, 9)[0], 0.7)[..., None]
    smooth = ndimage.gaussian_filter(x, (*[rng.uniform(1.5, 3)] * 2, 0)) + rng.normal() * 0.06
    return x * (1 - spot) + spot * smooth


CHOSEN_ON = {"scratch": scratch, "stain": stain, "foreign": foreign, "rough": rough}
LEFT_OUT = {"missing": missing, "dent": dent, "misplaced": misplaced, "worn": worn}


def edges(x):
    return np.concatenate([x[0], x[-1], x[:, 0], x[:, -1]])


def warped(x, places):
    channels = [
        ndimage.map_coordinates(x[..., c], places, order=1, mode="nearest")
        for c in range(x.shape[2])
    ]
    return np.stack(channels, -1)


def content_of(x):
    """Where a picture is not its background; everywhere in a texture."""
    away = np.abs(x - np.median(edges(x), 0)).max(-1)
    found = ndimage.binary_opening(ndimage.gaussian_filter(away, 1) > 0.08)
    return found if found.mean() > 0.05 else np.ones(x.shape[:2], bool)


def spoiled(x, defect, rng, other):
    """The picture with a defect that can be seen, and its mask."""
    content = content_of(x)
    for _ in range(TRIES):
        found = np.clip(defect(x, rng, content, other), 0, 1)
        mask = ndimage.binary_closing(np.abs(found - x).max(-1) > VISIBLE)
        if mask.sum() >= FEWEST:
            break
    return found, mask


def seen(x, rng, shift=2.0, turn=4.0, light=0.1):
    """A picture as a camera sees it that stands a little differently each time."""
    angle, size = np.deg2rad(rng.uniform(-turn, turn)), rng.uniform(0.97, 1.03)
    rotation = size * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    middle = (SIDE - 1) / 2
    grid = np.mgrid[:SIDE, :SIDE].reshape(2, -1) - middle
    places = rotation @ grid + middle + rng.uniform(-shift, shift, (2, 1))
    slope = np.linspace(-1, 1, SIDE) * light / 2
    down, across = slope * rng.uniform(-1, 1), slope * rng.uniform(-1, 1)
    bright = 1 + rng.uniform(-light, light) + down[:, None, None] + across[None, :, None]
    return np.clip(warped(x, places.reshape(2, SIDE, SIDE)) * bright, 0, 1)


def recorded(x, rng):
    noisy = x + NOISE * rng.normal(size=x.shape)
    return (np.clip(noisy, 0, 1) * 255).round().astype(np.uint8)


# Kinds of pictures: a generator, how many, the folder of data -> (n, 64, 64, channels), 0 to 1.


def enlarged(images):
    x = torch.from_numpy(np.pad(images, ((0, 0), (2, 2), (2, 2)))[:, None].astype(np.float32) / 255)
    x = F.interpolate(x, (SIDE, SIDE), mode="bicubic", antialias=True).clamp(0, 1)
    return x.permute(0, 2, 3, 1).numpy()


def clothes(label):
    def draw(rng, count, data):
        known = fashion_mnist("train")
        places = rng.permutation(np.flatnonzero(known.labels == label))[:count]
        return enlarged(known.images[places])

    return draw


def digits(label):
    def draw(rng, count, data):
        known = np.load(data / "usps/usps.npz")
        images = np.concatenate([known["x_train"], known["x_test"]])
        labels = np.concatenate([known["y_train"], known["y_test"]])
        return enlarged(images[np.resize(rng.permutation(np.flatnonzero(labels == label)), count)])

    return draw


def avatars(**setting):
    def draw(rng, count, data):
        import pandas as pd

        known = np.load(data / AVATARS)
        told = pd.read_csv(data / "avatars_personas64/attributes.csv.gz")
        images = np.concatenate([known["x_test"], known["x_train"]])  # in the order of the table
        fits = np.all([told[name] == value for name, value in setting.items()], axis=0)
        return images[np.resize(rng.permutation(np.flatnonzero(fits)), count)] / np.float32(255)

    return draw


def photograph(name):
    def draw(rng, count, data):
        from sklearn.datasets import load_sample_image

        whole = load_sample_image(name) / np.float32(255)
        rows, columns = (rng.integers(0, side - SIDE + 1, count) for side in whole.shape[:2])
        pairs = zip(rows, columns, strict=True)
        return np.stack([whole[y : y + SIDE, x : x + SIDE] for y, x in pairs])

    return draw


def gear(radius, angle, across, down):
    rim = 24 + 2.2 * np.tanh(3 * np.sin(12 * angle))
    holes = (np.abs(radius - 15.5) < 2.6) & (np.cos(5 * angle) > 0.75)
    return (radius < rim) & (radius > 8) & ~holes


def nut(radius, angle, across, down):
    flat = radius * np.cos((angle + np.pi / 6) % (np.pi / 3) - np.pi / 6)
    return (flat < 21) & (radius > 10)


def plate(radius, angle, across, down):
    whole = (np.abs(across) < 26) & (np.abs(down) < 18)
    holes = np.hypot(np.abs(across) - 20, np.abs(down) - 12) <= 3
    return whole & ~holes & ~((np.abs(across) < 9) & (np.abs(down) < 3))


def drawn(shape, colour, background):
    """Brushed metal with lit edges on a plain ground, at any angle."""

    def draw(rng, count, data):
        return np.stack([one(rng) for _ in range(count)]).astype(np.float32)

    def one(rng):
        down, across = np.mgrid[: 2 * SIDE, : 2 * SIDE] / 2 - SIDE / 2 + 0.25
        down, across = down - rng.uniform(-2, 2), across - rng.uniform(-2, 2)
        angle = np.arctan2(down, across) + rng.uniform(0, 2 * np.pi)
        mask = shape(np.hypot(down, across), angle, across, down)
        slopes = np.gradient(ndimage.gaussian_filter(mask.astype(float), 2))
        light = rng.uniform(0, 2 * np.pi)
        lit = 1.8 * (np.cos(light) * slopes[0] + np.sin(light) * slopes[1])
        large = np.where(mask[..., None], colour, background) + lit[..., None]
        brushed = ndimage.gaussian_filter(rng.normal(size=(SIDE, SIDE)), (0.6, 6))
        brushed = 0.03 * brushed / brushed.std() * halved(mask[..., None])[..., 0]
        return np.clip(halved(large) + brushed[..., None], 0, 1)

    return draw


def halved(x):
    return x.reshape(SIDE, 2, SIDE, 2, -1).mean((1, 3))


STILL = {"shift": 0.0, "turn": 0.0}
CHOSEN_SETS = {
    "sneakers": (clothes(7), {}),
    "faces, squared": (avatars(body="squared", hair="shortCombover"), {}),
    "gears": (drawn(gear, (0.62, 0.63, 0.66), (0.18, 0.2, 0.22)), STILL),
    "plates": (drawn(plate, (0.35, 0.45, 0.6), (0.9, 0.9, 0.88)), {}),
}
LEFT_OUT_SETS = {
    "boots": (clothes(9), {}),
    "faces, small": (avatars(body="small", hair="long"), {}),
    "digits": (digits(6), {}),
    "nuts": (drawn(nut, (0.72, 0.62, 0.4), (0.85, 0.86, 0.88)), STILL),
    "petals": (photograph("flower.jpg"), {}),
}
SETS = CHOSEN_SETS | LEFT_OUT_SETS


def make(name, seed, data, defects, *, learned=600, good=150, each=40):
    """Pictures of one kind.

    Args:
        name: One of `SETS`.
        seed: Of everything random.
        data: The folder with avatars_personas64 and usps.
        defects: The kinds of defects by name.
        learned: Good pictures to learn from.
        good: Good ones to score.
        each: Pictures to score with a defect of each kind.

    Returns:
        The pictures to learn from, uint8; those to score; where their defects are, shape (n, 64,
        64); the kind of the defect of each, "" for none.
    """
    rng = np.random.default_rng([seed, *name.encode()])
    source, camera = SETS[name]
    count = learned + good + each * len(defects)
    pictures = np.stack([seen(x, rng, **camera) for x in source(rng, count, data)])
    train = np.stack([recorded(x, rng) for x in pictures[:learned]])
    none = np.zeros((SIDE, SIDE), bool)
    found = [(x, none, "") for x in pictures[learned : learned + good]]
    kinds = np.repeat(list(defects), each)
    for x, kind in zip(pictures[learned + good :], kinds, strict=True):
        other = pictures[rng.integers(learned)]
        found.append((*spoiled(x, defects[kind], rng, other), str(kind)))
    images, masks, kinds = zip(*found, strict=True)
    test = np.stack([recorded(x, rng) for x in images])
    return train, test, np.stack(masks), np.array(kinds)
