"""What is read from files."""

from __future__ import annotations

import bz2
import datetime
import gzip
import io
import lzma
import sys
import zipfile
from pathlib import Path

import pandas as pd
import pyarrow
import pytest

from tests.helpers.people import people
from toolkit.common.errors import DataError
from toolkit.data.prepare import prepare
from toolkit.data.read import read

TWO_ROWS = {"a": ["1", "2"], "b": ["x", "y"]}


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
    table = read(tmp_path / name)
    assert table.name == name
    assert table.frame.to_dict("list") == TWO_ROWS


_PACKERS = {".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress}


@pytest.mark.parametrize("packed", _PACKERS)
@pytest.mark.parametrize("ending", [".csv", ".tsv"])
def test_a_packed_file_is_read(tmp_path, ending, packed):
    text = b"a,b\n1,x\n2,y\n".replace(b",", b"\t" if ending == ".tsv" else b",")
    (tmp_path / f"t{ending}{packed}").write_bytes(_PACKERS[packed](text))
    assert read(str(tmp_path / f"t{ending}{packed}")).frame.to_dict("list") == TWO_ROWS


def _zip(path, members):
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def test_a_zip_archive_with_one_table_is_read_and_others_list_their_files(tmp_path):
    _zip(tmp_path / "t.zip", {"folder/t.tsv": "a\tb\n1\tx\n2\ty\n", "__MACOSX/folder/._t.tsv": "junk"})
    assert read(tmp_path / "t.zip").frame.to_dict("list") == TWO_ROWS
    _zip(tmp_path / "two.zip", {"a.csv": "a\n1\n", "b.csv": "a\n1\n"})
    with pytest.raises(DataError, match=r"two.zip has 2 files \(a.csv, b.csv\); expected one table"):
        read(tmp_path / "two.zip")


def test_binary_formats_are_read_with_their_dtypes(tmp_path):
    frame = people(12)
    frame.to_parquet(tmp_path / "people.parquet")
    frame.to_feather(tmp_path / "people.feather")
    with pyarrow.OSFile(str(tmp_path / "people.arrow"), "wb") as sink:
        table = pyarrow.Table.from_pandas(frame)
        with pyarrow.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
    for name in ("people.parquet", "people.feather", "people.arrow"):
        pd.testing.assert_frame_equal(read(tmp_path / name).frame, frame)


def test_json_is_read_as_records_as_columns_or_as_one_record_per_line(tmp_path):
    (tmp_path / "a.json").write_text('[{"a": 1, "b": "x"}, {"b": "y", "a": 2}]')
    (tmp_path / "b.json").write_text('{"a": [1, 2], "b": ["x", "y"]}')
    (tmp_path / "f.json").write_text('{"count": 2, "data": [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]}')
    (tmp_path / "g.json").write_text('{"columns": ["a", "b"], "index": [0, 1], "data": [[1, "x"], [2, "y"]]}')
    (tmp_path / "h.json").write_text(pd.DataFrame({"a": [1, 2], "b": ["x", "y"]}).to_json())
    (tmp_path / "c.jsonl").write_text('{"a": 1, "b": "x"}\n\n{"a": 2, "b": "y"}\n')
    for name in ("a.json", "b.json", "c.jsonl", "f.json", "g.json", "h.json"):
        assert read(tmp_path / name).frame.to_dict("list") == {"a": [1, 2], "b": ["x", "y"]}
    (tmp_path / "d.json").write_text('{"a": 1, ')
    with pytest.raises(DataError, match=r"d.json can't be read as JSON: .*line 1"):
        read(tmp_path / "d.json")
    (tmp_path / "e.json").write_text("[1, 2]")
    with pytest.raises(DataError, match=r"e.json is no table: expected a list of records"):
        read(tmp_path / "e.json")


def test_the_first_sheet_of_a_workbook_is_read_below_its_title(tmp_path):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    for row in (
        ["Report of 2024"],
        [],
        ["size", "color", "day"],
        [1.5, "red", datetime.date(2024, 1, 31)],
        [2, None, None],
    ):
        book.active.append(row)
    book.create_sheet("Notes").append(["nothing"])
    book.save(tmp_path / "t.xlsx")
    table = read(tmp_path / "t.xlsx")
    assert table.frame["size"].tolist() == [1.5, 2]
    assert table.frame["day"].tolist()[0] == pd.Timestamp("2024-01-31")
    assert table.frame["color"].isna().tolist() == [False, True]
    assert "first line of t.xlsx above the column names was skipped ('Report of 2024')" in table.notes[0]
    assert "2 sheets (Sheet, Notes): the first one was read" in table.notes[1]


def test_a_workbook_without_the_package_that_reads_it_names_the_line_that_installs_it(tmp_path, monkeypatch):
    (tmp_path / "t.xlsx").write_bytes(b"PK")
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(DataError, match=r't.xlsx: Excel files need openpyxl: pip install "logitkit\[excel\]"'):
        read(tmp_path / "t.xlsx")


def test_the_files_of_a_folder_or_a_pattern_are_read_as_one_table(tmp_path):
    (tmp_path / "b.csv").write_text("b,a\ny,2\n")
    (tmp_path / "a.csv").write_text("a,b\n1,x\n")
    for source in (tmp_path, str(tmp_path / "*.csv")):
        table = read(source)
        assert table.frame.to_dict("list") == TWO_ROWS
        assert "2 files of" in table.notes[0]
        assert "(a.csv, b.csv)" in table.notes[0]
    (tmp_path / "b.csv").unlink()
    (tmp_path / "b.csv.gz").write_bytes(gzip.compress(b"b,a\ny,2\n"))
    assert read(tmp_path).frame.to_dict("list") == TWO_ROWS
    (tmp_path / "c.csv").write_text("a,c\n1,x\n")
    with pytest.raises(DataError, match=r"c.csv has other columns than a.csv: it lacks b"):
        read(tmp_path)
    (tmp_path / "d.parquet").write_bytes(b"")
    with pytest.raises(DataError, match=r"files of several formats \(.csv, .parquet\)"):
        read(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="has no files of tables"):
        read(tmp_path / "empty")


def test_standard_input_and_open_files_are_read(tmp_path, monkeypatch):
    content = b"a,b\n1,x\n2,y\n"
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))
    assert read("-").name == "standard input"
    for file in (io.BytesIO(content), io.StringIO(content.decode()), io.BytesIO(gzip.compress(content))):
        assert read(file).frame.to_dict("list") == TWO_ROWS
    people(12).to_parquet(tmp_path / "people.parquet")
    with open(tmp_path / "people.parquet", "rb") as file:
        assert len(read(file).frame) == 12
    assert len(read(io.BytesIO((tmp_path / "people.parquet").read_bytes())).frame) == 12


