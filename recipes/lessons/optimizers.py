"""SGD, momentum, RMSprop and Adam: the lecture's rules next to Keras's, in a valley and on a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recipes.drawing import BLUE, INK, MUTED, ORANGE, PAPER, STYLES, label_lines, log_scale, panels
from recipes.lessons.tools.page import Lesson, Picture
from recipes.lessons.tools.rows import Rows, error_name, load
from recipes.lessons.tools.shapes import START, X, Y
from toolkit.common.formatting import number

__all__ = ["BETA_1", "BETA_2", "EPSILON", "RULES", "follow", "follow_keras", "show", "slope"]

# The lecture's default values. From a plain float Keras would make a float32.
BETA_1, BETA_2, EPSILON = np.float64(0.9), np.float64(0.999), 10e-8
#: Rule -> name of its Keras optimizer in a sweep.
RULES = {"SGD": "sgd", "momentum": "momentum", "RMSprop": "rmsprop", "Adam": "adam"}
# Keras's float32 holds powers of two exactly, so that only the rules can differ.
STEP = 2.0**-7
CHECK_STEPS = 100
# SGD is just below its limit, 2 / VALLEY_STEEPNESS = 0.04: above it the path across the valley grows.
VALLEY_RATES = {"SGD": 0.036, "momentum": 0.05, "RMSprop": 0.02, "Adam": 0.2}
VALLEY_STEEPNESS, VALLEY_START, VALLEY_STEPS = 50.0, (4.0, 1.0), 20
RATES = (0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
SEEDS, EPOCHS, HIDDEN = 3, 12, (25, 15)

Floats = NDArray[np.float64]


def slope(point: Floats) -> Floats:
    """Return ∂J/∂w and ∂J/∂b of the cost of the lecture's line ``w x + b``."""
    residual = point[0] * X + point[1] - Y
    return np.array([(residual * X).mean(), residual.mean()])


def follow(
    rule: str, gradient: Callable[[Floats], Floats], rate: float, steps: int, *, start: Sequence[float] = START
) -> Floats:
    """Minimize a cost by the lecture's rule, in float64.

    Args:
        rule: One of `RULES`.
        gradient: Function that returns the derivatives at a point, shape (2,).
        rate: The learning rate.
        steps: Number of steps.
        start: The first point; by default the lecture's slope and bias.

    Returns:
        The points, from the start to the end, shape (steps + 1, 2).

    Example:
        >>> follow("SGD", slope, 0.01, 1).round(4).tolist()
        [[5.0, 1.0], [4.5175, 0.9]]

    References:
        Huh and Deorukhkar, Introduction to Machine Learning and Deep Learning, Mason Brain, 2019.
    """
    # Moving averages of the gradient and of its square; Adam corrects that both start at 0.
    point, mean, squares = np.array(start, float), np.zeros(2), np.zeros(2)
    path = [point]
    for t in range(1, steps + 1):
        g = gradient(point)
        # Moving averages of the gradient and of its square; each rule takes those it needs.
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
                # Both averages start at 0 and are too small at first: after one step mean is 0.1 g, and 0.1 g / (1 -
                # 0.9) = g.
                step = mean / (1 - BETA_1**t) / np.sqrt(squares / (1 - BETA_2**t) + EPSILON)
        point = point - rate * step
        path.append(point)
    return np.array(path)


def follow_keras(optimizer: Any, gradient: Callable[[Floats], Floats], steps: int) -> Floats:
    """Minimize a cost from the lecture's start by a Keras optimizer, on a float64 variable.

    Args:
        optimizer: A Keras optimizer that is not built yet.
        gradient: Function that returns the derivatives at a point, shape (2,).
        steps: Number of steps.

    Returns:
        The points, from the start to the end, shape (steps + 1, 2).
    """
    import keras

    variable = keras.Variable(np.array(START), dtype="float64")
    optimizer.build([variable])
    path = [variable.numpy()]
    for _ in range(steps):
        optimizer.apply([keras.ops.convert_to_tensor(gradient(path[-1]), dtype="float64")], [variable])
        path.append(variable.numpy())
    return np.array(path)


