"""The target columns: taken from a pair, and checked for their task."""

from __future__ import annotations

import contextlib
import decimal
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from numbers import Number
from typing import Any

import numpy as np
import pandas as pd

from toolkit.common.errors import DataError, nearest
from toolkit.common.formatting import counted, listing, rows_text
from toolkit.data.cells import coded_texts, is_number, level
from toolkit.data.class_labels import NEVER_A_CLASS, check_classes, missing_words, one_type, stripped
from toolkit.data.column_kinds import infer
from toolkit.data.label_sets import indicator_of, is_list, label_column, one_column_per_label
from toolkit.data.labels import labels_of, positive_class
from toolkit.data.reading.frames import as_frame
from toolkit.data.reading_options import ReadingOptions
from toolkit.data.surrogates import refuse_surrogates, valid_text
from toolkit.data.target_form import TargetForm

__all__ = ["TASKS", "CheckedTarget", "NoTargets", "check_target", "match_target", "target_of_pair"]

TASKS = ("regression", "binary", "multiclass", "multilabel")
_NO_NUMBER = frozenset({"na", "n/a", "none", "null", "-", "--", "."})


class NoTargets(DataError):
    """No row has a target."""

    __module__ = "toolkit"


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
    if task == "multilabel":
        y = _without_lists(y)
    if isinstance(y, pd.DataFrame):
        frame = y.reset_index(drop=True).set_axis([valid_text(label) for label in y.columns], axis=1)
        if frame.columns.has_duplicates:
            raise DataError(f"y has repeated column names ({listing(frame.columns)}).")
    elif isinstance(y, pd.Series):
        frame = y.reset_index(drop=True).to_frame("target" if y.name is None else valid_text(y.name))
    else:
        array = _as_array(y)
        if array.ndim not in (1, 2) or (array.ndim == 2 and array.shape[1] == 0):
            raise DataError(f"y has shape {array.shape}; expected (rows,) or (rows, targets).")
        if array.ndim == 1 or array.shape[1] == 1:
            frame = as_frame({"target": array.ravel()})
        else:
            word = {"multilabel": "label", "regression": "target"}.get(task, "class")
            frame = as_frame(array, columns=[f"{word} {index + 1}" for index in range(array.shape[1])])
    if len(frame) != len(x):
        raise DataError(f"X has {len(x):,} rows and y has {len(frame):,}; they must be equal.")
    if frame.shape[1] == 1 or task in ("regression", "multilabel"):
        return frame
    return _from_one_hot(frame, task, names=isinstance(y, pd.DataFrame))


def _without_lists(y: Any) -> Any:
    """Return lists with one mark per label as a matrix, lists of label names as a Series, anything else unchanged."""
    if isinstance(y, pd.DataFrame) or (isinstance(y, np.ndarray) and y.dtype != object) or not hasattr(y, "__len__"):
        return y
    rows = list(y)
    if not any(is_list(row) for row in rows) or not all(is_list(row) or row is None for row in rows):
        return y
    matrix = None if any(row is None for row in rows) else indicator_of(rows)
    if matrix is not None:
        return matrix
    column = pd.Series([None] * len(rows), dtype=object, name=getattr(y, "name", None))
    column[:] = rows
    return column


def _as_array(y: Any) -> np.ndarray:
    try:
        array = np.asarray(y)
        # An array of text would turn the other values of a list into text as well, also missing ones.
        is_list_of_text = array.dtype.kind == "U" and not isinstance(y, np.ndarray)
        return np.asarray(y, dtype=object) if is_list_of_text or array.dtype.kind == "V" else array
    except ValueError as error:
        raise DataError(
            "the rows of y have different lengths; expected one value per row, or the same number of values in each."
        ) from error


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


@dataclass(frozen=True)
class CheckedTarget:
    """A target that suits its task.

    Attributes:
        frame: The target of the rows that have one, index 0 to n - 1. Labels are in the user's dtype, without blanks at
            their ends; numbers written as text are floats; labels of multilabel have a column each.
        present: Which of the rows have a target.
        notes: One sentence for each change, guess and suspicion.
        form: How the target stood in the table.
        positive: For binary the positive class; None for further rows and other tasks.
    """

    frame: pd.DataFrame
    present: np.ndarray
    notes: list[str]
    form: TargetForm
    positive: Any = None


