"""Tables with columns of different kinds: labels, numbers, dates, missing cells."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
