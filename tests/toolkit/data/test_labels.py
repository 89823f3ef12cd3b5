"""The labels of two or more classes: order, the positive one, missing ones, blanks, and types that are no classes."""

from __future__ import annotations

import datetime
import decimal
import json
import re
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from toolkit.common.errors import DataError, DataWarning
from toolkit.data.dataset import Dataset
from toolkit.data.prepare import labeled, prepare
from toolkit.data.target import Target

X = np.random.default_rng(0).normal(size=(600, 2))


def table(y: Any) -> pd.DataFrame:
    series = y.reset_index(drop=True) if isinstance(y, pd.Series) else pd.Series(list(y))
    return pd.DataFrame({"x": X[: len(series), 0], "z": X[: len(series), 1], "y": series})


def dataset(y: Any, task: str = "binary", class_weight: Any = None, **options: Any) -> Dataset:
    return prepare(table(y), "y", task=task, **options).preprocess(class_weight=class_weight)


def mixed(first: Any, second: Any, share: float = 0.5) -> list[Any]:
    return [first if chance < share else second for chance in np.random.default_rng(1).random(600)]


@pytest.mark.parametrize(
    ("y", "classes", "why"),
    [
        (mixed(1, 0, 0.9), [0, 1], ""),
        (mixed(1, -1, 0.9), [-1, 1], ""),
        (mixed(1.0, 0.0, 0.9), [0.0, 1.0], ""),
        (mixed(True, False, 0.9), [False, True], ""),
        (mixed("Yes", "No", 0.9), ["No", "Yes"], ""),
        (mixed("true", "FALSE", 0.9), ["FALSE", "true"], ""),
        (mixed("y", "N", 0.9), ["N", "y"], ""),
        (mixed("1", "0", 0.9), ["0", "1"], ""),
        (mixed("fraud", "legit", 0.1), ["legit", "fraud"], r", the rarer one \([\d.]+ % of the rows\)"),
        (mixed(1, 2, 0.3), [2, 1], ", the rarer one"),
        (mixed("good", "bad"), ["bad", "good"], ", the last in sorted order"),
        (mixed("maybe", "yes", 0.1), ["yes", "maybe"], ", the rarer one"),
    ],
)
def test_the_positive_class_is_the_one_that_people_mean(y, classes, why):
    data = dataset(y)
    assert data.target.classes == classes
    assert [type(label) for label in data.target.classes] == [type(label) for label in classes]
    (note,) = [note for note in data.notes if note.startswith("Positive class")]
    assert note.startswith(f"Positive class: {classes[1]!r}")
    assert re.search(why, note)
    assert (
        np.flatnonzero(data.target.encode(data.target_frame)[:, 0]).tolist()
        == np.flatnonzero(data.target_frame["y"] == classes[1]).tolist()
    )


@pytest.mark.parametrize("categories", [["fraud", "legit"], ["legit", "fraud", "never"]])
def test_the_last_of_ordered_categories_is_positive(categories):
    y = pd.Series(pd.Categorical(mixed("fraud", "legit", 0.2), categories=categories, ordered=True))
    data = dataset(y)
    assert data.target.classes == categories[:2]
    assert (
        f"Positive class: {categories[1]!r}, the last of the ordered categories; positive= names another." in data.notes
    )


@pytest.mark.parametrize(
    ("asked", "labels"), [("good", ("good", "bad")), ("0", (0, 1)), (0, (False, True)), (" a", "ab")]
)
def test_positive_names_the_positive_class_however_it_is_written(asked, labels):
    data = dataset(mixed(*labels), positive=asked)
    assert data.target.classes == [labels[1], labels[0]]
    assert f"Positive class: {labels[0]!r}, as asked for." in data.notes


def test_positive_is_refused_for_an_unknown_label_and_for_other_tasks():
    with pytest.raises(DataError, match=r"positive='goood' is not a class of 'y' \(classes: 'bad', 'good'\).*'good'"):
        dataset(mixed("good", "bad"), positive="goood")
    with pytest.raises(DataError, match="positive is for binary, and this is multiclass"):
        dataset(mixed("a", "b"), "multiclass", positive="a")


def test_the_positive_class_is_chosen_by_all_rows_but_not_by_a_separate_test_table():
    rows, other = table(mixed("a", "b", 0.3)), table(["b"] * 30 + ["a"] * 570)
    assert prepare(rows, "y", task="binary", test=other.assign(x=other["x"] + 10)).preprocess().target.classes == [
        "b",
        "a",
    ]


