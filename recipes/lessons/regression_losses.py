"""Squared error, absolute error and Huber loss: what each asks of a residual, and what one outlier does to a line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from recipes.drawing import INK, MUTED, ORANGE, STYLES, label_lines, panels
from recipes.lessons.tools.page import Lesson, Picture
from toolkit.common.formatting import number

__all__ = ["DELTA", "fit_line", "huber", "show"]

Floats = NDArray[np.float64]

DELTA = 1.0  # where the Huber loss turns from a parabola into a line
LOSSES = ("squared", "absolute", "huber")
RESIDUALS = np.linspace(-4, 4, 161)
ROWS, SLOPE, INTERCEPT, NOISE = 15, 1.5, 2.0, 0.4
OUTLIERS = np.linspace(0, 30, 31)  # how far above the true line the last point is moved
VALUES = np.array([1.0, 2.0, 3.0, 4.0, 100.0])


def huber(residuals: Floats) -> Floats:
    """Return the Huber loss of residuals, of any shape.

    Example:
        >>> huber(np.array([0.5, -3.0])).tolist()
        [0.125, 2.5]
    """
    size = np.abs(residuals)
    return np.where(size <= DELTA, size**2 / 2, DELTA * (size - DELTA / 2))


def fit_line(loss: str, x: Floats, y: Floats) -> Floats:
    """Return the slope and the intercept of the line whose mean loss on the points is lowest.

    Args:
        loss: ``"squared"``, ``"absolute"`` or ``"huber"``.
        x: Inputs, shape (n,).
        y: Targets, shape (n,).

    Example:
        >>> x = np.array([0.0, 1.0, 2.0, 3.0, 4.0])
        >>> fit_line("absolute", x, np.array([1.0, 3.0, 5.0, 7.0, 90.0])).round(6).tolist()  # the outlier has no say
        [2.0, 1.0]
    """
    from scipy.optimize import linprog, minimize

    inputs = np.stack([x, np.ones_like(x)], axis=1)  # (n, 2)
    squared = np.linalg.lstsq(inputs, y)[0]
    if loss == "squared":
        return np.asarray(squared, np.float64)
    if loss == "absolute":
        # |r| is the smallest t with t >= r and t >= -r: minimize the sum of t over the line and all t.
        n = len(x)
        limits = np.block([[inputs, -np.eye(n)], [-inputs, -np.eye(n)]])  # (2n, 2 + n)
        costs = np.concatenate([[0, 0], np.ones(n)])
        return linprog(costs, limits, np.concatenate([y, -y]), bounds=[(None, None)] * (2 + n)).x[:2]

    def mean_loss(line: Floats) -> tuple[float, Floats]:
        residuals = inputs @ line - y
        return float(huber(residuals).mean()), inputs.T @ np.clip(residuals, -DELTA, DELTA) / len(y)

    return minimize(mean_loss, squared, jac=True, tol=1e-12).x


def show(*, seed: int = 0) -> Lesson:
    """Compare the three losses on residuals, on a line with an outlier, and on five numbers.

    Args:
        seed: Seed of the points.

    Returns:
        The lesson.

    Example:
        >>> show().tables["One number for five"].loc[["squared", "absolute"], "best number"].round(2).tolist()
        [22.0, 3.0]
    """
    x = np.linspace(0, 10, ROWS)
    y = SLOPE * x + INTERCEPT + np.random.default_rng(seed).normal(scale=NOISE, size=ROWS)
    pulled = _pulled(x, y)
    last = pulled.iloc[-1]
    return Lesson(
        "regression_losses",
        "What a regression loss asks for",
        f"A point {number(OUTLIERS[-1])} above the others turns the slope of the line from "
        f"{number(pulled['squared'].iloc[0], 3)} to {number(last['squared'], 3)} under the squared error, to "
        f"{number(last['absolute'], 3)} under the absolute error and to {number(last['huber'], 3)} under the Huber "
        "loss: the pull of a squared residual has no limit.",
        (_curves(), _lines(x, y), _pull(pulled), _five_numbers()),
        decks=("MB", "NN"),
        data=f"{ROWS} generated points near the line {SLOPE:g} x + {INTERCEPT:g}; seed {seed}",
    )


def _losses(residuals: Floats) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the losses of residuals and their derivatives, by the losses that the heads train with, in float64."""
    import tensorflow as tf

    from toolkit.heads import get_head

    values, slopes = {}, {}
    for name in LOSSES:
        predictions = tf.constant(residuals[:, None])  # the target is 0: the prediction is the residual
        with tf.GradientTape() as tape:
            tape.watch(predictions)
            losses = get_head("regression", name).loss().call(tf.zeros_like(predictions), predictions)
        values[name] = np.asarray(losses)
        slopes[name] = np.asarray(tape.gradient(losses, predictions))[:, 0]
    index = pd.Index(residuals, name="residual")
    return pd.DataFrame(values, index), pd.DataFrame(slopes, index)


