"""All disentanglement scores at once."""

from dataclasses import dataclass

from jaxtyping import Float, Int
from torch import Tensor

from vaekit.metrics.disentanglement.fixed_factor import factor_vae_score
from vaekit.metrics.disentanglement.prediction import dci, sap
from vaekit.metrics.disentanglement.shared_information import modularity, mutual_information_gap

__all__ = ["Disentanglement", "disentanglement"]


@dataclass(frozen=True)
class Disentanglement:
    """Scores from 0 to 1; more is better.

    They disagree by design: report all, over several seeds of training.

    Attributes:
        mutual_information_gap: See `mutual_information_gap`; 0 for codes without information.
        disentanglement: See `DCI`; near 0 for codes without information.
        completeness: See `DCI`; near 0 for codes without information.
        informativeness: See `DCI`; chance for codes without information.
        sap: See `sap`; near 0 for codes without information.
        modularity: See `modularity`; high for latents that know little, but of one factor.
        factor_vae: See `factor_vae_score`; about 1 / factors for codes without information.
        items: Items it was measured on.
    """

    mutual_information_gap: float
    disentanglement: float
    completeness: float
    informativeness: float
    sap: float
    modularity: float
    factor_vae: float
    items: int


def disentanglement(
    codes: Float[Tensor, "items latents"], factors: Int[Tensor, "others factors"], seed: int = 0
) -> Disentanglement:
    """Measure how latents relate to the factors that are known to have made the items.

    Args:
        codes: One row of latents per item, for instance posterior means.
        factors: The factors that made each item: integers, as in `vaekit.datasets.shapes`.
        seed: Decides splits, forests and groups.

    Raises:
        DataError: Not two matrices of equal length with at least 100 items, 2 latents and 2
            factors; codes that are not finite; factors that are not integers, or constant, or
            without a value that 8 items share.

    Source: the study of all of them by Locatello et al. 2019, "Challenging common assumptions in
    the unsupervised learning of disentangled representations".

    Example:
        >>> import torch
        >>> factors = torch.cartesian_prod(torch.arange(10), torch.arange(10)).repeat(4, 1)
        >>> scores = disentanglement(factors.float() @ torch.tensor([[1.0, 1], [1, -1]]), factors)
        >>> scores.mutual_information_gap < 0.1 < scores.informativeness
        True
    """
    importance = dci(codes, factors, seed)
    return Disentanglement(
        mutual_information_gap=mutual_information_gap(codes, factors),
        disentanglement=importance.disentanglement,
        completeness=importance.completeness,
        informativeness=importance.informativeness,
        sap=sap(codes, factors, seed),
        modularity=modularity(codes, factors),
        factor_vae=factor_vae_score(codes, factors, seed),
        items=len(codes),
    )
