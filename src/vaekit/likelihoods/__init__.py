"""Likelihoods p(x | z): modules whose forward turns decoder features into a distribution."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
