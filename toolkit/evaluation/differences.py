"""Whether two models differ: paired comparisons on the same rows, with an interval and a sentence.

Two situations, two methods. Where each seed has its own split: the corrected resampled t-test (`over_splits`, or
`corrected_t` where only the differences are known). Where all seeds share one test set: a bootstrap of its rows
(`pooled_bootstrap`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from toolkit.common import formatting
from toolkit.common.errors import DataError
from toolkit.evaluation import metric_names, metrics
from toolkit.evaluation.bootstrap import draw_weights
from toolkit.evaluation.metrics import LOWER_IS_BETTER
from toolkit.metrics.outcome import Outcome
from toolkit.metrics.weighted_metrics import apply, measures_of, select

__all__ = ["FEWEST_SPLITS", "Difference", "corrected_t", "over_splits", "pooled_bootstrap", "verdict"]


#: Fewer splits than this give no verdict: their spread says too little about other splits.
FEWEST_SPLITS = 5
_UNBOUNDED = ("rmse", "mae", "median_absolute_error", "r2", "log_loss")


@dataclass(frozen=True)
class Difference:
    """The difference of two models, the first minus the second, with its interval.

    Attributes:
        value: The difference.
        low: Lower end of its interval; NaN where there is none.
        high: Upper end.
        p: p-value of no difference; NaN where it was not computed.
        method: The method of the interval, in words.
        n: Number of splits, trainings or rows.
        over: The same in words, such as ``"5 splits"``.
        coverage: Coverage of the interval.
        doubt: Why there is no verdict whatever the interval is, as a clause; empty where there can be one.
        reference: The second model's mean value of the metric; NaN where it is not known.
    """

    value: float
    low: float
    high: float
    p: float
    method: str
    n: int
    over: str
    coverage: float = 0.95
    doubt: str = ""
    reference: float = math.nan

    @property
    def clear(self) -> bool:
        """Whether the interval excludes 0, and nothing speaks against a verdict."""
        return not self.doubt and (self.low > 0 or self.high < 0)


def corrected_t(
    differences: Sequence[float] | NDArray[Any],
    train_rows: int,
    test_rows: int,
    coverage: float = 0.95,
    *,
    correlation: float | None = None,
) -> Difference:
    """Return the mean difference over random splits of one table, by the corrected resampled t-test.

    Test rows of one split are training rows of another, so the differences of the splits are correlated and their
    spread underestimates the error. With a correlation c between two of them, the variance of the mean is their
    variance times 1/n + c/(1 - c), instead of 1/n. Nadeau and Bengio set c = test/(train + test), the share of rows
    that two splits have in common, which makes the second term test/train.

    That is an upper bound. It suits models that depend only on their rows, and is too careful where initial weights
    cause most of the difference: between two equal networks it then finds a difference in about 1 % of the cases
    instead of 5 %. `over_splits` measures the correlation from the outcomes.

    Args:
        differences: One per split: the difference of a metric of two models on the same rows.
        train_rows: Number of training and validation rows of a split.
        test_rows: Number of its test rows.
        coverage: Coverage of the interval.
        correlation: Correlation of the differences of two splits, from 0 to below 1. None takes Nadeau and Bengio's.

    Returns:
        The difference. The interval is NaN for one split, and for equal differences other than 0.

    Raises:
        DataError: There are no differences, one is not finite, or an argument is out of its range.

    References:
        Nadeau and Bengio, Inference for the Generalization Error, Machine Learning 52, 2003.

    Example:
        >>> mean = corrected_t([0.02, 0.00, 0.03, 0.01, -0.01], train_rows=80, test_rows=20)
        >>> [round(number, 4) for number in (mean.value, mean.low, mean.high, mean.p)]
        [0.01, -0.0194, 0.0394, 0.3992]
    """
    _check_coverage(coverage)
    values = np.asarray(differences, np.float64).reshape(-1)
    n = len(values)
    if not n or not np.isfinite(values).all():
        raise DataError(f"differences={values.tolist()}: expected finite numbers, one per split.")
    if not (train_rows > 0 and test_rows > 0):
        raise DataError(f"train_rows={train_rows} and test_rows={test_rows}: expected numbers above 0.")
    shared = test_rows / (train_rows + test_rows) if correlation is None else float(correlation)
    if not 0 <= shared < 1:
        raise DataError(f"correlation={correlation}: expected a number from 0 to below 1.")
    method = "corrected resampled t-test"
    if correlation is not None:
        method += ", with the measured correlation of the splits"
    over = f"{n} split{'' if n == 1 else 's'}"
    value = float(values.mean())
    doubt = f"too few seeds for a verdict ({n}; {FEWEST_SPLITS} are needed)" if n < FEWEST_SPLITS else ""
    if n == 1:
        method += ": one split gives no interval"
        return Difference(value, math.nan, math.nan, math.nan, method, n, over, coverage, doubt)
    spread = float(values.std(ddof=1))
    if spread <= 1e-12 * float(np.abs(values).max()):  # equal but for rounding
        if value == 0:
            return Difference(0.0, 0.0, 0.0, 1.0, f"{method}: no split shows a difference", n, over, coverage, doubt)
        method += ": all splits show the same difference, which gives no interval"
        return Difference(value, math.nan, math.nan, math.nan, method, n, over, coverage, doubt)
    # 5 splits of 80 and 20 rows: 1/5 + 0.2/0.8 = 0.45 in place of 1/5, so the error is 1.5 times as large.
    error = spread * math.sqrt(1 / n + shared / (1 - shared))
    return replace(_student(value, error, n - 1, method, n, over, coverage), doubt=doubt)


def over_splits(
    outcomes: Sequence[Outcome],
    references: Sequence[Outcome],
    rows: Sequence[NDArray[Any]],
    metric: str,
    *,
    train_rows: int,
    coverage: float = 0.95,
    resamples: int | None = None,
    seed: int = 0,
) -> Difference:
    """Return the mean difference of two models over random splits of one table, with the splits' correlation measured.

    Each split has its own test rows, training and initial weights; two splits share only rows. Resampled with
    replacement, alike in all splits (bootstrap), common rows move the differences together as far as the two models
    differ on the same rows whatever they were trained on, and not at all where initial weights decide. This correlation
    goes into `corrected_t`, clipped to between 0 and Nadeau and Bengio's test/(train + test): the interval is never
    wider than theirs and never narrower than that of independent differences.

    The interval is about other tables of this size from the same source, as far as one table can tell.

    Args:
        outcomes: The first model on the test rows of each split.
        references: The second model on the same rows in the same order.
        rows: The numbers of each split's test rows in the table.
        metric: A metric that `toolkit.evaluation.metrics.evaluate` returns for all of them.
        train_rows: Number of training and validation rows of a split.
        coverage: Coverage of the interval.
        resamples: As in `toolkit.evaluation.metrics.intervals`.
        seed: Seed of the draws.

    Returns:
        The difference of `outcomes` minus `references`, without splits where the metric is not defined.

    Raises:
        DataError: The pairs are not on the same rows or lack the metric.

    References:
        Nadeau and Bengio, Inference for the Generalization Error, Machine Learning 52, 2003.

    Example:
        >>> truth, rows = np.array([0, 1] * 4), [np.arange(8), np.arange(4, 12)]
        >>> right, wrong = Outcome("multiclass", truth, truth), Outcome("multiclass", truth, 0 * truth)
        >>> over_splits([right, wrong], [wrong, right], rows, "accuracy", train_rows=20).value
        0.0
    """
    _check_coverage(coverage)
    _check_pairs(outcomes, references)
    numbers = [np.asarray(numbers) for numbers in rows]
    if [len(n) for n in numbers] != [len(outcome.y_true) for outcome in outcomes]:
        raise DataError("rows: expected one number for each test row of each split.")
    pairs = [_pair(*models, metric) for models in zip(outcomes, references, strict=True)]
    values = np.array([_differ(pair, metric, np.ones((1, len(n))))[0] for pair, n in zip(pairs, numbers, strict=True)])
    defined = np.flatnonzero(np.isfinite(values)).tolist()
    if not len(defined):
        method, over = "corrected resampled t-test: not defined", f"{len(values)} splits"
        return Difference(math.nan, math.nan, math.nan, math.nan, method, len(values), over, coverage)
    test_rows = float(np.mean([len(numbers[i]) for i in defined]))
    bound = test_rows / (train_rows + test_rows)
    correlation = bound
    if len(defined) > 1:
        # All rows that are tested in some split, and where each split's rows are among them.
        table, index = np.unique(np.concatenate([numbers[i] for i in defined]), return_inverse=True)
        # Table 3 4 5 7 9, a split's rows 5 3 -> 2 0: its columns of the weights (resamples, rows of the table).
        index_of = np.split(index, np.cumsum([len(numbers[i]) for i in defined])[:-1])
        largest = max((outcomes[i] for i in defined), key=lambda outcome: len(outcome.y_true))
        blocks = [
            [_differ(pairs[i], metric, weights[:, at]) for i, at in zip(defined, index_of, strict=True)]
            for weights in draw_weights(_rows_like(largest, len(table)), resamples, seed)
        ]  # each of shape (splits, resamples)
        correlation = _common_correlation(np.concatenate(blocks, axis=1), bound)
    result = corrected_t(values[defined], train_rows, max(1, round(test_rows)), coverage, correlation=correlation)
    return replace(_within(result, metric), reference=_mean_value([references[i] for i in defined], metric))


def pooled_bootstrap(
    outcomes: Sequence[Outcome],
    references: Sequence[Outcome],
    metric: str,
    *,
    coverage: float = 0.95,
    resamples: int | None = None,
    seed: int = 0,
) -> Difference:
    """Return the mean difference of two models over several trainings, on one fixed test set.

    The trainings share their test rows, so the rows are resampled for all of them at once; and the trainings are a
    sample too. Resampling both and taking percentiles would count the noise of one training on one row three times, and
    the few trainings too little. Here the bootstrap gives the variance due to the rows, the spread over the trainings
    that due to the trainings, and the part in both counts once. The interval is Student's, with Satterthwaite's degrees
    of freedom. A single training has the percentile interval of `toolkit.evaluation.metrics.difference`.

    The interval covers other test rows and other trainings on the same training rows, not other training rows.

    Args:
        outcomes: The first model, one outcome per training.
        references: The second model, with the same seeds in the same order.
        metric: A metric that `toolkit.evaluation.metrics.evaluate` returns for all of them.
        coverage: Coverage of the interval.
        resamples: As in `toolkit.evaluation.metrics.intervals`.
        seed: Seed of the draws.

    Returns:
        The difference of `outcomes` minus `references`. NaN where the metric is not defined on these rows.

    Raises:
        DataError: The outcomes are not all on the same rows, or lack the metric.

    References:
        Owen, The Pigeonhole Bootstrap, Annals of Applied Statistics 1, 2007 (why not to resample both). Searle, Casella
        and McCulloch, Variance Components, 1992.

    Example:
        >>> truth = np.array([0, 1] * 50)
        >>> right, wrong = Outcome("multiclass", truth, truth), Outcome("multiclass", truth, 1 - truth)
        >>> pooled_bootstrap([right, right], [wrong, wrong], "accuracy").low
        1.0
    """
    _check_coverage(coverage)
    _check_pairs(outcomes, references)
    truth, n = outcomes[0].y_true, len(outcomes)
    if not all(np.array_equal(outcome.y_true, truth) for outcome in outcomes):
        raise DataError("the trainings are not on the same test rows: use over_splits for splits of one table.")
    rows = f"{len(truth):,} test rows"
    method = "paired bootstrap of the test rows"
    if n == 1:
        value, low, high = metrics.difference(
            outcomes[0], references[0], metric, coverage=coverage, resamples=resamples, seed=seed
        )
        of_one = Difference(value, low, high, math.nan, method, len(truth), rows, coverage)
        return replace(of_one, reference=_mean_value(references, metric))
    pairs = [_pair(*models, metric) for models in zip(outcomes, references, strict=True)]
    values = np.array([_differ(pair, metric, np.ones((1, len(truth))))[0] for pair in pairs])
    blocks = [
        np.stack([_differ(pair, metric, weights) for pair in pairs])
        for weights in draw_weights(outcomes[0], resamples, seed)
    ]
    resampled = np.concatenate(blocks, axis=1)  # (trainings, resamples)
    resampled = resampled[:, np.isfinite(resampled).all(axis=0)]
    over, value = f"{n} trainings and {rows}", float(values.mean())
    method += ", with the spread over the trainings"
    if not math.isfinite(value) or resampled.shape[1] < 2:
        return Difference(value, math.nan, math.nan, math.nan, f"{method}: not defined", n, over, coverage)
    # Variance of the mean over n trainings: what the rows cause, what the trainings cause, and their interaction, which
    # is in both estimates and counts once.
    row_variance = float(resampled.mean(axis=0).var(ddof=1))
    training_variance = float(values.var(ddof=1)) / n
    # (trainings, resamples) minus the mean over the trainings: how differently the rows move each training.
    interaction = float((resampled - resampled.mean(axis=0)).var(axis=1, ddof=1).sum()) / (n - 1) / n
    trainings_only = max(training_variance - interaction, 0.0)
    variance = trainings_only + max(row_variance - interaction, 0.0) + interaction
    # The standard error is below 1e-12 of the value: equal but for rounding.
    if variance <= 1e-24 * value**2:
        return Difference(value, value, value, 1.0 if value == 0 else math.nan, method, n, over, coverage)
    # Satterthwaite: the part with the fewest degrees of freedom counts by its square. 1e-300 avoids 0 / 0.
    freedom = variance**2 / (trainings_only**2 / (n - 1) + row_variance**2 / max(len(truth) - 1, 1) + 1e-300)
    result = _student(value, math.sqrt(variance), freedom, method, n, over, coverage)
    return replace(_within(result, metric), reference=_mean_value(references, metric))


def verdict(name: str, reference: str, metric: str, difference: Difference) -> str:
    """Return a sentence about a difference, with its uncertainty.

    With fewer than 5 splits it says that they are too few for a verdict.

    Args:
        name: The first model.
        reference: The second model.
        metric: The metric.
        difference: Its value for the first model minus that for the second.

    Example:
        >>> print(verdict("hinge", "softmax", "accuracy", corrected_t([-0.02, 0.01, -0.01], 80, 20)))
        Hinge and softmax: too few seeds for a verdict (3; 5 are needed). In accuracy softmax is 0.7 points higher
        (95 % interval −4.4 to 5.7 over 3 splits).
    """
    first, second, label = formatting.plain(name), formatting.plain(reference), metric_names.in_sentence(metric)
    value, over = difference.value, difference.over
    if math.isnan(value):
        return f"{_capital(first)} and {second} can't be compared in {label}, which is not defined over {over}."
    lower = LOWER_IS_BETTER.get(metric, False)
    first_better = value < 0 if lower else value > 0
    better, worse = (first, second) if first_better else (second, first)
    sign = 1 if value >= 0 else -1
    # From the point of view of the better model: by how much it is higher, or lower.
    ends = sorted((sign * difference.low, sign * difference.high))
    size, *ends = metric_names.amounts(metric, [abs(value), *ends])
    unit = " points" if metric_names.scale_of(metric) == 100 else ""
    way = "lower" if lower else "higher"
    interval = f"{formatting.percent(difference.coverage, 0).replace(formatting.NARROW, ' ')} interval"
    interval = f"{interval} {ends[0]} to {ends[1]}{unit if value == 0 else ''} over {over}"
    both, is_open = f"{first} and {second}", math.isnan(difference.low)
    is_same = value == 0 and (is_open or difference.low == difference.high)
    if is_same:
        amount = f"they do not differ over {over}"
    elif value == 0:
        amount = f"the mean difference is 0 ({interval})"
    else:
        around = f"over {over}, without an interval" if is_open else f"({interval})"
        amount = f"{better} is {size}{unit} {way} {around}"
    if difference.doubt:
        return f"{_capital(both)}: {difference.doubt}. In {label} {amount}."
    if difference.clear:
        return f"{_capital(better)} is clearly better than {worse} in {label}: {size}{unit} {way} ({interval})."
    if is_same:
        return f"{_capital(both)} have the same {label} over {over}."
    if is_open:
        return f"{_capital(over)} can't show whether {both} differ in {label}: {amount}."
    margin = metric_names.margin_of(metric, difference.reference)
    level = "are level" if max(-difference.low, difference.high) <= margin else "do not differ clearly"
    return f"{_capital(both)} {level} in {label}: {amount}."


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _check_coverage(coverage: float) -> None:
    if not 0 < coverage < 1:
        raise DataError(f"coverage={coverage}: expected a number between 0 and 1.")


def _check_pairs(outcomes: Sequence[Outcome], references: Sequence[Outcome]) -> None:
    if not len(outcomes) or len(outcomes) != len(references):
        raise DataError(f"{len(outcomes)} outcomes against {len(references)}: expected the same number, at least one.")
    for outcome, reference in zip(outcomes, references, strict=True):
        if outcome.task != reference.task or not np.array_equal(outcome.y_true, reference.y_true):
            raise DataError("two outcomes are not on the same test rows: a difference between them means nothing.")


def _student(value: float, error: float, freedom: float, method: str, n: int, over: str, coverage: float) -> Difference:
    half = float(stats.t.ppf((1 + coverage) / 2, freedom)) * error
    p = 2 * float(stats.t.sf(abs(value) / error, freedom))
    return Difference(value, value - half, value + half, p, method, n, over, coverage)


def _within(result: Difference, metric: str) -> Difference:
    """Cut an interval at 1 and -1, where two values between 0 and 1 can't differ by more."""
    if metric in _UNBOUNDED or math.isnan(result.low):
        return result
    return replace(result, low=max(result.low, -1.0), high=min(result.high, 1.0))


