"""Images from where people keep them: a folder with a sub-folder a class, a table of file names, idx and npz files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from toolkit.common.errors import DataError, nearest
from toolkit.data import read as sources
from toolkit.data.columns import listing
from toolkit.data.images.archives import (
    find_idx,
    is_idx_name,
    read_idx,
    read_idx_set,
    read_npz,
    read_npz_pictures,
)
from toolkit.data.images.decoding import (
    ENDINGS,
    check_size,
    decode,
    resize,
)
from toolkit.data.images.stack import ImageSet, canonical
from toolkit.data.target import TASKS, target_of_pair

__all__ = ["Form", "is_image_source", "read_images", "read_pictures"]

_TABLES = (".csv", ".csv.gz", ".tsv", ".tsv.gz", ".parquet")
# How people name the parts of a set that is split already.
_PARTS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "validation"),
    **dict.fromkeys(("test", "testing"), "test"),
}
_NAMED = 0.9  # a column holds file names where so many of its cells end as a picture's name does


class Form(NamedTuple):
    """What every image of one run has: further ones are brought to it.

    Attributes:
        shape: Height, width and channels.
        dtype: `"uint8"` or `"float32"`.
    """

    shape: tuple[int, int, int]
    dtype: str

    @classmethod
    def of(cls, pixels: NDArray[Any]) -> Form:
        """Return the form of images in a stack, shape (n, height, width, channels)."""
        height, width, channels = pixels.shape[1:]
        return cls((height, width, channels), str(pixels.dtype))


def read_images(
    source: Any,
    *,
    task: str = "multiclass",
    target: str | Sequence[str] | None = None,
    files: str | None = None,
    size: int | tuple[int, int] | None = None,
    form: Form | None = None,
) -> dict[str, ImageSet]:
    """Return labelled images, and the parts they are split into where their place says so.

    Args:
        source: One of:

            - a folder with a sub-folder a class (folders below those are followed), or with folders named train, test
              and, if there is one, validation, each with a sub-folder a class. One such name alone, beside others and
              without sub-folders, is a class;
            - a table (CSV, TSV, Parquet) of file names and labels, the names relative to its own folder;
            - a folder of idx files, as MNIST's, or one of those files;
            - an npz file that holds `x_train`, `y_train` and, if there are, `x_test`, `y_test`;
            - an `(X, y)` pair of arrays, or an `ImageSet`, given back as they are.
        task: `"regression"`, `"binary"`, `"multiclass"` or `"multilabel"`.
        target: For a table: the column to predict, or several for regression and multilabel. None takes the only other
            column, and for multilabel all others.
        files: For a table: the column of file names. None finds it by its values.
        size: Height and width to bring the images to; None keeps a small size that all have, and otherwise takes the
            median one, made smaller until both are 64 pixels at most.
        form: The shape and type that the images must get, in place of `size`.

    Returns:
        "train", and "validation" and "test" where the source has them -> the images.

    Raises:
        DataError: There are no images, no labels or one class only, or too many files can't be read.

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
    if task not in TASKS:
        raise DataError(f"task {task!r} is not known (tasks: {', '.join(TASKS)}).{nearest(task, TASKS)}")
    wanted = form.shape[:2] if form is not None else check_size(size)
    if isinstance(source, ImageSet):
        return {"train": _fitted(source, wanted)}
    if isinstance(source, tuple):
        return (
            {"train": _fitted(_from_arrays(*source, task, "images"), wanted)} if len(source) == 2 else _refuse(source)
        )
    if not isinstance(source, str | os.PathLike):
        _refuse(source)
    path = _existing(source)
    if path.is_dir() and not find_idx(path):
        _only_for_tables(path, target, files)
        return _from_folder(path, task, wanted, form)
    if path.is_dir() or is_idx_name(path.name) or path.suffix.lower() == ".npz":
        _only_for_tables(path, target, files)
        pairs = read_npz(path) if path.suffix.lower() == ".npz" else read_idx_set(path)
        return {part: _fitted(_from_arrays(x, y, task, path.name), wanted) for part, (x, y) in pairs.items()}
    if path.name.lower().endswith(_TABLES):
        return {"train": _from_table(path, task, target, files, wanted, form)}
    raise DataError(
        f"{path.name}: expected a folder with a sub-folder a class, a table of file names ({', '.join(_TABLES)}), idx "
        "or npz files."
    )


