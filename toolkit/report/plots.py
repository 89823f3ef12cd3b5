"""Pictures: arrays in, a matplotlib Figure out.

No pyplot: nothing here keeps state or opens a window. No text of the user's stands inside a picture, so that a name in
a script that the measuring font lacks, or one of 300 letters, can't spoil it; the page around it names things.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter

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
    tick,
)

__all__ = [
    "learning_curve",
    "precision_recall",
    "predicted_against_true",
    "reliability",
    "residuals",
    "roc",
]

SERIES = {  # what a line stands for -> its color and dash, the same in every picture
    "training": ("network", (0, (4, 2))),
    "validation": ("second", "solid"),
    "rate": ("muted", "solid"),
    "network": ("network", "solid"),
    "linear": ("linear", (0, (4, 2))),
    "tree": ("tree", (0, (1.2, 1.6))),
    "dummy": ("dummy", (0, (1, 3))),
}


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
        figure, axes = canvas(height=height)
        x = np.asarray(epochs, dtype=float)
        kept = [(kind, as_numbers(values)) for kind, values in lines.items()]
        for kind, y in kept:
            axes.plot(x, y, color=COLORS[SERIES[kind][0]][0], linestyle=SERIES[kind][1], label=kind)
            if np.isfinite(y).sum() == 1:  # one epoch alone draws no line
                axes.plot(x, y, "o", markersize=3, color=COLORS[SERIES[kind][0]][0])
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
                color=COLORS["muted"][0],
                linewidth=0.8,
                linestyle=(0, (2, 2)),
                label=f"best epoch {best_epoch}",
            )
        finish(figure, axes)
    return figure


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
        figure, axes = canvas(height=3.3)
        axes.plot([0, 1], [0, 1], color=COLORS["dummy"][0], linewidth=0.9, linestyle=(0, (1, 3)), label="_guessing")
        for kind, (x, y) in curves.items():
            _line(axes, as_numbers(x), as_numbers(y), kind)
        _chosen(axes, at)
        square(axes)
        axes.set_title("true positive rate")
        axes.set_xlabel("false positive rate")
        finish(figure, axes)
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
        figure, axes = canvas(height=3.3)
        axes.plot(
            [0, 1], [share, share], color=COLORS["dummy"][0], linewidth=0.9, linestyle=(0, (1, 3)), label="_guessing"
        )
        for kind, (x, y) in curves.items():
            _line(axes, as_numbers(x), as_numbers(y), kind)
        _chosen(axes, at)
        square(axes)
        axes.set_title("precision")
        axes.set_xlabel("recall")
        finish(figure, axes)
    return figure


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
        figure, axes = canvas(height=3.1)
        color = COLORS["network"][0]
        x, y = as_numbers(predicted), as_numbers(observed)
        calibrated_from(axes, before)
        axes.vlines(x, as_numbers(low), as_numbers(high), color=color, linewidth=0.9)
        axes.plot(x, y, "-o", color=color, markersize=3, linewidth=0.8, label="network")
        square(axes)
        axes.set_title("observed share")
        axes.set_xlabel("predicted probability")
        finish(figure, axes)
    return figure


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
        figure, axes = canvas(height=3.3)
        x, y = as_numbers(predicted), as_numbers(true)
        limits = _limits(x, y, as_numbers(bands["x"]), as_numbers(bands["low"]), as_numbers(bands["high"]))
        axes.plot(limits, limits, color=COLORS["dummy"][0], linewidth=0.9, linestyle=(0, (1, 3)), label="_perfect")
        _points(axes, x, y)
        _bands(axes, bands)
        axes.set_xlim(*limits)
        axes.set_ylim(*limits)
        axes.set_box_aspect(1)
        axes.set_title("true value")
        axes.set_xlabel("predicted value")
        finish(figure, axes)
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
        figure, axes = canvas(height=3.3)
        side = axes.inset_axes((1.03, 0.0, 0.2, 1.0), sharey=axes)
        axes.axhline(0, color=COLORS["dummy"][0], linewidth=0.9, linestyle=(0, (1, 3)), label="_none")
        x, y = as_numbers(predicted), as_numbers(residual)
        _points(axes, x, y)
        _bands(axes, bands)
        axes.set_xlim(*_limits(x, as_numbers(bands["x"])))
        axes.set_ylim(*_limits(y, as_numbers(bands["low"]), as_numbers(bands["high"]), as_numbers(edges)))
        axes.set_title("error (true − predicted)")
        axes.set_xlabel("predicted value")
        bins = as_numbers(edges)
        side.barh(
            (bins[:-1] + bins[1:]) / 2,
            as_numbers(counts),
            height=np.diff(bins) * 0.9,
            color=COLORS["network"][0],
            alpha=0.55,
        )
        side.axis("off")
        finish(figure, axes)
    return figure


def _line(axes: Axes, x: np.ndarray, y: np.ndarray, kind: str, label: str | None = None) -> None:
    color, dash = SERIES[kind]
    axes.plot(x, y, color=COLORS[color][0], linestyle=dash, label=label or kind)


def _chosen(axes: Axes, at: tuple[float, float] | None) -> None:
    if at is not None:
        axes.plot(
            [at[0]],
            [at[1]],
            "o",
            markersize=5,
            color=COLORS["network"][0],
            markeredgecolor=COLORS["paper"][0],
            label="_chosen",
        )


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
            color=COLORS["network"][0],
            label="rows",
        )


def _bands(axes: Axes, bands: Mapping[str, Numbers]) -> None:
    x = as_numbers(bands["x"])
    axes.vlines(x, as_numbers(bands["low"]), as_numbers(bands["high"]), color=COLORS["second"][0], linewidth=1.0)
    axes.plot(
        x, as_numbers(bands["middle"]), "o", markersize=3.4, color=COLORS["second"][0], label="median, 5–95 % of rows"
    )
