"""Distributions that ``torch.distributions`` lacks, or has too slow for the inner loop."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
