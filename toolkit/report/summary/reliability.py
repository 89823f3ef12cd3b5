"""Probabilities: how often they come true, before and after calibration, and how well they rank the rows."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toolkit.evaluation.comparison_result import ComparisonResult, Trial
from toolkit.evaluation.metrics import expected_calibration_error, reliability
from toolkit.evaluation.result import Result
from toolkit.report.summary.margins import confidence_of, is_right
from toolkit.report.summary.values import contenders_of, pooled, short, spread

__all__ = ["confidence", "curves", "faultless_error", "for_comparison", "for_result"]

BINS = 15  # with equal counts
DRAWS = 40  # for the error of probabilities without fault
CURVE = 150  # points kept of a ROC or precision-recall curve


def for_result(result: Result) -> dict[str, Any] | None:
    """Return the reliability diagram of a result, and the one `before` a temperature that was kept."""
    outcome: Any = result.outcome
    if outcome.probabilities is None:
        return None
    calibration, before = result.calibration, None
    # About 30 decisions per group, so that a point means something.
    bins = min(BINS, max(5, outcome.y_true.size // 30))
    if calibration is not None and calibration.method == "temperature" and calibration.kept:
        uncalibrated = None if outcome.scores is None else result.head.probabilities(outcome.scores)
        before = None if uncalibrated is None else _diagram(outcome.y_true, uncalibrated, bins)
    return {**_diagram(outcome.y_true, outcome.probabilities, bins), "before": before}


def for_comparison(comparison: ComparisonResult) -> list[dict[str, Any] | None]:
    """Return each contender's reliability before and after calibration; margins have no before."""
    return [_stages(trials) for trials in contenders_of(comparison)]


def confidence(comparison: ComparisonResult) -> list[dict[str, Any] | None]:
    """Describe the probabilities of each contender's decisions on the test rows, all seeds together."""
    edges, described = np.linspace(0, 1, 21), []
    for trials in contenders_of(comparison):
        chance, right = pooled(trials, confidence_of), np.concatenate([is_right(trial.outcome) for trial in trials])
        described.append(
            None
            if chance is None
            else {
                "counted": len(chance),
                "mean": chance.mean(),
                "right_share": right.mean(),
                "sure": (chance > 0.99).mean(),
                "edges": short(edges),
                "right": np.histogram(chance[right], edges)[0],
                "wrong": np.histogram(chance[~right], edges)[0],
            }
        )
    return described


def curves(result: Result) -> dict[str, Any] | None:
    """Return the ROC and precision-recall curves of a binary result and its baselines, and where it decides."""
    from sklearn.metrics import precision_recall_curve, roc_curve

    outcome: Any = result.outcome
    truth = outcome.y_true
    if not 0 < truth.sum() < len(truth):
        return None
    lines: dict[str, Any] = {"roc": {}, "precision_recall": {}, "share": truth.mean()}
    baselines = {name: baseline for name, baseline in result.baselines.items() if name != "dummy"}
    for name, model in {"network": outcome, **baselines}.items():
        ranking = model.probabilities if model.probabilities is not None else model.scores
        if ranking is None:
            continue
        ranking = np.asarray(ranking, dtype=float).reshape(len(truth))
        x, y, _ = roc_curve(truth, ranking)
        lines["roc"][name] = _thinned(x, y)
        precision, recall, _ = precision_recall_curve(truth, ranking)
        # Its recall falls from 1 to 0: turned around, both curves are drawn from left to right.
        lines["precision_recall"][name] = _thinned(recall[::-1], precision[::-1])
    hits, claims = (outcome.y_pred * truth).sum(), outcome.y_pred.sum()
    lines["at"] = {
        "false_positive_rate": (claims - hits) / (1 - truth).sum(),
        "recall": hits / truth.sum(),
        "precision": hits / claims if claims else math.nan,
    }
    return lines


def faultless_error(truth: NDArray[Any], chance: Any) -> float:
    """Return the mean calibration error of these probabilities if each came true as often as it says.

    It is above 0: on few rows, observed shares differ from any probability by chance.
    """
    # Multiclass: only the probability of the decision, the largest of its row, comes true or not.
    if chance.ndim == 2 and truth.ndim == 1:
        chance = chance.max(axis=1)
    chance, random = chance.ravel(), np.random.default_rng(0)
    errors = [expected_calibration_error(random.random(len(chance)) < chance, chance, bins=BINS) for _ in range(DRAWS)]
    return float(np.mean(errors))


def _diagram(truth: NDArray[Any], probabilities: NDArray[Any], bins: int) -> dict[str, Any]:
    shape = reliability(truth, probabilities, bins=bins)
    return {
        **{name: values if name == "count" else short(values) for name, values in shape.items()},
        "rows": shape["count"].sum(),
        "ece": expected_calibration_error(truth, probabilities, bins=bins),
    }


def _stages(trials: list[Trial]) -> dict[str, Any] | None:
    """Return one contender's reliability before and after calibration, or None without probabilities."""
    truths = [trial.outcome.y_true for trial in trials]
    fits = [trial.calibration for trial in trials if trial.calibration is not None]
    calibrated = trials[0].calibration is not None
    entry: dict[str, Any] = {
        "kept": sum(fit.kept for fit in fits) if calibrated else None,
        "methods": Counter(fit.method for fit in fits) if calibrated else None,
    }
    for stage, listed in (
        ("before", [trial.uncalibrated for trial in trials]),
        ("after", [trial.outcome.probabilities for trial in trials]),
    ):
        chances = [chance for chance in listed if chance is not None]
        if len(chances) < len(trials):
            entry |= {stage: None, f"error_{stage}": None}
            continue
        shape = _diagram(np.concatenate(truths), np.concatenate(chances), BINS)
        entry[stage] = {name: shape[name] for name in ("predicted", "observed", "count")}
        entry[f"error_{stage}"] = spread(
            expected_calibration_error(truth, chance, bins=BINS) for truth, chance in zip(truths, chances, strict=True)
        )
    if entry["after"] is None:
        return None
    return {**entry, "honest": faultless_error(truths[0], trials[0].outcome.probabilities)}


def _thinned(x: NDArray[Any], y: NDArray[Any]) -> tuple[list[float], list[float]]:
    """Return the points of a curve that are spread evenly along it, its ends always."""
    if len(x) > CURVE:
        # The way along the curve up to each point: (points,).
        length = np.concatenate([[0.0], np.cumsum(np.abs(np.diff(x)) + np.abs(np.diff(y)))])
        index = np.searchsorted(length, np.linspace(0, length[-1], CURVE))
        index = np.unique(np.concatenate([[0], np.minimum(index, len(x) - 1), [len(x) - 1]]))
        x, y = x[index], y[index]
    return short(x), short(y)
