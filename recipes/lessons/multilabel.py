"""Several answers at once: one network with three outputs, or three networks with one output each."""

from __future__ import annotations

import itertools
from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from recipes import multilabel
from recipes.drawing import BLUE, INK, LINE, MUTED, ORANGE, PAPER, panels
from recipes.lessons.tools.page import Lesson, Picture
from recipes.samples import SAMPLES, path
from toolkit.common.formatting import number
from toolkit.evaluation.metric_names import metric_value
from toolkit.runs.comparison import Comparison

__all__ = ["show"]

LABELS = list(SAMPLES["street_scenes"].target)
SEEDS, HIDDEN, EPOCHS = 3, (64, 64), 40
CONTENDERS = {"logistic": ("one network", BLUE), "separate": ("three networks", ORANGE)}
ANSWERS = ((1, 0, 1), (0, 0, 1), (1, 1, 0))  # of the lecture's three pictures
WRONG = "wrong answers"


def show(*, seed: int = 0) -> Lesson:
    """Run the lesson: ask one network, and three, whether there is a car, a bus or a pedestrian.

    Args:
        seed: The first of three seeds; each seed has a split, initial weights and an order of the rows.
    """
    comparison = multilabel.compare(
        path("street_scenes"), target=LABELS, heads=tuple(CONTENDERS), hidden=HIDDEN, epochs=EPOCHS,
        seeds=range(seed, seed + SEEDS), baselines=False, progress=False,
    )  # fmt: skip
    weights = {kind: comparison.trials[kind, comparison.seeds[0]].parameters for kind in CONTENDERS}
    single, separate = (
        metric_value("hamming_loss", float(comparison.table.loc["hamming_loss", kind])) for kind in CONTENDERS
    )
    clear = "a clear difference" if comparison.differences[0]["clear"] else "no clear difference"
    return Lesson(
        name="multilabel",
        title="Several answers at once",
        summary=f"One network with three outputs gets {single} of the labels wrong, three networks {separate}: "
        f"{clear}. The three networks have {number(weights['separate'] / weights['logistic'], 2)} times the weights.",
        pictures=(
            _networks(comparison, weights),
            _wrong_answers(_errors(comparison)),
            _lecture_answers(_answers(comparison)),
        ),
        decks=("HB",),
        data=f"street_scenes.csv, {number(comparison.datasets[comparison.seeds[0]].rows)} rows; seeds "
        f"{', '.join(map(str, comparison.seeds))}",
    )


def _errors(comparison: Comparison) -> pd.DataFrame:
    """Return the share of wrong answers on the test rows: one row per label, contender and seed."""
    rows = []
    for (kind, seed), trial in comparison.trials.items():
        # y_true and y_pred have shape (rows, labels).
        wrong = (trial.outcome.y_true != trial.outcome.y_pred).mean(axis=0)
        rows += [
            {"label": label, "contender": CONTENDERS[kind][0], "seed": seed, WRONG: float(share)}
            for label, share in zip(LABELS, wrong, strict=True)
        ]
    return pd.DataFrame(rows)


def _answers(comparison: Comparison) -> dict[tuple[int, ...], list[float]]:
    """Return, for each of the lecture's answers, the probabilities of the first test row that gets exactly it."""
    outcome = comparison.trials["logistic", comparison.seeds[0]].outcome
    probabilities = np.asarray(outcome.probabilities)
    answers = {}
    for answer in ANSWERS:
        # Rows with this truth, of which every label is decided correctly.
        right = (outcome.y_true == answer).all(axis=1) & ((probabilities > 0.5) == answer).all(axis=1)
        if right.any():
            answers[answer] = probabilities[right.argmax()].tolist()
    return answers


def _networks(comparison: Comparison, weights: Mapping[str, int]) -> Picture:
    result = comparison.trials["logistic", comparison.seeds[0]].result
    inputs = result.model.input_shape[1] if result is not None else 0
    with panels(2, width=8.4, height=3.4, share=True) as (figure, axes):
        for panel, (kind, (name, color)) in zip(axes[0], CONTENDERS.items(), strict=True):
            panel.axis("off")
            panel.set_xlim(-0.3, 3.9)
            panel.set_ylim(-1.75, 1.35)
            panel.set_title(f"{name}: {number(weights[kind])} weights", color=color)
            if kind == "logistic":
                _network(panel, (0.0, 1.0), LABELS, 7, color)
            else:
                for label, center in zip(LABELS, (0.8, 0.0, -0.8), strict=True):
                    _network(panel, (center, 0.3), [label], 4, color)
            captions = (f"{inputs}\ninputs", *(f"{units}\nhidden" for units in HIDDEN), "outputs")
            for layer, caption in enumerate(captions):
                panel.text(layer, -1.3, caption, color=MUTED, ha="center", va="top")
    return Picture(
        "One network, or three",
        "Each column of dots is a layer (a few dots stand for all of its neurons), and each line a weight. The single "
        "network uses the same hidden layers for all three questions; the three networks learn hidden layers for each "
        "question.",
        figure,
        "Left: one network with three outputs. Right: three networks with one output each.",
        pd.DataFrame({"contender": [name for name, _ in CONTENDERS.values()], "weights": weights.values()}),
    )


