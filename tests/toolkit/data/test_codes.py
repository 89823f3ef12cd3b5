"""Columns of codes: found by what their values tell of the target, and encoded value by value."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

import toolkit
from recipes import binary, multiclass, regression
from toolkit.common.errors import DataError
from toolkit.data.codes import code_columns, outputs_of
from toolkit.data.columns import Column, Columns
from toolkit.data.prepare import prepare
from toolkit.data.preprocessing import Preprocessing

ROWS = 2_400
QUICK = {"effort": "quick", "hidden": (16,), "epochs": 12, "baselines": False, "progress": False}


def _table(seed=0, rows=ROWS):
    """Regions whose numbers say nothing by their size, ages whose size says all, and years of which both hold."""
    random = np.random.default_rng(seed)
    region, age = random.integers(100, 160, rows), random.integers(18, 90, rows)
    effect = np.random.default_rng(99).normal(size=160)
    return pd.DataFrame({"region": region, "age": age, "y": 2 * effect[region] + np.sin(age / 12) + age / 40})


def _columns(frame):
    features = frame.drop(columns="y").astype(float)
    return Columns(features, tuple(Column(name, "number") for name in features), tuple(features))


@pytest.mark.parametrize("seed", range(5))
def test_numbers_without_an_order_are_codes_and_measures_are_not(seed):
    frame = _table(seed)
    y = frame[["y"]].to_numpy()
    assert code_columns(_columns(frame), y) == ["region"]
    assert code_columns(_columns(frame), outputs_of((y[:, 0] > 1.5).astype(np.int64))) == ["region"], "two classes"
    assert code_columns(_columns(frame), outputs_of(pd.qcut(y[:, 0], 4, labels=False).astype(np.int32))) == [
        "region"
    ], "four"


@pytest.mark.parametrize("seed", range(5))
def test_values_that_say_nothing_are_no_codes(seed):
    frame = _table(seed)
    noise = np.random.default_rng(seed + 7).normal(size=(ROWS, 1))
    assert code_columns(_columns(frame), noise) == []
    assert code_columns(_columns(frame), outputs_of((noise[:, 0] > 0).astype(np.int64))) == []


def test_few_rows_for_each_value_and_few_values_are_left_as_they_are():
    assert code_columns(_columns(_table(rows=200)), _table(rows=200)[["y"]].to_numpy()) == []
    frame = _table().assign(region=lambda table: table["region"] % 20)
    effect = np.random.default_rng(1).normal(size=20)
    assert code_columns(_columns(frame), effect[frame["region"]][:, None]) == []
    fractions = _table().assign(region=lambda table: table["region"] + 0.5)
    assert code_columns(_columns(fractions), fractions[["y"]].to_numpy()) == []
    missing = _table().assign(region=lambda table: table["region"].where(table.index % 5 > 0))
    assert code_columns(_columns(missing), missing[["y"]].to_numpy()) == ["region"]


def test_the_test_rows_have_no_say():
    frame, test = _table().iloc[:1800], _table().iloc[1800:]
    noise = test.assign(y=np.random.default_rng(2).permutation(test["y"]))
    found = [
        prepare(frame, "y", task="regression", test=rows, seed=1).preprocess().preprocessing for rows in (test, noise)
    ]
    assert found[0].facts == {"codes": ["region"]}
    assert found[0] == found[1]


def test_frequent_values_have_an_input_each_and_new_ones_none():
    frame = pd.DataFrame({"zip": [10.0] * 3 + [20.0] * 2 + [30.0, np.nan], "age": np.arange(7.0)})
    columns = Columns(frame, (Column("zip", "number"), Column("age", "number")), ("zip", "age"))
    fitted = Preprocessing.fit(columns, rare=2, codes="zip")
    assert fitted.names == ["zip", "zip is missing", "zip = 10", "zip = 20", "age"]
    new = pd.DataFrame({"zip": [10.0, 20.0, 30.0, 15.0, 1e9, np.nan], "age": np.zeros(6)})
    assert fitted.transform(new)[:, 1:4].tolist() == [[0, 1, 0], [0, 0, 1], [0, 0, 0], [0, 0, 0], [0, 0, 0], [1, 0, 0]]
    np.testing.assert_array_equal(fitted.from_numbers(new.to_numpy()), fitted.transform(new))
    again = Preprocessing.from_dict(json.loads(json.dumps(fitted.to_dict())))
    assert again == fitted
    with_pieces = Preprocessing.fit(columns, rare=1, codes=["zip"], pieces=4)
    assert with_pieces.is_piece.tolist() == ["to" in name for name in with_pieces.names]
    np.testing.assert_array_equal(with_pieces.from_numbers(new.to_numpy()), with_pieces.transform(new))
    assert Preprocessing.fit(columns, rare=1, codes="zip", most_levels=1).names[2:4] == ["zip = 10", "age"]


@pytest.mark.parametrize("codes", ["Zip", ["zip", "city"], ["color"]])
def test_codes_that_are_no_columns_of_numbers_are_refused(codes):
    frame = _table().assign(color="red", zip=1).assign(color=lambda table: np.where(table.index % 2, "red", "blue"))
    with pytest.raises(DataError, match="is no column of numbers that is used"):
        regression.train(frame, target="y", codes=codes, **QUICK)


def test_a_run_says_which_columns_are_codes_and_learns_more_by_them(tmp_path):
    frame = _table()
    run = regression.train(frame, target="y", seed=0, **QUICK)
    assert any(note.startswith("'region' is taken for codes: single values tell more") for note in run.notes)
    assert run.settings["preprocessing"]["codes"] == ["region"]
    without = regression.train(frame, target="y", seed=0, codes=[], **QUICK)
    assert without.settings["preprocessing"]["codes"] == []
    assert not any("taken for codes" in note for note in without.notes)
    assert run.metrics["rmse"] < 0.5 * without.metrics["rmse"]
    loaded = toolkit.load(run.save(tmp_path / "codes.keras"))
    new = _table(seed=3).drop(columns="y").head(50)
    new.loc[0, "region"] = 999  # unknown
    np.testing.assert_array_equal(loaded.predict(new), run.predict(new))


@pytest.mark.parametrize(("recipe", "classes"), [(binary, 2), (multiclass, 3)])
def test_codes_are_found_for_classes_too(recipe, classes):
    frame = _table().assign(y=lambda table: pd.qcut(table["y"], classes, labels=list("abc")[:classes]).astype(str))
    assert recipe.train(frame, target="y", seed=0, **QUICK).settings["preprocessing"]["codes"] == ["region"]
