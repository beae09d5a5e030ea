"""The molecule that a search starts from."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from vaekit.distributions import DiagonalNormal
from vaekit.domains import MoleculeDomain
from vaekit.domains.molecules import (
    as_molecules,
    canonical,
    morgan_fingerprints,
    standardise,
    tanimoto,
)
from vaekit.errors import CompositionError, DataError
from vaekit.tasks.trained import Trained
from vaekit.tasks.vectors import check_vectors

__all__ = ["Lead", "check_molecules", "read_lead"]


@dataclass(frozen=True, eq=False)
class Lead:
    """A molecule with its place among the latents.

    Attributes:
        smiles: Standardised.
        molecule: RDKit's.
        code: Posterior mean, shape (latent,).
        spread: Posterior standard deviations, shape (latent,); 1 where a posterior tells none.
        decoded: What the model makes of its code: the molecule itself, if the model is good.
    """

    smiles: str
    molecule: Any
    code: Tensor
    spread: Tensor
    decoded: str | None

    @property
    def note(self) -> str:
        """How well the model knows it, in words."""
        if self.decoded == self.smiles:
            return "The model gives the lead back exactly."
        if self.decoded is None:
            return "The model does not give the lead back, but no valid molecule: expect few finds."
        both = morgan_fingerprints([self.smiles, self.decoded])
        similar = tanimoto(both[:1], both[1:]).item()
        return f"The model gives the lead back as {self.decoded}, at similarity {similar:.2f}."


def check_molecules(trained: Trained) -> MoleculeDomain:
    """The domain of a model of molecules with plain latents.

    Raises:
        CompositionError: It is another model.
    """
    if not isinstance(trained.domain, MoleculeDomain):
        raise CompositionError(
            f"this needs a model of molecules; this one's data are {type(trained.domain).__name__}."
        )
    check_vectors(trained.vae, "a search around a molecule", "Use preset 'sequence_vae'.")
    return trained.domain


@torch.no_grad()
def read_lead(trained: Trained, smiles: str, context: Any = None) -> Lead:
    """Read a molecule and encode it.

    Args:
        trained: A model of molecules.
        smiles: It.
        context: Of a conditional model: one label, or one row of properties.

    Raises:
        DataError: It is no molecule, a rule rejects it, or it has tokens that training had not; a
            context is missing, unknown, or more than one.
        CompositionError: The model is not one of molecules, or has no latents.
    """
    domain = check_molecules(trained)
    trained.one_row(context)
    found = standardise([smiles], domain.standardiser)
    if not len(found):
        (entry,) = found.report.rejected
        raise DataError(f"the lead must be a molecule; got {smiles!r}: {entry.reason}.")
    (batch,) = trained.inputs(found, context)
    code = trained.vae.encode(batch.x, batch.context)[0].cpu()
    q = trained.vae.infer(batch).q
    return Lead(
        found.smiles[0],
        as_molecules(found.smiles)[0],
        code,
        q.scale[0].cpu() if isinstance(q, DiagonalNormal) else torch.ones_like(code),
        canonical(trained.decode(code[None].numpy(), context))[0],
    )
