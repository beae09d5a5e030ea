"""Checks for parts of your own: one call says whether a part keeps what its base class promises.

    from vaekit.testing import check

    check(MyPosterior(features_dim=8, latent_dim=2))

The package's own parts pass the same checks."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
