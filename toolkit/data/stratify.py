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

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.sparse import csr_array

from toolkit.common.errors import DataError

__all__ = ["FOLDS", "PARTS", "deal_at_random", "deal_by_labels", "deal_by_time", "deal_folds", "deal_units", "strata"]

PARTS = ("train", "validation", "test")
#: Parts of about equal size into which the rows outside the test part are dealt, for networks that each leave out one.
FOLDS = 4
_TRAIN = 0
_BINS = 10
_GOLDEN = (5**0.5 - 1) / 2
_LARGE = 0.005  # of all rows: units of more rows are large
_BLOCK_ROUNDS = 5  # a part of a tiny share needs more
_ROUNDS, _PAIRS = 60, 100  # rounds of making a deal more even, and the pairs of units that each looks at
_EVEN = 0.02  # of the rows of a part: a deal is even if no part has more rows of a label too many or too few


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


def deal(
    stratum: np.ndarray, fractions: Sequence[float], rng: np.random.Generator, gaps: np.ndarray | None = None
) -> np.ndarray:
    """Deal rows to parts so that each stratum, and all rows together, are shared out by the fractions.

    The rows of a stratum come in random order, one stratum after the other, and each goes to the part that is then
    furthest below its share.

    Args:
        stratum: int, shape (rows,).
        fractions: One per part, adding up to 1.
        rng: The source of the order.
        gaps: How many rows of each stratum a part is short of already, shape (parts, strata).

    Returns:
        The part of each row, int64 of shape (rows,).

    Example:
        >>> rng = np.random.default_rng(0)
        >>> np.bincount(deal(np.repeat([0, 1], 50), [0.6, 0.2, 0.2], rng)).tolist()
        [60, 20, 20]
    """
    shuffled = rng.permutation(len(stratum))
    order = shuffled[np.argsort(stratum[shuffled], kind="stable")]
    parts = np.empty(len(stratum), dtype=np.int64)
    shares, used, total = np.asarray(fractions, dtype=np.float64), [0.0] * len(fractions), 0
    if gaps is None:  # all strata are one sequence
        dealt = _turns_in_blocks(shares, len(order))
        parts[order] = _turns(shares, len(order), used, total) if dealt is None else dealt
        return parts
    present, starts = np.unique(stratum[order], return_index=True)
    ends = [*starts[1:].tolist(), len(order)]
    for label, first, last in zip(present.tolist(), starts.tolist(), ends, strict=False):
        used[:] = [count - gap for count, gap in zip(used, gaps[:, label].tolist(), strict=True)]
        parts[order[first:last]] = _turns(shares, last - first, used, total)
        total += last - first
    return parts


def _turns(shares: np.ndarray, rows: int, used: list[float], total: int) -> list[int]:
    """Return the parts of rows that each go to the part which is then furthest below its share; count them in `used`.

    Args:
        shares: One per part, adding up to 1.
        rows: How many rows are dealt.
        used: How many rows each part has already.
        total: How many rows were dealt before.

    Example:
        >>> _turns(np.array([0.5, 0.25, 0.25]), 8, [0.0, 0.0, 0.0], 0)
        [0, 1, 2, 0, 0, 1, 2, 0]
    """
    parts, each = [], shares.tolist()
    for number in range(total + 1, total + rows + 1):
        below = [share * number - count for share, count in zip(each, used, strict=True)]
        best = below.index(max(below))
        used[best] += 1.0
        parts.append(best)
    return parts


def _turns_in_blocks(shares: np.ndarray, rows: int) -> np.ndarray | None:
    """Return what `_turns` does from the first row on, shape (rows,); None where that would take longer than there."""
    # Blocks of rows are dealt side by side. How many rows each part has before a block is guessed from the shares at
    # first, then taken from the end of the block before, until nothing changes.
    size = max(1, math.isqrt(rows))
    before = np.arange(0, rows, size, dtype=np.float64)  # rows before each block, (blocks,)
    wanted, blocks = before[:, None] * shares, np.arange(len(before))
    used = np.floor(wanted)
    most = np.argsort(used - wanted, axis=1, kind="stable").argsort(axis=1)  # 0: the part that is furthest below
    used += most < (before - used.sum(axis=1))[:, None]
    for _ in range(_BLOCK_ROUNDS):
        now, parts = used.copy(), np.empty((len(before), size), dtype=np.int64)
        for step in range(size):
            best = ((before + (step + 1))[:, None] * shares - now).argmax(axis=1)
            now[blocks, best] += 1
            parts[:, step] = best
        if (now[:-1] == used[1:]).all():
            return parts.ravel()[:rows]
        used[1:] = now[:-1]
    return None


