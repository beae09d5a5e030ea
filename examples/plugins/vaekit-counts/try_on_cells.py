"""Both likelihoods on single cells: held-out bounds, cell types from latents, zeros of samples.

``python examples/plugins/vaekit-counts/try_on_cells.py cells.npz`` reads ``counts_est`` (cells,
genes) and ``cell_type`` from an .npz file, for instance of the 700 cells of PBMC68k that scanpy
ships. Three seeds; every fifth cell is held out.
"""

import argparse
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score

from vaekit import Autoencoder


def main() -> None:
    """Print a line for each likelihood."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", type=Path, help="An .npz file with counts_est and cell_type.")
    parser.add_argument("--epochs", type=int, default=100)
    options = parser.parse_args()
    if not options.path.exists():
        raise SystemExit(f"there must be a file of cells at {options.path}; there is none.")
    data = np.load(options.path, allow_pickle=False)
    counts, types = data["counts_est"].astype(np.int64), data["cell_type"]
    held_out = np.arange(len(counts)) % 5 == 0
    print(f"zeros of real cells {(counts == 0).mean():.3f}")
    for likelihood in ("negative_binomial", "zero_inflated_negative_binomial"):
        rows = []
        for seed in range(3):
            model = Autoencoder(
                domain="counts",
                likelihood=likelihood,
                latent_dim=10,
                max_epochs=options.epochs,
                seed=seed,
                progress=False,
            ).fit(counts[~held_out])
            z = model.transform(counts)
            known = cross_val_score(LogisticRegression(max_iter=2000), z, types, cv=5).mean()
            bound = model.score_samples(counts[held_out]).mean()
            zeros = (model.sample(500, seed=seed) == 0).mean()
            rows.append((bound, known, zeros))
        mean, spread = np.mean(rows, 0), np.std(rows, 0)
        words = ("bound, nats a cell", "cell types from latents", "zeros of samples")
        found = (f"{w} {m:.3f} +- {s:.3f}" for w, m, s in zip(words, mean, spread, strict=True))
        print(f"{likelihood}: {', '.join(found)}")


if __name__ == "__main__":
    main()
