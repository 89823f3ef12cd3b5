"""Conformal prediction: how far intervals must reach, from the errors on validation rows."""

from __future__ import annotations

import math
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toolkit.common.errors import DataError

__all__ = ["absolute_errors", "around", "conformal_quantile", "fewest_rows", "misses", "residual_quantile"]

_DIGITS = 3


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
