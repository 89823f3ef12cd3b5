"""Is a gradient right? The chain rule on a graph of gates, finite differences, and the lectures' formulas."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator
from numpy.typing import NDArray
from scipy import special

from recipes import samples
from recipes.drawing import BLUE, GREEN, INK, MUTED, ORANGE, STYLES, label_lines, panels
from recipes.lessons.gates import Gate, draw, maximum, sigmoid, table, variable
from recipes.lessons.tools.page import Lesson, Picture
from recipes.lessons.tools.rows import Rows, load
from toolkit.common.formatting import number
from toolkit.heads import get_head
from toolkit.numerics.gradients import GradientCheck, gradient_check

__all__ = ["FORMULAS", "Formula", "hinge_of_a_cat", "show"]

Numbers = NDArray[Any]

ROWS = 24
HIDDEN = 8
# 0.1, 0.032, 0.01, ..., 1e-13: two steps per power of ten
STEPS = 10.0 ** -np.arange(1, 13.01, 0.5)
CHECKED_WEIGHTS = 40
NEURON = {"w0": 2.0, "x0": -1.0, "w1": -3.0, "x1": -2.0, "w2": -3.0}
HINGE = {"car": 5.1, "cat": 3.2, "frog": -1.7}
CAT = np.array([[3.2, 5.1, -1.7]])


@dataclass(frozen=True)
class Formula:
    """A loss and its gradient with respect to the scores, as a lecture writes them.

    Attributes:
        text: The gradient of the weights of one class or label, for one row x.
        task: The task of the head of the same name.
        loss: A function from encoded targets and scores (n, units) to the mean loss.
        gradient: A function from the same two to the gradient of the mean loss, shape (n, units).
    """

    text: str
    task: str
    loss: Callable[[Numbers, Numbers], Any]
    gradient: Callable[[Numbers, Numbers], Numbers]


def _margins(y: Numbers, s: Numbers) -> Numbers:
    """Return by how much each wrong class violates the margin of 1, shape (n, classes); 0 for the true class."""
    # (n, classes) minus the true class's score (n, 1)
    margins = np.maximum(0, s - s[np.arange(len(y)), y][:, None] + 1)
    margins[np.arange(len(y)), y] = 0
    return margins


def _hinge_gradient(y: Numbers, s: Numbers) -> Numbers:
    violated = (_margins(y, s) > 0).astype(s.dtype)
    # The cat: margins 0, 2.9, 0 -> gradient -1, 1, 0. Each row sums to 0.
    violated[np.arange(len(y)), y] = -violated.sum(axis=1)
    return violated / len(y)


def _softmax_gradient(y: Numbers, s: Numbers) -> Numbers:
    return (special.softmax(s, axis=1) - np.eye(s.shape[1])[y]) / len(y)


#: Name of a head -> the formula of its gradient.
FORMULAS: dict[str, Formula] = {
    "hinge": Formula(
        "x for each class that violates the margin, −(their number) x for the true class",
        "multiclass",
        lambda y, s: _margins(y, s).sum(axis=1).mean(),
        _hinge_gradient,
    ),
    "softmax": Formula(
        "(p − 1) x for the true class, p x for every other class",
        "multiclass",
        lambda y, s: (special.logsumexp(s, axis=1) - s[np.arange(len(y)), y]).mean(),
        _softmax_gradient,
    ),
    "logistic": Formula(
        "(σ(s) − y) x",
        "multilabel",
        lambda y, s: (np.logaddexp(0, s) - y * s).mean(),
        lambda y, s: (special.expit(s) - y) / s.size,
    ),
    "squared": Formula(
        "2 (s − y) x", "regression", lambda y, s: np.square(s - y).mean(), lambda y, s: 2 * (s - y) / s.size
    ),
}


def show(data: Any = None, *, target: Any = None, task: str = "multiclass", seed: int = 0) -> Lesson:
    """Show a graph of gates, then check the gradients of a network and the lectures' formulas.

    Args:
        data: A path, a DataFrame, or an (X, y) pair; by default the wine sample. A few of its rows are used.
        target: The column to predict.
        task: ``"regression"``, ``"binary"``, ``"multiclass"`` or ``"multilabel"``.
        seed: Seed of the split, of the sampled rows and of the weights.

    Returns:
        The lesson.

    Raises:
        DataError: The data or the task can't be used.
    """
    if data is None:
        data, target = samples.path("wine"), "grower"
    rows = load(data, target=target, task=task, seed=seed, train_rows=ROWS)
    x, y = rows.x["train"].astype(np.float64), rows.y["train"]
    name = {"binary": "logistic", "multilabel": "logistic", "regression": "squared"}.get(task, "softmax")
    return Lesson(
        name="gradients",
        title="Is the gradient right?",
        summary="A derivative can be computed in two ways: by the chain rule, which is exact and needs one backward "
        "pass for all of them, and by finite differences, which are approximate and need two passes for each. If both "
        "agree to six digits or more, the gradient is right.",
        pictures=(
            *_gate_pictures(),
            _step_picture(_step_errors(name, x, y, rows.dataset.target.units, seed), len(x)),
            _kink_picture(*_check_with_kink(rows, x, y, name, seed)),
            Picture(
                "The lectures' formulas",
                "Each formula, averaged over the rows, is compared with automatic differentiation. So are finite "
                "differences of the same loss. All are computed in float64.",
                table=_formula_errors(name, x, y, rows.dataset.target.units, seed),
                digits=2,
            ),
            Picture(
                "One row by hand",
                "The picture of a cat has the scores 3.2 for cat, 5.1 for car and −1.7 for frog: how fast does each "
                "loss grow with each score? The hinge counts the violated margins; cross-entropy gives each class a "
                "share by its probability.",
                table=_by_hand(),
            ),
        ),
        corrections=(
            "IIIT Sri City: where both inputs of a maximum are equal, the slides give each the derivative 1. There is "
            "no derivative at that point; the two shares have to add up to 1 (TensorFlow gives all of it to the "
            "first).",
        ),
        decks=("SC", "W2"),
        data=f"the lecture's numbers, and {rows.description}",
    )


# ----------------------------------------------------------------------------------------------------------- the gates


def _neuron(w0: Gate, x0: Gate, w1: Gate, x1: Gate, w2: Gate) -> Gate:
    return sigmoid(w0 * x0 + w1 * x1 + w2)


def hinge_of_a_cat(car: Gate, cat: Gate, frog: Gate) -> Gate:
    """Return max(car − cat + 1, 0) + max(frog − cat + 1, 0)."""
    minus_cat_plus_1 = cat * -1.0 + 1.0
    return maximum(car + minus_cat_plus_1, 0.0) + maximum(frog + minus_cat_plus_1, 0.0)


def _gate_pictures() -> tuple[Picture, Picture]:
    neuron = Picture(
        "A neuron as gates",
        "Blue values are computed from left to right, orange derivatives from right to left; a derivative says how "
        "fast the output grows with the value above it. A sum passes a derivative on unchanged, a product multiplies "
        "it by the other factor, and the sigmoid by p (1 − p), here 0.2.",
        draw(_neuron(*(variable(*item) for item in NEURON.items()))),
        "A graph of the sigmoid of w0 x0 + w1 x1 + w2 with a value and a derivative at each gate.",
        table(_neuron, NEURON),
    )
    hinge = Picture(
        "The hinge as gates",
        "The loss of the picture of a cat with the scores 5.1 for car, 3.2 for cat and −1.7 for frog. A maximum passes "
        "the derivative on if its input is above 0 and stops it otherwise; the margin to the frog is kept, so the "
        "frog's derivative is 0.",
        draw(hinge_of_a_cat(*(variable(*item) for item in HINGE.items()))),
        "A graph of two maxima of 0 and a margin, added up, with a value and a derivative at each gate.",
        table(hinge_of_a_cat, HINGE),
    )
    return neuron, hinge


def _by_hand() -> pd.DataFrame:
    label = np.array([0])
    columns = {name: FORMULAS[name].gradient(label, CAT)[0] for name in ("hinge", "softmax")}
    return pd.DataFrame({"score": CAT[0]} | columns, index=pd.Index(["cat (true)", "car", "frog"], name="class"))


# ------------------------------------------------------------------------------------------------- the size of the step


def _initial_weights(columns: int, units: int, seed: int) -> list[Numbers]:
    """Return the kernels and biases of a network with one hidden layer."""
    rng = np.random.default_rng((seed, 1))
    shapes = [(columns, HIDDEN), (HIDDEN,), (HIDDEN, units), (units,)]
    return [rng.normal(scale=1 / np.sqrt(shape[0]), size=shape) for shape in shapes]


def _step_errors(name: str, x: Numbers, y: Numbers, units: int, seed: int) -> pd.DataFrame:
    """Return the relative error of finite differences of a tanh network's gradient, one row per step size."""
    loss = FORMULAS[name].loss
    weights = _initial_weights(x.shape[1], units, seed)
    exact = np.concatenate([part.ravel() for part in _automatic(name, x, y, weights)])
    checked = np.random.default_rng((seed, 2)).permutation(len(exact))[:CHECKED_WEIGHTS]

    def objective(flat: Numbers) -> Any:
        # One vector of all weights, cut where one weight ends and the next begins.
        w1, b1, w2, b2 = np.split(flat, np.cumsum([part.size for part in weights])[:-1])
        hidden = np.tanh(x.astype(flat.dtype) @ w1.reshape(-1, HIDDEN) + b1)  # (n, HIDDEN)
        return loss(y, hidden @ w2.reshape(HIDDEN, -1) + b2)

    def difference(flat: Numbers, index: int, step: float, left: int) -> Any:
        upper, lower = flat.copy(), flat.copy()
        upper[index] += step
        lower[index] += left * step
        # In float32 the weight moves by a rounded step, or not at all: divide by what it really moved.
        distance = upper[index] - lower[index]
        return (objective(upper) - objective(lower)) / distance if distance else 0.0

    flat = np.concatenate([part.ravel() for part in weights])
    # Name -> the weights, and the end of the interval on the left in steps: -1 or, for one side, 0.
    methods = {"both sides": (flat, -1), "one side": (flat, 0), "both sides, float32": (flat.astype(np.float32), -1)}
    errors = {
        method: [
            np.linalg.norm([difference(start, k, step, left) - exact[k] for k in checked])
            / np.linalg.norm(exact[checked])
            for step in STEPS
        ]
        for method, (start, left) in methods.items()
    }
    return pd.DataFrame(errors, index=pd.Index(STEPS, name="step"))


