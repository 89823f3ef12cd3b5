"""From what the user brought to split data: read, check, choose the columns, split."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import pandas as pd

from toolkit.common.errors import DataError, nearest
from toolkit.common.options import documented
from toolkit.data.columns import Columns, coerce, infer, listing, rows_text
from toolkit.data.dataset import SplitData
from toolkit.data.features import Features
from toolkit.data.images.stack import ImageEncoder, Images, ImageSet
from toolkit.data.source import Given, is_pair, is_path, load, names_of
from toolkit.data.split import PARTS, deal_rows, is_drawn
from toolkit.data.target import TASKS, check_target, match_target
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
    _check_task(task)
    _check_seed(seed)
    test, validation = _fraction_from_text(test), _fraction_from_text(validation)
    keep, drop, categories = names_of(keep), names_of(drop), names_of(categories)
    weight_name = sample_weight if isinstance(sample_weight, str) else None
    targets = _target_names(target, isinstance(data, ImageSet) or is_pair(data))

    source = load(data, targets, task, "")
    named = {"keep": keep, "drop": drop, "categories": categories}
    named |= {"group": names_of(group), "time": names_of(time), "sample_weight": names_of(weight_name)}
    _check_named_columns(source, targets, named)
    random = is_drawn(test) or is_drawn(validation)
    _check_rows(len(source.features), source.name, random)

    target_frame, present, target_notes = check_target(source.target, task, source.name, from_file=is_path(data))
    _check_rows(int(present.sum()), f"{source.name} (rows with a target)", random)

    weights = _weights(sample_weight, weight_name, source.features, source.name, present)
    no_features = _no_features(drop, group, time, weight_name, keep)
    features, set_aside, feature_notes = usable_columns(
        source, present, keep=keep, categories=categories, apart=no_features
    )
    rows = _Rows(features, target_frame, source.rows[present], weights)

    # Rows of the user's own test and validation part follow those of the data, read by their schema.
    notes = source.notes + target_notes + feature_notes
    own_parts = {}
    for part, part_data in (("test", test), ("validation", validation)):
        if not is_drawn(part_data):
            own_parts[part], part_notes = _read_part(part_data, part, rows, task, weight_name)
            notes += part_notes
    all_rows = rows.append(list(own_parts.values()))

    # -1 for a row that is yet to be dealt to a part.
    owners = [np.full(len(rows), -1), *(np.full(len(own), PARTS.index(part)) for part, own in own_parts.items())]
    labels = list(source.features.columns)
    by = {
        option: source.features.iloc[:, labels.index(name)].loc[present].reset_index(drop=True)
        for option, name in (("group", group), ("time", time))
        if name is not None
    }
    part_of_row, folds, reason = deal_rows(
        all_rows.features.same_rows(),
        all_rows.target_frame,
        task,
        np.concatenate(owners),
        by,
        test=test,
        validation=validation,
        seed=int(seed),
    )
    stays = part_of_row >= 0
    all_rows, part_of_row = all_rows.take(stays), part_of_row[stays]
    parts = {part: np.flatnonzero(part_of_row == index) for index, part in enumerate(PARTS)}
    notes += _check_parts(parts, all_rows.target_frame, task, reason)
    return SplitData(
        name=source.name,
        task=task,
        features=all_rows.features,
        target_frame=all_rows.target_frame,
        parts=parts,
        folds=None if folds is None else folds[stays],
        split_reason=reason,
        set_aside=set_aside,
        notes=notes,
        source_rows=all_rows.source_rows,
        sample_weight=all_rows.weights,
    )


@dataclass(frozen=True)
class _Rows:
    """Checked rows before the split: features, target, their numbers in the user's file, weights."""

    features: Features
    target_frame: pd.DataFrame
    source_rows: np.ndarray
    weights: np.ndarray | None

    def __len__(self) -> int:
        return len(self.target_frame)

    def append(self, others: list[_Rows]) -> _Rows:
        """Return these rows followed by others."""
        everything = [self, *others]
        target_frame = pd.concat([rows.target_frame for rows in everything], ignore_index=True)
        weights = [np.ones(len(rows)) if rows.weights is None else rows.weights for rows in everything]
        return _Rows(
            self.features.append([rows.features for rows in others]),
            target_frame if others else self.target_frame,
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


def _read_part(source: Any, part: str, known: _Rows, task: str, weight_name: str | None) -> tuple[_Rows, list[str]]:
    """Read the user's own rows of a part, in the form of the data's rows."""
    columns = [str(name) for name in known.target_frame.columns]
    given = load(source, columns, task, part)
    target, present, notes = check_target(given.target, task, given.name, from_file=is_path(source), complete=False)
    features = _in_form(given, known.features, part)
    features = features if present.all() else features.take(present)
    numbers = given.rows[present]
    target = match_target(target, known.target_frame, task, given.name, numbers)
    weights = None
    if weight_name is not None and known.weights is not None and weight_name in given.features.columns:
        weights = _weights(weight_name, weight_name, given.features, given.name, present)
    return _Rows(features, target, numbers, weights), [f"{given.name}: {note}" for note in given.notes] + notes


def _in_form(given: Given, known: Features, part: str) -> Features:
    """Return the features of a part of the user's own, in the form of the data's."""
    if (known.pixels is None) != (given.images is None):
        kinds = ("columns", "images") if known.pixels is None else ("images", "columns")
        raise DataError(f"the data are {kinds[0]} and {part}= {kinds[1]}: give {kinds[0]} there too.")
    if known.pixels is not None and given.images is not None:
        pixels = ImageEncoder.fit(known.pixels).transform(given.images.pixels, given.name)
        return Images(pixels, tuple(given.images.names))
    new = given.features.to_numpy() if given.unnamed else given.features
    return Columns(coerce(new, known.columns, known.source_columns, given.name), known.columns, known.source_columns)


def labeled(source: Any, targets: Sequence[str], task: str) -> tuple[Any, pd.DataFrame, str]:
    """Return further labeled rows for a run that is trained.

    Args:
        source: A path, a DataFrame that holds the target too, or an `(X, y)` pair; X may be images.
        targets: The names of the target columns in training.
        task: The task of the run.

    Returns:
        The features (to be brought into shape by `coerce`) or the images, the checked target of the same rows, and a
        name for messages. Rows without a target are left out.

    Raises:
        DataError: The target is missing or doesn't suit the task.
    """
    given = load(source, list(targets), task, "labeled")
    target, present, _ = check_target(given.target, task, given.name, from_file=is_path(source), complete=False)
    if given.images is not None:
        pixels = given.images.pixels
        return pixels if present.all() else pixels[present], target, given.name
    return given.features.loc[present].reset_index(drop=True), target, given.name


def _check_task(task: str) -> None:
    if task not in TASKS:
        raise DataError(f"task {task!r} is not known (tasks: {', '.join(TASKS)}).{nearest(task, TASKS)}")


def _check_seed(seed: int) -> None:
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or not 0 <= seed < 2**32:
        raise DataError(f"seed={seed!r} is not a whole number from 0 to {2**32 - 1}.")


def _check_rows(rows: int, name: str, random: bool) -> None:
    if rows < _FEWEST_ROWS and random:
        raise DataError(
            f"{name} has {rows} row{'s' * (rows != 1)}; at least {_FEWEST_ROWS} are needed to train, validate and test."
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


def _check_named_columns(given: Given, targets: list[str], options: dict[str, tuple[str, ...]]) -> None:
    labels = list(given.features.columns)
    for option, names in options.items():
        if names and given.images is not None:
            raise DataError(f"{option}= names a column, and the data are images: leave it out.")
        for name in names:
            if name in targets:
                raise DataError(f"{option}= names the target '{name}'; it can't be both.")
            if name not in labels:
                raise DataError(
                    f"{option}= names '{name}', which is not a column of {given.name} "
                    f"(columns: {listing(labels)}).{nearest(name, labels)}"
                )
    for name in options["keep"]:
        if name in options["drop"]:
            raise DataError(f"'{name}' is named in keep= and in drop=; it can't be both.")
    if options["group"] and options["time"]:
        raise DataError("group= and time= can't be combined: name one of them.")


def _no_features(
    drop: tuple[str, ...], group: str | None, time: str | None, weight: str | None, keep: tuple[str, ...]
) -> dict[str, str]:
    """Return the columns that the user's options take out of the features, with the reason."""
    reasons = dict.fromkeys(drop, "left out as asked (drop)")
    if group is not None:
        reasons[group] = "names the groups of the split (group)"
    if time is not None and time not in keep:
        reasons[time] = "orders the split by time (time)"
    if weight is not None:
        reasons[weight] = "holds the weights of the rows (sample_weight)"
    return reasons


def _weights(
    given: Any, name: str | None, features: pd.DataFrame, where: str, present: np.ndarray
) -> np.ndarray | None:
    if given is None:
        return None
    if name is not None:
        column, values, _ = infer(features[name], name)
        if column is None or column.kind != "number":
            raise DataError(f"sample_weight= names '{name}', which does not hold numbers.")
    else:
        values = np.asarray(given, dtype=np.float64)
        if values.shape != present.shape:
            raise DataError(f"sample_weight has shape {values.shape}; {where} has {len(present)} rows.")
    bad = present & ~(np.isfinite(values) & (values >= 0))
    if bad.any():
        raise DataError(f"weights must be finite and not negative ({rows_text(np.flatnonzero(bad) + 1)} of {where}).")
    if values[present].sum() == 0:
        raise DataError(f"every weight of {where} is 0.")
    return values[present].astype(np.float64)


def _check_parts(parts: dict[str, np.ndarray], target: pd.DataFrame, task: str, reason: str) -> list[str]:
    """Check that no part is empty and every class is in train; return what the other parts lack."""
    for part, rows in parts.items():
        if len(rows) == 0:
            raise DataError(f"no rows are left for {part}: {reason}")
    notes: list[str] = []
    if task == "regression":
        return notes
    if task == "multilabel":
        for part, rows in parts.items():
            cells = target.iloc[rows].to_numpy(dtype=np.float64)
            for label, low, high in zip(target.columns, cells.min(axis=0), cells.max(axis=0), strict=True):
                if low == high:
                    notes.append(f"Label '{label}' is {'always' if low else 'never'} set in {part}.")
        return notes
    name = target.columns[0]
    codes, classes = pd.factorize(target[name])
    for part, rows in parts.items():
        absent = [str(classes[code]) for code in np.setdiff1d(np.arange(len(classes)), codes[rows])]
        if absent and part == "train":
            raise DataError(
                f"no row of class '{absent[0]}' of '{name}' is left to train on: every class needs one. "
                "Give more rows of it, or leave it out."
            )
        if absent:
            labels = listing([f"'{label}'" for label in absent])
            notes.append(f"The {part} part has no row of class {labels}.")
    return notes
