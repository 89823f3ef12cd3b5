"""Weights of several answers, chosen on rows that their networks have not learned from."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import optimize

__all__ = ["best_scale", "greedy_weights"]

_STEPS = 20
_SCALES = (-3.0, 3.0)  # logarithms: from a twentieth to twenty times the scores

Scores = NDArray[np.float32]
Loss = Callable[[Scores], float]


def greedy_weights(scores: Sequence[Scores], loss: Loss, *, max_answers: int | None = None) -> NDArray[np.float64]:
    """Return a weight for each of several answers, 0 or more, with a sum of 1.

    All begin with one share. Then, again and again, another share goes to the answer with which the loss of the mean
    is lowest, so that few rows are not overfitted and an answer can have many shares. An answer that never got another
    share, although a better one got many, has a small weight, and counts as 0.

    Args:
        scores: The scores of each answer, shape (n, units).
        loss: The loss of scores of the same rows.
        max_answers: Largest number of answers with a weight: those with the largest weights are weighed again by
            themselves.

    References:
        Caruana et al., Ensemble Selection from Libraries of Models, ICML 2004.

    Example:
        >>> y = np.array([[0.0], [1.0], [2.0], [3.0]])
        >>> weights = greedy_weights([y + 1, y - 1, y + 5], lambda scores: float(np.mean((scores - y) ** 2)))
        >>> weights.round(2).tolist()
        [0.41, 0.59, 0.0]
        >>> greedy_weights(
        ...     [y + 1, y - 1, y + 5], lambda scores: float(np.mean((scores - y) ** 2)), max_answers=1
        ... ).tolist()
        [0.0, 1.0, 0.0]
    """
    shares = np.ones(len(scores))
    total = np.sum(scores, axis=0, dtype=np.float64)
    for _ in range(_STEPS):
        losses = [loss(((total + answer) / (shares.sum() + 1)).astype(np.float32)) for answer in scores]
        best = int(np.argmin(losses))
        shares[best] += 1
        total += scores[best]
    shares[shares == 1] = 0
    if max_answers is None or np.count_nonzero(shares) <= max_answers:
        return shares / shares.sum()
    selected = np.sort(np.argsort(-shares, kind="stable")[:max_answers])
    weights = np.zeros(len(scores))
    weights[selected] = greedy_weights([scores[number] for number in selected], loss)
    return weights


def best_scale(scores: Scores, loss: Loss) -> float:
    """Return the number by which scores must be multiplied for the lowest loss, within a twentieth and twenty.

    Few rows that the scores happen to order without a mistake would ask for a number without limit: the logarithm of
    the number, squared, is added to twice the sum of the rows' losses. That is the normal distribution with a standard
    deviation of 1 as the prior of the logarithm.

    Example:
        >>> y = np.repeat(np.array([[2.0], [4.0]], np.float32), 500, axis=0)
        >>> round(best_scale(y / 4, lambda scores: float(np.mean((scores - y) ** 2))), 1)
        4.0
    """
    optimum = optimize.minimize_scalar(
        lambda power: loss((np.exp(power) * scores).astype(np.float32)) + power**2 / (2 * len(scores)),
        bounds=_SCALES,
        method="bounded",
    )
    return float(np.exp(optimum.x))
