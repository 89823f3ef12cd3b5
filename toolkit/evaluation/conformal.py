"""Conformal prediction: how far intervals, and how many classes sets must hold, from validation rows."""

from __future__ import annotations

import math
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toolkit.common.errors import DataError

__all__ = [
    "absolute_errors",
    "around",
    "by_class",
    "class_ranks",
    "conformal_quantile",
    "fewest_rows",
    "misses",
    "ranks_of_truth",
    "residual_quantile",
]

_DIGITS = 3
_ROWS = 10_000  # of validation that are kept, for sets


def absolute_errors(predicted: NDArray[Any], true: NDArray[Any]) -> NDArray[np.float64]:
    """Return sorted absolute errors, rounded up: they tell of no single row, and intervals from them are no narrower.

    Args:
        predicted: Predicted numbers, shape (n, targets).
        true: True numbers, shape (n, targets).

    Returns:
        Shape (n, targets), each column sorted by itself, with three significant digits.

    Example:
        >>> absolute_errors(np.array([[1.0], [2.0]]), np.array([[3.4567], [2.0]])).ravel()
        array([0.  , 2.46])
    """
    return _rounded_up(np.sort(np.abs(predicted - true), axis=0))


def misses(quantiles: NDArray[Any], true: NDArray[Any]) -> NDArray[np.float64]:
    """Return by how much each truth lies outside its outer quantiles, below 0 where it lies inside; sorted, rounded up.

    Args:
        quantiles: Predicted quantiles, rising in each row, shape (n, quantiles).
        true: True numbers, shape (n,).

    Returns:
        Shape (n,): what the ends must be moved by for the interval to reach each truth.

    References:
        Romano, Patterson and Candes, Conformalized Quantile Regression, NeurIPS 2019.

    Example:
        >>> misses(np.array([[1.0, 3.0], [1.0, 5.0]]), np.array([3.5, 1.25]))
        array([-0.25,  0.5 ])
    """
    return _rounded_up(np.sort(np.maximum(quantiles[:, 0] - true, true - quantiles[:, -1])))


def around(quantiles: NDArray[Any], reach: float) -> NDArray[np.float64]:
    """Return the outer quantiles (n, 2), moved apart by `reach`; where it is negative they meet in the middle at most.

    Example:
        >>> around(np.array([[1.0, 3.0], [1.0, 9.0]]), -1.5)
        array([[2. , 2. ],
               [2.5, 7.5]])
    """
    low, high = quantiles[:, 0], quantiles[:, -1]
    middle = low / 2 + high / 2
    return np.stack([np.minimum(low - reach, middle), np.maximum(high + reach, middle)], axis=1)


def by_class(chances: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return probabilities with a column for each class also where they are those of the positive one, (n,)."""
    return np.stack([1 - chances, chances], axis=1) if chances.ndim == 1 else chances


def class_ranks(chances: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how much probability lies before each class, from the most probable class on, and half of its own.

    A set holds the classes up to a value of this. Half of the own probability is what adaptive prediction sets take on
    average: they draw the share at random, and the same row would then have another set each time.

    Args:
        chances: Probabilities, shape (n, classes).

    References:
        Romano, Sesia and Candes, Classification with Valid and Adaptive Coverage, NeurIPS 2020.

    Example:
        >>> class_ranks(np.array([[0.2, 0.5, 0.3]]))
        array([[0.9 , 0.25, 0.65]])
    """
    order = np.argsort(-chances, axis=1, kind="stable")
    falling = np.take_along_axis(chances, order, axis=1)
    ranks = np.empty_like(chances)
    np.put_along_axis(ranks, order, falling.cumsum(axis=1) - falling / 2, axis=1)
    return ranks


def ranks_of_truth(chances: NDArray[np.float64], truth: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return `class_ranks` of the true classes (n,), sorted and rounded up; of very many rows 10,000 at even distances.

    Example:
        >>> ranks_of_truth(np.array([[0.2, 0.8], [0.4, 0.6]]), np.array([0, 1]))
        array([0.3, 0.9])
    """
    rows = np.linspace(0, len(truth) - 1, min(len(truth), _ROWS)).round().astype(int)
    ranks = class_ranks(chances[rows])[np.arange(len(rows)), truth[rows]]
    return np.ceil(np.sort(ranks) * 1e6 - 1e-6) / 1e6


def _rounded_up(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Round up to three significant digits."""
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        step = 10.0 ** (np.floor(np.log10(np.abs(values))) + 1 - _DIGITS)
        rounded = np.ceil(values / step) * step
    return np.where(np.isfinite(rounded) & (step > 0), rounded, values)


def residual_quantile(residuals: NDArray[Any], coverage: float) -> NDArray[np.float64]:
    """Return half the width of the interval that holds the truth of a share of new rows.

    Split conformal prediction: the ceil((n + 1) * coverage)-th smallest of n absolute residuals. For rows from the same
    source it covers at least `coverage` of new rows on average, whatever the model; it is slightly too narrow where
    the same rows chose the epoch. Several targets are covered one by one, not jointly.

    Args:
        residuals: Absolute errors on rows that the model was not trained on, in the target's units, shape
            (n, targets).
        coverage: Share of new rows, between 0 and 1.

    Returns:
        Half the width of the interval of each target, shape (targets,).

    Raises:
        DataError: The coverage is not between 0 and 1, or too high for so few rows; a residual is not finite.

    References:
        Vovk, Gammerman and Shafer, Algorithmic Learning in a Random World, 2005. Lei et al., Distribution-Free
        Predictive Inference for Regression, JASA 113, 2018, section 2.2.

    Example:
        >>> residual_quantile(np.arange(1.0, 10.0)[:, None], 0.8)
        array([8.])
    """
    size = np.abs(np.asarray(residuals, np.float64))
    size = size[:, None] if size.ndim == 1 else size
    if not np.isfinite(size).all():
        raise DataError(f"{int((~np.isfinite(size)).any(axis=1).sum())} of {len(size)} residuals are not finite.")
    return conformal_quantile(size, coverage)


def fewest_rows(coverage: float) -> int:
    """Return how many rows a coverage needs.

    Example:
        >>> fewest_rows(0.9), fewest_rows(0.95)
        (9, 19)
    """
    # The rank is at most n where (n + 1) * coverage <= n, so n >= coverage / (1 - coverage).
    return math.ceil(coverage / (1 - coverage) - 1e-9)


def conformal_quantile(scores: NDArray[np.float64], coverage: float) -> NDArray[np.float64]:
    """Return the ceil((n + 1) * coverage)-th smallest of n scores, along the first axis.

    Raises:
        DataError: The coverage is not between 0 and 1, or too high for so few scores.

    Example:
        >>> conformal_quantile(np.array([3.0, -1.0, 2.0]), 0.5)
        np.float64(2.0)
    """
    if not isinstance(coverage, Real) or not 0 < coverage < 1:
        raise DataError(f"coverage={coverage!r}: expected a number between 0 and 1, such as 0.9.")
    # 0.07 * 100 is 7.000000000000001: rounding must not cost a row.
    rank = math.ceil((len(scores) + 1) * coverage - 1e-9)
    if rank > len(scores):
        raise DataError(
            f"{len(scores)} validation rows are too few for a coverage of {coverage}: it needs "
            f"{fewest_rows(coverage)}. Ask for a lower coverage or bring more rows."
        )
    # Residuals 1 2 4 7 9, coverage 0.6: rank ceil(6 * 0.6) = 4 -> 7. Each column (target) is sorted by itself.
    return np.sort(scores, axis=0)[max(rank, 1) - 1]
