"""Every model that Pythae has, beside ours: same network, epochs and batch, in one run.

    OMP_NUM_THREADS=1 python benchmarks/zoo.py --peer-python PYTHON --metric DIR
    OMP_NUM_THREADS=1 python benchmarks/zoo.py --peer-python PYTHON --quick

20,000 Fashion-MNIST images, 16 latents, encoder 784-512 and decoder 16-512-784 with SiLU, batch
128, one thread each, Bernoulli reconstruction (squared error, with a sigmoid in both, where Pythae
has no other). Options of the models are those of the table MODELS, the same in both. Adam in both,
with the same learning rate at every step: our trainer's warm-up and cosine with peak 1e-3, which
Pythae gets through its callbacks (--peer-schedule constant leaves it at the peak). The rest is each
library's own: our trainer's second moments forget faster than Adam's defaults, which Pythae takes
(--peer-beta2 0.99 gives them to it too). Both train on all images without validation and keep the
last weights.

Scores of both come from the code below, on test images that chose nothing: minus the IWAE-64 bound
in nats (nll) where a model has densities, else the squared error per pixel of the reconstruction
from the posterior's mean (mse). The peer's process hands over its decoder, q(z | x) and p(z);
densities are ours (vaekit.distributions), for its flows those of its own flows. Seconds are CPU
time of training alone; the two libraries take turns. Results are appended to --results, so that a
run can be stopped and resumed; the table shows mean ± standard error over seeds, and differences
with their standard error over images and seeds.

Then our defaults, by default_quality.py, against their targets. Without --peer-python (or
VAEKIT_PEER_PYTHON) ours alone is measured; --quick leaves the defaults out.
"""

import argparse
import itertools
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from default_quality import find_metric, one_seed
from results import add_option, keep, recording
from torch import nn
from torch.distributions import Categorical, MixtureSameFamily

from vaekit import distributions, likelihoods, networks, presets
from vaekit.datasets import fashion_mnist
from vaekit.distributions.sphere import UniformSphereDistribution
from vaekit.objectives import WarmUpCosine
from vaekit.training import Items, TrainConfig, train
from vaekit.types import Batch, TrainingProgress

LATENT, HIDDEN, SHAPE = 16, 512, (1, 28, 28)
LEARNING_RATE = 1e-3
ADAM_BETA2 = 0.999  # its default
AT_ONCE = 100  # test images
QUICK = {"items": 1500, "epochs": 2, "seeds": 1, "tests": 200, "draws": 16}
TARGETS = {"CPU s": (34, "at most"), "IWAE-64": (-238, "at least")}
SAMPLE_TARGETS = {"fcd": (30, "at most"), "coverage": (0.77, "at least")}


@dataclass(frozen=True)
class Entry:
    """One model in both libraries.

    Attributes:
        name: Of our preset.
        ours: Its options.
        peer: Pythae's class.
        theirs: The same options in Pythae's terms.
        metric: ``"nll"`` or ``"mse"``.
        likelihood: ``"bernoulli"``, ``"squares"`` or ``"similarity"``.
        label: Row of the table, where it is not the name.
    """

    name: str
    peer: str
    ours: Mapping[str, Any] = field(default_factory=dict)
    theirs: Mapping[str, Any] = field(default_factory=dict)
    metric: str = "nll"
    likelihood: str = "bernoulli"
    label: str = ""

    @property
    def row(self):
        """What the table calls it."""
        return self.label or self.name


def squares(name, peer, ours, theirs, label=""):
    return Entry(name, peer, ours, theirs, "mse", "squares", label)


