"""Measures of trained models."""

from vaekit.metrics.annealed import annealed_log_likelihood
from vaekit.metrics.attributes import AttributeClassifier, attribute_classifier
from vaekit.metrics.classifier import classifier_features
from vaekit.metrics.clustering import Agreement, agreement
from vaekit.metrics.codebook import CodebookUsage, codebook_usage
from vaekit.metrics.disentanglement import (
    DCI,
    Disentanglement,
    dci,
    disentanglement,
    factor_vae_score,
    modularity,
    mutual_information_gap,
    sap,
)
from vaekit.metrics.editing import (
    EditScores,
    edit_scores,
    flip_rate,
    identity_distance,
    kept_shares,
)
from vaekit.metrics.events import (
    EventScores,
    StepRanking,
    event_scores,
    nab_scale,
    nab_score,
    nab_sums,
    runs,
    step_ranking,
)
from vaekit.metrics.features import (
    FeatureMap,
    Features,
    module_features,
    raw_features,
    reduced_features,
)
from vaekit.metrics.fidelity import Fidelity, Figures, fidelity
from vaekit.metrics.frechet import frechet_distance
from vaekit.metrics.information import Information, latent_information
from vaekit.metrics.latent_health import Health, latent_health
from vaekit.metrics.likelihood import Estimate, bits_per_dim, elbo_estimate, log_likelihood
from vaekit.metrics.neighbours import PRDC, prdc
from vaekit.metrics.pretrained import efficientnet_features
from vaekit.metrics.reconstruction import Reconstruction, reconstruction_quality
from vaekit.metrics.sharpness import sharpness, sharpness_ratio
from vaekit.metrics.smoothness import Smoothness, distance_to_data, smoothness
from vaekit.metrics.tables import (
    RowFidelity,
    associations,
    blended_neighbours,
    closest_record_share,
    for_trees,
    row_fidelity,
    shape_errors,
    train_on_synthetic,
    trend_errors,
    two_sample_auc,
)

__all__ = [
    "DCI",
    "PRDC",
    "Agreement",
    "AttributeClassifier",
    "CodebookUsage",
    "Disentanglement",
    "EditScores",
    "Estimate",
    "EventScores",
    "FeatureMap",
    "Features",
    "Fidelity",
    "Figures",
    "Health",
    "Information",
    "Reconstruction",
    "RowFidelity",
    "Smoothness",
    "StepRanking",
    "agreement",
    "annealed_log_likelihood",
    "associations",
    "attribute_classifier",
    "bits_per_dim",
    "blended_neighbours",
    "classifier_features",
    "closest_record_share",
    "codebook_usage",
    "dci",
    "disentanglement",
    "distance_to_data",
    "edit_scores",
    "efficientnet_features",
    "elbo_estimate",
    "event_scores",
    "factor_vae_score",
    "fidelity",
    "flip_rate",
    "for_trees",
    "frechet_distance",
    "identity_distance",
    "kept_shares",
    "latent_health",
    "latent_information",
    "log_likelihood",
    "modularity",
    "module_features",
    "mutual_information_gap",
    "nab_scale",
    "nab_score",
    "nab_sums",
    "prdc",
    "raw_features",
    "reconstruction_quality",
    "reduced_features",
    "row_fidelity",
    "runs",
    "sap",
    "shape_errors",
    "sharpness",
    "sharpness_ratio",
    "smoothness",
    "step_ranking",
    "train_on_synthetic",
    "trend_errors",
    "two_sample_auc",
]
