from .adversarial import (
    Adversarial as Adversarial,
    ContextCritic as ContextCritic,
    LatentCritic as LatentCritic,
    PatchAdversary as PatchAdversary,
    PriorCritic as PriorCritic,
    TotalCorrelationCritic as TotalCorrelationCritic,
    VAEGAN as VAEGAN,
)
from .base import (
    CapacityKL as CapacityKL,
    KL as KL,
    Objective as Objective,
    OptimizerOptions as OptimizerOptions,
    Reconstruction as Reconstruction,
    Term as Term,
    check_composition as check_composition,
)
from .evidence_bounds import (
    AddNoise as AddNoise,
    Corruption as Corruption,
    Denoising as Denoising,
    HideColumns as HideColumns,
    HideValues as HideValues,
)
from .evidence_bounds import (
    ClusterStart as ClusterStart,
    ImportanceBound as ImportanceBound,
    PartialImportance as PartialImportance,
    PathImportanceBound as PathImportanceBound,
    Sum as Sum,
    elbo as elbo,
    importance_weighted as importance_weighted,
)
from .regularizers import (
    Commitment as Commitment,
    CovariancePenalty as CovariancePenalty,
    DecoderNorm as DecoderNorm,
    DecomposedKL as DecomposedKL,
    GradientPenalty as GradientPenalty,
    LatentNorm as LatentNorm,
    MeanDiscrepancy as MeanDiscrepancy,
    PowerSpectrum as PowerSpectrum,
)
from .base import (
    FixedSchedule as FixedSchedule,
    Cosine as Cosine,
    Cyclical as Cyclical,
    Linear as Linear,
    WarmUpCosine as WarmUpCosine,
)
