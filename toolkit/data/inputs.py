"""New rows, in whatever form the user has them, as the inputs of a trained model.

What is needed for pictures in files and for labels is imported where it is used: rows are predicted without it.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from toolkit.common.errors import DataError, DataWarning
from toolkit.data.images.preprocessing import ImagePreprocessing, check_files
from toolkit.data.memory import MemoryOptions
from toolkit.data.new_rows import NewRows
from toolkit.data.preprocessing import Preprocessing
from toolkit.data.read import is_file, read
from toolkit.data.reading.frames import is_table, matrix_of
from toolkit.data.reading_options import ReadingOptions
from toolkit.data.surrogates import refuse_surrogates
from toolkit.data.target import Target

__all__ = ["RowEncoder", "batches", "encode", "encode_labeled", "labeled_frame", "table_of"]


def batches(
    preprocessing: Preprocessing | ImagePreprocessing,
    new: Any,
    rows: int = 16_384,
    reading: ReadingOptions | None = None,
) -> Iterator[NDArray[Any]]:
    """Yield new rows encoded, a limited number at a time: one column of numbers may become 33 inputs.

    Args:
        preprocessing: Fitted in training.
        new: A path, a DataFrame or an array of the training's columns; or images, as an array or by path.
        rows: Rows per batch; images come in one batch.
        reading: How the table of the training was read; see `table_of`.
    """
    is_image = isinstance(preprocessing, ImagePreprocessing)
    frame, name = (new, "the array") if is_image else table_of(new, preprocessing, reading)
    count = len(frame) if isinstance(frame, np.ndarray | pd.DataFrame) and np.ndim(frame) else 0
    if isinstance(preprocessing, ImagePreprocessing) or count <= rows:
        yield encode(preprocessing, frame, name)
        return
    # Plain arrays of finite numbers are encoded directly. Anything else is checked as a whole first, so that an error
    # names the row of the whole table.
    direct = isinstance(frame, np.ndarray) and preprocessing.from_numbers(frame[:1]) is not None
    if direct and not np.isinf(frame).any() and not np.isnan(frame).all(axis=0).any():
        matrices = (preprocessing.from_numbers(frame[start : start + rows]) for start in range(0, count, rows))
        yield from (matrix for matrix in matrices if matrix is not None)
        return
    checked = _in_form(preprocessing, frame, name)
    yield from (preprocessing.transform(checked.iloc[start : start + rows]) for start in range(0, count, rows))


@refuse_surrogates()
def table_of(
    new: Any, preprocessing: Preprocessing, reading: ReadingOptions | None = None
) -> tuple[pd.DataFrame | NDArray[Any], str]:
    """Return new rows as a DataFrame, or as an array if their columns have no names; and what to call them.

    What was lost or filled in reading a file is a warning.

    Args:
        new: A path or another source of `toolkit.data.read.read`, a Series or a dictionary (one row), or an array of
            shape (rows, columns).
        preprocessing: Fitted in training.
        reading: How the table of the training was read; taken where it fits (`further` of `toolkit.data.read.read`).

    Raises:
        DataError: It can't be read, or it is no table.
    """
    if isinstance(new, pd.Series):
        # The row of a frame with sparse columns may be sparse, which pandas can't transpose with dates in it.
        new = (new.astype(object) if isinstance(new.dtype, pd.SparseDtype) else new).to_frame().T
    if isinstance(new, tuple) and len(new) == 2 and (is_table(new[0]) or getattr(new[0], "ndim", 0) == 2):
        raise DataError("the rows to predict are a pair (X, y): give X alone.")
    if not is_table(new) and not is_file(new):
        if not isinstance(new, (list, tuple)) and np.ndim(new) == 0 and not hasattr(new, "toarray"):
            raise DataError(
                f"the rows to predict are of type {type(new).__name__}; expected a path, a DataFrame, a dictionary, a "
                "Series or an array."
            )
        return matrix_of(new, "the array"), "the array"
    table = read(new, reading, expected_names=preprocessing.source_columns, empty=True, further=True)
    for sentence in table.damage:
        warnings.warn(sentence, DataWarning, stacklevel=4)
    return table.frame, table.name


def encode(preprocessing: Preprocessing | ImagePreprocessing, new: Any, name: str) -> NDArray[Any]:
    """Return new rows encoded, shape (n, ...).

    Args:
        preprocessing: Fitted in training.
        new: A DataFrame or array of the training's columns; or images, as an array or by path.
        name: What to call them in an error message.

    Raises:
        DataError: A column is missing or has another type than in training; images have another size.
    """
    if isinstance(preprocessing, ImagePreprocessing) and isinstance(new, np.ndarray):
        return preprocessing.transform(new, name)
    if isinstance(preprocessing, ImagePreprocessing):
        from toolkit.data.images.files import Form, is_image_source, read_pictures

        if isinstance(new, str | Path) or is_image_source(new):
            form, budget = Form(preprocessing.shape, preprocessing.dtype), MemoryOptions().budget
            pictures = read_pictures(new, form, budget=budget)
            check_files(pictures.pixels, preprocessing.low, preprocessing.high, pictures.name)
            new = pictures.pixels
        return preprocessing.transform(new, name)
    matrix = preprocessing.from_numbers(new)
    if matrix is not None and not (len(new) > 1 and np.isnan(new).all(axis=0).any()):
        return matrix
    return preprocessing.transform(_in_form(preprocessing, new, name))


def _in_form(preprocessing: Preprocessing, new: Any, name: str) -> pd.DataFrame:
    """Return new rows in the form of the training rows; cells and columns that count as missing are a warning."""
    encoder = RowEncoder(preprocessing, name)
    frame = encoder.in_form(new)
    for sentence in encoder.finish():
        warnings.warn(sentence, DataWarning, stacklevel=5)
    return frame


class RowEncoder:
    """Encodes new rows that come in one piece or in several.

    Args:
        preprocessing: Fitted in training.
        name: What to call the rows in messages.
        most_rows: See `toolkit.data.new_rows.NewRows`.
    """

    def __init__(self, preprocessing: Preprocessing, name: str, most_rows: int | None = None) -> None:
        self._preprocessing = preprocessing
        self._rows = NewRows(preprocessing.columns, preprocessing.source_columns, name, most_rows)
        self._name = name
        # The columns without a cell that says anything: "" where all are missing, otherwise a level never learned.
        self._empty = {column.name: "" for column in preprocessing.columns}

    def in_form(self, new: Any) -> pd.DataFrame:
        """Return the next rows in the form of the training rows.

        Raises:
            DataError: As for `toolkit.data.new_rows.coerce`; the rows are numbered over all pieces.
        """
        frame = self._rows.add(new)
        unseen = self._preprocessing.unseen(frame[list(self._empty)]) if self._empty else {}
        for name, level in list(self._empty.items()):
            present, levels = pd.notna(frame[name].to_numpy()), unseen.get(name, [])
            if frame[name].isin(levels)[present].all() if levels else not present.any():
                self._empty[name] = min([*filter(None, [level]), *levels], default="")
            else:
                del self._empty[name]
        return frame

    def encode(self, new: Any) -> NDArray[np.float32]:
        """Return the inputs of the next rows, shape (rows, width)."""
        return self._preprocessing.transform(self.in_form(new))

    def finish(self) -> list[str]:
        """Return sentences on cells that were not read and on columns that say nothing, when all rows have come.

        Raises:
            DataError: A column holds too many cells that are no values of its kind.
        """
        sentences, count = self._rows.finish(), self._rows.count
        if count < 2:
            return sentences
        for column, level in sorted(self._empty.items(), key=lambda item: bool(item[1])):
            what = f"column '{column}' of {self._name}"
            sentences.append(
                f"{what} holds only values that were never seen in training, or were too rare to learn (such as "
                f"{level!r})."
                if level
                else f"{what} is missing in all {count:,} rows."
            )
        return sentences


def encode_labeled(
    preprocessing: Preprocessing | ImagePreprocessing, source: Any, target: Target
) -> tuple[NDArray[Any], pd.DataFrame]:
    """Return labeled rows as inputs, shape (n, ...), and their target columns.

    Args:
        preprocessing: Fitted in training.
        source: A path or DataFrame that holds the target too, or an (X, y) pair; for images also a folder of labeled
            pictures or another source of `toolkit.data.images.files.read_images`.
        target: The target of the training.
    """
    from toolkit.data.images.files import Form, is_image_source, read_images
    from toolkit.data.prepare import labeled

    if isinstance(preprocessing, ImagePreprocessing) and isinstance(source, str | Path):
        form = Form(preprocessing.shape, preprocessing.dtype)
        columns = None if is_image_source(source) else list(target.form.columns)
        budget = MemoryOptions().budget
        parts = read_images(source, task=target.task, target=columns, form=form, budget=budget)
        source = parts.get("test", parts["train"])
        check_files(source.pixels, preprocessing.low, preprocessing.high, source.name)
    features, y, name = labeled(source, target)
    return encode(preprocessing, features, name), y


def labeled_frame(preprocessing: Preprocessing, source: Any, target: Target) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return labeled rows of a table in canonical form, and their target columns; the arguments are as above."""
    from toolkit.data.prepare import labeled

    features, y, name = labeled(source, target)
    features = features if isinstance(features, pd.DataFrame) else matrix_of(features, name)
    return _in_form(preprocessing, features, name), y
