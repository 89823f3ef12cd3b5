"""SGD, momentum, RMSprop and Adam: the lecture's rules beside Keras's, on a valley and on a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from recipes.drawing import BLUE, INK, MUTED, ORANGE, PAPER, STYLES, label_lines, log_scale, panels
from recipes.lessons.tools.page import Lesson, Picture
from recipes.lessons.tools.rows import Rows, error_name, load
from recipes.lessons.tools.shapes import START, X, Y
from toolkit.common.formatting import number

__all__ = ["BETA_1", "BETA_2", "EPSILON", "RULES", "follow", "follow_keras", "show"]

# The lecture's standard numbers.
BETA_1, BETA_2, EPSILON = np.float64(0.9), np.float64(0.999), 10e-8  # of a plain float, Keras keeps float32
RULES = ("SGD", "momentum", "RMSprop", "Adam")
KERAS = {"SGD": "sgd", "momentum": "momentum", "RMSprop": "rmsprop", "Adam": "adam"}
# Powers of two, which Keras's float32 holds exactly: what differs then is the rule.
STEP = 2.0**-7
CHECKED = 100
ON_VALLEY = {"SGD": 0.036, "momentum": 0.05, "RMSprop": 0.02, "Adam": 0.2}
STEEP, FAR, SHOWN = 50.0, (4.0, 1.0), 20  # how much steeper across the valley than along it; the start; steps
RATES = (0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
SEEDS, EPOCHS, HIDDEN = 3, 12, (25, 15)

Floats = NDArray[np.float64]


def slope(at: Floats) -> Floats:
    """Return the derivatives of the cost of the lecture's line ``w x + b`` by w and b."""
    miss = at[0] * X + at[1] - Y
    return np.array([(miss * X).mean(), miss.mean()])


def follow(
    rule: str, gradient: Callable[[Floats], Floats], rate: float, steps: int, *, start: Sequence[float] = START
) -> Floats:
    """Go down by the lecture's own rule, in float64.

    Args:
        rule: One of `RULES`.
        gradient: The derivatives at a place, shape (2,).
        rate: The learning rate.
        steps: How many steps.
        start: Where to start from; by default the lecture's slope and bias.

    Returns:
        The places, the start first, shape (steps + 1, 2).

    Example:
        >>> follow("SGD", slope, 0.01, 1).round(4).tolist()
        [[5.0, 1.0], [4.5175, 0.9]]

    References:
        Huh and Deorukhkar, Introduction to Machine Learning and Deep Learning, Mason Brain, 2019.
    """
    at, mean, squares = np.array(start, float), np.zeros(2), np.zeros(2)
    path = [at]
    for t in range(1, steps + 1):
        g = gradient(at)
        mean = BETA_1 * mean + (1 - BETA_1) * g
        squares = BETA_2 * squares + (1 - BETA_2) * g**2
        match rule:
            case "SGD":
                step = g
            case "momentum":
                step = mean
            case "RMSprop":
                step = g / np.sqrt(squares + EPSILON)
            case _:
                step = mean / (1 - BETA_1**t) / np.sqrt(squares / (1 - BETA_2**t) + EPSILON)
        at = at - rate * step
        path.append(at)
    return np.array(path)


def follow_keras(optimizer: Any, gradient: Callable[[Floats], Floats], steps: int) -> Floats:
    """Go down from the lecture's start by a Keras optimiser, on a float64 variable.

    Args:
        optimizer: A Keras optimiser that has seen no variable.
        gradient: The derivatives at a place, shape (2,).
        steps: How many steps.

    Returns:
        The places, the start first, shape (steps + 1, 2).
    """
    import keras

    at = keras.Variable(np.array(START), dtype="float64")
    optimizer.build([at])
    path = [at.numpy()]
    for _ in range(steps):
        optimizer.apply([keras.ops.convert_to_tensor(gradient(path[-1]), dtype="float64")], [at])
        path.append(at.numpy())
    return np.array(path)


