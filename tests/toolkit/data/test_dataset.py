"""Tables: what is read, how columns are typed, what is set aside, and how rows are split."""

from __future__ import annotations

import datetime
import decimal
import gzip
import itertools
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.helpers.people import people
from toolkit.common.errors import DataError
from toolkit.data.columns import Column, coerce
from toolkit.data.dataset import SplitData
from toolkit.data.prepare import prepare
from toolkit.data.read import read
from toolkit.data.stratify import FOLDS, deal_by_labels


def kinds(table: SplitData) -> dict[str, str]:
    return {column.name: column.kind for column in table.features.columns}


def typed(values: Any, **options: Any) -> tuple[SplitData, np.ndarray]:
    """Prepare a table of one column, beside a number, and return the column's canonical values."""
    column = values if isinstance(values, pd.Series) else pd.Series(values)
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"x": column.reset_index(drop=True), "other": rng.random(len(column))})
    frame["y"] = rng.random(len(column))
    table = prepare(frame, "y", task="regression", **options)
    back = np.argsort(table.source_rows)
    return table, table.features.frame["x"].to_numpy()[back] if "x" in table.features.frame else np.empty(0)


def repeated(values: list[object], rows: int = 12) -> list[object]:
    return list(itertools.islice(itertools.cycle(values), rows))


# ---------------------------------------------------------------------------------------------------------- reading


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("comma.csv", "a,b\n1,x\n2,y\n"),
        ("semicolon.csv", "a;b\n1;x\n2;y\n"),
        ("pipe.csv", "a|b\n1|x\n2|y\n"),
        ("tab.csv", "a\tb\n1\tx\n2\ty\n"),
        ("tab.tsv", "a\tb\n1\tx\n2\ty\n"),
        ("mark.csv", "\ufeffa,b\n1,x\n2,y\n"),
        ("spaces.csv", "a, b\n1, x\n2, y\n"),
        ("windows.csv", "a,b\r\n1,x\r\n2,y\r\n"),
        ("UPPER.CSV", "a,b\n1,x\n2,y\n"),
    ],
)
def test_a_text_file_is_read_whatever_its_separator_mark_or_line_ends(tmp_path, name, text):
    (tmp_path / name).write_bytes(text.encode())
    frame, called = read(tmp_path / name)
    assert called == name
    assert frame.to_dict("list") == {"a": [1, 2], "b": ["x", "y"]}


@pytest.mark.parametrize("name", ["t.csv.gz", "t.tsv.gz"])
def test_a_packed_file_is_read(tmp_path, name):
    separator = b"\t" if ".tsv" in name else b","
    (tmp_path / name).write_bytes(gzip.compress(b"a%sb\n1%sx\n2%sy\n" % (separator, separator, separator)))
    assert read(str(tmp_path / name))[0].to_dict("list") == {"a": [1, 2], "b": ["x", "y"]}


def test_a_parquet_file_is_read_with_its_dtypes(tmp_path):
    frame = people(12)
    frame.to_parquet(tmp_path / "people.parquet")
    pd.testing.assert_frame_equal(read(tmp_path / "people.parquet")[0], frame)


def test_a_file_from_a_european_spreadsheet_is_read_with_decimal_commas_and_its_letters(tmp_path):
    (tmp_path / "t.csv").write_bytes("größe;ort\n1,5;Köln\n2,25;Łódź\n".encode("cp1250"))
    frame, _ = read(tmp_path / "t.csv")
    assert frame.iloc[:, 0].tolist() == [1.5, 2.25]
    (tmp_path / "u.csv").write_bytes("größe;ort\n1,5;Köln\n".encode("cp1252"))
    assert read(tmp_path / "u.csv")[0].to_dict("list") == {"größe": [1.5], "ort": ["Köln"]}


def test_a_semicolon_inside_a_comma_file_is_text(tmp_path):
    (tmp_path / "t.csv").write_text('a,b\n1,"x; y"\n2,"z; w"\n')
    assert list(read(tmp_path / "t.csv")[0]["b"]) == ["x; y", "z; w"]


def test_the_home_folder_may_be_written_as_a_tilde(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "t.csv").write_text("a,b\n1,2\n")
    assert len(read("~/t.csv")[0]) == 1