_Pair = tuple[Any, Any]


def _pair(outcome: Outcome, reference: Outcome, metric: str) -> _Pair:
    return select(measures_of(outcome), metric), select(measures_of(reference), metric)


def _differ(pair: _Pair, metric: str, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the difference of a metric under each row of weights: (resamples, rows) -> (resamples,)."""
    return apply([pair[0]], weights)[metric] - apply([pair[1]], weights)[metric]


def _mean_value(outcomes: Sequence[Outcome], metric: str) -> float:
    return float(np.mean([metrics.evaluate(outcome)[metric] for outcome in outcomes]))


def _rows_like(outcome: Outcome, rows: int) -> Outcome:
    """Return an empty outcome of `rows` rows with as many outputs: the number of resamples depends on both."""
    shaped = outcome.y_true if outcome.probabilities is None else outcome.probabilities
    # A view of a single 0, since only its shape is read.
    empty = np.broadcast_to(0, (rows, *shaped.shape[1:]))
    return Outcome(outcome.task, empty, empty)


def _common_correlation(resampled: NDArray[np.float64], bound: float) -> float:
    """Return the correlation of the splits' differences (splits, resamples) that common rows cause, at most `bound`.

    It is the mean covariance over the mean variance, since a split without a difference has no correlation.
    """
    resampled = resampled[:, np.isfinite(resampled).all(axis=0)]
    if resampled.shape[1] < 2:
        return bound
    covariance = np.cov(resampled)
    splits, variance = len(covariance), float(np.trace(covariance))
    if variance <= 0:
        return bound
    # Mean of the splits * (splits - 1) entries off the diagonal of (splits, splits), over the mean on the diagonal.
    return float(np.clip((covariance.sum() - variance) / (splits - 1) / variance, 0, bound))
