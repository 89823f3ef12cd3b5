"""Frames of odd dtypes, names and cells: what they hold is the same in training, in prediction and row by row."""

from __future__ import annotations

import datetime
import decimal
import warnings
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from tests.helpers.tables import kinds, typed
from toolkit.common.errors import DataError, DataWarning
from toolkit.data.columns import Column
from toolkit.data.inputs import encode, encode_labeled
from toolkit.data.new_rows import coerce
from toolkit.data.prepare import prepare

ROWS = 40
RNG = np.random.default_rng(0)
DAYS = pd.Series(pd.Timestamp("2023-05-01 10:30") + pd.to_timedelta(RNG.integers(0, 900, ROWS), unit="D"))


def dataset(cells: Any, task: str = "binary", **options: Any) -> Any:
    frame = pd.DataFrame({"x": cells, "other": RNG.normal(size=ROWS), "y": np.arange(ROWS) % 2})
    return prepare(frame, "y", task=task, **options).preprocess(preprocessing={"rare": 1})


def inputs(trained: Any, cells: Any) -> np.ndarray:
    column = pd.Series(cells).reset_index(drop=True)
    frame = pd.DataFrame({"x": column, "other": np.zeros(len(column))})
    return encode(trained.preprocessing, frame, "new.csv")


@pytest.mark.parametrize(
    "cells", [[True, 1, "a", 0, False], [1, True, "a", False, 0], [0.0, np.True_, "b", 1.0, np.False_]]
)
def test_true_and_one_are_two_levels_whatever_their_order(cells):
    column = pd.Series(np.resize(np.array(cells, dtype=object), ROWS))
    trained = dataset(column)
    together = inputs(trained, column)
    assert [name for name in trained.preprocessing.names if name.startswith("x =")] == [
        "x = 0", "x = 1", "x = False", "x = True", f"x = {cells[2]}",
    ]  # fmt: skip
    for row in range(5):
        np.testing.assert_array_equal(inputs(trained, column.iloc[[row]]), together[[row]])


@pytest.mark.parametrize("zone", ["Europe/Berlin", "Asia/Kolkata", "US/Pacific"])
def test_the_same_instants_in_another_time_zone_are_the_same_inputs(zone):
    trained = dataset(DAYS.dt.tz_localize("UTC"))
    same = DAYS.dt.tz_localize("UTC")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        expected = inputs(trained, same)
        for cells in (
            same.dt.tz_convert(zone),
            same.dt.tz_convert(zone).astype(object),
            same.dt.tz_convert(zone).astype(str),
        ):
            np.testing.assert_array_equal(inputs(trained, cells), expected)


@pytest.mark.parametrize("as_type", ["datetime64[us]", object, str])
def test_dates_that_gain_or_lose_a_time_zone_are_a_warning(as_type):
    naive, zoned = DAYS.astype(as_type), DAYS.dt.tz_localize("UTC")
    zoned = zoned if as_type == "datetime64[us]" else zoned.astype(as_type)
    for cells, others, sentence in (
        (naive, zoned, "a time zone, and had none"),
        (zoned, naive, "no time zone, and had one"),
    ):
        trained = dataset(cells)
        with pytest.warns(DataWarning, match=f"'x' of new.csv has {sentence} in training: it is read as UTC"):
            np.testing.assert_array_equal(
                inputs(trained, others), trained.preprocessing.transform(_frame(trained, cells))
            )


def _frame(trained: Any, cells: Any) -> pd.DataFrame:
    frame = pd.DataFrame({"x": cells, "other": np.zeros(len(cells))})
    return coerce(frame, trained.preprocessing.columns, trained.preprocessing.source_columns, "same")


def test_a_file_that_does_not_know_of_time_zones_says_nothing_of_them():
    column = Column.from_dict({"name": "x", "kind": "date"})
    notes: list[str] = []
    coerce(pd.DataFrame({"x": DAYS.dt.tz_localize("UTC")}), [column], ["x"], "new", notes)
    assert notes == []


