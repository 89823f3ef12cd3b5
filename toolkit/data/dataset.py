"""From what the user brought to a checked table with a split: read, check, describe."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Any

import numpy as np
import pandas as pd

from toolkit.common.errors import DataError, nearest
from toolkit.common.options import documented
from toolkit.data.columns import (
    Column,
    assemble,
    coerce,
    infer,
    listing,
    rows_text,
)
from toolkit.data.describe import describe
from toolkit.data.features import usable_columns
from toolkit.data.images.stack import ImageEncoder, ImageSet, same_images
from toolkit.data.read import read
from toolkit.data.source import (
    Given,
    is_pair,
    is_path,
    load,
    names_of,
)
from toolkit.data.split import (
    PARTS,
    deal_rows,
    is_drawn,
    same_rows,
)
from toolkit.data.target import TASKS, check_target, match_target

__all__ = ["TASKS", "Column", "Table", "coerce", "labelled", "prepare", "read"]

_FEWEST_ROWS = 10


# --------------------------------------------------------------------------------------------------------- the table


@dataclass
class Table:
    """What the user brought, checked, typed and split once: columns, or images.

    Args:
        name: The file's name, `"DataFrame"` or `"arrays"`.
        task: One of `TASKS`.
        frame: The usable feature columns in canonical form (see `coerce`), shape (rows, columns), index 0 to n - 1; of
            images none.
        columns: Those columns, in order.
        source_columns: All feature columns as the user gave them, those set aside included.
        target: The target columns in the user's own dtype, nothing missing, shape (rows, targets).
        parts: `"train"`, `"validation"` and `"test"`, each the sorted row positions, int64.
        folds: The fold of each row outside the test part, from 0, for networks that each leave out one; -1 in the test
            part. None where the user chose the validation rows, or they are the newest, or few.
        split_reason: Sentences: sizes and why, stratified how, repeated rows, groups or time.
        set_aside: The columns not used, each with its reason.
        notes: Everything else that was done to the data, a sentence each.
        source_rows: The row number in the user's file of each row, from 1, the header not counted; rows of a given
            test or validation table carry their own table's numbers.
        sample_weight: float64 of shape (rows,), or None.
        pixels: The images in canonical form (see `toolkit.data.images.stack.canonical`), shape (rows, height, width,
            channels); None where the rows are of columns.
        image_names: The file name of each image, or None.
    """

    name: str
    task: str
    frame: pd.DataFrame
    columns: list[Column]
    source_columns: list[str]
    target: pd.DataFrame
    parts: dict[str, np.ndarray]
    split_reason: str
    set_aside: dict[str, str]
    notes: list[str]
    source_rows: np.ndarray
    sample_weight: np.ndarray | None = None
    pixels: np.ndarray | None = None
    image_names: list[str] | None = None
    folds: np.ndarray | None = None
    _description: dict[str, Any] | None = field(default=None, repr=False, compare=False)

    @property
    def rows(self) -> int:
        """The number of rows, over all parts."""
        return len(self.frame)

    def features(self, positions: np.ndarray) -> Any:
        """Return rows as an encoder takes them: canonical columns, or images.

        Args:
            positions: Which rows, such as those of a part.
        """
        return self.frame.iloc[positions] if self.pixels is None else self.pixels[positions]

    def describe(self) -> dict[str, Any]:
        """Return the distribution of every column and target, over all rows and in each part (see `describing`)."""
        if self._description is None:
            self._description = describe(self.frame, self.columns, self.target, self.task, self.parts, self.set_aside)
        return self._description

    def leaks(self) -> list[str]:
        """Return the columns that alone give the target nearly away."""
        return self.describe()["leaks"]


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
) -> Table:
    """Return a table that is read, checked, typed and split.

    Args:
        data: A path (see `read`), a DataFrame, or an `(X, y)` pair: X of shape (rows, columns), or images of shape
            (rows, height, width) or (rows, height, width, channels); y as labels of shape (rows,) or (rows, 1), one-hot
            for binary and multiclass, an indicator matrix for multilabel, (rows, targets) for regression.
        target: The name of the column to predict, or a list of names for regression and multilabel. Left out with a
            pair only.
        task: `"regression"`, `"binary"`, `"multiclass"` or `"multilabel"`.
        test: The test rows: a fraction of the data, or a path, DataFrame or `(X, y)` pair of their own. By default
            sized by the number of rows.
        seed: Seed of the random split. The same data and seed give the same parts, whatever the order of the columns.

    Returns:
        The table.

    Raises:
        DataError: Whatever in the data or the options can't be used; the message says what to do.

    Example:
        >>> frame = pd.DataFrame({"size": range(40), "color": ["red", "blue"] * 20, "price": np.arange(40) ** 2})
        >>> table = prepare(frame, target="price", task="regression", keep="size")
        >>> [(column.name, column.kind) for column in table.columns]
        [('size', 'number'), ('color', 'category')]
        >>> {part: len(rows) for part, rows in table.parts.items()}
        {'train': 24, 'validation': 8, 'test': 8}
    """
    if task not in TASKS:
        raise DataError(f"task {task!r} is not known (tasks: {', '.join(TASKS)}).{nearest(task, TASKS)}")
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or not 0 <= seed < 2**32:
        raise DataError(f"seed={seed!r} is not a whole number from 0 to {2**32 - 1}.")
    test, validation = _fraction_from_text(test), _fraction_from_text(validation)
    keep, drop, categories = names_of(keep), names_of(drop), names_of(categories)
    targets = _target_names(target, isinstance(data, ImageSet) or is_pair(data))
    given = load(data, targets, task, "")
    weight_name = sample_weight if isinstance(sample_weight, str) else None
    named = {"keep": keep, "drop": drop, "categories": categories}
    named |= {"group": names_of(group), "time": names_of(time), "sample_weight": names_of(weight_name)}
    _check_options(given, targets, named)
    source_columns = [str(label) for label in given.features.columns]
    drawn = is_drawn(test) or is_drawn(validation)
    _check_rows(len(given.features), given.name, drawn)
    cleaned, present, target_notes = check_target(given.target, task, given.name, from_file=is_path(data))
    _check_rows(int(present.sum()), f"{given.name} (rows with a target)", drawn)
    notes = given.notes + target_notes
    weights = _weights(sample_weight, weight_name, given.features, given.name, present)
    apart = _apart(drop, group, time, weight_name, keep)
    if given.images is None:
        values, columns, set_aside, more = usable_columns(given, present, keep=keep, categories=categories, apart=apart)
        notes += more
    else:
        values, columns, set_aside = {}, [], {}
    by = {
        role: given.features.iloc[:, source_columns.index(name)].loc[present].reset_index(drop=True)
        for role, name in (("group", group), ("time", time))
        if name is not None
    }

    # Given test and validation rows follow the data's own, read by its schema.
    frames, target_frames = [assemble(values, columns, int(present.sum()))], [cleaned]
    stacks = [] if given.images is None else [_some(given.images, present)]
    numbers, owner, all_weights = [given.rows[present]], [np.full(len(cleaned), -1)], [weights]
    for place, role, source in ((2, "test", test), (1, "validation", validation)):
        if is_drawn(source):
            continue
        other = load(source, targets or [str(name) for name in cleaned.columns], task, role)
        wanted, there, other_notes = check_target(
            other.target, task, other.name, from_file=is_path(source), complete=False
        )
        if given.images is not None and other.images is not None:
            extra = other.features.loc[there].reset_index(drop=True)
            stacks.append(_some(_like(other.images, given.images, other.name), there))
        elif given.images is not None or other.images is not None:
            kinds = ("columns", "images") if given.images is None else ("images", "columns")
            raise DataError(f"the data are {kinds[0]} and {role}= {kinds[1]}: give {kinds[0]} there too.")
        else:
            new = other.features.to_numpy() if other.unnamed else other.features
            extra = coerce(new, columns, source_columns, other.name).loc[there].reset_index(drop=True)
        frames.append(extra)
        target_frames.append(match_target(wanted, cleaned, task, other.name, other.rows[there]))
        numbers.append(other.rows[there])
        owner.append(np.full(len(extra), place))
        notes += [f"{other.name}: {note}" for note in other.notes] + other_notes
        if weights is not None:
            known = weight_name is not None and weight_name in other.features.columns
            own = _weights(weight_name, weight_name, other.features, other.name, there) if known else None
            all_weights.append(np.ones(len(extra)) if own is None else own)
    frame, target_frame = frames[0], target_frames[0]
    if len(frames) > 1:
        frame = pd.concat(frames, ignore_index=True)
        target_frame = pd.concat(target_frames, ignore_index=True)
    source_rows = np.concatenate(numbers)
    sample_weights = None if weights is None else np.concatenate([one for one in all_weights if one is not None])
    owners = np.concatenate(owner)

    pixels, image_names = _joined(stacks)
    units = same_rows(frame, columns) if pixels is None else same_images(pixels)
    drawing = {"test": test, "validation": validation, "seed": int(seed)}
    part, folds, reason = deal_rows(units, target_frame, task, owners, by, **drawing)
    stays = part >= 0
    if not stays.all():
        frame = frame.loc[stays].reset_index(drop=True)
        target_frame = target_frame.loc[stays].reset_index(drop=True)
        source_rows, part = source_rows[stays], part[stays]
        folds = None if folds is None else folds[stays]
        pixels = None if pixels is None else pixels[stays]
        image_names = None if image_names is None else [image_names[row] for row in np.flatnonzero(stays)]
        sample_weights = None if sample_weights is None else sample_weights[stays]
    table = Table(
        name=given.name,
        task=task,
        frame=frame,
        columns=columns,
        source_columns=source_columns,
        target=target_frame,
        parts={name: np.flatnonzero(part == place) for place, name in enumerate(PARTS)},
        split_reason=reason,
        set_aside=set_aside,
        notes=notes,
        source_rows=source_rows,
        sample_weight=sample_weights,
        pixels=pixels,
        image_names=image_names,
        folds=folds,
    )
    _check_parts(table)
    return table


def labelled(source: Any, targets: Sequence[str], task: str) -> tuple[pd.DataFrame | np.ndarray, pd.DataFrame, str]:
    """Return further labelled rows for a run that is trained: features as they came, target, name for messages.

    Args:
        source: A path, a DataFrame that holds the target too, or an `(X, y)` pair; X may be images.
        targets: The names of the target columns in training.
        task: One of `TASKS`.

    Returns:
        The features (to be brought into shape by `coerce`) or the images, the checked target of the same rows, and the
        name. Rows without a target are left out.

    Raises:
        DataError: The target is missing or doesn't suit the task.
    """
    given = load(source, list(targets), task, "labelled")
    target, present, _ = check_target(given.target, task, given.name, from_file=is_path(source), complete=False)
    if given.images is not None:
        return _some(given.images, present).pixels, target, given.name
    return given.features.loc[present].reset_index(drop=True), target, given.name


def _check_rows(rows: int, name: str, drawn: bool) -> None:
    if rows < _FEWEST_ROWS and drawn:
        raise DataError(
            f"{name} has {rows} row{'s' * (rows != 1)}; at least {_FEWEST_ROWS} are needed to train, validate and test."
        )


def _fraction_from_text(given: Any) -> Any:
    """Return a fraction written as text, as a command line gives it, as the number; anything else unchanged."""
    return float(given) if isinstance(given, str) and re.fullmatch(r"0?\.\d+", given.strip()) else given


def _some(images: ImageSet, chosen: np.ndarray) -> ImageSet:
    """Return the images that a mask chooses; all of them are not copied."""
    if chosen.all():
        return images
    names = [name for name, stays in zip(images.names, chosen, strict=True) if stays] if images.names else []
    return replace(images, pixels=images.pixels[chosen], names=names)


def _like(images: ImageSet, others: ImageSet, name: str) -> ImageSet:
    """Return images in shape and type of others."""
    return replace(images, pixels=ImageEncoder.fit(others.pixels).transform(images.pixels, name))


def _joined(stacks: list[ImageSet]) -> tuple[np.ndarray | None, list[str] | None]:
    if not stacks:
        return None, None
    pixels = np.concatenate([stack.pixels for stack in stacks])  # a copy: what the user does to theirs is not seen
    named = any(stack.names for stack in stacks)
    return pixels, [name for stack in stacks for name in stack.names or [""] * len(stack)] if named else None


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


def _check_options(given: Given, targets: list[str], options: dict[str, tuple[str, ...]]) -> None:
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


def _apart(
    drop: tuple[str, ...], group: str | None, time: str | None, weight: str | None, keep: tuple[str, ...]
) -> dict[str, str]:
    """Return the columns that the user's own options take out of the features, with the reason."""
    apart = dict.fromkeys(drop, "left out as asked (drop)")
    if group is not None:
        apart[group] = "names the groups of the split (group)"
    if time is not None and time not in keep:
        apart[time] = "orders the split by time (time)"
    if weight is not None:
        apart[weight] = "holds the weights of the rows (sample_weight)"
    return apart


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