@refuse_surrogates()
def check_target(
    target: pd.DataFrame,
    task: str,
    name: str,
    *,
    from_file: bool = False,
    positive: Any = None,
    form: TargetForm | None = None,
    classes: Sequence[Any] = (),
    reading: ReadingOptions | None = None,
) -> CheckedTarget:
    """Check a target for its task, and leave out the rows that lack it.

    Args:
        target: The target columns as given. Messages number a row by its index, from 0, where it is whole numbers.
        task: One of `TASKS`.
        name: The name of the table in messages.
        from_file: The table was read from a text file, where an empty cell turns whole numbers into floats.
        positive: For binary: the positive class, or None for the one that `positive_class` finds.
        form: For further rows, which need not hold every class: the form of the training target.
        classes: For further rows: the classes of the training.
        reading: How numbers are written; by default it is found out.

    Raises:
        DataError: The target does not suit the task.

    Example:
        >>> checked = check_target(pd.DataFrame({"y": ["a", None, "b"]}), "binary", "two.csv")
        >>> checked.present.tolist(), checked.notes[0]
        ([True, False, True], '1 row without a target was dropped (row 2).')
    """
    if task in ("binary", "multiclass") and target.shape[1] != 1:
        raise DataError(
            f"{task} predicts one column, but target names {target.shape[1]} ({listing(target.columns)}). "
            "For several yes-or-no columns use multilabel."
        )
    if positive is not None and task != "binary":
        raise DataError(f"positive is for binary, and this is {task}.")
    further, notes = form is not None, []
    rows = target.index.to_numpy() + 1 if target.index.dtype.kind == "i" else np.arange(1, len(target) + 1)
    if task == "multilabel":
        marks, form, notes = one_column_per_label(target, name, form)
        target, form = _label_columns(marks, form, name, rows, notes, further)
    form = form or TargetForm(tuple(str(column) for column in target.columns))
    known_classes = list(classes) if further and classes else None
    written = _Written(reading or ReadingOptions(), form.decimal or None, further)
    numbered = target.set_axis(rows, axis=0)
    present = _present(numbered, task, name, known_classes, notes, written, where=name if further else "")
    checked = target.loc[present].reset_index(drop=True)
    for column in checked.columns:
        series, numbers = checked[column], rows[present]
        if from_file and not present.all():
            series = _whole_again(series)
        if task == "regression":
            series, mark = _check_numbers(series, str(column), name, numbers, notes, written, not further)
            form = form if further or mark is None else replace(form, decimal=mark)
        elif task == "multilabel":
            series = _without_mask(series)
        else:
            series, changes = stripped(one_type(series, str(column), name, numbers), str(column))
            notes += [f"{name}: {change}" for change in changes] if further else changes
            if not further:
                notes += check_classes(series, str(column), task, name)
        checked[column] = series
    if not further:
        named = written.reading
        form = replace(form, missing=tuple(named.na_values), sep=named.sep or "", encoding=named.encoding or "")
    if task == "binary" and not further:
        positive, why = positive_class(checked.iloc[:, 0], positive)
        notes.append(why)
    return CheckedTarget(checked, present, notes, form, positive)


@dataclass(frozen=True)
class _Written:
    """How numbers are written: what the user said, and the decimal mark where they can be read in two ways.

    `further` says whether these are further rows of a target that is known.
    """

    reading: ReadingOptions
    likely: str | None
    further: bool


def _label_columns(
    marks: pd.DataFrame, form: TargetForm, name: str, rows: np.ndarray, notes: list[str], further: bool
) -> tuple[pd.DataFrame, TargetForm]:
    """Return the marks of each label as numbers, and the form with the columns whose blanks mean "not set"."""
    read, blanks = {}, []
    for column in marks.columns:
        blank = column in form.blanks if further else None
        read[column], is_blank, note = label_column(marks[column], str(column), name, rows, blank)
        blanks += [str(column)] if is_blank else []
        notes += [note] if note and not further else []
    return pd.DataFrame(read), form if further else replace(form, blanks=tuple(blanks))


