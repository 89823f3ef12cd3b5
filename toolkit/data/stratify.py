"""Dealing rows to parts: at random, stratified by class, by the target's deciles or by every label, or by age.

Rows are dealt in units. A unit is a number that rows share if they must stay together, because their features are equal
or because they are of one group::

    row      0  1  2  3  4
    unit     0  1  0  2  1      rows 0 and 2 are equal, and so are 1 and 4
    sizes    2  2  1            rows of each unit
    parts    0  2  1            the part of each unit
    parts[unit]  0  2  0  1  2  the part of each row
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from toolkit.common.errors import DataError

__all__ = ["FOLDS", "PARTS", "deal", "deal_at_random", "deal_by_labels", "deal_by_time", "deal_folds", "strata"]

PARTS = ("train", "validation", "test")
#: Parts of about equal size into which the rows outside the test part are dealt, for networks that each leave out one.
FOLDS = 4
_TRAIN = 0
_BINS = 10


def strata(target: pd.DataFrame, task: str) -> np.ndarray:
    """Return what the split keeps in proportion.

    Args:
        target: The target columns, nothing missing; regression targets are numbers.
        task: The task.

    Returns:
        int64 of shape (rows,): the class, or the bin of the (first) target between its deciles. For multilabel a
        float64 matrix of shape (rows, labels).
    """
    if task == "multilabel":
        return target.to_numpy(dtype=np.float64)
    if task != "regression":
        return pd.factorize(target.iloc[:, 0], sort=False)[0].astype(np.int64)
    values = target.iloc[:, 0].to_numpy(dtype=np.float64)
    bins = max(1, min(_BINS, len(values) // 5))
    inner = np.quantile(values, np.linspace(0, 1, bins + 1)[1:-1])
    return np.searchsorted(np.unique(inner), values, side="right").astype(np.int64)


def deal(stratum: np.ndarray, sizes: np.ndarray, fractions: Sequence[float], rng: np.random.Generator) -> np.ndarray:
    """Deal units to parts so that each stratum, and all rows together, are shared out by the fractions.

    The units of a stratum come in random order, one stratum after the other, and each goes to the part that is then
    furthest below its share. Very large units come first, while every part has room.

    Args:
        stratum: int, shape (units,).
        sizes: Rows of each unit, shape (units,).
        fractions: One per part, adding up to 1.
        rng: The source of the order.

    Returns:
        The part of each unit, int64 of shape (units,).

    Example:
        >>> rng = np.random.default_rng(0)
        >>> np.bincount(deal(np.repeat([0, 1], 50), np.ones(100), [0.6, 0.2, 0.2], rng)).tolist()
        [60, 20, 20]
    """
    shuffled = rng.permutation(len(stratum))
    large = np.where(sizes > max(1.0, 0.005 * sizes.sum()), sizes, 0)
    order = shuffled[np.lexsort((stratum[shuffled], -large[shuffled]))]
    parts = np.empty(len(stratum), dtype=np.int64)
    shares, used, total = [float(share) for share in fractions], [0.0] * len(fractions), 0.0
    for unit, size in zip(order.tolist(), sizes[order].tolist(), strict=True):
        total += size
        best = max(range(len(shares)), key=lambda part: shares[part] * total - used[part])
        used[best] += size
        parts[unit] = best
    return parts


def deal_by_labels(
    labels: np.ndarray, sizes: np.ndarray, fractions: Sequence[float], rng: np.random.Generator
) -> np.ndarray:
    """Deal units to parts so that every label keeps its share in each (iterative stratification).

    Args:
        labels: How many rows of each unit carry each label, shape (units, labels).
        sizes: Rows of each unit, shape (units,).
        fractions: One per part, adding up to 1.
        rng: The source of the order, and so of the choice between equal parts.

    Returns:
        The part of each unit, int64 of shape (units,).

    References:
        Sechidis, Tsoumakas and Vlahavas, On the Stratification of Multi-Label Data, ECML PKDD 2011.
    """
    open_parts = [part for part, share in enumerate(fractions) if share > 0]
    # How many rows of each label a part still needs, and how many rows of any label.
    needed = np.asarray(fractions, dtype=np.float64)[:, None] * labels.sum(axis=0)  # (parts, labels)
    room = [share * float(sizes.sum()) for share in fractions]
    parts = np.full(len(sizes), -1, dtype=np.int64)
    order = rng.permutation(len(sizes))
    order = order[np.argsort(-sizes[order], kind="stable")]
    left = labels.sum(axis=0).astype(np.float64)

    def deal_out(units: np.ndarray, label: int | None) -> None:
        for unit in units.tolist():
            need = room if label is None else needed[:, label].tolist()
            best = max(open_parts, key=lambda part: (need[part], room[part]))
            parts[unit] = best
            needed[best] -= labels[unit]
            room[best] -= float(sizes[unit])

    # The label with the fewest rows left goes first: later there would be too few of it to share out.
    while (left > 0).any():
        rarest = int(np.argmin(np.where(left > 0, left, np.inf)))
        chosen = order[(parts[order] < 0) & (labels[order, rarest] > 0)]
        deal_out(chosen, rarest)
        left -= labels[chosen].sum(axis=0)
        left[rarest] = 0.0
    deal_out(order[parts[order] < 0], None)
    return parts


def deal_by_time(times: np.ndarray, fractions: Sequence[float]) -> np.ndarray:
    """Deal rows to parts by age: the oldest to train, the newest to test; rows of one time stay together.

    Args:
        times: Anything that sorts, shape (rows,), nothing missing.
        fractions: The shares of train, validation and test; a part with 0 gets nothing.

    Returns:
        The part of each row, int64 of shape (rows,).

    Raises:
        DataError: There are fewer distinct times than parts.

    Example:
        >>> deal_by_time(np.array([3, 1, 2, 5, 4, 4]), [0.5, 0.0, 0.5]).tolist()
        [0, 0, 0, 2, 2, 2]
    """
    distinct, codes, counts = np.unique(times, return_inverse=True, return_counts=True)
    open_parts = [part for part, share in enumerate(fractions) if share > 0]
    if len(distinct) < len(open_parts):
        raise DataError(f"the time column has {len(distinct)} distinct values; {_needed(open_parts)}.")
    ends = np.cumsum(counts)
    share, first = 0.0, 0
    parts = np.empty(len(distinct), dtype=np.int64)
    for index, part in enumerate(open_parts):
        share += fractions[part]
        later = len(open_parts) - index - 1
        nearest_end = int(np.argmin(np.abs(ends - share * len(times)))) + 1
        last = min(max(nearest_end, first + 1), len(distinct) - later) if later else len(distinct)
        parts[first:last] = part
        first = last
    return parts[codes]


def deal_at_random(
    stratum: np.ndarray,
    units: np.ndarray,
    fractions: Sequence[float],
    *,
    seed: int,
    grouped: bool,
    classes: np.ndarray | None,
) -> np.ndarray:
    """Deal rows to parts at random, stratified, each unit to one part.

    Args:
        stratum: From `strata`.
        units: The unit of each row, int64 of shape (rows,), numbered by first appearance.
        fractions: The shares of train, validation and test; a part with 0 gets nothing.
        seed: The seed of the random order.
        grouped: Whether the units are few and large (the user's groups), so that labels are counted in each.
        classes: The class of each row where every class must be in train, or None.

    Returns:
        The part of each row, int64 of shape (rows,).

    Raises:
        DataError: There are too few rows, or groups, to fill the parts and have every class in train.
    """
    rng = np.random.default_rng(seed)
    count = int(units.max()) + 1
    sizes = np.bincount(units, minlength=count).astype(np.float64)
    open_parts = [part for part, share in enumerate(fractions) if share > 0]
    what = "groups" if grouped else "distinct rows"
    if count < len(open_parts):
        raise DataError(f"there are {count} {what}; {_needed(open_parts)}.")
    if stratum.ndim == 2:
        labels = np.column_stack([np.bincount(units, label, minlength=count) for label in stratum.T])
        parts = deal_by_labels(labels, sizes, fractions, rng)
    elif grouped:
        labels = np.zeros((count, int(stratum.max()) + 1))
        np.add.at(labels, (units, stratum), 1.0)
        parts = deal_by_labels(labels, sizes, fractions, rng)
    else:
        _, first = np.unique(units, return_index=True)
        parts = deal(stratum[first], sizes, fractions, rng)
    _fill_empty(parts, sizes, open_parts)
    if classes is not None:
        _classes_into_train(parts, units, classes)
    empty = [PARTS[part] for part in open_parts if not (parts == part).any()]
    if empty:
        kinds = 0 if classes is None else int(classes.max()) + 1
        raise DataError(
            f"too few rows: after every class had a row in train nothing was left for {' and '.join(empty)}. "
            f"{len(units)} rows in {count} {what} of {kinds} classes; "
            f"at least {kinds + len(open_parts) - 1} {what} are needed, and better many more."
        )
    return parts[units]


def _needed(open_parts: list[int]) -> str:
    return f"at least {len(open_parts)} are needed for {' and '.join(PARTS[part] for part in open_parts)}"


def _fill_empty(parts: np.ndarray, sizes: np.ndarray, open_parts: list[int]) -> None:
    """Give an empty part the smallest unit of the part that has most units."""
    for part in open_parts:
        if not (parts == part).any():
            largest = int(np.argmax(np.bincount(parts, minlength=len(PARTS))))
            units = np.flatnonzero(parts == largest)
            parts[units[np.argmin(sizes[units])]] = part


def _classes_into_train(parts: np.ndarray, units: np.ndarray, classes: np.ndarray) -> None:
    """Move a unit of each class that train lacks into train."""
    present = np.unique(classes[parts[units] == _TRAIN])
    for lacking in np.setdiff1d(np.unique(classes), present):
        parts[units[classes == lacking].min()] = _TRAIN


def deal_folds(stratum: np.ndarray, units: np.ndarray, seed: int) -> np.ndarray | None:
    """Deal rows to `FOLDS` folds of about equal size, at random, stratified, each unit to one fold.

    Args:
        stratum: From `strata`; a unit has that of its first row.
        units: The unit of each row, int64 of shape (rows,).
        seed: The seed of the random order.

    Returns:
        The fold of each row, int64 of shape (rows,); None where there are too few units to learn anything from a fold.

    Example:
        >>> np.bincount(deal_folds(np.repeat([0, 1], 40), np.arange(80), seed=0)).tolist()
        [20, 20, 20, 20]
    """
    _, first, unit_of_row = np.unique(units, return_index=True, return_inverse=True)
    if len(first) < 5 * FOLDS:
        return None
    if stratum.ndim == 2:  # rows with the same labels
        stratum = np.unique(stratum, axis=0, return_inverse=True)[1].ravel()
    shuffled = np.random.default_rng((seed, FOLDS)).permutation(len(first))
    order = shuffled[np.argsort(stratum[first][shuffled], kind="stable")]
    folds = np.empty(len(first), dtype=np.int64)
    folds[order] = np.arange(len(first)) % FOLDS
    return folds[unit_of_row]
