"""Numbers written as people write them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.helpers.tables import kinds
from toolkit.common.errors import DataError
from toolkit.data.column_kinds import infer
from toolkit.data.columns import Column
from toolkit.data.new_rows import coerce
from toolkit.data.prepare import prepare

NUMBERS = np.random.default_rng(0).normal(2_500, 1_500, 60).clip(3).round(2)


HUNDREDS = np.random.default_rng(1).permutation(np.arange(1_000, 5_000, 100.0))


def european(value: float, *, thousands: str = ".") -> str:
    return f"{value:,.2f}".replace(",", "_").replace(".", ",").replace("_", thousands)


WAYS: dict[str, Callable[[float], str]] = {
    "american": lambda v: f"{v:,.2f}",
    "european": european,
    "blank": lambda v: f"{v:,.2f}".replace(",", " "),
    "non-breaking blank, comma": lambda v: european(v, thousands="\u00a0"),
    "thin blank": lambda v: f"{v:,.2f}".replace(",", "\u202f"),
    "swiss": lambda v: f"{v:,.2f}".replace(",", "'"),
    "swiss, curly": lambda v: f"{v:,.2f}".replace(",", "’"),
    "decimal comma": lambda v: f"{v:.2f}".replace(".", ","),
    "dollar": lambda v: f"${v:,.2f}",
    "dollar and blank": lambda v: f"$ {v:.2f}",
    "euro": lambda v: f"{european(v)} €",
    "code before": lambda v: f"USD {v:,.2f}",
    "code behind": lambda v: f"{european(v)} EUR",
    "pound": lambda v: f"£{v:.2f}",
    "percent": lambda v: f"{v:.2f}%",
    "percent and blank": lambda v: f"{v:.2f} %".replace(".", ","),
    "unit": lambda v: f"{v:.2f} kg",
    "unit without blank": lambda v: f"{v:.2f}°C",
    "unit with slash": lambda v: f"{v:.2f} km/h",
    "quotes": lambda v: f'"{v:.2f}"',
    "apostrophe before": lambda v: f"'{v:.2f}",
    "blanks at the ends": lambda v: f"  {v:.2f}\t",
    "plus": lambda v: f"+{v:.2f}",
    "exponent": lambda v: f"{v:.6e}",
    "exponent and comma": lambda v: f"{v:.6e}".replace(".", ","),
}


@pytest.mark.parametrize("way", WAYS)
def test_numbers_are_read_however_they_are_written_and_it_is_noted(way):
    texts = [WAYS[way](value) for value in NUMBERS]
    column, values, notes = infer(pd.Series(texts), "x")
    assert column is not None
    assert column.kind == "number"
    np.testing.assert_allclose(values, NUMBERS, rtol=1e-12)
    assert len(notes) == 1
    assert notes[0].startswith("'x' is text that holds numbers: read as numbers")
    # New rows are read in the same way, and a saved column reads them like the one that was saved.
    again = Column.from_dict(column.to_dict())
    np.testing.assert_array_equal(coerce(pd.DataFrame({"x": texts[:5]}), [again], ["x"], "new")["x"], values[:5])


@pytest.mark.parametrize(
    "write",
    [
        lambda v: f"({abs(v):,.2f})" if v < 0 else f"{v:,.2f}",
        lambda v: f"(${abs(v):,.2f})" if v < 0 else f"${v:,.2f}",
        lambda v: f"$({abs(v):,.2f})" if v < 0 else f"${v:,.2f}",
        lambda v: f"-${abs(v):,.2f}" if v < 0 else f"${v:,.2f}",
        lambda v: f"$-{abs(v):,.2f}" if v < 0 else f"${v:,.2f}",
        lambda v: f"{v:,.2f}".replace("-", "−"),
        lambda v: f"{abs(v):,.2f}-" if v < 0 else f"{v:,.2f}",
        lambda v: f"- {abs(v):,.2f}" if v < 0 else f"{v:,.2f}",
    ],
)
def test_negative_numbers_are_read_however_they_are_written(write):
    numbers = NUMBERS - 2_500
    _, values, _ = infer(pd.Series([write(value) for value in numbers]), "x")
    np.testing.assert_allclose(values, numbers.round(2), rtol=1e-9, atol=1e-9)


def whole(values: np.ndarray, mark: str) -> list[str]:
    return [f"{value:,.0f}".replace(",", mark) for value in values]


@pytest.mark.parametrize("mark", [",", "."])
def test_marks_before_three_digits_separate_thousands_where_smaller_numbers_have_none(mark):
    numbers = np.arange(200, 5_000, 80.0)
    _, values, _ = infer(pd.Series(whole(numbers, mark)), "x")
    np.testing.assert_array_equal(values, numbers)


@pytest.mark.parametrize("mark", [",", "."])
@pytest.mark.parametrize("proof", ["1#234#567", "1#234@5"])
def test_one_cell_with_two_marks_proves_that_they_separate_thousands(mark, proof):
    other = "." if mark == "," else ","
    texts = [*whole(np.arange(1_000, 5_000, 80.0), mark), proof.replace("#", mark).replace("@", other)]
    _, values, _ = infer(pd.Series(texts), "x")
    assert values[:2].tolist() == [1_000, 1_080]
    assert values[-1] == float(proof.replace("#", "").replace("@", "."))


@pytest.mark.parametrize("proof", ["0#123", "12#5", "1234#567", "#5"])
def test_cells_that_can_be_no_thousands_prove_a_decimal_comma(proof):
    texts = [*["4,942", "5,312", "17,648"] * 10, *[proof.replace("#", ",")] * 4]
    _, values, _ = infer(pd.Series(texts), "x")
    assert values[:3].tolist() == [4.942, 5.312, 17.648]


def test_a_slip_in_a_column_of_thousands_is_an_odd_cell():
    _, values, notes = infer(pd.Series([*whole(np.arange(200, 9_000, 40.0), ","), "3,5"]), "x")
    assert values[-2] == 8_960
    assert np.isnan(values[-1])
    assert any("'3,5' in row 221" in note for note in notes)


def two_columns(tmp_path: Path, header: str, *columns: list[str], sep: str = ";") -> Path:
    path = tmp_path / "two.csv"
    rows = [sep.join(cells) for cells in zip(*columns, ["ab"[index % 2] for index in range(40)], strict=True)]
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def test_a_doubt_is_decided_by_the_other_columns_of_the_table(tmp_path):
    doubtful = whole(HUNDREDS, ",")
    with_comma = [f"{value:.2f}".replace(".", ",") for value in NUMBERS[:40]]
    path = two_columns(tmp_path, "price;size;y", doubtful, with_comma)
    table = prepare(path, "y", task="binary")
    assert table.features.frame["price"].max() == 4.9
    assert any("'price' holds numbers such as" in note for note in table.notes)
    with_point = [f"{value:.2f}" for value in NUMBERS[:40]]
    table = prepare(two_columns(tmp_path, "price;size;y", doubtful, with_point), "y", task="binary")
    assert table.features.frame["price"].max() == 4_900
    points = whole(HUNDREDS, ".")
    table = prepare(two_columns(tmp_path, "price;size;y", points, with_comma), "y", task="binary")
    assert table.features.frame["price"].max() == 4_900


def test_a_doubt_that_nothing_decides_is_an_error_that_names_the_options(tmp_path):
    doubtful = whole(HUNDREDS, ",")
    path = two_columns(tmp_path, "price;size;y", doubtful, [str(index % 7) for index in range(40)])
    with pytest.raises(
        DataError, match=r"column 'price': '.,.00' can be ..00 or .\..00, and nothing.*thousands=',' or decimal=','"
    ):
        prepare(path, "y", task="binary")
    by_option = [
        prepare(path, "y", task="binary", **options)
        for options in ({"thousands": ","}, {"decimal": ","}, {"decimal": "."})
    ]
    assert [table.features.frame["price"].max() for table in by_option] == [4_900, 4.9, 4_900]


def test_a_doubt_is_decided_by_commas_between_the_cells(tmp_path):
    small = [str(index % 7) for index in range(40)]
    path = two_columns(tmp_path, "price,size,y", [f'"{cell}"' for cell in whole(HUNDREDS, ",")], small, sep=",")
    table = prepare(path, "y", task="binary")
    assert table.features.frame["price"].max() == 4_900
    assert any("'.' is taken for their decimal mark, since commas separate the cells" in note for note in table.notes)
    path = two_columns(tmp_path, "price,size,y", whole(HUNDREDS, "."), small, sep=",")
    table = prepare(path, "y", task="binary")
    assert table.features.frame["price"].max() == 4.9
    assert not any("decimal mark" in note for note in table.notes)
    path = two_columns(tmp_path, "price;size;y", whole(HUNDREDS, "."), small)
    table = prepare(path, "y", task="binary")
    assert table.features.frame["price"].max() == 4.9
    assert any("If it separates thousands, add thousands='.'" in note for note in table.notes)


def test_versions_ranges_and_addresses_are_no_numbers_and_disturb_no_other_column(tmp_path):
    prices = [european(value) for value in NUMBERS[:40]]
    versions = [f"{index % 3}.{index % 2}.{index % 5}" for index in range(40)]
    ranges = [f"{index % 3}-{index % 3 + 1}" for index in range(40)]
    path = two_columns(tmp_path, "price;version;range;y", prices, versions, ranges)
    table = prepare(path, "y", task="binary")
    assert kinds(table) == {"price": "number", "version": "category", "range": "category"}
    np.testing.assert_allclose(np.sort(table.features.frame["price"]), np.sort(NUMBERS[:40]))


def test_a_plain_column_of_a_text_file_has_no_note(tmp_path):
    path = two_columns(
        tmp_path, "a,b,y", [str(index % 9) for index in range(40)], [str(v) for v in NUMBERS[:40]], sep=","
    )
    assert not [note for note in prepare(path, "y", task="binary").notes if "'a' " in note or "'b' " in note]


def test_two_currencies_in_one_column_are_no_numbers():
    texts = [f"{'$€'[index % 2]}{value:.2f}" for index, value in enumerate(NUMBERS)]
    column = infer(pd.Series(texts), "x")[0]
    assert column is not None
    assert column.kind == "category"


@pytest.mark.parametrize("end", ["½", "¼", "²", "³", "⅓"])
def test_a_fraction_or_a_power_behind_a_number_is_no_unit(end):
    column = infer(pd.Series([f"{value:.0f}{end}" for value in NUMBERS]), "x")[0]
    assert column is not None
    assert column.kind == "category"
    squared = infer(pd.Series([f"{value:.0f} m²" for value in NUMBERS]), "x")[0]
    assert squared is not None
    assert squared.kind == "number"


def test_cells_that_lack_the_unit_of_the_others_are_shown():
    rates = [f"{value / 100:.1f}%" if index % 4 else f"{value / 10_000:.3f}" for index, value in enumerate(NUMBERS)]
    notes = infer(pd.Series(rates), "rate")[2]
    assert len(notes) == 1
    assert f"'{rates[0]}' without '%' is {float(rates[0]):.15g})" in notes[0]
    zeros = ["0" if index % 4 == 0 else rate for index, rate in enumerate(rates)]
    assert "without" not in infer(pd.Series(zeros), "rate")[2][0]
