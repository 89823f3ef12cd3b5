"""One neuron: its line, its steepness and its activation. Three neurons: how they cut out a wedge."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit

from recipes.drawing import BLUE, INK, MUTED, ORANGE, STYLES, boundary, panels, plane
from recipes.lessons.tools.page import Lesson, Picture

__all__ = ["b_and_not_a", "score", "show"]

Floats = NDArray[np.float64]
Neuron = tuple[tuple[float, float], float]  # weights and bias

# The last one is ten times the third: the same line, a steeper step.
NEURONS: tuple[Neuron, ...] = (((10, 5), -1), ((10, 5), 15), ((-7, 5), 15), ((-70, 50), 150))
A: Neuron = ((-7, 5), -15)
B: Neuron = ((10, 5), -15)
# For a, b in 0, 1: the score is 90 for B and not A, otherwise -10 (none, both) or -110 (A alone).
OUTPUT: Neuron = ((-100, 100), -10)
# Two lines, each with both signs
SIDES: tuple[Neuron, ...] = (((-0.5, 1), -1.5), ((0.5, -1), 1.5), ((-1, 1), 2), ((1, -1), -2))
LIMIT = 6.0  # the planes reach from -LIMIT to LIMIT
GRID = np.linspace(-LIMIT, LIMIT, 97)
POINTS = np.stack(np.meshgrid(GRID, GRID), axis=-1)  # (97, 97, 2): x1 and x2 of every point of the grid
Z = np.linspace(-6, 6, 481)  # scores, 0.025 apart
JUMP = 0.2  # a curve that changes by more than this from one score to the next has a kink or a step there
PANELS = ("linear", "sign", "sigmoid", "tanh", "relu", "leaky_relu", "elu", "maxout")


def score(neuron: Neuron, x: ArrayLike) -> Floats:
    """Return the score ``w x + b`` of each point: positive on one side of the neuron's line, negative on the other.

    Args:
        neuron: Weights and bias.
        x: Points, shape (..., 2).

    Example:
        >>> score(((0.5, -1), 1.5), [[0, 0], [0, 3]]).tolist()
        [1.5, -1.5]
    """
    # (..., 2) @ (2,) + number -> (...)
    return np.asarray(x, np.float64) @ np.array(neuron[0], np.float64) + neuron[1]


def b_and_not_a(a: ArrayLike, b: ArrayLike) -> Floats:
    """Return the score of the output neuron, whose inputs are the outputs of the neurons A and B.

    Example:
        >>> b_and_not_a([0, 0, 1, 1], [0, 1, 0, 1]).tolist()
        [-10.0, 90.0, -110.0, -10.0]
    """
    return score(OUTPUT, np.stack([np.asarray(a), np.asarray(b)], axis=-1))


def show() -> Lesson:
    """Run the lesson on the weights of the lecture.

    Returns:
        The lesson. Its first table has one row per neuron: its line and its steepness.

    Example:
        >>> lesson = show()
        >>> lesson.table["slope of the line"].round(2).tolist()
        [-2.0, -2.0, 1.4, 1.4]
    """
    return Lesson(
        "neuron",
        "What a neuron can do",
        "One neuron divides the plane along a straight line. The direction of its weights turns the line, their size "
        "makes the step at the line steeper, and the bias shifts the line. A third neuron on top of two others can "
        "combine their lines into a wedge.",
        (_lines(), _steepness(), _sides(), _activations(), _wedge()),
        corrections=(
            "CS 434: the exponent of the sigmoid neuron is −(wᵀx + b). Without the brackets the bias changes its sign, "
            "as it once does between a neuron and its plot.",
            "CS 434: at (0, 0) the score wᵀx + b is +b, not −b.",
            "Week 2: σ(z) is close to 0 for large negative z only; for small z it is close to 0.5.",
        ),
        decks=("NN", "MB", "W2"),
        data="the weights of the lecture",
    )


def _lines() -> Picture:
    rows = []
    with panels(4, width=7.2, height=2.2, share=True) as (figure, axes):
        for panel, neuron in zip(axes.flat, NEURONS, strict=True):
            (first, second), bias = neuron
            _shade(panel, expit(score(neuron, POINTS)))
            _line(panel, neuron)
            panel.set_title(f"w = {first}, {second}; b = {bias}".replace("-", "−"))
            # The score grows by |w| per unit of distance from the line.
            size = float(np.hypot(first, second))
            rows.append((first, second, bias, -first / second, -bias / second, size, bias / size))
        plane(axes, LIMIT)
    columns = ["w1", "w2", "b", "slope of the line", "x2 where x1 = 0", "steepness |w|", "signed distance of (0, 0)"]
    return Picture(
        "Where a neuron switches",
        "The output is near 1 where the plane is blue and near 0 elsewhere; the arrow is the weight vector. The last "
        "two neurons have the same line, 5 x2 = 7 x1 − 15: the weights and the bias of the last one are ten times as "
        "large.",
        figure,
        "Four planes, each divided by a straight line into a blue half and a white half. A larger bias shifts the "
        "line, different weights turn it, and ten times the weights and bias leave it unchanged.",
        pd.DataFrame(rows, columns=columns),
    )


def _steepness() -> Picture:
    distance = np.linspace(-0.6, 0.6, 61)
    sizes = [float(np.hypot(*weights)) for weights, _ in NEURONS[2:]]
    names = [f"w = {first}, {second}".replace("-", "−") for (first, second), _ in NEURONS[2:]]
    table = pd.DataFrame({"distance from the line": distance})
    with panels(width=4.3, height=2.7) as (figure, axes):
        panel = axes[0, 0]
        for size, name, (color, dash) in zip(sizes, names, STYLES, strict=False):
            table[name] = expit(size * distance)
            panel.plot(distance, table[name], color=color, linestyle=dash)
        panel.text(0.24, 0.74, names[0], color=STYLES[0][0])
        panel.text(-0.04, 0.9, names[1], color=STYLES[1][0], ha="right")
        panel.set_title("output")
        panel.set_xlabel("distance from the line (positive: on the arrow's side)")
        panel.grid(visible=False, axis="x")
    return Picture(
        "Ten times the weights",
        "The two neurons share a line but not their steepness: the larger the weights, the sharper the step from 0 to "
        "1. Far from the line both outputs are close to 0 or 1, that of the larger weights closer.",
        figure,
        "Two S-shaped curves of the output against the distance from the line, both one half at the line; the curve "
        "of the larger weights rises from 0 to 1 within a tenth of the distance.",
        table,
    )


def _sides() -> Picture:
    rows = []
    with panels(4, width=7.2, height=2.2, share=True) as (figure, axes):
        for panel, neuron in zip(axes.flat, SIDES, strict=True):
            (first, second), bias = neuron
            at_origin = float(score(neuron, (0, 0)))
            formula = f"{first:g} x1 + {second:g} x2 + {bias:g}".replace("-", "−").replace("+ −", "− ")
            _shade(panel, expit(99 * score(neuron, POINTS)))  # so steep that both sides are plain
            _line(panel, neuron)
            panel.plot(0, 0, "o", color=INK, markersize=4)
            panel.set_title(formula)
            rows.append((formula, at_origin, at_origin > 0))
        plane(axes, LIMIT)
    return Picture(
        "Which side is positive",
        "Two neurons with opposite signs have the same line; the blue side is the positive one. To find it, insert "
        "(0, 0), the dot: the score is then the bias, and its sign tells on which side the dot lies.",
        figure,
        "Four planes, two for each of two lines. When the signs of a neuron change, the other side is blue; the dot "
        "at (0, 0) is on the blue side in one plane of each pair.",
        pd.DataFrame(rows, columns=["score of x1, x2", "at (0, 0)", "(0, 0) is on the positive side"]),
    )


def _activations() -> Picture:
    functions = _functions()
    curves = {name: _curve(activation, Z) for name, activation in functions.items()}
    # Beside 0, not at it: there automatic differentiation has 2 for celu, the sum of the slopes of its two pieces.
    beside = np.append(Z[Z != 0], [-1e-6, 1e-6])
    table = pd.DataFrame(
        [
            (
                name.replace("_", " "),
                _zeros(values),
                *np.interp([-3, 3], Z, slopes),
                _curve(functions[name], beside)[1].max(),
            )
            for name, (values, slopes) in curves.items()
        ],
        columns=["activation", "output is 0 at", "slope at −3", "slope at 3", "largest slope from −6 to 6"],
    )
    return Picture(
        "What the activation makes of the score",
        "Blue is the output. Orange is its slope, by which backpropagation multiplies the gradient. "
        "Where the slope is 0 the neuron learns nothing: everywhere for sign, left of 0 for ReLU. Far from 0 the "
        "slopes of sigmoid and tanh are close to 0.",
        _curves(curves),
        "Eight small panels for scores from −6 to 6, each with an activation and its slope. The slope of sign is 0 "
        "everywhere; the sigmoid’s is at most a quarter; ReLU’s is 0 below and 1 above.",
        table,
    )


def _wedge() -> Picture:
    a, b = expit(score(A, POINTS)), expit(score(B, POINTS))
    with panels(3, width=7.2, height=2.75, share=True) as (figure, axes):
        views = ((a, (A,), "A: w = −7, 5; b = −15"), (b, (B,), "B: w = 10, 5; b = −15"))
        for panel, (values, lines, title) in zip(
            axes.flat, (*views, (expit(b_and_not_a(a, b)), (A, B), "B and not A")), strict=True
        ):
            _shade(panel, values)
            for neuron in lines:
                _line(panel, neuron, arrow=len(lines) == 1)
            panel.set_title(title)
        plane(axes, LIMIT)
    # The third neuron's score for outputs of exactly 0 and 1.
    cases = np.array([(0, 0), (0, 1), (1, 0), (1, 1)])
    scores = b_and_not_a(cases[:, 0], cases[:, 1])
    table = pd.DataFrame({"A": cases[:, 0], "B": cases[:, 1], "score": scores, "output": expit(scores).round(4)})
    return Picture(
        "Three neurons: B and not A",
        "A third neuron takes the outputs of A and B with the weights −100 and 100 and the bias −10: its score is "
        "positive only where B is 1 and A is 0. No single line could cut out that wedge.",
        figure,
        "Three planes. A is blue above a rising line, B to the right of a falling one, and the third neuron in the "
        "wedge where B is blue and A is not.",
        table,
    )


def _functions() -> dict[str, Callable[[Any], Any]]:
    """Return all activations of the builders, sign, and maxout of the two pieces z and −z/2, by name."""
    import keras
    import tensorflow as tf

    from toolkit.builders import ACTIVATIONS

    functions: dict[str, Callable[[Any], Any]] = {
        "linear": lambda z: z * 1.0,
        "sign": tf.sign,
        "leaky_relu": lambda z: keras.activations.leaky_relu(z, negative_slope=0.1),
        "maxout": lambda z: tf.maximum(-z / 2, z),
    }
    ready = {name: keras.activations.get(name) for name in ACTIVATIONS if name not in (*functions, "swish")}
    return functions | ready


def _curve(activation: Callable[[Any], Any], scores: Floats) -> tuple[Floats, Floats]:
    """Return an activation's outputs at some scores, and its slopes there by automatic differentiation."""
    import tensorflow as tf

    z = tf.constant(scores)
    with tf.GradientTape() as tape:
        tape.watch(z)
        out = activation(z)
    return out.numpy(), tf.convert_to_tensor(tape.gradient(out, z)).numpy()


