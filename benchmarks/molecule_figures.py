"""What `molecules.py` prints of a trained model."""

import time

import numpy as np
import torch
from rdkit import Chem
from results import keep
from sklearn.linear_model import RidgeCV

from vaekit.fitting.trained import as_items, batches_of
from vaekit.likelihoods import tokens_part
from vaekit.metrics import frechet_distance, latent_health
from vaekit.molecules import (
    MoleculeDomain,
    as_molecules,
    compute_properties,
    passes_filters,
    predict_targets,
)
from vaekit.molecules import metrics as measures
from vaekit.networks import noise_conditioned_part

RECONSTRUCTED = 1000
TOLD = ("qed", "logp", "tpsa")
BOX = {"qed": (0.85, 0.95), "logp": (2.0, 3.0)}


def canonical(smiles):
    molecule = Chem.MolFromSmiles(smiles) if smiles else None
    return None if molecule is None else Chem.MolToSmiles(molecule)


def valid_share(smiles):
    return np.mean([canonical(text) is not None for text in smiles])


class References:
    """Test molecules, and as many of training as are drawn, whose distance to them is the floor."""

    def __init__(self, test, training, draws):
        self.activations = measures.chemnet_activations(test)
        self.scaffolds = measures.scaffold_counts(as_molecules(test))
        some = np.random.default_rng(0).choice(training, draws, replace=False).tolist()
        self.floor = 0.0
        self.floor, scaffolds = self.measured(some)
        print(f"floor of {draws}: FCD {self.floor:.3f}, Scaf {scaffolds:.3f}", flush=True)

    def measured(self, smiles):
        """Distance above the floor, and cosine of scaffolds."""
        frechet = frechet_distance(self.activations, measures.chemnet_activations(smiles))
        scaffolds = measures.scaffold_counts(as_molecules(smiles))
        return float(frechet) - self.floor, measures.cosine_of_counts(self.scaffolds, scaffolds)


@torch.no_grad()
def latents(model, held_out):
    """Rate, latents in use, exactness, and what lies beside and between molecules."""
    trained = model.trained_
    items = as_items(trained.domain, None, held_out, None)
    health = latent_health(trained.vae, batches_of(items, trained.device))
    some = held_out[:RECONSTRUCTED]
    exact = np.mean([canonical(a) == b for a, b in zip(model.reconstruct(some), some, strict=True)])
    q = trained.vae.infer(next(iter(batches_of(items, trained.device)))).q
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(q.mean.shape, generator=generator).to(q.mean)
    other = q.mean[torch.randperm(len(q.mean), generator=generator)]
    near, between = (
        valid_share(trained.domain.decode(trained.vae.show(z)))
        for z in (q.mean + 0.5 * q.stddev * noise, (q.mean + other) / 2)
    )
    print(
        f"  rate {sum(health.kl_per_latent):.1f} nats, {health.active_units} latents in use; "
        f"exact {exact:.3f}; valid: near a molecule {near:.3f}, between two {between:.3f}",
        flush=True,
    )
    figures = {"rate, nats": sum(health.kl_per_latent), "latents in use": health.active_units}
    figures |= {"exact": exact, "near valid": near, "between valid": between}
    keep("latents", figures, seeds=1)


def properties(model, held_out):
    """R2 by ridge regression on latents, and by what the model was taught."""
    some = held_out[: 5 * RECONSTRUCTED]
    truth, codes = compute_properties(some, TOLD), model.transform(some)
    half = len(some) // 2
    taught = getattr(model.domain_, "targets", ())
    own = predict_targets(model.trained_, some) if taught else {}
    for name in TOLD:
        y = truth[name]
        ridge = RidgeCV(np.logspace(-3, 3, 7)).fit(codes[:half], y[:half])
        predicted = f"ridge on latents {ridge.score(codes[half:], y[half:]):.3f}"
        if name in own:
            predicted += f", taught {1 - np.square(own[name] - y).mean() / y.var():.3f}"
        print(f"  R2 of {name}: {predicted}", flush=True)
        keep("properties", {f"R2 of {name}": predicted}, seeds=1)


def draws(model, known, references, options):
    """Raw draws of the model's prior, for several shares of noise."""
    decoder = noise_conditioned_part(model.model_.decoder)
    tokens_part(model.model_.likelihood).temperature = options.temperature
    for noise in [0.0] if decoder is None else options.noises:
        if decoder is not None:
            decoder.drawn_noise = noise
        begun = time.process_time()
        samples = model.sample(options.samples, seed=options.seed, prior="model")
        speed = options.samples / (time.process_time() - begun)
        valid = [text for text in map(canonical, samples) if text is not None]
        different = set(valid)
        shown = [
            f"valid {len(valid) / len(samples):.3f}",
            f"unique {len(different) / max(1, len(valid)):.4f}",
            f"new {len(different - known) / max(1, len(different)):.3f}",
            f"filters {passes_filters(valid).mean():.3f}",
        ]
        if references is not None:
            frechet, scaffolds = references.measured(valid)
            shown.append(f"FCD above the floor {frechet:.3f}, Scaf {scaffolds:.3f}")
        print(f"  noise {noise}: {', '.join(shown)}; {speed:.0f} a CPU second", flush=True)
        figures = {"valid": len(valid) / len(samples), "molecules a CPU second": speed}
        figures["unique"] = len(different) / max(1, len(valid))
        figures["new"] = len(different - known) / max(1, len(different))
        figures["filters"] = passes_filters(valid).mean()
        if references is not None:
            figures |= {"FCD - floor": frechet, "Scaf": scaffolds}
        keep(f"noise {noise}", figures, seeds=1)


def aimed(model, options):
    """The share of valid molecules in a box of properties, asked for and not."""
    if not isinstance(model.domain_, MoleculeDomain) or not set(BOX) <= set(model.domain_.targets):
        return
    shares = []
    for where in (None, BOX):
        smiles = model.sample(options.samples // 5, seed=options.seed, where=where)
        valid = [text for text in map(canonical, smiles) if text is not None]
        found = compute_properties(valid, tuple(BOX))
        inside = [(low <= found[k]) & (found[k] <= high) for k, (low, high) in BOX.items()]
        shares.append(np.logical_and(*inside).mean())
        name = "plain" if where is None else "asked for"
        different = len(set(valid)) / len(valid)
        print(
            f"  {BOX} {name}: {shares[-1]:.3f} of the valid inside; {len(valid) / len(smiles):.3f} "
            f"valid, {different:.3f} different",
            flush=True,
        )
    print(f"  {shares[1] / shares[0]:.2f} times", flush=True)
    figures = {"in the box, unasked": shares[0], "in the box": shares[1]}
    keep("asked for", figures | {"times": shares[1] / shares[0]}, seeds=1)
