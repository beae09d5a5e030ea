"""Callbacks that report a fit to an experiment tracker, or to a search of another library."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
