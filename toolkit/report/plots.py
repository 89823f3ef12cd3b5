"""Pictures made from arrays alone, each a matplotlib Figure, drawn without pyplot and without any text of the user's.

A name in a script that the measuring font lacks, or one of 300 letters, can't spoil a picture: the page around it
writes the names. Lines whose label begins with "_" are not in the legend; the label tells a test what they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from toolkit.common.formatting import percent
from toolkit.report.style import (
    COLORS,
    SERIES,
    Curve,
    LineStyle,
    Numbers,
    as_numbers,
    canvas,
    few_ticks,
    finish,
    log_scale,
    look,
    stroke,
)

__all__ = [
    "Line",
    "against_predicted",
    "dots_with_spread",
    "histogram",
    "line_chart",
    "line_charts",
    "losses_and_weights",
    "ranking",
    "reliability",
]

NICE_STEPS = [1, 2, 2.5, 5, 10]  # distances between the numbers of an axis, times a power of ten


@dataclass(frozen=True)
class Line:
    """One line of a picture.

    Attributes:
        x: Where its points lie.
        y: Their heights; missing values leave a gap.
        style: Color and dashes, one of `LINES` or of `SERIES`.
        name: Its name in the legend; empty leaves it out.
        band: (low, high) at each x, filled with the line's color; None draws no band.
    """

    x: Numbers
    y: Numbers
    style: LineStyle
    name: str = ""
    band: Curve | None = None


def line_chart(
    lines: Sequence[Line],
    *,
    name: str,
    along: str = "epoch",
    marks: Mapping[float, str] | None = None,
    ticks: Mapping[float, str] | None = None,
    width: float = 3.6,
    height: float = 2.5,
) -> Figure:
    """Draw lines over the epochs or over another quantity.

    Args:
        lines: The lines, in the order in which they lie above each other.
        name: What y shows.
        along: What x shows.
        marks: Value of x, marked by an upright line -> its name in the legend, or an empty text.
        ticks: Value of x -> its text below the axis; None writes round numbers.
        width: Width in inches.
        height: Height in inches.

    Example:
        >>> figure = line_chart([Line([1, 2, 3], [3.0, 2.5, 2.6], ("second", ()))], name="loss", marks={2: "best"})
        >>> [line.get_xdata().tolist() for line in figure.axes[0].lines[:1]]
        [[1.0, 2.0, 3.0]]
    """
    with look():
        figure, axes = canvas(width, height)
        _draw_lines(axes, lines, marks or {}, along)
        if ticks:
            axes.set_xticks(list(ticks), list(ticks.values()))
        return finish(figure, axes, name, along)


def line_charts(curves: Mapping[str, Sequence[Line]], marks: Mapping[float, str]) -> Figure:
    """Draw lines over the epochs, side by side for each quantity.

    Args:
        curves: Name of a quantity -> its lines.
        marks: Epoch, marked by an upright line -> its name in the legend.

    Example:
        >>> figure = line_charts({"loss": [Line([1, 2], [3.0, 2.5], SERIES["training"], "training")]}, {2: "best"})
        >>> [axes.get_title("left") for axes in figure.axes]
        ['loss']
    """
    with look():
        figure = Figure(figsize=(3.6 * len(curves), 2.7), layout="constrained", facecolor=COLORS["paper"][0])
        for axes, (name, lines) in zip(figure.subplots(1, len(curves), squeeze=False)[0], curves.items(), strict=True):
            few_ticks(axes)
            _draw_lines(axes, lines, marks, "epoch")
            axes.set(title=name, xlabel="epoch")
            axes.legend(labelcolor="linecolor")
        return figure


def _draw_lines(axes: Axes, lines: Sequence[Line], marks: Mapping[float, str], along: str) -> None:
    for line in lines:
        x, y, color = as_numbers(line.x), as_numbers(line.y), COLORS[line.style[0]][0]
        if line.band is not None:  # first, so that the line lies on it
            low, high = map(as_numbers, line.band)
            axes.fill_between(x, low, high, color=color, alpha=0.13, linewidth=0)
        axes.plot(x, y, label=line.name or "_line", **stroke(line.style))
        if np.isfinite(y).sum() == 1:  # a single point draws no line
            axes.plot(x, y, "o", markersize=3, color=color, label="_point")
    _marks(axes, marks)
    axes.xaxis.set_major_locator(MaxNLocator(5, steps=NICE_STEPS))
    if along == "epoch":
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        values = np.concatenate([as_numbers(line.y) for line in lines])
        values = values[np.isfinite(values)]
        # A loss that starts huge would press half of its curve into the lowest hundredth of the picture.
        if len(values) and values.min() > 0 and values.max() > 100 * np.median(values):
            log_scale(axes)
    axes.grid(visible=False, axis="x")


def _marks(axes: Axes, marks: Mapping[float, str]) -> None:
    for value, name in marks.items():
        axes.axvline(value, linewidth=0.8, label=name or "_mark", **stroke(SERIES["mark"]))


def histogram(
    edges: Numbers,
    counts: Sequence[Numbers],
    *,
    color: str,
    along: str,
    name: str = "test rows",
    marks: Sequence[float] = (),
    top: float | None = None,
    width: float = 3.6,
) -> Figure:
    """Draw a histogram of one contender.

    Args:
        edges: Bin edges, shape (bins + 1,).
        counts: (rows,), or (right rows, wrong rows), each of shape (bins,): the wrong ones are stacked on the right
            ones in another color.
        color: The contender's color, a key of `COLORS`.
        along: What x shows.
        name: What is counted.
        marks: Values of x, each marked by an upright line.
        top: Upper end of the counting axis, so that several pictures share it. None fits it to this picture.
        width: Width in inches.

    Example:
        >>> figure = histogram([-1, 0, 1], [[0, 5], [2, 0]], color="network", along="margin")
        >>> [float(bar.get_height()) for bar in figure.axes[0].patches]  # the right ones, then the wrong ones
        [0.0, 5.0, 2.0, 0.0]
    """
    with look():
        figure, axes = canvas(width, 2.3)
        bins, below, *above = map(as_numbers, (edges, *counts))
        middles, widths = (bins[:-1] + bins[1:]) / 2, np.diff(bins) * 0.92
        axes.bar(middles, below, width=widths, color=COLORS[color][0], alpha=0.6)
        for wrong in above:
            axes.bar(middles, wrong, bottom=below, width=widths, color=COLORS["ink"][0], alpha=0.75)
        _marks(axes, dict.fromkeys(marks, ""))
        axes.set_xlim(bins[0], bins[-1])
        if top is not None:
            axes.set_ylim(0, top * 1.05 or 1)  # a little room above the highest bar; 1 where nothing was counted
        axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
        axes.xaxis.set_major_locator(MaxNLocator(5, steps=NICE_STEPS))
        axes.grid(visible=False, axis="x")
        return finish(figure, axes, name, along)


def dots_with_spread(
    lines: Sequence[Line], *, name: str, along: str, ticks: Mapping[float, str] | None = None
) -> Figure:
    """Draw a dot for each x of each line, with an upright bar over its band; x are whole numbers, such as of levels.

    Args:
        lines: The rows of dots.
        name: What y shows.
        along: What x shows.
        ticks: Value of x -> its text below the axis; None writes the number.

    Example:
        >>> figure = dots_with_spread([Line([1, 2], [0.3, 0.5], ("network", ()))], name="chance", along="level")
        >>> figure.axes[0].lines[0].get_ydata().tolist()
        [0.3, 0.5]
    """
    with look():
        figure, axes = canvas()
        for index, line in enumerate(lines):
            shift = 0.12 * (index - (len(lines) - 1) / 2)  # dots of several lines stand side by side
            x, color = as_numbers(line.x) + shift, COLORS[line.style[0]][0]
            if line.band is not None:
                low, high = map(as_numbers, line.band)
                axes.vlines(x, low, high, color=color, linewidth=1.0)
            axes.plot(x, as_numbers(line.y), "o", markersize=4, color=color, label=line.name or "_line")
        axes.set(xlim=(0.5, len(lines[0].x) + 0.5), xticks=range(1, len(lines[0].x) + 1))
        if ticks:
            axes.set_xticks(list(ticks), list(ticks.values()))
        axes.grid(visible=False, axis="x")
        return finish(figure, axes, name, along)


def losses_and_weights(names: Sequence[str], losses: Numbers, weights: Sequence[float]) -> Figure:
    r"""Draw, in one row for each setting of the networks, its loss as a dot and its weight as a bar.

    Args:
        names: The names of the settings, from top to bottom.
        losses: The loss of each setting; a missing one has no dot.
        weights: The weight of each setting, from 0 to 1. A setting without weight has a hollow dot.

    Example:
        >>> figure = losses_and_weights(["dropout 0.15", "no dropout"], [0.3, 0.2], [0.0, 1.0])
        >>> [text.get_text() for text in figure.axes[1].texts]
        ['0\u202f%', '100\u202f%']
    """
    with look():
        figure = Figure(figsize=(3.6, 0.85 + 0.24 * len(names)), layout="constrained")
        left, right = figure.subplots(1, 2, sharey=True, gridspec_kw={"wspace": 0.12})
        few_ticks(left)
        color, rows = COLORS["network"][0], range(len(names))
        for row, loss, weight in zip(rows, as_numbers(losses), weights, strict=True):
            fill = color if weight else COLORS["paper"][0]
            left.plot([loss], [row], "o", markersize=5, color=color, markerfacecolor=fill, label=f"_{names[row]}")
            right.text(weight + 0.04, row, percent(weight, 0), va="center")
        right.barh(rows, weights, height=0.55, color=color, alpha=0.6)
        right.set(xlim=(0, 1.3), xticks=[0, 0.5, 1], xticklabels=["0 %", "50 %", "100 %"], xlabel="weight")
        left.set(ylim=(len(names) - 0.5, -0.5), yticks=rows, yticklabels=names)  # the first one on top
        left.margins(x=0.15)  # no dot is cut off
        left.xaxis.set_major_locator(MaxNLocator(2, steps=NICE_STEPS))
        left.grid(visible=True, axis="both")
        right.grid(visible=False)
        return finish(figure, left, "setting", "loss on unseen rows")


def ranking(
    curves: Mapping[str, Curve],
    chance: tuple[float, float],
    at: tuple[float, float] | None = None,
    *,
    name: str,
    along: str,
) -> Figure:
    """Draw ROC or precision-recall curves over the line of guessing.

    Args:
        curves: "network", "linear", "tree" -> (x, y).
        chance: Height of the line of guessing at the left and at the right.
        at: Where the network's decision lies, marked by a dot.
        name: What y shows.
        along: What x shows.

    Example:
        >>> figure = ranking({"network": ([0, 0.1, 1], [0, 0.9, 1])}, (0, 1), (0.1, 0.9), name="found", along="false")
        >>> [line.get_label() for line in figure.axes[0].lines]
        ['_chance', 'network', '_decision']
    """
    with look():
        figure, axes = canvas(height=3.3)
        axes.plot([0, 1], chance, linewidth=0.9, label="_chance", **stroke(SERIES["chance"]))
        for kind, (x, y) in curves.items():
            axes.plot(as_numbers(x), as_numbers(y), label=kind, **stroke(SERIES[kind]))
        if at is not None:
            edge = COLORS["paper"][0]  # keeps the dot apart from its curve
            axes.plot(*np.reshape(at, (2, 1)), "o", c=COLORS["network"][0], ms=5, mec=edge, label="_decision")
        _square(axes)
        return finish(figure, axes, name, along)


def reliability(
    after: Curve,
    *,
    before: Curve | None = None,
    interval: Curve | None = None,
    color: str = "network",
    width: float = 3.6,
) -> Figure:
    """Draw observed shares against predicted probabilities; on the diagonal they agree.

    Args:
        after: (mean predicted probabilities, observed shares) of groups of rows.
        before: The same before calibration, drawn hollow and thin; None where there is no before.
        interval: (low, high) of each observed share, drawn as bars.
        color: A key of `COLORS`.
        width: Width in inches.

    Example:
        >>> figure = reliability(([0.1, 0.9], [0.2, 0.8]), interval=([0.1, 0.7], [0.3, 0.9]))
        >>> [line.get_label() for line in figure.axes[0].lines]
        ['_diagonal', '_after']
    """
    with look():
        figure, axes = canvas(width, 3.1 * width / 3.6)  # the same shape at every width
        axes.plot([0, 1], [0, 1], linewidth=0.9, label="_diagonal", **stroke(SERIES["chance"]))
        if before is not None:
            hollow = {"marker": "o", "markersize": 3, "markerfacecolor": COLORS["paper"][0], "label": "_before"}
            axes.plot(*map(as_numbers, before), linewidth=0.9, **hollow, **stroke(("muted", (3, 2))))
        x, y = map(as_numbers, after)
        if interval is not None:
            low, high = map(as_numbers, interval)
            axes.vlines(x, low, high, color=COLORS[color][0], linewidth=0.9)
        axes.plot(x, y, "-o", color=COLORS[color][0], markersize=3, linewidth=1.0, label="_after")
        _square(axes)
        return finish(figure, axes, "observed share", "predicted probability")


def _square(axes: Axes) -> None:
    axes.set(box_aspect=1, xlim=(-0.01, 1.01), ylim=(-0.01, 1.01))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_ticks([0, 0.25, 0.5, 0.75, 1])


def against_predicted(
    predicted: Numbers, values: Numbers, bands: Mapping[str, Numbers], *, errors: Curve | None = None
) -> Figure:
    """Draw true values, or errors (true minus predicted), against predictions.

    Args:
        predicted: Predictions of the rows to draw, in the target's unit; empty draws the bands alone.
        values: Their true values, or their errors.
        bands: Groups of rows by their prediction: "x" mean prediction, "middle" median value, "low" and "high" its 5 %
            and 95 % quantiles.
        errors: (bin edges, rows in each bin) of all errors, drawn at the side; None where the values are true ones.

    Example:
        >>> bands = {"x": [1.5], "middle": [1.6], "low": [1.0], "high": [2.0]}
        >>> [line.get_label() for line in against_predicted([1.2, 1.8], [1.0, 2.0], bands).axes[0].lines]
        ['_no error', 'rows', 'median, 5–95 % of rows']
    """
    with look():
        figure, axes = canvas(height=3.3)
        x, low, middle, high = (as_numbers(bands[key]) for key in ("x", "low", "middle", "high"))
        no_error = {"linewidth": 0.9, "label": "_no error", **stroke(SERIES["chance"])}
        if errors is None:
            # Both axes show the same quantity: one range for both puts a right prediction on the diagonal.
            limits = _limits(predicted, values, x, low, high)
            axes.plot(limits, limits, **no_error)
            axes.set(xlim=limits, ylim=limits, box_aspect=1)
        else:
            edges, counts = map(as_numbers, errors)
            axes.axhline(0, **no_error)
            axes.set(xlim=_limits(predicted, x), ylim=_limits(values, low, high, edges))
            # An inset to the right of the axes, with the same y: the histogram lies on its side.
            side = axes.inset_axes((1.03, 0.0, 0.2, 1.0), sharey=axes)
            heights = np.diff(edges)
            side.barh(edges[:-1] + heights / 2, counts, 0.9 * heights, color=COLORS["network"][0], alpha=0.55)
            side.axis("off")
        if len(predicted):
            dots = {"linestyle": "none", "marker": "o", "markersize": 2.6, "markeredgewidth": 0, "alpha": 0.4}
            axes.plot(as_numbers(predicted), as_numbers(values), color=COLORS["network"][0], label="rows", **dots)
        color = COLORS["second"][0]
        axes.vlines(x, low, high, color=color, linewidth=1.0)
        axes.plot(x, middle, "o", markersize=3.4, color=color, label="median, 5–95 % of rows")
        name = "true value" if errors is None else "error (true − predicted)"
        return finish(figure, axes, name, "predicted value")


def _limits(*arrays: Numbers) -> tuple[float, float]:
    """Return the ends of an axis that shows all of these values, with a little room."""
    values = np.concatenate([as_numbers(array) for array in arrays])
    values = values[np.isfinite(values)]
    if not len(values):
        return 0.0, 1.0
    low, high = float(values.min()), float(values.max())
    pad = 0.04 * (high - low) or max(abs(high) * 0.05, 0.5)  # equal values need a width of their own
    return low - pad, high + pad
