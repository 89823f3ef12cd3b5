"""Answers in the form of the rows: pandas for pandas, arrays for everything else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from toolkit.common.errors import DataError
from toolkit.evaluation.conformal import around, by_class, conformal_quantile
from toolkit.evaluation.predictor import Predictor

__all__ = ["answer_columns", "in_form_of", "interval_ends", "reach_of"]


def in_form_of(new: Any, values: NDArray[Any], columns: Sequence[Any]) -> Any:
    """Return answers with the index of the rows they are for, or unchanged where the rows have none.

    Args:
        new: The rows: a DataFrame, a Series (one row), or anything else.
        values: One answer per row, shape (rows,), (rows, columns), or (rows, columns, 2) for intervals.
        columns: The names of the answers; a Series takes the first.

    Returns:
        For pandas a Series, or a DataFrame; of intervals with the columns (name, low) and (name, high).

    Example:
        >>> import numpy as np
        >>> rows = pd.DataFrame({"size": [1.5, 2.5]}, index=["a", "b"])
        >>> in_form_of(rows, np.array([3.0, 4.0]), ["price"]).to_dict()
        {'a': 3.0, 'b': 4.0}
    """
    if isinstance(new, pd.DataFrame):
        index = new.index
    elif isinstance(new, pd.Series):
        index = pd.Index([new.name])
    else:
        return values
    if values.ndim == 1:
        return pd.Series(values, index=index, name=columns[0])
    if values.ndim == 3:
        names = pd.MultiIndex.from_product([list(columns), ["low", "high"]])
        return pd.DataFrame(values.reshape(len(values), -1), index=index, columns=names)
    return pd.DataFrame(values, index=index, columns=pd.Index(list(columns)))


def _check_intervals(result: Predictor) -> None:
    """Check that a run can give intervals around its predictions.

    Raises:
        DataError: The task is none of numbers, or there were no validation rows.
    """
    if result.task != "regression":
        raise DataError(f"a {result.task} run has no intervals around numbers: use predict_proba.")
    if result.absolute_errors is None and result.conformity is None:
        raise DataError(
            "this run has no intervals: they are fitted on validation rows, and there were none (validation=0)."
        )


def reach_of(result: Predictor, coverage: float | None) -> NDArray[np.float64]:
    """Return how far intervals reach: beyond the numbers of each target, (targets,), or beyond the outer quantiles, ().

    Args:
        result: A regression.
        coverage: The share of new rows that the intervals hold, between 0 and 1; None is that of the head.

    Raises:
        DataError: There are no intervals, or the coverage is too high for so few validation rows.
    """
    _check_intervals(result)
    errors: Any = result.absolute_errors if result.conformity is None else result.conformity
    return conformal_quantile(errors, result.head.coverage if coverage is None else coverage)


def interval_ends(result: Predictor, predicted: NDArray[Any], coverage: float | None) -> NDArray[np.float64]:
    """Return the ends of the intervals around predicted numbers.

    Args:
        result: A regression, with validation rows.
        predicted: The numbers, shape (n,) or (n, targets); or quantiles, (n, quantiles).
        coverage: As for `reach_of`.

    Returns:
        Shape (n, 2) or (n, targets, 2).

    Raises:
        DataError: The coverage is too high for so few validation rows.
    """
    reach = reach_of(result, coverage)
    if result.head.quantiles:
        return around(predicted, float(reach))
    reach = reach[0] if predicted.ndim == 1 else reach
    return np.stack([predicted - reach, predicted + reach], axis=-1)


def answer_columns(result: Predictor, scores: NDArray[Any], coverage: float | None = None) -> dict[str, NDArray[Any]]:
    """Return all that a run predicts, as columns: name -> one value per row.

    Args:
        result: What predicts.
        scores: Raw scores of the rows, shape (n, units).
        coverage: For regression: the share of new rows that intervals hold; None for no intervals.

    Returns:
        The predictions, under the names of the target; then the quantiles, the probability of each class or label, or
        the columns low and high (with the name of the target before them where there are several, or it is one of the
        two). A name that a target has already gets an underscore.

    Raises:
        DataError: There are no intervals.
    """
    names, head = result.target.columns, result.head
    decided = np.asarray(result.target.decode(result.decide(scores)))
    predicted = result.target.decode(head.points(scores)) if head.quantiles else decided
    predicted = predicted.reshape(len(scores), len(names))
    columns = dict(zip(names, predicted.T, strict=True))
    more: dict[str, NDArray[Any]] = {}
    if head.quantiles:
        more |= {f"quantile_{name}": column for name, column in zip(head.quantile_names, decided.T, strict=True)}
    if result.has_probabilities:
        chances = by_class(result.probabilities(scores))
        more |= {f"probability_{name}": column for name, column in zip(result.class_names, chances.T, strict=True)}
    if coverage is not None:
        ends = interval_ends(result, decided, coverage).reshape(len(scores), len(names), 2)
        for index, name in enumerate(names):
            before = f"{name}_" if len(names) > 1 or name in ("low", "high") else ""
            more |= {f"{before}low": ends[:, index, 0], f"{before}high": ends[:, index, 1]}
    for name, values in more.items():
        while name in columns:
            name += "_"
        columns[name] = values
    return columns
