"""The shapes of text files: separators, headers, titles, rows of other lengths."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolkit.common.errors import DataError
from toolkit.data.reading.text_table import read_text_table
from toolkit.data.reading_options import ReadingOptions

_RANDOM = np.random.default_rng(0)
ROWS = [
    [f"{number:.3f}", str(index), "a" if number > 0 else "b"]
    for index, number in enumerate(_RANDOM.normal(size=60).round(3))
]
NAMES = ["x", "i", "y"]


def text_of(rows, separator=","):
    return "".join(separator.join(row) + "\n" for row in rows)


def read_text(text, expected_names=(), **options):
    return read_text_table(text, "t.csv", ReadingOptions(**options), expected_names=expected_names)


def cells_of(frame):
    return [[None if cell is None or cell != cell else cell for cell in row] for row in frame.itertuples(index=False)]


@pytest.mark.parametrize(
    ("above", "says"),
    [
        ("sep=;\n", "separated by ';'"),
        ('"sep=;"\n', "separated by ';'"),
        ("# made by tool; v1\n", "first line of t.csv above the column names was skipped ('# made by tool v1')"),
        ("% one\n% two\n", "first 2 lines of t.csv above the column names were skipped"),
        ("Report;;\n;;\n", "('Report', blank)"),
        ("Report of sales\n\n", "('Report of sales')"),
        ("Station;Berlin\nInterval;10 min\n\n", "('Station Berlin', 'Interval 10 min')"),
        ("\n\n", "separated by ';'"),
    ],
)
def test_lines_above_the_header_are_skipped_and_reported(above, says):
    table = read_text(above + text_of([NAMES, *ROWS], ";"))
    assert list(table.frame.columns) == NAMES
    assert cells_of(table.frame) == ROWS
    assert says in " ".join(table.notes)
    assert not table.damage


@pytest.mark.parametrize(
    ("separator", "name"), [(",", ""), (";", "';'"), ("\t", "tabs"), ("|", "'|'"), ("^", "'^'"), (" ", "blanks")]
)
@pytest.mark.parametrize("header", [True, False])
def test_the_separator_is_found_out_with_or_without_a_header(separator, name, header):
    table = read_text(text_of([NAMES, *ROWS] if header else ROWS, separator))
    assert cells_of(table.frame) == ROWS
    assert list(table.frame.columns) == (NAMES if header else ["column 1", "column 2", "column 3"])
    assert any(f"separated by {name}" in note for note in table.notes) == (separator != ",")
    assert any("has no column names" in note for note in table.notes) == (not header)


@pytest.mark.parametrize(
    ("text", "columns", "first"),
    [
        ("x;price\n" + "".join(f"{i};{i},942\n" for i in range(30)), ["x", "price"], ["0", "0,942"]),
        ("".join(f"{i},5;{i},25;x\n" for i in range(30)), ["column 1", "column 2", "column 3"], ["0,5", "0,25", "x"]),
        ("name\tnote\n" + "Jo Smith\thello, you; there\n" * 9, ["name", "note"], ["Jo Smith", "hello, you; there"]),
        ("  x      i  y\n" + "".join(f"  {i}.25   {i}  a\n" for i in range(9)), NAMES, ["0.25", "0", "a"]),
        (
            "".join(f'{i}.0   8   {i}07.0     130.0\t"chevrolet  no. {i % 2}"\n' for i in range(9)),
            [f"column {i}" for i in range(1, 6)],
            ["0.0", "8", "007.0", "130.0", "chevrolet  no. 0"],
        ),
        (
            "time,temp\n2024-01-01 10:00:00,5.5\n2024-01-01 10:10:00,5.6\n",
            ["time", "temp"],
            ["2024-01-01 10:00:00", "5.5"],
        ),
        ("name\nJo Smith\nAnn Lee\n", ["name"], ["Jo Smith"]),
    ],
)
def test_characters_that_also_stand_inside_cells_do_not_mislead(text, columns, first):
    frame = read_text(text).frame
    assert list(frame.columns) == columns
    assert frame.iloc[0].tolist() == first


@pytest.mark.parametrize(
    "text",
    [
        "country,1990,1991,1992\n" + "".join(f"c{i},{i},{2 * i},{3 * i}\n" for i in range(30)),
        "country,2020\n" + "".join(f"c{i},{i}\n" for i in range(30)),
        "label," + ",".join(map(str, range(8))) + "\n" + "0,1,2,3,4,5,6,7,8\n" * 5,
        "q1,q2\n" + "a1,b2\nc3,d4\n" * 5,
        "400.5,403,405.5,class\n" + "".join(f"{i}.5,{i % 7},{i % 3},{'ab'[i % 2]}\n" for i in range(30)),
        "a,b\n1,x\n",
        "day,n\n2024-01-01,3\n2024-01-02,4\n",
        "word,other\n" + "".join(f"w{'o' * i}d,r{'a' * i}t\n" for i in range(20)),
    ],
)
def test_a_header_is_not_taken_for_data(text):
    table = read_text(text)
    assert list(table.frame.columns) == text.split("\n")[0].split(",")
    assert not table.notes


@pytest.mark.parametrize(
    "text",
    [
        "".join(
            f"{30 + i}, {['Private', 'State-gov'][i % 2]}, {i % 16}, {['<=50K', '>50K'][i % 3 > 0]}\n"
            for i in range(40)
        ),
        "".join(
            f"{['vhigh', 'low'][i % 2]},{['2', '5more'][i % 3 > 1]},{['acc', 'unacc'][i % 5 > 2]}\n" for i in range(40)
        ),
        "".join(f"2024-01-{i + 1:02d},x{i}\n" for i in range(20)),
        "39,Private,13\n",
    ],
)
def test_a_file_without_a_header_gets_numbered_columns_and_a_note(text):
    table = read_text(text)
    assert len(table.frame) == text.count("\n")
    assert list(table.frame.columns) == [f"column {i + 1}" for i in range(table.frame.shape[1])]
    assert "its first line looks like data" in table.notes[0]


def test_a_first_line_that_holds_a_name_that_was_asked_for_is_the_header_with_a_note():
    text = "".join(f"{30 + i},{['<=50K', '>50K'][i % 3 > 0]}\n" for i in range(40))
    table = read_text(text, expected_names=["<=50K"])
    assert list(table.frame.columns) == ["30", "<=50K"]
    assert "looks like data" in table.notes[0]
    assert "header='none'" in table.notes[0]
    assert len(read_text(text, expected_names=["<=50K"], header="none").frame) == 40


def test_a_number_of_a_column_that_is_asked_for_tells_that_there_is_no_header():
    for text in ("p,x\n", "p,x\ne,y\n", "p,x\n" * 9):
        assert len(read_text(text, expected_names=["column 1"]).frame) == text.count("\n")
    assert read_text("column 1,b\np,x\n", expected_names=["column 1"]).frame.columns.tolist() == ["column 1", "b"]


def test_units_below_the_names_are_skipped_and_reported():
    rows = "".join(f"{i},{i % 7}.5,{40 + i % 9},{'ab'[i % 2]}\n" for i in range(30))
    table = read_text(f"time,temp,hum,y\ns,degC,%,\n{rows}")
    assert len(table.frame) == 30
    assert table.notes == [
        "The line below the column names of t.csv was skipped, as units or a second header ('s', 'degC', '%')."
    ]
    for first in (
        "NA,NA,NA,a\n",
        "x,2.5,40,a\n",
        ",,,a\n",
        "unknown,error,missing,c\n",
    ):  # a row with missing or odd cells
        assert len(read_text(f"time,temp,hum,y\n{first}{rows}").frame) == 31


def test_the_lower_of_two_headers_is_taken_if_it_holds_the_name_that_is_asked_for():
    text = "Measures,,Result\nlength,width,y\n" + "".join(f"{i},{i % 7}.5,{'ab'[i % 2]}\n" for i in range(30))
    table = read_text(text, expected_names=["y"])
    assert table.frame.columns.tolist() == ["length", "width", "y"]
    assert len(table.frame) == 30


def test_a_name_that_is_asked_for_tells_which_row_is_the_header():
    text = "group,,\nx,,\n" + "".join(f"{i},{i % 3},{i % 2}\n" for i in range(20))
    assert read_text(text).frame.columns.tolist() == ["x", "Unnamed: 1", "Unnamed: 2"]
    assert read_text(text, expected_names=["group"]).frame.columns.tolist() == ["group", "Unnamed: 1", "Unnamed: 2"]


def test_the_options_override_what_would_be_found_out():
    text = "title;here\nx;y\n1,5;2\n"
    assert list(read_text(text, header=1).frame.columns) == ["x", "y"]
    assert cells_of(read_text(text, header="none").frame) == [["title", "here"], ["x", "y"], ["1,5", "2"]]
    assert cells_of(read_text("a,b\n1;2,3\n", sep=";", header="none").frame) == [["a,b", None], ["1", "2,3"]]
    assert cells_of(read_text("a,b\n-9,x\nnone,y\n", na_values=["-9", "none"]).frame) == [[None, "x"], [None, "y"]]
    with pytest.raises(DataError, match=r"header=7: t.csv has 3 rows, counted from 0"):
        read_text(text, header=7)


@pytest.mark.parametrize("quote", ["", '"'])
@pytest.mark.parametrize("separator", [",", " "])
def test_row_names_as_r_writes_them_become_a_column(quote, separator):
    rows = [[f"{quote}{index + 1}{quote}", *row] for index, row in enumerate(ROWS)]
    table = read_text(text_of([[f"{quote}{name}{quote}" for name in NAMES], *rows], separator))
    assert list(table.frame.columns) == ["row name", *NAMES]
    assert table.frame["row name"].tolist()[:2] == ["1", "2"]
    assert "the first one is read as 'row name'" in table.notes[-1]


def test_row_names_of_words_become_a_column():
    table = read_text("mpg,cyl\nMazda RX4,21,6\nDatsun 710,22.8,4\nValiant,18.1,6\n")
    assert table.frame["row name"].tolist() == ["Mazda RX4", "Datsun 710", "Valiant"]


def test_separators_after_the_names_only_are_no_column():
    table = read_text(text_of([[*NAMES, ""], *ROWS]))
    assert cells_of(table.frame) == ROWS
    assert not table.damage


def test_a_title_above_cells_between_blanks_is_skipped():
    for title in ("Report\n", "Figures, in billions of DM\nsource: a bank, 1990\n\n"):
        table = read_text(title + text_of([NAMES, *ROWS], "  "))
        assert list(table.frame.columns) == NAMES
        assert cells_of(table.frame) == ROWS


def test_short_rows_lack_their_last_cells_and_are_named():
    table = read_text(text_of([NAMES, *ROWS[:5], ["1", "2"], *ROWS[:5], ["3"], *ROWS]))
    assert cells_of(table.frame)[5] == ["1", "2", None]
    assert cells_of(table.frame)[11] == ["3", None, None]
    assert table.damage == [
        "2 rows of t.csv have fewer cells than the header: their last cells are missing (rows 6, 12)."
    ]


def test_empty_cells_beyond_the_header_are_left_out_and_others_are_an_error_that_names_the_rows():
    for header in (NAMES, [*NAMES, ""], [*NAMES, "", ""]):
        table = read_text(text_of([header, *([*row, ""] for row in ROWS)]))
        assert list(table.frame.columns) == NAMES
        assert cells_of(table.frame) == ROWS
        assert "separators after its last column" in table.notes[0]
    with pytest.raises(DataError, match=r"rows 61, 63 have more cells than the header, which has 3 \(x, i, y\)"):
        read_text(text_of([NAMES, *ROWS, ["1", "2", "3", "4"], ROWS[0], ["1", "2", "3", "4", "5"]]))


def test_lines_below_the_table_are_skipped_and_named():
    for footer in (
        "Total\n",
        "Total,,\n",
        "Total,1770,\n",
        "Average,29.5,\nGrand total,1770\n",
        "Total",
        ",,\n,,\n",
        "\n\nTotal\n-- end of file\n",
    ):
        table = read_text(text_of([NAMES, *ROWS]) + footer)
        assert cells_of(table.frame) == ROWS
        assert "no row of the table" in table.damage[0]
    cut = read_text(text_of([NAMES, *ROWS])[:-4])
    assert cells_of(cut.frame) == ROWS[:-1]
    assert cut.damage == ["The last line of t.csv is cut off and was skipped (row 60)."]


def test_a_last_row_with_a_category_or_a_missing_cell_is_a_row():
    for last in ("total,3,b\n", "5,,\n", "x,3,\n"):
        text = text_of([NAMES, *ROWS, ["total", "1", "a"]]) + last
        assert len(read_text(text).frame) == len(ROWS) + 2


def test_comments_and_headers_between_the_rows_are_skipped_and_counted():
    body = text_of(ROWS)
    table = read_text(f"x,i,y\n{body}# sensor restarted\n{body}x,i,y\n{body}")
    assert cells_of(table.frame) == ROWS * 3
    assert table.damage == [
        "1 comment line within t.csv was skipped.",
        "1 line of t.csv that repeats the column names was skipped (row 121).",
    ]


@pytest.mark.parametrize("ends", ["\r\n", "\r", "\r\r\n"])
def test_line_ends_of_every_system_are_read(ends):
    assert cells_of(read_text(text_of([NAMES, *ROWS]).replace("\n", ends)).frame) == ROWS


def test_cells_that_lack_are_missing_and_others_keep_their_spelling():
    frame = read_text('a,b,c\n1,,"x "\n 01 , NA,\\N\n"",1e5,-\n').frame
    assert cells_of(frame) == [["1", None, "x "], ["01 ", "NA", None], [None, "1e5", "-"]]


def test_a_quotation_mark_that_is_not_closed_is_an_error_and_one_inside_a_cell_is_a_character():
    assert read_text('a,size\n1,5" pipe\n2,6" pipe\n').frame["size"].tolist() == ['5" pipe', '6" pipe']
    for text in ('a,b\n1,"x\n2,y\n', 'a,b,c\n1,"big,2\n3,ok,4\n5,"small,6\n'):
        with pytest.raises(DataError, match="line 2 can't be read as a row of a table: a quotation mark"):
            read_text(text)


def test_quotation_marks_that_databases_escape_are_read():
    text = "x,t,y\n" + "".join(f'{i},"He said \\"hi\\", ok",a\n' for i in range(9))
    assert set(read_text(text).frame["t"]) == {'He said "hi", ok'}
    assert read_text('x,path\n1,"C:\\dir\\"\n2,b\n').frame["path"].tolist() == ["C:\\dir\\", "b"]


def test_the_output_of_databases_and_of_markdown_is_read_without_its_rulers():
    rows = "".join(f"  {i} | n{i % 3}    | a\n" for i in range(20))
    table = read_text(f" id | name  | y\n----+-------+---\n{rows}(20 rows)\n")
    assert list(table.frame.columns) == ["id", "name", "y"]
    assert table.frame["y"].tolist() == ["a"] * 20
    assert table.damage == ["The last line of t.csv was skipped, as no row of the table ('(20 rows)')."]
    table = read_text("| x | y |\n|---|:-:|\n" + "| 1 | a |\n| 2 | b |\n" * 9)
    assert table.frame["y"].str.strip().tolist() == ["a", "b"] * 9


def test_a_header_that_is_written_as_a_comment_is_the_header():
    rows = "".join(f"chr{i % 3}\t{i}\t{i + 5}\n" for i in range(20))
    table = read_text(f"# from a genome browser\n#chrom\tstart\tend\n{rows}")
    assert list(table.frame.columns) == ["chrom", "start", "end"]
    assert len(table.frame) == 20
    tags = read_text("tag,n\n" + "".join(f"#t{i},{i}\n" for i in range(20)))
    assert tags.frame["tag"].tolist()[:2] == ["#t0", "#t1"]


def test_text_that_holds_the_separator_is_an_error_although_its_rows_look_as_if_they_had_row_names():
    with pytest.raises(DataError, match=r"rows 1, 2, 3, 4, 5 and 5 more have more cells than the header, which has 2"):
        read_text("id,text\n" + "".join(f"{i},hello, world\n" for i in range(10)))


def test_any_character_can_be_the_separator():
    assert cells_of(read_text("a§b\n1§2\n", sep="§").frame) == [["1", "2"]]
    assert cells_of(read_text("a  b\n1   2\n", sep=" ").frame) == [["1", "2"]]


def test_nameless_columns_are_named_by_their_position_and_repeated_names_stay():
    assert list(read_text(",x,x\n1,2,3\n2,3,4\n").frame.columns) == ["Unnamed: 0", "x", "x"]


_CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\r\x00\ufeff", exclude_categories=["Cs"]), max_size=6)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.lists(_CELLS, min_size=2, max_size=2), min_size=1, max_size=8), st.sampled_from(",;\t|^"))
def test_what_the_csv_module_writes_is_read_back(rows, separator):
    file = io.StringIO()
    csv.writer(file, delimiter=separator, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(
        [["first", "last"], *rows]
    )
    frame = read_text_table(file.getvalue(), "t", ReadingOptions(sep=separator, header=0)).frame
    expected = [[cell if cell.strip(" ") and cell != r"\N" else None for cell in row] for row in rows]
    while expected and not any(expected[-1]):
        expected.pop()  # lines of empty cells below the table are left out
    read_back = cells_of(frame)
    assert read_back == expected or (not expected and not any(map(any, read_back)))
