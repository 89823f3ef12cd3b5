"""Tables that are read, checked and split."""

from __future__ import annotations

import datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.helpers.people import people
from tests.helpers.tables import kinds
from toolkit.common.errors import DataError
from toolkit.data.dataset import SplitData
from toolkit.data.prepare import prepare


@pytest.mark.parametrize("option", ["keep", "drop", "categories", "group", "time", "sample_weight"])
def test_an_option_that_names_no_column_names_the_nearest(option):
    named: dict[str, Any] = {option: "ages"}
    with pytest.raises(DataError, match=rf"{option}= names 'ages', which is not a column.*Did you mean 'age'\?"):
        prepare(people(), "label", task="binary", **named)
    with pytest.raises(DataError, match=rf"{option}= names the target 'label'"):
        prepare(people(), "label", task="binary", **{**named, option: "label"})


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"target": "lable"}, r"target 'lable' is not a column of DataFrame \(columns: age.*Did you mean 'label'\?"),
        ({"target": None}, r"target= is needed: the column of DataFrame to predict \(columns: age"),
        ({"target": ["label", "label"], "task": "multilabel"}, "names the column 'label' twice"),
        ({"target": ["label", "sex"]}, "binary predicts one column.*use multilabel"),
        ({"task": "binery"}, r"task='binery': expected one of .*Did you mean 'binary'\?"),
        ({"test": 1.5}, "test=1.5 is not a fraction between 0 and 1"),
        ({"test": 1}, "test=1 is not a fraction"),
        ({"validation": True}, "validation=True is not a fraction"),
        ({"test": 0.6, "validation": 0.4}, "leave no rows to train on"),
        ({"group": "sex", "time": "joined"}, "can't be combined"),
        ({"keep": "age", "drop": "age"}, "'age' is named in keep= and in drop="),
        ({"seed": -1}, "seed=-1: expected a whole number"),
        ({"seed": 2**32}, "expected a whole number from 0 to 4294967295"),
        ({"sample_weight": np.ones(3)}, r"sample_weight has shape \(3,\); DataFrame has 200 rows"),
        ({"sample_weight": -np.ones(200)}, r"not negative \(rows 1, 2, 3, 4, 5 and 195 more"),
        ({"sample_weight": np.zeros(200)}, "every weight of DataFrame is zero"),
        ({"sample_weight": "sex"}, "sample_weight= names 'sex', which does not hold numbers"),
        ({"time": "sex"}, "time= names 'sex', which holds neither dates nor numbers"),
    ],
)
def test_options_that_cannot_be_used_are_refused(options, says):
    with pytest.raises(DataError, match=says):
        prepare(people(), **{"target": "label", "task": "binary", **options})


def test_dropped_grouping_and_weighting_columns_are_no_features():
    frame = people()
    frame["clinic"], frame["weight"] = np.arange(200) // 10, np.linspace(1, 2, 200)
    table = prepare(frame, "label", task="binary", drop="amount", group="clinic", sample_weight="weight")
    assert list(kinds(table)) == ["age", "sex", "member", "joined"]
    assert set(table.set_aside) == {"amount", "clinic", "weight"}
    assert table.sample_weight is not None
    np.testing.assert_array_equal(table.sample_weight, np.linspace(1, 2, 200))


def with_target(values: Any, task: str, **options: Any) -> SplitData:
    values = np.resize(np.asarray(values, dtype=object), 60) if isinstance(values, list) else values
    frame = pd.DataFrame({"x": np.random.default_rng(0).random(60), "y": values})
    return prepare(frame, "y", task=task, **options)


