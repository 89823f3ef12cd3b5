"""Verdicts in words: whether the network was worth it, compared with its baselines."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pandas as pd

from toolkit.common.formatting import NARROW, duration, join_names, number, plain
from toolkit.evaluation.metric_names import METRICS, in_sentence, metric_value
from toolkit.evaluation.metrics import (
    LOWER_IS_BETTER,
    PRIMARY,
    Outcome,
    difference,
    evaluate,
)

__all__ = ["IN_WORDS", "baseline_ahead", "read_baselines", "standing_of"]

IN_WORDS = {"dummy": "guessing", "linear": "the linear model", "tree": "the gradient-boosted trees"}
"""Baseline -> what it is called inside a sentence."""

# Rows per class from which a network is worth it: Hantehzadeh, Machine Learning using Python, week 2.
_ROWS_PER_CLASS = 1000


def read_baselines(
    outcome: Outcome,
    baselines: Mapping[str, Outcome],
    rows: int,
    classes: int,
    *,
    parameters: int | None = None,
    images: bool = False,
) -> list[str]:
    """Return sentences on how the network compares with each baseline, and what follows.

    "Better" and "worse" require that the 95 % interval of the paired difference excludes 0.

    Args:
        outcome: The network on the test part.
        baselines: The outcomes of "dummy", "linear" and "tree" on the same rows; any further model by its name.
        rows: Number of training rows.
        classes: Number of classes (binary and multiclass).
        parameters: Number of trainable parameters; None leaves out rows per parameter.
        images: Whether the rows are images.

    Returns:
        Sentences; the first is the verdict.

    References:
        Hantehzadeh, Machine Learning using Python, week 2: a network needs thousands of rows per class.

    Example:
        >>> import numpy as np
        >>> truth = np.tile([0, 1], 200)
        >>> network, dummy = Outcome("multiclass", truth, truth), Outcome("multiclass", truth, 0 * truth)
        >>> read_baselines(network, {"dummy": dummy}, rows=1600, classes=2)[0].replace(NARROW, " ")
        "On 400 test rows the network's accuracy is 100.0 %: better than guessing (50.0 %)."
    """
    if not baselines:
        return ["No baseline was fitted, so it is unknown whether a simpler model would do as well."]
    metric = _common(outcome, baselines)
    tests = len(outcome.y_true)
    if metric is None:
        return [f"No metric is defined on these {tests} test rows for the network and the baselines alike."]
    differences = {name: difference(outcome, baseline, metric) for name, baseline in baselines.items()}
    standing = {name: standing_of(metric, low, high) for name, (_, low, high) in differences.items()}
    values = {name: evaluate(baseline)[metric] for name, baseline in baselines.items()}

    parts = []
    for word, kind in (("better than", "better"), ("no clear difference from", "level"), ("worse than", "worse")):
        names = [f"{IN_WORDS.get(n, n)} ({metric_value(metric, values[n])})" for n in values if standing[n] == kind]
        if names:
            parts.append(f"{word} {join_names(names)}")
    value = metric_value(metric, evaluate(outcome)[metric])
    sentences = [f"On {number(tests)} test rows the network's {in_sentence(metric)} is {value}: {'; '.join(parts)}."]

    # Without a dummy, nothing speaks against the network.
    if standing.get("dummy", "better") != "better":
        sentences.append(
            "These rows do not show that it learned anything. Check the target and the "
            f"{'images' if images else 'columns'} first: they may not be related, or there are too few rows."
        )
    # A network that is no better than guessing needs no finer comparison.
    for name in ("tree", "linear"):
        if name in standing and standing.get("dummy", "better") == "better":
            sentences.append(
                _against(
                    name, standing[name], metric, differences[name], (outcome.seconds, baselines[name].seconds), images
                )
            )
    if "level" in standing.values():
        # Half the width of an interval: about the smallest difference that would have excluded 0.
        widest = max((high - low) / 2 for name, (_, low, high) in differences.items() if standing[name] == "level")
        if widest > 0:
            unit = " points" if METRICS[metric].share else ""
            sentences.append(
                "No clear difference does not mean equal: these test rows cannot show a difference below about "
                f"{_amount(metric, widest)}{unit}."
            )
    sentences.extend(_size(outcome.task, rows, classes, parameters, standing))
    return sentences


def baseline_ahead(metric: str, contenders: pd.Series, baselines: pd.Series, seeds: int) -> list[str]:
    """Return a sentence that names the best baseline, where it is better than every contender.

    Args:
        metric: The metric.
        contenders: Its mean over the seeds, for each contender.
        baselines: The same for each baseline.
        seeds: Number of seeds.
    """
    contenders, baselines = (
        contenders.dropna(),
        baselines[[name for name in IN_WORDS if name in baselines]].dropna(),
    )
    if contenders.empty or baselines.empty:
        return []
    lower = LOWER_IS_BETTER[metric]
    best, baseline = (str(means.idxmin() if lower else means.idxmax()) for means in (contenders, baselines))
    if not (baselines[baseline] < contenders[best] if lower else baselines[baseline] > contenders[best]):
        return []
    ahead, behind = (metric_value(metric, float(value)) for value in (baselines[baseline], contenders[best]))
    mean = f", the mean over {seeds} seeds" if seeds > 1 else ""
    return [
        f"A baseline is better than all of them: {IN_WORDS[baseline]}, with {in_sentence(metric)} {ahead}{mean}; the "
        f"best of them, {plain(best)}, has {behind}. This difference is not tested."
    ]


def _common(outcome: Outcome, baselines: Mapping[str, Outcome]) -> str | None:
    """Return the primary metric, or the first that is defined for all models."""
    values = [evaluate(model) for model in (outcome, *baselines.values())]
    names = [PRIMARY[outcome.task], *values[0]]
    return next((name for name in names if all(math.isfinite(v.get(name, math.nan)) for v in values)), None)


def standing_of(metric: str, low: float, high: float) -> str:
    """Return what the interval of a paired difference means: "better", "worse", or "level" where it holds 0.

    Example:
        >>> standing_of("rmse", -3.0, -1.0), standing_of("accuracy", -0.02, 0.04)
        ('better', 'level')
    """
    if not (low > 0 or high < 0):  # also where an end is NaN
        return "level"
    # Below 0 is better for an error, above 0 for an accuracy.
    return "better" if (high < 0) == LOWER_IS_BETTER.get(metric, False) else "worse"


def _amount(metric: str, value: float) -> str:
    """Format a difference of a metric; a difference of percentages is in points, without a percent sign."""
    return metric_value(metric, value).removesuffix(f"{NARROW}%")


def _against(
    name: str,
    standing: str,
    metric: str,
    difference: tuple[float, float, float],
    times: tuple[float, float],
    images: bool,
) -> str:
    """Return a sentence about one baseline: the size of the difference, and what follows."""
    value, low, high = difference
    unit = " points" if METRICS[metric].share else ""
    if low == high == 0:
        size = "there is no difference"
    elif standing == "level":
        size = f"the difference lies between {_amount(metric, low)} and {_amount(metric, high)}{unit}"
    else:
        # Both ends have one sign, as the interval excludes 0: from -5 to -2 is lower by 2 to 5.
        near, far = sorted((abs(low), abs(high)))
        size = (
            f"its {in_sentence(metric)} is {'lower' if value < 0 else 'higher'} by {_amount(metric, abs(value))}{unit} "
            f"(95 % interval {_amount(metric, near)} to {_amount(metric, far)})"
        )
    network_seconds, seconds = times
    took = f" ({duration(seconds)} to fit, the network {duration(network_seconds)})" if all(times) else ""
    if name == "tree" and images:
        follows = {
            "better": f"here the network is worth its cost{took}.",
            "level": f"as far as these rows show, they do as well{took}: use them unless you need what only a network "
            "offers.",
            "worse": f"use the trees on these images{took}; a network may pay off with more images.",
        }
    elif name == "tree":
        follows = {
            "better": f"here the network is worth its cost{took}.",
            "level": f"as far as these rows show, they do as well{took}, and they need no scaling or imputation: use "
            "them unless you need what only a network offers.",
            "worse": f"use the trees on this table{took}; a network may pay off with more rows.",
        }
    else:
        follows = {
            "better": f"this suggests interactions or non-linear effects of the {'pixels' if images else 'columns'}.",
            "level": f"as far as these rows show, it does as well{took}, and its weights can be read: prefer it to the "
            "network.",
            "worse": f"use the linear model{took}; the network is too large, poorly trained, or has too few rows.",
        }
    return f"Against {IN_WORDS[name]} {size}: {follows[standing]}"


def _size(task: str, rows: int, classes: int, parameters: int | None, standing: Mapping[str, str]) -> list[str]:
    """Return sentences on rows per class and per parameter, where they explain the result."""
    simpler = [standing[name] for name in ("linear", "tree") if name in standing]
    sentences = []
    if task in ("binary", "multiclass") and classes > 1:
        per_class = rows / classes
        if per_class < _ROWS_PER_CLASS:
            end = "; so few rows favor simpler models." if set(simpler) - {"better"} else "; here fewer are enough."
            sentences.append(
                f"It learned from {number(rows)} rows, {number(round(per_class))} per class on average; by a rule of "
                f"thumb a network needs thousands per class{end}"
            )
    # Many good networks have more parameters than rows: it is a reason only where a simpler model does as well.
    if parameters and rows / parameters < 1 and set(simpler) - {"better"}:
        sentences.append(
            f"It has {number(parameters)} trainable parameters, more than training rows ({number(rows)}): a smaller "
            "network may do as well."
        )
    return sentences
