"""Models in the forms of other libraries and runtimes, compared with what they were before."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