def read_pictures(source: Any, form: Form, *, strict: bool = True) -> ImageSet:
    """Return images to predict, brought to the form that a run was trained on.

    Args:
        source: A picture, a folder of them (folders below it are followed), a list of pictures, a table of file names,
            an idx or npz file (labels, if it has any, are not looked at).
        form: The shape and type of the run's images.
        strict: Whether a file that can't be read is an error, so that there is a prediction for every file. Otherwise
            one in 100 may be left out, which the notes name.

    Returns:
        The images, with a target of no columns; in the order of a list, or of their names.

    Raises:
        DataError: There are no images, or files can't be read.
    """
    if isinstance(source, list | tuple):
        if not source or not all(isinstance(path, str | os.PathLike) for path in source):
            _refuse(source)
        paths = [Path(path).expanduser() for path in source]
        return _decoded(paths, [str(path) for path in source], "the list", form, strict)
    if not isinstance(source, str | os.PathLike):
        _refuse(source)
    path = _existing(source)
    if path.is_dir():
        found, _, _ = _pictures(path)
        if not found:
            raise DataError(f"{path} holds no pictures ({', '.join(sorted(ENDINGS))}).")
        return _decoded(found, [_relative(one, path) for one in found], str(path), form, strict)
    if path.suffix.lower() == ".npz" or is_idx_name(path.name):
        pixels = canonical(read_idx(path) if is_idx_name(path.name) else read_npz_pictures(path), path.name)
        whole = ImageSet(pixels, pd.DataFrame(index=range(len(pixels))), name=path.name)
        return _fitted(whole, form.shape[:2])
    if path.name.lower().endswith(_TABLES):
        frame, name = sources.read(path)
        names = [str(cell) for cell in frame[_file_column(frame, None, name)]]
        return _decoded([_beside(path, one) for one in names], names, name, form, strict)
    return _decoded([path], [path.name], str(path), form, strict)


def is_image_source(source: Any) -> bool:
    """Tell whether something is a place of pictures: a folder, a picture, idx or npz files, or a list of pictures.

    Example:
        >>> is_image_source("cat.jpg"), is_image_source(["cat.jpg", "dog.png"]), is_image_source("table.csv")
        (True, True, False)
    """
    if isinstance(source, list | tuple):
        return bool(source) and all(isinstance(one, str | os.PathLike) and is_image_source(one) for one in source)
    if not isinstance(source, str | os.PathLike):
        return False
    path = Path(source).expanduser()
    return path.suffix.lower() in {*ENDINGS, ".npz"} or is_idx_name(path.name) or path.is_dir()


def _refuse(source: Any) -> Any:
    raise DataError(
        f"images are given as {type(source).__name__}; expected a folder, a table of file names, idx or npz files, or "
        "an (X, y) pair of arrays."
    )


def _existing(source: str | os.PathLike[str]) -> Path:
    path = Path(source).expanduser()
    if path.exists():
        return path
    folder = path.parent
    if not folder.is_dir():
        raise DataError(f"no such file or folder: {path} (there is no folder {folder}).")
    hint = nearest(path.name, [entry.name for entry in folder.iterdir()])
    raise DataError(f"no such file or folder: {path} (looked in {folder.resolve()}).{hint}")


def _only_for_tables(path: Path, target: Any, files: Any) -> None:
    for option, value in (("target", target), ("files", files)):
        if value is not None:
            raise DataError(f"{option}= names a column of a table of file names; with {path} leave it out.")


def _from_arrays(x: Any, y: Any, task: str, name: str) -> ImageSet:
    pixels = canonical(x, "X" if name == "images" else name)
    labels = np.asarray(y)
    if isinstance(y, np.ndarray) and (labels.ndim == 1 or (labels.ndim == 2 and labels.shape[1] == 1)):
        y = pd.Series(labels.ravel(), name="label")
    return ImageSet(pixels, target_of_pair(pixels, y, task), name=name)


def _fitted(images: ImageSet, size: tuple[int, int] | None) -> ImageSet:
    """Bring images that came as an array to a size."""
    before = images.pixels.shape[1:3]
    if size is None or before == size:
        return images
    note = f"The images were resized from {before[0]} × {before[1]} to {size[0]} × {size[1]} pixels, as asked."
    pixels = resize(images.pixels, size)
    return ImageSet(pixels, images.target, images.names, [*images.notes, note], images.name)


# ---------------------------------------------------------------------------------------------------------- a folder


def _hidden(name: str) -> bool:
    return name.startswith(".") or name == "__MACOSX"


