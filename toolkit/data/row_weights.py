"""How much each row counts in training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from toolkit.common.errors import DataError
from toolkit.common.options import documented
from toolkit.data.target import Target

__all__ = ["row_weights"]


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


def _by_class(given: str | Mapping[Any, float], target: Target, ids: NDArray[np.int64]) -> NDArray[np.float64]:
    if isinstance(given, str):
        if given != "balanced":
            raise DataError(f"class_weight='{given}': expected 'balanced' or a weight for each label.")
        return len(ids) / (len(target.classes) * np.bincount(ids, minlength=len(target.classes)))
    if not isinstance(given, Mapping) or not all(isinstance(w, int | float | np.number) for w in given.values()):
        raise DataError(f"class_weight={given!r}: expected 'balanced' or a dictionary with a number for each label.")
    places = {str(label): i for i, label in enumerate(target.classes)}
    weights = np.ones(len(places))
    for label, weight in given.items():
        if str(label) not in places:
            raise DataError(f"class_weight names {label!r}, which is not a class (classes: {', '.join(places)}).")
        if not 0 <= float(weight) < np.inf:
            raise DataError(f"class_weight of {label!r} is {weight!r}: expected a number of 0 or more.")
        weights[places[str(label)]] = float(weight)
    return weights
