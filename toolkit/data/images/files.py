"""Images by path: folders, tables of file names, idx and npz files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pandas as pd

from toolkit.common.checks import check_choice
from toolkit.common.errors import DataError, nearest
from toolkit.common.files import user_path
from toolkit.common.formatting import counted, listing, printable
from toolkit.data.images.archives import find_idx, is_idx_name, read_idx, read_idx_set, read_npz, read_npz_pictures
from toolkit.data.images.decoding import Form, check_size, decode, resize
from toolkit.data.images.folders import list_pictures, read_class_folders
from toolkit.data.images.picture_file import ENDINGS
from toolkit.data.images.stack import ImageSet, canonical
from toolkit.data.read import TABLE_ENDINGS, read
from toolkit.data.reading.typed_text import typed
from toolkit.data.target_checks import TASKS, target_of_pair

__all__ = ["Form", "is_image_source", "read_images", "read_pictures"]

_MOST_FOLDERS = 1_000  # are looked through for a file that isn't where it should be
_NAMED = 0.9  # a column holds file names if at least this share of its texts ends as a picture's name does


def read_images(
    source: Any,
    *,
    task: str = "multiclass",
    target: str | Sequence[str] | None = None,
    files: str | None = None,
    size: int | tuple[int, int] | None = None,
    form: Form | None = None,
    budget: int | None = None,
) -> dict[str, ImageSet]:
    """Return labeled images, in the parts that the source is split into.

    Args:
        source: One of:

            - a folder with one sub-folder per class (with deeper folders in it, or not); or a folder with the folders
              train, test and, optionally, validation, each with one sub-folder per class. A single folder with such a
              name, without sub-folders and next to other classes, is a class;
            - a table (CSV, TSV, Parquet) of file names, relative to the table's folder, and labels;
            - a folder of idx files, as MNIST's, or one of them;
            - an npz file that holds `x_train`, `y_train` and, optionally, `x_test`, `y_test`;
            - an `(X, y)` pair of arrays, or an `ImageSet`, which is only resized.
        task: `"regression"`, `"binary"`, `"multiclass"` or `"multilabel"`.
        target: For a table: the column to predict, or several for regression and multilabel. By default the only column
            besides the file names; for multilabel all of them.
        files: For a table: the column of file names. By default it is recognized by its values.
        size: Height and width. By default a small size that all images share is kept; otherwise the median size is
            taken, scaled down to at most 64 pixels.
        form: The shape and type that the images must get, in place of `size`.
        budget: The memory in bytes that a training may take: see `toolkit.data.images.decoding.decode`. None reads all
            images into memory, as those of arrays, idx and npz files are.

    Returns:
        "train", and "validation" and "test" if the source has them -> the images.

    Raises:
        DataError: There are no images, no labels or only one class, or too many files can't be read.

    Example:
        >>> from PIL import Image
        >>> folder = getfixture("tmp_path")
        >>> for name in ("cat", "dog"):
        ...     (folder / name).mkdir()
        ...     for shade in (0, 255):
        ...         Image.new("L", (12, 8), shade).save(folder / name / f"{shade}.png")
        >>> images = read_images(folder)["train"]
        >>> images.pixels.shape, images.target["class"].tolist()
        ((4, 8, 12, 1), ['cat', 'cat', 'dog', 'dog'])
    """
    check_choice("task", task, TASKS)
    sides = form.shape[:2] if form is not None else check_size(size)
    if isinstance(source, ImageSet) or (isinstance(source, tuple) and len(source) == 2):
        _check_no_table("arrays", target, files)
        images = source if isinstance(source, ImageSet) else _from_arrays(*source, task, "images")
        return {"train": _resized(images, sides)}
    path = _existing(source)
    is_npz = path.suffix.lower() == ".npz"
    if path.is_dir() or is_npz or is_idx_name(path.name):
        _check_no_table(str(path), target, files)
        # A folder is a folder of classes, unless it has files with names as MNIST's.
        if path.is_dir() and not find_idx(path):
            return read_class_folders(path, task, sides, form, budget)
        pairs = read_npz(path) if is_npz else read_idx_set(path)
        return {part: _resized(_from_arrays(x, y, task, path.name), sides) for part, (x, y) in pairs.items()}
    if path.name.lower().endswith(TABLE_ENDINGS):
        return {"train": _from_table(path, task, target, files, size=sides, form=form, budget=budget)}
    raise DataError(
        f"{path.name}: expected a folder with one sub-folder per class, a table of file names "
        "(CSV, TSV, Parquet, ...), idx or npz files."
    )


def read_pictures(source: Any, form: Form, *, strict: bool = True, budget: int | None = None) -> ImageSet:
    """Return images to predict, in the form that a run was trained on.

    Args:
        source: A picture, a list of pictures, a folder of pictures at any depth, a table of file names, an idx or npz
            file. Labels are ignored.
        form: The shape and type of the run's images.
        strict: Whether one unreadable file is an error, so that each file gets its prediction. Otherwise 1 in 100 may
            be left out, which the notes name.
        budget: As for `read_images`.

    Returns:
        The images, in the order of the list, the table or the file names; the target has no columns.

    Raises:
        DataError: There are no images, or files can't be read.
    """
    how: dict[str, Any] = {"form": form, "strict": strict, "budget": budget}
    if isinstance(source, list | tuple):
        if not source or not all(isinstance(path, str | os.PathLike) for path in source):
            _refuse(source)
        paths = [Path(os.path.expanduser(path)) for path in source]
        return decode(paths, [str(path) for path in source], "the list", **how)
    path = _existing(source)
    if path.is_dir():
        paths, _, _ = list_pictures(path)
        if not paths:
            raise DataError(f"{path} has no pictures ({', '.join(sorted(ENDINGS))}).")
        names = [picture.relative_to(path).as_posix() for picture in paths]
        return decode(paths, names, str(path), **how)
    if path.suffix.lower() == ".npz" or is_idx_name(path.name):
        pixels = canonical(read_idx(path) if is_idx_name(path.name) else read_npz_pictures(path), path.name)
        return _resized(ImageSet(pixels, pd.DataFrame(index=range(len(pixels))), name=path.name), form.shape[:2])
    if path.name.lower().endswith(TABLE_ENDINGS):
        table = read(path)
        names = [str(cell) for cell in table.frame[_file_column(table.frame, None, table.name)]]
        return decode([_resolved(path, file) for file in names], names, table.name, **how)
    return decode([path], [path.name], str(path), **how)


def is_image_source(source: Any) -> bool:
    """Return whether a source is a folder, a picture, an idx or npz file, or a list of pictures.

    Example:
        >>> is_image_source("cat.jpg"), is_image_source(["cat.jpg", "dog.png"]), is_image_source("table.csv")
        (True, True, False)
    """
    if isinstance(source, list | tuple):
        return bool(source) and all(isinstance(path, str | os.PathLike) and is_image_source(path) for path in source)
    if not isinstance(source, str | os.PathLike):
        return False
    path = Path(os.path.expanduser(source))
    return path.suffix.lower() in {*ENDINGS, ".npz"} or is_idx_name(path.name) or os.path.isdir(path)


def _check_no_table(source: str, target: Any, files: Any) -> None:
    for option, value in (("target", target), ("files", files)):
        if value is not None:
            raise DataError(f"{option}={value!r} names a column of a table of file names: leave it out with {source}.")


def _refuse(source: Any) -> NoReturn:
    raise DataError(
        f"images are of type {type(source).__name__}; expected a folder, a table of file names, idx or npz files, or "
        "an (X, y) pair of arrays."
    )


def _existing(source: Any) -> Path:
    if not isinstance(source, str | os.PathLike):
        _refuse(source)
    path = user_path(source, "pictures", "source")
    if os.path.exists(path):  # unlike Path.exists, also for names that no disk can hold
        if path.is_dir() and not os.access(path, os.R_OK | os.X_OK):
            raise DataError(f"the folder {path} can't be read: Permission denied.")
        if not path.is_dir() and not path.is_file():
            raise DataError(f"{path} is a device, a pipe or a socket; expected a file or a folder.")
        return path
    if os.path.islink(path):
        raise DataError(f"{path} is a link that leads to no file.")
    folder, missing = path.parent, f"no such file or folder: {printable(path)}"
    if not os.path.isdir(folder):
        raise DataError(f"{missing} (there is no folder {printable(folder)}).")
    hint = nearest(path.name, [entry.name for entry in folder.iterdir()])
    raise DataError(f"{missing} (looked in {folder.resolve()}).{hint}")


def _from_arrays(x: Any, y: Any, task: str, name: str) -> ImageSet:
    pixels = canonical(x, "X" if name == "images" else name)
    # Labels (n,) and, as in Keras's CIFAR-10, (n, 1) become one named column.
    if isinstance(y, np.ndarray) and (y.ndim == 1 or (y.ndim == 2 and y.shape[1] == 1)):
        y = pd.Series(y.ravel(), name="label")
    return ImageSet(pixels, target_of_pair(pixels, y, task), name=name)


def _resized(images: ImageSet, size: tuple[int, int] | None) -> ImageSet:
    height, width = images.pixels.shape[1:3]
    if size is None or (height, width) == size:
        return images
    note = f"The images were resized from {height} × {width} to {size[0]} × {size[1]} pixels, as asked."
    return replace(images, pixels=resize(np.asarray(images.pixels), size), notes=[*images.notes, note])


# --------------------------------------------------------------------------------------------- a table of file names


def _from_table(
    path: Path,
    task: str,
    target: str | Sequence[str] | None,
    files: str | None,
    **how: Any,
) -> ImageSet:
    """Return the pictures that a table lists, with their labels; for the last arguments see `decode`."""
    table = read(path)
    frame, name = table.frame, table.name
    if frame.columns.has_duplicates:
        raise DataError(f"{name} has repeated column names ({listing(frame.columns)}): rename them.")
    frame = frame.set_axis([str(label) for label in frame.columns], axis=1)
    column = _file_column(frame, files, name)
    targets = _target_columns(frame, column, target, task, name)
    blank = frame[column].isna()
    if blank.all():
        raise DataError(f"the column '{column}' of {name} is empty; expected the file names of pictures.")
    rows = frame.loc[~blank]
    names = [str(cell) for cell in rows[column]]
    paths = [_resolved(path, file) for file in names]
    if not any(map(os.path.exists, paths)):
        raise _none_found(paths, path, column)
    labels = pd.DataFrame({label: typed(rows[label]) for label in targets}, index=rows.index)
    images = decode(paths, names, name, labels, **how)
    images.notes[:0] = [*table.damage, *table.notes]
    images.notes.insert(0, f"File names are in the column '{column}'.")
    if blank.any():
        images.notes.append(f"{counted(int(blank.sum()), 'row')} without a file name left out.")
    unused = [label for label in frame.columns if label != column and label not in targets]
    if unused:
        images.notes.append(f"Columns of {name} that are not used: {listing(unused)}.")
    return images


def _resolved(table: Path, file: str) -> Path:
    """Return the path of a file that a table names, relative to the table's folder."""
    path = table.parent / os.path.expanduser(file.strip())
    if not os.path.exists(path) and "\\" in file:  # a table written on Windows
        path = table.parent / file.strip().replace("\\", "/")
    return path