def test_one_row_can_be_read_since_one_row_can_be_predicted(tmp_path):
    (tmp_path / "t.csv").write_text("a,b\n1,x\n")
    assert len(read(tmp_path / "t.csv")[0]) == 1


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("empty.csv", b"", "empty.csv is empty"),
        ("blank.csv", b" \n\n", "blank.csv is empty"),
        ("header.csv", b"a,b\n", r"header.csv holds column names only \(a, b\)"),
        ("binary.csv", bytes(range(256)), "binary.csv is not text"),
        ("long.csv", b"a,b\n1,2,3\n4,5,6\n", "its rows have more cells than its header"),
        ("ragged.csv", b"a,b\n1,2\n4,5,6\n", "can't be read as a table: .*line 3"),
        ("open.csv", b'a,b\n1,"2\n', "can't be read as a table"),
        ("broken.parquet", b"PAR1 not really", "broken.parquet can't be read as Parquet"),
        ("empty.parquet", b"", "empty.parquet can't be read as Parquet"),
        ("plain.csv.gz", b"a,b\n1,2\n", "plain.csv.gz can't be unpacked"),
        ("cut.csv.gz", gzip.compress(b"a,b\n1,2\n" * 500, mtime=0)[:40], "cut.csv.gz can't be unpacked"),
        ("book.xlsx", b"PK", r"book.xlsx: this kind of file can't be read; expected one of .csv, .csv.gz"),
    ],
)
def test_a_file_that_cannot_be_read_is_named_with_the_reason(tmp_path, name, content, says):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=says):
        read(tmp_path / name)


def test_a_missing_file_names_the_nearest_in_its_folder(tmp_path):
    (tmp_path / "penguins.csv").write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match=r"no such file: .*pengins.csv.*Did you mean 'penguins.csv'\?"):
        read(tmp_path / "pengins.csv")
    with pytest.raises(DataError, match="there is no folder"):
        read(tmp_path / "nowhere" / "penguins.csv")
    with pytest.raises(DataError, match="is a folder"):
        read(tmp_path)


def test_something_else_than_a_table_is_refused():
    with pytest.raises(DataError, match="data is of type int"):
        prepare(3, "y", task="binary")
    with pytest.raises(DataError, match=r"the DataFrame has shape \(0, 2\)"):
        prepare(pd.DataFrame({"a": [], "b": []}), "b", task="binary")


# ----------------------------------------------------------------------------------------------------------- columns


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (pd.Series(repeated([1, 3, 5]), dtype="int8"), "number"),
        (pd.Series(repeated([1, None, 5]), dtype="Int64"), "number"),
        (pd.Series(repeated([1.5, None, 5]), dtype="Float32"), "number"),
        (pd.Series(repeated([1, None, 5]), dtype="int64[pyarrow]"), "number"),
        (pd.Series(repeated([decimal.Decimal("1.5"), None])), "number"),
        (pd.Series(repeated([1, 2.5, None]), dtype=object), "number"),
        (pd.Series(repeated([datetime.timedelta(days=2), datetime.timedelta(hours=12)])), "number"),
        (pd.Series(repeated(["1", "2.5e3", "-4"])), "number"),
        (pd.Series(repeated([True, False])), "boolean"),
        (pd.Series(repeated([True, None, False]), dtype="boolean"), "boolean"),
        (pd.Series(repeated([True, None, False]), dtype="bool[pyarrow]"), "boolean"),
        (pd.Series(repeated([True, None, False]), dtype=object), "boolean"),
        (pd.Series(repeated(["true", "FALSE"])), "boolean"),
        (pd.Series(repeated(["a", "b"])), "category"),
        (pd.Series(repeated(["a", None]), dtype=object), "category"),
        (pd.Series(repeated(["a", None]), dtype="string"), "category"),
        (pd.Series(repeated(["a", None]), dtype="string[pyarrow]"), "category"),
        (pd.Series(repeated(["a", "b"]), dtype="category"), "category"),
        (pd.Series(repeated([1, 2, 3]), dtype="category"), "category"),
        (pd.Series(repeated(["a", 1, None]), dtype=object), "category"),
        (pd.Series(pd.date_range("2024-01-01", periods=12)), "date"),
        (pd.Series(pd.date_range("2024-01-01", periods=12, tz="Asia/Tokyo")), "date"),
        (pd.Series(pd.period_range("2024-01", periods=12, freq="M")), "date"),
        (pd.Series(pd.date_range("2024-01-01", periods=12)).astype("timestamp[ns][pyarrow]"), "date"),
        (pd.Series([datetime.date(2024, 1, day) for day in range(1, 13)], dtype=object), "date"),
        (pd.Series([f"2024-01-{day:02}" for day in range(1, 13)]), "date"),
    ],
    ids=lambda value: value if isinstance(value, str) else str(value.dtype),
)
def test_every_dtype_that_pandas_has_gets_its_kind(values, kind):
    table, canonical = typed(values)
    assert kinds(table)["x"] == kind
    expected = {"category": np.dtype(object), "date": np.dtype("datetime64[ns]")}.get(kind, np.dtype(np.float64))
    assert canonical.dtype == expected
    assert pd.isna(canonical).tolist() == values.isna().tolist()
    # The same data read again by the schema is the same.
    again = coerce(values.to_frame("x"), [c for c in table.features.columns if c.name == "x"], ["x"], "again")
    pd.testing.assert_series_equal(again["x"], pd.Series(canonical, name="x", dtype=canonical.dtype))


