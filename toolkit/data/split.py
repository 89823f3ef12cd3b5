"""Which row goes to train, which to validation, which to test, and why."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from toolkit.common.errors import DataError
from toolkit.common.formatting import percent
from toolkit.data.column_kinds import infer
from toolkit.data.folds import Fold
from toolkit.data.groups import merge, number_groups
from toolkit.data.stratify import PARTS, deal_at_random, deal_by_time, deal_folds, strata

__all__ = ["Split", "fractions_for", "is_drawn", "is_none", "share_from_text", "shares_of", "split_rows"]

_TRAIN, _VALIDATION, _TEST = range(3)
_LEFT_OUT = -2
_ROWS_PER_DISTINCT = 20  # with more rows than this per distinct row, a table is a table of counts
# The fewest copies of a row that are split freely: 5 if they fill half of the smallest usual part, 20 for a quarter.
_COMMON = (5, 20)
_HOW = {
    "regression": ", stratified by the target's deciles",
    "multilabel": ", stratified by every label (iterative stratification)",
}


@dataclass(frozen=True)
class Split:
    """The split of some rows.

    Attributes:
        part: The index in `PARTS` of each row, int64 of shape (rows,); below 0 for the rows that are left out.
        folds: The fold of each row (see `deal_folds`), -1 in the test part or left out; None where the validation rows
            are the user's choice or the newest.
        reason: Sentences: the sizes and why, how the rows were split, which were left out.
        units: int64 of shape (rows,): equal numbers for rows that depend on each other, because their features are
            equal or because they are of one group.
        notes: Sentences of the reason that a user should know: which rows were left out, and which have no group.
    """

    part: np.ndarray
    folds: np.ndarray | None
    reason: str
    units: np.ndarray
    notes: list[str]


def fractions_for(rows: int) -> tuple[float, float, float]:
    """Return the shares of train, validation and test for a number of rows.

    Reliable metrics need a number of test rows, not a share: the larger the table, the smaller the share that is taken
    from training.

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


def share_from_text(value: Any) -> Any:
    """Return a number written as text, as a command line gives it, as a number; anything else unchanged.

    Example:
        >>> share_from_text("0.2"), share_from_text("20%"), share_from_text("200"), share_from_text("test.csv")
        (0.2, 0.2, 200, 'test.csv')
    """
    text = value.strip() if isinstance(value, str) else ""
    if re.fullmatch(r"\d+", text):
        return int(text)
    percentage = re.fullmatch(r"(\d+|\d*\.\d+)\s*%", text)
    if percentage:
        return float(percentage[1]) / 100
    return float(text) if re.fullmatch(r"\d*\.\d+", text) else value


def is_none(source: Any) -> bool:
    """Return whether no rows are asked for: 0, also as text."""
    number = share_from_text(source)
    return is_drawn(number) and number is not None and not isinstance(number, bool) and number == 0


def is_drawn(source: Any) -> bool:
    """Return whether a part is drawn from the data (None or a number) rather than rows of its own."""
    return source is None or isinstance(source, (bool, int, float, np.number))


