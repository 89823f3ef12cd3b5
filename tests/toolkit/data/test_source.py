"""The user's data divided into features and target."""

from __future__ import annotations

import datetime
import decimal
import io

import numpy as np
import pandas as pd
import pyarrow
import pytest

from toolkit.common.errors import DataError
from toolkit.data.prepare import prepare
from toolkit.data.reading.typed_text import typed
from toolkit.data.reading_options import ReadingOptions
from toolkit.data.source import load

CASES = [
    (["1", "20", "-3"], "int64", [1, 20, -3]),
    (["1", "2.5", "1e3"], "float64", [1.0, 2.5, 1000.0]),
    ([" 1", "2 "], "int64", [1, 2]),
    (["1", None], "float64", [1.0, np.nan]),
    (["0.5", "NA", "?"], "float64", [0.5, np.nan, np.nan]),
    (["true", "FALSE"], "bool", [True, False]),
    (["True", None], "object", [True, None]),
    (["01", "2"], None, ["01", "2"]),
    (["0.5", "00.7"], None, ["0.5", "00.7"]),
    (["1", "x"], None, ["1", "x"]),
    (["1_000", "2"], None, ["1_000", "2"]),
    (["1,5", "2"], None, ["1,5", "2"]),
    (["NA", None], None, ["NA", None]),
    (["12345678901234567890", "1"], None, ["12345678901234567890", "1"]),
    (["inf", "1"], None, ["inf", "1"]),
    (["4.942", "731", "12.000", "950", "8.001", "120"], None, ["4.942", "731", "12.000", "950", "8.001", "120"]),
    (["4.942", "0.731", "12.0"], "float64", [4.942, 0.731, 12.0]),
]


@pytest.mark.parametrize(("cells", "dtype", "expected"), CASES)
@pytest.mark.parametrize("text", ["str", object])
def test_target_cells_get_the_type_that_they_are_written_in(cells, dtype, expected, text):
    series = pd.Series(cells, dtype=text)
    result = typed(series)
    assert str(result.dtype) == dtype or dtype is None
    absent = result.isna()
    assert absent.tolist() == pd.isna(expected).tolist()
    assert result[~absent].tolist() == [cell for cell in expected if not pd.isna(cell)]


@pytest.mark.parametrize(
    ("cells", "options", "expected"),
    [
        (["1.234,5", "7"], {"decimal": ","}, [1234.5, 7.0]),
        (["4.942", "8.001"], {"decimal": ","}, [4942, 8001]),
        (["4,942", "8,001"], {"decimal": "."}, [4942, 8001]),
        (["4,942", "8,001"], {"decimal": ","}, [4.942, 8.001]),
        (["4,942", "8,001"], {"thousands": ","}, [4942, 8001]),
        (["1 234", "5"], {"thousands": " "}, [1234, 5]),
        (["no", "yes"], {"decimal": ","}, ["no", "yes"]),
        (["-9", "3"], {"na_values": "-9"}, [None, 3]),
    ],
)
def test_the_options_say_how_numbers_of_the_target_are_written(cells, options, expected):
    file = io.StringIO("x;y\n" + "".join(f"{index};{cell}\n" for index, cell in enumerate(cells)))
    target = load(file, ["y"], "regression", reading=ReadingOptions(**options)).target["y"]
    assert [None if pd.isna(cell) else cell for cell in target.tolist()] == expected


def test_words_for_missing_cells_are_missing_in_the_target_of_every_kind_of_table():
    reading = ReadingOptions(na_values=["-9", "none"])
    for target in ([1, -9, 3], [1.5, -9.0, 2.5], ["u", "none", "v"], ["1", "-9", "2"]):
        frame = pd.DataFrame({"x": [1, 2, 3], "y": target})
        for source, names in (
            (frame, ["y"]),
            ((frame[["x"]], frame["y"]), []),
            ((frame[["x"]].to_numpy(), target), []),
        ):
            assert load(source, names, "regression", reading=reading).target.iloc[:, 0].isna().tolist() == [
                False,
                True,
                False,
            ]


def test_feature_cells_of_a_text_file_stay_text_and_target_cells_are_typed(tmp_path):
    (tmp_path / "t.csv").write_text("zip,y\n01234,1\n5,0\n,NA\n")
    source = load(tmp_path / "t.csv", ["y"], "binary")
    assert source.from_text
    assert source.features["zip"].tolist()[:2] == ["01234", "5"]
    assert source.target["y"].tolist()[:2] == [1, 0]
    assert source.notes == ["1 cell of the target 'y' ('NA') counts as missing."]


