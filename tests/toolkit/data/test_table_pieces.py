"""Tables read piece by piece are the tables that are read at once: cells, names, and what is said about them."""

from __future__ import annotations

import gzip
import os
import threading

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.helpers.exports import exports
from toolkit.common.errors import DataError
from toolkit.data.read import read
from toolkit.data.reading_options import ReadingOptions
from toolkit.data.table_pieces import open_table

EXPORTS = exports()
PLAIN = "".join(f"{i},{i / 7:.3f},{'xyz'[i % 3]}\n" for i in range(60))
AWKWARD = {
    "carriage returns": "a,b,c\r\n" + PLAIN.replace("\n", "\r\n"),
    "old mac": "a,b,c\r" + PLAIN.replace("\n", "\r"),
    "byte order mark": "\ufeffa,b,c\n" + PLAIN,
    "no line end": "a,b,c\n" + PLAIN.rstrip("\n"),
    "cut off": "a,b,c\n" + PLAIN + "60,1.",
    "control z": "a,b,c\n" + PLAIN + "\x1a",
    "blank lines": "\n\na,b,c\n" + PLAIN.replace("2\n", "2\n\n\n") + "\n\n",
    "quoted line ends": "a,b,c\n" + "".join(f'{i},"{i}\nmore, and\n""more""",x\n' for i in range(40)),
    "quoted and plain": "a,b,c\n" + PLAIN + "".join(f'{i},"one\ntwo",x\n' for i in range(9)) + PLAIN,
    "short rows": "a,b,c\n" + PLAIN + "5\n6,1\n" + PLAIN,
    "comments": "# made today\na,b,c\n" + PLAIN + "# a break\n" + PLAIN,
    "names again": "a,b,c\n" + PLAIN + "a,b,c\n" + PLAIN + "a,b,c\n",
    "ruler": "a|b|c\n--+--+--\n".replace("+", "|") + PLAIN.replace(",", "|"),
    "total": "a,b,c\n" + PLAIN + "Total,3,\n",
    "total among the rows": "a,b,c\nTotal,1,x\n" + PLAIN + "Total,3,\n",
    "footers": "a,b,c\n" + PLAIN + "source: us\nseen on Monday\n",
    "label rows": "a,b,c\nnorth,,\n" + PLAIN + "south,,\n",
    "empty end": "a,b,c\n" + PLAIN + ",,\n" * 40,
    "empty columns": "a,b,c,,\n" + PLAIN.replace("\n", ",,\n") + "a,b,c,,\n",
    "blanks": "a b c\n" + PLAIN.replace(",", "   ").replace("3.", "3 ."),
    "aligned": "  a   b   c\n" + "".join(f"{i:>4}  {i / 7:>8.3f}\t{'xyz'[i % 3]}  \n" for i in range(60)),
    "blanks in front": "a, b, c\n" + PLAIN.replace(",", ', "').replace('"', "") + '1, "2, 3", \\N\n' + PLAIN,
    "backslash quotes": "a,b,c\n" + "".join(f'{i},"say \\"{i}, hi\\"",x\n' for i in range(60)),
    "sep line": "sep=;\na;b;c\n" + PLAIN.replace(",", ";"),
    "nulls": "a,b,c\n" + PLAIN + "\\N,,\n1, ,\\N\n" + PLAIN,
    "one column": "a\n" + "".join(f"{i % 5}\n" for i in range(90)),
}


def same(path, options=ReadingOptions(), names=(), sizes=(300, 30)):  # noqa: B008
    table, frames = read(path, options, expected_names=names, further=True), []
    for size in sizes:
        pieces = open_table(path, options, names, size=size)
        frames = [*pieces]
        joined = pd.concat([frame.astype(object) for frame in frames], ignore_index=True)
        expected = table.frame.astype(object).reset_index(drop=True)
        joined = joined.iloc[:, : expected.shape[1]]  # nameless empty columns stay in pieces
        assert list(map(str, joined.columns)) == list(map(str, expected.columns))
        joined, expected = (frame.astype(object).where(frame.notna(), None) for frame in (joined, expected))
        pd.testing.assert_frame_equal(joined, expected)
        assert pieces.damage == table.damage
        assert pieces.most_rows >= len(expected)
    return frames


@pytest.mark.parametrize("export", EXPORTS, ids=[export.name for export in EXPORTS])
def test_exports_in_pieces(export, tmp_path):
    path = tmp_path / export.name
    path.write_bytes(export.content)
    frames = same(path, names=["amount", "count", "city", "day"])
    is_text = export.name.endswith((".csv", ".txt", ".tsv", ".data", ".tab", ".gz")) and "german" not in export.name
    assert (
        len(frames) > 1 or not is_text or export.name in ("unicode.txt", "bad_byte.csv", "russian.csv", "japanese.csv")
    )


