"""Pictures: arrays in, a matplotlib Figure out.

No pyplot: nothing here keeps state or opens a window. No text of the user's stands inside a picture, so that a name in
a script that the measuring font lacks, or one of 300 letters, can't spoil it; the page around it names things.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter
from numpy.typing import NDArray

from toolkit.wording import number

__all__ = [
    "COLOURS",
    "CONTENDERS",
    "before_and_after",
    "contender_bars",
    "contender_lines",
    "decision_regions",
    "learning_curve",
    "look",
    "precision_recall",
    "predicted_against_true",
    "reliability",
    "residuals",
    "roc",
    "tick",
]

COLOURS: dict[str, tuple[str, str]] = {
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

SERIES = {  # what a line stands for -> its colour and dash, the same in every picture
    "training": ("network", (0, (4, 2))),
    "validation": ("second", "solid"),
    "rate": ("muted", "solid"),
    "network": ("network", "solid"),
    "linear": ("linear", (0, (4, 2))),
    "tree": ("tree", (0, (1.2, 1.6))),
    "dummy": ("dummy", (0, (1, 3))),
}
CONTENDERS: tuple[tuple[str, tuple[float, ...]], ...] = (
    ("network", ()),
    ("second", (5, 1.5)),
    ("linear", (1.3, 1.3)),
    ("tree", (5, 1.4, 1.2, 1.4)),
    ("dummy", (2.5, 2)),
)
"""Colour and dashes of each contender of a comparison by its place, the same in every picture; they start over."""
SMALL = 7.5
RC = {
    "font.family": "DejaVu Sans",
    "font.size": SMALL,
    "svg.fonttype": "none",
    "svg.hashsalt": "logitkit",
    "text.parse_math": False,
    "axes.unicode_minus": True,
    "text.color": COLOURS["ink"][0],
    "axes.edgecolor": COLOURS["line"][0],
    "axes.labelcolor": COLOURS["muted"][0],
    "axes.titlecolor": COLOURS["muted"][0],
    "axes.titlelocation": "left",
    "axes.titlesize": SMALL,
    "axes.labelsize": SMALL,
    "axes.titlepad": 7.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": COLOURS["line"][0],
    "grid.linewidth": 0.6,
    "xtick.color": COLOURS["muted"][0],
    "ytick.color": COLOURS["muted"][0],
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


@contextmanager
def look() -> Iterator[None]:
    """Draw with this project's settings, whatever the user's session has set."""
    with matplotlib.style.context(["default", RC]):
        yield


Numbers = Sequence[float | None] | NDArray[Any]
Curve = tuple[Numbers, Numbers]


def _numbers(values: Numbers) -> np.ndarray:
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


def _axes(width: float = 3.6, height: float = 2.7) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.add_subplot()
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(5))
        axis.set_major_formatter(FuncFormatter(lambda value, _: tick(value)))
    return figure, axes


def _line(axes: Axes, x: np.ndarray, y: np.ndarray, kind: str, label: str | None = None) -> None:
    colour, dash = SERIES[kind]
    axes.plot(x, y, color=COLOURS[colour][0], linestyle=dash, label=label or kind)


def _finish(figure: Figure, axes: Axes) -> None:
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


def learning_curve(
    epochs: Numbers,
    lines: Mapping[str, Numbers],
    *,
    name: str,
    best_epoch: int | None = None,
    height: float = 2.5,
) -> Figure:
    """Draw one quantity over the epochs, with the kept epoch marked.

    Values that are missing or not finite leave a gap. The scale is logarithmic where half of the (positive) values
    would lie in the lowest hundredth of the picture.

    Args:
        epochs: Epoch numbers, from 1.
        lines: "training" and/or "validation" -> a value an epoch.
        name: What is drawn, set above the axis ("loss").
        best_epoch: The epoch whose weights were kept; None marks nothing.
        height: Height in inches; the width is 3.6.

    Returns:
        The Figure; its first axes hold the lines, in the order given, then the mark.

    Example:
        >>> figure = learning_curve(
        ...     [1, 2, 3], {"training": [3.0, 2.0, 1.5], "validation": [3.0, 2.5, 2.6]}, name="loss", best_epoch=2
        ... )
        >>> [line.get_label() for line in figure.axes[0].lines][:2]
        ['training', 'validation']
    """
    with look():
        figure, axes = _axes(height=height)
        x = np.asarray(epochs, dtype=float)
        kept = [(kind, _numbers(values)) for kind, values in lines.items()]
        for kind, y in kept:
            axes.plot(x, y, color=COLOURS[SERIES[kind][0]][0], linestyle=SERIES[kind][1], label=kind)
            if np.isfinite(y).sum() == 1:  # one epoch alone draws no line
                axes.plot(x, y, "o", markersize=3, color=COLOURS[SERIES[kind][0]][0])
        finite = np.concatenate([y[np.isfinite(y)] for _, y in kept] or [np.empty(0)])
        if len(finite) and finite.min() > 0 and finite.max() > 100 * np.median(finite):
            axes.set_yscale("log")
            axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: tick(value)))
            axes.yaxis.set_minor_formatter(NullFormatter())
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        axes.grid(visible=False, axis="x")
        axes.set_title(name)
        axes.set_xlabel("epoch")
        if best_epoch is not None and len(x):
            axes.axvline(
                best_epoch,
                color=COLOURS["muted"][0],
                linewidth=0.8,
                linestyle=(0, (2, 2)),
                label=f"best epoch {best_epoch}",
            )
        _finish(figure, axes)
    return figure


def _square(axes: Axes) -> None:
    axes.set_box_aspect(1)
    axes.set_xlim(-0.01, 1.01)
    axes.set_ylim(-0.01, 1.01)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_ticks([0, 0.25, 0.5, 0.75, 1])


def _chosen(axes: Axes, at: tuple[float, float] | None) -> None:
    if at is not None:
        axes.plot(
            [at[0]],
            [at[1]],
            "o",
            markersize=5,
            color=COLOURS["network"][0],
            markeredgecolor=COLOURS["paper"][0],
            label="_chosen",
        )


def roc(curves: Mapping[str, Curve], *, at: tuple[float, float] | None = None) -> Figure:
    """Draw receiver operating characteristics over the diagonal of guessing.

    Args:
        curves: "network", "linear", "tree" -> (false positive rates, true positive rates), each from 0 to 1.
        at: The (false positive rate, true positive rate) of the network's decision, marked by a dot.

    Returns:
        The Figure; its first axes hold the diagonal, then a line a curve, in the order given.

    Example:
        >>> figure = roc({"network": ([0, 0.1, 1], [0, 0.9, 1])}, at=(0.1, 0.9))
        >>> figure.axes[0].lines[1].get_ydata().tolist()
        [0.0, 0.9, 1.0]
    """
    with look():
        figure, axes = _axes(height=3.3)
        axes.plot([0, 1], [0, 1], color=COLOURS["dummy"][0], linewidth=0.9, linestyle=(0, (1, 3)), label="_guessing")
        for kind, (x, y) in curves.items():
            _line(axes, _numbers(x), _numbers(y), kind)
        _chosen(axes, at)
        _square(axes)
        axes.set_title("true positive rate")
        axes.set_xlabel("false positive rate")
        _finish(figure, axes)
    return figure


def precision_recall(curves: Mapping[str, Curve], *, share: float, at: tuple[float, float] | None = None) -> Figure:
    """Draw precision against recall, over the share of positive rows, which guessing reaches.

    Args:
        curves: "network", "linear", "tree" -> (recalls, precisions), each 0 to 1.
        share: Share of positive rows, 0 to 1.
        at: The (recall, precision) of the network's decision, marked by a dot.

    Returns:
        The Figure; its first axes hold the level of guessing, then a line a curve, in the order given.

    Example:
        >>> figure = precision_recall({"network": ([1, 0.5, 0], [0.5, 0.9, 1])}, share=0.5)
        >>> figure.axes[0].lines[1].get_xdata().tolist()
        [1.0, 0.5, 0.0]
    """
    with look():
        figure, axes = _axes(height=3.3)
        axes.plot(
            [0, 1], [share, share], color=COLOURS["dummy"][0], linewidth=0.9, linestyle=(0, (1, 3)), label="_guessing"
        )
        for kind, (x, y) in curves.items():
            _line(axes, _numbers(x), _numbers(y), kind)
        _chosen(axes, at)
        _square(axes)
        axes.set_title("precision")
        axes.set_xlabel("recall")
        _finish(figure, axes)
    return figure


def _calibrated_from(axes: Axes, before: Curve | None) -> None:
    """Draw the diagonal, on which a probability means what it says, and the shares before calibration, if any."""
    axes.plot([0, 1], [0, 1], color=COLOURS["dummy"][0], linewidth=0.9, linestyle=(0, (1, 3)), label="_honest")
    if before is not None:
        axes.plot(
            _numbers(before[0]),
            _numbers(before[1]),
            color=COLOURS["muted"][0],
            linestyle=(0, (3, 2)),
            linewidth=0.9,
            marker="o",
            markersize=3,
            markerfacecolor=COLOURS["paper"][0],
            label="_before",
        )


def reliability(
    predicted: Numbers, observed: Numbers, low: Numbers, high: Numbers, *, before: Curve | None = None
) -> Figure:
    """Draw observed shares against predicted probabilities; on the diagonal a probability means what it says.

    Args:
        predicted: Mean predicted probability of each group of rows, 0 to 1.
        observed: Observed share in each group, 0 to 1.
        low: Lower ends of the intervals of the observed shares.
        high: Upper ends.
        before: (mean predicted probabilities, observed shares) before calibration; drawn hollow and thin.

    Returns:
        The Figure; its first axes hold the diagonal, before (if any), then the points; the intervals are its
        collection.

    Example:
        >>> figure = reliability([0.1, 0.9], [0.2, 0.8], [0.1, 0.7], [0.3, 0.9])
        >>> figure.axes[0].lines[1].get_ydata().tolist()
        [0.2, 0.8]
    """
    with look():
        figure, axes = _axes(height=3.1)
        colour = COLOURS["network"][0]
        x, y = _numbers(predicted), _numbers(observed)
        _calibrated_from(axes, before)
        axes.vlines(x, _numbers(low), _numbers(high), color=colour, linewidth=0.9)
        axes.plot(x, y, "-o", color=colour, markersize=3, linewidth=0.8, label="network")
        _square(axes)
        axes.set_title("observed share")
        axes.set_xlabel("predicted probability")
        _finish(figure, axes)
    return figure


def _limits(*arrays: np.ndarray) -> tuple[float, float]:
    values = np.concatenate([a[np.isfinite(a)] for a in arrays] or [np.empty(0)])
    if not len(values):
        return 0.0, 1.0
    low, high = float(values.min()), float(values.max())
    pad = 0.04 * (high - low) or max(abs(high) * 0.05, 0.5)
    return low - pad, high + pad


def _points(axes: Axes, x: np.ndarray, y: np.ndarray) -> None:
    if len(x):
        axes.plot(
            x,
            y,
            linestyle="none",
            marker="o",
            markersize=2.6,
            markeredgewidth=0,
            alpha=0.4,
            color=COLOURS["network"][0],
            label="rows",
        )


def _bands(axes: Axes, bands: Mapping[str, Numbers]) -> None:
    x = _numbers(bands["x"])
    axes.vlines(x, _numbers(bands["low"]), _numbers(bands["high"]), color=COLOURS["second"][0], linewidth=1.0)
    axes.plot(
        x, _numbers(bands["middle"]), "o", markersize=3.4, color=COLOURS["second"][0], label="median, 5–95 % of rows"
    )


def predicted_against_true(true: Numbers, predicted: Numbers, bands: Mapping[str, Numbers]) -> Figure:
    """Draw predictions against the truth; a perfect one lies on the diagonal.

    Args:
        true: True values of the rows to draw, in the target's unit; empty draws the bands alone.
        predicted: Their predictions.
        bands: Groups of rows by their prediction: "x" mean prediction, "middle" median truth, "low" and "high" its 5 %
            and 95 % quantiles.

    Returns:
        The Figure; predictions run along x. Its axes hold the diagonal, the points (if any), then the bands' middles.

    Example:
        >>> bands = {"x": [1.5], "middle": [1.6], "low": [1.0], "high": [2.0]}
        >>> predicted_against_true([1.0, 2.0], [1.2, 1.8], bands).axes[0].lines[1].get_xdata().tolist()
        [1.2, 1.8]
    """
    with look():
        figure, axes = _axes(height=3.3)
        x, y = _numbers(predicted), _numbers(true)
        limits = _limits(x, y, _numbers(bands["x"]), _numbers(bands["low"]), _numbers(bands["high"]))
        axes.plot(limits, limits, color=COLOURS["dummy"][0], linewidth=0.9, linestyle=(0, (1, 3)), label="_perfect")
        _points(axes, x, y)
        _bands(axes, bands)
        axes.set_xlim(*limits)
        axes.set_ylim(*limits)
        axes.set_box_aspect(1)
        axes.set_title("true value")
        axes.set_xlabel("predicted value")
        _finish(figure, axes)
    return figure


def residuals(
    predicted: Numbers,
    residual: Numbers,
    bands: Mapping[str, Numbers],
    *,
    edges: Numbers,
    counts: Numbers,
) -> Figure:
    """Draw errors (true minus predicted) against the prediction, with their histogram at the side.

    Args:
        predicted: Predictions of the rows to draw; empty draws the bands alone.
        residual: Their errors, in the target's unit.
        bands: Groups of rows by their prediction: "x" mean prediction, "middle" median error, "low" and "high" its 5 %
            and 95 % quantiles.
        edges: Bin edges of the histogram over all rows.
        counts: Rows in each bin, one fewer than edges.

    Returns:
        The Figure; first axes: the line of no error, the points (if any), the bands' middles; its inset: the bars.

    Example:
        >>> bands = {"x": [1.5], "middle": [0.1], "low": [-1.0], "high": [1.0]}
        >>> figure = residuals([1.2], [0.3], bands, edges=[-1, 0, 1], counts=[1, 2])
        >>> [float(bar.get_width()) for bar in figure.axes[0].child_axes[0].patches]
        [1.0, 2.0]
    """
    with look():
        figure, axes = _axes(height=3.3)
        side = axes.inset_axes((1.03, 0.0, 0.2, 1.0), sharey=axes)
        axes.axhline(0, color=COLOURS["dummy"][0], linewidth=0.9, linestyle=(0, (1, 3)), label="_none")
        x, y = _numbers(predicted), _numbers(residual)
        _points(axes, x, y)
        _bands(axes, bands)
        axes.set_xlim(*_limits(x, _numbers(bands["x"])))
        axes.set_ylim(*_limits(y, _numbers(bands["low"]), _numbers(bands["high"]), _numbers(edges)))
        axes.set_title("error (true − predicted)")
        axes.set_xlabel("predicted value")
        bins = _numbers(edges)
        side.barh(
            (bins[:-1] + bins[1:]) / 2,
            _numbers(counts),
            height=np.diff(bins) * 0.9,
            color=COLOURS["network"][0],
            alpha=0.55,
        )
        side.axis("off")
        _finish(figure, axes)
    return figure


def _contender(place: int) -> tuple[str, Any]:
    colour, dashes = CONTENDERS[place % len(CONTENDERS)]
    return COLOURS[colour][0], (0, dashes) if dashes else "solid"


_STEPS = [1, 2, 2.5, 5, 10]  # between the numbers of an axis


def _marks(axes: Axes, marks: Sequence[float]) -> None:
    for at in marks:
        axes.axvline(at, color=COLOURS["muted"][0], linewidth=0.8, linestyle=(0, (2, 2)), label="_mark")


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
        lines: (x, y) of each contender, in its place; None draws nothing and keeps the others' colours.
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
        figure, axes = _axes(width, height)
        for place, line in enumerate(lines):
            if line is None:
                continue
            colour, dash = _contender(place)
            x, y = _numbers(line[0]), _numbers(line[1])
            band = bands[place] if place < len(bands) else None
            if band is not None:
                low, high = _numbers(band[0]), _numbers(band[1])
                axes.fill_between(x, low, high, color=colour, alpha=0.13, linewidth=0)
            axes.plot(x, y, color=colour, linestyle=dash, label=f"_{place}")
            if np.isfinite(y).sum() == 1:
                axes.plot(x, y, "o", markersize=3, color=colour, label=f"_{place}")
        _marks(axes, marks)
        axes.margins(x=0.02)
        axes.xaxis.set_major_locator(MaxNLocator(5, steps=_STEPS))
        axes.grid(visible=False, axis="x")
        axes.set_title(name)
        axes.set_xlabel(along)
        _finish(figure, axes)
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
    """Draw a histogram of one contender, the wrong ones in another colour on top of the right ones.

    Args:
        edges: Bin edges.
        right: Rows decided rightly in each bin, one fewer than edges.
        wrong: Rows decided wrongly.
        place: The contender's place, for its colour.
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
        figure, axes = _axes(width, 2.3)
        bins, good, bad = _numbers(edges), _numbers(right), _numbers(wrong)
        middle, wide = (bins[:-1] + bins[1:]) / 2, np.diff(bins) * 0.92
        axes.bar(middle, good, width=wide, color=_contender(place)[0], alpha=0.6)
        axes.bar(middle, bad, bottom=good, width=wide, color=COLOURS["ink"][0], alpha=0.75)
        _marks(axes, marks)
        axes.set_xlim(*(limits or (bins[0], bins[-1])))
        if most is not None:
            axes.set_ylim(0, most * 1.05 or 1)
        axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
        axes.xaxis.set_major_locator(MaxNLocator(5, steps=_STEPS))
        axes.grid(visible=False, axis="x")
        axes.set_title(name)
        axes.set_xlabel(along)
        _finish(figure, axes)
    return figure


