"""One example through a small network: forward to the loss, and backward to the gradient of every weight."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from string import ascii_uppercase
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from recipes.drawing import BLUE, INK, LINE, MUTED, ORANGE, PAPER, log_scale, panels
from recipes.lessons.layers import Layer, derive, read
from recipes.lessons.tools.page import Lesson, Picture
from toolkit.common.errors import DataError
from toolkit.common.formatting import number

__all__ = ["Passes", "propagate", "show"]

Floats = NDArray[np.float64]

# The lecture's network: weights (inputs, units), bias (units,), activation.
NETWORK = (
    ([[1, 10], [-0.2, -2]], [5, -12], "sigmoid"),
    ([[40], [-10]], [-15.2], "linear"),
)
INPUT, TARGET = (-2.0, 5.0), 15.0
# From 1e-6 to 1, ten rates per power of ten
RATES = np.logspace(-6, 0, 61)
MAX_LABELS = 16  # a layer with more connections is drawn without numbers on them
NEAR_ZERO = 1e-9  # smaller numbers are drawn as "≈ 0"


@dataclass(frozen=True)
class Passes:
    """The numbers of one example's forward and backward pass; each list has one entry per layer.

    Attributes:
        scores: Weighted sums z, shape (units,).
        outputs: Activations a, shape (units,); the network's input comes first, so there is one entry more.
        loss: The loss L.
        output_gradients: ∂L/∂a.
        slopes: ∂a/∂z, the slope of the activation at each score.
        signals: ∂L/∂z, the error signal of each neuron, which is also the gradient of its bias.
        weight_gradients: ∂L/∂W, shape (inputs, units).
    """

    scores: list[Floats]
    outputs: list[Floats]
    loss: float
    output_gradients: list[Floats]
    slopes: list[Floats]
    signals: list[Floats]
    weight_gradients: list[Floats]


def propagate(layers: Sequence[Layer], x: Floats, loss: Callable[[Any], Any]) -> Passes:
    """Compute the forward pass of one example, and its gradients by the chain rule.

    Args:
        layers: The network.
        x: The input, shape (inputs,).
        loss: The loss, a function of a tensor of the last layer's outputs, shape (1, units).

    Example:
        >>> layers, x, loss = read(NETWORK, INPUT, TARGET, "regression", None)
        >>> passes = propagate(layers, x, loss)
        >>> round(passes.outputs[-1][0], 4), round(passes.loss, 4), round(passes.signals[-1][0], 4)
        (np.float64(20.0319), 25.3198, np.float64(10.0638))
    """
    scores: list[Floats] = []
    outputs, slopes = [x], []
    for layer in layers:
        scores.append(outputs[-1] @ layer.weights + layer.bias)  # (inputs,) @ (inputs, units) + (units,)
        output, slope = derive(layer.activation, scores[-1])
        outputs.append(output)
        slopes.append(slope)
    # A loss takes rows: (units,) -> (1, units).
    losses, last_gradient = derive(loss, outputs[-1][None, :])
    # From the last layer to the first; `outputs[index]` is the input of layer `index`.
    #   signal           (units,)          = output gradient (units,) * slope (units,)
    #   weight gradient  (inputs, units)   = outer product of input (inputs,) and signal (units,)
    #   output gradient of the layer before (inputs,) = weights (inputs, units) @ signal (units,)
    output_gradients, signals, weight_gradients = [last_gradient[0]], [], []
    for index in reversed(range(len(layers))):
        signals.insert(0, output_gradients[0] * slopes[index])
        weight_gradients.insert(0, np.outer(outputs[index], signals[0]))
        output_gradients.insert(0, layers[index].weights @ signals[0])
    return Passes(scores, outputs, float(losses.sum()), output_gradients[1:], slopes, signals, weight_gradients)


def show(
    network: Any = None, x: ArrayLike | None = None, y: Any = None, *, task: str = "regression", head: str | None = None
) -> Lesson:
    """Show every number of one example's forward and backward pass.

    Args:
        network: A `keras.Sequential` of dense layers, or a list of layers, each as (weights of shape (inputs, units),
            bias of shape (units,), name of the activation). At most 4 layers of 6 units. None is the lecture's network.
        x: The input of your network, shape (inputs,).
        y: The target: a number or one per output (regression), 0 or 1 (binary, multilabel), a class id (multiclass).
        task: What the outputs mean. The last layer of a classifier is linear.
        head: Name of the head whose loss is used; None is the default head of the task.

    Returns:
        The lesson. Its tables are the forward pass (one row per neuron, and the loss), the backward pass (one row per
        parameter, with the gradient from automatic differentiation), and the loss after one step for each rate.

    Raises:
        DataError: The network can't be followed by hand, or the example doesn't fit it.

    Example:
        >>> lesson = show([([[1.0, -1.0]], [0.0, 0.0], "relu"), ([[2.0], [1.0]], [0.5], "linear")], x=[3.0], y=7.0)
        >>> lesson.tables["Backward"]["gradient"].tolist()  # the signal is 2 * (6.5 - 7) = -1
        [-6.0, -2.0, 0.0, 0.0, -3.0, 0.0, -1.0]
    """
    from toolkit.heads import DEFAULT_HEADS

    is_users = network is not None
    if is_users and (x is None or y is None):
        raise DataError("your network needs an example: give x (its input) and y (its target).")
    if not is_users and (x is not None or y is not None or task != "regression" or head is not None):
        raise DataError("x, y, task and head describe an example for your network: give network too.")
    layers, inputs, loss = read(*((network, x, y) if is_users else (NETWORK, INPUT, TARGET)), task, head)
    loss_name = f"the squared error (a − {TARGET:g})²"
    if is_users:
        loss_name = f"that of the head {head or DEFAULT_HEADS[task]}"
    passes = propagate(layers, inputs, loss)
    steps = _losses_after_step(layers, inputs, loss, passes)
    sizes = "-".join(str(len(output)) for output in passes.outputs)
    return Lesson(
        "backprop",
        "Backpropagation, number by number",
        "The error signal of a neuron is ∂L/∂z, the derivative of the loss by its score. It comes back through the "
        "layers, and times the inputs of the neuron it gives the gradients of its weights, all in one pass. "
        "A step against the gradients lowers the loss.",
        (
            _forward(layers, passes, y if is_users else TARGET, loss_name),
            _backward(layers, passes, inputs, loss),
            _one_step(steps, passes),
        ),
        corrections=(
            "Mason Brain: gradients are subtracted, W − α ∂L/∂W; the slides add them, which raises the loss.",
            "Mason Brain: the input of a layer is the activation A of the layer before it, not that layer’s score Z.",
            "Mason Brain: the gradient of a bias is the error signal ∂L/∂Z of its neuron, with no other factor.",
        ),
        decks=("NN", "MB"),
        data=f"your network, {sizes}" if is_users else "the lecture’s network, its input (−2, 5) and its target 15",
    )


def _automatic(layers: Sequence[Layer], x: Floats, loss: Callable[[Any], Any]) -> list[tuple[Floats, Floats]]:
    """Return TensorFlow's gradients of the weights and the bias of each layer."""
    import tensorflow as tf

    variables = [(tf.constant(layer.weights), tf.constant(layer.bias)) for layer in layers]
    with tf.GradientTape() as tape:
        tape.watch(variables)
        outputs = tf.constant(x[None, :])
        for layer, (weights, bias) in zip(layers, variables, strict=True):
            outputs = layer.activation(outputs @ weights + bias)
        total = tf.reduce_sum(loss(outputs))
    gradients: Any = tape.gradient(total, variables)
    return [(np.asarray(weights), np.asarray(bias)) for weights, bias in gradients]


