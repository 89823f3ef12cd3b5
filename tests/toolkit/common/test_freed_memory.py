"""Memory that is given back to the system."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

# In a process of its own: the heap of one that ran other tests has holes that take the arrays.
PROGRAM = """
from pathlib import Path
import numpy as np
from toolkit.common.freed_memory import release_freed

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

del_later = np.ones(30 * 2**20, np.uint8)
del del_later  # from now on arrays of less than 30 MiB come from the heap
pairs = [(np.ones(2**20, np.uint8), np.ones(2_000, np.uint8)) for _ in range(100)]
small = [pair[1] for pair in pairs]  # they lie between the large ones
before = resident()
del pairs
kept = before - resident()
release_freed()
print(kept, before - resident())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only the C library of GNU keeps freed memory")
def test_freed_memory_goes_back_to_the_system():
    ended = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    by_itself, released = map(int, ended.stdout.split())
    assert by_itself < 40 * 2**20
    assert released > 80 * 2**20
