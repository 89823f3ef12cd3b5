"""What several workers counted and drew of their own row groups, put together in each of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow

from toolkit.data.columns import Column
from toolkit.data.new_rows import NewRows
from toolkit.data.streaming.counts import LevelCounts, Moments, counters
from toolkit.data.table_pieces import frame_of_batch
from toolkit.data.target import Target
from toolkit.distributed.workers import Workers

__all__ = ["Tally", "collect_frames", "collect_numbers"]


def collect_numbers(workers: Workers, values: Sequence[int]) -> np.ndarray:
    """Return whole numbers of all workers, int64 of shape (workers, numbers).

    Example:
        >>> collect_numbers(Workers(), [3, 4]).tolist()
        [[3, 4]]
    """
    contents = workers.collect(lambda: np.array(values, np.int64).tobytes())
    return np.stack([np.frombuffer(content, np.int64) for content in contents])


def collect_frames(workers: Workers, read: Callable[[], list[pd.DataFrame]]) -> list[pd.DataFrame]:
    """Call a function in each worker, and return the frames of all workers, which have the same columns.

    Raises:
        DataError: The function raised one in some worker: all raise it.
    """
    if not workers.are_several:
        return read()
    frames: list[pd.DataFrame] = []

    def packed() -> bytes:
        frames.extend(read())
        return _packed(frames)

    return [frame for content in workers.collect(packed) for frame in _unpacked(content)]


def _packed(frames: Sequence[pd.DataFrame]) -> bytes:
    """Return frames as streams of Arrow, one after another."""
    bodies = []
    for frame in frames:
        # Labels are text or numbers, and Arrow's names are text.
        table = pyarrow.Table.from_pandas(frame.set_axis(map(json.dumps, frame.columns), axis=1), preserve_index=False)
        sink = pyarrow.BufferOutputStream()
        with pyarrow.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        bodies.append(sink.getvalue().to_pybytes())
    return b"".join(len(body).to_bytes(8, "little") + body for body in bodies)


def _unpacked(content: bytes) -> list[pd.DataFrame]:
    frames, start = [], 0
    while start < len(content):
        stop = start + 8 + int.from_bytes(content[start : start + 8], "little")
        with pyarrow.ipc.open_stream(content[start + 8 : stop]) as reader:
            table = reader.read_all().combine_chunks()
        batches = table.to_batches() or [pyarrow.RecordBatch.from_pylist([], schema=table.schema)]
        frame = frame_of_batch(batches[0])
        frames.append(frame.set_axis([json.loads(name) for name in frame.columns], axis=1))
        start = stop
    return frames


class Tally:
    """The counts of training rows that come in pieces, and of those of other workers.

    Args:
        columns: The columns of the features.
        target: The encoding of the target.
        new_rows: What the cells of all pieces were checked by.

    Attributes:
        counts: The counts of each column.
        targets: The moments of each number that is learned.
        classes: The rows of each class, shape (classes,); one number where there are none.
        totals: The same, each row counted with its weight.
        rows_by_worker: The rows that each worker counted.
    """

    def __init__(self, columns: Sequence[Column], target: Target, new_rows: NewRows) -> None:
        self.counts: list[Moments | LevelCounts] = counters(columns)
        self.targets = [Moments() for _ in target.columns]
        self.classes, self.totals = (np.zeros(max(1, len(target.classes))) for _ in ("rows", "weights"))
        self.rows_by_worker: tuple[int, ...] = (0,)
        self._columns, self._has_classes, self._new_rows = columns, bool(target.classes), new_rows

    @property
    def rows(self) -> int:
        """The rows of all workers."""
        return sum(self.rows_by_worker)

    def add(self, frame: pd.DataFrame, y: np.ndarray, weights: np.ndarray) -> None:
        """Count rows: canonical columns, what is learned, and the user's weights."""
        for column, counter in zip(self._columns, self.counts, strict=True):
            counter.add(frame[column.name].to_numpy())
        outputs = y.reshape(len(y), -1)
        for moments, values in zip(self.targets, outputs.T.astype(np.float64), strict=False):
            moments.add(values)
        ids = outputs[:, 0].astype(np.int64) if self._has_classes else np.zeros(len(y), np.int64)
        self.classes += np.bincount(ids, minlength=len(self.classes))
        self.totals += np.bincount(ids, weights, minlength=len(self.classes))
        self.rows_by_worker = (self.rows + len(y),)

    def state(self) -> bytes:
        """Return all counts of this worker, for `merge`."""
        content: dict[str, Any] = {name: getattr(self, name).tolist() for name in ("classes", "totals")}
        content |= {"counts": [counter.state() for counter in self.counts], "rows": self.rows}
        content |= {"targets": [moments.state() for moments in self.targets], "cells": self._new_rows.state()}
        return json.dumps(content, default=str).encode()

    def merge(self, states: Sequence[bytes]) -> None:
        """Count what all workers have counted, in the order of their ranks, this one included."""
        contents = [json.loads(state) for state in states]
        for index, counter in enumerate(self.counts):
            counter.merge([content["counts"][index] for content in contents])
        for index, moments in enumerate(self.targets):
            moments.merge([content["targets"][index] for content in contents])
        self.classes, self.totals = (
            np.sum([content[name] for content in contents], axis=0) for name in ("classes", "totals")
        )
        self._new_rows.merge([content["cells"] for content in contents])
        self.rows_by_worker = tuple(content["rows"] for content in contents)