def test_what_was_found_out_about_a_file_is_in_the_notes(tmp_path):
    (tmp_path / "t.csv").write_text("Report\nx;y\n1;a\n2\n3;b\n")
    assert load(tmp_path / "t.csv", ["y"], "binary").notes == [
        "1 row of t.csv has fewer cells than the header: its last cells are missing (row 2).",
        "The cells of t.csv are separated by ';'; sep= names another.",
        "The first line of t.csv above the column names was skipped ('Report').",
    ]


def test_a_target_of_a_file_without_a_header_is_named_by_its_number_or_by_its_first_cell(tmp_path):
    rows = "".join(f"{20 + i}, {['<=50K', '>50K'][i % 2]}\n" for i in range(30))
    (tmp_path / "adult.data").write_text(rows)
    assert len(load(tmp_path / "adult.data", ["column 2"], "binary").features) == 30
    kept = load(tmp_path / "adult.data", ["<=50K"], "binary")
    assert len(kept.features) == 29
    assert "looks like data" in kept.notes[0]


def test_a_target_that_a_file_without_a_header_lacks_is_answered_with_the_option(tmp_path):
    (tmp_path / "iris.data").write_text("".join(f"{5 + i % 3}.1,{i % 4}.5,Iris-{'ab'[i % 2]}\n" for i in range(30)))
    for target in ([], ["species"]):
        with pytest.raises(
            DataError, match=r"columns: column 1, column 2, column 3\).*first line looks like data.*header=0"
        ):
            load(tmp_path / "iris.data", target, "binary")


X = pd.DataFrame({"a": [1.0, 2.0, 3.0]}, index=["p", "q", "r"])


def test_y_with_the_index_labels_of_x_in_another_order_is_brought_into_that_of_x():
    y = pd.Series([30, 10, 20], index=["r", "p", "q"], name="y")
    source = load((X, y), [], "regression")
    assert source.target["y"].tolist() == [10, 20, 30]
    assert source.notes == ["y has the index labels of X in another order: its rows were put in the order of X."]
    assert load((X, y.to_frame()), [], "regression").target["y"].tolist() == [10, 20, 30]


def test_y_with_other_index_labels_than_x_is_refused_and_an_array_is_taken_by_position():
    with pytest.raises(DataError, match=r"different index labels \(X: p, q, r; y: 0, 1, 2\).*y.to_numpy\(\)"):
        load((X, pd.Series([1, 2, 3])), [], "regression")
    with pytest.raises(DataError, match="different index labels"):
        load((X, pd.Series([1, 2, 3], index=["p", "p", "q"])), [], "regression")
    assert not load((X, np.array([1, 2, 3])), [], "regression").notes


def test_pairs_of_other_libraries_keep_their_names():
    polars = pytest.importorskip("polars")
    source = load((polars.DataFrame({"u": [1, 2]}), polars.Series("v", ["a", "b"])), [], "binary")
    assert list(source.features.columns) == ["u"]
    assert list(source.target.columns) == ["v"]
    assert not source.unnamed
    table = load(polars.DataFrame({"u": [1, 2], "v": ["a", "b"]}), ["v"], "binary")
    assert list(table.features.columns) == ["u"]


def test_lists_of_records_are_tables_and_lists_of_anything_else_are_refused():
    assert load([{"u": 1, "v": "a"}, {"u": 2, "v": "b"}], ["v"], "binary").target["v"].tolist() == ["a", "b"]
    with pytest.raises(DataError, match=r"data is a list of 3; expected a pair \(X, y\)"):
        load([1, 2, 3], ["v"], "binary")
    with pytest.raises(DataError, match=r"X has rows of different lengths"):
        load(([[1, 2], [1, 2, 3]], [0, 1]), [], "binary")


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (pyarrow.array(np.arange(60) % 7 / 8, pyarrow.float16()), "number"),
        (pyarrow.array(["a", "b"] * 30).dictionary_encode(), "category"),
        (pyarrow.array(["a", "b"] * 30, pyarrow.string_view()), "category"),
        (pyarrow.array([decimal.Decimal(i % 7) / 8 for i in range(60)]), "number"),
        (pyarrow.array([datetime.date(2024, 1, 1 + i % 28) for i in range(60)]), "date"),
        (pyarrow.array([True, None, False] * 20), "boolean"),
        (pyarrow.array([b"a", b"b"] * 30), "category"),
        (pyarrow.array([[1]] * 60), None),
        (pyarrow.nulls(60), None),
    ],
)
def test_columns_of_every_arrow_type_are_read_or_set_aside(cells, kind):
    table = pyarrow.table({"x": np.arange(60.0) ** 2 % 17, "c": cells, "y": ["u", "v"] * 30})
    data = prepare(table, "y", task="binary")
    assert {column.name: column.kind for column in data.features.columns}.get("c") == kind
    assert ("c" in data.set_aside) == (kind is None)
