"""The pictures of a report, a module for each kind: what they show in words, and their numbers as a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from toolkit.report.figures.dependence import effects
from toolkit.report.figures.errors import contender_errors, target_errors
from toolkit.report.figures.margins import margins, moved_scores
from toolkit.report.figures.picture import Picture
from toolkit.report.figures.probabilities import calibration, confidence, contender_calibration, rankings
from toolkit.report.figures.regions import decision_regions
from toolkit.report.figures.training import contenders_by_epoch, history_by_epoch, settings_by_weight

__all__ = ["Picture", "pictures"]


def pictures(summary: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Draw every picture of a report.

    Args:
        summary: The summary of a run or of a comparison.

    Returns:
        What they show -> their pictures, in the order of the page; "errors" has one list for each target.
    """
    if summary["kind"] == "run":
        results = summary["results"]
        of_results = target_errors(results["targets"] or [])
        of_results += rankings(results["curves"]) if results["curves"] is not None else []
        of_results += [calibration(results["reliability"])] if results["reliability"] is not None else []
        return {
            "settings": settings_by_weight(summary),
            "training": history_by_epoch(summary),
            "results": of_results,
            "importance": effects(summary),
        }
    counted = "test cells (rows × labels)" if summary["task"] == "multilabel" else "test rows"
    return {
        "training": contenders_by_epoch(summary),
        "margins": margins(summary, counted),
        "confidence": confidence(summary, counted),
        "reliability": contender_calibration(summary),
        "errors": contender_errors(summary),
        "jiggle": moved_scores(summary),
        "regions": decision_regions(summary),
    }
