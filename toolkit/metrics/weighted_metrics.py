"""Every metric as a function of row weights, prepared once and applied to any number of resamples.

Weights of one give the metric itself; the counts of a bootstrap resample give its value on that resample. A ranking is
sorted once and read again for each resample, which is what makes a thousand resamples affordable.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache

import numpy as np

from toolkit.common.errors import DataError, nearest
from toolkit.metrics.outcome import Outcome

__all__ = [
    "BLOCK",
    "LOWER_IS_BETTER",
    "Measure",
    "apply",
    "areas_by_pairs",
    "mean_of_defined",
    "measures_of",
    "ranking_metrics",
    "select",
    "stack_areas",
]

#: Entries of one block of weights (resamples x rows): 2 MB, which fit into a second-level cache.
BLOCK = 250_000

#: Whether a smaller value of a metric is better.
LOWER_IS_BETTER: dict[str, bool] = {
    "rmse": True,
    "mae": True,
    "r2": False,
    "median_absolute_error": True,
    "mean_pinball_loss": True,
    "interval_width": True,
    "accuracy": False,
    "balanced_accuracy": False,
    "rank_mae": True,
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

# Pairs of rows that are compared at a time: 8 MB.
_PAIRS = 1_000_000

# Weights (resamples, rows) -> for each name of the measure one array (resamples,).
Values = Callable[[np.ndarray], Sequence[np.ndarray]]
Measure = tuple[tuple[str, ...], Values]


def measures_of(outcome: Outcome) -> list[Measure]:
    """Return the metrics of an outcome in their order, grouped where they share work."""
    rows = len(outcome.y_true)
    if not rows:
        raise DataError("there are no rows to evaluate on.")
    for word in ("y_pred", "probabilities", "scores"):
        array = getattr(outcome, word)
        if array is not None and len(array) != rows:
            raise DataError(f"y_true has {rows} rows, {word} has {len(array)}.")
    make = {"regression": _regression, "binary": _binary, "multiclass": _multiclass, "multilabel": _multilabel}
    if outcome.task not in make:
        raise DataError(f"task '{outcome.task}': expected one of {', '.join(make)}.{nearest(outcome.task, make)}")
    return make[outcome.task](outcome)


def select(measures: list[Measure], metric: str) -> Measure:
    """Return the group that holds a metric."""
    names = [name for group, _ in measures for name in group]
    for group, values in measures:
        if metric in group:
            return group, values
    raise DataError(f"no metric '{metric}' here (metrics: {', '.join(names)}).{nearest(metric, names)}")


def apply(measures: list[Measure], weights: np.ndarray) -> dict[str, np.ndarray]:
    """Return each metric under each row of weights: (resamples, rows) -> name: (resamples,)."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return {name: v for names, values in measures for name, v in zip(names, values(weights), strict=True)}


def _regression(outcome: Outcome) -> list[Measure]:
    truth, predicted = (np.asarray(y, dtype=float).reshape(len(y), -1) for y in (outcome.y_true, outcome.y_pred))
    error = np.abs(truth - predicted)
    # Centered first, the variance below does not suffer from cancellation for targets far from zero.
    centered = truth - truth.mean(axis=0)
    medians = [_median(column) for column in error.T]

    def median(weights: np.ndarray) -> Sequence[np.ndarray]:
        return [np.mean([column(weights) for column in medians], axis=0)]

    def values(weights: np.ndarray) -> Sequence[np.ndarray]:
        total = weights.sum(axis=1, keepdims=True)
        # (resamples, rows) @ (rows, targets) -> (resamples, targets)
        squares = weights @ error**2
        about_zero = weights @ centered**2
        # Sum of squares about the mean of each resample: sum w c² - (sum w c)² / sum w.
        spread = about_zero - (weights @ centered) ** 2 / total
        # Equal targets leave rounding here instead of the zero that makes r2 undefined.
        spread[spread <= 1e-12 * about_zero] = math.nan
        return (
            np.sqrt(squares / total).mean(axis=1),
            (weights @ error / total).mean(axis=1),
            (1 - squares / spread).mean(axis=1),
        )

    return [(("rmse", "mae", "r2"), values), (("median_absolute_error",), median), *_of_quantiles(outcome)]


