"""Row weights: how much each row counts in training."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real
from typing import Annotated, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from toolkit.common.errors import DataError, nearest
from toolkit.common.formatting import listing, rows_text
from toolkit.common.options import documented
from toolkit.data.column_kinds import infer
from toolkit.data.labels import index_of
from toolkit.data.reading_options import ReadingOptions
from toolkit.data.surrogates import valid_text
from toolkit.data.target import Target

__all__ = ["class_weights", "read_weights", "row_weights"]


def read_weights(
    weights: str | Any,
    features: pd.DataFrame,
    name: str,
    present: NDArray[np.bool_],
    reading: ReadingOptions | None = None,
    *,
    all_rows: bool = True,
    rows: NDArray[np.int64] | None = None,
) -> NDArray[np.float64] | None:
    """Return the user's weights of the rows with a target.

    Args:
        weights: The name of a column of `features`, an array of shape (rows,), or None.
        features: The user's columns.
        name: The name of the table in messages.
        present: Mask of the rows that have a target, shape (rows,).
        reading: How numbers are written; by default it is found out.
        all_rows: Whether these are all rows of the table, not all of which may have a weight of 0.
        rows: The numbers of the rows in messages, from 1; None counts them.

    Raises:
        DataError: The weights are no numbers, negative, infinite, all 0, or not one per row.
    """
    if weights is None:
        return None
    if isinstance(weights, str):
        column, values, _ = infer(features[valid_text(weights)], weights, reading=reading)
        if column is None or column.kind != "number":
            raise DataError(f"sample_weight= names '{weights}', which does not hold numbers.")
    else:
        try:
            if np.iscomplexobj(weights):
                raise TypeError
            values = np.asarray(weights, dtype=np.float64)
        except (TypeError, ValueError, OverflowError, ArithmeticError):
            raise DataError("sample_weight= holds values that are no numbers; expected one number per row.") from None
        if values.shape != present.shape:
            raise DataError(f"sample_weight has shape {values.shape}; {name} has {len(present)} rows.")
    bad = present & ~(np.isfinite(values) & (values >= 0))
    if bad.any():
        numbers = np.flatnonzero(bad) + 1 if rows is None else rows[bad]
        raise DataError(f"weights must be finite and not negative ({rows_text(numbers)} of {name}).")
    with np.errstate(over="ignore"):
        total = values[present].sum()
    if total == 0 and all_rows:
        raise DataError(f"every weight of {name} is zero.")
    if np.isinf(total):
        raise DataError(f"the weights of {name} are too large to be added: divide them.")
    return values[present].astype(np.float64)


@documented
def row_weights(
    target_frame: pd.DataFrame,
    target: Target,
    parts: Mapping[str, NDArray[np.int64]],
    sample_weight: NDArray[np.float64] | None = None,
    *,
    class_weight: Annotated[
        str | Mapping[Any, float] | None,
        "'balanced' gives each class the same total weight in training, as scikit-learn does; or a weight for each "
        "label, such as {'yes': 5.0}, others 1. It changes which errors training avoids; probabilities stay those of "
        "the unweighted rows.",
        "binary",
        "multiclass",
    ] = None,
) -> NDArray[np.float64] | None:
    """Return a weight for each row, or None where all count the same.

    Args:
        target_frame: The target columns of all rows.
        target: The target's encoding.
        parts: Positions of the rows of each part.
        sample_weight: Weights of the rows, which are multiplied in; None for none.

    Returns:
        Weights of all rows, shape (rows,), scaled to a mean of 1 over the training rows.

    Raises:
        DataError: Weights by class on another task, or for a label that doesn't occur; a class or a part without
            weight.
    """
    if class_weight is None and sample_weight is None:
        return None
    weights = np.ones(len(target_frame)) if sample_weight is None else np.asarray(sample_weight, np.float64)
    if class_weight is not None:
        if target.task not in ("binary", "multiclass"):
            raise DataError(f"class_weight is for binary and multiclass, and this is {target.task}.")
        ids = np.asarray(target.encode(target_frame)).reshape(-1).astype(np.int64)
        counts = np.bincount(ids[parts["train"]], minlength=len(target.classes))
        weights = weights * class_weights(class_weight, target, counts)[ids]
    _check_parts(weights, target_frame, target, parts)
    return weights / weights[parts["train"]].mean()


def _check_parts(
    weights: NDArray[np.float64], target_frame: pd.DataFrame, target: Target, parts: Mapping[str, NDArray[np.int64]]
) -> None:
    """Check that training and validation rows, and every class of the training rows, have some weight."""
    for part in ("train", "validation"):
        rows = parts[part]
        if len(rows) and not weights[rows].any():
            raise DataError(
                f"sample_weight is 0 in all {len(rows):,} {part} rows: give some of them weight, or leave the rows of "
                "weight 0 out of the data."
            )
    if target.classes:
        ids = np.asarray(target.encode(target_frame)).reshape(-1).astype(np.int64)[parts["train"]]
        totals = np.bincount(ids, weights=weights[parts["train"]], minlength=len(target.classes))
        for label, count, total in zip(target.classes, np.bincount(ids, minlength=len(totals)), totals, strict=True):
            if count and not total:
                raise DataError(
                    f"sample_weight is 0 in all {count:,} training rows of class {label!r}: the network can't learn "
                    "it. Give some of them weight, or leave the class out of the data."
                )


def class_weights(class_weight: str | Mapping[Any, float], target: Target, counts: NDArray[Any]) -> NDArray[np.float64]:
    """Return the weight of each class; the counts are its training rows, shape (classes,)."""
    if isinstance(class_weight, str):
        if class_weight != "balanced":
            raise DataError(f"class_weight='{class_weight}': expected 'balanced' or a weight for each label.")
        return counts.sum() / (len(target.classes) * counts)
    if not isinstance(class_weight, Mapping) or not all(isinstance(w, Real) for w in class_weight.values()):
        raise DataError(
            f"class_weight={class_weight!r}: expected 'balanced' or a dictionary with a number for each label."
        )
    find, weights = index_of(target.classes), np.ones(len(target.classes))
    for label, weight in class_weight.items():
        index = find(label)
        if index is None:
            names = listing([repr(known) for known in target.classes])
            raise DataError(
                f"class_weight names {label!r}, which is not a class (classes: {names})."
                f"{nearest(label, target.classes)}"
            )
        if not 0 < float(weight) < np.inf:
            raise DataError(
                f"class_weight of {label!r} is {weight!r}: expected a number above 0. A class that shall not count is "
                "left out of the data."
            )
        weights[index] = float(weight)
    return weights
