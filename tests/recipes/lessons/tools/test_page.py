"""What every lesson shares: its page, its tables and figures, the index, and the command."""

from __future__ import annotations

import html
import importlib
import inspect
import io
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from recipes import cli, lessons
from recipes.drawing import panels
from recipes.lessons.tools import progress, rows
from recipes.lessons.tools.catalog import FORMER_NAMES, GROUPS
from recipes.lessons.tools.page import (
    DECKS,
    Lesson,
    Picture,
    write_index,
)
from toolkit.common.errors import DataError

HOSTILE = "</style><script>alert(1)</script>\"'& 😀 العربية " + "x" * 300


def _figure(width=3.6):
    with panels(width=width) as (figure, axes):
        axes[0, 0].plot([0, 1], [1, 2])
    return figure


def _lesson(**changes):
    pictures = (
        Picture("Narrow", "Look here. It means that.", _figure(), "a line", pd.DataFrame({"x": [0.0, 1.0]})),
        Picture("Wide", "Look there.", _figure(7.2), "a longer line"),
        Picture("Table", "Read.", table=pd.DataFrame({"loss": [5.266666, np.nan]}, index=["mean", "none"]), digits=5),
    )
    return Lesson(**({"name": "losses", "title": "T", "summary": "S.", "pictures": pictures} | changes))


def _text(lesson, tmp_path):
    return lesson.report(tmp_path / "page.html").read_text()


def test_a_lesson_gives_its_tables_and_figures_by_the_titles_of_its_pictures():
    lesson = _lesson()
    assert list(lesson.tables) == ["Narrow", "Table"]
    assert lesson.table is lesson.tables["Narrow"]
    assert list(lesson.figures) == ["Narrow", "Wide"]
    assert _lesson(pictures=()).table.empty


def test_a_page_works_offline_and_runs_no_script(tmp_path):
    text = _text(_lesson(corrections=("It is 12.9.",), decks=("W2", "HB"), data="three rows"), tmp_path)
    assert "default-src 'none'" in text
    assert not re.search(r"<script|<link rel=\"stylesheet|url\((?!#)|(src|href)=\"(?!#|data:)", text)
    for words in ("Look here. It means that.", "It is 12.9.", DECKS["W2"], DECKS["HB"], "three rows", "a longer line"):
        assert words in text
    assert lessons.LESSONS["losses"] in text


def test_a_page_names_every_section_in_its_contents(tmp_path):
    text = _text(_lesson(corrections=("Right.",)), tmp_path)
    assert set(re.findall(r'<li><a href="#([^"]+)"', text)) == set(re.findall(r'<section id="([^"]+)"', text))
    assert len(re.findall(r"<section ", text)) == 6  # three pictures, formulas, exercises, corrections


def test_the_same_lesson_gives_the_same_bytes(tmp_path):
    assert _text(_lesson(), tmp_path) == _text(_lesson(), tmp_path)


def test_text_of_the_user_is_escaped(tmp_path):
    table = pd.DataFrame({HOSTILE: [HOSTILE, "b"]}, index=pd.Index([HOSTILE, "c"], name=HOSTILE))
    text = _text(_lesson(data=HOSTILE, pictures=(Picture(HOSTILE, HOSTILE, _figure(), HOSTILE, table),)), tmp_path)
    assert "<script" not in text
    assert len(re.findall("</style>", text)) == 1


def test_numbers_have_the_digits_of_their_picture(tmp_path):
    text = _text(_lesson(), tmp_path)
    assert "5.2667<" in text
    assert ">–<" in text  # what is missing
    assert "nan" not in text


def test_a_long_and_wide_table_is_capped_and_the_page_says_so(tmp_path):
    table = pd.DataFrame(np.arange(30_000).reshape(1000, 30))
    text = _text(_lesson(pictures=(Picture("Big", "Look.", table=table),)), tmp_path)
    assert "60 of 1,000 rows: one in 17, and the last. 14 more columns are not shown." in text
    assert ">0<" in text
    assert ">29,970<" in text  # the first cells of the first and of the last row


def test_a_table_slightly_longer_than_the_limit_keeps_its_middle_row(tmp_path):
    table = pd.DataFrame({"row": np.arange(1000, 1061)})
    text = _text(_lesson(pictures=(Picture("Long", "Look.", table=table),)), tmp_path)
    assert all(f">{value:,}<" in text for value in table["row"])
    assert "61 rows" not in text


def test_a_report_creates_its_folder_and_ends_in_html(tmp_path):
    assert _lesson().report(tmp_path / "new" / "page") == tmp_path / "new" / "page.html"
    with pytest.raises(DataError, match=r"ends in \.html"):
        _lesson().report(tmp_path / "page.pdf")


def test_a_notebook_shows_the_page_in_a_frame_without_its_contents():
    shown = _lesson()._repr_html_()
    assert shown.startswith('<iframe sandbox=""')
    assert "Look here. It means that." in shown
    assert "<nav" not in shown


