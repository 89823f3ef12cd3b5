"""The perceptron: a line that moves only when it is wrong; beside logistic regression and a linear SVM."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from numpy.typing import NDArray

from recipes.drawing import BLUE, GRAY, GREEN, INK, ORANGE, PURPLE, boundary, label_lines, panels, plane
from recipes.lessons.tools.page import Lesson, Picture

__all__ = ["Learnt", "learn", "samples", "show"]

Floats = NDArray[np.float64]

ROWS = 20  # a class
RATE = 0.5
PASSES = 40
ORDERS = 5
REACH = 4.5  # of the planes that are drawn, on either side of 0


@dataclass(frozen=True)
class Learnt:
    """A perceptron after its passes over the rows.

    Attributes:
        steps: A row a correction: the pass, the row, its label, its score before and after, and the new weights.
        weights: Weights and bias at the start and after each pass, shape (passes + 1, 3).
        stopped: The pass without a correction, counted from 1; None where there was none.
    """

    steps: pd.DataFrame
    weights: Floats
    stopped: int | None


def learn(x: Floats, y: NDArray[np.integer], start: Floats, *, rate: float = RATE, passes: int = PASSES) -> Learnt:
    """Apply the perceptron's rule row by row: ``w <- w + rate (y - y') x``, so nothing where y' is right.

    Args:
        x: Points, shape (n, 2), in the order in which they are looked at.
        y: Labels, -1 and +1.
        start: Weights and bias at the start; the bias counts as the weight of a column of ones.
        rate: Length of a step. It changes nothing but the scale where the start is 0.
        passes: After how many passes over the rows to give up.

    Example:
        >>> learnt = learn(np.array([[1.0, 0.0], [-1.0, 0.0]]), np.array([1, -1]), np.array([-1.0, 0.0, 0.5]))
        >>> learnt.weights[-1].tolist(), learnt.stopped
        ([1.0, 0.0, 0.5], 2)

    References:
        Rosenblatt 1958, The perceptron: a probabilistic model for information storage and organization in the brain.
    """
    rows, w = np.column_stack([x, np.ones(len(x))]), np.array(start, np.float64)
    weights, steps, stopped = [w.copy()], [], None
    for turn in range(1, passes + 1):
        wrong = 0
        for place, (row, label) in enumerate(zip(rows, y, strict=True)):
            before = float(row @ w)
            said = 1 if before > 0 else -1
            if said != label:
                w = w + rate * (label - said) * row
                steps.append((turn, place, int(label), said, before, float(row @ w), *w))
                wrong += 1
        weights.append(w.copy())
        if not wrong:
            stopped = turn
            break
    columns = ["pass", "row", "y", "answer", "score before", "score after", "w1", "w2", "b"]
    return Learnt(pd.DataFrame(steps, columns=columns), np.array(weights), stopped)


def samples(seed: int, *, apart: bool) -> tuple[Floats, NDArray[np.int64]]:
    """Return two clouds of points in the plane and their labels, -1 and +1, in a drawn order.

    Args:
        seed: Seed of the draw.
        apart: Whether a line can separate them.

    Example:
        >>> x, y = samples(0, apart=True)
        >>> x.shape, int(y.sum())
        ((40, 2), 0)
    """
    random = np.random.default_rng(seed)
    y = random.permutation(np.repeat([-1, 1], ROWS))
    along, away = random.uniform(-3, 3, len(y)), random.uniform(0.15, 2.4, len(y))
    if not apart:
        away = random.normal(0.8, 1.2, len(y))
    turn = np.deg2rad(35)
    direction = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    return np.column_stack([along, y * away]) @ direction, y


def show(*, seed: int = 0) -> Lesson:
    """Run the lesson on two clouds of points, apart and overlapping.

    Args:
        seed: Of the points, the first weights and the orders of the rows.

    Returns:
        The lesson. Its first table has a row a correction.

    Example:
        >>> lesson = show()
        >>> (lesson.table["score after"] * lesson.table["y"] > lesson.table["score before"] * lesson.table["y"]).all()
        np.True_
    """
    apart, mixed = samples(seed, apart=True), samples(seed, apart=False)
    random = np.random.default_rng(seed)
    start = random.normal(size=3)
    learnt, endless = learn(*apart, start), learn(*mixed, start)
    return Lesson(
        "perceptron",
        "The perceptron",
        "The perceptron moves its line only when a row is on the wrong side. It stops at the first line that separates "
        "the classes; where there is none it never stops, while logistic regression and an SVM settle.",
        (_steps(*apart, learnt), _stops(learnt, endless), _which(*apart, start, random), _never(*mixed, endless)),
        decks=("SC", "NN"),
        data=f"two generated clouds of {ROWS} points each, apart and overlapping; seed {seed}",
    )


def _steps(x: Floats, y: NDArray[np.int64], learnt: Learnt) -> Picture:
    count = len(learnt.steps)
    moments = list(dict.fromkeys((0, min(1, count), min(2, count), count)))
    with panels(len(moments), width=7.2, height=2.3, share=True) as (figure, axes):
        for one, moment in zip(axes.flat, moments, strict=True):
            w = learnt.steps[["w1", "w2", "b"]].to_numpy()[moment - 1] if moment else learnt.weights[0]
            _points(one, x, y)
            boundary(one, w[:2], w[2])
            if moment < count:
                at = x[learnt.steps["row"].iloc[moment]]
                one.plot(*at, "o", markersize=9, markerfacecolor="none", markeredgecolor=INK, markeredgewidth=1.1)
            one.set_title("at the start" if not moment else f"after {moment} correction{'s' if moment > 1 else ''}")
        plane(axes, REACH)
    return Picture(
        "Row by row",
        "The ringed row is on the wrong side and moves the line next, so that its own score rises (label +1, blue) or "
        "falls (label −1, orange). A row on its right side changes nothing.",
        figure,
        f"{len(moments)} planes with points of two colors and a line: at the start, after the first corrections and "
        "at the end, when all points are on their sides.",
        learnt.steps,
    )


def _stops(learnt: Learnt, endless: Learnt) -> Picture:
    counts = {}
    for name, one in (("apart", learnt), ("overlapping", endless)):
        made = one.steps.groupby("pass").size().reindex(range(1, PASSES + 1), fill_value=0)
        counts[name] = [int(made.loc[turn]) if turn < len(one.weights) else None for turn in made.index]
    table = pd.DataFrame(counts, index=pd.RangeIndex(1, PASSES + 1, name="pass"), dtype=float)
    with panels(width=4.3, height=2.6) as (figure, axes):
        one = axes[0, 0]
        for name, color in (("apart", BLUE), ("overlapping", ORANGE)):
            one.plot(table.index, table[name], "-o", color=color, markersize=2.6)
        one.text(PASSES, float(table["overlapping"].iloc[-8:].max()) + 1.2, "overlapping", color=ORANGE, ha="right")
        one.text(len(learnt.weights) + 0.5, 0.3, "apart: it stops", color=BLUE)
        one.set_ylim(-0.5, float(table.max(axis=None)) + 2.5)
        one.set_title("corrections in a pass over the rows")
        one.set_xlabel("pass")
        one.grid(visible=False, axis="x")
    words = f"it ends after {learnt.stopped} passes" if learnt.stopped else f"it has not ended after {PASSES} passes"
    return Picture(
        "It stops, or it never does",
        f"Where a line can separate the classes, a pass comes without a correction: here {words}. Where they overlap "
        "some row is always wrong, and each correction spoils others.",
        figure,
        f"Corrections in each of {PASSES} passes: a line that falls to 0, and one that goes up and down without end.",
        table,
    )


def _which(x: Floats, y: NDArray[np.int64], start: Floats, random: np.random.Generator) -> Picture:
    lines: dict[str, Floats] = {}
    for place in range(ORDERS):
        order = random.permutation(len(x))
        lines[f"perceptron, order {place + 1}"] = learn(x[order], y[order], start, passes=1_000).weights[-1]
    lines |= _references(x, y, strict=True)
    table = pd.DataFrame([(*w / np.hypot(*w[:2]), _margin(w, x, y), _errors(w, x, y)) for w in lines.values()])
    table.columns = pd.Index(["w1", "w2", "b", "nearest row", "rows on the wrong side"])
    table.index = pd.Index(lines, name="line, with weights of length 1")
    with panels(width=4.4, height=3.4) as (figure, axes):
        _points(axes[0, 0], x, y)
        _compare(axes[0, 0], lines)
        plane(axes, REACH)
        for name, color, height in (
            ("SVM", PURPLE, 0.93),
            ("logistic\nregression", GREEN, 0.85),
            ("perceptron", GRAY, 0.72),
        ):
            axes[0, 0].annotate(name, (1.03, height), xycoords="axes fraction", color=color, va="top")
    return Picture(
        "Which line it finds",
        "Another order of the rows gives another line (gray): the perceptron stops at the first that will do. The "
        "SVM’s keeps the largest distance from the nearest row, and logistic regression’s is close to it.",
        figure,
        "Two clouds of points with five different gray lines between them, some close to a point, and the lines of the "
        "SVM and of logistic regression, which run through the middle of the gap.",
        table,
    )


def _never(x: Floats, y: NDArray[np.int64], endless: Learnt) -> Picture:
    settled = _references(x, y, strict=False)
    wrong = [_errors(w, x, y) for w in endless.weights]
    table = pd.DataFrame({"perceptron": wrong}, index=pd.RangeIndex(len(wrong), name="pass"))
    for name, w in settled.items():
        table[name] = _errors(w, x, y)
    last = {f"perceptron, pass {len(wrong) - k}": endless.weights[-k] for k in range(1, ORDERS + 1)}
    with panels(2, width=7.2, height=3.0) as (figure, axes):
        _points(axes[0, 0], x, y)
        _compare(axes[0, 0], last | settled)
        plane(axes[:, :1], REACH)
        side = axes[0, 1]
        side.plot(table.index, table["perceptron"], "-o", color=GRAY, markersize=2.6)
        for name, color in (("SVM", PURPLE), ("logistic regression", GREEN)):
            side.plot(table.index, table[name], color=color, linestyle="solid" if name == "SVM" else (0, (4, 2)))
        side.set_ylim(0, max(wrong) * 1.15)
        side.set_title("rows on the wrong side")
        side.set_xlabel("pass of the perceptron")
        side.grid(visible=False, axis="x")
        label_lines(side, ("perceptron", "SVM", "logistic\nregression"))
    least, most = min(wrong[1:]), max(wrong[1:])
    return Picture(
        "Where no line will do",
        f"The last lines of the perceptron (gray) differ widely, and between {least} and {most} of {len(x)} rows are "
        "on the wrong side. Logistic regression and the SVM weigh all rows at once and come to rest.",
        figure,
        "Left: overlapping clouds with the perceptron’s last five lines and the two settled ones. Right: the number of "
        "rows on the wrong side after each pass, which jumps up and down beside two level lines.",
        table,
    )


def _references(x: Floats, y: NDArray[np.int64], *, strict: bool) -> dict[str, Floats]:
    """Fit scikit-learn's linear SVM and logistic regression; strict lets no row inside the margin."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.svm import SVC

    models: dict[str, Any] = {
        "SVM": SVC(kernel="linear", C=1e4 if strict else 1.0),
        "logistic regression": LogisticRegression(),
    }
    fitted = {name: model.fit(x, y) for name, model in models.items()}
    return {name: np.append(model.coef_[0], model.intercept_[0]) for name, model in fitted.items()}


def _scores(w: Floats, x: Floats) -> Floats:
    return x @ w[:2] + w[2]


def _errors(w: Floats, x: Floats, y: NDArray[np.int64]) -> int:
    return int((np.where(_scores(w, x) > 0, 1, -1) != y).sum())


def _margin(w: Floats, x: Floats, y: NDArray[np.int64]) -> float:
    """Return the distance of the nearest row from the line, below 0 where a row is on the wrong side."""
    return float((y * _scores(w, x)).min() / np.hypot(*w[:2]))


def _points(axes: Axes, x: Floats, y: NDArray[np.int64]) -> None:
    for label, color, mark in ((1, BLUE, "o"), (-1, ORANGE, "s")):
        axes.plot(*x[y == label].T, mark, color=color, markersize=3.4, markeredgewidth=0, alpha=0.85)


def _compare(axes: Axes, lines: dict[str, Floats]) -> None:
    looks = {"SVM": (PURPLE, 2.0, "solid"), "logistic regression": (GREEN, 2.0, (0, (4, 2)))}
    for name, w in lines.items():
        color, width, dash = looks.get(name, (GRAY, 0.8, "solid"))
        boundary(axes, w[:2], w[2], color, width=width, dash=dash)
