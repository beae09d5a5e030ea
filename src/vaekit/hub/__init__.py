"""Sharing runs on the hub of models: pushing them, and the cards that say what they are."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