def _without_mask(series: pd.Series) -> pd.Series:
    """Return marks that lack nothing any more in a dtype of numpy."""
    if isinstance(series.dtype, np.dtype):
        return series
    return series.astype(bool if pd.api.types.is_bool_dtype(series.dtype) else np.int64)


def _whole_again(series: pd.Series) -> pd.Series:
    """Return whole numbers that missing cells turned into floats, or words into text, as whole numbers again."""
    if series.dtype == np.float64 and (series % 1 == 0).all():
        return series.astype(np.int64)
    if pd.api.types.is_numeric_dtype(series.dtype) or not series.map(_is_plain_number).all():
        return series
    return pd.to_numeric(series.astype(object))


def _is_plain_number(cell: Any) -> bool:
    return isinstance(cell, str) and is_number(cell) and not re.match(r"[+-]?0\d", cell)


def _present(
    target: pd.DataFrame,
    task: str,
    name: str,
    classes: list[Any] | None,
    notes: list[str],
    written: _Written,
    where: str,
) -> np.ndarray:
    """Return a mask of the rows that lack no target, and note the others; `where` names the table in the notes."""
    missing, words = np.zeros(len(target), dtype=bool), np.zeros(len(target), dtype=bool)
    numbers = target.index.to_numpy()
    spellings: dict[str, None] = {}
    for column in target.columns:
        absent, meant = _absent(target[column], str(column), task, classes, notes, written)
        if (absent | meant).all():
            raise NoTargets(f"target '{column}' of {name} is missing in all {len(target):,} rows.")
        missing |= absent
        words |= meant
        spellings |= dict.fromkeys(repr(word) for word in target.loc[meant, column])
    present = ~(missing | words)
    if not present.any():
        raise NoTargets(f"every row of {name} lacks one of its targets ({listing(target.columns)}).")
    lacking = "a target" if target.shape[1] == 1 else "one of its targets"
    hint = " To keep it as a class, write it in another way." if task in ("binary", "multiclass") else ""
    of = f" of {where}" if where else ""
    for mask, what, advice in (
        (missing, f"without {lacking}", ""),
        (words & ~missing, f"whose target is {listing(spellings)}, read as missing,", hint),
    ):
        if mask.any():
            rows = numbers[mask]
            dropped = f"{counted(len(rows), 'row')} {what} {'was' if len(rows) == 1 else 'were'} dropped"
            notes.append(f"{dropped} ({rows_text(rows)}{of}).{advice}")
    return present


def _absent(
    series: pd.Series, column: str, task: str, classes: list[Any] | None, notes: list[str], written: _Written
) -> tuple[np.ndarray, np.ndarray]:
    """Return masks of the empty cells, and of the cells with a word that means a missing target."""
    try:
        absent = series.isna().to_numpy(dtype=bool, copy=True)
    except decimal.InvalidOperation as error:
        raise DataError(f"target '{column}' holds a Decimal('sNaN'): write missing targets as None.") from error
    if pd.api.types.is_numeric_dtype(series.dtype) or pd.api.types.is_datetime64_any_dtype(series.dtype):
        return absent, np.zeros(len(series), dtype=bool)
    codes, distinct = coded_texts(series)
    empty = {text for text in distinct if not text.strip()}
    missing_texts = {text for text in distinct if text.strip() == "?" or text.strip().casefold() in NEVER_A_CLASS}
    if task == "regression":
        missing_texts |= {text for text in distinct if text.strip().casefold() in _NO_NUMBER}
    elif task != "multilabel":
        meant, note = missing_words(series, column, task, classes)
        missing_texts |= set(meant)
        notes += [note] if note else []
    # The last flag is that of the code -1, for cells that are no text.
    absent |= np.array([*(text in empty for text in distinct), False])[codes]
    meant_missing = np.array([*(text in missing_texts for text in distinct), False])[codes]
    if task == "regression" and distinct:
        meant_missing[_odd_cells(series, column, absent | meant_missing, written)] = True
    return absent, meant_missing