def show(
    data: Any = None,
    *,
    target: Any = None,
    task: str = "multiclass",
    seed: int = 0,
    rules: Sequence[str] = tuple(RULES),
    rates: Sequence[float] = RATES,
) -> Lesson:
    """Run the lesson: follow each rule down a valley, check it against Keras, then train a network with it.

    Args:
        data: A path, a DataFrame, or an (X, y) pair; None takes scikit-learn's pictures of digits.
        target: The column to predict, or several for regression and multilabel.
        task: "multiclass" (two classes too), "binary", "regression" or "multilabel".
        seed: Seed of the split, the initial weights and the order of the rows.
        rules: Rules to train the network with, "SGD" among them.
        rates: Learning rates to try, in ascending order.

    Raises:
        DataError: The lesson can't use the data or the task.
    """
    description = ""
    if data is None:
        from sklearn.datasets import load_digits

        digits: Any = load_digits()
        data, description = (digits.data, digits.target), "scikit-learn's 1,797 pictures of digits, 8 by 8 pixels"
    rows = load(data, target=target, task=task, seed=seed, train_rows=640, description=description)
    curves, errors = _train(rows, rules, rates, seed)
    # Index of the rate with the lowest mean loss after the last epoch; diverged trainings are NaN.
    best = {rule: int(np.nanargmin(losses[-1].mean(axis=1))) for rule, losses in curves.items()}
    table = _table(rows, rates, curves, errors, best)
    return Lesson(
        name="optimizers",
        title="Four ways to take a step",
        summary="Momentum averages the gradients, RMSprop divides each gradient by its usual size, and Adam does both. "
        f"With the best learning rate for each rule, {table['training loss'].idxmin()} has the lowest loss after "
        f"{EPOCHS} passes here. The best rate differs from rule to rule, so tune it before you compare rules.",
        pictures=(_valley(), _check(), _losses(table, curves, best), _rates(rates, curves)),
        corrections=(
            "Mason Brain: momentum is a moving average, V ← βV + (1 − β)g. Keras's SGD(momentum=β) adds g itself, so "
            "its rate is the lecture's times (1 − β), which is a tenth of it.",
            f"Mason Brain: Adam has ε inside the root, Keras has it outside. With ε = {number(EPSILON)} inside, "
            f"gradients below {number(np.sqrt(EPSILON), 2)} already move the weights more slowly; with it outside, "
            "only those near ε do.",
        ),
        decks=("MB", "HB"),
        data=f"{rows.description}; the rules were checked on the cost of the lecture's line through four points",
    )


def _train(
    rows: Rows, rules: Sequence[str], rates: Sequence[float], seed: int
) -> tuple[dict[str, Floats], dict[str, Floats]]:
    """Train a network with each rule, rate and start.

    Returns:
        For each rule the training losses, shape (epochs + 1, rates, SEEDS), and the validation errors, shape
        (rates, SEEDS).
    """
    from recipes.lessons.tools.sweep import Network, Sweep

    x, y = rows.x["train"], rows.y["train"]
    losses, errors = {}, {}
    for rule in rules:
        networks = [
            Network(HIDDEN, learning_rate=_keras_rate(rule, rate), seed=seed + start)
            for rate in rates
            for start in range(SEEDS)
        ]
        sweep = Sweep(networks, rows.head, rows.shape, epochs=EPOCHS, optimizer=RULES[rule], constant=True)
        initial = sweep.measure(x, y)[0]
        after = sweep.train(x, y, watch={"train": (x, y)}, seed=seed)["train"][0]
        # (epochs + 1, rates * SEEDS) -> (epochs + 1, rates, SEEDS)
        losses[rule] = np.concatenate([initial[None], after]).reshape(-1, len(rates), SEEDS)
        errors[rule] = sweep.measure(rows.x["validation"], rows.y["validation"])[1].reshape(len(rates), SEEDS)
    return losses, errors


def _keras_rate(rule: str, rate: float) -> float:
    """Return the rate at which Keras's optimizer takes the lecture's steps; for momentum it is a tenth."""
    return rate * (1 - BETA_1 if rule == "momentum" else 1.0)


def _table(
    rows: Rows,
    rates: Sequence[float],
    curves: Mapping[str, Floats],
    errors: Mapping[str, Floats],
    best: Mapping[str, int],
) -> pd.DataFrame:
    # (epochs + 1, rates, SEEDS) -> (epochs + 1, SEEDS) at the best rate -> mean loss after the last epoch
    sgd = curves["SGD"][:, best["SGD"]].mean(axis=1)[-1]
    lines = {}
    for rule, losses in curves.items():
        curve = losses[:, best[rule]]  # (epochs + 1, SEEDS)
        reached = curve.mean(axis=1) <= sgd  # (epochs + 1,)
        lines[rule] = {
            "best rate": rates[best[rule]],
            "rate in Keras": _keras_rate(rule, rates[best[rule]]),
            "training loss": curve[-1].mean(),
            "lowest": curve[-1].min(),
            "highest": curve[-1].max(),
            "passes to SGD's last loss": int(np.argmax(reached)) if reached.any() else None,
            f"validation: {error_name(rows.head)}": errors[rule][best[rule]].mean(),
        }
    return pd.DataFrame(lines.values(), index=pd.Index(lines)).astype({"passes to SGD's last loss": object})


