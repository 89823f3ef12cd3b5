"""All sections of a page, in order: a result's or a comparison's.

A summary is strict JSON (what is not defined is null), ordered, and the same for the same result, so that a page made
from it is too. It holds every number that the page shows, and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from toolkit.common.errors import DataError
from toolkit.common.formatting import join_names, plain
from toolkit.common.schema import SCHEMA
from toolkit.data.dataset import SplitData
from toolkit.data.notes import names_in, without_cells
from toolkit.evaluation.comparison_result import ComparisonResult
from toolkit.evaluation.result import Result
from toolkit.numerics.model_audit import audit
from toolkit.report.summary import (
    classes,
    data,
    errors,
    images,
    importance,
    margins,
    mistakes,
    model,
    regions,
    reliability,
    results,
    training,
    verdict,
)
from toolkit.report.summary.values import clean

__all__ = ["summarize", "without_rows"]

# Where single rows of the user's data stand in a summary; "*" is each entry of a list.
ROWS = (
    "mistakes",
    "results/targets/*/points",
    "images/examples",
    "images/occlusion",
    "disagreement/shown",
    "jiggle/rows/*/row",
    "jiggle/rows/*/truth",
    "jiggle/rows/*/scores",
    "regions/points",
)

# What the results of a run say beside its metrics; None where there is nothing to say, as without test rows.
RESULTS = ("targets", "confusion", "classes", "labels", "curves", "reliability", "interval", "sets")


def summarize(subject: Result | ComparisonResult, rows: bool = True) -> dict[str, Any]:
    """Return everything that the page about a result or a comparison says.

    Args:
        subject: The result of a training, or a comparison. Contenders are listed in its order, the reference first.
        rows: Whether single rows of the user's data may be part of it: see `without_rows`. Without them, notes quote
            no cells either.

    Raises:
        DataError: The result was loaded from a file, which holds no data.
    """
    summary = clean(_of_result(subject) if isinstance(subject, Result) else _of_comparison(subject))
    return summary if rows else _without_cells(without_rows(summary), subject)


def _without_cells(summary: dict[str, Any], subject: Result | ComparisonResult) -> dict[str, Any]:
    """Return a summary of a result or a comparison whose notes quote no cells."""
    if not isinstance(subject, Result):
        names = names_in(subject.datasets[subject.seeds[0]].preprocessing, subject.target)
        return {**summary, "terms": {**summary["terms"], "notes": without_cells(subject.notes, names)}}
    about_data, names = summary["data"], names_in(subject.preprocessing, subject.target)
    reasons = without_cells([entry["reason"] for entry in about_data["set_aside"]], names)
    set_aside = [entry | {"reason": why} for entry, why in zip(about_data["set_aside"], reasons, strict=True)]
    notes = without_cells(about_data["notes"], names)
    return {**summary, "data": {**about_data, "set_aside": set_aside, "notes": notes}}


def without_rows(summary: Mapping[str, Any]) -> dict[str, Any]:
    """Return a summary without single rows of the user's data: mistakes, disagreements, points and pictures.

    Counts, quantiles, losses, decision regions and the weights of the model stay. The page says that rows are left out.

    Example:
        >>> stripped = without_rows({"rows_included": True, "mistakes": {"rows": [1]}, "results": {"targets": []}})
        >>> stripped["rows_included"], stripped["mistakes"]
        (False, None)
    """
    bare: Any = {**summary, "rows_included": False}
    for path in ROWS:
        bare = _emptied(bare, path.split("/"))
    return bare


def _emptied(value: Any, path: Sequence[str]) -> Any:
    """Return a copy of a value with None at the end of a path; where the path does not exist, the value itself."""
    if value is None or not path:
        return None
    key, *rest = path
    if key == "*":
        return [_emptied(item, rest) for item in value]
    return {**value, key: _emptied(value[key], rest)} if key in value else value


def _of_result(result: Result) -> dict[str, Any]:
    if result.dataset is None:
        raise DataError("a loaded run has no data to summarize: run.summary() returns what was saved with it.")
    about_data, about_training = data.for_result(result), training.for_result(result)
    regression, multilabel = result.task == "regression", result.task == "multilabel"
    single = not regression and not multilabel
    about_results = results.for_result(result) | dict.fromkeys(RESULTS)
    if result.outcome is not None:
        about_results |= {
            "targets": errors.for_result(result) if regression else None,
            "confusion": classes.confusion(result) if single else None,
            "classes": classes.classes(result) if single else None,
            "labels": classes.labels(result) if multilabel else None,
            "curves": reliability.curves(result) if result.task == "binary" else None,
            "reliability": reliability.for_result(result),
            "interval": errors.interval(result),
            "sets": classes.sets(result) if single else None,
        }
    names = [plain(name) for name in result.target.columns]
    names = names if len(names) <= 3 else [", ".join(names[:3]), f"{len(names) - 3} more"]
    return {
        **_header("run", result, result.dataset, f"Predicting {join_names(names)}"),
        "verdict": verdict.for_result(result, about_data, about_training, about_results),
        "data": about_data,
        "images": images.for_result(result) if result.is_image else None,
        "split": data.split(result.dataset, result.settings.get("training", {}).get("folds")),
        "model": model.for_result(result),
        "training": about_training,
        "results": about_results,
        "importance": importance.for_result(result),
        "numerics": audit(result).to_dict(),
        "mistakes": None if result.outcome is None else mistakes.for_result(result),
        "settings": result.settings,
        "seconds": result.seconds,
    }


def _of_comparison(comparison: ComparisonResult) -> dict[str, Any]:
    contenders, about_results = model.for_comparison(comparison), results.for_comparison(comparison)
    regression, multilabel = comparison.task == "regression", comparison.task == "multilabel"
    single = not regression and not multilabel
    names = [entry["label"] for entry in contenders]
    title = f"{names[0]} against {join_names(names[1:])}" if len(names) > 1 else names[0]
    if comparison.folds is not None:
        title = f"Cross-validation: predicting {join_names([plain(name) for name in comparison.target.columns[:3]])}"
    return {
        **_header("comparison", comparison, comparison.datasets[comparison.seeds[0]], title),
        "seeds": list(comparison.seeds),
        "folds": None if comparison.folds is None else comparison.folds.to_dict("records"),
        "fixed_test": comparison.fixed_test,
        "contenders": contenders,
        "verdict": verdict.for_comparison(comparison, contenders, about_results),
        "results": about_results,
        "terms": data.for_comparison(comparison),
        "training": training.for_comparison(comparison),
        "margins": None if regression else margins.for_comparison(comparison),
        "confidence": None if regression else reliability.confidence(comparison),
        "reliability": None if regression else reliability.for_comparison(comparison),
        "errors": errors.for_comparison(comparison) if regression else None,
        "labels": classes.labels_compared(comparison) if multilabel else None,
        "disagreement": mistakes.for_comparison(comparison),
        "jiggle": margins.moved_scores(comparison) if single else None,
        "regions": regions.for_comparison(comparison) if single else None,
        "settings": comparison.settings,
    }


def _header(kind: str, subject: Result | ComparisonResult, dataset: SplitData, title: str) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "kind": kind,
        "task": subject.task,
        "title": title,
        "name": dataset.name,
        "target": [plain(name) for name in subject.target.columns],
        "classes": subject.class_names,
        "created": subject.settings.get("created"),
        "rows_included": True,
    }