def _of_quantiles(outcome: Outcome) -> list[Measure]:
    """Return the metrics of quantiles and of the intervals between them, as far as the outcome has them."""
    names, by_row, truth = [], [], np.asarray(outcome.y_true, dtype=float).reshape(len(outcome.y_true), -1)
    if outcome.quantiles is not None:
        levels, error = np.array(outcome.levels), truth - outcome.quantiles  # (n, 1) - (n, levels)
        names, by_row = ["mean_pinball_loss"], [np.maximum(levels * error, (levels - 1) * error).mean(axis=1)]
    if outcome.ends is not None:
        names += ["coverage", "interval_width"]
        by_row += [outcome.held, np.ptp(outcome.ends, axis=1)]
    return [(tuple(names), _averages(np.column_stack(by_row).astype(float)))] if names else []


def _binary(outcome: Outcome) -> list[Measure]:
    truth, predicted = (np.asarray(y).reshape(-1).astype(bool) for y in (outcome.y_true, outcome.y_pred))
    cells = np.column_stack([truth & predicted, truth & ~predicted, ~truth & predicted, ~truth & ~predicted]).astype(
        float
    )

    def counted(weights: np.ndarray) -> Sequence[np.ndarray]:
        # (resamples, rows) @ (rows, 4) -> the four cells of the confusion matrix, each (resamples,)
        hit, missed, false, rejected = (weights @ cells).T
        recall = hit / (hit + missed)
        return (
            (hit + rejected) / weights.sum(axis=1),
            mean_of_defined(np.stack([recall, rejected / (rejected + false)])),
            2 * hit / (2 * hit + missed + false),
            hit / (hit + false),
            recall,
        )

    measures: list[Measure] = [(("accuracy", "balanced_accuracy", "f1", "precision", "recall"), counted)]
    chance = None if outcome.probabilities is None else np.asarray(outcome.probabilities, dtype=float).reshape(-1)
    order = outcome.scores if chance is None else chance
    if order is not None:
        measures.append((("roc_auc", "average_precision"), ranking_metrics(truth, np.asarray(order).reshape(-1))))
    if chance is not None:
        by_row = np.column_stack([_surprise(truth, chance), (truth - chance) ** 2])
        measures.append((("log_loss", "brier_score"), _averages(by_row)))
    return measures


def _multiclass(outcome: Outcome) -> list[Measure]:
    truth, predicted = (np.asarray(y).reshape(-1).astype(int) for y in (outcome.y_true, outcome.y_pred))
    correct = truth == predicted
    classes = int(max(truth.max(), predicted.max())) + 1
    sums = [_class_sums(truth, classes), _class_sums(predicted, classes), _class_sums(truth, classes, correct)]

    def counted(weights: np.ndarray) -> Sequence[np.ndarray]:
        # Each (classes, resamples). A class that is neither true nor predicted gives 0 / 0, and is left out.
        actual, called, hit = (total(weights) for total in sums)
        return (
            weights @ correct.astype(float) / weights.sum(axis=1),
            mean_of_defined(hit / actual),
            mean_of_defined(2 * hit / (actual + called)),
        )

    measures: list[Measure] = [(("accuracy", "balanced_accuracy", "f1_macro"), counted)]
    if outcome.ordered:
        measures.append((("rank_mae",), _averages(np.abs(truth - predicted)[:, None].astype(float))))
    if outcome.probabilities is not None:
        chance = np.asarray(outcome.probabilities, dtype=float)
        eps = np.finfo(float).eps
        surprise = -np.log(np.clip(chance[np.arange(len(truth)), truth], eps, 1 - eps))
        measures.append((("roc_auc",), _one_against_rest(truth, chance)))
        measures.append((("log_loss",), _averages(surprise[:, None])))
    return measures