def test_the_index_lists_question_and_answer_of_each_lesson_in_order(tmp_path):
    path = write_index([_lesson(name=name, summary=f"Answer of {name}.") for name in lessons.LESSONS], tmp_path)
    assert path == tmp_path / "index.html"
    text = path.read_text()
    entries = re.findall(r'<a href="(\w+)\.html">([^<]+)</a>\s*<p>([^<]+)</p>', text)
    assert entries == [(name, question, f"Answer of {name}.") for name, question in lessons.LESSONS.items()]
    assert re.findall(r"<h2 id=[^>]+>([^<]+)</h2>\s*<ul", text) == list(GROUPS)


def test_a_page_of_the_book_links_its_neighbors_and_the_index(tmp_path):
    links = {
        name: re.findall(r'href="(\w+)\.html"', _lesson(name=name).report(tmp_path / name, linked=True).read_text())
        for name in lessons.LESSONS
    }
    names = list(lessons.LESSONS)
    assert links[names[0]] == ["index", names[1]]
    assert links[names[-1]] == [names[-2], "index"]
    assert all(links[b] == [a, "index", c] for a, b, c in zip(names, names[1:], names[2:], strict=False))
    assert ".html" not in _text(_lesson(), tmp_path)  # a page by itself has no neighbors


def test_a_page_states_its_formulas_and_asks_its_exercises(tmp_path):
    text = html.unescape(_text(_lesson(), tmp_path))
    assert text.count("<math") == 3
    assert "What is its hinge?</p>\n<details><summary>Answer</summary><p>max(0, 1 − 1.5 + 1)" in text


@pytest.mark.parametrize("name", lessons.LESSONS)
def test_every_lesson_takes_a_table_where_the_list_says_so(name):
    parameters = inspect.signature(importlib.import_module(f"recipes.lessons.{name}").show).parameters
    about_data = {"data", "target", "task", "seed"}
    assert about_data <= set(parameters) if name in lessons.ON_YOUR_DATA else "data" not in parameters


@pytest.mark.parametrize("name", FORMER_NAMES)
def test_the_british_name_of_a_lesson_still_works(capsys, name):
    code, _, err = _run(capsys, name, "--seed", -1)
    assert (code, "seed=-1" in err) == (2, True)  # and not: no such lesson
    assert set(FORMER_NAMES.values()) <= lessons.LESSONS.keys()


def test_a_page_shows_how_to_run_its_lesson_on_your_table(tmp_path):
    words = "recipes lessons scaling data.csv --target y"
    assert words in _text(_lesson(name="scaling"), tmp_path)
    assert "data.csv" not in _text(_lesson(name="losses"), tmp_path)


def test_a_page_shows_the_call_that_made_it(tmp_path):
    lesson = lessons.show("descent", seed=np.int64(7))
    assert lesson.again == ('lessons.show("descent", seed=7)', "recipes lessons descent --seed 7")
    text = html.unescape(_text(lesson, tmp_path))
    assert 'lesson = lessons.show("descent", seed=7)\n' in text
    assert "<code>recipes lessons descent --seed 7</code>" in text
    assert lessons.show("descent", seed=0).again[1] == "recipes lessons descent"


@pytest.mark.parametrize(
    ("given", "again"),
    [
        (
            {"data": Path("my data.csv"), "target": "y", "task": "binary", "columns": ("a", "b")},
            (
                'lessons.show("space", "my data.csv", target="y", task="binary", columns=["a", "b"])',
                "recipes lessons space 'my data.csv' --target y --task binary --columns a --columns b",
            ),
        ),
        ({"data": pd.DataFrame({"y": [1]}), "target": "y"}, ()),
        ({"data": (np.ones((2, 1)), np.ones(2))}, ()),
    ],
)
def test_the_call_names_the_file_and_is_left_out_without_one(tmp_path, given, again):
    assert lessons.again("space", given) == again
    shown = re.findall(r"recipes lessons (\w+) [^<]*data", _text(_lesson(name="scaling", again=again), tmp_path))
    assert shown == ["space", "scaling"] if again else ["scaling"]


def test_a_notebook_shows_a_figure_without_pyplot():
    assert _figure()._repr_png_().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (["loses"], {}, "Did you mean 'losses'"),
        (["losses", "data.csv"], {}, r"takes no table\."),
        (["backprop", "data.csv"], {}, "takes no table; it takes a network, in Python only"),
        (["losses"], {"seed": 1}, "takes no options"),
        (["scaling", "a.csv", "y"], {}, "at most 1 positional argument, and got 2"),
        (["scaling"], {"target": "y"}, "target needs a table"),
        (["space"], {"columns": ["a", "b"], "task": "binary"}, "task and columns need a table"),
        (["descent"], {"seed": -1}, "seed=-1: expected a whole number"),
        (["descent"], {"seed": 1.5}, "seed=1.5"),
        (["descent"], {"seed": True}, "seed=True"),
        (["descent"], {"seed": 2**32}, "from 0 to 4294967295"),
    ],
)
def test_a_lesson_refuses_what_it_cannot_use(arguments, options, message):
    with pytest.raises(DataError, match=message):
        lessons.show(*arguments, **options)


