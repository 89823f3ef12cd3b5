"""One neuron: its line, its steepness, its activation; and three of them, which cut out a wedge."""

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

NEURONS: tuple[Neuron, ...] = (((10, 5), -1), ((10, 5), 15), ((-7, 5), 15), ((-70, 50), 150))
A: Neuron = ((-7, 5), -15)
B: Neuron = ((10, 5), -15)
OUTPUT: Neuron = ((-100, 100), -10)
SIDES: tuple[Neuron, ...] = (((-0.5, 1), -1.5), ((0.5, -1), 1.5), ((-1, 1), 2), ((1, -1), -2))
REACH = 6.0  # of the planes that are drawn, on either side of 0
GRID = np.linspace(-REACH, REACH, 97)
POINTS = np.stack(np.meshgrid(GRID, GRID), axis=-1)
Z = np.arange(-6, 6.25, 0.25)
DRAWN = ("linear", "sign", "sigmoid", "tanh", "relu", "leaky_relu", "elu", "maxout")


def score(neuron: Neuron, x: ArrayLike) -> Floats:
    """Return ``w x + b`` of points: above 0 on one side of the neuron's line, below 0 on the other.

    Args:
        neuron: Weights and bias.
        x: Points, shape (..., 2).

    Example:
        >>> score(((0.5, -1), 1.5), [[0, 0], [0, 3]]).tolist()
        [1.5, -1.5]
    """
    return np.asarray(x, np.float64) @ np.array(neuron[0], np.float64) + neuron[1]


def b_and_not_a(a: ArrayLike, b: ArrayLike) -> Floats:
    """Return the output neuron's score of the outputs of the neurons A and B.

    Example:
        >>> b_and_not_a([0, 0, 1, 1], [0, 1, 0, 1]).tolist()
        [-10.0, 90.0, -110.0, -10.0]
    """
    return score(OUTPUT, np.stack([np.asarray(a), np.asarray(b)], axis=-1))


def show() -> Lesson:
    """Run the lesson on the weights of the lecture.

    Returns:
        The lesson. Its first table has a row a neuron: its line, and how steep it is.

    Example:
        >>> lesson = show()
        >>> lesson.table["slope of the line"].round(2).tolist()
        [-2.0, -2.0, 1.4, 1.4]
    """
    return Lesson(
        "neuron",
        "What a neuron can do",
        "One neuron cuts the plane along a straight line: its weights turn the line, their size makes it steep, its "
        "bias shifts it. Two neurons under a third combine two cuts into a wedge.",
        (_lines(), _steepness(), _sides(), _activations(), _wedge()),
        corrections=(
            "CS 434: the sigmoid neuron’s exponent is −(wᵀx + b), in brackets; without them the bias changes its "
            "sign, as it does once between a neuron and its plot.",
            "CS 434: at (0, 0) what is left of wᵀx + b is +b, not −b.",
            "Week 2: σ(z) is close to 0 for large negative z only; for small z it is close to 0.5.",
        ),
        decks=("NN", "MB", "W2"),
        data="the weights in the lecture",
    )


def _lines() -> Picture:
    rows = []
    with panels(4, width=7.2, height=2.2, share=True) as (figure, axes):
        for one, neuron in zip(axes.flat, NEURONS, strict=True):
            (first, second), bias = neuron
            _shade(one, expit(score(neuron, POINTS)))
            _line(one, neuron)
            one.set_title(f"w = {first}, {second}; b = {bias}".replace("-", "−"))
            size = float(np.hypot(first, second))
            rows.append((first, second, bias, -first / second, -bias / second, size, bias / size))
        plane(axes, REACH)
    columns = ["w1", "w2", "b", "slope of the line", "x2 where x1 = 0", "steepness |w|", "(0, 0) from the line"]
    return Picture(
        "Where one neuron switches",
        "The output is near 1 where the plane is blue and near 0 where it is not; the arrow is the weight vector. The "
        "last two neurons have the same line, 5 x2 = 7 x1 − 15, since their weights and biases differ by a factor "
        "alone.",
        figure,
        "Four planes, each cut by a straight line into a blue half and a white one. A larger bias shifts the line, "
        "other weights turn it, and weights and bias ten times as large leave it where it is.",
        pd.DataFrame(rows, columns=columns),
    )


