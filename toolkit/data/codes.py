"""Which columns of whole numbers are codes: single values tell more of the target than ranges of values do."""

from __future__ import annotations

import numpy as np
import pandas as pd

from toolkit.data.features import Features
from toolkit.data.identifiers import are_integers
from toolkit.data.level_means import left_out_means

__all__ = ["code_columns", "codes_note", "many_levels", "outputs_of"]

_RANGES, _ROWS_PER_VALUE = 32, 4
_FOLDS = 5
_MOST_ROWS, _MOST_OUTPUTS = 100_000, 20
# On the benchmark's tables the gain of codes (a manager, a state, a brand's popularity) is 20 to 90 % of what single
# values tell, at 6 to 22 standard errors; that of measures is below 15 % or within 4 standard errors.
_LEAST_GAIN, _STANDARD_ERRORS, _LEAST_SHARE = 0.15, 4.0, 0.003


def code_columns(features: Features, outputs: np.ndarray) -> list[str]:
    """Return the columns of whole numbers whose single values tell clearly more of the target than ranges of them.

    The target of rows left out is predicted in two ways: by the mean of the rows with the same value, and by that of
    the rows in the same of 32 ranges that hold equally many rows, both drawn towards the mean of all rows. Codes,
    such as those of a manager or a region, are predicted better in the first way. Columns with fewer values than
    ranges, or fewer than four rows per value, are left as they are.

    Args:
        features: The rows to learn from.
        outputs: What `outputs_of` returns, shape (n, outputs).

    Example:
        >>> import pandas as pd
        >>> from toolkit.data.columns import Column, Columns
        >>> random = np.random.default_rng(0)
        >>> effects, codes = random.normal(size=50), random.integers(0, 50, 2_000)
        >>> frame = pd.DataFrame({"region": codes.astype(float), "age": random.integers(18, 90, 2_000).astype(float)})
        >>> columns = tuple(Column(name, "number") for name in frame)
        >>> y = effects[codes] + frame["age"].to_numpy() / 30
        >>> code_columns(Columns(frame, columns, ("region", "age")), y[:, None])
        ['region']
    """
    rows = np.arange(len(features))
    if len(rows) > _MOST_ROWS:
        rows = np.sort(np.random.default_rng(0).choice(rows, _MOST_ROWS, replace=False))
    outputs = outputs[rows]
    names = [column.name for column in features.columns if column.kind == "number" and column.format is None]
    return [name for name in names if _are_codes(features.frame[name].to_numpy()[rows], outputs)]


def codes_note(names: list[str]) -> str:
    """Return the sentence about columns that were found to be codes."""
    quoted = ", ".join(f"'{name}'" for name in names)
    verb, whose = ("is", "Its") if len(names) == 1 else ("are", "Their")
    return (
        f"{quoted} {verb} taken for codes: single values tell more of the target than ranges of them. {whose} "
        "frequent values have an input each beside the number; codes=[] leaves them out."
    )


def many_levels(features: Features, outputs: np.ndarray) -> list[str]:
    """Return the categories with more than 32 levels that tell something of the target on rows left out.

    Args:
        features: The rows to learn from.
        outputs: What `outputs_of` returns, shape (n, outputs).
    """
    names = []
    for name in (column.name for column in features.columns if column.kind == "category"):
        groups, levels = pd.factorize(features.frame[name].to_numpy(), use_na_sentinel=False)
        if _RANGES < len(levels) <= len(groups) / _ROWS_PER_VALUE:
            folds = np.random.default_rng(0).permutation(len(groups)) % _FOLDS
            told, total = _told(left_out_means(groups, outputs, folds), outputs, folds)
            if told.sum() > _LEAST_SHARE * total and _is_clear(told):
                names.append(name)
    return names


def outputs_of(y: np.ndarray) -> np.ndarray:
    """Return what is predicted as numbers, (n, outputs): of the largest classes whether a row is of each.

    Args:
        y: What a network learns: class numbers, shape (n,), or numbers, shape (n, outputs).

    Example:
        >>> outputs_of(np.array([2, 0, 2])).tolist()
        [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]]
    """
    if y.ndim > 1:
        return y[:, :_MOST_OUTPUTS].astype(np.float64)
    largest = np.argsort(-np.bincount(y), kind="stable")[:_MOST_OUTPUTS]
    return (y[:, None] == largest).astype(np.float64)


def _are_codes(values: np.ndarray, outputs: np.ndarray) -> bool:
    present = ~np.isnan(values)
    values, outputs = values[present], outputs[present]
    if len(values) == 0 or not are_integers(values):
        return False
    distinct, ids = np.unique(values, return_inverse=True)
    if not _RANGES < len(distinct) <= len(values) / _ROWS_PER_VALUE:
        return False
    counts = np.bincount(ids)
    ranges = ((np.cumsum(counts) - counts / 2) * (_RANGES / len(ids))).astype(int)
    folds = np.random.default_rng(0).permutation(len(ids)) % _FOLDS
    by_value, total = _told(left_out_means(ids, outputs, folds), outputs, folds)
    by_range, _ = _told(left_out_means(ranges[ids], outputs, folds), outputs, folds)
    told, gains = by_value.sum(), by_value - by_range
    return bool(_is_clear(gains) and told > _LEAST_SHARE * total and gains.sum() > _LEAST_GAIN * told)


def _told(predicted: np.ndarray, outputs: np.ndarray, folds: np.ndarray) -> tuple[np.ndarray, float]:
    """Return by how much each row's squared error is smaller than that of the mean, and the sum of the latter."""
    means = left_out_means(np.zeros(len(folds), int), outputs, folds)
    by_mean = np.square(outputs - means).sum(axis=1)
    return by_mean - np.square(outputs - predicted).sum(axis=1), float(by_mean.sum())


def _is_clear(gains: np.ndarray) -> bool:
    """Return whether the sum of the rows' gains is several standard errors above 0."""
    return bool(gains.sum() > _STANDARD_ERRORS * gains.std() * np.sqrt(len(gains)))