def before_and_after(before: Curve | None, after: Curve, *, place: int, width: float = 3.6) -> Figure:
    """Draw one contender's reliability before calibration (hollow, thin) and after it.

    Args:
        before: (mean predicted probabilities, observed shares) of groups of rows; None where there is no before.
        after: The same of the calibrated probabilities.
        place: The contender's place, for its colour.
        width: Width in inches.

    Returns:
        The Figure; its first axes hold the diagonal, before (if any), then after.

    Example:
        >>> figure = before_and_after(None, ([0.1, 0.9], [0.2, 0.8]), place=1)
        >>> figure.axes[0].lines[-1].get_ydata().tolist()
        [0.2, 0.8]
    """
    with look():
        figure, axes = _axes(width, 3.1 * width / 3.6)
        colour = _contender(place)[0]
        _calibrated_from(axes, before)
        axes.plot(_numbers(after[0]), _numbers(after[1]), "-o", color=colour, markersize=3.2, label="_after")
        _square(axes)
        axes.set_title("observed share")
        axes.set_xlabel("predicted probability")
        _finish(figure, axes)
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
        true: Their true class ids, for their colour.
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
        figure, axes = _axes(width, 3.3 * width / 3.6)
        grid_x, grid_y = np.linspace(*x, decided.shape[1]), np.linspace(*y, decided.shape[0])
        for k in range(classes):
            colour, inside = _class_colour(k), decided == k
            if not inside.any():
                continue
            shade = 0.3 if k < len(_CLASSES) else 0.14
            axes.contourf(grid_x, grid_y, inside.astype(float), levels=[0.5, 1.5], colors=[colour], alpha=shade)
            deep = np.asarray(distance_transform_edt(np.pad(inside, 1)))[1:-1, 1:-1]
            row, column = np.unravel_index(int(deep.argmax()), deep.shape)
            axes.text(
                grid_x[column],
                grid_y[row],
                str(k + 1),
                color=COLOURS["ink"][0],
                fontsize=11,
                fontweight="bold",
                ha="center",
                va="center",
            )
        if points is not None:
            across, up, ids = _numbers(points[0]), _numbers(points[1]), np.asarray(true)
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
                            markeredgecolor=COLOURS["paper"][0],
                            color=_class_colour(k),
                            label=f"_{k}{' wrong' if kind else ''}",
                        )
        axes.set_xlim(*x)
        axes.set_ylim(*y)
        axes.grid(visible=False)
        axes.set_title(along[1])
        axes.set_xlabel(along[0])
        _finish(figure, axes)
    return figure


_CLASSES = ("linear", "second", "network", "tree", "dummy")


def _class_colour(k: int) -> str:
    return COLOURS[_CLASSES[k % len(_CLASSES)]][0]