def test_durations_become_days_and_zones_become_utc():
    table, days = typed(pd.Series(repeated([datetime.timedelta(days=2), datetime.timedelta(hours=12)])))
    assert days[:2].tolist() == [2.0, 0.5]
    assert "'x' is a duration: read as a number of days." in table.notes
    _, stamps = typed(pd.Series(pd.date_range("2024-01-01", periods=12, tz="Asia/Tokyo")))
    assert stamps[0] == np.datetime64("2023-12-31T15:00")


def test_numbers_among_placeholders_are_read_as_numbers_and_it_is_said():
    texts = ["1", "2.5", "", " ", "?", "-", "NA", "N/A", "null", "none", "nan", ".", "-3e2", "4", "5"]
    table, values = typed(texts)
    assert kinds(table)["x"] == "number"
    assert values[[0, 1, 12, 13, 14]].tolist() == [1.0, 2.5, -300.0, 4.0, 5.0]
    assert np.isnan(values[2:12]).all()
    assert any("'x' is text that holds numbers: read as numbers, with 10 cells" in note for note in table.notes)


def test_in_a_category_only_blank_question_mark_and_na_are_missing():
    table, values = typed(repeated(["a", "none", "-", "?", " ", "NA"]))
    assert values[:6].tolist() == ["a", "none", "-", None, None, None]
    assert "4 cells of 'x' ('?', 'NA') count as missing." in table.notes


def test_one_word_among_numbers_makes_text_and_the_word_is_named():
    values = [str(number) for number in range(60)] + ["ninety"] + ["7"] * 80
    table, _ = typed(values)
    assert kinds(table)["x"] == "category"
    assert "'x' is read as text: 60 of its 61 distinct values are numbers, not 'ninety'." in table.notes


@pytest.mark.parametrize(
    ("text", "format", "stamp"),
    [
        ("2024-03-31", "ISO8601", "2024-03-31"),
        ("2024-03-31T12:30:15", "ISO8601", "2024-03-31T12:30:15"),
        ("2024-03-31 12:30:15+02:00", "ISO8601", "2024-03-31T10:30:15"),
        ("2024/03/31", "%Y/%m/%d", "2024-03-31"),
        ("31.03.2024", "%d.%m.%Y", "2024-03-31"),
        ("31.03.2024 08:05", "%d.%m.%Y %H:%M", "2024-03-31T08:05"),
        ("31/03/2024", "%d/%m/%Y", "2024-03-31"),
        ("03/31/2024", "%m/%d/%Y", "2024-03-31"),
        ("31 Mar 2024", "%d %b %Y", "2024-03-31"),
        ("March 31, 2024", "%B %d, %Y", "2024-03-31"),
    ],
)
def test_dates_written_as_text_are_read_and_their_format_kept(text, format, stamp):
    table, values = typed([text, text, *[None] * 2, *[text.replace("2024", "2023")] * 8])
    assert table.features.columns[0] == Column("x", "date", format)
    assert values[0] == np.datetime64(stamp)
    assert np.isnat(values[2:4]).all()


def test_dates_whose_day_and_month_can_be_exchanged_are_told_and_read_alike_at_prediction():
    table, values = typed(repeated(["03/04/2024", "05/06/2024"]))
    assert values[0] == np.datetime64("2024-03-04")
    assert any("%m/%d/%Y or as %d/%m/%Y" in note for note in table.notes)
    new = coerce(pd.DataFrame({"x": ["10/11/2024"]}), table.features.columns[:1], ["x"], "new.csv")
    assert new["x"][0] == pd.Timestamp("2024-10-11")
    with pytest.raises(DataError, match=r"row 1 holds '31/12/2024'; expected a date written as %m/%d/%Y"):
        coerce(pd.DataFrame({"x": ["31/12/2024"]}), table.features.columns[:1], ["x"], "new.csv")


def test_text_of_which_one_value_is_no_date_stays_text():
    table, _ = typed(repeated(["2024-01-01", "2024-01-02", "soon"]))
    assert kinds(table)["x"] == "category"


