"""A space of which everything is known: two latents, chains of carbon and nitrogen."""

import numpy as np
import torch

from vaekit.molecules.design import Space

MOST_CARBONS, MOST_NITROGENS = 60, 30
CENTRE, WIDTH = np.array([20.0, 8.0]), np.array([8.0, 4.0])
BEST = (36, 16)  # two standard deviations from the centre, each


def written(carbons, nitrogens):
    return "C" * carbons + "N" * nitrogens


def distance(smiles):
    return float(np.hypot(smiles.count("C") - BEST[0], smiles.count("N") - BEST[1]))


class Toy(Space):
    def __init__(self):
        self.adapted = []

    @property
    def dim(self):
        return 2

    def encode(self, smiles):
        known = np.array([len(one) > 0 and set(one) <= set("CN") for one in smiles], bool)
        counts = [(s.count("C"), s.count("N")) for s, k in zip(smiles, known, strict=True) if k]
        codes = (np.array(counts).reshape(-1, 2) - CENTRE) / WIDTH
        return known, codes.astype(np.float32)

    def decode(self, codes, temperature=1.0):
        counts = np.round(CENTRE + WIDTH * codes).astype(int)
        good = (counts >= 1).all(1) & (counts <= [MOST_CARBONS, MOST_NITROGENS]).all(1)
        return [written(*c) if fine else None for c, fine in zip(counts, good, strict=True)]

    def prior(self, n):
        return torch.randn(n, 2).numpy()

    def adapt(self, smiles, seed):
        self.adapted.append(list(smiles))
