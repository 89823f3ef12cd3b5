"""The target columns: taken from a pair, and checked for their task."""

from __future__ import annotations

import datetime
from typing import Any

import numpy as np
import pandas as pd

from toolkit.common.errors import DataError, nearest
from toolkit.common.formatting import counted, listing, rows_text
from toolkit.data.cells import level
from toolkit.data.column_kinds import infer

__all__ = ["TASKS", "check_target", "labels_of", "match_target", "target_of_pair"]

TASKS = ("regression", "binary", "multiclass", "multilabel")
_MANY_CLASSES = 20


def labels_of(target: pd.Series) -> list[Any]:
    """Return a target's distinct labels in order, as the user's own values.

    Args:
        target: Labels, nothing missing.

    Returns:
        Python values, sorted; labels of several types are sorted by type first.

    Example:
        >>> labels_of(pd.Series(["no", "yes", "no"])), labels_of(pd.Series([True, False]))
        (['no', 'yes'], [False, True])
    """
    values = [value.item() if isinstance(value, np.generic) else value for value in pd.unique(target)]
    if all(isinstance(value, (bool, int, float)) for value in values):
        return sorted(values)
    return sorted(values, key=lambda value: (type(value).__name__, value))


def target_of_pair(x: Any, y: Any, task: str) -> pd.DataFrame:
    """Return y of an `(X, y)` pair as a DataFrame of target columns.

    Args:
        x: The features, for their number of rows, and for their index where both are of pandas.
        y: Labels or numbers of shape (rows,) or (rows, 1); one-hot rows for binary and multiclass, which become the
            class numbers (or, of a DataFrame, its column names); an indicator matrix for multilabel; numbers of shape
            (rows, targets) for regression.
        task: One of `TASKS`.

    Returns:
        A DataFrame with index 0 to n - 1.

    Raises:
        DataError: The lengths differ, y has another shape, or its rows are not one-hot.

    Example:
        >>> target_of_pair(np.zeros((2, 3)), np.array([[0, 1], [1, 0]]), "multiclass")["target"].tolist()
        [1, 0]
    """
    both_indexed = isinstance(x, pd.DataFrame) and isinstance(y, (pd.DataFrame, pd.Series)) and len(x) == len(y)
    if both_indexed and not x.index.equals(y.index) and x.index.is_unique and x.index.isin(y.index).all():
        raise DataError("X and y have the same index labels in different orders; bring them into one order.")
    if isinstance(y, pd.DataFrame):
        frame = y.reset_index(drop=True).set_axis([str(label) for label in y.columns], axis=1)
        if frame.columns.has_duplicates:
            raise DataError(f"y has repeated column names ({listing(frame.columns)}).")
    elif isinstance(y, pd.Series):
        frame = y.reset_index(drop=True).to_frame("target" if y.name is None else str(y.name))
    else:
        array = np.asarray(y)
        if array.ndim not in (1, 2) or (array.ndim == 2 and array.shape[1] == 0):
            raise DataError(f"y has shape {array.shape}; expected (rows,) or (rows, targets).")
        if array.ndim == 1 or array.shape[1] == 1:
            frame = pd.DataFrame({"target": array.ravel()})
        else:
            word = {"multilabel": "label", "regression": "target"}.get(task, "class")
            frame = pd.DataFrame(array, columns=[f"{word} {index + 1}" for index in range(array.shape[1])])
    if len(frame) != len(x):
        raise DataError(f"X has {len(x):,} rows and y has {len(frame):,}; they must be equal.")
    if frame.shape[1] == 1 or task in ("regression", "multilabel"):
        return frame
    return _from_one_hot(frame, task, names=isinstance(y, pd.DataFrame))


def _from_one_hot(frame: pd.DataFrame, task: str, *, names: bool) -> pd.DataFrame:
    try:
        cells = frame.to_numpy(dtype=np.float64)
    except (TypeError, ValueError):
        cells = np.full(frame.shape, np.nan)
    if not np.isin(cells, (0.0, 1.0)).all() or not (cells.sum(axis=1) == 1).all():
        row = int(np.flatnonzero(~(np.isin(cells, (0.0, 1.0)).all(axis=1) & (cells.sum(axis=1) == 1)))[0])
        raise DataError(
            f"y has {frame.shape[1]} columns, which {task} takes as one-hot, but row {row + 1} is not one 1 among 0s. "
            "Give the labels in one column, or use multilabel."
        )
    codes = cells.argmax(axis=1)
    return pd.DataFrame({"target": np.asarray(frame.columns)[codes] if names else codes})


