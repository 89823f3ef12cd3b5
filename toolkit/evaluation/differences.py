"""Whether two models differ: paired comparisons on the same rows, with an interval and a sentence.

Two situations, two methods. Where each seed has its own split: the corrected resampled t-test (`over_splits`, or
`corrected_t` where only the differences are known). Where all seeds share one test set: a bootstrap of its rows
(`pooled_bootstrap`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from toolkit.common import formatting
from toolkit.common.errors import DataError
from toolkit.evaluation import metric_names, metrics
from toolkit.evaluation.bootstrap import draw_weights
from toolkit.evaluation.metrics import LOWER_IS_BETTER
from toolkit.evaluation.outcome import Outcome
from toolkit.evaluation.weighted_metrics import apply, measures_of, select

__all__ = ["Difference", "corrected_t", "over_splits", "pooled_bootstrap", "verdict"]


@dataclass(frozen=True)
class Difference:
    """How far two models are apart, the first minus the second, and how sure that is.

    Attributes:
        value: The difference.
        low: Lower end of its interval; NaN where there is none.
        high: Upper end.
        p: Chance of a difference at least as large were there none; NaN where it was not computed.
        method: How the interval was found, in words.
        n: What it was found over: seeds or rows.
        over: The same in words, such as ``"5 splits"``.
        coverage: Of the interval.
    """

    value: float
    low: float
    high: float
    p: float
    method: str
    n: int
    over: str
    coverage: float = 0.95

    @property
    def clear(self) -> bool:
        """Whether the interval leaves out 0."""
        return self.low > 0 or self.high < 0


def corrected_t(
    differences: Sequence[float] | NDArray[Any],
    train_rows: int,
    test_rows: int,
    coverage: float = 0.95,
    *,
    correlation: float | None = None,
) -> Difference:
    """Return the mean difference over random splits of one table, by the corrected resampled t-test.

    Test rows of one split are training rows of another, so that the splits' differences move together, and their
    spread is too small a measure of error. With a correlation c between two of them, the variance of the mean is their
    variance times 1/n + c/(1 - c); without a correction, 1/n. Nadeau and Bengio put c at test/(train + test), the
    share of its rows that a split has in common with another, which makes the second term test/train.

    That is the most it can be. It is right for models that the same rows make the same, and far too careful where
    initial weights cause most of the difference, since those are drawn anew in each split: of two equal networks it
    then finds a difference in about 1 % of the cases instead of 5. Where the outcomes are at hand, `over_splits`
    measures the correlation.

    Args:
        differences: One a split, of the same metric of two models on the same rows.
        train_rows: Rows that a split learns from, validation rows among them.
        test_rows: Rows of its test part.
        coverage: Of the interval.
        correlation: Between the differences of two splits, at least 0 and below 1. By default Nadeau and Bengio's.

    Returns:
        The difference. One split has no interval (NaN); nor have several whose differences are all the same, unless 0.

    Raises:
        DataError: There are no differences, one is not finite, or a number is out of its range.

    References:
        Nadeau and Bengio, Inference for the Generalization Error, Machine Learning 52, 2003.

    Example:
        >>> found = corrected_t([0.02, 0.00, 0.03, 0.01, -0.01], train_rows=80, test_rows=20)
        >>> [round(number, 4) for number in (found.value, found.low, found.high, found.p)]
        [0.01, -0.0194, 0.0394, 0.3992]
    """
    _check_coverage(coverage)
    values = np.asarray(differences, np.float64).reshape(-1)
    n = len(values)
    if not n or not np.isfinite(values).all():
        raise DataError(f"the differences are {values.tolist()}: expected finite numbers, one a split.")
    if not (train_rows > 0 and test_rows > 0):
        raise DataError(f"train_rows={train_rows} and test_rows={test_rows}: expected numbers above 0.")
    together = test_rows / (train_rows + test_rows) if correlation is None else float(correlation)
    if not 0 <= together < 1:
        raise DataError(f"correlation={correlation}: expected a number from 0 up to, but not, 1.")
    how = "corrected resampled t-test"
    if correlation is not None:
        how += ", with the measured correlation of the splits"
    over = f"{n} split{'' if n == 1 else 's'}"
    value = float(values.mean())
    if n == 1:
        return Difference(value, math.nan, math.nan, math.nan, f"{how}: one split gives no interval", n, over, coverage)
    spread = float(values.std(ddof=1))
    if spread <= 1e-12 * float(np.abs(values).max()):  # round-off of equal numbers included
        if value == 0:
            return Difference(0.0, 0.0, 0.0, 1.0, f"{how}: no split shows a difference", n, over, coverage)
        said = f"{how}: all splits show the same, which gives no interval"
        return Difference(value, math.nan, math.nan, math.nan, said, n, over, coverage)
    error = spread * math.sqrt(1 / n + together / (1 - together))
    return _student(value, error, n - 1, how, n, over, coverage)


def over_splits(
    outcomes: Sequence[Outcome],
    others: Sequence[Outcome],
    rows: Sequence[NDArray[Any]],
    metric: str,
    *,
    train_rows: int,
    coverage: float = 0.95,
    resamples: int | None = None,
    seed: int = 0,
) -> Difference:
    """Return the mean difference of two models over random splits of one table, with the splits' correlation measured.

    Each split has its own test rows, training and initial weights. What two splits have in common are rows: drawn
    again with replacement, the same draw for all splits (bootstrap), they move the splits' differences together as
    far as the two models differ on the same rows whatever they were trained on, and not at all where initial weights
    decide. That correlation goes into `corrected_t`, cut off at 0 and at Nadeau and Bengio's test/(train + test), so
    that the interval is never wider than theirs and never narrower than that of independent differences.

    The interval speaks of other tables of this size from the same source, as far as one table can tell.

    Args:
        outcomes: Of the one model, one a split, on its test rows.
        others: Of the other model, on the same rows in the same order.
        rows: Each split's test rows by their numbers in the table, so that common ones are known.
        metric: A name that `toolkit.evaluation.metrics.evaluate` gives for all of them.
        train_rows: Rows that a split learns from, validation rows among them.
        coverage: Of the interval.
        resamples: How often the rows are drawn. By default as `toolkit.evaluation.metrics.intervals` does.
        seed: Of the draws.

    Returns:
        The difference of `outcomes` minus `others`; splits where the metric is not defined are left out.

    Raises:
        DataError: The pairs are not on the same rows, lack the metric, or it is defined in no split.

    References:
        Nadeau and Bengio, Inference for the Generalization Error, Machine Learning 52, 2003.

    Example:
        >>> truth, rows = np.array([0, 1] * 4), [np.arange(8), np.arange(4, 12)]
        >>> right, wrong = Outcome("multiclass", truth, truth), Outcome("multiclass", truth, 0 * truth)
        >>> over_splits([right, wrong], [wrong, right], rows, "accuracy", train_rows=20).value
        0.0
    """
    _check_coverage(coverage)
    _check_pairs(outcomes, others)
    numbers = [np.asarray(numbers) for numbers in rows]
    if [len(n) for n in numbers] != [len(outcome.y_true) for outcome in outcomes]:
        raise DataError("rows does not number the test rows of each split.")
    pairs = [_pair(outcome, other, metric) for outcome, other in zip(outcomes, others, strict=True)]
    values = np.array([_apart(pair, metric, np.ones((1, len(n))))[0] for pair, n in zip(pairs, numbers, strict=True)])
    defined = np.flatnonzero(np.isfinite(values)).tolist()
    if not len(defined):
        raise DataError(f"{metric} is not defined in any of the {len(values)} splits.")
    test_rows = float(np.mean([len(numbers[i]) for i in defined]))
    bound = test_rows / (train_rows + test_rows)
    together = bound
    if len(defined) > 1:
        table, place = np.unique(np.concatenate([numbers[i] for i in defined]), return_inverse=True)
        places = np.split(place, np.cumsum([len(numbers[i]) for i in defined])[:-1])
        largest = max((outcomes[i] for i in defined), key=lambda outcome: len(outcome.y_true))
        drawn = []
        for weights in draw_weights(_rows_like(largest, len(table)), resamples, seed):
            drawn.append([_apart(pairs[i], metric, weights[:, at]) for i, at in zip(defined, places, strict=True)])
        together = _shared(np.concatenate(drawn, axis=1), bound)
    return corrected_t(values[defined], train_rows, max(1, round(test_rows)), coverage, correlation=together)


def pooled_bootstrap(
    outcomes: Sequence[Outcome],
    others: Sequence[Outcome],
    metric: str,
    *,
    coverage: float = 0.95,
    resamples: int | None = None,
    seed: int = 0,
) -> Difference:
    """Return the mean difference of two models over several trainings, on one fixed test set.

    The trainings share their test rows, so the rows are drawn again for all of them at once; and the trainings are a
    sample too. Drawing both and taking percentiles counts the noise of one training on one row three times, and the
    few trainings too little: here the bootstrap gives the variance from the rows, the spread over the trainings the
    one from them, and what stands in both is counted once. The interval is Student's, with Satterthwaite's degrees of
    freedom. One training has the percentile interval of `toolkit.evaluation.metrics.difference`, which knows the rows
    alone.

    The interval speaks of other test rows and other trainings on the same training rows, not of other training rows.

    Args:
        outcomes: Of the one model, one a training.
        others: Of the other model; the same seeds in the same order.
        metric: A name that `toolkit.evaluation.metrics.evaluate` gives for all of them.
        coverage: Of the interval.
        resamples: As in `toolkit.evaluation.metrics.intervals`.
        seed: Of the draws.

    Returns:
        The difference of `outcomes` minus `others`. NaN where the metric is not defined on these rows.

    Raises:
        DataError: The outcomes are not all on the same rows, or lack the metric.

    References:
        Owen, The Pigeonhole Bootstrap, Annals of Applied Statistics 1, 2007 (why not to draw both). Searle, Casella and
        McCulloch, Variance Components, 1992.

    Example:
        >>> truth = np.array([0, 1] * 50)
        >>> right, wrong = Outcome("multiclass", truth, truth), Outcome("multiclass", truth, 1 - truth)
        >>> pooled_bootstrap([right, right], [wrong, wrong], "accuracy").low
        1.0
    """
    _check_coverage(coverage)
    _check_pairs(outcomes, others)
    truth, n = outcomes[0].y_true, len(outcomes)
    if not all(np.array_equal(outcome.y_true, truth) for outcome in outcomes):
        raise DataError("the trainings are not on the same test rows: take over_splits for splits of one table.")
    rows = f"{len(truth):,} test rows"
    how = "paired bootstrap of the test rows"
    if n == 1:
        value, low, high = metrics.difference(
            outcomes[0], others[0], metric, coverage=coverage, resamples=resamples, seed=seed
        )
        return Difference(value, low, high, math.nan, how, len(truth), rows, coverage)
    pairs = [_pair(outcome, other, metric) for outcome, other in zip(outcomes, others, strict=True)]
    values = np.array([_apart(pair, metric, np.ones((1, len(truth))))[0] for pair in pairs])
    drawn = np.concatenate(
        [
            np.stack([_apart(pair, metric, weights) for pair in pairs])
            for weights in draw_weights(outcomes[0], resamples, seed)
        ],
        axis=1,
    )
    drawn = drawn[:, np.isfinite(drawn).all(axis=0)]
    over, value = f"{n} trainings and {rows}", float(values.mean())
    how += ", with the spread over the trainings"
    if not math.isfinite(value) or drawn.shape[1] < 2:
        return Difference(value, math.nan, math.nan, math.nan, f"{how}: not defined", n, over, coverage)
    from_rows = float(drawn.mean(axis=0).var(ddof=1))
    from_trainings = float(values.var(ddof=1)) / n
    of_both = float((drawn - drawn.mean(axis=0)).var(axis=1, ddof=1).sum()) / (n - 1) / n
    trainings = max(from_trainings - of_both, 0.0)
    variance = trainings + max(from_rows - of_both, 0.0) + of_both
    if variance <= 1e-24 * value**2:
        return Difference(value, value, value, 1.0 if value == 0 else math.nan, how, n, over, coverage)
    freedom = variance**2 / (trainings**2 / (n - 1) + from_rows**2 / max(len(truth) - 1, 1) + 1e-300)
    return _student(value, math.sqrt(variance), freedom, how, n, over, coverage)


def verdict(name: str, other: str, metric: str, difference: Difference) -> str:
    """Return what a difference says, in one sentence with its uncertainty.

    Args:
        name: The model that was the first of the difference.
        other: The second.
        metric: The metric.
        difference: Its value for the first minus that for the second.

    Returns:
        The sentence.

    Example:
        >>> print(verdict("hinge", "softmax", "accuracy", corrected_t([-0.02, 0.01, -0.01], 80, 20)))
        hinge and softmax do not differ clearly in accuracy: softmax is 0.7 points higher
        (95 % interval −4.4 to 5.7 over 3 splits).
    """
    one, two, word = formatting.plain(name), formatting.plain(other), metric_names.in_sentence(metric)
    value, over = difference.value, difference.over
    if math.isnan(value):
        return f"{one} and {two} can't be compared in {word}, which is not defined over {over}."
    lower = LOWER_IS_BETTER.get(metric, False)
    first_better = value < 0 if lower else value > 0
    better, worse = (one, two) if first_better else (two, one)
    sign = 1 if value >= 0 else -1
    # Told of the better one: by how much it is higher, or lower where that is better.
    ends = sorted((sign * difference.low, sign * difference.high))
    size, *ends = _amounts(metric, [abs(value), *ends])
    unit = " points" if _is_share(metric) else ""
    way = "lower" if lower else "higher"
    if math.isnan(difference.low):
        if value == 0:
            return f"{one} and {two} have the same {word} over {over}."
        return (
            f"Whether {one} and {two} differ in {word} can't be said from {over}: {better} is {size}{unit} {way}, and "
            "there is no interval."
        )
    sure = f"{formatting.percent(difference.coverage, 0).replace(formatting.NARROW, ' ')} interval"
    if value == 0:
        if difference.low == difference.high:
            return f"{one} and {two} have the same {word} over {over}."
        return (
            f"{one} and {two} do not differ clearly in {word}: the mean difference is 0 ({sure} {ends[0]} to {ends[1]}"
            f"{unit} over {over})."
        )
    interval = f"{sure} {ends[0]} to {ends[1]} over {over}"
    if difference.clear:
        return f"{better} is clearly better than {worse} in {word}: {size}{unit} {way} ({interval})."
    return f"{one} and {two} do not differ clearly in {word}: {better} is {size}{unit} {way} ({interval})."


def _check_coverage(coverage: float) -> None:
    if not 0 < coverage < 1:
        raise DataError(f"coverage {coverage} is not between 0 and 1.")


def _check_pairs(outcomes: Sequence[Outcome], others: Sequence[Outcome]) -> None:
    if not len(outcomes) or len(outcomes) != len(others):
        raise DataError(f"{len(outcomes)} outcomes against {len(others)}: expected the same number, at least one.")
    for one, two in zip(outcomes, others, strict=True):
        if one.task != two.task or not np.array_equal(one.y_true, two.y_true):
            raise DataError("two outcomes are not on the same test rows: a difference between them means nothing.")


def _student(value: float, error: float, freedom: float, how: str, n: int, over: str, coverage: float) -> Difference:
    half = float(stats.t.ppf((1 + coverage) / 2, freedom)) * error
    p = 2 * float(stats.t.sf(abs(value) / error, freedom))
    return Difference(value, value - half, value + half, p, how, n, over, coverage)


_Pair = tuple[Any, Any]


def _pair(outcome: Outcome, other: Outcome, metric: str) -> _Pair:
    return select(measures_of(outcome), metric), select(measures_of(other), metric)


def _apart(pair: _Pair, metric: str, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """The difference of a metric under each row of weights (resamples, rows)."""
    return apply([pair[0]], weights)[metric] - apply([pair[1]], weights)[metric]


def _rows_like(outcome: Outcome, rows: int) -> Outcome:
    """So many rows of as many outputs, for which draws cost as much."""
    shaped = outcome.y_true if outcome.probabilities is None else outcome.probabilities
    empty = np.broadcast_to(0, (rows, *shaped.shape[1:]))
    return Outcome(outcome.task, empty, empty)


def _shared(drawn: NDArray[np.float64], bound: float) -> float:
    """The correlation between two splits' differences (splits, resamples) that their common rows cause.

    The mean covariance over the mean variance, not the mean of the correlations: a split without a difference has none.
    """
    drawn = drawn[:, np.isfinite(drawn).all(axis=0)]
    if drawn.shape[1] < 2:
        return bound
    together = np.cov(drawn)
    splits, own = len(together), float(np.trace(together))
    if own <= 0:
        return bound
    return float(np.clip((together.sum() - own) / (splits - 1) / own, 0, bound))


def _is_share(metric: str) -> bool:
    return metric in metric_names.METRICS and metric_names.METRICS[metric].share


def _amounts(metric: str, values: list[float]) -> list[str]:
    """Differences that are read together, with the same digits; those of shares in points."""
    scale = 100 if _is_share(metric) else 1
    largest = max((abs(scale * value) for value in values if math.isfinite(value)), default=0.0)
    if not largest or largest >= 1e10 or largest < 1e-6:
        return [formatting.number(scale * value, 3) for value in values]
    places = max(1 if scale == 100 else 0, 2 - math.floor(math.log10(largest)) - (scale == 100))
    texts = [f"{scale * value:,.{places}f}" for value in values]
    return [text.replace("-", formatting.MINUS) if text.strip("-0.,") else text.lstrip("-") for text in texts]