def _valley() -> Picture:
    half = np.sqrt(0.5)
    rotations = {"along an axis": np.eye(2), "turned by 45°": np.array([[half, -half], [half, half]])}
    lines = []
    with panels(4, 2, width=7.6, height=4.3, share=True) as (figure, axes):
        u, v = np.meshgrid(np.linspace(-2.1, 4.7, 90), np.linspace(-1.9, 4.2, 90))
        for row, (valley, rotation) in zip(axes, rotations.items(), strict=True):
            # The cost of a point p is p' H p / 2: curvature 1 along the valley, and VALLEY_STEEPNESS across it.
            hessian = rotation @ np.diag([1.0, VALLEY_STEEPNESS]) @ rotation.T
            heights = (hessian[0, 0] * u**2 + 2 * hessian[0, 1] * u * v + hessian[1, 1] * v**2) / 2
            for panel, (rule, rate) in zip(row, VALLEY_RATES.items(), strict=True):
                path = follow(
                    rule, lambda point, h=hessian: h @ point, rate, VALLEY_STEPS, start=rotation @ VALLEY_START
                )
                panel.contour(u, v, heights, levels=[0.5, 3, 10, 30, 80], colors=[MUTED], linewidths=0.5, alpha=0.7)
                _draw_path(panel, path)
                before, after = (float(point @ hessian @ point / 2) for point in (path[0], path[-1]))
                costs = {"cost at the start": before, f"cost after {VALLEY_STEPS} steps": after}
                lines.append({"rule": rule, "valley": valley, "rate": rate} | costs)
            row[0].set_ylabel("second weight")
        for rule, top, bottom in zip(VALLEY_RATES, *axes, strict=True):
            top.set_title(rule, color=INK)
            bottom.set_xlabel("first weight")
    return Picture(
        "Down a valley",
        f"{VALLEY_STEPS} steps toward the cross, in a valley {VALLEY_STEEPNESS:g} times as steep across as along. "
        "RMSprop and Adam divide each weight's step by the usual size of its gradient. This helps if the valley lies "
        "along an axis, but not if it is turned; SGD and momentum take the same way in both.",
        figure,
        "Eight maps of a narrow valley with the path of each rule. The valley lies along an axis in the upper row, and "
        "is turned in the lower row.",
        pd.DataFrame(lines),
    )


def _draw_path(panel: Any, path: Floats) -> None:
    panel.plot(path[:, 0], path[:, 1], color=BLUE, linewidth=0.9)
    panel.plot(path[:, 0], path[:, 1], "o", color=BLUE, markersize=2.4, markeredgewidth=0)
    panel.plot(*path[0], "o", color=ORANGE, markersize=4.6, markeredgecolor=PAPER)
    panel.plot(0, 0, "x", color=INK, markersize=5.5, markeredgewidth=1.3)
    panel.set_xlim(-2.1, 4.7)
    panel.set_ylim(-1.9, 4.2)
    panel.set_aspect("equal")
    panel.grid(visible=False)


def _check() -> Picture:
    """Follow the lecture's rules and Keras's optimizers from the same start."""
    from keras import optimizers

    momentum_rate = STEP / (1 - BETA_1)  # so that the rate which Keras gets is a power of two

    def small_slope(point: Floats) -> Floats:
        return 1e-5 * slope(point)

    def adam() -> Any:
        return optimizers.Adam(STEP, beta_1=BETA_1, beta_2=BETA_2, epsilon=EPSILON)

    def sgd(**options: Any) -> Any:
        return optimizers.SGD(STEP, **options)

    momentum, same_momentum = sgd(momentum=BETA_1), sgd(momentum=BETA_1)
    rmsprop = optimizers.RMSprop(STEP, rho=BETA_2, epsilon=EPSILON)
    pairs = {
        "SGD": ("SGD(rate)", "SGD", slope, STEP, sgd()),
        "momentum": ("SGD((1 − β₁) · rate, momentum=β₁)", "momentum", slope, momentum_rate, momentum),
        "momentum, the rate unchanged": ("SGD(rate, momentum=β₁)", "momentum", slope, STEP, same_momentum),
        "RMSprop": ("RMSprop(rate, rho=β₂, epsilon=ε)", "RMSprop", slope, STEP, rmsprop),
        "Adam": ("Adam(rate, epsilon=ε)", "Adam", slope, STEP, adam()),
        "Adam, the cost divided by 100,000": ("Adam(rate, epsilon=ε)", "Adam", small_slope, STEP, adam()),
    }
    lines = {}
    for name, (call, rule, gradient, rate, optimizer) in pairs.items():
        lecture = follow(rule, gradient, rate, CHECK_STEPS)
        difference = np.abs(lecture - follow_keras(optimizer, gradient, CHECK_STEPS)).max()
        lines[name] = {
            "in Keras": call,
            "distance covered": float(np.abs(lecture[-1] - lecture[0]).max()),
            "largest difference": float(difference),
            "the same": bool(difference < 1e-6),
        }
    return Picture(
        "The lecture's rules in Keras",
        f"The lecture's rule and Keras's optimizer took {CHECK_STEPS} steps from the same start, in float64; the "
        "largest difference is that of all steps. They differ if momentum's rate is not converted, or if the gradients "
        "are so small that ε matters.",
        table=pd.DataFrame(lines.values(), index=pd.Index(lines, name="rule of the lecture")),
        digits=2,
    )


