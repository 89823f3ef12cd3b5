"""A finished run as one dictionary of plain values: every number that its report shows, and nothing else.

The dictionary is strict JSON (what is not defined is null), ordered, and the same for the same run, so that a page made from it
is too.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from toolkit import metrics, reading
from toolkit.errors import DataError
from toolkit.wording import METRICS, interval, metric_value, number, percent, plain

if TYPE_CHECKING:
    from toolkit.metrics import Outcome
    from toolkit.runs import Run
    from toolkit.tables import Table

__all__ = ["summarise", "without_rows"]

SCHEMA = 1
COLUMNS = 40  # columns of the user's table shown with their distributions
CLASSES = 40  # classes or labels shown one by one
MATRIX = 15  # classes up to which the whole confusion matrix is shown
PAIRS = 20  # confusions listed where there are more classes than that
TARGETS = 4  # regression targets drawn
POINTS = 1_000  # rows drawn in scatter plots, all targets together
CURVE = 150  # points kept of a ROC or precision-recall curve
MISTAKES = 10
CELLS = 8  # columns shown beside a mistake
CELL = 120  # letters kept of a cell of text


def summarise(run: Run, rows: bool = True) -> dict[str, Any]:
    """Return everything that a report says about a run.

    Args:
        run: A run just trained: it still knows its table and its test outcome.
        rows: Whether single rows of the user's data may be in it: the most confident mistakes, and the points of scatter plots.

    Returns:
        Dictionaries, lists, texts, finite numbers, booleans and None, in the order of the page. Keys: schema, kind, task, title,
        name, target, classes, created, rows_included, verdict, data, split, model, training, results, mistakes, settings,
        seconds.

    Raises:
        DataError: The run was loaded from a file, so that it has no data; its summary was saved with it.

    Example:
        >>> from types import SimpleNamespace
        >>> summarise(SimpleNamespace(data=None))
        Traceback (most recent call last):
        ...
        toolkit.errors.DataError: a loaded run has no data to summarise; run.summary() has what was saved with it.
    """
    if run.data is None or run.outcome is None:
        raise DataError("a loaded run has no data to summarise; run.summary() has what was saved with it.")
    table, outcome, described = run.data, run.outcome, run.data.describe()
    data, training, results = _data(run, table, described), _training(run), _results(run, outcome)
    summary = {
        "schema": SCHEMA,
        "kind": "run",
        "task": run.task,
        "title": _title(run),
        "name": table.name,
        "target": list(run.target.columns),
        "classes": [plain(label) for label in run.classes],
        "created": run.settings.get("created"),
        "rows_included": True,
        "verdict": _verdict(run, outcome, data, training, results),
        "data": data,
        "split": {
            "parts": {part: len(positions) for part, positions in table.parts.items()},
            "reason": table.split_reason,
        },
        "model": _model(run),
        "training": training,
        "results": results,
        "mistakes": _mistakes(run, table, outcome, described),
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
        A new dictionary, without the mistakes and the points of scatter plots; counts and quantiles stay.

    Example:
        >>> stripped = without_rows({"rows_included": True, "mistakes": {"rows": [1]}, "results": {"targets": []}})
        >>> stripped["rows_included"], stripped["mistakes"]
        (False, None)
    """
    targets = summary["results"].get("targets")
    results = dict(summary["results"])
    if targets is not None:
        results["targets"] = [{**target, "points": None} for target in targets]
    return {**summary, "rows_included": False, "mistakes": None, "results": results}


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


def _short(values: Any) -> list[float]:
    """Round to five significant digits, which is finer than any screen: the page and its JSON stay small."""
    return [float(f"{value:.5g}") for value in np.asarray(values, dtype=float).ravel()]


def _title(run: Run) -> str:
    names = [plain(name) for name in run.target.columns]
    listed = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    return f"Predicting {listed}"


# --- verdict --------------------------------------------------------------------------------------------------------------