@pytest.mark.parametrize(
    ("values", "task", "says"),
    [
        ([None], "binary", "target 'y' of DataFrame is missing in all 60 rows"),
        (["a"], "binary", r"has one class only \('a'\); binary needs exactly 2"),
        (["a"], "multiclass", "one class only .* needs at least 2"),
        (["a", "b", "c"], "binary", r"has 3 classes \('a', 'b', 'c'\); binary needs exactly 2\. Use multiclass\.$"),
        ([1, 2, 3], "binary", "binary needs exactly 2. Use multiclass, or regression where they are amounts."),
        ([*range(60)], "multiclass", "60 different values in 60 rows, too many for classes. Use regression"),
        (["a", "b"], "regression", r"holds text \('a' in row 1\); regression needs numbers"),
        (["1", "2", "x"], "regression", r"holds text \('x' in row 3\); regression needs numbers"),
        ([True, False], "regression", "holds true and false; regression needs numbers. Use binary"),
        ([1.0, 2.0, np.inf], "regression", "is not a finite number in rows 3, 6"),
        ([3.0], "regression", "is 3 in every row"),
        ([datetime.date(2024, 1, 1), datetime.date(2024, 1, 2)], "regression", "holds dates"),
        ([datetime.date(2024, 1, 1), datetime.date(2024, 1, 2)], "binary", "holds dates .* classes are text"),
        ([0, 1, 2], "multilabel", r"label 'y' of DataFrame holds 2 in row 3; multilabel needs 0 or 1"),
        (["no", "may"], "multilabel", r"one label in each row \(such as 'may'\).* use multiclass"),
    ],
)
def test_a_target_that_does_not_suit_its_task_is_refused(values, task, says):
    with pytest.raises(DataError, match=says):
        with_target(values, task)


def test_the_label_that_is_not_0_or_1_is_named_with_its_value():
    frame = pd.DataFrame({"x": np.random.default_rng(0).random(30), "car": [0, 1] * 15, "bus": [0, 1] * 15})
    frame.loc[6, "bus"] = 3
    with pytest.raises(DataError, match="label 'bus' of DataFrame holds 3 in row 7"):
        prepare(frame, ["car", "bus"], task="multilabel")


def test_rows_without_a_target_are_dropped_counted_and_numbered():
    frame = people(60)
    frame.loc[[4, 8, 11], "label"] = None
    table = prepare(frame, "label", task="binary")
    assert table.rows == 57
    assert "3 rows without a target were dropped (rows 5, 9, 12)." in table.notes
    assert table.source_rows.tolist() == [row for row in range(1, 61) if row not in (5, 9, 12)]
    at = int(np.flatnonzero(table.source_rows == 20)[0])
    assert table.features.frame["age"][at] == frame["age"][19]


def test_numbers_written_as_text_are_a_regression_target_and_it_is_said():
    table = with_target(["1.5", "2", "?", "4"], "regression")
    assert table.target_frame["y"].tolist()[:3] == [1.5, 2.0, 4.0]
    assert "Target 'y' is text that holds numbers: read as numbers." in table.notes


def test_a_target_with_thousands_separators_says_how_they_were_read():
    table = with_target(["4,942", "999", "12,000", "1,234,567"], "regression")
    assert table.target_frame["y"].tolist()[:4] == [4942, 999, 12000, 1234567]
    assert any(
        note.startswith("Target 'y' is text that holds numbers: read as numbers ('4,942' is 4942")
        for note in table.notes
    )


def test_whole_labels_of_a_file_stay_whole_where_a_cell_is_empty(tmp_path):
    rows = "\n".join(f"{number * 37 % 101},{'' if number == 3 else number % 2}" for number in range(40))
    (tmp_path / "t.csv").write_text(f"x,y\n{rows}\n")
    assert prepare(tmp_path / "t.csv", "y", task="binary").target_frame["y"].dtype == np.int64


@pytest.mark.parametrize(
    "labels",
    [
        pd.Series([0, 1] * 30, dtype="int8"),
        pd.Series([False, True] * 30),
        pd.Series(["a", "b"] * 30),
        pd.Series(["a", "b"] * 30, dtype="category"),
        pd.Series(["a", "b"] * 30, dtype=object),
        pd.Series([0, 1] * 30, dtype="Int64"),
    ],
    ids=lambda series: str(series.dtype),
)
def test_the_target_keeps_the_dtype_of_the_user(labels):
    assert with_target(labels, "binary").target_frame["y"].dtype == labels.dtype


