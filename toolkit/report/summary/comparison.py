"""A comparison as one dictionary of plain values: every number that its report shows, and nothing else.

Contenders are told apart by their place: each list with an entry a contender is in the order of `contenders`, the
reference first. Losses are shown where a loss itself is the subject, and never ranked: they are on different scales.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from toolkit.common.formatting import (
    duration,
    isolated,
    number,
    percent,
    plain,
)
from toolkit.evaluation import metrics
from toolkit.evaluation.baselines import said_of_images
from toolkit.evaluation.metric_names import METRICS
from toolkit.report.summary.contrasts import (
    confidence_of,
    disagreement,
    first_trials,
    jiggle,
    margins_of,
    regions,
)
from toolkit.report.summary.results import short
from toolkit.report.summary.run import SCHEMA, _and, _clean

if TYPE_CHECKING:
    from toolkit.runs.comparison import Comparison, Trial

__all__ = ["summarise_comparison", "without_rows"]

BINS = 15  # of a reliability diagram and of the expected calibration error, with equal counts
HONEST = 40  # draws that say what error honest probabilities would show on as few rows
BARS = 30  # of a histogram
TARGETS = 4  # regression targets drawn
LABELS = 40  # labels shown one by one

_Reals = NDArray[np.float64]


def summarise_comparison(comparison: Comparison, rows: bool = True) -> dict[str, Any]:
    """Return everything that a report says about a comparison.

    Args:
        comparison: A comparison just made.
        rows: Whether single rows of the user's data may be in it: those on which the contenders disagree, the scores
            of the rows that are moved, and the points over the decision regions.

    Returns:
        Dictionaries, lists, texts, finite numbers, booleans and None, in the order of the page. Keys: schema, kind
        ("comparison"), task, title, name, target, classes, created, rows_included, seeds, fixed_test, contenders,
        verdict, results, terms, training, margins, confidence, reliability, errors, labels, disagreement, jiggle,
        regions, settings. What does not apply to the task is None.
    """
    task, table = comparison.task, comparison.tables[comparison.seeds[0]]
    contenders, found = [_contender(comparison, label) for label in comparison.labels], _results(comparison)
    classified, single = task != "regression", task in ("binary", "multiclass")
    summary = {
        "schema": SCHEMA,
        "kind": "comparison",
        "task": task,
        "title": _title(comparison),
        "name": table.name,
        "target": [plain(name) for name in comparison.target.columns],
        "classes": [plain(name) for name in comparison.classes],
        "created": comparison.settings.get("created"),
        "rows_included": True,
        "seeds": list(comparison.seeds),
        "fixed_test": comparison.fixed_test,
        "contenders": contenders,
        "verdict": _verdict(comparison, contenders, found),
        "results": found,
        "terms": _terms(comparison),
        "training": _training(comparison),
        "margins": _margins(comparison) if classified else None,
        "confidence": _confidence(comparison) if classified else None,
        "reliability": _reliability(comparison) if classified else None,
        "errors": None if classified else _errors(comparison),
        "labels": _labels(comparison) if task == "multilabel" else None,
        "disagreement": disagreement(comparison),
        "jiggle": jiggle(comparison) if single else None,
        "regions": regions(comparison) if single else None,
        "settings": comparison.settings,
    }
    clean = _clean(summary)
    return clean if rows else without_rows(clean)


def without_rows(summary: Mapping[str, Any]) -> dict[str, Any]:
    """Return a summary in which no single row of the user's data is left; its page says so.

    Args:
        summary: What `summarise_comparison` returned.

    Returns:
        A new dictionary, without the rows on which the contenders disagree, the points over decision regions, and what
        names the rows whose scores are moved; counts, losses and decision regions stay.
    """
    bare = {**summary, "rows_included": False}
    bare["disagreement"] = {**summary["disagreement"], "shown": None}
    if summary["jiggle"] is not None:
        hidden = {"row": None, "truth": None, "scores": None}
        bare["jiggle"] = {**summary["jiggle"], "rows": [{**row, **hidden} for row in summary["jiggle"]["rows"]]}
    if summary["regions"] is not None:
        bare["regions"] = {**summary["regions"], "points": None}
    return bare


def _of(comparison: Comparison, label: str) -> list[Trial]:
    """The trials of one contender, in the order of the seeds."""
    return [comparison.trials[label, seed] for seed in comparison.seeds]


def _over(values: Sequence[float]) -> dict[str, float]:
    """Mean, least and greatest over the seeds."""
    known = [float(value) for value in values if math.isfinite(value)]
    if not known:
        return {"value": math.nan, "low": math.nan, "high": math.nan}
    return {"value": float(np.mean(known)), "low": min(known), "high": max(known)}


def _title(comparison: Comparison) -> str:
    names = [plain(label) for label in comparison.labels]
    return f"{names[0]} against {_and(names[1:])}" if len(names) > 1 else names[0]


# ------------------------------------------------------------------------------------------------ contenders, verdict


def _contender(comparison: Comparison, label: str) -> dict[str, Any]:
    trials = _of(comparison, label)
    first = trials[0]
    epochs = [len(trial.history) for trial in trials]
    return {
        "label": plain(label),
        "head": first.head.name,
        "loss": first.head.about,
        "decision": first.head.decision,
        "link": first.head.link,
        "margin": first.head.margin,
        "networks": len(comparison.target.columns) if first.result is None and comparison.task == "multilabel" else 1,
        "probabilities": _probabilities(first),
        "parameters": first.parameters,
        "epochs": _over(epochs),
        "best_epoch": _over([trial.best_epoch for trial in trials]),
        "seconds": _over([trial.seconds for trial in trials]),
        "seconds_an_epoch": _over(
            [trial.seconds / count for trial, count in zip(trials, epochs, strict=True) if count] or [math.nan]
        ),
    }


def _probabilities(trial: Trial) -> str:
    if trial.calibration is not None:
        return trial.calibration.sentence
    if trial.outcome.probabilities is None:
        return trial.head.probability
    return "of each network by itself, calibrated on its own validation scores"


def _results(comparison: Comparison) -> dict[str, Any]:
    each = {key: metrics.evaluate(trial.outcome) for key, trial in comparison.trials.items()}
    reference, named = comparison.labels[0], {}
    found = {(entry["metric"], entry["b"]): entry for entry in comparison.differences if entry["a"] == reference}
    for name, row in comparison.table.iterrows():
        name, entries, apart = str(name), [], []
        for label in comparison.labels:
            seeds = [each[label, seed].get(name, math.nan) for seed in comparison.seeds]
            entries.append(
                {
                    "value": row.get(label, math.nan),
                    "low": row.get(f"{label}_low", math.nan),
                    "high": row.get(f"{label}_high", math.nan),
                    "seeds": seeds,
                }
            )
            entry = found.get((name, label))
            apart.append(
                None
                if entry is None
                else {
                    **{key: entry[key] for key in ("value", "low", "high", "p", "clear", "method")},
                    "over": entry.get("over", _counted(entry["n"], comparison.fixed_test)),
                    "standing": _standing(name, entry),
                    "seeds": [one - two for one, two in zip(seeds, entries[0]["seeds"], strict=True)],
                }
            )
        mean = comparison.baselines.loc[name]
        simple = {
            key: {"value": mean[key], "low": mean[f"{key}_low"], "high": mean[f"{key}_high"]}
            for key in ("tree", "linear", "dummy")
            if key in mean
        }
        named[name] = {"contenders": entries, "differences": apart, "baselines": simple}
    return {
        "metrics": named,
        "lower_is_better": [name for name in named if metrics.LOWER_IS_BETTER.get(name, False)],
        "methods": list(
            dict.fromkeys(
                f"{entry['method'].split(':')[0]}, over {entry['over']}"
                for row in named.values()
                for entry in row["differences"]
                if entry is not None
            )
        ),
    }


def _counted(n: int, fixed_test: bool) -> str:
    return f"{number(n)} {'test rows' if fixed_test else 'split' if n == 1 else 'splits'}"


def _standing(name: str, entry: Mapping[str, Any]) -> str:
    if not entry["clear"]:
        return "level"
    return "better" if (entry["value"] < 0) == metrics.LOWER_IS_BETTER.get(name, False) else "worse"


def _verdict(
    comparison: Comparison, contenders: Sequence[Mapping[str, Any]], found: Mapping[str, Any]
) -> dict[str, Any]:
    name = comparison.primary
    return {
        "metric": name,
        "headline": comparison.verdict[0] if comparison.verdict else "",
        "sentences": list(comparison.verdict[1:]),
        "next": _next_steps(comparison, contenders, found["metrics"].get(name, {"differences": []})["differences"]),
    }


def _next_steps(
    comparison: Comparison, contenders: Sequence[Mapping[str, Any]], apart: Sequence[Mapping[str, Any] | None]
) -> list[str]:
    """Say what to do with the result, the most important first."""
    label, steps = METRICS[comparison.primary].label if comparison.primary in METRICS else comparison.primary, []
    label = label if label.split()[0] in ("RMSE", "ROC", "Hamming") else label.lower()
    known = [(entry, found) for entry, found in zip(contenders, apart, strict=False) if found is not None]
    better = [entry for entry, found in known if found["standing"] == "better"]
    level = [entry for entry, found in known if found["standing"] == "level"]
    if better:
        best = _and([isolated(entry["label"]) for entry in better])
        steps.append(f"Use {best}: {'each is' if len(better) > 1 else 'it is'} clearly ahead in {label} here.")
    elif known and not level:
        steps.append(f"Stay with {isolated(contenders[0]['label'])}: nothing here beats it in {label}.")
    elif level and comparison.task != "regression" and any(entry["link"] for entry in contenders):
        direct = [entry["label"] for entry in contenders if entry["link"]]
        fitted = [entry["label"] for entry in contenders if not entry["link"]]
        if fitted:
            own = "gives probabilities of its own" if len(direct) == 1 else "give probabilities of their own"
            steps.append(
                f"Choose by what you need besides {label}: {_and([isolated(name) for name in direct])} {own}; those of "
                f"{_and([isolated(name) for name in fitted])} are fitted afterwards."
            )
    vague = [found for _, found in known if found["standing"] == "level" and found["low"] != found["high"]]
    if vague and len(comparison.seeds) < 10:
        steps.append(
            f"If a difference of this size matters to you, compare with more seeds: "
            f"{len(comparison.seeds)} leave{'s' if len(comparison.seeds) == 1 else ''} the interval wide."
        )
    if not steps:
        steps.append("Train the one you choose on its own: its report says how it stands beside simpler models.")
    return steps


def _terms(comparison: Comparison) -> dict[str, Any]:
    table = comparison.tables[comparison.seeds[0]]
    return {
        "rows": table.rows,
        "columns_given": len(table.source_columns),
        "columns_used": len(table.features.columns),
        "baselines": said_of_images(table),
        "images": None if table.features.pixels is None else " × ".join(map(str, table.features.pixels.shape[1:])),
        "parts": {part: len(positions) for part, positions in table.parts.items()},
        "reason": table.split_reason,
    }


def _training(comparison: Comparison) -> dict[str, Any]:
    """Mean, least and greatest of the followed metric after each epoch, over the seeds that still train."""
    name = f"val_{first_trials(comparison)[0].head.metric}"
    curves = []
    for label in comparison.labels:
        lines = [
            np.asarray(trial.history[name], dtype=float)
            for trial in _of(comparison, label)
            if name in trial.history and len(trial.history)
        ]
        if not lines:
            curves.append(None)
            continue
        # As long as at least half of them do: the mean of the last one alone would be its own.
        last = sorted(len(line) for line in lines)[len(lines) // 2]
        still = [[line[epoch] for line in lines if epoch < len(line)] for epoch in range(last)]
        curves.append(
            {
                "mean": short([np.mean(values) for values in still]),
                "low": short([min(values) for values in still]),
                "high": short([max(values) for values in still]),
                "seeds": [len(values) for values in still],
            }
        )
    return {"metric": name.removeprefix("val_"), "curves": curves}


# ------------------------------------------------------------------------------------------ margins and probabilities


def _binned(values: _Reals, marks: Sequence[float]) -> dict[str, Any]:
    """Count values in bins of one width with an edge at 0; the first and the last hold what lies beyond them."""
    values = values[np.isfinite(values)]
    if not len(values):
        return {"edges": [-1.0, 0.0, 1.0], "counts": [0, 0], "beyond": 0}
    low, high = np.quantile(values, [0.005, 0.995])
    low, high = min(low, *marks), max(high, *marks)
    width = float(f"{(high - low) / BARS or 1.0:.2g}")
    places = np.arange(math.floor(low / width), max(math.ceil(high / width), math.floor(low / width) + 1) + 1)
    edges = places * width
    inside = np.clip(values, edges[0], edges[-1])
    counts = np.histogram(inside, edges)[0]
    return {"edges": short(edges), "counts": counts, "beyond": int((inside != values).sum())}


def _margins(comparison: Comparison) -> list[dict[str, Any] | None]:
    """Describe each contender's margins on the test rows, all seeds together."""
    described: list[dict[str, Any] | None] = []
    for label in comparison.labels:
        trials = _of(comparison, label)
        if any(trial.outcome.scores is None for trial in trials):
            described.append(None)
            continue
        values, delta = np.concatenate([margins_of(trial.outcome) for trial in trials]), trials[0].head.margin
        described.append(
            {
                "counted": len(values),
                "wrong": float((values < 0).mean()),
                "inside": None if delta is None else float(((values >= 0) & (values < delta)).mean()),
                "met": None if delta is None else float((values >= delta).mean()),
                "median": float(np.median(values)),
                "histogram": _binned(values, [0.0] if delta is None else [0.0, delta]),
            }
        )
    return described