@pytest.mark.parametrize("name", AWKWARD)
def test_awkward_files_in_pieces(name, tmp_path):
    path = tmp_path / "rows.csv"
    path.write_bytes(AWKWARD[name].encode())
    assert len(same(path, names=["a", "b", "c"], sizes=(300, 30, 1))) > 1
    same(path)


CELLS = st.sampled_from(["1", "2.5", "", " ", "x", '"a,b"', '"c\nd"', '"e""f"', " 3", '"g"h', "\\N", "#", "Total", "ü"])
ROWS = st.lists(st.lists(CELLS, min_size=1, max_size=3).map(",".join), min_size=20, max_size=40)


@settings(max_examples=80)
@given(ROWS, st.sampled_from(["\n", "\r\n"]), st.sampled_from(["", "\n", "\n\n"]))
def test_any_file_in_pieces_is_the_same_table_or_the_same_kind_of_error(tmp_path_factory, rows, end, last):
    path = tmp_path_factory.getbasetemp() / "rows.csv"
    path.write_bytes((end.join(["a,b,c", *rows]) + last).encode())
    try:
        read(path, further=True)
    except DataError:
        with pytest.raises(DataError):
            [*open_table(path, ReadingOptions(), (), size=1)]
    else:
        same(path, sizes=(30, 1))


def test_an_encoding_of_the_training_is_read_in_pieces(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_bytes(("a;b\n" + "Köln;1\n" * 50).encode("cp1252"))
    assert len(same(path, ReadingOptions(encoding="cp1252", sep=";"), ["a", "b"])) > 1
    path.write_bytes(("a;b\n" + "Köln;1\n" * 50).encode())
    assert len(same(path, ReadingOptions(encoding="cp1252", sep=";"), ["a", "b"])) > 1


def test_a_folder_and_a_list_of_files_are_one_table(tmp_path):
    for name, columns in (("1.csv", "ab"), ("2.csv", "ba")):
        pd.DataFrame({column: np.arange(40) for column in columns}).to_csv(tmp_path / name, index=False)
    for source in (tmp_path, [tmp_path / "1.csv", str(tmp_path / "2.csv")]):
        pieces = open_table(source, ReadingOptions(), ["a", "b"], size=9)
        rows = pd.concat([*pieces], ignore_index=True)
        assert rows["b"].astype(int).tolist() == [*range(40), *range(40)]
    (tmp_path / "3.csv").write_text("a,c\n" + "1,2\n" * 40)
    with pytest.raises(DataError, match=r"3.csv has other columns than 1.csv: it lacks b"):
        open_table(tmp_path, ReadingOptions(), ["a"], size=9)


def test_parquet_keeps_whole_numbers_where_cells_are_missing(tmp_path):
    frame = pd.DataFrame({"id": pd.array([2**60 + 1, None], "Int64"), "x": [0.5, np.nan], "c": ["u", None]})
    frame.to_parquet(tmp_path / "rows.parquet")
    pieces = open_table(tmp_path / "rows.parquet", ReadingOptions(), ["x"], columns={"id", "x"})
    assert (pieces.labels, pieces.most_rows) == (["id", "x", "c"], 2)
    (rows,) = pieces
    assert rows["id"].tolist() == [2**60 + 1, pd.NA]
    (tmp_path / "rows.parquet").write_bytes(b"PAR1 cut")
    with pytest.raises(DataError, match=r"rows.parquet can't be read as Parquet"):
        open_table(tmp_path / "rows.parquet", ReadingOptions(), ["x"])


def test_packed_files_are_read_in_pieces_and_damaged_ones_are_errors(tmp_path):
    path = tmp_path / "rows.csv.gz"
    content = gzip.compress(("a,b,c\n" + PLAIN).encode())
    path.write_bytes(content)
    assert len(same(path)) > 1
    path.write_bytes(content[:-20])
    with pytest.raises(DataError, match=r"rows.csv.gz can't be read: Compressed file ended"):
        open_table(path, ReadingOptions(), ())


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes")
def test_a_named_pipe_is_read(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for content in (("a,b,c\n" + PLAIN).encode(), gzip.compress(("a,b,c\n" + PLAIN).encode())):
        writer = threading.Thread(target=pipe.write_bytes, args=[content])
        writer.start()
        rows = pd.concat([*open_table(pipe, ReadingOptions(), (), size=50)])
        writer.join()
        assert len(rows) == 60
