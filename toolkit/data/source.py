"""One source as the user gave it (a file, a DataFrame, arrays or images), divided into features and target."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from toolkit.common.errors import DataError, nearest
from toolkit.common.formatting import listing
from toolkit.data.images.stack import ImageSet, canonical, holds_images
from toolkit.data.read import read
from toolkit.data.target_checks import target_of_pair

__all__ = ["Source", "is_pair", "is_path", "load", "names_of"]

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
    """

    name: str
    features: pd.DataFrame
    target: pd.DataFrame
    rows: np.ndarray
    notes: list[str]
    unnamed: bool
    images: ImageSet | None = None


def load(source: Any, targets: list[str], task: str, role: str = "") -> Source:
    """Read one source and divide it into features and target.

    Args:
        source: A path, a DataFrame that holds the target too, an `(X, y)` pair, or images.
        targets: The names of the target columns; none for a pair.
        task: The task, which decides how y of a pair is read.
        role: "" for the data themselves; for further rows what they are, such as "test".

    Raises:
        DataError: It can't be read, or the target is not in it.
    """
    if holds_images(source):
        return _load_images(source, targets, task, role)
    unnamed = False
    if is_pair(source):
        name = f"the {role} arrays" if role else "arrays"
        x, y = source
        features = _features_of_pair(x)
        unnamed = features is not x
        target = target_of_pair(x, y, task)
        if role:
            target = _in_order(target, targets, name, named=False)
    else:
        frame, name = read(source)
        if role and isinstance(source, pd.DataFrame):
            name = f"the {role} DataFrame"
        features, target = _divide(frame.reset_index(drop=True), targets, name, role)
    features = features.reset_index(drop=True).set_axis([str(label) for label in features.columns], axis=1)
    notes = []
    if not role and is_path(source) and all(re.fullmatch(r"-?\d+(\.\d+)?", label) for label in features.columns):
        notes.append(f"Every column name of {name} is a number: does its first line hold names?")
    return Source(name, features, target, np.arange(1, len(features) + 1), notes, unnamed)


def _features_of_pair(x: Any) -> pd.DataFrame:
    if hasattr(x, "toarray"):
        raise DataError("X is a sparse matrix; give X.toarray().")
    features = x
    if not isinstance(x, pd.DataFrame):
        array = np.asarray(x)
        if array.ndim != 2:
            hint = ": X.reshape(-1, 1) is one column" if array.ndim == 1 and array.dtype != object else ""
            raise DataError(f"X has shape {array.shape}; expected (rows, columns){hint}.")
        features = pd.DataFrame(array, columns=[f"x{index + 1}" for index in range(array.shape[1])], copy=False)
    if features.empty:
        raise DataError(f"X has shape {features.shape}; expected rows and columns.")
    return features


def _divide(frame: pd.DataFrame, targets: list[str], name: str, role: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the feature columns and the target columns of a table."""
    labels = [str(label) for label in frame.columns]
    if not targets:
        raise DataError(f"target= is needed: the column of {name} to predict (columns: {listing(labels)}).")
    for column in targets:
        if column not in labels:
            why = f" The {role} rows need it too." if role else ""
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


def names_of(value: str | int | Sequence[str] | None) -> tuple[str, ...]:
    """Return one name or several as names; the columns of a DataFrame may be numbered."""
    if value is None:
        return ()
    return (str(value),) if isinstance(value, (str, int)) else tuple(str(name) for name in value)


def is_pair(source: Any) -> bool:
    """Return whether a source is an `(X, y)` pair.

    Raises:
        DataError: It is a tuple or a list of something else.
    """
    if isinstance(source, (tuple, list)):
        if len(source) != 2 or isinstance(source[0], str):
            raise DataError(f"data is a {type(source).__name__} of {len(source)}; expected a pair (X, y).")
        return True
    return False


def is_path(source: Any) -> bool:
    """Return whether a source is a path."""
    return isinstance(source, (str, os.PathLike))
