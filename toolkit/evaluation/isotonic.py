"""Probabilities that rise with a score, by no formula: isotonic regression, smoothed, straight between its blocks.

It follows any rising shape that enough rows show, where a sigmoid has its own: the scores of a trained hinge loss heap
up at -1 and +1. On few rows it follows chance.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import optimize

__all__ = ["are_knots", "interpolate", "knots"]

_Reals = NDArray[np.float64]


def knots(scores: NDArray[Any], labels: NDArray[Any], weights: NDArray[Any]) -> tuple[_Reals, _Reals]:
    """Return the points between which the probability of a score is read.

    Pooled adjacent violators: neighbouring scores share a block until the blocks' shares of positive rows rise. Each
    block then gets one more row, worth the overall share, so that none is sure of anything, and least of all a block
    of few rows; blocks that no longer rise are pooled again. A block stands for one point, at its mean score.

    Args:
        scores: Finite scores, shape (n,).
        labels: 0 and 1, shape (n,).
        weights: How much each row counts, above 0, shape (n,); in rows, so that they add up to n.

    Returns:
        Scores, rising, and their probabilities, not falling and between 0 and 1, both of shape (blocks,).

    References:
        Zadrozny and Elkan, Transforming Classifier Scores into Accurate Multiclass Probability Estimates, KDD 2002.
        Oron and Flournoy, Centered Isotonic Regression, Statistics in Biopharmaceutical Research 9, 2017 (a point a
        block).

    Example:
        >>> at, chances = knots(np.arange(6.0), np.array([0, 0, 1, 0, 1, 1]), np.ones(6))
        >>> at.tolist(), chances.tolist()
        ([0.5, 2.5, 4.5], [0.16666666666666666, 0.5, 0.8333333333333334])
    """
    at, place = np.unique(scores, return_inverse=True)
    held = np.bincount(place, weights=weights)
    positive = np.bincount(place, weights=weights * labels)
    share = (positive.sum() + 1) / (held.sum() + 2)
    starts = optimize.isotonic_regression(positive / held, weights=held).blocks[:-1]
    rows = np.add.reduceat(held, starts) + 1
    smoothed = optimize.isotonic_regression((np.add.reduceat(positive, starts) + share) / rows, weights=rows)
    first = smoothed.blocks[:-1]
    starts = starts[first]
    counts = np.diff(np.append(starts, len(at)))
    part = held / np.repeat(np.add.reduceat(held, starts), counts)
    # The mean of a block may be rounded beyond its ends, into the next.
    middle = np.clip(np.add.reduceat(part * at, starts), at[starts], at[starts + counts - 1])
    return middle, smoothed.x[first]


def interpolate(scores: NDArray[Any], at: NDArray[Any], chances: NDArray[Any]) -> _Reals:
    """Return the probabilities of scores: straight lines between the knots, level beyond the first and the last.

    Args:
        scores: Any shape.
        at: The scores of the knots, rising.
        chances: Their probabilities, not falling.

    Returns:
        As the scores, and never falling where those rise. NaN where a score is NaN.

    Example:
        >>> interpolate(np.array([-9.0, 1.0, 9.0]), np.array([0.0, 4.0]), np.array([0.2, 0.6])).round(3).tolist()
        [0.2, 0.3, 0.6]
    """
    above = np.minimum(np.searchsorted(at, scores), len(at) - 1)
    # Rounding may not lift a line above its end, from where the next one starts.
    return np.minimum(np.interp(scores, at, chances), np.asarray(chances)[above])


def are_knots(at: Any, chances: Any) -> bool:
    """Return whether probabilities can be read between these points: as `knots` gives them.

    Args:
        at: Numbers, in an array or a list.
        chances: The same.

    Raises:
        TypeError: Something in them is no number.
        ValueError: The same, of another kind.

    Example:
        >>> are_knots([0.0, 1.0], [0.2, 0.6]), are_knots([0.0, 1.0], [0.6, 0.2])
        (True, False)
    """
    at, chances = np.asarray(at, np.float64), np.asarray(chances, np.float64)
    if at.ndim != 1 or at.shape != chances.shape or not len(at) or not np.isfinite(at).all():
        return False
    rising = (at[1:] > at[:-1]).all() and (chances[1:] >= chances[:-1]).all()
    return bool(rising and chances[0] > 0 and chances[-1] < 1)