def _steepness() -> Picture:
    away = np.linspace(-0.6, 0.6, 61)
    sizes = [float(np.hypot(*weights)) for weights, _ in NEURONS[2:]]
    names = [f"w = {first}, {second}".replace("-", "−") for (first, second), _ in NEURONS[2:]]
    table = pd.DataFrame({"distance from the line": away})
    with panels(width=4.3, height=2.7) as (figure, axes):
        one = axes[0, 0]
        for size, name, (color, dash) in zip(sizes, names, STYLES, strict=False):
            table[name] = expit(size * away)
            one.plot(away, table[name], color=color, linestyle=dash)
        one.text(0.24, 0.74, names[0], color=STYLES[0][0])
        one.text(-0.04, 0.9, names[1], color=STYLES[1][0], ha="right")
        one.set_title("output")
        one.set_xlabel("distance from the line, against and with the arrow")
        one.grid(visible=False, axis="x")
    return Picture(
        "Ten times the weights",
        "Across their common line the two neurons differ: the larger the weights, the harder the switch. Far from the "
        "line both are equally sure.",
        figure,
        "Two S-shaped curves of output over the distance from the line, both one half at the line; the one of the "
        "larger weights rises from 0 to 1 within a tenth of the way.",
        table,
    )


def _sides() -> Picture:
    rows = []
    with panels(4, width=7.2, height=2.2, share=True) as (figure, axes):
        for one, neuron in zip(axes.flat, SIDES, strict=True):
            (first, second), bias = neuron
            at = float(score(neuron, (0, 0)))
            words = f"{first:g} x1 + {second:g} x2 + {bias:g}".replace("-", "−").replace("+ −", "− ")
            _shade(one, expit(99 * score(neuron, POINTS)))
            _line(one, neuron)
            one.plot(0, 0, "o", color=INK, markersize=4)
            one.set_title(words)
            rows.append((words, at, at > 0))
        plane(axes, REACH)
    return Picture(
        "Which side is positive",
        "A line has two neurons, with opposite signs; the blue side is the positive one. Put in (0, 0), the dot: what "
        "is left is the bias, and its sign says on which side the dot lies.",
        figure,
        "Four planes, two for each of two lines: the blue side changes over with the signs, and with it whether the "
        "dot at (0, 0) is in the blue.",
        pd.DataFrame(rows, columns=["score of x1, x2", "at (0, 0)", "(0, 0) is on the positive side"]),
    )


def _activations() -> Picture:
    found = {name: _curve(activation) for name, activation in _functions().items()}
    table = pd.DataFrame(
        [
            (name.replace("_", " "), _zeros(values), slopes[Z == -3][0], slopes[Z == 3][0], slopes.max())
            for name, (values, slopes) in found.items()
        ],
        columns=["activation", "output is 0 at", "slope at −3", "slope at 3", "largest slope"],
    )
    return Picture(
        "What the activation makes of the score",
        "Blue is the output, orange its slope, by which a gradient is multiplied on its way back. Where the slope is 0 "
        "nothing is learnt: everywhere for sign, left of 0 for ReLU, far out for sigmoid and tanh.",
        _curves(found),
        "Eight small panels over a score from −6 to 6, each with an activation and its slope. The slope of sign is 0 "
        "everywhere; the sigmoid’s is at most a quarter; ReLU’s is 0 below and 1 above.",
        table,
    )


