"""A trained run in a browser: the map of its latents, sliders, samples, what is unusual."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