def test_a_date_that_cannot_be_stored_is_named():
    late = pd.Series(np.array(["9999-12-31", "2024-01-01"] * 6, dtype="datetime64[s]"))
    with pytest.raises(DataError, match=r"column 'x': row 1 holds 9999-12-31.*from the year 1678 to 2261"):
        typed(late)


@pytest.mark.parametrize("cell", [[1, 2], {"a": 1}, (1, 2), b"bytes", 1j])
def test_cells_that_are_no_values_are_set_aside(cell):
    table, _ = typed(pd.Series([cell] * 12, dtype=object))
    assert "its cells are of type" in table.set_aside["x"]


def test_columns_named_as_categories_are_categories_whatever_they_look_like():
    frame = people()
    frame["zip"] = np.tile([50667, 10115, 20095, 80331], 50).astype(float)
    table = prepare(frame, "label", task="binary", categories="zip")
    assert kinds(table)["zip"] == "category"
    assert set(table.features.frame["zip"]) == {"50667", "10115", "20095", "80331"}


# --------------------------------------------------------------------------------------------------------- set aside


def test_columns_without_use_are_set_aside_each_with_its_reason():
    frame = people(120)
    rng = np.random.default_rng(3)
    frame["row"] = np.arange(1, 121)
    frame["key"] = [f"id-{number}" for number in range(120)]
    frame["name"] = [f"name {number}" for number in rng.integers(0, 90, 120)]
    frame["same"] = 7
    frame["nothing"] = np.nan
    frame.insert(1, "age", frame["age"] + 1, allow_duplicates=True)
    table = prepare(frame, "label", task="binary")
    assert list(kinds(table)) == ["age", "sex", "member", "joined", "amount"]
    assert table.set_aside["row"].startswith("a row number")
    assert table.set_aside["key"] == "a key: each of its 120 values is different"
    assert table.set_aside["name"].startswith("text with nearly one value per row")
    assert table.set_aside["same"] == "constant: every row holds 7"
    assert table.set_aside["nothing"] == "every cell is missing"
    assert table.set_aside["age (2)"] == "another column is named 'age' too; the first one is used"
    assert "row" in table.source_columns
    assert table.source_columns.count("age") == 2


def test_columns_named_in_keep_are_kept_and_their_text_becomes_categories():
    frame = people(120)
    frame["row"] = np.arange(1, 121)
    frame["key"] = [f"id-{number}" for number in range(120)]
    frame["same"] = 7
    frame["nothing"] = np.nan
    table = prepare(frame, "label", task="binary", keep=["row", "key", "same", "nothing"])
    assert table.set_aside == {}
    assert kinds(table)["row"] == "number"
    assert kinds(table)["key"] == "category"


def test_repeated_names_in_a_file_are_told(tmp_path):
    rows = "\n".join(f"{number % 7},{number % 5},{number % 3}" for number in range(30))
    (tmp_path / "t.csv").write_text(f"a,a,y\n{rows}\n")
    assert list(prepare(tmp_path / "t.csv", "y", task="multiclass").set_aside) == ["a (2)"]


def test_a_row_number_that_is_the_only_column_is_used_and_years_are_no_row_numbers():
    table = prepare(pd.DataFrame({"x": np.arange(50), "y": np.arange(50.0) ** 2}), "y", task="regression")
    assert kinds(table) == {"x": "number"}
    assert any("no other column" in note for note in table.notes)
    frame = pd.DataFrame({"year": np.arange(1871, 1971), "x": np.random.default_rng(0).random(100)})
    frame["y"] = frame["x"] * 2
    assert prepare(frame, "y", task="regression").set_aside == {}


def test_a_constant_with_missing_cells_is_used_since_the_gaps_may_tell():
    table, _ = typed(repeated(["Gravel", None, None]))
    assert kinds(table)["x"] == "category"


def test_a_table_without_a_usable_column_is_refused_with_the_reasons():
    frame = pd.DataFrame({"key": [f"id-{number}" for number in range(20)], "same": 1, "y": [0, 1] * 10})
    with pytest.raises(DataError, match=r"no usable column is left in DataFrame. Set aside: 'key': a key.*keep="):
        prepare(frame, "y", task="binary")
    with pytest.raises(DataError, match="there is only the target"):
        prepare(frame[["y"]], "y", task="binary")


def test_infinite_values_are_refused_with_column_and_rows():
    frame = people(50)
    frame.loc[[4, 7], "age"] = [np.inf, -np.inf]
    with pytest.raises(DataError, match=r"column 'age' of DataFrame holds infinite values \(rows 5, 8\)"):
        prepare(frame, "label", task="binary")


