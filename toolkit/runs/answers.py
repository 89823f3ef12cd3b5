"""Answers in the form of the rows: pandas for pandas, arrays for everything else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
from numpy.typing import NDArray

__all__ = ["in_form_of"]


def in_form_of(new: Any, values: NDArray[Any], columns: Sequence[Any]) -> Any:
    """Return answers with the index of the rows they are for, or unchanged where the rows have none.

    Args:
        new: The rows: a DataFrame, a Series (one row), or anything else.
        values: One answer per row, shape (rows,), (rows, columns), or (rows, columns, 2) for intervals.
        columns: The names of the answers; a Series takes the first.

    Returns:
        For pandas a Series, or a DataFrame; of intervals with the columns (name, low) and (name, high).

    Example:
        >>> import numpy as np
        >>> rows = pd.DataFrame({"size": [1.5, 2.5]}, index=["a", "b"])
        >>> in_form_of(rows, np.array([3.0, 4.0]), ["price"]).to_dict()
        {'a': 3.0, 'b': 4.0}
    """
    if isinstance(new, pd.DataFrame):
        index = new.index
    elif isinstance(new, pd.Series):
        index = pd.Index([new.name])
    else:
        return values
    if values.ndim == 1:
        return pd.Series(values, index=index, name=columns[0])
    if values.ndim == 3:
        names = pd.MultiIndex.from_product([list(columns), ["low", "high"]])
        return pd.DataFrame(values.reshape(len(values), -1), index=index, columns=names)
    return pd.DataFrame(values, index=index, columns=pd.Index(list(columns)))
