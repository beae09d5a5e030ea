"""The methods of search, by name."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from vaekit.errors import unknown_name
from vaekit.tasks.optimisation.methods.base import Method, Tools
from vaekit.tasks.optimisation.methods.evolution import Evolution, retrained
from vaekit.tasks.optimisation.methods.fingerprint_gp import FingerprintGP
from vaekit.tasks.optimisation.methods.foreseen import Foreseen
from vaekit.tasks.optimisation.methods.gradient import GradientAscent
from vaekit.tasks.optimisation.methods.latent_gp import LatentGP, TrustRegion
from vaekit.tasks.optimisation.methods.local_noise import LocalNoise
from vaekit.tasks.optimisation.methods.screening import Screening
from vaekit.tasks.optimisation.methods.staged import Staged
from vaekit.tasks.optimisation.retraining import Retraining

__all__ = ["METHODS", "Method", "Tools", "make_method"]


def _retrained_gp(tools: Tools) -> Method:
    return FingerprintGP(tools, Retraining())


_ENOUGH = 100  # molecules that tell a Gaussian process more than their order tells local noise

METHODS: Mapping[str, Callable[[Tools], Method]] = MappingProxyType(
    {
        "random": Screening,
        "noise": LocalNoise,
        "gradient": GradientAscent,
        "latent_gp": LatentGP,
        "trust_region": TrustRegion,
        "evolution": Evolution,
        "retraining": retrained,
        "fingerprint_gp": FingerprintGP,
        "retrained_gp": _retrained_gp,
    }
)


def _auto(tools: Tools) -> Method:
    return Staged(Foreseen(LocalNoise(tools), tools), _retrained_gp(tools), _ENOUGH)


def make_method(name: str, tools: Tools) -> Method:
    """The method of that name; ``"auto"`` is what did best in ``benchmarks/molecules_design.py``.

    It is ``"noise"`` until 100 molecules are known, then ``"retrained_gp"``. Where the model was
    taught all that is asked for, it proposes more at first, and asks what it expects the most of.

    Raises:
        SpecError: No method has that name.
    """
    if name == "auto":
        return _auto(tools)
    if name not in METHODS:
        raise unknown_name("method", name, ("auto", *METHODS))
    return METHODS[name](tools)
