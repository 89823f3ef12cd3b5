"""Codes and levels: the spelling by which they are known."""

from __future__ import annotations

import pathlib

import numpy as np
import pandas as pd
import pytest

from toolkit.data.column_kinds import infer
from toolkit.data.columns import Column
from toolkit.data.new_rows import coerce
from toolkit.data.prepare import prepare


def levels_of(cells: list[object], *, category: bool = False) -> tuple[Column, list[object], list[str]]:
    column, values, notes = infer(pd.Series(cells, dtype=object), "x", category=category)
    assert column is not None
    assert column.kind == "category"
    return column, sorted(set(values)), notes


def read_again(column: Column, cells: object) -> list[object]:
    saved = Column.from_dict(column.to_dict())
    return coerce(pd.DataFrame({"x": cells}), [saved], ["x"], "new")["x"].tolist()


@pytest.mark.parametrize(
    "codes", [["01234", "00501", "90210", "1234"], ["1E5", "100000", "2E3"], ["1", "01", "1.0", "+1"], ["1.10", "1.1"]]
)
def test_codes_keep_their_spelling_as_categories(codes):
    column, levels, _ = levels_of(codes * 10, category=True)
    assert levels == sorted(codes)
    assert read_again(column, codes) == codes


def test_codes_of_a_file_with_leading_zeros_are_categories_and_it_is_noted(tmp_path: pathlib.Path):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"zip": rng.choice(["01234", "00501", "90210"], 90), "size": rng.normal(size=90)})
    frame["y"] = rng.choice(["a", "b"], 90)
    for data in (frame, tmp_path / "t.csv"):
        frame.to_csv(tmp_path / "t.csv", index=False)
        table = prepare(data, "y", task="binary")
        assert set(table.features.frame["zip"]) == {"01234", "00501", "90210"}
        assert any("'zip' holds codes with leading zeros" in note for note in table.notes)


def test_one_number_with_leading_zeros_makes_no_codes():
    column, values, _ = infer(pd.Series([*map(str, range(100, 160)), "007"]), "x")
    assert column is not None
    assert (column.kind, values[-1]) == ("number", 7)


@pytest.mark.parametrize(
    ("training", "new"),
    [(["1", "2", "x"], [1, 2.0, "x"]), ([1, 2, "x"], ["1", "2.0", "x"]), (["1.0", "2.0", "x"], [1, "2", "x"])],
)
def test_the_same_level_is_known_whether_it_comes_as_number_or_text(training, new):
    column, levels, _ = levels_of(training * 10)
    assert levels == ["1", "2", "x"]
    assert read_again(column, new) == ["1", "2", "x"]


def test_numbers_of_a_typed_frame_as_categories_equal_their_text():
    column, levels, _ = levels_of([50667, 10115, 20095] * 10, category=True)
    assert levels == ["10115", "20095", "50667"]
    assert read_again(column, ["50667", " 10115", "20095.0"]) == ["50667", "10115", "20095"]
    assert read_again(column, [50667.0, 10115.0, np.nan]) == ["50667", "10115", None]


def test_codes_with_leading_zeros_are_known_when_the_type_of_other_cells_changes():
    column, _, _ = levels_of(["01", "02", "10"] * 10)
    assert read_again(column, ["01", "10", "1"]) == ["01", "10", "1"]
    assert read_again(column, [10, 1, 2]) == ["10", "1", "2"]


@pytest.mark.parametrize(
    ("cells", "levels"),
    [
        ([b"a", b"b "], ["a", "b"]),
        ([np.bytes_(b"a"), np.bytes_(b"\xff")], ["a", "�"]),
        (list(pd.cut([1, 2, 3, 4], 2)), ["(0.997, 2.5]", "(2.5, 4.0]"]),
    ],
)
def test_bytes_and_intervals_are_categories(cells, levels):
    column, found, _ = levels_of(cells * 10)
    assert found == levels
    assert read_again(column, levels) == levels


def test_a_column_cut_by_pandas_is_a_category():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.normal(size=80), "y": rng.choice(["a", "b"], 80)})
    frame["band"] = pd.cut(frame["x"], 4)
    table = prepare(frame, "y", task="binary")
    assert {column.name: column.kind for column in table.features.columns} == {"x": "number", "band": "category"}


def test_levels_that_differ_only_in_case_or_blanks_are_reported():
    _, levels, notes = levels_of(["Red", "red", " red", "deep  blue", "deep blue"] * 10)
    assert levels == ["Red", "deep  blue", "deep blue", "red"]
    assert len(notes) == 1
    assert "'x' differ only in case or blanks ('Red' and 'red', and 1 more group)" in notes[0]


@pytest.mark.parametrize("cells", [[10**400, 1, 2], [10**400, "a", "b"], [float("1e300"), "a", "b"]])
def test_numbers_of_any_size_are_levels_or_odd_cells(cells):
    column, values, _ = infer(pd.Series(cells * 10, dtype=object), "x")
    assert column is not None
    assert len(values) == 30


def test_files_saved_before_spelling_was_kept_read_levels_as_before():
    saved = Column.from_dict({"name": "x", "kind": "category", "format": None})
    assert coerce(pd.DataFrame({"x": ["01", "1.0", 1, "true"]}), [saved], ["x"], "new")["x"].tolist() == [
        "1",
        "1",
        "1",
        "True",
    ]