def test_a_pair_of_arrays_is_a_table_with_numbered_columns():
    rng = np.random.default_rng(0)
    x, y = rng.random((80, 3)), np.arange(80) % 3
    table = prepare((x, y), task="multiclass")
    assert (table.name, table.source_columns) == ("arrays", ("x1", "x2", "x3"))
    np.testing.assert_array_equal(table.features.frame.to_numpy(), x)
    np.testing.assert_array_equal(table.target_frame["target"], y)


@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_one_hot_rows_mean_the_number_of_their_class(task):
    rng = np.random.default_rng(0)
    ids = np.arange(80) % (2 if task == "binary" else 4)
    table = prepare((rng.random((80, 3)), np.eye(ids.max() + 1)[ids]), task=task)
    np.testing.assert_array_equal(table.target_frame["target"], ids)
    named = pd.DataFrame(np.eye(ids.max() + 1, dtype=int)[ids], columns=list("abcd")[: ids.max() + 1])
    assert prepare((rng.random((80, 3)), named), task=task).target_frame["target"].tolist()[:2] == ["a", "b"]


def test_a_pair_takes_columns_indicators_and_several_numbers():
    rng = np.random.default_rng(0)
    x = rng.random((80, 3))
    assert prepare((x, rng.random((80, 1))), task="regression").target_frame.shape == (80, 1)
    assert list(prepare((x, rng.random((80, 2))), task="regression").target_frame) == ["target 1", "target 2"]
    assert list(prepare((x, rng.integers(0, 2, (80, 2))), task="multilabel").target_frame) == ["label 1", "label 2"]
    assert prepare((x, rng.random(80) < 0.5), task="binary").target_frame["target"].dtype == bool
    y = pd.Series(["no", "yes"] * 40, name="sold")
    assert list(prepare((pd.DataFrame(x), y), task="binary").target_frame) == ["sold"]


@pytest.mark.parametrize(
    ("x", "y", "task", "says"),
    [
        (np.zeros((20, 4, 4, 1, 1)), np.zeros(20), "binary", r"X has shape \(20, 4, 4, 1, 1\); expected \(n, height"),
        (np.zeros(20), np.zeros(20), "binary", r"X has shape \(20,\).*reshape"),
        (np.zeros((20, 2)), np.zeros(19), "binary", "X has 20 rows and y has 19"),
        (np.zeros((20, 2)), np.zeros((20, 2, 2)), "binary", r"y has shape \(20, 2, 2\)"),
        (np.zeros((20, 2)), np.ones((20, 3)), "multiclass", "row 1 is not one 1 among 0s"),
        (np.zeros((0, 2)), np.zeros(0), "binary", r"X has shape \(0, 2\)"),
    ],
)
def test_pairs_of_another_shape_are_refused(x, y, task, says):
    with pytest.raises(DataError, match=says):
        prepare((x, y), task=task)


def test_a_pair_with_missing_targets_loses_those_rows_and_takes_no_target_name():
    x, y = np.random.default_rng(0).random((60, 2)), np.arange(60.0)
    y[[2, 5]] = np.nan
    table = prepare((x, y), task="regression")
    assert table.rows == 58
    assert "2 rows without a target were dropped (rows 3, 6)." in table.notes
    with pytest.raises(DataError, match=r"with an \(X, y\) pair leave it out"):
        prepare((x, y), "y", task="regression")
    with pytest.raises(DataError, match="expected a pair"):
        prepare((x, y, y), task="regression")


