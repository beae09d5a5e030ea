"""The latent space that is searched: molecules to codes, and codes to molecules."""

import abc
import copy
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vaekit.errors import CompositionError, DataError
from vaekit.fitting.trained import TrainedModel, batches_of
from vaekit.likelihoods.tokens import tokens_part
from vaekit.models.vae import VAE
from vaekit.molecules.domain import MoleculeDomain
from vaekit.molecules.predictions import predict_from_latents
from vaekit.molecules.rdkit_tools import as_molecules, chemistry
from vaekit.molecules.reading import Report
from vaekit.molecules.standardize import Standardized
from vaekit.objectives.evidence_bounds import elbo
from vaekit.training.config import Items, TrainConfig
from vaekit.training.trainer import train

Codes = NDArray[np.float32]

_AT_ONCE = 2048
_BATCH, _RATE, _BETA = 64, 5e-4, 0.25  # of learning further


class Space(abc.ABC):
    """What the methods of search see of a model. Reads the global random stream of PyTorch."""

    @property
    @abc.abstractmethod
    def dim(self) -> int:
        """Number of latents."""

    @abc.abstractmethod
    def encode(self, smiles: Sequence[str]) -> tuple[NDArray[np.bool_], Codes]:
        """Which of the molecules can be encoded, and the codes of those, shape (those, latent)."""

    @abc.abstractmethod
    def decode(self, codes: Codes, temperature: float = 1.0) -> list[str | None]:
        """Draw a molecule for each code: canonical, or None where it is not valid.

        Args:
            codes: Shape (molecules, latent).
            temperature: Of the draws; 0 for the most probable tokens.
        """

    def predicted(self, smiles: Sequence[str]) -> Mapping[str, NDArray[np.float64]]:
        """Properties by name, as the model tells them without a call; NaN where it knows nothing.

        None unless the model was taught some; a column of the user's is no property, whatever its
        name.
        """
        return {}

    @abc.abstractmethod
    def prior(self, n: int) -> Codes:
        """Draw codes."""

    @abc.abstractmethod
    def adapt(self, smiles: Sequence[str], seed: int) -> None:
        """Learn further from these molecules; codes from before mean something else then."""