def _verdict(
    run: Run, outcome: Outcome, data: dict[str, Any], training: dict[str, Any], results: dict[str, Any]
) -> dict[str, Any]:
    name = metrics.PRIMARY[run.task]
    if name not in results["metrics"]:
        name = next(iter(results["metrics"]))
    own = results["metrics"][name]
    against = {}
    for baseline, other in run.baselines.items():
        if name not in own["baselines"] and baseline not in own["baselines"]:
            continue
        value, low, high = metrics.difference(outcome, other, name)
        sign = -1 if metrics.LOWER_IS_BETTER[name] else 1
        if math.isnan(low) or math.isnan(high) or low <= 0 <= high:
            standing = "level"
        else:
            standing = "better" if sign * value > 0 else "worse"
        against[baseline] = {"difference": value, "low": low, "high": high, "standing": standing}
    found = reading.read_baselines(
        outcome, run.baselines, rows=data["parts"]["train"], classes=len(run.classes)
    )
    return {
        "metric": name,
        "value": own["value"],
        "low": own["low"],
        "high": own["high"],
        "test_rows": len(outcome.y_true),
        "against": against,
        "headline": _headline(against),
        "sentences": found,
        "next": _next_steps(run, data, training, results, against),
    }


_NAMES = {"dummy": "guessing", "linear": "the linear model", "tree": "the gradient-boosted trees"}


def _headline(against: Mapping[str, Mapping[str, Any]]) -> str:
    """Say in one sentence where the network stands."""
    by = {
        standing: [_NAMES.get(name, name) for name, entry in against.items() if entry["standing"] == standing]
        for standing in ("better", "level", "worse")
    }
    if not against:
        return "Trained without baselines: nothing here says whether a simpler model would do."
    if "guessing" in by["worse"] or "guessing" in by["level"]:
        return "No better than guessing."
    if not by["level"] and not by["worse"]:
        return f"Better than {_and(by['better'])}."
    parts = [f"{'Better' if s == 'better' else 'Worse' if s == 'worse' else 'Level with'}{' than' if s != 'level' else ''} {_and(by[s])}"
             for s in ("better", "level", "worse") if by[s]]
    return ", ".join([parts[0], *(part[0].lower() + part[1:] for part in parts[1:])]) + "."


def _and(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _next_steps(
    run: Run, data: dict[str, Any], training: dict[str, Any], results: dict[str, Any], against: Mapping[str, Mapping[str, Any]]
) -> list[str]:
    """Say what to do next, the most important first, four at most."""
    steps = []
    if data["leaks"]:
        named = _and([f"“{name}”" for name in data["leaks"][:3]])
        steps.append(
            f"Check {named} first: alone it gives the target nearly away. If it is not known at the time of a prediction, "
            f"leave it out (drop=) and train again; the numbers below would then be too good."
        )
    if "dummy" in against and against["dummy"]["standing"] != "better":
        steps.append("Look at the data before the model: these columns may not tell the target, or there are too few rows.")
    elif "tree" in against and against["tree"]["standing"] == "worse":
        steps.append("Use the gradient-boosted trees for this table, or train the network with more effort and compare again.")
    elif "linear" in against and against["linear"]["standing"] != "better":
        steps.append("Prefer the linear model unless you need a network: it is simpler, quicker and easier to explain.")
    kind = training["reading"]["kind"]
    advice = {
        "underfitted": "Give the network more room: wider or more hidden layers, less regularisation, or a higher learning rate.",
        "overfitted": "Hold the network back: dropout, L2 or fewer neurons; or bring more rows.",
        "could train longer": "Train for more epochs: the validation loss was still falling when training ended.",
        "diverged": "Lower the learning rate, or limit the gradient (clip_norm=1), and train again.",
    }
    if kind in advice:
        steps.append(advice[kind])
    shape = results["reliability"]
    if shape is not None and shape["ece"] > 0.05 and shape["rows"] >= 300:
        steps.append(
            f"Take the probabilities with care: they are off by {percent(shape['ece'])} on average. The predicted labels are not touched."
        )
    rows = data["parts"]["test"]
    if rows < 200:
        steps.append(f"Mind the width of the intervals: {rows} test rows say little more. Further labelled rows narrow them (run.evaluate).")
    if not steps:
        steps.append("Nothing here speaks against using it: save it (run.save) and predict new rows (run.predict).")
    return steps[:4]


# --- data -----------------------------------------------------------------------------------------------------------------


def _data(run: Run, table: Table, described: Mapping[str, Any]) -> dict[str, Any]:
    columns = described["columns"]
    parts = ["all", *table.parts]
    return {
        "rows": table.rows,
        "columns_given": len(table.source_columns),
        "columns_used": len(columns),
        "parts": {part: len(positions) for part, positions in table.parts.items()},
        "set_aside": [{"column": name, "reason": reason} for name, reason in table.set_aside.items()],
        "notes": [*table.notes, *described["left_out"], *_updated(run)],
        "leaks": described["leaks"],
        "strongest": described["strongest"],
        "target": [_column(entry, parts) for entry in described["targets"][:COLUMNS]],
        "columns": [_column(columns[i], parts) for i in _telling(columns, COLUMNS)],
        "left_out": max(0, len(columns) - COLUMNS),
    }


def _updated(run: Run) -> list[str]:
    rows = run.settings.get("updated", 0)
    return [f"After this training the model learnt from {number(rows)} more rows; this report is of the time before."] if rows else []


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
        "edges": _short(edges) if entry["kind"] == "number" else edges,
        "parts": made,
    }