def _automatic(name: str, x: Numbers, y: Numbers, weights: list[Numbers]) -> list[Numbers]:
    """Return TensorFlow's gradient of a head's loss, for a network with one hidden layer or a linear model."""
    import tensorflow as tf

    variables = [tf.constant(part) for part in weights]
    loss = get_head(FORMULAS[name].task, name).loss()
    targets = tf.constant(y, tf.float64) if y.ndim == 2 else tf.constant(y)
    with tf.GradientTape() as tape:
        tape.watch(variables)
        scores = tf.constant(x)
        if len(weights) == 4:
            scores = tf.tanh(scores @ variables[0] + variables[1])
        scores = scores @ variables[-2] + variables[-1]
        mean_loss = tf.reduce_mean(loss.call(targets, scores))
    return [tf.convert_to_tensor(part).numpy() for part in tape.gradient(mean_loss, variables)]


def _step_picture(errors: pd.DataFrame, rows: int) -> Picture:
    best = errors.idxmin()["both sides"]
    return Picture(
        "How far to move a weight",
        f"The error of finite differences for a network on {rows} rows: a large step misses the curvature of the "
        f"loss, a small one is lost in rounding. With steps to both sides in float64, {_power(best)} is best; float32 "
        f"never gets below {number(errors['both sides, float32'].min(), 1)}.",
        _step_figure(errors),
        "Relative error of the gradient over the step, on two logarithmic scales: three lines, each shaped like a V.",
        errors,
        digits=3,
    )