def test_equal_instants_of_several_time_zones_are_one_level():
    instant = pd.Timestamp("2024-01-31 12:00", tz="UTC")
    cells = np.resize(
        np.array([instant, instant.tz_convert("Asia/Kolkata"), "never", "soon", "late"], dtype=object), ROWS
    )
    trained = dataset(pd.Series(cells), categories="x")
    together = inputs(trained, cells)
    np.testing.assert_array_equal(together[0], together[1])
    np.testing.assert_array_equal(inputs(trained, cells[1:2]), together[1:2])


@pytest.mark.parametrize(
    ("cell", "seconds"),
    [
        (datetime.timedelta.max, datetime.timedelta.max.total_seconds()),
        (np.timedelta64(3, "D"), 259_200.0),
        (np.timedelta64(3, "Y"), np.nan),
    ],
)
def test_durations_of_any_unit_and_length_are_seconds_or_missing(cell, seconds):
    hours = [number**2 % 97 for number in range(ROWS - 1)]
    column = pd.Series([datetime.timedelta(hours=hour) for hour in hours] + [None], dtype=object)
    column.iloc[-1] = cell
    _, values = typed(column)
    np.testing.assert_array_equal(values, [*(3_600.0 * hour for hour in hours), seconds])


@pytest.mark.parametrize("as_type", ["timedelta64[s]", "timedelta64[ns]", object, pd.ArrowDtype(pa.duration("us"))])
def test_durations_stay_durations(as_type):
    spans = pd.Series(pd.to_timedelta(RNG.integers(0, 99_999, ROWS), unit="s"))
    trained = dataset(spans.astype(as_type))
    expected = inputs(trained, spans)
    np.testing.assert_allclose(
        expected[:, 0],
        (spans.dt.total_seconds() - trained.preprocessing.by_column[0].center)
        / trained.preprocessing.by_column[0].spread,
        rtol=1e-5,
    )
    for cells in (spans.astype(object), spans.astype("timedelta64[ms]"), spans.astype(str)):
        np.testing.assert_array_equal(inputs(trained, cells), expected)
    for cells in (spans.dt.total_seconds(), spans.dt.total_seconds().astype(object)):
        with pytest.raises(DataError, match="expected a time of day or a duration, as in training"):
            inputs(trained, cells)
    numbers = dataset(spans.dt.total_seconds())
    for cells in (spans, spans.astype(object)):
        with pytest.raises(DataError, match="expected a number, as in training"):
            inputs(numbers, cells)


def test_durations_are_days_where_a_file_of_the_first_version_holds_numbers():
    column = Column.from_dict({"name": "x", "kind": "number"})
    spans = pd.Series(pd.to_timedelta([12, 36], unit="h"))
    for cells in (spans, spans.astype(object), pd.Series([0.5, 1.5])):
        assert coerce(pd.DataFrame({"x": cells}), [column], ["x"], "new")["x"].tolist() == [0.5, 1.5]


def test_halves_of_surrogate_pairs_are_replaced_in_features_and_refused_in_targets():
    words = pd.Series(np.resize(np.array(["\ud800", "b", "c"], dtype=object), ROWS), dtype=object)
    frame = pd.DataFrame({"x": words, "y": np.arange(ROWS) % 2})
    frame = frame.set_axis(pd.Index(["caf\udce9", "y"], dtype=object), axis=1)
    trained: Any = prepare(frame, "y", task="binary").preprocess()
    assert trained.preprocessing.names == [f"caf\ufffd = {word}" for word in ("b", "c", "\ufffd")]
    assert encode(trained.preprocessing, frame, "same").sum(axis=1).tolist() == [1.0] * ROWS
    weighted = frame.set_axis(pd.Index(["w", "y"], dtype=object), axis=1).assign(**{"caf\udce9": 1.0})
    assert prepare(weighted, "y", task="binary", sample_weight="caf\udce9").sample_weight is not None
    with pytest.raises(DataError, match="half of a surrogate pair, which UTF-8 can't hold"):
        prepare(pd.DataFrame({"x": RNG.normal(size=ROWS), "y": words}), "y", task="multiclass")
    with pytest.raises(DataError, match="half of a surrogate pair"):
        prepare({"\ud800": list(range(ROWS)), "y": [0, 1] * 20}, "y", task="binary")


