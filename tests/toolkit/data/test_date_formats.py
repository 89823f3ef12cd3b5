"""Dates, times of day and durations written as people and programs write them."""

from __future__ import annotations

import datetime
import re

import numpy as np
import pandas as pd
import pytest

from toolkit.data.column_kinds import infer
from toolkit.data.columns import Column
from toolkit.data.new_rows import coerce
from toolkit.data.reading_options import ReadingOptions

DAYS = pd.date_range("2019-11-03 03:07:09", periods=80, freq="137h")

FORMATS = """
%d/%m/%Y|%m/%d/%Y|%d.%m.%Y|%m-%d-%Y|%Y/%m/%d|%Y.%m.%d|%Y_%m_%d|%d/%m/%y|%m/%d/%y|%d.%m.%y|%-m/%-d/%Y|%-d.%-m.%Y|%-Y-%-m-%-d
%d/%m/%Y %H:%M:%S|%m/%d/%Y %I:%M %p|%-m/%-d/%Y %-I:%M:%S %p|%m/%d/%Y, %I:%M:%S %p|%d.%m.%Y %H:%M|%d/%m/%Y at %H:%M
%d %b %Y|%d-%b-%Y|%d-%b-%y|%d%b%Y|%d%b%y|%d. %B %Y|%B %d, %Y|%b %d, %Y|%b. %d, %Y|%A, %B %d, %Y|%Y-%b-%d|%d%b%Y:%H:%M:%S
%a %b %d %H:%M:%S %Y|%a, %d %b %Y %H:%M:%S GMT|%d/%b/%Y:%H:%M:%S +0000|%Y-%m-%d %H:%M:%S UTC|%Y-%m-%dT%H:%M:%SZ
%Y%m%dT%H%M%S|%Y%m%d %H:%M|%Y-%m|%m/%Y|%Y/%m|%b-%y|%b %Y|%B %Y|%b-%Y|%B-%y|%m.%Y
"""


@pytest.mark.parametrize("format", FORMATS.replace("\n", "|").strip("|").split("|"))
def test_dates_are_read_however_they_are_written(format):
    texts = DAYS.strftime(format)
    column, values, notes = infer(pd.Series(texts), "x")
    assert column is not None
    assert column.kind == "date"
    expected = pd.to_datetime(texts, format=format.replace("%-", "%")).astype("datetime64[ns]")
    np.testing.assert_array_equal(values, expected.to_numpy())
    assert notes[0].startswith("'x' is text that holds dates")
    saved = Column.from_dict(column.to_dict())
    np.testing.assert_array_equal(coerce(pd.DataFrame({"x": texts[:3]}), [saved], ["x"], "new")["x"], values[:3])
    upper = infer(pd.Series(texts.str.upper().str.replace("AT", "at")), "x")[0]
    assert upper is not None
    assert upper.kind == "date"


@pytest.mark.parametrize(
    ("text", "first"),
    [("2020Q3", "2020-07-01"), ("Q1 2021", "2021-01-01"), ("2020-q4", "2020-10-01"), ("2020-W01", "2019-12-30")],
)
def test_quarters_and_weeks_are_their_first_days(text, first):
    column, values, _ = infer(pd.Series([text] * 12), "x")
    assert column is not None
    assert column.kind == "date"
    assert values[0] == np.datetime64(first)


@pytest.mark.parametrize("format", ["%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%m-%d-%Y"])
def test_a_monthly_series_is_read_as_the_first_days_of_months(format):
    months = pd.date_range("2015-01-01", periods=60, freq="MS")
    column, values, notes = infer(pd.Series(months.strftime(format)), "x")
    assert column is not None
    assert column.format == format
    np.testing.assert_array_equal(values, months.to_numpy().astype("datetime64[ns]"))
    assert "since each is then the first of a month" in notes[0]


@pytest.mark.parametrize("format", ["%d/%m/%Y", "%m/%d/%Y"])
def test_days_and_months_that_can_be_exchanged_are_read_so_that_the_rows_are_in_order(format):
    days = pd.DatetimeIndex([f"2020-{month:02}-{day:02}" for month in range(1, 13) for day in (2, 7, 11)])
    column, values, notes = infer(pd.Series(days.strftime(format)), "x")
    assert column is not None
    assert column.format == format
    assert (np.diff(values) > np.timedelta64(0)).all()
    assert "since the rows are then in order" in notes[0]


