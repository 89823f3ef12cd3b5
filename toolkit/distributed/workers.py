"""The processes that train one network together, each on rows of its own."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import numpy as np

from toolkit.common.errors import DataError

__all__ = ["ALONE", "LOST", "LostWorker", "ReadAlone", "Workers", "agree"]

Value = TypeVar("Value")
#: The exit status of a process that failed because another worker did.
LOST = 75
_FINE, _FAILED = b"\0", b"\1"
_NUMBER = 8  # bytes of an int64


class LostWorker(DataError):
    """Another worker was killed, or has failed."""

    __module__ = "toolkit"


class Workers:
    """A process that trains alone; the base of processes that train together.

    All of them make the same calls in the same order. Only `sum` goes over the network: another engine replaces
    it.

    Attributes:
        rank: The number of this process, from 0. Worker 0 prints and writes the files.
        world: How many processes there are.

    Example:
        >>> alone = Workers()
        >>> alone.collect(lambda: b"rows"), alone.first({"epoch": 3})
        ([b'rows'], {'epoch': 3})
    """

    rank: int = 0
    world: int = 1

    @property
    def are_several(self) -> bool:
        """Whether there is more than one process."""
        return self.world > 1

    def sum(self, values: Any) -> Any:
        """Return the sum of arrays or tensors of one shape and type, one from each worker.

        Args:
            values: Numbers as int64, float32 or float64; in a graph of TensorFlow there is no sum.

        Raises:
            LostWorker: The connection to another worker broke.
        """
        return values

    def collect(self, function: Callable[[], bytes]) -> list[bytes]:
        """Call a function in each worker, and return what it returned in all of them, by rank.

        Raises:
            DataError: It raised one in some worker: all raise that of the first.
        """
        error: DataError | None = None
        try:
            content = _FINE + function()
        except DataError as raised:
            error, content = raised, _FAILED + str(raised).encode()
        contents = self._gather(content) if self.are_several else [content]
        for message in (content[1:].decode() for content in contents if content.startswith(_FAILED)):
            raise error if error is not None and str(error) == message else DataError(message)
        return [content[1:] for content in contents]

    def together(self, function: Callable[[], Value]) -> Value:
        """Call a function in each worker, and return what it returned in this one.

        Raises:
            DataError: It raised one in some worker: all raise that of the first.
        """
        results: list[Value] = []

        def called() -> bytes:
            results.append(function())
            return b""

        self.collect(called)
        return results[0]

    def first(self, value: Value) -> Value:
        """Return the value of worker 0: values of JSON."""
        if not self.are_several:
            return value
        return json.loads(self.collect(lambda: json.dumps(value).encode() if self.rank == 0 else b"")[0])

    def _gather(self, content: bytes) -> list[bytes]:
        """Return the bytes of all workers."""
        # A sum of arrays that are 0 but for this worker's part, with 8 bytes in each number:
        #
        #   worker 0   | content 0 | 0         |
        #   worker 1   | 0         | content 1 |   ->   | content 0 | content 1 |
        lengths = np.zeros(self.world, np.int64)
        lengths[self.rank] = len(content)
        lengths = np.asarray(self.sum(lengths))
        numbers = -(-lengths // _NUMBER)
        starts = np.concatenate([[0], np.cumsum(numbers)])
        values = np.zeros(int(starts[-1]), np.int64)
        padded = content + bytes(int(numbers[self.rank]) * _NUMBER - len(content))
        values[starts[self.rank] : starts[self.rank + 1]] = np.frombuffer(padded, np.int64)
        summed = np.asarray(self.sum(values)).tobytes()
        return [
            summed[start * _NUMBER : start * _NUMBER + length]
            for start, length in zip(starts[:-1].tolist(), lengths.tolist(), strict=True)
        ]


#: This process alone.
ALONE = Workers()


class ReadAlone(ABC):
    """Rows that one process reads: the base of streams that are not divided among workers."""

    workers = ALONE

    @property
    @abstractmethod
    def rows(self) -> int:
        """The number of rows."""

    @property
    def rows_by_worker(self) -> tuple[int, ...]:
        """The number of rows that each worker reads."""
        return (self.rows,)


def agree(workers: Workers, values: Mapping[str, Any]) -> None:
    """Check that all workers were called alike.

    Args:
        workers: The workers.
        values: What must be equal, by the name to use in the message: values of JSON.

    Raises:
        DataError: A value of another worker is not that of worker 0.
    """
    packed = json.dumps(dict(values), default=str).encode()
    contents = [json.loads(content) for content in workers.collect(lambda: packed)]
    for rank, worker_values in enumerate(contents):
        for name in contents[0] | worker_values:
            here, expected = worker_values.get(name), contents[0].get(name)
            if here != expected:
                raise DataError(
                    f"worker {rank} of {workers.world} was called otherwise than worker 0: {name} is {here!r:.100} "
                    f"there and {expected!r:.100} here. Make the same call on the same files in every process."
                )