def show(data: Any = None, *, target: Any = None, task: str = "multiclass", seed: int = 0) -> Lesson:
    """Run the lesson: each rule's way down a valley, its check against Keras, then training a network with each.

    Args:
        data: A path, a DataFrame, or an (X, y) pair; None takes scikit-learn's pictures of digits.
        target: The column to predict, or several for regression and multilabel.
        task: "multiclass" (two classes too), "binary", "regression" or "multilabel".
        seed: Seed of the split, the initial weights and the order of the rows.

    Returns:
        The lesson.

    Raises:
        DataError: The data or the task is not what it should be.
    """
    said = ""
    if data is None:
        from sklearn.datasets import load_digits

        digits: Any = load_digits()
        data, said = (digits.data, digits.target), "scikit-learn's 1,797 pictures of digits, 8 by 8 pixels"
    rows = load(data, target=target, task=task, seed=seed, train_rows=640, description=said)
    curves, errors = _train(rows, seed)
    best = {rule: int(np.nanargmin(values[-1].mean(axis=1))) for rule, values in curves.items()}
    table = _table(rows, curves, errors, best)
    quickest = table["training loss"].idxmin()
    return Lesson(
        name="optimizers",
        title="Four ways to take a step",
        summary="Momentum averages the gradients, RMSprop divides each by its usual size, and Adam does both. With its "
        f"own best learning rate each, {quickest} has the lowest loss after {EPOCHS} passes here. Each rule "
        "has a rate of its own, so give each its best before you compare.",
        pictures=(
            _valley(),
            _check(),
            Picture(
                "How the loss falls",
                f"A network with {' and '.join(map(str, HIDDEN))} hidden neurons, each rule at the rate that was best "
                f"for it, the bands over {SEEDS} starts. {_said(table)}",
                _curves({rule: values[:, best[rule]] for rule, values in curves.items()}),
                "Training loss over the epochs, a line an optimiser with a band over the seeds.",
                table,
            ),
            _rates(curves),
        ),
        corrections=(
            "Mason Brain: momentum is a moving average, V ← βV + (1 − β)g: Keras's SGD(momentum=β) adds g itself, so "
            "its rate is the lecture's times (1 − β), a tenth.",
            f"Mason Brain: Adam has ε inside the root, Keras's outside: with ε = {number(EPSILON)} inside, gradients "
            f"below {number(np.sqrt(EPSILON), 2)} are already slowed down, with it outside only those near ε.",
        ),
        decks=("MB", "HB"),
        data=f"{rows.description}; the rules were checked on the cost of the lecture's own line through four points",
    )


def _train(rows: Rows, seed: int) -> tuple[dict[str, Floats], dict[str, Floats]]:
    """Return losses on the training rows (epochs + 1, rates, seeds) and errors on validation (rates, seeds)."""
    from recipes.lessons.tools.sweep import Network, Sweep

    x, y = rows.x["train"], rows.y["train"]
    losses, errors = {}, {}
    for rule, word in KERAS.items():
        # The lecture's momentum at a rate is Keras's at a tenth of it.
        scale = 1 - BETA_1 if rule == "momentum" else 1.0
        networks = [
            Network(HIDDEN, learning_rate=rate * scale, seed=seed + more) for rate in RATES for more in range(SEEDS)
        ]
        sweep = Sweep(networks, rows.head, rows.shape, epochs=EPOCHS, optimizer=word, constant=True)
        start = sweep.measure(x, y)[0]
        seen = sweep.train(x, y, watch={"train": (x, y)}, seed=seed)["train"][0]
        shape = (len(RATES), SEEDS)
        losses[rule] = np.concatenate([start[None], seen]).reshape(-1, *shape)
        errors[rule] = sweep.measure(rows.x["validation"], rows.y["validation"])[1].reshape(shape)
    return losses, errors


