"""Files as spreadsheets, statistics programs, databases and sensors export them, read from bytes to columns."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import pytest

from toolkit.common.errors import DataError
from toolkit.data.prepare import prepare

N = 120
_RANDOM = np.random.default_rng(3)
PRICE = _RANDOM.integers(9_000, 900_000, N) / 10
COUNT = _RANDOM.integers(1, 3_000, N)
WORD = _RANDOM.choice(["café", "thé", "eau"], N)
CITY = _RANDOM.choice(["Rome", "Oslo", "Bonn"], N)
Y = np.where(PRICE > 40_000, "yes", "no")
DAYS = pd.date_range("2023-01-01", periods=N)
ISO, GERMAN, AMERICAN, FRENCH = (
    [day.strftime(form) for day in DAYS] for form in ("%Y-%m-%d", "%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y")
)
NAMES = ["price", "count", "word", "day", "y"]
EVERY_FIFTH = np.arange(N) % 5 == 0
SIGNED = np.where(EVERY_FIFTH, -PRICE, PRICE)


def european(number):
    return f"{number:,.1f}".replace(",", "_").replace(".", ",").replace("_", ".")


def table(*columns, names=NAMES, sep=",", end="\n"):
    rows = [names, *zip(*columns, strict=True)] if names else list(zip(*columns, strict=True))
    return "".join(sep.join(map(str, row)) + end for row in rows)


PLAIN = table(PRICE, COUNT, CITY, ISO, Y)
ROWS = table(PRICE, COUNT, CITY, ISO, Y, names=None)
IN_COMMAS = [str(price).replace(".", ",") for price in PRICE]
QUOTED = [[f'"{cell}"' for cell in cells] for cells in (range(1, N + 1), PRICE, COUNT, CITY, ISO, Y)]

# What the file is: its bytes, the right numbers in price (None: not checked), and what the notes must say.
FILES = {
    "German spreadsheet": (
        table([*map(european, PRICE)], COUNT, WORD, GERMAN, Y, sep=";", end="\r\n").encode("cp1252"),
        PRICE,
        ["was read as cp1252", "separated by ';'", "'price' is text that holds numbers"],
    ),
    "American spreadsheet": (
        table([f'"${price:,.2f}"' for price in PRICE], [f'"{n:,}"' for n in COUNT], CITY, AMERICAN, Y).encode(
            "utf-8-sig"
        ),
        PRICE,
        ["'$"],
    ),
    "Unicode text": (
        ("Report\r\n\r\n" + table(PRICE, COUNT, CITY, ISO, Y, sep="\t", end="\r\n")).encode("utf-16"),
        PRICE,
        ["separated by tabs", "above the column names was skipped ('Report')"],
    ),
    "old Mac": (
        table(IN_COMMAS, COUNT, WORD, FRENCH, Y, sep=";", end="\r").encode("mac-roman"),
        PRICE,
        ["read as mac-roman"],
    ),
    "R write.table": (table(*QUOTED, names=[f'"{name}"' for name in NAMES], sep=" "), PRICE, ["'row name'", "blanks"]),
    "R write.csv2": (
        table(QUOTED[0], IN_COMMAS, *QUOTED[2:], names=['""', *NAMES], sep=";"),
        PRICE,
        ["separated by ';'"],
    ),
    "SPSS": (
        table(
            ["#NULL!" if i == 7 else p for i, p in enumerate(PRICE)],
            COUNT,
            CITY,
            ISO,
            Y,
            [""] * N,
            names=[*NAMES, ""],
            sep="\t",
        ),
        None,
        ["1 empty column was left out", "'#NULL!'"],
    ),
    "Stata": (
        table(
            ["." if i % 9 == 0 else p for i, p in enumerate(PRICE)],
            COUNT,
            CITY,
            [day.strftime("%d%b%Y").lower() for day in DAYS],
            Y,
        ),
        None,
        ["14 cells ('.') missing"],
    ),
    "MySQL": (
        table([r"\N" if i % 9 == 0 else p for i, p in enumerate(PRICE)], COUNT, CITY, ISO, Y, sep="\t"),
        None,
        [],
    ),
    "psql": (
        " price | count | word | day | y\n-------+---+---+---+---\n"
        + table(PRICE, COUNT, CITY, ISO, Y, names=None, sep=" | ")
        + f"({N} rows)\n",
        PRICE,
        [f"('({N} rows)')"],
    ),
    "SAP": (
        table([f" {european(abs(p))}{'-' if p < 0 else ' '}" for p in SIGNED], COUNT, CITY, GERMAN, Y, sep="|"),
        SIGNED,
        ["separated by '|'"],
    ),
    "sensor": (f"# logger\n# 10 min\n{PLAIN}# end\n", PRICE, ["first 2 lines", "1 comment line within"]),
    "sensor with units": (
        f"price,count,word,day,y\nEUR,pieces,,,\n{ROWS}",
        PRICE,
        ["as units or a second header ('EUR', 'pieces')"],
    ),
    "cut off": (PLAIN[:-22], PRICE[:-1], ["is cut off and was skipped"]),
    "separator line": (("sep=;\n" + table(IN_COMMAS, COUNT, CITY, GERMAN, Y, sep=";")).encode("utf-8-sig"), PRICE, []),
    "fixed width": (
        "".join("  ".join(cell.rjust(12) for cell in line.split(",")) + "\n" for line in PLAIN.split("\n")[:-1]),
        PRICE,
        ["separated by blanks"],
    ),
    "Chinese": (
        table(PRICE, COUNT, _RANDOM.choice(["北京", "上海", "广州"], N), ISO, Y).encode("gb18030"),
        PRICE,
        ["gb18030"],
    ),
    "Japanese": (
        table(PRICE, COUNT, _RANDOM.choice(["東京", "大阪", "なごや"], N), ISO, Y).encode("shift_jis"),
        PRICE,
        ["shift_jis"],
    ),
    "Swiss": (table([f"{p:,.1f}".replace(",", "'") for p in PRICE], COUNT, WORD, GERMAN, Y, sep=";"), PRICE, []),
    "French": (
        table([f"{p:,.1f} €".replace(",", "\u202f").replace(".", ",") for p in PRICE], COUNT, WORD, FRENCH, Y, sep=";"),
        PRICE,
        ["€"],
    ),
    "one bad byte": (
        table(PRICE, COUNT, WORD, ISO, Y).encode().replace("thé".encode(), b"th\xe9", 1),
        PRICE,
        ["1 cell of 'word'"],
    ),
    "spreadsheet errors": (
        table(["#DIV/0!" if i in (5, 80) else p for i, p in enumerate(PRICE)], COUNT, CITY, ISO, Y),
        None,
        ["2 cells ('#DIV/0!' in rows "],
    ),
    "pandas with its index": (pd.read_csv(io.StringIO(PLAIN)).to_csv(), PRICE, []),
    "two files in one": (PLAIN + "\n" + PLAIN, np.r_[PRICE, PRICE], ["repeats the column names"]),
    "accountant": (table([f"({-p})" if p < 0 else p for p in SIGNED], COUNT, CITY, ISO, Y), SIGNED, ["is -"]),
    "typesetter": (table([f"\u2212{p}" for p in PRICE], COUNT, CITY, ISO, Y), -PRICE, []),
    "total below": (f"{PLAIN}Total,{COUNT.sum()},,,\n", PRICE, ["no row of the table ('Total')"]),
    "short row": (f"{PLAIN}1,2\n{ROWS}", None, ["1 row of t.csv has fewer cells"]),
    "notes over lines": (
        table(PRICE, COUNT, CITY, ISO, Y, ['"line 1\n""line"" 2"'] * N, names=[*NAMES, "note"]),
        PRICE,
        [],
    ),
    "carets": (PLAIN.replace(",", "^"), PRICE, ["separated by '^'"]),
    "blanks around cells": (PLAIN.replace(",", " , ").replace("Rome", '"Rome "'), PRICE, []),
    "everything quoted": (
        table(
            *[[f'"{c}"' for c in cells] for cells in (IN_COMMAS, COUNT, CITY, GERMAN, Y)],
            names=[f'"{name}"' for name in NAMES],
            sep=";",
        ),
        PRICE,
        [],
    ),
}


@pytest.mark.parametrize("what", FILES)
def test_an_exported_file_is_read_as_intended_and_what_is_unusual_is_reported(tmp_path, what):
    content, price, says = FILES[what]
    (tmp_path / "t.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    data = prepare(tmp_path / "t.csv", "y", task="binary")
    kinds = {column.name: column.kind for column in data.features.columns}
    assert {name: kinds.get(name) for name in NAMES[:4]} == {
        "price": "number",
        "count": "number",
        "word": "category",
        "day": "date",
    }
    if price is not None:
        np.testing.assert_allclose(data.features.frame["price"].to_numpy(), price, atol=0.051)
    for text in says:
        assert text in " ".join(data.notes)


def test_a_file_without_column_names_is_read_and_its_columns_numbered(tmp_path):
    (tmp_path / "t.data").write_text(ROWS)
    data = prepare(tmp_path / "t.data", "column 5", task="binary")
    assert [column.kind for column in data.features.columns] == ["number", "number", "category", "date"]
    assert len(data.features) == N
    assert "t.data has no column names" in " ".join(data.notes)


def test_a_cell_that_holds_the_separator_is_an_error_that_names_its_row(tmp_path):
    (tmp_path / "t.csv").write_text(f"{PLAIN}1,2,Rome, Italy,2020-01-01,yes\n")
    with pytest.raises(DataError, match=rf"row {N + 1} has more cells than the header.*quotation marks.*sep="):
        prepare(tmp_path / "t.csv", "y", task="binary")
