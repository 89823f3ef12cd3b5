"""The look of every picture: colors, line styles, settings of matplotlib, and how a figure begins and ends."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter
from numpy.typing import NDArray

from toolkit.common.formatting import number

__all__ = [
    "CLASSES",
    "COLORS",
    "LINES",
    "SERIES",
    "Curve",
    "LineStyle",
    "Numbers",
    "as_numbers",
    "canvas",
    "few_ticks",
    "finish",
    "fix_layout",
    "line_style",
    "log_scale",
    "look",
    "stroke",
]

# Name -> (light, dark). Figures are drawn in the light one; `svg` turns each into the CSS variable of that name.
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
    "gold": ("#9a7400", "#dcb94a"),
    "pink": ("#b83472", "#f08fba"),
    "teal": ("#10807f", "#5fcac8"),
    "brown": ("#6b4a2f", "#c9a283"),
}
# Colors of the first, second, ... class, the same on every page; they start over.
CLASSES = ("network", "second", "linear", "tree", "dummy", "ink", "gold", "pink", "teal", "brown")
LineStyle = tuple[str, tuple[float, ...]]  # color, dashes: lengths of ink and gap in turn

# The first, second, ... of several lines of one kind, as contenders are; they start over.
LINES: tuple[LineStyle, ...] = (
    ("network", ()),
    ("second", (5, 1.5)),
    ("linear", (1.3, 1.3)),
    ("tree", (5, 1.4, 1.2, 1.4)),
    ("dummy", (2.5, 2)),
    ("ink", (8, 2)),
)

# What a line stands for -> its style, the same in every picture.
SERIES: dict[str, LineStyle] = {
    "training": ("network", (4, 2)),
    "validation": ("second", ()),
    "rate": ("muted", ()),
    "network": ("network", ()),
    "linear": ("linear", (4, 2)),
    "tree": ("tree", (1.2, 1.6)),
    "chance": ("dummy", (1, 3)),
    "mark": ("muted", (2, 2)),
}

RC = {
    "font.family": "DejaVu Sans",  # matplotlib brings it along, so that text is measured alike everywhere
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "logitkit",  # the same identifiers in every run
    "text.parse_math": False,  # a dollar sign is a dollar sign
    "axes.unicode_minus": True,  # − rather than a hyphen
    "axes.titlelocation": "left",
    "axes.titlepad": 7.0,
    "axes.grid": True,
    "axes.axisbelow": True,  # grid lines behind the marks
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "legend.handlelength": 2.2,
    "lines.linewidth": 1.4,
    "text.color": COLORS["ink"][0],
    **dict.fromkeys(["axes.edgecolor", "grid.color"], COLORS["line"][0]),
    **dict.fromkeys(["axes.labelcolor", "axes.titlecolor", "xtick.color", "ytick.color"], COLORS["muted"][0]),
    # Clear, so that the page's own paper shows through, light or dark.
    **dict.fromkeys(["figure.facecolor", "axes.facecolor", "savefig.facecolor"], "none"),
    # Of the frame, only the lower edge; no tick marks.
    **dict.fromkeys(["axes.spines.top", "axes.spines.right", "axes.spines.left"], False),
    **{f"{axis}tick.{kind}.size": 0.0 for axis in "xy" for kind in ("major", "minor")},
    **{f"{text}size": 7.5 for text in ("font.", "axes.title", "axes.label", "xtick.label", "ytick.label")},
    "legend.fontsize": 7.5,
}

Numbers = Sequence[float | None] | NDArray[Any]
Curve = tuple[Numbers, Numbers]


@contextmanager
def look() -> Iterator[None]:
    """Draw with this project's settings, whatever the user's session has set."""
    with matplotlib.style.context(["default", RC]):
        yield


def line_style(index: int) -> LineStyle:
    """Return the line style of the first (0), second, ... contender."""
    return LINES[index % len(LINES)]


def stroke(style: LineStyle) -> dict[str, Any]:
    """Return a line style as matplotlib's keywords.

    Example:
        >>> stroke(LINES[1])
        {'color': '#b0501c', 'linestyle': (0, (5, 1.5))}
    """
    color, dashes = style
    return {"color": COLORS[color][0], "linestyle": (0, dashes) if dashes else "solid"}


def as_numbers(values: Numbers) -> NDArray[np.float64]:
    """Return numbers as an array, with NaN for None and for infinities."""
    array = np.array([np.nan if v is None else v for v in values], dtype=float)
    # A line with NaN has a gap there; an infinity would spoil the limits of the axes.
    array[~np.isfinite(array)] = np.nan
    return array


def _tick(value: float) -> str:
    """Format a number beside an axis: short, with k, M or G where it is large.

    Example:
        >>> _tick(2500), _tick(25_000)
        ('2,500', '25k')
    """
    # Thousands only from 10k on: 2,500 is easier to read than 2.5k.
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if size * (10 if letter == "k" else 1) <= abs(value) < 1e12:
            return number(value / size) + letter
    return number(value)


def few_ticks(axes: Axes) -> None:
    """Give both axes few and short numbers."""
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(5))
        axis.set_major_formatter(FuncFormatter(lambda value, _: _tick(value)))


def log_scale(axes: Axes, along: str = "y") -> None:
    """Make the "x" or the "y" axis logarithmic, with few and short numbers."""
    axes.set(**{f"{along}scale": "log"})
    axis = axes.xaxis if along == "x" else axes.yaxis
    axis.set_major_locator(LogLocator(numticks=6))
    axis.set_major_formatter(FuncFormatter(lambda value, _: _tick(value)))
    axis.set_minor_formatter(NullFormatter())


def canvas(width: float = 3.6, height: float = 2.7) -> tuple[Figure, Axes]:
    """Open a figure of this size in inches, with few and short numbers beside its axes."""
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.add_subplot()
    few_ticks(axes)
    return figure, axes


def fix_layout(figure: Figure) -> None:
    """Lay a figure out once and for all: drawn again, it stays as it is."""
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.execute(figure)
        figure.set_layout_engine("none")


def finish(figure: Figure, axes: Axes, title: str, along: str) -> Figure:
    """Name both axes, put the legend above the picture, where it covers no line, and fix the layout.

    Args:
        figure: The figure.
        axes: Its axes; lines whose label begins with "_" are not in the legend.
        title: What y shows, written above the axes.
        along: What x shows.
    """
    axes.set_title(title)
    axes.set_xlabel(along)
    handles, labels = axes.get_legend_handles_labels()
    if len(labels) > 1:
        figure.legend(
            handles, labels, loc="outside upper right", ncols=len(labels), labelcolor="linecolor", columnspacing=1.2
        )
    fix_layout(figure)
    return figure
