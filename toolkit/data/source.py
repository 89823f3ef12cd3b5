"""One source as the user gave it (a file, a DataFrame, arrays or images), divided into features and target."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd

from toolkit.common.errors import DataError, nearest
from toolkit.common.formatting import counted, listing
from toolkit.data.cells import is_number
from toolkit.data.column_kinds import infer
from toolkit.data.images.stack import ImageSet, canonical, holds_images
from toolkit.data.read import Table, is_file, read
from toolkit.data.reading.encoding import REPLACEMENT
from toolkit.data.reading.frames import as_frame, frame_of, is_table, matrix_of, plain_target
from toolkit.data.reading.typed_text import typed
from toolkit.data.reading_options import ReadingOptions
from toolkit.data.surrogates import refuse_surrogates, valid_text
from toolkit.data.target_checks import target_of_pair

__all__ = ["Source", "is_pair", "is_path", "load", "names_of", "refuse_labels"]

# What targets without names of their own are called: those of arrays and of folders.
_GENERIC = re.compile(r"(target|label|class|value)( \d+)?")


@dataclass
class Source:
    """One table, or one stack of images, as it came.

    Attributes:
        name: Its name in messages.
        features: Every column but the target, shape (rows, columns); for images without columns.
        target: The target columns.
        rows: The numbers of the rows, from 1.
        notes: Sentences about what was noticed.
        unnamed: Whether it was an array, whose columns are known by their positions.
        images: The images, or None.
        from_text: Whether it was a text file, whose feature cells are all text.
        separator: What separates the cells of the text file, or "".
        encoding: The encoding of the text file, where it was found out and is not UTF-8, or "".
        damage: Those of the notes that are about what was lost or filled in reading.
        part: For rows that are dealt already: the index of each one's part in `toolkit.data.stratify.PARTS`.
    """

    name: str
    features: pd.DataFrame
    target: pd.DataFrame
    rows: np.ndarray
    notes: list[str]
    unnamed: bool
    images: ImageSet | None = None
    from_text: bool = False
    separator: str = ""
    encoding: str = ""
    damage: Sequence[str] = ()
    part: np.ndarray | None = None


@refuse_surrogates()
def load(
    source: Any,
    targets: list[str],
    task: str,
    role: str = "",
    reading: ReadingOptions | None = None,
    likely: str | None = None,
) -> Source:
    """Read one source and divide it into features and target.

    Args:
        source: A path or another source of `toolkit.data.read.read` that holds the target too, a `Table` that was read
            already, an `(X, y)` pair, or images.
        targets: The names of the target columns; none for a pair.
        task: The task, which decides how y of a pair is read.
        role: "" for the data themselves; for further rows what they are: "test", "validation" or "labeled".
        reading: How text files are read; for labeled rows, how those of the training were.
        likely: For further rows: the decimal mark of the target's numbers that can be read in two ways.

    Raises:
        DataError: It can't be read, or the target is not in it.
    """
    if holds_images(source):
        return _load_images(source, targets, task, role)
    if is_pair(source):
        x, y = source
        return _load_pair(x, y, targets, task, role, reading)
    further = role == "labeled"
    table = source if isinstance(source, Table) else read(source, reading, expected_names=targets, further=further)
    name = f"the {role} {table.name}" if role and is_table(source) else table.name
    features, target = _divide(table.frame.reset_index(drop=True), targets, name, role)
    notes = [*table.damage, *table.notes]
    target = _without_words(target, reading)
    if table.from_text:
        target, sentences = _typed_target(target, reading, likely)
        notes += sentences
    features = _with_text_labels(features)
    if not role and is_path(source) and all(re.fullmatch(r"-?\d+(\.\d+)?", label) for label in features.columns):
        notes.append(f"Every column name of {name} is a number: does its first line hold names?")
    rows = np.arange(1, len(features) + 1) if table.rows is None else table.rows
    target.index = pd.Index(rows - 1)  # by which messages number the rows
    return Source(
        name,
        features,
        target,
        rows,
        notes,
        False,
        part=table.part,
        from_text=table.from_text,
        separator=table.separator,
        encoding=table.encoding,
        damage=table.damage,
    )


def _without_words(target: pd.DataFrame, reading: ReadingOptions | None) -> pd.DataFrame:
    """Return target columns whose cells are missing where they are one of the user's words for that."""
    words = reading.na_values if reading is not None else ()
    if not words:
        return target
    return target.mask(target.isin([*words, *(float(word) for word in words if is_number(word.strip()))]))


