"""An autoencoder of the library diffusers as the first stage of latent diffusion, not trained."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from vaekit.bounds import Budget, metered
from vaekit.deadlines import Stopwatch
from vaekit.errors import CompositionError, FormatError, SpecError
from vaekit.files import expanded_path, read_json
from vaekit.fitting.trained import batches_of
from vaekit.likelihoods.base import Gaussian, OptimalGaussian
from vaekit.models.vae import VAE, Model
from vaekit.objectives.evidence_bounds import elbo
from vaekit.places import check_source
from vaekit.presets.base import Parts
from vaekit.randomness import seeded
from vaekit.schema import shown
from vaekit.spec import Source, build
from vaekit.tensor_files import put_weights, read_header, read_tensors
from vaekit.training.config import TrainConfig, TrainingSet, spread_places
from vaekit.training.launching import make_fabric
from vaekit.training.trainer import TrainResult
from vaekit.types import Batch, TrainingProgress

PRESET = "latent_diffusion"
"""The preset whose first stage can be one that is there already."""

CONFIG, WEIGHTS = "config.json", "diffusion_pytorch_model.safetensors"
_PIPELINE, _IN_A_PIPELINE = "model_index.json", "vae"
_PICKLES = (".bin", ".ckpt", ".pt", ".pth", ".pkl")
_COMMON = {
    "in_channels": 3,
    "out_channels": 3,
    "latent_channels": 4,
    "scaling_factor": None,
    "shift_factor": None,
}
_KL: Mapping[str, Any] = {
    **_COMMON,
    "block_out_channels": (64,),
    "layers_per_block": 1,
    "norm_num_groups": 32,
    "use_quant_conv": True,
    "use_post_quant_conv": True,
    "mid_block_add_attention": True,
    "act_fn": "silu",
    "down_block_types": None,
    "up_block_types": None,
}
_TINY: Mapping[str, Any] = {
    **_COMMON,
    "encoder_block_out_channels": (64, 64, 64, 64),
    "decoder_block_out_channels": (64, 64, 64, 64),
    "num_encoder_blocks": (1, 3, 3, 3),
    "num_decoder_blocks": (3, 3, 3, 1),
    "act_fn": "relu",
    "upsample_fn": "nearest",
    "upsampling_scaling_factor": 2,
}
_WITHOUT_EFFECT = {
    "AutoencoderKL": {"sample_size", "force_upcast", "latents_mean", "latents_std"},
    "AutoencoderTiny": {"latent_magnitude", "latent_shift", "force_upcast", "block_out_channels"},
}
"""Keys that change neither what is encoded nor what is decoded."""

_KNOWN = {"AutoencoderKL": _KL, "AutoencoderTiny": _TINY}
_FORMER_ATTENTION = {
    ".query.": ".to_q.",
    ".key.": ".to_k.",
    ".value.": ".to_v.",
    ".proj_attn.": ".to_out.0.",
}
"""Parts of the names of weights before diffusers 0.13, and what they are called now."""


@dataclass(frozen=True)
class FirstStage:
    """An encoder and a decoder that are not trained.

    Attributes:
        encoder: Images -> means and log variances of the latents.
        decoder: Latents -> images.
    """

    encoder: nn.Module
    decoder: nn.Module

    def replacing(self, parts: Parts) -> Parts:
        """Return parts with these networks in place of theirs.

        Raises:
            CompositionError: A likelihood whose features are no values.
        """
        if not isinstance(parts.likelihood, OptimalGaussian | Gaussian):
            raise CompositionError(
                "likelihood must be 'optimal_gaussian' or a Gaussian with a first_stage, which "
                f"makes values of pixels; got {type(parts.likelihood).__name__}. Leave it out."
            )
        grid: tuple[int, ...] = self.encoder.grid  # type: ignore[assignment]
        latents = grid[0] * grid[1] * grid[2]
        return replace(
            parts,
            encoder=self.encoder,
            decoder=self.decoder,
            features_dim=2 * latents,
            latent_dim=latents,
        )


def check_alone(preset: str, options: Mapping[str, Any], others: Mapping[str, bool]) -> None:
    """Refuse what a first stage leaves nothing to say of.

    Args:
        preset: Name of the preset.
        options: Options of the preset.
        others: Other options by name, and whether each was chosen.

    Raises:
        SpecError: Another preset, or an option that would have no effect.
    """
    if preset != PRESET:
        raise SpecError(
            f"first_stage is for preset {PRESET!r}, whose prior learns its latents; got preset "
            f"{preset!r}. Choose preset={PRESET!r}, or leave first_stage out."
        )
    chosen = [*options, *(name for name, is_chosen in others.items() if is_chosen)]
    if chosen:
        raise SpecError(
            f"with a first_stage, which is not trained, {', '.join(chosen)} must be left out: it "
            "would have no effect."
        )


def check_first_stage(folder: str | Path) -> None:
    """Refuse a folder that can be no first stage; worth asking before the data are read.

    Args:
        folder: As of `read_first_stage`.

    Raises:
        SpecError: There is no such folder, or one of another model.
        FormatError: A file is missing, or the description is damaged.
    """
    _read_config(_find_autoencoder(folder))


def read_first_stage(folder: str | Path, shape: Sequence[int]) -> FirstStage:
    """Read an autoencoder of the library diffusers, for images of a shape.

    Args:
        folder: With ``config.json`` and ``diffusion_pytorch_model.safetensors`` of an
            ``AutoencoderKL`` or ``AutoencoderTiny``; or that of a pipeline, with such a folder
            ``vae``. Nothing that is pickled is read.
        shape: (channels, height, width) of one image.

    Raises:
        SpecError: There is no such folder, or one of another model.
        FormatError: Damaged, or weights that do not fit the description.
        CompositionError: Images of other channels, or of sides that it cannot halve.
        MissingExtraError: The library diffusers is not installed.
    """
    place = _find_autoencoder(folder)
    config = _read_config(place)
    kind, values = config.pop("_class_name"), config
    _check_fixed(place / CONFIG, kind, values)
    channels = values["in_channels"]
    if len(shape) != 3 or channels != shape[0]:
        raise CompositionError(
            f"first_stage must take images as the data are, of shape {tuple(shape)} (channels, "
            f"height, width); that in {place} takes {shown(channels)} channels. Convert the "
            "images, or take another autoencoder."
        )
    header = read_header(_real(place / WEIGHTS))
    renamed = {_renamed(name): name for name in header.shapes}
    shapes = {name: header.shapes[stored] for name, stored in renamed.items()}
    budget = Budget.of(list(shapes.values()))
    with metered(budget, str(place / CONFIG)):
        skeleton = _made(kind, values, shape, place, budget)
    expected = {name: tuple(tensor.shape) for name, tensor in _state(skeleton).items()}
    _check_weights(place, expected, shapes)
    stage = _made(kind, values, shape, place, budget)
    tensors = read_tensors(_real(place / WEIGHTS), header)
    weights = {name: tensors[stored].float() for name, stored in renamed.items()}
    for module in (stage.encoder, stage.decoder):
        put_weights(module, {name: weights[name] for name in module.state_dict()})
    return stage


def _find_autoencoder(folder: str | Path) -> Path:
    """Return the folder that holds the autoencoder itself.

    Raises:
        SpecError: There is none.
        FormatError: A file is missing, or all weights are pickled.
    """
    check_source(expanded_path(folder))
    place = expanded_path(folder)
    if not place.is_dir():
        raise SpecError(
            "first_stage must be a folder of the library diffusers with an AutoencoderKL or "
            f"AutoencoderTiny; there is no folder {place}. Give the path of one: nothing is "
            "downloaded."
        )
    if (place / _PIPELINE).is_file() and not (place / CONFIG).is_file():
        place = place / _IN_A_PIPELINE
    if not (place / CONFIG).is_file():
        raise FormatError(
            f"first_stage must be a folder with {CONFIG} and {WEIGHTS}; {place} has no {CONFIG}. "
            "Give the folder that save_pretrained of diffusers wrote, or that of a pipeline."
        )
    if not (place / WEIGHTS).is_file():
        pickled = sorted(p.name for p in place.iterdir() if p.suffix in _PICKLES)
        got = f"it has {pickled[0]}, which is pickled and could run code" if pickled else "none"
        raise FormatError(
            f"first_stage must have its weights in {WEIGHTS}; of {place}: {got}. Load it with "
            "diffusers where you trust it, and write it by save_pretrained, which makes that file."
        )
    return place


def _real(path: Path) -> Path:
    """Return where a file lies: the cache of Hugging Face is made of links."""
    return Path(os.path.realpath(path))


def _read_config(place: Path) -> dict[str, Any]:
    """Return all that decides what is computed, and the name of the class.

    Raises:
        SpecError: Another model, or one with keys that are not known.
        FormatError: Damaged.
    """
    file = place / CONFIG
    stored = read_json(_real(file))
    if not isinstance(stored, dict):
        raise FormatError(f"{file} must be an object; got {shown(stored)}. Get a sound copy.")
    kind = stored.get("_class_name")
    if not isinstance(kind, str) or kind not in _KNOWN:
        raise SpecError(
            f"first_stage must be an {' or '.join(_KNOWN)} of diffusers; {file} describes "
            f"{shown(kind)}. Take another folder."
        )
    defaults, without_effect = _KNOWN[kind], _WITHOUT_EFFECT[kind]
    given = {k: v for k, v in stored.items() if not k.startswith("_") and k not in without_effect}
    if unknown := sorted(given.keys() - defaults.keys()):
        raise SpecError(
            f"{file} must have the keys of an {kind} that vaekit knows; got "
            f"{', '.join(map(shown, unknown))}, which may change what is computed. Take another "
            "folder, or upgrade vaekit."
        )
    return {"_class_name": kind, **defaults, **given}


def _check_fixed(file: Path, kind: str, values: Mapping[str, Any]) -> None:
    """Refuse values for which there are no networks here.

    Raises:
        SpecError: Names the first key.
    """
    rules: dict[str, Any] = {"out_channels": values["in_channels"]}
    if kind == "AutoencoderKL":
        stages = values["block_out_channels"]
        count = len(stages) if isinstance(stages, list | tuple) else 0
        rules["act_fn"] = "silu"
        for key, block in (
            ("down_block_types", "DownEncoderBlock2D"),
            ("up_block_types", "UpDecoderBlock2D"),
        ):
            # Left out, diffusers takes one block.
            rules[key] = None if values[key] is None and count == 1 else [block] * count
    else:
        rules["upsampling_scaling_factor"] = 2
    for key, rule in rules.items():
        if values[key] != rule:
            raise SpecError(
                f"{file}: {key} of an {kind} must be {shown(rule)} to be read by vaekit; got "
                f"{shown(values[key])}. Take another folder."
            )


def _made(
    kind: str, values: Mapping[str, Any], shape: Sequence[int], place: Path, budget: Budget
) -> FirstStage:
    """Build both networks from values that are not trusted."""
    source = Source(str(place / CONFIG), kinds=("networks",), largest=budget.largest)
    both = ("layers_per_block", "block_out_channels", "norm_num_groups", "mid_block_add_attention")
    of_encoder, of_decoder = (
        (("use_quant_conv", *both), ("use_post_quant_conv", *both))
        if kind == "AutoencoderKL"
        else (
            ("encoder_block_out_channels", "num_encoder_blocks", "act_fn"),
            ("decoder_block_out_channels", "num_decoder_blocks", "act_fn", "upsample_fn"),
        )
    )
    of_latents = ("latent_channels", "scaling_factor", "shift_factor")
    chosen = {key: values[key] for key in (*of_latents, *of_encoder)}
    for key in ("scaling_factor", "shift_factor"):
        if type(chosen[key]) is int:
            chosen[key] = float(chosen[key])
    args = {"shape": list(shape), **chosen, "frozen": True}
    encoder = build({"type": f"networks.{kind}Encoder", "args": args}, source=source)
    args = {
        "grid": list(encoder.grid),
        "shape": [1, *shape],
        **{key: values[key] for key in of_decoder},
        "frozen": True,
    }
    decoder = build({"type": f"networks.{kind}Decoder", "args": args}, source=source)
    return FirstStage(encoder, decoder)


def _renamed(name: str) -> str:
    """Return today's name of a weight of the attention."""
    if ".attentions." in name:
        for former, now in _FORMER_ATTENTION.items():
            name = name.replace(former, now)
    return name


