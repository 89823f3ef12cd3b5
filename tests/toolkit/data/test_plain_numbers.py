"""Columns of text cells, read at once, against the same cells read one by one."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolkit.data.column_values import read_values
from toolkit.data.columns import Column

TEXTS = """
0 1 5 12 007 . , e E + - inf nan NaN x 0x1 % $ _ 1e400 1e-400 9999999999999999999999999 infinity 5.0 1.234 € n/a -999
"""
ODD = st.lists(st.sampled_from([*TEXTS.split(), " ", "\t", "\u00a0", "\u2212", "\x1c"]), max_size=5).map("".join)
CELLS = st.lists(st.none() | st.sampled_from(["1.5", "2", "-3e2"]) | ODD, min_size=1, max_size=20)


@settings(max_examples=300)
@given(CELLS, st.sampled_from(".,"), st.sampled_from(["", "$", "%", "e"]), st.sampled_from([(), ("-999", "x")]))
def test_a_text_column_is_read_as_its_cells_are_one_by_one(cells, decimal, unit, words):
    column = Column("a", "number", decimal=decimal, unit=unit, missing=words)
    at_once = read_values(pd.Series(cells, dtype="str"), column)
    # An object column goes another way: each distinct cell by itself.
    one_by_one = read_values(pd.Series(cells, dtype=object), column)
    np.testing.assert_array_equal(at_once.values, one_by_one.values)
    assert np.signbit(at_once.values).tolist() == np.signbit(one_by_one.values).tolist()
    assert at_once.state.tolist() == one_by_one.state.tolist()


@pytest.mark.parametrize("kind", ["category", "boolean", "date"])
def test_text_and_objects_are_the_same_cells(kind):
    cells = ["1", "01", None, "true", "TRUE", "2024-01-31", "?", "x ", "x", None]
    column = Column("a", kind)
    text, objects = (read_values(pd.Series(cells, dtype=dtype), column) for dtype in ("str", object))
    assert pd.Series(text.values).equals(pd.Series(objects.values))
    assert text.state.tolist() == objects.state.tolist()
