"""Prepare the next items of an iterator in a thread, while this one works on those before."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

__all__ = ["Ahead"]

Item = TypeVar("Item")
_POLL = 0.1  # seconds after which a thread sees that nobody takes its items any more


@dataclass(frozen=True)
class _Failure:
    error: BaseException


class Ahead(Generic[Item]):
    """The items of an iterator, prepared ahead in a thread; an error there is raised here.

    Args:
        items: The iterator, which only the thread uses.
        most: How many prepared items may wait.

    Attributes:
        waited: The seconds in which no item was ready.

    Example:
        >>> with Ahead(iter(range(3))) as items:
        ...     list(items)
        [0, 1, 2]
    """

    def __init__(self, items: Iterator[Item], most: int = 1) -> None:
        self._items, self.waited = items, 0.0
        self._ready: queue.Queue[tuple[Item] | _Failure | None] = queue.Queue(most)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._prepare, name="logitkit-ahead", daemon=True)

    def __enter__(self) -> Ahead[Item]:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()

    def __iter__(self) -> Iterator[Item]:
        while True:
            start = time.perf_counter()
            item = self._ready.get()
            self.waited += time.perf_counter() - start
            if item is None:
                return
            if isinstance(item, _Failure):
                raise item.error
            value = item[0]
            del item  # no reference stays here: a window is large
            yield value
            del value

    def _prepare(self) -> None:
        try:
            for item in self._items:
                if not self._put((item,)):
                    return
            self._put(None)
        except BaseException as error:  # noqa: BLE001 - raised in the thread that takes the items
            self._put(_Failure(error))

    def _put(self, item: tuple[Item] | _Failure | None) -> bool:
        """Wait for room, and return whether the item was put there."""
        while not self._stopped.is_set():
            try:
                self._ready.put(item, timeout=_POLL)
            except queue.Full:
                continue
            return True
        return False
