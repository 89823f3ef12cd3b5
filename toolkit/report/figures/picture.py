"""A picture as a page shows it, and what the pictures of all sections share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup
from matplotlib.figure import Figure

from toolkit.common.formatting import isolated, number
from toolkit.report.cells import shorten
from toolkit.report.style import line_style
from toolkit.report.svg import svg

__all__ = ["WIDE", "Picture", "beyond", "bin_rows", "contender_names", "each_contender", "side_by_side", "spread"]

WIDE = 4.6  # inches, of a picture in a row of its own: its text stays readable on a telephone


@dataclass(frozen=True)
class Picture:
    """A picture with its words and its numbers.

    Attributes:
        svg: The SVG element.
        title: A few words, without a full stop.
        caption: What to see in it, in a sentence or two; also the text alternative.
        head: Names of the table's columns.
        rows: The table's rows, as texts to read.
        note: What the table leaves out, or an empty text.
    """

    svg: Markup
    title: str
    caption: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""

    @classmethod
    def draw(cls, figure: Figure, title: str, caption: str, *table: Any) -> Picture:
        """Return a figure as a picture; the table is head, rows and note."""
        return cls(Markup(svg(figure, title=title, description=caption)), title, caption, *table)


def spread(size: int, count: int, always: Sequence[int] = ()) -> list[int]:
    """Return about `count` of the positions 0 to size - 1, evenly spread, with both ends and those of `always`.

    Example:
        >>> spread(101, 5, [2])
        [0, 2, 25, 50, 75, 100]
    """
    if size <= count:
        return list(range(size))
    # With count - 1 equal steps the first position is 0 and the last size - 1.
    return sorted({round(i * (size - 1) / (count - 1)) for i in range(count)} | set(always))


def contender_names(summary: Mapping[str, Any]) -> list[str]:
    """Return the names of a comparison's contenders, short enough for the head of a table."""
    return [isolated(shorten(entry["label"], 40)) for entry in summary["contenders"]]


def each_contender(
    summary: Mapping[str, Any], entries: Sequence[Mapping[str, Any] | None] | None
) -> Iterator[tuple[int, str, Mapping[str, Any], dict[str, Any]]]:
    """Yield position, name, entry, and color and width of the picture, for each contender that has an entry."""
    names = contender_names(summary)
    for index, entry in enumerate(entries or []):
        if entry is not None:
            yield index, names[index], entry, {"color": line_style(index)[0], "width": side_by_side(len(names))}


def side_by_side(count: int) -> float:
    """Return the width in inches of `count` pictures in a row."""
    # The page stretches a picture to its column: three narrow ones get text of the same size as two wide ones.
    return 2.7 if count == 3 else 3.6


def beyond(count: int) -> str:
    """Return what to say, after a caption, of values beyond the ends of a histogram."""
    return f" The outer bars include {number(count)} further out." if count else ""


def bin_rows(edges: Sequence[float], counts: Sequence[int]) -> list[list[str]]:
    """Return a histogram as the rows of a table: from, to, how many."""
    return [
        [number(low, 3), number(high, 3), number(count)]
        for low, high, count in zip(edges[:-1], edges[1:], counts, strict=True)
    ]
