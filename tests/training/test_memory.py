import platform
import resource

import pytest
import torch

from vaekit.training.memory import kept_memory

GLIBC = platform.libc_ver()[0] == "glibc"


def faults(rounds):
    """Pages that the system had to map while a tensor was made and dropped so many times."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(rounds):
        torch.ones(6 * 2**20)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


@pytest.mark.skipif(not GLIBC, reason="only glibc is tuned")
def test_memory_is_mapped_once():
    with kept_memory():
        faults(2)
        assert faults(10) < 1000  # 6,000 pages for each tensor otherwise


def test_the_block_may_fail_and_may_be_entered_again():
    for _ in range(2):
        with pytest.raises(ValueError, match="inside"), kept_memory():
            raise ValueError("inside")