class MoleculeSpace(Space):
    """That of a trained model of molecules.

    Texts that were read and molecules that were written as tokens are remembered, as the best come
    again and again.

    Args:
        trained: The model.
        context: Of a conditional model, for all molecules: one label, or one row of properties.

    Raises:
        CompositionError: It has no latents, or is no model of molecules.
        DataError: A context that the model does not know, or more than one; none for a conditional
            model, or some for another.
    """

    def __init__(self, trained: TrainedModel, context: Any = None) -> None:
        self.trained, self._is_own = trained, False
        domain, likelihood = trained.domain, trained.vae.likelihood
        if not isinstance(domain, MoleculeDomain) or tokens_part(likelihood) is None:
            raise CompositionError(
                f"design needs a model of molecules; this one's domain is {type(domain).__name__}. "
                "Fit one: Autoencoder(domain='molecules').fit(smiles)."
            )
        self.domain, self.context = domain, trained.one_row(context)
        self._rows: dict[str, Tensor | None] = {}
        self._read: dict[str, str | None] = {}

    @property
    def vae(self) -> VAE:
        """The model; another one after `adapt`."""
        return self.trained.vae

    @property
    def dim(self) -> int:
        """Number of latents."""
        return self.vae.latent_dim

    @torch.no_grad()
    def encode(self, smiles: Sequence[str]) -> tuple[NDArray[np.bool_], Codes]:
        """Posterior means; molecules with tokens or a length that training had not are left out."""
        rows = self._prepared(smiles)
        known = np.array([row is not None for row in rows], bool)
        parts = [np.zeros((0, self.dim), np.float32)]
        if known.any():
            batches = batches_of(self._items(rows), self.trained.device)
            parts += [self.vae.encode(b.x, b.context).cpu().numpy() for b in batches]
        return known, np.concatenate(parts)

    def _prepared(self, smiles: Sequence[str]) -> list[Tensor | None]:
        """Return rows of the domain; ``None`` of what it does not know."""
        new = [one for one in dict.fromkeys(smiles) if one not in self._rows]
        if new:
            try:
                self._rows.update(zip(new, self._row_of(new), strict=True))
            except DataError:  # then one after the other
                self._rows.update((one, self._row_or_none(one)) for one in new)
        return [self._rows[one] for one in smiles]

    def _row_of(self, smiles: Sequence[str]) -> Tensor:
        return self.domain.prepare_input(_as_standardized(smiles))

    def _row_or_none(self, smiles: str) -> Tensor | None:
        try:
            return self._row_of([smiles])[0]
        except DataError:
            return None

    def _items(self, rows: Sequence[Tensor | None]) -> Items:
        """Return those that are known, as a training set."""
        there, domain = torch.stack([row for row in rows if row is not None]), self.domain
        context = self._told(len(there))
        return Items(there, domain.encode, context, domain.observed(there), domain.lengths(there))

    def _told(self, count: int) -> Tensor | None:
        return None if self.context is None else self.context.expand(count, -1)

    @torch.no_grad()
    def decode(self, codes: Codes, temperature: float = 1.0) -> list[str | None]:
        """Token by token; those that RDKit refuses are None, as are those of several fragments."""
        z = torch.as_tensor(codes, dtype=torch.float32, device=self.trained.device)
        made: list[str] = []
        with self._at(temperature):
            for some in z.split(_AT_ONCE):  # `make` would draw elsewhere than was asked for
                px = self.vae.decode(some, self._told(len(some)))
                x = px.sample() if temperature > 0 else self.vae.likelihood.point(px)
                made += self.domain.decode(x.squeeze(0))
        return self._canonical(made)

    def _canonical(self, made: Sequence[str]) -> list[str | None]:
        new = [one for one in dict.fromkeys(made) if one not in self._read]
        self._read.update(zip(new, single(new), strict=True))
        return [self._read[one] for one in made]

    def predicted(self, smiles: Sequence[str]) -> Mapping[str, NDArray[np.float64]]:
        """By the latents of the molecules; see `predict_targets`."""
        scales = self.domain.scales
        if scales is None:
            return {}
        known, codes = self.encode(smiles)
        z = torch.as_tensor(codes, device=self.trained.device)
        predicted = predict_from_latents(self.trained, z, self._told(len(z)))
        predicted = {name: predicted[name] for name in predicted if name not in scales.own_columns}
        all_of_them = {name: np.full(len(known), np.nan) for name in predicted}
        for name, values in predicted.items():
            all_of_them[name][known] = values
        return all_of_them

    @contextmanager
    def _at(self, temperature: float) -> Iterator[None]:
        likelihood = tokens_part(self.vae.likelihood)
        if likelihood is None:  # pragma: no cover - the constructor saw to it
            raise CompositionError("the likelihood must be of tokens.")
        usual = likelihood.temperature
        likelihood.temperature = temperature or usual
        try:
            yield
        finally:
            likelihood.temperature = usual

    @torch.no_grad()
    def prior(self, n: int) -> Codes:
        """From the density fitted after training where there is one."""
        fitted = self.vae.fitted_prior is not None
        return self.vae.generate(n, self._told(n), fitted=fitted).cpu().numpy().astype(np.float32)

    def adapt(self, smiles: Sequence[str], seed: int) -> None:
        """One pass over the tokens, by a copy of the model; the one that was given stays."""
        if not self._is_own:
            model = copy.deepcopy(self.trained.model)
            self.trained, self._is_own = replace(self.trained, model=model), True
        config = TrainConfig(
            max_epochs=1,
            batch_size=_BATCH,
            learning_rate=_RATE,
            validation=0.0,
            device=self.trained.device.type,
            seed=seed,
            progress=False,
        )
        items = self._items(self._prepared(smiles))
        train(self.vae.train(), elbo(_BETA), items, config)
        self.vae.eval()


def single(smiles: Sequence[str]) -> list[str | None]:
    """Canonical SMILES of molecules in one piece with a carbon; else None.

    Example:
        >>> single(["OCC", "C1CC", "C.C", "O"])
        ['CCO', None, None, None]
    """
    chem = chemistry()
    whole = as_molecules(one if "." not in one else None for one in smiles)
    written = [chem.MolToSmiles(m) if m is not None and _has_carbon(m) else None for m in whole]
    read = as_molecules(written)  # RDKit writes some that it does not read again
    return [one if mol is not None else None for one, mol in zip(written, read, strict=True)]


def _has_carbon(mol: Any) -> bool:
    return any(atom.GetAtomicNum() == 6 for atom in mol.GetAtoms())


def _as_standardized(smiles: Sequence[str]) -> Standardized:
    """Canonical SMILES as they are: bringing them to one form again would take most of the time."""
    return Standardized(tuple(smiles), tuple(range(len(smiles))), {}, Report(()))
