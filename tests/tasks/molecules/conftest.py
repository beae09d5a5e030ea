"""A small model of molecules in SELFIES, so that most of what it makes is valid."""

import itertools

import pytest

PARTS = (("C", "N", "O", "F", "Cl", "CC", "CO"), ("C", "N", "O", "Cl", "C#N"), ("C", "N", "O", "F"))


@pytest.fixture(scope="session")
def molecules():
    """Of about the same length."""
    return [f"{a}c1ccc({b})cc1{c}" for a, b, c in itertools.product(*PARTS)]


@pytest.fixture(scope="session")
def trained(molecules):
    pytest.importorskip("rdkit")
    pytest.importorskip("selfies")
    from vaekit import Autoencoder
    from vaekit.molecules import MoleculeDomain
    from vaekit.presets import sequence_vae

    model = Autoencoder(
        sequence_vae(beta=0.02, blur=0),
        latent_dim=6,
        domain=MoleculeDomain("selfies"),
        max_epochs=20,
        batch_size=32,
        learning_rate=5e-3,
        progress=False,
    )
    return model.fit(molecules).trained_


@pytest.fixture(scope="session")
def others():
    """A model of rows, which are no molecules."""
    import numpy as np

    from vaekit import Autoencoder

    rows = np.random.default_rng(0).normal(size=(40, 3))
    return Autoencoder(latent_dim=2, max_epochs=1, progress=False).fit(rows).trained_
