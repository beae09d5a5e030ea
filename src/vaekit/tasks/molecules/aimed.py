"""Molecules whose properties are to lie in ranges, by what the latents tell of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from vaekit.distributions import Joined
from vaekit.domains import MoleculeDomain
from vaekit.domains.molecules import Targets
from vaekit.errors import CompositionError, DataError, unknown_name
from vaekit.models import VAE
from vaekit.tasks.trained import Trained

__all__ = ["AimedMolecules", "targets_of"]

_AT_ONCE = 512

_SMALLEST = 1e-30
_HOPELESS = 1e-6


def targets_of(domain: Any) -> Targets:
    """What a model of molecules was taught to tell.

    Raises:
        CompositionError: It was taught none, or is of other data.
    """
    if not isinstance(domain, MoleculeDomain) or domain.scales is None:
        raise CompositionError(
            "conditions and predictions are of tables, and of molecules with targets; this model "
            "is of other data, or was taught no targets. Fit one of molecules with "
            "MoleculeDomain(targets=('qed', 'logp')), or vaekit fit --targets qed,logp."
        )
    return domain.scales


@dataclass(frozen=True)
class AimedMolecules:
    """New molecules, weighed by how probable it is that they meet the ranges.

    What is told of them comes from their own latents, encoded from what was drawn: latents of the
    prior lie beside those of any molecule, and there tokens and numbers need not agree.

    Attributes:
        trained: The model.
        rows: The context, for as many as are proposed at once; ``None`` without.
        fitted: Whether latents come from the fitted prior.
        ends: Lowest and highest value of each target, in deviations from its mean.
        asked: The ranges, for messages.
    """

    most: ClassVar[int] = 50_000

    trained: Trained
    rows: Tensor | None
    fitted: bool
    ends: Float[Tensor, "2 targets"]
    asked: Mapping[str, Any]

    @classmethod
    def of(
        cls, trained: Trained, rows: Tensor | None, fitted: bool, where: Mapping[str, Any]
    ) -> Self:
        """From ranges by name, (low, high), ``None`` for an open end.

        Raises:
            CompositionError: The model was taught no targets.
            SpecError: Not that one.
            DataError: No range, or an empty one.
        """
        known = targets_of(trained.domain)
        ends = np.repeat([[-np.inf], [np.inf]], len(known), 1)
        for name, given in where.items():
            if name not in known.names:
                raise unknown_name("target", name, known.names)
            place = list(known.names).index(name)
            ends[:, place] = _in_deviations(name, given, known, place)
        return cls(trained, rows, fitted, torch.from_numpy(ends).float(), where)

    def propose(self, count: int) -> tuple[Tensor, Float[Tensor, "count"]]:
        """Molecules, as the networks see them, and the log probability that the ranges are met.

        Raises:
            DataError: None of them comes near.
        """
        vae = self.trained.vae
        z = vae.generate(count, self.rows, fitted=self.fitted)
        pieces = torch.arange(count, device=z.device).split(_AT_ONCE)
        parts = [self._weighed(vae, z[i], _some(self.rows, i)) for i in pieces]
        x, log_w = (torch.cat(column) for column in zip(*parts, strict=True))
        if float(log_w.max().exp()) < _HOPELESS:
            raise DataError(
                f"the model must know molecules with {dict(self.asked)}; of {count} draws none "
                f"comes near. It was taught {_described(targets_of(self.trained.domain))}. Ask for "
                "less, or for fewer properties at a time."
            )
        return x, log_w

    def _weighed(self, vae: VAE, z: Tensor, rows: Tensor | None) -> tuple[Tensor, Tensor]:
        x = vae.make(z, rows)
        px = vae.decode(vae.encode(x, rows), rows)
        assert isinstance(px, Joined)  # as of `TargetedTokens`, which such a domain asks for
        low, high = self.ends.to(z.device)
        shares = px.parts[1].cdf(high) - px.parts[1].cdf(low)
        return x, shares.clamp_min(_SMALLEST).log().sum(-1).squeeze(0)


def _some(rows: Tensor | None, places: Tensor) -> Tensor | None:
    return None if rows is None else rows[places]


def _in_deviations(name: str, given: Any, known: Targets, place: int) -> tuple[float, float]:
    if not isinstance(given, tuple) or len(given) != 2 or given == (None, None):
        raise DataError(
            f"a property must be asked for as a range (low, high), one of them None if open; got "
            f"{given!r} for {name!r}."
        )
    low = -np.inf if given[0] is None else float(given[0])
    high = np.inf if given[1] is None else float(given[1])
    if not low < high:
        raise DataError(f"a range must have low < high; got {given!r} for {name!r}.")
    mean, deviation = known.means[place], known.deviations[place]
    return (low - mean) / deviation, (high - mean) / deviation


def _described(known: Targets) -> str:
    parts = zip(known.names, known.means, known.deviations, strict=True)
    return ", ".join(f"{name} of {mean:.3g} +- {spread:.2g}" for name, mean, spread in parts)