def _file_column(frame: pd.DataFrame, files: str | None, name: str) -> str:
    """Return the column of file names: `files`, or the only one whose texts end as pictures' names do."""
    labels = [str(label) for label in frame.columns]
    if files is not None:
        if str(files) not in labels:
            raise DataError(
                f"files='{files}' is not a column of {name} (columns: {listing(labels)}).{nearest(files, labels)}"
            )
        return str(files)
    candidates = []
    for index, label in enumerate(labels):
        cells = [cell for cell in frame.iloc[:, index] if isinstance(cell, str)]
        endings = sum(os.path.splitext(cell.strip())[1].lower() in ENDINGS for cell in cells)
        if cells and endings >= _NAMED * len(cells):
            candidates.append(label)
    if len(candidates) > 1:
        raise DataError(
            f"{name} has {len(candidates)} columns of file names ({listing(candidates)}): choose one with files=."
        )
    if not candidates:
        raise DataError(
            f"no column of {name} holds file names of pictures, such as cats/tom.jpg (columns: {listing(labels)}): "
            "name it with files=."
        )
    return candidates[0]


def _target_columns(
    frame: pd.DataFrame, files: str, target: str | Sequence[str] | None, task: str, name: str
) -> list[str]:
    labels = [label for label in frame.columns if label != files]
    if target is None:
        if not labels:
            raise DataError(f"{name} has no column besides the file names in '{files}'; expected one to predict.")
        if len(labels) == 1 or task == "multilabel":
            return labels
        raise DataError(f"target= is needed: the column of {name} to predict (columns: {listing(labels)}).")
    targets = [target] if isinstance(target, str) else [str(label) for label in target]
    for label in targets:
        if label == files:
            raise DataError(f"target='{label}' is the column of file names; give the column to predict.")
        if label not in labels:
            raise DataError(
                f"target='{label}' is not a column of {name} (columns: {listing(labels)}).{nearest(label, labels)}"
            )
    if len(set(targets)) < len(targets):
        raise DataError(f"target= names the column '{max(targets, key=targets.count)}' twice.")
    return targets


def _none_found(paths: Sequence[Path], table: Path, column: str) -> DataError:
    """Return the error that no file of a table exists, with where the first may be instead."""
    name = paths[0].name
    folders = (parent for parent, _, names in islice(os.walk(table.parent), _MOST_FOLDERS) if name in names)
    hint = "".join(
        f" There is a {printable(os.path.relpath(os.path.join(folder, name), table.parent))}: write the names like "
        "this, or move the table to the folder of the pictures."
        for folder in islice(folders, 1)
    )
    return DataError(
        f"none of the {len(paths):,} files in the column '{column}' of {table.name} exists, such as "
        f"{printable(paths[0])}: names are relative to the folder of the table.{hint}"
    )
