"""Numbers from predictions, by scikit-learn's names, each with a bootstrap interval.

Every metric is written once, as a function of row weights: weights of one give the value itself, the counts of a
bootstrap resample give the value on that resample. A ranking is sorted once and then re-read for every resample,
which is what makes a thousand resamples affordable.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from toolkit.common.errors import DataError, nearest

__all__ = [
    "LOWER_IS_BETTER",
    "PRIMARY",
    "Outcome",
    "difference",
    "evaluate",
    "expected_calibration_error",
    "intervals",
    "reliability",
]

PRIMARY: dict[str, str] = {
    "regression": "rmse",
    "binary": "roc_auc",
    "multiclass": "accuracy",
    "multilabel": "hamming_loss",
}
"""The metric by which models of a task are compared."""

LOWER_IS_BETTER: dict[str, bool] = {
    "rmse": True,
    "mae": True,
    "r2": False,
    "median_absolute_error": True,
    "accuracy": False,
    "balanced_accuracy": False,
    "f1": False,
    "f1_macro": False,
    "f1_micro": False,
    "precision": False,
    "recall": False,
    "roc_auc": False,
    "average_precision": False,
    "log_loss": True,
    "brier_score": True,
    "hamming_loss": True,
    "subset_accuracy": False,
}
"""For every metric, whether a smaller value is the better one."""

# Entries of one block of weights (resamples x rows): 2 MB, which a second-level cache holds.
_BLOCK = 250_000
# Pairs of rows that are compared at a time: 8 MB.
_PAIRS = 1_000_000
# Rows x outputs x resamples worth about three seconds; beyond it the resamples fall from 1,000 to 200.
_WORK = 200_000_000

# Weights (resamples, rows) -> one array (resamples,) for each of the names beside it.
_Values = Callable[[np.ndarray], Sequence[np.ndarray]]
_Measure = tuple[tuple[str, ...], _Values]


@dataclass(frozen=True)
class Outcome:
    """What a model said about rows whose answer is known.

    Attributes:
        task: "regression", "binary", "multiclass" or "multilabel".
        y_true: The answers. Regression: (n, t) in the user's units. Binary: (n,) of 0 and 1. Multiclass: (n,) class
            ids. Multilabel: (n, L) of 0 and 1.
        y_pred: The predictions, in the form of `y_true`.
        probabilities: Binary: (n,), of the positive class. Multiclass: (n, K). Multilabel: (n, L). None for regression
            and for a model that gives none.
        scores: Raw scores (n, units), or None.
        seconds: How long the model took to fit.
    """

    task: str
    y_true: np.ndarray
    y_pred: np.ndarray
    probabilities: np.ndarray | None = None
    scores: np.ndarray | None = None
    seconds: float = 0.0


def evaluate(outcome: Outcome, *, classes: Sequence[Any] | None = None) -> dict[str, float]:
    """Return every metric of the task, by scikit-learn's names.

    - regression: rmse, mae, r2, median_absolute_error; with several targets, their plain mean.
    - binary: accuracy, balanced_accuracy, f1, precision, recall, roc_auc, average_precision, log_loss, brier_score.
    - multiclass: accuracy, balanced_accuracy, f1_macro, roc_auc (each class against the rest, mean over the classes
      present), log_loss.
    - multilabel: hamming_loss, subset_accuracy, f1_micro, f1_macro, roc_auc (mean over the labels with both values),
      log_loss (mean over the labels).

    Without probabilities, the metrics that need them are left out; the rankings of binary and multilabel outcomes
    (roc_auc, average_precision) are then read from the scores. What is not defined on these rows (r2 where the target
    does not vary, roc_auc of one class, precision where nothing was predicted positive) is NaN. A label of a
    multilabel outcome that is neither true nor predicted anywhere counts 0 in f1_macro, as in scikit-learn.

    Args:
        outcome: Answers and predictions.
        classes: The classes' labels, to check the ids of a multiclass outcome against. None leaves the check out.

    Returns:
        Metric name to value, in the order above.

    Raises:
        DataError: There are no rows, the arrays do not have the same rows, or an id has no class.

    Example:
        >>> truth, said = np.array([[1.0], [2.0], [4.0]]), np.array([[1.0], [2.0], [1.0]])
        >>> {name: round(value, 3) for name, value in evaluate(Outcome("regression", truth, said)).items()}
        {'rmse': 1.732, 'mae': 1.0, 'r2': -0.929, 'median_absolute_error': 0.0}
    """
    measures = _measures(outcome)
    if classes is not None and outcome.task == "multiclass":
        largest = int(max(outcome.y_true.max(), outcome.y_pred.max()))
        if largest >= len(classes):
            raise DataError(f"class id {largest} has no label: there are {len(classes)} classes.")
    return {name: float(values[0]) for name, values in _apply(measures, np.ones((1, len(outcome.y_true)))).items()}


def intervals(outcome: Outcome, *, coverage: float = 0.95, resamples: int | None = None, seed: int = 0) -> pd.DataFrame:
    """Return every metric with its bootstrap interval.

    The rows are drawn again with replacement; the interval holds the middle `coverage` of the values so found
    (percentile bootstrap). It says how much the number could move with other test rows, not with another training.

    Args:
        outcome: Answers and predictions.
        coverage: Share of the resampled values inside the interval.
        resamples: How often the rows are drawn. By default 1,000, fewer for large tests and down to 200.
        seed: Of the draws: the same seed and number of rows draw the same rows.

    Returns:
        A row a metric (index "metric"), columns value, low, high. NaN where a metric is not defined.

    Raises:
        DataError: As in `evaluate`; a coverage not between 0 and 1.

    References:
        Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13.

    Example:
        >>> sure = Outcome("multiclass", np.array([0, 1, 2, 1]), np.array([0, 1, 2, 0]))
        >>> intervals(sure).loc["accuracy"].round(2).to_dict()
        {'value': 0.75, 'low': 0.25, 'high': 1.0}
    """
    measures = _measures(outcome)
    point = evaluate(outcome)
    drawn: dict[str, list[np.ndarray]] = {name: [] for name in point}
    for weights in _draws(outcome, resamples, seed):
        for name, values in _apply(measures, weights).items():
            drawn[name].append(values)
    rows = {name: (value, *_percentiles(drawn[name], value, coverage)) for name, value in point.items()}
    table = pd.DataFrame.from_dict(rows, orient="index", columns=["value", "low", "high"], dtype=float)
    return table.rename_axis("metric")


def difference(
    run: Outcome,
    other: Outcome,
    metric: str,
    *,
    coverage: float = 0.95,
    resamples: int | None = None,
    seed: int = 0,
) -> tuple[float, float, float]:
    """Return how far two models are apart on the same rows, with the interval of that difference.

    Both are read on the same resamples (paired bootstrap), so that rows hard for both do not blur the difference:
    an interval without 0 is a clear difference, also where the two single intervals overlap.

    Args:
        run: The one model.
        other: The other, on the same rows in the same order.
        metric: A name that `evaluate` gives for both.
        coverage: As in `intervals`.
        resamples: As in `intervals`.
        seed: As in `intervals`.

    Returns:
        Value, low and high of the metric of `run` minus that of `other`.

    Raises:
        DataError: The two are not on the same rows; one of them has no such metric.

    Example:
        >>> truth = np.array([0, 1] * 50)
        >>> right, wrong = Outcome("multiclass", truth, truth), Outcome("multiclass", truth, 1 - truth)
        >>> difference(right, wrong, "accuracy")
        (1.0, 1.0, 1.0)
    """
    if run.task != other.task or not np.array_equal(run.y_true, other.y_true):
        raise DataError("the two outcomes are not on the same test rows: a difference between them means nothing.")
    pair = [_only(_measures(outcome), metric) for outcome in (run, other)]

    def apart(weights: np.ndarray) -> np.ndarray:
        return _apply([pair[0]], weights)[metric] - _apply([pair[1]], weights)[metric]

    value = float(apart(np.ones((1, len(run.y_true))))[0])
    drawn = [apart(weights) for weights in _draws(run, resamples, seed)]
    return (value, *_percentiles(drawn, value, coverage))


def reliability(y_true: np.ndarray, probabilities: np.ndarray, *, bins: int = 15) -> dict[str, np.ndarray]:
    """Return predicted against observed frequencies, in bins of about equal counts.

    The bins' edges are quantiles of the probabilities; equal probabilities stay together, so there may be fewer bins
    than asked for. Binary: the positive class. Multiclass: the predicted class's probability against how often it is
    right (top-label confidence). Multilabel: all labels pooled.

    Args:
        y_true: (n,) of 0 and 1, (n,) class ids, or (n, L) of 0 and 1.
        probabilities: (n,) of the positive class, (n, K), or (n, L).
        bins: How many at most.

    Returns:
        Arrays, one entry a bin: `predicted` (mean probability), `observed` (share of positives), `low` and `high`
        (95 % Wilson interval of the observed share), `count` (rows).

    Raises:
        DataError: There are no rows.

    References:
        Guo et al., On Calibration of Modern Neural Networks, ICML 2017 (top-label confidence). Nixon et al., Measuring
        Calibration in Deep Learning, CVPR workshops 2019 (equal counts). Wilson, Probable Inference, JASA 1927.

    Example:
        >>> curve = reliability(np.array([0, 0, 1, 1]), np.array([0.1, 0.3, 0.7, 0.9]), bins=2)
        >>> curve["predicted"].round(2).tolist(), curve["observed"].tolist(), curve["count"].tolist()
        ([0.2, 0.8], [0.0, 1.0], [2, 2])
    """
    y_true, chance = np.asarray(y_true), np.asarray(probabilities, dtype=float)
    if chance.ndim == 2 and y_true.ndim == 1:
        y_true, chance = chance.argmax(axis=1) == y_true, chance.max(axis=1)
    truth, chance = y_true.ravel().astype(float), chance.ravel()
    if not len(chance):
        raise DataError("there are no rows to read a calibration from.")
    edges = np.percentile(chance, np.linspace(0, 100, bins + 1))
    place = np.searchsorted(edges[1:-1], chance)
    count = np.bincount(place, minlength=bins)
    used = count > 0
    count = count[used]
    predicted = np.bincount(place, weights=chance, minlength=bins)[used] / count
    observed = np.bincount(place, weights=truth, minlength=bins)[used] / count
    z = 1.959963984540054
    middle = (observed + z**2 / (2 * count)) / (1 + z**2 / count)
    half = z / (1 + z**2 / count) * np.sqrt(observed * (1 - observed) / count + z**2 / (4 * count**2))
    return {
        "predicted": predicted,
        "observed": observed,
        "low": np.clip(middle - half, 0, 1),
        "high": np.clip(middle + half, 0, 1),
        "count": count,
    }


def expected_calibration_error(y_true: np.ndarray, probabilities: np.ndarray, *, bins: int = 15) -> float:
    """Return how far predicted and observed frequencies are apart: 0 is calibrated, 0.1 is ten points off on average.

    The sum over the bins of `reliability` of count / n times |observed - predicted|. It depends on the bins, and a
    small test gives more than 0 for a perfectly calibrated model too.

    Args:
        y_true: As in `reliability`.
        probabilities: As in `reliability`.
        bins: As in `reliability`.

    Returns:
        Between 0 and 1.

    References:
        Guo et al., On Calibration of Modern Neural Networks, ICML 2017, equation 3, here with bins of equal counts.

    Example:
        >>> round(expected_calibration_error(np.array([0, 0, 1, 1]), np.array([0.1, 0.3, 0.7, 0.9]), bins=2), 3)
        0.2
    """
    curve = reliability(y_true, probabilities, bins=bins)
    return float(np.average(np.abs(curve["observed"] - curve["predicted"]), weights=curve["count"]))


def _measures(outcome: Outcome) -> list[_Measure]:
    """Return the metrics that this outcome has, in their order, grouped where they share work."""
    rows = len(outcome.y_true)
    if not rows:
        raise DataError("there are no rows to evaluate on.")
    for word in ("y_pred", "probabilities", "scores"):
        array = getattr(outcome, word)
        if array is not None and len(array) != rows:
            raise DataError(f"y_true has {rows} rows, {word} has {len(array)}.")
    make = {"regression": _regression, "binary": _binary, "multiclass": _multiclass, "multilabel": _multilabel}
    if outcome.task not in make:
        raise DataError(f"task '{outcome.task}' is none of {', '.join(make)}.{nearest(outcome.task, make)}")
    return make[outcome.task](outcome)


def _only(measures: list[_Measure], metric: str) -> _Measure:
    names = [name for group, _ in measures for name in group]
    for group, values in measures:
        if metric in group:
            return group, values
    raise DataError(f"no metric '{metric}' here (metrics: {', '.join(names)}).{nearest(metric, names)}")


def _apply(measures: list[_Measure], weights: np.ndarray) -> dict[str, np.ndarray]:
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return {name: v for names, values in measures for name, v in zip(names, values(weights), strict=True)}


def _draws(outcome: Outcome, resamples: int | None, seed: int) -> Iterator[np.ndarray]:
    """Yield blocks (resamples, rows) of how often each row was drawn; the same for outcomes of one shape."""
    rows = len(outcome.y_true)
    if resamples is None:
        shaped = outcome.y_true if outcome.probabilities is None else outcome.probabilities
        outputs = shaped.shape[1] if shaped.ndim == 2 else 1
        resamples = int(np.clip(_WORK // (rows * outputs), 200, 1000))
    random = np.random.default_rng(seed)
    block = max(1, _BLOCK // rows)
    for start in range(0, resamples, block):
        count = min(block, resamples - start)
        places = random.integers(0, rows, size=(count, rows)) + rows * np.arange(count)[:, None]
        yield np.bincount(places.ravel(), minlength=count * rows).reshape(count, rows).astype(float)


def _percentiles(drawn: list[np.ndarray], value: float, coverage: float) -> tuple[float, float]:
    if not 0 < coverage < 1:
        raise DataError(f"coverage {coverage} is not between 0 and 1.")
    values = np.concatenate(drawn)
    values = values[np.isfinite(values)]
    if not math.isfinite(value) or not len(values):
        return math.nan, math.nan
    low, high = np.percentile(values, [50 * (1 - coverage), 50 * (1 + coverage)])
    return float(low), float(high)


# --- the metrics of each task -----------------------------------------------------------------------------------


def _regression(outcome: Outcome) -> list[_Measure]:
    truth, said = (np.asarray(y, dtype=float).reshape(len(y), -1) for y in (outcome.y_true, outcome.y_pred))
    error = np.abs(truth - said)
    # The mean is taken out first: the variance below is then free of cancellation for targets far from zero.
    centred = truth - truth.mean(axis=0)
    medians = [_median(column) for column in error.T]

    def middle(weights: np.ndarray) -> Sequence[np.ndarray]:
        return [np.mean([median(weights) for median in medians], axis=0)]

    def values(weights: np.ndarray) -> Sequence[np.ndarray]:
        total = weights.sum(axis=1, keepdims=True)
        squares = weights @ error**2
        about_zero = weights @ centred**2
        spread = about_zero - (weights @ centred) ** 2 / total
        # Rows that all have one target value leave round-off here instead of the zero that makes r2 undefined.
        spread[spread <= 1e-12 * about_zero] = math.nan
        return (
            np.sqrt(squares / total).mean(axis=1),
            (weights @ error / total).mean(axis=1),
            (1 - squares / spread).mean(axis=1),
        )

    return [(("rmse", "mae", "r2"), values), (("median_absolute_error",), middle)]


def _binary(outcome: Outcome) -> list[_Measure]:
    truth, said = (np.asarray(y).reshape(-1).astype(bool) for y in (outcome.y_true, outcome.y_pred))
    cells = np.column_stack([truth & said, truth & ~said, ~truth & said, ~truth & ~said]).astype(float)

    def counted(weights: np.ndarray) -> Sequence[np.ndarray]:
        hit, missed, false, rejected = (weights @ cells).T
        recall = hit / (hit + missed)
        return (
            (hit + rejected) / weights.sum(axis=1),
            _mean_of_defined(np.stack([recall, rejected / (rejected + false)])),
            2 * hit / (2 * hit + missed + false),
            hit / (hit + false),
            recall,
        )

    measures: list[_Measure] = [(("accuracy", "balanced_accuracy", "f1", "precision", "recall"), counted)]
    chance = None if outcome.probabilities is None else np.asarray(outcome.probabilities, dtype=float).reshape(-1)
    order = outcome.scores if chance is None else chance
    if order is not None:
        measures.append((("roc_auc", "average_precision"), _ranking(truth, np.asarray(order).reshape(-1))))
    if chance is not None:
        each = np.column_stack([_surprise(truth, chance), (truth - chance) ** 2])
        measures.append((("log_loss", "brier_score"), _averages(each)))
    return measures


def _multiclass(outcome: Outcome) -> list[_Measure]:
    truth, said = (np.asarray(y).reshape(-1).astype(int) for y in (outcome.y_true, outcome.y_pred))
    correct = truth == said
    classes = int(max(truth.max(), said.max())) + 1
    sums = [_class_sums(truth, classes), _class_sums(said, classes), _class_sums(truth, classes, correct)]

    def counted(weights: np.ndarray) -> Sequence[np.ndarray]:
        true, predicted, hit = (total(weights) for total in sums)
        return (
            weights @ correct.astype(float) / weights.sum(axis=1),
            _mean_of_defined(hit / true),
            _mean_of_defined(2 * hit / (true + predicted)),
        )

    measures: list[_Measure] = [(("accuracy", "balanced_accuracy", "f1_macro"), counted)]
    if outcome.probabilities is not None:
        chance = np.asarray(outcome.probabilities, dtype=float)
        eps = np.finfo(float).eps
        surprise = -np.log(np.clip(chance[np.arange(len(truth)), truth], eps, 1 - eps))
        measures.append((("roc_auc",), _one_against_rest(truth, chance)))
        measures.append((("log_loss",), _averages(surprise[:, None])))
    return measures


def _multilabel(outcome: Outcome) -> list[_Measure]:
    truth, said = (np.asarray(y).reshape(len(y), -1).astype(bool) for y in (outcome.y_true, outcome.y_pred))
    wrong = truth != said
    hits, either = (truth & said).astype(float), truth.astype(float) + said

    def counted(weights: np.ndarray) -> Sequence[np.ndarray]:
        hit, both = 2 * (weights @ hits), weights @ either
        each = np.divide(hit, both, out=np.zeros_like(hit), where=both > 0)
        return hit.sum(axis=1) / both.sum(axis=1), each.mean(axis=1)

    each_row = np.column_stack([wrong.mean(axis=1), ~wrong.any(axis=1)]).astype(float)
    measures: list[_Measure] = [
        (("hamming_loss", "subset_accuracy"), _averages(each_row)),
        (("f1_micro", "f1_macro"), counted),
    ]
    order = outcome.scores if outcome.probabilities is None else outcome.probabilities
    if order is not None:
        rankings = [_ranking(t, s, precision=False) for t, s in zip(truth.T, np.asarray(order).T, strict=True)]
        measures.append((("roc_auc",), lambda weights: (_mean_of_defined(_stacked(rankings, weights)),)))
    if outcome.probabilities is not None:
        surprise = _surprise(truth, np.asarray(outcome.probabilities, dtype=float)).mean(axis=1, keepdims=True)
        measures.append((("log_loss",), _averages(surprise)))
    return measures


# --- weighted building blocks: each prepares once and returns a function of the weights ---------------------------


def _averages(each: np.ndarray) -> _Values:
    """Weighted mean of each column of (rows, m)."""
    return lambda weights: list((weights @ each / weights.sum(axis=1, keepdims=True)).T)


def _surprise(truth: np.ndarray, chance: np.ndarray) -> np.ndarray:
    """Cross-entropy of each row (and label), clipped by float64's epsilon as scikit-learn does."""
    eps = np.finfo(float).eps
    chance = np.clip(chance, eps, 1 - eps)
    return -np.where(truth, np.log(chance), np.log1p(-chance))


