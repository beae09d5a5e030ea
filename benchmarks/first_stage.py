"""The first stage of `latent_diffusion`: how well a grid of latents gives images back, and when.

    python benchmarks/first_stage.py --data DIR --peer PEER/bin/python --minutes 3

DIR holds NAME/NAME.npz for the sets named with --sets, each with x_train and x_test (n, height,
width, 3) as bytes. Beside today's networks and objective stand those before them, and, where --peer
is given, AutoencoderTiny and AutoencoderKL of diffusers, with as many latents, about as many
parameters and random weights, trained by a plain loop (squared error plus 1e-6 KL). All learn for
so many minutes of CPU time on one thread, one after the other, without an average of weights.

Of test images it prints PSNR and SSIM of reconstructions, their Frechet distance in 64 principal
components of pixels and in 64 of EfficientNet's features, and the largest deviation of their power
from that of the images in any of 16 bands of frequencies (0 at best). Choices were made on held-out
training images.
"""

import argparse
import json
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from results import add_option, keep, recording

from vaekit.fitting import assemble
from vaekit.images import ImageDomain
from vaekit.latents import Single
from vaekit.metrics import (
    efficientnet_features,
    frechet_distance,
    raw_features,
    reduced_features,
)
from vaekit.networks import PatchCritic, SpatialDecoder, SpatialEncoder, latent_grid
from vaekit.objectives import PatchAdversary, WarmUpCosine, elbo
from vaekit.posteriors import GridGaussian
from vaekit.presets import latent_diffusion
from vaekit.presets.base import Recipe, preset_for
from vaekit.priors import StandardNormal
from vaekit.ssim import psnr, ssim
from vaekit.types import Batch, TrainingProgress

BANDS = 16
RATE = 2e-3
TICKS = 1_000_000
PEERS = ("AutoencoderTiny", "AutoencoderKL")


def tensor(images):
    return torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2))).float() / 255


def band_powers(images):
    """Mean power of grey images in rings of frequencies, seen through a Hann window."""
    grey = images.mean(1)
    grey = grey - grey.mean((1, 2), keepdim=True)
    side = grey.shape[-1]
    window = torch.hann_window(side, periodic=False)
    power = torch.fft.fft2(grey * window[:, None] * window).abs().square().mean(0)
    radius = torch.hypot(*torch.meshgrid([torch.fft.fftfreq(side)] * 2, indexing="ij"))
    band = (radius / 0.5**0.5 * BANDS).long().clamp(max=BANDS - 1).flatten()
    return torch.zeros(BANDS).index_add_(0, band, power.flatten()) / torch.bincount(band)


def before(parts):
    """What `latent_diffusion` was: strided and sub-pixel convolutions, and a critic."""
    shape = parts.some_items(1).shape[1:]
    grid = latent_grid(shape, parts.latent_dim)
    encoder, decoder = parts.encoder.links, parts.decoder.links
    encoder[1] = SpatialEncoder(shape, (32, 64), grid[0])
    decoder[0] = SpatialDecoder(grid, (64, 32), (1, *shape))
    latent = Single(GridGaussian(parts.posterior_dim, grid), StandardNormal(parts.latent_dim))
    return Recipe(parts.vae(latent), PatchAdversary(elbo(), PatchCritic(parts.channels)))


def one_of_ours(preset, train, test, options, batch_size):
    domain = ImageDomain().fit(train)
    rows = domain.prepare(train)
    recipe = assemble(preset, domain, rows, preset.latents_for(domain.event_shape))
    model, objective = recipe.model, recipe.objective
    torch.manual_seed(options.seed)
    groups = {
        name: torch.optim.AdamW(
            list(values), RATE, objective.pace(name).betas, weight_decay=0.0, fused=True
        )
        for name, values in objective.groups(model).items()
    }
    schedule, seconds = WarmUpCosine(RATE), 60 * options.minutes
    seen, order, started = 0, torch.randperm(len(rows)), time.process_time()
    while (place := (time.process_time() - started) / seconds) < 1:
        if len(order) < batch_size:
            order = torch.randperm(len(rows))
        chosen, order = order[:batch_size], order[batch_size:]
        progress = TrainingProgress(int(place * TICKS), TICKS, len(rows))
        for update in objective.losses(model, Batch(domain.encode(rows[chosen])), progress):
            for name in update.losses:
                groups[name].zero_grad()
            sum(update.losses.values()).backward()
            for name in update.losses:
                groups[name].param_groups[0]["lr"] = schedule(progress)
                groups[name].step()
        seen += batch_size
    spent = time.process_time() - started
    model.eval()
    with torch.no_grad():
        found = [
            model.decode(model.evidence(Batch(some)).draw.q.mean).mean
            for some in domain.encode(domain.prepare(test)).split(100)
        ]
    back = torch.cat([some.reshape(-1, *domain.event_shape) for some in found]).clamp(0, 1)
    parameters = sum(p.numel() for p in model.parameters())
    return back, {"images/s": seen / spent, "parameters": parameters}


def one_of_theirs(name, train, test, options):
    with tempfile.TemporaryDirectory() as folder:
        np.savez(f"{folder}/images.npz", train=train, test=test)
        script = Path(__file__).with_name("first_stage_diffusers.py")
        figures = (60 * options.minutes, options.batch_size, RATE, options.seed)
        command = [options.peer, str(script), folder, name, *map(str, figures)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        back = torch.from_numpy(np.load(f"{folder}/back.npy"))
    return back, json.loads(done.stdout.splitlines()[-1])


def one_set(name, options):
    path = options.data / name / f"{name}.npz"
    with np.load(path) as stored:
        train, test = stored["x_train"], stored["x_test"]
    real = tensor(test)
    pixels = raw_features(tensor(train[:4000]))
    features = reduced_features(efficientnet_features(size=64), tensor(train[:2000]))
    was = preset_for(
        likelihood="optimal_gaussian",
        image_network="spatial",
        latent_dim=latent_diffusion().latent_dim,
    )(before)()
    makers = {
        "`latent_diffusion`": lambda: one_of_ours(
            latent_diffusion(), train, test, options, options.batch_size
        ),
        "as it was": lambda: one_of_ours(was, train, test, options, 128),
    }
    for peer in PEERS if options.peer else ():
        makers[peer] = lambda peer=peer: one_of_theirs(peer, train, test, options)
    for subject, make in makers.items():
        back, spent = make()
        figures = {
            "PSNR, dB": psnr(back, real).mean().item(),
            "SSIM": ssim(back, real).mean().item(),
            "Frechet, pixels": frechet_distance(pixels(real), pixels(back)),
            "Frechet, EfficientNet": frechet_distance(features(real), features(back)),
            "largest band deviation, %": 100
            * (band_powers(back) / band_powers(real) - 1).abs().max().item(),
            **spent,
        }
        shown = ", ".join(f"{figure} {value:.4g}" for figure, value in figures.items())
        print(f"{name}, {subject}: {shown}", flush=True)
        note = f"{options.minutes:g} minutes of CPU time each on one thread; one seed."
        side = f"{name}, {test.shape[2]}x{test.shape[1]}"
        keep(subject, figures, part=side, seeds=1, note=note)


def main(options):
    torch.set_num_threads(1)
    for name in options.sets:
        one_set(name, options)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--sets", nargs="+", default=["avatars_personas64", "cifar10_12k"])
    parser.add_argument("--peer", help="the Python in which diffusers is installed")
    parser.add_argument("--minutes", type=float, default=3)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--seed", type=int, default=0)
    add_option(parser)
    options = parser.parse_args()
    with recording("first_stage", options.results):
        main(options)
