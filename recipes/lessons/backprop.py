"""One example through a small network: forward to the loss, and backward to a derivative for every weight."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from string import ascii_uppercase
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from recipes.drawing import BLUE, INK, LINE, MUTED, ORANGE, PAPER, log_scale, panels
from recipes.lessons.layers import Layer, derive, read
from recipes.lessons.tools.page import Lesson, Picture
from toolkit.common.errors import DataError
from toolkit.common.formatting import number

__all__ = ["Passes", "follow", "show"]

Floats = NDArray[np.float64]

# The lecture's: weights (inputs, units), bias (units,), activation.
NETWORK = (
    ([[1, 10], [-0.2, -2]], [5, -12], "sigmoid"),
    ([[40], [-10]], [-15.2], "linear"),
)
INPUT, TARGET = (-2.0, 5.0), 15.0
RATES = np.logspace(-6, 0, 61)
LABELLED = 16  # connections between two layers that are drawn with their numbers
NOTHING = 1e-9  # smaller numbers are drawn as about 0


@dataclass(frozen=True)
class Passes:
    """One example's way forward and back; a list holds an entry a layer.

    Attributes:
        scores: What enters each unit's activation.
        outputs: What leaves it; the input stands before the first layer's.
        loss: The loss.
        by_output: Derivative of the loss by each unit's output.
        slopes: Each activation's slope at its score.
        by_score: Derivative by each unit's score, which is that by its bias.
        by_weight: Derivative by each weight, shape (inputs, units).
    """

    scores: list[Floats]
    outputs: list[Floats]
    loss: float
    by_output: list[Floats]
    slopes: list[Floats]
    by_score: list[Floats]
    by_weight: list[Floats]


def follow(layers: Sequence[Layer], x: Floats, loss: Callable[[Any], Any]) -> Passes:
    """Send one example forward, and the derivative of its loss back by the chain rule, layer by layer.

    Args:
        layers: The network.
        x: The input, shape (inputs,).
        loss: The loss, a function of a tensor of the last layer's outputs, shape (1, units).

    Example:
        >>> layers, x, loss = read(NETWORK, INPUT, TARGET, "regression", None)
        >>> passes = follow(layers, x, loss)
        >>> round(passes.outputs[-1][0], 4), round(passes.loss, 4), round(passes.by_score[-1][0], 4)
        (np.float64(20.0319), 25.3198, np.float64(10.0638))
    """
    scores: list[Floats] = []
    outputs, slopes = [x], []
    for layer in layers:
        scores.append(outputs[-1] @ layer.weights + layer.bias)
        output, slope = derive(layer.activation, scores[-1])
        outputs.append(output)
        slopes.append(slope)
    value, by_last = derive(loss, outputs[-1][None, :])
    by_output, by_score, by_weight = [by_last[0]], [], []
    for place in reversed(range(len(layers))):
        by_score.insert(0, by_output[0] * slopes[place])
        by_weight.insert(0, np.outer(outputs[place], by_score[0]))
        by_output.insert(0, layers[place].weights @ by_score[0])
    return Passes(scores, outputs, float(value.sum()), by_output[1:], slopes, by_score, by_weight)


def show(
    network: Any = None, x: ArrayLike | None = None, y: Any = None, *, task: str = "regression", head: str | None = None
) -> Lesson:
    """Run the lesson: every number of one example's way through a network, forward and back.

    Args:
        network: A `keras.Sequential` of dense layers, or a list of layers, each (weights of shape (inputs, units), bias
            of shape (units,), name of the activation). At most 4 layers of 6 units. None is the lecture's.
        x: The input, shape (inputs,); with a network of your own.
        y: The target: a number or one an output (regression), 0 or 1 (binary, multilabel), a class id (multiclass).
        task: What the outputs mean; the last layer of a classifier is linear.
        head: The loss, by the word of a head of this task. None is the task's usual one.

    Returns:
        The lesson. Its tables: forward, a row a unit, and the loss; backward, a row a parameter, beside automatic
        differentiation; and the loss after one step, over the learning rate.

    Raises:
        DataError: The network can't be followed by hand, or input and target don't fit it.

    Example:
        >>> lesson = show([([[1.0, -1.0]], [0.0, 0.0], "relu"), ([[2.0], [1.0]], [0.5], "linear")], x=[3.0], y=7.0)
        >>> lesson.tables["Backward"]["derivative"].tolist()  # 2 * (6.5 - 7) = -1, times what came in
        [-6.0, -2.0, 0.0, 0.0, -3.0, 0.0, -1.0]
    """
    own = network is not None
    if own and (x is None or y is None):
        raise DataError("a network of your own needs an example too: give x, its input, and y, its target.")
    if not own and (x is not None or y is not None or task != "regression" or head is not None):
        raise DataError("x, y, task and head go with a network of your own: give network too.")
    layers, inputs, loss = read(*((network, x, y) if own else (NETWORK, INPUT, TARGET)), task, head)
    passes = follow(layers, inputs, loss)
    steps = _steps(layers, inputs, loss, passes)
    sizes = "-".join(str(len(output)) for output in passes.outputs)
    return Lesson(
        "backprop",
        "Backpropagation, number by number",
        "The loss’s derivative by a weight is what came in there, forward, times what comes back there: one pass back "
        "through the network finds all of them. A step against them lowers the loss.",
        (
            _forward(layers, passes, y if own else TARGET),
            _backward(layers, passes, inputs, loss),
            _stepped(steps, passes),
        ),
        corrections=(
            "Mason Brain: the derivatives are subtracted, W − α dJ/dW; the slides add them, which climbs.",
            "Mason Brain: the next layer is fed the activation A of the one before, not its score Z.",
            "Mason Brain: the derivative by a bias is the one by its unit’s score, with no other factor.",
        ),
        decks=("NN", "MB"),
        data=f"a network of your own, {sizes}" if own else "the lecture’s network, its input (−2, 5) and its target 15",
    )


def _automatic(layers: Sequence[Layer], x: Floats, loss: Callable[[Any], Any]) -> list[tuple[Floats, Floats]]:
    """Return what automatic differentiation finds for weights and bias of each layer."""
    import tensorflow as tf

    variables = [(tf.constant(layer.weights), tf.constant(layer.bias)) for layer in layers]
    with tf.GradientTape() as tape:
        tape.watch(variables)
        flow = tf.constant(x[None, :])
        for layer, (weights, bias) in zip(layers, variables, strict=True):
            flow = layer.activation(flow @ weights + bias)
        value = tf.reduce_sum(loss(flow))
    found: Any = tape.gradient(value, variables)
    return [(np.asarray(weights), np.asarray(bias)) for weights, bias in found]


def _steps(layers: Sequence[Layer], x: Floats, loss: Callable[[Any], Any], passes: Passes) -> pd.DataFrame:
    """Compute the loss after one step along the derivatives, subtracted and added, for each rate."""
    import tensorflow as tf

    def after(rate: float) -> float:
        flow = x[None, :]
        for layer, by_weight, by_score in zip(layers, passes.by_weight, passes.by_score, strict=True):
            scores = flow @ (layer.weights - rate * by_weight) + (layer.bias - rate * by_score)
            flow = np.asarray(layer.activation(tf.constant(scores)))
        return float(np.asarray(loss(tf.constant(flow))).sum())

    rows = [(rate, after(rate), after(-rate)) for rate in RATES]
    return pd.DataFrame(rows, columns=["learning rate", "loss after subtracting", "loss after adding"])


def _names(passes: Passes) -> list[list[str]]:
    """Return a name for each input (x1, x2, ...) and each unit (A, B, ...), a list a layer."""
    letters = iter(ascii_uppercase)
    inputs = [f"x{place}" for place in range(1, len(passes.outputs[0]) + 1)]
    return [inputs, *([next(letters) for _ in output] for output in passes.outputs[1:])]


def _forward(layers: Sequence[Layer], passes: Passes, y: Any) -> Picture:
    names = _names(passes)
    rows = [
        (name, layer.name, float(passes.scores[depth][unit]), float(passes.outputs[depth + 1][unit]))
        for depth, layer in enumerate(layers)
        for unit, name in enumerate(names[depth + 1])
    ]
    rows.append(("loss", "", np.nan, passes.loss))
    table = pd.DataFrame(rows, columns=["unit", "activation", "score z", "output a"])
    target = ", ".join(number(float(value)) for value in np.ravel(y))
    nodes = [
        [
            (f"b = {_short(b)}", f"z = {_short(z)}\na = {_short(a)}".replace("= ≈", "≈"))
            for b, z, a in zip(*found, strict=True)
        ]
        for found in zip([layer.bias for layer in layers], passes.scores, passes.outputs[1:], strict=True)
    ]
    first = [("", number(float(value))) for value in passes.outputs[0]]
    edges = [layer.weights for layer in layers]
    end = f"target {target}\nloss {number(passes.loss)}"
    return Picture(
        "Forward",
        "Each unit weighs what comes in, adds its bias (b) to a score (z), and bends it to an output (a). At the end "
        f"stands the loss: {number(passes.loss, 6)}.",
        _graph(names, [first, *nodes], edges, end, BLUE),
        "The network as circles in columns, joined by lines. Each line has its weight, each circle its bias, its score "
        "and its output; the table has the same numbers.",
        table,
        digits=6,
    )


def _backward(layers: Sequence[Layer], passes: Passes, x: Floats, loss: Callable[[Any], Any]) -> Picture:
    names = _names(passes)
    rows = []
    for depth, (layer, (auto_weights, auto_bias)) in enumerate(zip(layers, _automatic(layers, x, loss), strict=True)):
        for unit, name in enumerate(names[depth + 1]):
            for source, origin in enumerate(names[depth]):
                at = source, unit
                rows.append(
                    (f"weight {origin} → {name}", layer.weights[at], passes.by_weight[depth][at], auto_weights[at])
                )
            rows.append((f"bias of {name}", layer.bias[unit], passes.by_score[depth][unit], auto_bias[unit]))
    table = pd.DataFrame(rows, columns=["parameter", "value", "derivative", "automatic differentiation"])
    table.iloc[:, 1:] += 0.0  # no minus before a 0
    flat = [
        name
        for depth, slopes in enumerate(passes.slopes)
        for name, slope in zip(names[depth + 1], slopes, strict=True)
        if abs(slope) < NOTHING
    ]
    if flat:
        stuck = f"{'Unit' if len(flat) == 1 else 'Units'} {', '.join(flat)} {'lies' if len(flat) == 1 else 'lie'}"
        words = f"{stuck} where the activation is flat (saturated, or off): nothing passes back or is learnt there."
    else:
        words = "Each unit hands back what it got, times its own slope and weights, to the units before it."
    nodes = [
        [
            (f"by b: {_short(b)}", f"by a: {_short(a)}\nslope {_short(slope)}")
            for b, a, slope in zip(*found, strict=True)
        ]
        for found in zip(passes.by_score, passes.by_output, passes.slopes, strict=True)
    ]
    first = [("", number(float(value))) for value in passes.outputs[0]]
    return Picture(
        "Backward",
        "From the loss back: the derivative by a weight, on its line, is what came in there times what the unit got "
        f"back. {words}",
        _graph(names, [first, *nodes], passes.by_weight, f"loss {number(passes.loss)}", ORANGE),
        "The same network. Each line has the derivative of the loss by its weight, each circle those by its bias and "
        "by its output, and the slope of its activation; lines without any derivative are dotted.",
        table,
        digits=7,
    )


def _stepped(steps: pd.DataFrame, passes: Passes) -> Picture:
    words = _said(steps, passes)
    most = max(2.2 * passes.loss, 1e-3)
    with panels(width=4.3, height=2.8) as (figure, axes):
        one = axes[0, 0]
        for column, color, dash in (("subtracting", BLUE, "solid"), ("adding", ORANGE, (0, (5, 1.5)))):
            one.plot(RATES, steps[f"loss after {column}"].clip(upper=2 * most), color=color, linestyle=dash)
        one.axhline(passes.loss, color=MUTED, linewidth=0.8, linestyle=(0, (2, 2)))
        one.text(RATES[0], 0.93 * passes.loss, "before", color=MUTED, va="top")
        log_scale(one, "x")
        one.set_ylim(-0.03 * most, most)
        one.set_title("loss after one step")
        one.set_xlabel("learning rate")
        one.grid(visible=False, axis="x")
        for text, color, height in (("added", ORANGE, 0.95), ("subtracted", BLUE, 0.07)):
            one.annotate(text, (0.02, height), xycoords="axes fraction", color=color, va="center")
    return Picture(
        "One step",
        f"All weights at once take a step against their derivatives: {words}",
        figure,
        "Loss after one step over the learning rate, on a logarithmic axis: one line for derivatives subtracted, one "
        "for derivatives added.",
        steps,
    )


def _said(steps: pd.DataFrame, passes: Passes) -> str:
    """Say what one step does to the loss."""
    if not any(values.any() for values in (*passes.by_weight, *passes.by_score)):
        return "here every derivative is 0, so that nothing moves."
    losses = steps["loss after subtracting"].fillna(np.inf)
    place = int(losses.argmin())
    if losses[place] < passes.loss:
        words = f"a rate of {number(RATES[place], 2)} takes the loss from {number(passes.loss)} to "
        words += f"{number(float(losses[place]))}{', and longer ones overshoot' if place < len(RATES) - 1 else ''}."
    else:
        words = f"every rate shown overshoots, even {RATES[0]:g}."
    up = steps["loss after adding"][0] > passes.loss
    return f"{words} Added instead of subtracted, the derivatives lead up." if up else words


def _short(value: float) -> str:
    """Say a number in a drawing, where one that is next to nothing takes too much room."""
    return number(float(value)) if value == 0 or abs(value) >= NOTHING else "≈ 0"


def _graph(
    names: list[list[str]], nodes: list[list[tuple[str, str]]], edges: list[Floats], end: str, color: str
) -> Figure:
    """Draw a network: names in circles with words above and below, a number on each line, and words at the end."""
    tallest = max(len(column) for column in names)
    places = [
        [(float(depth), (tallest - 1) / 2 + (len(column) - 1) / 2 - place) for place in range(len(column))]
        for depth, column in enumerate(names)
    ]
    labelled = all(values.size <= LABELLED for values in edges)
    with panels(width=7.2, height=0.4 + 1.05 * tallest) as (figure, axes):
        one = axes[0, 0]
        for depth, values in enumerate(edges):
            for (source, unit), value in np.ndenumerate(values):
                start, stop = np.array(places[depth][source]), np.array(places[depth + 1][unit])
                flat = abs(value) < NOTHING
                dash = (0, (1, 3)) if flat else "solid"
                one.plot(*np.stack([start, stop]).T, color=LINE, linewidth=1.2, linestyle=dash, zorder=0)
                if labelled:  # where the numbers of all lines are equally far apart
                    at = start + (stop - start) * min(0.4, 1 / (values.shape[1] + 1))
                    box = {"facecolor": PAPER, "edgecolor": "none", "pad": 1.2}
                    look = {"color": MUTED if flat else color, "ha": "center", "va": "center", "bbox": box}
                    one.text(float(at[0]), float(at[1]), _short(value), **look)
        for column, words, spots in zip(names, nodes, places, strict=True):
            for name, (above, below), (x, y) in zip(column, words, spots, strict=True):
                one.plot(x, y, "o", markersize=17, markerfacecolor=PAPER, markeredgecolor=INK, markeredgewidth=1)
                one.text(x, y, name, color=INK, ha="center", va="center", weight="bold")
                one.text(x, y + 0.2, above, color=color, ha="center", va="bottom")
                one.text(x, y - 0.2, below, color=INK, ha="center", va="top")
        middle = (tallest - 1) / 2
        for x, y in places[-1]:
            one.plot([x, len(names) - 0.45], [y, middle], color=LINE, linewidth=1, zorder=0)
        one.text(len(names) - 0.4, middle, end, color=INK, va="center", weight="bold")
        one.set_xlim(-0.35, len(names) + 0.15)
        one.set_ylim(-0.55, tallest - 0.6)
        one.axis("off")
    return figure
