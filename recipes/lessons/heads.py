"""SVM against softmax on a plane: their borders and margins, and what moves when a point moves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recipes.drawing import BLUE, INK, ORANGE, dots, label_lines, name_axes, panels, regions
from recipes.lessons.gradients import FORMULAS
from recipes.lessons.space import COLOR_NAMES, Plane, table_plane
from recipes.lessons.tools.page import Lesson, Picture
from recipes.lessons.tools.progress import step
from toolkit.common.formatting import number, percent

__all__ = ["HEADS", "fit", "leads", "show"]

Floats = NDArray[np.float64]

#: Head -> what the lesson calls it, and its color.
HEADS = {"hinge": ("SVM (hinge)", BLUE), "softmax": ("softmax", ORANGE)}
ROWS, MOST_ROWS = 60, 150
PENALTY, RATE, STEPS = 0.001, 0.1, 2_000
POSITIONS = np.linspace(0.0, 3.0, 16)  # how far the point is moved, in units of the plane
GRID = 70
BEYOND = 1.25
NEAR_MARGIN = 0.01  # Adam ends a hair's breadth beside the margin
CENTERS = np.array([[-0.6, -0.4], [0.6, -0.4], [0.0, 0.65]])
SPREAD = 0.34


def fit(head: str, x: Floats, y: NDArray[Any], classes: int, *, steps: int = STEPS) -> Floats:
    """Train linear models side by side by the mean loss of a head and a small L2 penalty, by Adam, from zeros.

    Args:
        head: ``"hinge"`` or ``"softmax"``.
        x: Points, shape (models, n, 2).
        y: Class ids, shape (n,).
        classes: Number of classes.
        steps: Steps on all points; the rate falls to 0 along a cosine.

    Returns:
        Weights of x1, x2 and the bias, shape (models, 3, classes).
    """
    models, n, _ = x.shape
    inputs = np.concatenate([x, np.ones((models, n, 1))], axis=2)  # (models, n, 3)
    w, mean, squares = (np.zeros((models, 3, classes)) for _ in range(3))
    labels = np.tile(y, models)
    for t in range(1, steps + 1):
        scores = (inputs @ w).reshape(models * n, classes)
        # The formulas give the gradient of the mean over all rows of all models: times models, of each one's mean.
        pull = models * FORMULAS[head].gradient(labels, scores).reshape(models, n, classes)
        gradient = inputs.transpose(0, 2, 1) @ pull + 2 * PENALTY * w * np.array([[1.0], [1.0], [0.0]])
        mean, squares = 0.9 * mean + 0.1 * gradient, 0.999 * squares + 0.001 * gradient**2
        rate = RATE * (1 + np.cos(np.pi * t / steps)) / 2
        w = w - rate * mean / (1 - 0.9**t) / (np.sqrt(squares / (1 - 0.999**t)) + 1e-9)
    return w


def leads(scores: Floats, y: NDArray[Any]) -> Floats:
    """Return by how much the score of the true class exceeds the largest other one, shape (n,).

    Example:
        >>> leads(np.array([[3.0, 1.0, 2.5], [0.0, 2.0, 0.0]]), np.array([0, 2])).tolist()
        [0.5, -2.0]
    """
    rows = np.arange(len(y))
    others = scores.copy()
    others[rows, y] = -np.inf
    return scores[rows, y] - others.max(axis=1)


def show(
    data: Any = None,
    *,
    target: str | None = None,
    task: str = "multiclass",
    columns: Sequence[str] | None = None,
    seed: int = 0,
) -> Lesson:
    """Train the same linear model with both heads, and move one point away from the borders.

    Args:
        data: A path, a DataFrame, or an (X, y) pair; None takes three clouds of points.
        target: The column to predict.
        task: "multiclass" (two classes too) or "binary".
        columns: The two columns of numbers to use; None takes the two with the highest predictive power.
        seed: Seed of the points, or of the sample of rows.

    Returns:
        The lesson.

    Raises:
        DataError: The lesson can't use the data, the task or the columns.
    """
    if data is None:
        plane, description = _clouds(seed), f"three generated clouds of {ROWS // 3} points; seed {seed}"
    else:
        plane, description = table_plane(data, target, task, columns, seed)
    x, y = plane.x[:MOST_ROWS].astype(np.float64), plane.y[:MOST_ROWS].astype(np.int64)
    classes, window = len(plane.labels), plane.window
    grid = _with_ones(_grid(window))
    weights = {head: fit(head, x[None], y, classes)[0] for head in HEADS}
    lead = {head: leads(_with_ones(x) @ w, y) for head, w in weights.items()}
    table = pd.DataFrame({HEADS[head][0]: _facts(weights[head], lead[head]) for head in HEADS}).T
    moved = _moved(x, y, classes, weights["hinge"], grid)
    content, total = int((lead["hinge"] >= 1 - NEAR_MARGIN).sum()), len(x)
    return Lesson(
        "heads",
        "SVM against softmax",
        f"Both heads decide {percent(_agreement(weights, grid))} of the plane alike. The hinge is content with "
        f"{content} of {total} rows, those that lead by 1; cross-entropy with none. A point that moves away from the "
        f"border changes {_change_text(moved['SVM (hinge)'])} under the hinge, and {_change_text(moved['softmax'])} "
        "under cross-entropy.",
        (
            _borders(plane, x, y, weights, lead, table, moved),
            _leads_picture(lead),
            _moves_picture(moved),
        ),
        decks=("W2", "SC"),
        data=f"{description}; {total} rows, a linear model, {number(STEPS)} steps, an L2 penalty of {PENALTY:g}",
    )


def _clouds(seed: int) -> Plane:
    rng = np.random.default_rng(seed)
    y = np.repeat(np.arange(3), ROWS // 3).astype(np.int32)
    x = (CENTERS[y] + rng.normal(scale=SPREAD, size=(len(y), 2))).astype(np.float32)
    return Plane("clouds", [f"class {k + 1}" for k in range(3)], ("x1", "x2"), x, y, x, y)


def _with_ones(x: Floats) -> Floats:
    return np.column_stack([x, np.ones(len(x))])


def _grid(window: tuple[float, float]) -> Floats:
    ticks = np.linspace(*window, GRID)
    return np.stack(np.meshgrid(ticks, ticks), axis=-1).reshape(-1, 2)


def _agreement(weights: Mapping[str, Floats], grid: Floats) -> float:
    first, second = ((grid @ w).argmax(axis=1) for w in weights.values())
    return float((first == second).mean())


def _facts(w: Floats, lead: Floats) -> dict[str, float]:
    return {
        "rows decided wrongly": int((lead <= 0).sum()),
        f"rows that lead by {1 - NEAR_MARGIN:g} or more": int((lead >= 1 - NEAR_MARGIN).sum()),
        "smallest lead": float(lead.min()),
        "mean lead": float(lead.mean()),
        "length of the weights": float(np.linalg.norm(w[:2])),
    }


def _moved(x: Floats, y: NDArray[Any], classes: int, w: Floats, grid: Floats) -> pd.DataFrame:
    """Return the share of the plane that each head decides otherwise while a row moves away from the border.

    The row leads by more than the margin under the hinge, and least of all that do. It moves in the direction in which
    its lead grows fastest.
    """
    lead = leads(_with_ones(x) @ w, y)
    beyond = lead > BEYOND  # a row at exactly 1 still holds the border
    row = int(np.where(beyond, lead, np.inf).argmin() if beyond.any() else lead.argmax())
    scores = _with_ones(x)[row] @ w
    rival = int(np.where(np.arange(classes) == y[row], -np.inf, scores).argmax())
    direction = w[:2, y[row]] - w[:2, rival]
    points = np.repeat(x[None], len(POSITIONS), axis=0)  # (positions, n, 2)
    direction /= np.linalg.norm(direction) or 1.0
    points[:, row] += POSITIONS[:, None] * direction
    columns = {}
    for done, (head, (name, _)) in enumerate(HEADS.items(), 1):
        step("a moving point, head", done, len(HEADS))
        decided = (grid @ fit(head, points, y, classes)).argmax(axis=2)  # (positions, GRID²)
        columns[name] = (decided != decided[0]).mean(axis=1)
    table = pd.DataFrame(columns, pd.Index(POSITIONS, name="moved by"))
    table.attrs |= {"lead": float(lead[row]), "point": x[row].tolist(), "direction": direction.tolist()}
    return table


def _borders(
    plane: Plane, x: Floats, y: NDArray[Any], weights: Mapping[str, Floats], lead: Mapping[str, Floats],
    table: pd.DataFrame, moved: pd.DataFrame,
) -> Picture:  # fmt: skip
    window = plane.window
    ticks, grid = np.linspace(*window, GRID), _with_ones(_grid(window))
    with panels(2, width=7.2, height=4.1) as (figure, axes):
        for panel, (head, (name, _)) in zip(axes[0], HEADS.items(), strict=True):
            scores = np.sort(grid @ weights[head], axis=1)
            regions(panel, (grid @ weights[head]).reshape(GRID, GRID, -1), window)
            # Where the best class leads the second by 1: the margin.
            lead_map = (scores[:, -1] - scores[:, -2]).reshape(GRID, GRID)
            panel.contour(ticks, ticks, lead_map, levels=[1.0], colors=[INK], linewidths=0.8, linestyles="dashed")
            dots(panel, x, y, lead[head] <= 0, size=3)
            near = lead[head] < 1 - NEAR_MARGIN
            panel.plot(*x[near].T, "o", markersize=6, markerfacecolor="none", markeredgecolor=INK, markeredgewidth=0.7)
            # The row that `_moves_picture` is about, and where it goes.
            point, way = (np.array(moved.attrs[key]) for key in ("point", "direction"))
            arrow = {"arrowstyle": "->", "color": INK, "linewidth": 0.9, "shrinkA": 4}
            panel.annotate("", point + 0.15 * window[1] * way, point, arrowprops=arrow, annotation_clip=False)
            panel.plot(*point, "s", markersize=7, markerfacecolor="none", markeredgecolor=INK)
            panel.set_title(f"{name}: {int(near.sum())} rows lead by less than 1", color=INK)
        generated = plane.name == "clouds"
        name_axes(axes, plane.axes if generated else ("first column", "second column"))
    names = "; ".join(f"{label} is {color}" for label, color in zip(plane.labels, COLOR_NAMES, strict=False))
    where = "" if generated else f" From left to right: {plane.axes[0]}; upwards: {plane.axes[1]}; both scaled."
    return Picture(
        "Borders and margins",
        "The color is the class with the highest score; along the dashed line it leads the second by 1. A ring is a "
        "row that leads by less than 1, a cross one that is decided wrongly, the square with an arrow the one that "
        f"moves below. Counts take {1 - NEAR_MARGIN:g} for 1, since training ends close to the margin. Rows beyond the "
        f"margin have a hinge and a gradient of 0: they don't pull at the border.{where} The classes: {names}.",
        figure,
        "Two maps of the plane with the regions of the classes, dashed lines beside the borders, and the rows.",
        table,
    )


def _change_text(shares: pd.Series) -> str:
    largest = float(shares.max())
    return f"the decision on up to {percent(largest, 2)} of the plane" if largest else "no decision"


def _leads_picture(lead: Mapping[str, Floats]) -> Picture:
    table = pd.DataFrame({HEADS[head][0]: np.sort(values)[::-1] for head, values in lead.items()})
    with panels(width=4.4, height=2.8) as (figure, axes):
        panel = axes[0, 0]
        for name, color in HEADS.values():
            panel.plot(np.arange(1, len(table) + 1), table[name], color=color)
        panel.axhline(1, color=INK, linewidth=0.8, linestyle=(0, (2, 2)))
        panel.set_title("lead of the true class")
        panel.set_xlabel("rows, the largest lead first")
        label_lines(panel, [name for name, _ in HEADS.values()])
    return Picture(
        "How far each row leads",
        "All rows, sorted by their lead; the dashed line is the margin of 1. The mean lead is "
        f"{number(float(table['SVM (hinge)'].mean()), 3)} under the hinge, which asks for no more than 1, and "
        f"{number(float(table['softmax'].mean()), 3)} under cross-entropy, which always asks for more and is held back "
        "by the penalty alone.",
        figure,
        "Two falling curves of the leads of all rows, with a line at 1.",
        table,
    )


def _moves_picture(moved: pd.DataFrame) -> Picture:
    row_lead = number(moved.attrs["lead"], 3)
    with panels(width=4.4, height=2.8) as (figure, axes):
        panel = axes[0, 0]
        for name, color in HEADS.values():
            panel.plot(moved.index, 100 * moved[name], "-o", color=color, markersize=2.6)
        panel.set_title("% of the plane decided otherwise")
        panel.set_xlabel("how far the point has moved")
        label_lines(panel, [name for name, _ in HEADS.values()])
    return Picture(
        "A point moves away",
        f"One row that leads by {row_lead} under the hinge moves further to its own side, and both models are trained "
        f"anew at each of its positions. This changes {_change_text(moved['SVM (hinge)'])} under the hinge, and "
        f"{_change_text(moved['softmax'])} under cross-entropy, whose gradient for the row was not 0.",
        figure,
        "Share of the plane decided otherwise against the way of the point, one line per head.",
        moved,
    )
