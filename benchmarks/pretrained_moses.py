"""Train the models of molecules that come with the package.

    python benchmarks/pretrained_moses.py --train FILE --held-out FILE --out DIR [--labelled FILE]
        [--start RUN] [--merges N] [--width 512 --layers 8 --heads 8 --size large]

FILE are .csv or .csv.gz with SMILES in their first column: all of MOSES' training molecules
(train.csv.gz of the PyPI package molsets), and those that are not to be learned from. DIR then
holds the run, its weights in half precision, and checkpoints from which a run that was cut off
goes on with the same command. With `--labelled` the latents also learn to tell QED, logP and TPSA
of the molecules in that file; they are computed (2 ms a molecule) and kept in DIR. With `--start` a
run goes on, for --minutes at --rate, and learns to tell them if it did not; where it did, they
count --weight times. --width, --layers and --heads of the Transformer, --size of the encoder,
--beta and --blur give other models than `moses`, which the defaults are of.

`druglike` comes of `moses` and of the mix of libraries that `molecule_mix.py` makes, by two
commands that its card has, of the form

    python benchmarks/pretrained_moses.py --train MIX/train.csv.gz --out DIR --start moses
        --merges 120 --longest 160 --rate 7e-4 --precision bf16 [--noise .3] [--calibrate FILE ...]

A column weight says how much each molecule counts, columns qed, logp and tpsa what is known of it.
With --merges the model gets tokens that spell any molecule, and so many merges of the molecules
given, in rows of --longest tokens; see `extend_tokens`. With --noise the deviations of the noise of
properties start from there, which are larger off MOSES. With --calibrate errors and intervals of
properties are those of molecules in such files, as many of each, that were not learned from.
"""

import argparse
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import safetensors.torch
import torch

from vaekit import Autoencoder, fine_tune, load, presets
from vaekit.fitting.trained import as_items
from vaekit.likelihoods import Tokens
from vaekit.molecules import (
    MoleculeDomain,
    Report,
    Standardized,
    Standardizer,
    compute_properties,
    extend_tokens,
    learn_reference,
    predict_molecules,
    readable_molecules,
)
from vaekit.networks import TokenTransformer, noise_conditioned_part

TARGETS = ("qed", "logp", "tpsa")
FAR = 8  # deviations
MERGED = 50_000  # molecules that merges are learned of
WITHIN = 0.683  # of the molecules err by less than is printed, as if errors were normal
CALIBRATED, FINGERPRINTS = 1000, 200  # held-out molecules measured; training molecules kept


def halved(path):
    """Weights in half precision: what is lost lies far below what training leaves open."""
    weights = safetensors.torch.load_file(path)
    weights = {k: v.half() if v.is_floating_point() else v for k, v in weights.items()}
    safetensors.torch.save_file(weights, path)


def labels(path, cache):
    """A table of the properties of the molecules in a file, kept in another."""
    if not cache.exists():
        some = pd.read_csv(path).iloc[:, 0].tolist()
        pd.DataFrame({"smiles": some, **compute_properties(some, TARGETS)}).to_csv(
            cache, index=False
        )
    return pd.read_csv(cache).set_index("smiles")[list(TARGETS)]


def training(options):
    return {
        "max_minutes": options.minutes,
        "max_epochs": 100,
        "batch_size": options.batch,
        "learning_rate": options.rate,
        "gradient_clip": 1.0,
        "precision": options.precision,
        "progress": True,
    }


def begun(molecules, folder, options):
    domain = MoleculeDomain(targets=tuple(molecules.properties))
    words = domain.fit(molecules).vocabulary
    width, layers, heads = options.width, options.layers, options.heads
    network = TokenTransformer(words.num_codes, words.steps, width, width, layers, heads)
    return Autoencoder(
        presets.sequence_vae(beta=options.beta, blur=options.blur),
        64,
        domain=domain,
        network_size=options.size,
        likelihood=Tokens(network),
        checkpoint_dir=folder / "checkpoint",
        checkpoint_seconds=120.0,
        resume=True,
        **training(options),
    ).fit(molecules)


def grown(start, molecules, weights, options):
    """The model with more tokens, those of as many molecules as their weights have."""
    share = None if weights is None else weights / weights.sum()
    some = np.random.default_rng(0).choice(len(molecules), MERGED, p=share)
    trained = extend_tokens(
        start.trained_, molecules[some], num_merges=options.merges, longest=options.longest
    )
    # stereo is kept anyway; so is whatever else MOSES had not
    rules = Standardizer(charges="keep", metals="keep")
    domain = replace(trained.domain, standardizer=rules)
    return start.from_trained(replace(trained, domain=domain), start.history_, {})


def without_outliers(molecules, scales):
    """Properties that lie very far from what the model knew would outweigh all tokens."""
    values = {}
    for name, mean, deviation in zip(scales.names, scales.means, scales.deviations, strict=True):
        column = np.asarray(molecules.properties[name], np.float64)
        far = np.abs(column - mean) > FAR * deviation
        values[name] = np.where(far, np.nan, column)
    return replace(molecules, properties=values)


