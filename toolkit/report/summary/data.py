"""The data and its split: rows, columns, what was set aside, and the distribution of each column and target."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from toolkit.common.formatting import number, percent
from toolkit.data.dataset import SplitData
from toolkit.evaluation.baselines import notes_on_baselines
from toolkit.evaluation.comparison_result import ComparisonResult
from toolkit.evaluation.result import Result
from toolkit.report.summary.values import short

__all__ = ["for_comparison", "for_result", "most_predictive", "split"]

COLUMNS = 40  # shown with their distributions


def for_result(result: Result) -> dict[str, Any]:
    """Return what the page says about the data of a result."""
    dataset: Any = result.dataset
    folds = bool(result.settings.get("training", {}).get("folds"))
    described = dataset.describe(in_folds=folds)
    parts = ["all", *(part for part, rows in described["parts"].items() if rows)]
    columns, updated = described["columns"], result.settings.get("updated", 0)
    later = [f"After this training the model learned from {number(updated)} more rows, which this report leaves out."]
    return {
        **_sizes(dataset),
        "sample": None if dataset.stream is None else dataset.rows,
        "images": result.is_image,
        "set_aside": [{"column": name, "reason": reason} for name, reason in dataset.set_aside.items()],
        "notes": [*result.notes, *(later if updated else [])],
        "leaks": described["leaks"],
        "strongest": described["strongest"],
        "target": [_column(entry, parts) for entry in described["targets"][:COLUMNS]],
        "columns": [_column(entry, parts) for entry in most_predictive(columns, COLUMNS)],
        "left_out": max(0, len(columns) - COLUMNS),
    }


def for_comparison(comparison: ComparisonResult) -> dict[str, Any]:
    """Return the terms that all contenders share: the data and split of the first seed."""
    dataset = comparison.datasets[comparison.seeds[0]]
    reason = dataset.split_reason
    if comparison.folds is None and len(comparison.seeds) > 1:
        reason = re.sub(r"with seed \d+", "with each seed", reason)
    return {
        **_sizes(dataset),
        "notes": comparison.notes,
        "reason": reason,
        "baselines": notes_on_baselines(dataset),
        "images": None if dataset.features.pixels is None else " × ".join(map(str, dataset.features.pixels.shape[1:])),
    }


def split(dataset: SplitData, folds: int | None) -> dict[str, Any]:
    """Return the rows of each part, and why they were split this way; with folds, train and validation are one part."""
    parts, reason = _sizes(dataset)["parts"], dataset.split_reason
    if folds:
        learned = parts["train"] + parts["validation"]
        share = percent(learned / max(1, sum(parts.values())))
        # "178 rows: train 104 (58.4 %), validation 26 (14.6 %), test 48 (27.0 %); validation takes 20 % ...; ..."
        both = r"train [^(]*\([^)]*\), validation [^(]*\([^)]*\)"
        reason = re.sub(both, f"{number(learned)} ({share}) in {folds} folds", reason, count=1)
        reason = re.sub(r"; validation takes [^;.]*", "", reason, count=1)
    return {"parts": parts, "reason": reason, "folds": folds}


def most_predictive(columns: Sequence[Mapping[str, Any]], count: int) -> list[Mapping[str, Any]]:
    """Return the columns with the highest predictive power, in the order of the table."""
    order = sorted(range(len(columns)), key=lambda i: (-(columns[i].get("alone") or 0.0), i))
    return [columns[i] for i in sorted(order[:count])]


def _sizes(dataset: SplitData) -> dict[str, Any]:
    return {
        "rows": sum(dataset.part_sizes.values()),
        "columns_given": len(dataset.source_columns),
        "columns_used": len(dataset.features.columns),
        "parts": dataset.part_sizes,
    }


def _column(entry: Mapping[str, Any], parts: Sequence[str]) -> dict[str, Any]:
    """Return one distribution, in each part, with the rare levels of a category counted together."""
    levels, edges = entry.get("levels"), entry.get("edges")
    pooled = levels is not None and any(entry[part]["other"] for part in parts)
    described: dict[str, dict[str, Any]] = {}
    for part in parts:
        described[part] = {
            name: float(f"{value:.6g}") if isinstance(value, float) and math.isfinite(value) else value
            for name, value in entry[part].items()
            if name != "other"
        }
        if pooled:  # one more bar, for all levels that are not listed
            described[part]["counts"] = [*entry[part]["counts"], entry[part]["other"]]
    return {
        "name": entry["name"],
        "kind": entry["kind"],
        "alone": entry.get("alone"),
        "leak": entry.get("leak", False),
        "levels": levels if not pooled or levels is None else [*levels, "all others"],
        "edges": short(edges) if entry["kind"] == "number" else edges,
        "parts": described,
    }