# --- model ----------------------------------------------------------------------------------------------------------------


def _model(run: Run) -> dict[str, Any]:
    from toolkit.builders import architecture

    width = len(run.encoder.names)
    layers, before = [], width
    for layer in architecture(run.model):
        after = layer["output"][-1] if layer["output"] else before
        layers.append({**layer, "counted": _counted(layer, before)})
        before = after
    return {
        "inputs": width,
        "columns": len(run.encoder.columns),
        "layers": layers,
        "neurons": sum(layer["neurons"] for layer in layers),
        "parameters": sum(layer["parameters"] for layer in layers),
        "head": {
            "name": run.head.name,
            "loss": run.head.about,
            "decision": run.head.decision,
            "probability": run.head.probability,
        },
    }


def _counted(layer: Mapping[str, Any], inputs: int) -> str:
    """Say where a layer's learnable parameters come from, where the arithmetic is that of a known layer."""
    learnt, units = layer["parameters"], layer["output"][-1] if layer["output"] else 0
    if not learnt:
        return ""
    if layer["type"] == "Dense" and learnt == inputs * units + units:
        return f"{number(inputs)} × {number(units)} weights + {number(units)} biases"
    if layer["type"] == "Dense" and learnt == inputs * units:
        return f"{number(inputs)} × {number(units)} weights"
    if layer["type"] == "BatchNormalization" and learnt == 2 * units:
        return f"{number(units)} scales + {number(units)} shifts"
    return ""


# --- training -------------------------------------------------------------------------------------------------------------


def _training(run: Run) -> dict[str, Any]:
    found = reading.read_curves(run.history, run.best_epoch, run.stopped)
    return {
        "history": {
            name: [int(v) for v in column] if name == "epoch" else _short(column) for name, column in run.history.items()
        },
        "epochs": len(run.history),
        "best_epoch": run.best_epoch,
        "stopped": run.stopped,
        "metric": run.head.metric,
        "reading": {"kind": found.kind, "sentence": found.sentence},
    }


# --- results --------------------------------------------------------------------------------------------------------------


