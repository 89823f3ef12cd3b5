"""Compiled programs kept for the next call that needs the same."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

__all__ = ["Recent"]

Value = TypeVar("Value")


class Recent(Generic[Value]):
    """The most recently used values by key, for any number of threads.

    Example:
        >>> recent = Recent[str](2)
        >>> [recent.get(key, lambda: key.upper()) for key in "abca"]
        ['A', 'B', 'C', 'A']
        >>> recent.take("b") is None, recent.take("c"), len(recent)
        (True, 'C', 1)
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._values: OrderedDict[Hashable, Value] = OrderedDict()
        self._lock = threading.RLock()

    def __len__(self) -> int:
        return len(self._values)

    def get(self, key: Hashable, make: Callable[[], Value]) -> Value:
        """Return the value of a key; make it where there is none, while other threads wait."""
        with self._lock:
            value = self.take(key)
            value = make() if value is None else value
            self.keep(key, value)
            return value

    def take(self, key: Hashable) -> Value | None:
        """Remove and return the value of a key, or None, so that nobody else has it meanwhile."""
        with self._lock:
            return self._values.pop(key, None)

    def keep(self, key: Hashable, value: Value) -> None:
        """Keep a value as the most recent one, and drop the oldest of too many."""
        with self._lock:
            self._values[key] = value
            if len(self._values) > self._size:
                self._values.popitem(last=False)

    def clear(self) -> None:
        """Drop all values."""
        self._values.clear()
