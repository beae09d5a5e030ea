"""A small model of molecules in SELFIES, so that most of what it makes is valid."""

import pytest

ENDS = ("O", "N", "C(=O)O", "C#N", "Cl", "c1ccccc1", "C1CCNCC1", "C(=O)Nc1ccccc1")


@pytest.fixture(scope="session")
def molecules():
    return [f"{'C' * n}{end}" for n in range(1, 13) for end in ENDS]


@pytest.fixture(scope="session")
def trained(molecules):
    pytest.importorskip("rdkit")
    pytest.importorskip("selfies")
    from vaekit import Autoencoder
    from vaekit.domains import MoleculeDomain
    from vaekit.presets import sequence_vae

    model = Autoencoder(
        sequence_vae(beta=0.02),
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
