"""The results on the test part: every metric, of the network beside the baselines or of the contenders."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from toolkit.evaluation.comparison_result import ComparisonResult
from toolkit.evaluation.metrics import LOWER_IS_BETTER, evaluate
from toolkit.evaluation.result import Result
from toolkit.evaluation.standings import kind_of
from toolkit.report.summary.values import spread

__all__ = ["for_comparison", "for_result"]


def for_result(result: Result) -> dict[str, Any]:
    """Return `metrics`, each with the baselines', and `lower_is_better`, the names of those that count mistakes."""
    named = {
        str(name): {
            **_entry(row, "value", ""),
            "baselines": {key: _entry(row, key) for key in result.baselines if key in row.index},
        }
        for name, row in result.table.iterrows()
    }
    return {"metrics": named, "lower_is_better": _lower_is_better(named)}


def for_comparison(comparison: ComparisonResult) -> dict[str, Any]:
    """Return `metrics`, each with the contenders', their differences to the first one and the baselines'."""
    reference, named = comparison.labels[0], {}
    values = {key: evaluate(trial.outcome) for key, trial in comparison.trials.items()}
    # (metric, contender) -> its difference to the reference
    differences = {(entry["metric"], entry["b"]): entry for entry in comparison.differences if entry["a"] == reference}
    # comparison.table: one row per metric; for each contender its mean over the seeds, `_low` and `_high`.
    for name, row in comparison.table.iterrows():
        name, baselines = str(name), comparison.baselines.loc[name]
        seeds = {
            label: [values[label, seed].get(name, math.nan) for seed in comparison.seeds] for label in comparison.labels
        }
        named[name] = {
            "contenders": [
                {**_entry(row, label), "seeds": seeds[label], "std": row.get(f"{label}_std")}
                for label in comparison.labels
            ],
            "differences": [
                _difference(name, differences.get((name, label)), seeds[label], seeds[reference])
                for label in comparison.labels
            ],
            "baselines": {key: _entry(baselines, key) for key in ("tree", "linear", "dummy") if key in baselines},
        }
    pairs = [entry for row in named.values() for entry in row["differences"] if entry is not None]
    methods = dict.fromkeys(f"{entry['method'].split(':')[0]}, over {entry['over']}" for entry in pairs)
    return {"metrics": named, "lower_is_better": _lower_is_better(named), "methods": list(methods)}


def _entry(row: Any, column: str, prefix: str | None = None) -> dict[str, Any]:
    """Return a column of a table of metrics with its interval: `column`, `column_low` and `column_high`."""
    prefix = f"{column}_" if prefix is None else prefix
    return {"value": row[column], "low": row.get(f"{prefix}low"), "high": row.get(f"{prefix}high")}


def _lower_is_better(names: Mapping[str, Any]) -> list[str]:
    return [name for name in names if LOWER_IS_BETTER.get(name, False)]


def _difference(
    name: str, entry: Mapping[str, Any] | None, seeds: list[float], reference: list[float]
) -> dict[str, Any] | None:
    if entry is None:
        return None
    return {
        **{key: entry[key] for key in ("value", "low", "high", "p", "clear", "method", "over")},
        "standing": "unclear"
        if entry["doubt"]
        else kind_of(name, entry["low"], entry["high"], spread(reference)["value"]),
        "doubt": entry["doubt"],
        "seeds": [value - base for value, base in zip(seeds, reference, strict=True)],
    }