def test_a_file_whose_header_is_missing_is_noted(tmp_path):
    rng = np.random.default_rng(0)
    np.savetxt(tmp_path / "t.csv", np.column_stack([rng.random((30, 2)), np.arange(30) % 2]), delimiter=",", fmt="%.4f")
    frame = pd.read_csv(tmp_path / "t.csv")
    table = prepare(tmp_path / "t.csv", frame.columns[-1], task="binary")
    assert any("does its first line hold names" in note for note in table.notes)


# ------------------------------------------------------------------------------------------------------------ options


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
        ({"sample_weight": np.zeros(200)}, "every weight of DataFrame is 0"),
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


# ------------------------------------------------------------------------------------------------------------- target


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
        ([datetime.date(2024, 1, 1), datetime.date(2024, 1, 2)], "binary", "holds dates; classes are text"),
        ([0, 1, 2], "multilabel", r"label 'y' of DataFrame holds 2 in row 3; multilabel needs 0 or 1"),
        (["no", "yes"], "multilabel", "label 'y' of DataFrame holds 'no' in row 1"),
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


# -------------------------------------------------------------------------------------------------------------- pairs


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


def test_x_and_y_whose_index_labels_are_in_different_orders_are_refused():
    x = pd.DataFrame({"a": np.random.default_rng(0).random(30)})
    with pytest.raises(DataError, match="different orders"):
        prepare((x, pd.Series(np.arange(30.0)).sample(frac=1, random_state=0)), task="regression")


# -------------------------------------------------------------------------------------------------------------- coerce


COLUMNS = [Column("age", "number"), Column("sex", "category"), Column("member", "boolean"), Column("born", "date")]
NAMES = [column.name for column in COLUMNS]


def test_new_rows_come_in_any_order_with_further_columns_and_mixed_types():
    new = pd.DataFrame(
        {
            "extra": [1, 2, 3],
            "born": ["2024-01-01", "?", "2024-03-01T12:00"],
            "member": [1, 0, None],
            "sex": [1.0, "true", None],
            "age": ["31", " 4.5 ", "-"],
        }
    )
    frame = coerce(new, COLUMNS, NAMES, "new.csv")
    assert list(frame) == NAMES
    np.testing.assert_array_equal(frame["age"], [31.0, 4.5, np.nan])
    assert frame["sex"].tolist() == ["1", "True", None]
    np.testing.assert_array_equal(frame["member"], [1.0, 0.0, np.nan])
    assert frame["born"].isna().tolist() == [False, True, False]


def test_a_column_that_is_missing_altogether_may_be_empty_whatever_its_kind():
    frame = coerce(pd.DataFrame({name: [np.nan, None] for name in NAMES}), COLUMNS, NAMES, "new.csv")
    assert frame.isna().all(axis=None)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"age": ["1", "old"]}, "column 'age' of new.csv: row 2 holds 'old'; expected a number, as in training"),
        ({"age": pd.to_datetime(["2024-01-01"] * 2)}, "row 1 holds Timestamp.*expected a number"),
        ({"age": [1.0, np.inf]}, r"column 'age' of new.csv holds infinite values \(row 2\)"),
        ({"age": ["1", "-inf"]}, r"holds infinite values \(row 2\)"),
        ({"age": [[1], [2]]}, "column 'age' of new.csv holds cells that are lists"),
        ({"member": [0, 2]}, "row 2 holds .*2.*; expected true or false"),
        ({"member": ["no", "yes"]}, "row 1 holds 'no'; expected true or false"),
        ({"born": [2020, 2021]}, "row 1 holds .*2020.*; expected a date"),
        ({"born": ["2024-01-01", "soon"]}, "row 2 holds 'soon'; expected a date"),
    ],
)
def test_a_different_type_is_named_with_its_row_and_value(change, says):
    new = pd.DataFrame({"age": [1, 2], "sex": ["f", "m"], "member": [True, False], "born": ["2024-01-01"] * 2})
    with pytest.raises(DataError, match=says):
        coerce(new.assign(**change), COLUMNS, NAMES, "new.csv")


def test_a_missing_column_names_the_nearest_found():
    new = pd.DataFrame({"Age": [1], "sexe": ["f"], "member": [True], "born": ["2024-01-01"]})
    with pytest.raises(DataError, match=r"column 'sex' is not in new.csv.*Did you mean 'sexe'\?"):
        coerce(new.rename(columns={"Age": "age"}), COLUMNS, NAMES, "new.csv")
    with pytest.raises(DataError, match=r"column 'age' \(and 1 more: sex\) is not in new.csv"):
        coerce(new, COLUMNS, NAMES, "new.csv")


