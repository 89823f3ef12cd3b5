"""Whether a gradient is right: along a graph of gates, by the lectures' formulas, and by moving each weight."""

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
from recipes.lessons.gates import Gate, draw, given, maximum, sigmoid, table
from recipes.lessons.tools.page import Lesson, Picture
from recipes.lessons.tools.rows import Rows, load
from toolkit.common.formatting import number
from toolkit.heads import get_head
from toolkit.numerics.model_audit import GradientCheck, gradient_check

__all__ = ["FORMULAS", "Formula", "show"]

Numbers = NDArray[Any]

ROWS = 24
HIDDEN = 8
STEPS = 10.0 ** -np.arange(1, 13.01, 0.5)
NEURON = {"w0": 2.0, "x0": -1.0, "w1": -3.0, "x1": -2.0, "w2": -3.0}
HINGE = {"car": 5.1, "cat": 3.2, "frog": -1.7}
CAT = np.array([[3.2, 5.1, -1.7]])


@dataclass(frozen=True)
class Formula:
    """A loss and its gradient by the scores, as a lecture writes them.

    Attributes:
        words: The gradient by the weights of one class or score, for one row x.
        task: The task of the head of the same name.
        loss: From encoded targets and scores (n, units) to the mean loss.
        slope: Likewise to the derivative of the mean loss by each score.
    """

    words: str
    task: str
    loss: Callable[[Numbers, Numbers], Any]
    slope: Callable[[Numbers, Numbers], Numbers]


def _margins(y: Numbers, s: Numbers) -> Numbers:
    margins = np.maximum(0, s - s[np.arange(len(y)), y][:, None] + 1)
    margins[np.arange(len(y)), y] = 0
    return margins


def _hinge_slope(y: Numbers, s: Numbers) -> Numbers:
    missed = (_margins(y, s) > 0).astype(s.dtype)
    missed[np.arange(len(y)), y] = -missed.sum(axis=1)
    return missed / len(y)


def _softmax_slope(y: Numbers, s: Numbers) -> Numbers:
    return (special.softmax(s, axis=1) - np.eye(s.shape[1])[y]) / len(y)