def _mean_of_defined(values: np.ndarray) -> np.ndarray:
    """Mean over the first axis of what is not NaN; NaN where nothing is."""
    defined = ~np.isnan(values)
    return np.where(defined, values, 0).sum(axis=0) / defined.sum(axis=0)


def _stacked(rankings: list[_Values], weights: np.ndarray) -> np.ndarray:
    return np.stack([ranking(weights)[0] for ranking in rankings])


def _one_against_rest(truth: np.ndarray, chance: np.ndarray) -> _Values:
    """Mean over the classes that are there of each one's ROC AUC against the rest."""
    present, block = np.unique(truth), max(1, _BLOCK // len(truth))
    # What both ways cost for a block, in about quarters of a nanosecond.
    if len(truth) ** 2 * (40 + block) < 32 * len(present) * len(truth) * block:
        return _areas_by_pairs(truth, chance)

    @cache
    def rankings() -> list[_Values]:  # sorting takes a while, and other metrics are read without it
        return [_ranking(truth == k, chance[:, k], precision=False) for k in present]

    return lambda weights: (_mean_of_defined(_stacked(rankings(), weights)),)


def _areas_by_pairs(truth: np.ndarray, chance: np.ndarray) -> _Values:
    """The same where most classes have few rows: each row is compared with all others in its own class's ranking.

    Of weights that are whole numbers all sums are exact, and the areas those of `_ranking` to the last bit.
    """
    order = np.argsort(truth, kind="stable")
    _, starts = np.unique(truth[order], return_index=True)
    undefined = np.isnan(chance.max(axis=0)[truth[order[starts]]])
    step = max(1, _PAIRS // len(truth))

    def values(weights: np.ndarray) -> Sequence[np.ndarray]:
        placed = weights[:, order]
        below = np.empty_like(placed)
        for start in range(0, len(order), step):
            rows = order[start : start + step]
            ranked, own = chance[:, truth[rows]], chance[rows, truth[rows]]
            twice = (ranked < own).astype(float)
            twice += ranked <= own  # a tie counts half
            below[:, start : start + step] = weights @ twice
        positives = np.add.reduceat(placed, starts, axis=1)
        pairs = np.add.reduceat(placed * below, starts, axis=1) / 2 - positives**2 / 2
        areas = pairs / (positives * (weights.sum(axis=1, keepdims=True) - positives))
        areas[:, undefined] = math.nan
        return (_mean_of_defined(np.ascontiguousarray(areas.T)),)

    return values


def _class_sums(ids: np.ndarray, classes: int, where: np.ndarray | None = None) -> Callable[[np.ndarray], np.ndarray]:
    """Weight of the rows of each class, (classes, resamples), in the rows picked by `where`."""
    rows = np.flatnonzero(np.ones(len(ids), bool) if where is None else where)
    order = rows[np.argsort(ids[rows], kind="stable")]
    present, starts = np.unique(ids[order], return_index=True)

    def values(weights: np.ndarray) -> np.ndarray:
        sums = np.zeros((classes, len(weights)))
        if len(order):  # nothing is picked where no prediction is right
            sums[present] = np.add.reduceat(weights[:, order], starts, axis=1).T
        return sums

    return values


def _median(each: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Weighted median: where the weight splits evenly, the mean of the two middle values."""
    order = np.argsort(each, kind="stable")
    ordered = each[order]
    if math.isnan(ordered[-1]):
        return lambda weights: np.full(len(weights), math.nan)

    def values(weights: np.ndarray) -> np.ndarray:
        reached = np.cumsum(weights[:, order], axis=1)
        half = reached[:, -1:] / 2
        lower, upper = (reached < half).sum(axis=1), (reached <= half).sum(axis=1)
        return (ordered[lower] + ordered[np.minimum(upper, len(ordered) - 1)]) / 2

    return values


def _ranking(truth: np.ndarray, scores: np.ndarray, *, precision: bool = True) -> _Values:
    """ROC AUC and, when asked, average precision of (rows,) scores; ties count half, as in scikit-learn.

    With the rows in falling order of score, a positive row is ahead of all the weight below its group of ties and of
    half of that inside it. Summed over the positives this counts the pairs among positives too, which come to half
    their squared weight, ties or not; so only one running sum, over all rows, is needed.
    """
    order = np.argsort(-scores, kind="stable")
    ordered = scores[order]
    positions = np.flatnonzero(truth[order])
    if not len(positions) or np.isnan(ordered).any():
        return lambda weights: [np.full(len(weights), math.nan)] * (1 + precision)
    new = np.concatenate([[True], ordered[1:] != ordered[:-1]])
    starts = np.flatnonzero(new)
    group = (np.cumsum(new) - 1)[positions]
    above = starts[group]
    upto = np.append(starts[1:], len(ordered))[group]
    own = np.searchsorted(positions, upto) - 1

    def values(weights: np.ndarray) -> Sequence[np.ndarray]:
        placed = weights[:, order]
        positive = placed[:, positions]
        running = np.zeros((len(weights), len(order) + 1))
        np.cumsum(placed, axis=1, out=running[:, 1:])
        total, positives = running[:, -1], positive.sum(axis=1)
        seen = running[:, upto]
        ahead = total[:, None] - (running[:, above] + seen) / 2
        pairs = np.einsum("br,br->b", positive, ahead) - positives**2 / 2
        # Round-off in a difference of sums would pass for negatives where there are none.
        negatives = total - positives if len(positions) < len(order) else np.full(len(weights), math.nan)
        area = pairs / (positives * negatives)
        if not precision:
            return [area]
        share = np.divide(np.cumsum(positive, axis=1)[:, own], seen, out=np.zeros_like(seen), where=seen > 0)
        return area, np.einsum("br,br->b", positive, share) / positives

    return values