def test_an_array_is_mapped_by_the_place_of_its_columns():
    columns, source = [Column("a", "number"), Column("c", "number")], ["a", "b", "c"]
    wide = coerce(np.array([[1, 2, 3]]), columns, source, "X")
    narrow = coerce(np.array([[1, 3]]), columns, source, "X")
    assert wide.to_dict("list") == narrow.to_dict("list") == {"a": [1.0], "c": [3.0]}
    with pytest.raises(DataError, match=r"X has 4 columns; the training data had 3 \(or the 2 that are used\)"):
        coerce(np.zeros((1, 4)), columns, source, "X")
    with pytest.raises(DataError, match=r"X has shape \(3,\)"):
        coerce(np.zeros(3), columns, source, "X")


@given(st.lists(st.one_of(st.none(), st.floats(allow_infinity=False), st.integers(-(2**53), 2**53)), min_size=1))
@settings(max_examples=50, deadline=None)
def test_numbers_come_through_unchanged_as_numbers_and_as_text(values):
    column = [Column("x", "number")]
    expected = [np.nan if value is None else float(value) for value in values]
    as_objects = pd.DataFrame({"x": pd.Series(values, dtype=object)})
    as_text = pd.DataFrame({"x": pd.Series([None if value is None else repr(value) for value in values], dtype=object)})
    for frame in (as_objects, as_text):
        np.testing.assert_array_equal(coerce(frame, column, ["x"], "new")["x"], expected)


# --------------------------------------------------------------------------------------------------------------- split


@pytest.mark.parametrize(
    ("rows", "shares"),
    [(500, (0.6, 0.2, 0.2)), (5_000, (0.64, 0.16, 0.2)), (30_000, (0.7, 0.15, 0.15)), (100_000, (0.8, 0.1, 0.1))],
)
def test_parts_are_sized_by_the_number_of_rows(rows, shares):
    rng = np.random.default_rng(0)
    table = prepare((rng.random((rows, 1)), rng.integers(0, 2, rows)), task="binary")
    sizes = [len(table.parts[part]) / rows for part in ("train", "validation", "test")]
    np.testing.assert_allclose(sizes, shares, atol=2 / rows)
    assert f"{rows:,} rows: train" in table.split_reason


def test_every_row_is_in_one_part_in_order():
    table = prepare(people(), "label", task="binary")
    assert sorted(np.concatenate(list(table.parts.values()))) == list(range(200))
    for rows in table.parts.values():
        assert rows.dtype == np.int64
        assert (np.diff(rows) > 0).all()


@pytest.mark.parametrize(
    ("options", "sizes"),
    [
        ({"test": 0.3}, (112, 28, 60)),
        ({"test": "0.3"}, (112, 28, 60)),
        ({"validation": 0.1}, (140, 20, 40)),
        ({"test": 0.25, "validation": 0.25}, (100, 50, 50)),
    ],
)
def test_fractions_are_taken_of_all_rows(options, sizes):
    table = prepare(people(), "label", task="binary", **options)
    assert tuple(len(table.parts[part]) for part in ("train", "validation", "test")) == sizes


def test_the_split_depends_on_the_seed_and_not_on_the_order_of_columns():
    frame = people()
    first, again = (prepare(frame, "label", task="binary", seed=4).parts for _ in range(2))
    turned = prepare(frame[frame.columns[::-1]], "label", task="binary", seed=4).parts
    other = prepare(frame, "label", task="binary", seed=5).parts
    for part in first:
        np.testing.assert_array_equal(first[part], again[part])
        np.testing.assert_array_equal(first[part], turned[part])
    assert first["test"].tolist() != other["test"].tolist()


def test_rows_outside_the_test_part_are_dealt_into_stratified_folds_equal_rows_together():
    frame = people()
    frame = pd.concat([frame, frame.head(30)], ignore_index=True)
    table = prepare(frame, "label", task="binary")
    assert table.folds is not None
    np.testing.assert_array_equal(np.flatnonzero(table.folds < 0), table.parts["test"])
    known = np.flatnonzero(table.folds >= 0)
    counts = pd.crosstab(table.folds[known], table.target_frame.iloc[known, 0])
    assert len(counts) == FOLDS
    assert (counts.max() - counts.min() <= 6).all()  # a copy goes where the row is
    each = table.features.frame.assign(fold=table.folds).groupby(list(table.features.frame.columns), dropna=False)[
        "fold"
    ]
    assert (each.nunique() == 1).all()


