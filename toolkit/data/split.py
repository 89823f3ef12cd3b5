"""Which row goes to train, which to validation, which to test."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from toolkit.common.errors import DataError
from toolkit.data.columns import infer

__all__ = [
    "FOLDS",
    "PARTS",
    "by_time",
    "deal",
    "deal_folds",
    "deal_rows",
    "fractions_for",
    "is_drawn",
    "iterative",
    "merge",
    "split",
    "strata",
]

PARTS = ("train", "validation", "test")
#: Parts of about one size into which the rows outside the test part are dealt, for networks that each leave out one.
FOLDS = 4
_TRAIN, _VALIDATION, _TEST = range(3)
_LEFT_OUT = -2
_BINS = 10
_COUNTS = 20  # rows a distinct row, above which a table is a table of counts


def fractions_for(rows: int) -> tuple[float, float, float]:
    """Return the shares of train, validation and test for a number of rows.

    A test part needs a number of rows for its metrics to be sure of, not a share: the larger the table, the smaller
    the share that is taken from training.

    Example:
        >>> fractions_for(344), fractions_for(45_211)
        ((0.6, 0.2, 0.2), (0.7, 0.15, 0.15))
    """
    for limit, fractions in (
        (1_000, (0.60, 0.20, 0.20)),
        (20_000, (0.64, 0.16, 0.20)),
        (100_000, (0.70, 0.15, 0.15)),
        (1_000_000, (0.80, 0.10, 0.10)),
    ):
        if rows < limit:
            return fractions
    return 0.90, 0.05, 0.05


def strata(target: pd.DataFrame, task: str) -> np.ndarray:
    """Return what the split keeps in proportion.

    Args:
        target: The target columns, nothing missing; regression targets are numbers.
        task: One of the four tasks.

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
    """Deal units to parts so that each stratum, and the whole, is shared out by the fractions.

    The units of a stratum come in random order, one stratum after the other, and each goes to the part that is then
    furthest below its share. Very large units come first, while every part has room.

    Args:
        stratum: int, shape (units,).
        sizes: Rows of each unit, shape (units,).
        fractions: One a part, adding up to 1.
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
    places = range(len(shares))
    for unit, size in zip(order.tolist(), sizes[order].tolist(), strict=True):
        total += size
        best = max(places, key=lambda place: shares[place] * total - used[place])
        used[best] += size
        parts[unit] = best
    return parts


def iterative(
    labels: np.ndarray, sizes: np.ndarray, fractions: Sequence[float], rng: np.random.Generator
) -> np.ndarray:
    """Deal units to parts so that every label keeps its share in each (iterative stratification).

    Args:
        labels: How many rows of each unit carry each label, shape (units, labels).
        sizes: Rows of each unit, shape (units,).
        fractions: One a part, adding up to 1.
        rng: The source of the order, and so of who is taken where parts are equal.

    Returns:
        The part of each unit, int64 of shape (units,).

    References:
        Sechidis, Tsoumakas and Vlahavas, On the Stratification of Multi-Label Data, ECML PKDD 2011.
    """
    places = [place for place, share in enumerate(fractions) if share > 0]
    wanted = np.asarray(fractions, dtype=np.float64)[:, None] * labels.sum(axis=0)
    room = [share * float(sizes.sum()) for share in fractions]
    parts = np.full(len(sizes), -1, dtype=np.int64)
    order = rng.permutation(len(sizes))
    order = order[np.argsort(-sizes[order], kind="stable")]
    left = labels.sum(axis=0).astype(np.float64)

    def deal_out(units: np.ndarray, label: int | None) -> None:
        for unit in units.tolist():
            need = room if label is None else wanted[:, label].tolist()
            best = max(places, key=lambda place: (need[place], room[place]))
            parts[unit] = best
            wanted[best] -= labels[unit]
            room[best] -= float(sizes[unit])

    while (left > 0).any():
        rarest = int(np.argmin(np.where(left > 0, left, np.inf)))
        chosen = order[(parts[order] < 0) & (labels[order, rarest] > 0)]
        deal_out(chosen, rarest)
        left -= labels[chosen].sum(axis=0)
        left[rarest] = 0.0
    deal_out(order[parts[order] < 0], None)
    return parts


def by_time(stamps: np.ndarray, fractions: Sequence[float]) -> np.ndarray:
    """Deal rows to parts by age: the oldest to train, the newest to test; rows of one stamp stay together.

    Args:
        stamps: Anything that sorts, shape (rows,), nothing missing.
        fractions: Of train, validation and test; a part with 0 gets nothing.

    Returns:
        The part of each row, int64 of shape (rows,).

    Raises:
        DataError: There are fewer distinct stamps than parts.

    Example:
        >>> by_time(np.array([3, 1, 2, 5, 4, 4]), [0.5, 0.0, 0.5]).tolist()
        [0, 0, 0, 2, 2, 2]
    """
    distinct, codes, counts = np.unique(stamps, return_inverse=True, return_counts=True)
    open_parts = [place for place, share in enumerate(fractions) if share > 0]
    if len(distinct) < len(open_parts):
        raise DataError(
            f"the time column has {len(distinct)} distinct values; at least {len(open_parts)} are needed for "
            f"{' and '.join(PARTS[place] for place in open_parts)}."
        )
    ends = np.cumsum(counts)
    share, first = 0.0, 0
    parts = np.empty(len(distinct), dtype=np.int64)
    for number, place in enumerate(open_parts):
        share += fractions[place]
        later = len(open_parts) - number - 1
        nearest_end = int(np.argmin(np.abs(ends - share * len(stamps)))) + 1
        last = min(max(nearest_end, first + 1), len(distinct) - later) if later else len(distinct)
        parts[first:last] = place
        first = last
    return parts[codes]


def split(
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
        fractions: Of train, validation and test; a part with 0 gets nothing.
        seed: Of the random order.
        grouped: The units are few and large (the user's groups), so that labels are counted in each.
        classes: The class of each row where every class must be in train, or None.

    Returns:
        The part of each row, int64 of shape (rows,).

    Raises:
        DataError: There are too few rows, or groups, to fill the parts and have every class in train.
    """
    rng = np.random.default_rng(seed)
    count = int(units.max()) + 1
    sizes = np.bincount(units, minlength=count).astype(np.float64)
    open_parts = [place for place, share in enumerate(fractions) if share > 0]
    what = "groups" if grouped else "distinct rows"
    if count < len(open_parts):
        raise DataError(
            f"there are {count} {what}; at least {len(open_parts)} are needed for "
            f"{' and '.join(PARTS[place] for place in open_parts)}."
        )
    if grouped or stratum.ndim == 2:
        if stratum.ndim == 2:
            counted = np.column_stack([np.bincount(units, label, minlength=count) for label in stratum.T])
        else:
            counted = np.zeros((count, int(stratum.max()) + 1))
            np.add.at(counted, (units, stratum), 1.0)
        parts = iterative(counted, sizes, fractions, rng)
    else:
        _, first = np.unique(units, return_index=True)
        parts = deal(stratum[first], sizes, fractions, rng)
    _fill_empty(parts, sizes, open_parts)
    if classes is not None:
        _classes_into_train(parts, units, classes)
    empty = [PARTS[place] for place in open_parts if not (parts == place).any()]
    if empty:
        kinds = 0 if classes is None else int(classes.max()) + 1
        raise DataError(
            f"too few rows: after every class had a row in train nothing was left for {' and '.join(empty)}. "
            f"{len(units)} rows in {count} {what} of {kinds} classes; "
            f"at least {kinds + len(open_parts) - 1} {what} are needed, and better many more."
        )
    return parts[units]