def _wedge() -> Picture:
    a, b = expit(score(A, POINTS)), expit(score(B, POINTS))
    with panels(3, width=7.2, height=2.75, share=True) as (figure, axes):
        shown = ((a, (A,), "A: w = −7, 5; b = −15"), (b, (B,), "B: w = 10, 5; b = −15"))
        for one, (values, lines, title) in zip(
            axes.flat, (*shown, (expit(b_and_not_a(a, b)), (A, B), "B and not A")), strict=True
        ):
            _shade(one, values)
            for neuron in lines:
                _line(one, neuron, arrow=len(lines) == 1)
            one.set_title(title)
        plane(axes, REACH)
    cases = np.array([(0, 0), (0, 1), (1, 0), (1, 1)])
    scores = b_and_not_a(cases[:, 0], cases[:, 1])
    table = pd.DataFrame({"A": cases[:, 0], "B": cases[:, 1], "score": scores, "output": expit(scores).round(4)})
    return Picture(
        "Three neurons: B and not A",
        "A third neuron takes the outputs of A and B with weights −100 and 100 and a bias of −10: its score is above 0 "
        "only where B is 1 and A is 0. No single line could cut out that wedge.",
        figure,
        "Three planes. A is blue above a rising line, B to the right of a falling one, and the third neuron in the "
        "wedge where B is blue and A is not.",
        table,
    )


def _functions() -> dict[str, Callable[[Any], Any]]:
    """Return every activation a builder takes, and sign, by name; maxout with two pieces, z and −z/2."""
    import keras
    import tensorflow as tf

    from toolkit.builders import ACTIVATIONS

    own: dict[str, Callable[[Any], Any]] = {
        "linear": lambda z: z * 1.0,
        "sign": tf.sign,
        "leaky_relu": lambda z: keras.activations.leaky_relu(z, negative_slope=0.1),
        "maxout": lambda z: tf.maximum(-z / 2, z),
    }
    return own | {name: keras.activations.get(name) for name in ACTIVATIONS if name not in (*own, "swish")}


def _curve(activation: Callable[[Any], Any]) -> tuple[Floats, Floats]:
    """Return an activation's outputs at `Z`, and its slopes by automatic differentiation."""
    import tensorflow as tf

    z = tf.constant(Z)
    with tf.GradientTape() as tape:
        tape.watch(z)
        out = activation(z)
    slope = tape.gradient(out, z)
    return out.numpy(), np.zeros_like(Z) if slope is None else tf.convert_to_tensor(slope).numpy()


def _zeros(values: Floats) -> str:
    """Say at which scores an output is 0."""
    at = Z[np.abs(values) < 1e-12]
    if not len(at):
        return "no score"
    last = f"{at[-1]:g}".replace("-", "−")
    return last if len(at) == 1 else f"every score up to {last}"


def _shade(axes: Axes, values: Floats) -> None:
    """Tint a plane in blue, the more the nearer a value is to 1."""
    edges = (0.1, 0.3, 0.5, 0.7, 0.9, 1.01)
    for low, high in pairwise(edges):
        axes.contourf(GRID, GRID, values, levels=[low, high], colors=[BLUE], alpha=0.45 * (low + high) / 2)


def _line(axes: Axes, neuron: Neuron, *, arrow: bool = True) -> None:
    """Draw where a neuron's score is 0, and the direction of its weights."""
    (first, second), bias = neuron
    boundary(axes, (first, second), bias, width=1)
    if arrow:
        size = np.hypot(first, second)
        foot = -bias * np.array([first, second]) / size**2
        axes.annotate(
            "", foot + 2 * np.array([first, second]) / size, foot,
            arrowprops={"arrowstyle": "-|>", "color": ORANGE, "shrinkA": 0, "shrinkB": 0, "linewidth": 1.4},
        )  # fmt: skip


def _curves(found: dict[str, tuple[Floats, Floats]]) -> Figure:
    with panels(4, 2, width=7.2, height=3.6, share=True) as (figure, axes):
        for one, name in zip(axes.flat, DRAWN, strict=True):
            values, slopes = found[name]
            one.axhline(0, color=MUTED, linewidth=0.6)
            kind = "steps-mid" if name == "sign" else "default"
            one.plot(Z, values, color=BLUE, drawstyle=kind)
            one.plot(Z, slopes, color=ORANGE, linestyle=(0, (4, 2)))
            one.set_ylim(-1.6, 2.6)
            one.set_title("maxout of z and −z / 2" if name == "maxout" else name.replace("_", " "))
        axes[0, 0].text(0.8, -0.9, "output", color=BLUE)
        axes[0, 0].text(-5.6, 1.2, "slope", color=ORANGE)
        for one in axes[1]:
            one.set_xlabel("score z")
    return figure