def split_rows(
    units: np.ndarray,
    target: pd.DataFrame,
    task: str,
    owner: np.ndarray,
    by: dict[str, pd.DataFrame],
    *,
    test: Any = None,
    validation: Any = None,
    seed: int = 0,
) -> Split:
    """Decide the part and the fold of every row.

    Args:
        units: int64, shape (rows,): equal numbers for rows with the same features (see `same_rows`).
        target: The target columns of all rows.
        task: The task.
        owner: int, shape (rows,): the part of a row of the user's own test or validation rows; -1 for the data's rows,
            which come first.
        by: `"group"` or `"time"`: the columns that the split goes by; or nothing.
        test: None, a fraction, a number of rows, the fold that tests, or anything else where there are test rows of
            their own.
        validation: The same for the validation rows.
        seed: The seed of the random split.

    Raises:
        DataError: The parts can't be filled, or the group or time column can't be used.
    """
    dependent = units
    units, free_rows = _free_common_rows(units, owner)
    part = owner.astype(np.int64)
    if isinstance(test, Fold):
        _test_fold(part, test, units, target, task, by, seed)
    sentences = _without_copies(part, units, "with the same features as a row of {}")
    if "group" in by and (part >= 0).any():
        sentences += _without_copies(part, number_groups(by["group"])[0], f"of a {_group_names(by)} in {{}}")
    rows = np.flatnonzero(part == -1)
    if len(rows) == 0:
        raise DataError(
            "every row of the data is also in the test or validation rows given; nothing is left to train on. "
            + " ".join(sentences)
        )
    fractions, why = shares_of(len(rows), test, validation)
    folds, equal_rows, about_groups = None, [free_rows], list[str]()
    if "time" in by:
        how = _split_by_time(part, rows, units, by["time"].iloc[:, 0], fractions, sentences)
    else:
        stratum = strata(target.iloc[rows].reset_index(drop=True), task)
        classes = pd.factorize(target.iloc[rows, 0])[0] if task in ("binary", "multiclass") else None
        bound, how, about_groups = _bind_groups(units, rows, by, f"at random with seed {seed}")
        if "group" in by:
            dependent = dependent.copy()
            dependent[rows] = dependent.max() + 1 + bound
        part[rows] = deal_at_random(stratum, bound, fractions, seed=seed, grouped="group" in by, classes=classes)
        how += _HOW.get(task, f", stratified by '{target.columns[0]}'")
        if validation is None:
            folds = _folds(part, rows, stratum, bound, seed)
        if not any("equal rows" in sentence for sentence in about_groups):
            equal_rows.append(_repeats(units[part >= 0], "other " if free_rows else ""))
        equal_rows += about_groups
        if bound.max() + 1 < len(bound):
            what = f"the groups of {_group_names(by)}" if "group" in by else "equal rows"
            equal_rows += _uneven(part[rows], target.iloc[rows], task, what)
    notes = [*sentences, *about_groups]
    if max(fractions[1:]) > 0:
        sentences.insert(0, f"Split {how}.")
    drawn = (True, fractions[_VALIDATION] > 0 or not is_drawn(validation), fractions[_TEST] > 0 or not is_drawn(test))
    for index in np.flatnonzero(drawn):
        if not (part == index).any():
            raise DataError(f"no rows are left for {PARTS[index]}: {' '.join(sentences)}")
    sources = {"test": test, "validation": validation}
    as_given = [name for name, source in sources.items() if not is_drawn(source) and not isinstance(source, Fold)]
    reasons = [str(test)] if isinstance(test, Fold) else []
    reasons += [f"{' and '.join(as_given)} as given"] if as_given else []
    reasons += [why] if why else []
    opening = f"{(part >= 0).sum():,} rows: {'; '.join([_sizes(part), *reasons])}."
    return Split(part, folds, " ".join(text for text in (opening, *sentences, *equal_rows) if text), dependent, notes)


def _test_fold(
    part: np.ndarray,
    fold: Fold,
    units: np.ndarray,
    target: pd.DataFrame,
    task: str,
    by: dict[str, pd.DataFrame],
    seed: int,
) -> None:
    """Make the rows of a fold the test part, and leave out those that it does not train on."""
    rows = np.flatnonzero(part == -1)
    if not len(fold.folds):
        times = _times(by["time"].iloc[:, 0])[rows] if "time" in by else None
        stratum = strata(target.iloc[rows].reset_index(drop=True), task)
        fold.folds.deal(
            stratum,
            _bind_groups(units, rows, by, "")[0],
            target.iloc[rows],
            times=times,
            grouped="group" in by,
            seed=seed,
        )
    part[rows[fold.rows == 1]] = _TEST
    part[rows[fold.rows == -1]] = _LEFT_OUT


