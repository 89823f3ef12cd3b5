"""Which columns a model can learn from: the others are set aside, each with its reason."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from toolkit.common.errors import DataError
from toolkit.data.column_kinds import Inferred, inspect, undecided
from toolkit.data.column_values import refuse_infinite
from toolkit.data.columns import Column, Columns, assemble
from toolkit.data.date_formats import are_zoned
from toolkit.data.identifiers import are_integers, is_suspect, is_time_axis, numbers_rows, repeat_question
from toolkit.data.reading_options import ReadingOptions

__all__ = ["Wanted", "usable_columns"]

_TEXT_LEVELS = 50
_FEWEST_SUSPECT = 20
_FEWEST_TIMES = 10
_EXACT = 2**53  # larger whole numbers are not exact as floats
_WHOLE = re.compile(r"\d{1,19}")


@dataclass(frozen=True)
class Wanted:
    """What the user asked for, and what is known of the table.

    Attributes:
        keep: Columns kept although they would be set aside.
        categories: Columns whose values are categories, whatever they look like.
        excluded: Columns that are no features, with the reason.
        reading: How numbers and dates are written.
        split_by: Whether the split goes by groups, or by time.
        text: Whether the table is a text file, whose cells are all text.
        separator: What separates the cells of a text file, or "".
    """

    keep: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    excluded: dict[str, str] = field(default_factory=dict)
    reading: ReadingOptions = field(default_factory=ReadingOptions)
    split_by: bool = False
    text: bool = False
    separator: str = ""


def usable_columns(
    frame: pd.DataFrame, learn: np.ndarray, rows: np.ndarray, name: str, request: Wanted
) -> tuple[Columns, dict[str, str], list[str]]:
    """Find the kind of every column and set aside what a model can't use.

    Args:
        frame: The columns of the rows with a target, as they came.
        learn: Mask of the rows from which everything is learned, those outside the test part, shape (rows,).
        rows: The row numbers.
        name: The name of the table.
        request: What the user asked for.

    Returns:
        The usable columns of all rows; the reason for each column that is set aside; and sentences about what was
        noticed.

    Raises:
        DataError: No column is left, one holds infinite numbers, or one holds numbers that can be read in two ways.
    """
    labels = [str(label) for label in frame.columns]
    set_aside: dict[str, str] = {}
    inferred: dict[str, Inferred] = {}
    for index, label in enumerate(labels):
        copies = labels[: index + 1].count(label)
        if copies > 1:
            set_aside[f"{label} ({copies})"] = f"another column is named '{label}' too; the first one is used"
        elif label in request.excluded:
            set_aside[label] = request.excluded[label]
        else:
            set_aside[label] = ""  # its place in the order of the columns
            inferred[label] = _inspected(frame, index, learn, rows, request)
    _decide_doubts(frame, inferred, learn, rows, request)
    usable, notes = {}, []
    for label, result in inferred.items():
        learned = _learned(frame.iloc[:, labels.index(label)], result, learn)
        reason = _why_not(learned, result, label, learn, request)
        if reason is not None:
            set_aside[label] = reason
            continue
        del set_aside[label]
        usable[label] = result
        notes += [*result.notes, *_questions(learned, result, label, learn, request)]
    notes += [] if request.split_by else _time_question(usable, learn)
    _keep_something(usable, inferred, set_aside, notes, name)
    values, columns = {}, []
    for label in (label for label in inferred if label in usable):
        column = usable[label].column
        if column is not None:
            refuse_infinite(usable[label].values, column, name, rows)
            values[label] = usable[label].values
            zoned = are_zoned(frame.iloc[:, labels.index(label)][learn]) if column.kind == "date" else None
            columns.append(replace(column, zoned=zoned))
    return Columns(assemble(values, columns, len(frame)), tuple(columns), tuple(labels)), set_aside, notes


def _inspected(
    frame: pd.DataFrame, index: int, learn: np.ndarray, rows: np.ndarray, request: Wanted, likely: str | None = None
) -> Inferred:
    label = str(frame.columns[index])
    return inspect(
        frame.iloc[:, index],
        label,
        category=label in request.categories,
        reading=request.reading,
        learn=learn,
        rows=rows,
        text=request.text,
        likely=likely,
    )


def _decide_doubts(
    frame: pd.DataFrame, inferred: dict[str, Inferred], learn: np.ndarray, rows: np.ndarray, request: Wanted
) -> None:
    """Read the numbers that can be read in two ways with the decimal mark that the other columns prove."""
    marks = {result.proven for result in inferred.values()} - {None}
    likely, why = next(iter(marks), None) if len(marks) == 1 else None, "as in the other columns"
    if likely is None and request.separator == ",":
        likely, why = ".", "since commas separate the cells of the file"
    for label, result in inferred.items():
        cell = result.doubtful
        if cell is None:
            continue
        if likely is None and ("," in cell or "," in marks):
            raise undecided(label, cell)
        if likely is not None:
            again = _inspected(frame, list(frame.columns).index(label), learn, rows, request, likely)
            inferred[label] = replace(again, doubtful=None)
        if likely is not None and "," in (cell + likely):
            note = f"'{label}' holds numbers such as '{cell}': '{likely}' is taken for their decimal mark, {why}."
            inferred[label].notes.append(note)
        elif request.separator == ";":
            inferred[label].notes.append(
                f"'{label}' holds numbers such as '{cell}': the point is taken for their decimal mark. If it separates "
                "thousands, add thousands='.'."
            )


def _why_not(learned: np.ndarray, result: Inferred, label: str, learn: np.ndarray, request: Wanted) -> str | None:
    """Return why a column is not used, or None; `learned` are its values to learn from, see `_learned`."""
    if result.column is None:
        return result.notes[0]
    if label in request.keep:
        return None
    if result.column.kind == "number":
        reason = numbers_rows(learned, label, len(learn))
        if reason is not None:
            return reason
    useless = _why_useless(result.values, learn, result.column, label in request.categories)
    if learned.dtype.kind in "iu" and useless is not None and learned.min() < learned.max():
        return "its numbers are too large to be told apart (they have more than 16 digits)"
    return f"{useless}. {result.hint}".rstrip(". ") if useless and result.hint else useless


def _learned(raw: pd.Series, result: Inferred, learn: np.ndarray) -> np.ndarray:
    """Return the values to learn from: whole numbers that floats can't tell apart as integers, others as floats."""
    if result.column is None:
        return np.empty(0)
    values = result.values[learn]
    is_exact = values.dtype.kind == "f" and not (np.abs(values) >= _EXACT).any()
    return values if is_exact and raw.dtype.kind == "f" else _exact(raw[learn], values)


