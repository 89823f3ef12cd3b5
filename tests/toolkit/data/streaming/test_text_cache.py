"""Text converted to Parquet once."""

from __future__ import annotations

import gzip
import os
import stat
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest

from toolkit import DataError
from toolkit.common.files import locked
from toolkit.data.read import read
from toolkit.data.reading_options import ReadingOptions
from toolkit.data.streaming.text_cache import cached_tables, clear, converted, folder


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "table.csv"
    file.write_text("a;b;y\n" + "".join(f"{number};x {number};{number % 2}\n" for number in range(300)) + "?;;1\n")
    return file


def frame_of(groups):
    return pd.concat([frame for group in groups.groups for _, frame in groups.batches(group, 64)], ignore_index=True)


def convert(path, **options):
    return converted(path, ReadingOptions(**options), ["y"])


def test_the_cells_are_those_of_the_text_and_plain_numbers_are_numbers(tmp_path):
    path = tmp_path / "cells.csv"
    lines = [
        f"{number},x {number},0{number},{number}00000000000000000,1.{number:03},{number % 2}" for number in range(200)
    ]
    path.write_text("\n".join(["number,word,code,large,doubt,y", *lines, ",,,,,1"]) + "\n")
    groups = convert(path)
    assert groups.rows == 201
    assert groups.from_text
    found, expected = frame_of(groups), read(path, expected_names=["y"]).frame
    assert found["number"].dtype == float
    np.testing.assert_array_equal(found["number"], expected["number"].astype(float))
    for name in ("word", "code", "large", "doubt", "y"):
        assert found[name].fillna("").tolist() == expected[name].fillna("").tolist()


def test_it_is_done_once_and_again_when_the_file_or_the_options_change(path):
    first = convert(path).groups[0].path
    before = first.stat().st_mtime_ns
    assert convert(path).groups[0].path.stat().st_mtime_ns == before
    with path.open("a") as file:
        file.write("7;new;0\n")
    assert convert(path).rows == 302
    assert convert(path).groups[0].path == first
    os.utime(path, (1, 1))
    renewed = first.stat().st_mtime_ns
    assert convert(path).groups[0].path.stat().st_mtime_ns > renewed
    other = convert(path, na_values=["x 3"])
    assert other.groups[0].path != first
    assert frame_of(other)["b"].isna().sum() == 2


def test_a_table_is_converted_while_another_one_is(path, tmp_path):
    lock = convert(path).groups[0].path.with_suffix(".lock")
    assert not lock.exists()
    lock.mkdir()
    other = tmp_path / "other.csv"
    other.write_text(path.read_text())
    path.write_text(path.read_text() + "7;new;0\n")
    with ThreadPoolExecutor() as threads:
        with locked(lock):
            assert threads.submit(convert, other).result(timeout=60).rows == 301
            waiting = threads.submit(convert, path)
            with pytest.raises(TimeoutError):
                waiting.result(timeout=0.5)
        assert waiting.result(timeout=60).rows == 302
    clear()
    assert list(folder().iterdir()) == []


def test_nobody_else_can_read_it_and_it_can_be_shown_and_removed(path):
    file = convert(path).groups[0].path
    assert stat.S_IMODE(folder().stat().st_mode) == 0o700
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    (table,) = cached_tables()
    assert (table.path, table.source) == (file, str(path))
    assert clear() == table.size
    assert cached_tables() == []
    assert clear() == 0


def test_a_damaged_conversion_is_replaced(path):
    file = convert(path).groups[0].path
    file.write_bytes(b"PAR1 nonsense")
    assert convert(path).rows == 301


def test_files_of_a_folder_and_packed_ones_are_joined(tmp_path):
    for number in range(2):
        with gzip.open(tmp_path / f"part-{number}.csv.gz", "wt") as file:
            file.write("a,y\n" + f"{number},1\n" * 5)
    assert frame_of(convert(tmp_path / "*.csv.gz"))["a"].tolist() == [0.0] * 5 + [1.0] * 5


def test_a_full_disk_is_said_before_anything_is_written(tmp_path):
    path = tmp_path / "huge.csv"
    path.write_text("a,y\n1,2\n")
    os.truncate(path, 10**13)  # a hole, which takes no room itself
    with pytest.raises(DataError, match=r"converting huge\.csv to Parquet may take 9,313 GiB"):
        convert(path)
    assert cached_tables() == []


def test_an_empty_file_is_refused(tmp_path):
    path = tmp_path / "none.csv"
    path.write_text("")
    with pytest.raises(DataError, match=r"none\.csv is empty"):
        convert(path)
    assert cached_tables() == []


def test_a_disk_that_fills_up_meanwhile_leaves_nothing(path, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pyarrow.parquet.ParquetWriter.write_table", full)
    with pytest.raises(DataError, match=r"table\.csv can't be converted to .*: No space left on device"):
        convert(path)
    assert list(folder().iterdir()) == []


def test_processes_that_convert_a_file_at_once_read_one_conversion(path):
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(convert, [path, path])
    assert len(cached_tables()) == 1
    pd.testing.assert_frame_equal(frame_of(first), frame_of(second))
