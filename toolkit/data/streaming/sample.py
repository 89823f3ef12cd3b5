"""The first pass over a table: it decides the part of each row, and draws the rows that are kept in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd

from toolkit.common.errors import DataError
from toolkit.common.formatting import listing
from toolkit.data.stratify import PARTS
from toolkit.data.streaming.dealing import Dealer, uniform
from toolkit.data.streaming.row_groups import RowGroups

__all__ = ["Sample", "draw", "with_target"]

_FEWEST_OF_CLASS = 5  # training rows that are kept of each class, however rare it is
_MOST_CLASSES = 10_000


@dataclass(frozen=True, eq=False)
class Sample:
    """Rows drawn from a table, in its order.

    Attributes:
        frame: Their cells as they came.
        positions: The rows of the table before each of them.
        table_parts: The index in `PARTS` of each row of the table, int8, -1 where it has no target.
    """

    frame: pd.DataFrame
    positions: np.ndarray
    table_parts: np.ndarray

    @property
    def part(self) -> np.ndarray:
        """The index in `PARTS` of each row of the sample."""
        return self.table_parts[self.positions].astype(np.int64)

    @cached_property
    def counts(self) -> dict[str, int]:
        """The rows of the table with a target, by part."""
        return {part: int((self.table_parts == index).sum()) for index, part in enumerate(PARTS)}

    @property
    def without_target(self) -> int:
        """The rows of the table without a target."""
        return len(self.table_parts) - sum(self.counts.values())


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
    table: RowGroups, dealer: Dealer, targets: Sequence[str], most: Sequence[int], *, classes: bool, size: int
) -> Sample:
    """Deal all rows of a table, and keep some of each part, each row with the same chance.

    Args:
        table: The table.
        dealer: Decides the part of each row.
        targets: The target columns.
        most: About how many rows to keep of each part.
        classes: Whether the target holds classes: of each of them a few training rows are kept in any case.
        size: The rows that are read together.

    Raises:
        DataError: The table is damaged, or no row has a target.
    """
    shares = np.maximum(np.array(dealer.shares), 1e-12)
    rates = np.minimum(1.0, np.array(most) / (table.rows * shares))
    table_parts, seen = np.full(table.rows, -1, np.int8), _Classes()
    frames: list[pd.DataFrame] = []
    positions: list[np.ndarray] = []
    for group in table.groups:
        for start, frame in table.batches(group, size):
            part, present = dealer.parts(frame, start), with_target(frame, targets)
            position = np.arange(start, start + len(frame))
            table_parts[position[present]] = part[present]
            in_sample = present & (uniform(position.astype(np.uint64), dealer.seed, 1) < rates[part])
            if classes:
                in_sample[seen.first_rows(frame[targets[0]], present & (part == 0))] = True
            frames.append(frame[in_sample])
            positions.append(position[in_sample])
    if (table_parts < 0).all():
        where = f"target '{targets[0]}'" if len(targets) == 1 else f"one of its targets ({listing(targets)})"
        raise DataError(f"every row of {table.name} lacks {where}.")
    return Sample(
        pd.concat([frame for frame in frames if len(frame)] or frames[:1], ignore_index=True),
        np.concatenate(positions),
        table_parts,
    )