def _exact(raw: pd.Series, values: np.ndarray) -> np.ndarray:
    """Return whole numbers that floats can't tell apart as integers, and others as floats."""
    if isinstance(raw.dtype, np.dtype) and raw.dtype.kind in "iu":
        return raw.to_numpy()
    if values.dtype.kind != "f" or not (np.abs(values) >= _EXACT).any() or not np.isfinite(values).all():
        return values
    cells = [str(cell).strip() for cell in raw]
    if not all(_WHOLE.fullmatch(cell) for cell in cells):
        return values
    exact = np.array([int(cell) for cell in cells])
    return exact if exact.dtype.kind in "iu" else values


def _questions(learned: np.ndarray, result: Inferred, label: str, learn: np.ndarray, request: Wanted) -> list[str]:
    """Return what the user should think about: a column that may name rows, repeat, or order the table."""
    column = result.column
    if column is None or label in request.categories or label in request.keep:
        return []
    number = column.kind == "number" and column.format is None
    if number and len(learned) >= _FEWEST_SUSPECT and is_suspect(learned, label):
        return [
            f"'{label}' holds a different whole number in every row. If it only names the rows, add drop='{label}'."
        ]
    if request.split_by or column.kind == "date":
        return []
    rising = False
    if column.kind != "category":
        if not number:
            return []
        values = result.values[learn]
        present = values[~pd.isna(values)]
        if not are_integers(present):
            return []
        rising = bool((present[1:] >= present[:-1]).all())
    question = repeat_question(pd.factorize(result.values)[0], learn, label, rising=rising)
    return [] if question is None else [question]


