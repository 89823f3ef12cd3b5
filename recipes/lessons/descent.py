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

__all__ = ["cost", "descend", "show"]

RATE = 0.01  # of the lecture's one step
RATES = {"too small": 0.001, "right": 0.05, "too large": 0.11}
STEPS = 40
BATCHES = {"all four rows": 4, "two rows": 2, "one row": 1}
PASSES, BATCH_RATE = 40, 0.03

Floats = NDArray[np.float64]


def cost(w: Floats | float, b: Floats | float) -> Floats:
    """Return half the mean squared error of the lines ``w x + b`` through the lecture's four points.

    Args:
        w: Slopes, of any shape.
        b: Heights at 0, of the same shape.

    Example:
        >>> float(cost(5.0, 1.0))
        65.75
    """
    miss = np.multiply.outer(w, X) + np.asarray(b)[..., None] - Y
    return np.square(miss).mean(axis=-1) / 2


def gradient(w: float, b: float, rows: NDArray[np.intp] | slice = slice(None)) -> tuple[float, float]:
    """Return the derivatives of the cost of some rows by w and by b."""
    miss = w * X[rows] + b - Y[rows]
    return float((miss * X[rows]).mean()), float(miss.mean())


def descend(rate: float, steps: int, *, batch: int = 4, seed: int = 0) -> Floats:
    """Go down from the lecture's start, a gradient a step.

    Args:
        rate: What the gradient is multiplied by.
        steps: How many steps.
        batch: Rows a step; fewer than four are drawn anew in each pass over the four.
        seed: Seed of the order of the rows.

    Returns:
        w and b at the start and after each step, shape (steps + 1, 2).

    Example:
        >>> descend(0.01, 1).round(4).tolist()
        [[5.0, 1.0], [4.5175, 0.9]]
    """
    rng = np.random.default_rng(seed)
    path, waiting = [START], np.empty(0, np.intp)
    for _ in range(steps):
        if not len(waiting):
            waiting = np.arange(len(X)) if batch == len(X) else rng.permutation(len(X))
        w, b = path[-1]
        by_w, by_b = gradient(w, b, waiting[:batch])
        path.append((w - rate * by_w, b - rate * by_b))
        waiting = waiting[batch:]
    return np.array(path)


