"""Variational autoencoders on your own data: compress, generate, score, edit, explain.

Names are imported when first used, so that ``import vaekit`` costs next to nothing.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