def _multilabel(outcome: Outcome) -> list[Measure]:
    truth, predicted = (np.asarray(y).reshape(len(y), -1).astype(bool) for y in (outcome.y_true, outcome.y_pred))
    wrong = truth != predicted
    hits, either = (truth & predicted).astype(float), truth.astype(float) + predicted

    def counted(weights: np.ndarray) -> Sequence[np.ndarray]:
        # F1 = 2 hits / (true + predicted), for each label and over all cells.
        hit, total = 2 * (weights @ hits), weights @ either  # (resamples, labels)
        by_label = np.divide(hit, total, out=np.zeros_like(hit), where=total > 0)
        return hit.sum(axis=1) / total.sum(axis=1), by_label.mean(axis=1)

    by_row = np.column_stack([wrong.mean(axis=1), ~wrong.any(axis=1)]).astype(float)
    measures: list[Measure] = [
        (("hamming_loss", "subset_accuracy"), _averages(by_row)),
        (("f1_micro", "f1_macro"), counted),
    ]
    order = outcome.scores if outcome.probabilities is None else outcome.probabilities
    if order is not None:
        rankings = [ranking_metrics(t, s, precision=False) for t, s in zip(truth.T, np.asarray(order).T, strict=True)]
        measures.append((("roc_auc",), lambda weights: (mean_of_defined(stack_areas(rankings, weights)),)))
    if outcome.probabilities is not None:
        surprise = _surprise(truth, np.asarray(outcome.probabilities, dtype=float)).mean(axis=1, keepdims=True)
        measures.append((("log_loss",), _averages(surprise)))
    return measures


def _averages(by_row: np.ndarray) -> Values:
    """Return the weighted mean of each column of (rows, m)."""
    return lambda weights: list((weights @ by_row / weights.sum(axis=1, keepdims=True)).T)


def _surprise(truth: np.ndarray, chance: np.ndarray) -> np.ndarray:
    """Return the cross-entropy of each row (and label), clipped by float64's epsilon as scikit-learn does."""
    eps = np.finfo(float).eps
    chance = np.clip(chance, eps, 1 - eps)
    # log1p(-p) keeps the digits of a small p that 1 - p would lose.
    return -np.where(truth, np.log(chance), np.log1p(-chance))


def mean_of_defined(values: np.ndarray) -> np.ndarray:
    """Return the mean over the first axis, NaN left out; NaN where all are."""
    defined = ~np.isnan(values)
    return np.where(defined, values, 0).sum(axis=0) / defined.sum(axis=0)


def stack_areas(rankings: list[Values], weights: np.ndarray) -> np.ndarray:
    """Return the ROC AUC of each ranking, shape (rankings, resamples)."""
    return np.stack([ranking(weights)[0] for ranking in rankings])


