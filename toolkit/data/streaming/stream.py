"""The training rows of a table that need not fit into memory: counted in one pass, and read anew in each epoch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from toolkit.common.errors import DataError
from toolkit.common.rounding import rare_limit
from toolkit.data.columns import Column
from toolkit.data.features import Features
from toolkit.data.new_rows import NewRows
from toolkit.data.preprocessing import Preprocessing, most_levels_for
from toolkit.data.row_weights import class_weights, read_weights
from toolkit.data.streaming.counts import Moments, with_counts
from toolkit.data.streaming.merging import Tally
from toolkit.data.streaming.row_groups import RowGroup, RowGroups
from toolkit.data.streaming.target_pieces import TargetPieces
from toolkit.data.target import Target
from toolkit.distributed.workers import ALONE, Workers

__all__ = ["Stream", "TrainingRows"]

_READERS = 8  # row groups that are read side by side, so that the rows of a window come from several
_WINDOW_SHARE, _WINDOW_BYTES = 1 / 32, 2**27  # of the memory, and at most: some four windows are alive
_PIECE = 4_096  # rows that are read together at least: fewer take twice the time per row
_FEWEST_BATCHES, _FEWEST_ROWS = 8, 16_384  # of a window, however little memory there is


@dataclass(frozen=True, eq=False)
class Stream:
    """The training rows of a table, as they came.

    Attributes:
        table: The table.
        parts: The index in `toolkit.data.stratify.PARTS` of each row of the table, int8, -1 where it has no target.
        features: The usable columns of a sample.
        part_sizes: The rows of each part that have a target.
        size: The rows that are read together.
        budget: The memory that a training may take, in bytes.
        sample_weight: The column of weights, or None.
        workers: The processes that train together, each on row groups of its own.
    """

    table: RowGroups
    parts: np.ndarray
    features: Features
    part_sizes: dict[str, int]
    size: int
    budget: int
    sample_weight: str | None = None
    workers: Workers = ALONE

    def fitted(
        self, sampled: Preprocessing, target: Target, options: Mapping[str, Any], class_weight: Any
    ) -> tuple[TrainingRows, list[str]]:
        """Count all training rows, and put exact counts in the place of the sample's.

        Args:
            sampled: The preprocessing, learned from the training rows of the sample.
            target: The encoding of the target, learned from them.
            options: The options of the preprocessing.
            class_weight: See `toolkit.data.row_weights.row_weights`.

        Returns:
            The training rows, and sentences about their columns.

        Raises:
            DataError: A row can't be used.
        """
        new_rows = self.new_rows()
        tally = self._tally(sampled.columns, target, new_rows)
        targets, rows = tally.targets, tally.rows
        if rows == 0:
            raise DataError(f"no row of {self.table.name} is left to train on: give more rows.")
        if target.task == "regression":  # y was scaled by the sample: value = y * scale + center
            means, stds = (np.array([getattr(m, name) for m in targets]) for name in ("mean", "std"))
            stds = np.where(stds > 0, stds, 1.0)
            target = replace(target, center=target.center + target.scale * means, scale=target.scale * stds)
        rare = options.get("rare") or rare_limit(len(self.features))
        most_levels = options.get("most_levels") or most_levels_for(self.features, rare)
        preprocessing, pooled = with_counts(sampled, tally.counts, rare=rare, most_levels=most_levels)
        by_class = None if class_weight is None else class_weights(class_weight, target, tally.classes)
        totals = tally.totals if by_class is None else tally.totals * by_class
        stream = replace(self, part_sizes=self.part_sizes | {"train": rows})
        shares = tally.rows_by_worker if self.workers.are_several else ()
        means = (counter.mean for counter in [*tally.counts, *targets] if isinstance(counter, Moments))
        training_rows = TrainingRows(
            stream,
            preprocessing,
            target,
            by_class,
            mean_weight=float(totals.sum()) / rows,
            fingerprint=np.array([*tally.classes, *totals, *means, *shares]),
            rows_by_worker=tally.rows_by_worker,
        )
        return training_rows, [*new_rows.finish(), *pooled]

    def new_rows(self) -> NewRows:
        """Return what checks the cells of several groups together."""
        return NewRows(self.features.columns, self.features.source_columns, self.table.name)

    def _tally(self, columns: Sequence[Column], target: Target, new_rows: NewRows) -> Tally:
        """Return the counts of all training rows."""
        tally, target_pieces = Tally(columns, target, new_rows), TargetPieces(self.table, target)

        def counted() -> bytes:
            for group in self.groups:
                for frame, y, weights in self.pieces(group, target_pieces, new_rows):
                    tally.add(frame, y, weights)
            return tally.state() if self.workers.are_several else b""

        states = self.workers.collect(counted)
        if self.workers.are_several:
            tally.merge(states)
        return tally

    @property
    def groups(self) -> list[RowGroup]:
        """The row groups that this process reads."""
        return self.table.groups_of(self.workers.rank, self.workers.world)

    def pieces(
        self, group: RowGroup, target: TargetPieces, new_rows: NewRows, size: int | None = None
    ) -> Iterator[tuple[pd.DataFrame, np.ndarray, np.ndarray]]:
        """Yield the training rows of a group in pieces: canonical columns, what is learned, and the user's weights.

        Args:
            group: The group.
            target: Encodes the targets of several groups.
            new_rows: Checks the cells of several groups.
            size: The largest number of rows that are read together.
        """
        weight = [self.sample_weight] if self.sample_weight else []
        needed = {*(column.name for column in self.features.columns), *target.columns, *weight}
        for start, frame in self.table.batches(group, min(self.size, size or self.size), needed):
            train = self.parts[start : start + len(frame)] == 0
            if not train.any():
                continue
            rows = np.arange(start + 1, start + len(frame) + 1)
            if not train.all():
                frame, rows = frame[train].reset_index(drop=True), rows[train]
            every = np.ones(len(frame), dtype=bool)
            weights = read_weights(self.sample_weight, frame, self.table.name, every, all_rows=False, rows=rows)
            weights = np.ones(len(frame)) if weights is None else weights
            y, present = target.add(frame, rows)
            if not present.all():
                frame, rows, weights = frame[present].reset_index(drop=True), rows[present], weights[present]
            if len(frame):
                yield new_rows.add(frame, rows), y, weights


@dataclass(frozen=True, eq=False)
class TrainingRows:
    """Training rows as a network takes them, in windows.

    Attributes:
        stream: The rows as they came.
        preprocessing: What turns columns into inputs.
        target: What turns labels into what is learned.
        by_class: The weight of each class, or None.
        mean_weight: The mean weight of a training row.
        fingerprint: Sums over the rows, which differ for other rows.
        rows_by_worker: The training rows that each process reads.
        inputs: Which of the inputs the network takes, shape (inputs,); None takes all.
    """

    stream: Stream
    preprocessing: Preprocessing
    target: Target
    by_class: np.ndarray | None
    mean_weight: float
    fingerprint: np.ndarray
    rows_by_worker: tuple[int, ...]
    inputs: np.ndarray | None = None

    @property
    def rows(self) -> int:
        """The number of training rows, of all workers."""
        return self.stream.part_sizes["train"]

    @property
    def workers(self) -> Workers:
        """The processes that train together."""
        return self.stream.workers

    @property
    def part_sizes(self) -> dict[str, int]:
        """The rows of each part of the table."""
        return self.stream.part_sizes

    @property
    def budget(self) -> int:
        """The memory that a training may take, in bytes."""
        return self.stream.budget

    def columns(self, inputs: np.ndarray | None) -> TrainingRows:
        """Return the rows with only some of the inputs."""
        return self if inputs is None else replace(self, inputs=inputs)

    def window(self, batch: int) -> int:
        """Return how many rows are in memory together: whole batches of that many rows."""
        room = int(min(self.budget * _WINDOW_SHARE, _WINDOW_BYTES) / (4 * self.preprocessing.width))
        return max(_FEWEST_BATCHES, -(-_FEWEST_ROWS // batch), room // batch) * batch

    def windows(
        self, seed: int, epoch: int, batch: int, *, shuffle: bool = True
    ) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray | None]]:
        """Yield all training rows once, in windows: inputs, what is learned, and weights or None.

        Each of several workers yields those of its own row groups. The order is a function of the seed and the epoch:
        the row groups are permuted, several are read side by side, and the rows of a window are permuted.

        Args:
            seed: The seed.
            epoch: The epoch, from 1.
            batch: Rows per step; each window but the last holds whole batches.
            shuffle: Whether the order is drawn; otherwise it is that of the table.

        Raises:
            DataError: The files have changed since the rows were counted.
        """
        rank = self.workers.rank
        seeds = (seed, epoch, rank) if self.workers.are_several else (seed, epoch)
        random, size = np.random.default_rng(seeds), self.window(batch)
        weighted = self.by_class is not None or self.stream.sample_weight is not None
        window, left = _Window(self.preprocessing, random if shuffle else None), self.rows_by_worker[rank]
        for frame, y, weights in self._pieces(random if shuffle else None, max(_PIECE, size // _READERS)):
            by_class = 1.0 if self.by_class is None else self.by_class[y.reshape(-1).astype(np.int64)]
            weights = (weights * by_class / self.mean_weight).astype(np.float32)
            start = 0
            while start < len(frame):
                if left == 0:
                    raise self._changed()
                start += window.add(frame, y, weights, start, min(size, left))
                if window.is_full:
                    left -= window.rows
                    x, outputs, row_weights = window.take()
                    yield self._chosen(x), outputs, row_weights if weighted else None
        if left:
            raise self._changed()

    def _changed(self) -> DataError:
        return DataError(
            f"{self.stream.table.name} has changed since the training began: it no longer has {self.rows:,} training "
            "rows. Train again on files that nobody writes to."
        )

    def _chosen(self, x: np.ndarray) -> np.ndarray:
        return x if self.inputs is None else np.ascontiguousarray(x[:, self.inputs])

    def _pieces(
        self, random: np.random.Generator | None, size: int
    ) -> Iterator[tuple[pd.DataFrame, np.ndarray, np.ndarray]]:
        """Yield the rows of all groups in pieces, in turns from several groups if the order is random."""
        groups: Sequence[RowGroup] = self.stream.groups
        if random is not None:
            groups = [groups[index] for index in random.permutation(len(groups))]
        waiting, target = iter(groups), TargetPieces(self.stream.table, self.target)
        reading: list[Iterator[Any]] = []
        while True:
            while len(reading) < (1 if random is None else _READERS):
                group = next(waiting, None)
                if group is None:
                    break
                reading.append(self.stream.pieces(group, target, self.stream.new_rows(), size))
            if not reading:
                return
            for reader in list(reading):
                piece = next(reader, None)
                if piece is None:
                    reading.remove(reader)
                else:
                    yield piece


class _Window:
    """Rows that are put into a random order, or left in that of the table, and encoded together."""

    def __init__(self, preprocessing: Preprocessing, random: np.random.Generator | None) -> None:
        self._preprocessing, self._random = preprocessing, random
        self.rows, self._goal = 0, 0
        self._pieces: list[tuple[pd.DataFrame, np.ndarray, np.ndarray]] = []

    @property
    def is_full(self) -> bool:
        return 0 < self._goal == self.rows

    def add(self, frame: pd.DataFrame, y: np.ndarray, weights: np.ndarray, start: int, goal: int) -> int:
        """Take rows from one on, until there are `goal` of them; return how many were taken."""
        if self.rows == 0:
            self._goal = goal
        count = min(len(frame) - start, self._goal - self.rows)
        piece = slice(start, start + count)
        self._pieces.append((frame.iloc[piece], y[piece], weights[piece]))
        self.rows += count
        return count

    def take(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the inputs, what is learned and the weights, and begin anew."""
        frames, outputs, weights = zip(*self._pieces, strict=True)
        order = np.arange(self.rows) if self._random is None else self._random.permutation(self.rows)
        self._pieces, self.rows = [], 0
        # The cells are put in order before they are encoded: that is a fraction of the inputs.
        frame = pd.concat(frames, ignore_index=True).take(order)
        return self._preprocessing.transform(frame), np.concatenate(outputs)[order], np.concatenate(weights)[order]