def _typed_target(
    target: pd.DataFrame, reading: ReadingOptions | None, likely: str | None
) -> tuple[pd.DataFrame, list[str]]:
    """Return target columns of text cells as numbers or true/false where they are, and a note on missing words."""
    columns, notes = {}, []
    for label in target.columns:
        # A label with bytes that are no text can't be told.
        readable = ~target[label].str.contains(REPLACEMENT, regex=False).to_numpy(dtype=bool, na_value=False)
        columns[label] = _typed_cells(target[label].where(readable), str(label), reading or ReadingOptions(), likely)
        lost = (columns[label].isna() & target[label].notna()).to_numpy(dtype=bool)
        if lost.any():
            words = listing([repr(word) for word in sorted({str(cell).strip() for cell in target[label][lost]})])
            count = "counts" if lost.sum() == 1 else "count"
            notes.append(f"{counted(int(lost.sum()), 'cell')} of the target '{label}' ({words}) {count} as missing.")
    return pd.DataFrame(columns), notes


def _typed_cells(series: pd.Series, label: str, reading: ReadingOptions, likely: str | None) -> pd.Series:
    """Return text cells as numbers or true/false, if they are written so; the options say how numbers are."""
    if likely is not None or reading.decimal is not None or reading.thousands is not None:
        column, values, _ = infer(series, label, reading=reading, likely=likely)
        if column is not None and column.kind == "number":
            numbers = pd.Series(values, index=series.index)
            return numbers.astype(np.int64) if (numbers % 1 == 0).all() else numbers
    return typed(series)


def _load_pair(x: Any, y: Any, targets: list[str], task: str, role: str, reading: ReadingOptions | None) -> Source:
    """Check an `(X, y)` pair and bring it into the form of a table."""
    name = f"the {role} arrays" if role else "arrays"
    y, notes = plain_target(y), []
    is_named = is_table(x)
    if is_named:
        features = frame_of(x, "X")
        y, notes = _aligned(features, y)
    else:
        features = _numbered(matrix_of(x, "X"), "X.to_frame()" if isinstance(x, pd.Series) else "X.reshape(-1, 1)")
    if features.empty:
        raise DataError(f"X has shape {features.shape}; expected rows and columns.")
    target = _without_words(target_of_pair(features, y, task), reading)
    if role:
        target = _in_order(target, targets, name, named=False)
    return Source(name, _with_text_labels(features), target, np.arange(1, len(features) + 1), notes, not is_named)


def _numbered(array: np.ndarray, one_column: str) -> pd.DataFrame:
    """Return an array as a table with the columns x1, x2, and so on; `one_column` makes a table of a column."""
    if array.ndim != 2:
        hint = f": {one_column} is one column" if array.ndim == 1 and array.size and array.dtype != object else ""
        raise DataError(f"X has shape {array.shape}; expected (rows, columns){hint}.")
    return as_frame(array, columns=[f"x{index + 1}" for index in range(array.shape[1])], copy=False)


def _aligned(x: pd.DataFrame, y: Any) -> tuple[Any, list[str]]:
    """Return y in the order of X's index, and a note if it was in another; other labels are refused."""
    if not isinstance(y, (pd.DataFrame, pd.Series)) or len(x) != len(y) or x.index.equals(y.index):
        return y, []
    if x.index.is_unique and y.index.is_unique and x.index.isin(y.index).all():
        return y.reindex(x.index), [
            "y has the index labels of X in another order: its rows were put in the order of X."
        ]
    raise DataError(
        f"X and y have different index labels (X: {_index_text(x.index)}; y: {_index_text(y.index)}). If their rows "
        "are in the same order, give y.to_numpy(); otherwise give both the same index."
    )


def _index_text(index: pd.Index) -> str:
    return ", ".join(str(label) for label in index[:3]) + (", ..." if len(index) > 3 else "")


def _with_text_labels(features: pd.DataFrame) -> pd.DataFrame:
    return features.reset_index(drop=True).set_axis([valid_text(label) for label in features.columns], axis=1)


