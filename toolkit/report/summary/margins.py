"""Margins: by how much the score of the truth leads, how confident decisions are, and what losses make of a margin.

An outcome has one decision per row; with several labels, one per cell, in the order in which `ravel` reads y_pred.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toolkit.evaluation.comparison_result import ComparisonResult
from toolkit.evaluation.metrics import Outcome
from toolkit.heads import Head
from toolkit.report.summary.values import clipped_histogram, contenders_of, pooled, short

__all__ = ["confidence_of", "for_comparison", "is_right", "margins_of", "moved_scores"]

BARS = 30  # of a histogram
STEPS = 41  # positions of a score that is moved
REACH = 2.0  # how far it is moved in each direction


def is_right(outcome: Outcome) -> NDArray[np.bool_]:
    """Return whether each decision is right, shape (decisions,)."""
    return (outcome.y_true == outcome.y_pred).ravel()


def confidence_of(outcome: Outcome) -> NDArray[np.float64] | None:
    """Return the probability given to each decision, shape (decisions,), or None without probabilities."""
    if outcome.probabilities is None:
        return None
    chance, decided = np.asarray(outcome.probabilities, dtype=float), outcome.y_pred
    if outcome.task == "multiclass":
        return chance[np.arange(len(decided)), decided]
    chance = chance.reshape(decided.shape)
    return np.where(decided == 1, chance, 1 - chance).ravel()


def margins_of(outcome: Outcome) -> NDArray[np.float64] | None:
    """Return by how much the score of the truth leads, shape (decisions,), or None without scores.

    Multiclass: the score of the true class minus the largest other score. Otherwise: the score, times -1 where the
    truth is 0. A margin below 0 is a wrong decision.
    """
    if outcome.scores is None:
        return None
    scores, truth = np.asarray(outcome.scores, dtype=float), outcome.y_true
    if outcome.task == "multiclass":
        # scores (rows, classes): hide the true class, then take the largest score of each row.
        rows, rivals = np.arange(len(truth)), scores.copy()
        rivals[rows, truth] = -np.inf
        return scores[rows, truth] - rivals.max(axis=1)
    return ((2 * truth - 1) * scores.reshape(truth.shape)).ravel()


def for_comparison(comparison: ComparisonResult) -> list[dict[str, Any] | None]:
    """Describe each contender's margins on the test rows, all seeds together."""
    return [_described(pooled(trials, margins_of), trials[0].head) for trials in contenders_of(comparison)]


def moved_scores(comparison: ComparisonResult) -> dict[str, Any] | None:
    """Return each contender's own loss of a few test rows as the score of the true class is moved.

    The contender whose loss requires a margin (or the reference, where none does) chooses the rows: one well beyond
    that margin, one inside it, and one that is wrong.
    """
    trials = [trials[0] for trials in contenders_of(comparison) if trials[0].outcome.scores is not None]
    if not trials:
        return None
    deltas = [trial.head.margin for trial in trials]
    chooser = next((i for i, delta in enumerate(deltas) if delta is not None), 0)
    names, delta = comparison.class_names, deltas[chooser] or 1.0
    margins: list[Any] = [margins_of(trial.outcome) for trial in trials]  # one array (test rows,) per contender
    dataset, moves = comparison.datasets[comparison.seeds[0]], np.linspace(-REACH, REACH, STEPS)
    leads, rows = margins[chooser], []
    for kind, candidates, goal in (
        ("past", leads >= delta, 2.5 * delta),
        ("near", (leads >= 0) & (leads < delta), 0.5 * delta),
        ("wrong", leads < 0, -0.5 * delta),
    ):
        positions = np.flatnonzero(candidates)
        if not len(positions):
            continue
        row = int(positions[np.argmin(np.abs(leads[positions] - goal))])
        truth = int(trials[0].outcome.y_true[row])
        scores = [np.asarray(trial.outcome.scores)[row] for trial in trials]
        rows.append(
            {
                "kind": kind,
                "row": dataset.source_rows[dataset.parts["test"][row]],
                "truth": names[truth],
                "scores": [short(values) for values in scores],
                "margins": [values[row] for values in margins],
                "losses": [
                    _losses(trial.head, values, truth, moves) for trial, values in zip(trials, scores, strict=True)
                ],
            }
        )
    return {
        "contenders": [comparison.labels.index(trial.label) for trial in trials],
        "chooser": comparison.labels.index(trials[chooser].label),
        "margin": deltas[chooser],
        "moves": [round(float(move), 10) for move in moves],
        "rows": rows,
    }


def _described(margins: NDArray[np.float64] | None, head: Head) -> dict[str, Any] | None:
    if margins is None:
        return None
    delta = head.margin
    return {
        "counted": len(margins),
        "wrong": (margins < 0).mean(),
        "inside": None if delta is None else ((margins >= 0) & (margins < delta)).mean(),
        "met": None if delta is None else (margins >= delta).mean(),
        "median": np.median(margins),
        "histogram": _histogram(margins, [0.0] if delta is None else [0.0, delta]),
    }


def _histogram(values: NDArray[np.float64], marks: Sequence[float]) -> dict[str, Any]:
    """Count values in bins of one width, with an edge at 0: no bar holds both right and wrong decisions."""
    values = values[np.isfinite(values)]
    if not len(values):
        return {"edges": [-1.0, 0.0, 1.0], "counts": [0, 0], "beyond": 0}
    low, high = np.quantile(values, [0.005, 0.995])
    low, high = min(low, *marks), max(high, *marks)
    width = float(f"{(high - low) / BARS or 1.0:.2g}")
    # Edges are multiples of the width, which puts one at 0: first * width ... -width, 0, width ...
    first = math.floor(low / width)
    edges = np.arange(first, max(math.ceil(high / width), first + 1) + 1) * width
    return {"edges": short(edges), **clipped_histogram(values, edges)}


def _losses(head: Head, scores: NDArray[Any], truth: int, moves: NDArray[np.float64]) -> list[float]:
    """Return the loss of one row for each move of the score of its true class, or of its only score to the truth."""
    # One copy of the row's scores (units,) per move: (moves, units).
    copies = np.repeat(np.asarray(scores, dtype=np.float32).reshape(1, -1), len(moves), axis=0)
    if head.task == "multiclass":
        copies[:, truth] += moves.astype(np.float32)
        labels: Any = np.full(len(moves), truth, dtype=np.int32)
    else:
        copies[:, 0] += ((2 * truth - 1) * moves).astype(np.float32)
        labels = np.full((len(moves), 1), truth, dtype=np.float32)
    loss = head.loss()
    loss.reduction = "none"
    return short(np.asarray(loss(labels, copies)))