def _curves() -> Picture:
    values, slopes = _losses(RESIDUALS)
    with panels(2, width=7.2, height=2.7) as (figure, axes):
        for panel, table, title in zip(axes[0], (values, slopes), ("loss L", "∂L/∂r"), strict=True):
            for name, (color, dash) in zip(LOSSES, STYLES, strict=False):
                curve = table[name].to_numpy()
                if name == "absolute" and title != "loss L":
                    curve = np.where(RESIDUALS == 0, np.nan, curve)  # it jumps at 0, where there is no derivative
                panel.plot(RESIDUALS, curve, color=color, linestyle=dash)
            panel.set_title(title)
            panel.set_xlabel("residual r")
        axes[0, 0].set_ylim(-0.2, 8)
        label_lines(axes[0, 1], LOSSES)
    table = values.join(slopes.add_suffix(", ∂L/∂r")).iloc[::10]
    return Picture(
        "Three losses of a residual",
        "The derivative is how strongly a row pulls at the prediction. Under the squared error the pull grows with the "
        "residual, under the absolute error it is always 1, and under the Huber loss it grows up to "
        f"{DELTA:g} and stays there.",
        figure,
        "Two panels over the residual from −4 to 4: the three losses, and their derivatives: a line through 0, a step "
        "from −1 to 1, and a line that is level beyond −1 and 1.",
        table,
    )


def _lines(x: Floats, y: Floats) -> Picture:
    moved = y.copy()
    moved[-1] += OUTLIERS[-1]
    rows = []
    with panels(3, width=7.4, height=2.6, share=True) as (figure, axes):
        for panel, name in zip(axes[0], LOSSES, strict=True):
            before, after = fit_line(name, x, y), fit_line(name, x, moved)
            for line, color, dash in ((before, MUTED, (0, (4, 2))), (after, ORANGE, "solid")):
                panel.plot(x, line[0] * x + line[1], color=color, linestyle=dash)
            panel.plot(x, moved, "o", color=INK, markersize=3)
            panel.set_title(name)
            panel.set_xlabel("x")
            rows.append((*before, *after, float(np.abs(after[0] * x + after[1] - before[0] * x - before[1]).max())))
        axes[0, 0].set_ylabel("y")
    columns = ["slope before", "intercept before", "slope after", "intercept after", "largest shift of the line"]
    table = pd.DataFrame(rows, columns=columns, index=pd.Index(LOSSES, name="loss"))
    shifts = table["largest shift of the line"]
    return Picture(
        "One outlier",
        f"The last of {len(x)} points is moved up by {OUTLIERS[-1]:g}. The dashed line is the best one before, the "
        f"solid line the best one after: it moves by up to {number(shifts['squared'], 2)} under the squared error, by "
        f"{number(shifts['absolute'], 2)} under the absolute error and by {number(shifts['huber'], 2)} under the Huber "
        "loss.",
        figure,
        "Three panels with the same points, one of them far above the others, and two lines each.",
        table,
    )


def _pulled(x: Floats, y: Floats) -> pd.DataFrame:
    """Return the slope of each loss's line for each height of the last point."""
    slopes = {
        name: [fit_line(name, x, y + height * (np.arange(len(x)) == len(x) - 1))[0] for height in OUTLIERS]
        for name in LOSSES
    }
    return pd.DataFrame(slopes, pd.Index(OUTLIERS, name="moved up by"))


def _pull(pulled: pd.DataFrame) -> Picture:
    # From half of the way on, how much do the slopes still change?
    late = (pulled.iloc[-1] - pulled.iloc[len(pulled) // 2]).abs().round(6)
    return Picture(
        "How far the outlier pulls",
        "The slope of the best line while the last point moves up. In the second half of its way the slope changes by "
        f"{number(late['squared'], 2)} under the squared error, by {number(late['absolute'], 2)} under the absolute "
        f"error and by {number(late['huber'], 2)} under the Huber loss.",
        _curves_over(pulled, "how far the last point is moved up", "slope of the line"),
        "Slope of the line against the height of the outlier: one rising line, and two that soon are level.",
        pulled,
    )


def _curves_over(table: pd.DataFrame, along: str, title: str) -> Figure:
    with panels(width=4.4, height=2.8) as (figure, axes):
        for name, (color, dash) in zip(table, STYLES, strict=False):
            axes[0, 0].plot(table.index, table[name], color=color, linestyle=dash)
        axes[0, 0].set_xlabel(along)
        axes[0, 0].set_title(title)
        label_lines(axes[0, 0], list(map(str, table)))
    return figure


def _five_numbers() -> Picture:
    sums: dict[str, Callable[[Floats], Any]] = {"squared": np.square, "absolute": np.abs, "huber": huber}
    best = {"squared": float(VALUES.mean()), "absolute": float(np.median(VALUES)), "huber": _best_constant(VALUES)}
    rows = [(best[name], *(float(sums[other](best[name] - VALUES).mean()) for other in LOSSES)) for name in LOSSES]
    columns = ["best number", *(f"mean {name} loss there" for name in LOSSES)]
    return Picture(
        "One number for five",
        f"Which single number fits {', '.join(number(value) for value in VALUES)} best? The squared error chooses the "
        f"mean, the absolute error the median, and the Huber loss {number(best['huber'], 3)} here.",
        table=pd.DataFrame(rows, columns=columns, index=pd.Index(LOSSES, name="loss")),
    )


def _best_constant(values: Sequence[float] | Floats) -> float:
    from scipy.optimize import minimize_scalar

    ends = float(np.min(values)), float(np.max(values))
    return round(float(minimize_scalar(lambda c: float(huber(c - np.asarray(values)).sum()), bounds=ends).x), 4)
