"""Exact counts of all training rows, which replace those of a sample in what was learned from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from toolkit.common.rounding import blurred
from toolkit.data.column_preprocessing import (
    CategoryPreprocessing,
    ColumnPreprocessing,
    DatePreprocessing,
    NumberPreprocessing,
)
from toolkit.data.columns import Column
from toolkit.data.preprocessing import Preprocessing

__all__ = ["LevelCounts", "Moments", "counters", "with_counts"]

_MOST_LEVELS = 100_000


class Moments:
    """The number, mean, standard deviation and extremes of numbers that come in pieces.

    Example:
        >>> moments = Moments()
        >>> for piece in (np.array([1.0, np.nan]), np.array([2.0, 6.0])):
        ...     moments.add(piece)
        >>> moments.rows, moments.missing, moments.mean, round(moments.std, 4), moments.low, moments.high
        (4, 1, 3.0, 2.1602, 1.0, 6.0)
    """

    def __init__(self) -> None:
        self.rows = self.missing = 0
        self.mean, self._squares, self.low, self.high = 0.0, 0.0, np.inf, -np.inf

    def add(self, values: np.ndarray) -> None:
        """Count numbers, NaN where missing, or dates, as days since 1970."""
        if values.dtype.kind == "M":
            days = values.astype("M8[ns]").astype(np.int64) / 86_400e9
            values = np.where(np.isnat(values), np.nan, days)
        present = values[~np.isnan(values)]
        missing = len(values) - len(present)
        if not len(present):
            self.rows, self.missing = self.rows + missing, self.missing + missing
            return
        with np.errstate(over="ignore", invalid="ignore"):
            mean = present.mean()  # a float64 of numpy, whose squares overflow to infinity
            squares = float(((present - mean) ** 2).sum())
        self._add(len(values), missing, mean, squares, float(present.min()), float(present.max()))

    def _add(self, rows: int, missing: int, mean: Any, squares: float, low: float, high: float) -> None:
        """Add a set of numbers, not all of them missing."""
        before, count = self.rows - self.missing, rows - missing
        self.rows, self.missing = self.rows + rows, self.missing + missing
        with np.errstate(over="ignore", invalid="ignore"):
            # Chan, Golub and LeVeque (1979): the squares about the mean of two sets together.
            shift = np.float64(mean) - self.mean
            share = count / (before + count)
            self._squares += squares + float(shift**2 * before * share)
            self.mean += float(shift * share)
        self.low, self.high = min(self.low, low), max(self.high, high)

    def state(self) -> list[float]:
        """Return what is known, for `merge`."""
        return [self.rows, self.missing, self.mean, self._squares, self.low, self.high]

    def merge(self, states: Sequence[Any]) -> None:
        """Start anew with what several counters have counted, in their order.

        Example:
            >>> parts = [Moments(), Moments()]
            >>> parts[0].add(np.array([1.0, 2.0])), parts[1].add(np.array([6.0]))
            (None, None)
            >>> merged = Moments()
            >>> merged.merge([part.state() for part in parts])
            >>> merged.rows, merged.mean, round(merged.std, 4)
            (3, 3.0, 2.1602)
        """
        vars(self).update(vars(Moments()))
        for rows, missing, *rest in states:
            if rows > missing:
                self._add(rows, missing, *rest)
            else:
                self.rows, self.missing = self.rows + rows, self.missing + missing

    @property
    def std(self) -> float:
        """The standard deviation."""
        count = self.rows - self.missing
        return float(np.sqrt(self._squares / count)) if count else 0.0


class LevelCounts:
    """The rows of each level of a category that comes in pieces.

    Attributes:
        rows: The rows.
        missing: Those without a level.
        dropped: Rows of levels that were no longer counted, because there were too many rare ones.
    """

    def __init__(self) -> None:
        self.rows = self.missing = self.dropped = 0
        self._counts = pd.Series(dtype=np.int64)

    def add(self, values: np.ndarray) -> None:
        """Count levels, text or None."""
        counts = pd.Series(values, dtype=object).value_counts()
        self.rows, self.missing = self.rows + len(values), self.missing + len(values) - int(counts.sum())
        self._add(counts)

    def state(self) -> list[Any]:
        """Return what is known, for `merge`."""
        return [self.rows, self.missing, self.dropped, self.levels.tolist(), self.counts.tolist()]

    def merge(self, states: Sequence[Any]) -> None:
        """Start anew with what several counters have counted, in their order."""
        vars(self).update(vars(LevelCounts()))
        for rows, missing, dropped, levels, counts in states:
            self.rows, self.missing, self.dropped = self.rows + rows, self.missing + missing, self.dropped + dropped
            self._add(pd.Series(counts, index=pd.Index(levels, dtype=object), dtype=np.int64))

    def _add(self, counts: pd.Series) -> None:
        self._counts = self._counts.add(counts, fill_value=0).astype(np.int64) if len(self._counts) else counts
        if len(self._counts) > _MOST_LEVELS:
            # The rarest levels are forgotten, so that the memory stays bounded.
            frequent = self._counts.sort_values(ascending=False, kind="stable").iloc[: _MOST_LEVELS // 2]
            self.dropped += int(self._counts.sum() - frequent.sum())
            self._counts = frequent

    @property
    def levels(self) -> np.ndarray:
        """The levels, sorted."""
        return self._counts.sort_index().index.to_numpy()

    @property
    def counts(self) -> np.ndarray:
        """The rows of each level."""
        return self._counts.sort_index().to_numpy()


def with_counts(
    fitted: Preprocessing, counts: Sequence[Moments | LevelCounts], *, rare: int, most_levels: int
) -> tuple[Preprocessing, list[str]]:
    """Return a preprocessing with the levels, means and missing cells of all training rows, and sentences about it.

    Args:
        fitted: Learned from a sample, whose quantiles stay.
        counts: The counts of each column of all training rows, in its order.
        rare: As for `Preprocessing.fit`.
        most_levels: The same.
    """
    by_column: list[ColumnPreprocessing] = []
    sentences = []
    for column, sampled, counted in zip(fitted.columns, fitted.by_column, counts, strict=True):
        if isinstance(sampled, CategoryPreprocessing) and isinstance(counted, LevelCounts):
            levels, rows = counted.levels, counted.counts
            missing, dropped = counted.missing > 0, counted.dropped > 0
            new = CategoryPreprocessing.of_counts(levels, rows, rare, most_levels, missing=missing)
            new = replace(new, other=new.other or dropped)
            by_column.append(new)
            if new.other and len(new.levels) >= min(most_levels, 100):
                encoded_rows = int(rows[np.isin(levels, new.levels)].sum())
                share = 1 - encoded_rows / (counted.rows - counted.missing)
                more = "more than " if dropped else ""
                sentences.append(
                    f"'{column.name}' has {more}{len(levels):,} different values in training: the {len(new.levels):,} "
                    f"most frequent have an input each, and the others ({100 * share:.2g} % of these rows) share one; "
                    "most_levels= and rare= set other numbers."
                )
        elif isinstance(counted, Moments):
            by_column.append(_exact(sampled, counted, fitted.scaling))
    return replace(fitted, by_column=tuple(by_column)), sentences


def _exact(sampled: ColumnPreprocessing, counted: Moments, scaling: str) -> ColumnPreprocessing:
    missing = counted.missing > 0
    if isinstance(sampled, DatePreprocessing):
        first, *rest = sampled.numbers
        return replace(sampled, numbers=(replace(first, missing=missing), *rest))
    if not isinstance(sampled, NumberPreprocessing) or counted.low >= counted.high:
        return sampled
    new = replace(sampled, missing=missing)
    if scaling == "standard" and np.isfinite(counted.std):
        return replace(new, center=counted.mean, spread=counted.std or 1.0)
    half = counted.high / 2 - counted.low / 2
    if scaling == "mean" and half < 8e307:
        return replace(new, center=counted.mean, spread=blurred(2 * half, half))
    return new


def counters(columns: Sequence[Column]) -> list[Moments | LevelCounts]:
    """Return a counter for the canonical values of each column."""
    return [LevelCounts() if column.kind == "category" else Moments() for column in columns]