def _losses_after_step(layers: Sequence[Layer], x: Floats, loss: Callable[[Any], Any], passes: Passes) -> pd.DataFrame:
    """Return the loss after one step, with the gradients subtracted and added, for each learning rate."""
    import tensorflow as tf

    def after(rate: float) -> float:
        outputs = x[None, :]
        for layer, weight_gradient, signal in zip(layers, passes.weight_gradients, passes.signals, strict=True):
            # All layers change at once, by the gradients from before the step.
            scores = outputs @ (layer.weights - rate * weight_gradient) + (layer.bias - rate * signal)
            outputs = np.asarray(layer.activation(tf.constant(scores)))
        return float(np.asarray(loss(tf.constant(outputs))).sum())

    # Adding a gradient is subtracting it at a negative rate.
    rows = [(rate, after(rate), after(-rate)) for rate in RATES]
    return pd.DataFrame(rows, columns=["learning rate", "loss after subtracting", "loss after adding"])


def _names(passes: Passes) -> list[list[str]]:
    """Return the names of the inputs (x1, x2, ...), then those of each layer's neurons (A, B, ...)."""
    letters = iter(ascii_uppercase)
    inputs = [f"x{index}" for index in range(1, len(passes.outputs[0]) + 1)]
    return [inputs, *([next(letters) for _ in output] for output in passes.outputs[1:])]


