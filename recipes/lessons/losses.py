"""The hinge and the cross-entropy on the lecture's own scores: what each asks for, and when it stops asking."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from recipes.drawing import BLUE, INK, LINE, MUTED, ORANGE, STYLES, label_lines, panels
from recipes.lessons.tools.page import Lesson, Picture

__all__ = ["hinge_terms", "losses_of", "show"]

Floats = NDArray[np.float64]

CLASSES = ("cat", "car", "frog")
SCORES = np.array([[3.2, 5.1, -1.7], [1.3, 4.9, 2.0], [2.2, 2.5, -3.1]])  # of the pictures of a cat, a car, a frog
LABELS = np.array([0, 1, 2])
SURE = np.array([[10.0, -2.0, 3.0], [10.0, 9.0, 9.0], [10.0, -100.0, -100.0]])  # all of class 0
PUBLISHED = np.array([[-2.85, 0.86, 0.28]])  # of class 2
LEADS = np.linspace(-3, 5, 33)
FACTORS = np.array([0.0, 0.25, 0.5, 1.0, 2.0, 3.0, 4.0])
JIGGLES = np.linspace(-1, 1, 21)


def hinge_terms(scores: Floats, labels: NDArray[np.integer]) -> Floats:
    """Return by how much each class misses the margin of 1, shape (n, classes); the true class's own is 1.

    Args:
        scores: Raw scores, shape (n, classes).
        labels: Class ids, shape (n,).

    Example:
        >>> hinge_terms(SCORES, LABELS).round(1).tolist()
        [[1.0, 2.9, 0.0], [0.0, 1.0, 0.0], [6.3, 6.6, 1.0]]
    """
    own = np.take_along_axis(scores, labels[:, None], axis=1)
    return np.maximum(0, scores - own + 1)


def losses_of(scores: Floats, labels: NDArray[np.integer]) -> pd.DataFrame:
    """Return the hinge, the squared hinge and the cross-entropy of each row, by the library's losses in float64.

    Args:
        scores: Raw scores, shape (n, classes).
        labels: Class ids, shape (n,).
    """
    from toolkit.losses import MulticlassHinge, SoftmaxCrossentropy

    ways: dict[str, Any] = {
        "hinge": MulticlassHinge(),
        "squared hinge": MulticlassHinge(squared=True),
        "cross-entropy": SoftmaxCrossentropy(),
    }
    return pd.DataFrame({name: np.asarray(loss.call(labels, scores)) for name, loss in ways.items()})


def show() -> Lesson:
    """Run the lesson on the scores of the lecture.

    Returns:
        The lesson. Its first table is the lecture's example, worked.

    Example:
        >>> lesson = show()
        >>> lesson.table.loc["frog", "hinge"].round(4), lesson.table.loc["mean", "hinge"].round(4)
        (np.float64(12.9), np.float64(5.2667))
    """
    worked = _worked()
    return Lesson(
        "losses",
        "What a loss asks for",
        "The hinge wants the true class to lead each other one by 1, and then stops caring; cross-entropy always asks "
        "for more.",
        (
            Picture(
                "The lecture’s example",
                "Three classes, and a score for each: the largest is the decision. Each loss counts, in its own way, "
                "how far the true class is from winning.",
                table=worked,
                digits=5,
            ),
            _drawn(worked),
            _variants(),
            _leads(),
            _start(),
            _scaled(),
            _jiggled(),
        ),
        corrections=(
            "Week 2: the frog’s hinge is 5.3 + 1 + 5.6 + 1 = 12.9 and the mean 5.2667; the slide forgets each + 1 and "
            "has 10.9 and 4.6.",
            "Week 2: the cost of logistic regression has one minus sign, in front of the whole sum.",
            "Week 2: to keep −log ŷ small it is ŷ that must come close to 1, not log ŷ (which comes close to 0).",
            "Mason Brain: softmax is taken of scores, not of “log probabilities”; the absolute error needs its "
            "absolute value; a cross-entropy is a loss, never an activation.",
            "Mason Brain: a regression loss is paired with accuracy, which counts hits; judge numbers by RMSE or R².",
            "HBNU: the last line of the cross-entropy in pieces is −log a₁₀ for class 10, not −log a₂.",
        ),
        decks=("W2", "MB", "HB"),
        data="the scores in the lecture",
    )


def _worked() -> pd.DataFrame:
    table = pd.DataFrame(
        SCORES, columns=[f"score of {name}" for name in CLASSES], index=pd.Index(CLASSES, name="picture of a")
    )
    table = table.join(losses_of(SCORES, LABELS).set_index(table.index))
    table.loc["mean"] = [None] * len(CLASSES) + table.iloc[:, len(CLASSES) :].mean().tolist()
    return table


def _drawn(table: pd.DataFrame) -> Picture:
    with panels(3, width=7.2, height=2.3, share=True) as (figure, axes):
        for row, one in enumerate(axes.flat):
            bar = SCORES[row, LABELS[row]] - 1
            one.axvspan(bar, 8, color=ORANGE, alpha=0.1, linewidth=0)
            one.axvline(bar, color=ORANGE, linewidth=0.9, linestyle=(0, (3, 2)))
            for place in range(len(CLASSES)):
                score, true = SCORES[row, place], place == LABELS[row]
                miss = max(0.0, score - bar)
                if miss and not true:
                    one.plot([bar, score], [place, place], color=ORANGE, linewidth=3.5, solid_capstyle="butt")
                    one.text((bar + score) / 2, place - 0.14, f"{miss:.1f}", color=ORANGE, ha="center", weight="bold")
                one.plot(score, place, "o", markersize=6, color=BLUE if true else INK)
            one.set_yticks(range(3), CLASSES)
            one.set_ylim(2.6, -0.6)
            one.set_xlim(-6, 6.5)
            one.set_xlabel("score")
            one.grid(visible=False, axis="x")
            one.set_title(f"a {CLASSES[row]}: hinge {table.iloc[row]['hinge']:.4g}")
    return Picture(
        "Who pays",
        "A wrong class (black) pays, orange, for each point by which it comes closer than 1 to the true class (blue). "
        "The frog’s own score is the lowest of its three, and it pays most: 6.3 + 6.6 = 12.9.",
        figure,
        "Three panels, one a picture, each with the scores of cat, car and frog as dots on a line. What reaches into "
        "the zone that begins 1 below the true class’s score is marked: 2.9 for the cat, nothing for the car, 6.3 and "
        "6.6 for the frog.",
        pd.DataFrame(hinge_terms(SCORES, LABELS), table.index[:3], columns=[f"{name} misses by" for name in CLASSES]),
    )


def _variants() -> Picture:
    terms = hinge_terms(SCORES, LABELS)
    wrong = np.where(np.arange(len(CLASSES)) == LABELS[:, None], 0.0, terms)
    ways = {
        "sum over the wrong classes": (wrong.sum(axis=1), "the hinge"),
        "mean over the wrong classes": (wrong.sum(axis=1) / (len(CLASSES) - 1), "the same, on another scale"),
        "sum over all classes": (terms.sum(axis=1), "1 more each; the same best weights"),
        "sum of squares": (np.square(wrong).sum(axis=1), "another loss: one large miss outweighs many small"),
    }
    table = pd.DataFrame.from_dict(
        {name: [*values, values.mean(), words] for name, (values, words) in ways.items()},
        orient="index",
        columns=[*CLASSES, "mean", "what it is"],
    )
    return Picture(
        "Sum or mean, with the true class or without, squared",
        "A mean instead of the sum, or the true class in the sum, changes the number and not which weights are best. "
        "Squaring does change them.",
        table=table.rename_axis("for each picture"),
        digits=5,
    )


def _leads() -> Picture:
    scores = np.stack([LEADS, 0 * LEADS, 0 * LEADS], axis=1)
    table = losses_of(scores, np.zeros(len(LEADS), np.int64))
    table.insert(0, "lead of the true class", LEADS)
    return Picture(
        "The smallest and the largest value",
        "Neither loss has an upper end, and neither falls below 0. The hinge reaches 0 at a lead of 1; cross-entropy "
        "only comes closer to it.",
        _lines(table, ("hinge", "squared hinge", "cross-entropy"), most=12.5, marks=(1,)),
        "Three curves of loss over the lead of the true class, from −3 to 5. The hinge falls in a straight line to 0 "
        "at a lead of 1, the squared hinge in a parabola; the cross-entropy falls on and on towards 0.",
        table,
    )


def _start() -> Picture:
    found = []
    for classes in (2, 3, 10, 1000):
        values = losses_of(np.zeros((1, classes)), np.zeros(1, np.int64)).iloc[0]
        found.append((classes, values["hinge"], values["cross-entropy"]))
    return Picture(
        "Two numbers to look for when training starts",
        "With scores near 0 the hinge is the number of classes less one, and cross-entropy is its natural logarithm, "
        "ln(classes). A network that starts far from them has a fault, or scores that are too large.",
        table=pd.DataFrame(found, columns=["classes", "hinge", "cross-entropy"]),
    )


def _scaled() -> Picture:
    grid = np.linspace(0, 4, 41)
    table, curve = (
        losses_of(factors[:, None] * SCORES[1], np.ones(len(factors), np.int64)) for factors in (FACTORS, grid)
    )
    curve.insert(0, "scores multiplied by", grid)
    table.insert(0, "scores multiplied by", FACTORS)
    return Picture(
        "The best weights are not the only ones",
        "The car’s hinge is 0; with weights twice as large every score doubles, and it is 0 still. Cross-entropy goes "
        "on falling: only a penalty on the weights stops it, and picks one set for the hinge.",
        _lines(curve, ("hinge", "cross-entropy"), most=2.2, marks=(1, 2)),
        "Loss of the car’s picture when its scores are multiplied by 0 to 4. The hinge is 0 from 0.34 on; the "
        "cross-entropy falls all the way and is never 0.",
        table,
    )


def _jiggled() -> Picture:
    names = ["10, −2, 3", "10, 9, 9", "10, −100, −100"]
    zeros = np.zeros(len(SURE), np.int64)
    table = pd.concat([losses_of(SURE, zeros), losses_of(PUBLISHED, np.array([2]))], ignore_index=True)
    table = table.drop(columns="squared hinge")
    table.insert(0, "true class", ["first"] * 3 + ["third"])
    table.index = pd.Index([*names, "−2.85, 0.86, 0.28"], name="scores")
    moved = np.concatenate([SURE, PUBLISHED])
    moved[np.arange(4), [0, 0, 0, 2]] -= 0.5
    after = losses_of(moved, np.array([0, 0, 0, 2]))
    for name in ("hinge", "cross-entropy"):
        table[f"{name}, true score 0.5 lower"] = after[name].to_numpy()
    with panels(2, width=7.2, height=2.5, share=True) as (figure, axes):
        for one, name in zip(axes.flat, ("hinge", "cross-entropy"), strict=True):
            for (color, dash), scores in zip(STYLES, SURE, strict=False):
                values = losses_of(scores + np.outer(JIGGLES, [1, 0, 0]), np.zeros(len(JIGGLES), np.int64))[name]
                one.plot(JIGGLES, values, color=color, linestyle=dash)
            one.set_title(name)
            one.set_xlabel("change of the true class’s score")
            one.grid(visible=False, axis="x")
            one.set_ylim(-0.12, 2.2)
        axes[0, 0].text(-0.5, 1.12, names[1], color=STYLES[1][0])
        axes[0, 1].text(-0.35, 0.95, names[1], color=STYLES[1][0])
        for one in axes.flat:
            one.text(-0.98, 0.08, names[0], color=STYLES[0][0])
            one.text(0.98, 0.08, names[2], color=STYLES[2][0], ha="right")
    return Picture(
        "Jiggle a score",
        "Where the lead is large, neither loss moves; the hinge is exactly 0 and its gradient too. At 10, 9, 9 the "
        "margin is just met: the hinge moves in one direction only, cross-entropy (0.5514) in both.",
        figure,
        "Two panels, hinge and cross-entropy, over a change of the true class’s score from −1 to 1. The lines of 10, "
        "−2, 3 and of 10, −100, −100 are flat at 0; that of 10, 9, 9 falls to 0 at no change for the hinge, and falls "
        "everywhere for the cross-entropy.",
        table,
    )


def _lines(table: pd.DataFrame, names: tuple[str, ...], *, most: float, marks: tuple[float, ...]) -> Figure:
    """Draw losses over the first column of their table, each named at its right end."""
    along = table.columns[0]
    with panels(width=4.3, height=2.9) as (figure, axes):
        one = axes[0, 0]
        for (color, dash), name in zip(STYLES, names, strict=False):
            one.plot(table[along], table[name], color=color, linestyle=dash)
        for mark in marks:
            one.axvline(mark, color=MUTED, linewidth=0.8, linestyle=(0, (2, 2)))
        one.axhline(0, color=LINE, linewidth=0.8)
        one.set_ylim(-0.03 * most, most)
        one.set_title("loss")
        one.set_xlabel(along)
        one.grid(visible=False, axis="x")
        label_lines(one, names)
    return figure
