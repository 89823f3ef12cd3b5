"""A finished run as one dictionary of plain values: every number that its report shows, and nothing else.

The dictionary is strict JSON (what is not defined is null), ordered, and the same for the same run, so that a page made
from it is too.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from toolkit.common.errors import DataError
from toolkit.common.formatting import (
    isolated,
    number,
    percent,
    plain,
)
from toolkit.data.images.stack import ImageEncoder
from toolkit.evaluation import metrics
from toolkit.evaluation import verdicts as reading
from toolkit.evaluation.calibration import residual_quantile
from toolkit.report.summary.images import describe_images, without_pictures
from toolkit.report.summary.results import (
    mistakes,
    names_of,
    results,
    share,
    short,
)

if TYPE_CHECKING:
    from toolkit.data.dataset import SplitData
    from toolkit.evaluation.metrics import Outcome
    from toolkit.evaluation.result import Result

__all__ = ["summarise", "without_rows"]

SCHEMA = 1
COLUMNS = 40  # columns of the user's table shown with their distributions
CELLS = 8  # columns shown beside a mistake
COVERAGE = 0.9  # of the intervals around predicted numbers


def summarise(run: Result, rows: bool = True) -> dict[str, Any]:
    """Return everything that a report says about a run.

    Args:
        run: A run just trained: it still knows its table and its test outcome.
        rows: Whether single rows of the user's data may be in it: the most confident mistakes, and the points of
            scatter plots.

    Returns:
        Dictionaries, lists, texts, finite numbers, booleans and None, in the order of the page. Keys: schema, kind,
        task, title, name, target, classes, created, rows_included, verdict, data, images (None of a table), split,
        model, training, results, numerics, mistakes, settings, seconds.

    Raises:
        DataError: The run was loaded from a file, so that it has no data; its summary was saved with it.

    Example:
        >>> from types import SimpleNamespace
        >>> summarise(SimpleNamespace(data=None))
        Traceback (most recent call last):
        ...
        toolkit.DataError: a loaded run has no data to summarise; run.summary() has what was saved with it.
    """
    if run.dataset is None or run.outcome is None:
        raise DataError("a loaded run has no data to summarise; run.summary() has what was saved with it.")
    table, outcome, described = run.dataset, run.outcome, run.dataset.describe()
    columns = described["columns"]
    data, training = _data(run, table, described), _training(run)
    found = {**results(run, outcome), "interval": _interval(run, outcome)}
    summary = {
        "schema": SCHEMA,
        "kind": "run",
        "task": run.task,
        "title": _title(run),
        "name": table.name,
        "target": [plain(name) for name in run.target.columns],
        "classes": names_of(run),
        "created": run.settings.get("created"),
        "rows_included": True,
        "verdict": _verdict(run, outcome, data, training, found),
        "data": data,
        "images": describe_images(run, table, outcome) if run.is_image else None,
        "split": {
            "parts": {part: len(positions) for part, positions in table.parts.items()},
            "reason": table.split_reason,
        },
        "model": _model(run),
        "training": training,
        "results": found,
        "numerics": _numerics(run),
        "mistakes": mistakes(run, table, outcome, [columns[i] for i in _telling(columns, CELLS)]),
        "settings": run.settings,
        "seconds": run.seconds,
    }
    clean = _clean(summary)
    return clean if rows else without_rows(clean)


def without_rows(summary: Mapping[str, Any]) -> dict[str, Any]:
    """Return a summary in which no single row of the user's data is left; its page says so.

    Args:
        summary: What `summarise` returned.

    Returns:
        A new dictionary, without the mistakes, the points of scatter plots and pictures of the user's; counts and
        quantiles stay.

    Example:
        >>> stripped = without_rows({"rows_included": True, "mistakes": {"rows": [1]}, "results": {"targets": []}})
        >>> stripped["rows_included"], stripped["mistakes"]
        (False, None)
    """
    targets = summary["results"].get("targets")
    results = dict(summary["results"])
    if targets is not None:
        results["targets"] = [{**target, "points": None} for target in targets]
    bare = {**summary, "rows_included": False, "mistakes": None, "results": results}
    return bare if summary.get("images") is None else {**bare, "images": without_pictures(summary["images"])}


def _clean(value: Any) -> Any:
    """Turn a value into what strict JSON can hold: NaN and infinities become None, anything unknown its text."""
    if isinstance(value, Mapping):
        return {plain(key): _clean(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return _clean(value.tolist())
    if isinstance(value, list | tuple):
        return [_clean(item) for item in value]
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        return float(value) if math.isfinite(value) else None
    if value is None or value is pd.NaT or value is pd.NA:
        return None
    return plain(value)


def _title(run: Result) -> str:
    names = [plain(name) for name in run.target.columns]
    listed = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    return f"Predicting {listed}"


def _verdict(
    run: Result, outcome: Outcome, data: dict[str, Any], training: dict[str, Any], found: dict[str, Any]
) -> dict[str, Any]:
    # The task's own metric, or the first that these rows define.
    names = [metrics.PRIMARY[run.task], *found["metrics"]]
    known = [name for name in names if name in found["metrics"] and math.isfinite(found["metrics"][name]["value"])]
    name = known[0] if known else next(iter(found["metrics"]))
    own, rows = found["metrics"][name], len(outcome.y_true)
    against = {
        baseline: _against(outcome, other, name)
        for baseline, other in run.baselines.items()
        if baseline in own["baselines"]
    }
    return {
        "metric": name,
        **{key: own[key] for key in ("value", "low", "high")},
        "caution": _caution(name, own, rows),
        "test_rows": rows,
        "against": against,
        "headline": _headline(against),
        "sentences": list(run.verdict),
        "next": _next_steps(data, training, found, against),
    }


def _against(outcome: Outcome, other: Outcome, name: str) -> dict[str, Any]:
    value, low, high = metrics.difference(outcome, other, name)
    if not (low > 0 or high < 0):  # holds for NaN too
        standing = "level"
    else:
        standing = "better" if (value < 0) == metrics.LOWER_IS_BETTER[name] else "worse"
    return {"difference": value, "low": low, "high": high, "standing": standing}


def _caution(name: str, own: Mapping[str, Any], rows: int) -> str:
    """Say what an interval without width hides: resampling can't show a mistake that the test rows don't hold."""
    if own["low"] != own["high"]:
        return ""
    if name == "accuracy" and own["value"] == 1:
        return (
            f"No test row is wrong, so resampling them shows no spread. {number(rows)} rows without a mistake still "
            f"allow a true accuracy of {percent(share(rows, rows)['low'])} (Wilson interval)."
        )
    return f"The interval has no width because resampling these {number(rows)} rows changes nothing: it says too much."


_NAMES = {"dummy": "guessing", "linear": "the linear model", "tree": "the gradient-boosted trees"}
_WORDS = {"better": "better than", "level": "level with", "worse": "worse than"}


def _headline(against: Mapping[str, Mapping[str, Any]]) -> str:
    """Say in one sentence where the network stands."""
    if not against:
        return "Trained without baselines: nothing here says whether a simpler model would do."
    if "dummy" in against and against["dummy"]["standing"] != "better":
        return "Worse than guessing." if against["dummy"]["standing"] == "worse" else "No better than guessing."
    said = []
    for standing, words in _WORDS.items():
        named = [_NAMES.get(name, name) for name, entry in against.items() if entry["standing"] == standing]
        if named:
            said.append(f"{words} {_and(named)}")
    sentence = ", ".join(said)
    return f"{sentence[0].upper()}{sentence[1:]}."


def _and(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


_ADVICE = {
    "underfitted": "Give the network more room (wider, more layers, less regularisation), or a higher learning rate.",
    "overfitted": "Hold the network back with dropout, L2 or fewer neurons, or bring more rows.",
    "could train longer": "Train for more epochs: the loss was still falling when training ended.",
    "diverged": "Lower the learning rate, or limit the gradient (clip_norm=1), and train again.",
}


def _next_steps(
    data: Mapping[str, Any],
    training: Mapping[str, Any],
    found: Mapping[str, Any],
    against: Mapping[str, Mapping[str, Any]],
) -> list[str]:
    """Say what to do next, the most important first, four at most."""
    standing = {name: entry["standing"] for name, entry in against.items()}
    steps, what = [], "pictures" if data["images"] else "columns"
    if data["leaks"]:
        named = _and([f"“{isolated(plain(name))}”" for name in data["leaks"][:3]])
        steps.append(
            f"Check {named} first: alone it gives the target nearly away. If it is not known when a prediction is "
            "made, leave it out (drop=) and train again; the numbers here are then too good."
        )
    if standing.get("dummy", "better") != "better" and "worse" in (standing.get("tree"), standing.get("linear")):
        steps.append(f"Train it differently: another model finds the target in these {what}, the network does not yet.")
    elif standing.get("dummy", "better") != "better":
        steps.append(
            f"Look at the data before the model: these {what} may not tell the target, or the rows are too few."
        )
    elif standing.get("tree") == "worse":
        use = "these pictures" if data["images"] else "this table"
        steps.append(f"Use gradient-boosted trees for {use}, or train with more effort and compare again.")
    elif standing.get("linear", "better") != "better":
        steps.append("Prefer the linear model unless you need a network: it is simpler, quicker and easier to explain.")
    if training["reading"]["kind"] in _ADVICE:
        steps.append(_ADVICE[training["reading"]["kind"]])
    shape = found["reliability"]
    if shape is not None and shape["ece"] > 0.05 and shape["rows"] >= 300:
        steps.append(
            f"Take the probabilities with care: on average they are {percent(shape['ece'])} away from what comes true."
        )
    if data["parts"]["test"] < 200:
        steps.append(
            f"Mind the width of the intervals: {data['parts']['test']} test rows say little more. Further labelled "
            "rows, given to run.evaluate, say it better."
        )
    return steps[:4] or ["Nothing here speaks against using it: save it (run.save) and predict new rows (run.predict)."]


def _data(run: Result, table: SplitData, described: Mapping[str, Any]) -> dict[str, Any]:
    columns = described["columns"]
    parts = ["all", *table.parts]
    return {
        "rows": table.rows,
        "images": run.is_image,
        "columns_given": len(table.source_columns),
        "columns_used": len(columns),
        "parts": {part: len(positions) for part, positions in table.parts.items()},
        "set_aside": [{"column": name, "reason": reason} for name, reason in table.set_aside.items()],
        "notes": [*table.notes, *([] if run.is_image else described["left_out"]), *_updated(run)],
        "leaks": described["leaks"],
        "strongest": described["strongest"],
        "target": [_column(entry, parts) for entry in described["targets"][:COLUMNS]],
        "columns": [_column(columns[i], parts) for i in _telling(columns, COLUMNS)],
        "left_out": max(0, len(columns) - COLUMNS),
    }


def _updated(run: Result) -> list[str]:
    rows = run.settings.get("updated", 0)
    return (
        [f"After this training the model learnt from {number(rows)} more rows; this report is of the time before."]
        if rows
        else []
    )


def _telling(columns: Sequence[Mapping[str, Any]], most: int) -> list[int]:
    """Return the positions of the columns that alone tell most about the target, in the order of the table."""
    order = sorted(range(len(columns)), key=lambda i: (-(columns[i].get("alone") or 0.0), i))
    return sorted(order[:most])


def _column(entry: Mapping[str, Any], parts: Sequence[str]) -> dict[str, Any]:
    levels, edges = entry.get("levels"), entry.get("edges")
    pooled = levels is not None and any(entry[part]["other"] for part in parts)
    made: dict[str, dict[str, Any]] = {}
    for part in parts:
        made[part] = {
            name: float(f"{value:.6g}") if isinstance(value, float) and math.isfinite(value) else value
            for name, value in entry[part].items()
            if name != "other"
        }
        if pooled:
            made[part]["counts"] = [*entry[part]["counts"], entry[part]["other"]]
    return {
        "name": entry["name"],
        "kind": entry["kind"],
        "alone": entry.get("alone"),
        "leak": entry.get("leak", False),
        "levels": levels if not pooled or levels is None else [*levels, "all others"],
        "edges": short(edges) if entry["kind"] == "number" else edges,
        "parts": made,
    }


def _model(run: Result) -> dict[str, Any]:
    from toolkit.builders import architecture

    width = run.encoder.width
    layers, before = [], run.encoder.shape[-1] if isinstance(run.encoder, ImageEncoder) else width
    for layer in architecture(run.model):
        after = layer["output"][-1] if layer["output"] else before
        layers.append({**layer, "counted": _counted(layer, before)})
        before = after
    return {
        "inputs": width,
        "columns": 0 if isinstance(run.encoder, ImageEncoder) else len(run.encoder.columns),
        "layers": layers,
        "neurons": sum(layer["neurons"] for layer in layers),
        "parameters": sum(layer["parameters"] for layer in layers),
        "head": {
            "name": run.head.name,
            "loss": run.head.about,
            "decision": run.head.decision,
            "probability": run.head.probability,
            "calibration": None if run.calibration is None else run.calibration.sentence,
            "threshold": run.threshold or None,
        },
    }


def _interval(run: Result, outcome: Outcome) -> dict[str, Any] | None:
    """Return how often the interval around a prediction holds the truth on the test rows."""
    if run.residuals is None:
        return None
    needed = math.ceil(COVERAGE / (1 - COVERAGE) - 1e-9)
    if len(run.residuals) < needed:
        return None
    reach = residual_quantile(run.residuals, COVERAGE)
    inside = np.abs(outcome.y_pred - outcome.y_true) <= reach
    return {"coverage": COVERAGE, "reach": reach, "held": inside.mean(axis=0), "rows": len(inside)}


def _numerics(run: Result) -> dict[str, Any]:
    from toolkit.numerics.model_audit import audit

    return audit(run).to_dict()


def _counted(layer: Mapping[str, Any], inputs: int) -> str:
    """Say where a layer's learnable parameters come from, where the arithmetic is that of a known layer."""
    learnt, units = layer["parameters"], layer["output"][-1] if layer["output"] else 0
    if not learnt:
        return ""
    if layer["type"] == "Dense" and learnt == inputs * units + units:
        return f"{number(inputs)} × {number(units)} weights + {number(units)} biases"
    if layer["type"] == "Dense" and learnt == inputs * units:
        return f"{number(inputs)} × {number(units)} weights"
    if layer["type"] == "EinsumDense" and len(layer["output"]) == 2:
        members = layer["output"][0]
        weights = f"{number(members)} × {number(inputs)} × {number(units)} weights"
        if learnt == members * (inputs * units + units):
            return f"{weights} + {number(members * units)} biases"
        return weights if learnt == members * inputs * units else ""
    if layer["type"] == "Conv2D":
        window = learnt // units // inputs if not learnt % (units * inputs) else (learnt - units) // units // inputs
        side = math.isqrt(window)
        weights = f"{side} × {side} × {number(inputs)} × {number(units)} weights"
        if learnt == side * side * inputs * units:
            return weights
        return f"{weights} + {number(units)} biases" if learnt == (side * side * inputs + 1) * units else ""
    if layer["type"] == "BatchNormalization" and learnt == 2 * units:
        return f"{number(units)} scales + {number(units)} shifts"
    return ""