FLOWS = ("planar", "radial", "planar", "radial", "planar")
# Cheapest first. Where the libraries' defaults differ, one value serves both.
MODELS = (
    squares("autoencoder", "AE", {}, {}),
    Entry("vae", "VAE"),
    Entry("beta_vae", "BetaVAE", {"beta": 4.0}, {"beta": 4.0}),
    squares(
        "rae_l2",
        "RAE_L2",
        {"latent": 1e-4, "decoder": 1e-7},
        {"embedding_weight": 1e-4, "reg_weight": 1e-7},
    ),
    squares(
        "rae_gp",
        "RAE_GP",
        {"latent": 1e-4, "gradient": 1e-7},
        {"embedding_weight": 1e-4, "reg_weight": 1e-7},
    ),
    squares("wae", "WAE_MMD", {"discrepancy": 10.0}, {"reg_weight": 10.0}),
    Entry(
        "info_vae",
        "INFOVAE_MMD",
        {"kl": 0.5, "discrepancy": 10.0},
        {"alpha": 0.5, "lbd": 10.5},  # its weight of the discrepancy is alpha + lbd - 1
    ),
    squares(  # its commitment is a mean over the 16 latents, ours a sum
        "vq_vae",
        "VQVAE",
        {"num_codes": 256, "pieces": 8, "commitment": 0.25 / LATENT},
        {"num_embeddings": 256, "tokens": 8, "commitment_loss_factor": 0.25},
    ),
    squares(
        "vq_vae",
        "VQVAE",
        {"num_codes": 256, "pieces": 8, "commitment": 0.25 / LATENT},
        {"num_embeddings": 256, "tokens": 8, "commitment_loss_factor": 0.25, "use_ema": True},
        "vq_vae (ema)",
    ),
    Entry(
        "disentangled_beta_vae",
        "DisentangledBetaVAE",
        {"capacity": 25.0, "weight": 10.0, "share": 0.8},
        {"C": 25.0, "beta": 10.0, "warmup_epoch": 0.8},  # a share here; see `their_options`
    ),
    Entry(
        "beta_tc_vae",
        "BetaTCVAE",
        {"beta": 6.0},
        {"beta": 6.0, "use_mss": False},  # ours is the minibatch-weighted estimate
    ),
    Entry("factor_vae", "FactorVAE", {"gamma": 10.0}, {"gamma": 10.0}),
    Entry(
        "aae",
        "Adversarial_AE",
        {"adversarial": 0.5},
        {"adversarial_loss_scale": 0.5, "deterministic_posterior": True},
        "mse",
    ),
    squares(  # both compare in the critic's 512 features alone
        "vae_gan",
        "VAEGAN",
        {"values": 0.0, "features": 1.0, "adversarial": 1.0},
        {"adversarial_loss_scale": 0.5, "reconstruction_layer": 1},
    ),
    Entry(  # its similarity counts once, ours 300 times
        "ms_ssim_vae", "MSSSIM_VAE", {}, {"beta": 1 / 300}, "mse", "similarity"
    ),
    Entry("linear_flow_vae", "VAE_LinNF", {"flows": FLOWS}, {"flows": [f.title() for f in FLOWS]}),
    Entry(
        "iaf_vae",
        "VAE_IAF",
        {"transforms": 2, "hidden": (128,)},
        {"n_made_blocks": 2, "n_hidden_in_made": 1, "hidden_size": 128},
    ),
    Entry("vamp", "VAMP", {"components": 50}, {"number_components": 50}),
    Entry("svae", "SVAE", {"family": "von_mises_fisher"}),
    Entry("poincare_vae", "PoincareVAE", {"curvature": 1.0}, {"curvature": 1.0}),
    Entry(
        "hvae",
        "HVAE",
        {"steps": 3, "temperature": 0.3},
        {"n_lf": 3, "beta_zero": 0.3},
    ),
    Entry("iwae", "IWAE", {"k": 8}, {"number_samples": 8}),
    Entry("ciwae", "CIWAE", {"k": 8, "beta": 0.5}, {"number_samples": 8, "beta": 0.5}),
    Entry(
        "miwae",
        "MIWAE",
        {"k": 8, "bounds": 4},
        {"number_samples": 8, "number_gradient_estimates": 4},
    ),
    Entry(
        "piwae",
        "PIWAE",
        {"k": 8, "bounds": 4},
        {"number_samples": 8, "number_gradient_estimates": 4},
    ),
    Entry("rhvae", "RHVAE", {"steps": 2}, {"n_lf": 2, "beta_zero": 0.3}),
)


def their_options(entry, epochs):
    """Pythae's options; its warm-up is counted in epochs."""
    options = dict(entry.theirs)
    if "warmup_epoch" in options:
        options["warmup_epoch"] = round(options["warmup_epoch"] * epochs)
    return options


