"""Workers that are threads of one process: another engine under the same interface, fast enough for tests."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from toolkit.distributed.workers import Workers


class ThreadWorkers(Workers):
    """One of several threads."""

    def __init__(self, rank: int, world: int, barrier: threading.Barrier, arrays: list[Any]) -> None:
        self.rank, self.world, self._barrier, self._arrays = rank, world, barrier, arrays

    def sum(self, values: Any) -> Any:
        """Return the sum of the arrays or tensors of all threads."""
        self._arrays[self.rank] = values
        self._barrier.wait(30)
        total = sum(self._arrays[1:], self._arrays[0])
        self._barrier.wait(30)
        return total


def run_together(world: int, function: Callable[[Workers], Any]) -> list[Any]:
    """Call a function in several threads with their workers; return the results by rank, or raise the first error."""
    barrier, arrays = threading.Barrier(world), [None] * world

    def call(rank: int) -> Any:
        try:
            return function(ThreadWorkers(rank, world, barrier, arrays))
        except BaseException:
            barrier.abort()  # the others need not wait
            raise

    with ThreadPoolExecutor(world) as pool:
        futures = [pool.submit(call, rank) for rank in range(world)]
    errors = [future.exception() for future in futures]
    for error in sorted(filter(None, errors), key=lambda error: isinstance(error, threading.BrokenBarrierError)):
        raise error
    return [future.result() for future in futures]
