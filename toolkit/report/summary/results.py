"""What a run's test part shows, in plain values: metrics beside the baselines', curves, tables, mistakes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from toolkit.common.formatting import number, percent, plain
from toolkit.data.columns import level
from toolkit.evaluation import metrics
from toolkit.report.pixels import data_uri, displayed, shrunk

if TYPE_CHECKING:
    from toolkit.data.dataset import SplitData
    from toolkit.evaluation.metrics import Outcome
    from toolkit.evaluation.result import Result

__all__ = ["mistakes", "names_of", "pictured", "ranked", "results", "share", "short"]

CLASSES = 40  # classes or labels shown one by one
MATRIX = 15  # classes up to which the whole confusion matrix is shown
PAIRS = 20  # confusions listed where there are more classes than that
TARGETS = 4  # regression targets drawn
POINTS = 1_000  # rows drawn in scatter plots, all targets together
CURVE = 150  # points kept of a ROC or precision-recall curve
MISTAKES = 10
PICTURED = 20  # of images, which are taken in at a glance
CELL = 120  # letters kept of a cell of text


def names_of(run: Result) -> list[str]:
    """Return the classes, labels or targets as the texts that the whole report uses for them.

    Args:
        run: The run.

    Returns:
        Classes (binary, multiclass), labels (multilabel) or targets (regression), in order.
    """
    if run.task in ("binary", "multiclass"):
        return [plain(level(label)) for label in run.target.classes]
    return [plain(name) for name in run.target.columns]


def short(values: Any) -> list[float]:
    """Round to five significant digits, finer than any screen, so that the page and its JSON stay small.

    Args:
        values: Numbers.

    Returns:
        The same, in one list.

    Example:
        >>> short([1.23456789, 2.0])
        [1.2346, 2.0]
    """
    return [float(f"{value:.5g}") for value in np.asarray(values, dtype=float).ravel()]


def results(run: Result, outcome: Outcome) -> dict[str, Any]:
    """Return the metrics beside the baselines', and the numbers behind each picture and table of results.

    Args:
        run: The run.
        outcome: Its outcome on the test part.

    Returns:
        `metrics`, `lower_is_better` (names), and what the task has of `targets`, `confusion`, `classes`, `labels`,
        `curves` and `reliability`; the others are None.
    """
    table = run.table
    named = {}
    for name, row in table.iterrows():
        baselines = {
            baseline: {"value": row[baseline], "low": row.get(f"{baseline}_low"), "high": row.get(f"{baseline}_high")}
            for baseline in run.baselines
            if baseline in row.index
        }
        named[str(name)] = {"value": row["value"], "low": row["low"], "high": row["high"], "baselines": baselines}
    found: dict[str, Any] = {
        "metrics": named,
        "lower_is_better": [name for name in named if metrics.LOWER_IS_BETTER.get(name, False)],
        "targets": None,
        "confusion": None,
        "classes": None,
        "labels": None,
        "curves": None,
        "reliability": None,
    }
    if run.task == "regression":
        found["targets"] = _targets(run, outcome)
    elif run.task == "multilabel":
        found["labels"] = _labels(run, outcome)
    else:
        found["confusion"] = _confusion(run, outcome)
        found["classes"] = _classes(run, outcome)
    if run.task == "binary":
        found["curves"] = _curves(run, outcome)
    if outcome.probabilities is not None:
        fitted = run.calibration is not None and run.calibration.method == "temperature" and run.calibration.kept
        plain = run.head.probabilities(outcome.scores) if fitted and outcome.scores is not None else None
        before = None if plain is None else _reliability(outcome.y_true, plain)
        found["reliability"] = {**_reliability(outcome.y_true, outcome.probabilities), "before": before}
    return found


def _reliability(y_true: np.ndarray, probabilities: np.ndarray) -> dict[str, Any]:
    # Fewer groups on fewer rows: about 30 in each, so that a point means something.
    groups = min(15, max(5, y_true.size // 30))
    shape = metrics.reliability(y_true, probabilities, bins=groups)
    return {
        **{name: short(values) for name, values in shape.items() if name != "count"},
        "count": shape["count"],
        "rows": int(shape["count"].sum()),
        "ece": metrics.expected_calibration_error(y_true, probabilities, bins=groups),
    }


def _targets(run: Result, outcome: Outcome) -> list[dict[str, Any]]:
    names = names_of(run)
    shown, drawn = [], np.random.default_rng(0)
    for place, name in enumerate(names):
        true, predicted = outcome.y_true[:, place], outcome.y_pred[:, place]
        one = metrics.Outcome("regression", true[:, None], predicted[:, None])
        entry: dict[str, Any] = {
            "name": plain(name),
            **metrics.evaluate(one),
            "bands": None,
            "histogram": None,
            "points": None,
        }
        if place < TARGETS:
            error = true - predicted
            counts, edges = np.histogram(error, bins=min(30, max(5, int(len(error) ** 0.5))))
            most = POINTS // min(len(names), TARGETS)
            kept = np.sort(drawn.choice(len(true), most, replace=False)) if len(true) > most else np.arange(len(true))
            entry["bands"] = _bands(predicted, true)
            entry["histogram"] = {"edges": short(edges), "counts": counts}
            entry["points"] = {"true": short(true[kept]), "predicted": short(predicted[kept]), "of": len(true)}
        shown.append(entry)
    return shown


def _bands(predicted: np.ndarray, true: np.ndarray) -> dict[str, Any]:
    """Group rows by their prediction, a tenth of them each, with quantiles of the truth and of the error."""
    groups = np.array_split(np.argsort(predicted, kind="stable"), max(1, min(10, len(predicted) // 10)))
    bands: dict[str, Any] = {
        "rows": [len(group) for group in groups],
        "predicted": short([predicted[g].mean() for g in groups]),
    }
    for word, values in (("true", true), ("error", true - predicted)):
        quantiles = np.array([np.quantile(values[g], [0.05, 0.5, 0.95]) for g in groups])
        for place, name in enumerate(("low", "middle", "high")):
            bands[f"{word}_{name}"] = short(quantiles[:, place])
    return bands


def _confusion(run: Result, outcome: Outcome) -> dict[str, Any]:
    size = len(names_of(run))
    if size <= MATRIX:
        counts = np.zeros((size, size), dtype=int)
        np.add.at(counts, (outcome.y_true, outcome.y_pred), 1)
        return {"counts": counts, "pairs": None, "left_out": 0}
    # Of thousands of classes a matrix would hold millions of zeros.
    wrong = outcome.y_true != outcome.y_pred
    codes, rows = np.unique(outcome.y_true[wrong] * size + outcome.y_pred[wrong], return_counts=True)
    whole = np.bincount(outcome.y_true, minlength=size)
    pairs = []
    for place in np.argsort(-rows, kind="stable")[:PAIRS]:
        true, said = divmod(int(codes[place]), size)
        pairs.append({"true": true, "predicted": said, "rows": rows[place], "of": whole[true]})
    return {"counts": None, "pairs": pairs, "left_out": len(codes) - len(pairs)}


def share(part: int, whole: int) -> dict[str, float]:
    """Return a share with its 95 % Wilson interval, which is honest about few rows and about none.

    Args:
        part: Rows counted.
        whole: Of so many.

    Returns:
        `value`, `low` and `high`; NaN where there is nothing to count.

    References:
        Wilson, Probable Inference, the Law of Succession, and Statistical Inference, JASA 1927.

    Example:
        >>> {name: round(value, 3) for name, value in share(35, 35).items()}
        {'value': 1.0, 'low': 0.901, 'high': 1.0}
    """
    if not whole:
        return {"value": math.nan, "low": math.nan, "high": math.nan}
    z, share = 1.959963984540054, part / whole
    middle = (share + z**2 / (2 * whole)) / (1 + z**2 / whole)
    half = z / (1 + z**2 / whole) * math.sqrt(share * (1 - share) / whole + z**2 / (4 * whole**2))
    return {"value": share, "low": max(0.0, middle - half), "high": min(1.0, middle + half)}


def _found(name: str, true: np.ndarray, said: np.ndarray) -> dict[str, Any]:
    """Return how one class or label was found: its rows, precision, recall and F1."""
    hits, rows, claims = int((true & said).sum()), int(true.sum()), int(said.sum())
    return {
        "name": name,
        "rows": rows,
        "predicted": claims,
        "precision": share(hits, claims),
        "recall": share(hits, rows),
        "f1": 2 * hits / (rows + claims) if rows + claims else math.nan,
    }


def _worst(entries: list[dict[str, Any]]) -> dict[str, Any]:
    """Keep all entries, or the ones with the lowest F1 where there are too many, in their own order."""
    order = sorted(range(len(entries)), key=lambda i: (not math.isnan(entries[i]["f1"]), entries[i]["f1"], i))
    kept = sorted(order[:CLASSES])
    return {"shown": [entries[i] for i in kept], "left_out": len(entries) - len(kept)}


def _classes(run: Result, outcome: Outcome) -> dict[str, Any]:
    return _worst([_found(label, outcome.y_true == i, outcome.y_pred == i) for i, label in enumerate(names_of(run))])


def _labels(run: Result, outcome: Outcome) -> dict[str, Any]:
    ranking = outcome.probabilities if outcome.probabilities is not None else outcome.scores
    entries = []
    for i, label in enumerate(names_of(run)):
        true, said = outcome.y_true[:, i] == 1, outcome.y_pred[:, i] == 1
        entry = _found(label, true, said)
        entry["roc_auc"] = _auc(true, ranking[:, i]) if ranking is not None else math.nan
        entries.append(entry)
    return _worst(entries)


def _auc(true: np.ndarray, ranking: np.ndarray) -> float:
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(true, ranking)) if 0 < true.sum() < len(true) else math.nan


def _thin(x: np.ndarray, y: np.ndarray) -> tuple[list[float], list[float]]:
    """Keep the points that are spread evenly along a curve, its ends always."""
    if len(x) > CURVE:
        way = np.concatenate([[0.0], np.cumsum(np.abs(np.diff(x)) + np.abs(np.diff(y)))])
        kept = np.unique(np.searchsorted(way, np.linspace(0, way[-1], CURVE)))
        kept = np.unique(np.concatenate([[0], np.minimum(kept, len(x) - 1), [len(x) - 1]]))
        x, y = x[kept], y[kept]
    return short(x), short(y)


def _curves(run: Result, outcome: Outcome) -> dict[str, Any] | None:
    from sklearn.metrics import precision_recall_curve, roc_curve

    true = outcome.y_true
    if not 0 < true.sum() < len(true):
        return None
    drawn: dict[str, Any] = {"roc": {}, "precision_recall": {}, "share": float(true.mean())}
    others = {name: other for name, other in run.baselines.items() if name != "dummy"}
    for name, one in {"network": outcome, **others}.items():
        ranking = one.probabilities if one.probabilities is not None else one.scores
        if ranking is None:
            continue
        ranking = np.asarray(ranking, dtype=float).reshape(len(true))
        x, y, _ = roc_curve(true, ranking)
        drawn["roc"][name] = _thin(x, y)
        precision, recall, _ = precision_recall_curve(true, ranking)
        drawn["precision_recall"][name] = _thin(recall[::-1], precision[::-1])
    hits, claims = int((outcome.y_pred * true).sum()), int(outcome.y_pred.sum())
    recall = hits / int(true.sum())
    drawn["at"] = {
        "false_positive_rate": (claims - hits) / int((1 - true).sum()),
        "recall": recall,
        "precision": hits / claims if claims else math.nan,
    }
    return drawn


def mistakes(run: Result, table: SplitData, outcome: Outcome, columns: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the test rows on which the network was most sure, and wrong; for regression, those it missed by most.

    Args:
        run: The run.
        table: Its table.
        outcome: Its outcome on the test part.
        columns: The columns to show of each row, as `SplitData.describe` describes them, in order.

    Returns:
        `rows`, each with its number in the user's file, what was said of it and its cells (of images: its `file`, if it
        is known, and its `picture`), and what heads the table.
    """
    test = table.parts["test"]
    where, said, total = ranked(run, outcome, MISTAKES if table.features.pixels is None else PICTURED)
    rows = []
    for place, words in zip(where, said, strict=True):
        cells = [_cell(table.features.frame[column["name"]].iloc[test[place]], column["kind"]) for column in columns]
        rows.append({"row": table.source_rows[test[place]], "said": words, "cells": cells})
    if table.features.pixels is not None:
        for entry, shown in zip(rows, pictured(run, table, test[where]), strict=True):
            entry |= shown
    return {
        "about": f"{_ABOUT[run.task]} {_NUMBERED if table.features.pixels is None else _ORDERED}",
        "head": _HEADS[run.task] if len(run.target.columns) > 1 or run.task != "regression" else _HEADS[run.task][1:],
        "columns": [column["name"] for column in columns],
        "left_out": len(table.features.columns) - len(columns),
        "rows": rows,
        "total": total,
    }


