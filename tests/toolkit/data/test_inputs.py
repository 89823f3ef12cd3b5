"""New rows in every form give the inputs that a DataFrame gives."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import pyarrow
import pytest

from toolkit.common.errors import DataError, DataWarning
from toolkit.data.inputs import RowEncoder, batches
from toolkit.data.prepare import labeled, prepare
from toolkit.data.target import Target

TRAINING = pd.DataFrame(
    {"a": np.arange(40.0) % 7, "b": (np.arange(40.0) * 3) % 11, "c": ["x", "y"] * 20, "y": np.arange(40) % 5 > 2}
)
NEW = TRAINING[["a", "b", "c"]].head(3)


@pytest.fixture(scope="module")
def preprocessing():
    return prepare(TRAINING, "y", task="binary").preprocess(networks=1).preprocessing


def encoded(preprocessing, new):
    return np.concatenate(list(batches(preprocessing, new)))


def _polars(frame):
    return pytest.importorskip("polars").from_pandas(frame)


@pytest.mark.parametrize(
    "form",
    [
        lambda frame: frame[["c", "b", "a"]],
        lambda frame: frame.to_dict("list"),
        lambda frame: frame.to_dict("records"),
        lambda frame: pyarrow.Table.from_pandas(frame[["b", "c", "a"]]),
        lambda frame: _polars(frame[["b", "c", "a"]]),
        lambda frame: _polars(frame[["b", "c", "a"]]).lazy(),
        lambda frame: frame[["b", "a", "c"]].to_records(index=False),
        lambda frame: io.StringIO(frame[["b", "a", "c"]].to_csv(index=False)),
        lambda frame: io.BytesIO(frame[["b", "a", "c"]].to_csv(index=False, sep=";").encode()),
        lambda frame: frame.to_numpy(dtype=object),
        lambda frame: frame.to_numpy(dtype=object).tolist(),
    ],
)
def test_rows_in_every_form_give_the_same_inputs(preprocessing, form):
    np.testing.assert_array_equal(encoded(preprocessing, form(NEW)), encoded(preprocessing, NEW))


def test_a_series_and_a_dictionary_of_single_values_are_one_row(preprocessing):
    expected = encoded(preprocessing, NEW.head(1))
    np.testing.assert_array_equal(encoded(preprocessing, NEW.iloc[0]), expected)
    np.testing.assert_array_equal(encoded(preprocessing, NEW.iloc[0].to_dict()), expected)


@pytest.mark.parametrize("form", [lambda frame: frame, lambda frame: frame.to_dict("list"), pyarrow.Table.from_pandas])
def test_no_rows_give_no_inputs(preprocessing, form):
    assert encoded(preprocessing, form(NEW.head(0))).shape == (0, preprocessing.inputs)


def test_a_file_of_one_row_without_other_rows_is_read_by_the_names_of_training(preprocessing):
    np.testing.assert_array_equal(
        encoded(preprocessing, io.StringIO("a,b,c\n0.0,0.0,x\n")), encoded(preprocessing, NEW.head(1))
    )


def test_what_is_lost_in_reading_new_rows_is_a_warning(preprocessing):
    with pytest.warns(DataWarning, match=r"1 row of the open file has fewer cells than the header.*\(row 2\)"):
        rows = encoded(preprocessing, io.StringIO("a,b,c\n0,0,x\n1,3\n2,6,x\n"))
    assert len(rows) == 3


def test_what_is_lost_in_reading_labeled_rows_is_a_warning():
    known = Target.fit(pd.DataFrame({"y": [True, False]}), np.arange(2), "binary")
    with pytest.warns(DataWarning, match=r"The last line of the open file was skipped.*'Total'"):
        features, target, _ = labeled(io.StringIO("a,b,c,y\n0,0,x,True\n1,3,y,False\nTotal\n"), known)
    assert len(features) == 2
    assert target["y"].tolist() == [True, False]


@pytest.mark.parametrize(
    ("new", "says"),
    [
        ([[1.0, 2.0], [1.0]], "the array has rows of different lengths"),
        (b"a,b,c", "the path is of type bytes"),
        (3, "the rows to predict are of type int; expected a path, a DataFrame, a dictionary"),
        (None, "the rows to predict are of type NoneType"),
        ({1, 2}, "the rows to predict are of type set"),
        ((NEW, [1, 2, 3]), r"the rows to predict are a pair \(X, y\): give X alone"),
        ((np.zeros((3, 3)), [1, 2, 3]), r"the rows to predict are a pair \(X, y\)"),
        (np.zeros(3), r"the array has shape \(3,\); expected \(rows, columns\)"),
        ({"a": [1], "b": [2]}, "column 'c' is not in"),
    ],
)
def test_what_is_no_table_is_refused(preprocessing, new, says):
    with pytest.raises(DataError, match=says):
        encoded(preprocessing, new)


@pytest.mark.parametrize("as_text", [True, False])
def test_numbers_among_the_words_for_missing_cells_are_missing_in_training_and_in_new_rows(as_text):
    frame = TRAINING.assign(a=np.where(np.arange(40) % 9 == 0, -9, TRAINING["a"]))
    frame = frame.astype(str) if as_text else frame
    source = io.StringIO(frame.to_csv(index=False)) if as_text else frame
    data = prepare(source, "y", task="binary", na_values="-9")
    assert data.features.frame["a"].isna().sum() == 5
    fitted = data.preprocess(networks=1).preprocessing
    new = [{"a": -9, "b": 1, "c": "x"}, {"a": "-9", "b": 1, "c": "x"}, {"a": None, "b": 1, "c": "x"}]
    rows = [encoded(fitted, pd.DataFrame([row])) for row in new]
    np.testing.assert_array_equal(rows[0], rows[2])
    np.testing.assert_array_equal(rows[1], rows[2])


def test_an_array_with_words_for_missing_cells_is_read_as_in_training():
    x = np.c_[np.where(np.arange(40) % 9 == 0, -9, np.arange(40) % 7), np.arange(40) ** 2 % 11].astype(float)
    data = prepare((x, np.arange(40) % 2), task="binary", na_values=-9)
    fitted = data.preprocess(networks=1).preprocessing
    np.testing.assert_array_equal(encoded(fitted, x), encoded(fitted, np.where(x == -9, np.nan, x)))
    assert np.isfinite(encoded(fitted, x)).all()


@pytest.mark.parametrize("as_text", [True, False])
def test_a_target_whose_numbers_can_be_read_in_two_ways_is_read_as_in_training(as_text):
    target = np.where(np.arange(40) % 2, 1000, 2000) + np.arange(40) ** 2 % 97
    frame = TRAINING.assign(y=[f"{number:,}".replace(",", ".") for number in target])

    def source(rows):
        return io.StringIO(rows.to_csv(index=False, sep=";")) if as_text else rows

    data = prepare(source(frame), "y", task="regression", thousands=".")
    known = Target.from_dict(data.preprocess(networks=1).target.to_dict())
    assert labeled(source(frame.head(3)), known)[1]["y"].tolist() == target[:3].tolist()
    # Where the rows leave no doubt, they decide.
    assert labeled(source(frame.head(2).assign(y=["1000.5", "2000"])), known)[1]["y"].tolist() == [1000.5, 2000]


def test_a_target_of_text_in_memory_is_read_by_the_options():
    frame = TRAINING.assign(y=[f"{number % 9 + 1},{number % 7}25" for number in range(40)])
    with pytest.raises(DataError, match=r"Add thousands=',' or decimal=','"):
        prepare(frame, "y", task="regression")
    data = prepare(frame, "y", task="regression", decimal=",")
    assert data.target_frame["y"].max() < 10


def test_words_for_a_missing_target_are_known_to_labeled_rows():
    frame = TRAINING.assign(y=np.where(np.arange(40) % 7 == 0, "unsure", np.where(TRAINING["y"], "yes", "no")))
    data = prepare(frame, "y", task="binary", na_values="unsure")
    known = Target.from_dict(data.preprocess(networks=1).target.to_dict())
    with pytest.warns(DataWarning, match="1 row without a target was dropped .row 1 of the labeled DataFrame"):
        assert len(labeled(frame.head(3), known)[0]) == 2


@pytest.mark.parametrize("rows", [2, 3, 12])
def test_an_odd_cell_in_a_target_of_numbers_drops_its_row_however_few_there_are(rows):
    frame = TRAINING.assign(y=[str(index / 8) for index in range(40)])
    target = prepare(frame, "y", task="regression").preprocess(networks=1).target
    further = frame.head(rows).copy()
    further.loc[1, "y"] = "see note"
    with pytest.warns(DataWarning, match="'see note', read as missing, was dropped .row 2 of the labeled"):
        assert labeled(further, target)[1]["y"].tolist() == pytest.approx([i / 8 for i in range(rows) if i != 1])


def test_the_separator_and_the_encoding_that_were_named_are_taken_for_further_files_where_they_fit(tmp_path):
    frame = TRAINING.assign(c=["é", "y"] * 20)
    frame.to_csv(tmp_path / "train.csv", sep="~", index=False, encoding="cp850")
    data = prepare(tmp_path / "train.csv", "y", task="binary", sep="~", encoding="cp850").preprocess(networks=1)
    target, expected = Target.from_dict(data.target.to_dict()), encoded(data.preprocessing, frame)
    for sep, encoding in (("~", "cp850"), ("~", "utf-8"), (",", "cp850"), (";", "utf-16"), ("\t", "utf-8")):
        frame.to_csv(tmp_path / "new.csv", sep=sep, index=False, encoding=encoding)
        inputs = list(batches(data.preprocessing, tmp_path / "new.csv", reading=target.form.reading))
        np.testing.assert_array_equal(np.concatenate(inputs), expected)
        features, labels, _ = labeled(tmp_path / "new.csv", target)
        assert features["c"].tolist() == frame["c"].tolist()
        assert labels["y"].tolist() == frame["y"].tolist()


def test_an_encoding_that_was_found_out_is_taken_for_a_file_too_short_to_tell(tmp_path):
    frame = TRAINING.assign(c=["北京市", "上海市", "广州市", "深圳市"] * 10)
    frame.to_csv(tmp_path / "train.csv", index=False, encoding="gb18030")
    data = prepare(tmp_path / "train.csv", "y", task="binary").preprocess(networks=1)
    form = Target.from_dict(data.target.to_dict()).form
    assert form.encoding == "gb18030"
    row = frame.iloc[[2]]
    row.to_csv(tmp_path / "row.csv", index=False, encoding="gb18030")
    (inputs,) = batches(data.preprocessing, tmp_path / "row.csv", reading=form.reading)
    np.testing.assert_array_equal(inputs, encoded(data.preprocessing, row))


@pytest.mark.parametrize("size", [1, 2, 7, 200])
def test_rows_in_pieces_are_encoded_as_all_at_once_and_what_is_said_counts_all_of_them(preprocessing, size):
    rng = np.random.default_rng(0)
    rows = pd.DataFrame({"a": rng.integers(0, 9, 90).astype(str), "b": [None] * 90, "c": rng.choice(["z", "w"], 90)})
    rows.loc[[5, 50, 77], "a"] = "soon"
    with pytest.warns(DataWarning) as warned:
        expected = encoded(preprocessing, rows)
    encoder = RowEncoder(preprocessing, "DataFrame")
    pieces = [encoder.encode(rows[start : start + size]) for start in range(0, 90, size)]
    np.testing.assert_array_equal(np.concatenate(pieces), expected)
    assert encoder.finish() == [str(warning.message) for warning in warned]
    assert "3 cells of 'a' of DataFrame are not a number and count as missing: 'soon' in row 6" in encoder.finish()[0]


def test_an_error_in_a_later_piece_names_the_row_of_the_table(preprocessing):
    rows = pd.DataFrame({"a": ["1"] * 30, "b": 1.0, "c": "x"})
    encoder = RowEncoder(preprocessing, "new.csv")
    encoder.encode(rows)
    with pytest.raises(DataError, match=r"'b' of new.csv holds infinite values \(row 33\)"):
        encoder.encode(pd.DataFrame({"a": "1", "b": [1.0, 2.0, np.inf], "c": "x"}))
    encoder = RowEncoder(preprocessing, "new.csv")
    for cells in (["1"] * 9, ["soon"] * 9):
        encoder.encode(pd.DataFrame({"a": cells, "b": 1.0, "c": "x"}))
    with pytest.raises(DataError, match="row 10 holds 'soon'; expected a number"):
        encoder.finish()
    encoder = RowEncoder(preprocessing, "new.csv", most_rows=40)
    with pytest.raises(DataError, match="row 1 holds 'soon'"):  # more than 4 of 40 rows: it need not wait
        encoder.encode(pd.DataFrame({"a": ["soon"] * 5, "b": 1.0, "c": "x"}))
