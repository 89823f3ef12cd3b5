"""The labels of binary and multiclass: missing ones, blanks around them, and values that can't be classes."""

from __future__ import annotations

import datetime
import decimal
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from toolkit.common.errors import DataError
from toolkit.common.formatting import counted, listing
from toolkit.data.cells import coded_texts, is_number
from toolkit.data.labels import labels_of

__all__ = [
    "NEVER_A_CLASS",
    "TooManyClasses",
    "are_unchanged",
    "check_classes",
    "look_alike",
    "missing_words",
    "one_type",
    "stripped",
]

#: Text for "no value" that is a class nowhere: what programs write for a missing cell.
NEVER_A_CLASS = frozenset({"nan", "<na>", "#n/a", "nat"})

# Words that mean "no value" where they are rare, and are a class where they are frequent.
_EITHER = frozenset({"na", "n/a", "none", "null"})
_FREQUENT = 0.05
_MANY_CLASSES = 20
_LARGEST = 2**63


class TooManyClasses(DataError):
    """A target has nearly one class per row."""

    __module__ = "toolkit"


def are_unchanged(classes: Iterable[Any]) -> bool:
    """Return whether classes are always read as they are: no blanks at their ends, no word for a missing label.

    Example:
        >>> (
        ...     are_unchanged(["a", "b"]),
        ...     are_unchanged(["a", "none"]),
        ...     are_unchanged(["a", "b "]),
        ...     are_unchanged([0.0, 1.0]),
        ... )
        (True, False, False, True)
    """
    reserved = {"", "?", *NEVER_A_CLASS, *_EITHER}
    return all(
        label == label.strip() and label.casefold() not in reserved for label in classes if isinstance(label, str)
    )


def missing_words(
    series: pd.Series, column: str, task: str, classes: Sequence[Any] | None = None
) -> tuple[list[Any], str]:
    """Return which of the words NA, N/A, none and null mean a missing label, and a note where some are a class.

    They are a class where the target otherwise holds text and they fill 5 % of the rows or more. For binary they are a
    class only where it takes them to make two.

    Args:
        series: Labels as given.
        column: The name of the target.
        task: ``"binary"`` or ``"multiclass"``.
        classes: For further rows the classes that are known, which alone decide.

    Example:
        >>> missing_words(pd.Series(["a", "NA", "NA", "b"]), "kind", "multiclass")
        ([], "'NA' is a class of 'kind' (2 rows). If it means a missing label, leave those rows out.")
    """
    codes, texts = coded_texts(series)
    counts = dict(zip(texts, np.bincount(codes[codes >= 0], minlength=len(texts)).tolist(), strict=True))
    missing_words = [value for value in counts if value.strip().casefold() in _EITHER]
    if not missing_words:
        return [], ""
    if classes is not None:
        return [word for word in missing_words if word.strip() not in classes], ""
    others = {value.strip() for value in counts if value not in missing_words} - {"", "?"}
    if all(is_number(value) for value in others):
        # Numbers, or nothing at all: a word is no class among them.
        return missing_words, ""
    if task == "binary":
        missing = missing_words if len(others) > 1 else []
    else:
        missing = [word for word in missing_words if counts[word] < _FREQUENT * len(series)]
    classes_kept = [word for word in missing_words if word not in missing]
    if not classes_kept:
        return missing, ""
    rows = counted(sum(counts[word] for word in classes_kept), "row")
    are = "is a class" if len(classes_kept) == 1 else "are classes"
    subject = f"{listing([repr(word.strip()) for word in classes_kept])} {are}"
    return missing, f"{subject} of '{column}' ({rows}). If it means a missing label, leave those rows out."


def stripped(series: pd.Series, column: str) -> tuple[pd.Series, list[str]]:
    """Return labels without blanks at their ends, and a note where there were some.

    Example:
        >>> stripped(pd.Series(["yes", "yes ", "no"]), "y")[1]
        ["Blanks at the ends of labels of 'y' were removed: 'yes ' is 'yes' (1 row)."]
    """
    padded = [value for value in pd.unique(series) if isinstance(value, str) and value != value.strip()]
    if not padded:
        return series, []
    rows = int(series.isin(padded).sum())
    example = f"{padded[0]!r} is {padded[0].strip()!r}"
    note = f"Blanks at the ends of labels of '{column}' were removed: {example} ({counted(rows, 'row')})."
    values, dtype = _strip(series), series.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        dtype = pd.CategoricalDtype(list(dict.fromkeys(_strip(dtype.categories))), ordered=dtype.ordered)
    return pd.Series(values, index=series.index, dtype=dtype, name=series.name), [note]


def _strip(values: Iterable[Any]) -> list[Any]:
    return [value.strip() if isinstance(value, str) else value for value in values]


def look_alike(classes: Sequence[Any], column: str, called: tuple[str, str] = ("class", "classes")) -> list[str]:
    """Return a question for each group of classes that differ only in case, in blanks, or in how letters are coded.

    Args:
        classes: The classes, or the labels of multilabel.
        column: The name of the target.
        called: What one of them and several are called.

    Example:
        >>> look_alike(["No", "no", "yes"], "y")
        ["Classes 'No' and 'no' of 'y' differ only in case: are they one class?"]
    """
    groups: dict[str, list[str]] = {}
    for label in classes:
        if isinstance(label, str):
            key = "".join(unicodedata.normalize("NFKC", label).split()).casefold()
            groups.setdefault(key, []).append(label)
    questions = []
    for group in groups.values():
        if len(group) > 1:
            if len({label.casefold() for label in group}) == 1:
                what = "case"
            elif len({"".join(label.split()) for label in group}) == 1:
                what = "blanks"
            else:
                what = "case, blanks or the coding of letters"
            names = f"{', '.join(repr(label) for label in group[:-1])} and {group[-1]!r}"
            several = called[1].capitalize()
            questions.append(f"{several} {names} of '{column}' differ only in {what}: are they one {called[0]}?")
    return questions