def _fill_empty(parts: np.ndarray, sizes: np.ndarray, open_parts: list[int]) -> None:
    """Give an empty part the smallest unit of the part that has most units."""
    for place in open_parts:
        if (parts == place).any():
            continue
        giver = int(np.argmax(np.bincount(parts, minlength=len(PARTS))))
        own = np.flatnonzero(parts == giver)
        parts[own[np.argmin(sizes[own])]] = place


def _classes_into_train(parts: np.ndarray, units: np.ndarray, classes: np.ndarray) -> None:
    """Move a unit of each class that train lacks into train."""
    present = np.unique(classes[parts[units] == _TRAIN])
    for lacking in np.setdiff1d(np.unique(classes), present):
        candidates = np.unique(units[classes == lacking])
        parts[candidates[0]] = _TRAIN


def merge(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return units in which rows are together that share a value of either, numbered from 0.

    Example:
        >>> merge(np.array([0, 0, 1, 2]), np.array([0, 1, 1, 2])).tolist()
        [0, 0, 0, 1]
    """
    offset = int(first.max()) + 1
    nodes = offset + int(second.max()) + 1
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    links = coo_array((np.ones(len(first), dtype=np.int8), (first, offset + second)), shape=(nodes, nodes))
    _, component = connected_components(links, directed=False)
    return pd.factorize(component[first])[0].astype(np.int64)


def deal_folds(stratum: np.ndarray, units: np.ndarray, seed: int) -> np.ndarray | None:
    """Deal rows to `FOLDS` folds of about one size, at random, stratified, each unit to one fold.

    Args:
        stratum: From `strata`; a unit has that of its first row.
        units: The unit of each row, int64 of shape (rows,).
        seed: Of the random order.

    Returns:
        The fold of each row, int64 of shape (rows,); None where there are too few units to tell anything from a fold.

    Example:
        >>> np.bincount(deal_folds(np.repeat([0, 1], 40), np.arange(80), seed=0)).tolist()
        [20, 20, 20, 20]
    """
    _, first, own = np.unique(units, return_index=True, return_inverse=True)
    if len(first) < 5 * FOLDS:
        return None
    if stratum.ndim == 2:  # rows with the same labels
        stratum = np.unique(stratum, axis=0, return_inverse=True)[1].ravel()
    shuffled = np.random.default_rng((seed, FOLDS)).permutation(len(first))
    order = shuffled[np.argsort(stratum[first][shuffled], kind="stable")]
    folds = np.empty(len(first), dtype=np.int64)
    folds[order] = np.arange(len(first)) % FOLDS
    return folds[own]


def is_drawn(source: Any) -> bool:
    """Tell whether a part is drawn from the data (None or a fraction) rather than given."""
    return source is None or isinstance(source, (bool, int, float, np.number))


def _fraction(value: Any, option: str) -> float:
    number = float(value)
    if isinstance(value, bool) or not 0 < number < 1:
        raise DataError(f"{option}={value} is not a fraction between 0 and 1 (or a path, a DataFrame, an (X, y) pair).")
    return number


def _shares(rows: int, test: Any, validation: Any) -> tuple[tuple[float, float, float], str]:
    """Return the shares of train, validation and test in the data's own rows, and why."""
    usual = fractions_for(rows)
    rest_share = 0.15 if rows >= 20_000 else 0.20
    why = []
    if not is_drawn(test):
        test_share = 0.0
    elif test is None:
        test_share = usual[2]
    else:
        test_share = _fraction(test, "test")
        why.append(f"test={test} was asked for")
    if not is_drawn(validation):
        validation_share = 0.0
    elif validation is not None:
        validation_share = _fraction(validation, "validation")
        why.append(f"validation={validation} was asked for")
    elif test is None:
        validation_share = usual[1]
    else:
        validation_share = rest_share * (1 - test_share)
        why.append(f"validation takes {rest_share:.0%} of the other rows, as usual for {rows:,} rows")
    if test_share + validation_share >= 1:
        raise DataError(f"test={test} and validation={validation} leave no rows to train on.")
    if test is None and validation is None:
        why = [f"the usual shares for {rows:,} rows"]
    elif test is None and test_share:
        why.append("test takes the usual share")
    return (1 - test_share - validation_share, validation_share, test_share), " and ".join(why)


def deal_rows(
    units: np.ndarray,
    target: pd.DataFrame,
    task: str,
    owner: np.ndarray,
    by: dict[str, pd.Series],
    *,
    test: Any = None,
    validation: Any = None,
    seed: int = 0,
) -> tuple[np.ndarray, np.ndarray | None, str]:
    """Decide the part and the fold of every row, and say why.

    Args:
        units: int64, shape (rows,): equal numbers for rows with the same features (see `Columns.same_rows`).
        target: The target columns of all rows.
        task: The task.
        owner: int, shape (rows,): the part of a row that was given to one; -1 for the data's own rows, which come
            first.
        by: `"group"` or `"time"`: the data's column that the split goes by; or nothing.
        test: None, a fraction, or anything else where test rows were given.
        validation: Likewise.
        seed: Of the random split.

    Returns:
        The part of each row, int64 of shape (rows,), below 0 for the rows left out of the table; the fold of each row
        (see `deal_folds`), -1 of those in the test part or left out, or None where the validation rows are the user's
        choice or the newest; and the sentences.

    Raises:
        DataError: The parts can't be filled, or the group or time column can't be used.
    """
    distinct = int(units.max()) + 1
    free_copies = len(units) > _COUNTS * distinct
    if free_copies:
        units = np.arange(len(units))
    part, sentences = owner.astype(np.int64), []
    for place in (_TEST, _VALIDATION):  # a row of test leaves validation and train, one of validation leaves train
        also = (owner < place) & (part >= -1) & np.isin(units, units[owner == place])
        part[also] = _LEFT_OUT
        sentences += _left_out(int(also.sum()), PARTS[place])
    rows = np.flatnonzero(part == -1)
    if len(rows) == 0:
        raise DataError(
            "every row of the data also stands in the test or validation rows given; nothing is left to train on."
        )
    fractions, why = _shares(len(rows), test, validation)
    straddling, folds = "", None
    if "time" in by:
        part[rows] = by_time(_stamps(by["time"])[rows], fractions)
        newest = "test" if fractions[_TEST] else "validation"
        how = f"by time: the oldest rows of '{by['time'].name}' train, the newest are the {newest} part"
        latest = np.full(int(units.max()) + 1, -1)
        np.maximum.at(latest, units[rows], part[rows])
        earlier = rows[part[rows] < latest[units[rows]]]
        part[earlier] = _LEFT_OUT
        sentences += _left_out(len(earlier), "a later part")
    else:
        own, how = pd.factorize(units[rows])[0].astype(np.int64), f"at random with seed {seed}"
        if "group" in by:
            groups = _groups(by["group"], rows)
            own, together = _with_groups(own, groups)
            straddling = "" if together else "Groups share equal rows, so equal rows may stand in several parts."
            how += f", all rows of one '{by['group'].name}' in one part ({groups.max() + 1:,} groups)"
        classes = None
        if task in ("binary", "multiclass"):
            classes = pd.factorize(target.iloc[rows, 0])[0]
        stratum = strata(target.iloc[rows].reset_index(drop=True), task)
        part[rows] = split(stratum, own, fractions, seed=seed, grouped="group" in by, classes=classes)
        learned = part[rows] != _TEST
        dealt = deal_folds(stratum[learned], own[learned], seed) if validation is None else None
        if dealt is not None:
            folds = np.full(len(part), -1)
            folds[rows[learned]] = dealt
        how += {
            "regression": ", stratified by the target's deciles",
            "multilabel": ", stratified by every label (iterative stratification)",
        }.get(task, f", stratified by '{target.columns[0]}'")
    kept = part >= 0
    if free_copies:
        straddling = f"The table has only {distinct:,} distinct rows in {len(units):,}, so equal rows are split freely."
    elif not straddling and "time" not in by:
        repeats = int(kept.sum()) - len(np.unique(units[kept]))
        if repeats:
            straddling = (
                f"{repeats:,} row{'s repeat' if repeats > 1 else ' repeats'} another row's features; "
                "equal rows always stand in one part."
            )
    sizes = ", ".join(
        f"{name} {(part == place).sum():,} ({(part == place).sum() / kept.sum():.0%})"
        for place, name in enumerate(PARTS)
    )
    given = [name for name, source in (("test", test), ("validation", validation)) if not is_drawn(source)]
    reasons = [f"{' and '.join(given)} as given"] * bool(given) + [why] * bool(why)
    opening = f"{kept.sum():,} rows: {'; '.join([sizes, *reasons])}."
    split_how = f"Split {how}." if max(fractions[1:]) > 0 else ""
    return part, folds, " ".join(text for text in (opening, split_how, *sentences, straddling) if text)


def _groups(series: pd.Series, rows: np.ndarray) -> np.ndarray:
    """Number the groups of the rows; a row without a group is a group of its own."""
    codes = pd.factorize(series)[0].astype(np.int64)
    alone = codes < 0
    codes[alone] = codes.max() + 1 + np.arange(alone.sum())
    return pd.factorize(codes[rows])[0].astype(np.int64)


def _with_groups(units: np.ndarray, groups: np.ndarray) -> tuple[np.ndarray, bool]:
    """Return units that hold groups and equal rows together, or the groups alone where that would chain most."""
    merged = merge(groups, units)
    chained = np.bincount(merged).max() > max(0.5 * len(units), np.bincount(groups).max())
    return (groups, False) if chained else (merged, True)


def _left_out(count: int, where: str) -> list[str]:
    if count == 0:
        return []
    rows = "1 row" if count == 1 else f"{count:,} rows"
    return [f"{rows} with the same features as a row of {where} {'is' if count == 1 else 'are'} left out."]


def _stamps(series: pd.Series) -> np.ndarray:
    name = str(series.name)
    column, values, _ = infer(series, name)
    if column is None or column.kind not in ("date", "number"):
        raise DataError(f"time= names '{name}', which holds neither dates nor numbers.")
    missing = np.asarray(pd.isna(values))
    if missing.any():
        raise DataError(
            f"time= names '{name}', which is missing in {missing.sum():,} of the rows with a target; "
            "leave those rows out or fill the cells."
        )
    return values