def _confidence(comparison: Comparison) -> list[dict[str, Any] | None]:
    """Describe the probabilities of each contender's decisions on the test rows, calibrated, all seeds together."""
    edges, described = np.linspace(0, 1, 21), []
    for label in comparison.labels:
        trials = _of(comparison, label)
        if any(trial.outcome.probabilities is None for trial in trials):
            described.append(None)
            continue
        pairs = [confidence_of(trial.outcome) for trial in trials]
        chance, right = (np.concatenate(parts) for parts in zip(*pairs, strict=True))
        described.append(
            {
                "counted": len(chance),
                "mean": float(chance.mean()),
                "right_share": float(right.mean()),
                "sure": float((chance > 0.99).mean()),
                "edges": short(edges),
                "right": np.histogram(chance[right], edges)[0],
                "wrong": np.histogram(chance[~right], edges)[0],
            }
        )
    return described


def _reliability(comparison: Comparison) -> list[dict[str, Any] | None]:
    """Describe each contender's reliability before and after calibration; margins have no before."""
    described: list[dict[str, Any] | None] = []
    for label in comparison.labels:
        trials = _of(comparison, label)
        truths = [trial.outcome.y_true for trial in trials]
        stages = {
            "before": [trial.uncalibrated for trial in trials],
            "after": [trial.outcome.probabilities for trial in trials],
        }
        entry: dict[str, Any] = {
            "kept": None
            if trials[0].calibration is None
            else sum(trial.calibration is not None and trial.calibration.kept for trial in trials),
            "methods": None
            if trials[0].calibration is None
            else Counter(trial.calibration.method for trial in trials if trial.calibration is not None),
            "honest": None,
        }
        for stage, given in stages.items():
            known = [probabilities for probabilities in given if probabilities is not None]
            if len(known) < len(trials):
                entry |= {stage: None, f"error_{stage}": None}
                continue
            shape = metrics.reliability(np.concatenate(truths), np.concatenate(known), bins=BINS)
            errors = [
                metrics.expected_calibration_error(truth, probabilities, bins=BINS)
                for truth, probabilities in zip(truths, known, strict=True)
            ]
            entry[stage] = {
                **{name: short(shape[name]) for name in ("predicted", "observed")},
                "count": shape["count"],
            }
            entry[f"error_{stage}"] = _over(errors)
            if stage == "after":
                entry["honest"] = _honest(truths[0], np.asarray(known[0], dtype=float))
        described.append(entry if entry["after"] is not None else None)
    return described


