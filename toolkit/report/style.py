"""The look of every picture: colors, settings of matplotlib, and the frame that a figure begins and ends with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator
from numpy.typing import NDArray

from toolkit.common.formatting import number

__all__ = ["COLORS", "Curve", "Numbers", "as_numbers", "calibrated_from", "canvas", "finish", "look", "square", "tick"]

COLORS: dict[str, tuple[str, str]] = {
    "ink": ("#20242b", "#e7e9ec"),
    "muted": ("#5c6470", "#a3abb7"),
    "line": ("#dfdcd5", "#343a44"),
    "paper": ("#fdfcfa", "#15181d"),
    "network": ("#1f5fa8", "#82b4f2"),
    "second": ("#b0501c", "#f0a266"),
    "linear": ("#3f7a52", "#84c79b"),
    "tree": ("#7c4d9e", "#c9a2e6"),
    "dummy": ("#777b82", "#8f96a1"),
}
"""Name -> (light, dark). Figures are drawn in the light one; `svg` turns each into the CSS variable of that name."""

SMALL = 7.5
RC = {
    "font.family": "DejaVu Sans",
    "font.size": SMALL,
    "svg.fonttype": "none",
    "svg.hashsalt": "logitkit",
    "text.parse_math": False,
    "axes.unicode_minus": True,
    "text.color": COLORS["ink"][0],
    "axes.edgecolor": COLORS["line"][0],
    "axes.labelcolor": COLORS["muted"][0],
    "axes.titlecolor": COLORS["muted"][0],
    "axes.titlelocation": "left",
    "axes.titlesize": SMALL,
    "axes.labelsize": SMALL,
    "axes.titlepad": 7.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": COLORS["line"][0],
    "grid.linewidth": 0.6,
    "xtick.color": COLORS["muted"][0],
    "ytick.color": COLORS["muted"][0],
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
    "xtick.major.size": 0.0,
    "ytick.major.size": 0.0,
    "xtick.minor.size": 0.0,
    "ytick.minor.size": 0.0,
    "legend.frameon": False,
    "legend.fontsize": SMALL,
    "legend.handlelength": 2.2,
    "lines.linewidth": 1.4,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
}

Numbers = Sequence[float | None] | NDArray[Any]
Curve = tuple[Numbers, Numbers]


@contextmanager
def look() -> Iterator[None]:
    """Draw with this project's settings, whatever the user's session has set."""
    with matplotlib.style.context(["default", RC]):
        yield


def as_numbers(values: Numbers) -> NDArray[np.float64]:
    """Return numbers as an array, NaN in place of None and of what is not finite."""
    array = np.array([np.nan if v is None else v for v in values], dtype=float)
    array[~np.isfinite(array)] = np.nan
    return array


def tick(value: float) -> str:
    """Say a number beside an axis: short, with k, M or G where it is large.

    Example:
        >>> tick(2500), tick(25_000)
        ('2,500', '25k')
    """
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if size * (10 if letter == "k" else 1) <= abs(value) < 1e12:
            return number(value / size) + letter
    return number(value)


def canvas(width: float = 3.6, height: float = 2.7) -> tuple[Figure, Axes]:
    """Open a figure of a size in inches, with few and short numbers beside its axes."""
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.add_subplot()
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(5))
        axis.set_major_formatter(FuncFormatter(lambda value, _: tick(value)))
    return figure, axes


def finish(figure: Figure, axes: Axes) -> None:
    """Set the legend above the picture, where it covers no line, and fix the layout: drawn again, it stays as it is."""
    handles, labels = axes.get_legend_handles_labels()
    if len(labels) > 1:
        figure.legend(
            handles, labels, loc="outside upper right", ncols=len(labels), labelcolor="linecolor", columnspacing=1.2
        )
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.execute(figure)
        figure.set_layout_engine("none")


def square(axes: Axes) -> None:
    """Make a square of shares, from 0 to 1 both ways."""
    axes.set_box_aspect(1)
    axes.set_xlim(-0.01, 1.01)
    axes.set_ylim(-0.01, 1.01)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_ticks([0, 0.25, 0.5, 0.75, 1])


def calibrated_from(axes: Axes, before: Curve | None) -> None:
    """Draw the diagonal, on which a probability means what it says, and the shares before calibration, if any."""
    axes.plot([0, 1], [0, 1], color=COLORS["dummy"][0], linewidth=0.9, linestyle=(0, (1, 3)), label="_honest")
    if before is not None:
        axes.plot(
            as_numbers(before[0]),
            as_numbers(before[1]),
            color=COLORS["muted"][0],
            linestyle=(0, (3, 2)),
            linewidth=0.9,
            marker="o",
            markersize=3,
            markerfacecolor=COLORS["paper"][0],
            label="_before",
        )