def test_a_saved_target_keeps_the_order_of_its_classes():
    target = dataset(mixed("good", "bad"), positive="bad").target
    again = Target.from_dict(json.loads(json.dumps(target.to_dict())))
    assert again.classes == ["good", "bad"]
    content = target.to_dict()
    del content["form"]
    assert Target.from_dict(content).form.columns == ("y",), "a file of version 0.1.0"


def test_blanks_at_the_ends_of_labels_are_removed_and_reported():
    y = ["yes ", "no", "\tyes", "no\xa0", "yes", "no"] * 50
    for series in (pd.Series(y), pd.Series(y, dtype="string"), pd.Series(y, dtype="category")):
        data = dataset(series)
        assert data.target.classes == ["no", "yes"]
        (note,) = [note for note in data.notes if "Blanks" in note]
        assert "(150 rows)" in note
    further = table(["yes  ", " no"] * 5)
    assert labeled(further, data.target)[1]["y"].tolist() == ["yes", "no"] * 5


def test_ordered_categories_keep_their_order_without_blanks():
    y = pd.Series(pd.Categorical(["low ", "high", "low"] * 60, categories=["high", "low ", "low"], ordered=True))
    assert dataset(y).target.classes == ["high", "low"]


@pytest.mark.parametrize(
    ("pair", "what"),
    [
        (("No", "no"), "case"),
        (("New York", "New  York"), "blanks"),
        (("New York", "newyork"), "case, blanks or the coding of letters"),
        (("caf\u00e9", "cafe\u0301"), "coding of letters"),
    ],
)
def test_classes_that_look_alike_raise_a_question_and_are_not_merged(pair, what):
    data = dataset([*pair, "yes"] * 50, "multiclass")
    assert len(data.target.classes) == 3
    assert any(f"of 'y' differ only in {what}" in note or (what in note) for note in data.notes)
    with pytest.raises(DataError, match=r"3 classes .* differ only in .*: are they one class\? Use multiclass"):
        dataset([*pair, "yes"] * 50)


@pytest.mark.parametrize("word", ["NA", "n/a", "None", "null"])
def test_a_frequent_word_for_missing_is_a_class_of_multiclass_and_a_rare_one_is_not(word):
    frequent = dataset(["a", "b", word] * 100, "multiclass")
    assert frequent.target.classes == sorted(["a", "b", word])
    assert (
        f"'{word}' is a class of 'y' (100 rows). If it means a missing label, leave those rows out." in frequent.notes
    )
    rare = dataset(["a", "b"] * 100 + [word] * 4, "multiclass")
    assert rare.target.classes == ["a", "b"]
    assert rare.notes[0] == (
        f"4 rows whose target is '{word}', read as missing, were dropped (rows 201, 202, 203, 204). To keep it as a "
        "class, write it in another way."
    )


def test_for_binary_a_word_for_missing_is_a_class_where_it_makes_two():
    assert dataset(["NA", "yes"] * 100).target.classes == ["NA", "yes"]
    dropped = dataset(["NA", "yes", "no"] * 100)
    assert dropped.target.classes == ["no", "yes"]
    assert len(dropped.target_frame) == 200
    assert dataset(pd.Series([0, 1, "NA"] * 100, dtype=object)).target.classes == [0, 1]


def test_further_rows_drop_the_words_that_are_no_class_of_the_training():
    further = table(["NA", "a", "b"])
    as_class = dataset(["a", "b", "NA"] * 100, "multiclass").target
    assert labeled(further, as_class)[1]["y"].tolist() == ["NA", "a", "b"]
    as_missing = dataset(["a", "b"] * 100, "multiclass").target
    with pytest.warns(DataWarning, match="'NA', read as missing, was dropped .row 1 of the labeled"):
        assert labeled(further, as_missing)[1]["y"].tolist() == ["a", "b"]


def test_labels_of_a_file_are_whole_numbers_again_without_the_rows_that_say_na(tmp_path):
    path = tmp_path / "rows.csv"
    table(["0", "1", "NA", ""] * 100).to_csv(path, index=False)
    data = prepare(path, "y", task="binary")
    assert data.target_frame["y"].tolist() == [0, 1] * 100
    assert data.target_frame["y"].dtype == np.int64


YES = np.array([True, False] * 60)


