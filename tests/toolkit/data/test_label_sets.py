"""The labels of multilabel in every form in which people write them."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from toolkit.common.errors import DataError
from toolkit.data.prepare import labeled, prepare
from toolkit.data.target import Target

X = np.random.default_rng(0).normal(size=(200, 2))
CAR, BUS = X[:, 0] > 0, (X[:, 1] > 0).astype(int)


def frame(car: Any) -> pd.DataFrame:
    return pd.DataFrame({"x": X[:, 0], "z": X[:, 1], "car": car, "bus": BUS})


def again(target: Target) -> Target:
    return Target.from_dict(json.loads(json.dumps(target.to_dict())))


@pytest.mark.parametrize("yes", [1, "1", "x", "X", "yes", True, 1.0])
@pytest.mark.parametrize("blank", ["", "  ", None, np.nan])
def test_a_label_of_1_or_blank_is_not_set_where_it_is_blank(yes, blank):
    rows = frame(pd.Series([yes if car else blank for car in CAR], dtype=object))
    data = prepare(rows, ["car", "bus"], task="multilabel")
    assert data.target_frame["car"].astype(bool).tolist() == CAR.tolist()
    assert any(note.endswith(f"or blank: blank is read as 0 ({(~CAR).sum()} rows).") for note in data.notes)
    target = again(data.preprocess().target)
    further = rows[~CAR].head(3)
    assert not labeled(further, target)[1]["car"].any(), "further rows may lack the label altogether"


def test_a_file_with_1_and_blank_keeps_every_row(tmp_path):
    path = tmp_path / "rows.csv"
    frame(np.where(CAR, "1", "")).to_csv(path, index=False)
    assert prepare(path, ["car", "bus"], task="multilabel").target_frame["car"].tolist() == CAR.astype(int).tolist()


@pytest.mark.parametrize(
    ("yes", "no", "dtype"),
    [
        ("Yes", "no", np.int64),
        ("y", "N", np.int64),
        ("true", "FALSE", bool),
        ("1", "0", np.int64),
        (True, False, bool),
        (1.0, 0.0, float),
    ],
)
def test_marks_in_words_are_read(yes, no, dtype):
    for column in (pd.Series([yes if car else no for car in CAR]), pd.Categorical([yes if car else no for car in CAR])):
        data = prepare(frame(column), ["car", "bus"], task="multilabel")
        assert data.target_frame["car"].tolist() == CAR.astype(dtype).tolist()
        assert data.target_frame["car"].dtype == dtype
    assert ("Label 'car' is written yes and no: read as 1 and 0." in data.notes) == (yes == "Yes")


@pytest.mark.parametrize("missing", ["NA", "?", None])
def test_rows_without_a_mark_are_dropped_where_no_is_written_too(missing):
    marks = pd.Series([missing if i % 10 == 0 else "yes" if car else "no" for i, car in enumerate(CAR)], dtype=object)
    data = prepare(frame(marks), ["car", "bus"], task="multilabel")
    assert len(data.target_frame) == 180
    assert "20 rows without one of its targets were dropped (rows 1, 11, 21, 31, 41 and 15 more)." in data.notes


@pytest.mark.parametrize(
    "y",
    [
        [["a"], ["b", "a"], [], ["c"]] * 50,
        [("a",), ("b", "a"), (), ("c",)] * 50,
        [{"a"}, {"a", "b"}, set(), {"c"}] * 50,
        pd.Series([["a"], ["b", "a"], None, ["c"]] * 50),
        np.array([["a"], ["b", "a"], [], ["c"]] * 50, dtype=object),
        ["a", "b;a", "", "c"] * 50,
        ["a ", " b | a", None, "c"] * 50,
        ["a", "a, b", np.nan, "c"] * 50,
        ["['a']", "['b', 'a']", "[]", "['c']"] * 50,
        pd.DataFrame({"tags": ["a;", "b;a", None, "c"] * 50}),
    ],
)
def test_lists_sets_and_text_with_separators_become_a_column_for_each_label(y):
    data = prepare((X, y), task="multilabel")
    assert data.target_frame.columns.tolist() == ["a", "b", "c"]
    assert data.target_frame.to_numpy().tolist() == [[1, 0, 0], [1, 1, 0], [0, 0, 0], [0, 0, 1]] * 50
    assert any("holds 3 labels" in note for note in data.notes)
    assert any(note.startswith("50 rows with an empty") for note in data.notes)
    target = again(data.preprocess().target)
    for further in ((X[:4], y[:4]), (X[:4], [[1, 0, 0], [1, 1, 0], [0, 0, 0], [0, 0, 1]])):
        assert labeled(further, target)[1].to_numpy().tolist() == [[1, 0, 0], [1, 1, 0], [0, 0, 0], [0, 0, 1]]


def test_numbers_as_labels_are_named_by_their_text():
    assert prepare((X, [[1, 3], [2]] * 100), task="multilabel").target_frame.columns.tolist() == ["1", "2", "3"]


def test_one_column_of_text_is_read_in_a_table_its_test_table_and_further_rows(tmp_path):
    rows = pd.DataFrame({"x": X[:, 0], "z": X[:, 1], "tags": ["a;b", "b", "c", "a"] * 50})
    path = tmp_path / "rows.csv"
    rows.to_csv(path, index=False)
    other = pd.DataFrame({"x": [8.0, 9.0], "z": [1.0, 2.0], "tags": ["b", "c;a"]})
    data = prepare(path, "tags", task="multilabel", test=other)
    assert data.target_frame.iloc[data.parts["test"]].to_numpy().tolist() == [[0, 1, 0], [1, 0, 1]]
    target = data.preprocess().target
    assert labeled(other.assign(tags=["a", None]), target)[1].to_numpy().tolist() == [[1, 0, 0], [0, 0, 0]]
    with pytest.raises(DataError, match=r"holds 'cc' in row 2, a label that the training data lacks .* mean 'c'"):
        labeled(other.assign(tags=["a", "b;cc"]), target)


@pytest.mark.parametrize("y", [[[0, 1], [1, 0]] * 100, [["yes", "no"], ["no", "yes"]] * 100, [[False, True]] * 200])
def test_lists_with_one_mark_per_label_are_a_matrix(y):
    assert prepare((X, y), task="multilabel").target_frame.columns.tolist() == ["label 1", "label 2"]


@pytest.mark.parametrize(
    ("y", "says"),
    [
        ([[0]] * 100 + [[0, 1]] * 100, "1 value in row 1 and 2 in row 101; expected one mark per label"),
        ([[1, 0], [3, 1]] * 100, "label 'label 1' of arrays holds 3 in row 2"),
        ([{"a"}] * 200, "the same labels in every row"),
        (["a", "b"] * 100, "one label in each row .* use multiclass"),
        ([[f"label {i}"] for i in range(200)], "200 different labels in 200 rows"),
        ([{"a": 1}, {"b": 2}] * 100, "cells of type dict"),
        ([[], []] * 100, "no label in any row"),
    ],
)
def test_labels_that_can_not_be_read_are_refused(y, says):
    with pytest.raises(DataError, match=says):
        prepare((X, y), task="multilabel")


def test_lists_of_marks_in_a_column_and_ragged_rows_of_other_tasks_are_refused():
    rows = pd.DataFrame({"x": X[:, 0], "z": X[:, 1], "y": [[0, 1], [1, 0]] * 100})
    with pytest.raises(DataError, match="holds lists of 0 and 1; give one column per label"):
        prepare(rows, "y", task="multilabel")
    for task in ("binary", "multiclass", "regression"):
        with pytest.raises(DataError, match="rows of y have different lengths"):
            prepare((X, [[0]] * 100 + [[0, 1]] * 100), task=task)


def test_quoted_labels_in_brackets_may_hold_the_separator():
    cells = ["['New York, NY', 'Paris']", '["Paris"]', '["New York, NY"]', "[]"] * 50
    data = prepare(table_of(cells), "y", task="multilabel")
    assert list(data.target_frame) == ["New York, NY", "Paris"]
    assert data.target_frame.sum().tolist() == [100, 100]


def test_labels_that_differ_only_in_case_are_a_question():
    notes = prepare(table_of(["A;b", "a", "b", "a;b"] * 50), "y", task="multilabel").notes
    assert "Labels 'A' and 'a' of 'y' differ only in case: are they one label?" in notes


def table_of(cells: list[Any]) -> pd.DataFrame:
    return pd.DataFrame({"x": X[:, 0], "z": X[:, 1], "y": cells})


def test_a_cell_of_labels_with_another_separator_is_the_example():
    with pytest.raises(DataError, match=r"such as 'a/b'.*with ';', '\|' or ',' between them"):
        prepare(table_of(["a", "a/b"] * 100), "y", task="multilabel")
