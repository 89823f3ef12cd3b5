"""The fits of a calibration: temperature or scale, Platt scaling, isotonic regression, and their cross-validation.

All formulas work in float64 on scores of any size.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray
from scipy import special

from toolkit.evaluation import isotonic

__all__ = [
    "Labels",
    "Reals",
    "below_largest",
    "cross_validate",
    "fit_isotonic",
    "fit_platt",
    "fit_scale",
    "log_losses",
    "positive_probability",
    "stratified_folds",
]

_FOLDS = 5
# Bounds of a slope or scale: with less, the median row's score would move by under a thousandth.
_SMALLEST = 1e-3
_LARGEST = 1e6
# Platt scaling clips scores at this many typical distances from the median.
_CLIP = 1e3
# Isotonic regression replaces Platt scaling if its log loss is lower by more than this many standard errors.
_STANDARD_ERRORS = 2.0
_EPS = float(np.finfo(np.float64).eps)

Labels = NDArray[np.int64]
Reals = NDArray[np.float64]


def below_largest(scores: Reals, scale: float) -> Reals:
    """Return scale * (scores - largest score of the row), shape (n, classes), at most 0."""
    with np.errstate(over="ignore"):
        return scale * (scores - scores.max(axis=1, keepdims=True))


def log_losses(task: str, scores: Reals, truth: Labels, scale: float, offsets: Reals | float = 0.0) -> Reals:
    """Return the log loss of each row, shape (n,); for several labels their mean.

    The offsets, (classes,) or one number, are subtracted from the scores times the scale.
    """
    with np.errstate(over="ignore"):
        if task == "multiclass":
            shifted = below_largest(scores, scale) - offsets
            # (n, classes) -> (n,): log of the sum of all powers, minus the true class's score.
            loss = special.logsumexp(shifted, axis=1) - shifted[np.arange(len(truth)), truth]
        else:
            # -log sigmoid(s) for a 1, -log sigmoid(-s) for a 0: it keeps the digits that log(1 - sigmoid(s)) loses.
            loss = -special.log_expit(np.where(truth == 1, 1, -1) * (scale * scores - offsets))
    # Clips probabilities to eps ... 1 - eps, written for their negative log. (n,) or (n, labels) -> (n,).
    return np.clip(loss, -math.log1p(-_EPS), -math.log(_EPS)).reshape(len(truth), -1).mean(axis=1)


def fit_scale(task: str, scores: Reals, truth: Labels, weights: Reals, offsets: Reals | float = 0.0) -> float:
    """Return the factor above 0 of the smallest log loss, with labels smoothed by the worth of one row.

    Log loss is convex in the factor: the zero of its derivative is found on a logarithmic scale. The smoothing keeps it
    finite for separated rows. The search runs in units of the median distance of a score from a tie. The offsets are
    those of `log_losses`.
    """
    smoothing = 1 / (len(truth) + 1)
    with np.errstate(over="ignore"):
        distance = below_largest(scores, 1.0) if task == "multiclass" else scores
    unit = _median_size(distance)
    if not unit:
        return 1.0  # all scores tie: no factor changes anything
    with np.errstate(over="ignore"):
        # Finite distances: infinity times a power of 0 would be NaN below.
        distance = np.clip(distance / unit, -1e100, 1e100)
    if task == "multiclass":
        true_class = distance[np.arange(len(truth)), truth]
        # The smoothed label: 1 - smoothing on the true class, and smoothing / classes on each.
        expected = (1 - smoothing) * true_class + smoothing * distance.mean(axis=1)

        def slopes(factor: float) -> Reals:
            # d(log loss)/d(factor) of a row: the mean distance under the softmax minus that of the smoothed label.
            powers = special.softmax(factor * distance - offsets, axis=1)  # (n, classes)
            return (powers * distance).sum(axis=1) - expected
    else:
        # 0, 1 -> smoothing / 2, 1 - smoothing / 2
        target = (1 - smoothing) * truth + smoothing / 2

        def slopes(factor: float) -> Reals:
            return (
                ((special.expit(factor * distance - offsets) - target) * distance).reshape(len(truth), -1).mean(axis=1)
            )

    return _zero_of(lambda power: float(np.average(slopes(math.exp(power)), weights=weights))) / unit


def _zero_of(rising: Callable[[float], float]) -> float:
    """Return exp(power) where a rising function of the power is 0, within the bounds of a scale."""
    low, high = math.log(_SMALLEST), math.log(_LARGEST)
    if rising(low) >= 0:
        return _SMALLEST
    if rising(high) <= 0:
        return _LARGEST
    return math.exp(float(scipy.optimize.brentq(rising, low, high, xtol=1e-9)))


def _median_size(distances: Reals) -> float:
    """Return the median absolute value of the distances other than 0; 0 without any."""
    sizes = np.abs(distances[distances != 0])
    return float(np.median(sizes)) if len(sizes) else 0.0


def fit_platt(margin: Reals, label: Labels, weights: Reals) -> tuple[float, float]:
    """Return slope and intercept of Platt scaling with smoothed targets: a convex problem with a finite solution."""
    center = float(np.median(margin))
    size = _median_size(margin - center) or 1.0
    # In units of its own spread the problem is well conditioned; the line is converted back at the end.
    unit = np.clip((margin - center) / size, -_CLIP, _CLIP)
    positives, negatives = float(weights @ label), float(weights @ (1 - label))
    # Platt's targets: 8 positives and 2 negatives -> 9/10 and 1/4 in place of 1 and 0.
    target = np.where(label == 1, (positives + 1) / (positives + 2), 1 / (negatives + 2))
    inputs = np.column_stack([unit, np.ones_like(unit)])
    share = weights / weights.sum()

    def loss(line: Reals) -> float:
        x = inputs @ line
        # -(t log p + (1 - t) log(1 - p)) for p = sigmoid(x), without computing p: finite for any x.
        return float(share @ (np.logaddexp(0, x) - target * x))

    def gradient(line: Reals) -> Reals:
        return inputs.T @ (share * (special.expit(inputs @ line) - target))

    def curvature(line: Reals) -> Reals:
        chance = special.expit(inputs @ line)
        # (2, n) * (n,) @ (n, 2) -> (2, 2); it is never negative, so the problem is convex.
        return (inputs.T * (share * chance * (1 - chance))) @ inputs

    start = np.array([0.0, math.log((positives + 1) / (negatives + 1))])
    slope, intercept = _SMALLEST, 0.0
    if unit.any() and positives > 0 and negatives > 0:
        solution = scipy.optimize.minimize(
            loss, start, jac=gradient, hess=curvature, method="trust-exact", options={"gtol": 1e-10, "maxiter": 200}
        )
        slope, intercept = (float(value) for value in solution.x)
    if slope <= _SMALLEST:  # the loss is convex: with the order of scores kept, its minimum lies on this bound
        slope = _SMALLEST
        # The solution lies within: slope * unit is at most _SMALLEST * _CLIP = 1 either way, and a target's log odds at
        # most log(rows + 1).
        edge = 2 + math.log(positives + negatives + 2)

        def excess(offset: float) -> float:
            return float(share @ (special.expit(slope * unit + offset) - target))

        intercept = float(scipy.optimize.brentq(excess, -edge, edge, xtol=1e-12))
    # slope * (margin - center) / size + intercept, as a line over the margin itself
    return slope / size, intercept - slope * center / size


def fit_isotonic(margin: Reals, label: Labels, weights: Reals, seed: int) -> tuple[dict[str, Any] | None, Reals]:
    """Return the knots of an isotonic regression, or None where it is not clearly better than Platt scaling.

    Also return the cross-validated log losses of Platt scaling and of isotonic regression, shape (2,).
    """

    def learn(rows: NDArray[np.bool_]) -> tuple[tuple[float, float], dict[str, Any]]:
        part = margin[rows], label[rows], weights[rows]
        return fit_platt(*part), _knots(*part)

    def lose(rows: NDArray[np.bool_], fitted: tuple[tuple[float, float], dict[str, Any]]) -> Reals:
        (slope, intercept), knots = fitted
        chance = positive_probability(margin[rows], (slope, intercept), knots, int((~rows).sum()))
        right = np.where(label[rows] == 1, chance, 1 - chance)
        platt = log_losses("binary", slope * margin[rows] + intercept, label[rows], 1.0)
        # (n, 2): the losses of Platt scaling and of isotonic regression, row by row
        return np.column_stack([platt, -np.log(np.clip(right, _EPS, 1 - _EPS))])

    losses = cross_validate(stratified_folds(label, seed), learn, lose)
    gain = losses[:, 0] - losses[:, 1]
    mean = np.average(gain, weights=weights)
    # Standard error of the weighted mean of paired differences: what makes a row hard for both cancels.
    error = np.linalg.norm(weights * (gain - mean)) / weights.sum()
    knots = _knots(margin, label, weights)
    clear = mean > _STANDARD_ERRORS * error and len(knots["scores"]) > 1
    return knots if clear else None, np.average(losses, axis=0, weights=weights)


def _knots(margin: Reals, label: Labels, weights: Reals) -> dict[str, Any]:
    scores, chances = isotonic.knots(margin, label, weights / weights.mean())
    return {"scores": scores.tolist(), "chances": chances.tolist()}


def positive_probability(scores: Reals, line: tuple[float, float], knots: dict[str, Any] | None, rows: int) -> Reals:
    """Return probabilities of one score by Platt scaling, or by knots plus one row's worth of Platt scaling.

    That share keeps the order of different scores where the isotonic regression is level.
    """
    slope, intercept = line
    with np.errstate(over="ignore", invalid="ignore"):
        chance = special.expit(slope * scores + intercept)
    if knots is None:
        return chance
    return (rows * isotonic.interpolate(scores, knots["scores"], knots["chances"]) + chance) / (rows + 1)


def stratified_folds(truth: Labels, seed: int) -> Labels:
    """Return the fold of each row, stratified by class (by the number of positive labels for several labels)."""
    order = np.random.default_rng(seed).permutation(len(truth))
    kind = truth if truth.ndim == 1 else truth.sum(axis=1)
    order = order[np.argsort(kind[order], kind="stable")]
    fold = np.empty(len(truth), np.int64)
    # Classes in order, folds in turn, so that each fold gets its share of each class:
    #      class  0 0 0 0 0 0 0 1 1 1
    #      fold   0 1 2 3 4 0 1 2 3 4
    fold[order] = np.arange(len(truth)) % _FOLDS
    return fold


def cross_validate(
    fold: Labels,
    learn: Callable[[NDArray[np.bool_]], Any],
    lose: Callable[[NDArray[np.bool_], Any], Reals],
) -> Reals:
    """Return the loss of each row under the fit on the other folds, in the order of the rows."""
    losses = [lose(fold == number, learn(fold != number)) for number in range(_FOLDS)]
    # The losses come fold by fold; the second argsort inverts the permutation that sorts rows by fold.
    return np.concatenate(losses)[np.argsort(np.argsort(fold, kind="stable"))]