def test_a_group_stands_in_one_fold():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.normal(size=600), "y": rng.normal(size=600), "g": rng.integers(0, 80, 600)})
    table = prepare(frame, "y", task="regression", group="g")
    assert table.folds is not None
    groups = frame["g"].to_numpy()[table.source_rows - 1]
    assert (pd.Series(table.folds).groupby(groups).nunique() == 1).all()


@pytest.mark.parametrize("options", [{"validation": 0.2}, {"time": "when"}, {"group": "few"}])
def test_there_are_no_folds_where_the_validation_rows_are_chosen_or_the_newest_or_few(options):
    rng = np.random.default_rng(0)
    numbers = {
        "x": rng.normal(size=200),
        "y": rng.normal(size=200),
        "when": np.arange(200.0),
        "few": np.arange(200) // 10,
    }
    assert prepare(pd.DataFrame(numbers), "y", task="regression", **options).folds is None


@given(st.integers(0, 1_000))
@settings(max_examples=15, deadline=None)
def test_classes_keep_their_shares_in_every_part(seed):
    rng = np.random.default_rng(seed)
    y = rng.choice(3, 400, p=[0.7, 0.2, 0.1])
    table = prepare((rng.random((400, 2)), y), task="multiclass", seed=seed)
    for part, share in (("train", 0.6), ("validation", 0.2), ("test", 0.2)):
        counts = np.bincount(y[table.parts[part]], minlength=3)
        np.testing.assert_allclose(counts, share * np.bincount(y), atol=1.5)


def test_a_regression_target_has_the_same_quantiles_in_every_part():
    rng = np.random.default_rng(0)
    y = np.exp(rng.normal(0, 1, 800))
    table = prepare((rng.random((800, 2)), y), task="regression")
    deciles = np.quantile(y, np.linspace(0.1, 0.9, 9))
    for rows in table.parts.values():
        shares = np.diff(np.searchsorted(np.sort(y[rows]), deciles), prepend=0) / len(rows)
        np.testing.assert_allclose(shares, 0.1, atol=0.02)


def test_labels_keep_their_shares_in_every_part_rare_ones_too():
    rng = np.random.default_rng(0)
    y = (rng.random((600, 4)) < [0.5, 0.2, 0.05, 0.02]).astype(int)
    table = prepare((rng.random((600, 2)), y), task="multilabel")
    for part, share in (("train", 0.6), ("validation", 0.2), ("test", 0.2)):
        np.testing.assert_allclose(y[table.parts[part]].sum(axis=0), share * y.sum(axis=0), atol=2.5)
        assert abs(len(table.parts[part]) - share * 600) <= 12


def test_iterative_stratification_deals_the_rarest_label_first():
    # Two rows carry the rare label; halves must get one each, although chance would put both into one half often.
    labels = np.array([[1, 1], [1, 1], [1, 0], [1, 0], [1, 0], [1, 0]], dtype=float)
    for seed in range(20):
        parts = deal_by_labels(labels, np.ones(6), [0.5, 0.5], np.random.default_rng(seed))
        assert sorted(parts[:2]) == [0, 1]
        assert np.bincount(parts).tolist() == [3, 3]


@given(st.integers(0, 1_000), st.sampled_from(["binary", "regression", "multilabel"]))
@settings(max_examples=20, deadline=None)
def test_equal_rows_never_stand_in_two_parts(seed, task):
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 6, (200, 2)).astype(float)
    x[rng.random(x.shape) < 0.1] = np.nan
    y = rng.integers(0, 2, (200, 2)) if task == "multilabel" else rng.permutation(np.arange(200) % 2)
    table = prepare((x, y), task=task, seed=seed)
    keys = pd.Series([str(row) for row in table.features.frame.to_numpy().tolist()])
    found = [set(keys[rows]) for rows in table.parts.values()]
    assert all(a.isdisjoint(b) for a, b in itertools.combinations(found, 2))
    assert "equal rows always stand in one part" in table.split_reason


def test_equal_rows_of_every_kind_stay_together_and_zeros_are_equal():
    frame = people(60).drop(columns="amount")
    frame.loc[0, "age"], frame.loc[1, "sex"], frame.loc[2, "joined"] = 0.0, None, pd.NaT
    twice = pd.concat([frame, frame], ignore_index=True)
    twice.loc[60, "age"] = -0.0
    table = prepare(twice, "label", task="binary")
    part = np.empty(120, dtype=object)
    for name, rows in table.parts.items():
        part[rows] = name
    assert (part[:60] == part[60:]).all()
    assert "60 rows repeat another row's features" in table.split_reason


