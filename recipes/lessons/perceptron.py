"""The perceptron, whose line moves only when it is wrong, next to logistic regression and a linear SVM."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from numpy.typing import NDArray

from recipes.drawing import BLUE, GRAY, GREEN, INK, ORANGE, PURPLE, boundary, label_lines, panels, plane
from recipes.lessons.tools.page import Lesson, Picture
from toolkit.common.formatting import number

__all__ = ["Perceptron", "learn", "references", "samples", "show"]

Floats = NDArray[np.float64]

ROWS = 20  # per class
RATE = 0.5
PASSES = 40
ORDERS = 5
LIMIT = 4.5  # the planes reach from -LIMIT to LIMIT


@dataclass(frozen=True)
class Perceptron:
    """A perceptron after its passes over the rows.

    Attributes:
        corrections: One row per correction: the pass, the row, its label, its score before and after, the new weights.
        weights: Weights and bias at the start and after each pass, shape (passes + 1, 3).
        stopped: The first pass without a correction, counted from 1; None if there was none.
    """

    corrections: pd.DataFrame
    weights: Floats
    stopped: int | None


def learn(x: Floats, y: NDArray[np.integer], start: Floats, *, rate: float = RATE, passes: int = PASSES) -> Perceptron:
    """Apply the perceptron's rule to one row after another: ``w <- w + rate (y - y') x``, where y' is the answer.

    Nothing changes where the answer is right. The rule stops after a pass without a correction.

    Args:
        x: Points, shape (n, 2), in the order in which they are visited.
        y: Labels, -1 and +1.
        start: Weights and bias at the start; the bias is the weight of a column of ones.
        rate: The learning rate. If the start is 0, it only scales the weights.
        passes: The largest number of passes over the rows.

    Example:
        >>> trained = learn(np.array([[1.0, 0.0], [-1.0, 0.0]]), np.array([1, -1]), np.array([-1.0, 0.0, 0.5]))
        >>> trained.weights[-1].tolist(), trained.stopped
        ([1.0, 0.0, 0.5], 2)

    References:
        Rosenblatt 1958, The perceptron: a probabilistic model for information storage and organization in the brain.
    """
    rows, w = np.column_stack([x, np.ones(len(x))]), np.array(start, np.float64)  # (n, 3), (3,)
    weights, corrections, stopped = [w.copy()], [], None
    for epoch in range(1, passes + 1):
        before_pass = len(corrections)
        for index, (row, label) in enumerate(zip(rows, y, strict=True)):
            before = float(row @ w)
            answer = 1 if before > 0 else -1
            if answer != label:
                # y - y' is -2 or 2. The row's score changes by rate * (y - y') * |row|², toward its label.
                w = w + rate * (label - answer) * row
                corrections.append((epoch, index, int(label), answer, before, float(row @ w), *w))
        weights.append(w.copy())
        # No row is on the wrong side, so no later pass would change anything.
        if len(corrections) == before_pass:
            stopped = epoch
            break
    columns = ["pass", "row", "y", "answer", "score before", "score after", "w1", "w2", "b"]
    return Perceptron(pd.DataFrame(corrections, columns=columns), np.array(weights), stopped)


def samples(seed: int, *, separable: bool) -> tuple[Floats, NDArray[np.int64]]:
    """Return two clouds of points in the plane and their labels, -1 and +1, in random order.

    Args:
        seed: Seed of the draw.
        separable: Whether a line can separate the clouds.

    Example:
        >>> x, y = samples(0, separable=True)
        >>> x.shape, int(y.sum())
        ((40, 2), 0)
    """
    random = np.random.default_rng(seed)
    y = random.permutation(np.repeat([-1, 1], ROWS))
    # Position along the separating line, and distance from it; a negative distance is on the wrong side.
    along, distance = random.uniform(-3, 3, len(y)), random.uniform(0.15, 2.4, len(y))
    if not separable:
        distance = random.normal(0.8, 1.2, len(y))
    # Turned, so that neither column separates the classes without the other.
    angle = np.deg2rad(35)
    rotation = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    # (along the line, across it), turned by 35°
    return np.column_stack([along, y * distance]) @ rotation, y


def show(*, seed: int = 0) -> Lesson:
    """Run the lesson on two pairs of point clouds: one that a line can separate, and one that overlaps.

    Args:
        seed: Seed of the points, the initial weights and the orders of the rows.

    Returns:
        The lesson. Its first table has one row per correction.

    Example:
        >>> lesson = show()
        >>> (lesson.table["score after"] * lesson.table["y"] > lesson.table["score before"] * lesson.table["y"]).all()
        np.True_
    """
    separable, overlapping = samples(seed, separable=True), samples(seed, separable=False)
    random = np.random.default_rng(seed)
    start = random.normal(size=3)
    stopping, endless = learn(*separable, start), learn(*overlapping, start)
    return Lesson(
        "perceptron",
        "The perceptron",
        "The perceptron moves its line only when a row is on the wrong side. It stops at the first line that separates "
        "the classes. If no line separates them, it never stops, while logistic regression and an SVM still find one "
        "best line.",
        (
            _row_by_row(*separable, stopping),
            _corrections(stopping, endless),
            _orders(*separable, start, random),
            _overlapping(*overlapping, endless),
        ),
        decks=("SC", "NN"),
        data=f"two generated clouds of {ROWS} points each, separable and overlapping; seed {seed}",
    )


def _row_by_row(x: Floats, y: NDArray[np.int64], trained: Perceptron) -> Picture:
    count = len(trained.corrections)
    moments = list(dict.fromkeys((0, min(1, count), min(2, count), count)))  # without repetitions
    with panels(len(moments), width=7.2, height=2.3, share=True) as (figure, axes):
        for panel, moment in zip(axes.flat, moments, strict=True):
            w = trained.corrections[["w1", "w2", "b"]].to_numpy()[moment - 1] if moment else trained.weights[0]
            _points(panel, x, y)
            boundary(panel, w[:2], w[2])
            if moment < count:
                next_row = x[trained.corrections["row"].iloc[moment]]
                panel.plot(
                    *next_row, "o", markersize=9, markerfacecolor="none", markeredgecolor=INK, markeredgewidth=1.1
                )
            panel.set_title("at the start" if not moment else f"after {moment} correction{'s' if moment > 1 else ''}")
        plane(axes, LIMIT)
    return Picture(
        "Row by row",
        "The circled row is on the wrong side, so it moves the line next: its own score rises if its label is +1 "
        "(blue), and falls if it is −1 (orange). A row on its right side changes nothing.",
        figure,
        f"{len(moments)} planes with points of two colors and a line: at the start, after the first corrections, and "
        "at the end, when every point is on its right side.",
        trained.corrections,
    )


def _corrections(stopping: Perceptron, endless: Perceptron) -> Picture:
    counts = {}
    for name, trained in (("separable", stopping), ("overlapping", endless)):
        per_pass = trained.corrections.groupby("pass").size().reindex(range(1, PASSES + 1), fill_value=0)
        # None after the last pass: the line of the picture ends there.
        counts[name] = [int(per_pass.loc[epoch]) if epoch < len(trained.weights) else None for epoch in per_pass.index]
    table = pd.DataFrame(counts, index=pd.RangeIndex(1, PASSES + 1, name="pass"), dtype=float)
    with panels(width=4.3, height=2.6) as (figure, axes):
        panel = axes[0, 0]
        for name, color in (("separable", BLUE), ("overlapping", ORANGE)):
            panel.plot(table.index, table[name], "-o", color=color, markersize=2.6)
        panel.text(PASSES, float(table["overlapping"].iloc[-8:].max()) + 1.2, "overlapping", color=ORANGE, ha="right")
        panel.text(len(stopping.weights) + 0.5, 0.3, "separable: it stops", color=BLUE)
        panel.set_ylim(-0.5, float(table.max(axis=None)) + 2.5)
        panel.set_title("corrections in a pass over the rows")
        panel.set_xlabel("pass")
        panel.grid(visible=False, axis="x")
    ending = f"after {stopping.stopped} passes" if stopping.stopped else f"later than after {PASSES} passes"
    return Picture(
        "It stops, or it never does",
        f"If a line can separate the classes, a pass without corrections comes at last: here {ending}. If the classes "
        "overlap, some row is always on the wrong side, and each correction spoils the answers of other rows.",
        figure,
        f"Corrections in each of {PASSES} passes: one line falls to 0, the other goes up and down without end.",
        table,
    )


def _orders(x: Floats, y: NDArray[np.int64], start: Floats, random: np.random.Generator) -> Picture:
    lines: dict[str, Floats] = {}
    for k in range(1, ORDERS + 1):
        order = random.permutation(len(x))
        lines[f"perceptron, order {k}"] = learn(x[order], y[order], start, passes=1_000).weights[-1]
    lines |= references(x, y, strict=True)
    # Divided by the length of (w1, w2), a score is a distance from the line.
    table = pd.DataFrame([(*w / np.hypot(*w[:2]), _margin(w, x, y), _errors(w, x, y)) for w in lines.values()])
    table.columns = pd.Index(["w1", "w2", "b", "distance of the nearest row", "rows on the wrong side"])
    table.index = pd.Index(lines, name="line, with weights of length 1")
    distance = table["distance of the nearest row"]
    with panels(width=4.4, height=3.4) as (figure, axes):
        _points(axes[0, 0], x, y)
        _compare(axes[0, 0], lines)
        plane(axes, LIMIT)
        for name, color, height in (
            ("SVM", PURPLE, 0.93),
            ("logistic\nregression", GREEN, 0.85),
            ("perceptron", GRAY, 0.72),
        ):
            axes[0, 0].annotate(name, (1.03, height), xycoords="axes fraction", color=color, va="top")
    return Picture(
        "Which line it finds",
        "Each order of the rows leads to a different line (gray), because the perceptron stops at the first line that "
        f"separates the classes. The nearest row is {number(distance['SVM'], 2)} from the line of the SVM, "
        f"{number(distance['logistic regression'], 2)} from that of logistic regression, and at most "
        f"{number(float(distance.iloc[:ORDERS].max()), 2)} from those of the perceptron.",
        figure,
        "Two clouds of points with five different gray lines between them, some close to a point. The lines of the SVM "
        "and of logistic regression run through the middle of the gap.",
        table,
    )


def _overlapping(x: Floats, y: NDArray[np.int64], endless: Perceptron) -> Picture:
    settled = references(x, y, strict=False)
    wrong = [_errors(w, x, y) for w in endless.weights]
    table = pd.DataFrame({"perceptron": wrong}, index=pd.RangeIndex(len(wrong), name="pass"))
    for name, w in settled.items():
        table[name] = _errors(w, x, y)
    last = {f"perceptron, pass {len(wrong) - k}": endless.weights[-k] for k in range(1, ORDERS + 1)}
    with panels(2, width=7.2, height=3.0) as (figure, axes):
        _points(axes[0, 0], x, y)
        _compare(axes[0, 0], last | settled)
        plane(axes[:, :1], LIMIT)
        panel = axes[0, 1]
        panel.plot(table.index, table["perceptron"], "-o", color=GRAY, markersize=2.6)
        for name, color in (("SVM", PURPLE), ("logistic regression", GREEN)):
            panel.plot(table.index, table[name], color=color, linestyle="solid" if name == "SVM" else (0, (4, 2)))
        panel.set_ylim(0, max(wrong) * 1.15)
        panel.set_title("rows on the wrong side")
        panel.set_xlabel("pass of the perceptron")
        panel.grid(visible=False, axis="x")
        label_lines(panel, ("perceptron", "SVM", "logistic\nregression"))
    return Picture(
        "When no line separates the classes",
        f"The perceptron's last lines (gray) differ widely, and leave between {min(wrong[1:])} and {max(wrong[1:])} of "
        f"{len(x)} rows on the wrong side. Logistic regression and the SVM weigh all rows at once, so each of them "
        "arrives at one line.",
        figure,
        "Left: overlapping clouds with the perceptron’s last five lines and the lines of the SVM and of logistic "
        "regression. Right: the number of rows on the wrong side after each pass, which jumps up and down beside two "
        "level lines.",
        table,
    )


def references(x: Floats, y: NDArray[np.int64], *, strict: bool) -> dict[str, Floats]:
    """Return the weights and bias of scikit-learn's linear SVM and logistic regression.

    Args:
        x: Points, shape (n, 2).
        y: Labels, -1 and +1.
        strict: Let the SVM admit no row inside its margin.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.svm import SVC

    models: dict[str, Any] = {
        # A large C makes each violation so expensive that there is none: the hard margin.
        "SVM": SVC(kernel="linear", C=1e4 if strict else 1.0),
        "logistic regression": LogisticRegression(),
    }
    lines = {}
    for name, model in models.items():
        model.fit(x, y)
        lines[name] = np.append(model.coef_[0], model.intercept_[0])
    return lines