def test_a_given_test_set_is_read_by_the_schema_and_numbered_by_itself(tmp_path):
    frame, test = people(200), people(50, seed=9)
    test.loc[[0, 7], "label"] = None
    test[["label", "sex", "age", "member", "joined", "amount"]].to_csv(tmp_path / "test.csv", index=False)
    table = prepare(frame, "label", task="binary", test=tmp_path / "test.csv")
    assert [len(rows) for rows in table.parts.values()] == [160, 40, 48]
    rows = table.parts["test"]
    assert table.source_rows[rows].tolist() == [row for row in range(1, 51) if row not in (1, 8)]
    np.testing.assert_array_equal(table.features.frame["age"][rows], test["age"].drop([0, 7]))
    assert "2 rows without a target were dropped (rows 1, 8 of test.csv)." in table.notes
    assert "test as given" in table.split_reason


def test_test_and_validation_may_both_be_given_in_any_form():
    frame, test, validation = people(100), people(30, seed=8), people(20, seed=9)
    pair = (validation.drop(columns="label").to_numpy(dtype=object), validation["label"].to_numpy())
    table = prepare(frame, "label", task="binary", test=test, validation=pair)
    assert [len(rows) for rows in table.parts.values()] == [100, 20, 30]
    np.testing.assert_array_equal(table.features.frame["age"][table.parts["validation"]], validation["age"])
    arrays = (frame[["age", "amount"]].to_numpy(), frame["label"].to_numpy())
    again = prepare(arrays, task="binary", test=(test[["age", "amount"]].to_numpy(), test["label"].to_numpy()))
    np.testing.assert_array_equal(again.features.frame["x1"][again.parts["test"]], test["age"])


def test_training_rows_that_also_stand_in_the_test_set_are_left_out():
    frame, test = people(200), people(50, seed=9)
    test.iloc[:4, :4] = frame.iloc[:4, :4]
    table = prepare(frame.drop(columns="amount"), "label", task="binary", test=test.drop(columns="amount"))
    assert table.rows == 246
    assert not set(table.source_rows[table.parts["train"]]) & {1, 2, 3, 4}
    assert "4 rows with the same features as a row of test are left out." in table.split_reason
    with pytest.raises(DataError, match="every row of the data is also in the test or validation rows"):
        prepare(frame, "label", task="binary", test=frame)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"label": "maybe"}, "target 'label' of the test DataFrame holds 'maybe' in row 1, a class that the training"),
        ({"age": "old"}, "column 'age' of the test DataFrame: row 1 holds 'old'; expected a number"),
        ({"age": np.inf}, "column 'age' of the test DataFrame holds infinite values"),
    ],
)
def test_a_test_set_that_does_not_fit_is_refused(change, says):
    with pytest.raises(DataError, match=says):
        prepare(people(), "label", task="binary", test=people(30, seed=1).assign(**change))


def test_a_test_set_without_target_or_columns_is_refused():
    test = people(30, seed=1)
    with pytest.raises(
        DataError, match=r"target 'label' is not a column of the test DataFrame.*The test rows need it too"
    ):
        prepare(people(), "label", task="binary", test=test.drop(columns="label"))
    with pytest.raises(DataError, match="column 'age' is not in the test DataFrame"):
        prepare(people(), "label", task="binary", test=test.drop(columns="age"))


def test_labels_of_a_test_file_are_matched_whatever_pandas_made_of_them():
    frame = people().assign(label=[0, 1] * 100)
    test = people(30, seed=1).assign(label=["0", "1"] * 15)
    table = prepare(frame, "label", task="binary", test=test)
    assert table.target_frame["label"].dtype == np.int64


def test_weights_of_given_test_rows_are_their_own_or_one():
    frame, test = people(100).assign(w=2.0), people(30, seed=1)
    alone_table = prepare(frame, "label", task="binary", test=test, sample_weight="w")
    both = prepare(frame, "label", task="binary", test=test.assign(w=3.0), sample_weight="w")
    assert alone_table.sample_weight is not None
    assert both.sample_weight is not None
    assert set(alone_table.sample_weight[alone_table.parts["test"]]) == {1.0}
    assert set(both.sample_weight[both.parts["test"]]) == {3.0}