def pictured(run: Result, table: SplitData, rows: np.ndarray) -> list[dict[str, Any]]:
    """Return images of a table as a page shows them.

    Args:
        run: The run, whose encoder knows how bright pixels are.
        table: The images.
        rows: Which of them.

    Returns:
        For each its `file`, or None where it came without a name, and its `picture`.
    """
    encoder: Any = run.encoder
    pixels: Any = table.features.pixels
    names = [table.features.names[row] if table.features.names else "" for row in rows]
    images = shrunk(displayed(pixels[rows], encoder.low, encoder.high))
    return [
        {"file": plain(name) or None, "picture": data_uri(image)} for name, image in zip(names, images, strict=True)
    ]


def ranked(run: Result, outcome: Outcome, most: int) -> tuple[np.ndarray, list[list[Any]], int]:
    """Return the test rows that were missed by most, or on which the network was most sure, and wrong.

    Args:
        run: The run.
        outcome: Its outcome on the test part.
        most: How many.

    Returns:
        Their places in the test part, what is said of each (as `mistakes` heads it), and how many there are in all.
    """
    return _FINDERS[run.task](run, outcome, most)


_ORDERED = "Row numbers count from 1 in the order in which the images came."
_NUMBERED = "Row numbers count from 1 in the file that a row came from, without its header."
_ABOUT = {
    "regression": "The test rows that the network missed by most.",
    "binary": "The test rows on which the network was most sure, and wrong.",
    "multiclass": "The test rows on which the network was most sure, and wrong.",
    "multilabel": "The labels of test rows on which the network was most sure, and wrong.",
}
_HEADS = {
    "regression": ["target", "true", "predicted", "error"],
    "binary": ["true", "predicted", "confidence"],
    "multiclass": ["true", "predicted", "confidence"],
    "multilabel": ["label", "true", "predicted", "confidence"],
}