class Squashed(nn.Module):
    """A decoder with a sigmoid behind it, for likelihoods that read means."""

    def __init__(self, logits):
        super().__init__()
        self.logits = logits

    def forward(self, z):
        """Means between 0 and 1."""
        return torch.sigmoid(self.logits(z))


def learning_rates(options):
    """What Pythae is told to use, step by step."""
    steps = options.epochs * math.ceil(options.items / options.batch)
    if options.peer_schedule == "constant":
        return [LEARNING_RATE] * steps
    schedule = WarmUpCosine(LEARNING_RATE, TrainConfig().warm_up)
    return [schedule(TrainingProgress(step, steps, options.items)) for step in range(steps)]


def decoder_network():
    """The decoder of both libraries."""
    decoder = networks.MLPDecoder(LATENT, (HIDDEN,), (1, *SHAPE))
    use_silu(decoder)
    return decoder


def build(entry, examples, seed):
    """Our model and objective."""
    torch.manual_seed(seed)
    encoder, decoder = networks.MLPEncoder(SHAPE, (HIDDEN,)), decoder_network()
    if entry.likelihood == "squares":  # this scale makes nats of squared errors
        decoder, likelihood = Squashed(decoder), likelihoods.Gaussian(math.sqrt(0.5))
    elif entry.likelihood == "similarity":
        likelihood = likelihoods.StructuralSimilarity()
    else:
        likelihood = likelihoods.Bernoulli()
    parts = presets.Parts(encoder, decoder, likelihood, HIDDEN, LATENT, examples=examples)
    recipe = presets.choose_preset(entry.name, entry.ours).build(parts)
    use_silu(recipe.model)
    use_silu(recipe.objective)
    return recipe.model, recipe.objective


def use_silu(module):
    """Put SiLU where our networks have GELU: the networks are to be the same in both."""
    for name, child in module.named_children():
        if isinstance(child, nn.GELU):
            setattr(module, name, nn.SiLU())
        use_silu(child)


def as_images(rows):
    return rows.to(torch.float32).div_(255).view(-1, *SHAPE)


def train_ours(entry, data, seed, options):
    """One training: the model and its CPU seconds."""
    rows = torch.from_numpy(data["train"][: options.items])
    model, objective = build(entry, as_images(rows[:1000]), seed)
    config = TrainConfig(
        max_epochs=options.epochs,
        batch_size=options.batch,
        learning_rate=LEARNING_RATE,
        validation=0.0,
        progress=False,
        device="cpu",
        seed=seed,
    )
    started = time.process_time()
    train(model, objective, Items(rows, as_images), config)
    return model.eval(), time.process_time() - started


