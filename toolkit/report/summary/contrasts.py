"""Where contenders part: rows on which they disagree, a score that is moved, regions of a plane."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.extmath import randomized_svd

from toolkit.common.formatting import plain
from toolkit.data.images.stack import ImageEncoder
from toolkit.report.pixels import scale_of, shrunk
from toolkit.report.summary.results import _cell, pictured, short
from toolkit.report.summary.run import CELLS, _telling

if TYPE_CHECKING:
    from toolkit.evaluation.metrics import Outcome
    from toolkit.heads import Head
    from toolkit.runs.comparison import Comparison, Trial

__all__ = ["confidence_of", "disagreement", "first_trials", "jiggle", "margins_of", "regions"]

_Reals = NDArray[np.float64]

ROWS = 10  # rows shown on which the contenders disagree
STEPS = 41  # places of a score that is moved
REACH = 2.0  # how far it is moved either way
REGIONS = 3  # contenders whose decision regions are drawn
CLASSES = 10  # classes up to which they are
GRID = 90  # decisions along each side of a plane
FITTED = 2_000  # test rows that a plane is laid through
POINTS = 200  # test rows drawn in it


def first_trials(comparison: Comparison) -> list[Trial]:
    """The trials of the first seed, in the order of the contenders."""
    return [comparison.trials[label, comparison.seeds[0]] for label in comparison.labels]


def confidence_of(outcome: Outcome) -> tuple[_Reals, NDArray[np.bool_]]:
    """Return the probability given to each decision, and whether it was right: of several labels, one a cell."""
    chance, said = np.asarray(outcome.probabilities, dtype=float), outcome.y_pred
    if outcome.task == "multiclass":
        return chance[np.arange(len(said)), said], said == outcome.y_true
    chance = chance.reshape(said.shape)
    return np.where(said == 1, chance, 1 - chance).ravel(), (said == outcome.y_true).ravel()


def margins_of(outcome: Outcome) -> _Reals:
    """Return by how much the true class's score leads: of several labels, one a cell."""
    scores, truth = np.asarray(outcome.scores, dtype=float), outcome.y_true
    if outcome.task == "multiclass":
        rows = np.arange(len(truth))
        others = scores.copy()
        others[rows, truth] = -np.inf
        return scores[rows, truth] - others.max(axis=1)
    return ((2 * truth - 1) * scores.reshape(truth.shape)).ravel()


def _right(outcome: Outcome) -> NDArray[np.bool_]:
    return (outcome.y_true == outcome.y_pred).ravel()


def disagreement(comparison: Comparison) -> dict[str, Any]:
    """Count, for the first seed, where contenders and reference are right; and take the rows on which they part."""
    trials, table = first_trials(comparison), comparison.tables[comparison.seeds[0]]
    counts = []
    if comparison.task != "regression":
        base = _right(trials[0].outcome)
        for trial in trials[1:]:
            own = _right(trial.outcome)
            counts.append(
                {
                    "both": int((base & own).sum()),
                    "reference": int((base & ~own).sum()),
                    "contender": int((~base & own).sum()),
                    "neither": int((~base & ~own).sum()),
                    "differ": int((trials[0].outcome.y_pred != trial.outcome.y_pred).sum()),
                }
            )
    where, head, said, total = _FINDERS[comparison.task](comparison, trials)
    columns = table.describe()["columns"] if len(where) else []
    columns = [columns[i] for i in _telling(columns, CELLS)]
    test = table.parts["test"]
    rows: list[dict[str, Any]] = [
        {
            "row": table.source_rows[test[place]],
            "said": words,
            "cells": [_cell(table.features.frame[c["name"]].iloc[test[place]], c["kind"]) for c in columns],
        }
        for place, words in zip(where, said, strict=True)
    ]
    first, image = trials[0].result, None
    if table.features.pixels is not None and first is not None:
        height, width = shrunk(np.zeros((1, *table.features.pixels.shape[1:3], 1), np.uint8)).shape[1:3]
        image = {"height": height, "width": width, "scale": scale_of(height, width)}
        for entry, shown in zip(rows, pictured(first, table, test[list(where)]), strict=True):
            entry |= shown
    return {
        "counted": int(trials[0].outcome.y_true.size),
        "counts": counts,
        "total": total,
        "shown": {
            "head": head,
            "columns": [column["name"] for column in columns],
            "left_out": len(table.features.columns) - len(columns),
            "image": image,
            "rows": rows,
        },
    }


_Found = tuple[Sequence[int], list[str], list[list[Any]], int]


