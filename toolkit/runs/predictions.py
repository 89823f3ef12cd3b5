"""Predictions of a large table, piece by piece: the same, to the bit, as `Run.predict` gives for all of it."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, TypeVar, cast

import numpy as np
import pandas as pd
import pyarrow
from numpy.typing import NDArray

from toolkit.common.errors import DataError, DataWarning, nearest
from toolkit.common.formatting import listing
from toolkit.data.inputs import RowEncoder
from toolkit.data.preprocessing import Preprocessing
from toolkit.data.table_pieces import TablePieces
from toolkit.evaluation.predictor import Predictor
from toolkit.evaluation.threshold import check_threshold
from toolkit.runs.answers import answer_columns

__all__ = ["answer_table", "predict_pieces", "with_threshold"]

AnyPredictor = TypeVar("AnyPredictor", bound=Predictor)

# As `toolkit.data.inputs.batches`: the same rows are scored together, and so to the same bits.
_ROWS = 16_384


def with_threshold(result: AnyPredictor, threshold: float) -> AnyPredictor:
    """Return a result that calls a row, or a label of a row, positive from a probability on.

    Raises:
        DataError: The task has no such threshold, or it is not between 0 and 1.
    """
    if result.task not in ("binary", "multilabel"):
        raise DataError(f"threshold={threshold!r}: a {result.task} run has none; it is for binary and multilabel runs.")
    check_threshold(threshold, metrics=False)
    return replace(result, threshold=threshold, score_threshold=None)


def predict_pieces(
    result: Predictor, table: TablePieces, *, copy: Sequence[str] = (), coverage: float | None = None, rows: int = _ROWS
) -> Iterator[pyarrow.Table]:
    """Yield the predictions of a table, in the order of its rows.

    Args:
        result: What predicts.
        table: The rows.
        copy: Columns of the table that come first, with their cells as they are.
        coverage: As for `toolkit.runs.answers.answer_columns`.
        rows: How many rows are scored together, or a multiple of it.

    Yields:
        The copied columns and those of `answer_columns`, all of the same types. A table without rows gives one piece.

    Raises:
        DataError: A column is missing, or holds too many cells of another kind than in training; that may be known
            only after the last row.
    """
    encoder = RowEncoder(cast(Preprocessing, result.preprocessing), table.name, table.most_rows)
    waiting: list[tuple[NDArray[np.float32], pd.DataFrame]] = []
    for piece in _ahead(_encoded(result, table, encoder, _positions(table, copy))):
        waiting.append(piece)
        count = sum(len(x) for x, _ in waiting)
        if count > rows:
            x, copies = _joined(waiting)
            ready = (count - 1) // rows * rows  # some rows wait for what is known with the last one
            waiting = [(x[ready:], copies.iloc[ready:])]
            yield answer_table(result, result.raw_scores(x[:ready]), copies.iloc[:ready], coverage)
    for sentence in [*table.damage, *encoder.finish()]:
        warnings.warn(sentence, DataWarning, stacklevel=2)
    x, copies = _joined(waiting)
    yield answer_table(result, result.raw_scores(x), copies, coverage)


def answer_table(
    result: Predictor, scores: NDArray[np.float32], copies: pd.DataFrame | None = None, coverage: float | None = None
) -> pyarrow.Table:
    """Return what is predicted from scores beside copied columns; a prediction of the same name gets another one."""
    columns = {} if copies is None else {str(label): _as_copied(cells) for label, cells in copies.items()}
    for name, values in answer_columns(result, scores, coverage).items():
        # A piece may hold one class only, or no row at all.
        classes = pyarrow.array(list(result.target.classes)) if values.dtype == object else None
        while name in columns:
            name = f"predicted_{name}"
        columns[name] = pyarrow.array(values, type=None if classes is None else classes.type)
    return pyarrow.table(columns)


def _as_copied(cells: pd.Series) -> pyarrow.Array | pyarrow.ChunkedArray:
    """Return cells as they came; cells of several types become text."""
    if isinstance(cells.dtype, pd.CategoricalDtype):
        cells = cells.astype(cells.cat.categories.dtype)
    if cells.dtype == object:
        texts = [None if absent else str(cell) for cell, absent in zip(cells, cells.isna(), strict=True)]
        return pyarrow.array(texts, pyarrow.large_string())
    return pyarrow.array(cells, from_pandas=True)


def _positions(table: TablePieces, copy: Sequence[str]) -> dict[str, Any]:
    """Return the labels of the columns to copy, by name.

    Raises:
        DataError: There is no such column.
    """
    labels = {str(label): label for label in reversed(table.labels)}
    for name in copy:
        if name not in labels:
            columns = listing(table.labels)
            raise DataError(
                f"copy: '{name}' is not a column of {table.name} (columns: {columns}).{nearest(name, labels)}"
            )
    return {name: labels[name] for name in copy}


def _encoded(
    result: Predictor, table: TablePieces, encoder: RowEncoder, copied: dict[str, Any]
) -> Iterator[tuple[NDArray[np.float32], pd.DataFrame]]:
    """Yield the inputs of the rows, and their cells to copy."""
    words = result.target.form.reading.na_values
    used = {column.name for column in result.preprocessing.columns}
    for frame in table:
        labels = list(frame.columns)
        copies = pd.DataFrame({name: frame.iloc[:, labels.index(label)] for name, label in copied.items()})
        if table.from_text and words:
            frame = frame.loc[:, [str(label) in used for label in labels]]
            frame = frame.mask(frame.isin(list(words)))
        yield encoder.encode(frame), copies


def _joined(
    pieces: Sequence[tuple[NDArray[np.float32], pd.DataFrame]],
) -> tuple[NDArray[np.float32], pd.DataFrame]:
    if len(pieces) == 1:
        return pieces[0]
    matrices, copies = zip(*pieces, strict=True)
    return np.concatenate(matrices), pd.concat(copies, ignore_index=True)


def _ahead(pieces: Iterator[Any]) -> Iterator[Any]:
    """Yield pieces, the next of which is prepared meanwhile in another thread."""
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(next, pieces, None)
        while (piece := future.result()) is not None:
            future = pool.submit(next, pieces, None)
            yield piece
