"""A margin is not a probability: what the scores of both heads say about how often they are right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recipes import binary, multiclass
from recipes.drawing import BLUE, GRAY, ORANGE, panels
from recipes.lessons.tools.page import Lesson, Picture
from recipes.lessons.tools.progress import step
from recipes.lessons.tools.rows import noisy, prepare
from toolkit.common.errors import DataError, nearest
from toolkit.common.formatting import number, percent

if TYPE_CHECKING:
    from toolkit.runs.run import Run

__all__ = ["chances_of", "show"]

ROWS = 6_000  # of the generated table
HIDDEN, EPOCHS, BINS = (32,), 40, 12
RECIPES = {"multiclass": (multiclass, "softmax"), "binary": (binary, "logistic")}
RAW, FITTED = "score taken for a logit", "fitted on validation rows"


def show(
    data: Any = None, *, target: str | None = None, task: str = "multiclass", seed: int = 0, epochs: int = EPOCHS
) -> Lesson:
    """Train the same network with both heads, and compare what they promise with how often they are right.

    Args:
        data: A path, a DataFrame, or an (X, y) pair; by default a generated table with some wrong labels.
        target: The column to predict.
        task: "multiclass" (two classes too) or "binary".
        seed: Seed of the split and of the weights.
        epochs: Passes over the training rows.

    Returns:
        The lesson. Its last table has one row per head and way to get a probability.

    Raises:
        DataError: The lesson can't use the data or the task.
    """
    if task not in RECIPES:
        raise DataError(f"task={task!r}: this lesson is for {', '.join(RECIPES)}.{nearest(task, RECIPES)}")
    if data is None:
        data, target = noisy(ROWS, seed), "class"
        described = f"{number(ROWS)} generated rows, of which a seventh has a random label"
    else:
        table = prepare(data, target=target, task=task, seed=seed)  # refuses images, and targets with too many classes
        described = f"{table.name}, {number(table.rows)} rows"
    recipe, entropy = RECIPES[task]
    runs: dict[str, Run] = {}
    for head in ("hinge", entropy):
        step("network", len(runs) + 1, 2)
        runs[head] = recipe.train(
            data,
            target=target,
            head=head,
            hidden=HIDDEN,
            epochs=epochs,
            members=1,
            baselines=False,
            seed=seed,
            progress=False,
        )
    ways = {(head, way): chances for head, run in runs.items() for way, chances in chances_of(run).items()}
    outcomes: dict[str, Any] = {head: run.outcome for head, run in runs.items()}  # the split has test rows
    hits = {head: np.asarray(outcome.y_pred == outcome.y_true) for head, outcome in outcomes.items()}
    table = _table(ways, hits)
    wrong, right = table.loc[("hinge", RAW)], table.loc[("hinge", FITTED)]
    return Lesson(
        "calibration",
        "A margin is not a probability",
        f"Taken for logits, the hinge’s margins promise {percent(wrong['mean probability'])} and are right in "
        f"{percent(wrong['share right'])} of the test rows. Fitted on validation rows they promise "
        f"{percent(right['mean probability'])}, and no decision changes.",
        (_curves(ways, hits), _what_was_fitted(runs), _numbers(table)),
        decks=("W2", "SC"),
        data=f"{described}; {number(len(hits['hinge']))} test rows; one hidden layer of "
        f"{HIDDEN[0]}, {epochs} epochs; seed {seed}",
    )


def chances_of(run: Run) -> dict[str, NDArray[np.float64]]:
    """Return the probability of the class decided for in each test row, from the raw scores and as fitted.

    Args:
        run: A run of a binary or multiclass task.

    Returns:
        Way -> probabilities, shape (n,).
    """
    from scipy.special import expit, softmax

    outcome: Any = run.outcome
    scores, decided = np.asarray(outcome.scores, np.float64), np.asarray(outcome.y_pred)
    raw = softmax(scores, axis=1) if run.task == "multiclass" else expit(scores.reshape(len(scores)))
    chances = {RAW: raw, FITTED: np.asarray(outcome.probabilities, np.float64)}
    if run.task == "multiclass":
        return {way: p[np.arange(len(p)), decided] for way, p in chances.items()}
    return {way: np.where(decided == 1, p, 1 - p) for way, p in chances.items()}


def _table(ways: Mapping[tuple[str, str], NDArray[Any]], hits: Mapping[str, NDArray[np.bool_]]) -> pd.DataFrame:
    from toolkit.evaluation.reliability import expected_calibration_error

    rows = {}
    for (head, way), chances in ways.items():
        rows[head, way] = {
            "mean probability": float(chances.mean()),
            "share right": float(hits[head].mean()),
            "calibration error": expected_calibration_error(hits[head], chances, bins=BINS),
            "Brier score of the decision": float(np.square(chances - hits[head]).mean()),
        }
    return pd.DataFrame(rows).T.rename_axis(["head", "probability"])


def _curves(ways: Mapping[tuple[str, str], NDArray[Any]], hits: Mapping[str, NDArray[np.bool_]]) -> Picture:
    from toolkit.evaluation.reliability import reliability

    heads: Sequence[str] = list(dict.fromkeys(head for head, _ in ways))
    parts = []
    with panels(2, width=7.2, height=3.5, share=True) as (figure, axes):
        for panel, head in zip(axes[0], heads, strict=True):
            panel.plot([0, 1], [0, 1], color=GRAY, linewidth=0.8)
            for (kind, way), chances in ways.items():
                if kind != head:
                    continue
                curve = reliability(hits[head], chances, bins=BINS)
                color = ORANGE if way == RAW else BLUE
                panel.vlines(curve["predicted"], curve["low"], curve["high"], color=color, linewidth=0.9, alpha=0.5)
                # Dashed on top, so that a curve of the same values below it shows.
                dash = "solid" if way == RAW else (0, (3, 2))
                panel.plot(curve["predicted"], curve["observed"], marker="o", color=color, markersize=3, linestyle=dash)
                parts.append(pd.DataFrame(curve).assign(head=head, probability=way))
            panel.set_title(f"{head}: share of rows decided rightly")
            panel.set_xlabel("probability of the decided class")
        low = min(float(part["predicted"].min()) for part in parts)
        axes[0, 0].set_xlim(min(0.95, low) - 0.03, 1.02)
        axes[0, 0].set_ylim(0, 1.05)
        axes[0, 0].text(0.03, 0.16, RAW, color=ORANGE, transform=axes[0, 0].transAxes)
        axes[0, 0].text(0.03, 0.06, FITTED, color=BLUE, transform=axes[0, 0].transAxes)
    table = pd.concat(parts, ignore_index=True)[
        ["head", "probability", "predicted", "observed", "low", "high", "count"]
    ]
    return Picture(
        "What is promised and what is kept",
        f"The test rows in up to {BINS} groups of about equal size, by the probability of the class that is decided "
        "for. On the gray line the promise is kept; below it the network is overconfident, above it too cautious. The "
        "strokes are 95 % intervals of the share of rows decided rightly, by Wilson's formula. Where the fit changes "
        "nothing, the dashed blue curve lies on the orange one.",
        figure,
        "Two panels, one per head: share of rows decided rightly against their probability, before and after the fit.",
        table,
        digits=3,
    )


def _what_was_fitted(runs: Mapping[str, Run]) -> Picture:
    rows = {}
    for head, run in runs.items():
        fitted: Any = run.result.calibration
        parameters = ", ".join(
            f"{name} {', '.join(number(float(v), 3) for v in np.ravel(value))}"
            for name, value in fitted.parameters.items()
            if name != "knots"
        )
        rows[head] = {"method": fitted.method, "parameters": parameters or "none", "validation rows": fitted.rows}
    return Picture(
        "What is fitted",
        "A few numbers for all rows, found on validation rows. Decisions are made by the scores and stay as they are; "
        "the temperature of cross-entropy is 1 unless another lowers the loss on rows that the fit has not seen.",
        table=pd.DataFrame(rows).T.rename_axis("head"),
    )


def _numbers(table: pd.DataFrame) -> Picture:
    worst = table["calibration error"].idxmax()
    return Picture(
        "All four side by side",
        "The calibration error is the mean distance of a curve from the gray line. It is largest, "
        f"{number(float(table['calibration error'].max()), 2)}, for the {worst[0]} head with its {worst[1]}. The share "
        "of rows decided rightly does not depend on the fit. The Brier score is the mean of (p − c)², where p is the "
        "probability of the decision, and c is 1 if it is right and 0 if not.",
        table=table,
    )
