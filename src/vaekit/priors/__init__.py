"""Priors p(z): trained with the model, or fitted to its latents afterwards."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
