"""The values and gradients that losses should have, from mpmath; and those that Keras losses give, row by row."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import mpmath
import numpy as np
import tensorflow as tf

LARGEST = float(np.finfo(np.float32).max)

#: The value, the gradient, and whether a margin lies within rounding of its kink, where either slope is right.
Truth = tuple[Any, list[Any], bool]


def rows(loss: Any, y: Any, scores: Any, compiled: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Return the loss of each row, and the gradient of the sum, whose row i depends on row i alone."""
    unreduced = type(loss).from_config({**loss.get_config(), "reduction": None})
    y, scores = tf.constant(y), tf.constant(scores)

    def value_and_gradient(scores):
        with tf.GradientTape() as tape:
            tape.watch(scores)
            value = unreduced(y, scores)
        return value, tape.gradient(value, scores)

    run = tf.function(value_and_gradient, jit_compile=True) if compiled else value_and_gradient
    value, gradient = run(scores)
    return value.numpy(), gradient.numpy()


def scores_of_every_size(rng: np.random.Generator, n: int, units: int) -> np.ndarray:
    """Return scores from 1e-8 to 1e30: of one size per row, mixed, equal but for the sign, far from 0, ordinary."""
    size = 10.0 ** rng.uniform(-8, 30, (n, 1))
    normal = rng.normal(size=(5, n, units))
    return np.concatenate(
        [
            normal[0] * size,
            rng.choice([-1, 1], (n, units)) * 10.0 ** rng.uniform(-8, 30, (n, units)),
            np.sign(normal[1]) * size,
            normal[2] * 10.0 ** rng.uniform(-8, 2, (n, 1)) + 10.0 ** rng.uniform(0, 6, (n, 1)),
            normal[3] * 10.0 ** rng.uniform(-2, 2.5, (n, 1)),
        ]
    ).astype("float32")


def hinge_truth(s: Sequence[Any], y: int, delta: float = 1.0, power: int = 1) -> Truth:
    """Return what the multiclass hinge of scores `s` and the class id `y` should be."""
    raw = [a - s[y] + delta for a in s]
    terms = [mpmath.mpf(0) if j == y else max(m, mpmath.mpf(0)) for j, m in enumerate(raw)]
    gradient = [power * t ** (power - 1) if t > 0 else mpmath.mpf(0) for t in terms]
    gradient[y] = -sum(gradient)
    near = any(
        abs(m) <= 2.0**-22 * max(abs(a), abs(s[y]), delta)
        for j, (m, a) in enumerate(zip(raw, s, strict=True))
        if j != y
    )
    return sum(t**power for t in terms), gradient, near


def binary_truth(s: Sequence[Any], y: Sequence[int], delta: float = 1.0, power: int = 1) -> Truth:
    """Return what the hinge of one score per label should be, averaged over the labels."""
    signs = [1 if label > 0 else -1 for label in y]
    raw = [delta - sign * a for a, sign in zip(s, signs, strict=True)]
    terms = [max(m, mpmath.mpf(0)) for m in raw]
    gradient = [
        -sign * power * t ** (power - 1) / len(s) if t > 0 else mpmath.mpf(0)
        for t, sign in zip(terms, signs, strict=True)
    ]
    near = any(abs(m) <= 2.0**-22 * max(abs(a), delta) for m, a in zip(raw, s, strict=True))
    return sum(t**power for t in terms) / len(s), gradient, near


def softmax_truth(s: Sequence[Any], y: int, smoothing: float = 0.0) -> Truth:
    """Return what the cross-entropy of a softmax should be, which has no kink."""
    top = max(s)
    powers = [mpmath.exp(a - top) for a in s]
    q = [mpmath.mpf(smoothing) / len(s) + (1 - mpmath.mpf(smoothing)) * (j == y) for j in range(len(s))]
    value = mpmath.log(sum(powers)) + sum(share * (top - a) for share, a in zip(q, s, strict=True))
    return value, [p / sum(powers) - share for p, share in zip(powers, q, strict=True)], False


def logistic_truth(s: Sequence[Any], y: Sequence[int]) -> Truth:
    """Return what the binary cross-entropy should be, averaged over the labels."""
    signs = [1 if label > 0 else -1 for label in y]
    value = sum(mpmath.log1p(mpmath.exp(-abs(a))) + max(-sign * a, 0) for a, sign in zip(s, signs, strict=True))
    gradient = [mpmath.exp(-abs(a)) / (1 + mpmath.exp(-abs(a))) for a in s]
    wrong = [g if sign * a >= 0 else 1 - g for g, a, sign in zip(gradient, s, signs, strict=True)]
    return value / len(s), [-sign * w / len(s) for w, sign in zip(wrong, signs, strict=True)], False


def error(got: float, true: Any) -> float:
    """Return the error divided by max(1, |true|); infinity is right where the true value exceeds the type."""
    if abs(true) > LARGEST:
        return 0.0 if math.isinf(got) and (got > 0) == (true > 0) else math.inf
    return float(abs(mpmath.mpf(float(got)) - true) / max(1, abs(true))) if math.isfinite(got) else math.inf