def _network(panel: Axes, extent: tuple[float, float], labels: list[str], dots: int, color: str) -> None:
    """Draw three layers of dots and one output per label, from center - reach to center + reach, with all weights."""
    center, reach = extent
    # The heights of the dots of each layer, from the inputs to the outputs.
    layers = [
        np.linspace(center + reach, center - reach, count) if count > 1 else np.array([center])
        for count in (dots, dots, dots, len(labels))
    ]
    for layer, (left, right) in enumerate(itertools.pairwise(layers)):
        for start, end in itertools.product(left, right):
            panel.plot([layer, layer + 1], [start, end], color=LINE, linewidth=0.5, zorder=1)
    for layer, heights in enumerate(layers):
        edge, x = color if layer else MUTED, np.full(len(heights), layer)
        panel.plot(x, heights, "o", markersize=6, color=PAPER, markeredgecolor=edge, zorder=2)
    for label, height in zip(labels, layers[-1], strict=True):
        panel.text(3.18, height, f"{label}?", color=INK, va="center")


def _wrong_answers(errors: pd.DataFrame) -> Picture:
    with panels(width=4.4, height=2.9) as (figure, axes):
        panel = axes[0, 0]
        # Two bars beside each other at each label, left and right of its tick.
        for side, (name, color) in zip((-0.19, 0.19), CONTENDERS.values(), strict=True):
            by_label = errors[errors["contender"] == name].groupby("label", sort=False)[WRONG]
            panel.bar(np.arange(len(LABELS)) + side, by_label.mean(), width=0.34, color=color, alpha=0.55)
            for label, (_, shares) in enumerate(by_label):
                panel.plot(np.full(len(shares), label + side), shares, "o", markersize=3, color=color)
            panel.text(0.55 if side > 0 else 0.02, 0.97, name, color=color, transform=panel.transAxes, va="top")
        panel.set_ylim(0, 1.25 * errors[WRONG].max())
        panel.set_xticks(range(len(LABELS)), LABELS)
        panel.grid(visible=False, axis="x")
        panel.set_title("share of test rows with a wrong answer")
    # One row per label and seed, one column per contender.
    pairs = errors.pivot(index=["label", "seed"], columns="contender", values=WRONG)
    single, separate = (pairs[name] for name, _ in CONTENDERS.values())
    return Picture(
        "Wrong answers, label by label",
        f"Each dot is one of {SEEDS} splits, each bar their mean. One network makes fewer mistakes in "
        f"{int((single < separate).sum())} of the {SEEDS * len(LABELS)} pairs of a label and a split.",
        figure,
        "Share of test rows with a wrong answer for each label: one network beside three, with one dot per split.",
        errors,
    )


def _lecture_answers(answers: Mapping[tuple[int, ...], list[float]]) -> Picture:
    titles = [", ".join(map(str, truth)) for truth in answers]
    with panels(len(answers), width=7.6, height=2.5, share=True) as (figure, axes):
        for panel, title, (truth, probabilities) in zip(axes[0], titles, answers.items(), strict=True):
            for label, (probability, present) in enumerate(zip(probabilities, truth, strict=True)):
                panel.bar(label, probability, width=0.6, color=BLUE if present else PAPER, edgecolor=BLUE)
            panel.axhline(0.5, color=INK, linewidth=0.8, linestyle=(0, (2, 2)))
            panel.set_xticks(range(len(LABELS)), LABELS)
            panel.set_ylim(0, 1)
            panel.grid(visible=False, axis="x")
            panel.set_title(f"answer {title}; probabilities, sum {sum(probabilities):.2f}")
    return Picture(
        "The lecture's three answers",
        "Three test rows that the network answers as in the lecture's three pictures. Full bars are labels that are "
        "truly present; above one half the network answers yes. Each output answers its own question, so the three "
        "probabilities need not add up to 1, as those of a softmax do.",
        figure,
        "Probability of car, bus and pedestrian for three test rows, with a line at one half.",
        pd.DataFrame(
            [
                {"answer": title, **dict(zip(LABELS, probabilities, strict=True)), "sum": sum(probabilities)}
                for title, probabilities in zip(titles, answers.values(), strict=True)
            ]
        ),
    )