def _honest(truth: NDArray[Any], chance: _Reals) -> float:
    """Return the mean expected calibration error of these probabilities, had each come true as often as it says.

    A small test is never free of it.
    """
    if chance.ndim == 2 and truth.ndim == 1:
        chance = chance.max(axis=1)
    chance, random = chance.ravel(), np.random.default_rng(0)
    drawn = [
        metrics.expected_calibration_error(random.random(len(chance)) < chance, chance, bins=BINS)
        for _ in range(HONEST)
    ]
    return float(np.mean(drawn))


# -------------------------------------------------------------------------------------------------- regression, labels


def _errors(comparison: Comparison) -> list[dict[str, Any]]:
    """Describe the errors of each target, true minus predicted, on the test rows of all seeds together."""
    described = []
    for place, name in enumerate(comparison.target.columns[:TARGETS]):
        each = []
        for label in comparison.labels:
            outcomes = [trial.outcome for trial in _of(comparison, label)]
            each.append(np.concatenate([(o.y_true - o.y_pred)[:, place] for o in outcomes]))
        pooled = np.concatenate(each)
        low, high = np.quantile(pooled, [0.005, 0.995])
        shares = np.linspace(0, 1, 51)
        edges = np.linspace(low, high, BARS + 1) if high > low else np.array([low - 0.5, low + 0.5])
        described.append(
            {
                "name": plain(name),
                "shares": short(shares),
                "edges": short(edges),
                "contenders": [
                    {
                        "counted": len(errors),
                        "counts": np.histogram(np.clip(errors, edges[0], edges[-1]), edges)[0],
                        "beyond": int(((errors < edges[0]) | (errors > edges[-1])).sum()),
                        "mean": float(errors.mean()),
                        **{
                            key: float(np.quantile(errors, q))
                            for key, q in (("low", 0.05), ("mid", 0.5), ("high", 0.95))
                        },
                        **{
                            f"size_{key}": float(np.quantile(np.abs(errors), q))
                            for key, q in (("half", 0.5), ("most", 0.9), ("all", 1.0))
                        },
                        "sizes": short(np.quantile(np.abs(errors), shares)),
                    }
                    for errors in each
                ],
            }
        )
    return described


