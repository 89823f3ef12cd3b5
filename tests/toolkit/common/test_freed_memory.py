"""Memory that is given back to the system."""

from __future__ import annotations

import platform
from pathlib import Path

import numpy as np
import pytest

from toolkit.common.freed_memory import release_freed


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only the C library of GNU keeps freed memory")
def test_freed_memory_goes_back_to_the_system():
    def resident() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

    del_later = np.ones(30 * 2**20, np.uint8)
    del del_later  # from now on arrays of less than 30 MiB come from the heap
    pairs = [(np.ones(2**20, np.uint8), np.ones(2_000, np.uint8)) for _ in range(100)]
    small = [pair[1] for pair in pairs]  # they lie between the large ones
    before = resident()
    del pairs
    release_freed()
    assert resident() < before - 80 * 2**20
    assert len(small) == 100
