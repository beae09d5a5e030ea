"""An autoencoder of diffusers on the images of FOLDER; run by first_stage.py in the peer's Python.

Trained by a plain loop: squared error plus 1e-6 KL, AdamW at the rate given, one cosine.
"""

import json
import math
import sys
import time

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL, AutoencoderTiny

folder, name, seconds, batch_size, rate, seed = sys.argv[1:]
seconds, batch_size, rate = float(seconds), int(batch_size), float(rate)
torch.set_num_threads(1)
torch.manual_seed(int(seed))


def tensor(images):
    return torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2))).float() / 127.5 - 1


with np.load(f"{folder}/images.npz") as stored:
    train, test = tensor(stored["train"]), tensor(stored["test"])
if name == "AutoencoderTiny":
    model = AutoencoderTiny(
        encoder_block_out_channels=(32,) * 3,
        decoder_block_out_channels=(32,) * 3,
        num_encoder_blocks=(1, 1, 2),
        num_decoder_blocks=(2, 1, 1),
        latent_channels=4,
        upsampling_scaling_factor=2,
    )
else:
    model = AutoencoderKL(
        block_out_channels=(16, 32, 32),
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=8,
        sample_size=train.shape[-1],
    )


def loss_of(x):
    if name == "AutoencoderTiny":
        return F.mse_loss(model.decode(model.encode(x).latents).sample, x)
    latents = model.encode(x).latent_dist
    kl = latents.kl().mean() / x[0].numel()
    return F.mse_loss(model.decode(latents.sample()).sample, x) + 1e-6 * kl


optimizer = torch.optim.AdamW(model.parameters(), rate, (0.9, 0.99), weight_decay=0.0)
seen, order, started = 0, torch.randperm(len(train)), time.process_time()
while (place := (time.process_time() - started) / seconds) < 1:
    if len(order) < batch_size:
        order = torch.randperm(len(train))
    rows, order = order[:batch_size], order[batch_size:]
    for group in optimizer.param_groups:
        group["lr"] = rate * min(1.0, place / 0.05) * (1 + math.cos(math.pi * place)) / 2
    optimizer.zero_grad()
    loss_of(train[rows]).backward()
    optimizer.step()
    seen += batch_size
spent = time.process_time() - started
model.eval()
made = []
with torch.no_grad():
    for some in test.split(100):
        coded = model.encode(some)
        latents = coded.latents if name == "AutoencoderTiny" else coded.latent_dist.mean
        made.append(model.decode(latents).sample)
back = (torch.cat(made) / 2 + 0.5).clamp(0, 1)
np.save(f"{folder}/back.npy", back.numpy())
parameters = sum(p.numel() for p in model.parameters())
print(json.dumps({"images/s": seen / spent, "parameters": parameters}))