def test_missing_dates_where_numbers_or_truths_were_are_missing():
    trained = dataset(np.arange(ROWS) % 3 == 0)
    with pytest.warns(DataWarning, match="'x' of new.csv is missing in all 3 rows"):
        assert np.isfinite(inputs(trained, pd.Series([pd.NaT] * 3))).all()


def test_an_arrow_table_of_any_pandas_dtype_is_read():
    dtypes = [pa.dictionary(pa.int32(), pa.string()), pa.decimal128(9, 2), pa.binary(2)]
    cells = [["a", "b"], [decimal.Decimal("1.25"), decimal.Decimal(2)], [b"ab", b"cd"]]
    frame = pd.DataFrame(
        {
            str(index): pd.Series(pair * 20, dtype=pd.ArrowDtype(dtype))
            for index, (pair, dtype) in enumerate(zip(cells, dtypes, strict=True))
        }
    ).assign(y=[0, 1, 1, 0] * 10)
    data = prepare(pa.Table.from_pandas(frame), "y", task="binary")
    assert kinds(data) == {"0": "category", "1": "number", "2": "category"}


def test_labels_in_a_categorical_may_be_missing():
    marks = pd.Categorical([1, 0, None, 1] * 10)
    frame = pd.DataFrame({"x": RNG.normal(size=ROWS), "a": marks, "b": np.arange(ROWS) % 2})
    assert len(prepare(frame, ["a", "b"], task="multilabel").target_frame) == 30


def test_a_column_that_splits_or_weighs_rows_stands_there_once():
    frame = pd.DataFrame(RNG.normal(size=(ROWS, 2)) ** 2, columns=["w", "w"]).assign(y=[0, 1] * 20)
    for option in ("sample_weight", "time", "group"):
        with pytest.raises(DataError, match=rf"{option}= names 'w', and DataFrame has 2 columns of that name"):
            prepare(frame, "y", task="binary", **{option: "w"})


def test_weights_that_are_complex_or_too_large_to_be_added_are_refused():
    frame = pd.DataFrame({"x": RNG.normal(size=ROWS), "y": [0, 1] * 20})
    with pytest.raises(DataError, match="sample_weight= holds values that are no numbers"):
        prepare(frame, "y", task="binary", sample_weight=np.ones(ROWS) * 1j)
    with pytest.raises(DataError, match="weights of DataFrame are too large to be added"):
        prepare(frame, "y", task="binary", sample_weight=np.full(ROWS, 1e308))


def test_labels_that_can_not_be_compared_are_refused():
    frame = pd.DataFrame({"x": RNG.normal(size=ROWS), "a": [np.timedelta64(4), 1] * 20, "b": [0, 1] * 20})
    with pytest.raises(DataError, match="label 'a' of DataFrame holds cells of type"):
        prepare(frame.astype({"a": object}), ["a", "b"], task="multilabel")


def test_labels_of_any_width_become_labels_that_a_file_can_hold():
    x = RNG.normal(size=(ROWS, 1))
    trained = prepare((x, np.array([1, 2] * 20, dtype=np.longdouble)), task="binary").preprocess()
    assert (trained.target.classes, trained.target.dtypes) == ([1.0, 2.0], ["float64"])
    with pytest.raises(DataError, match="cells of type"):
        prepare((x, np.zeros(ROWS, "V3")), task="binary")


def test_a_labeled_number_beyond_float32_is_refused():
    frame = pd.DataFrame({"x": RNG.normal(size=ROWS), "y": RNG.normal(size=ROWS)})
    trained = prepare(frame, "y", task="regression").preprocess()
    frame.loc[2, "y"] = 1e300
    _, target = encode_labeled(trained.preprocessing, frame, trained.target)
    with pytest.raises(DataError, match=r"too large beside those of the training \(row 3\)"):
        trained.target.encode(target)


def test_a_test_frame_that_pandas_can_not_print_is_read():
    frame = pd.DataFrame({"x": RNG.normal(size=ROWS), "z": [decimal.Decimal("sNaN"), "a"] * 20, "y": [0, 1] * 20})
    assert len(prepare(frame, "y", task="binary", test=frame.head(12)).parts["test"])
