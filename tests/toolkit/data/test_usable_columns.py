"""Which columns are set aside."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tests.helpers.people import people
from tests.helpers.tables import kinds, repeated, typed
from toolkit.common.errors import DataError
from toolkit.data.prepare import prepare


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
    assert table.set_aside["name"].startswith("text with only a few rows for each value")
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


def test_a_missing_cell_in_a_test_row_does_not_change_what_a_column_of_long_numbers_is():
    frame = pd.DataFrame({"code": [str(10**17 + 7 * row) for row in range(60)], "a": np.arange(60) ** 2 % 31})
    table = prepare(frame.assign(y=np.arange(60.0) ** 2), "y", task="regression")
    frame.loc[table.parts["test"][0], "code"] = None
    again = prepare(frame.assign(y=np.arange(60.0) ** 2), "y", task="regression")
    assert again.set_aside == table.set_aside
    assert table.set_aside["code"].startswith("a row number")


def test_a_column_of_decimal_points_says_which_option_made_it_text():
    frame = pd.DataFrame({"a": [f"{row}.5" for row in range(60)], "b": [f"{row + 1}.250" for row in range(60)]})
    table = prepare(frame.assign(y=np.arange(60.0)), "y", task="regression", thousands=".")
    assert table.set_aside["a"].endswith("its numbers have a decimal point, and thousands='.' was asked for")
