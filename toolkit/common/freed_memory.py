"""Give freed memory back to the system."""

from __future__ import annotations

import ctypes

import pyarrow

__all__ = ["release_freed"]


def release_freed() -> None:
    """Give freed memory back to the system, which the C library of Linux and Arrow keep for later use.

    After a large table was prepared it is half of what the process holds, in pieces too small for the arrays to come.
    """
    pyarrow.default_memory_pool().release_unused()
    try:
        ctypes.CDLL("libc.so.6").malloc_trim(0)
    except (OSError, AttributeError):  # another system, or another C library
        return
