"""PyOD's part of anomalies.py: run by a Python that has PyOD.

anomalies_pyod.py FOLDER SEED THREADS reads FOLDER/data.npz, writes FOLDER/scores.npz.
"""

import sys

import numpy as np
import torch
from pyod.models.auto_encoder import AutoEncoder
from pyod.models.ecod import ECOD
from pyod.models.hbos import HBOS
from pyod.models.knn import KNN
from pyod.models.vae import VAE

folder, seed, threads = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
torch.set_num_threads(threads)
data = np.load(f"{folder}/data.npz")
models = {
    "HBOS": HBOS(),
    "ECOD": ECOD(),
    "KNN": KNN(),
    "AutoEncoder": AutoEncoder(random_state=seed, verbose=0),
    "VAE": VAE(random_state=seed, verbose=0),
}
scores = {name: m.fit(data["train"]).decision_function(data["test"]) for name, m in models.items()}
np.savez(f"{folder}/scores.npz", **scores)