def test_dayfirst_decides_where_day_and_month_can_be_exchanged_and_only_there():
    texts = pd.Series(["03/04/2024", "05/06/2024", "01/02/2024"] * 5)
    by_option = {choice: infer(texts, "x", reading=ReadingOptions(dayfirst=choice))[1][0] for choice in (True, False)}
    assert by_option == {True: np.datetime64("2024-04-03"), False: np.datetime64("2024-03-04")}
    clear = pd.Series(["12/31/2024", "05/06/2024"] * 5)
    assert infer(clear, "x", reading=ReadingOptions(dayfirst=True))[1][1] == np.datetime64("2024-05-06")


@pytest.mark.parametrize("cell", ["9999-12-31", "2999-12-31", "9999-12-31 23:59:59"])
def test_a_date_without_end_is_missing_and_noted(cell):
    _, values, notes = infer(pd.Series([*DAYS.strftime("%Y-%m-%d"), *[cell] * 40]), "x")
    assert np.isnat(values).tolist() == [False] * 80 + [True] * 40
    assert f"40 cells of 'x', such as '{cell}' in row 81, mean that there is no end, and count as missing." in notes


def test_whole_numbers_are_dates_only_where_the_name_says_so_and_all_are_valid():
    numbers = pd.Series(DAYS.strftime("%Y%m%d"))
    for series in (numbers, numbers.astype(int), numbers.astype(float)):
        column, values, notes = infer(series, "sale_date")
        assert column is not None
        assert (column.kind, values[0]) == ("date", np.datetime64("2019-11-03"))
        assert "'sale_date' holds dates such as 20240131: read as year, month and day." in notes
        new = coerce(pd.DataFrame({"sale_date": [20240131, 20240201]}), [column], ["sale_date"], "new")
        assert new["sale_date"][0] == pd.Timestamp("2024-01-31")
        other = infer(series, "amount")[0]
        assert other is not None
        assert other.kind == "number"
    amounts = infer(pd.Series([20191103, 20191399] * 10), "sale_date")[0]
    assert amounts is not None
    assert amounts.kind == "number"


def test_a_time_zone_is_noted():
    tokyo = pd.Series(pd.date_range("2024-01-01", periods=12, tz="Asia/Tokyo"))
    _, values, notes = infer(tokyo, "x")
    assert values[0] == np.datetime64("2023-12-31T15:00")
    assert notes == ["'x' is in the time zone Asia/Tokyo: read as UTC."]
    _, values, notes = infer(pd.Series(["2024-01-01 10:00+01:00", "2024-07-01 10:00+02:00"] * 6), "x")
    assert values[:2].tolist() == [
        np.datetime64(f"2024-0{m}-01T0{h}:00", "ns").astype(int) for m, h in ((1, 9), (7, 8))
    ]
    assert "in UTC" in notes[0]


@pytest.mark.parametrize(
    ("cells", "seconds"),
    [
        (["13:45", "00:05"], [49_500, 300]),
        (["1:45 PM", "12:05 am"], [49_500, 300]),
        (["13:45:30", "00:00:01"], [49_530, 1]),
        (["125:30:00", "1:00:00"], [451_800, 3_600]),
        (["0 days 00:05:00", "2 days 01:00:00"], [300, 176_400]),
        ([datetime.time(13, 45), datetime.time(0, 5)], [49_500, 300]),
        ([datetime.timedelta(minutes=5), datetime.timedelta(days=1)], [300, 86_400]),
    ],
)
def test_times_of_day_and_durations_are_seconds(cells, seconds):
    column, values, notes = infer(pd.Series(cells * 10), "x")
    assert column is not None
    assert column.kind == "number"
    assert values[:2].tolist() == seconds
    assert "seconds" in notes[0]
    assert coerce(pd.DataFrame({"x": cells}), [column], ["x"], "new")["x"].tolist() == seconds


def test_durations_of_columns_saved_as_days_stay_days():
    new = pd.DataFrame({"x": pd.to_timedelta(["1 day", "36 hours"])})
    assert coerce(new, [Column.from_dict({"name": "x", "kind": "number"})], ["x"], "new")["x"].tolist() == [1.0, 1.5]


@pytest.mark.parametrize("cell", ["3:2", "1:100", "Monday", "May", "12/13", "1.5.", "2019-45", "10-20"])
def test_what_is_no_date_is_no_date(cell):
    column = infer(pd.Series([cell, "other"] * 10), "x")[0]
    assert column is not None
    assert column.kind == "category"


def test_dates_of_two_digit_years_name_the_century_of_the_latest():
    births = pd.Series([f"{month}/{day}/{30 + (month * day) % 40}" for month in range(1, 13) for day in range(1, 29)])
    notes = infer(births, "born")[2]
    assert any(re.fullmatch(r"'born' .*read as %m/%d/%y, where '\d+/\d+/68' is in 2068\.", note) for note in notes)
