"""Several answers at once: one network with an output a label, against one network a label."""

from __future__ import annotations

import itertools
from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

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


def show(*, seed: int = 0) -> Lesson:
    """Run the lesson: is there a car, a bus, a pedestrian, asked of one network and of three.

    Args:
        seed: The first of three seeds, each with a split, initial weights and an order of the rows of its own.

    Returns:
        The lesson.
    """
    comparison = multilabel.compare(
        path("street_scenes"), target=LABELS, heads=tuple(CONTENDERS), hidden=HIDDEN, epochs=EPOCHS,
        seeds=range(seed, seed + SEEDS), baselines=False, progress=False,
    )  # fmt: skip
    weights = {kind: comparison.trials[kind, comparison.seeds[0]].parameters for kind in CONTENDERS}
    errors, answers = _errors(comparison), _answers(comparison)
    one, three = (
        metric_value("hamming_loss", float(comparison.table.loc["hamming_loss", kind])) for kind in CONTENDERS
    )
    clear = "a clear difference" if comparison.differences[0]["clear"] else "no clear difference"
    return Lesson(
        name="multilabel",
        title="Several answers at once",
        summary=f"One network with three outputs decides {one} of the labels wrongly, three networks {three}: "
        f"{clear}, at {number(weights['separate'] / weights['logistic'], 2)} times the weights.",
        pictures=(
            Picture(
                "One network, or three",
                "Each column of dots is a layer, of which a few stand for all, and each line a weight. One network "
                "shares its hidden layers between the questions; three networks learn them anew for each.",
                _drawn(comparison, weights),
                "Left: one network with three outputs. Right: three networks with one output each.",
                pd.DataFrame({"contender": [name for name, _ in CONTENDERS.values()], "weights": weights.values()}),
            ),
            Picture(
                "Wrong answers, label by label",
                f"Each dot is one of {SEEDS} splits of the rows, each bar their mean. Split by split and label by "
                f"label, one network errs less in {_won(errors)} of {SEEDS * len(LABELS)} pairs.",
                _bars(errors),
                "Share of test rows decided wrongly for each label, one network beside three, with a dot a split.",
                errors,
            ),
            Picture(
                "The lecture's three answers",
                "Test rows that it decides rightly, with the answers of the lecture's three pictures; full bars are "
                "what is truly there, and above one half the "
                "network says yes. Each output is a yes or no of its own, so that the three need "
                "not add up to 1, as those of a softmax would.",
                _drawn_answers(answers),
                "Probability of car, bus and pedestrian for three test rows, with a line at one half.",
                pd.DataFrame(
                    [
                        {"answer": ", ".join(map(str, truth))}
                        | dict(zip(LABELS, chances, strict=True))
                        | {"sum": sum(chances)}
                        for truth, chances in answers.items()
                    ]
                ),
            ),
        ),
        decks=("HB",),
        data=f"street_scenes.csv, {number(comparison.tables[comparison.seeds[0]].rows)} rows; seeds "
        f"{', '.join(map(str, comparison.seeds))}",
    )


def _errors(comparison: Comparison) -> pd.DataFrame:
    """Return the share of test rows decided wrongly: a row a label, contender and seed."""
    rows = []
    for (kind, seed), trial in comparison.trials.items():
        wrong = (trial.outcome.y_true != trial.outcome.y_pred).mean(axis=0)
        rows += [
            {"label": label, "contender": CONTENDERS[kind][0], "seed": seed, "decided wrongly": float(share)}
            for label, share in zip(LABELS, wrong, strict=True)
        ]
    return pd.DataFrame(rows)


def _won(errors: pd.DataFrame) -> int:
    """Return in how many pairs of a label and a split the one network errs less."""
    pairs = errors.pivot(index=["label", "seed"], columns="contender", values="decided wrongly")
    one, three = (pairs[name] for name, _ in CONTENDERS.values())
    return int((one < three).sum())


def _answers(comparison: Comparison) -> dict[tuple[int, ...], list[float]]:
    """Return, for each of the lecture's answers, the probabilities of the first test row that is decided so rightly."""
    outcome = comparison.trials["logistic", comparison.seeds[0]].outcome
    chance = np.asarray(outcome.probabilities)
    found = {}
    for answer in ANSWERS:
        right = (outcome.y_true == answer).all(axis=1) & ((chance > 0.5) == answer).all(axis=1)
        if right.any():
            found[answer] = chance[right.argmax()].tolist()
    return found