def _odd_cells(series: pd.Series, column: str, absent: np.ndarray, written: _Written) -> np.ndarray:
    """Return the positions of the few cells that are no numbers in a target of text that otherwise holds numbers."""
    kept = np.flatnonzero(~absent)
    # Further rows have the training's target, which holds numbers: a few rows need not show that by themselves.
    numbers = pd.Series(["0"] * 10 if written.further else [], dtype=object)
    cells = pd.concat([series.iloc[kept].astype(object), numbers])
    inferred, values, _ = infer(cells, column, reading=written.reading, likely=written.likely)
    if inferred is None or inferred.kind != "number":
        return kept[:0]
    return kept[np.isnan(values[: len(kept)])]


def _check_numbers(
    series: pd.Series,
    column: str,
    name: str,
    rows: np.ndarray,
    notes: list[str],
    written: _Written,
    complete: bool,
) -> tuple[pd.Series, str | None]:
    """Return the numbers of a target, and the decimal mark of those that are text or that the user named."""
    if isinstance(series.dtype, pd.CategoricalDtype):
        series = series.astype(series.cat.categories.dtype)
    if pd.api.types.is_object_dtype(series.dtype):
        with contextlib.suppress(OverflowError):  # pandas 2 trips over whole numbers of 400 digits
            series = series.infer_objects()
    if pd.api.types.is_timedelta64_dtype(series.dtype):
        notes.append(f"Target '{column}' holds durations: read as seconds.")
        series = series.dt.total_seconds()
    try:
        inferred, values, sentences = infer(series, column, reading=written.reading, likely=written.likely)
    except OverflowError:
        raise DataError(f"target '{column}' of {name} holds numbers too large to work with: divide them.") from None
    kind = "list" if inferred is None else inferred.kind
    if kind == "boolean":
        raise DataError(f"target '{column}' of {name} holds true and false; regression needs numbers. Use binary.")
    if kind != "number":
        what = {"category": "text", "date": "dates"}.get(kind, "cells that are no numbers")
        odd = (index for index, cell in enumerate(series) if not _is_number(cell))
        index = next(odd, 0) if kind == "category" else 0
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
    mark = written.reading.decimal_mark
    if pd.api.types.is_numeric_dtype(series.dtype):
        return series, mark
    if any(isinstance(value, str) for value in series.array):
        mark = mark or (None if inferred is None else inferred.decimal)
        guesses = (f"'{column}' is text", f"'{column}' holds times")
        notes += [f"Target {sentence}" for sentence in sentences if sentence.startswith(guesses)]
    return pd.Series(values), mark


def _is_number(cell: Any) -> bool:
    return is_number(cell.strip()) if isinstance(cell, str) else isinstance(cell, Number)


def match_target(target: pd.DataFrame, trained: pd.DataFrame, task: str, name: str, rows: np.ndarray) -> pd.DataFrame:
    """Bring the target of further rows into the training target's names and dtypes.

    Args:
        target: A checked target, nothing missing.
        trained: The training target.
        task: One of `TASKS`.
        name: The name of the further rows' table in messages.
        rows: Their row numbers in it.

    Returns:
        The target with the columns and dtypes of `trained`.

    Raises:
        DataError: There is another number of columns, or a class that the training rows lack.

    Example:
        >>> trained = pd.DataFrame({"y": ["a", "b"]})
        >>> match_target(pd.DataFrame({"y": ["b"]}), trained, "binary", "test.csv", np.array([1]))["y"].tolist()
        ['b']
    """
    if target.shape[1] != trained.shape[1]:
        raise DataError(f"{name} has {target.shape[1]} target columns; the training data has {trained.shape[1]}.")
    matched = {}
    for column, series in zip(trained.columns, (target[label] for label in target.columns), strict=True):
        training = trained[column]
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
            {column: trained[column].dtype for column in trained.columns if frame[column].dtype.kind == "i"}
        )
    return frame