def _free_common_rows(units: np.ndarray, owner: np.ndarray) -> tuple[np.ndarray, str]:
    """Make each copy of a very common row a unit by itself: new data would hold such a row as well.

    Returns:
        The units, and a sentence about the common rows.
    """
    rows, distinct = int((owner == -1).sum()), int(units.max()) + 1
    copies = np.bincount(units[owner == -1], minlength=distinct)
    if len(units) > _ROWS_PER_DISTINCT * distinct:
        common = np.ones(distinct, dtype=bool)
    else:
        smallest = min(fractions_for(rows)) * rows
        common = copies >= min(max(_COMMON[0], smallest / 2), max(_COMMON[1], smallest / 4))
    freed = common[units]
    if not freed.any():
        return units, ""
    units = np.where(freed, distinct + np.arange(len(units)), units)
    if freed.all():
        return (
            units,
            f"The table has only {distinct:,} distinct rows in {len(units):,}, so equal rows are split freely.",
        )
    which = "1 distinct row makes" if common.sum() == 1 else f"{common.sum():,} distinct rows make"
    return units, f"{which} up {copies[common].sum():,} of the {rows:,} rows: equal rows of that kind are split freely."


def _without_copies(part: np.ndarray, units: np.ndarray, which: str) -> list[str]:
    """Leave out of the other parts the rows of a unit that is also in the user's own test or validation rows."""
    sentences = []
    for index in (_TEST, _VALIDATION):  # a row of test leaves validation and train, one of validation leaves train
        copies = (part < index) & (part >= -1) & np.isin(units, units[part == index])
        part[copies] = _LEFT_OUT
        sentences += _left_out(int(copies.sum()), which.format(PARTS[index]))
    return sentences


def _split_by_time(
    part: np.ndarray,
    rows: np.ndarray,
    units: np.ndarray,
    times: pd.Series,
    fractions: tuple[float, float, float],
    sentences: list[str],
) -> str:
    """Deal the rows by time, leave out those that a later part repeats, and return how in words."""
    part[rows] = deal_by_time(_times(times)[rows], fractions)
    latest = np.full(int(units.max()) + 1, -1)  # the latest part of each unit
    np.maximum.at(latest, units[rows], part[rows])
    earlier = rows[part[rows] < latest[units[rows]]]
    part[earlier] = _LEFT_OUT
    sentences += _left_out(len(earlier), "with the same features as a row of a later part")
    newest = "test" if fractions[_TEST] else "validation"
    return f"by time: the oldest rows of '{times.name}' train, the newest are the {newest} part"


def _bind_groups(
    units: np.ndarray, rows: np.ndarray, by: dict[str, pd.DataFrame], how: str
) -> tuple[np.ndarray, str, list[str]]:
    """Return the units of the rows, numbered by first appearance; how they are split; and sentences."""
    units = pd.factorize(units[rows])[0].astype(np.int64)
    if "group" not in by:
        return units, how, []
    groups, sentences = number_groups(by["group"].iloc[rows])
    how += f", all rows of one {_group_names(by)} in one part ({groups.max() + 1:,} groups)"
    # Equal rows may chain groups together, up to a unit of most rows: then the groups decide.
    merged = merge(groups, units)
    if np.bincount(merged).max() > max(0.5 * len(units), np.bincount(groups).max()):
        return groups, how, [*sentences, "Groups share equal rows, so equal rows may stand in several parts."]
    return merged, how, sentences


def _group_names(by: dict[str, pd.DataFrame]) -> str:
    return " or ".join(f"'{name}'" for name in by["group"].columns)


def _folds(part: np.ndarray, rows: np.ndarray, stratum: np.ndarray, units: np.ndarray, seed: int) -> np.ndarray | None:
    """Deal the rows outside the test part to folds."""
    outside_test = part[rows] != _TEST
    dealt = deal_folds(stratum[outside_test], units[outside_test], seed)
    if dealt is None:
        return None
    folds = np.full(len(part), -1)
    folds[rows[outside_test]] = dealt
    return folds


