"""Wrong types, empty values and wrong names, given to the public functions: an error in our own words, or it works."""

from __future__ import annotations

import datetime
import decimal
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import toolkit
from recipes import binary, images, lessons, multilabel, regression, samples
from toolkit import DataError, training
from toolkit.heads import get_head

QUICK: dict[str, Any] = {"epochs": 1, "hidden": (2,), "baselines": False, "progress": False}
ROWS = 60
X = np.random.default_rng(0).normal(size=ROWS)
Y = (X > 0).astype(int)


def table(**columns: Any) -> pd.DataFrame:
    return pd.DataFrame({"x": X, "z": np.abs(X - 0.3), **columns, "y": Y})


def train(frame: Any = None, **options: Any) -> toolkit.Run:
    return binary.train(table() if frame is None else frame, **{"target": "y", **QUICK, **options})


def arrow(values: list[Any], kind: pa.DataType) -> Any:
    return pd.array(values, dtype=pd.ArrowDtype(kind))


class Kept(pd.DataFrame):
    """A subclass that stays one."""

    @property
    def _constructor(self) -> Any:
        return Kept


@pytest.fixture(scope="module")
def run() -> toolkit.Run:
    return train()


@pytest.fixture(scope="module")
def numbers() -> toolkit.Run:
    return regression.train(table(), target="x", **QUICK)