def _cell(value: Any, kind: str) -> Any:
    """Return a cell as a reader knows it: yes or no, a date, a number, a text that is not too long."""
    if value is None or value is pd.NaT or value != value:
        return None
    if kind == "boolean":
        return bool(value)
    if kind == "date":
        return str(pd.Timestamp(value)).removesuffix(" 00:00:00")
    if kind == "number":
        return float(f"{value:.10g}")
    text = plain(value)
    return text if len(text) <= CELL else f"{text[: CELL - 1]}…"


_Found = tuple[
    np.ndarray, list[list[Any]], int
]  # places in the test part, what is said of each, how many there are in all


def _largest_errors(run: Result, outcome: Outcome, most: int) -> _Found:
    # Errors of several targets are compared in their own standard deviations.
    size = np.abs(outcome.y_true - outcome.y_pred) / run.target.scale
    order = np.argsort(-size, axis=None, kind="stable")[:most]
    rows, targets = np.unravel_index(order, size.shape)
    said = []
    for row, place in zip(rows, targets, strict=True):
        true, predicted = float(outcome.y_true[row, place]), float(outcome.y_pred[row, place])
        named = [names_of(run)[place]] if len(run.target.columns) > 1 else []
        said.append([*named, *(float(f"{v:.6g}") for v in (true, predicted, true - predicted))])
    return rows, said, size.size


