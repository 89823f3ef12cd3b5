"""Row numbers, identifiers, and columns that repeat."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from toolkit.data.dataset import SplitData
from toolkit.data.prepare import prepare

ROWS = 200


def with_column(name: str, cells: Any, **options: Any) -> SplitData:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"size": rng.normal(size=ROWS), name: cells, "y": rng.normal(size=ROWS)})
    return prepare(frame, "y", task="regression", **options)


def numbers(*, ordered: bool) -> np.ndarray:
    chosen = np.random.default_rng(1).choice(10_000, ROWS, replace=False)
    return np.sort(chosen) if ordered else chosen


@pytest.mark.parametrize("form", [int, float, str, "Int64", "float32", "uint64"])
@pytest.mark.parametrize("name", ["a", "id", "Unnamed: 0"])
def test_whole_numbers_that_rise_from_row_to_row_are_row_numbers(form, name):
    table = with_column(name, pd.Series(numbers(ordered=True)).astype(form))
    assert table.set_aside[name].startswith("a row number")
    assert name not in table.features.frame


def test_a_row_number_says_how_to_use_it_and_keep_uses_it():
    table = with_column("a", numbers(ordered=True))
    assert table.set_aside == {
        "a": "a row number: its whole numbers rise from row to row (keep='a' uses it all the same)"
    }
    assert with_column("a", numbers(ordered=True), keep="a").set_aside == {}


@pytest.mark.parametrize("cells", [["total"], [None], [None, "n/a", "sum"]])
def test_a_row_number_may_have_a_few_odd_cells(cells):
    column = [*map(str, numbers(ordered=True))]
    column[-len(cells) :] = cells
    assert "a" in with_column("a", column).set_aside


@pytest.mark.parametrize("form", [int, float, str])
def test_numbers_without_a_gap_are_row_numbers_in_any_order(form):
    shuffled = pd.Series(np.random.default_rng(0).permutation(ROWS)).astype(form)
    assert with_column("a", shuffled).set_aside == {"a": "a row number: its whole numbers run on by one"}


@pytest.mark.parametrize(
    "name",
    [
        "id",
        "ID",
        "PatientID",
        "customer_id",
        "customerid",
        "passengerId",
        "order_no",
        "Phone",
        "index",
        "rownames",
        "key",
    ],
)
def test_different_whole_numbers_are_set_aside_where_the_name_says_so(name):
    assert "its name says so" in with_column(name, numbers(ordered=False)).set_aside[name]


@pytest.mark.parametrize("name", ["price", "population", "amount_paid", "humid", "grid", "a", "number"])
def test_different_whole_numbers_without_such_a_name_are_used_and_questioned(name):
    table = with_column(name, numbers(ordered=False))
    assert table.set_aside == {}
    assert f"'{name}' holds a different whole number in every row. If it only names the rows, add drop='{name}'." in (
        table.notes
    )


@pytest.mark.parametrize(
    ("name", "cells"),
    [
        ("year", np.arange(1_900, 1_900 + ROWS)),
        ("founded", np.arange(1_800, 1_800 + ROWS)),
        ("day", np.arange(ROWS) * 3),
        ("t", np.arange(ROWS)),
        ("timestamp", 1_577_836_800 + np.arange(ROWS) * 3_600),
        ("width", np.sort(np.random.default_rng(0).normal(size=ROWS))),
        ("key", np.random.default_rng(0).normal(size=ROWS)),
        ("age", np.sort(np.random.default_rng(0).integers(18, 90, ROWS))),
        ("id", np.random.default_rng(0).integers(0, 2, ROWS)),
    ],
)
def test_times_measures_and_repeated_numbers_are_used(name, cells):
    assert with_column(name, cells).set_aside == {}


def test_large_whole_numbers_are_told_apart_and_never_called_constant(tmp_path):
    large = np.random.default_rng(0).permutation(np.arange(ROWS, dtype=np.uint64)) * np.uint64(7) + np.uint64(2**63)
    assert "its name says so" in with_column("id", large).set_aside["id"]
    assert "constant" not in with_column("a", large).set_aside.get("a", "")
    assert with_column("a", np.sort(large)).set_aside["a"].startswith("a row number")
    frame = pd.DataFrame({"id": large, "size": np.random.default_rng(0).normal(size=ROWS), "y": ["a", "b"] * 100})
    frame.to_csv(tmp_path / "t.csv", index=False)
    assert "its name says so" in prepare(tmp_path / "t.csv", "y", task="binary").set_aside["id"]


QUESTION = "Does it name a person or thing that appears in several rows?"


@pytest.mark.parametrize(
    ("name", "cells"),
    [
        ("patient", np.random.default_rng(0).permutation(np.repeat(np.arange(40), 5))),
        ("user_id", [f"u{index}" for index in np.random.default_rng(0).permutation(np.repeat(np.arange(40), 5))]),
        ("customer name", np.random.default_rng(0).permutation(np.repeat([f"c{index}" for index in range(40)], 5))),
        ("plot", np.repeat(np.arange(40), 5)),
        ("plot", np.repeat(np.random.default_rng(0).permutation(40), 5)),
    ],
)
def test_names_that_repeat_raise_the_question_of_groups(name, cells):
    table = with_column(name, cells)
    assert any(
        note.startswith(f"'{name}' repeats: 40 different values in 200 rows. {QUESTION}") for note in table.notes
    )
    grouped = with_column(name, cells, group=name)
    assert not any(QUESTION in note for note in grouped.notes)


@pytest.mark.parametrize(
    ("name", "cells"),
    [
        ("age", np.random.default_rng(0).integers(18, 90, ROWS)),
        ("age", np.sort(np.random.default_rng(0).integers(18, 90, ROWS))),
        ("household_size", np.random.default_rng(0).integers(1, 9, ROWS)),
        ("user_type", ["a", "b"] * 100),
        ("year", np.repeat(np.arange(1_980, 2_020), 5)),
    ],
)
def test_measures_and_kinds_raise_no_question_of_groups(name, cells):
    assert not any(QUESTION in note for note in with_column(name, cells).notes)


def test_a_date_by_which_the_rows_are_sorted_raises_the_question_of_time():
    days = pd.date_range("2020-01-01", periods=ROWS)
    for cells in (days, days[::-1], days.strftime("%d.%m.%Y")):
        assert any(note.startswith("The rows are sorted by 'day'.") for note in with_column("day", cells).notes)
    shuffled = pd.Series(days).sample(frac=1, random_state=0).to_numpy()
    assert not any("sorted" in note for note in with_column("day", shuffled).notes)
    assert not any("sorted" in note for note in with_column("day", days, time="day").notes)


def test_a_measure_with_the_name_of_a_number_is_a_measure():
    nitric_oxide = np.random.default_rng(2).integers(5, 400, ROWS)
    assert "NO" in with_column("NO", nitric_oxide).features.frame
    assert with_column("No.", numbers(ordered=False)).set_aside["No."].startswith("an identifier")