def _step_figure(errors: pd.DataFrame) -> Figure:
    with panels(width=4.4, height=3.0) as (figure, axes):
        ax: Axes = axes[0, 0]
        for (color, dash), method in zip(STYLES, errors, strict=False):
            ax.plot(errors.index, errors[method], color=color, linestyle=dash)
        ax.set_xscale("log")
        ax.set_yscale("log")
        for axis, powers in ((ax.xaxis, range(-13, 0, 3)), (ax.yaxis, range(-12, 1, 3))):
            axis.set_major_locator(FixedLocator([10.0**power for power in powers]))
            axis.set_major_formatter(FuncFormatter(lambda value, _: _power(value)))
            axis.set_minor_locator(NullLocator())
        ax.invert_xaxis()
        ax.set_title("relative error of the gradient")
        ax.set_xlabel("step")
        label_lines(ax, ["both sides", "one side", "both sides,\nfloat32"], gap=0.12)
    return figure


def _power(value: float) -> str:
    """Format the nearest power of ten."""
    power = round(float(np.log10(value)))
    return f"10{str(power).translate(str.maketrans('-0123456789', '⁻⁰¹²³⁴⁵⁶⁷⁸⁹'))}" if power else "1"


# -------------------------------------------------------------------------------------------- every weight, and a kink


def _check_with_kink(rows: Rows, x: Numbers, y: Numbers, name: str, seed: int) -> tuple[GradientCheck, pd.DataFrame]:
    """Check the gradient of a ReLU network that has one neuron exactly at its kink.

    Returns:
        The check, and the loss along that neuron's bias.
    """
    from toolkit.builders import mlp

    model = mlp(x.shape[1], rows.dataset.target.units, hidden=(HIDDEN,), seed=seed)
    weights = [part.astype(np.float64) for part in model.get_weights()]
    formula = FORMULAS[name]
    sums = x @ weights[0] + weights[1]  # (n, HIDDEN)
    # Take the row and the neuron where the loss reacts most, and set the bias so that the neuron's sum is 0 there.
    # (n, scores) @ (scores, HIDDEN) -> (n, HIDDEN)
    reaction = np.abs(formula.gradient(y, np.maximum(0, sums) @ weights[2] + weights[3]) @ weights[2].T)
    row, unit = np.unravel_index(int(reaction.argmax()), reaction.shape)
    weights[1][unit] = -x[row] @ weights[0][:, unit]
    model.set_weights(weights)
    check = gradient_check(model, rows.head, x, y, seed=seed)

    weights = [part.astype(np.float64) for part in model.get_weights()]
    # Move the bias, but not so far that the neuron reaches its kink for a second row.
    distances = np.sort(np.abs(x @ weights[0][:, unit] + weights[1][unit]))
    limit = 0.8 * min(0.2, distances[distances > 1e-5].min(initial=0.2))
    moves = np.linspace(-limit, limit, 41)
    losses = []
    for move in moves:
        bias = weights[1].copy()
        bias[unit] += move
        losses.append(formula.loss(y, np.maximum(0, x @ weights[0] + bias) @ weights[2] + weights[3]))
    return check, pd.DataFrame({"bias moved by": moves, "loss": losses})


