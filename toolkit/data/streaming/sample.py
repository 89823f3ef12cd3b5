"""The first pass over a table: it decides the part of each row, and draws the rows that are kept in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from toolkit.common.errors import DataError
from toolkit.common.formatting import listing
from toolkit.data.stratify import PARTS
from toolkit.data.streaming.dealing import Dealer, uniform
from toolkit.data.streaming.merging import collect_frames, collect_numbers
from toolkit.data.streaming.row_groups import RowGroups
from toolkit.distributed.workers import ALONE, Workers

__all__ = ["Sample", "draw", "with_target"]

_FEWEST_OF_CLASS = 5  # training rows that are kept of each class, however rare it is
_MOST_CLASSES = 10_000
_PART, _POSITION, _DRAWN = range(3)


@dataclass(frozen=True, eq=False)
class Sample:
    """Rows drawn from a table, in its order.

    Attributes:
        frame: Their cells as they came.
        part: The index in `PARTS` of each row.
        positions: The rows of the table before each of them.
        table_parts: The index in `PARTS` of each row of the table that this process read, int8; -1 for those without a
            target and for all others.
        counts: The rows of the table with a target, by part.
        without_target: Its rows without one.
    """

    frame: pd.DataFrame
    part: np.ndarray
    positions: np.ndarray
    table_parts: np.ndarray
    counts: dict[str, int]
    without_target: int


@dataclass
class _Classes:
    """How many training rows were kept of each class."""

    kept: dict[tuple[type, object], int] = field(default_factory=dict)

    def first_rows(self, labels: pd.Series, allowed: np.ndarray) -> np.ndarray:
        """Return the positions of further rows to keep: the first allowed ones of classes that few were kept of."""
        try:
            codes, values = pd.factorize(labels)
        except TypeError:  # lists, which are no classes
            return np.empty(0, np.int64)
        chosen = [np.empty(0, np.int64)]
        for code, value in enumerate(values):
            key = type(value), value  # labels of two files may be of types that can't be compared
            lacking = _FEWEST_OF_CLASS - self.kept.get(key, 0)
            if lacking > 0 and (key in self.kept or len(self.kept) < _MOST_CLASSES):
                rows = np.flatnonzero((codes == code) & allowed)[:lacking]
                self.kept[key] = _FEWEST_OF_CLASS - lacking + len(rows)
                chosen.append(rows)
        return np.concatenate(chosen)


def with_target(frame: pd.DataFrame, targets: Sequence[str]) -> np.ndarray:
    """Return which rows have a cell in each target column, shape (rows,)."""
    return frame[list(targets)].notna().to_numpy(dtype=bool).all(axis=1)


def draw(
    table: RowGroups,
    dealer: Dealer,
    targets: Sequence[str],
    most: Sequence[int],
    *,
    classes: bool,
    size: int,
    workers: Workers = ALONE,
) -> Sample:
    """Deal all rows of a table, and keep some of each part, each row with the same chance.

    Several workers draw from row groups of their own, and each returns the sample that one alone would.

    Args:
        table: The table.
        dealer: Decides the part of each row.
        targets: The target columns.
        most: About how many rows to keep of each part.
        classes: Whether the target holds classes: of each of them a few training rows are kept in any case.
        size: The rows that are read together.
        workers: The processes that train together.

    Raises:
        DataError: The table is damaged, or no row has a target.
    """
    shares = np.maximum(np.array(dealer.shares), 1e-12)
    rates = np.minimum(1.0, np.array(most) / (table.rows * shares))
    table_parts, seen = np.full(table.rows, -1, np.int8), _Classes()
    without_target = 0

    def read() -> list[pd.DataFrame]:
        nonlocal without_target
        by_file: dict[Path, list[pd.DataFrame]] = {}
        for group in table.groups_of(workers.rank, workers.world):
            for start, frame in table.batches(group, size):
                part, present = dealer.parts(frame, start), with_target(frame, targets)
                position = np.arange(start, start + len(frame))
                table_parts[position[present]] = part[present]
                without_target += int((~present).sum())
                drawn = present & (uniform(position.astype(np.uint64), dealer.seed, 1) < rates[part])
                kept = drawn.copy()
                if classes:
                    kept[seen.first_rows(frame[targets[0]], present & (part == 0))] = True
                # Labels are text: numbers name further columns.
                facts = {_PART: part[kept], _POSITION: position[kept], _DRAWN: drawn[kept]}
                frame = frame[kept].reset_index(drop=True)
                by_file.setdefault(group.path, []).append(pd.concat([frame, pd.DataFrame(facts)], axis=1))
        return [_concatenated(frames) for frames in by_file.values()]

    frames = collect_frames(workers, read)
    own_counts = [int((table_parts == index).sum()) for index in range(len(PARTS))]
    *counts, without_target = collect_numbers(workers, [*own_counts, without_target]).sum(axis=0).tolist()
    if not any(counts):
        where = f"target '{targets[0]}'" if len(targets) == 1 else f"one of its targets ({listing(targets)})"
        raise DataError(f"every row of {table.name} lacks {where}.")
    rows = _concatenated(frames)
    if workers.are_several:
        rows = rows.sort_values(_POSITION, ignore_index=True)
        rows = rows[_kept_alone(rows, targets[0])].reset_index(drop=True) if classes else rows
    return Sample(
        rows.drop(columns=[_PART, _POSITION, _DRAWN]),
        rows[_PART].to_numpy(np.int64),
        rows[_POSITION].to_numpy(np.int64),
        table_parts,
        dict(zip(PARTS, counts, strict=True)),
        without_target,
    )


def _concatenated(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    return pd.concat([frame for frame in frames if len(frame)] or frames[:1], ignore_index=True)


def _kept_alone(rows: pd.DataFrame, target: str) -> np.ndarray:
    """Return which of the rows that several workers kept one alone would: of each class the first ones of the table."""
    train, drawn = rows[_PART].to_numpy() == 0, rows[_DRAWN].to_numpy(dtype=bool)
    try:
        number = rows.groupby([target, _PART], dropna=False).cumcount().to_numpy()
    except TypeError:  # lists, which are no classes
        return drawn
    return drawn | (train & (number < _FEWEST_OF_CLASS))
