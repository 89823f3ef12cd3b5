"""Cells that are no numbers or dates in a column of numbers or dates."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tests.helpers.tables import kinds
from toolkit.common.errors import DataError
from toolkit.data.column_kinds import infer
from toolkit.data.dataset import SplitData
from toolkit.data.new_rows import coerce
from toolkit.data.prepare import prepare

WORDS = """
#DIV/0! #N/A #REF! #VALUE! #NAME? #NUM! #NULL! missing unknown n.d. n/a - -- . * *** ? <0.5 >100 <LOD ~12 12? 1O 1,2,3
1.2.3 12..5 1-2 3/4 12:61 0x1F 1_000 5kg €12$ abc NIL TBD ERR error none NULL 1e 1e999 2020-13-45 ½ +-5 ((5)) --5 5%
"""
PHRASES = ("see note", "not available", "below detection", "5 kg", "12 (est.)", "no data", "(blank)", "1 2", "x" * 300)
ODD_NUMBERS = (*WORDS.split(), *PHRASES)


def frame_of(rows: int, cell: str, row: int = 7) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    x = rng.normal(1500, 800, rows)
    cells = [f"{value:.2f}" for value in x]
    cells[row] = cell
    return pd.DataFrame({"x": cells, "z": rng.normal(size=rows), "y": np.where(x > 1500, "hi", "lo")})


@pytest.mark.parametrize("rows", [60, 400])
@pytest.mark.parametrize("cell", ODD_NUMBERS)
def test_one_odd_cell_leaves_a_column_of_numbers_with_one_missing_cell(cell, rows):
    frame = frame_of(rows, cell)
    table = prepare(frame, "y", task="binary")
    assert kinds(table) == {"x": "number", "z": "number"}
    back = np.argsort(table.source_rows)
    values = table.features.frame["x"].to_numpy()[back]
    assert np.flatnonzero(np.isnan(values)).tolist() == [7]
    np.testing.assert_array_equal(np.delete(values, 7), frame["x"].drop(7).astype(float))
    # The note names the cell: as a missing word with the others, or with its row.
    noted = " ".join(table.notes)
    assert "1 cell" in noted
    assert cell[:40] in noted


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("$12", 12),
        ("1,234.5", 1234.5),
        ("(12.5)", -12.5),
        ("12-", -12),
        ("−3", -3),
        ("+7", 7),
        ("\u00a05 ", 5),
        ("1e3", 1000),
    ],
)
def test_one_number_that_is_written_in_another_way_is_read(cell, value):
    table = prepare(frame_of(60, cell), "y", task="binary")
    values = table.features.frame["x"].to_numpy()[np.argsort(table.source_rows)]
    assert not np.isnan(values).any()
    assert values[7] == value


def parts_and_values(frame: pd.DataFrame) -> tuple[dict[str, np.ndarray], pd.DataFrame, SplitData]:
    table = prepare(frame, "y", task="binary")
    outside = np.setdiff1d(np.arange(table.rows), table.parts["test"])
    return table.parts, table.features.frame.iloc[outside], table


@pytest.mark.parametrize("cell", ["#DIV/0!", "see note", "1,5", "$12", "0012", "12.01.2024", "1.234.567", ""])
def test_an_odd_cell_in_a_test_row_changes_neither_the_split_nor_the_rows_outside_the_test_part(cell):
    frame = frame_of(120, "1")
    parts, before, table = parts_and_values(frame)
    frame.loc[table.source_rows[parts["test"][3]] - 1, "x"] = cell
    again, after, changed = parts_and_values(frame)
    for part, rows in parts.items():
        np.testing.assert_array_equal(rows, again[part])
    pd.testing.assert_frame_equal(before, after)
    assert table.features.columns == changed.features.columns


def test_odd_cells_of_the_users_own_test_table_are_missing_and_named():
    frame, test = frame_of(120, "1"), frame_of(60, "see note")
    test["z"] += 1
    plain = prepare(frame, "y", task="binary", test=frame_of(60, "5").assign(z=test["z"]))
    table = prepare(frame, "y", task="binary", test=test)
    pd.testing.assert_frame_equal(
        table.features.frame.iloc[table.parts["train"]], plain.features.frame.iloc[plain.parts["train"]]
    )
    assert table.features.frame["x"].iloc[table.parts["test"]].isna().sum() == 1
    assert (
        "1 cell of 'x' of the test DataFrame is not a number and counts as missing: 'see note' in row 8." in table.notes
    )


def test_up_to_three_cells_or_one_percent_are_missing_and_more_make_text():
    def kind(rows: int, odd: int) -> str | None:
        cells = [str(number) for number in np.random.default_rng(0).integers(0, 9_000, rows)]
        cells[:odd] = [f"soon {index}" for index in range(odd)]
        column = infer(pd.Series(cells), "x")[0]
        return None if column is None else column.kind

    assert [kind(60, odd) for odd in (3, 4)] == ["number", "category"]
    assert [kind(1_000, odd) for odd in (10, 11)] == ["number", "category"]


def test_a_word_that_repeats_in_a_short_column_is_a_level_and_one_that_repeats_in_a_long_column_is_odd():
    kinds = [infer(pd.Series([*map(str, range(rows)), "x", "x"]), "x")[0] for rows in (12, 60)]
    assert [column and column.kind for column in kinds] == ["category", "number"]


def test_a_column_set_aside_says_that_most_of_its_values_are_numbers():
    frame = frame_of(120, "soon")
    frame.loc[:10, "x"] = [f"see note {index}" for index in range(11)]
    table = prepare(frame, "y", task="binary")
    assert "values are numbers, but" in table.set_aside["x"]
    assert "see note" in table.set_aside["x"]


def test_words_for_missing_count_at_any_frequency_among_numbers_and_dates():
    numbers = pd.Series([*map(str, range(40)), *["unknown"] * 60])
    column, values, notes = infer(numbers, "x")
    assert column is not None
    assert column.kind == "number"
    assert np.isnan(values).sum() == 60
    assert notes == ["'x' is text that holds numbers: read as numbers, with 60 cells ('unknown') missing."]
    days = pd.Series([*pd.date_range("2024-01-01", periods=40).strftime("%d.%m.%Y"), *["-"] * 60])
    column, values, notes = infer(days, "x")
    assert column is not None
    assert column.kind == "date"
    assert np.isnat(values).sum() == 60
    assert "60 cells of 'x' ('-') count as missing." in notes


@pytest.mark.parametrize(
    "cell", ["0000-00-00", "2020-02-30", "soon", "31.02.2020", "0001-01-01", "12345", "-", "None", "#VALUE!"]
)
@pytest.mark.parametrize("format", ["%Y-%m-%d", "%d.%m.%Y", "%m/%d/%Y %I:%M %p", "%d-%b-%y"])
def test_one_odd_cell_leaves_a_column_of_dates_with_one_missing_cell(cell, format):
    days = pd.date_range("2020-01-03 03:07", periods=100, freq="37h")
    column, values, notes = infer(pd.Series([*days.strftime(format), cell]), "x")
    assert column is not None
    assert (column.kind, np.flatnonzero(np.isnat(values)).tolist()) == ("date", [100])
    assert any("1 cell of 'x'" in note and cell in note for note in notes)


def test_new_rows_may_hold_a_few_odd_cells_and_a_list_gets_the_sentences():
    column = infer(pd.Series(["1", "2", "3.5"]), "x")[0]
    assert column is not None
    notes: list[str] = []
    new = pd.DataFrame({"x": ["4", "soon", "5", "6", "unknown"]})
    frame = coerce(new, [column], ["x"], "new.csv", notes)
    np.testing.assert_array_equal(frame["x"], [4, np.nan, 5, 6, np.nan])
    assert notes == ["1 cell of 'x' of new.csv is not a number and counts as missing: 'soon' in row 2."]
    with pytest.raises(DataError, match=r"column 'x' of new.csv: row 1 holds 'a'; expected a number, as in training"):
        coerce(pd.DataFrame({"x": list("abcdef") + ["1"] * 20}), [column], ["x"], "new.csv")
    with pytest.raises(DataError, match="row 1 holds 'a'"):
        coerce(pd.DataFrame({"x": ["a"]}), [column], ["x"], "new.csv")


def test_infinite_cells_stay_an_error_in_every_part():
    frame = frame_of(60, "-inf")
    with pytest.raises(DataError, match=r"column 'x' of DataFrame holds infinite values \(row 8\)"):
        prepare(frame, "y", task="binary")
