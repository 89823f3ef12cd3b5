"""Tables in memory of every kind become DataFrames whose columns are known by their names."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow
import pytest
from scipy import sparse

from toolkit.common.errors import DataError
from toolkit.data.reading.frames import frame_of, is_table, matrix_of, plain_target

FRAME = pd.DataFrame({"b": [1.5, 2.5], "a": ["x", "y"]})


def _polars(lazy=False):
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame({"b": [1.5, 2.5], "a": ["x", "y"]})
    return frame.lazy() if lazy else frame


@pytest.mark.parametrize(
    "make",
    [
        lambda: FRAME,
        lambda: pyarrow.table({"b": [1.5, 2.5], "a": ["x", "y"]}),
        lambda: pyarrow.record_batch({"b": [1.5, 2.5], "a": ["x", "y"]}),
        lambda: pyarrow.RecordBatchReader.from_batches(
            pyarrow.schema([("b", pyarrow.float64()), ("a", pyarrow.string())]),
            pyarrow.table({"b": [1.5, 2.5], "a": ["x", "y"]}).to_batches(),
        ),
        _polars,
        lambda: _polars(lazy=True),
        lambda: {"b": [1.5, 2.5], "a": ("x", "y")},
        lambda: {"b": np.array([1.5, 2.5]), "a": pd.Series(["x", "y"])},
        lambda: [{"b": 1.5, "a": "x"}, {"a": "y", "b": 2.5}],
        lambda: np.array([(1.5, "x"), (2.5, "y")], dtype=[("b", "f8"), ("a", "U1")]),
        lambda: np.rec.fromrecords([(1.5, "x"), (2.5, "y")], names="b,a"),
    ],
)
def test_tables_of_every_library_are_read_by_name(make):
    table = make()
    assert is_table(table)
    assert frame_of(table).to_dict("list") == {"b": [1.5, 2.5], "a": ["x", "y"]}


@pytest.mark.parametrize(
    "make", [lambda: [[1, 2]], lambda: np.zeros((2, 2)), lambda: pd.Series([1]), lambda: [], lambda: 3]
)
def test_arrays_and_columns_are_no_tables_with_names(make):
    assert not is_table(make())


def test_a_dictionary_of_single_values_is_one_row():
    assert frame_of({"a": 1, "b": "x", "c": None, "d": pd.Timestamp("2024-01-01")}).shape == (1, 4)


def test_a_dictionary_of_columns_of_several_lengths_is_an_error_with_their_lengths():
    with pytest.raises(DataError, match=r"expected lists of one length, got a: 2, b: 3"):
        frame_of({"a": [1, 2], "b": [1, 2, 3]})


def test_cells_under_a_mask_are_missing():
    masked = np.ma.masked_array([[1, 2], [3, 4]], mask=[[False, True], [False, False]])
    assert np.isnan(matrix_of(masked, "X")).tolist() == [[False, True], [False, False]]
    words = np.ma.masked_array(["a", "b"], mask=[True, False])
    assert plain_target(words).tolist() == [None, "b"]
    records = np.ma.masked_array([(1, 2), (3, 4)], mask=[(0, 1), (0, 0)], dtype=[("a", "i4"), ("b", "i4")])
    assert frame_of(records).isna().to_numpy().tolist() == [[False, True], [False, False]]


@pytest.mark.parametrize("form", [sparse.csr_matrix, sparse.csc_array, sparse.coo_array])
def test_a_sparse_matrix_is_written_out(form):
    assert matrix_of(form(np.eye(3)), "X").tolist() == np.eye(3).tolist()


def test_a_sparse_matrix_that_would_fill_the_memory_is_refused_with_its_size():
    with pytest.raises(DataError, match=r"X is a sparse matrix of shape \(1000000, 100000\), which takes 745.1 GB"):
        matrix_of(sparse.csr_array((1_000_000, 100_000)), "X")


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ([[1, 2], [1, 2, 3]], r"X has rows of different lengths: row 1 has 2 cells and row 2 has 3"),
        ([[1, 2], 3], r"X has rows of different lengths: row 1 has 2 cells and row 2 has 1"),
        (b"1,2", "X is of type bytes; expected an array"),
        ({1, 2}, "X is of type set; expected an array"),
        ((number for number in range(3)), "X is of type generator; expected an array"),
        (3, "X is of type int; expected an array"),
        ([pd.DataFrame({"a": [1]}), np.zeros((1, 3))], "X is a list whose items can't be put into one array"),
    ],
)
def test_what_is_no_matrix_is_refused(data, says):
    with pytest.raises(DataError, match=says):
        matrix_of(data, "X")


def test_nested_structured_arrays_are_refused():
    nested = np.zeros(3, dtype=[("a", "f8"), ("b", [("c", "f8")])])
    with pytest.raises(DataError, match=r"the field 'b' of data is nested"):
        frame_of(nested)


def test_columns_of_other_libraries_are_targets():
    polars = pytest.importorskip("polars")
    assert plain_target(polars.Series("y", ["a", "b"])).name == "y"
    assert plain_target(pyarrow.chunked_array([["a"], ["b"]])).tolist() == ["a", "b"]
    assert plain_target(sparse.csr_array(np.eye(2))).tolist() == np.eye(2).tolist()
    assert plain_target(polars.DataFrame({"u": [0, 1], "v": [1, 0]})).columns.tolist() == ["u", "v"]