def _table(
    rows: Rows, curves: Mapping[str, Floats], errors: Mapping[str, Floats], best: Mapping[str, int]
) -> pd.DataFrame:
    plain = curves["SGD"][:, best["SGD"]].mean(axis=1)[-1]
    lines = {}
    for rule, values in curves.items():
        own = values[:, best[rule]]
        there = own.mean(axis=1) <= plain
        lines[rule] = {
            "best rate": RATES[best[rule]],
            "rate in Keras": RATES[best[rule]] * (1 - BETA_1 if rule == "momentum" else 1),
            "training loss": own[-1].mean(),
            "lowest": own[-1].min(),
            "highest": own[-1].max(),
            "passes to SGD's last loss": int(np.argmax(there)) if there.any() else None,
            f"validation: {error_name(rows.head)}": errors[rule][best[rule]].mean(),
        }
    return pd.DataFrame(lines.values(), index=pd.Index(lines)).astype({"passes to SGD's last loss": object})


def _said(table: pd.DataFrame) -> str:
    """Say how soon the others are where SGD ends."""
    passes = table["passes to SGD's last loss"].drop("SGD").dropna()
    if passes.empty:
        return f"None comes to SGD's last loss in {EPOCHS} passes."
    return f"SGD's last loss is reached {', '.join(f'by {rule} in {count} passes' for rule, count in passes.items())}."


def _valley() -> Picture:
    half = np.sqrt(0.5)
    turns = {"along an axis": np.eye(2), "turned by 45°": np.array([[half, -half], [half, half]])}
    lines = []
    with panels(4, 2, width=7.6, height=4.3, share=True) as (figure, axes):
        u, v = np.meshgrid(np.linspace(-2.1, 4.7, 90), np.linspace(-1.9, 4.2, 90))
        for row, (lies, turn) in enumerate(turns.items()):
            curvature = turn @ np.diag([1.0, STEEP]) @ turn.T
            heights = (curvature[0, 0] * u**2 + 2 * curvature[0, 1] * u * v + curvature[1, 1] * v**2) / 2
            for panel, (rule, rate) in zip(axes[row], ON_VALLEY.items(), strict=True):
                path = follow(rule, lambda at, c=curvature: c @ at, rate, SHOWN, start=turn @ FAR)
                panel.contour(u, v, heights, levels=[0.5, 3, 10, 30, 80], colors=[MUTED], linewidths=0.5, alpha=0.7)
                panel.plot(path[:, 0], path[:, 1], color=BLUE, linewidth=0.9)
                panel.plot(path[:, 0], path[:, 1], "o", color=BLUE, markersize=2.4, markeredgewidth=0)
                panel.plot(*path[0], "o", color=ORANGE, markersize=4.6, markeredgecolor=PAPER)
                panel.plot(0, 0, "x", color=INK, markersize=5.5, markeredgewidth=1.3)
                panel.set_xlim(-2.1, 4.7)
                panel.set_ylim(-1.9, 4.2)
                panel.set_aspect("equal")
                panel.grid(visible=False)
                if row == 0:
                    panel.set_title(rule, color=INK)
                else:
                    panel.set_xlabel("first weight")
                before, after = (float(at @ curvature @ at / 2) for at in (path[0], path[-1]))
                lines.append({"rule": rule, "valley": lies, "rate": rate, "cost at the start": before})
                lines[-1][f"cost after {SHOWN} steps"] = after
            axes[row, 0].set_ylabel("second weight")
    return Picture(
        "Down a valley",
        f"{SHOWN} steps towards the cross, in a valley {STEEP:g} times as steep across as along. RMSprop and Adam take "
        "equal steps for each weight, which evens out a valley along an axis and does not help in one that is turned; "
        "SGD and momentum go the same way in both.",
        figure,
        "Eight maps of a narrow valley with the path of each rule: above it lies along an axis, below it is turned.",
        pd.DataFrame(lines),
    )