def test_an_open_file_with_escaped_bytes_is_read_with_damaged_cells(tmp_path):
    (tmp_path / "t.csv").write_bytes(b"a,b\n1,x\xff\n2,y\n")
    with open(tmp_path / "t.csv", encoding="utf-8", errors="surrogateescape") as file:
        table = read(file)
    assert table.frame["b"].tolist() == ["x\ufffd", "y"]
    assert "1 cell of 'b' in t.csv has bytes that are not UTF-8 (row 1" in table.damage[0]


def test_the_home_folder_of_an_unknown_user_is_no_file():
    with pytest.raises(DataError, match=r"no such file: ~nobody-of-that-name/wine\.csv"):
        read("~nobody-of-that-name/wine.csv")


def test_text_and_addresses_in_place_of_a_path_are_refused_with_what_to_do():
    with pytest.raises(DataError, match=r"text of 2 lines, where the path of a file is expected.*io.StringIO"):
        read("a,b\n1,2\n")
    with pytest.raises(DataError, match=r"https://example.org/t.csv is an address on the internet: download the file"):
        read("https://example.org/t.csv")
    with pytest.raises(DataError, match=r"https:/example.org/t.csv is an address on the internet"):
        read(Path("https://example.org/t.csv"))
    with pytest.raises(DataError, match="the path is of type bytes"):
        read(b"t.csv")
    with pytest.raises(DataError, match=r"no such file: xxx"):
        read("x" * 5000)