def _scores(w: Floats, x: Floats) -> Floats:
    return x @ w[:2] + w[2]


def _errors(w: Floats, x: Floats, y: NDArray[np.int64]) -> int:
    return int((np.where(_scores(w, x) > 0, 1, -1) != y).sum())


def _margin(w: Floats, x: Floats, y: NDArray[np.int64]) -> float:
    """Return the distance from the line to the nearest row; it is negative if a row is on the wrong side."""
    # The smallest signed distance: below 0 if any row is on the wrong side
    return float((y * _scores(w, x)).min() / np.hypot(*w[:2]))


def _points(axes: Axes, x: Floats, y: NDArray[np.int64]) -> None:
    for label, color, marker in ((1, BLUE, "o"), (-1, ORANGE, "s")):
        axes.plot(*x[y == label].T, marker, color=color, markersize=3.4, markeredgewidth=0, alpha=0.85)


def _compare(axes: Axes, lines: dict[str, Floats]) -> None:
    looks = {"SVM": (PURPLE, 2.0, "solid"), "logistic regression": (GREEN, 2.0, (0, (4, 2)))}
    for name, w in lines.items():
        color, width, dash = looks.get(name, (GRAY, 0.8, "solid"))
        boundary(axes, w[:2], w[2], color, width=width, dash=dash)