def _losses(table: pd.DataFrame, curves: Mapping[str, Floats], best: Mapping[str, int]) -> Picture:
    with panels(width=4.4, height=3.0) as (figure, axes):
        panel = axes[0, 0]
        for (rule, losses), (color, dash) in zip(curves.items(), STYLES, strict=False):
            curve = losses[:, best[rule]]  # (epochs + 1, SEEDS)
            epochs = np.arange(len(curve))
            panel.plot(epochs, curve.mean(axis=1), color=color, linestyle=dash)
            panel.fill_between(epochs, curve.min(axis=1), curve.max(axis=1), color=color, alpha=0.13, linewidth=0)
        log_scale(panel)
        panel.set_xlabel("passes over the training rows")
        panel.set_title("training loss")
        label_lines(panel, list(curves))
    passes = table["passes to SGD's last loss"].drop("SGD").dropna()
    comparison = (
        f"SGD's last loss is reached {', '.join(f'by {rule} after {count} passes' for rule, count in passes.items())}."
        if len(passes)
        else f"No other rule reaches SGD's last loss in {EPOCHS} passes."
    )
    return Picture(
        "How the loss falls",
        f"A network with {' and '.join(map(str, HIDDEN))} hidden neurons, each rule at its best learning rate; the "
        f"bands cover {SEEDS} starts. {comparison}",
        figure,
        "Training loss against the epoch, one line per optimizer with a band over the starts.",
        table,
    )


def _rates(rates: Sequence[float], curves: Mapping[str, Floats]) -> Picture:
    """Draw the last loss at each learning rate; a loss above that of the start is drawn at the top."""
    # The loss before training. A rate that ends above it has diverged, and is drawn there.
    top = float(np.mean([losses[0].mean() for losses in curves.values()]))
    last = {rule: np.nan_to_num(losses[-1].mean(axis=1), nan=np.inf) for rule, losses in curves.items()}
    with panels(width=4.4, height=3.0) as (figure, axes):
        panel = axes[0, 0]
        for losses, (color, dash) in zip(last.values(), STYLES, strict=False):
            panel.plot(rates, np.minimum(losses, top), "o", color=color, linestyle=dash, markersize=3)
        log_scale(panel)
        log_scale(panel, "x")
        panel.axhline(top, color=MUTED, linewidth=0.8, linestyle=(0, (1, 3)))
        low = min(losses.min() for losses in last.values())
        # On the logarithmic scale, a quarter of the range is added below and a tenth above.
        panel.set_ylim(low / (top / low) ** 0.25, top * (top / low) ** 0.1)
        panel.annotate("the loss at the start", (rates[0], top), (0, 4), textcoords="offset points", color=MUTED)
        panel.set_xlabel("learning rate (the lecture's)")
        panel.set_title(f"training loss after {EPOCHS} passes")
        label_lines(panel, list(last))
    best = ", ".join(f"{rates[int(losses.argmin())]:g} ({rule})" for rule, losses in last.items())
    return Picture(
        "Each rule has its best rate",
        "If the rate is too small, the network learns too little in the time; if it is too large, the loss rises. The "
        f"loss is lowest here at {best}. The steps of RMSprop and Adam don't grow with the gradient.",
        figure,
        "Training loss after the last epoch against the learning rate, one line per optimizer, each with its own "
        "lowest point.",
        pd.DataFrame({"rate": rates} | last),
    )
