"""The training: curves over the epochs, and what they say."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from toolkit.evaluation.comparison_result import ComparisonResult
from toolkit.evaluation.curves import read_curves
from toolkit.evaluation.result import Result
from toolkit.report.summary.values import contenders_of, short

__all__ = ["for_comparison", "for_result"]


def for_result(result: Result) -> dict[str, Any]:
    """Return the history of a training and what its curves say; with several networks, also each alone."""
    reading = read_curves(
        result.history,
        result.best_epoch,
        result.stopped,
        losses=result.losses,
        networks=max(1, len(result.members)),
        images=result.is_image,
    )
    return {
        "history": {
            name: [int(v) for v in column] if name == "epoch" else short(column)
            for name, column in result.history.items()
        },
        "epochs": len(result.history),
        "best_epoch": result.best_epoch,
        "stopped": result.stopped,
        "metric": result.head.metric,
        "members": _members(result),
        "pack": None if result.pack is None else result.pack.to_dict("records"),
        "losses": None if result.losses is None else asdict(result.losses),
        "reading": {"kind": reading.kind, "sentence": reading.sentence},
    }


def for_comparison(comparison: ComparisonResult) -> dict[str, Any]:
    """Return the mean, lowest and highest validation metric after each epoch, until the first seed's training ends."""
    contenders, curves = contenders_of(comparison), []
    name = f"val_{contenders[0][0].head.metric}"
    for trials in contenders:
        histories = [trial.history for trial in trials]
        lines = [history[name].to_numpy(float) for history in histories if name in history and len(history)]
        if not lines:
            curves.append(None)
            continue
        # (seeds, epochs); where a seed ended, the mean of the others would jump.
        table = np.array([line[: min(map(len, lines))] for line in lines])
        curves.append({"mean": short(table.mean(0)), "low": short(table.min(0)), "high": short(table.max(0))})
    return {"metric": name.removeprefix("val_"), "curves": curves}


def _members(result: Result) -> dict[str, Any] | None:
    """Return what each of several networks reaches alone, beside what their mean score reaches."""
    networks = result.settings.get("members", 1) if result.outcome is None else len(result.members)
    if networks < 2:
        return None
    figures = {
        name: {"value": result.metrics[name], "mean": values.mean(), "lowest": values.min(), "highest": values.max()}
        for name, values in result.members.items()
        if name in result.metrics
    }
    return {"count": networks, "folds": result.settings["training"].get("folds"), "metrics": figures}