def check_target(
    target: pd.DataFrame, task: str, name: str, *, from_file: bool = False, complete: bool = True
) -> tuple[pd.DataFrame, np.ndarray, list[str]]:
    """Check a target for its task, and leave out the rows that lack it.

    Args:
        target: The target columns as given.
        task: One of `TASKS`.
        name: The name of the table in messages.
        from_file: The table was read from a text file, where an empty cell turns whole numbers into floats.
        complete: Every class must be there, as in the data; False for further rows.

    Returns:
        The target of the rows that have one (index 0 to n - 1, in the user's dtype, but numbers written as text become
        floats), a boolean mask of those rows, and one sentence for each change.

    Raises:
        DataError: The target does not suit the task.

    Example:
        >>> frame, present, notes = check_target(pd.DataFrame({"y": ["a", None, "b"]}), "binary", "two.csv")
        >>> present.tolist(), notes
        ([True, False, True], ['1 row without a target was dropped (row 2).'])
    """
    if task in ("binary", "multiclass") and target.shape[1] != 1:
        raise DataError(
            f"{task} predicts one column, but target names {target.shape[1]} ({listing(target.columns)}). "
            "For several yes-or-no columns use multilabel."
        )
    present, notes = _present(target, name if not complete else "", name)
    numbers = np.flatnonzero(present) + 1
    checked = target.loc[present].reset_index(drop=True)
    for column in checked.columns:
        series = checked[column]
        if isinstance(series.dtype, pd.CategoricalDtype) and isinstance(series.cat.categories, pd.IntervalIndex):
            series = series.astype(str)  # a number cut into bands by pandas: each band is a class, named by its ends
        if from_file and not present.all() and series.dtype == np.float64 and (series % 1 == 0).all():
            series = series.astype(np.int64)
        if task == "regression":
            series = _check_numbers(series, str(column), name, numbers, notes, complete)
        elif task == "multilabel":
            series = _check_label(series, str(column), name, numbers)
        else:
            _check_classes(series, str(column), task, name, numbers, complete)
        checked[column] = series
    return checked, present, notes


def _present(target: pd.DataFrame, where: str, name: str) -> tuple[np.ndarray, list[str]]:
    """Return a mask of the rows that lack no target, and a sentence on the others, which names the table by `where`."""
    missing = np.zeros(len(target), dtype=bool)
    for column in target.columns:
        absent = _absent(target[column])
        if absent.all():
            raise DataError(f"target '{column}' of {name} is missing in all {len(target):,} rows.")
        missing |= absent
    if missing.all():
        raise DataError(f"every row of {name} lacks one of its targets ({listing(target.columns)}).")
    if not missing.any():
        return ~missing, []
    rows = np.flatnonzero(missing) + 1
    lacking = "a target" if target.shape[1] == 1 else "one of its targets"
    dropped = f"{counted(len(rows), 'row')} without {lacking} {'was' if len(rows) == 1 else 'were'} dropped"
    return ~missing, [f"{dropped} ({rows_text(rows)}{f' of {where}' if where else ''})."]


def _absent(series: pd.Series) -> np.ndarray:
    absent = series.isna().to_numpy(dtype=bool)
    if not pd.api.types.is_numeric_dtype(series.dtype) and not pd.api.types.is_datetime64_any_dtype(series.dtype):
        blank = [value for value in pd.unique(series) if isinstance(value, str) and value.strip() in ("", "?")]
        if blank:
            absent = absent | series.isin(blank).to_numpy(dtype=bool)
    return absent


def _check_numbers(
    series: pd.Series, column: str, name: str, rows: np.ndarray, notes: list[str], complete: bool
) -> pd.Series:
    if isinstance(series.dtype, pd.CategoricalDtype):
        series = series.astype(series.cat.categories.dtype)
    inferred, values, _ = infer(series, column)
    kind = "list" if inferred is None else inferred.kind
    if kind == "boolean":
        raise DataError(f"target '{column}' of {name} holds true and false; regression needs numbers. Use binary.")
    if kind != "number":
        what = {"category": "text", "date": "dates"}.get(kind, "cells that are no numbers")
        numeric = pd.to_numeric(series.astype(object), errors="coerce") if kind == "category" else None
        index = 0 if numeric is None else int(np.flatnonzero(numeric.isna())[0])
        example = str(series.iloc[index])
        advice = " Use binary or multiclass for classes." if kind == "category" else ""
        raise DataError(
            f"target '{column}' of {name} holds {what} ({example!r} in row {rows[index]}); "
            f"regression needs numbers.{advice}"
        )
    bad = np.flatnonzero(~np.isfinite(values))
    if len(bad):
        raise DataError(f"target '{column}' of {name} is not a finite number in {rows_text(rows[bad])}.")
    if complete and values.min() == values.max():
        raise DataError(f"target '{column}' of {name} is {values[0]:g} in every row; there is nothing to predict.")
    if pd.api.types.is_numeric_dtype(series.dtype):
        return series
    notes.append(f"Target '{column}' is text that holds numbers: read as numbers.")
    return pd.Series(values)