def _forward(layers: Sequence[Layer], passes: Passes, y: Any, loss_name: str) -> Picture:
    names = _names(passes)
    rows = [
        (name, layer.name, float(passes.scores[depth][unit]), float(passes.outputs[depth + 1][unit]))
        for depth, layer in enumerate(layers)
        for unit, name in enumerate(names[depth + 1])
    ]
    rows.append(("loss", "", np.nan, passes.loss))
    table = pd.DataFrame(rows, columns=["neuron", "activation", "score z", "output a"])
    labels = [
        [(_equation("b", b), f"{_equation('z', z)}\n{_equation('a', a)}") for b, z, a in zip(*numbers, strict=True)]
        for numbers in zip([layer.bias for layer in layers], passes.scores, passes.outputs[1:], strict=True)
    ]
    inputs = [("", number(float(value))) for value in passes.outputs[0]]
    target = ", ".join(number(float(value)) for value in np.ravel(y))
    return Picture(
        "Forward",
        "Each neuron multiplies its inputs by its weights and adds its bias b: this is its score z. The activation "
        f"turns z into the output a. The loss L at the end, {loss_name}, is {number(passes.loss, 6)}.",
        _graph(
            names,
            [inputs, *labels],
            [layer.weights for layer in layers],
            f"target {target}\nloss L = {number(passes.loss)}",
            BLUE,
        ),
        "The network as circles in columns, joined by lines. Each line shows its weight, each circle its bias, score "
        "and output. The table has the same numbers.",
        table,
        digits=6,
    )


def _backward(layers: Sequence[Layer], passes: Passes, x: Floats, loss: Callable[[Any], Any]) -> Picture:
    names = _names(passes)
    labels = [
        [
            (_equation("∂L/∂b", signal), f"{_equation('∂L/∂a', gradient)}\n{_equation('∂a/∂z', slope)}")
            for signal, gradient, slope in zip(*numbers, strict=True)
        ]
        for numbers in zip(passes.signals, passes.output_gradients, passes.slopes, strict=True)
    ]
    inputs = [("", number(float(value))) for value in passes.outputs[0]]
    return Picture(
        "Backward",
        "From the loss back to the inputs: the gradient of a weight, on its line, is its input times the error signal "
        f"of its neuron. {_signal_text(names, passes)}",
        _graph(names, [inputs, *labels], passes.weight_gradients, f"loss L = {number(passes.loss)}", ORANGE),
        "The same network. Each line shows the gradient of its weight, each circle the gradients of its bias and its "
        "output and the slope of its activation. Lines without a gradient are dotted.",
        _gradient_table(names, layers, passes, _automatic(layers, x, loss)),
        digits=7,
    )