def _pictures(folder: Path) -> tuple[list[Path], list[Path], int]:
    """Return the pictures below a folder, the other files, and the number of hidden files and folders."""
    pictures, others, hidden = [], [], 0
    for place, folders, files in os.walk(folder):
        hidden += sum(_hidden(name) for name in [*folders, *files])
        folders[:] = sorted(name for name in folders if not _hidden(name))
        for name in sorted(files):
            if not _hidden(name):
                path = Path(place) / name
                (pictures if path.suffix.lower() in ENDINGS else others).append(path)
    return pictures, others, hidden


def _relative(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix()


def _decoded(paths: Sequence[Path], names: Sequence[str], where: str, form: Form, strict: bool) -> ImageSet:
    height, width, channels = form.shape
    stack = decode(paths, names, where, size=(height, width), channels=channels, dtype=form.dtype, strict=strict)
    target = pd.DataFrame(index=range(len(stack.pixels)))
    kept = [names[int(place)] for place in stack.kept]
    return ImageSet(stack.pixels, target, kept, stack.notes, where)


def _subfolders(folder: Path) -> list[Path]:
    return sorted((path for path in folder.iterdir() if path.is_dir() and not _hidden(path.name)), key=lambda p: p.name)


def _from_folder(folder: Path, task: str, size: tuple[int, int] | None, form: Form | None) -> dict[str, ImageSet]:
    parts, beside = _parts_of(folder)
    if not parts:
        whole = _from_classes(folder, folder.resolve().name, task, size, form)
        like = [path.name for path in _subfolders(folder) if path.name.lower() in _PARTS]
        whole.notes.extend(f"The folder '{name}' is taken for a class, as others stand beside it." for name in like)
        return {"train": whole}
    if not _subfolders(parts["train"]):
        raise DataError(
            f"{parts['train']} holds no sub-folder a class, as a part of a set that is split already does: put one in "
            f"it for each class. If '{parts['train'].name}' is a class itself, give its folder another name."
        )
    made = {"train": _from_classes(parts["train"], folder.name, task, size, form)}
    form = form or Form.of(made["train"].pixels)
    if beside:
        made["train"].notes.append(f"Folders beside those of the parts are left out: {listing(beside, most=3)}.")
    for part in ("validation", "test"):
        if part in parts and _subfolders(parts[part]):
            made[part] = _from_classes(parts[part], f"{folder.name}/{parts[part].name}", task, size, form)
        elif part in parts:
            made["train"].notes.append(f"The folder '{parts[part].name}' has no sub-folders, and is left out.")
    return made


def _parts_of(folder: Path) -> tuple[dict[str, Path], list[str]]:
    """Return the folders of the parts of a set that is split already, and the names of those beside them.

    Taken for a class, a part would go unseen: a network that tells train from test looks like a good one. So one such
    name is a class only where other classes stand beside it and it is like them, without sub-folders.
    """
    parts: dict[str, Path] = {}
    others = []
    for path in _subfolders(folder):
        part = _PARTS.get(path.name.lower())
        if part is None:
            others.append(path)
        elif part in parts:
            raise DataError(
                f"{folder} holds two folders for {part}, '{parts[part].name}' and '{path.name}': keep one of them."
            )
        else:
            parts[part] = path
    alone = next(iter(parts.values())) if len(parts) == 1 else None
    if alone is not None and any(_pictures(path)[0] for path in others):
        if not _subfolders(alone):
            return {}, []
        raise DataError(
            f"{folder} holds '{alone.name}', which has sub-folders and so looks like a part of a set that is split "
            f"already, beside other folders of pictures ({listing([path.name for path in others], most=3)}). If it is "
            f"a part, give {alone}, or move it away; if it is a class, give its folder another name."
        )
    if parts and "train" not in parts:
        raise DataError(
            f"{folder} holds {listing([repr(path.name) for path in parts.values()])}, but no folder named train: give "
            "the training images beside, or the folder whose sub-folders are the classes."
        )
    return parts, [path.name for path in others]


def _from_classes(folder: Path, name: str, task: str, size: tuple[int, int] | None, form: Form | None) -> ImageSet:
    """Read a folder with a sub-folder a class."""
    if task == "multilabel":
        raise DataError(
            f"{folder} is a folder with a class a sub-folder, and multilabel images have several labels each: give a "
            "CSV with the file names and a column of 0 and 1 for each label."
        )
    paths: list[Path] = []
    labels: list[str] = []
    others: list[Path] = []
    empty: list[str] = []
    hidden = sum(_hidden(entry.name) for entry in folder.iterdir())
    for inside in _subfolders(folder):
        found, strange, unseen = _pictures(inside)
        paths += found
        labels += [inside.name] * len(found)
        others += strange
        hidden += unseen
        if not found:
            empty.append(inside.name)
    loose = sorted(path for path in folder.iterdir() if path.is_file() and not _hidden(path.name))
    _check_classes(folder, sorted(set(labels)), loose, others, complete=form is None)
    names = [_relative(path, folder) for path in paths]
    channels, dtype = (None, None) if form is None else (form.shape[2], form.dtype)
    if form is not None:
        size = (form.shape[0], form.shape[1])
    stack = decode(paths, names, str(folder), size=size, channels=channels, dtype=dtype)
    kept = [labels[place] for place in stack.kept]
    notes = [*stack.notes, *_passed_over(folder, loose, others, empty, hidden)]
    if any(path.parent.parent != folder for path in paths):
        notes.append("Pictures in folders below those of the classes count to their class.")
    target = pd.DataFrame({"class": kept})
    if task == "regression":
        target = pd.DataFrame({"value": _as_numbers(folder, kept)})
    _check_classes(folder, sorted(set(kept)), loose, others, complete=form is None)
    return ImageSet(stack.pixels, target, [names[int(place)] for place in stack.kept], notes, name)


def _as_numbers(folder: Path, labels: Sequence[str]) -> list[float]:
    values = {}
    for label in dict.fromkeys(labels):
        try:
            values[label] = float(label)
        except ValueError:
            raise DataError(
                f"regression predicts numbers, and the sub-folder '{label}' of {folder} is none: name each by its "
                "number, or give a CSV with the file names and a column of numbers."
            ) from None
    return [values[label] for label in labels]


def _check_classes(
    folder: Path, classes: Sequence[str], loose: Sequence[Path], others: Sequence[Path], *, complete: bool
) -> None:
    pictures = [path for path in loose if path.suffix.lower() in ENDINGS]
    tables = [path.name for path in loose if path.name.lower().endswith(_TABLES)]
    if not classes and pictures:
        hint = f" Or is it {folder / tables[0]} that names their labels? Then give that file." if tables else ""
        raise DataError(
            f"{folder} holds {_many(len(pictures), 'picture')}, but no sub-folders of pictures: "
            f"expected one sub-folder a class.{hint}"
        )
    if not classes:
        there = [path.name for path in [*loose, *others]]
        holds = f"other files ({listing(there, most=5)})" if there else "nothing that could be one"
        hint = ""
        if any(name.lower().endswith((".heic", ".heif")) for name in there):
            hint = " Pictures in HEIC can't be read: save them as JPEG."
        raise DataError(
            f"{folder} holds no pictures ({', '.join(sorted(ENDINGS))}) in sub-folders, but {holds}: expected one "
            f"sub-folder a class.{hint}"
        )
    if len(classes) == 1 and complete:
        raise DataError(
            f"{folder} holds pictures of one class, '{classes[0]}': expected two classes or more, a sub-folder each. "
            "With one class there is nothing to tell apart."
        )


def _many(count: int, word: str) -> str:
    return f"{count:,} {word}{'s' * (count != 1)}"


def _passed_over(
    folder: Path, loose: Sequence[Path], others: Sequence[Path], empty: Sequence[str], hidden: int
) -> list[str]:
    notes = []
    if empty:
        one = len(empty) == 1
        notes.append(
            f"{'The sub-folder' if one else 'Sub-folders'} {listing(map(repr, empty))} "
            f"{'holds' if one else 'hold'} no pictures and {'is' if one else 'are'} left out."
        )
    beside = [path.name for path in loose if path.suffix.lower() in ENDINGS]
    if beside:
        notes.append(f"{_many(len(beside), 'picture')} outside the sub-folders left out: {listing(beside, most=3)}.")
    strange = [_relative(path, folder) for path in others]
    strange += [path.name for path in loose if path.suffix.lower() not in ENDINGS]
    if strange:
        notes.append(f"{_many(len(strange), 'file')} left out, being no picture: {listing(strange, most=3)}.")
    if hidden:
        notes.append(f"{_many(hidden, 'hidden file')} or folder{'s' * (hidden != 1)} left out.")
    return notes


# ---------------------------------------------------------------------------------------------------------- a table


def _beside(table: Path, name: str) -> Path:
    """Return the file that a table names, relative to the table's own folder."""
    path = table.parent / Path(name.strip()).expanduser()
    if not path.exists() and "\\" in name:  # a table written on Windows
        path = table.parent / name.strip().replace("\\", "/")
    return path


def _file_column(frame: pd.DataFrame, files: str | None, name: str) -> str:
    """Return the column of file names: the one named, or the one whose values end as pictures' names do."""
    labels = [str(label) for label in frame.columns]
    if files is not None:
        if str(files) not in labels:
            raise DataError(
                f"files='{files}' is not a column of {name} (columns: {listing(labels)}).{nearest(files, labels)}"
            )
        return str(files)
    found = []
    for place, label in enumerate(labels):
        cells = [cell for cell in frame.iloc[:, place] if isinstance(cell, str)]
        ends = sum(os.path.splitext(cell.strip())[1].lower() in ENDINGS for cell in cells)
        if cells and ends >= _NAMED * len(cells):
            found.append(label)
    if len(found) == 1:
        return found[0]
    if found:
        raise DataError(f"{name} has {len(found)} columns of file names ({listing(found)}): name one by files=.")
    raise DataError(
        f"no column of {name} holds file names of pictures, such as cats/tom.jpg (columns: {listing(labels)}): name it "
        "by files=."
    )


def _target_columns(
    frame: pd.DataFrame, files: str, target: str | Sequence[str] | None, task: str, name: str
) -> list[str]:
    others = [str(label) for label in frame.columns if str(label) != files]
    if target is None:
        if not others:
            raise DataError(f"{name} has no column beside the file names in '{files}': expected one to predict.")
        if len(others) == 1 or task == "multilabel":
            return others
        raise DataError(f"target= is needed: the column of {name} to predict (columns: {listing(others)}).")
    asked = [target] if isinstance(target, str) else [str(one) for one in target]
    for wanted in asked:
        if wanted == files:
            raise DataError(f"target '{wanted}' is the column of file names; name the column to predict.")
        if wanted not in others:
            raise DataError(
                f"target '{wanted}' is not a column of {name} (columns: {listing(others)}).{nearest(wanted, others)}"
            )
    if len(set(asked)) < len(asked):
        raise DataError(f"target names the column '{max(asked, key=asked.count)}' twice.")
    return asked


def _from_table(
    path: Path,
    task: str,
    target: str | Sequence[str] | None,
    files: str | None,
    size: tuple[int, int] | None,
    form: Form | None,
) -> ImageSet:
    """Read the pictures that a table names."""
    frame, name = sources.read(path)
    if frame.columns.has_duplicates:
        raise DataError(f"{name} has repeated column names ({listing(frame.columns)}).")
    frame.columns = pd.Index([str(label) for label in frame.columns])
    column = _file_column(frame, files, name)
    targets = _target_columns(frame, column, target, task, name)
    blank = frame[column].isna()
    if blank.all():
        raise DataError(f"'{column}' of {name} is empty.")
    rows = frame.loc[~blank]
    names = [str(cell) for cell in rows[column]]
    paths = [_beside(path, one) for one in names]
    _check_place(paths, names, path, column)
    channels, dtype = (None, None) if form is None else (form.shape[2], form.dtype)
    if form is not None:
        size = (form.shape[0], form.shape[1])
    stack = decode(paths, names, name, size=size, channels=channels, dtype=dtype)
    labels = rows[targets].iloc[stack.kept].reset_index(drop=True)
    notes = [f"File names are in the column '{column}'.", *stack.notes]
    if blank.any():
        notes.append(f"{_many(int(blank.sum()), 'row')} without a file name left out.")
    unused = [label for label in frame.columns if label != column and label not in targets]
    if unused:
        notes.append(f"Columns of {name} that are not used: {listing(unused)}.")
    return ImageSet(stack.pixels, labels, [names[int(place)] for place in stack.kept], notes, name)


def _check_place(paths: Sequence[Path], names: Sequence[str], table: Path, column: str) -> None:
    """Say where the pictures may be, if none is where the table says."""
    if any(path.exists() for path in paths):
        return
    wanted = Path(names[0].strip().replace("\\", "/")).name
    there = next((found for found in table.parent.rglob(wanted) if not _hidden(found.name)), None)
    hint = ""
    if there is not None:
        hint = (
            f" There is a {_relative(there, table.parent)}: write the names so, or put the table beside the pictures."
        )
    raise DataError(
        f"none of the {len(names):,} files that '{column}' of {table.name} names is there, such as {paths[0]}: names "
        f"are relative to the folder of the table.{hint}"
    )