def _drawn(comparison: Comparison, weights: Mapping[str, int]) -> Figure:
    run = comparison.trials["logistic", comparison.seeds[0]].run
    inputs = run.model.input_shape[1] if run is not None else 0
    with panels(2, width=8.4, height=3.4, share=True) as (figure, axes):
        for panel, (kind, (name, color)) in zip(axes[0], CONTENDERS.items(), strict=True):
            panel.axis("off")
            panel.set_xlim(-0.3, 3.9)
            panel.set_ylim(-1.75, 1.35)
            panel.set_title(f"{name}: {number(weights[kind])} weights", color=color)
            if kind == "logistic":
                _net(panel, (0.0, 1.0), LABELS, 7, color)
            else:
                for label, middle in zip(LABELS, (0.8, 0.0, -0.8), strict=True):
                    _net(panel, (middle, 0.3), [label], 4, color)
            for place, words in enumerate((f"{inputs}\ninputs", *(f"{width}\nhidden" for width in HIDDEN), "outputs")):
                panel.text(place, -1.3, words, color=MUTED, ha="center", va="top")
    return figure


def _net(panel: Axes, where: tuple[float, float], labels: list[str], dots: int, color: str) -> None:
    """Draw a network around a height: a few dots a layer, every weight between them, a name an output."""
    middle, reach = where
    layers = [
        np.linspace(middle + reach, middle - reach, count) if count > 1 else np.array([middle])
        for count in (dots, dots, dots, len(labels))
    ]
    for place, (left, right) in enumerate(itertools.pairwise(layers)):
        for start, end in itertools.product(left, right):
            panel.plot([place, place + 1], [start, end], color=LINE, linewidth=0.5, zorder=1)
    for place, heights in enumerate(layers):
        edge = color if place else MUTED
        panel.plot(
            np.full(len(heights), place), heights, "o", markersize=6, color=PAPER, markeredgecolor=edge, zorder=2
        )
    for label, height in zip(labels, layers[-1], strict=True):
        panel.text(3.18, height, f"{label}?", color=INK, va="center")


def _bars(errors: pd.DataFrame) -> Figure:
    with panels(width=4.4, height=2.9) as (figure, axes):
        panel = axes[0, 0]
        for side, (name, color) in zip((-0.19, 0.19), CONTENDERS.values(), strict=True):
            own = errors[errors["contender"] == name].groupby("label", sort=False)["decided wrongly"]
            panel.bar(np.arange(len(LABELS)) + side, own.mean(), width=0.34, color=color, alpha=0.55)
            for place, (_, shares) in enumerate(own):
                panel.plot(np.full(len(shares), place + side), shares, "o", markersize=3, color=color)
            panel.text(0.55 if side > 0 else 0.02, 0.97, name, color=color, transform=panel.transAxes, va="top")
        panel.set_ylim(0, 1.25 * errors["decided wrongly"].max())
        panel.set_xticks(range(len(LABELS)), LABELS)
        panel.grid(visible=False, axis="x")
        panel.set_title("share of test rows decided wrongly")
    return figure


def _drawn_answers(answers: Mapping[tuple[int, ...], list[float]]) -> Figure:
    with panels(len(answers), width=7.6, height=2.5, share=True) as (figure, axes):
        for panel, (truth, chances) in zip(axes[0], answers.items(), strict=True):
            for place, (chance, there) in enumerate(zip(chances, truth, strict=True)):
                panel.bar(place, chance, width=0.6, color=BLUE if there else PAPER, edgecolor=BLUE)
            panel.axhline(0.5, color=INK, linewidth=0.8, linestyle=(0, (2, 2)))
            panel.set_xticks(range(len(LABELS)), LABELS)
            panel.set_ylim(0, 1)
            panel.grid(visible=False, axis="x")
            panel.set_title(f"answer {', '.join(map(str, truth))}; probabilities, sum {sum(chances):.2f}")
    return figure
