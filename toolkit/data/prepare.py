"""From what the user brought to split data: read, check, choose the feature columns, split."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any

import numpy as np
import pandas as pd

from toolkit.common.checks import check_choice, check_whole
from toolkit.common.errors import DataError, DataWarning
from toolkit.common.formatting import counted, join_names, listing
from toolkit.common.options import documented, options_of, refuse_unknown
from toolkit.data.columns import Columns
from toolkit.data.dataset import SplitData
from toolkit.data.features import Features
from toolkit.data.folds import Fold
from toolkit.data.images.preprocessing import ImagePreprocessing
from toolkit.data.images.stack import Images, ImageSet
from toolkit.data.labels import labels_of
from toolkit.data.named_columns import NamedColumns
from toolkit.data.new_rows import coerce
from toolkit.data.pictures import Pictures
from toolkit.data.reading_options import ReadingOptions
from toolkit.data.row_equality import compared_columns, same_rows
from toolkit.data.row_weights import read_weights
from toolkit.data.source import Source, is_pair, is_path, load, names_of
from toolkit.data.split import Split, is_drawn, share_from_text, split_rows
from toolkit.data.stratify import PARTS
from toolkit.data.target import Target
from toolkit.data.target_checks import TASKS, CheckedTarget, check_target, match_target
from toolkit.data.target_form import TargetForm
from toolkit.data.usable_columns import Wanted, usable_columns

__all__ = ["labeled", "labeled_source", "prepare", "target_names"]

_FEWEST_ROWS = 10


@documented
def prepare(
    data: Any,
    target: str | Sequence[str] | None = None,
    *,
    task: str,
    test: Any = None,
    validation: Annotated[
        Any,
        "Validation rows, by which the epoch is chosen: a fraction of the data, a number of rows, 0 for none (then all "
        "epochs are trained), or rows of their own, as for test.",
    ] = None,
    group: Annotated[
        str | Sequence[str],
        "Column whose rows of one value all go to one part, such as a patient; of several columns, rows that share a "
        "value of any. They are no features.",
        "columns",
    ] = (),
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
    positive: Annotated[
        Any,
        "The positive class: what precision, recall and the threshold are about. By default the last of an ordered "
        "Categorical, 1 or true or yes, the clearly rarer class, or the last in sorted order.",
        "binary",
    ] = None,
    seed: int = 0,
    **reading: Any,
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
        test: The test rows: a fraction of the data, a number of rows, 0 for none, a `toolkit.data.folds.Fold`, or a
            path, DataFrame or `(X, y)` pair of their own. By default sized by the number of rows.
        seed: The seed of the random split. The same data and seed give the same parts, whatever the order of the
            columns.
        reading: How the table is read and its numbers and dates are written: the options of
            `toolkit.data.reading_options.ReadingOptions`.

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
    refuse_unknown(reading, options_of(ReadingOptions))
    named = NamedColumns.of(keep, drop, categories, group, time, sample_weight)
    shares = {"test": share_from_text(test), "validation": share_from_text(validation)}
    request = _Request(task, shares, positive, sample_weight, int(seed), named, ReadingOptions(**reading))
    # What is decided before the split comes from the target, the columns that the split goes by, and which rows are
    # equal. Everything else is learned from the rows outside the test part.
    tables, checked = _read_tables(data, target_names(target, isinstance(data, ImageSet) or is_pair(data)), request)
    images = None if tables[0].source.images is None else _images(tables)
    split = _split(tables, images, request)
    if images is None:
        features, set_aside, notes = _columns(tables, split, named.wanted(request.reading, tables[0].source))
    else:
        features, set_aside, notes = images, {}, []
    notes = [*tables[0].notes, *split.notes, *notes, *(note for table in tables[1:] for note in table.notes)]
    split_data = _split_data(tables, task, features, split, set_aside, notes)
    form = replace(checked.form, encoding=checked.form.encoding or tables[0].source.encoding)
    return replace(split_data, unit="group" if named.group else "row", positive=checked.positive, target_form=form)


@dataclass(frozen=True)
class _Request:
    """What was asked for, checked.

    Attributes:
        task: The task.
        shares: "test" and "validation": None, a share, a number of rows, or rows of their own.
        positive: The positive class, or None.
        sample_weight: A column, an array, or None.
        seed: The seed of the split.
        named: The options that name columns.
        reading: The options of reading.
    """

    task: str
    shares: dict[str, Any]
    positive: Any
    sample_weight: Any
    seed: int
    named: NamedColumns
    reading: ReadingOptions


def _read_tables(data: Any, targets: list[str], request: _Request) -> tuple[list[_Table], CheckedTarget]:
    """Return the data, then the user's own test and validation rows, all read; and the data's checked target."""
    source = load(data, targets, request.task, reading=request.reading)
    request.named.check(source, targets)
    random = any(is_drawn(rows) for rows in request.shares.values())
    _check_size(len(source.features), source.name, random)
    checked = check_target(
        source.target,
        request.task,
        source.name,
        from_file=is_path(data),
        positive=request.positive,
        reading=request.reading,
    )
    present = checked.present
    _check_size(int(present.sum()), f"{source.name} (rows with a target)", random)
    weights = read_weights(request.sample_weight, source.features, source.name, present, request.reading)
    tables = [_Table(source, -1, present, checked.frame, weights, (*source.notes, *checked.notes))]
    for part, rows in request.shares.items():
        if not is_drawn(rows) and not isinstance(rows, Fold):
            tables.append(_with_target(rows, part, tables[0], checked.form, request))
    return tables, checked


def _split(tables: Sequence[_Table], images: Images | None, request: _Request) -> Split:
    """Decide the part of each row, by the target, the columns that the split goes by, and which rows are equal."""
    dealt = tables[0].source.part
    if dealt is not None:
        return Split(dealt[tables[0].present], None, "", _cell_units(tables, request.named), [])
    cells = [_named_alike(table, tables[0].cells) for table in tables]
    return split_rows(
        _cell_units(tables, request.named) if images is None else images.same_rows(),
        pd.concat([table.target for table in tables], ignore_index=True),
        request.task,
        np.concatenate([np.full(len(table), table.part) for table in tables]),
        request.named.split_columns(cells, request.reading),
        seed=request.seed,
        **request.shares,
    )


@dataclass(frozen=True)
class _Table:
    """The data, or the user's own test or validation rows, with a checked target.

    Attributes:
        source: The table or the images.
        part: The index in `PARTS` of the user's own rows; -1 for the data, whose rows are yet to be dealt.
        present: Mask of the rows that have a target.
        target: The target of those rows.
        weights: Their weights, or None.
        notes: Sentences about what was read.
    """

    source: Source
    part: int
    present: np.ndarray
    target: pd.DataFrame
    weights: np.ndarray | None
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.target)

    @property
    def rows(self) -> np.ndarray:
        """The row numbers."""
        return self.source.rows[self.present]

    @property
    def cells(self) -> pd.DataFrame:
        """The columns of the rows with a target, as they came."""
        return self.source.features.loc[self.present].reset_index(drop=True)


def _with_target(
    data: Any,
    part: str,
    known: _Table,
    form: TargetForm,
    request: _Request,
) -> _Table:
    """Return the user's own test or validation rows, their target in the form of the data's."""
    task, reading, weight_name = request.task, request.reading, request.named.sample_weight
    classes = labels_of(known.target.iloc[:, 0]) if task in ("binary", "multiclass") else []
    source = load(data, list(form.columns), task, part, reading, form.decimal or None)
    checked = check_target(
        source.target, task, source.name, from_file=is_path(data), form=form, classes=classes, reading=reading
    )
    present = checked.present
    target = match_target(checked.frame, known.target, task, source.name, source.rows[present])
    weight_name = weight_name if weight_name in source.features.columns else None
    weights = read_weights(weight_name, source.features, source.name, present, reading)
    if (known.source.images is None) != (source.images is None):
        kinds = ("columns", "images") if source.images is not None else ("images", "columns")
        raise DataError(f"the data are {kinds[0]} and {part}= {kinds[1]}: give {kinds[0]} there too.")
    notes = [*(note if source.name in note else f"{source.name}: {note}" for note in source.notes), *checked.notes]
    return _Table(source, PARTS.index(part), present, target, weights, tuple(notes))


def _cell_units(tables: Sequence[_Table], named: NamedColumns) -> np.ndarray:
    """Return equal numbers for the rows of all tables with equal cells."""
    frame = tables[0].cells
    names = compared_columns(frame, named.excluded(), named.keep)
    return same_rows([_named_alike(table, frame) for table in tables], names)


def _named_alike(table: _Table, known: pd.DataFrame) -> pd.DataFrame:
    """Return the cells of a table; an array's columns are known by their positions."""
    cells = table.cells
    by_position = table.source.unnamed and cells.shape[1] == known.shape[1]
    return cells.set_axis(known.columns, axis=1) if by_position else cells


