"""Columns of text cells with the type that their cells are written in."""

from __future__ import annotations

import numpy as np
import pandas as pd

from toolkit.data.cells import MISSING_TEXT
from toolkit.data.number_formats import learn

__all__ = ["is_text", "typed"]

_WHOLE = r"[+-]?(0|[1-9]\d{0,17})"  # more digits don't fit in 64 bits
_NUMBER = r"[+-]?((0|[1-9]\d{0,17})(\.\d*)?|\.\d+)([eE][+-]?\d+)?"
_TRUTH = {"true": True, "false": False}


def is_text(series: pd.Series) -> bool:
    """Return whether the cells of a column are text, or may be."""
    return pd.api.types.is_string_dtype(series.dtype) or pd.api.types.is_object_dtype(series.dtype)


def typed(series: pd.Series) -> pd.Series:
    """Return a column of text cells as whole numbers, numbers or true/false if all its cells are written so.

    Words for a missing cell, such as NA, are missing among numbers and true/false. Numbers with leading zeros are
    codes, and stay text; so do numbers whose points separate thousands.

    Args:
        series: Text cells; NaN or None is missing.

    Returns:
        int64, float64 (also whole numbers, if cells are missing), bool (object if cells are missing), or the column
        unchanged.

    Example:
        >>> typed(pd.Series(["1", "20"])).tolist(), typed(pd.Series(["1.5", "NA"])).tolist()
        ([1, 20], [1.5, nan])
        >>> typed(pd.Series(["01", "20"])).tolist(), typed(pd.Series(["TRUE", "false"])).tolist()
        (['01', '20'], [True, False])
    """
    if not is_text(series):
        return series
    texts = pd.Series(series.unique(), dtype=object).dropna()
    if not texts.map(lambda cell: isinstance(cell, str)).all():
        return series
    texts = texts.str.strip()
    texts = texts[~texts.isin(MISSING_TEXT)]
    if texts.empty:
        return series
    if texts.str.lower().isin(_TRUTH).all():
        truth = series.str.strip().str.lower().map(_TRUTH)
        return truth.astype(object) if truth.isna().any() else truth.astype(bool)
    if not texts.str.fullmatch(_NUMBER).all():
        return series
    if texts.str.contains(".", regex=False).any() and _points_separate_thousands(texts):
        return series
    cells = series.str.strip()
    numbers = pd.to_numeric(cells.where(~cells.isin(MISSING_TEXT)))
    if texts.str.fullmatch(_WHOLE).all() and not numbers.isna().any():
        return numbers.astype("int64")
    return numbers.astype("float64")


def _points_separate_thousands(texts: pd.Series) -> bool:
    """Return whether numbers such as 4.942 and 731 show that 4.942 is a whole number."""
    return learn(texts.tolist(), np.ones(len(texts)), decimal_mark=None, likely=None).decimal == ","
