"""What is read from files."""

from __future__ import annotations

import gzip

import pandas as pd
import pytest

from tests.helpers.people import people
from toolkit.common.errors import DataError
from toolkit.data.prepare import prepare
from toolkit.data.read import read


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("comma.csv", "a,b\n1,x\n2,y\n"),
        ("semicolon.csv", "a;b\n1;x\n2;y\n"),
        ("pipe.csv", "a|b\n1|x\n2|y\n"),
        ("tab.csv", "a\tb\n1\tx\n2\ty\n"),
        ("tab.tsv", "a\tb\n1\tx\n2\ty\n"),
        ("mark.csv", "\ufeffa,b\n1,x\n2,y\n"),
        ("spaces.csv", "a, b\n1, x\n2, y\n"),
        ("windows.csv", "a,b\r\n1,x\r\n2,y\r\n"),
        ("UPPER.CSV", "a,b\n1,x\n2,y\n"),
    ],
)
def test_a_text_file_is_read_whatever_its_separator_mark_or_line_ends(tmp_path, name, text):
    (tmp_path / name).write_bytes(text.encode())
    frame, called = read(tmp_path / name)
    assert called == name
    assert frame.to_dict("list") == {"a": [1, 2], "b": ["x", "y"]}


@pytest.mark.parametrize("name", ["t.csv.gz", "t.tsv.gz"])
def test_a_packed_file_is_read(tmp_path, name):
    separator = b"\t" if ".tsv" in name else b","
    (tmp_path / name).write_bytes(gzip.compress(b"a%sb\n1%sx\n2%sy\n" % (separator, separator, separator)))
    assert read(str(tmp_path / name))[0].to_dict("list") == {"a": [1, 2], "b": ["x", "y"]}


def test_a_parquet_file_is_read_with_its_dtypes(tmp_path):
    frame = people(12)
    frame.to_parquet(tmp_path / "people.parquet")
    pd.testing.assert_frame_equal(read(tmp_path / "people.parquet")[0], frame)


def test_a_file_from_a_european_spreadsheet_is_read_with_decimal_commas_and_its_letters(tmp_path):
    (tmp_path / "t.csv").write_bytes("größe;ort\n1,5;Köln\n2,25;Łódź\n".encode("cp1250"))
    frame, _ = read(tmp_path / "t.csv")
    assert frame.iloc[:, 0].tolist() == [1.5, 2.25]
    (tmp_path / "u.csv").write_bytes("größe;ort\n1,5;Köln\n".encode("cp1252"))
    assert read(tmp_path / "u.csv")[0].to_dict("list") == {"größe": [1.5], "ort": ["Köln"]}


def test_a_semicolon_inside_a_comma_file_is_text(tmp_path):
    (tmp_path / "t.csv").write_text('a,b\n1,"x; y"\n2,"z; w"\n')
    assert list(read(tmp_path / "t.csv")[0]["b"]) == ["x; y", "z; w"]


def test_the_home_folder_may_be_written_as_a_tilde(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "t.csv").write_text("a,b\n1,2\n")
    assert len(read("~/t.csv")[0]) == 1


def test_one_row_can_be_read_since_one_row_can_be_predicted(tmp_path):
    (tmp_path / "t.csv").write_text("a,b\n1,x\n")
    assert len(read(tmp_path / "t.csv")[0]) == 1


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("empty.csv", b"", "empty.csv is empty"),
        ("blank.csv", b" \n\n", "blank.csv is empty"),
        ("header.csv", b"a,b\n", r"header.csv holds column names only \(a, b\)"),
        ("binary.csv", bytes(range(256)), "binary.csv is not text"),
        ("long.csv", b"a,b\n1,2,3\n4,5,6\n", "its rows have more cells than its header"),
        ("ragged.csv", b"a,b\n1,2\n4,5,6\n", "can't be read as a table: .*line 3"),
        ("open.csv", b'a,b\n1,"2\n', "can't be read as a table"),
        ("broken.parquet", b"PAR1 not really", "broken.parquet can't be read as Parquet"),
        ("empty.parquet", b"", "empty.parquet can't be read as Parquet"),
        ("plain.csv.gz", b"a,b\n1,2\n", "plain.csv.gz can't be unpacked"),
        ("cut.csv.gz", gzip.compress(b"a,b\n1,2\n" * 500, mtime=0)[:40], "cut.csv.gz can't be unpacked"),
        ("book.xlsx", b"PK", r"book.xlsx: this kind of file can't be read; expected one of .csv, .csv.gz"),
    ],
)
def test_a_file_that_cannot_be_read_is_named_with_the_reason(tmp_path, name, content, says):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=says):
        read(tmp_path / name)


def test_a_missing_file_names_the_nearest_in_its_folder(tmp_path):
    (tmp_path / "penguins.csv").write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match=r"no such file: .*pengins.csv.*Did you mean 'penguins.csv'\?"):
        read(tmp_path / "pengins.csv")
    with pytest.raises(DataError, match="there is no folder"):
        read(tmp_path / "nowhere" / "penguins.csv")
    with pytest.raises(DataError, match="is a folder"):
        read(tmp_path)


def test_something_else_than_a_table_is_refused():
    with pytest.raises(DataError, match="data is of type int"):
        prepare(3, "y", task="binary")
    with pytest.raises(DataError, match=r"the DataFrame has shape \(0, 2\)"):
        prepare(pd.DataFrame({"a": [], "b": []}), "b", task="binary")