@pytest.mark.parametrize(
    ("y", "says"),
    [
        (
            [[int(v)] for v in YES],
            r"cells of type list \(\[1\] in row 1\).* For several labels in a row use multilabel",
        ),
        ([{int(v)} for v in YES], "cells of type set .* use multilabel"),
        ([(int(v),) for v in YES], "cells of type tuple .* use multilabel"),
        ([{"a": 1}, {"a": 2}] * 60, "cells of type dict .* Take one value of each"),
        ([decimal.Decimal(int(v)) for v in YES], r"cells of type Decimal \(1 in row 1\).*astype\(float\)"),
        ([decimal.Decimal("sNaN"), decimal.Decimal(1)] * 60, "Decimal.*None"),
        (pd.Series([10**30, 10**30 + 1] * 60, dtype=object), r"more than 64 bits .*astype\(str\)"),
        (YES + 0j, r"cells of type complex .*astype\(str\)"),
        ([b"a", b"b"] * 60, r"cells of type bytes .* frame\['y'\]\.str\.decode"),
        (pd.to_timedelta(YES.astype(int), unit="D"), "holds durations .* Use regression for durations"),
        (pd.to_datetime(YES.astype(int), unit="D"), "holds dates .* such as the month"),
        ([datetime.date(2024, 1, 1), datetime.date(2024, 1, 2)] * 60, "holds dates .* such as the month"),
        (pd.period_range("2020", periods=2, freq="M")[YES.astype(int)], "cells of type Period .* such as the month"),
        (
            pd.Series(["a", 1] * 60, dtype=object),
            r"text \('a' in row 1\) and numbers \(1 in row 2\): write every label",
        ),
        (pd.Series([True, 2] * 60, dtype=object), r"true/false \(True in row 1\) and numbers \(2 in row 2\)"),
        (pd.Series([True, 1, 0] * 40, dtype=object), "true/false .* and numbers"),
        (pd.Series([1.0, np.inf] * 60), "is infinite in row 2"),
        (pd.Series([[1], [2]] * 60, dtype=pd.ArrowDtype(pa.list_(pa.int64()))), "For several labels"),
        (
            pd.Series([decimal.Decimal(1), decimal.Decimal(0)] * 60, dtype=pd.ArrowDtype(pa.decimal128(5, 1))),
            "cells of type Decimal",
        ),
    ],
)
def test_labels_that_are_no_classes_are_refused_with_what_to_do(y, says):
    with pytest.raises(DataError, match=says):
        dataset(y)


@pytest.mark.parametrize(
    ("y", "classes"),
    [
        (pd.Series([1, 0, None] * 60, dtype="Int64"), [0, 1]),
        (pd.Series([True, False, None] * 60, dtype=object), [False, True]),
        (pd.Series([True, False, None] * 60, dtype="boolean"), [False, True]),
        (pd.Series([1, 2.0, None] * 60, dtype=object), [1.0, 2.0]),
        (pd.Series(["a", "b", None] * 60, dtype="string"), ["a", "b"]),
        (pd.Series(["a", "b"] * 60, dtype=pd.ArrowDtype(pa.string())), ["a", "b"]),
        (pd.Series([np.str_("a"), np.str_("b")] * 60, dtype=object), ["a", "b"]),
        (pd.Series(pd.Categorical([3, 5, None] * 60)), [3, 5]),
        (np.array([5, 2**63 + 1] * 60, dtype=np.uint64), [5, 2**63 + 1]),
        (pd.Series(pd.cut(X[:, 0], [-9, 0, 9])), ["(-9, 0]", "(0, 9]"]),
    ],
)
def test_labels_of_many_dtypes_come_back_as_values_of_python(y, classes):
    target = dataset(y).target
    again = Target.from_dict(json.loads(json.dumps(target.to_dict())))
    for found in (target.classes, again.classes):
        assert found == classes
        assert [type(label) for label in found] == [type(label) for label in classes]
    assert target.decode(np.array([0, 1])).tolist() == classes


@pytest.mark.parametrize("asked", [{0: 1, 1: 5}, {"0": 1, "1": 5}])
@pytest.mark.parametrize("labels", [(0, 1), (0.0, 1.0), (False, True), ("0", "1")])
def test_class_weights_name_the_labels_as_the_user_writes_them(asked, labels):
    data = dataset(mixed(*labels), class_weight=asked)
    positive = data.target_frame["y"].to_numpy() == labels[1]
    assert data.row_weights is not None
    assert data.row_weights[positive].min() == pytest.approx(5 * data.row_weights[~positive].max())


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"fruad": 2}, r"class_weight names 'fruad', which is not a class \(.*\)\. Did you mean 'fraud'"),
        ({"fraud": 0, "legit": 0}, "class_weight of 'fraud' is 0: expected a number above 0"),
        ({"fraud": -1}, "expected a number above 0"),
        ({"fraud": float("inf")}, "expected a number above 0"),
        ("balance", "expected 'balanced'"),
    ],
)
def test_class_weights_that_can_not_be_used_are_refused(asked, says):
    with pytest.raises(DataError, match=says):
        dataset(mixed("fraud", "legit"), class_weight=asked)