def _images(tables: Sequence[_Table]) -> Images:
    """Return the images of all tables with a target, those of the user's own rows in the form of the data's."""
    stacks = []
    for table in tables:
        images = table.source.images
        if images is not None:
            pixels = images.pixels
            if stacks:
                pixels = ImagePreprocessing.fit(stacks[0]).transform(pixels, table.source.name)
            stack = Images(pixels, tuple(images.names))
            stacks.append(stack if table.present.all() else stack.take(table.present))
    if len(stacks) == 1 and stacks[0].names:
        return stacks[0]  # read from files
    return stacks[0].append(stacks[1:])  # a copy of arrays: the user's may change


def _columns(tables: Sequence[_Table], split: Split, wanted: Wanted) -> tuple[Columns, dict[str, str], list[str]]:
    """Return the usable columns of all tables, the columns set aside with their reasons, and notes."""
    data = tables[0]
    parts = split.part[: len(data)]
    learn = (parts >= 0) & (parts != PARTS.index("test"))
    columns, set_aside, notes = usable_columns(
        data.cells, learn if learn.any() else parts >= -2, data.rows, data.source.name, wanted
    )
    others = []
    for table in tables[1:]:
        cells = table.cells
        new = cells.to_numpy() if table.source.unnamed else cells
        frame = coerce(new, columns.columns, columns.source_columns, table.source.name, notes)
        others.append(Columns(frame, columns.columns, columns.source_columns))
    return columns.append(others), set_aside, notes