@pytest.fixture(autouse=True)
def _in_a_folder_with_a_table(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    table().to_csv("d.csv", index=False)
    Path("empty").mkdir()


DATA = {
    "nothing": None,
    "a number": 5,
    "no name": "",
    "bytes": b"d.csv",
    "the text of a file": "x,y\n" + "1,2\n" * 200,
    "a null character": "a\0b.csv",
    "a name that no disk takes": "a" * 5_000,
    "a folder without files": "empty",
    "a generator": (row for row in [[1.0, 2.0]] * ROWS),
    "a set": {1, 2, 3},
    "scalars by name": {"x": 1, "y": 2},
    "an empty list": [],
    "an empty tuple": (),
    "an empty frame": pd.DataFrame(),
    "no rows": table().head(0),
    "three arrays": (X[:, None], Y, Y),
    "two names": ("a.csv", "b.csv"),
    "nothing twice": (None, None),
    "no y": (X[:, None], None),
    "no X": (None, Y),
    "one axis": (X, Y),
    "no axis": (np.array(3.0), Y),
    "one label": (X[:, None], np.array(3)),
    "empty arrays": (np.empty((0, 2)), np.empty(0)),
    "other lengths": (X[:, None], Y[:50]),
    "y before X": (Y, X[:, None]),
    "labels with three axes": (X[:, None], np.zeros((ROWS, 2, 2))),
    "ragged rows": ([[1, 2]] * 30 + [[1, 2, 3]] * 30, Y),
    "complex numbers": (X[:, None] + 1j, Y),
    "a structured array": (np.array([(1.0, 2.0)] * ROWS, dtype=[("a", "f8"), ("b", "f8")]), Y),
    "labels by name": (X[:, None], {"a": 1}),
    "a set of labels": (X[:, None], {0, 1}),
    "a name for labels": (X[:, None], "y"),
    "a Series": pd.Series(X),
    "an array without labels": np.column_stack([X, Y]),
    "an array that holds a name": np.array("d.csv"),
    "columns with two levels": table().set_axis(pd.MultiIndex.from_product([["a"], ["x", "z", "y"]]), axis=1),
    "the target twice": pd.concat([table(), table()[["y"]]], axis=1),
    "labels in lists": table().assign(y=[[value] for value in Y]),
    "labels in dicts": table().assign(y=[{"a": value} for value in Y]),
    "complex labels": table().assign(y=Y + 0j),
    "labels that are missing": table().assign(y=np.nan),
    "labels of two types": table().assign(y=[("a", 1)[value] for value in Y]),
    "labels of 400 digits": table().assign(y=pd.Series([(10**400, 1)[value] for value in Y], dtype=object)),
}


@pytest.mark.parametrize("name", DATA)
def test_data_that_are_no_table_are_refused(name):
    data = DATA[name]
    target = {} if isinstance(data, tuple | list) else {"target": "y"}
    with pytest.raises(DataError):
        binary.train(data, **target, **QUICK)


@pytest.mark.parametrize("labels", [[{"a"}] * ROWS, [[0]] * 30 + [[0, 1]] * 30])
def test_labels_in_sets_and_ragged_lists_are_refused_or_read(labels):
    with pytest.raises(DataError):
        multilabel.train((X[:, None], labels), **QUICK)


#: Columns of cells that no network learns from, or only as categories; the table is trained on all the same.
CELLS = {
    "lists": [[1]] * ROWS,
    "dicts": [{"a": 1}] * ROWS,
    "sets": [{1}] * ROWS,
    "arrays": [np.zeros(3)] * ROWS,
    "functions": [len] * ROWS,
    "frames": [pd.DataFrame()] * ROWS,
    "four types": [1, "a", None, [2]] * 15,
    "Arrow lists": arrow([[1]] * ROWS, pa.list_(pa.int64())),
    "Arrow structs": arrow([{"a": 1}] * ROWS, pa.struct([("a", pa.int64())])),
    "Arrow maps": arrow([[("a", 1)]] * ROWS, pa.map_(pa.string(), pa.int64())),
    "Arrow times": arrow([datetime.time(1), datetime.time(2)] * 30, pa.time64("us")),
    "signaling NaN": [decimal.Decimal("sNaN"), *map(decimal.Decimal, range(ROWS - 1))],
    "numbers of 400 digits": pd.Series([10**400 + index for index in range(ROWS)], dtype=object),
    "complex numbers": X + 1j,
}


def test_cells_of_any_type_do_not_end_a_training():
    run = train(table(**CELLS))
    assert set(run.dataset.source_columns) == {"x", "z", *CELLS}
    assert any("'lists'" in note for note in run.notes)


WORKING = {
    "a Path": lambda: train(Path("d.csv")),
    "lists by name": lambda: train({"x": list(X), "y": list(Y)}),
    "records": lambda: train([{"x": x, "y": y} for x, y in zip(X, Y, strict=True)]),
    "a record array": lambda: train(table().to_records(index=False)),
    "an Arrow table": lambda: train(pa.Table.from_pandas(table())),
    "a subclass": lambda: train(Kept(table())),
    "a number as the target": lambda: train(pd.DataFrame(np.column_stack([X, Y])), target=np.int64(1)),
    "a fraction as the target": lambda: train(pd.DataFrame(np.column_stack([X, Y]), columns=[0.5, 1.5]), target=1.5),
    "columns of the same name": lambda: train(pd.concat([table()[["x"]], table()], axis=1)),
    "equal labels of rows": lambda: train(table().set_axis([0] * ROWS)),
    "a column without a name": lambda: train(table().rename(columns={"z": None})),
    "NumPy's numbers": lambda: train(seed=np.int64(3), epochs=np.int32(1), test=np.float32(0.25), hidden=np.array([2])),
}


@pytest.mark.parametrize("name", WORKING)
def test_unusual_ways_to_give_a_table_work(name):
    assert len(WORKING[name]().metrics) > 3


OPTIONS = {
    "target": [None, "", [], ["x", "y"], {"x", "y"}, Y, table()["y"], len, np.nan, True, b"y", [["y"]]],
    "test": [np.nan, -1, 2.5, "many", True, [], {}, b"x", np.inf, table().head(0), table()[["x", "z"]], 10_000],
    "validation": [np.nan, "x", -0.1],
    "seed": [np.nan, None, -1, 1.5, "1", 2**40, True, [1], 3.0, np.random.default_rng(0)],
    "effort": [None, ["quick"], 1, "efort", "Quick"],
    "head": [None, 3, ["hinge"], toolkit.Head, "softmax", "hingee", np.nan],
    "report": [True, False, 3, b"r.html", ["r.html"], "r.pdf", ".", "", sys.stdout],
    "build": [3, "resnet", ["mlp"], toolkit.Head, lambda: None, lambda inputs, units: None],
    "hidden": ["8", None, (0,), (-3,), (np.nan,), [[8]], {8}, {8: 1}, (10**12,), True, (2.5,)],
    "activation": [None, 3, np.tanh, ["relu", "relu"], "rellu"],
    "dropout": [1.0, np.nan, "0.5", None, [0.1, 0.2], True],
    "l2": [-1, np.nan, "0.1"],
    "max_norm": [0, "a"],
    "initializer": [3, None, "he"],
    "batch_norm": ["yes", None],
    "epochs": [0, 2.0, np.nan, "3", True],
    "batch_size": [0, "x", 32.0, np.nan],
    "learning_rate": [0, np.nan, "0.1", [0.1]],
    "optimizer": [None, keras.optimizers.Adam, 3, "adm"],
    "schedule": [3, ["cosine"], "cosin"],
    "callbacks": ["x", [keras.callbacks.Callback], 3],
    "resume": [True, 3, "", ["folder"], "/proc/nowhere", "\0"],
    "progress": ["yes", None, 1],
    "label_smoothing": [1.0, np.nan, "a", None],
    "xla": ["yes", 1],
    "metric": ["auc", 3, "rmse", ["roc_auc"]],
    "members": [0, np.nan, [1, 2], 10**6],
    "baselines": ["yes", None],
    "threshold": ["f2", np.nan, 2, [0.5], True],
    "scaling": [3, ["standard"], None, np.array(["mean"])],
    "pieces": ["a", None],
    "class_weight": ["balnced", [1, 2], {0: -1}, {0: np.nan}, {0: "a"}, {7: 1}, np.ones(2), True],
    "sample_weight": [
        "w",
        np.ones(3),
        -np.ones(ROWS),
        np.full(ROWS, np.nan),
        ["a"] * ROWS,
        1.0,
        np.zeros(ROWS),
        {},
        True,
    ],
    "group": ["g", Y, len, "y", True, {"x", "z"}],
    "time": ["t", Y, ["x", "z"], len],
    "keep": ["q", 0, len, True],
    "drop": [["x", "z"], [["x"]], len, 1.5, {"x", "z"}],
    "positive": ["yes", [1], np.nan],
}


@pytest.mark.parametrize(("option", "value"), [(name, value) for name, values in OPTIONS.items() for value in values])
def test_a_value_that_an_option_can_not_have_is_refused(option, value):
    with pytest.raises(DataError):
        train(**{option: value})


NEW_ROWS = {
    "nothing": None,
    "a number": 5,
    "a name": "no.csv",
    "no name": "",
    "bytes": b"d.csv",
    "a folder without files": "empty",
    "numbers in a list": [1.0, 2.0],
    "a pair": (np.zeros((3, 2)), np.zeros(3)),
    "no axis": np.array(1.0),
    "one axis": np.zeros(2),
    "three axes": np.zeros((2, 2, 2)),
    "too many columns": np.zeros((2, 5)),
    "too few columns": table()[["x"]],
    "text": np.array([["a", "b"]]),
    "infinity": np.array([[np.inf, 0]]),
    "complex numbers": np.array([[1j, 0]]),
    "a set": {1, 2},
    "a generator": (row for row in [1]),
    "lists in cells": table().assign(x=[[1]] * ROWS),
    "numbered columns": pd.DataFrame(np.zeros((2, 2))),
    "numbers of 400 digits": [[10**400, 1]],
    "ragged rows": [[1.0], [1.0, 2.0]],
    "a function": len,
    "True": True,
}


@pytest.mark.parametrize("verb", ["predict", "predict_proba", "evaluate", "update"])
@pytest.mark.parametrize("name", NEW_ROWS)
def test_rows_that_do_not_fit_a_run_are_refused(run, name, verb):
    with pytest.raises(DataError):
        getattr(run, verb)(NEW_ROWS[name])


PATHS = [None, 5, True, b"a", "", ".", "a\0b", "/proc/nowhere/a", ["a"], sys.stdout]


@pytest.mark.parametrize("path", PATHS)
def test_files_that_can_not_be_written_or_read_are_refused(run, path):
    for function in (run.save, run.report, toolkit.load):
        with pytest.raises(DataError):
            function(path)
    for function in (binary.compare, images.train, images.compare):
        with pytest.raises(DataError):
            function("d.csv", target="y", report=[] if path is None else path)


VERBS = {
    "an interval for classes": lambda run, numbers: run.predict_interval(table()),
    "probabilities of numbers": lambda run, numbers: numbers.predict_proba(table()),
    "coverage 2": lambda run, numbers: numbers.predict_interval(table(), coverage=2),
    "coverage NaN": lambda run, numbers: numbers.predict_interval(table(), coverage=np.nan),
    "coverage as text": lambda run, numbers: numbers.predict_interval(table(), coverage="0.9"),
    "two coverages": lambda run, numbers: numbers.predict_interval(table(), coverage=[0.5, 0.9]),
    "a rate as text": lambda run, numbers: run.update(table(), learning_rate="a"),
    "no rows per step": lambda run, numbers: run.update(table(), batch_size=0),
    "no labels": lambda run, numbers: run.evaluate(table()[["x", "z"]]),
    "labels never seen": lambda run, numbers: run.evaluate(table().assign(y="q")),
    "labels that are missing": lambda run, numbers: run.evaluate(table().assign(y=np.nan)),
    "a run as a file": lambda run, numbers: toolkit.load(run),
    "a table as a run": lambda run, numbers: toolkit.load("d.csv"),
    "the name of a head": lambda run, numbers: toolkit.load(run.save("a.keras"), head="hinge"),
    "a head for numbers": lambda run, numbers: toolkit.load(run.save("a.keras"), head=numbers.head),
}


@pytest.mark.parametrize("name", VERBS)
def test_verbs_that_do_not_suit_a_run_are_refused(run, numbers, name):
    with pytest.raises(DataError):
        VERBS[name](run, numbers)


COMPARED = {
    "heads": ["hinge", None, [], 3, ["hinge", "hinge"], ["hinge", "hing"], {"hinge", "logistic"}, [["hinge"]]],
    "seeds": [0, np.nan, "3", [1, 1], [-1], [2**40], {1, 2}, None, 2.0, True, 10**6],
    "effort": ["fast", None],
}


@pytest.mark.parametrize(("option", "value"), [(name, value) for name, values in COMPARED.items() for value in values])
def test_comparisons_that_can_not_be_made_are_refused(option, value):
    with pytest.raises(DataError):
        binary.compare("d.csv", target="y", **QUICK, **{option: value})


def test_a_comparison_takes_numbers_and_lists_of_any_kind():
    options = QUICK | {"target": "y", "seeds": np.arange(1)}
    assert binary.compare("d.csv", heads=(name for name in ("hinge", "logistic")), **options).labels[0] == "hinge"


def pictures(**options: Any) -> Any:
    return {"source": (np.zeros((20, 8, 8)), np.arange(20) % 2), "task": "binary", "progress": False, **options}


IMAGES = [
    pictures(source=None), pictures(source=5), pictures(source="nope"), pictures(source="d.csv"), pictures(source=b"x"),
    pictures(source="a\0b"), pictures(source=table()), pictures(task="cls"), pictures(task=None),
    pictures(task=["binary"]),
    pictures(size="a"), pictures(size=(1, 2, 3)), pictures(group="g"), pictures(test=np.nan),
    pictures(source=(np.zeros((20, 8, 8, 3, 2)), np.arange(20) % 2)), pictures(hidden=(2,)),
    pictures(source=(np.zeros((20, 8, 8, 2)), np.arange(20) % 2)),
    pictures(source=(np.full((20, 8, 8), np.nan), np.arange(20) % 2)),
    pictures(source=(np.full((20, 8, 8), "a"), np.arange(20) % 2)),
    pictures(source=(np.zeros((0, 8, 8)), np.zeros(0))),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(IMAGES)))