def _zeros(values: Floats) -> str:
    """Format the scores at which an output is 0."""
    zeros = Z[np.abs(values) < 1e-12]
    if not len(zeros):
        return "no score"
    last = f"{zeros[-1]:g}".replace("-", "−")
    return last if len(zeros) == 1 else f"every score up to {last}"


def _shade(axes: Axes, values: Floats) -> None:
    """Color a plane in blue: the closer the output is to 1, the stronger."""
    # Below 0.1 the plane stays white; the last edge includes an output of exactly 1.
    edges = (0.1, 0.3, 0.5, 0.7, 0.9, 1.01)
    for low, high in pairwise(edges):
        axes.contourf(GRID, GRID, values, levels=[low, high], colors=[BLUE], alpha=0.45 * (low + high) / 2)


def _line(axes: Axes, neuron: Neuron, *, arrow: bool = True) -> None:
    """Draw the line where a neuron's score is 0, and its weight vector as an arrow of length 2."""
    (first, second), bias = neuron
    boundary(axes, (first, second), bias, width=1)
    if arrow:
        size = np.hypot(first, second)
        # The point of the line nearest to (0, 0); a weight vector is at a right angle to its line.
        foot = -bias * np.array([first, second]) / size**2
        axes.annotate(
            "", foot + 2 * np.array([first, second]) / size, foot,
            arrowprops={"arrowstyle": "-|>", "color": ORANGE, "shrinkA": 0, "shrinkB": 0, "linewidth": 1.4},
        )  # fmt: skip


def _curves(curves: dict[str, tuple[Floats, Floats]]) -> Figure:
    with panels(4, 2, width=7.2, height=3.6, share=True) as (figure, axes):
        for panel, name in zip(axes.flat, PANELS, strict=True):
            values, slopes = curves[name]
            panel.axhline(0, color=MUTED, linewidth=0.6)
            for curve, color, dash in ((values, BLUE, "solid"), (slopes, ORANGE, (0, (4, 2)))):
                # NaN at each jump leaves a gap: the slope of ReLU is 0 on one side and 1 on the other, nothing between.
                jumps = np.flatnonzero(np.abs(np.diff(curve)) > JUMP) + 1
                panel.plot(np.insert(Z, jumps, np.nan), np.insert(curve, jumps, np.nan), color=color, linestyle=dash)
            panel.set_ylim(-1.6, 2.6)
            panel.set_title("maxout of z and −z / 2" if name == "maxout" else name.replace("_", " "))
        axes[0, 0].text(0.8, -0.9, "output", color=BLUE)
        axes[0, 0].text(-5.6, 1.2, "slope", color=ORANGE)
        for panel in axes[1]:
            panel.set_xlabel("score z")
    return figure
