"""Groups of rows that go to one part together: the values of the columns that `group=` names."""

from __future__ import annotations

import numpy as np
import pandas as pd

from toolkit.common.errors import DataError
from toolkit.common.formatting import counted, listing
from toolkit.data.cells import distinct, is_missing, level, plain_dtype

__all__ = ["merge", "number_groups"]


def number_groups(frame: pd.DataFrame) -> tuple[np.ndarray, list[str]]:
    """Number the groups of the rows: rows that share a value in any of the columns are of one group.

    Blanks at the ends of a value don't count, and a number equals its text. A row without a value shares none.

    Args:
        frame: The columns that name the groups, their cells as they came.

    Returns:
        int64 of shape (rows,), numbered from 0 by first appearance; and sentences about rows without a value.

    Raises:
        DataError: The cells of a column can't name groups, or all rows are of one group.

    Example:
        >>> number_groups(pd.DataFrame({"patient": ["p1", "p2", "p1 ", None]}))[0].tolist()
        [0, 1, 0, 2]
        >>> number_groups(pd.DataFrame({"site": [1, 1, 2, 2, 3], "patient": list("abbcd")}))[0].tolist()
        [0, 0, 0, 0, 1]
    """
    groups, sentences = np.arange(len(frame)), []
    for position, name in enumerate(frame.columns):
        codes = _codes(frame.iloc[:, position], str(name))
        missing = codes < 0
        if missing.all():
            raise DataError(f"group= names '{name}', which is empty in every row: name another column.")
        if missing.any():
            sentences.append(f"{counted(int(missing.sum()), 'row')} without a '{name}' share none with another row.")
        codes[missing] = codes.max() + 1 + np.arange(missing.sum())
        groups = codes if position == 0 else merge(groups, codes)
    groups = pd.factorize(groups)[0].astype(np.int64)
    if len(groups) and not groups.any():
        names = listing([f"'{name}'" for name in frame.columns])
        raise DataError(
            f"group= names {names}, by which all rows are of one group"
            + (": name one of the columns." if len(frame.columns) > 1 else ": name another column.")
        )
    return groups, sentences


def _codes(series: pd.Series, name: str) -> np.ndarray:
    """Number the values of a column; -1 where it is missing."""
    try:
        codes, values = distinct(plain_dtype(series))
    except TypeError:
        cell = next(cell for cell in series if cell is not None)
        raise DataError(
            f"group= names '{name}', whose cells are of type {type(cell).__name__}; expected a number or text per row."
        ) from None
    texts = [level(value) for value in values]
    numbers = pd.factorize(np.array(texts, dtype=object))[0].astype(np.int64)
    numbers[[is_missing(text) for text in texts]] = -1
    return np.append(numbers, -1)[codes]


def merge(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return units that hold together the rows that share a value of either, numbered from 0.

    Example:
        >>> merge(np.array([0, 0, 1, 2]), np.array([0, 1, 1, 2])).tolist()
        [0, 0, 0, 1]
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    # Each value of either is a node, each row an edge between its two values; a unit is a connected component.
    offset = int(first.max()) + 1
    nodes = offset + int(second.max()) + 1
    links = coo_array((np.ones(len(first), dtype=np.int8), (first, offset + second)), shape=(nodes, nodes))
    _, component = connected_components(links, directed=False)
    return pd.factorize(component[first])[0].astype(np.int64)