def test_images_that_are_none_are_refused(number):
    with pytest.raises(DataError):
        images.train(**IMAGES[number])


LOGISTIC = get_head("binary", "logistic")
INPUTS = np.column_stack([X, X]).astype("float32")


def network() -> keras.Sequential:
    return keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])


TRAINED = {
    "no model": lambda: training.fit(None, LOGISTIC, INPUTS, Y),  # type: ignore[arg-type]
    "no models": lambda: training.fit([], LOGISTIC, INPUTS, Y),
    "no head": lambda: training.fit(network(), None, INPUTS, Y),  # type: ignore[arg-type]
    "the name of a head": lambda: training.fit(network(), "logistic", INPUTS, Y),  # type: ignore[arg-type]
    "no inputs": lambda: training.fit(network(), LOGISTIC, None, Y),  # type: ignore[arg-type]
    "no targets": lambda: training.fit(network(), LOGISTIC, INPUTS, None),  # type: ignore[arg-type]
    "text": lambda: training.fit(network(), LOGISTIC, np.array([["a", "b"]] * ROWS), Y),
    "no rows": lambda: training.fit(network(), LOGISTIC, INPUTS[:0], Y[:0]),
    "another width": lambda: training.fit(network(), LOGISTIC, INPUTS[:, :1], Y),
    "validation that is a number": lambda: training.fit(network(), LOGISTIC, INPUTS, Y, validation=3),  # type: ignore[arg-type]
    "validation without targets": lambda: training.fit(network(), LOGISTIC, INPUTS, Y, validation=(INPUTS,)),
    "weights in words": lambda: training.fit(network(), LOGISTIC, INPUTS, Y, sample_weight="a"),  # type: ignore[arg-type]
    "a seed in words": lambda: training.fit(network(), LOGISTIC, INPUTS, Y, seed="a"),  # type: ignore[arg-type]
    "nothing to check": lambda: toolkit.numerics.gradient_check(None, LOGISTIC, INPUTS, Y),
    "nothing to audit": lambda: toolkit.numerics.audit(None),
    "a sample in a list": lambda: samples.path(["wine"]),  # type: ignore[arg-type]
    "a lesson in a list": lambda: lessons.show(["losses"]),  # type: ignore[arg-type]
    "a task that is none": lambda: get_head("binery", "hinge"),
}