def _check_classes(series: pd.Series, column: str, task: str, name: str, rows: np.ndarray, complete: bool) -> None:
    try:
        distinct = list(pd.unique(series))
    except TypeError:
        distinct = [series.iloc[0]]
    foreign = next(
        (
            value
            for value in distinct
            if not isinstance(value, (str, bool, int, float, np.generic)) or isinstance(value, datetime.date)
        ),
        None,
    )
    if foreign is not None or pd.api.types.is_datetime64_any_dtype(series.dtype):
        what = "dates" if isinstance(distinct[0], datetime.date) else f"cells of type {type(distinct[0]).__name__}"
        raise DataError(f"target '{column}' of {name} holds {what}; classes are text, numbers or true/false.")
    numeric = pd.api.types.is_numeric_dtype(series.dtype)
    if numeric and np.isinf(series.to_numpy(dtype=np.float64)).any():
        bad = rows[np.isinf(series.to_numpy(dtype=np.float64))]
        raise DataError(f"target '{column}' of {name} is infinite in {rows_text(bad)}.")
    if not complete:
        return
    classes = labels_of(series)
    examples = listing([repr(label) for label in classes], most=5)
    if len(classes) == 1:
        needed = "exactly 2" if task == "binary" else "at least 2"
        raise DataError(f"target '{column}' of {name} has one class only ({examples}); {task} needs {needed}.")
    numbers = not any(isinstance(label, str) for label in classes)
    if len(classes) > _MANY_CLASSES and len(classes) > 0.5 * len(series):
        advice = "Use regression, or cut the numbers into classes." if numbers else "Is it a name or a key?"
        raise DataError(
            f"target '{column}' of {name} has {len(classes):,} different values in {len(series):,} rows, "
            f"too many for classes. {advice}"
        )
    if task == "binary" and len(classes) > 2:
        advice = "Use multiclass, or regression where they are amounts." if numbers else "Use multiclass."
        raise DataError(
            f"target '{column}' of {name} has {len(classes)} classes ({examples}); binary needs exactly 2. {advice}"
        )


def _check_label(series: pd.Series, column: str, name: str, rows: np.ndarray) -> pd.Series:
    if isinstance(series.dtype, pd.CategoricalDtype):
        series = series.astype(series.cat.categories.dtype)
    if pd.api.types.is_bool_dtype(series.dtype):
        return series
    if pd.api.types.is_numeric_dtype(series.dtype):
        wrong = np.flatnonzero(~series.isin([0, 1]).to_numpy(dtype=bool))
        if len(wrong) == 0:
            return series
    else:
        texts = [level(value) for value in series]
        wrong = [index for index, text in enumerate(texts) if text not in ("0", "1", "True", "False")]
        if not wrong:
            truth = pd.Series([text in ("1", "True") for text in texts])
            return truth if {"True", "False"} & set(texts) else truth.astype(np.int64)
    value = series.iloc[int(wrong[0])]
    value = value.item() if isinstance(value, np.generic) else value
    raise DataError(
        f"label '{column}' of {name} holds {value!r} in row {rows[int(wrong[0])]}; multilabel needs 0 or 1 "
        "(or true and false) in every label."
    )


def match_target(target: pd.DataFrame, known: pd.DataFrame, task: str, name: str, rows: np.ndarray) -> pd.DataFrame:
    """Bring the target of further rows into the training target's names and dtypes.

    Args:
        target: A checked target, nothing missing.
        known: The training target.
        task: One of `TASKS`.
        name: The name of the further rows' table in messages.
        rows: Their row numbers in it.

    Returns:
        The target with the columns and dtypes of `known`.

    Raises:
        DataError: There is another number of columns, or a class that the training rows lack.

    Example:
        >>> known = pd.DataFrame({"y": ["a", "b"]})
        >>> match_target(pd.DataFrame({"y": ["b"]}), known, "binary", "test.csv", np.array([1]))["y"].tolist()
        ['b']
    """
    if target.shape[1] != known.shape[1]:
        raise DataError(f"{name} has {target.shape[1]} target columns; the training data has {known.shape[1]}.")
    matched = {}
    for column, series in zip(known.columns, (target[label] for label in target.columns), strict=True):
        training = known[column]
        if task == "regression":
            matched[column] = series if series.dtype == training.dtype else series.astype(np.float64)
            continue
        if task == "multilabel":
            matched[column] = series.astype(np.float64).astype(training.dtype)
            continue
        classes = labels_of(training)
        if series.dtype != training.dtype:
            # A file's other rows decide whether pandas reads 1, 1.0 or "1": the training label of that text is meant.
            by_text = {level(label): label for label in classes}
            series = pd.Series([by_text.get(level(value), value) for value in series], dtype=object)
        unknown = np.flatnonzero(~series.isin(classes).to_numpy(dtype=bool))
        if len(unknown):
            value = series.iloc[int(unknown[0])]
            value = value.item() if isinstance(value, np.generic) else value
            class_names = listing([repr(label) for label in classes])
            raise DataError(
                f"target '{column}' of {name} holds {value!r} in row {rows[unknown[0]]}, a class that the training "
                f"data lacks ({class_names}).{nearest(value, classes)}"
            )
        matched[column] = series.astype(training.dtype)
    frame = pd.DataFrame(matched)
    if task == "regression":
        return frame.astype(
            {column: known[column].dtype for column in known.columns if frame[column].dtype.kind == "i"}
        )
    return frame
