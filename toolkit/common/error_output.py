"""The error output of the process: C++ libraries write there past `sys.stderr`."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

__all__ = ["redirected"]

_lock = threading.Lock()


def _after_fork() -> None:
    """Make a new lock in a forked process: the thread that held this one doesn't exist there."""
    global _lock
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


@contextmanager
def redirected(file: BinaryIO) -> Iterator[None]:
    """Write to a file what the process writes to its error output in a block; one thread at a time.

    A process without an error output, as under pythonw, is left as it is.
    """
    # Two threads that overlap would each restore what the other one has redirected.
    with _lock:
        try:
            sys.stderr.flush()
            original = os.dup(2)
        except (AttributeError, OSError, ValueError):
            yield
            return
        os.dup2(file.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(original, 2)
            os.close(original)