def _decisions(comparison: Comparison, trials: Sequence[Trial]) -> _Found:
    """Rows (or cells, of several labels) that are decided differently, the surest decisions first."""
    several = comparison.task == "multilabel"
    said = np.stack([trial.outcome.y_pred.ravel() for trial in trials])
    truth = trials[0].outcome.y_true.ravel()
    sure = [None if t.outcome.probabilities is None else confidence_of(t.outcome)[0] for t in trials]
    places = np.flatnonzero((said != said[0]).any(axis=0))
    weight = np.sum([s[places] for s in sure if s is not None], axis=0) if any(s is not None for s in sure) else None
    order = places if weight is None else places[np.argsort(-weight, kind="stable")]
    width = len(comparison.target.columns) if several else 1
    names = [plain(name) for name in comparison.classes]
    listed = []
    for cell in order[:ROWS]:
        words: list[Any] = [plain(comparison.target.columns[cell % width])] if several else []
        words.append(bool(truth[cell]) if several else names[truth[cell]])
        for answers, chance in zip(said, sure, strict=True):
            words.append(
                {
                    "said": bool(answers[cell]) if several else names[answers[cell]],
                    "right": bool(answers[cell] == truth[cell]),
                    "chance": None if chance is None else float(chance[cell]),
                }
            )
        listed.append(words)
    return (
        [int(cell) // width for cell in order[:ROWS]],
        ["label", "true"] if several else ["true"],
        listed,
        len(places),
    )


def _predictions(comparison: Comparison, trials: Sequence[Trial]) -> _Found:
    """Rows whose predictions are furthest apart; those of several targets are compared in standard deviations."""
    said = np.stack([trial.outcome.y_pred for trial in trials])
    apart = np.ptp(said, axis=0) / comparison.target.scale
    order = np.argsort(-apart, axis=None, kind="stable")[:ROWS]
    several, listed = len(comparison.target.columns) > 1, []
    rows, targets = np.unravel_index(order, apart.shape)
    for row, target in zip(rows, targets, strict=True):
        words: list[Any] = [plain(comparison.target.columns[target])] if several else []
        words.append(float(f"{trials[0].outcome.y_true[row, target]:.6g}"))
        least = np.argmin(np.abs(said[:, row, target] - trials[0].outcome.y_true[row, target]))
        words += [
            {"said": float(f"{value:.6g}"), "right": bool(i == least), "chance": None}
            for i, value in enumerate(said[:, row, target])
        ]
        listed.append(words)
    return [int(row) for row in rows], ["target", "true"] if several else ["true"], listed, apart.size


_FINDERS: dict[str, Callable[[Comparison, Sequence[Trial]], _Found]] = {
    "regression": _predictions,
    "binary": _decisions,
    "multiclass": _decisions,
    "multilabel": _decisions,
}


# ------------------------------------------------------------------------------------ one score moved, decision regions


def jiggle(comparison: Comparison) -> dict[str, Any] | None:
    """Move the true class's score of a few test rows, and take each contender's own loss as it moves.

    The rows are chosen by the contender whose loss asks for a margin (or by the reference, were there none): one well
    past that margin, one inside it, one that is wrong.
    """
    trials = [trial for trial in first_trials(comparison) if trial.outcome.scores is not None]
    if not trials:
        return None
    deltas = [trial.head.margin for trial in trials]
    chooser = next((i for i, delta in enumerate(deltas) if delta is not None), 0)
    delta = deltas[chooser] or 1.0
    margin = margins_of(trials[chooser].outcome)
    kinds = (
        ("past", margin >= delta, 2.5 * delta),
        ("near", (margin >= 0) & (margin < delta), 0.5 * delta),
        ("wrong", margin < 0, -0.5 * delta),
    )
    table = comparison.tables[comparison.seeds[0]]
    moves, names = np.linspace(-REACH, REACH, STEPS), [plain(name) for name in comparison.classes]
    rows = []
    for kind, fits, wanted in kinds:
        places = np.flatnonzero(fits)
        if not len(places):
            continue
        place = int(places[np.argmin(np.abs(margin[places] - wanted))])
        truth = int(trials[0].outcome.y_true[place])
        rows.append(
            {
                "kind": kind,
                "row": table.source_rows[table.parts["test"][place]],
                "truth": names[truth],
                "scores": [short(np.asarray(t.outcome.scores)[place]) for t in trials],
                "margins": [float(margins_of(t.outcome)[place]) for t in trials],
                "losses": [_moved(t.head, np.asarray(t.outcome.scores)[place], truth, moves) for t in trials],
            }
        )
    return {
        "contenders": [comparison.labels.index(trial.label) for trial in trials],
        "chooser": comparison.labels.index(trials[chooser].label),
        "margin": deltas[chooser],
        "moves": [round(float(move), 10) for move in moves],
        "rows": rows,
    }


def _moved(head: Head, scores: NDArray[Any], truth: int, moves: _Reals) -> list[float]:
    """Return a head's loss of one row as its true class's score moves; of one score, as it moves the true way."""
    many = np.repeat(np.asarray(scores, dtype=np.float32).reshape(1, -1), len(moves), axis=0)
    if head.task == "multiclass":
        many[:, truth] += moves.astype(np.float32)
        labels: Any = np.full(len(moves), truth, dtype=np.int32)
    else:
        many[:, 0] += ((2 * truth - 1) * moves).astype(np.float32)
        labels = np.full((len(moves), 1), truth, dtype=np.float32)
    loss = head.loss()
    loss.reduction = "none"
    return short(np.asarray(loss(labels, many)))


def regions(comparison: Comparison) -> dict[str, Any] | None:
    """Take the decisions of the first seed's networks on a plane through their encoded test rows."""
    labels, classes = comparison.labels, len(comparison.classes)
    drawn = [(i, trial) for i, trial in enumerate(first_trials(comparison)) if trial.result is not None][:REGIONS]
    if not drawn or classes > CLASSES:
        return None
    run, table = drawn[0][1].result, comparison.tables[comparison.seeds[0]]
    if run is None or isinstance(run.encoder, ImageEncoder):  # a plane through pixels shows no images
        return None
    names = run.encoder.names
    if any(getattr(trial.result and trial.result.encoder, "names", None) != names for _, trial in drawn):
        return None
    inputs = run.encoder.transform(table.features.frame.iloc[table.parts["test"]]).astype(np.float64)
    if inputs.ndim != 2 or inputs.shape[1] < 2 or len(inputs) < 3:
        return None
    random = np.random.default_rng(0)
    kept = np.arange(len(inputs))
    fitted = np.sort(random.choice(kept, FITTED, replace=False)) if len(kept) > FITTED else kept
    centre = inputs[fitted].mean(axis=0)
    exact = inputs.shape[1] == 2
    if exact:
        axes, share = np.eye(2), 1.0
        centre = np.zeros(2)
    else:
        # LAPACK's quick singular values fail to converge on some tables; two components need no more than this.
        axes, lengths, _ = randomized_svd((inputs[fitted] - centre).T, 2, random_state=0)
        axes, total = axes.T, float(np.square(inputs[fitted] - centre).sum())
        share = float(np.square(lengths).sum()) / total if total else math.nan
        # A component's sign is arbitrary: the largest weight is set above 0.
        axes = axes * np.sign(axes[np.arange(2), np.abs(axes).argmax(axis=1)])[:, None]
    places = (inputs[fitted] - centre) @ axes.T
    low, high = np.quantile(places, [0.01, 0.99], axis=0)
    low, high = low - 0.1 * (high - low) - 1e-6, high + 0.1 * (high - low) + 1e-6
    x, y = (np.linspace(low[i], high[i], GRID) for i in (0, 1))
    plane = np.stack([part.ravel() for part in np.meshgrid(x, y)], axis=1)
    shown = (
        np.sort(random.choice(len(fitted), POINTS, replace=False)) if len(fitted) > POINTS else np.arange(len(fitted))
    )
    inside = ((places[shown] >= low) & (places[shown] <= high)).all(axis=1)
    shown = shown[inside]
    maps = []
    for place, trial in drawn:
        decided = _decided(trial, plane @ axes + centre).reshape(GRID, GRID)
        flat = _decided(trial, places @ axes + centre)
        truth, said = trial.outcome.y_true[fitted], trial.outcome.y_pred[fitted]
        maps.append(
            {
                "contender": place,
                "rows": ["".join(map(str, line)) for line in decided],
                "shares": [float((decided == k).mean()) for k in range(classes)],
                "as_the_network": float((flat == said).mean()),
                "wrong": (truth != said)[shown],
            }
        )
    return {
        "inputs": inputs.shape[1],
        "exact": exact,
        "names": [plain(name) for name in names[:2]] if exact else None,
        "share": share,
        "x": short([x[0], x[-1]]),
        "y": short([y[0], y[-1]]),
        "maps": maps,
        "points": {
            "x": short(places[shown, 0]),
            "y": short(places[shown, 1]),
            "true": drawn[0][1].outcome.y_true[fitted][shown],
            "wrong": [entry.pop("wrong") for entry in maps],
            "of": len(inputs),
        },
        "left_out": [plain(label) for label in labels if label not in [labels[i] for i, _ in drawn]],
    }


def _decided(trial: Trial, inputs: _Reals) -> NDArray[Any]:
    run = trial.result
    if run is None:
        raise ValueError("a contender without a network has no decisions on a plane")
    scores = run.raw_scores(inputs.astype(np.float32))
    threshold = getattr(run, "threshold", 0.0) or 0.0
    return run.head.decide(scores, threshold) if run.task == "binary" and threshold else run.head.decide(scores)
