"""The target: taken from a pair, checked for its task, turned into what a network learns and back into labels."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import pandas as pd

from toolkit.common.errors import DataError, nearest
from toolkit.common.formatting import listing, rows_text
from toolkit.common.options import documented
from toolkit.common.schema import SCHEMA, check_schema
from toolkit.data.cells import level
from toolkit.data.columns import infer

__all__ = ["TASKS", "Target", "check_target", "labels_of", "match_target", "target_of_pair"]

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
            frame = pd.DataFrame(array, columns=[f"{word} {place + 1}" for place in range(array.shape[1])])
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
        name: What the table is called in messages.
        from_file: The table was read from a text file, where an empty cell turns whole numbers into floats.
        complete: Every class must be there, as in the data; False for test rows of their own.

    Returns:
        The target of the rows that have one (index 0 to n - 1, in the user's dtype but that numbers written as text
        become floats), a boolean mask of those rows, and a sentence for each thing done.

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
    notes: list[str] = []
    missing = np.zeros(len(target), dtype=bool)
    for column in target.columns:
        absent = _absent(target[column])
        if absent.all():
            raise DataError(f"target '{column}' of {name} is missing in all {len(target):,} rows.")
        missing |= absent
    if missing.all():
        raise DataError(f"every row of {name} lacks one of its targets ({listing(target.columns)}).")
    present = ~missing
    if missing.any():
        rows = np.flatnonzero(missing) + 1
        lacking = "a target" if target.shape[1] == 1 else "one of its targets"
        one = len(rows) == 1
        notes.append(
            f"{len(rows):,} row{'s' * (not one)} without {lacking} {'was' if one else 'were'} dropped "
            f"({rows_text(rows)}{'' if name == '' or complete else f' of {name}'})."
        )
    numbers = np.flatnonzero(present) + 1
    kept = target.loc[present].reset_index(drop=True)
    for column in kept.columns:
        series = kept[column]
        if isinstance(series.dtype, pd.CategoricalDtype) and isinstance(series.cat.categories, pd.IntervalIndex):
            series = series.astype(str)  # a number cut into bands by pandas: each band is a class, named by its ends
        if from_file and missing.any() and series.dtype == np.float64 and (series % 1 == 0).all():
            series = series.astype(np.int64)
        if task == "regression":
            series = _check_numbers(series, str(column), name, numbers, notes, complete)
        elif task == "multilabel":
            series = _check_label(series, str(column), name, numbers)
        else:
            _check_classes(series, str(column), task, name, numbers, complete)
        kept[column] = series
    return kept, present, notes


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
        place = 0 if numeric is None else int(np.flatnonzero(numeric.isna())[0])
        shown = str(series.iloc[place])
        advice = " Use binary or multiclass for classes." if kind == "category" else ""
        raise DataError(
            f"target '{column}' of {name} holds {what} ({shown!r} in row {rows[place]}); "
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
    strange = next(
        (
            value
            for value in distinct
            if not isinstance(value, (str, bool, int, float, np.generic)) or isinstance(value, datetime.date)
        ),
        None,
    )
    if strange is not None or pd.api.types.is_datetime64_any_dtype(series.dtype):
        what = "dates" if isinstance(distinct[0], datetime.date) else f"cells of type {type(distinct[0]).__name__}"
        raise DataError(f"target '{column}' of {name} holds {what}; classes are text, numbers or true/false.")
    numeric = pd.api.types.is_numeric_dtype(series.dtype)
    if numeric and np.isinf(series.to_numpy(dtype=np.float64)).any():
        bad = rows[np.isinf(series.to_numpy(dtype=np.float64))]
        raise DataError(f"target '{column}' of {name} is infinite in {rows_text(bad)}.")
    if not complete:
        return
    classes = labels_of(series)
    shown = listing([repr(label) for label in classes], most=5)
    if len(classes) == 1:
        needed = "exactly 2" if task == "binary" else "at least 2"
        raise DataError(f"target '{column}' of {name} has one class only ({shown}); {task} needs {needed}.")
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
            f"target '{column}' of {name} has {len(classes)} classes ({shown}); binary needs exactly 2. {advice}"
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
        wrong = [place for place, text in enumerate(texts) if text not in ("0", "1", "True", "False")]
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
        name: What the further rows' table is called in messages.
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
        wanted = known[column]
        if task == "regression":
            matched[column] = series if series.dtype == wanted.dtype else series.astype(np.float64)
            continue
        if task == "multilabel":
            matched[column] = series.astype(np.float64).astype(wanted.dtype)
            continue
        classes = labels_of(wanted)
        if series.dtype != wanted.dtype:
            # A file's other rows decide whether pandas reads 1, 1.0 or "1": the training label of that text is meant.
            by_text = {level(label): label for label in classes}
            series = pd.Series([by_text.get(level(value), value) for value in series], dtype=object)
        strange = np.flatnonzero(~series.isin(classes).to_numpy(dtype=bool))
        if len(strange):
            value = series.iloc[int(strange[0])]
            value = value.item() if isinstance(value, np.generic) else value
            known_as = listing([repr(label) for label in classes])
            raise DataError(
                f"target '{column}' of {name} holds {value!r} in row {rows[strange[0]]}, a class that the training "
                f"data lacks ({known_as}).{nearest(value, classes)}"
            )
        matched[column] = series.astype(wanted.dtype)
    frame = pd.DataFrame(matched)
    if task == "regression":
        return frame.astype(
            {column: known[column].dtype for column in known.columns if frame[column].dtype.kind == "i"}
        )
    return frame


@dataclass(frozen=True)
class Target:
    """How the user's target becomes what the network learns, and how its decisions become the user's labels again.

    Args:
        task: One of `toolkit.data.target.TASKS`.
        columns: The names of the target columns.
        dtypes: The dtype of each target column, as text.
        classes: The user's labels in order, for binary (the second is the positive one) and multiclass; for multilabel
            and regression empty.
        centre: What is taken off each regression target, float64 of shape (targets,).
        scale: What it is divided by: the standard deviation in training; ones for classification, shape (units,).
        log_target: Regression targets are logarithms before that.

    Example:
        >>> target = Target.fit(pd.DataFrame({"y": ["no", "yes", "no"]}), np.array([0, 1]), "binary")
        >>> target.classes, target.encode(pd.DataFrame({"y": ["yes", "no"]})).tolist()
        (['no', 'yes'], [[1.0], [0.0]])
        >>> target.decode(np.array([1, 0])).tolist()
        ['yes', 'no']
    """

    task: str
    columns: list[str]
    dtypes: list[str]
    classes: list[Any]
    centre: np.ndarray
    scale: np.ndarray
    log_target: bool = False

    @classmethod
    @documented
    def fit(
        cls,
        target: pd.DataFrame,
        train: np.ndarray,
        task: str,
        rows: np.ndarray | None = None,
        *,
        log_target: Annotated[
            bool, "Learn the natural logarithm of the targets, which must all be above 0.", "regression"
        ] = False,
    ) -> Target:
        """Learn the classes from all rows, and mean and standard deviation from the training rows.

        Args:
            target: The target columns of all rows, checked, nothing missing.
            train: Positions of the training rows.
            task: One of the four tasks.
            rows: The number by which each row is named in messages; by default its position, from 1.

        Returns:
            The target.

        Raises:
            DataError: `log_target` with a value of 0 or below (the rows are named), or with classes.
        """
        if task not in TASKS:
            raise DataError(f"task {task!r} is not known (tasks: {', '.join(TASKS)}).{nearest(task, TASKS)}")
        names = [str(column) for column in target.columns]
        dtypes = [_dtype_text(target[column]) for column in target.columns]
        if task != "regression":
            if log_target:
                raise DataError(f"log_target is for regression; {task} predicts classes.")
            classes = labels_of(target.iloc[:, 0]) if task in ("binary", "multiclass") else []
            units = {"binary": 1, "multiclass": len(classes), "multilabel": len(names)}[task]
            return cls(task, names, dtypes, classes, np.zeros(units), np.ones(units))
        values = _numbers(target, names, log_target, rows)[train]
        with np.errstate(over="ignore"):
            scale = values.std(axis=0)
        if not np.isfinite(scale).all():
            raise DataError("the target's numbers are too large to work with: divide them, or take log_target=True.")
        # Where the training rows are all equal there is nothing to divide by.
        scale = np.where((scale > 0) & (values.min(axis=0) < values.max(axis=0)), scale, 1.0)
        return cls(task, names, dtypes, [], values.mean(axis=0), scale, log_target)

    @property
    def units(self) -> int:
        """The number of outputs a network needs: targets, 1 for binary, classes, or labels."""
        return len(self.scale)

    def encode(self, target: pd.DataFrame, *, rows: np.ndarray | None = None) -> np.ndarray:
        """Return what the network learns.

        Args:
            target: Target columns, nothing missing, in the order of `columns`, shape (rows, targets).
            rows: The number by which each row is named in messages; by default its position, from 1.

        Returns:
            Regression: float32 of shape (rows, targets), standardised. Binary: float32 of shape (rows, 1), 0 or 1.
            Multiclass: int32 of shape (rows,). Multilabel: float32 of shape (rows, labels), 0 or 1.

        Raises:
            DataError: A label is unknown (its row is named), or a value that has no logarithm.
        """
        if target.shape[1] != len(self.columns):
            raise DataError(f"there are {target.shape[1]} target columns; expected {listing(self.columns)}.")
        if self.task == "regression":
            values = _numbers(target, self.columns, self.log_target, rows)
            return ((values - self.centre) / self.scale).astype(np.float32)
        if self.task == "multilabel":
            matrix = np.column_stack([target.iloc[:, place].to_numpy(dtype=np.float64) for place in range(self.units)])
            bad = np.flatnonzero(~np.isin(matrix, (0.0, 1.0)).all(axis=1))
            if len(bad):
                raise DataError(f"labels must be 0 or 1 ({rows_text(_named(bad, rows))}).")
            return matrix.astype(np.float32)
        codes = self._codes(target.iloc[:, 0], rows)
        return codes.astype(np.float32)[:, None] if self.task == "binary" else codes.astype(np.int32)

    def _codes(self, series: pd.Series, rows: np.ndarray | None) -> np.ndarray:
        known, distinct = pd.factorize(series)
        places = {label: place for place, label in enumerate(self.classes)}
        by_text = {level(label): place for place, label in enumerate(self.classes)}
        table = np.array([places.get(label, by_text.get(level(label), -1)) for label in distinct] + [-1])
        codes = table[known]
        bad = np.flatnonzero(codes < 0)
        if len(bad):
            value = series.iloc[int(bad[0])]
            shown = value.item() if isinstance(value, np.generic) else value
            raise DataError(
                f"target '{self.columns[0]}' holds {shown!r} in row {_named(bad[:1], rows)[0]}, not one of the "
                f"classes ({listing([repr(label) for label in self.classes])}).{nearest(shown, self.classes)}"
            )
        return codes

    def decode(self, decisions: np.ndarray) -> np.ndarray:
        """Return decisions in the user's own terms.

        Args:
            decisions: Regression: the network's outputs, shape (rows, targets) or (rows,) for one target. Binary: 0 or
                1, shape (rows,) or (rows, 1). Multiclass: class numbers, shape (rows,). Multilabel: 0 or 1, shape
                (rows, labels).

        Returns:
            Regression: float64 in the target's unit, shape (rows,) for one target, else (rows, targets). Binary and
            multiclass: the user's labels, shape (rows,), in the user's dtype (text as objects). Multilabel: shape
            (rows, labels) in the user's dtype (int64 where the labels' dtypes differ).
        """
        decisions = np.asarray(decisions)
        if self.task == "regression":
            values = decisions.astype(np.float64).reshape(len(decisions), -1) * self.scale + self.centre
            if self.log_target:
                with np.errstate(over="ignore"):
                    values = np.exp(values)
            return values[:, 0] if len(self.columns) == 1 else values
        if self.task == "multilabel":
            dtype = np.dtype(self.dtypes[0] if len(set(self.dtypes)) == 1 else "int64")
            return decisions.astype(np.int64).astype(dtype)
        dtype = np.dtype(self.dtypes[0])
        labels = np.empty(len(self.classes), dtype=dtype)
        labels[:] = self.classes
        return labels[decisions.reshape(-1).astype(np.int64)]

    def to_dict(self) -> dict[str, Any]:
        """Return the target as a dict that strict JSON can hold, exactly."""
        return {
            "schema": SCHEMA,
            "task": self.task,
            "columns": list(self.columns),
            "dtypes": list(self.dtypes),
            "classes": list(self.classes),
            "centre": self.centre.tolist(),
            "scale": self.scale.tolist(),
            "log_target": self.log_target,
        }

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Target:
        """Return the target that `to_dict` described.

        Raises:
            DataError: The schema version is unknown, or the dict is not of this form.
        """
        check_schema(content, "target")
        try:
            return cls(
                content["task"],
                list(content["columns"]),
                list(content["dtypes"]),
                list(content["classes"]),
                np.array(content["centre"], dtype=np.float64),
                np.array(content["scale"], dtype=np.float64),
                content["log_target"],
            )
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"the target's encoding is damaged: {type(error).__name__} {error}.") from error


def _dtype_text(series: pd.Series) -> str:
    """Return the numpy dtype that gives the labels back: text and mixed labels are objects."""
    dtype = series.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        dtype = series.cat.categories.dtype
    if isinstance(dtype, np.dtype):
        return dtype.name if dtype.kind in "biuf" else "object"
    if pd.api.types.is_bool_dtype(dtype):
        return "bool"
    plain = getattr(dtype, "numpy_dtype", None)
    return plain.name if isinstance(plain, np.dtype) and plain.kind in "biuf" else "object"


def _named(positions: np.ndarray, rows: np.ndarray | None) -> np.ndarray:
    return positions + 1 if rows is None else np.asarray(rows)[positions]


def _numbers(target: pd.DataFrame, names: Sequence[str], log_target: bool, rows: np.ndarray | None) -> np.ndarray:
    values = np.column_stack([target.iloc[:, place].to_numpy(dtype=np.float64) for place in range(target.shape[1])])
    if not log_target:
        return values
    for place, name in enumerate(names):
        bad = np.flatnonzero(~(values[:, place] > 0))
        if len(bad):
            raise DataError(
                f"log_target needs a target above 0, but '{name}' is {values[bad[0], place]:g} "
                f"({rows_text(_named(bad, rows))})."
            )
    return np.log(values)