def _run(capsys, *arguments):
    code = 0
    try:
        cli.main(["lessons", *map(str, arguments)])
    except SystemExit as exit:
        code = exit.code
    return code, *capsys.readouterr()


def test_the_command_lists_every_lesson_with_its_question(capsys):
    code, out, err = _run(capsys)
    assert (code, err) == (0, "")
    listed = [line.split(maxsplit=1) for line in out.splitlines()]
    assert listed[:-2] == [[name, asks] for name, asks in lessons.LESSONS.items()]


def test_the_command_writes_one_page(capsys, tmp_path):
    code, out, err = _run(capsys, "losses", "--reports", tmp_path)
    assert (code, out, err) == (0, f"{tmp_path / 'losses.html'}\n", "")
    assert "12.9" in (tmp_path / "losses.html").read_text()


def test_the_command_writes_the_book_with_its_index(capsys, tmp_path, monkeypatch):
    for name in lessons.LESSONS.keys() - {"losses", "neuron"}:
        monkeypatch.delitem(lessons.LESSONS, name)
    code, out, err = _run(capsys, "--all", "--reports", tmp_path)
    assert (code, err) == (0, "")
    assert out.split() == [str(tmp_path / f"{name}.html") for name in ("losses", "neuron", "index")]
    assert len(re.findall(r'<li><a href="\w+.html"', (tmp_path / "index.html").read_text())) == 2


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (
            ["amount"],
            "100 different values in 100 rows, too many for classes: type {} --task regression.",
        ),
        (
            ["grade"],
            "5 different numbers, which can be classes or amounts: type {} --task multiclass or {} --task regression.",
        ),
        (["a", "b"], "2 targets need a task: type {} --task regression or {} --task multilabel."),
    ],
)
def test_a_target_that_can_mean_several_tasks_is_asked_about_with_the_command_to_type(
    capsys, tmp_path, target, message
):
    i = np.arange(100)
    frame = pd.DataFrame({"x": i % 7, "a": i % 2, "b": i % 3 > 1, "grade": i % 5, "amount": i**2})
    frame.to_csv(tmp_path / "own.csv", index=False)
    targets = [argument for name in target for argument in ("--target", name)]
    code, _, err = _run(capsys, "capacity", tmp_path / "own.csv", *targets)
    command = " ".join(["recipes lessons capacity", str(tmp_path / "own.csv"), *targets])
    assert (code, err.count("\n")) == (2, 1)
    assert message.replace("{}", command) in err


def test_text_and_two_values_are_classes_and_need_no_task():
    frame = pd.DataFrame({"x": np.arange(80.0) % 9, "text": list("abcd") * 20, "two": np.arange(80) % 2})
    for target in ("text", "two"):
        assert rows.clear_task(frame, target, 0, lessons.ON_YOUR_DATA["capacity"]) == "multiclass"
    # Of a number, a lesson for classes only can mean nothing else.
    assert rows.clear_task(frame, "x", 0, lessons.ON_YOUR_DATA["space"]) == "multiclass"


def test_more_than_50_classes_are_refused_also_where_the_task_is_given():
    frame = pd.DataFrame({"x": np.arange(600.0) % 11, "name": [f"n{i % 60}" for i in range(600)]})
    with pytest.raises(DataError, match=r"60 different values, .* up to 50 classes: choose another target"):
        lessons.show("regularization", frame, target="name", task="multiclass")


def test_progress_is_one_line_that_is_rewritten_in_a_terminal_and_cleared(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    now = iter([0.0, 1.0, 3.0, 3.1, 4.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(now))
    stream = Terminal()
    with progress.shown("worth", stream):
        for epoch in range(1, 5):
            progress.step("epoch", epoch, 80)
    progress.step("epoch", 5, 80)  # outside: nothing
    lines = [line.rstrip() for line in stream.getvalue().split("\r") if line.strip()]
    assert lines == ["worth: epoch 2 of 80, 3 s", "worth: epoch 4 of 80, 4 s"]
    assert stream.getvalue().endswith(f"\r{'':<79}\r")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["losess"], "Did you mean 'losses'"),
        (["losses", "--seed", "1"], "takes no options"),
        (["losses", "--all"], "leave NAME"),
        (["roundoff", "--target", "y"], "needs a table"),
        (["space", "--columns", "a", "--columns", "b"], "needs a table"),
    ],
)
def test_a_mistake_on_the_command_line_is_one_line(capsys, tmp_path, arguments, message):
    code, out, err = _run(capsys, *arguments, "--reports", tmp_path)
    assert (code, out) == (2, "")
    assert err.startswith("recipes: ")
    assert err.count("\n") == 1
    assert message in err


def test_two_columns_are_named_on_the_command_line(capsys, tmp_path):
    frame = pd.DataFrame({"a": np.arange(80.0), "b": np.arange(80.0)[::-1], "y": np.arange(80) % 2})
    frame.to_csv(tmp_path / "own.csv", index=False)
    code, _, err = _run(capsys, "space", tmp_path / "own.csv", "--target", "y", "--columns", "a", "--columns", "B")
    assert (code, err) == (2, "recipes: 'B' is not one of the columns of numbers.\n")