def deal_by_labels(
    labels: np.ndarray, fractions: Sequence[float], rng: np.random.Generator, gaps: np.ndarray | None = None
) -> np.ndarray:
    """Deal rows to parts so that every label keeps its share in each (iterative stratification).

    Args:
        labels: 1 where a row carries a label, otherwise 0; shape (rows, labels).
        fractions: One per part, adding up to 1.
        rng: The source of the order, and so of the choice between equal parts.
        gaps: How many rows of each label, and in a last column of any label, a part is short of already; shape
            (parts, labels + 1).

    Returns:
        The part of each row, int64 of shape (rows,).

    References:
        Sechidis, Tsoumakas and Vlahavas, On the Stratification of Multi-Label Data, ECML PKDD 2011.
    """
    open_parts = [part for part, share in enumerate(fractions) if share > 0]
    # How many rows of each label a part still needs, and how many rows of any label.
    needed = np.asarray(fractions, dtype=np.float64)[:, None] * labels.sum(axis=0)  # (parts, labels)
    room = [share * float(len(labels)) for share in fractions]
    if gaps is not None:
        needed += gaps[:, :-1]
        room = [rows + gap for rows, gap in zip(room, gaps[:, -1].tolist(), strict=True)]
    parts = np.full(len(labels), -1, dtype=np.int64)
    order = rng.permutation(len(labels))
    left = labels.sum(axis=0).astype(np.float64)

    def deal_out(rows: np.ndarray, label: int | None) -> None:
        for row in rows.tolist():
            need = room if label is None else needed[:, label].tolist()
            best = max(open_parts, key=lambda part: (need[part], room[part]))
            parts[row] = best
            needed[best] -= labels[row]
            room[best] -= 1.0

    # The label with the fewest rows left goes first: later there would be too few of it to share out.
    while (left > 0).any():
        rarest = int(np.argmin(np.where(left > 0, left, np.inf)))
        chosen = order[(parts[order] < 0) & (labels[order, rarest] > 0)]
        deal_out(chosen, rarest)
        left -= labels[chosen].sum(axis=0)
        left[rarest] = 0.0
    deal_out(order[parts[order] < 0], None)
    return parts


def deal_units(
    stratum: np.ndarray, units: np.ndarray, fractions: Sequence[float], rng: np.random.Generator
) -> np.ndarray:
    """Deal units to parts so that every part gets its share of the rows, and of each stratum.

    Large units are dealt first, then smaller ones, then single rows. Each step evens out what the step before left
    uneven, but no more than chance would: otherwise the small units of a part would be chosen by their labels.

    Args:
        stratum: From `strata`.
        units: The unit of each row, int64 of shape (rows,), from 0.
        fractions: One per part, adding up to 1.
        rng: The source of the order.

    Returns:
        The part of each unit, int64 of shape (units,).
    """
    sizes = np.bincount(units)
    single = sizes[units] == 1
    gaps = None
    parts = np.empty(len(sizes), dtype=np.int64)
    if not single.all():
        shares, labels = np.asarray(fractions, dtype=np.float64), _count_labels(stratum, units)
        gaps = np.zeros((len(shares), labels.shape[1]))
        large, even = sizes > max(1.0, _LARGE * len(units)), _EVEN * len(units) * shares[:, None]
        even = np.column_stack([np.maximum(even, _chance(shares, labels.sum(axis=0)) / 4), even])
        for step, later in ((large, ~large), ((sizes > 1) & ~large, sizes == 1)):
            if step.any():
                limit = _chance(shares, labels[later].sum(axis=0))
                parts[step], gaps = _draw(labels[step], sizes[step], shares, gaps, limit, even, rng)
    if stratum.ndim == 2:
        parts[units[single]] = deal_by_labels(stratum[single], fractions, rng, gaps)
    else:
        parts[units[single]] = deal(stratum[single], fractions, rng, gaps)
    return parts


def _chance(fractions: np.ndarray, totals: np.ndarray) -> np.ndarray:
    """Return two standard deviations of how many rows of each label come to each part if all rows go at random."""
    return 2 * np.sqrt(np.outer(fractions * (1 - fractions), totals))


def _count_labels(stratum: np.ndarray, units: np.ndarray) -> csr_array:
    """Count the rows of each unit: by stratum, or by label and in a last column all; shape (units, columns)."""
    if stratum.ndim == 2:
        rows, columns = np.nonzero(np.column_stack([stratum, np.ones(len(stratum))]))
    else:
        rows, columns = np.arange(len(stratum)), stratum
    return csr_array((np.ones(len(rows)), (units[rows], columns)))


