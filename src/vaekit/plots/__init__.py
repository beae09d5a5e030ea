"""Pictures of data, reconstructions, latent spaces and trainings.

Every function takes arrays and returns a ``matplotlib.figure.Figure``; none touches pyplot, its
global figures or the backend. Show a figure as the last value of a notebook's cell, or write it
with `save_figure`. Molecules are drawn by RDKit, into a `MoleculeGrid`."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