def shares_of(rows: int, test: Any, validation: Any) -> tuple[tuple[float, float, float], str]:
    """Return the shares of train, validation and test in the data's rows, and why."""
    default = fractions_for(rows)
    test_share = 0.0 if not is_drawn(test) else default[2] if test is None else _share(test, "test", rows)
    why = [f"test={test} was asked for"] if is_drawn(test) and test is not None else []
    validation_share = 0.0
    if is_drawn(validation) and validation is not None:
        validation_share = _share(validation, "validation", rows)
        why.append(f"validation={validation} was asked for")
    elif validation is None and test is None:
        validation_share = default[1]
    elif validation is None:
        rest = 0.15 if rows >= 20_000 else 0.20
        validation_share = rest * (1 - test_share)
        why.append(f"validation takes {percent(rest, 0)} of the other rows, as usual for {rows:,} rows")
    if test_share + validation_share >= 1:
        options = {"test": test, "validation": validation}
        asked = [f"{name}={value}" for name, value in options.items() if is_drawn(value) and value is not None]
        raise DataError(
            f"{' and '.join(asked)} leave{'s' * (len(asked) == 1)} no rows to train on: there are {rows:,}."
        )
    if test is None and validation is None:
        why = [f"the usual shares for {rows:,} rows"]
    elif test is None:
        why.append("test takes the usual share")
    return (1 - test_share - validation_share, validation_share, test_share), " and ".join(why)


def _share(value: Any, option: str, rows: int) -> float:
    """Return the share of the rows that a fraction or a number of rows asks for."""
    if not isinstance(value, (bool, np.bool_)):
        if value == 0 or 0 < value < 1:
            return float(value)
        if value >= 2 and float(value).is_integer():
            return float(value) / rows
    raise DataError(
        f"{option}={value} is not a fraction between 0 and 1, nor a number of rows (2 or more, or 0 for no {option} "
        "rows), nor rows of their own (a path, a DataFrame, an (X, y) pair)."
    )


def _times(series: pd.Series) -> np.ndarray:
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


def _sizes(part: np.ndarray) -> str:
    counts = np.bincount(part[part >= 0], minlength=len(PARTS))
    return ", ".join(
        f"{name} {count:,} ({percent(count / counts.sum())})" for name, count in zip(PARTS, counts, strict=True)
    )


def _repeats(units: np.ndarray, other: str) -> str:
    repeats = len(units) - np.count_nonzero(np.bincount(units))
    if not repeats:
        return ""
    rows = f"{repeats:,} {other}row{'s repeat' if repeats > 1 else ' repeats'}"
    return f"{rows} another row's features; {other}equal rows always stand in one part."


def _uneven(part: np.ndarray, target: pd.DataFrame, task: str, what: str) -> list[str]:
    """Return a sentence on each part whose shares differ from those of all rows by over 2 points, and beyond chance."""
    if task == "multilabel":
        values, names = target.to_numpy(dtype=np.float64), [f"rows with label '{name}'" for name in target.columns]
    elif task == "regression":
        middle = float(target.iloc[:, 0].median())
        values = target.iloc[:, [0]].to_numpy(dtype=np.float64) > middle
        names = [f"rows with '{target.columns[0]}' above {middle:.4g}"]
    else:
        values, names = pd.get_dummies(target.iloc[:, 0]), []
        values, names = values.to_numpy(), [f"rows of class '{name}'" for name in values.columns]
    shares, sentences = values.mean(axis=0), []
    for index in (_VALIDATION, _TEST):
        rows = int((part == index).sum())
        if rows:
            off = np.abs(values[part == index].mean(axis=0) - shares)
            worst = int(np.argmax(off))
            if off[worst] > max(0.02, 2 * np.sqrt(shares[worst] * (1 - shares[worst]) / rows)):
                share = values[part == index, worst].mean()
                sentences.append(
                    f"The {PARTS[index]} part has {percent(share)} {names[worst]}, against {percent(shares[worst])} "
                    f"of all: {what} are too large or too few to be shared out more evenly."
                )
    return sentences


def _left_out(count: int, which: str) -> list[str]:
    if count == 0:
        return []
    rows = "1 row" if count == 1 else f"{count:,} rows"
    return [f"{rows} {which} {'is' if count == 1 else 'are'} left out."]
