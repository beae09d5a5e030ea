"""ctgan's TVAE on the rows of FOLDER/train.csv; run by tables.py in the peer's Python."""

import sys
import time
import warnings

import numpy as np
import pandas as pd
import torch
from ctgan import TVAE

folder, seed, threads = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
warnings.filterwarnings("ignore")
torch.set_num_threads(threads)
torch.manual_seed(seed)
np.random.seed(seed)
train = pd.read_csv(f"{folder}/train.csv")
labels = [c for c in train if not pd.api.types.is_numeric_dtype(train[c])]
few = [c for c in train if c not in labels and train[c].nunique() <= 20]
ready = train.copy()
for column in (*labels, *few):  # it loses missing labels, and reads numbers as continuous
    ready[column] = (
        ready[column].astype(object).where(ready[column].notna(), "(missing)").astype(str)
    )
numbers = [c for c in train if c not in labels and c not in few]
ready[numbers] = ready[numbers].fillna(ready[numbers].median())  # it cannot sample with holes
started = time.process_time()
model = TVAE(enable_gpu=False)
model.fit(ready, [*labels, *few])
fit, started = time.process_time() - started, time.process_time()
rows = model.sample(len(train))
sampling = (time.process_time() - started) * 1000 / len(train)
for column in labels:
    rows[column] = rows[column].where(rows[column] != "(missing)", None)
for column in few:
    rows[column] = pd.to_numeric(rows[column], errors="coerce")
rows.to_csv(f"{folder}/rows.csv", index=False)
print(fit, sampling)
