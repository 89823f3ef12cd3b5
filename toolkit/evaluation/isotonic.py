"""Isotonic regression: probabilities that rise with a score, smoothed, linear between blocks.

It follows any rising shape, where a sigmoid has only its own: the scores of a trained hinge loss pile up at -1 and +1.
On few rows it follows noise.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

__all__ = ["are_knots", "interpolate", "knots"]

_Reals = NDArray[np.float64]


def knots(scores: NDArray[Any], labels: NDArray[Any], weights: NDArray[Any]) -> tuple[_Reals, _Reals]:
    """Return the knots between which the probability of a score is interpolated.

    Pool adjacent violators: neighboring scores share a block until the blocks' shares of positive rows rise. Each block
    then gets one more row with the overall share, so that no block is certain, least of all one of few rows; blocks
    that no longer rise are pooled again. Each block is one knot, at its mean score.

    Args:
        scores: Finite scores, shape (n,).
        labels: 0 and 1, shape (n,).
        weights: Weight of each row, above 0, shape (n,), with a sum of n.

    Returns:
        Scores (rising) and their probabilities (not falling, between 0 and 1), both of shape (blocks,).

    References:
        Zadrozny and Elkan, Transforming Classifier Scores into Accurate Multiclass Probability Estimates, KDD 2002.
        Oron and Flournoy, Centered Isotonic Regression, Statistics in Biopharmaceutical Research 9, 2017 (one knot
        per block).

    Example:
        >>> at, chances = knots(np.arange(6.0), np.array([0, 0, 1, 0, 1, 1]), np.ones(6))
        >>> at.tolist(), chances.tolist()
        ([0.5, 2.5, 4.5], [0.16666666666666666, 0.5, 0.8333333333333334])
    """
    at, index = np.unique(scores, return_inverse=True)
    weight = np.bincount(index, weights=weights)  # one entry per distinct score
    positive = np.bincount(index, weights=weights * labels)
    # Never 0 or 1, even where all rows are of one class.
    share = (positive.sum() + 1) / (weight.sum() + 2)
    # score    0   1   2   3   4   5
    # label    0   0   1   0   1   1
    # blocks  [0   0] [1   0] [1   1]    shares 0, 1/2, 1 -> with one more row of share 1/2: 1/6, 1/2, 5/6
    starts = scipy.optimize.isotonic_regression(positive / weight, weights=weight).blocks[:-1]
    rows = np.add.reduceat(weight, starts) + 1  # one entry per block
    smoothed = scipy.optimize.isotonic_regression((np.add.reduceat(positive, starts) + share) / rows, weights=rows)
    first = smoothed.blocks[:-1]
    # `first` numbers the old blocks at which a new, pooled block starts.
    starts = starts[first]
    counts = np.diff(np.append(starts, len(at)))
    # A score's share of its block's weight, so that the sums below are weighted means.
    part = weight / np.repeat(np.add.reduceat(weight, starts), counts)
    # Rounding may put the mean of a block beyond its ends, into the next block.
    middle = np.clip(np.add.reduceat(part * at, starts), at[starts], at[starts + counts - 1])
    return middle, smoothed.x[first]


def interpolate(scores: NDArray[Any], at: NDArray[Any], chances: NDArray[Any]) -> _Reals:
    """Return the probabilities of scores: linear between the knots, constant beyond the first and the last.

    Args:
        scores: Any shape.
        at: The scores of the knots, rising.
        chances: Their probabilities, not falling.

    Returns:
        Probabilities in the shape of the scores, never falling where those rise. NaN where a score is NaN.

    Example:
        >>> interpolate(np.array([-9.0, 1.0, 9.0]), np.array([0.0, 4.0]), np.array([0.2, 0.6])).round(3).tolist()
        [0.2, 0.3, 0.6]
    """
    # The first knot at or above each score; beyond the last knot, the last.
    above = np.minimum(np.searchsorted(at, scores), len(at) - 1)
    # Rounding must not lift a segment above its end, where the next one starts.
    return np.minimum(np.interp(scores, at, chances), np.asarray(chances)[above])


def are_knots(at: Any, chances: Any) -> bool:
    """Return whether two sequences are valid knots.

    Args:
        at: Scores.
        chances: Probabilities.

    Raises:
        TypeError, ValueError: An entry is not a number.

    Example:
        >>> are_knots([0.0, 1.0], [0.2, 0.6]), are_knots([0.0, 1.0], [0.6, 0.2])
        (True, False)
    """
    at, chances = np.asarray(at, np.float64), np.asarray(chances, np.float64)
    if at.ndim != 1 or at.shape != chances.shape or not len(at) or not np.isfinite(at).all():
        return False
    rising = (at[1:] > at[:-1]).all() and (chances[1:] >= chances[:-1]).all()
    return bool(rising and chances[0] > 0 and chances[-1] < 1)