def gone_on(molecules, weights, folder, options):
    start = load(options.start)
    start.set_params(preset=presets.sequence_vae(beta=options.beta, blur=options.blur))
    noise_conditioned_part(start.model_.decoder).clean = 1 - options.blur
    was_taught = start.domain_.targets
    if was_taught:
        start.model_.likelihood.weight = options.weight
        molecules = without_outliers(molecules, start.domain_.scales)
    if was_taught and options.noise is not None:
        raw = start.model_.likelihood.noise.raw_scale
        torch.nn.init.constant_(raw, float(np.log(np.expm1(options.noise))))
    if options.merges is not None:
        start = grown(start, molecules, weights, options)
    lengths = [len(tokens) for tokens in start.domain_.split_into_tokens(molecules)]
    (short,) = np.nonzero(np.array(lengths) <= start.domain_.vocabulary.longest)
    print(f"{len(molecules) - len(short)} of {len(molecules)} are too long", flush=True)
    molecules, weights = molecules[short], None if weights is None else weights[short]
    return fine_tune(
        start,
        molecules,
        targets=() if was_taught else TARGETS,
        validation=0.004,
        sample_weight=weights,
        checkpoint_dir=folder / "checkpoint",
        resume=True,
        checkpoint_seconds=120.0,
        **training(options),
    )


def calibrated(model, options):
    """The model with errors and intervals of molecules that no weight was learned from."""
    trained, domain = model.trained_, model.domain_
    draw = np.random.default_rng(0)
    files = [pd.read_csv(path).iloc[:, 0] for path in options.calibrate]
    some = [each.sample(CALIBRATED // len(files), random_state=draw) for each in files]
    held_out = pd.concat(some).sample(frac=1, random_state=draw).tolist()
    table = pd.read_csv(options.train)
    weights = table.get("weight")
    learned = table.iloc[:, 0].sample(FINGERPRINTS, weights=weights, random_state=draw).tolist()
    sets = [
        as_items(domain, None, readable_molecules(domain, smiles)[0], None)
        for smiles in (learned, held_out)
    ]
    found = predict_molecules(trained, held_out, compute=True)
    away = [found.values[name] - found.known[name] for name in domain.targets]
    # A few giants would make nearly all of a root mean square.
    errors = tuple(float(np.nanquantile(np.abs(each), WITHIN)) for each in away)
    print(dict(zip(domain.targets, errors, strict=True)), flush=True)
    known = {"reference": learn_reference(trained, *sets)}
    known["scales"] = replace(domain.scales, errors=errors)
    trained = replace(trained, domain=replace(domain, **known))
    return model.from_trained(trained, model.history_, model.notes_)


def main(options):
    warnings.simplefilter("ignore")
    torch.set_num_threads(options.threads)
    given = pd.read_csv(options.train)
    if options.held_out:
        given = given[~given.iloc[:, 0].isin(pd.read_csv(options.held_out).iloc[:, 0])]
    smiles = given.iloc[:, 0].tolist()
    known, folder = (
        {name: given[name].to_numpy() for name in TARGETS if name in given},
        Path(options.out),
    )
    weights = given["weight"].to_numpy() if "weight" in given else None
    if options.labelled:
        folder.mkdir(parents=True, exist_ok=True)
        table = labels(options.labelled, folder / "properties.csv").reindex(smiles)
        known = {name: table[name].to_numpy(np.float64) for name in TARGETS}
    # these molecules are canonical and clean, so reading them again would only take an hour
    molecules = Standardized(smiles, range(len(smiles)), known, Report(()))
    if options.start:
        model = gone_on(molecules, weights, folder, options)
    else:
        model = begun(molecules, folder, options)
    if options.calibrate:
        model = calibrated(model, options)
    model.set_params(likelihood="auto", checkpoint_dir=None, resume=False).save(folder / "run")
    halved(folder / "run" / "model.safetensors")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--train", required=True)
    parser.add_argument("--held-out")
    parser.add_argument("--out", required=True)
    parser.add_argument("--minutes", type=float, default=120.0)
    parser.add_argument("--labelled")
    parser.add_argument("--start")
    parser.add_argument("--merges", type=int)
    parser.add_argument("--longest", type=int)
    parser.add_argument("--calibrate", nargs="*", default=[])
    parser.add_argument("--width", type=int, default=224)
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--heads", type=int, default=7)
    parser.add_argument("--size", default="small")
    parser.add_argument("--beta", type=float, default=0.25)
    parser.add_argument("--blur", type=float, default=0.5)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--weight", type=float, default=10.0)
    parser.add_argument("--noise", type=float)
    parser.add_argument("--batch", type=int, default=512)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--precision", default="fp32")
    main(parser.parse_args())