#: Head -> the formula of its gradient.
FORMULAS: dict[str, Formula] = {
    "hinge": Formula(
        "x for each missed class, −(their number) x for the true one",
        "multiclass",
        lambda y, s: _margins(y, s).sum(axis=1).mean(),
        _hinge_slope,
    ),
    "softmax": Formula(
        "(p − 1) x for the true class, p x for each other",
        "multiclass",
        lambda y, s: (special.logsumexp(s, axis=1) - s[np.arange(len(y)), y]).mean(),
        _softmax_slope,
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
    """Run the lesson: gates, the size of the step, every weight of a network, and the lecture's formulas.

    Args:
        data: A path, a DataFrame, or an (X, y) pair; by default the wine sample. Some rows of it are used.
        target: The column to predict.
        task: What the target is: ``"regression"``, ``"binary"``, ``"multiclass"`` or ``"multilabel"``.
        seed: Seed of the split, of the rows drawn and of the weights.

    Returns:
        The lesson.

    Raises:
        DataError: The data or the task is not what it should be.
    """
    if data is None:
        data, target = samples.path("wine"), "grower"
    rows = load(data, target=target, task=task, seed=seed, train_rows=ROWS)
    x, y = rows.x["train"].astype(np.float64), rows.y["train"]
    name = {"binary": "logistic", "multilabel": "logistic", "regression": "squared"}.get(task, "softmax")
    sweep = _steps(name, x, y, rows.target.units, seed)
    check, kink = _checked(rows, x, y, name, seed)
    formulas = _formulas(name, x, y, rows.target.units, seed)
    best = sweep.idxmin()
    return Lesson(
        name="gradients",
        title="Is the gradient right?",
        summary="Two ways lead to a derivative: the chain rule, gate by gate, which is exact and costs one pass back, "
        "and moving the number a little, which is rough and costs a pass for each number. Where both agree to six "
        "digits or more, the gradient is right.",
        pictures=(
            Picture(
                "A neuron as gates",
                "Blue numbers are computed from left to right, orange ones from right to left: each is how fast the "
                "output grows with the number above it. A sum hands its derivative on as it is, a product times the "
                "other factor, the sigmoid times p (1 − p), here 0.2.",
                draw(_neuron(*(given(*pair) for pair in NEURON.items()))),
                "A graph of the sigmoid of w0 x0 + w1 x1 + w2 with a value and a derivative at each gate.",
                table(_neuron, NEURON),
            ),
            Picture(
                "The hinge as gates",
                "The loss of a cat whose scores are 5.1 for car, 3.2 for cat and −1.7 for frog. The maximum lets a "
                "derivative through where it is above 0 and stops it otherwise, so that the frog, whose margin is met, "
                "gets nothing.",
                draw(_hinge(*(given(*pair) for pair in HINGE.items()))),
                "A graph of two maxima of 0 and a margin, added up, with a value and a derivative at each gate.",
                table(_hinge, HINGE),
            ),
            Picture(
                "How far to move a weight",
                f"The error of finite differences for a network on {len(x)} rows: a long step misses the bend of the "
                f"loss, a short one drowns in rounding. To both sides in float64 it is best at "
                f"{_power(best['both sides'])}, and float32 never gets below {number(sweep.iloc[:, 2].min(), 1)}.",
                _swept(sweep),
                "Relative error of the gradient against the step, on two logarithmic scales: three lines, each a V.",
                sweep,
                digits=3,
            ),
            Picture(
                "Every weight, and a corner",
                f"Each dot is a weight of a network with corners (ReLU): off the diagonal its gradient would be wrong. "
                f"We put one neuron exactly on its corner: {check.kinks} weights have no derivative there (crosses), "
                f"they are found and set aside, and the others agree to {number(check.worst, 2)}.",
                _compared(check, kink),
                "Left: derivatives by finite differences against automatic ones. Right: the loss while one bias moves "
                "over the corner, with a different slope to either side.",
                check.table,
                digits=3,
            ),
            Picture(
                "The lectures' formulas",
                "Each formula for one row, averaged over the rows, against automatic differentiation and against "
                "finite differences of the same loss, all in float64.",
                table=formulas,
                digits=2,
            ),
            Picture(
                "One row by hand",
                "A cat scored 3.2, a car 5.1 and a frog −1.7: how fast each loss grows with each score. Hinge counts "
                "the margins missed; cross-entropy shares the blame out by probability.",
                table=_by_hand(),
            ),
        ),
        corrections=(
            "IIIT Sri City: where both inputs of a maximum are equal, the slides give each the derivative 1. There is "
            "none at that point: the two shares have to add up to 1 (TensorFlow gives all of it to the first).",
        ),
        decks=("SC", "W2"),
        data=f"the lecture's numbers, and {rows.description}",
    )


def _neuron(w0: Gate, x0: Gate, w1: Gate, x1: Gate, w2: Gate) -> Gate:
    return sigmoid(w0 * x0 + w1 * x1 + w2)


def _hinge(car: Gate, cat: Gate, frog: Gate) -> Gate:
    lead = cat * -1.0 + 1.0
    return maximum(car + lead, 0.0) + maximum(frog + lead, 0.0)


def _by_hand() -> pd.DataFrame:
    true = np.array([0])
    columns = {name: FORMULAS[name].slope(true, CAT)[0] for name in ("hinge", "softmax")}
    return pd.DataFrame({"score": CAT[0]} | columns, index=pd.Index(["cat (true)", "car", "frog"], name="class"))


# ------------------------------------------------------------------------------------------------- the size of the step


def _weights(columns: int, units: int, seed: int) -> list[Numbers]:
    rng = np.random.default_rng((seed, 1))
    shapes = [(columns, HIDDEN), (HIDDEN,), (HIDDEN, units), (units,)]
    return [rng.normal(scale=1 / np.sqrt(shape[0]), size=shape) for shape in shapes]


def _steps(name: str, x: Numbers, y: Numbers, units: int, seed: int) -> pd.DataFrame:
    """Return the relative error of finite differences of a smooth network's gradient, a row a step."""
    loss = FORMULAS[name].loss
    weights = _weights(x.shape[1], units, seed)
    exact = np.concatenate([part.ravel() for part in _automatic(name, x, y, weights)])
    chosen = np.random.default_rng((seed, 2)).permutation(len(exact))[:40]

    def objective(flat: Numbers) -> Any:
        w1, b1, w2, b2 = np.split(flat, np.cumsum([part.size for part in weights])[:-1])
        hidden = np.tanh(x.astype(flat.dtype) @ w1.reshape(-1, HIDDEN) + b1)
        return loss(y, hidden @ w2.reshape(HIDDEN, -1) + b2)

    def slope(flat: Numbers, place: int, step: float, low: int) -> Any:
        right, left = flat.copy(), flat.copy()
        right[place] += step
        left[place] += low * step
        taken = right[place] - left[place]
        return (objective(right) - objective(left)) / taken if taken else 0.0

    flat = np.concatenate([part.ravel() for part in weights])
    ways = {"both sides": (flat, -1), "one side": (flat, 0), "both sides, float32": (flat.astype(np.float32), -1)}
    found = {
        way: [
            np.linalg.norm([slope(start, k, step, low) - exact[k] for k in chosen]) / np.linalg.norm(exact[chosen])
            for step in STEPS
        ]
        for way, (start, low) in ways.items()
    }
    return pd.DataFrame(found, index=pd.Index(STEPS, name="step"))


def _automatic(name: str, x: Numbers, y: Numbers, weights: list[Numbers]) -> list[Numbers]:
    """Return TensorFlow's gradient of a head's loss: of a network with one hidden layer, or of a linear model."""
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
        value = tf.reduce_mean(loss.call(targets, scores))
    return [tf.convert_to_tensor(part).numpy() for part in tape.gradient(value, variables)]


def _swept(sweep: pd.DataFrame) -> Figure:
    with panels(width=4.4, height=3.0) as (figure, axes):
        ax: Axes = axes[0, 0]
        for (color, dash), way in zip(STYLES, sweep, strict=False):
            ax.plot(sweep.index, sweep[way], color=color, linestyle=dash)
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
    """Say the nearest power of ten in few letters."""
    power = round(float(np.log10(value)))
    return f"10{str(power).translate(str.maketrans('-0123456789', '⁻⁰¹²³⁴⁵⁶⁷⁸⁹'))}" if power else "1"


# ------------------------------------------------------------------------------------------- every weight, and a corner


def _checked(rows: Rows, x: Numbers, y: Numbers, name: str, seed: int) -> tuple[GradientCheck, pd.DataFrame]:
    """Check a ReLU network of which one neuron stands on its corner; return the loss along that neuron's bias too."""
    from toolkit.builders import mlp

    model = mlp(x.shape[1], rows.target.units, hidden=(HIDDEN,), seed=seed)
    weights = [part.astype(np.float64) for part in model.get_weights()]
    formula = FORMULAS[name]
    sums = x @ weights[0] + weights[1]
    blame = np.abs(formula.slope(y, np.maximum(0, sums) @ weights[2] + weights[3]) @ weights[2].T)
    row, unit = np.unravel_index(int(blame.argmax()), blame.shape)
    weights[1][unit] = -x[row] @ weights[0][:, unit]
    model.set_weights(weights)
    check = gradient_check(model, rows.head, x, y, seed=seed)

    weights = [part.astype(np.float64) for part in model.get_weights()]
    nearest = np.sort(np.abs(x @ weights[0][:, unit] + weights[1][unit]))
    far = 0.8 * min(0.2, nearest[nearest > 1e-5].min(initial=0.2))
    moves = np.linspace(-far, far, 41)
    losses = []
    for move in moves:
        bias = weights[1].copy()
        bias[unit] += move
        losses.append(formula.loss(y, np.maximum(0, x @ weights[0] + bias) @ weights[2] + weights[3]))
    return check, pd.DataFrame({"bias moved by": moves, "loss": losses})


def _compared(check: GradientCheck, kink: pd.DataFrame) -> Figure:
    with panels(2, width=7.2, height=3.1) as (figure, axes):
        left, right = axes[0]
        frame = check.table
        limits = [frame[["automatic", "numerical"]].min().min(), frame[["automatic", "numerical"]].max().max()]
        left.plot(limits, limits, color=MUTED, linewidth=0.7)
        for kind, mark, color, size in ((False, "o", BLUE, 3.2), (True, "X", ORANGE, 5.5)):
            some = frame[frame["kink"] == kind]
            left.plot(
                some["automatic"], some["numerical"], linestyle="none", marker=mark, markersize=size,
                markeredgewidth=0, color=color,
            )  # fmt: skip
        left.set_title("by finite differences")
        left.set_xlabel("by automatic differentiation")
        left.set_box_aspect(1)
        at, loss = kink["bias moved by"].to_numpy(), kink["loss"].to_numpy()
        middle = len(at) // 2
        loss = loss - loss[middle]
        right.plot(at, loss, color=INK)
        for side, color in ((slice(0, middle + 1), BLUE), (slice(middle, None), GREEN)):
            slope = (loss[side][-1] - loss[side][0]) / (at[side][-1] - at[side][0])
            right.plot(at, slope * at, color=color, linewidth=0.8, linestyle=(0, (4, 2)))
        right.plot([0], [0], "X", color=ORANGE, markersize=6, markeredgewidth=0)
        right.set_title("loss, from its value on the corner")
        right.set_xlabel("bias of the neuron on its corner, moved by")
    return figure


# ----------------------------------------------------------------------------------------------- the lectures' formulas


def _formulas(name: str, x: Numbers, y: Numbers, units: int, seed: int) -> pd.DataFrame:
    """Return how far each formula, and finite differences, are from automatic differentiation for a linear model."""
    cases = {name: (y, units)}
    if name == "softmax":
        cases |= {"hinge": (y, units), "logistic": (np.eye(units)[y], units)}
    if name == "logistic" and units == 1:
        cases |= {other: (y[:, 0].astype(int), 2) for other in ("softmax", "hinge")}
    found = []
    for case, (truth, scores) in cases.items():
        formula = FORMULAS[case]
        kernel, bias = _weights(x.shape[1], scores, seed)[0][:, :1], np.zeros(scores)
        kernel = np.random.default_rng((seed, 3)).normal(scale=x.shape[1] ** -0.5, size=(len(kernel), scores))
        mine = x.T @ formula.slope(truth, x @ kernel + bias)
        automatic = _automatic(case, x, truth, [kernel, bias])[0]
        moved = np.zeros_like(kernel)
        for place in np.ndindex(kernel.shape):
            step = np.zeros_like(kernel)
            step[place] = 1e-6
            moved[place] = (formula.loss(truth, x @ (kernel + step)) - formula.loss(truth, x @ (kernel - step))) / 2e-6
        scale = np.abs(automatic).max()
        found.append(
            (case, formula.words, np.abs(mine - automatic).max() / scale, np.abs(moved - automatic).max() / scale)
        )
    columns = ["loss", "gradient by the weights, for one row x", "formula off by", "finite differences off by"]
    return pd.DataFrame(found, columns=columns)