def _one_against_rest(truth: np.ndarray, chance: np.ndarray) -> Values:
    """Return the mean over the classes present of the ROC AUC of each class against the rest."""
    present, block = np.unique(truth), max(1, BLOCK // len(truth))
    # The cost of both ways for one block, in units of about a quarter of a nanosecond.
    if len(truth) ** 2 * (40 + block) < 32 * len(present) * len(truth) * block:
        return areas_by_pairs(truth, chance)

    @cache
    def rankings() -> list[Values]:  # sorted at the first use: sorting is slow and other metrics don't need it
        return [ranking_metrics(truth == k, chance[:, k], precision=False) for k in present]

    return lambda weights: (mean_of_defined(stack_areas(rankings(), weights)),)


def areas_by_pairs(truth: np.ndarray, chance: np.ndarray) -> Values:
    """Return the same by comparing pairs of rows, which is faster where most classes have few rows.

    With whole weights all sums are exact, and the areas equal those of `ranking_metrics` to the last bit.

    Args:
        truth: Class ids, shape (n,).
        chance: Probabilities, shape (n, classes).
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
            # Column j holds the probabilities that all n rows give to the true class of row j.
            of_all, of_row = chance[:, truth[rows]], chance[rows, truth[rows]]  # (n, step), (step,)
            twice = (of_all < of_row).astype(float)
            twice += of_all <= of_row  # a tie counts half
            below[:, start : start + step] = weights @ twice  # (resamples, n) @ (n, step)
        # Rows are sorted by class, so a class is a slice: (resamples, n) -> (resamples, classes present).
        positives = np.add.reduceat(placed, starts, axis=1)
        # Pairs of two rows of the class were counted too, as half their squared weight: subtract them.
        pairs = np.add.reduceat(placed * below, starts, axis=1) / 2 - positives**2 / 2
        areas = pairs / (positives * (weights.sum(axis=1, keepdims=True) - positives))
        areas[:, undefined] = math.nan
        return (mean_of_defined(np.ascontiguousarray(areas.T)),)

    return values


def _class_sums(ids: np.ndarray, classes: int, where: np.ndarray | None = None) -> Callable[[np.ndarray], np.ndarray]:
    """Return the weight of each class, shape (classes, resamples), over the rows where `where` is true."""
    rows = np.flatnonzero(np.ones(len(ids), bool) if where is None else where)
    # ids 2 0 2 1 -> order 1 3 0 2, starts 0 1 2: the sum of a class is that of a slice.
    order = rows[np.argsort(ids[rows], kind="stable")]
    present, starts = np.unique(ids[order], return_index=True)

    def values(weights: np.ndarray) -> np.ndarray:
        sums = np.zeros((classes, len(weights)))
        if len(order):  # empty where no prediction is right
            sums[present] = np.add.reduceat(weights[:, order], starts, axis=1).T
        return sums

    return values


def _median(column: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Return the weighted median: the mean of the two middle values where the weight splits evenly."""
    order = np.argsort(column, kind="stable")
    ordered = column[order]
    if math.isnan(ordered[-1]):
        return lambda weights: np.full(len(weights), math.nan)

    def values(weights: np.ndarray) -> np.ndarray:
        # sorted column  1 2 4 7   weights  1 1 1 1   reached  1 2 3 4   half 2 -> lower 1, upper 2 -> (2 + 4) / 2
        #                          weights  1 0 2 1   reached  1 1 3 4   half 2 -> lower 2, upper 2 -> 4
        reached = np.cumsum(weights[:, order], axis=1)
        half = reached[:, -1:] / 2
        lower, upper = (reached < half).sum(axis=1), (reached <= half).sum(axis=1)
        return (ordered[lower] + ordered[np.minimum(upper, len(ordered) - 1)]) / 2

    return values


def ranking_metrics(truth: np.ndarray, scores: np.ndarray, *, precision: bool = True) -> Values:
    """Return ROC AUC and, with `precision`, average precision of scores (rows,); ties count half, as in scikit-learn.

    In falling order of score, a positive row is ahead of all weight below its group of ties and of half the weight
    inside it. The sum over the positives also counts the pairs of two positives, which are half their squared weight
    with or without ties; so one running sum over all rows is enough:

        order of scores    9  7  7  7  4  2
        truth              1  0  1  0  1  0
        group of ties      [0][1     ][2][3]
        running weight   0  1  2  3  4  5  6     a positive in group 1: (running[1] + running[4]) / 2 lie above it
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
    last = np.searchsorted(positions, upto) - 1  # the last positive of each positive's group of ties

    def values(weights: np.ndarray) -> Sequence[np.ndarray]:
        placed = weights[:, order]
        positive = placed[:, positions]
        running = np.zeros((len(weights), len(order) + 1))
        np.cumsum(placed, axis=1, out=running[:, 1:])
        total, positives = running[:, -1], positive.sum(axis=1)
        seen = running[:, upto]
        ahead = total[:, None] - (running[:, above] + seen) / 2
        pairs = np.einsum("br,br->b", positive, ahead) - positives**2 / 2
        # Without negatives, rounding in the difference of sums would look like some.
        negatives = total - positives if len(positions) < len(order) else np.full(len(weights), math.nan)
        area = pairs / (positives * negatives)
        if not precision:
            return [area]
        # Precision at each positive: the positives up to the end of its group of ties, over all rows up to there.
        share = np.divide(np.cumsum(positive, axis=1)[:, last], seen, out=np.zeros_like(seen), where=seen > 0)
        return area, np.einsum("br,br->b", positive, share) / positives

    return values
