"""Tables in memory as DataFrames: of other libraries by name, records, dictionaries, arrays of all kinds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import pyarrow

from toolkit.common.errors import DataError
from toolkit.common.formatting import counted

__all__ = ["as_frame", "dense", "frame_of", "frame_of_arrow", "is_table", "matrix_of", "plain_target"]

_LARGEST_DENSE = 8 * 2**30  # bytes of a sparse matrix written out


def is_table(data: Any) -> bool:
    """Return whether data in memory are a table whose columns have names.

    Example:
        >>> is_table(pd.DataFrame()), is_table({"a": [1]}), is_table([{"a": 1}]), is_table([[1]]), is_table(np.zeros(3))
        (True, True, True, False, False)
    """
    if isinstance(data, (pd.DataFrame, Mapping)):
        return True
    if isinstance(data, (pd.Series, pyarrow.Array, pyarrow.ChunkedArray)) or _is_polars(data, "Series"):
        return False
    if hasattr(data, "__arrow_c_stream__") or hasattr(data, "__arrow_c_array__") or _is_polars(data, "LazyFrame"):
        return True
    if isinstance(data, np.ndarray) and data.dtype.names:
        return True
    return isinstance(data, list) and bool(data) and all(isinstance(row, Mapping) for row in data)


def frame_of(data: Any, name: str = "data") -> pd.DataFrame:
    """Return a table in memory, for which `is_table` is true, as a DataFrame with the same column names.

    Args:
        data: A DataFrame of pandas or polars, an Arrow table or record batch, a dictionary of columns (or of single
            values: one row), a list of dictionaries (one per row), or a structured array.
        name: Its name in messages.

    Raises:
        DataError: Its columns have different lengths, or it is nested.

    Example:
        >>> frame_of({"a": 1, "b": "x"}).to_dict("list"), frame_of([{"a": 1}, {"b": 2}]).columns.tolist()
        ({'a': [1], 'b': ['x']}, ['a', 'b'])
    """
    if isinstance(data, pd.DataFrame):
        return data
    if isinstance(data, Mapping):
        return _from_columns(data, name)
    if isinstance(data, list):
        return as_frame(data)
    if isinstance(data, np.ndarray):
        return _from_structured(data, name)
    if _is_polars(data, "LazyFrame"):
        data = data.collect()
    if _is_polars(data, "DataFrame"):
        # Polars panics at a null character in a name.
        numbered = data.rename({label: str(number) for number, label in enumerate(data.columns)})
        return numbered.to_pandas().set_axis(data.columns, axis=1)
    if hasattr(data, "to_pandas") and not isinstance(data, pyarrow.Table | pyarrow.RecordBatch):
        return data.to_pandas()
    return frame_of_arrow(pyarrow.table(data))


def frame_of_arrow(table: Any) -> pd.DataFrame:
    """Return an Arrow table as a DataFrame, with its index and the dtypes that it had in pandas where they are known.

    Raises:
        DataError: It holds cells that pandas can't.
    """
    try:
        return table.to_pandas()
    except (TypeError, ValueError, NotImplementedError, OverflowError):
        pass  # pandas does not know the name of one of its own dtypes, for example
    try:
        return table.to_pandas(ignore_metadata=True)
    except (TypeError, ValueError, NotImplementedError, OverflowError) as error:
        raise DataError(f"the Arrow table can't be made a DataFrame: {error}.") from error


def as_frame(cells: Any, **options: Any) -> pd.DataFrame:
    """Return cells as a DataFrame, as plain objects where pandas can't make a dtype of them."""
    try:
        return pd.DataFrame(cells, **options)
    except (ValueError, TypeError, OverflowError):
        return pd.DataFrame(cells, **options, dtype=object)


def _from_columns(columns: Mapping[Any, Any], name: str) -> pd.DataFrame:
    if all(_is_scalar(cells) for cells in columns.values()):
        return as_frame([dict(columns)])
    try:
        return as_frame(dict(columns))
    except UnicodeEncodeError:
        raise
    except (ValueError, TypeError) as error:
        lengths = {str(label): 1 if _is_scalar(cells) else len(cells) for label, cells in columns.items()}
        raise DataError(
            f"{name} is a dictionary whose columns can't be put side by side: expected lists of one length, got "
            f"{', '.join(f'{label}: {length:,}' for label, length in list(lengths.items())[:5])}."
        ) from error


