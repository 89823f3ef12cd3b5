"""What a lesson returns, its page, and the index of all lessons."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from markupsafe import Markup
from matplotlib.figure import Figure

from recipes.lessons.tools.catalog import GROUPS, LESSONS, ON_YOUR_DATA, ON_YOUR_PICTURE
from recipes.lessons.tools.teaching import teaching
from toolkit.common.files import write_whole
from toolkit.common.formatting import number, plain
from toolkit.report import fill, frame, page_path
from toolkit.report.svg import svg

__all__ = ["DECKS", "Lesson", "Picture", "write_index"]

DECKS: dict[str, str] = {
    "W2": "Hantehzadeh, Machine Learning using Python, week 2",
    "NN": "CS 434 Machine Learning and Data Mining, lecture 6.1, Neural Networks",
    "MB": "Huh and Deorukhkar, Introduction to Machine Learning and Deep Learning, Mason Brain, 2019",
    "SC": "Machine Learning: Neural Network, IIIT Sri City",
    "HB": "Shin, Machine Learning 07, HBNU",
}
"""Tag of a lecture -> its citation."""

ALL_ROWS, MAX_ROWS, MAX_COLUMNS = 90, 60, 16  # a page shows tables of up to ALL_ROWS in full, of others MAX_ROWS
BESIDE_WIDTH = 4.5  # inches: the text stands beside a picture up to this wide, and above a wider one


@dataclass(frozen=True)
class Picture:
    """One picture or one table, with its text.

    Attributes:
        title: A few words.
        text: At most two sentences: where to look, and what it means.
        figure: The picture; None for a table without a picture.
        alt: What the figure shows, for readers who can't see it.
        table: The numbers behind the picture, or a table of its own. The page shows the index unless it only counts.
        digits: Significant digits of the numbers on the page.
    """

    title: str
    text: str
    figure: Figure | None = None
    alt: str = ""
    table: pd.DataFrame | None = None
    digits: int = 4


@dataclass(frozen=True)
class Lesson:
    """An experiment and its results.

    Attributes:
        name: Name of the lesson, a key of `LESSONS`.
        title: Heading of the page.
        summary: The answer to the lesson's question, in one or two sentences.
        pictures: The results, in reading order.
        corrections: What is right where a lecture has a mistake; each line begins with the lecture.
        decks: The lectures this lesson comes from, keys of `DECKS`.
        data: What the experiment was run on.
        template: The template of the page, where it is not made of pictures.
        values: What that template needs besides the lesson.
        again: The call that runs the lesson again, in Python and on the command line; empty if unknown.

    Example:
        >>> table = pd.DataFrame({"score": [3.2, 5.1], "term": [0.0, 2.9]})
        >>> lesson = Lesson(
        ...     "losses", "Losses", "Hinge asks for a lead of 1.", (Picture("A row", "Look.", table=table),)
        ... )
        >>> lesson.table["term"].sum()
        np.float64(2.9)
        >>> lesson.report(getfixture("tmp_path") / "losses").name
        'losses.html'
    """

    name: str
    title: str
    summary: str
    pictures: tuple[Picture, ...]
    corrections: tuple[str, ...] = ()
    decks: tuple[str, ...] = ()
    data: str = ""
    template: str = "lesson.html"
    values: Mapping[str, Any] = field(default_factory=dict, repr=False)
    again: tuple[str, ...] = ()

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """Title of a picture -> its table, with all rows."""
        return {picture.title: picture.table for picture in self.pictures if picture.table is not None}

    @property
    def table(self) -> pd.DataFrame:
        """The first table; empty if there is none."""
        return next(iter(self.tables.values()), pd.DataFrame())

    @property
    def figures(self) -> dict[str, Figure]:
        """Title of a picture -> its figure."""
        return {picture.title: picture.figure for picture in self.pictures if picture.figure is not None}

    def report(self, path: str | Path, *, linked: bool = False) -> Path:
        """Write the lesson's page, one HTML file that works offline.

        Args:
            path: Where to write it. `.html` is added if the name has no ending; missing folders are created.
            linked: Link the pages before and after it and the index, as in a folder that holds the whole book.

        Returns:
            The path of the page.

        Raises:
            DataError: The name has another ending, or the file can't be written.
        """
        path = page_path(path)
        return write_whole(path, _page(self, linked=linked))

    def _repr_html_(self) -> str:
        return frame(_page(self, embedded=True), "Lesson")


def write_index(lessons: Sequence[Lesson], folder: str | Path) -> Path:
    """Write the index of a folder of lesson pages.

    Args:
        lessons: The lessons, in order; the page of each is `<name>.html`.
        folder: The folder of the pages.

    Returns:
        The path of the `index.html`.

    Raises:
        DataError: The file can't be written.
    """
    by_name = {lesson.name: lesson for lesson in lessons}
    groups = {
        group: [(by_name[name], question) for name, question in entries.items() if name in by_name]
        for group, entries in GROUPS.items()
    }
    sections = [(group.lower().replace(" ", "-"), group) for group, entries in groups.items() if entries]
    content = fill("lessons.html", groups=groups, sections=sections)
    return write_whole(Path(folder) / "index.html", content)


def _page(lesson: Lesson, *, embedded: bool = False, linked: bool = False) -> str:
    """Return the HTML of a lesson; embedded is one for a frame in a notebook."""
    taught = teaching(lesson.name)
    sections = [(f"picture-{index}", picture.title) for index, picture in enumerate(lesson.pictures, 1)]
    takes_data, takes_picture = lesson.name in ON_YOUR_DATA, lesson.name in ON_YOUR_PICTURE
    further = {
        "formulas": ("Formulas", taught.formulas),
        "exercises": ("Exercises", taught.exercises),
        "corrections": ("Corrections to the slides", lesson.corrections),
        "again": ("Run it yourself", lesson.again or takes_data or takes_picture),
    }
    sections += [(anchor, heading) for anchor, (heading, has) in further.items() if has]
    return fill(
        lesson.template,
        embedded=embedded,
        lesson=lesson,
        question=LESSONS.get(lesson.name, ""),
        takes_data=takes_data,
        takes_picture=takes_picture,
        taught=taught,
        pictures=[_picture_view(picture) for picture in lesson.pictures],
        sources=[DECKS[tag] for tag in lesson.decks],
        neighbors=_neighbors(lesson.name) if linked else {},
        **{"sections": sections} | dict(lesson.values),
    )


def _neighbors(name: str) -> dict[str, tuple[str, str] | None]:
    """Return the pages before and after a lesson, as (name, question); None at both ends of the book."""
    pages = [None, *LESSONS.items(), None]
    position = 1 + list(LESSONS).index(name)
    return {"previous": pages[position - 1], "next": pages[position + 1]}


def _picture_view(picture: Picture) -> dict[str, Any]:
    """Return what the template needs of a picture: its SVG, the width, and the table as text."""
    view: dict[str, Any] = {"title": picture.title, "text": picture.text, "svg": None, "table": None}
    if picture.figure is not None:
        width = float(picture.figure.get_figwidth())
        view |= {
            "svg": Markup(svg(picture.figure, title=picture.title, description=picture.alt)),
            "beside": width <= BESIDE_WIDTH,
            "width": round(width, 2),
        }
    if picture.table is not None:
        view["table"] = _table_view(picture.table, picture.digits)
    return view


def _table_view(table: pd.DataFrame, digits: int) -> dict[str, Any]:
    """Return a table as text: of a long one every second, third, ... row, with a note of what is left out."""
    # 0, 1, 2, ... says nothing to a reader; any other index becomes the first columns.
    is_counter = isinstance(table.index, pd.RangeIndex) and table.index.name is None
    index_names = [name or "" for name in table.index.names]
    frame = table if is_counter else table.reset_index(names=index_names, allow_duplicates=True)
    # 130 rows -> every third, and the last.
    stride = 1 if len(frame) <= ALL_ROWS else math.ceil(len(frame) / MAX_ROWS)
    rows = sorted({*range(0, len(frame), stride), *range(len(frame))[-1:]})
    cells = frame.iloc[rows, :MAX_COLUMNS]
    notes = []
    if stride > 1:
        notes.append(f"{len(rows)} of {number(len(frame))} rows: one in {stride}, and the last.")
    if cells.shape[1] < frame.shape[1]:
        notes.append(f"{frame.shape[1] - MAX_COLUMNS} more columns are not shown.")
    return {
        "head": [plain(name) for name in cells],
        "numeric": [all(_is_number(value) for value in cells.iloc[:, column]) for column in range(cells.shape[1])],
        "rows": [[_cell_text(value, digits) for value in row] for row in cells.itertuples(index=False)],
        "note": " ".join(notes),
    }


def _is_number(value: Any) -> bool:
    return value is None or (isinstance(value, int | float | np.number) and not isinstance(value, bool | np.bool_))


def _cell_text(value: Any, digits: int) -> str:
    if value is None or (isinstance(value, float | np.floating) and np.isnan(value)):
        return "–"
    # Before the numbers, since True is an int too.
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    return number(float(value), digits) if _is_number(value) else plain(value)
