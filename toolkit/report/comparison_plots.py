"""Pictures of a comparison: arrays of several contenders in, a matplotlib Figure out, as in `toolkit.report.plots`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from toolkit.report.style import (
    COLORS,
    Curve,
    Numbers,
    as_numbers,
    calibrated_from,
    canvas,
    finish,
    look,
    square,
)

__all__ = ["CONTENDERS", "before_and_after", "contender_bars", "contender_lines", "decision_regions"]

CONTENDERS: tuple[tuple[str, tuple[float, ...]], ...] = (
    ("network", ()),
    ("second", (5, 1.5)),
    ("linear", (1.3, 1.3)),
    ("tree", (5, 1.4, 1.2, 1.4)),
    ("dummy", (2.5, 2)),
)
"""Color and dashes of each contender of a comparison by its place, the same in every picture; they start over."""

_STEPS = [1, 2, 2.5, 5, 10]  # between the numbers of an axis
_CLASSES = ("linear", "second", "network", "tree", "dummy")


def contender_lines(
    lines: Sequence[Curve | None],
    *,
    name: str,
    along: str,
    bands: Sequence[Curve | None] = (),
    marks: Sequence[float] = (),
    height: float = 2.7,
    width: float = 3.6,
) -> Figure:
    """Draw a line a contender.

    Args:
        lines: (x, y) of each contender, in its place; None draws nothing and keeps the others' colors.
        name: What is drawn, set above the axis.
        along: What runs along x.
        bands: (low, high) around each line, in the same places; none by default.
        marks: Places on x, each marked by an upright line.
        height: Height in inches.
        width: Width in inches.

    Returns:
        The Figure; its first axes hold the lines in order, then the marks; the bands are its collections.

    Example:
        >>> figure = contender_lines([([0, 1], [1, 2]), None, ([0, 1], [0, 0])], name="loss", along="score")
        >>> [line.get_ydata().tolist() for line in figure.axes[0].lines]
        [[1.0, 2.0], [0.0, 0.0]]
    """
    with look():
        figure, axes = canvas(width, height)
        for place, line in enumerate(lines):
            if line is None:
                continue
            color, dash = _contender(place)
            x, y = as_numbers(line[0]), as_numbers(line[1])
            band = bands[place] if place < len(bands) else None
            if band is not None:
                low, high = as_numbers(band[0]), as_numbers(band[1])
                axes.fill_between(x, low, high, color=color, alpha=0.13, linewidth=0)
            axes.plot(x, y, color=color, linestyle=dash, label=f"_{place}")
            if np.isfinite(y).sum() == 1:
                axes.plot(x, y, "o", markersize=3, color=color, label=f"_{place}")
        _marks(axes, marks)
        axes.margins(x=0.02)
        axes.xaxis.set_major_locator(MaxNLocator(5, steps=_STEPS))
        axes.grid(visible=False, axis="x")
        axes.set_title(name)
        axes.set_xlabel(along)
        finish(figure, axes)
    return figure


def contender_bars(
    edges: Numbers,
    right: Numbers,
    wrong: Numbers,
    *,
    place: int,
    along: str,
    name: str = "test rows",
    marks: Sequence[float] = (),
    most: float | None = None,
    limits: tuple[float, float] | None = None,
    width: float = 3.6,
) -> Figure:
    """Draw a histogram of one contender, the wrong ones in another color on top of the right ones.

    Args:
        edges: Bin edges.
        right: Rows decided rightly in each bin, one fewer than edges.
        wrong: Rows decided wrongly.
        place: The contender's place, for its color.
        along: What runs along x.
        name: What is counted, set above the axis.
        marks: Places on x, each marked by an upright line.
        most: The end of the counting axis, so that several pictures share it. None takes this picture's own.
        limits: Both ends of x. None takes the edges.
        width: Width in inches.

    Returns:
        The Figure; the patches of its first axes are the right bars, then the wrong ones.

    Example:
        >>> figure = contender_bars([-1, 0, 1], [0, 5], [2, 0], place=0, along="margin")
        >>> [float(bar.get_height()) for bar in figure.axes[0].patches]
        [0.0, 5.0, 2.0, 0.0]
    """
    with look():
        figure, axes = canvas(width, 2.3)
        bins, good, bad = as_numbers(edges), as_numbers(right), as_numbers(wrong)
        middle, wide = (bins[:-1] + bins[1:]) / 2, np.diff(bins) * 0.92
        axes.bar(middle, good, width=wide, color=_contender(place)[0], alpha=0.6)
        axes.bar(middle, bad, bottom=good, width=wide, color=COLORS["ink"][0], alpha=0.75)
        _marks(axes, marks)
        axes.set_xlim(*(limits or (bins[0], bins[-1])))
        if most is not None:
            axes.set_ylim(0, most * 1.05 or 1)
        axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
        axes.xaxis.set_major_locator(MaxNLocator(5, steps=_STEPS))
        axes.grid(visible=False, axis="x")
        axes.set_title(name)
        axes.set_xlabel(along)
        finish(figure, axes)
    return figure


def before_and_after(before: Curve | None, after: Curve, *, place: int, width: float = 3.6) -> Figure:
    """Draw one contender's reliability before calibration (hollow, thin) and after it.

    Args:
        before: (mean predicted probabilities, observed shares) of groups of rows; None where there is no before.
        after: The same of the calibrated probabilities.
        place: The contender's place, for its color.
        width: Width in inches.

    Returns:
        The Figure; its first axes hold the diagonal, before (if any), then after.

    Example:
        >>> figure = before_and_after(None, ([0.1, 0.9], [0.2, 0.8]), place=1)
        >>> figure.axes[0].lines[-1].get_ydata().tolist()
        [0.2, 0.8]
    """
    with look():
        figure, axes = canvas(width, 3.1 * width / 3.6)
        color = _contender(place)[0]
        calibrated_from(axes, before)
        axes.plot(as_numbers(after[0]), as_numbers(after[1]), "-o", color=color, markersize=3.2, label="_after")
        square(axes)
        axes.set_title("observed share")
        axes.set_xlabel("predicted probability")
        finish(figure, axes)
    return figure


def decision_regions(
    decided: NDArray[Any],
    x: tuple[float, float],
    y: tuple[float, float],
    *,
    classes: int,
    points: Curve | None = None,
    true: Numbers = (),
    wrong: Sequence[bool] = (),
    along: tuple[str, str] = ("first component", "second component"),
    width: float = 3.6,
) -> Figure:
    """Draw which class is decided for at each place of a plane, each region with its class's number, from 1.

    Args:
        decided: Class ids on an even grid, shape (rows, columns), the lowest row first.
        x: The grid's ends from left to right.
        y: Its ends from bottom to top.
        classes: How many classes there are.
        points: (x, y) of rows to draw, if any.
        true: Their true class ids, for their color.
        wrong: Whether each was decided wrongly: drawn as a cross.
        along: What runs along x and along y.
        width: Width in inches.

    Returns:
        The Figure; its first axes hold a line of points for each class and kind (right, wrong) that occurs; the
        regions are its collections, their numbers its texts.

    Example:
        >>> figure = decision_regions(np.array([[0, 0, 1], [0, 0, 1], [0, 0, 1]]), (0, 1), (0, 1), classes=2)
        >>> [text.get_text() for text in figure.axes[0].texts]
        ['1', '2']
    """
    from scipy.ndimage import distance_transform_edt

    with look():
        figure, axes = canvas(width, 3.3 * width / 3.6)
        grid_x, grid_y = np.linspace(*x, decided.shape[1]), np.linspace(*y, decided.shape[0])
        for k in range(classes):
            color, inside = _class_color(k), decided == k
            if not inside.any():
                continue
            shade = 0.3 if k < len(_CLASSES) else 0.14
            axes.contourf(grid_x, grid_y, inside.astype(float), levels=[0.5, 1.5], colors=[color], alpha=shade)
            deep = np.asarray(distance_transform_edt(np.pad(inside, 1)))[1:-1, 1:-1]
            row, column = np.unravel_index(int(deep.argmax()), deep.shape)
            axes.text(
                grid_x[column],
                grid_y[row],
                str(k + 1),
                color=COLORS["ink"][0],
                fontsize=11,
                fontweight="bold",
                ha="center",
                va="center",
            )
        if points is not None:
            across, up, ids = as_numbers(points[0]), as_numbers(points[1]), np.asarray(true)
            for k in range(classes):
                for mark, size, kind in (("o", 3.6, False), ("X", 5.6, True)):
                    fits = (ids == k) & (np.asarray(wrong, dtype=bool) == kind)
                    if fits.any():
                        axes.plot(
                            across[fits],
                            up[fits],
                            linestyle="none",
                            marker=mark,
                            markersize=size,
                            markeredgewidth=0.4,
                            markeredgecolor=COLORS["paper"][0],
                            color=_class_color(k),
                            label=f"_{k}{' wrong' if kind else ''}",
                        )
        axes.set_xlim(*x)
        axes.set_ylim(*y)
        axes.grid(visible=False)
        axes.set_title(along[1])
        axes.set_xlabel(along[0])
        finish(figure, axes)
    return figure


def _contender(place: int) -> tuple[str, Any]:
    color, dashes = CONTENDERS[place % len(CONTENDERS)]
    return COLORS[color][0], (0, dashes) if dashes else "solid"


def _marks(axes: Axes, marks: Sequence[float]) -> None:
    for at in marks:
        axes.axvline(at, color=COLORS["muted"][0], linewidth=0.8, linestyle=(0, (2, 2)), label="_mark")


def _class_color(k: int) -> str:
    return COLORS[_CLASSES[k % len(_CLASSES)]][0]
