"""The region of each class on a plane, and the rows in it."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from toolkit.report.style import CLASSES, COLORS, Numbers, canvas, finish, look

__all__ = ["draw_regions"]


def draw_regions(
    decided: NDArray[Any],
    x: tuple[float, float],
    y: tuple[float, float],
    *,
    classes: int,
    points: tuple[Numbers, Numbers, Numbers, Numbers] | None = None,
    along: tuple[str, str] = ("first component", "second component"),
    width: float = 3.6,
    first: int = 1,
) -> Figure:
    """Draw the region of each class, with the class's number in it.

    Args:
        decided: Class ids on an even grid, shape (rows, columns), the lowest row first.
        x: The ends of the grid from left to right.
        y: Its ends from bottom to top.
        classes: How many classes there are.
        points: x and y of rows to draw, their true class ids, and how each is marked: 0 a dot, 1 a cross for a row
            decided wrongly, 2 a ring for one that the model decides otherwise than the color below it says.
        along: What x and y show.
        width: Width in inches.
        first: The number of the first class.

    Example:
        >>> figure = draw_regions(np.array([[0, 0, 1], [0, 0, 1], [0, 0, 1]]), (0, 1), (0, 1), classes=2)
        >>> [text.get_text() for text in figure.axes[0].texts]
        ['1', '2']
    """
    with look():
        figure, axes = canvas(width, 3.3 * width / 3.6)
        grid = np.linspace(*x, decided.shape[1]), np.linspace(*y, decided.shape[0])
        for k in range(classes):
            _region(axes, grid, decided == k, k, str(k + first))
        if points is not None:
            across, up, true, marks = map(np.asarray, points)
            for k in range(classes):
                for mark, (kind, look_of) in enumerate(_MARKS.items()):
                    rows = (true == k) & (marks == mark)
                    edge = _color(k) if kind == " off the plane" else COLORS["paper"][0]
                    if rows.any():
                        axes.plot(
                            across[rows],
                            up[rows],
                            color=_color(k),
                            markeredgecolor=edge,
                            label=f"_{k}{kind}",
                            ls="",
                            **look_of,
                        )
        axes.set(xlim=x, ylim=y)
        axes.grid(visible=False)
        return finish(figure, axes, along[1], along[0])


# Kind of a row -> its mark.
_MARKS: dict[str, dict[str, Any]] = {
    "": {"marker": "o", "markersize": 3.6, "markeredgewidth": 0.4},
    " wrong": {"marker": "X", "markersize": 5.6, "markeredgewidth": 0.4},
    " off the plane": {"marker": "o", "markersize": 4, "markeredgewidth": 0.9, "markerfacecolor": "none"},
}


def _region(axes: Axes, grid: tuple[NDArray[Any], NDArray[Any]], inside: NDArray[np.bool_], k: int, name: str) -> None:
    """Fill the region of class k, and write its number where it is farthest from the region's border."""
    from scipy.ndimage import distance_transform_edt

    if not inside.any():
        return
    shade = 0.3 if k < len(CLASSES) else 0.14  # lighter where the colors start over
    axes.contourf(*grid, inside.astype(float), levels=[0.5, 1.5], colors=[_color(k)], alpha=shade)
    # A frame of False around the grid, so that the edge of the picture counts as border too.
    depth = np.asarray(distance_transform_edt(np.pad(inside, 1)))[1:-1, 1:-1]
    row, column = np.unravel_index(int(depth.argmax()), depth.shape)
    font = {"color": COLORS["ink"][0], "fontsize": 11, "fontweight": "bold", "ha": "center", "va": "center"}
    axes.text(grid[0][column], grid[1][row], name, **font)


def _color(k: int) -> str:
    return COLORS[CLASSES[k % len(CLASSES)]][0]
