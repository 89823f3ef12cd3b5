"""Outcome: what a model predicted for rows whose truth is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["Outcome"]


@dataclass(frozen=True)
class Outcome:
    """What a model predicted for rows whose truth is known.

    Attributes:
        task: "regression", "binary", "multiclass" or "multilabel".
        y_true: The truth. Regression: (n, t) in the user's units. Binary: (n,) of 0 and 1. Multiclass: (n,) class ids.
            Multilabel: (n, L) of 0 and 1.
        y_pred: The predictions, shaped as `y_true`.
        probabilities: Binary: (n,), of the positive class. Multiclass: (n, K). Multilabel: (n, L). None for regression
            and for a model without probabilities.
        scores: Raw scores (n, units), or None.
        seconds: How long the model took to fit.
    """

    task: str
    y_true: np.ndarray
    y_pred: np.ndarray
    probabilities: np.ndarray | None = None
    scores: np.ndarray | None = None
    seconds: float = 0.0
