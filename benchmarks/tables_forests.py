"""Generators of tables made of trees, on the rows of FOLDER/train.csv; run in the peer's Python.

    PEER/bin/python benchmarks/tables_forests.py KIND FOLDER SEED COUNT

KIND is ``arf``, adversarial random forests (Watson et al. 2023) as arfpy has them with its
defaults, or ``forest_diffusion`` (Jolicoeur-Martineau et al. 2024) with its defaults but 20 noise
levels and 20 copies of each row, where 50 and 100 take an order of magnitude longer. Missing labels
are a label of their own; arfpy refuses missing numbers, which get the median. Writes
FOLDER/rows.csv and prints the CPU seconds of fit and sampling.
"""

import sys
import time
import warnings

import numpy as np
import pandas as pd

kind, folder, seed, count = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
warnings.filterwarnings("ignore")
np.random.seed(seed)
np.in1d = np.isin  # arfpy 0.1.1 asks for a name that NumPy 2.4 no longer has
train = pd.read_csv(f"{folder}/train.csv")
labels = [c for c in train if not pd.api.types.is_numeric_dtype(train[c])]
few = [c for c in train if c not in labels and train[c].nunique() <= 20]
numbers = [c for c in train if c not in labels and c not in few]
ready = train.copy()
for column in (*labels, *few):
    known = ready[column].astype(object).where(ready[column].notna(), "(missing)")
    ready[column] = known.astype(str).astype(object)


def arf():
    from arfpy import arf as forests

    ready[numbers] = ready[numbers].fillna(ready[numbers].median()).astype(float)
    model = forests.arf(x=ready, verbose=False, random_state=seed)
    model.forde()
    return model.forge(n=count)


def forest_diffusion():
    from ForestDiffusion import ForestDiffusionModel

    codes, known = ready.copy(), {}
    for name in (*labels, *few):
        codes[name], known[name] = pd.factorize(ready[name])
    places = {name: place for place, name in enumerate(ready)}
    binary = [places[n] for n in known if len(known[n]) <= 2]
    several = [places[n] for n in known if len(known[n]) > 2]
    whole = [places[n] for n in numbers if (train[n].dropna() % 1 == 0).all()]
    model = ForestDiffusionModel(
        codes.to_numpy(dtype=float),
        n_t=20,
        duplicate_K=20,
        bin_indexes=binary,
        cat_indexes=several,
        int_indexes=whole,
        n_jobs=1,
        seed=seed,
    )
    rows = pd.DataFrame(model.generate(batch_size=count), columns=list(ready))
    for name, own in known.items():
        coded = rows[name].round().clip(0, len(own) - 1).astype(int)
        rows[name] = np.asarray(own, dtype=object)[coded]
    return rows


started = time.process_time()
rows = {"arf": arf, "forest_diffusion": forest_diffusion}[kind]()
for column in labels:
    rows[column] = rows[column].astype(object).where(rows[column] != "(missing)", None)
for column in few:
    rows[column] = pd.to_numeric(rows[column], errors="coerce")
rows.to_csv(f"{folder}/rows.csv", index=False)
print(time.process_time() - started)
