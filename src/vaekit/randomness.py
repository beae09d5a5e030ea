"""Reproducible randomness that leaves the caller's global generator as it was.

``torch.distributions``, dropout and weight initialisation take no ``generator``: they read the
global one. So every entry point that draws numbers runs inside `seeded`, which saves the
global state, seeds it, and puts the old state back (``torch.random.fork_rng``).
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

_SEED_BOUND = 2**31 - 1


@contextmanager
def seeded(seed: int | torch.Generator | None) -> Iterator[None]:
    """Run a block on its own random stream.

    Args:
        seed: An integer; a generator, from which one integer is drawn (so it advances); or
            ``None`` for fresh entropy.

    Example:
        >>> with seeded(3): a = torch.rand(2)
        >>> with seeded(3): b = torch.rand(2)
        >>> torch.equal(a, b)
        True
    """
    devices = _devices()
    with torch.random.fork_rng(devices=devices):
        _seed_all(fresh_seed(seed), devices)
        yield


def _seed_all(seed: int, devices: list[int]) -> None:
    """Seed the CPU and the GPU in use.

    ``torch.manual_seed`` also queues a call for every other kind of device, with a stack trace
    each: two milliseconds, more than it takes to score a row.
    """
    torch.default_generator.manual_seed(seed)
    for device in devices:
        torch.cuda.default_generators[device].manual_seed(seed)
    if torch.backends.mps.is_available():  # pragma: no cover - no such device here
        torch.mps.manual_seed(seed)


def _devices() -> list[int]:
    """Return the GPU in use, if there is one; forking all of a machine's would be slow."""
    return [torch.cuda.current_device()] if torch.cuda.is_available() else []


def fresh_seed(seed: int | torch.Generator | None) -> int:
    """Turn an integer, a generator or ``None`` into an integer seed (at least 0)."""
    if isinstance(seed, int):
        return seed
    generator = seed if seed is not None else make_generator(None)
    return int(torch.randint(_SEED_BOUND, (), generator=generator, device=generator.device))


def make_generator(seed: int | None) -> torch.Generator:
    """Return a CPU generator seeded with ``seed``, or with fresh entropy where it is ``None``."""
    generator = torch.Generator()
    if seed is None:
        generator.seed()
    else:
        generator.manual_seed(seed)
    return generator
