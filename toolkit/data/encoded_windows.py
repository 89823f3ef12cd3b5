"""Training rows in memory whose inputs are computed window by window, because their matrix would be large."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd

from toolkit.data.features import Features
from toolkit.data.preprocessing import Preprocessing
from toolkit.distributed.workers import ReadAlone

__all__ = ["LARGEST_MATRIX", "EncodedWindows", "write_own_inputs"]

#: Bytes of the matrix of the training rows in memory, beyond which one network takes them in windows.
LARGEST_MATRIX = 2**28

_FEWEST_BATCHES = 8  # of a window


@dataclass(frozen=True, eq=False)
class EncodedWindows(ReadAlone):
    """Training rows that a network takes in windows, in the order in which it would take their whole matrix.

    Attributes:
        features: The features of all rows of the dataset.
        positions: Which of them are training rows, shape (rows,).
        y: What is learned, first axis rows.
        weights: The weights of the training rows, or None.
        preprocessing: What turns columns into inputs.
        inputs: Which of the inputs the network takes, shape (inputs,); None takes all.
        own_inputs: The target statistics of these rows, shape (rows, inputs where ``preprocessing.is_mean``), or None.
        window_bytes: About how many bytes the inputs of a window take. Some four windows are alive.

    Example:
        >>> from toolkit.data.columns import Column, Columns
        >>> columns = Columns(pd.DataFrame({"size": np.arange(10.0)}), (Column("size", "number"),), ("size",))
        >>> rows = EncodedWindows(columns, np.arange(10), np.arange(10), None, Preprocessing.fit(columns))
        >>> [len(x) for x, _, _ in rows.windows(seed=0, epoch=1, batch=4)], rows.window(4) > 4
        ([10], True)
    """

    features: Features
    positions: np.ndarray
    y: np.ndarray
    weights: np.ndarray | None
    preprocessing: Preprocessing
    inputs: np.ndarray | None = None
    own_inputs: np.ndarray | None = None
    window_bytes: int = 2**25

    @property
    def rows(self) -> int:
        """The number of training rows."""
        return len(self.positions)

    @cached_property
    def fingerprint(self) -> np.ndarray:
        """Numbers that differ for other rows, or for the same rows in another order."""
        digest = hashlib.sha256()
        frame = self.features.take(self.positions).frame
        for array in (pd.util.hash_pandas_object(frame, index=False).to_numpy(), self.y, self.weights):
            digest.update(b"" if array is None else np.ascontiguousarray(array).tobytes())
        return np.frombuffer(digest.digest(), np.uint8)

    def columns(self, inputs: np.ndarray | None) -> EncodedWindows:
        """Return the rows with only some of the inputs."""
        return self if inputs is None else replace(self, inputs=inputs)

    def sample(self, most: int = 1_000) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """Return inputs, what is learned, and weights or None of the first rows that count."""
        counted = slice(most) if self.weights is None else np.flatnonzero(self.weights > 0)[:most]
        x = self._encoded(np.arange(self.rows)[counted])
        return x, self.y[counted], None if self.weights is None else self.weights[counted]

    def window(self, batch: int) -> int:
        """Return how many rows are encoded together: whole batches of that many rows."""
        return max(_FEWEST_BATCHES, self.window_bytes // (4 * self.preprocessing.width) // batch) * batch

    def windows(
        self, seed: int, epoch: int, batch: int, *, shuffle: bool = True
    ) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray | None]]:
        """Yield all training rows once, in windows: inputs, what is learned, and weights or None.

        Args:
            seed: The seed.
            epoch: The epoch, from 1. With the seed it decides the order, a permutation of all rows.
            batch: Rows per step; each window but the last holds whole batches.
            shuffle: Whether the order is drawn; otherwise it is that of the table.
        """
        order = np.random.default_rng((seed, epoch)).permutation(self.rows) if shuffle else np.arange(self.rows)
        size = self.window(batch)
        for start in range(0, self.rows, size):
            chosen = order[start : start + size]
            x = self._encoded(chosen)
            x = x if self.inputs is None else np.ascontiguousarray(x[:, self.inputs])
            yield x, self.y[chosen], None if self.weights is None else self.weights[chosen].astype(np.float32)

    def _encoded(self, chosen: np.ndarray) -> np.ndarray:
        x = self.preprocessing.encode(self.features.take(self.positions[chosen]))
        if self.own_inputs is not None:
            write_own_inputs(x, self.own_inputs[chosen], self.preprocessing)
        return x


def write_own_inputs(x: np.ndarray, own_inputs: np.ndarray, preprocessing: Preprocessing) -> None:
    """Write the target statistics of training rows into their encoded inputs, shape (n, width).

    Args:
        x: The inputs.
        own_inputs: The statistics of these rows, shape (n, inputs where `Preprocessing.is_mean`), NaN where a row is
            no training row, and keeps what it has.
        preprocessing: What encoded them.
    """
    is_training_row = ~np.isnan(own_inputs).any(axis=1)
    x[np.ix_(is_training_row, preprocessing.is_mean)] = own_inputs[is_training_row]
