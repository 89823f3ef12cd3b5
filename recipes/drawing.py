"""Panels for pictures of several lines, clouds or regions, in the look of `toolkit.report.style`."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter
from numpy.typing import NDArray

from toolkit.report.style import COLORS, look, tick

__all__ = [
    "BLUE",
    "GRAY",
    "GREEN",
    "INK",
    "LINE",
    "MUTED",
    "ORANGE",
    "PAPER",
    "PURPLE",
    "SET",
    "border",
    "dots",
    "ends",
    "field",
    "log",
    "panels",
    "plane",
    "regions",
]

INK, MUTED, LINE, PAPER = (COLORS[name][0] for name in ("ink", "muted", "line", "paper"))
BLUE, ORANGE, GREEN, PURPLE, GRAY = (COLORS[name][0] for name in ("network", "second", "linear", "tree", "dummy"))
#: Color and dash of the first, second, ... of several lines.
SET: tuple[tuple[str, Any], ...] = (
    (BLUE, "solid"),
    (ORANGE, (0, (5, 1.5))),
    (GREEN, (0, (1.3, 1.3))),
    (PURPLE, (0, (5, 1.4, 1.2, 1.4))),
    (GRAY, (0, (2.5, 2))),
    (INK, (0, (8, 2))),
)


class _Shown(Figure):
    """A figure that a notebook shows without pyplot, too."""

    def _repr_png_(self) -> bytes:
        stream = io.BytesIO()
        with look():
            self.savefig(stream, format="png", dpi=110, facecolor=PAPER)
        return stream.getvalue()


@contextmanager
def panels(
    columns: int = 1, rows: int = 1, *, width: float = 3.6, height: float = 2.7, share: bool = False
) -> Iterator[tuple[_Shown, NDArray[Any]]]:
    """Open a figure to draw in; when it is left, its layout is fixed, so that it is drawn the same every time.

    Args:
        columns: Panels beside each other.
        rows: Panels above each other.
        width: Of the whole, in inches.
        height: Of the whole, in inches.
        share: All panels have the same axes.

    Yields:
        The figure, and its axes as an array of shape (rows, columns).

    Example:
        >>> with panels(2) as (figure, axes):
        ...     lines = axes[0, 1].plot([0, 1], [1, 0], color=BLUE)
        >>> float(figure.get_figwidth()), axes.shape
        (3.6, (1, 2))
    """
    with look():
        figure = _Shown(figsize=(width, height), layout="constrained")
        axes = figure.subplots(rows, columns, squeeze=False, sharex=share, sharey=share)
        for one in axes.flat:
            for axis in (one.xaxis, one.yaxis):
                axis.set_major_locator(MaxNLocator(5))
                axis.set_major_formatter(FuncFormatter(lambda value, _: tick(value)))
        yield figure, axes
        engine = figure.get_layout_engine()
        if engine is not None:
            engine.execute(figure)
            figure.set_layout_engine("none")


def log(axes: Axes, along: str = "y") -> None:
    """Give an axis a logarithmic scale with few, plain numbers.

    Args:
        axes: The panel.
        along: "x" or "y".
    """
    axis = axes.xaxis if along == "x" else axes.yaxis
    (axes.set_xscale if along == "x" else axes.set_yscale)("log")
    axis.set_major_locator(LogLocator(numticks=6))
    axis.set_major_formatter(FuncFormatter(lambda value, _: tick(value)))
    axis.set_minor_formatter(NullFormatter())


def ends(axes: Axes, words: Sequence[str], *, least: float = 0.075) -> None:
    """Write the name of each line at its right end, in its color, apart from each other.

    Call it last: it looks at the limits of the axes.

    Args:
        axes: The panel, whose first lines are named.
        words: A name a line, in their order.
        least: Distance of two names, as a share of the height.
    """
    lines = axes.lines[: len(words)]
    axes.autoscale_view()  # matplotlib puts it off until it draws
    last = []
    for line in lines:
        x, y = (np.asarray(values, float) for values in line.get_data())
        finite = np.flatnonzero(np.isfinite(x) & np.isfinite(y))
        last.append(axes.transAxes.inverted().transform(axes.transData.transform((x[finite[-1]], y[finite[-1]])))[1])
    heights = np.clip(last, 0, 1)
    order = np.argsort(heights, kind="stable")
    for _ in range(200):  # push neighbours apart, a little each time
        for low, high in pairwise(order):
            lack = least - (heights[high] - heights[low])
            if lack > 0:
                heights[low], heights[high] = heights[low] - lack / 2, heights[high] + lack / 2
        heights = np.clip(heights, 0, 1)
    for line, text, height in zip(lines, words, heights, strict=True):
        axes.annotate(
            text, (1.02, height), xycoords="axes fraction", color=line.get_color(), va="center", annotation_clip=False
        )


def border(
    axes: Axes,
    weights: Sequence[float] | NDArray[Any],
    bias: float,
    color: str = INK,
    *,
    width: float = 1.2,
    dash: Any = "solid",
) -> None:
    """Draw where a linear score of two columns is 0, whichever way that line runs.

    Args:
        axes: The panel, whose limits `plane` sets.
        weights: The two weights, not both 0.
        bias: The bias.
        color: Of the line.
        width: Of the line, in points.
        dash: Of the line.
    """
    w = np.asarray(weights, float)
    size = np.hypot(*w)
    foot, along = -bias * w / size**2, np.array([-w[1], w[0]]) / size
    axes.plot(*np.stack([foot - 20 * along, foot + 20 * along]).T, color=color, linewidth=width, linestyle=dash)


def plane(axes: NDArray[Any], reach: float) -> None:
    """Make panels square pictures of the plane of x1 and x2 around 0.

    Args:
        axes: The panels, as `panels` gives them.
        reach: How far from 0 they show, either way.
    """
    for one in axes.flat:
        one.axhline(0, color=LINE, linewidth=0.6, zorder=0)
        one.axvline(0, color=LINE, linewidth=0.6, zorder=0)
        one.set_xlim(-reach, reach)
        one.set_ylim(-reach, reach)
        one.set_box_aspect(1)
        one.set_xlabel("x1")
        one.grid(visible=False)
    axes[0, 0].set_ylabel("x2")


def regions(
    axes: Axes, decided: NDArray[Any], x: tuple[float, float], y: tuple[float, float], *, alpha: float = 0.28
) -> None:
    """Color which class is decided for at each place of a plane.

    Args:
        axes: The panel.
        decided: Class numbers on an even grid, shape (rows, columns), the lowest row first.
        x: The grid's ends from left to right.
        y: Its ends from bottom to top.
        alpha: How strong the colors are.
    """
    across, up = np.linspace(*x, decided.shape[1]), np.linspace(*y, decided.shape[0])
    for k in np.unique(decided):
        inside = (decided == k).astype(float)
        axes.contourf(across, up, inside, levels=[0.5, 1.5], colors=[SET[k % len(SET)][0]], alpha=alpha)
    _bare(axes, x, y)


def field(axes: Axes, values: NDArray[Any], x: tuple[float, float], y: tuple[float, float]) -> None:
    """Color a number from -1 to 1 over a plane: blue above 0, orange below, the stronger the further.

    Args:
        axes: The panel.
        values: On an even grid, shape (rows, columns), the lowest row first.
        x: The grid's ends from left to right.
        y: Its ends from bottom to top.
    """
    across, up = np.linspace(*x, values.shape[1]), np.linspace(*y, values.shape[0])
    for sign, color in ((1, BLUE), (-1, ORANGE)):
        for level in (0.1, 0.35, 0.6, 0.85):
            if (sign * values > level).any():
                axes.contourf(across, up, sign * values, levels=[level, 9], colors=[color], alpha=0.17)
    _bare(axes, x, y)


def dots(
    axes: Axes, x: NDArray[Any], ids: NDArray[Any], wrong: NDArray[Any] | None = None, *, size: float = 2.6
) -> None:
    """Draw points of several classes, in the colors of `regions`; wrongly decided ones are crosses.

    Args:
        axes: The panel.
        x: Points, shape (n, 2).
        ids: Their class numbers, shape (n,).
        wrong: Whether each is decided wrongly, shape (n,).
        size: Of a dot, in points.
    """
    lost = np.zeros(len(x), bool) if wrong is None else np.asarray(wrong, bool)
    for k in np.unique(ids):
        for mark, some in (("o", (ids == k) & ~lost), ("x", (ids == k) & lost)):
            axes.plot(
                x[some, 0],
                x[some, 1],
                mark,
                color=SET[k % len(SET)][0],
                markersize=size,
                markeredgewidth=0.0 if mark == "o" else 0.9,
            )


def _bare(axes: Axes, x: tuple[float, float], y: tuple[float, float]) -> None:
    """Leave a map without grid and numbers, in a square."""
    axes.set_xlim(*x)
    axes.set_ylim(*y)
    axes.set_box_aspect(1)
    axes.grid(visible=False)
    axes.set_xticks([])
    axes.set_yticks([])