def _check_parts(table: Table) -> None:
    """Hold that no part is empty and every class is in train, and note what the other parts lack."""
    for part, rows in table.parts.items():
        if len(rows) == 0:
            raise DataError(f"no rows are left for {part}: {table.split_reason}")
    if table.task == "regression":
        return
    if table.task == "multilabel":
        for part, rows in table.parts.items():
            cells = table.target.iloc[rows].to_numpy(dtype=np.float64)
            for label, low, high in zip(table.target.columns, cells.min(axis=0), cells.max(axis=0), strict=True):
                if low == high:
                    table.notes.append(f"Label '{label}' is {'always' if low else 'never'} set in {part}.")
        return
    name = table.target.columns[0]
    codes, classes = pd.factorize(table.target[name])
    for part, rows in table.parts.items():
        absent = [str(classes[code]) for code in np.setdiff1d(np.arange(len(classes)), codes[rows])]
        if absent and part == "train":
            raise DataError(
                f"no row of class '{absent[0]}' of '{name}' is left to train on: every class needs one. "
                "Give more rows of it, or leave it out."
            )
        if absent:
            table.notes.append(f"The {part} part has no row of class {_quoted(absent)}.")


def _quoted(names: list[str]) -> str:
    return listing([f"'{name}'" for name in names])