def one_type(series: pd.Series, column: str, name: str, rows: np.ndarray) -> pd.Series:
    """Return labels in the narrowest dtype, checked to be text, finite numbers or true and false, of one type.

    Args:
        series: Labels, nothing missing.
        column: The name of the target.
        name: The name of the table in messages.
        rows: The number of each row in it.

    Raises:
        DataError: A label is of another type, or there are several types.
    """
    if isinstance(series.dtype, pd.CategoricalDtype):
        if isinstance(series.cat.categories, pd.IntervalIndex):
            # A number cut into bands by pandas: each band is a class, named by its ends.
            return series.cat.rename_categories([str(band) for band in series.cat.categories])
        _check_types(list(series.astype(object)), column, name, rows)
        return series
    if isinstance(series.dtype, pd.IntervalDtype):
        return series.astype(str)
    if not _is_plain(series.dtype):
        kind = _check_types(list(series.astype(object)), column, name, rows)
        series = series if kind == "text" else series.infer_objects()
    if series.dtype == np.longdouble:
        with np.errstate(over="ignore"):
            series = series.astype(np.float64)
    if pd.api.types.is_float_dtype(series.dtype):
        infinite = np.isinf(series.to_numpy(dtype=np.float64))
        if infinite.any():
            raise DataError(f"target '{column}' of {name} is infinite in row {rows[infinite][0]}; leave the row out.")
    return series


def _is_plain(dtype: Any) -> bool:
    types = pd.api.types
    return (
        isinstance(dtype, pd.StringDtype)
        or types.is_bool_dtype(dtype)
        or types.is_integer_dtype(dtype)
        or types.is_float_dtype(dtype)
    )


def _check_types(values: Sequence[Any], column: str, name: str, rows: np.ndarray) -> str:
    """Return whether labels are text, numbers or true and false; all must be of one of these kinds."""
    start = f"target '{column}' of {name} holds"
    first: dict[str, int] = {}
    for index, value in enumerate(values):
        kind = _kind_of(value)
        first.setdefault(kind, index)
        if kind in _KINDS:
            if kind == "text":
                value.encode()  # refuses halves of surrogate pairs
            continue
        advice = next(text for types, text in _ADVICE if isinstance(value, types))
        shown = str(value) if len(str(value)) <= 40 else f"{str(value)[:37]}..."
        where = f"{shown} in row {rows[index]}"
        raise DataError(f"{start} {kind} ({where}); classes are text, numbers or true/false. {advice.format(column)}")
    if len(first) > 1:
        examples = " and ".join(f"{kind} ({values[index]!r} in row {rows[index]})" for kind, index in first.items())
        raise DataError(
            f"{start} {examples}: write every label in one way, for example as text: "
            f"frame['{column}'] = frame['{column}'].astype(str)."
        )
    return next(iter(first))


_KINDS = ("text", "numbers", "true/false")
_AS_TEXT = "Make them text: frame['{0}'] = frame['{0}'].astype(str)."
_ADVICE: tuple[tuple[Any, str], ...] = (
    ((list, tuple, set, frozenset, np.ndarray), "For several labels in a row use multilabel."),
    (dict, "Take one value of each."),
    (bytes, "Decode them: frame['{0}'] = frame['{0}'].str.decode('utf-8')."),
    ((datetime.date, np.datetime64, pd.Period), "Take a part of them, such as the month, or make them text."),
    ((datetime.timedelta, np.timedelta64), "Use regression for durations, or cut them into classes."),
    (decimal.Decimal, "Make them numbers: frame['{0}'] = frame['{0}'].astype(float)."),
    (object, _AS_TEXT),
)


def _kind_of(value: Any) -> str:
    if isinstance(value, str):
        return "text"
    if isinstance(value, (bool, np.bool_)):
        return "true/false"
    if isinstance(value, (np.datetime64, datetime.date)):
        return "dates"
    if isinstance(value, (np.timedelta64, datetime.timedelta)):
        return "durations"
    if isinstance(value, int) and not -_LARGEST <= value < 2 * _LARGEST:
        return "whole numbers of more than 64 bits"
    if isinstance(value, (int, float, np.integer, np.floating)):
        return "numbers"
    return f"cells of type {type(value).__name__}"


def check_classes(series: pd.Series, column: str, task: str, name: str) -> list[str]:
    """Check that labels of one type suit the task; return questions about classes that look alike.

    Raises:
        DataError: There is one class only, more than two for binary, or nearly one per row.
    """
    classes = labels_of(series)
    examples = listing([repr(label) for label in classes], most=5)
    if len(classes) == 1:
        needed = "exactly 2" if task == "binary" else "at least 2"
        raise DataError(f"target '{column}' of {name} has one class only ({examples}); {task} needs {needed}.")
    numbers = not any(isinstance(label, str) for label in classes)
    if len(classes) > _MANY_CLASSES and len(classes) > 0.5 * len(series):
        advice = "Use regression, or cut the numbers into classes." if numbers else "Is it a name or a key?"
        raise TooManyClasses(
            f"target '{column}' of {name} has {len(classes):,} different values in {len(series):,} rows, "
            f"too many for classes. {advice}"
        )
    questions = look_alike(classes, column)
    if task == "binary" and len(classes) > 2:
        advice = "Use multiclass, or regression where they are amounts." if numbers else "Use multiclass."
        raise DataError(
            f"target '{column}' of {name} has {len(classes)} classes ({examples}); binary needs exactly 2. "
            f"{' '.join([*questions, advice])}"
        )
    return questions
