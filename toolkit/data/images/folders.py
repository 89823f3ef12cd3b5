"""Folders of pictures: one sub-folder per class, split into train, validation and test or not."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from toolkit.common.errors import DataError
from toolkit.common.formatting import counted, listing, printable
from toolkit.data.images.decoding import Form, decode
from toolkit.data.images.picture_file import ENDINGS
from toolkit.data.images.stack import ImageSet, budget_left
from toolkit.data.read import TABLE_ENDINGS

__all__ = ["is_hidden", "list_pictures", "read_class_folders"]

# The usual names for the parts of a set that is split already.
_PARTS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "validation"),
    **dict.fromkeys(("test", "testing"), "test"),
}


def is_hidden(name: str) -> bool:
    """Return whether a file or folder is hidden, or was added by macOS to a zip file."""
    return name.startswith(".") or name == "__MACOSX"


def list_pictures(*folders: Path) -> tuple[list[Path], list[Path], int]:
    """Return the pictures at any depth below folders, the other files, and the number of hidden files and folders.

    Links to folders, which may lead in a circle, and pipes or devices are among the other files.

    Raises:
        DataError: A folder can't be read.
    """

    def fail(error: OSError) -> None:
        raise DataError(f"the folder {error.filename} can't be read: {error.strerror or error}.") from error

    pictures, unusable, hidden = [], [], 0
    for folder in folders:
        for parent, subfolders, names in os.walk(folder, onerror=fail):
            hidden += sum(is_hidden(name) for name in [*subfolders, *names])
            subfolders[:] = sorted(name for name in subfolders if not is_hidden(name))  # os.walk descends into these
            unusable += [path for path in (Path(parent, name) for name in subfolders) if path.is_symlink()]
            for path in [Path(parent, name) for name in sorted(names) if not is_hidden(name)]:
                is_picture = path.suffix.lower() in ENDINGS and (path.is_file() or not path.exists())
                (pictures if is_picture else unusable).append(path)
    return pictures, unusable, hidden


def read_class_folders(
    folder: Path,
    task: str,
    size: tuple[int, int] | None = None,
    form: Form | None = None,
    budget: int | None = None,
) -> dict[str, ImageSet]:
    """Return the images of a folder with one sub-folder per class.

    Args:
        folder: The folder; or one with the folders train, test and, optionally, validation, each with one sub-folder
            per class.
        task: The task; for regression the names of the sub-folders are numbers.
        size: See `toolkit.data.images.decoding.decode`.
        form: See `toolkit.data.images.decoding.decode`.
        budget: See `toolkit.data.images.decoding.decode`.

    Returns:
        "train", and "validation" and "test" if there are such folders -> the images.

    Raises:
        DataError: There are no pictures, no sub-folders or only one class, or it is unclear which folders are parts.
    """
    parts, unused = _find_parts(folder)
    if not parts:
        images = _read_classes(folder, folder.resolve().name, task, size, form, budget)
        classes = [path.name for path in _subfolders(folder) if path.name.lower() in _PARTS]
        images.notes.extend(f"The folder '{name}' is used as a class, as there are other classes." for name in classes)
        return {"train": images}
    if not _subfolders(parts["train"]):
        raise DataError(
            f"{parts['train']} has no sub-folders: expected one sub-folder per class in each part of a set that is "
            f"split already. If '{parts['train'].name}' is a class itself, give its folder another name."
        )
    train = _read_classes(parts["train"], folder.name, task, size, form, budget)
    if unused:
        train.notes.append(f"Folders other than those of the parts are left out: {listing(unused, most=3)}.")
    sets = {"train": train}
    for part in ("validation", "test"):
        if part in parts and _subfolders(parts[part]):
            name = f"{folder.name}/{parts[part].name}"
            left = budget_left(budget, *sets.values())
            sets[part] = _read_classes(parts[part], name, task, None, form or Form.of(train.pixels), left)
        elif part in parts:
            train.notes.append(f"The folder '{parts[part].name}' has no sub-folders, and is left out.")
    return sets


def _subfolders(folder: Path) -> list[Path]:
    try:
        folders = [path for path in folder.iterdir() if path.is_dir() and not is_hidden(path.name)]
    except PermissionError as error:
        raise DataError(f"the folder {folder} can't be read: {error.strerror}.") from error
    return sorted(folders, key=lambda path: path.name)


def _find_parts(folder: Path) -> tuple[dict[str, Path], list[str]]:
    """Return the folder of each part, and the names of the remaining folders; no parts where all are classes.

    Read as a class, a part would go unnoticed: a network that tells train from test looks like a good one. So a single
    folder with such a name is a class only if there are other classes and it looks like them, without sub-folders.
    """
    parts: dict[str, Path] = {}
    remaining = []
    for path in _subfolders(folder):
        part = _PARTS.get(path.name.lower())
        if part is None:
            remaining.append(path)
        elif part in parts:
            raise DataError(
                f"{folder} has two folders for {part}, '{parts[part].name}' and '{path.name}': keep one of them."
            )
        else:
            parts[part] = path
    names = [path.name for path in remaining]
    if len(parts) == 1 and list_pictures(*remaining)[0]:
        (single,) = parts.values()
        if not _subfolders(single):
            return {}, []
        raise DataError(
            f"{folder} has the folder '{single.name}', whose sub-folders make it look like a part of a set that is "
            f"split already, and other folders of pictures ({listing(names, most=3)}). If it is a part, give {single}, "
            "or move it away; if it is a class, give its folder another name."
        )
    if parts and "train" not in parts:
        raise DataError(
            f"{folder} has the folders {listing([repr(path.name) for path in parts.values()])}, but none named train: "
            "add it, or give the folder whose sub-folders are the classes."
        )
    return parts, names


def _read_classes(
    folder: Path, name: str, task: str, size: tuple[int, int] | None, form: Form | None, budget: int | None
) -> ImageSet:
    """Return the images of one part, or of a folder that is not split."""
    if task == "multilabel":
        raise DataError(
            f"{folder} has one sub-folder per class, but a multilabel image can have several labels: give a CSV with "
            "the file names and a column of 0 and 1 for each label."
        )
    subfolders = _subfolders(folder)
    paths, unusable, hidden = list_pictures(*subfolders)
    names = [path.relative_to(folder).as_posix() for path in paths]  # such as "dog/large/rex.png"
    # A name that is no text becomes one, as labels must be.
    labels = [name.split("/")[0].encode("utf-8", "backslashreplace").decode() for name in names]
    files = sorted(path for path in folder.iterdir() if not path.is_dir() and not is_hidden(path.name))
    outside = [path for path in files if path.suffix.lower() in ENDINGS and path.is_file()]
    unusable = sorted({*files} - {*outside}) + unusable
    _check_classes(folder, labels, outside, unusable, complete=form is None)
    images = decode(paths, names, str(folder), pd.DataFrame({"class": labels}), size=size, form=form, budget=budget)
    readable = images.target["class"].tolist()
    _check_classes(folder, readable, outside, unusable, complete=form is None)
    notes = [*images.notes]
    empty = sorted({subfolder.name for subfolder in subfolders} - {name.split("/")[0] for name in names})
    if empty:
        subject = "The sub-folder {} holds" if len(empty) == 1 else "The sub-folders {} hold"
        notes.append(f"{subject.format(listing(map(repr, empty)))} no pictures: left out.")
    for left_out, noun, kind in (
        (outside, "picture", "outside the sub-folders"),
        (unusable, "file", "other than pictures"),
    ):
        if left_out:
            relative = listing([printable(path.relative_to(folder).as_posix()) for path in left_out], most=3)
            notes.append(f"{counted(len(left_out), noun)} {kind} left out: {relative}.")
    hidden += sum(is_hidden(entry.name) for entry in folder.iterdir())
    if hidden:
        notes.append(f"{counted(hidden, 'hidden file')} or folder{'s' * (hidden != 1)} left out.")
    if any(name.count("/") > 1 for name in names):
        notes.append("Pictures in deeper folders belong to the class of the sub-folder that they are in.")
    target = images.target
    if task == "regression":
        target = pd.DataFrame({"value": _as_numbers(folder, readable)})
    return replace(images, target=target, notes=notes, name=name)


def _as_numbers(folder: Path, labels: Sequence[str]) -> list[float]:
    values = {}
    for label in dict.fromkeys(labels):
        try:
            values[label] = float(label)
        except ValueError:
            raise DataError(
                f"the sub-folder '{label}' of {folder} is not named by a number, as regression needs: rename it, or "
                "give a CSV with the file names and a column of numbers."
            ) from None
    return [values[label] for label in labels]


def _check_classes(
    folder: Path, labels: Sequence[str], outside: Sequence[Path], unusable: Sequence[Path], *, complete: bool
) -> None:
    """Check that there are two classes with pictures, or one where the set need not be complete."""
    classes = set(labels)
    if not classes and outside:
        table = next((path for path in unusable if path.name.lower().endswith(TABLE_ENDINGS)), None)
        hint = f" If {table} lists their labels, give that file." if table else ""
        raise DataError(
            f"{folder} has {counted(len(outside), 'picture')}, but no sub-folders of pictures: expected one sub-folder "
            f"per class.{hint}"
        )
    if not classes:
        names = [printable(path.name) for path in unusable]
        content = f", only other files ({listing(names, most=5)})" if names else ""
        hint = ""
        if any(name.lower().endswith((".heic", ".heif")) for name in names):
            hint = " Pictures in HEIC can't be read: save them as JPEG."
        raise DataError(
            f"{folder} has no pictures ({', '.join(sorted(ENDINGS))}) in sub-folders{content}: expected one sub-folder "
            f"per class.{hint}"
        )
    if len(classes) == 1 and complete:
        raise DataError(
            f"{folder} has pictures of one class, '{classes.pop()}': expected two classes or more, with one sub-folder "
            "each."
        )