def _gradient_table(
    names: list[list[str]], layers: Sequence[Layer], passes: Passes, automatic: Sequence[tuple[Floats, Floats]]
) -> pd.DataFrame:
    """Return every parameter with its gradient; for each neuron its weights come first, then its bias."""
    rows = []
    for depth, (layer, (weights, bias)) in enumerate(zip(layers, automatic, strict=True)):
        for unit, name in enumerate(names[depth + 1]):
            for source, origin in enumerate(names[depth]):
                at = source, unit
                rows.append(
                    (f"weight {origin} → {name}", layer.weights[at], passes.weight_gradients[depth][at], weights[at])
                )
            rows.append((f"bias of {name}", layer.bias[unit], passes.signals[depth][unit], bias[unit]))
    table = pd.DataFrame(rows, columns=["parameter", "value", "gradient", "automatic differentiation"])
    table.iloc[:, 1:] += 0.0  # turns -0.0 into 0.0
    return table


def _signal_text(names: list[list[str]], passes: Passes) -> str:
    """Describe how error signals pass from neuron to neuron, or where they stop."""
    flat = [
        name
        for depth, slopes in enumerate(passes.slopes)
        for name, slope in zip(names[depth + 1], slopes, strict=True)
        if abs(slope) < NEAR_ZERO
    ]
    if not flat:
        return "A neuron’s signal is ∂L/∂a times the slope ∂a/∂z; it goes on through the weights to the layer before."
    neurons = f"Neuron {flat[0]} is" if len(flat) == 1 else f"Neurons {', '.join(flat)} are"
    return (
        f"{neurons} on a flat part of the activation (slope near 0), so no signal gets through and nothing is learned."
    )


def _one_step(steps: pd.DataFrame, passes: Passes) -> Picture:
    # The loss before the step lies a little below the middle; what rises beyond the top is cut off.
    top = max(2.2 * passes.loss, 1e-3)
    with panels(width=4.3, height=2.8) as (figure, axes):
        panel = axes[0, 0]
        for column, color, dash in (("subtracting", BLUE, "solid"), ("adding", ORANGE, (0, (5, 1.5)))):
            panel.plot(RATES, steps[f"loss after {column}"].clip(upper=2 * top), color=color, linestyle=dash)
        panel.axhline(passes.loss, color=MUTED, linewidth=0.8, linestyle=(0, (2, 2)))
        panel.text(RATES[0], 0.93 * passes.loss, "before", color=MUTED, va="top")
        log_scale(panel, "x")
        panel.set_ylim(-0.03 * top, top)
        panel.set_title("loss after one step")
        panel.set_xlabel("learning rate")
        panel.grid(visible=False, axis="x")
        for text, color, height in (("added", ORANGE, 0.95), ("subtracted", BLUE, 0.07)):
            panel.annotate(text, (0.02, height), xycoords="axes fraction", color=color, va="center")
    return Picture(
        "One step",
        f"All weights take one step against their gradients. {_step_text(steps, passes)}",
        figure,
        "Loss after one step over the learning rate, on a logarithmic axis: one line for subtracted gradients, one for "
        "added gradients.",
        steps,
    )


def _step_text(steps: pd.DataFrame, passes: Passes) -> str:
    """Describe what one step does to the loss."""
    if not any(values.any() for values in (*passes.weight_gradients, *passes.signals)):
        return "Here every gradient is 0, so nothing changes."
    losses = steps["loss after subtracting"].fillna(np.inf)
    best = int(losses.argmin())
    if losses[best] < passes.loss:
        larger = ", and larger rates overshoot" if best < len(RATES) - 1 else ""
        text = f"A rate of {number(RATES[best], 2)} takes the loss from {number(passes.loss)} to "
        text += f"{number(float(losses[best]))}{larger}."
    else:
        text = f"Every rate shown overshoots, even {RATES[0]:g}."
    rises = steps["loss after adding"][0] > passes.loss
    return f"{text} Adding the gradients instead raises the loss." if rises else text