class Peer:
    """Pythae in a process of its own, which takes one job at a time."""

    def __init__(self, python, folder):
        script = Path(__file__).with_name("zoo_pythae.py")
        self.folder = folder
        self.process = subprocess.Popen(
            [python, str(script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def ask(self, job):
        """The answer to a job, and what it left for the scorer."""
        out = Path(self.folder) / "model.pt"
        self.process.stdin.write(json.dumps({**job, "out": str(out)}) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the peer ended with code {self.process.wait()}")
        answer = json.loads(line)
        if "error" in answer:
            raise RuntimeError(answer["error"])
        found = torch.load(out)
        out.unlink()
        return answer["seconds"], found

    def train(self, entry, files, seed, options):
        """One training: CPU seconds, and what the scorer needs."""
        return self.ask(
            {
                "model": entry.peer,
                "options": their_options(entry, options.epochs),
                "latent": LATENT,
                "rates": learning_rates(options),
                "beta2": options.peer_beta2,
                "seed": seed,
                **files,
                **{k: getattr(options, k) for k in ("items", "epochs", "batch", "tests", "draws")},
            }
        )

    def close(self):
        """Let it end."""
        self.process.stdin.close()
        self.process.wait()


@torch.no_grad()
def score_ours(model, metric, x, draws):
    """nll or mse of each image."""
    decode = getattr(model.decoder, "logits", model.decoder)
    if metric == "mse":
        return squared_error(decode, model.encode(x), x)
    drawn = model.infer(Batch(x), draws)
    return negative_bound(decode, drawn.z, drawn.log_p - drawn.log_q, x)


@torch.no_grad()
def score_theirs(found, metric, x, chosen, draws):
    """The same for what the peer handed over, of the chosen images."""
    decode = decoder_network()
    decode.load_state_dict(found["decoder"])
    if metric == "mse":
        return squared_error(decode, found["z"][chosen], x)
    z, log_ratio = draw_from(found, chosen, draws)
    return negative_bound(decode, z, log_ratio, x)


def draw_from(found, chosen, draws):
    """Latents of the chosen images and log p(z) - log q(z | x)."""
    if found["family"] == "draws":
        z, log_q = found["z"][:, chosen], found["log_q"][:, chosen]
        return z, prior_of(found).log_prob(z) - log_q
    mean = found["mean"][chosen]
    if found["family"] == "sphere":
        q = distributions.VonMisesFisher(mean, found["concentration"][chosen])
    elif found["family"] == "ball":
        q = distributions.WrappedNormalDistribution(
            mean, found["log_scale"][chosen], distributions.Ball(1.0)
        )
    else:
        q = distributions.DiagonalNormal(mean, found["log_scale"][chosen])
    z = q.rsample((draws,))
    return z, prior_of(found).log_prob(z) - q.log_prob(z)


def prior_of(found):
    zeros = torch.zeros(LATENT)
    if found["family"] == "sphere":
        return UniformSphereDistribution(zeros)
    if found["family"] == "ball":
        return distributions.WrappedNormalDistribution(zeros, zeros, distributions.Ball(1.0))
    if "prior_mean" in found:
        hills = distributions.DiagonalNormal(found["prior_mean"], found["prior_log_scale"])
        return MixtureSameFamily(Categorical(logits=torch.zeros(len(hills.loc))), hills)
    return distributions.DiagonalNormal(zeros, zeros)


def squared_error(decode, z, x):
    return (torch.sigmoid(decode(z)).view(len(x), -1) - x.view(len(x), -1)).square().mean(-1)


def negative_bound(decode, z, log_ratio, x):
    """-log of the mean weight p(x | z) p(z) / q(z | x) over the draws."""
    logits = decode(z.flatten(0, 1)).view(len(z), len(x), -1)
    target = x.view(1, len(x), -1).expand_as(logits)
    cost = F.binary_cross_entropy_with_logits(logits, target, reduction="none").sum(-1)
    return math.log(len(z)) - torch.logsumexp(log_ratio - cost, 0)


def score_all(score, images):
    """Score the test images a piece at a time."""
    pieces = torch.arange(len(images)).split(AT_ONCE)
    return torch.cat([score(images[piece], piece) for piece in pieces])


class Results:
    """One line per training: what it was, seconds, and the score of each test image."""

    def __init__(self, path):
        self.path = Path(path)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        lines = self.path.read_text().splitlines() if self.path.exists() else []
        self.known = {line["key"]: line for line in map(json.loads, lines)}

    def add(self, key, line):
        """Keep a result, on disk at once."""
        line = {"key": key, **line}
        self.known[key] = line
        with self.path.open("a") as file:
            file.write(json.dumps(line) + "\n")

    def get(self, key):
        """The result, or None."""
        return self.known.get(key)


def key_of(library, entry, seed, options):
    """What a result depends on."""
    settings = [options.items, options.epochs, options.batch, options.tests, options.draws]
    chosen = entry.ours
    if library == "theirs":
        chosen = their_options(entry, options.epochs)
        settings.append(options.peer_schedule)
        if options.peer_beta2 != ADAM_BETA2:
            settings.append(options.peer_beta2)
    return json.dumps([library, entry.row, seed, chosen, settings])


def measure(library, entry, seed, data, files, peer, options):
    """Train and score one model of one library."""
    images = as_images(torch.from_numpy(data["test"][: options.tests]))
    torch.manual_seed(seed)
    if library == "ours":
        model, seconds = train_ours(entry, data, seed, options)
        values = score_all(lambda x, _: score_ours(model, entry.metric, x, options.draws), images)
    else:
        seconds, found = peer.train(entry, files, seed, options)
        values = score_all(
            lambda x, chosen: score_theirs(found, entry.metric, x, chosen, options.draws), images
        )
    if not values.isfinite().all():
        raise ValueError(f"{int((~values.isfinite()).sum())} scores are not finite")
    return {"seconds": seconds, "scores": [float(f"{v:.6g}") for v in values.tolist()]}


def run_models(entries, libraries, results, data, files, peer, options):
    """Fill the results, libraries in turn."""
    for entry, seed, library in itertools.product(entries, range(options.seeds), libraries):
        key = key_of(library, entry, seed, options)
        if results.get(key) is not None:
            continue
        try:
            line = measure(library, entry, seed, data, files, peer, options)
        except Exception as error:  # one failure must not cost the others
            line = {"error": f"{type(error).__name__}: {error}"}
        results.add(key, line)
        shown = line.get("error") or f"{line['seconds']:7.1f} s  {np.mean(line['scores']):.5g}"
        print(f"  {entry.row:22} {library:6} seed {seed}  {shown}", flush=True)


def standard_error(values):
    return statistics.stdev(values) / len(values) ** 0.5 if len(values) > 1 else 0.0


def difference(ours, theirs):
    """Mean of ours - theirs, with its standard error over images and over seeds."""
    gaps = np.asarray(ours) - np.asarray(theirs)
    over_images = gaps.mean(0).var(ddof=1) / gaps.shape[1]
    over_seeds = gaps.mean(1).var(ddof=1) / len(gaps) if len(gaps) > 1 else 0.0
    return gaps.mean(), math.sqrt(over_images + over_seeds)


def lines_of(library, entry, results, options):
    keys = [key_of(library, entry, seed, options) for seed in range(options.seeds)]
    return [line for line in map(results.get, keys) if line is not None]


def shown_score(lines, entry):
    """Mean ± standard error over seeds, or what went wrong."""
    if not lines or "error" in lines[0]:
        return lines[0]["error"][:22] if lines else "-"
    means = [float(np.mean(line["scores"])) for line in lines if "scores" in line]
    digits = 2 if entry.metric == "nll" else 5
    return f"{np.mean(means):.{digits}f} ± {standard_error(means):.{digits}f}"


def report(entries, results, options):
    """Print the table; the numbers of rows no worse, faster, and compared."""
    print(
        f"\n{'model':22} {'metric':6} {'ours':>20} {'Pythae':>22} {'ours - Pythae':>20} "
        f"{'CPU s, ours':>11} {'Pythae':>7} {'ratio':>6}  verdict"
    )
    counts = {"no worse": 0, "faster": 0, "rows": 0}
    for entry in entries:
        ours, theirs = (lines_of(who, entry, results, options) for who in ("ours", "theirs"))
        row = f"{entry.row:22} {entry.metric:6} {shown_score(ours, entry):>20}"
        pairs = [
            (a, b) for a, b in zip(ours, theirs, strict=False) if "scores" in a and "scores" in b
        ]
        if not pairs:
            print(f"{row} {shown_score(theirs, entry):>22}   not compared")
            continue
        gap, error = difference([a["scores"] for a, _ in pairs], [b["scores"] for _, b in pairs])
        mine, peers = (
            statistics.mean(line["seconds"] for line in col) for col in zip(*pairs, strict=True)
        )
        good, fast = gap <= 2 * error, mine < peers
        counts["rows"] += 1
        counts["no worse"] += good
        counts["faster"] += fast
        digits = 2 if entry.metric == "nll" else 5
        shown = f"{gap:+.{digits}f} ± {error:.{digits}f}"
        failed = [word for word, fine in (("worse", good), ("slower", fast)) if not fine]
        verdict = f"FAIL: {', '.join(failed)}" if failed else "pass"
        if len(pairs) == 1:
            verdict += " (1 seed: its spread is not counted)"
        print(
            f"{row} {shown_score(theirs, entry):>22} {shown:>20} {mine:11.1f} {peers:7.1f} "
            f"{mine / peers:6.2f}  {verdict}"
        )
        figure = {"nll": "nll, nats", "mse": "squared error"}[entry.metric]
        score, peer_score = (
            np.mean([np.mean(line["scores"]) for line in col]) for col in zip(*pairs, strict=True)
        )
        keep(
            entry.row,
            {figure: score, "CPU s": mine, "ours - Pythae's": gap, "CPU s, ratio": mine / peers},
            spreads={"ours - Pythae's": f"± {error:.{digits}f}"},
            targets={
                figure: ("no worse within two standard errors", bool(good)),
                "CPU s": ("less than Pythae's", bool(fast)),
            },
            peer="Pythae",
            peer_figures={figure: peer_score, "CPU s": peers},
            part=figure,
            seeds=len(pairs),
        )
    print(
        f"no worse within two standard errors: {counts['no worse']} of {counts['rows']};  "
        f"less CPU time: {counts['faster']} of {counts['rows']}"
    )


def compare_models(options):
    entries = [e for e in MODELS if not options.models or {e.row, e.name} & set(options.models)]
    if not entries:
        sys.exit(f"no such model; there are {', '.join(e.row for e in MODELS)}")
    results = Results(options.cache)
    train_set, test_set = fashion_mnist("train").images, fashion_mnist("test").images
    data = {"train": train_set[: options.items], "test": test_set[: options.tests]}
    libraries = ("ours", "theirs") if options.peer_python else ("ours",)
    if not options.peer_python:
        print("no --peer-python: Pythae's half of the table is left out")
    with tempfile.TemporaryDirectory() as folder:
        files = {part: f"{folder}/{part}.npy" for part in data}
        for part, path in files.items():
            np.save(path, data[part])
        peer = Peer(options.peer_python, folder) if options.peer_python else None
        warm_up(data, files, peer, options)
        run_models(entries, libraries, results, data, files, peer, options)
        if peer is not None:
            peer.close()
    report(entries, results, options)


def warm_up(data, files, peer, options):
    """A first small training in each process, which pays for what is imported late."""
    small = argparse.Namespace(**{**vars(options), "items": 256, "epochs": 1, "tests": 2})
    entry = next(e for e in MODELS if e.name == "vae")
    train_ours(entry, data, 0, small)
    if peer is not None:
        peer.train(entry, files, 0, small)


def check_defaults(options):
    """Our defaults against their targets, seed by seed."""
    metric = find_metric(options.metric)
    train_set, test_set = fashion_mnist("train").images[:20_000], fashion_mnist("test").images
    for seed in range(options.seeds):
        seconds, bound, model = one_seed(seed, train_set, test_set, metric)
        found = {"CPU s": seconds, "IWAE-64": bound}
        targets = dict(TARGETS)
        if metric is not None:
            found |= metric.score(model.sample(5000, seed=seed))
            targets |= SAMPLE_TARGETS
        for name, (target, sense) in targets.items():
            good = found[name] <= target if sense == "at most" else found[name] >= target
            print(f"  {name:9} {found[name]:8.2f}  {sense} {target}: {'pass' if good else 'FAIL'}")
            asked = {name: (f"{sense} {target}", bool(good))}
            keep(f"seed {seed}", {name: found[name]}, targets=asked, part="defaults")


def main(options):
    torch.set_num_threads(1)
    if options.quick:
        vars(options).update(QUICK)
    if options.part in ("both", "models"):
        compare_models(options)
    if options.quick:
        print("the defaults are left out by --quick; see --part defaults")
    elif options.part in ("both", "defaults"):
        check_defaults(options)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--peer-python", default=os.environ.get("VAEKIT_PEER_PYTHON"))
    parser.add_argument("--peer-schedule", choices=["ours", "constant"], default="ours")
    parser.add_argument("--peer-beta2", type=float, default=ADAM_BETA2)
    parser.add_argument("--metric", default=os.environ.get("VAEKIT_FASHION_METRIC"))
    parser.add_argument("--cache", default="build/zoo.jsonl", help="what was trained before")
    parser.add_argument("--part", choices=["both", "models", "defaults"], default="both")
    parser.add_argument("--models", type=lambda text: text.split(","), default=[])
    parser.add_argument("--items", type=int, default=20_000)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--tests", type=int, default=2000, help="test images scored")
    parser.add_argument("--draws", type=int, default=64, help="importance samples")
    parser.add_argument("--quick", action="store_true", help="all models, small, under 3 minutes")
    add_option(parser)
    options = parser.parse_args()
    with recording("zoo", options.results):
        main(options)
