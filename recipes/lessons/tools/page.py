"""What a lesson returns, its page, and the index of the book."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from markupsafe import Markup
from matplotlib.figure import Figure

from recipes.lessons import LESSONS, ON_YOUR_DATA
from toolkit.common.files import write_whole
from toolkit.common.formatting import number, plain
from toolkit.report.page import fill, frame, page_path
from toolkit.report.svg import svg

__all__ = ["DECKS", "Lesson", "Picture", "write_index"]

DECKS: dict[str, str] = {
    "W2": "Hantehzadeh, Machine Learning using Python, week 2",
    "NN": "CS 434 Machine Learning and Data Mining, lecture 6.1, Neural Networks",
    "MB": "Huh and Deorukhkar, Introduction to Machine Learning and Deep Learning, Mason Brain, 2019",
    "SC": "Machine Learning: Neural Network, IIIT Sri City",
    "HB": "Shin, Machine Learning 07, HBNU",
}
"""Tag of a lecture -> how it is cited."""

ROWS, COLUMNS, LETTERS = 60, 16, 60  # of a table, as far as a page shows it
BESIDE = 4.5  # inches: a picture up to this wide has its words beside it


@dataclass(frozen=True)
class Picture:
    """One picture, or one table, with its words.

    Attributes:
        title: A few words.
        text: At most two sentences: where to look, and what it means.
        figure: The picture; None where the table is all there is. Up to 4.5 inches wide, its words stand beside it.
        alt: What the figure shows, for a reader who can't see it.
        table: The picture's numbers, or a table of its own. An index that isn't just counted is shown too.
        digits: Significant digits of the table's numbers on the page.
    """

    title: str
    text: str
    figure: Figure | None = None
    alt: str = ""
    table: pd.DataFrame | None = None
    digits: int = 4


@dataclass(frozen=True)
class Lesson:
    """An experiment that has been run.

    Attributes:
        name: The name of its module.
        title: What the page is called.
        summary: The answer to the lesson's question, in one or two sentences.
        pictures: What was found, one after another.
        corrections: Where a lecture is wrong: what is right, a line each.
        decks: Tags of the lectures it is from, keys of `DECKS`.
        data: What it was run on.
        extra_pages: Name -> a further HTML page; `report` writes it beside the lesson's own, as ``<page>-<name>.html``.
        again: What to type for it in Python, and on the command line; empty where that is not known.

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
    extra_pages: Mapping[str, str] = field(default_factory=dict)
    again: tuple[str, ...] = ()

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """Title of a picture -> its table, whole."""
        return {picture.title: picture.table for picture in self.pictures if picture.table is not None}

    @property
    def table(self) -> pd.DataFrame:
        """The first table; empty where there is none."""
        return next(iter(self.tables.values()), pd.DataFrame())

    @property
    def figures(self) -> dict[str, Figure]:
        """Title of a picture -> its figure."""
        return {picture.title: picture.figure for picture in self.pictures if picture.figure is not None}

    def report(self, path: str | Path) -> Path:
        """Write the lesson's page: one HTML file that needs nothing else.

        Args:
            path: Where it goes. Its ending is `.html`; without one, it is added. Folders are made.

        Returns:
            The path of the page.

        Raises:
            DataError: Another ending, or the file can't be written.
        """
        path = page_path(path)
        for name, content in self.extra_pages.items():
            write_whole(path.with_name(f"{path.stem}-{name}.html"), content)
        return write_whole(path, _page(self, path.stem))

    def _repr_html_(self) -> str:
        return frame(_page(self), "Lesson")


def write_index(lessons: Sequence[Lesson], folder: str | Path) -> Path:
    """Write the contents of a book of lessons, whose pages stand beside it.

    Args:
        lessons: The lessons, in order; each one's page is `<name>.html`.
        folder: Where the pages are.

    Returns:
        The path of the `index.html`.

    Raises:
        DataError: The file can't be written.
    """
    content = fill("lessons.html", lessons=lessons, questions=LESSONS, sections=[])
    return write_whole(Path(folder) / "index.html", content)


def _page(lesson: Lesson, stem: str | None = None) -> str:
    """Return the page of a lesson: as a file of this name without its ending, or for a frame in a notebook."""
    sections = [(f"picture-{place}", picture.title) for place, picture in enumerate(lesson.pictures, 1)]
    if lesson.corrections:
        sections.append(("corrections", "What is right"))
    takes_data = lesson.name in ON_YOUR_DATA
    if lesson.again or takes_data:
        sections.append(("again", "Run it yourself"))
    return fill(
        "lesson.html",
        embedded=stem is None,
        stem=stem,
        lesson=lesson,
        question=LESSONS.get(lesson.name, ""),
        takes_data=takes_data,
        pictures=[_drawn(picture) for picture in lesson.pictures],
        sources=[DECKS[tag] for tag in lesson.decks],
        sections=sections,
    )


def _drawn(picture: Picture) -> dict[str, Any]:
    """Return what the page shows of a picture: the SVG, how wide it is, and the table in words."""
    shown: dict[str, Any] = {"title": picture.title, "text": picture.text, "svg": None, "table": None}
    if picture.figure is not None:
        width = float(picture.figure.get_figwidth())
        shown |= {
            "svg": Markup(svg(picture.figure, title=picture.title, description=picture.alt)),
            "beside": width <= BESIDE,
            "width": round(width, 2),
        }
    if picture.table is not None:
        shown["table"] = _in_words(picture.table, picture.digits)
    return shown


def _in_words(table: pd.DataFrame, digits: int) -> dict[str, Any]:
    """Return a table as a page shows it: rows drawn evenly where there are many, and what is left out said."""
    counted = isinstance(table.index, pd.RangeIndex) and table.index.name is None
    names = [name or "" for name in table.index.names]
    frame = table if counted else table.reset_index(names=names, allow_duplicates=True)
    rows = np.unique(np.linspace(0, len(frame) - 1, min(ROWS, len(frame))).round().astype(int))
    cells = frame.iloc[rows, :COLUMNS]
    notes = []
    if len(rows) < len(frame):
        notes.append(f"{len(rows)} of {number(len(frame))} rows, evenly spaced.")
    if cells.shape[1] < frame.shape[1]:
        notes.append(f"{frame.shape[1] - COLUMNS} more columns are not shown.")
    return {
        "head": [plain(name) for name in cells],
        "numeric": [all(_is_number(value) for value in cells.iloc[:, place]) for place in range(cells.shape[1])],
        "rows": [[_said(value, digits) for value in row] for row in cells.itertuples(index=False)],
        "note": " ".join(notes),
    }


def _is_number(value: Any) -> bool:
    return value is None or (isinstance(value, int | float | np.number) and not isinstance(value, bool | np.bool_))


def _said(value: Any, digits: int) -> str:
    if value is None or (isinstance(value, float | np.floating) and np.isnan(value)):
        return "–"
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    return number(float(value), digits) if _is_number(value) else plain(value)
