"""Variational autoencoders on your own data: compress, generate, score, edit, explain.

Names are imported when first used, so that ``import vaekit`` costs next to nothing.
"""

import os

import lazy_loader

# Threads of PyTorch that have nothing to do spin for a while, in case work comes soon. By default
# they do so for far longer than the small networks of tables leave them idle: a third of the
# processor time, and where others work on the machine most of the time as well. It is read when
# PyTorch is imported, changes no result, and what the environment says goes first.
os.environ.setdefault("GOMP_SPINCOUNT", "1000")

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