def _check() -> Picture:
    """Follow the lecture's rules and Keras's side by side."""
    from keras import optimizers as kinds

    wide = STEP / (1 - BETA_1)  # so that what Keras is given is a power of two

    def small(at: Floats) -> Floats:
        return 1e-5 * slope(at)

    def adam() -> Any:
        return kinds.Adam(STEP, beta_1=BETA_1, beta_2=BETA_2, epsilon=EPSILON)

    pairs = {
        "SGD": ("SGD(rate)", "SGD", slope, STEP, kinds.SGD(STEP)),
        "momentum": (
            "SGD((1 − β₁) · rate, momentum=β₁)", "momentum", slope, wide,
            kinds.SGD(STEP, momentum=BETA_1),
        ),
        "momentum, the rate left as it is": (
            "SGD(rate, momentum=β₁)", "momentum", slope, STEP,
            kinds.SGD(STEP, momentum=BETA_1),
        ),
        "RMSprop": (
            "RMSprop(rate, rho=β₂, epsilon=ε)", "RMSprop", slope, STEP,
            kinds.RMSprop(STEP, rho=BETA_2, epsilon=EPSILON),
        ),
        "Adam": ("Adam(rate, epsilon=ε)", "Adam", slope, STEP, adam()),
        "Adam, the cost divided by 100,000": ("Adam(rate, epsilon=ε)", "Adam", small, STEP, adam()),
    }  # fmt: skip
    lines = {}
    for word, (call, rule, gradient, rate, optimizer) in pairs.items():
        ours = follow(rule, gradient, rate, CHECKED)
        apart = np.abs(ours - follow_keras(optimizer, gradient, CHECKED)).max()
        lines[word] = {
            "in Keras": call,
            "moved": float(np.abs(ours[-1] - ours[0]).max()),
            "largest difference": float(apart),
            "the same": bool(apart < 1e-6),
        }
    return Picture(
        "The lecture's rules in Keras",
        f"Each pair took {CHECKED} steps from the same start, in float64; the largest difference is over all of them. "
        "Where the rate is left as it is, or where gradients are so small that ε counts, the two part.",
        table=pd.DataFrame(lines.values(), index=pd.Index(lines, name="rule of the lecture")),
        digits=2,
    )


def _curves(lines: Mapping[str, Floats]) -> Figure:
    with panels(width=4.4, height=3.0) as (figure, axes):
        panel = axes[0, 0]
        for values, (color, dash) in zip(lines.values(), STYLES, strict=False):
            epochs = np.arange(len(values))
            panel.plot(epochs, values.mean(axis=1), color=color, linestyle=dash)
            panel.fill_between(epochs, values.min(axis=1), values.max(axis=1), color=color, alpha=0.13, linewidth=0)
        log_scale(panel)
        panel.set_xlabel("passes over the training rows")
        panel.set_title("training loss")
        label_lines(panel, list(lines))
    return figure


def _rates(curves: Mapping[str, Floats]) -> Picture:
    """Show what each learning rate comes to; a loss above the start's is drawn at the top."""
    top = float(np.mean([values[0].mean() for values in curves.values()]))
    last = {rule: np.nan_to_num(values[-1].mean(axis=1), nan=np.inf) for rule, values in curves.items()}
    with panels(width=4.4, height=3.0) as (figure, axes):
        panel = axes[0, 0]
        for values, (color, dash) in zip(last.values(), STYLES, strict=False):
            panel.plot(RATES, np.minimum(values, top), "o", color=color, linestyle=dash, markersize=3)
        log_scale(panel)
        log_scale(panel, "x")
        panel.axhline(top, color=MUTED, linewidth=0.8, linestyle=(0, (1, 3)))
        low = min(values.min() for values in last.values())
        panel.set_ylim(low / (top / low) ** 0.25, top * (top / low) ** 0.1)
        panel.annotate("the loss at the start", (RATES[0], top), (0, 4), textcoords="offset points", color=MUTED)
        panel.set_xlabel("learning rate (the lecture's)")
        panel.set_title(f"training loss after {EPOCHS} passes")
        label_lines(panel, list(last))
    return Picture(
        "Each rule has its own rate",
        "Too small and little is learned in the time, too large and the loss goes up. Least here at "
        f"{', '.join(f'{RATES[int(values.argmin())]:g} ({rule})' for rule, values in last.items())}; the steps of "
        "RMSprop and Adam don't grow with the gradient.",
        figure,
        "Training loss after the last epoch against the learning rate, a line an optimiser, each with its own lowest "
        "point.",
        pd.DataFrame({"rate": RATES} | last),
    )
