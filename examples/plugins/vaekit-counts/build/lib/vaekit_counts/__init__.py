"""Counts for vaekit: likelihoods with library size, a domain, a preset, a metric."""

from vaekit_counts.domain import CountDomain
from vaekit_counts.likelihoods import NegativeBinomial, ZeroInflatedNegativeBinomial

__all__ = ["CountDomain", "NegativeBinomial", "ZeroInflatedNegativeBinomial"]