def _state(stage: FirstStage) -> dict[str, torch.Tensor]:
    return {**stage.encoder.state_dict(), **stage.decoder.state_dict()}


def _check_weights(
    place: Path, expected: Mapping[str, tuple[int, ...]], got: Mapping[str, tuple[int, ...]]
) -> None:
    wrong = sorted(k for k in expected.keys() | got.keys() if expected.get(k) != got.get(k))
    if wrong:
        first = wrong[0]
        raise FormatError(
            f"the weights in {place / WEIGHTS} must fit {CONFIG}; {first!r} must have shape "
            f"{expected.get(first)}, got {got.get(first)} ({len(wrong)} differ). Get a sound copy "
            "of both files."
        )


def is_frozen(model: Model) -> bool:
    """Return whether a model has a first stage that is not trained."""
    parts = (model.encoder, model.decoder) if isinstance(model, VAE) else ()
    return bool(parts) and all(getattr(part, "frozen", False) is True for part in parts)


_MEASURED = 100


@torch.no_grad()
def measure(model: Model, items: TrainingSet, config: TrainConfig) -> TrainResult:
    """Measure a model in place of training it: its noise is set, its weights stay.

    Args:
        model: With a first stage that is not trained; moved to the device.
        items: Training items; up to 100 of them are looked at.
        config: How it would be trained: device and seed.

    Returns:
        A history of one row, after no step: the negative evidence lower bound.
    """
    waited, spent = Stopwatch(), Stopwatch(config.clock)
    assert isinstance(model, VAE)
    fabric = make_fabric(config)
    fabric.to_device(model)
    model.eval()
    training, _ = items.split(config.held_out, torch.Generator().manual_seed(config.seed))
    training = training.resampled()
    places = spread_places(len(training), _MEASURED)
    some = training.subset(places)
    with seeded(config.seed):
        batches = list(batches_of(some, fabric.device))
        _calibrate_noise(model, batches)
        progress = TrainingProgress(1, 1, len(training))
        totals: dict[str, float] = {}
        for batch in batches:
            for update in elbo().losses(model, batch, progress):
                for name, term in update.terms.items():
                    totals[name] = totals.get(name, 0.0) + term.item() * len(batch.x)
    means = {name: total / len(some) for name, total in totals.items()}
    row = {"epoch": 1, "step": 0, "learning_rate": 0.0, **means}
    return TrainResult([row], 1, waited.seconds(), spent.seconds())


def _calibrate_noise(model: VAE, batches: Sequence[Batch]) -> None:
    """Set the noise to what maximises the likelihood: the mean squared residual."""
    if not isinstance(model.likelihood, OptimalGaussian):
        return
    squares = [(model.evidence(batch).px.mean - batch.x).square().sum().item() for batch in batches]
    values = sum(batch.x.numel() for batch in batches)
    model.likelihood.running_variance.fill_(sum(squares) / values)


def planned_steps(config: TrainConfig, items: int, most: int) -> int:
    """Return how many steps a training would take; the prior takes twice as many.

    Args:
        config: How to train.
        items: How many there are to train on.
        most: What there is time for, where a time is given and no number of steps.
    """
    if config.most_seconds is not None and config.steps is None and config.max_epochs is None:
        return most
    per_epoch = -(-items // config.items_per_step)
    return int(min(config.epochs(items) * per_epoch, config.most_steps))