def _guess(run: Result) -> float | None:
    """Return the loss of one constant answer for every row, where it is known: where the curves should start from."""
    if run.settings.get("weights") or run.settings.get("training", {}).get("label_smoothing"):
        return None
    if run.head.constant_loss is not None:
        return run.head.constant_loss
    if run.head.link is not None and "dummy" in run.table and "log_loss" in run.table.index:
        value = float(run.table.loc["log_loss", "dummy"])
        return value if math.isfinite(value) else None
    return None


def _members(run: Result) -> dict[str, Any] | None:
    """Return what each of several networks reaches alone, beside what their mean score does."""
    if run.members.empty:
        return None
    figures = {
        name: {"value": run.metrics[name], "mean": each.mean(), "lowest": each.min(), "highest": each.max()}
        for name, each in run.members.items()
    }
    return {"count": len(run.members), "folds": run.settings["training"].get("folds"), "metrics": figures}


def _training(run: Result) -> dict[str, Any]:
    found = reading.read_curves(run.history, run.best_epoch, run.stopped, guess=_guess(run), images=run.is_image)
    return {
        "history": {
            name: [int(v) for v in column] if name == "epoch" else short(column) for name, column in run.history.items()
        },
        "epochs": len(run.history),
        "best_epoch": run.best_epoch,
        "stopped": run.stopped,
        "metric": run.head.metric,
        "members": _members(run),
        "reading": {"kind": found.kind, "sentence": found.sentence},
    }