def _split_data(
    tables: Sequence[_Table],
    task: str,
    features: Features,
    split: Split,
    set_aside: dict[str, str],
    notes: list[str],
) -> SplitData:
    """Return the rows that have a part."""
    stays = split.part >= 0
    parts = {part: np.flatnonzero(split.part[stays] == index) for index, part in enumerate(PARTS)}
    target = pd.concat([table.target for table in tables], ignore_index=True).loc[stays].reset_index(drop=True)
    # Rows of a table without weights count 1.
    weights = [np.ones(len(table)) if table.weights is None else table.weights for table in tables]
    return SplitData(
        join_names(list(dict.fromkeys(table.source.name for table in tables))),
        task,
        features if stays.all() else features.take(stays),
        target,
        parts,
        None if split.folds is None or isinstance(features.pixels, Pictures) else split.folds[stays],
        split.reason,
        set_aside,
        [*notes, *_check_parts(parts, target, task)],
        np.concatenate([table.rows for table in tables])[stays],
        None if tables[0].weights is None else np.concatenate(weights)[stays],
        pd.factorize(split.units[stays])[0].astype(np.int64),
    )


def labeled(data: Any, target: Target) -> tuple[Any, pd.DataFrame, str]:
    """Return further labeled rows for a run that is trained; what was lost in reading them is a warning.

    Args:
        data: A path, a DataFrame that holds the target too, or an `(X, y)` pair; X may be images.
        target: The target of the training.

    Returns:
        The features as they came (see `coerce`), or the images; the checked target of the same rows; and a name for
        messages. Rows without a target are left out.

    Raises:
        DataError: The target is missing or doesn't suit the task.
    """
    source, checked = labeled_source(data, target)
    present = checked.present
    for sentence in source.damage:
        warnings.warn(sentence, DataWarning, stacklevel=4)
    for sentence in checked.notes if not present.all() else []:
        if " dropped (" in sentence:  # the other notes say how the target is read
            warnings.warn(sentence, DataWarning, stacklevel=4)
    if source.images is not None:
        pixels = source.images.pixels
        if not present.all():
            pixels = pixels.take(present) if isinstance(pixels, Pictures) else pixels[present]
        return pixels, checked.frame, source.name
    return source.features.loc[present].reset_index(drop=True), checked.frame, source.name


def labeled_source(data: Any, target: Target) -> tuple[Source, CheckedTarget]:
    """Return further labeled rows as `labeled` does: all of them, with a target that says which lack one."""
    form = target.form
    source = load(data, list(form.columns), target.task, "labeled", form.reading, form.decimal or None)
    return source, check_target(
        source.target, target.task, source.name, from_file=is_path(data), form=form, classes=target.classes
    )


def _check_size(rows: int, name: str, random: bool) -> None:
    if rows < _FEWEST_ROWS and random:
        raise DataError(
            f"{name} has {counted(rows, 'row')}; at least {_FEWEST_ROWS} are needed to train, validate and test."
        )


def target_names(target: str | Sequence[str] | None, pair: bool) -> list[str]:
    """Return the names of the target columns; an `(X, y)` pair has none.

    Raises:
        DataError: A name is given twice, or with a pair.
    """
    if pair:
        if target is not None:
            raise DataError("target= names a column of a table; with an (X, y) pair leave it out.")
        return []
    names = list(names_of(target))
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise DataError(f"target names the column '{twice}' twice.")
    return names


def _check_parts(parts: dict[str, np.ndarray], target: pd.DataFrame, task: str) -> list[str]:
    """Check that every class is in train; return what the other parts lack."""
    parts = {part: rows for part, rows in parts.items() if len(rows)}
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
