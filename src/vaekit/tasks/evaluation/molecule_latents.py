"""What latents keep of molecules: exactly, nearby, and of their properties."""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vaekit.distributions import DiagonalNormal
from vaekit.domains.molecules import canonical, morgan_fingerprints, properties_of
from vaekit.errors import CompositionError
from vaekit.randomness import seeded
from vaekit.tasks.evaluation.rows import Row
from vaekit.tasks.evaluation.settings import LATENT_ITEMS, RECONSTRUCTION_ITEMS
from vaekit.tasks.evaluation.subject import Subject

__all__ = ["local_validity", "property_r2", "reconstruction"]

_PREDICTED = ("qed", "logp", "tpsa", "sa")
_FOLDS, _PENALTIES, _PENALTY = 5, (0.01, 0.1, 1.0, 10.0, 100.0), 0.1
_NEAR = 0.5  # standard deviations


def reconstruction(subject: Subject) -> list[Row]:
    """How many held-out molecules come back the same, valid, and how similar."""
    items = subject.some(RECONSTRUCTION_ITEMS)
    given = canonical(subject.trained.domain.decode(subject.x(items)))
    back = canonical(subject.trained.domain.decode(subject.reconstructed(items)))
    same = np.mean([a == b for a, b in zip(given, back, strict=True)])
    valid = np.array([smiles is not None for smiles in back])
    rows = [
        Row("exact reconstruction", float(same), items=len(items), note="at the posterior mean"),
        Row("valid reconstructions", float(valid.mean()), items=len(items)),
    ]
    if valid.any():
        similar = float(_similarity(given, back)[valid].mean())
        note = "Tanimoto of Morgan fingerprints, of valid ones"
        rows.append(
            Row("similarity of reconstructions", similar, items=int(valid.sum()), note=note)
        )
    return rows


def local_validity(subject: Subject) -> list[Row]:
    """How many points near the code of a molecule, or halfway between two, are molecules."""
    with seeded(subject.settings.seed):
        near = [canonical(subject.trained.domain.decode(x)) for x in _around(subject)]
    codes = subject.codes[: 2 * (min(LATENT_ITEMS, len(subject.codes)) // 2)]
    halfway = subject.trained.decode(codes.view(2, -1, codes.shape[1]).mean(0).numpy())
    found = {
        f"valid at the mean + {_NEAR} sigma": [s for p in near for s in p],
        "valid halfway between two": canonical(halfway),
    }
    return [
        Row(name, float(np.mean([smiles is not None for smiles in made])), items=len(made))
        for name, made in found.items()
    ]


@torch.no_grad()
def _around(subject: Subject) -> Iterator[Tensor]:
    vae = subject.vae
    for batch in subject.batches(LATENT_ITEMS):
        q = vae.infer(batch).q
        if not isinstance(q, DiagonalNormal):
            raise CompositionError(
                "needs Gaussian posteriors with a standard deviation per latent."
            )
        z = q.mean + _NEAR * q.stddev * torch.randn_like(q.mean)
        yield vae.show(z, batch.context).cpu()


def property_r2(subject: Subject) -> list[Row]:
    """How much of the variance of properties the posterior means tell, on held-out folds."""
    from sklearn.kernel_ridge import KernelRidge
    from sklearn.linear_model import RidgeCV

    codes = subject.codes.double().numpy()
    smiles = subject.trained.domain.decode(subject.x(subject.some(len(codes))))
    found = properties_of(smiles, _PREDICTED)
    usable = ~np.isnan(found["qed"])
    Z, Y = codes[usable], {name: values[usable] for name, values in found.items()}
    # A width of the mean distance; latents out of use are small and so hardly count.
    width = 2 * float(((Z - Z.mean(0)) ** 2).sum(1).mean()) or 1.0
    models = {
        "ridge": RidgeCV(_PENALTIES),
        "kernel ridge": KernelRidge(alpha=_PENALTY, kernel="rbf", gamma=0.5 / width),
    }
    return [row for source, model in models.items() for row in _predicted(source, model, Z, Y)]


def _predicted(
    source: str, model: object, Z: NDArray[np.float64], found: dict[str, NDArray[np.float64]]
) -> list[Row]:
    from sklearn.model_selection import cross_val_predict

    Y = np.stack(list(found.values()), axis=1)
    spread = Y.std(0)
    scaled = (Y - Y.mean(0)) / np.where(spread > 0, spread, 1.0)
    told = cross_val_predict(model, Z, scaled, cv=_FOLDS)
    errors = ((scaled - told) ** 2).mean(0)
    return [
        Row(
            f"R2 of {name} from latents",
            1 - float(error) if of > 0 else None,
            items=len(Z),
            source=source,
            note=f"{_FOLDS} held-out folds" if of > 0 else "the same for all of these molecules",
        )
        for name, error, of in zip(found, errors, spread, strict=True)
    ]


def _similarity(a: list[str | None], b: list[str | None]) -> NDArray[np.float64]:
    """Of each to its counterpart; 0 where one is no molecule."""
    ours, theirs = morgan_fingerprints(a), morgan_fingerprints(b)
    shared = np.asarray(ours.bits.multiply(theirs.bits).sum(1), np.float64).ravel()
    return shared / np.maximum(ours.counts + theirs.counts - shared, 1.0)
