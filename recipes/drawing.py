"""Panels for pictures of several lines, point clouds or regions, in the look of `toolkit.report.style`."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from toolkit.report.style import CLASSES, COLORS, LINES, few_ticks, fix_layout, log_scale, look, stroke

# fmt: off
__all__ = [
    "BLUE", "CLASS_COLORS", "GRAY", "GREEN", "INK", "LINE", "MUTED", "ORANGE", "PAPER", "PURPLE", "STYLES",
    "boundary", "dots", "field", "key", "label_lines", "log_scale", "name_axes", "panels", "plane", "regions",
]
# fmt: on

INK, MUTED, LINE, PAPER = (COLORS[name][0] for name in ("ink", "muted", "line", "paper"))
BLUE, ORANGE, GREEN, PURPLE, GRAY = (COLORS[name][0] for name in ("network", "second", "linear", "tree", "dummy"))
#: Colors of the first, second, ... class.
CLASS_COLORS = tuple(COLORS[name][0] for name in CLASSES)
#: Color and dash of the first, second, ... of several lines.
STYLES: tuple[tuple[str, Any], ...] = tuple((stroke(line)["color"], stroke(line)["linestyle"]) for line in LINES)


class _NotebookFigure(Figure):
    """A figure that a notebook displays without pyplot."""

    def _repr_png_(self) -> bytes:
        stream = io.BytesIO()
        with look():
            self.savefig(stream, format="png", dpi=110, facecolor=PAPER)
        return stream.getvalue()


@contextmanager
def panels(
    columns: int = 1, rows: int = 1, *, width: float = 3.6, height: float = 2.7, share: bool = False
) -> Iterator[tuple[_NotebookFigure, NDArray[Any]]]:
    """Open a figure with rows x columns panels; its layout is fixed on leaving, so that it is always drawn the same.

    Args:
        columns: Number of panels side by side.
        rows: Number of panels above each other.
        width: Width of the figure in inches.
        height: Height of the figure in inches.
        share: Give all panels the same axis limits.

    Yields:
        The figure, and its axes as an array of shape (rows, columns).

    Example:
        >>> with panels(2) as (figure, axes):
        ...     lines = axes[0, 1].plot([0, 1], [1, 0], color=BLUE)
        >>> float(figure.get_figwidth()), axes.shape
        (3.6, (1, 2))
    """
    with look():
        figure = _NotebookFigure(figsize=(width, height), layout="constrained")
        axes = figure.subplots(rows, columns, squeeze=False, sharex=share, sharey=share)
        for panel in axes.flat:
            few_ticks(panel)
        yield figure, axes
        fix_layout(figure)


def label_lines(axes: Axes, names: Sequence[str], *, gap: float = 0.075) -> None:
    """Write the name of each line at its right end, in its color; names that would overlap are pushed apart.

    Call it last: it needs the final limits of the axes.

    Args:
        axes: The panel; the names are those of its first lines.
        names: One name per line, in order.
        gap: Smallest distance between two names, as a share of the panel's height.
    """
    lines = axes.lines[: len(names)]
    axes.autoscale_view()  # matplotlib would put this off until it draws
    last = []
    for line in lines:
        x, y = (np.asarray(values, float) for values in line.get_data())
        end = np.flatnonzero(np.isfinite(x) & np.isfinite(y))[-1]
        # Data -> pixels -> share of the panel, which is right on logarithmic axes too.
        last.append(axes.transAxes.inverted().transform(axes.transData.transform((x[end], y[end])))[1])
    # Heights are shares of the panel: 0 is its lower edge. Neighbors closer than the gap each give way by half of what
    # is missing; one pair's step can crowd the next pair, hence the repetitions.
    heights = np.clip(last, 0, 1)
    order = np.argsort(heights, kind="stable")
    for _ in range(200):
        for low, high in pairwise(order):
            lack = gap - (heights[high] - heights[low])
            if lack > 0:
                heights[low], heights[high] = heights[low] - lack / 2, heights[high] + lack / 2
        heights = np.clip(heights, 0, 1)
    for line, name, height in zip(lines, names, heights, strict=True):
        axes.annotate(
            name, (1.02, height), xycoords="axes fraction", color=line.get_color(), va="center", annotation_clip=False
        )


def key(figure: Figure, names: Sequence[str], lines: Sequence[Line2D]) -> None:
    """Write the names of lines that all panels share below the panels, each beside its line."""
    figure.legend(lines, names, loc="outside lower right", ncols=len(names), labelcolor="linecolor")


def boundary(
    axes: Axes,
    weights: Sequence[float] | NDArray[Any],
    bias: float,
    color: str = INK,
    *,
    width: float = 1.2,
    dash: Any = "solid",
) -> None:
    """Draw the line on which the score ``w1 x1 + w2 x2 + bias`` is 0, in a panel whose limits `plane` sets."""
    w = np.asarray(weights, float)
    norm = np.hypot(*w)
    # `foot` is the point of the line nearest to (0, 0), `direction` a unit vector along the line.
    foot, direction = -bias * w / norm**2, np.array([-w[1], w[0]]) / norm
    # (2 ends, 2 coordinates), transposed: xs and ys. Both ends are far outside the panel.
    axes.plot(*np.stack([foot - 20 * direction, foot + 20 * direction]).T, color=color, linewidth=width, linestyle=dash)


def plane(axes: NDArray[Any], limit: float) -> None:
    """Make each panel of an array a square picture of the plane of x1 and x2, from -limit to limit both ways."""
    for panel in axes.flat:
        panel.axhline(0, color=LINE, linewidth=0.6, zorder=0)
        panel.axvline(0, color=LINE, linewidth=0.6, zorder=0)
        panel.set_xlim(-limit, limit)
        panel.set_ylim(-limit, limit)
        panel.set_box_aspect(1)
        panel.set_xlabel("x1")
        panel.grid(visible=False)
    axes[0, 0].set_ylabel("x2")


def name_axes(axes: NDArray[Any], names: tuple[str, str]) -> None:
    """Name what x shows below the lowest panels, and what y shows beside the leftmost ones."""
    for panel in axes[-1]:
        panel.set_xlabel(names[0])
    for panel in axes[:, 0]:
        panel.set_ylabel(names[1])


def regions(axes: Axes, decided: NDArray[Any], window: tuple[float, float], *, alpha: float = 0.28) -> None:
    """Color each point of a plane by the class that a model decides for.

    Args:
        axes: The panel.
        decided: Class ids on an even grid, shape (steps, steps), the lowest row first; or the scores, shape (steps,
            steps, classes), between which straight borders are drawn straight.
        window: Both ends of the plane, the same along x and y.
        alpha: Strength of the colors.
    """
    ticks = np.linspace(*window, len(decided))
    is_scores = decided.ndim == 3
    for k in np.unique(decided.argmax(axis=2) if is_scores else decided):
        # 0 and 1, filled above one half: the border runs between the grid points, where it belongs.
        inside, edge = (decided == k).astype(float), 0.5
        if is_scores:  # the lead over the best other class, filled above 0
            inside, edge = decided[:, :, k] - np.delete(decided, k, axis=2).max(axis=2), 0.0
        color = CLASS_COLORS[k % len(CLASS_COLORS)]
        axes.contourf(ticks, ticks, inside, levels=[edge, inside.max() + 1], colors=[color], alpha=alpha)
    _bare(axes, window)


def field(axes: Axes, values: NDArray[Any], window: tuple[float, float]) -> None:
    """Color a quantity from -1 to 1 over a plane: blue above 0, orange below, stronger the larger it is.

    Args:
        axes: The panel.
        values: The quantity on an even grid, shape (steps, steps), the lowest row first.
        window: Both ends of the plane, the same along x and y.
    """
    ticks = np.linspace(*window, len(values))
    for sign, color in ((1, BLUE), (-1, ORANGE)):
        # Up to four clear layers lie on top of each other, so the color is stronger where the quantity is larger.
        for level in (0.1, 0.35, 0.6, 0.85):
            if (sign * values > level).any():
                axes.contourf(ticks, ticks, sign * values, levels=[level, 9], colors=[color], alpha=0.17)
    _bare(axes, window)


def dots(
    axes: Axes, x: NDArray[Any], ids: NDArray[Any], wrong: NDArray[Any] | None = None, *, size: float = 2.6
) -> None:
    """Draw points in the colors of their classes, as in `regions`; wrongly decided points are crosses.

    Args:
        axes: The panel.
        x: Points, shape (n, 2).
        ids: Class ids, shape (n,).
        wrong: True where the model decides wrongly, shape (n,).
        size: Size of a dot in points.
    """
    mistakes = np.zeros(len(x), bool) if wrong is None else np.asarray(wrong, bool)
    for k in np.unique(ids):
        for marker, edge, scale, mask in (("o", 0.0, 1.0, ~mistakes), ("x", 1.1, 1.8, mistakes)):
            color, points = CLASS_COLORS[k % len(CLASS_COLORS)], x[(ids == k) & mask]
            axes.plot(points[:, 0], points[:, 1], marker, color=color, markersize=scale * size, markeredgewidth=edge)


def _bare(axes: Axes, window: tuple[float, float]) -> None:
    """Make a map square, without a grid and numbers."""
    axes.set_xlim(*window)
    axes.set_ylim(*window)
    axes.set_box_aspect(1)
    axes.grid(visible=False)
    axes.set_xticks([])
    axes.set_yticks([])
