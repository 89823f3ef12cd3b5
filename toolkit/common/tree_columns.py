"""What scikit-learn's boosted trees can take of a table."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["ONE_THREAD", "as_categories", "empty_columns"]

#: Cells (rows x columns) below which a second thread gains a second at most, and on a busy machine may lose twenty by
#: waiting.
ONE_THREAD = 5_000_000


def as_categories(x: NDArray[Any], categorical: NDArray[np.bool_], bins: int) -> NDArray[np.bool_] | None:
    """Return which columns trees can take as categories, shape (columns,), or None where there are none.

    A category with more levels than bins is used as a number.

    Example:
        >>> as_categories(np.array([[0.0, 7.0], [1.0, 2.0]]), np.array([True, True]), bins=5)
        array([ True, False])
    """
    return categorical & (np.nanmax(x, axis=0, initial=0) < bins) if categorical.any() else None


def empty_columns(x: NDArray[Any], held_out: float = 0.0) -> NDArray[np.bool_]:
    """Return which columns have too few values for trees, shape (columns,).

    scikit-learn's trees fail on a column without a value. That can happen where the rows with values are held out, or
    are not among the 200,000 rows that the bins are chosen by.

    Args:
        x: Numbers, shape (n, columns), NaN for missing.
        held_out: Share of the rows that trees hold out to see when to stop.

    Example:
        >>> x = np.array([[1.0, np.nan], [2.0, np.nan]])
        >>> empty_columns(x).tolist(), empty_columns(x, held_out=0.5).tolist()
        ([False, True], [False, True])
    """
    fewest = max(min(math.ceil(held_out * len(x)) + 1, 20), len(x) // 10_000)
    return (~np.isnan(x)).sum(axis=0) < fewest
