"""Whether single latents stand for single known factors."""

from vaekit.metrics.disentanglement.fixed_factor import factor_vae_score
from vaekit.metrics.disentanglement.prediction import DCI, dci, sap
from vaekit.metrics.disentanglement.scores import Disentanglement, disentanglement
from vaekit.metrics.disentanglement.shared_information import modularity, mutual_information_gap

__all__ = [
    "DCI",
    "Disentanglement",
    "dci",
    "disentanglement",
    "factor_vae_score",
    "modularity",
    "mutual_information_gap",
    "sap",
]
