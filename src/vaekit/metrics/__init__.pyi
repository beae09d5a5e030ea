from .alignment import Alignment as Alignment
from .clusters import (
    ClusterAgreement as ClusterAgreement,
    CodebookUsage as CodebookUsage,
    agreement as agreement,
    codebook_usage as codebook_usage,
)
from .disentangled import (
    DCI as DCI,
    Disentanglement as Disentanglement,
    dci as dci,
    disentanglement as disentanglement,
    factor_vae_score as factor_vae_score,
    modularity as modularity,
    mutual_information_gap as mutual_information_gap,
    sap as sap,
)
from .reconstructions import (
    AttributeClassifier as AttributeClassifier,
    EditScores as EditScores,
    attribute_classifier as attribute_classifier,
    edit_scores as edit_scores,
    flip_rate as flip_rate,
    identity_distance as identity_distance,
    kept_shares as kept_shares,
)
from .feature_extractors import (
    FeatureMap as FeatureMap,
    Features as Features,
    classifier_features as classifier_features,
    efficientnet_features as efficientnet_features,
    efficientnet_maps as efficientnet_maps,
    has_efficientnet as has_efficientnet,
    module_features as module_features,
    raw_features as raw_features,
    reduced_features as reduced_features,
)
from .latents import (
    Health as Health,
    Information as Information,
    latent_health as latent_health,
    latent_information as latent_information,
)
from .likelihoods import (
    Estimate as Estimate,
    annealed_log_likelihood as annealed_log_likelihood,
    bits_per_dim as bits_per_dim,
    elbo_estimate as elbo_estimate,
    log_likelihood as log_likelihood,
)
from .reconstructions import (
    ReconstructionError as ReconstructionError,
    Smoothness as Smoothness,
    distance_to_data as distance_to_data,
    reconstruction_quality as reconstruction_quality,
    smoothness as smoothness,
)
from .sample_quality import (
    Fidelity as Fidelity,
    Figures as Figures,
    PRDC as PRDC,
    fidelity as fidelity,
    frechet_distance as frechet_distance,
    prdc as prdc,
    sharpness as sharpness,
    sharpness_ratio as sharpness_ratio,
)
