"""Answers come back in the form of the rows: with pandas' index for pandas, as arrays otherwise."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import toolkit
from recipes import binary, multiclass, multilabel, regression

QUICK = {"hidden": (4,), "epochs": 2, "baselines": False, "progress": False}
X = np.random.default_rng(0).normal(size=(120, 2))
ROWS = pd.DataFrame(X, columns=["x", "z"], index=[f"row {i}" for i in range(120)])
NEW = ROWS.sample(7, random_state=1)


@pytest.mark.parametrize("labels", [("no", "yes"), (0, 1), (0.0, 1.0), (False, True)])
def test_labels_of_a_table_are_a_series_with_its_index(labels):
    run = binary.train(ROWS.assign(y=np.where(X[:, 0] > 0, labels[1], labels[0])), target="y", **QUICK)
    predicted, chances = run.predict(NEW), run.predict_proba(NEW)
    assert isinstance(predicted, pd.Series)
    assert predicted.name == "y"
    assert set(predicted) <= set(labels)
    assert list(chances.columns) == run.classes == list(labels)
    assert [type(label) for label in run.classes] == [type(label) for label in labels]
    assert run.class_names == [str(int(label)) if isinstance(label, float) else str(label) for label in labels]
    for answer in (predicted, chances):
        assert answer.index.tolist() == NEW.index.tolist()
    np.testing.assert_array_equal(run.predict(NEW.to_numpy()), predicted.to_numpy())
    np.testing.assert_array_equal(run.predict_proba(NEW.to_numpy()), chances.to_numpy())
    assert isinstance(run.decision_function(NEW), np.ndarray)
    assert run.positive == labels[1]


def test_an_empty_table_gives_empty_answers_and_one_row_one_answer():
    run = multiclass.train(ROWS.assign(y=np.arange(120) % 3), target="y", **QUICK)
    assert run.classes == [0, 1, 2]
    assert run.positive is None
    assert run.predict(NEW.head(0)).shape == (0,)
    assert run.predict_proba(NEW.head(0)).shape == (0, 3)
    one = run.predict_proba(NEW.iloc[2])
    assert one.index.tolist() == [NEW.index[2]]
    assert one.to_numpy() == pytest.approx(run.predict_proba(NEW.to_numpy())[2:3], abs=1e-6)


def test_several_labels_are_a_table_with_their_names():
    run = multilabel.train(ROWS.assign(car=X[:, 0] > 0, bus=X[:, 1] > 0), target=["car", "bus"], **QUICK)
    for answer in (run.predict(NEW), run.predict_proba(NEW)):
        assert list(answer.columns) == run.classes == ["car", "bus"]
        assert answer.index.tolist() == NEW.index.tolist()
    assert run.predict(NEW).dtypes.astype(str).tolist() == ["bool", "bool"]


def test_numbers_and_their_intervals_keep_the_index():
    run = regression.train(ROWS.assign(price=X[:, 0] * 3), target="price", **QUICK)
    predicted, ends = run.predict(NEW), run.predict_interval(NEW, 0.8)
    assert predicted.name == "price"
    assert list(ends.columns) == ["low", "high"]
    assert ((ends["low"] <= predicted) & (predicted <= ends["high"])).all()
    np.testing.assert_array_equal(run.predict_interval(NEW.to_numpy(), 0.8), ends.to_numpy())
    assert run.predict(NEW.head(0)).shape == (0,)
    assert run.predict_interval(NEW.head(0)).shape == (0, 2)
    several = regression.train(ROWS.assign(a=X[:, 0], b=X[:, 1]), target=["a", "b"], **QUICK)
    assert list(several.predict(NEW).columns) == ["a", "b"]
    ends = several.predict_interval(NEW)
    assert list(ends.columns) == [("a", "low"), ("a", "high"), ("b", "low"), ("b", "high")]
    assert several.predict(NEW.head(0)).shape == (0, 2)
    array = several.predict_interval(NEW.to_numpy())
    assert array.shape == (7, 2, 2)
    np.testing.assert_array_equal(array[:, 1, 0], ends["b", "low"])


def test_columns_that_say_nothing_are_a_warning_in_predict_and_evaluate():
    rows = ROWS.assign(color=np.where(X[:, 0] > 0, "red", "blue"), y=np.where(X[:, 1] > 0, "yes", "no"))
    run = binary.train(rows, target="y", **QUICK)
    for verb in (run.predict, run.predict_proba, run.evaluate):
        with pytest.warns(toolkit.DataWarning, match="column 'x' of DataFrame is missing in all 120 rows|labeled"):
            verb(rows.assign(x=np.nan))
        with pytest.warns(
            toolkit.DataWarning, match=r"column 'color' of .* never seen in training.* \(such as 'pink'\)"
        ):
            verb(rows.assign(color="pink"))
        verb(rows.assign(color=["pink", "red"] * 60, x=np.where(np.arange(120) < 119, np.nan, 1.0)))
    run.predict(rows.assign(x=np.nan, color="pink").head(1))  # a single row may lack what it likes


def test_an_array_with_an_empty_column_is_a_warning_also_in_many_rows():
    run = binary.train((X, X[:, 0] > 0), **QUICK)
    for rows in (10, 20_000):
        new = np.random.default_rng(1).normal(size=(rows, 2))
        new[:, 1] = np.nan
        with pytest.warns(toolkit.DataWarning, match=rf"column 'x2' of the array is missing in all {rows:,} rows"):
            assert len(run.predict(new)) == rows
        new[-1, 1] = 0.0
        run.predict(new)


def test_the_table_of_a_binary_run_names_the_positive_class(tmp_path):
    run = binary.train(ROWS.assign(y=X[:, 0] > 0), target="y", **QUICK)
    assert run.table.columns.name == "positive: True"
    assert toolkit.load(run.save(tmp_path / "run.keras")).table.columns.name == "positive: True"