def _kink_picture(check: GradientCheck, kink: pd.DataFrame) -> Picture:
    return Picture(
        "Every weight, and a kink",
        "Each dot is a weight of a ReLU network; a wrong gradient would lie off the diagonal. One neuron was set "
        f"exactly to its kink: {check.kinks} weights have no derivative there (crosses) and are left out, and the "
        f"others agree to {number(check.worst, 2)}.",
        _kink_figure(check, kink),
        "Left: derivatives by finite differences against automatic ones. Right: the loss while one bias moves across "
        "the kink, with a different slope on each side.",
        check.table,
        digits=3,
    )


def _kink_figure(check: GradientCheck, kink: pd.DataFrame) -> Figure:
    with panels(2, width=7.2, height=3.1) as (figure, axes):
        left, right = axes[0]
        values = check.table[["automatic", "numerical"]]
        limits = [values.min().min(), values.max().max()]
        left.plot(limits, limits, color=MUTED, linewidth=0.7)
        for is_kink, marker, color, size in ((False, "o", BLUE, 3.2), (True, "X", ORANGE, 5.5)):
            points = values[check.table["kink"] == is_kink]
            style = {"marker": marker, "markersize": size, "markeredgewidth": 0, "color": color}
            left.plot(points["automatic"], points["numerical"], linestyle="none", **style)
        left.set_title("by finite differences")
        left.set_xlabel("by automatic differentiation")
        left.set_box_aspect(1)
        moves, loss = kink["bias moved by"].to_numpy(), kink["loss"].to_numpy()
        # The kink: a move of 0 is the middle one of 41.
        middle = len(moves) // 2
        loss = loss - loss[middle]
        right.plot(moves, loss, color=INK)
        for side, color in ((slice(0, middle + 1), BLUE), (slice(middle, None), GREEN)):
            slope = (loss[side][-1] - loss[side][0]) / (moves[side][-1] - moves[side][0])
            right.plot(moves, slope * moves, color=color, linewidth=0.8, linestyle=(0, (4, 2)))
        right.plot([0], [0], "X", color=ORANGE, markersize=6, markeredgewidth=0)
        right.set_title("loss minus the loss at the kink")
        right.set_xlabel("change of the neuron's bias")
    return figure


# ----------------------------------------------------------------------------------------------- the lectures' formulas


def _formula_errors(name: str, x: Numbers, y: Numbers, units: int, seed: int) -> pd.DataFrame:
    """Return the errors of each formula and of finite differences against automatic differentiation (linear model)."""
    cases = {name: (y, units)}
    if name == "softmax":
        cases |= {"hinge": (y, units), "logistic": (np.eye(units)[y], units)}
    if name == "logistic" and units == 1:
        cases |= {two_scores: (y[:, 0].astype(int), 2) for two_scores in ("softmax", "hinge")}
    rows = []
    for case, (targets, scores) in cases.items():
        formula, columns = FORMULAS[case], x.shape[1]
        kernel = np.random.default_rng((seed, 3)).normal(scale=columns**-0.5, size=(columns, scores))
        bias = np.zeros(scores)
        by_formula = x.T @ formula.gradient(targets, x @ kernel + bias)  # (columns, n) @ (n, scores)
        automatic = _automatic(case, x, targets, [kernel, bias])[0]
        numerical = np.zeros_like(kernel)
        for index in np.ndindex(kernel.shape):
            step = np.zeros_like(kernel)
            step[index] = 1e-6
            rise = formula.loss(targets, x @ (kernel + step)) - formula.loss(targets, x @ (kernel - step))
            numerical[index] = rise / 2e-6
        largest = np.abs(automatic).max()
        errors = (np.abs(gradient - automatic).max() / largest for gradient in (by_formula, numerical))
        rows.append((case, formula.text, *errors))
    columns = ["loss", "gradient of the weights, for one row x", "error of the formula", "error of finite differences"]
    return pd.DataFrame(rows, columns=columns)
