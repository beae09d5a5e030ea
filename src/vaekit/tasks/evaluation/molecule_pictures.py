"""Pictures of molecules: drawn samples, a map by logP, and distributions of properties."""

import numpy as np
from matplotlib.figure import Figure
from torch import Tensor

from vaekit import plots
from vaekit.domains.molecules import properties_of
from vaekit.tasks.evaluation.subject import Subject

__all__ = ["drawn_samples", "map_of_logp", "property_histograms"]

_DRAWN, _COMPARED = 30, 1000
_NAMES = ("qed", "logp", "sa", "mw", "tpsa", "rings", "heavy_atoms", "rotatable_bonds")


def drawn_samples(subject: Subject) -> Figure:
    """Samples as they come, invalid ones too."""
    smiles = _smiles(subject, subject.sampled(subject.some(_DRAWN)))
    found = properties_of(smiles, ("qed", "logp"))
    words = [
        "" if np.isnan(qed) else f"qed {qed:.2f}, logp {logp:.1f}"
        for qed, logp in zip(found["qed"], found["logp"], strict=True)
    ]
    return plots.molecule_grid(smiles, words, columns=6).figure("samples, none left out")


def map_of_logp(subject: Subject, codes: Tensor) -> Figure:
    """Held-out molecules by their latents, coloured by logP."""
    smiles = _smiles(subject, subject.x(subject.some(len(codes))))
    logp = properties_of(smiles, ("logp",))["logp"]
    known = ~np.isnan(logp)
    return plots.latent_map(codes[known], logp[known], scale_name="logP")


def property_histograms(subject: Subject) -> Figure | None:
    """Properties of held-out molecules and of valid samples; nothing if no sample is valid."""
    import pandas as pd

    items = subject.some(_COMPARED)
    both = (_smiles(subject, x) for x in (subject.x(items), subject.sampled(items)))
    real, made = (pd.DataFrame(properties_of(smiles, _NAMES)).dropna() for smiles in both)
    return plots.marginals(real, made) if len(real) and len(made) else None


def _smiles(subject: Subject, x: Tensor) -> list[str]:
    smiles: list[str] = subject.trained.domain.decode(x)
    return smiles