def test_a_semicolon_inside_a_comma_file_is_text(tmp_path):
    (tmp_path / "t.csv").write_text('a,b\n1,"x; y"\n2,"z; w"\n')
    assert list(read(tmp_path / "t.csv").frame["b"]) == ["x; y", "z; w"]


def test_the_home_folder_may_be_written_as_a_tilde(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "t.csv").write_text("a,b\n1,2\n")
    assert len(read("~/t.csv").frame) == 1


def test_one_row_can_be_read_since_one_row_can_be_predicted(tmp_path):
    (tmp_path / "t.csv").write_text("a,b\n1,x\n")
    assert len(read(tmp_path / "t.csv").frame) == 1


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("empty.csv", b"", "empty.csv is empty"),
        ("blank.csv", b" \n\n", "blank.csv is empty"),
        ("separator.csv", b"sep=;\n", "separator.csv is empty"),
        ("comment.csv", b"#", "comment.csv holds column names only"),
        ("header.csv", b"a,b\n", r"header.csv holds column names only \(a, b\)"),
        ("binary.csv", bytes(range(256)), "binary.csv is not text"),
        ("long.csv", b"a,b\n1,2,3\n4,5,6\n", "rows 1, 2 have more cells than the header, which has 2"),
        ("ragged.csv", b"a,b\n1,2\n4,5,6\n", "can't be read as a table: row 2 has more cells"),
        ("open.csv", b'a,b\n1,"2\n', "line 2 can't be read as a row of a table: a quotation mark"),
        ("broken.parquet", b"PAR1 not really", "broken.parquet can't be read as Parquet"),
        ("empty.parquet", b"", "empty.parquet can't be read as Parquet"),
        ("plain.csv.gz", b"a,b\n1,2\n", "plain.csv.gz can't be unpacked"),
        ("cut.csv.gz", gzip.compress(b"a,b\n1,2\n" * 500, mtime=0)[:40], "cut.csv.gz can't be unpacked"),
        ("page.csv", b"<!DOCTYPE html>\n<html>\n<body>a,b</body>", "page.csv is a web page or XML, not a table"),
        ("api.csv", b'[{"a": 1, "b": 2}]', "api.csv holds JSON: give it a name that ends in .json"),
        ("book.xls", b"PK", r"book.xls: this kind of file can't be read; expected a .csv, .tsv"),
        ("book.xlsx", b"PK", r"book.xlsx can't be read as an Excel file"),
        ("survey.dta", b"x", r"survey.dta: this kind of file can't be read; .* Give pandas.read_stata\('survey.dta'\)"),
        ("t.zip", b"PK", r"t.zip can't be unpacked"),
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


def test_something_else_than_a_table_is_refused():
    with pytest.raises(DataError, match="data is of type int"):
        prepare(3, "y", task="binary")
    with pytest.raises(DataError, match=r"the DataFrame has shape \(0, 2\)"):
        prepare(pd.DataFrame({"a": [], "b": []}), "b", task="binary")


def test_a_damaged_zip_archive_that_is_open_is_refused():
    with pytest.raises(DataError, match="the open file can't be unpacked: File is not a zip file"):
        read(io.BytesIO(b"PK\x03\x04 and no directory"))


def test_a_file_whose_name_holds_a_line_feed_is_read(tmp_path):
    path = tmp_path / "two\nlines.csv"
    path.write_text("a,b\n1,2\n")
    assert read(str(path)).frame.shape == (1, 2)