def _divide(frame: pd.DataFrame, targets: list[str], name: str, role: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the feature columns and the target columns of a table."""
    labels = [valid_text(label) for label in frame.columns]
    hint = ""
    if labels == [f"column {index + 1}" for index in range(len(labels))]:
        hint = " The first line looks like data; if it holds the names of the columns, add header=0."
    if not targets:
        raise DataError(f"target= is needed: the column of {name} to predict (columns: {listing(labels)}).{hint}")
    for column in targets:
        if column not in labels:
            why = f" The {role} rows need it too." if role else hint
            raise DataError(
                f"target '{column}' is not a column of {name} (columns: {listing(labels)})."
                f"{nearest(column, labels)}{why}"
            )
        if labels.count(column) > 1:
            raise DataError(f"{name} has {labels.count(column)} columns named '{column}'; the target must be one.")
    target = frame.iloc[:, [labels.index(column) for column in targets]]
    target.columns = pd.Index(targets)
    return frame.iloc[:, [index for index, label in enumerate(labels) if label not in targets]], target


def _load_images(source: Any, targets: list[str], task: str, role: str) -> Source:
    """Check images, and divide them from their target."""
    if isinstance(source, ImageSet):
        images = source
        name = f"the {role} images" if role else source.name
    else:
        name = f"the {role} arrays" if role else "arrays"
        pixels = canonical(source[0], "X")
        images = ImageSet(pixels, target_of_pair(pixels, source[1], task))
    target = images.target.reset_index(drop=True)
    if role:
        target = _in_order(target, targets, name, named=isinstance(source, ImageSet))
    rows = len(images)
    no_columns = pd.DataFrame(index=range(rows))
    return Source(name, no_columns, target, np.arange(1, rows + 1), list(images.notes), True, images)


def _in_order(target: pd.DataFrame, targets: list[str], name: str, *, named: bool) -> pd.DataFrame:
    """Return the target columns of further rows in the training order, by name or else by position.

    Args:
        target: The columns of further rows.
        targets: The names in training.
        name: The name of the rows in messages.
        named: Whether the names are those of a table, so that other names than in training are a mistake.
    """
    labels = [str(label) for label in target.columns]
    target = target.set_axis(labels, axis=1)
    if set(labels) == set(targets):
        return target[targets]
    if len(labels) != len(targets):
        return target
    if named and not all(map(_GENERIC.fullmatch, labels)) and not all(map(_GENERIC.fullmatch, targets)):
        raise DataError(
            f"the target of {name} has other columns ({listing(labels)}) than in training ({listing(targets)}): give "
            "them the same names."
        )
    return target.set_axis(targets, axis=1)


def names_of(value: Any) -> tuple[str, ...]:
    """Return one name or several as names; the columns of a DataFrame may be numbered.

    Raises:
        DataError: It is neither, or a set, whose order is not defined.
    """
    if value is None:
        return ()
    if isinstance(value, (str, Real)):
        return (valid_text(value),)
    if not isinstance(value, Iterable) or isinstance(value, (bytes, set, frozenset)):
        raise DataError(f"columns are named by {value!r}; expected a name, or a list of names.")
    return tuple(valid_text(name) for name in value)


def refuse_labels(target: Any, source: Any) -> None:
    """Refuse a target that is the labels themselves, and not the names of columns of a table.

    Raises:
        DataError: It is an array, a Series, a table, or a list with an entry for each row.
    """
    if isinstance(target, (str, Real, pd.Index)):
        return
    shape = getattr(source, "shape", ())
    is_long = isinstance(target, list | tuple) and bool(shape) and len(target) == shape[0]
    if not is_long and not hasattr(target, "__array__"):
        return
    names = [name for name in target if isinstance(name, str)] if np.ndim(target) == 1 else []
    columns = getattr(source, "column_names", getattr(source, "columns", () if shape else names))
    if not names or len(names) < len(target) or not set(names) <= set(map(str, columns)):
        kind = f"a {type(target).__name__} of shape {np.shape(target)}"
        raise DataError(
            f"target is {kind}; expected the name of a column. Give features and labels as one pair, in brackets: "
            "train((X, y))."
        )


def is_pair(source: Any) -> bool:
    """Return whether a source is an `(X, y)` pair.

    Raises:
        DataError: It is a tuple or a list of something else.
    """
    if isinstance(source, (tuple, list)) and not is_table(source):
        if len(source) != 2 or isinstance(source[0], (str, bytes)):
            raise DataError(f"data is a {type(source).__name__} of {len(source)}; expected a pair (X, y).")
        return True
    return False


def is_path(source: Any) -> bool:
    """Return whether a source is a path or an open file, or was read from one."""
    return is_file(source) or isinstance(source, Table)
