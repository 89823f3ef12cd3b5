"""The part of each row as a function of its cells and a seed: equal rows stay together, wherever they stand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from toolkit.common.errors import DataError
from toolkit.data.column_values import read_values
from toolkit.data.columns import Column
from toolkit.data.row_equality import row_hashes
from toolkit.data.stratify import PARTS

__all__ = ["Dealer", "common_hashes", "times_of", "uniform"]

_TRAIN, _VALIDATION, _TEST = (PARTS.index(part) for part in ("train", "validation", "test"))
_ROWS_PER_DISTINCT = 20  # as where the rows are in memory: a table with more is a table of counts
_COMMON = (20, 0.0025)  # copies of a row, and their share, from which on they are dealt one by one


def uniform(values: np.ndarray, seed: int, purpose: int) -> np.ndarray:
    """Return numbers from 0 to below 1 that look random: a function of each value, the seed and the purpose.

    Example:
        >>> numbers = uniform(np.arange(1000, dtype=np.uint64), 0, 1)
        >>> 0.47 < float(numbers.mean()) < 0.53, 70 < int((numbers < 0.1).sum()) < 130
        (True, True)
    """
    salt = _mixed(np.array([(seed << 8) + purpose], dtype=np.uint64))
    return (_mixed(values ^ salt) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def _mixed(values: np.ndarray) -> np.ndarray:
    """Return the numbers of splitmix64 (Steele et al. 2014) for states."""
    z = values + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def common_hashes(hashes: np.ndarray) -> np.ndarray | None:
    """Return the hashes of very common rows among some rows; None where almost all rows are copies of a few.

    Example:
        >>> common_hashes(np.repeat(np.arange(50), [30] + [1] * 49)).tolist(), common_hashes(np.zeros(50))
        ([0], None)
    """
    distinct, copies = np.unique(hashes, return_counts=True)
    if len(hashes) > _ROWS_PER_DISTINCT * len(distinct):
        return None
    return distinct[copies >= max(_COMMON[0], _COMMON[1] * len(hashes))]


def times_of(frame: pd.DataFrame, column: Column) -> np.ndarray:
    """Return the times of rows as float64: numbers, or seconds since 1970 for dates.

    Raises:
        DataError: A time is missing.
    """
    values = read_values(frame[column.name], column).values
    if pd.isna(values).any():
        raise DataError(
            f"time= names '{column.name}', which is missing in some rows: leave them out or fill the cells."
        )
    return values.astype("M8[ns]").astype(np.int64) / 1e9 if column.kind == "date" else values


@dataclass(frozen=True, eq=False)
class Dealer:
    """How rows are dealt.

    Attributes:
        names: The columns in which equal rows have equal cells.
        shares: The shares of train, validation and test.
        seed: The seed.
        common: The hashes of rows that are so common that each copy is dealt by itself; None deals all so.
        group: The column whose rows of one value go to one part, or None.
        time: The column by which the newest rows test, or None; the next two are for it.
        cuts: The times from which on rows validate and test.
    """

    names: Sequence[str]
    shares: tuple[float, float, float]
    seed: int
    common: np.ndarray | None = field(default_factory=lambda: np.empty(0, np.uint64))
    group: str | None = None
    time: Column | None = None
    cuts: tuple[float, float] = (np.inf, np.inf)

    def parts(self, frame: pd.DataFrame, start: int) -> np.ndarray:
        """Return the index in `PARTS` of rows, int8 of shape (rows,).

        Args:
            frame: The rows, their cells as they came.
            start: The rows of the table before them.

        Raises:
            DataError: A time is missing.
        """
        part = np.full(len(frame), _TRAIN, np.int8)
        if self.time is not None:
            times = times_of(frame, self.time)
            part[times >= self.cuts[0]] = _VALIDATION
            part[times >= self.cuts[1]] = _TEST
            return part
        drawn = uniform(self._units(frame, start), self.seed, 0)
        _, validation, test = self.shares
        part[drawn < test + validation] = _VALIDATION
        part[drawn < test] = _TEST
        return part

    def _units(self, frame: pd.DataFrame, start: int) -> np.ndarray:
        """Return a number for each row that is equal for rows which stay together, uint64."""
        positions = np.arange(start, start + len(frame), dtype=np.uint64)
        if self.common is None and self.group is None:
            return positions
        hashes = row_hashes(frame, [self.group] if self.group else self.names)
        if self.group is not None:
            alone = frame[self.group].isna().to_numpy(dtype=bool)  # a row without a group is one by itself
        else:
            alone = np.isin(hashes, self.common) if self.common is not None and len(self.common) else None
        return hashes if alone is None else np.where(alone, positions, hashes)
