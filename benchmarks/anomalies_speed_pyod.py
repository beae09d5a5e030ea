"""PyOD's part of anomalies_speed.py: run by a Python that has PyOD.

anomalies_speed_pyod.py ROWS.npy THREADS prints the CPU seconds that its VAE takes to fit them.
"""

import sys
import time

import numpy as np
import torch
from pyod.models.vae import VAE

torch.set_num_threads(int(sys.argv[2]))
X = np.load(sys.argv[1])
VAE(random_state=0, verbose=0, epoch_num=1).fit(X[:300])  # first calls
started = time.process_time()
VAE(random_state=0, verbose=0).fit(X)
print(time.process_time() - started)
