"""The hinge and the cross-entropy on the lecture's scores: what each asks for, and when it stops asking."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from recipes.drawing import BLUE, INK, LINE, MUTED, ORANGE, STYLES, label_lines, panels
from recipes.lessons.tools.page import Lesson, Picture
from toolkit.common.formatting import number

__all__ = ["hinge_terms", "row_losses", "show"]

Floats = NDArray[np.float64]

CLASSES = ("cat", "car", "frog")
# One row per picture (of a cat, a car, a frog), one column per class.
SCORES = np.array([[3.2, 5.1, -1.7], [1.3, 4.9, 2.0], [2.2, 2.5, -3.1]])
LABELS = np.array([0, 1, 2])
CONFIDENT = np.array([[10.0, -2.0, 3.0], [10.0, 9.0, 9.0], [10.0, -100.0, -100.0]])  # all of class 0
PUBLISHED = np.array([[-2.85, 0.86, 0.28]])  # of class 2
LEADS = np.linspace(-3, 5, 33)
FACTORS = np.array([0.0, 0.25, 0.5, 1.0, 2.0, 3.0, 4.0])
CHANGES = np.linspace(-1, 1, 21)


def hinge_terms(scores: Floats, labels: NDArray[np.integer]) -> Floats:
    """Return by how much each class violates the margin of 1, shape (n, classes); for the true class this is 1.

    Args:
        scores: Raw scores, shape (n, classes).
        labels: Class ids, shape (n,).

    Example:
        >>> hinge_terms(SCORES, LABELS).round(1).tolist()
        [[1.0, 2.9, 0.0], [0.0, 1.0, 0.0], [6.3, 6.6, 1.0]]
    """
    true_scores = np.take_along_axis(scores, labels[:, None], axis=1)  # (n, 1)
    return np.maximum(0, scores - true_scores + 1)


def row_losses(scores: Floats, labels: NDArray[np.integer]) -> pd.DataFrame:
    """Return the hinge, the squared hinge and the cross-entropy of each row, by the library's losses in float64.

    Args:
        scores: Raw scores, shape (n, classes).
        labels: Class ids, shape (n,).
    """
    from toolkit.losses import MulticlassHinge, SoftmaxCrossentropy

    losses: dict[str, Any] = {
        "hinge": MulticlassHinge(),
        "squared hinge": MulticlassHinge(squared=True),
        "cross-entropy": SoftmaxCrossentropy(),
    }
    return pd.DataFrame({name: np.asarray(loss.call(labels, scores)) for name, loss in losses.items()})


def show() -> Lesson:
    """Compare the losses on the lecture's scores.

    Returns:
        The lesson. Its first table is the lecture's example.

    Example:
        >>> lesson = show()
        >>> lesson.table.loc["frog", "hinge"].round(4), lesson.table.loc["mean", "hinge"].round(4)
        (np.float64(12.9), np.float64(5.2667))
    """
    example = _example()
    return Lesson(
        "losses",
        "What a loss asks for",
        "The hinge asks that the true class lead every other class by 1, and nothing more; cross-entropy always asks "
        "for a larger lead.",
        (
            Picture(
                "The lecture’s example",
                "Three pictures with three scores each; the class with the highest score is the prediction. Each loss "
                "measures in its own way how far the true class is from winning.",
                table=example,
                digits=5,
            ),
            _violations(example),
            _variants(),
            _leads(),
            _at_the_start(),
            _scaled_scores(),
            _changed_scores(),
        ),
        corrections=(
            "Week 2: the frog’s hinge is 5.3 + 1 + 5.6 + 1 = 12.9 and the mean 5.2667; the slide forgets each + 1 and "
            "has 10.9 and 4.6.",
            "Week 2: the cost of logistic regression has one minus sign, in front of the whole sum.",
            "Week 2: to keep −log ŷ small, it is ŷ that must come close to 1, not log ŷ (which comes close to 0).",
            "Mason Brain: softmax is applied to scores, not to “log probabilities”; the absolute error needs its "
            "absolute value; a cross-entropy is a loss, never an activation.",
            "Mason Brain: a regression loss is paired with accuracy, which only counts hits; judge predicted numbers "
            "by RMSE or R².",
            "HBNU: the last line of the cross-entropy written case by case is −log a₁₀ for class 10, not −log a₂.",
        ),
        decks=("W2", "MB", "HB"),
        data="the scores in the lecture",
    )


def _example() -> pd.DataFrame:
    table = pd.DataFrame(
        SCORES, columns=[f"score of {name}" for name in CLASSES], index=pd.Index(CLASSES, name="picture of a")
    )
    table = table.join(row_losses(SCORES, LABELS).set_index(table.index))
    # Means of the losses only: those of the scores say nothing.
    table.loc["mean"] = [None] * len(CLASSES) + table.iloc[:, len(CLASSES) :].mean().tolist()
    return table


def _violations(example: pd.DataFrame) -> Picture:
    with panels(3, width=7.2, height=2.3, share=True) as (figure, axes):
        for row, panel in enumerate(axes.flat):
            _draw_violations(panel, SCORES[row], LABELS[row])
            panel.set_title(f"a {CLASSES[row]}: hinge {example.iloc[row]['hinge']:.4g}")
    columns = [f"{name} violates by" for name in CLASSES]
    # The true class can't violate its own margin.
    terms = np.where(np.arange(len(CLASSES)) == LABELS[:, None], np.nan, hinge_terms(SCORES, LABELS))
    return Picture(
        "Who pays",
        "A wrong class (black) costs as much as it reaches into the shaded zone, which begins 1 below the score of the "
        "true class (blue). The frog’s score is the lowest of its three, so it pays most: 6.3 + 6.6 = 12.9.",
        figure,
        "Three panels, one per picture, each with the scores of cat, car and frog as dots on a line. What reaches into "
        "the shaded zone is marked: 2.9 for the cat, nothing for the car, 6.3 and 6.6 for the frog.",
        pd.DataFrame(terms, example.index[:3], columns=columns),
    )


def _draw_violations(panel: Axes, scores: Floats, label: int) -> None:
    """Draw the scores of one picture, and by how much each wrong class violates the margin."""
    # A wrong class pays for its part beyond this point.
    margin = scores[label] - 1
    panel.axvspan(margin, 8, color=ORANGE, alpha=0.1, linewidth=0)
    panel.axvline(margin, color=ORANGE, linewidth=0.9, linestyle=(0, (3, 2)))
    for index, score in enumerate(scores):
        violation = max(0.0, score - margin)
        if violation and index != label:
            panel.plot([margin, score], [index, index], color=ORANGE, linewidth=3.5, solid_capstyle="butt")
            middle = (margin + score) / 2
            panel.text(middle, index - 0.14, f"{violation:.1f}", color=ORANGE, ha="center", weight="bold")
        panel.plot(score, index, "o", markersize=6, color=BLUE if index == label else INK)
    panel.set_yticks(range(3), CLASSES)
    # Upside down, so that the first class is at the top.
    panel.set_ylim(2.6, -0.6)
    panel.set_xlim(-6, 6.5)
    panel.set_xlabel("score")
    panel.grid(visible=False, axis="x")


def _variants() -> Picture:
    terms = hinge_terms(SCORES, LABELS)
    # (3,) against (3, 1) -> (pictures, classes): the true class's term, always 1, becomes 0.
    wrong = np.where(np.arange(len(CLASSES)) == LABELS[:, None], 0.0, terms)
    variants = {
        "sum over the wrong classes": (wrong.sum(axis=1), "the hinge"),
        "mean over the wrong classes": (wrong.sum(axis=1) / (len(CLASSES) - 1), "the same on another scale"),
        "sum over all classes": (terms.sum(axis=1), "1 more for each picture; the same best weights"),
        "sum of squares": (np.square(wrong).sum(axis=1), "another loss: one large violation outweighs many small ones"),
    }
    table = pd.DataFrame.from_dict(
        {name: [*values, values.mean(), meaning] for name, (values, meaning) in variants.items()},
        orient="index",
        columns=[*CLASSES, "mean", "what it is"],
    )
    return Picture(
        "Sum or mean, with or without the true class, squared",
        "Including the true class changes the loss but not which weights are best; nor does the mean in place of the "
        "sum, without a penalty. Squaring changes the best weights too.",
        table=table.rename_axis("variant"),
        digits=5,
    )


def _leads() -> Picture:
    # The scores of both other classes are 0, so the first class's score is its lead.
    scores = np.stack([LEADS, 0 * LEADS, 0 * LEADS], axis=1)
    table = row_losses(scores, np.zeros(len(LEADS), np.int64))
    table.insert(0, "lead of the true class", LEADS)
    return Picture(
        "The smallest and the largest value",
        "Three classes, the two wrong ones with equal scores. All three losses are at least 0, and none has a largest "
        "value. Both hinges are exactly 0 from a lead of 1 on; cross-entropy only approaches 0.",
        _loss_lines(table, ("hinge", "squared hinge", "cross-entropy"), top=12.5, marks=(1,)),
        "Three curves of the loss over the lead of the true class, from −3 to 5. The hinge falls in a straight line to "
        "0 at a lead of 1, the squared hinge in a parabola; the cross-entropy keeps falling towards 0.",
        table,
    )


def _at_the_start() -> Picture:
    rows = []
    for classes in (2, 3, 10, 1000):
        losses = row_losses(np.zeros((1, classes)), np.zeros(1, np.int64)).iloc[0]
        rows.append((classes, losses["hinge"], losses["cross-entropy"]))
    return Picture(
        "Two numbers to look for when training starts",
        "With scores near 0, the hinge is the number of classes minus 1, and cross-entropy is ln(classes). A network "
        "that starts far from these values has a bug, or its scores are too large.",
        table=pd.DataFrame(rows, columns=["classes", "hinge", "cross-entropy"]),
    )


def _scaled_scores() -> Picture:
    grid = np.linspace(0, 4, 41)
    table, curve = (
        # (factors, 1) * (classes,) -> (factors, classes)
        row_losses(factors[:, None] * SCORES[1], np.ones(len(factors), np.int64))
        for factors in (FACTORS, grid)
    )
    curve.insert(0, "scores multiplied by", grid)
    table.insert(0, "scores multiplied by", FACTORS)
    return Picture(
        "Many weights have a hinge of 0",
        "The hinge of the car’s picture is 0. With weights twice as large, all scores double and it is still 0, while "
        "cross-entropy keeps falling. A penalty on the weights selects one solution for the hinge, and stops the "
        "growth for cross-entropy.",
        _loss_lines(curve, ("hinge", "cross-entropy"), top=2.2, marks=(1, 2)),
        "Loss of the car’s picture when its scores are multiplied by 0 to 4. The hinge is 0 from 0.34 on; the "
        "cross-entropy falls all the way and is never 0.",
        table,
    )


def _changed_scores() -> Picture:
    names = ["10, −2, 3", "10, 9, 9", "10, −100, −100"]
    scores, labels = np.concatenate([CONFIDENT, PUBLISHED]), np.array([0, 0, 0, 2])
    table = _with_tiny_losses(scores, labels)
    table.insert(0, "true class", ["first"] * 3 + ["third"])
    table.index = pd.Index([*names, "−2.85, 0.86, 0.28"], name="scores")
    scores[np.arange(4), labels] -= 0.5
    lowered = _with_tiny_losses(scores, labels)
    rise = float(lowered["cross-entropy"][0] - table["cross-entropy"].iloc[0])
    for name in ("hinge", "cross-entropy"):
        table[f"{name}, true score 0.5 lower"] = lowered[name].to_numpy()
    return Picture(
        "Change a score a little",
        "Where the lead is large, the hinge and its gradient are exactly 0, and cross-entropy is small but not 0: at "
        f"10, −2, 3 it rises by {number(rise, 1)} if the true score falls by 0.5. At 10, 9, 9 the margin is just met: "
        "the hinge changes in one direction only, cross-entropy (0.5514) in both. In the last row of the table the "
        "third class is the true one and violates the margin: both losses change.",
        _changes_figure(names),
        "Two panels, hinge and cross-entropy, over a change of the true class’s score from −1 to 1. The lines of 10, "
        "−2, 3 and of 10, −100, −100 are flat, at 0 or close to it. The line of 10, 9, 9 falls to 0 at no change for "
        "the hinge, and falls everywhere for the cross-entropy.",
        table,
    )


def _with_tiny_losses(scores: Floats, labels: NDArray[np.integer]) -> pd.DataFrame:
    """Return the hinge and the cross-entropy of each row; a cross-entropy of 3e-48 does not round to 0."""
    true_scores = np.take_along_axis(scores, labels[:, None], axis=1)  # (n, 1)
    # -ln p = ln(1 + sum of e^(s_j - s_y) over the wrong classes); p itself would round to 1.
    wrong = np.arange(scores.shape[1]) != labels[:, None]
    crossentropy = np.log1p((np.exp(scores - true_scores) * wrong).sum(axis=1))
    return row_losses(scores, labels)[["hinge"]].assign(**{"cross-entropy": crossentropy})


def _changes_figure(names: list[str]) -> Figure:
    with panels(2, width=7.2, height=2.5, share=True) as (figure, axes):
        for panel, loss in zip(axes.flat, ("hinge", "cross-entropy"), strict=True):
            for (color, dash), scores in zip(STYLES, CONFIDENT, strict=False):
                changed = scores + np.outer(CHANGES, [1, 0, 0])  # (changes, classes)
                values = row_losses(changed, np.zeros(len(CHANGES), np.int64))[loss]
                panel.plot(CHANGES, values, color=color, linestyle=dash)
            panel.set_title(loss)
            panel.set_xlabel("change of the true class’s score")
            panel.grid(visible=False, axis="x")
            panel.set_ylim(-0.12, 2.2)
            panel.text(-0.98, 0.08, names[0], color=STYLES[0][0])
            panel.text(0.98, 0.08, names[2], color=STYLES[2][0], ha="right")
        axes[0, 0].text(-0.5, 1.12, names[1], color=STYLES[1][0])
        axes[0, 1].text(-0.35, 0.95, names[1], color=STYLES[1][0])
    return figure


def _loss_lines(table: pd.DataFrame, names: tuple[str, ...], *, top: float, marks: tuple[float, ...]) -> Figure:
    """Draw losses over the first column of a table, with vertical lines at the marks."""
    first = table.columns[0]
    with panels(width=4.3, height=2.9) as (figure, axes):
        panel = axes[0, 0]
        for (color, dash), name in zip(STYLES, names, strict=False):
            panel.plot(table[first], table[name], color=color, linestyle=dash)
        for mark in marks:
            panel.axvline(mark, color=MUTED, linewidth=0.8, linestyle=(0, (2, 2)))
        panel.axhline(0, color=LINE, linewidth=0.8)
        panel.set_ylim(-0.03 * top, top)
        panel.set_title("loss")
        panel.set_xlabel(first)
        panel.grid(visible=False, axis="x")
        label_lines(panel, names)
    return figure