def _results(run: Run, outcome: Outcome) -> dict[str, Any]:
    table = run.table
    named = {}
    for name, row in table.iterrows():
        baselines = {
            baseline: {"value": row[baseline], "low": row.get(f"{baseline}_low"), "high": row.get(f"{baseline}_high")}
            for baseline in run.baselines
            if baseline in row.index
        }
        named[str(name)] = {"value": row["value"], "low": row["low"], "high": row["high"], "baselines": baselines}
    results: dict[str, Any] = {
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
        results["targets"] = _targets(run, outcome)
    elif run.task == "multilabel":
        results["labels"] = _labels(run, outcome)
    else:
        results["confusion"] = _confusion(run, outcome)
        results["classes"] = _classes(run, outcome)
    if run.task == "binary":
        results["curves"] = _curves(run, outcome)
    if outcome.probabilities is not None:
        # Fewer groups on fewer rows: about 30 in each, so that a point means something.
        groups = min(15, max(5, outcome.y_true.size // 30))
        shape = metrics.reliability(outcome.y_true, outcome.probabilities, bins=groups)
        results["reliability"] = {
            **{name: _short(values) for name, values in shape.items() if name != "count"},
            "count": shape["count"],
            "rows": int(shape["count"].sum()),
            "ece": metrics.expected_calibration_error(outcome.y_true, outcome.probabilities, bins=groups),
        }
    return results


def _targets(run: Run, outcome: Outcome) -> dict[str, Any] | list[dict[str, Any]]:
    names = list(run.target.columns)
    shown, drawn = [], np.random.default_rng(0)
    for place, name in enumerate(names):
        true, predicted = outcome.y_true[:, place], outcome.y_pred[:, place]
        one = metrics.Outcome("regression", true[:, None], predicted[:, None])
        entry: dict[str, Any] = {"name": plain(name), **metrics.evaluate(one), "bands": None, "histogram": None, "points": None}
        if place < TARGETS:
            error = true - predicted
            counts, edges = np.histogram(error, bins=min(30, max(5, int(len(error) ** 0.5))))
            most = POINTS // min(len(names), TARGETS)
            kept = np.sort(drawn.choice(len(true), most, replace=False)) if len(true) > most else np.arange(len(true))
            entry["bands"] = _bands(predicted, true)
            entry["histogram"] = {"edges": _short(edges), "counts": counts}
            entry["points"] = {"true": _short(true[kept]), "predicted": _short(predicted[kept]), "of": len(true)}
        shown.append(entry)
    return shown


def _bands(predicted: np.ndarray, true: np.ndarray) -> dict[str, Any]:
    """Group rows by their prediction, tenths of the rows each, with quantiles of the truth and of the error in each group."""
    groups = np.array_split(np.argsort(predicted, kind="stable"), max(1, min(10, len(predicted) // 10)))
    bands: dict[str, Any] = {"rows": [len(group) for group in groups], "predicted": _short([predicted[g].mean() for g in groups])}
    for word, values in (("true", true), ("error", true - predicted)):
        quantiles = np.array([np.quantile(values[g], [0.05, 0.5, 0.95]) for g in groups])
        for place, name in enumerate(("low", "middle", "high")):
            bands[f"{word}_{name}"] = _short(quantiles[:, place])
    return bands


def _confusion(run: Run, outcome: Outcome) -> dict[str, Any]:
    size = len(run.classes)
    counts = np.zeros((size, size), dtype=int)
    np.add.at(counts, (outcome.y_true, outcome.y_pred), 1)
    if size <= MATRIX:
        return {"counts": counts, "pairs": None, "left_out": 0}
    wrong = counts.copy()
    np.fill_diagonal(wrong, 0)
    order = np.argsort(-wrong, axis=None, kind="stable")
    all_pairs = int((wrong > 0).sum())
    pairs = []
    for flat in order[: min(PAIRS, all_pairs)]:
        true, said = np.unravel_index(flat, wrong.shape)
        pairs.append({"true": int(true), "predicted": int(said), "rows": wrong[true, said], "of": counts[true].sum()})
    return {"counts": None, "pairs": pairs, "left_out": all_pairs - len(pairs)}


def _share(part: int, whole: int) -> dict[str, float]:
    """Return a share with its 95 % Wilson interval."""
    if not whole:
        return {"value": math.nan, "low": math.nan, "high": math.nan}
    z, share = 1.959963984540054, part / whole
    middle = (share + z**2 / (2 * whole)) / (1 + z**2 / whole)
    half = z / (1 + z**2 / whole) * math.sqrt(share * (1 - share) / whole + z**2 / (4 * whole**2))
    return {"value": share, "low": max(0.0, middle - half), "high": min(1.0, middle + half)}


def _found(name: Any, true: np.ndarray, said: np.ndarray) -> dict[str, Any]:
    """Return how one class or label was found: its rows, precision, recall and F1."""
    hits, rows, claims = int((true & said).sum()), int(true.sum()), int(said.sum())
    return {
        "name": plain(name),
        "rows": rows,
        "predicted": claims,
        "precision": _share(hits, claims),
        "recall": _share(hits, rows),
        "f1": 2 * hits / (rows + claims) if rows + claims else math.nan,
    }


def _worst(entries: list[dict[str, Any]]) -> dict[str, Any]:
    """Keep all entries, or the ones with the lowest F1 where there are too many, in their own order."""
    order = sorted(range(len(entries)), key=lambda i: (not math.isnan(entries[i]["f1"]), entries[i]["f1"], i))
    kept = sorted(order[:CLASSES])
    return {"shown": [entries[i] for i in kept], "left_out": len(entries) - len(kept)}


def _classes(run: Run, outcome: Outcome) -> dict[str, Any]:
    return _worst([_found(label, outcome.y_true == i, outcome.y_pred == i) for i, label in enumerate(run.classes)])


def _labels(run: Run, outcome: Outcome) -> dict[str, Any]:
    ranking = outcome.probabilities if outcome.probabilities is not None else outcome.scores
    entries = []
    for i, label in enumerate(run.target.columns):
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
    return _short(x), _short(y)


def _curves(run: Run, outcome: Outcome) -> dict[str, Any] | None:
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


# --- mistakes -------------------------------------------------------------------------------------------------------------


def _mistakes(run: Run, table: Table, outcome: Outcome, described: Mapping[str, Any]) -> dict[str, Any]:
    """Return the test rows on which the network was most sure, and wrong; for regression, those it missed by most."""
    test = table.parts["test"]
    where, said, total = _FINDERS[run.task](run, outcome)
    columns = described["columns"]
    shown = _telling(columns, CELLS)
    rows = []
    for place, words in zip(where, said, strict=True):
        cells = [_cell(table.frame[columns[i]["name"]].iloc[test[place]], columns[i]["kind"]) for i in shown]
        rows.append({"row": table.source_rows[test[place]], "said": words, "cells": cells})
    return {
        "about": _ABOUT[run.task],
        "head": _HEADS[run.task],
        "columns": [columns[i]["name"] for i in shown],
        "left_out": len(columns) - len(shown),
        "rows": rows,
        "total": total,
    }


_NUMBERED = "Row numbers count from 1 in your file, without its header."
_ABOUT = {
    "regression": f"The test rows that the network missed by most. {_NUMBERED}",
    "binary": f"The test rows on which the network was most sure, and wrong. {_NUMBERED}",
    "multiclass": f"The test rows on which the network was most sure, and wrong. {_NUMBERED}",
    "multilabel": f"The labels of test rows on which the network was most sure, and wrong. {_NUMBERED}",
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


_Found = tuple[np.ndarray, list[list[Any]], int]  # places in the test part, what is said of each, how many there are in all


def _largest_errors(run: Run, outcome: Outcome) -> _Found:
    # Errors of several targets are compared in their own standard deviations.
    size = np.abs(outcome.y_true - outcome.y_pred) / run.target.scale
    order = np.argsort(-size, axis=None, kind="stable")[:MISTAKES]
    rows, targets = np.unravel_index(order, size.shape)
    said = []
    for row, place in zip(rows, targets, strict=True):
        true, predicted = float(outcome.y_true[row, place]), float(outcome.y_pred[row, place])
        said.append([plain(run.target.columns[place]), *(float(f"{v:.6g}") for v in (true, predicted, true - predicted))])
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


def _wrong_classes(run: Run, outcome: Outcome) -> _Found:
    wrong = np.flatnonzero(outcome.y_true != outcome.y_pred)
    said, true = outcome.y_pred[wrong], outcome.y_true[wrong]
    scores = None if outcome.scores is None else np.asarray(outcome.scores, dtype=float)[wrong]
    chance = None if outcome.probabilities is None else outcome.probabilities[wrong]
    if run.task == "binary":
        chance = None if chance is None else np.where(said == 1, chance, 1 - chance)
        margin = np.zeros(len(wrong)) if scores is None else np.abs(scores.reshape(-1))
    else:
        chance = None if chance is None else chance[np.arange(len(wrong)), said]
        margin = np.zeros(len(wrong)) if scores is None else scores[np.arange(len(wrong)), said] - scores[np.arange(len(wrong)), true]
    ranked, words = _confidence(chance, margin)
    order = np.argsort(-ranked, kind="stable")[:MISTAKES]
    names = [plain(label) for label in run.classes]
    return wrong[order], [[names[true[i]], names[said[i]], words[i]] for i in order], len(wrong)


def _wrong_labels(run: Run, outcome: Outcome) -> _Found:
    rows, labels = np.nonzero(outcome.y_true != outcome.y_pred)
    said = outcome.y_pred[rows, labels]
    chance = None if outcome.probabilities is None else outcome.probabilities[rows, labels]
    chance = None if chance is None else np.where(said == 1, chance, 1 - chance)
    margin = np.zeros(len(rows)) if outcome.scores is None else np.abs(np.asarray(outcome.scores, dtype=float)[rows, labels])
    ranked, words = _confidence(chance, margin)
    order = np.argsort(-ranked, kind="stable")[:MISTAKES]
    names = [plain(label) for label in run.target.columns]
    return rows[order], [[names[labels[i]], not bool(said[i]), bool(said[i]), words[i]] for i in order], len(rows)


_FINDERS = {
    "regression": _largest_errors,
    "binary": _wrong_classes,
    "multiclass": _wrong_classes,
    "multilabel": _wrong_labels,
}
