"""Target statistics: what the rows of each level of a column with many levels had as their target, on average."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

__all__ = ["LevelMeans", "group_means", "left_out_means"]

_MOST_PRIOR = 100.0  # rows
_BEND = 3.0  # standard deviations that means are drawn into, as numbers are by smooth scaling
_MOST_LEVELS = 10_000
_DIGITS = 4  # of a mean that is kept in a file


@dataclass(frozen=True)
class LevelMeans:
    """The mean target of the rows of each level, drawn towards the mean of all rows, as inputs of a network.

    Rows that the means were learned from have other inputs: `left_out_means`.

    Attributes:
        levels: The levels that training rows had often enough, sorted: texts or numbers.
        means: The mean of each level, shape (levels, outputs), about 0, scaled, and within -3 to 3. All other levels,
            and missing cells, have 0.

    References:
        Micci-Barreca, A Preprocessing Scheme for High-Cardinality Categorical Attributes, SIGKDD Explorations 2001.

    Example:
        >>> means = LevelMeans(("a", "b"), ((0.5,), (-1.0,)))
        >>> inputs = np.zeros((3, 1), np.float32)
        >>> means.write(np.array(["b", None, "c"], dtype=object), inputs)
        >>> inputs[:, 0].tolist()
        [-1.0, 0.0, 0.0]
    """

    levels: tuple[Any, ...]
    means: tuple[tuple[float, ...], ...]

    @classmethod
    def fit(
        cls, values: np.ndarray, outputs: np.ndarray, folds: np.ndarray, rare: int
    ) -> tuple[LevelMeans, np.ndarray] | None:
        """Learn from training rows; return the means, and the inputs of these rows themselves.

        Args:
            values: The column, texts or numbers, None or NaN where missing, shape (n,).
            outputs: What is predicted, shape (n, outputs).
            folds: The fold of each row: its own inputs are learned from the rows of the other folds.
            rare: Levels in fewer rows are left out.

        Returns:
            The means and the inputs, float32 of shape (n, outputs); None where no level is left, or all have one mean.
        """
        codes, levels = pd.factorize(values)
        counts = np.bincount(codes[codes >= 0], minlength=len(levels))
        frequent = np.argsort(-counts, kind="stable")[:_MOST_LEVELS]
        frequent = frequent[counts[frequent] >= rare]
        chosen = frequent[np.argsort(levels[frequent], kind="stable")]
        # The groups of rows: the chosen levels, and last all others.
        place = np.full(len(levels) + 1, len(chosen))
        place[chosen] = np.arange(len(chosen))
        groups = place[codes]
        mean = outputs.mean(axis=0)
        means = group_means(groups, outputs, len(chosen) + 1) - mean
        means[-1] = 0.0
        scale = means[groups].std(axis=0)
        if not len(chosen) or not (scale > 0).any():
            return None
        scale[scale == 0] = 1.0
        own = _pulled_in((left_out_means(groups, outputs, folds) - mean) / scale)
        own[groups == len(chosen)] = 0.0
        scaled = _pulled_in(means[:-1] / scale)
        rounded = [tuple(float(f"{value:.{_DIGITS}g}") for value in row) for row in scaled.tolist()]
        return cls(tuple(levels[chosen].tolist()), tuple(rounded)), own.astype(np.float32)

    @property
    def width(self) -> int:
        """The number of inputs."""
        return len(self.means[0])

    def write(self, values: np.ndarray, inputs: np.ndarray) -> None:
        """Write the inputs of values into an array of zeros, shape (rows, width)."""
        numbers = isinstance(self.levels[0], float)
        kind = np.float64 if numbers else object
        place = pd.Index(self.levels, dtype=kind).get_indexer(pd.Index(values, dtype=kind))
        rows = np.flatnonzero(place >= 0)
        inputs[rows] = np.asarray(self.means, np.float32)[place[rows]]

    def to_dict(self) -> dict[str, Any]:
        """Return what was learned, as JSON can hold it."""
        return {"levels": list(self.levels), "means": [list(row) for row in self.means]}

    @classmethod
    def from_dict(cls, content: dict[str, Any] | None) -> LevelMeans | None:
        """Return the means that `to_dict` described, or None for None."""
        if content is None:
            return None
        return cls(tuple(content["levels"]), tuple(map(tuple, content["means"])))


def _pulled_in(values: np.ndarray) -> np.ndarray:
    return values / np.hypot(1, values / _BEND)


def group_means(groups: np.ndarray, outputs: np.ndarray, count: int) -> np.ndarray:
    """Return the mean outputs of each group, drawn towards those of all rows, shape (groups, outputs).

    The mean counts as if `within / between` further rows had the mean of all, at least 1 and at most 100: the variance
    within groups over that of the groups' means, estimated as in a one-way analysis of variance.

    Example:
        >>> groups, outputs = np.array([0, 0, 1, 1]), np.array([[3.0], [3.0], [0.0], [0.0]])
        >>> group_means(groups, outputs, 3).tolist()  # nothing varies within groups: one further row
        [[2.5], [0.5], [1.5]]
    """
    rows = np.bincount(groups, minlength=count)[:, None]
    sums = np.stack([np.bincount(groups, output, minlength=count) for output in outputs.T], axis=1)
    n, filled, mean = len(groups), max(2, int(np.count_nonzero(rows))), outputs.mean(axis=0)
    between_groups = np.square(sums - rows * mean) / np.maximum(rows, 1)  # squares, summed over the rows of each group
    within = (np.square(outputs - mean).sum(axis=0) - between_groups.sum(axis=0)) / max(1, n - filled)
    size = (n - np.square(rows).sum() / n) / (filled - 1)  # of a group, on average
    between = (between_groups.sum(axis=0) / (filled - 1) - within) / max(size, 1e-9)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(between > 0, within / between, _MOST_PRIOR)
    prior = np.clip(np.nan_to_num(ratio, nan=_MOST_PRIOR), 1.0, _MOST_PRIOR)
    return (sums + prior * mean) / (rows + prior)


def left_out_means(groups: np.ndarray, outputs: np.ndarray, folds: np.ndarray) -> np.ndarray:
    """Return for each row the mean outputs of its group's rows in other folds, shape (n, outputs)."""
    means = np.zeros(outputs.shape)
    count = int(groups.max()) + 1
    for fold in np.unique(folds):
        left_out = folds == fold
        by_group = group_means(groups[~left_out], outputs[~left_out], count)
        means[left_out] = by_group[groups[left_out]]
    return means