def _draw(
    labels: csr_array,
    sizes: np.ndarray,
    fractions: np.ndarray,
    gaps: np.ndarray,
    limit: np.ndarray,
    even: np.ndarray,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Deal units of several rows to parts at random, then swap units until the deal is even.

    At first the chance of a unit to come to a part does not depend on its size. Units of about the same size and of
    similar labels are neighbors in a line; the multiples of the golden ratio, from a random start, spread neighbors
    evenly over the parts::

        position  0.10  0.72  0.34  0.95  0.57   start + 0.618 * unit, modulo 1
        part      0     1     0     2     0      train below 0.6, validation below 0.8

    Args:
        labels: Rows of each unit by label, shape (units, labels).
        sizes: Rows of each unit, shape (units,).
        fractions: One per part, adding up to 1; shape (parts,).
        gaps: How many rows of each label a part is short of already, shape (parts, labels).
        limit: How many rows of each label smaller units can make up for, shape (parts, labels).
        even: How many rows of each label, and of all, a part may be short of, or have too many, beyond the limit; shape
            (parts, labels + 1).
        rng: The source of chance.

    Returns:
        The part of each unit; and how many rows of each label every part is short of, within the limit.
    """
    count, totals = len(sizes), labels.sum(axis=0)
    usual = np.outer(fractions, totals)
    composition = labels.multiply(1 / sizes[:, None]).tocsr()
    # The chance of each part, shape (units, parts): more where the part is short of the unit's labels.
    most = _chance(fractions, totals)
    shifts = np.clip(gaps, -most, most) / np.maximum(totals, 1)
    chances = np.maximum(fractions + composition @ shifts.T, 0)
    thresholds = np.cumsum(chances / chances.sum(axis=1, keepdims=True), axis=1)[:, :-1]
    size_class = np.floor(np.log2(sizes))
    # A random direction puts units of similar labels side by side.
    similar = composition @ rng.normal(size=labels.shape[1]).cumsum()
    position = np.empty(count)
    position[np.lexsort((rng.random(count), similar, -size_class))] = (rng.random() + _GOLDEN * np.arange(count)) % 1
    parts = (position[:, None] >= thresholds).sum(axis=1)
    short = _swap(parts, labels, usual + gaps, limit, even, rng)
    return parts, np.clip(short, -limit, limit)


def _swap(
    parts: np.ndarray,
    labels: csr_array,
    wanted: np.ndarray,
    limit: np.ndarray,
    even: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:
    """Swap or move units, the best of those drawn at random in each round, until a deal is even; change `parts`.

    Returns:
        How many rows of each label every part is then short of, shape (parts, labels).
    """
    short = wanted - (labels.T @ (parts[:, None] == np.arange(len(wanted)))).T
    weight = np.maximum(even[:, -1], 1e-9)
    for _ in range(_ROUNDS):
        rest = short - np.clip(short, -limit, limit)
        if (np.abs(np.column_stack([rest, rest.sum(axis=1)])) <= even).all():
            break
        first, second = rng.integers(len(parts), size=(2, _PAIRS))
        # Half of the candidates swap the parts of two units, the others move the first unit to any part.
        swaps = rng.random(_PAIRS) < 0.5
        old, new = parts[first], np.where(swaps, parts[second], rng.integers(len(wanted), size=_PAIRS))
        gain = labels[second].toarray() * swaps[:, None] - labels[first].toarray()  # of the old part, (pairs, labels)
        gain = np.column_stack([gain, gain.sum(axis=1)])
        before = np.column_stack([short, short.sum(axis=1)])
        # By how much the sum of squares grows, each part's by its size.
        cost = ((before[old] - gain) ** 2 - before[old] ** 2).sum(axis=1) / weight[old]
        cost += ((before[new] + gain) ** 2 - before[new] ** 2).sum(axis=1) / weight[new]
        cost[old == new] = 0
        best = int(np.argmin(cost))
        if cost[best] < 0:
            parts[first[best]] = new[best]
            if swaps[best]:
                parts[second[best]] = old[best]
            short[old[best]] -= gain[best, :-1]
            short[new[best]] += gain[best, :-1]
    return short


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
        grouped: Whether the units are the user's groups, for messages.
        classes: The class of each row where every class must be in train, or None.

    Returns:
        The part of each row, int64 of shape (rows,).

    Raises:
        DataError: There are too few rows, or groups, to fill the parts and have every class in train.
    """
    count = int(units.max()) + 1
    sizes = np.bincount(units, minlength=count)
    open_parts = [part for part, share in enumerate(fractions) if share > 0]
    what = "groups" if grouped else "distinct rows"
    if count < len(open_parts):
        raise DataError(f"there are {count} {what}; {_needed(open_parts)}.")
    parts = deal_units(stratum, units, fractions, np.random.default_rng(seed))
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
        stratum: From `strata`.
        units: The unit of each row, int64 of shape (rows,).
        seed: The seed of the random order.

    Returns:
        The fold of each row, int64 of shape (rows,); None where there are too few units to learn anything from a fold.

    Example:
        >>> np.bincount(deal_folds(np.repeat([0, 1], 40), np.arange(80), seed=0)).tolist()
        [20, 20, 20, 20]
    """
    unit_of_row = np.unique(units, return_inverse=True)[1]
    if unit_of_row.max() + 1 < 5 * FOLDS:
        return None
    if stratum.ndim == 2:  # rows with the same labels
        stratum = np.unique(stratum, axis=0, return_inverse=True)[1].ravel()
    return deal_units(stratum, unit_of_row, [1 / FOLDS] * FOLDS, np.random.default_rng((seed, FOLDS)))[unit_of_row]
