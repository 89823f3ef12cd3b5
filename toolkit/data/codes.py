"""Which columns of whole numbers are codes: single values tell more of the target than ranges of values do."""

from __future__ import annotations

import numpy as np

from toolkit.data.features import Features
from toolkit.data.identifiers import are_integers

__all__ = ["code_columns", "codes_note"]

_RANGES, _ROWS_PER_VALUE = 32, 4
_FOLDS, _PRIOR_ROWS = 5, 10.0
_MOST_ROWS, _MOST_OUTPUTS = 100_000, 20
# On the benchmark's tables the gain of codes (a manager, a state, a brand's popularity) is 20 to 90 % of what single
# values tell, at 6 to 22 standard errors; that of measures is below 15 % or within 4 standard errors.
_LEAST_GAIN, _STANDARD_ERRORS, _LEAST_SHARE = 0.15, 4.0, 0.003


def code_columns(features: Features, y: np.ndarray) -> list[str]:
    """Return the columns of whole numbers whose single values tell clearly more of the target than ranges of them.

    The target of rows left out is predicted in two ways: by the mean of the rows with the same value, and by that of
    the rows in the same of 32 ranges that hold equally many rows, both drawn towards the mean of all rows. Codes,
    such as those of a manager or a region, are predicted better in the first way. Columns with fewer values than
    ranges, or fewer than four rows per value, are left as they are.

    Args:
        features: The rows to learn from.
        y: What a network learns of them: class numbers of type int32 or int64, shape (n,), or numbers, (n, outputs).

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
    outputs = _outputs(y[rows])
    names = [column.name for column in features.columns if column.kind == "number" and column.format is None]
    return [name for name in names if _are_codes(features.frame[name].to_numpy()[rows], outputs)]


def codes_note(names: list[str]) -> str:
    """Return the sentence about columns that were found to be codes."""
    quoted = ", ".join(f"'{name}'" for name in names)
    verb, word = ("is", "value has") if len(names) == 1 else ("are", "values have")
    return (
        f"{quoted} {verb} taken for codes: single values tell more of the target than ranges of them. The frequent "
        f"{word} an input each beside the number; codes=[] leaves them out."
    )


def _outputs(y: np.ndarray) -> np.ndarray:
    """Return what is predicted as numbers, (n, outputs): of the largest classes whether a row is of each."""
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
    by_value, by_range, by_mean = np.zeros((3, len(ids)))
    for fold in range(_FOLDS):
        left_out = folds == fold
        learned, truth = outputs[~left_out], outputs[left_out]
        mean = learned.mean(axis=0)
        by_mean[left_out] = np.square(truth - mean).sum(axis=1)
        for groups, errors in ((ids, by_value), (ranges[ids], by_range)):
            means = _means(groups[~left_out], learned, mean, int(groups.max()) + 1)
            errors[left_out] = np.square(truth - means[groups[left_out]]).sum(axis=1)
    total, gains = by_mean.sum(), by_range - by_value
    told, gain = total - by_value.sum(), gains.sum()
    clear = gain > _STANDARD_ERRORS * gains.std() * np.sqrt(len(gains))
    return bool(clear and told > _LEAST_SHARE * total and gain > _LEAST_GAIN * told)


def _means(groups: np.ndarray, outputs: np.ndarray, mean: np.ndarray, count: int) -> np.ndarray:
    """Return the mean outputs of each group, drawn towards the mean of all rows, shape (groups, outputs)."""
    rows = np.bincount(groups, minlength=count)
    sums = np.stack([np.bincount(groups, output, minlength=count) for output in outputs.T], axis=1)
    return (sums + _PRIOR_ROWS * mean) / (rows + _PRIOR_ROWS)[:, None]