def test_row_weights_that_leave_a_part_or_a_class_without_weight_are_refused():
    rows = table(np.where(X[:, 0] > 0, "a", "b"))
    with pytest.raises(DataError, match=r"sample_weight is 0 in all 120 (train|validation) rows"):
        prepare(rows, "y", task="binary", sample_weight=(np.arange(600) < 1) * 1.0).preprocess()
    with pytest.raises(DataError, match=r"sample_weight is 0 in all \d+ training rows of class 'b'"):
        prepare(rows, "y", task="binary", sample_weight=(X[:, 0] > 0) * 1.0).preprocess()
    with pytest.raises(DataError, match="every weight of DataFrame is zero"):
        prepare(rows, "y", task="binary", sample_weight=np.zeros(600)).preprocess()


def test_a_regression_target_drops_the_words_for_missing_and_reads_the_numbers():
    numbers = [str(value) for value in X[:, 0]]
    data = dataset(["N/A"] * 3 + ["-", "nan", "null"] + numbers[6:], "regression")
    assert data.target_frame["y"].tolist() == X[6:, 0].tolist()
    assert data.notes[:2] == [
        "6 rows whose target is 'N/A', '-', 'nan', 'null', read as missing, were dropped (rows 1, 2, 3, 4, 5 and 1 "
        "more).",
        "Target 'y' is text that holds numbers: read as numbers.",
    ]


@pytest.mark.parametrize("odd", ["<0.5", "missing", "#DIV/0!", "see note"])
def test_a_few_odd_cells_of_a_regression_target_are_dropped_and_named(odd):
    data = dataset([odd, *(str(value) for value in X[1:, 0])], "regression")
    assert data.target_frame["y"].tolist() == X[1:, 0].tolist()
    assert f"1 row whose target is '{odd}', read as missing, was dropped (row 1)." in data.notes


def test_a_regression_target_of_which_more_cells_are_odd_is_refused():
    with pytest.raises(DataError, match=r"holds text \('<0.5' in row 1\); regression needs numbers"):
        dataset(["<0.5"] * 30 + [str(value) for value in X[30:, 0]], "regression")


def test_durations_are_a_target_in_seconds_and_other_objects_are_no_text():
    days = pd.to_timedelta(np.abs(X[:, 0]), unit="D")
    data = dataset(pd.Series(days), "regression")
    assert data.target_frame["y"].to_numpy() == pytest.approx(days.total_seconds())
    assert "Target 'y' holds durations: read as seconds." in data.notes
    for y in ([decimal.Decimal(str(value)) for value in X[:, 0]], pd.Series([None, *X[1:, 0]], dtype=object)):
        assert not any("text" in note for note in dataset(y, "regression").notes)


def test_the_name_of_a_target_may_be_a_number_of_numpy():
    frame = pd.DataFrame(np.column_stack([X[:, 0], X[:, 0] > 0]))
    assert prepare(frame, np.int64(1), task="binary").target_frame.columns.tolist() == ["1"]


def test_missing_labels_in_a_list_stay_missing():
    data = prepare((X[:300], ["a", np.nan, "b"] * 100), task="binary")
    assert data.target_frame["target"].tolist() == ["a", "b"] * 100


@pytest.mark.parametrize("task", ["multiclass", "regression"])
def test_rows_whose_target_is_a_question_mark_are_named_for_it(task):
    notes = dataset(["?", "1", "2", "3"] * 60, task).notes
    assert any(
        note.startswith("60 rows whose target is '?', read as missing, were dropped (rows 1, 5,") for note in notes
    )


def test_a_target_of_times_is_read_as_seconds_and_says_so():
    data = dataset([f"{index % 24:02d}:30" for index in range(240)], "regression")
    assert data.target_frame["y"].iloc[1] == 5_400
    assert any(note.startswith("Target 'y' holds times of day or durations: read as numbers") for note in data.notes)


def test_text_among_very_large_numbers_is_named_in_a_target_of_regression():
    frame = pd.DataFrame(
        {"a": np.arange(20.0) ** 2, "y": pd.Series([10**400, "1.5", pd.Timestamp("2020-01-01"), "x"] * 5, dtype=object)}
    )
    with pytest.raises(DataError, match=r"holds text \('2020-01-01 00:00:00' in row 3\); regression needs numbers"):
        prepare(frame, "y", task="regression")
