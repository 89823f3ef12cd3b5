"""Outcome: what a model predicted for rows whose truth is known."""

from __future__ import annotations

from dataclasses import dataclass, replace

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
        units: The unit of each row, (n,): rows that depend on each other, because their features are equal or because
            they are of one group, have equal numbers. None takes each row as distinct.
        unit: What a unit is called: "row", or "group" where the user named groups.
        ordered: For multiclass: whether the classes have an order, so that errors are measured in ranks too.
        levels: For regression with quantiles: which ones, rising.
        quantiles: Their predictions, (n, levels).
        ends: The ends of the intervals around the predictions, (n, 2), or None.
    """

    task: str
    y_true: np.ndarray
    y_pred: np.ndarray
    probabilities: np.ndarray | None = None
    scores: np.ndarray | None = None
    seconds: float = 0.0
    units: np.ndarray | None = None
    unit: str = "row"
    ordered: bool = False
    levels: tuple[float, ...] = ()
    quantiles: np.ndarray | None = None
    ends: np.ndarray | None = None

    @property
    def held(self) -> np.ndarray:
        """Whether each truth lies in its interval, (n,)."""
        truth, ends = np.ravel(self.y_true), np.asarray(self.ends)
        return (ends[:, 0] <= truth) & (truth <= ends[:, 1])

    def distinct(self, rows: np.ndarray | None = None) -> int:
        """Return how many distinct rows, or groups, there are, all of them or those of a mask (n,).

        Example:
            >>> truth, units = np.array([0, 1, 1, 1]), np.array([0, 1, 1, 2])
            >>> outcome = Outcome("binary", truth, truth, units=units)
            >>> outcome.distinct(), outcome.distinct(truth == 1)
            (3, 2)
        """
        if self.units is None:
            return len(self.y_true) if rows is None else int(np.count_nonzero(rows))
        return len(np.unique(self.units if rows is None else self.units[rows]))

    def take(self, rows: np.ndarray) -> Outcome:
        """Return the outcome on some of the rows, by their positions or a mask."""
        names = ("y_true", "y_pred", "probabilities", "scores", "units", "quantiles", "ends")
        arrays = {name: array for name in names if (array := getattr(self, name)) is not None}
        return replace(self, **{name: array[rows] for name, array in arrays.items()})
