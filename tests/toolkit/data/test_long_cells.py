"""Cells of many thousand characters cost no more time than their length: regular expressions don't backtrack."""

from __future__ import annotations

import contextlib
import time

import numpy as np
import pandas as pd
import pytest

from toolkit.common.errors import DataError
from toolkit.data.prepare import prepare
from toolkit.data.reading.rows import tidy_blanks

LENGTH = 40_000
PIECES = {
    "digits": "7",
    "digits of Arabic": "\u0661",
    "blanks": " ",
    "no-break blanks": "\u00a0",
    "commas": ",",
    "quotes": '"',
    "apostrophes": "'",
    "signs": "+-",
    "exponents": "1e5",
    "thousands": ",234",
    "points": "1.",
    "a unit": "1 kg",
    "times": "12:",
    "dates": "2020-01-01 ",
    "brackets": "([{",
    "lines": "\r",
}


def table(cell: str) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    numbers = [f"{value:.2f}" for value in rng.normal(size=60)]
    days = pd.date_range("2020-01-01", periods=60).strftime("%Y-%m-%d").tolist()
    columns = {"number": numbers, "date": days, "text": ["red", "green", "blue"] * 20, "y": ["yes", "no"] * 30}
    return pd.DataFrame({name: [*cells[:-1], cell] if name != "y" else cells for name, cells in columns.items()})


@pytest.mark.parametrize("name", PIECES)
def test_a_long_cell_is_read_in_time_that_grows_with_its_length(name, tmp_path):
    start = time.perf_counter()
    for before, after in (("", ""), ("1", "x!"), ("-7.5", "((")):
        cell = before + PIECES[name] * (LENGTH // len(PIECES[name])) + after
        for data in (table(cell), tmp_path / "long.csv"):
            if not isinstance(data, pd.DataFrame):
                table(cell).to_csv(data, index=False)
            with contextlib.suppress(DataError):
                prepare(data, "y", task="binary").preprocess()
    # With one expression that backtracks, six such tables take a minute and more.
    assert time.perf_counter() - start < 10


def test_blanks_inside_a_line_are_not_mistaken_for_its_end():
    assert tidy_blanks("  a \t b  \n c" + " " * LENGTH + "d\n") == "a b\nc d\n"
