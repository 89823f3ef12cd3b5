"""Row weights: how much each row counts in training."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real
from typing import Annotated, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from toolkit.common.errors import DataError
from toolkit.common.formatting import rows_text
from toolkit.common.options import documented
from toolkit.data.column_kinds import infer
from toolkit.data.target import Target

__all__ = ["read_weights", "row_weights"]


def read_weights(
    weights: str | Any, features: pd.DataFrame, name: str, present: NDArray[np.bool_]
) -> NDArray[np.float64] | None:
    """Return the user's weights of the rows with a target.

    Args:
        weights: The name of a column of `features`, an array of shape (rows,), or None.
        features: The user's columns.
        name: The name of the table in messages.
        present: Mask of the rows that have a target, shape (rows,).

    Raises:
        DataError: The weights are no numbers, negative, infinite, all 0, or not one per row.
    """
    if weights is None:
        return None
    if isinstance(weights, str):
        column, values, _ = infer(features[weights], weights)
        if column is None or column.kind != "number":
            raise DataError(f"sample_weight= names '{weights}', which does not hold numbers.")
    else:
        values = np.asarray(weights, dtype=np.float64)
        if values.shape != present.shape:
            raise DataError(f"sample_weight has shape {values.shape}; {name} has {len(present)} rows.")
    bad = present & ~(np.isfinite(values) & (values >= 0))
    if bad.any():
        raise DataError(f"weights must be finite and not negative ({rows_text(np.flatnonzero(bad) + 1)} of {name}).")
    if values[present].sum() == 0:
        raise DataError(f"every weight of {name} is 0.")
    return values[present].astype(np.float64)


@documented
def row_weights(
    target_frame: pd.DataFrame,
    target: Target,
    train: NDArray[np.int64],
    sample_weight: NDArray[np.float64] | None = None,
    *,
    class_weight: Annotated[
        str | Mapping[Any, float] | None,
        "'balanced' gives each class the same total weight in training, as scikit-learn does; or a weight for each "
        "label, such as {'yes': 5.0}, others 1.",
        "binary",
        "multiclass",
    ] = None,
) -> NDArray[np.float64] | None:
    """Return a weight for each row, or None where all count the same.

    Args:
        target_frame: The target columns of all rows.
        target: The target's encoding.
        train: Positions of the training rows.
        sample_weight: Weights of the rows, which are multiplied in; None for none.

    Returns:
        Weights of all rows, shape (rows,), scaled to a mean of 1 over the training rows.

    Raises:
        DataError: Weights by class on another task, or for a label that doesn't occur.
    """
    if class_weight is None and sample_weight is None:
        return None
    weights = np.ones(len(target_frame)) if sample_weight is None else np.asarray(sample_weight, np.float64)
    if class_weight is not None:
        if target.task not in ("binary", "multiclass"):
            raise DataError(f"class_weight is for binary and multiclass, and this is {target.task}.")
        ids = np.asarray(target.encode(target_frame)).reshape(-1).astype(np.int64)
        weights = weights * _by_class(class_weight, target, ids[train])[ids]
    return weights / weights[train].mean()


def _by_class(class_weight: str | Mapping[Any, float], target: Target, ids: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the weight of each class."""
    if isinstance(class_weight, str):
        if class_weight != "balanced":
            raise DataError(f"class_weight='{class_weight}': expected 'balanced' or a weight for each label.")
        return len(ids) / (len(target.classes) * np.bincount(ids, minlength=len(target.classes)))
    if not isinstance(class_weight, Mapping) or not all(isinstance(w, Real) for w in class_weight.values()):
        raise DataError(
            f"class_weight={class_weight!r}: expected 'balanced' or a dictionary with a number for each label."
        )
    ids_by_text = {str(label): i for i, label in enumerate(target.classes)}
    weights = np.ones(len(ids_by_text))
    for label, weight in class_weight.items():
        if str(label) not in ids_by_text:
            raise DataError(f"class_weight names {label!r}, which is not a class (classes: {', '.join(ids_by_text)}).")
        if not 0 <= float(weight) < np.inf:
            raise DataError(f"class_weight of {label!r} is {weight!r}: expected a number of 0 or more.")
        weights[ids_by_text[str(label)]] = float(weight)
    return weights
