"""The peer of prompts.py: diffusers' AutoencoderKL and UNet2DConditionModel, by plain loops.

As its training scripts do: first the autoencoder (absolute error plus 1e-6 KL, in place of their
perceptual term, which cannot be downloaded), then a U-Net that predicts the noise of latents of
unit variance, AdamW, one cosine each, captions dropped with probability .1. Weights are not
averaged, as minutes are too short for it. In place of a text model that would be downloaded, words
are embedded with their places, and learned. Samples are drawn by 20 steps of DPM-Solver++.
"""

import math
import re
import time

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

_WORDS = 48  # of a caption
_FIRST, _FIRST_BATCH = 0.4, 16
_RATES = 1e-3, 1e-3
_BATCH, _DROPPED, _STEPS = 64, 0.1, 20


class Words(nn.Module):
    """Words of captions with their places, (batch, words, width)."""

    def __init__(self, captions, width):
        super().__init__()
        found = {word for caption in captions for word in self.split(caption)}
        self.numbers = {word: i for i, word in enumerate(sorted(found), start=1)}
        self.embedding = nn.Embedding(len(self.numbers) + 1, width)
        self.places = nn.Parameter(0.02 * torch.randn(_WORDS, width))

    @staticmethod
    def split(caption):
        """Return the words of a caption, at most 48."""
        return re.findall(r"\w+", caption.lower())[:_WORDS]

    def rows(self, captions):
        """Return numbers of words, shape (captions, 48); 0 for none and for unknown ones."""
        rows = torch.zeros(len(captions), _WORDS, dtype=torch.long)
        for row, caption in zip(rows, captions, strict=True):
            known = [self.numbers.get(word, 0) for word in self.split(caption)]
            row[: len(known)] = torch.tensor(known)
        return rows

    def forward(self, rows):
        """Return the vectors of words."""
        return self.embedding(rows) + self.places


class Peer:
    """A latent diffusion of diffusers with captions, for 64x64 pictures.

    Args:
        images: Shape (n, 64, 64, 3), bytes.
        captions: One for each.
        seconds: Of the processor, for both trainings.
        seed: Of both.
    """

    def __init__(self, images, captions, seconds, seed):
        from diffusers import AutoencoderKL, DDPMScheduler, UNet2DConditionModel

        torch.manual_seed(seed)
        self.autoencoder = AutoencoderKL(
            block_out_channels=(16, 32, 32),
            down_block_types=("DownEncoderBlock2D",) * 3,
            up_block_types=("UpDecoderBlock2D",) * 3,
            layers_per_block=1,
            latent_channels=4,
            norm_num_groups=8,
            sample_size=64,
        )
        self.unet = UNet2DConditionModel(
            sample_size=16,
            in_channels=4,
            out_channels=4,
            block_out_channels=(32, 48, 64),
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
            layers_per_block=1,
            cross_attention_dim=64,
            attention_head_dim=4,
            norm_num_groups=8,
        )
        self.words = Words(captions, 64)
        self.noise = DDPMScheduler(1000, beta_schedule="squaredcos_cap_v2")
        self._train_autoencoder(images, _FIRST * seconds)
        self._train_unet(self.words.rows(captions), (1 - _FIRST) * seconds)

    @property
    def parameters(self):
        """How many numbers are learned."""
        parts = (self.autoencoder, self.unet, self.words)
        return sum(p.numel() for part in parts for p in part.parameters())

    def _train_autoencoder(self, images, seconds):
        model = self.autoencoder.train()

        def loss_of(rows):
            x = _scaled(images[rows.numpy()])
            latents = model.encode(x).latent_dist
            kl = latents.kl().mean() / x[0].numel()
            return F.l1_loss(model.decode(latents.sample()).sample, x) + 1e-6 * kl

        _descend(model.parameters(), loss_of, len(images), _FIRST_BATCH, _RATES[0], seconds)
        model.eval()
        parts = torch.arange(len(images)).split(250)
        with torch.no_grad():
            means = [model.encode(_scaled(images[p.numpy()])).latent_dist.mean for p in parts]
        self.latents = torch.cat(means)
        self.scale = self.latents.std()

    def _train_unet(self, rows, seconds):
        both = nn.ModuleList([self.unet, self.words]).train()

        def loss_of(places):
            clean = self.latents[places] / self.scale
            times, noise = torch.randint(1000, (len(places),)), torch.randn_like(clean)
            words = self.words(rows[places]) * (torch.rand(len(places), 1, 1) >= _DROPPED)
            noisy = self.noise.add_noise(clean, noise, times)
            return F.mse_loss(self.unet(noisy, times, words).sample, noise)

        _descend(both.parameters(), loss_of, len(rows), _BATCH, _RATES[1], seconds)
        both.eval()

    @torch.no_grad()
    def sample(self, n, context, seed=0, guidance=1.0):
        """Return pictures of captions, shape (n, 64, 64, 3), bytes."""
        from diffusers import DPMSolverMultistepScheduler

        torch.manual_seed(seed)
        captions = [context] * n if isinstance(context, str) else list(context)
        made = []
        for start in range(0, n, 100):
            words = self.words(self.words.rows(captions[start : start + 100]))
            solver = DPMSolverMultistepScheduler.from_config(self.noise.config)
            solver.set_timesteps(_STEPS)
            x = torch.randn(len(words), 4, 16, 16)
            for time_ in solver.timesteps:
                both = self.unet(torch.cat([x, x]), time_, torch.cat([words, 0 * words])).sample
                asked, plain = both.chunk(2)
                x = solver.step(plain + guidance * (asked - plain), time_, x).prev_sample
            made.append(self.autoencoder.decode(x * self.scale).sample)
        pixels = (torch.cat(made) / 2 + 0.5).clamp(0, 1).mul(255).round().byte()
        return pixels.permute(0, 2, 3, 1).numpy()


def _scaled(images):
    return torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2))).float() / 127.5 - 1


def _descend(parameters, loss_of, count, batch, rate, seconds):
    """AdamW for so many seconds of the processor; the rate rises for a twentieth, then falls."""
    optimizer = torch.optim.AdamW(parameters, rate, (0.9, 0.99), weight_decay=0.0)
    seen, order, started = 0, torch.randperm(count), time.process_time()
    while (place := (time.process_time() - started) / seconds) < 1:
        if len(order) < batch:
            order = torch.randperm(count)
        rows, order = order[:batch], order[batch:]
        for group in optimizer.param_groups:
            group["lr"] = rate * min(1.0, place / 0.05) * (1 + math.cos(math.pi * place)) / 2
        optimizer.zero_grad()
        loss_of(rows).backward()
        optimizer.step()
        seen += len(rows)
    print(f"    {seen} pictures in {seconds:.0f} s", flush=True)