def _labels(comparison: Comparison) -> dict[str, Any]:
    """Return the Hamming loss of each label by contender, and one network beside the separate ones, if compared."""
    wrong = [
        np.stack([(t.outcome.y_true != t.outcome.y_pred).mean(axis=0) for t in _of(comparison, label)])
        for label in comparison.labels
    ]
    rows = np.mean([t.outcome.y_true.mean(axis=0) for t in _of(comparison, comparison.labels[0])], axis=0)
    names = [plain(name) for name in comparison.target.columns]
    # Where not all are shown, those on which the contenders are furthest apart.
    apart = np.ptp(np.stack([part.mean(axis=0) for part in wrong]), axis=0)
    kept = sorted(np.argsort(-apart, kind="stable")[:LABELS].tolist())
    shown = [
        {"name": names[i], "positive": float(rows[i]), "contenders": [_over(part[:, i].tolist()) for part in wrong]}
        for i in kept
    ]
    return {"shown": shown, "left_out": len(names) - len(kept), "separate": _separate(comparison)}


def _separate(comparison: Comparison) -> dict[str, Any] | None:
    """Set one network with all labels beside one network a label, of the same head."""
    trials = first_trials(comparison)
    several = next((i for i, trial in enumerate(trials) if trial.result is None), None)
    if several is None:
        return None
    same = [i for i, t in enumerate(trials) if t.result is not None and t.head.name == trials[several].head.name]
    if not same:
        return None
    one, labels = same[0], comparison.labels
    more = trials[several].parameters / max(trials[one].parameters, 1)
    seconds = [_over([t.seconds for t in _of(comparison, labels[i])])["value"] for i in (one, several)]
    losses = [
        float(np.mean([(t.outcome.y_true != t.outcome.y_pred).mean() for t in _of(comparison, labels[i])]))
        for i in (one, several)
    ]
    count = len(comparison.target.columns)
    return {
        "one": one,
        "several": several,
        "networks": count,
        "sentence": (
            f"One network with {count} outputs has {number(trials[one].parameters)} parameters and trains in "
            f"{duration(seconds[0])}; {count} networks with one output each have {number(trials[several].parameters)} "
            f"({number(more, 2)} times as many) and train in {duration(seconds[1])} together. Of all cells, "
            f"{percent(losses[0])} and {percent(losses[1])} are wrong."
        ),
    }
