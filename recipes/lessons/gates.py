"""A formula as a graph of sums, products, maxima and sigmoids, with the derivative at each of them."""

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

__all__ = ["Gate", "backward", "draw", "given", "maximum", "sigmoid", "table"]


@dataclass(eq=False)
class Gate:
    """A number in a graph, and how it came about.

    Attributes:
        name: What stands in its circle: a letter for a given number, a sign for an operation.
        value: The number, computed forwards.
        inputs: The gates that it was computed from.
        local: Its derivative by each of them, all else held.
        derivative: The derivative of the graph's output by this number, once `backward` has been there.
    """

    name: str
    value: float
    inputs: tuple[Gate, ...] = ()
    local: tuple[float, ...] = ()
    derivative: float = 0.0

    def __add__(self, other: Gate | float) -> Gate:
        if isinstance(other, Gate):
            return Gate("+", self.value + other.value, (self, other), (1.0, 1.0))
        return Gate(f"+ {number(other)}", self.value + other, (self,), (1.0,))

    def __mul__(self, other: Gate | float) -> Gate:
        if isinstance(other, Gate):
            return Gate("×", self.value * other.value, (self, other), (other.value, self.value))
        return Gate(f"× {number(other)}", self.value * other, (self,), (float(other),))


def given(name: str, value: float) -> Gate:
    """Return a number to start from."""
    return Gate(name, float(value))


def maximum(one: Gate, other: Gate | float) -> Gate:
    """Return the larger of two numbers; its derivative is 1 by that one and 0 by the other.

    Where they are equal there is no derivative: the first one gets it all, as in TensorFlow.
    """
    if not isinstance(other, Gate):
        return Gate(f"max {number(other)}", max(one.value, other), (one,), (float(one.value >= other),))
    first = one.value >= other.value
    return Gate("max", max(one.value, other.value), (one, other), (float(first), float(not first)))


def sigmoid(one: Gate) -> Gate:
    """Return 1 / (1 + exp(-x)), whose derivative is itself times what it lacks of 1."""
    value = float(special.expit(one.value))
    return Gate("σ", value, (one,), (value * (1 - value),))


def backward(output: Gate) -> list[Gate]:
    """Find the derivative of an output by every number that it was computed from.

    Args:
        output: The last gate.

    Returns:
        All gates, each behind its inputs.

    Example:
        >>> x, y, z = given("x", -2), given("y", 5), given("z", -4)
        >>> gates = backward((x + y) * z)
        >>> x.derivative, y.derivative, z.derivative
        (-4.0, -4.0, 3.0)

    References:
        Machine Learning: Neural Network, IIIT Sri City (gates and the chain rule).
    """
    order: list[Gate] = []

    def visit(gate: Gate) -> None:
        if not any(gate is seen for seen in order):
            for one in gate.inputs:
                visit(one)
            order.append(gate)

    visit(output)
    for gate in order:
        gate.derivative = 0.0
    output.derivative = 1.0
    for gate in reversed(order):
        for one, local in zip(gate.inputs, gate.local, strict=True):
            one.derivative += gate.derivative * local  # a number used twice counts twice
    return order


def table(formula: Callable[..., Gate], numbers: dict[str, float], step: float = 1e-6) -> pd.DataFrame:
    """Return each given number with the derivative by it: along the graph, and by moving the number a little.

    Args:
        formula: From gates in the order of `numbers` to the output.
        numbers: Name -> value.
        step: How far each is moved, to either side.

    Example:
        >>> table(lambda x, y: x * y, {"x": 3.0, "y": -4.0})["derivative"].tolist()
        [-4.0, 3.0]
    """

    def output(moved: dict[str, float]) -> float:
        return formula(*(given(name, value) for name, value in moved.items())).value

    leaves = [given(name, value) for name, value in numbers.items()]
    backward(formula(*leaves))
    slopes = [
        (output(numbers | {leaf.name: leaf.value + step}) - output(numbers | {leaf.name: leaf.value - step})) / step / 2
        for leaf in leaves
    ]
    columns = {"value": [leaf.value for leaf in leaves], "derivative": [leaf.derivative for leaf in leaves]}
    return pd.DataFrame(columns | {"by moving it": slopes}, index=pd.Index(numbers, name="number"))


def draw(output: Gate) -> Figure:
    """Draw a graph from left to right: values above the gates, derivatives below.

    Args:
        output: The last gate.

    Returns:
        The Figure; the texts of its axes are, for each gate, its name, its value and its derivative.

    Example:
        >>> figure = draw(given("x", 2.0) * given("y", 3.0))
        >>> [text.get_text() for text in figure.axes[0].texts if text.get_text()][:3]
        ['x', '2', '3']
    """
    order = backward(output)
    places = _places(order)
    columns, lines = (np.array([place[k] for place in places.values()]) for k in (0, 1))
    height = 0.84 * (lines.max() - lines.min() + 1) + 0.3
    with panels(width=7.2, height=height) as (figure, axes):
        ax: Axes = axes[0, 0]
        ax.set_axis_off()
        ax.set_xlim(columns.min() - 0.4, columns.max() + 0.4)
        ax.set_ylim(lines.min() - 0.5, lines.max() + 0.85)
        for gate in order:
            for one in gate.inputs:
                ax.annotate(
                    "",
                    places[id(gate)],
                    places[id(one)],
                    arrowprops={"arrowstyle": "-|>", "color": MUTED, "lw": 0.8, "shrinkA": 13, "shrinkB": 13},
                )
        for gate in order:
            x, y = places[id(gate)]
            ax.plot([x], [y], "o", markersize=22, color=PAPER, markeredgecolor=INK if gate.inputs else GRAY)
            words = gate.name.replace(" ", "\n") if len(gate.name) > 3 else gate.name
            ax.text(x, y, words, ha="center", va="center", color=INK, fontsize=8, linespacing=0.9)
            ax.text(x, y + 0.23, number(gate.value, 3), ha="center", va="bottom", color=BLUE)
            ax.text(x, y - 0.23, number(gate.derivative, 3), ha="center", va="top", color=ORANGE)
        ax.text(1, 1, "value, forwards →", transform=ax.transAxes, ha="right", va="top", color=BLUE)
        ax.text(0, 1, "← derivative, backwards", transform=ax.transAxes, ha="left", va="top", color=ORANGE)
    return figure


def _places(order: list[Gate]) -> dict[int, tuple[float, float]]:
    """Return where each gate stands: a column a step, given numbers just before they are first used."""
    column: dict[int, int] = {}
    for gate in order:
        column[id(gate)] = 1 + max((column[id(one)] for one in gate.inputs), default=-1)
    for gate in order:
        if not gate.inputs:
            used = [column[id(user)] for user in order if any(one is gate for one in user.inputs)]
            column[id(gate)] = min(used, default=1) - 1
    line: dict[int, float] = {}
    leaves = [gate for gate in order if not gate.inputs]
    for place, gate in enumerate(leaves):
        line[id(gate)] = float(len(leaves) - 1 - place)
    for gate in order:
        if gate.inputs:
            line[id(gate)] = float(np.mean([line[id(one)] for one in gate.inputs]))
    return {id(gate): (float(column[id(gate)]), line[id(gate)]) for gate in order}