def _is_scalar(cells: Any) -> bool:
    return isinstance(cells, (str, bytes)) or not hasattr(cells, "__len__") or getattr(cells, "ndim", 1) == 0


def _from_structured(array: np.ndarray, name: str) -> pd.DataFrame:
    """Return a structured array as a DataFrame; cells under a mask are missing."""
    names = array.dtype.names or ()
    nested = [label for label in names if array.dtype[label].names or array.dtype[label].shape]
    if array.ndim != 1 or nested:
        what = f"the field '{nested[0]}' of {name} is nested" if nested else f"{name} has shape {array.shape}"
        raise DataError(f"{what}; expected a structured array of shape (rows,) with one value per field.")
    return as_frame({label: _filled(array[label]) for label in names})


def matrix_of(data: Any, name: str) -> np.ndarray:
    """Return numbers or cells without column names as an array.

    Args:
        data: An array, also a masked or a sparse one, or a list of rows.
        name: Its name in messages.

    Returns:
        Any shape; cells under a mask are missing.

    Raises:
        DataError: The rows have different lengths, or a sparse matrix is too large to be written out.

    Example:
        >>> matrix_of(np.ma.masked_equal([[1, 2], [3, 4]], 3), "X").tolist()
        [[1.0, 2.0], [nan, 4.0]]
    """
    if hasattr(data, "toarray"):
        return dense(data, name)
    if isinstance(data, np.ndarray):
        return _filled(data)
    if isinstance(data, (str, bytes, set, frozenset, Mapping)) or not hasattr(data, "__len__"):
        raise DataError(f"{name} is of type {type(data).__name__}; expected an array, a list of rows or a DataFrame.")
    try:
        return np.asarray(data)
    except ValueError as error:
        lengths = [len(row) if hasattr(row, "__len__") else 1 for row in data]
        row = next((index for index, length in enumerate(lengths) if length != lengths[0]), None)
        if row is None:
            raise DataError(f"{name} is a {type(data).__name__} whose items can't be put into one array.") from error
        raise DataError(
            f"{name} has rows of different lengths: row 1 has {counted(lengths[0], 'cell')} and row {row + 1} has "
            f"{lengths[row]:,}; they must be equal."
        ) from error


def plain_target(y: Any) -> Any:
    """Return y of a pair in a form of pandas or numpy: columns of other libraries, sparse and masked arrays too.

    Anything else is returned unchanged.

    Example:
        >>> plain_target(pyarrow.array(["a", "b"])).tolist()
        ['a', 'b']
    """
    if isinstance(y, (pd.DataFrame, pd.Series)):
        return y
    if isinstance(y, (pyarrow.Array, pyarrow.ChunkedArray)) or _is_polars(y, "Series"):
        return y.to_pandas()
    if hasattr(y, "toarray"):
        return dense(y, "y")
    if isinstance(y, np.ma.MaskedArray):
        return _filled(y)
    is_foreign = is_table(y) and not isinstance(y, (Mapping, list))
    return frame_of(y, "y") if is_foreign else y


def dense(matrix: Any, name: str) -> np.ndarray:
    """Return a sparse matrix of scipy as an array.

    Raises:
        DataError: It would take too much memory.
    """
    size = matrix.shape[0] * matrix.shape[-1] * 8
    if size > _LARGEST_DENSE:
        raise DataError(
            f"{name} is a sparse matrix of shape {matrix.shape}, which takes {size / 2**30:,.1f} GB of memory when "
            f"written out; at most {_LARGEST_DENSE / 2**30:.0f} GB can be used. Choose fewer columns, or reduce them "
            "with sklearn.decomposition.TruncatedSVD."
        )
    return np.asarray(matrix.toarray())


def _filled(array: np.ndarray) -> np.ndarray:
    """Return an array whose cells under a mask are missing: NaN, NaT or None."""
    if not isinstance(array, np.ma.MaskedArray):
        return array
    if not np.ma.is_masked(array):
        return array.data
    if array.dtype.kind in "iuf":
        dtype, missing = np.dtype(np.float64), np.nan
    elif array.dtype.kind in "mM":
        dtype, missing = array.dtype, np.array("NaT", dtype=array.dtype)
    else:
        dtype, missing = np.dtype(object), None
    cells = np.array(array.data, dtype=dtype)
    cells[np.ma.getmaskarray(array)] = missing
    return cells


def _is_polars(data: Any, kind: str) -> bool:
    # Polars is known by name, so that it need not be installed.
    return type(data).__module__.partition(".")[0] == "polars" and type(data).__name__ == kind
