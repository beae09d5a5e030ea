"""What each preset is, needs and gives, read off the preset itself."""

import inspect
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from vaekit.files import atomic_write, to_json
from vaekit.latents.base import Single
from vaekit.likelihoods.elementwise import Bernoulli
from vaekit.models.vae import VAE
from vaekit.networks.sizes import make_networks
from vaekit.presets.base import Parts, Recipe, get_preset, preset_names
from vaekit.randomness import seeded
from vaekit.registry import provider

_ENERGY = "structural_similarity"
_LATENTS, _CONTEXT, _SHAPE = 8, 2, (1, 8, 8)
_CONDITIONAL = ("cvae", "fader_vae")


@dataclass(frozen=True)
class Card:
    """A preset, described.

    Attributes:
        name: Its name.
        summary: One sentence.
        details: The rest of its description, by paragraph.
        source: The paper.
        needs: What it needs beyond data.
        gives: What the trained model can do.
        parts: What fills the slots.
        options: Its options and their defaults.
    """

    name: str
    summary: str
    details: Sequence[str]
    source: str
    needs: Sequence[str]
    gives: Sequence[str]
    parts: Mapping[str, str]
    options: Mapping[str, Any]


def catalogue() -> list[Card]:
    """Return all presets, by name, from the models themselves.

    What comes of it for the presets of vaekit is kept in ``catalogue.json``, so that listing them
    builds no model; `write_catalogue` writes it.

    Example:
        >>> [entry.name for entry in catalogue()][:2]
        ['aae', 'annealed_vae']
    """
    return [card(name) for name in preset_names()]


def write_catalogue(path: Path) -> None:
    """Write the descriptions of the presets of vaekit itself."""
    own = [card(name) for name in preset_names() if not provider("presets", name)]
    atomic_write(path, to_json([asdict(entry) for entry in own]))


def card(name: str) -> Card:
    """One preset, described.

    Raises:
        SpecError: No preset has that name; suggests the nearest.

    Example:
        >>> card("beta_vae").options
        {'beta': 4.0}
    """
    chosen = get_preset(name)
    text, _, source = inspect.cleandoc(chosen.make.__doc__ or "").partition("Source: ")
    summary, *details = [re.sub(r"\s+", " ", part) for part in text.strip().split("\n\n")]
    parameters = list(inspect.signature(chosen.make).parameters.values())[1:]
    recipe = _built(name)
    return Card(
        name=name,
        summary=summary,
        details=details,
        source=re.sub(r"\s+", " ", source).strip(),
        needs=_needs(name),
        gives=_gives(recipe.model.provides, chosen.likelihood),
        parts=_parts(recipe, chosen.likelihood, chosen.prior),
        options={p.name: p.default for p in parameters},
    )


def _built(name: str) -> Recipe:
    """The preset on small made-up parts: it shows what fills the slots."""
    chosen, network, latents = get_preset(name), "mlp", _LATENTS
    if not isinstance(chosen.latent_dim, int):  # then its own networks matter
        network, latents = chosen.image_network, chosen.latents_for(_SHAPE)
    with seeded(0):
        networks = make_networks(network, "small", _SHAPE, latents + _CONTEXT, 1, _CONTEXT)
        encoder, decoder, width = networks
        items = torch.rand(200, *_SHAPE)
        parts = Parts(encoder, decoder, Bernoulli(), width, latents, _CONTEXT, items)
        return chosen.build(parts)


def _needs(name: str) -> list[str]:
    needs = ["labels or properties"] if name in _CONDITIONAL else []
    return needs + (["images"] if get_preset(name).likelihood == _ENERGY else [])


def _gives(provides: frozenset[str], likelihood: str) -> list[str]:
    """In words: what a model that provides this can do beside encoding and sampling."""
    words = {"density": "scores", "codes": "codes", "components": "clusters"}
    if likelihood == _ENERGY:
        del words["density"]
    return [word for need, word in words.items() if need in provides]


def _parts(recipe: Recipe, likelihood: str, prior: str) -> dict[str, str]:
    model = recipe.model
    if not isinstance(model, VAE):
        return {"model": type(model).__name__, "objective": type(recipe.objective).__name__}
    latent = model.latent
    shown = {"latent": type(latent).__name__}
    if isinstance(latent, Single):
        shown = {
            "posterior": type(latent.posterior).__name__,
            "prior": type(latent.prior).__name__,
        }
    own = {"likelihood": likelihood, "fitted prior": prior}
    return {
        **shown,
        "objective": repr(recipe.objective).split("(\n")[0],
        **{k: "the data's default" if v == "auto" else v for k, v in own.items()},
    }


if __name__ == "__main__":
    write_catalogue(Path(__file__).with_name("catalogue.json"))
