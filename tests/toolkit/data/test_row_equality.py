"""Which rows are equal."""

from __future__ import annotations

import datetime

import numpy as np
import pandas as pd

from toolkit.data.prepare import prepare
from toolkit.data.row_equality import compared_columns, same_rows


def test_a_number_equals_its_text_in_any_dtype():
    frames = [
        pd.DataFrame({"a": [1, 2]}),
        pd.DataFrame({"a": [1.0, 2.0]}),
        pd.DataFrame({"a": ["1", " 2 "]}),
        pd.DataFrame({"a": ["1.0", "2e0"]}),
        pd.DataFrame({"a": pd.Series([1, 2], dtype="Int64")}),
        pd.DataFrame({"a": pd.Series([1, "2"], dtype=object)}),
    ]
    assert same_rows(frames, ["a"]).tolist() == [0, 1] * 6


def test_a_number_equals_its_text_with_a_sign_without_a_zero_and_beyond_the_exact_floats():
    numbers = pd.DataFrame({"a": [1, 5, 2**60, 2**60 + 1], "b": [0.5, 2.0, -1.0, np.nan]})
    texts = pd.DataFrame(
        {"a": ["+1", "5.", str(2**60), f" +{2**60 + 1}"], "b": [".5", "2.", "-1", "NaN"]}, dtype=object
    )
    mixed = texts.replace({"+1": "1.0", "5.": "x"})
    assert same_rows([numbers, texts, mixed], ["a", "b"]).tolist() == [0, 1, 2, 3, 0, 1, 2, 3, 0, 4, 2, 3]
    assert same_rows([pd.DataFrame({"a": ["1e999", "+inf", "1e999", "99999999999999999999"]})], ["a"]).tolist() == [
        *(0, 1, 0, 2)
    ]


def test_text_is_compared_without_the_blanks_at_its_ends_and_missing_equals_missing():
    frame = pd.DataFrame({"a": ["x", " x", "X", None, "", "NA", np.nan], "b": [1.0] * 7})
    assert same_rows([frame], ["a", "b"]).tolist() == [0, 0, 1, 2, 2, 2, 2]
    # A table that lacks a column has missing cells there.
    assert same_rows([frame.iloc[:4], frame[["b"]]], ["a", "b"]).tolist() == [0, 0, 1, *[2] * 8]


def test_dates_true_and_false_and_large_numbers_equal_their_text():
    day = datetime.date(2024, 1, 31)
    typed = pd.DataFrame({"a": pd.to_datetime([day, day]), "b": [True, False], "c": [2**60, 2**60 + 1]})
    text = pd.DataFrame({"a": ["2024-01-31"] * 2, "b": ["true", "FALSE"], "c": [2**60, 2**60 + 1]})
    assert same_rows([typed, text], ["a", "b", "c"]).tolist() == [0, 1, 0, 1]


def test_the_order_of_the_columns_and_the_sign_of_zero_do_not_matter():
    frame = pd.DataFrame({"a": [0.0, -0.0, 1.0], "b": ["x", "x", "x"]})
    assert same_rows([frame, frame[["b", "a"]]], ["a", "b"]).tolist() == [0, 0, 1, 0, 0, 1]
    swapped = pd.DataFrame({"a": [1, 2], "b": [2, 1]})
    assert same_rows([swapped], ["a", "b"]).tolist() == [0, 1]


def test_row_numbers_keys_and_names_are_not_compared():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "row": np.arange(300),
            "key": [f"k{index}" for index in range(300)],
            "name": [f"name {index}" for index in rng.integers(0, 250, 300)],
            "size": rng.normal(size=300),
            "cost": [f"${value:,.2f}" for value in rng.normal(2_000, 500, 300)],
            "day": pd.date_range("2020-01-01", periods=300).strftime("%d.%m.%Y"),
            "kind": ["a", "b", "c"] * 100,
        }
    )
    assert compared_columns(frame, (), ()) == ["size", "cost", "day", "kind"]
    assert compared_columns(frame, ("size",), ("row",)) == ["row", "cost", "day", "kind"]


def test_equal_rows_with_different_identifiers_stay_in_one_part():
    rng = np.random.default_rng(0)
    half = pd.DataFrame({"size": rng.normal(size=60), "kind": rng.choice(["a", "b"], 60), "y": rng.normal(size=60)})
    frame = pd.concat([half, half], ignore_index=True)
    frame.insert(0, "id", rng.permutation(9_000)[:120])
    table = prepare(frame, "y", task="regression")
    part = np.empty(120, dtype=object)
    for name, rows in table.parts.items():
        part[rows] = name
    assert (part[:60] == part[60:]).all()
    np.testing.assert_array_equal(table.units[:60], table.units[60:])
