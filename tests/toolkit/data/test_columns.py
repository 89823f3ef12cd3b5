"""How columns are typed, and how new rows are brought into their form."""

from __future__ import annotations

import datetime
import decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.helpers.people import people
from tests.helpers.tables import kinds, repeated, typed
from toolkit.common.errors import DataError
from toolkit.data.column_kinds import infer
from toolkit.data.columns import Column
from toolkit.data.new_rows import coerce
from toolkit.data.prepare import prepare


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


def test_durations_become_seconds_and_zones_become_utc():
    table, seconds = typed(pd.Series(repeated([datetime.timedelta(days=2), datetime.timedelta(hours=12)])))
    assert seconds[:2].tolist() == [172_800.0, 43_200.0]
    assert "'x' is a duration: read as a number of seconds." in table.notes
    _, stamps = typed(pd.Series(pd.date_range("2024-01-01", periods=12, tz="Asia/Tokyo")))
    assert stamps[0] == np.datetime64("2023-12-31T15:00")


def test_numbers_among_placeholders_are_read_as_numbers_and_it_is_said():
    texts = ["1", "2.5", "", " ", "?", "-", "NA", "N/A", "null", "none", "nan", ".", "-3e2", "4", "5"]
    table, values = typed(texts)
    assert kinds(table)["x"] == "number"
    assert values[[0, 1, 12, 13, 14]].tolist() == [1.0, 2.5, -300.0, 4.0, 5.0]
    assert np.isnan(values[2:12]).all()
    assert any("'x' is text that holds numbers: read as numbers, with 8 cells" in note for note in table.notes)


def test_in_a_category_only_blank_question_mark_and_na_are_missing():
    table, values = typed(repeated(["a", "none", "-", "?", " ", "NA"]))
    assert values[:6].tolist() == ["a", "none", "-", None, None, None]
    assert "4 cells of 'x' ('?', 'NA') count as missing." in table.notes


def test_one_word_among_numbers_is_a_missing_cell_and_is_named_with_its_row():
    table, values = typed([str(number) for number in range(60)] + ["ninety"] + ["7"] * 80)
    assert kinds(table)["x"] == "number"
    assert np.flatnonzero(np.isnan(values)).tolist() == [60]
    assert "1 cell of 'x' is not a number and counts as missing: 'ninety' in row 61." in table.notes


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
    assert table.features.columns[0] == Column("x", "date", format, zoned="+" in text)
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


@pytest.mark.parametrize(
    ("cells", "ways"),
    [
        (["2.5 kg", "500 g"], "different units or letters ('kg' and 'g')"),
        (["€12.50", "$8.99"], "('€' and '$')"),
        (["3.5", "4,5"], "a decimal point and a decimal comma ('3.5' and '4,5')"),
        (["31.12.2023", "2024-02-17"], "(%d.%m.%Y, ISO8601)"),
    ],
)
def test_numbers_and_dates_that_are_written_in_several_ways_are_told(cells, ways):
    column, _, notes = infer(pd.Series(cells * 20), "size")
    assert column.kind == "category"
    assert ways in notes[0]
    assert "Write them all in one way." in notes[0]


def test_a_date_that_cannot_be_stored_is_named():
    early = pd.Series(np.array(["1066-10-14", "2024-01-01"] * 6, dtype="datetime64[s]"))
    with pytest.raises(DataError, match=r"column 'x': row 1 holds 1066-10-14.*from the year 1678 to 2261"):
        typed(early)


def test_a_date_that_means_without_end_is_missing_however_many_there_are():
    days = np.array(["9999-12-31", "2024-01-01", "2024-02-01"] * 4, dtype="datetime64[s]")
    for column in (pd.Series(days), pd.Series(days).dt.strftime("%Y-%m-%d"), pd.Series(days).dt.strftime("%d.%m.%Y")):
        table, values = typed(column)
        assert kinds(table)["x"] == "date"
        assert np.isnat(values).tolist() == [True, False, False] * 4
        assert any("4 cells of 'x'" in note and "there is no end" in note for note in table.notes)


@pytest.mark.parametrize("cell", [[1, 2], {"a": 1}, (1, 2), ([1], 2), {1, 2}, 1j])
def test_cells_that_are_no_values_are_set_aside(cell):
    table, _ = typed(pd.Series([cell] * 12, dtype=object))
    assert "its cells are of type" in table.set_aside["x"]


def test_columns_named_as_categories_are_categories_whatever_they_look_like():
    frame = people()
    frame["zip"] = np.tile([50667, 10115, 20095, 80331], 50).astype(float)
    table = prepare(frame, "label", task="binary", categories="zip")
    assert kinds(table)["zip"] == "category"
    assert set(table.features.frame["zip"]) == {"50667", "10115", "20095", "80331"}


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