def _equation(name: str, value: float) -> str:
    return f"{name} {'≈' if 0 < abs(value) < NEAR_ZERO else '='} {_short(value).removeprefix('≈ ')}"


def _short(value: float) -> str:
    """Format a number for a drawing, where 5.7 × 10⁻¹⁹ would take too much room."""
    return number(float(value)) if value == 0 or abs(value) >= NEAR_ZERO else "≈ 0"


def _graph(
    names: list[list[str]], labels: list[list[tuple[str, str]]], edges: list[Floats], end: str, color: str
) -> Figure:
    """Draw a network as circles in columns.

    Args:
        names: The names inside the circles, one list per column.
        labels: The texts above and below each circle.
        edges: The numbers on the lines from each column to the next, shape (from, to).
        end: The text to the right of the last column.
        color: Color of the numbers on the lines and above the circles.
    """
    tallest = max(len(column) for column in names)
    middle = (tallest - 1) / 2
    # (x, y) of each circle: layers from left to right, each centered at the height of the tallest.
    spots = [
        [(float(depth), middle + (len(column) - 1) / 2 - row) for row in range(len(column))]
        for depth, column in enumerate(names)
    ]
    with panels(width=7.2, height=0.4 + 1.05 * tallest) as (figure, axes):
        panel = axes[0, 0]
        for depth, numbers in enumerate(edges):
            show_numbers = all(values.size <= MAX_LABELS for values in edges)
            _draw_edges(panel, spots[depth], spots[depth + 1], numbers, color if show_numbers else None)
        for column, texts, column_spots in zip(names, labels, spots, strict=True):
            for name, (above, below), (x, y) in zip(column, texts, column_spots, strict=True):
                panel.plot(x, y, "o", markersize=17, markerfacecolor=PAPER, markeredgecolor=INK, markeredgewidth=1)
                panel.text(x, y, name, color=INK, ha="center", va="center", weight="bold")
                panel.text(x, y + 0.2, above, color=color, ha="center", va="bottom")
                panel.text(x, y - 0.2, below, color=INK, ha="center", va="top")
        for x, y in spots[-1]:
            panel.plot([x, len(names) - 0.45], [y, middle], color=LINE, linewidth=1, zorder=0)
        panel.text(len(names) - 0.4, middle, end, color=INK, va="center", weight="bold")
        panel.set_xlim(-0.35, len(names) + 0.15)
        panel.set_ylim(-0.55, tallest - 0.6)
        panel.axis("off")
    return figure


def _draw_edges(
    panel: Axes,
    sources: Sequence[tuple[float, float]],
    targets: Sequence[tuple[float, float]],
    numbers: Floats,
    color: str | None,
) -> None:
    """Draw the lines between two columns, each with its number; without the numbers if there is no color."""
    for (source, target), value in np.ndenumerate(numbers):
        start, stop = np.array(sources[source]), np.array(targets[target])
        is_zero = abs(value) < NEAR_ZERO
        dash = (0, (1, 3)) if is_zero else "solid"
        panel.plot(*np.stack([start, stop]).T, color=LINE, linewidth=1.2, linestyle=dash, zorder=0)
        if color is not None:
            # At this share of the way, the numbers on lines into different neurons keep an equal distance.
            x, y = start + (stop - start) * min(0.4, 1 / (numbers.shape[1] + 1))
            box = {"facecolor": PAPER, "edgecolor": "none", "pad": 1.2}
            style: dict[str, Any] = {"color": MUTED if is_zero else color, "ha": "center", "va": "center", "bbox": box}
            panel.text(float(x), float(y), _short(value), **style)