@pytest.mark.parametrize("name", TRAINED)
def test_what_the_parts_of_the_toolkit_can_not_use_is_refused(name):
    with pytest.raises(DataError):
        TRAINED[name]()


def test_a_training_takes_lists_and_frames_too():
    trained = [
        training.fit(network(), LOGISTIC, x, y, epochs=1, progress=False)  # type: ignore[arg-type]
        for x, y in ((INPUTS.tolist(), Y.tolist()), (pd.DataFrame(INPUTS), pd.Series(Y)))
    ]
    assert all(len(result.history) == 1 for result in trained)


PAIRS: dict[str, Any] = {
    "two arrays": (INPUTS, Y),
    "two arrays of which one is text": (INPUTS, Y.astype(str)),
    "a table and a Series": (table(), pd.Series(Y)),
    "a table and a list": (table(), Y.tolist()),
    "a table and a list of text": (table(), Y.astype(str).tolist()),
    "a path and an array": ("rows.csv", Y),
}


@pytest.mark.parametrize("function", [binary.train, binary.compare, binary.cross_validate, regression.train])
@pytest.mark.parametrize("name", PAIRS)
def test_labels_beside_the_rows_are_refused_with_the_pair_to_write(function, name):
    with pytest.raises(DataError, match=r"expected the name of a column.* train\(\(X, y\)\)"):
        function(*PAIRS[name])


def test_images_and_labels_in_two_arguments_are_refused_with_the_pair_to_write():
    with pytest.raises(DataError, match=r"train\(\(X, y\)\)"):
        images.train(np.zeros((ROWS, 8, 8)), Y)  # type: ignore[arg-type]


def test_the_target_may_come_second_and_names_in_an_index_are_names():
    assert binary.train(table(), "y", **QUICK).target.columns == ["y"]
    assert multilabel.train(table(a=Y), pd.Index(["a", "y"]), **QUICK).target.columns == ["a", "y"]  # type: ignore[arg-type]


def test_options_that_leave_the_default_network_are_noted():
    note = "hidden= and dropout= leave the default network: one network was trained, with the defaults of mlp."
    assert note in train(dropout=0.2).notes
    run = binary.train(table(), target="y", effort="quick", epochs=1, learning_rate=0.01, baselines=False)
    assert not any("default network" in note for note in run.notes)