def _confidence(probability: np.ndarray | None, margin: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """Return what to rank by and how to say it: the probability, or the score's margin where there is none."""
    if probability is not None:
        return probability, [_sure(p) for p in probability]
    return margin, [f"margin {number(m, 3)}" for m in margin]


def _sure(probability: float) -> str:
    """Say a probability so that 0.99996 does not become 100 %."""
    text = percent(probability)
    return text if probability == 1 or not text.startswith("100") else f"over {percent(0.999)}"


def _wrong_classes(run: Result, outcome: Outcome, most: int) -> _Found:
    wrong = np.flatnonzero(outcome.y_true != outcome.y_pred)
    said, true = outcome.y_pred[wrong], outcome.y_true[wrong]
    scores, chance, margin = outcome.scores, outcome.probabilities, np.zeros(len(wrong))
    if run.task == "binary":
        chance = None if chance is None else np.where(said == 1, chance[wrong], 1 - chance[wrong])
        margin = margin if scores is None else np.abs(scores.reshape(-1)[wrong].astype(float))
    else:
        chance = None if chance is None else chance[wrong, said]
        margin = margin if scores is None else scores[wrong, said].astype(float) - scores[wrong, true].astype(float)
    ranked, words = _confidence(chance, margin)
    order = np.argsort(-ranked, kind="stable")[:most]
    names = names_of(run)
    return wrong[order], [[names[true[i]], names[said[i]], words[i]] for i in order], len(wrong)


def _wrong_labels(run: Result, outcome: Outcome, most: int) -> _Found:
    rows, labels = np.nonzero(outcome.y_true != outcome.y_pred)
    said = outcome.y_pred[rows, labels]
    chance = None if outcome.probabilities is None else outcome.probabilities[rows, labels]
    chance = None if chance is None else np.where(said == 1, chance, 1 - chance)
    margin = (
        np.zeros(len(rows)) if outcome.scores is None else np.abs(np.asarray(outcome.scores, dtype=float)[rows, labels])
    )
    ranked, words = _confidence(chance, margin)
    order = np.argsort(-ranked, kind="stable")[:most]
    names = names_of(run)
    return rows[order], [[names[labels[i]], not bool(said[i]), bool(said[i]), words[i]] for i in order], len(rows)


_FINDERS = {
    "regression": _largest_errors,
    "binary": _wrong_classes,
    "multiclass": _wrong_classes,
    "multilabel": _wrong_labels,
}