def show(*, seed: int = 0) -> Lesson:
    """Run the lesson: one step by hand, then the size of the step, then the rows a step.

    Args:
        seed: Seed of the order of the rows, where a step takes a part of them.

    Returns:
        The lesson.

    Example:
        >>> lesson = show()
        >>> lesson.tables["One step"].loc["after one step", "w"].round(4)
        np.float64(4.5175)
    """
    best = np.linalg.lstsq(np.stack([X, np.ones_like(X)], axis=1), Y)[0]
    curvature = np.linalg.eigvalsh([[np.square(X).mean(), X.mean()], [X.mean(), 1.0]])
    limit = 2 / curvature[-1]
    paths = {word: descend(rate, STEPS) for word, rate in RATES.items()}
    batches = {
        word: descend(BATCH_RATE, PASSES * len(X) // size, batch=size, seed=seed) for word, size in BATCHES.items()
    }
    return Lesson(
        name="descent",
        title="Down the gradient",
        summary=f"A step that is too short hardly moves and one that is too long climbs: on this cost the limit is a "
        f"rate of {limit:.3f}. Fewer rows a step give more steps for the same work, at the price of a restless end.",
        pictures=(
            _one_step(best),
            Picture(
                "Step sizes on the surface",
                f"Each closed curve joins lines of equal cost, and the cross marks the least one; every dot is a step. "
                f"{RATES['too small']} crawls, {RATES['right']} is down at once and then follows the flat valley, and "
                f"{RATES['too large']} jumps from side to side and up.",
                _surface(
                    [path[:9] if word == "too large" else path for word, path in paths.items()],
                    [f"rate {rate}: {word}" for word, rate in RATES.items()],
                    best,
                ),
                "Three maps of the cost over slope and height at 0, each with the path of the steps at one rate.",
                _ends(paths, RATES, best),
            ),
            Picture(
                "Step sizes and cost",
                f"Below the limit of {limit:.4f}, which is 2 over the greatest curvature of the surface, each step "
                f"lowers the cost. Above it each step overshoots by more than the last.",
                _costs({f"rate {rate}": cost(*paths[word].T) for word, rate in RATES.items()}),
                "Cost after each step, one line a learning rate, on a logarithmic scale.",
                pd.DataFrame(
                    {"step": range(STEPS + 1)} | {f"rate {r}": cost(*paths[word].T) for word, r in RATES.items()}
                ),
            ),
            Picture(
                "Rows a step",
                f"All three have read the four rows {PASSES} times at rate {BATCH_RATE}. One row a step gets furthest "
                "along the valley, because it steps four times as often, and never comes to rest.",
                _surface(
                    list(batches.values()),
                    list(BATCHES),
                    best,
                    window=((1.75, 3.05), (0.4, 2.5)),
                    levels=(0.1, 0.15, 0.25, 0.4, 0.7, 1.2, 2, 3, 5),
                ),
                "Three maps of the cost near its least value, with the path of all rows, two rows and one row a step.",
                _of_batches(batches, best),
            ),
            Picture(
                "Rows a step and cost",
                "The cost of all four rows, after each step. With all rows a step it only falls; a step on one row can "
                "raise it.",
                _by_pass({word: cost(*path.T) for word, path in batches.items()}, float(cost(*best))),
                "Cost of all rows over the passes through them, for steps of four rows, two rows and one row.",
                pd.DataFrame(
                    {"pass": range(PASSES + 1)}
                    | {word: cost(*path[:: len(X) // BATCHES[word]].T) for word, path in batches.items()}
                ),
            ),
        ),
        corrections=(
            "Mason Brain: the first prediction is 5 · 1 + 1 = 6, not 11.",
            "Mason Brain: the cost at the start is 65.75; 11.25 is the mean residual with that wrong 11; the mean "
            "residual is 10. The cost is half the mean of the squares.",
            "Mason Brain: there is one bias, not one for each row: b = 1, and its derivative is the mean residual.",
            "Mason Brain: after one step at rate 0.01 the slope is 4.5175 and the bias 0.9; 5 − 1.98 is not 4.505.",
            f"Mason Brain: the cost of all rows falls at each step only while the rate is small enough: here below "
            f"{limit:.4f}.",
        ),
        decks=("MB", "NN", "SC", "HB"),
        data="the lecture's own four points, x = (1, 3, 6, 5) and y = (4, 8, 14, 13), from w = 5 and b = 1",
    )


def _one_step(best: Floats) -> Picture:
    lines = {"start": START, "after one step": tuple(descend(RATE, 1)[1]), "least squares": tuple(best)}
    rows = []
    for w, b in lines.values():
        by_w, by_b = gradient(w, b)
        predicted = w * X + b
        rows.append(
            {"w": w, "b": b}
            | {f"prediction at {x:g}": p for x, p in zip(X, predicted, strict=True)}
            | {"cost": float(cost(w, b)), "derivative by w": by_w, "derivative by b": by_b}
        )
    table = pd.DataFrame(rows, index=pd.Index(lines))
    # Least squares is where the derivatives vanish; what round-off leaves of them would only distract.
    table[["derivative by w", "derivative by b"]] = table[["derivative by w", "derivative by b"]].round(9) + 0.0
    with panels(width=4.2, height=2.9) as (figure, axes):
        panel = axes[0, 0]
        across = np.array([0.0, 6.6])
        for (w, b), (color, dash) in zip(lines.values(), STYLES, strict=False):
            panel.plot(across, w * across + b, color=color, linestyle=dash)
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
        f"The gray strokes are the errors of the first line, whose cost is {cost(*START):.2f}. One step at rate {RATE} "
        "against the gradient turns the line towards the points, and the zero gradient marks the best one.",
        figure,
        "The four points with three lines: the start, the line after one step, and the least-squares line.",
        table,
        digits=6,
    )


def _surface(
    paths: Sequence[Floats],
    titles: Sequence[str],
    best: Floats,
    *,
    window: tuple[tuple[float, float], tuple[float, float]] = ((-1.2, 5.4), (-1.0, 4.2)),
    levels: Sequence[float] = (0.2, 1, 4, 10, 20, 40, 70, 110),
) -> Figure:
    """Draw paths over the lines of equal cost, a panel a path."""
    with panels(len(paths), width=7.4, height=2.75, share=True) as (figure, axes):
        (left, right), (low, high) = window
        w, b = np.meshgrid(np.linspace(left, right, 90), np.linspace(low, high, 90))
        heights = cost(w, b)
        for panel, path, title in zip(axes[0], paths, titles, strict=True):
            panel.contour(w, b, heights, levels=list(levels), colors=[MUTED], linewidths=0.5, alpha=0.7)
            _path(panel, path)
            panel.plot(*best, "x", color=INK, markersize=6, markeredgewidth=1.4)
            panel.set_xlim(left, right)
            panel.set_ylim(low, high)
            panel.grid(visible=False)
            panel.set_title(title, color=INK)
            panel.set_xlabel("slope w")
        axes[0, 0].set_ylabel("height at 0, b")
    return figure


def _path(panel: Axes, path: Floats) -> None:
    panel.plot(path[:, 0], path[:, 1], color=BLUE, linewidth=0.9)
    panel.plot(path[:, 0], path[:, 1], "o", color=BLUE, markersize=2.6, markeredgewidth=0)
    panel.plot(*path[0], "o", color=ORANGE, markersize=5, markeredgecolor=PAPER)


def _costs(lines: dict[str, Floats]) -> Figure:
    with panels(width=4.2) as (figure, axes):
        panel = axes[0, 0]
        for values, (color, dash) in zip(lines.values(), STYLES, strict=False):
            panel.plot(values, color=color, linestyle=dash)
        log_scale(panel)
        panel.set_xlabel("step")
        panel.set_title("cost of all rows")
        label_lines(panel, list(lines))
    return figure


def _by_pass(lines: dict[str, Floats], least: float) -> Figure:
    with panels(width=4.2) as (figure, axes):
        panel = axes[0, 0]
        for values, (color, dash) in zip(lines.values(), STYLES, strict=False):
            panel.plot(np.linspace(0, PASSES, len(values)), values, color=color, linestyle=dash, linewidth=1.1)
        panel.axhline(least, color=MUTED, linewidth=0.8, linestyle=(0, (1, 3)))
        log_scale(panel)
        panel.set_xlabel("passes over the four rows")
        panel.set_title("cost of all rows")
        label_lines(panel, [*lines, "least cost"])
    return figure


def _ends(paths: dict[str, Floats], rates: dict[str, float], best: Floats) -> pd.DataFrame:
    """Return where each rate ends."""
    rows = []
    for word, path in paths.items():
        values = cost(*path.T)
        rows.append(
            {
                "rate": rates[word],
                "steps": len(path) - 1,
                "w": path[-1, 0],
                "b": path[-1, 1],
                "cost at the end": values[-1],
                "steps that raised the cost": int((np.diff(values) > 0).sum()),
                "length of the gradient": float(np.hypot(*gradient(*path[-1]))),
                "least cost": float(cost(*best)),
            }
        )
    return pd.DataFrame(rows, index=pd.Index(paths))


def _of_batches(paths: dict[str, Floats], best: Floats) -> pd.DataFrame:
    rates = dict.fromkeys(paths, BATCH_RATE)
    return _ends(paths, rates, best)
