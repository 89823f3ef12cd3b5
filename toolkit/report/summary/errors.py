"""Regression: how far predictions are from the truth, by target."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from toolkit.common.formatting import plain
from toolkit.common.rounding import blurred
from toolkit.evaluation.comparison_result import ComparisonResult
from toolkit.evaluation.conformal import conformal_quantile, fewest_rows, residual_quantile
from toolkit.evaluation.metrics import Outcome, evaluate
from toolkit.evaluation.result import Result
from toolkit.report.summary.values import clipped_histogram, contenders_of, sample, short

__all__ = ["for_comparison", "for_result", "interval"]

TARGETS = 4  # shown as pictures
POINTS = 1_000  # rows in scatter plots, all targets together
BARS = 30  # of a histogram
QUANTILES = {"low": 0.05, "mid": 0.5, "high": 0.95}
SIZES = {"size_half": 0.5, "size_most": 0.9, "size_all": 1.0}


def for_result(result: Result) -> list[dict[str, Any]]:
    """Return the metrics of each target, and for the first ones the numbers behind their pictures."""
    outcome: Any = result.outcome
    names, random, entries = result.class_names, np.random.default_rng(0), []
    for i, name in enumerate(names):
        true, predicted = outcome.y_true[:, i], outcome.y_pred[:, i]
        entry: dict[str, Any] = {
            "name": name,
            **evaluate(Outcome("regression", true[:, None], predicted[:, None])),
            "bands": None,
            "histogram": None,
            "points": None,
        }
        if i < TARGETS:
            errors = true - predicted
            counts, edges = np.histogram(errors, bins=min(BARS, max(5, int(len(errors) ** 0.5))))
            rows = sample(random, len(true), POINTS // min(len(names), TARGETS))
            entry["bands"] = _bands(predicted, true)
            entry["histogram"] = {"edges": _told(edges, edges[1] - edges[0]), "counts": counts}
            entry["points"] = {"true": short(true[rows]), "predicted": short(predicted[rows]), "of": len(true)}
        entries.append(entry)
    return entries


def for_comparison(comparison: ComparisonResult) -> list[dict[str, Any]]:
    """Describe the errors of each target, true minus predicted, on the test rows of all seeds together."""
    shares, described = np.linspace(0, 1, 51), []
    for i, name in enumerate(comparison.target.columns[:TARGETS]):
        contenders = [
            np.concatenate([(trial.outcome.y_true - trial.outcome.y_pred)[:, i] for trial in trials])
            for trials in contenders_of(comparison)
        ]
        # All contenders share their edges; the outer bars also hold the most extreme errors.
        low, high = np.quantile(np.concatenate(contenders), [0.005, 0.995])
        edges = np.linspace(low, high, BARS + 1) if high > low else np.array([low - 0.5, low + 0.5])
        described.append(
            {
                "name": plain(name),
                "shares": short(shares),
                "edges": short(edges),
                "contenders": [_distribution(errors, edges, shares) for errors in contenders],
            }
        )
    return described


def interval(result: Result) -> dict[str, Any] | None:
    """Return how often the interval around a prediction holds the truth on the test rows."""
    outcome: Any = result.outcome
    coverage = result.head.coverage
    about = {"coverage": coverage, "rows": len(outcome.y_true), "quantiles": None}
    if outcome.quantiles is not None:
        names, below = result.head.quantile_names, (outcome.y_true <= outcome.quantiles).mean(axis=0)
        about["quantiles"] = [{"quantile": name, "below": share} for name, share in zip(names, below, strict=True)]
        if outcome.ends is None:
            return about | {"reach": None}
        widths = np.ptp(outcome.ends, axis=1)
        narrow, wide = _told(np.quantile(widths, [0.1, 0.9]), np.ptp(widths))
        return about | {
            "reach": float(conformal_quantile(np.asarray(result.conformity), coverage)),
            "held": outcome.held.mean(),
            "width": {"mean": widths.mean(), "narrow": narrow, "wide": wide},
        }
    if result.absolute_errors is None or len(result.absolute_errors) < fewest_rows(coverage):
        return None
    reach = residual_quantile(result.absolute_errors, coverage)
    inside = np.abs(outcome.y_pred - outcome.y_true) <= reach
    return about | {"reach": reach, "held": inside.mean(axis=0)}


def _distribution(errors: NDArray[Any], edges: NDArray[Any], shares: NDArray[Any]) -> dict[str, Any]:
    sizes, between = np.abs(errors), np.ptp(errors)
    return {
        "counted": len(errors),
        **clipped_histogram(errors, edges),
        "mean": errors.mean(),
        **{key: _told([np.quantile(errors, q)], between)[0] for key, q in QUANTILES.items()},
        **{key: _told([np.quantile(sizes, q)], between)[0] for key, q in SIZES.items()},
        "sizes": _told(np.quantile(sizes, shares), between),
    }


def _told(values: Any, between: float) -> list[float]:
    """Return quantiles or ends that may be the cell or the error of a single row, rounded as learned numbers are."""
    return [blurred(value, float(between) or abs(value)) for value in short(values)]


def _bands(predicted: NDArray[Any], true: NDArray[Any]) -> dict[str, Any]:
    """Group rows by their prediction, a tenth each, with quantiles of the truth and of the error in each group."""
    # Positions of the rows, from the lowest prediction to the highest, cut into up to ten groups.
    groups = np.array_split(np.argsort(predicted, kind="stable"), max(1, min(10, len(predicted) // 10)))
    bands: dict[str, Any] = {
        "rows": [len(group) for group in groups],
        "predicted": short([predicted[group].mean() for group in groups]),
    }
    for word, values in (("true", true), ("error", true - predicted)):
        quantiles = np.array([np.quantile(values[group], [0.05, 0.5, 0.95]) for group in groups])  # (groups, 3)
        for i, name in enumerate(("low", "middle", "high")):
            bands[f"{word}_{name}"] = _told(quantiles[:, i], np.ptp(values))
    return bands
