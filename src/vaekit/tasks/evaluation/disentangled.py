"""How latents relate to the factors that made the items."""

from dataclasses import asdict

import torch

from vaekit.errors import DataError
from vaekit.metrics import disentanglement
from vaekit.tasks.evaluation.rows import Row
from vaekit.tasks.evaluation.subject import Subject

__all__ = ["scores"]

_NAMES = {
    "mutual_information_gap": "mutual information gap",
    "disentanglement": "DCI disentanglement",
    "completeness": "DCI completeness",
    "informativeness": "DCI informativeness",
    "sap": "SAP",
    "modularity": "modularity",
    "factor_vae": "FactorVAE score",
}


def scores(subject: Subject) -> list[Row]:
    """All scores of the posterior means."""
    if subject.factors is None:
        raise DataError("needs the factors that made the items, one row per item (--factors).")
    codes = subject.codes
    factors = torch.from_numpy(subject.factors[: len(codes)])
    found = asdict(disentanglement(codes, factors, subject.settings.seed))
    return [Row(name, found[key], items=len(codes)) for key, name in _NAMES.items()]