def _time_question(usable: dict[str, Inferred], learn: np.ndarray) -> list[str]:
    """Return the question whether the model will predict later rows, where the rows are sorted by a time."""
    for label, result in usable.items():
        column, present = result.column, result.values[learn]
        is_number = column is not None and column.kind == "number" and is_time_axis(label)
        if column is None or not (column.kind == "date" or is_number) or pd.isna(present).any():
            continue
        if len(np.unique(present)) < _FEWEST_TIMES:
            continue
        if (present[1:] >= present[:-1]).all() or (present[1:] <= present[:-1]).all():
            return [
                f"The rows are sorted by '{label}'. Will the model predict later rows than it was trained on? If so, "
                f"time='{label}' tests it on the newest rows."
            ]
    return []


def _keep_something(
    usable: dict[str, Inferred], inferred: dict[str, Inferred], set_aside: dict[str, str], notes: list[str], name: str
) -> None:
    """Use the first row number where there is no other column."""
    if usable:
        return
    numbers = [label for label in inferred if set_aside[label].startswith(("a row number", "an identifier"))]
    if numbers:
        label = numbers[0]
        usable[label] = inferred[label]
        del set_aside[label]
        notes.append(f"'{label}' looks like a row number, and is used because there is no other column.")
        return
    reasons = "; ".join(f"'{label}': {reason}" for label, reason in list(set_aside.items())[:5])
    raise DataError(
        f"no usable column is left in {name}. Set aside: {reasons or 'none, there is only the target'}. "
        "keep= takes the names of columns to use all the same."
    )


def _why_useless(values: np.ndarray, learn: np.ndarray, column: Column, is_category: bool) -> str | None:
    """Return why a column can't help a model, or None: decided by the rows to learn from, said of all rows."""
    present = values[learn]
    rest, distinct = _present(present, column.kind)
    missing = len(rest) < len(present)
    if distinct > 1 and column.kind != "category":
        return None
    everywhere, different = _present(values, column.kind)
    if distinct == 0:
        return "every cell is missing" if different == 0 else "every cell outside the test part is missing"
    if distinct == 1 and not missing:
        where = "row" if different == 1 else "row outside the test part"
        return f"constant: every {where} holds {_cell_text(rest[0], column.kind)}"
    if column.kind != "category" or is_category:
        return None
    if distinct == len(rest) and not missing and different == len(everywhere) == len(values):
        return f"a key: each of its {different:,} values is different"
    if distinct > 0.5 * len(rest) and (distinct > _TEXT_LEVELS or (distinct == len(rest) and not missing)):
        few = "nearly one value per row" if different > 0.8 * len(everywhere) else "only a few rows for each value"
        return f"text with {few}: {different:,} different values in {len(everywhere):,} rows"
    return None


def _present(values: np.ndarray, kind: str) -> tuple[np.ndarray, int]:
    """Return the values that are not missing, and the number of different ones; numbers are counted up to 2."""
    missing = np.asarray(pd.isna(values))
    rest = values[~missing] if missing.any() else values
    if kind not in ("number", "boolean"):
        return rest, len(pd.unique(rest))
    return rest, 0 if len(rest) == 0 else 1 if rest.min() == rest.max() else 2


def _cell_text(value: Any, kind: str) -> str:
    if kind == "number":
        return f"{value:g}"
    return {1.0: "true", 0.0: "false"}[value] if kind == "boolean" else str(value)[:40]
