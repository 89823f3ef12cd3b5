"""New rows, in whatever form the user has them, as the inputs of a trained model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from toolkit.data.column_values import coerce
from toolkit.data.images.files import Form, is_image_source, read_images, read_pictures
from toolkit.data.images.preprocessing import ImagePreprocessing, check_files
from toolkit.data.prepare import labeled
from toolkit.data.preprocessing import Preprocessing
from toolkit.data.read import read

__all__ = ["batches", "encode", "encode_labeled"]


def batches(preprocessing: Preprocessing | ImagePreprocessing, new: Any, rows: int = 16_384) -> Iterator[NDArray[Any]]:
    """Yield new rows encoded, a limited number at a time: one column of numbers may become 33 inputs.

    Args:
        preprocessing: Fitted in training.
        new: A path, a DataFrame or an array of the training's columns; or images, as an array or by path.
        rows: Rows per batch; images come in one batch.
    """
    is_table = isinstance(new, str | Path | pd.DataFrame) and isinstance(preprocessing, Preprocessing)
    frame, name = read(new) if is_table else (new, "the array")
    count = len(frame) if isinstance(frame, np.ndarray | pd.DataFrame) and np.ndim(frame) else 0
    if isinstance(preprocessing, ImagePreprocessing) or count <= rows:
        yield encode(preprocessing, frame, name)
        return
    # Plain arrays of finite numbers are encoded directly. Anything else is checked as a whole first, so that an error
    # names the row of the whole table.
    direct = isinstance(frame, np.ndarray) and preprocessing.from_numbers(frame[:1]) is not None
    if direct and not np.isinf(frame).any():
        yield from (encode(preprocessing, frame[start : start + rows], name) for start in range(0, count, rows))
        return
    checked = coerce(frame, preprocessing.columns, preprocessing.source_columns, name)
    yield from (preprocessing.transform(checked.iloc[start : start + rows]) for start in range(0, count, rows))


def encode(preprocessing: Preprocessing | ImagePreprocessing, new: Any, name: str) -> NDArray[Any]:
    """Return new rows encoded, shape (n, ...).

    Args:
        preprocessing: Fitted in training.
        new: A DataFrame or array of the training's columns; or images, as an array or by path.
        name: What to call them in an error message.

    Raises:
        DataError: A column is missing or has another type than in training; images have another size.
    """
    if isinstance(preprocessing, ImagePreprocessing):
        if isinstance(new, str | Path) or is_image_source(new):
            pictures = read_pictures(new, Form(preprocessing.shape, preprocessing.dtype))
            check_files(pictures.pixels, preprocessing.low, preprocessing.high, pictures.name)
            new = pictures.pixels
        return preprocessing.transform(new, name)
    matrix = preprocessing.from_numbers(new)
    if matrix is not None:
        return matrix
    return preprocessing.transform(coerce(new, preprocessing.columns, preprocessing.source_columns, name))


def encode_labeled(
    preprocessing: Preprocessing | ImagePreprocessing, source: Any, targets: Sequence[str], task: str
) -> tuple[NDArray[Any], pd.DataFrame]:
    """Return labeled rows as inputs, shape (n, ...), and their target columns.

    Args:
        preprocessing: Fitted in training.
        source: A path or DataFrame that holds the target too, or an (X, y) pair; for images also a folder of labeled
            pictures or another source of `toolkit.data.images.files.read_images`.
        targets: Names of the target columns.
        task: The task.
    """
    if isinstance(preprocessing, ImagePreprocessing) and isinstance(source, str | Path):
        form = Form(preprocessing.shape, preprocessing.dtype)
        columns = None if is_image_source(source) else list(targets)
        parts = read_images(source, task=task, target=columns, form=form)
        source = parts.get("test", parts["train"])
        check_files(source.pixels, preprocessing.low, preprocessing.high, source.name)
    features, y, name = labeled(source, targets, task)
    return encode(preprocessing, features, name), y