def test_a_table_of_counts_is_split_freely_and_says_so():
    frame = pd.DataFrame({"sex": ["f", "m"] * 100, "y": [0, 0, 1, 1] * 50})
    table = prepare(frame, "y", task="binary")
    assert "only 2 distinct rows in 200, so equal rows are split freely" in table.split_reason
    assert len(table.parts["test"]) == 40


@given(st.integers(0, 1_000), st.sampled_from(["binary", "regression", "multilabel"]))
@settings(max_examples=20, deadline=None)
def test_a_group_never_stands_in_two_parts(seed, task):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"x": rng.random(300), "patient": rng.integers(0, 40, 300), "y": rng.integers(0, 2, 300)})
    target = ["y"] if task == "multilabel" else "y"
    table = prepare(frame, target, task=task, group="patient", seed=seed)
    found = [set(frame["patient"][rows]) for rows in table.parts.values()]
    assert all(a.isdisjoint(b) for a, b in itertools.combinations(found, 2))
    assert [column.name for column in table.features.columns] == ["x"]
    assert abs(len(table.parts["train"]) - 180) < 40


def test_fewer_groups_than_parts_are_refused():
    frame = people().assign(clinic=np.arange(200) % 2)
    with pytest.raises(DataError, match="there are 2 groups; at least 3 are needed for train and validation and test"):
        prepare(frame, "label", task="binary", group="clinic")


def test_time_orders_the_parts_and_one_stamp_stays_together():
    frame = people(300).sample(frac=1, random_state=1, ignore_index=True)
    table = prepare(frame, "label", task="binary", time="joined")
    stamps = [frame["joined"][rows] for rows in table.parts.values()]
    assert stamps[0].max() < stamps[1].min()
    assert stamps[1].max() < stamps[2].min()
    assert abs(len(table.parts["test"]) - 60) < 10
    assert "orders the split by time" in table.set_aside["joined"]
    assert "by time: the oldest rows of 'joined' train" in table.split_reason
    kept = prepare(frame, "label", task="binary", time="joined", keep="joined")
    assert kinds(kept)["joined"] == "date"


def test_a_row_that_comes_again_later_is_left_out_of_the_earlier_part():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.random(100), "day": np.arange(100) * 2, "y": np.arange(100) % 2})
    frame.loc[99, "x"] = frame.loc[3, "x"]
    table = prepare(frame, "y", task="binary", time="day")
    assert table.rows == 99
    assert 4 not in table.source_rows
    assert "1 row with the same features as a row of a later part is left out." in table.split_reason


def test_time_that_is_missing_or_stands_still_is_refused():
    frame = people()
    with pytest.raises(DataError, match="the time column has 1 distinct values; at least 3 are needed"):
        prepare(frame.assign(day=1), "label", task="binary", time="day")
    frame.loc[3, "joined"] = pd.NaT
    with pytest.raises(DataError, match="time= names 'joined', which is missing in 1 of the rows"):
        prepare(frame, "label", task="binary", time="joined")


def test_a_class_that_only_the_newest_rows_have_cannot_be_trained():
    frame = pd.DataFrame({"x": np.random.default_rng(0).random(100), "day": np.arange(100.0), "y": ["a", "b"] * 50})
    frame.loc[97:, "y"] = "c"
    with pytest.raises(DataError, match="no row of class 'c' of 'y' is left to train on"):
        prepare(frame, "y", task="multiclass", time="day")


def test_every_class_is_in_train_however_rare():
    for seed in range(10):
        frame = pd.DataFrame({"x": np.random.default_rng(0).random(60), "y": ["a", "b"] * 29 + ["rare", "rarest"]})
        table = prepare(frame, "y", task="multiclass", seed=seed)
        assert set(frame["y"][table.parts["train"]]) == {"a", "b", "rare", "rarest"}
        assert "The test part has no row of class 'rare', 'rarest'." in table.notes


def test_too_few_rows_are_refused_with_how_many_are_needed():
    with pytest.raises(DataError, match="DataFrame has 1 row; at least 10 are needed"):
        prepare(people(1), "label", task="binary")
    frame = people(20)
    frame.loc[4:, "label"] = None
    with pytest.raises(DataError, match=r"\(rows with a target\) has 4 rows; at least 10 are needed"):
        prepare(frame, "label", task="binary")
    many = pd.DataFrame({"x": np.random.default_rng(0).random(12), "y": list("abcdefghijkl")})
    with pytest.raises(DataError, match=r"too few rows: .*at least 14 distinct rows are needed"):
        prepare(many, "y", task="multiclass")


# ------------------------------------------------------------------------------------------------ given test rows


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
