"""Point clouds for vaekit: a set encoder, a likelihood without order, a domain, a preset."""

from vaekit_pointclouds.domain import PointCloudDomain
from vaekit_pointclouds.likelihoods import Chamfer
from vaekit_pointclouds.networks import SetEncoder

__all__ = ["Chamfer", "PointCloudDomain", "SetEncoder"]
