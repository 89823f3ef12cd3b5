"""The labels of multilabel: columns of 0/1, yes/no or 1/blank, lists of labels, and text such as "a;b"."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from toolkit.common.errors import DataError, nearest
from toolkit.common.formatting import counted, listing
from toolkit.data.cells import level
from toolkit.data.class_labels import look_alike
from toolkit.data.target_form import TargetForm

__all__ = ["indicator_of", "is_list", "label_column", "one_column_per_label"]

_SET = frozenset({"1", "true", "yes", "y", "x", "✓"})
_NOT_SET = frozenset({"0", "false", "no", "n"})
_SEPARATORS = (";", "|", ",")
# Words for a mark that is not known; an empty cell may mean that the label is not set.
_MISSING = frozenset({"?", "na", "n/a", "nan", "<na>", "#n/a", "null", "none"})
_MANY_LABELS = 20


def is_list(value: Any) -> bool:
    """Return whether a cell holds several values."""
    return isinstance(value, (list, tuple, set, frozenset)) or (isinstance(value, np.ndarray) and value.ndim == 1)


def indicator_of(rows: Sequence[Any]) -> np.ndarray | None:
    """Return lists with one mark per label as a matrix; None where they are lists of label names instead.

    Raises:
        DataError: The lists are of marks (0 and 1, true and false, yes and no), but of different lengths.

    Example:
        >>> indicator_of([[0, 1], [1, 1]]).tolist(), indicator_of([["a"], ["a", "b"]])
        ([[0, 1], [1, 1]], None)
    """
    if any(isinstance(row, (set, frozenset)) for row in rows) or not any(len(row) for row in rows):
        return None
    lengths = np.array([len(row) for row in rows])
    marks = all(_word(cell) in _SET | _NOT_SET for row in rows for cell in row)
    if (lengths == lengths[0]).all():
        is_matrix = marks or not any(isinstance(cell, str) or is_list(cell) for row in rows for cell in row)
        return np.asarray(rows) if is_matrix else None
    if not marks:
        return None
    other = int(np.flatnonzero(lengths != lengths[0])[0])
    raise DataError(
        f"y has {counted(int(lengths[0]), 'value')} in row 1 and {lengths[other]} in row {other + 1}; expected one "
        "mark per label in every row, or lists of label names."
    )


def _word(cell: Any) -> str:
    return level(cell).casefold()


def one_column_per_label(
    target: pd.DataFrame, name: str, form: TargetForm | None = None
) -> tuple[pd.DataFrame, TargetForm, list[str]]:
    """Return a column of marks for each label, how the target stood in the table, and notes.

    Args:
        target: The target columns as given: one per label, or a single one whose cells are lists or sets of labels, or
            text with ``;``, ``|`` or ``,`` between them.
        name: The name of the table in messages.
        form: For further rows the form of the training target.

    Returns:
        The marks, 0 and 1 where a single column was given, otherwise as given; the form; one sentence for each guess.

    Raises:
        DataError: The cells hold no labels, or further rows hold a label that the training rows lack.

    Example:
        >>> frame = pd.DataFrame({"tags": ["a;b", "b", "a"]})
        >>> marks, form, notes = one_column_per_label(frame, "three.csv")
        >>> marks.to_numpy().tolist(), form.labels
        ([[1, 1], [0, 1], [1, 0]], ('a', 'b'))
    """
    columns = tuple(str(column) for column in target.columns)
    if form is not None and not form.labels:
        return target, form, []
    if target.shape[1] != 1:
        if form is not None and target.shape[1] == len(form.labels):
            return target.set_axis(list(form.labels), axis=1), form, []
        return target, form or TargetForm(columns), []
    cells = [None if _is_blank(cell) else cell for cell in target.iloc[:, 0].astype(object)]
    if form is None and not _holds_sets(cells, columns[0], name):
        return target, TargetForm(columns), []
    separator = _separator(cells) if form is None else form.separator
    sets = [_labels_in(cell, separator) for cell in cells]
    labels_present = dict.fromkeys(label for labels in sets for label in labels)
    label_names = tuple(sorted(labels_present)) if form is None else form.labels
    _check_labels(sets, labels_present, label_names, columns[0], name, further=form is not None)
    marks = pd.DataFrame({label: [int(label in labels) for labels in sets] for label in label_names}, dtype=np.int64)
    if form is not None:
        return marks, form, []
    between = f"text with '{separator}' between them" if separator else "lists"
    notes = [f"Target '{columns[0]}' holds {counted(len(label_names), 'label')} as {between}: {listing(label_names)}."]
    empty = sum(not labels for labels in sets)
    if empty:
        notes.append(f"{counted(empty, 'row')} with an empty '{columns[0]}' {'have' if empty > 1 else 'has'} no label.")
    notes += look_alike(label_names, columns[0], ("label", "labels"))
    return marks, TargetForm(columns, label_names, separator), notes


def _is_blank(cell: Any) -> bool:
    if isinstance(cell, str):
        return not cell.strip()
    return not is_list(cell) and bool(pd.isna(cell))


def _holds_sets(cells: Sequence[Any], column: str, name: str) -> bool:
    """Return whether cells hold several labels each."""
    present = [cell for cell in cells if cell is not None]
    lists = [cell for cell in present if is_list(cell)]
    if lists:
        texts = [_word(label) for labels in lists for label in labels]
        if texts and set(texts) <= {"0", "1"}:
            raise DataError(
                f"target '{column}' of {name} holds lists of 0 and 1; give one column per label, or lists of the "
                "labels' names."
            )
        return True
    texts = [cell for cell in present if isinstance(cell, str)]
    if not texts or all(_word(text) in _SET | _NOT_SET for text in texts):
        return False
    if _separator(texts) or any(_bracketed(text) for text in texts):
        return True
    raise DataError(
        f"target '{column}' of {name} holds one label in each row (such as {max(texts, key=len)[:60]!r}); multilabel "
        "needs a column of 0 and 1 for each label, or several labels in a cell with ';', '|' or ',' between them. For "
        "one label per row use multiclass."
    )


def _bracketed(text: str) -> bool:
    return re.fullmatch(r"\s*(\[.*\]|\{.*\}|\(.*\))\s*", text) is not None


def _quoted(text: str) -> list[str]:
    """Return the labels of a list in brackets with quotation marks around each, which may hold separators; or none."""
    try:
        labels = ast.literal_eval(text) if _bracketed(text) else None
    except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
        return []
    if not isinstance(labels, (list, tuple, set)) or not all(isinstance(label, str) for label in labels):
        return []
    return list(labels)


def _separator(cells: Sequence[Any]) -> str:
    texts = [cell for cell in cells if isinstance(cell, str)]
    return next((mark for mark in _SEPARATORS if any(mark in text for text in texts)), "")


def _labels_in(cell: Any, separator: str) -> dict[str, None]:
    """Return the labels of a cell, in their order."""
    if cell is None:
        return {}
    if isinstance(cell, str):
        text = cell.strip()
        parts: list[Any] = _quoted(text)
        if not parts:
            if _bracketed(text):  # a list of Python, as pandas writes it to a file
                text = text[1:-1].replace("'", "").replace('"', "")
            parts = text.split(separator) if separator else [text]
    else:
        parts = list(cell) if is_list(cell) else [cell]
    labels = [part.strip() if isinstance(part, str) else level(part) for part in parts if part is not None]
    return dict.fromkeys(label for label in labels if label)


def _check_labels(
    sets: Sequence[dict[str, None]],
    labels_present: dict[str, None],
    label_names: tuple[str, ...],
    column: str,
    name: str,
    *,
    further: bool,
) -> None:
    if further:
        unknown = next((label for label in labels_present if label not in label_names), None)
        if unknown is not None:
            row = next(index for index, labels in enumerate(sets) if unknown in labels) + 1
            raise DataError(
                f"target '{column}' of {name} holds {unknown!r} in row {row}, a label that the training data lacks "
                f"({listing(label_names)}).{nearest(unknown, label_names)}"
            )
    elif not label_names:
        raise DataError(f"target '{column}' of {name} holds no label in any row.")
    elif len(label_names) > _MANY_LABELS and len(label_names) > 0.5 * len(sets):
        raise DataError(
            f"target '{column}' of {name} holds {len(label_names):,} different labels in {len(sets):,} rows, too many "
            "to learn. Is it free text?"
        )
    elif all(len(labels) == len(label_names) for labels in sets):
        raise DataError(
            f"target '{column}' of {name} holds the same labels in every row ({listing(label_names)}); there is "
            "nothing to predict."
        )


def label_column(
    series: pd.Series, column: str, name: str, rows: np.ndarray, blank: bool | None = None
) -> tuple[pd.Series, bool, str]:
    """Return the marks of one label as 0 and 1, or true and false; NaN where they are missing.

    Args:
        series: Cells of one label: 0 and 1, true and false, yes and no, y and n, or 1 (x, yes) and blank.
        column: The label.
        name: The name of the table in messages.
        rows: The number of each row in it.
        blank: For further rows, whether a blank cell meant "not set" in training. None finds out: it does where no
            cell says so in another way.

    Returns:
        The marks, whether blank cells mean "not set", and a note, empty where the cells are 0 and 1 or true and false.

    Raises:
        DataError: A cell is no mark.

    Example:
        >>> label_column(pd.Series(["x", None, "x"]), "car", "three.csv", np.arange(1, 4))
        (0    1
        1    0
        2    1
        dtype: int64, True, "Label 'car' is x or blank: blank is read as 0 (1 row).")
    """
    if isinstance(series.dtype, pd.CategoricalDtype):
        series = series.astype(object).infer_objects()
    try:
        codes, distinct = pd.factorize(series)
    except (TypeError, ValueError, NotImplementedError) as error:
        kind = type(series.dropna().iloc[0]).__name__
        raise DataError(
            f"label '{column}' of {name} holds cells of type {kind}; multilabel needs 0 or 1 in every label, or lists "
            "of labels."
        ) from error
    texts = [None if _is_missing(value) else _word(value) for value in distinct]
    wrong = next((i for i, word in enumerate(texts) if word is not None and word not in _SET | _NOT_SET), None)
    if wrong is not None:
        value = distinct[wrong].item() if isinstance(distinct[wrong], np.generic) else distinct[wrong]
        raise DataError(
            f"label '{column}' of {name} holds {value!r} in row {rows[np.flatnonzero(codes == wrong)[0]]}; multilabel "
            "needs 0 or 1, true or false, yes or no, or 1 or blank in every label."
        )
    used = sorted({word for word in texts if word is not None}, key=lambda word: (word in _NOT_SET, word))
    # The last entry is for missing cells, whose code is -1.
    marks = np.array([np.nan if word is None else float(word in _SET) for word in texts] + [np.nan])[codes]
    missing = np.isnan(marks)
    if blank is None:
        blank = bool(missing.any()) and bool(used) and not _NOT_SET & set(used) and not _unknown(series)
    note = ""
    if blank:
        marks = np.nan_to_num(marks)
        if missing.any():
            example = str(distinct[texts.index(used[0])]).strip() if used else "1"
            example = "1" if used and used[0] == "1" else example
            note = f"Label '{column}' is {example} or blank: blank is read as 0 ({counted(int(missing.sum()), 'row')})."
    elif used and not set(used) <= {"0", "1", "true", "false"}:
        note = f"Label '{column}' is written {' and '.join(used)}: read as 1 and 0."
    return _typed(pd.Series(marks, index=series.index), series, used), blank, note


def _typed(marks: pd.Series, series: pd.Series, used: Sequence[str]) -> pd.Series:
    """Return marks in the user's dtype: bool for true and false, the dtype of numbers, otherwise whole numbers."""
    missing = marks.isna().any()
    if used and set(used) <= {"true", "false"}:
        return marks.astype("boolean" if missing else bool)
    if pd.api.types.is_numeric_dtype(series.dtype) and (missing or not series.isna().any()):
        return marks.astype(series.dtype)
    return marks.astype("Int64" if missing else np.int64)


def _is_missing(value: Any) -> bool:
    return isinstance(value, str) and value.strip().casefold() in _MISSING | {""}


def _unknown(series: pd.Series) -> bool:
    """Return whether a cell says that its mark is not known."""
    return any(isinstance(value, str) and value.strip().casefold() in _MISSING for value in pd.unique(series))
