"""Gradient descent on the cost of a line through four points, which has two parameters and can be drawn."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from recipes.drawing import BLUE, INK, MUTED, ORANGE, PAPER, STYLES, label_lines, log_scale, panels
from recipes.lessons.tools.page import Lesson, Picture
from recipes.lessons.tools.shapes import START, X, Y
from toolkit.common.formatting import number

__all__ = ["cost", "descend", "show"]

RATE = 0.01  # the lecture's learning rate
# The limit is 0.108, which is 2 / 18.55, the largest curvature of the cost of these four points.
RATES = {"too small": 0.001, "right": 0.05, "too large": 0.11}
STEPS = 40
BATCHES = {"all four rows": 4, "two rows": 2, "one row": 1}
EPOCHS, BATCH_RATE = 40, 0.03

Floats = NDArray[np.float64]


def cost(w: Floats | float, b: Floats | float) -> Floats:
    """Return J, half the mean squared error of the lines ``w x + b`` through the lecture's four points.

    Args:
        w: Slopes, of any shape.
        b: Intercepts, of the same shape.

    Example:
        >>> float(cost(5.0, 1.0))
        65.75
    """
    residuals = np.multiply.outer(w, X) + np.asarray(b)[..., None] - Y  # (..., 4)
    return np.square(residuals).mean(axis=-1) / 2


def gradient(w: float, b: float, rows: NDArray[np.intp] | slice = slice(None)) -> tuple[float, float]:
    """Return ∂J/∂w and ∂J/∂b of the cost of some rows."""
    residuals = w * X[rows] + b - Y[rows]
    return float((residuals * X[rows]).mean()), float(residuals.mean())


def descend(rate: float, steps: int, *, batch: int = 4, seed: int = 0) -> Floats:
    """Run gradient descent from the lecture's start.

    Args:
        rate: Learning rate.
        steps: Number of steps.
        batch: Rows per step. Fewer than four are drawn without replacement, in a new order each epoch.
        seed: Seed of the order of the rows.

    Returns:
        w and b at the start and after each step, shape (steps + 1, 2).

    Example:
        >>> descend(0.01, 1).round(4).tolist()
        [[5.0, 1.0], [4.5175, 0.9]]
    """
    rng = np.random.default_rng(seed)
    path, unused_rows = [START], np.empty(0, np.intp)
    for _ in range(steps):
        if not len(unused_rows):
            unused_rows = np.arange(len(X)) if batch == len(X) else rng.permutation(len(X))
        w, b = path[-1]
        # Every row once before any comes again: order 2 0 3 1, two rows per step -> 2 0, then 3 1.
        w_gradient, b_gradient = gradient(w, b, unused_rows[:batch])
        path.append((w - rate * w_gradient, b - rate * b_gradient))
        unused_rows = unused_rows[batch:]
    return np.array(path)


def show(*, seed: int = 0) -> Lesson:
    """Show one step by hand, then the effect of the learning rate and of the rows per step.

    Args:
        seed: Seed of the order of the rows, for steps on some of them.

    Returns:
        The lesson.

    Example:
        >>> lesson = show()
        >>> lesson.tables["One step"].loc["after one step", "w"].round(4)
        np.float64(4.5175)
    """
    # The exact minimum: the columns x and 1, shape (4, 2), get the slope and the intercept.
    best = np.linalg.lstsq(np.stack([X, np.ones_like(X)], axis=1), Y)[0]
    # The cost is quadratic, so its second derivatives (∂²J/∂w², ∂²J/∂w∂b; ∂²J/∂w∂b, ∂²J/∂b²) are the same everywhere.
    # A step of rate r multiplies the distance along an eigenvector by 1 - r * eigenvalue: it grows where that is < -1.
    curvature = np.linalg.eigvalsh([[np.square(X).mean(), X.mean()], [X.mean(), 1.0]])
    limit = 2 / curvature[-1]
    return Lesson(
        name="descent",
        title="Down the gradient",
        summary="A learning rate that is too small hardly moves, and one that is too large makes the cost grow: here "
        f"the limit is {limit:.3f}. Fewer rows per step allow more steps for the same work, but the last steps keep "
        "jumping around the minimum.",
        pictures=(_one_step(best), *_learning_rates(best, limit), *_rows_per_step(best, seed)),
        corrections=(
            "Mason Brain: the first prediction is 5 · 1 + 1 = 6, not 11.",
            "Mason Brain: the cost at the start is 65.75; 11.25 is the mean residual with that wrong 11; the mean "
            "residual is 10. The cost is half the mean of the squared residuals.",
            "Mason Brain: there is one bias, not one for each row: b = 1, and its gradient is the mean residual.",
            "Mason Brain: after one step at rate 0.01 the slope is 4.5175 and the bias 0.9; 5 − 1.98 is not 4.505.",
            f"Mason Brain: with all rows per step the cost falls at each step only while the rate is small enough: "
            f"here below {limit:.4f}.",
        ),
        decks=("MB", "NN", "SC", "HB"),
        data="the lecture's four points, x = (1, 3, 6, 5) and y = (4, 8, 14, 13), from w = 5 and b = 1",
    )


def _one_step(best: Floats) -> Picture:
    lines = {"start": START, "after one step": tuple(descend(RATE, 1)[1]), "least squares": tuple(best)}
    rows = []
    for w, b in lines.values():
        w_gradient, b_gradient = gradient(w, b)
        predicted = w * X + b
        rows.append(
            {"w": w, "b": b}
            | {f"prediction at {x:g}": p for x, p in zip(X, predicted, strict=True)}
            | {"cost J": float(cost(w, b)), "∂J/∂w": w_gradient, "∂J/∂b": b_gradient}
        )
    table = pd.DataFrame(rows, index=pd.Index(lines))
    # At the minimum the gradient is 0 up to round-off, which is removed.
    table[["∂J/∂w", "∂J/∂b"]] = table[["∂J/∂w", "∂J/∂b"]].round(9) + 0.0
    with panels(width=4.2, height=2.9) as (figure, axes):
        panel = axes[0, 0]
        x_range = np.array([0.0, 6.6])
        for (w, b), (color, dash) in zip(lines.values(), STYLES, strict=False):
            panel.plot(x_range, w * x_range + b, color=color, linestyle=dash)
        w, b = START
        panel.vlines(X, Y, w * X + b, color=MUTED, linewidth=0.8)
        panel.plot(X, Y, "o", color=INK, markersize=4)
        panel.set_xlim(0, 6.6)
        panel.set_ylim(0, 34)
        panel.set_xlabel("x")
        panel.set_title("y")
        label_lines(panel, ["start", "one step later", "least squares"])
    return Picture(
        "One step",
        f"The gray strokes are the residuals of the first line, whose cost J is {cost(*START):.2f}. One step at rate "
        f"{RATE} against the gradient turns the line towards the points; the gradient of the best line is 0.",
        figure,
        "The four points with three lines: the start, the line after one step, and the least-squares line.",
        table,
        digits=6,
    )


def _learning_rates(best: Floats, limit: float) -> tuple[Picture, Picture]:
    paths = {label: descend(rate, STEPS) for label, rate in RATES.items()}
    costs = {f"rate {rate}": cost(*paths[label].T) for label, rate in RATES.items()}
    contours = Picture(
        "Step sizes on the surface",
        "Each thin curve joins points of equal cost, the cross marks the minimum, and every dot is a step. "
        f"Rate {RATES['too small']} hardly moves, {RATES['right']} soon reaches the valley and then follows it, and "
        f"{RATES['too large']} jumps from side to side and climbs.",
        _contours(
            [path[:9] if label == "too large" else path for label, path in paths.items()],
            [f"rate {rate}: {label}" for label, rate in RATES.items()],
            best,
        ),
        "Three contour maps of the cost over slope and intercept, each with the path of the steps at one rate.",
        _last_steps(paths, RATES, best),
    )
    curves = Picture(
        "Step sizes and cost",
        f"Below the limit of {limit:.4f}, which is 2 divided by the largest curvature of the cost, each step lowers "
        "the cost. Above the limit each step overshoots by more than the one before.",
        _cost_curves(costs),
        "Cost after each step, one line per learning rate, on a logarithmic scale.",
        pd.DataFrame({"step": range(STEPS + 1)} | costs),
    )
    return contours, curves


def _rows_per_step(best: Floats, seed: int) -> tuple[Picture, Picture]:
    paths = {
        label: descend(BATCH_RATE, EPOCHS * len(X) // size, batch=size, seed=seed) for label, size in BATCHES.items()
    }
    maps = Picture(
        "Rows per step",
        f"All three read the four rows {EPOCHS} times at rate {BATCH_RATE}. {_ends(paths)}",
        _contours(
            list(paths.values()),
            list(BATCHES),
            best,
            window=((1.75, 3.05), (0.4, 2.5)),
            levels=(0.1, 0.15, 0.25, 0.4, 0.7, 1.2, 2, 3, 5),
        ),
        "Three contour maps of the cost near its minimum, with the path of all rows, two rows and one row per step.",
        _last_steps(paths, dict.fromkeys(paths, BATCH_RATE), best),
    )
    curves = Picture(
        "Rows per step and cost",
        "The cost of all four rows after each step. With all rows per step it only falls; a step on one row can raise "
        "it.",
        _cost_per_epoch({label: cost(*path.T) for label, path in paths.items()}, float(cost(*best))),
        "Cost of all rows over the epochs, for steps on four rows, two rows and one row.",
        pd.DataFrame(
            {"epoch": range(EPOCHS + 1)}
            # One value per epoch: every step on all rows, every second step on two rows, every fourth on one.
            | {label: cost(*path[:: len(X) // BATCHES[label]].T) for label, path in paths.items()}
        ),
    )
    return maps, curves


def _ends(paths: dict[str, Floats]) -> str:
    """Describe which path ends at the lowest cost, and which of its last steps raised the cost."""
    costs = {label: cost(*path.T) for label, path in paths.items()}
    lowest, single = min(costs, key=lambda label: costs[label][-1]), costs["one row"]
    raised = int((np.diff(single[-len(X) - 1 :]) > 0).sum())
    ending = f"{raised} of its last {len(X)} steps raised the cost" if raised else "its last steps all lowered the cost"
    return (
        f"One row per step takes {len(X)} times as many steps as all rows per step; {ending}. The lowest cost at the "
        f"end is {number(float(costs[lowest][-1]), 3)}, with {lowest} per step."
    )


def _contours(
    paths: Sequence[Floats],
    titles: Sequence[str],
    best: Floats,
    *,
    window: tuple[tuple[float, float], tuple[float, float]] = ((-1.2, 5.4), (-1.0, 4.2)),
    levels: Sequence[float] = (0.2, 1, 4, 10, 20, 40, 70, 110),
) -> Figure:
    """Draw each path over the contours of the cost, one panel per path."""
    with panels(len(paths), width=7.4, height=2.75, share=True) as (figure, axes):
        (left, right), (low, high) = window
        w, b = np.meshgrid(np.linspace(left, right, 90), np.linspace(low, high, 90))
        costs = cost(w, b)  # (90, 90), one row per intercept
        for panel, path, title in zip(axes[0], paths, titles, strict=True):
            panel.contour(w, b, costs, levels=list(levels), colors=[MUTED], linewidths=0.5, alpha=0.7)
            _draw_path(panel, path)
            panel.plot(*best, "x", color=INK, markersize=6, markeredgewidth=1.4)
            panel.set_xlim(left, right)
            panel.set_ylim(low, high)
            panel.grid(visible=False)
            panel.set_title(title, color=INK)
            panel.set_xlabel("slope w")
        axes[0, 0].set_ylabel("intercept b")
    return figure


def _draw_path(panel: Axes, path: Floats) -> None:
    panel.plot(path[:, 0], path[:, 1], color=BLUE, linewidth=0.9)
    panel.plot(path[:, 0], path[:, 1], "o", color=BLUE, markersize=2.6, markeredgewidth=0)
    panel.plot(*path[0], "o", color=ORANGE, markersize=5, markeredgecolor=PAPER)


def _cost_curves(costs: dict[str, Floats]) -> Figure:
    with panels(width=4.2) as (figure, axes):
        panel = axes[0, 0]
        for values, (color, dash) in zip(costs.values(), STYLES, strict=False):
            panel.plot(values, color=color, linestyle=dash)
        log_scale(panel)
        panel.set_xlabel("step")
        panel.set_title("cost of all rows")
        label_lines(panel, list(costs))
    return figure


def _cost_per_epoch(costs: dict[str, Floats], lowest: float) -> Figure:
    with panels(width=4.2) as (figure, axes):
        panel = axes[0, 0]
        for values, (color, dash) in zip(costs.values(), STYLES, strict=False):
            # Over epochs, steps on one row and steps on all four have the same work on the same axis.
            panel.plot(np.linspace(0, EPOCHS, len(values)), values, color=color, linestyle=dash, linewidth=1.1)
        panel.axhline(lowest, color=MUTED, linewidth=0.8, linestyle=(0, (1, 3)))
        log_scale(panel)
        panel.set_xlabel("epochs (passes over the four rows)")
        panel.set_title("cost of all rows")
        label_lines(panel, [*costs, "lowest cost"])
    return figure


def _last_steps(paths: dict[str, Floats], rates: dict[str, float], best: Floats) -> pd.DataFrame:
    """Return where each path ends."""
    rows = []
    for label, path in paths.items():
        costs = cost(*path.T)
        rows.append(
            {
                "rate": rates[label],
                "steps": len(path) - 1,
                "w": path[-1, 0],
                "b": path[-1, 1],
                "cost at the end": costs[-1],
                "steps that raised the cost": int((np.diff(costs) > 0).sum()),
                "gradient norm": float(np.hypot(*gradient(*path[-1]))),
                "lowest cost": float(cost(*best)),
            }
        )
    return pd.DataFrame(rows, index=pd.Index(paths))
