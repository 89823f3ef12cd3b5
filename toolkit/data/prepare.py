"""From what the user brought to split data: read, check, choose the feature columns, split."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import pandas as pd

from toolkit.common.checks import check_choice, check_whole
from toolkit.common.errors import DataError, nearest
from toolkit.common.formatting import counted, listing
from toolkit.common.options import documented
from toolkit.data.columns import Columns, coerce
from toolkit.data.dataset import SplitData
from toolkit.data.features import Features
from toolkit.data.images.preprocessing import ImagePreprocessing
from toolkit.data.images.stack import Images, ImageSet
from toolkit.data.row_weights import read_weights
from toolkit.data.source import Source, is_pair, is_path, load, names_of
from toolkit.data.split import Split, is_drawn, split_rows
from toolkit.data.stratify import PARTS
from toolkit.data.target_checks import TASKS, check_target, match_target
from toolkit.data.usable_columns import usable_columns

__all__ = ["labeled", "prepare"]

_FEWEST_ROWS = 10


@documented
def prepare(
    data: Any,
    target: str | Sequence[str] | None = None,
    *,
    task: str,
    test: Any = None,
    validation: Annotated[
        Any, "Validation rows, by which the epoch is chosen: a fraction of the data, or rows of their own, as for test."
    ] = None,
    group: Annotated[
        str | None,
        "Column whose rows of one value all go to one part, such as a patient. It is not a feature.",
        "columns",
    ] = None,
    time: Annotated[
        str | None,
        "Column (a date or a number) by which the oldest rows train and the newest test. It is not a feature, unless "
        "named in keep.",
        "columns",
    ] = None,
    keep: Annotated[str | Sequence[str], "Columns kept although they would be set aside.", "columns"] = (),
    drop: Annotated[str | Sequence[str], "Columns left out.", "columns"] = (),
    categories: Annotated[
        str | Sequence[str], "Columns whose values are categories, whatever they look like.", "columns"
    ] = (),
    sample_weight: Annotated[
        str | np.ndarray | None,
        "How much each row counts in training: a column (then not a feature), or an array of shape (rows,).",
    ] = None,
    seed: int = 0,
) -> SplitData:
    """Read, check and split a table or images.

    Args:
        data: A path (see `toolkit.data.read.read`), a DataFrame, or an `(X, y)` pair: X of shape (rows, columns), or
            images of shape (rows, height, width) or (rows, height, width, channels); y as labels of shape (rows,) or
            (rows, 1), one-hot for binary and multiclass, an indicator matrix for multilabel, (rows, targets) for
            regression.
        target: The name of the column to predict, or a list of names for regression and multilabel. Left out with a
            pair only.
        task: `"regression"`, `"binary"`, `"multiclass"` or `"multilabel"`.
        test: The test rows: a fraction of the data, or a path, DataFrame or `(X, y)` pair of their own. By default
            sized by the number of rows.
        seed: The seed of the random split. The same data and seed give the same parts, whatever the order of the
            columns.

    Raises:
        DataError: Something in the data or the options can't be used; the message says what to do.

    Example:
        >>> frame = pd.DataFrame({"size": range(40), "color": ["red", "blue"] * 20, "price": np.arange(40) ** 2})
        >>> data = prepare(frame, target="price", task="regression", keep="size")
        >>> [(column.name, column.kind) for column in data.features.columns]
        [('size', 'number'), ('color', 'category')]
        >>> {part: len(rows) for part, rows in data.parts.items()}
        {'train': 24, 'validation': 8, 'test': 8}
    """
    check_choice("task", task, TASKS)
    check_whole("seed", seed, least=0, most=2**32 - 1, optional=False)
    test, validation = _fraction_from_text(test), _fraction_from_text(validation)
    weight_name = sample_weight if isinstance(sample_weight, str) else None
    named = _NamedColumns(names_of(keep), names_of(drop), names_of(categories), group, time, weight_name)
    targets = _target_names(target, isinstance(data, ImageSet) or is_pair(data))

    source = load(data, targets, task)
    named.check(source, targets)
    random = is_drawn(test) or is_drawn(validation)
    _check_size(len(source.features), source.name, random)
    target_frame, present, notes = check_target(source.target, task, source.name, from_file=is_path(data))
    _check_size(int(present.sum()), f"{source.name} (rows with a target)", random)
    weights = read_weights(sample_weight, source.features, source.name, present)
    features, set_aside, feature_notes = _features(source, present, named)
    rows = _Rows(features, target_frame, source.rows[present], weights)
    rows, owner, part_notes = _with_own_parts(rows, {"test": test, "validation": validation}, task, weight_name)

    by = named.split_columns(source, present)
    split = split_rows(
        rows.features.same_rows(), rows.target_frame, task, owner, by, test=test, validation=validation, seed=int(seed)
    )
    return _split_data(source.name, task, rows, split, set_aside, [*source.notes, *notes, *feature_notes, *part_notes])


@dataclass(frozen=True)
class _NamedColumns:
    """The options that name columns."""

    keep: tuple[str, ...]
    drop: tuple[str, ...]
    categories: tuple[str, ...]
    group: str | None
    time: str | None
    sample_weight: str | None

    def check(self, source: Source, targets: list[str]) -> None:
        """Check that each named column is there, and that no two options contradict each other."""
        labels = list(source.features.columns)
        for option, value in vars(self).items():
            names = names_of(value)
            if names and source.images is not None:
                raise DataError(f"{option}= names a column, and the data are images: leave it out.")
            for name in names:
                if name in targets:
                    raise DataError(f"{option}= names the target '{name}'; it can't be both.")
                if name not in labels:
                    raise DataError(
                        f"{option}= names '{name}', which is not a column of {source.name} "
                        f"(columns: {listing(labels)}).{nearest(name, labels)}"
                    )
        for name in self.keep:
            if name in self.drop:
                raise DataError(f"'{name}' is named in keep= and in drop=; it can't be both.")
        if self.group and self.time:
            raise DataError("group= and time= can't be combined: name one of them.")

    def excluded(self) -> dict[str, str]:
        """Return the columns that the options take out of the features, with the reason."""
        reasons = dict.fromkeys(self.drop, "left out as asked (drop)")
        if self.group is not None:
            reasons[self.group] = "names the groups of the split (group)"
        if self.time is not None and self.time not in self.keep:
            reasons[self.time] = "orders the split by time (time)"
        if self.sample_weight is not None:
            reasons[self.sample_weight] = "holds the weights of the rows (sample_weight)"
        return reasons

    def split_columns(self, source: Source, present: np.ndarray) -> dict[str, pd.Series]:
        """Return the column that the split goes by, of the rows with a target."""
        labels = list(source.features.columns)
        return {
            option: source.features.iloc[:, labels.index(str(name))].loc[present].reset_index(drop=True)
            for option, name in (("group", self.group), ("time", self.time))
            if name is not None
        }


@dataclass(frozen=True)
class _Rows:
    """Checked rows before the split."""

    features: Features
    target_frame: pd.DataFrame
    source_rows: np.ndarray
    weights: np.ndarray | None

    def __len__(self) -> int:
        return len(self.target_frame)

    def append(self, others: list[_Rows]) -> _Rows:
        """Return these rows followed by others; rows without weights count 1."""
        everything = [self, *others]
        weights = [np.ones(len(rows)) if rows.weights is None else rows.weights for rows in everything]
        return _Rows(
            self.features.append([rows.features for rows in others]),
            pd.concat([rows.target_frame for rows in everything], ignore_index=True) if others else self.target_frame,
            np.concatenate([rows.source_rows for rows in everything]),
            None if self.weights is None else np.concatenate(weights),
        )

    def take(self, mask: np.ndarray) -> _Rows:
        """Return the rows that a mask chooses."""
        if mask.all():
            return self
        return _Rows(
            self.features.take(mask),
            self.target_frame.loc[mask].reset_index(drop=True),
            self.source_rows[mask],
            None if self.weights is None else self.weights[mask],
        )


def _split_data(
    name: str, task: str, rows: _Rows, split: Split, set_aside: dict[str, str], notes: list[str]
) -> SplitData:
    """Return the rows that have a part."""
    stays = split.part >= 0
    rows = rows.take(stays)
    parts = {part: np.flatnonzero(split.part[stays] == index) for index, part in enumerate(PARTS)}
    notes = notes + _check_parts(parts, rows.target_frame, task, split.reason)
    folds = None if split.folds is None else split.folds[stays]
    features, target_frame = rows.features, rows.target_frame
    return SplitData(
        name, task, features, target_frame, parts, folds, split.reason, set_aside, notes, rows.source_rows, rows.weights
    )


def _features(source: Source, present: np.ndarray, named: _NamedColumns) -> tuple[Features, dict[str, str], list[str]]:
    """Return the features of the rows with a target, the columns set aside with their reasons, and notes."""
    if source.images is None:
        return usable_columns(source, present, named.keep, named.categories, named.excluded())
    images = Images(source.images.pixels, tuple(source.images.names))
    return images if present.all() else images.take(present), {}, []


def _with_own_parts(
    rows: _Rows, own: Mapping[str, Any], task: str, weight_name: str | None
) -> tuple[_Rows, np.ndarray, list[str]]:
    """Append the user's own test and validation rows, read in the form of the data's rows.

    Returns:
        All rows; the part of each, -1 for those that are yet to be dealt; and notes.
    """
    others, owners, notes = [], [np.full(len(rows), -1)], []
    columns = [str(name) for name in rows.target_frame.columns]
    for part, data in own.items():
        if is_drawn(data):
            continue
        source = load(data, columns, task, part)
        target, present, target_notes = check_target(
            source.target, task, source.name, from_file=is_path(data), complete=False
        )
        features = _in_form(source, rows.features, part)
        source_rows = source.rows[present]
        target = match_target(target, rows.target_frame, task, source.name, source_rows)
        known_name = weight_name if weight_name in source.features.columns else None
        weights = read_weights(known_name, source.features, source.name, present)
        others.append(_Rows(features if present.all() else features.take(present), target, source_rows, weights))
        owners.append(np.full(len(target), PARTS.index(part)))
        notes += [f"{source.name}: {note}" for note in source.notes] + target_notes
    return rows.append(others), np.concatenate(owners), notes


def _in_form(source: Source, known: Features, part: str) -> Features:
    """Return the features of a source in the form of known ones."""
    if (known.pixels is None) != (source.images is None):
        kinds = ("columns", "images") if known.pixels is None else ("images", "columns")
        raise DataError(f"the data are {kinds[0]} and {part}= {kinds[1]}: give {kinds[0]} there too.")
    if known.pixels is not None and source.images is not None:
        pixels = ImagePreprocessing.fit(known).transform(source.images.pixels, source.name)
        return Images(pixels, tuple(source.images.names))
    new = source.features.to_numpy() if source.unnamed else source.features
    return Columns(coerce(new, known.columns, known.source_columns, source.name), known.columns, known.source_columns)


def labeled(data: Any, targets: Sequence[str], task: str) -> tuple[Any, pd.DataFrame, str]:
    """Return further labeled rows for a run that is trained.

    Args:
        data: A path, a DataFrame that holds the target too, or an `(X, y)` pair; X may be images.
        targets: The names of the target columns in training.
        task: The task of the run.

    Returns:
        The features as they came (see `coerce`), or the images; the checked target of the same rows; and a name for
        messages. Rows without a target are left out.

    Raises:
        DataError: The target is missing or doesn't suit the task.
    """
    source = load(data, list(targets), task, "labeled")
    target, present, _ = check_target(source.target, task, source.name, from_file=is_path(data), complete=False)
    if source.images is not None:
        pixels = source.images.pixels
        return pixels if present.all() else pixels[present], target, source.name
    return source.features.loc[present].reset_index(drop=True), target, source.name


def _check_size(rows: int, name: str, random: bool) -> None:
    if rows < _FEWEST_ROWS and random:
        raise DataError(
            f"{name} has {counted(rows, 'row')}; at least {_FEWEST_ROWS} are needed to train, validate and test."
        )


def _fraction_from_text(value: Any) -> Any:
    """Return a fraction written as text, as a command line gives it, as a number; anything else unchanged."""
    return float(value) if isinstance(value, str) and re.fullmatch(r"0?\.\d+", value.strip()) else value


def _target_names(target: str | Sequence[str] | None, pair: bool) -> list[str]:
    if pair:
        if target is not None:
            raise DataError("target= names a column of a table; with an (X, y) pair leave it out.")
        return []
    names = list(names_of(target))
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise DataError(f"target names the column '{twice}' twice.")
    return names


def _check_parts(parts: dict[str, np.ndarray], target: pd.DataFrame, task: str, reason: str) -> list[str]:
    """Check that no part is empty and every class is in train; return what the other parts lack."""
    for part, rows in parts.items():
        if len(rows) == 0:
            raise DataError(f"no rows are left for {part}: {reason}")
    notes: list[str] = []
    if task == "multilabel":
        for part, rows in parts.items():
            cells = target.iloc[rows].to_numpy(dtype=np.float64)
            for label, low, high in zip(target.columns, cells.min(axis=0), cells.max(axis=0), strict=True):
                if low == high:
                    notes.append(f"Label '{label}' is {'always' if low else 'never'} set in {part}.")
    if task not in ("binary", "multiclass"):
        return notes
    name = target.columns[0]
    codes, classes = pd.factorize(target[name])
    for part, rows in parts.items():
        absent = [f"'{classes[code]}'" for code in np.setdiff1d(np.arange(len(classes)), codes[rows])]
        if absent and part == "train":
            raise DataError(
                f"no row of class {absent[0]} of '{name}' is left to train on: every class needs one. "
                "Give more rows of it, or leave it out."
            )
        if absent:
            notes.append(f"The {part} part has no row of class {listing(absent)}.")
    return notes
