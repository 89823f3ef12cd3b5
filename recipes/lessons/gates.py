"""A formula as a graph of gates (sum, product, maximum, sigmoid), with the derivative at each gate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy import special

from recipes.drawing import BLUE, GRAY, INK, MUTED, ORANGE, PAPER, panels
from toolkit.common.formatting import number

__all__ = ["Gate", "backward", "draw", "maximum", "sigmoid", "table", "variable"]


@dataclass(eq=False)
class Gate:
    """A variable or an operation in a graph.

    Attributes:
        name: The text in its circle: the variable's name, or the sign of the operation.
        value: The number computed in the forward pass.
        inputs: The gates it was computed from.
        local: The derivative of its value with respect to each input.
        derivative: The derivative of the graph's output with respect to its value; `backward` fills it in.
    """

    name: str
    value: float
    inputs: tuple[Gate, ...] = ()
    local: tuple[float, ...] = ()
    derivative: float = 0.0

    def __add__(self, term: Gate | float) -> Gate:
        if isinstance(term, Gate):
            return Gate("+", self.value + term.value, (self, term), (1.0, 1.0))
        return Gate(f"+ {number(term)}", self.value + term, (self,), (1.0,))

    def __mul__(self, factor: Gate | float) -> Gate:
        if isinstance(factor, Gate):
            # The derivative with respect to a factor is the other factor.
            return Gate("×", self.value * factor.value, (self, factor), (factor.value, self.value))
        return Gate(f"× {number(factor)}", self.value * factor, (self,), (float(factor),))


def variable(name: str, value: float) -> Gate:
    """Return an input of a graph."""
    return Gate(name, float(value))


def maximum(first: Gate, second: Gate | float) -> Gate:
    """Return the larger of two values; its derivative is 1 for that input and 0 for the smaller one.

    Equal inputs have no derivative: the first one gets 1, as in TensorFlow.
    """
    if not isinstance(second, Gate):
        return Gate(f"max {number(second)}", max(first.value, second), (first,), (float(first.value >= second),))
    # At a tie all of the derivative goes to the first input; 1 to both would double the slope.
    is_first = first.value >= second.value
    return Gate("max", max(first.value, second.value), (first, second), (float(is_first), float(not is_first)))


def sigmoid(x: Gate) -> Gate:
    """Return p = 1 / (1 + exp(-x)), whose derivative is p (1 - p)."""
    value = float(special.expit(x.value))
    return Gate("σ", value, (x,), (value * (1 - value),))


def backward(output: Gate) -> list[Gate]:
    """Compute the derivative of an output with respect to every gate before it.

    Args:
        output: The last gate.

    Returns:
        All gates of the graph; each one comes after its inputs.

    Example:
        >>> x, y, z = variable("x", -2), variable("y", 5), variable("z", -4)
        >>> gates = backward((x + y) * z)
        >>> x.derivative, y.derivative, z.derivative
        (-4.0, -4.0, 3.0)

    References:
        Machine Learning: Neural Network, IIIT Sri City (gates and the chain rule).
    """
    order: list[Gate] = []

    def visit(gate: Gate) -> None:
        # Compared by identity, since two gates may hold equal values. Every gate comes after its inputs.
        if not any(gate is visited for visited in order):
            for source in gate.inputs:
                visit(source)
            # After all of its inputs, so that backward can go through the list from its end.
            order.append(gate)

    visit(output)
    for gate in order:
        gate.derivative = 0.0
    output.derivative = 1.0
    # In reverse order, a gate's derivative is complete before it is passed on to its inputs. A gate that feeds several
    # others gets the sum of what they pass back.
    for gate in reversed(order):
        for source, local in zip(gate.inputs, gate.local, strict=True):
            source.derivative += gate.derivative * local
    return order


def table(formula: Callable[..., Gate], values: dict[str, float], step: float = 1e-6) -> pd.DataFrame:
    """Return the derivative with respect to each variable, from the graph and by finite differences.

    Args:
        formula: A function from gates, in the order of `values`, to the output.
        values: Name of a variable -> its value.
        step: The distance by which finite differences move a variable up and down.

    Example:
        >>> table(lambda x, y: x * y, {"x": 3.0, "y": -4.0})["derivative"].tolist()
        [-4.0, 3.0]
    """

    def output(name: str, value: float) -> float:
        return formula(*(variable(*item) for item in (values | {name: value}).items())).value

    inputs = [variable(name, value) for name, value in values.items()]
    backward(formula(*inputs))
    # Slope (f(x + h) - f(x - h)) / 2h: one variable moves, all others stay.
    slopes = [
        (output(gate.name, gate.value + step) - output(gate.name, gate.value - step)) / step / 2 for gate in inputs
    ]
    columns = {"value": [gate.value for gate in inputs], "derivative": [gate.derivative for gate in inputs]}
    return pd.DataFrame(columns | {"finite difference": slopes}, index=pd.Index(values, name="variable"))


def draw(output: Gate) -> Figure:
    """Draw a graph from left to right, with values above the gates and derivatives below.

    Args:
        output: The last gate.

    Returns:
        The figure. The texts of its axes are the name, the value and the derivative of each gate.

    Example:
        >>> figure = draw(variable("x", 2.0) * variable("y", 3.0))
        >>> [text.get_text() for text in figure.axes[0].texts if text.get_text()][:3]
        ['x', '2', '3']
    """
    order = backward(output)
    positions = _positions(order)
    columns, lines = np.array(list(positions.values())).T
    height = 0.84 * (lines.max() - lines.min() + 1) + 0.3
    with panels(width=7.2, height=height) as (figure, axes):
        ax: Axes = axes[0, 0]
        ax.set_axis_off()
        ax.set_xlim(columns.min() - 0.4, columns.max() + 0.4)
        ax.set_ylim(lines.min() - 0.5, lines.max() + 0.85)
        for gate in order:
            for source in gate.inputs:
                arrow = {"arrowstyle": "-|>", "color": MUTED, "lw": 0.8, "shrinkA": 13, "shrinkB": 13}
                ax.annotate("", positions[id(gate)], positions[id(source)], arrowprops=arrow)
        for gate in order:
            x, y = positions[id(gate)]
            ax.plot([x], [y], "o", markersize=22, color=PAPER, markeredgecolor=INK if gate.inputs else GRAY)
            label = gate.name.replace(" ", "\n") if len(gate.name) > 3 else gate.name
            ax.text(x, y, label, ha="center", va="center", color=INK, fontsize=8, linespacing=0.9)
            ax.text(x, y + 0.23, number(gate.value, 3), ha="center", va="bottom", color=BLUE)
            ax.text(x, y - 0.23, number(gate.derivative, 3), ha="center", va="top", color=ORANGE)
        ax.text(1, 1, "values, forward →", transform=ax.transAxes, ha="right", va="top", color=BLUE)
        ax.text(0, 1, "← derivatives, backward", transform=ax.transAxes, ha="left", va="top", color=ORANGE)
    return figure


def _positions(order: list[Gate]) -> dict[int, tuple[float, float]]:
    """Return x and y of each gate by its id.

    An operation stands one column to the right of its last input, at the mean height of its inputs. Variables stand
    below each other, each one column to the left of its first use.
    """
    column: dict[int, int] = {}
    for gate in order:
        # One column to the right of its last input: no arrow points to the left.
        column[id(gate)] = 1 + max((column[id(source)] for source in gate.inputs), default=-1)
    variables = [gate for gate in order if not gate.inputs]
    for gate in variables:
        users = [column[id(user)] for user in order if any(source is gate for source in user.inputs)]
        # One column to the left of its first user, so that its arrow is short.
        column[id(gate)] = min(users, default=1) - 1
    line = {id(gate): float(len(variables) - 1 - index) for index, gate in enumerate(variables)}
    for gate in order:
        if gate.inputs:
            line[id(gate)] = float(np.mean([line[id(source)] for source in gate.inputs]))
    return {id(gate): (float(column[id(gate)]), line[id(gate)]) for gate in order}
