"""What any Keras model decides on a plane through two of its inputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from toolkit.common.errors import DataError, nearest
from toolkit.common.formatting import listing, plain
from toolkit.report.cells import shorten
from toolkit.report.region_plots import draw_regions

__all__ = ["decision_regions"]

STEPS = 120  # points of the map along each side
BATCH = 4_096
MOST_CLASSES = 10


def decision_regions(
    model: Any,
    x: ArrayLike | pd.DataFrame,
    y: ArrayLike,
    *,
    columns: tuple[Any, Any] = (0, 1),
    at: Mapping[Any, float] | None = None,
    threshold: float | None = None,
) -> Figure:
    """Draw which class a model decides for on a plane through two of its inputs, and the rows.

    The further inputs are held at their medians, or at the values of `at`. A row is drawn in the color of its true
    class: a cross where the model, with all inputs of the row, is wrong, and a ring where it decides otherwise than the
    color below says, because the row lies off the plane.

    Args:
        model: A Keras model, or any function, from inputs (n, columns) to scores or probabilities: (n, K) for K
            classes, of which the largest decides, whatever the loss was (softmax, multiclass hinge); (n,) or (n, 1)
            for two classes.
        x: The rows, shape (n, columns), encoded as the model takes them.
        y: The class id of each row, shape (n,): 0 to K - 1; for two classes -1 and 1 as well.
        columns: The two inputs to draw, to the right and upwards: positions, or names of a DataFrame.
        at: Position or name of a further input -> the value at which it is held.
        threshold: For two classes: the class is 1 above it. By default 0.5 after a sigmoid and 0 otherwise.

    Returns:
        A matplotlib figure; the number of each class, from 0, is in its region.

    Raises:
        DataError: The arrays, the columns or the model's outputs don't fit each other.

    Example:
        >>> rows = np.random.default_rng(0).normal(size=(50, 3))
        >>> figure = decision_regions(lambda x: x @ np.eye(3), rows, rows.argmax(axis=1), columns=(0, 2), at={1: -3})
        >>> [text.get_text() for text in figure.axes[0].texts]  # with the second input at -3, class 1 has no region
        ['0', '2']
    """
    names, inputs = _inputs(x)
    across, up = _positions(columns, names, inputs.shape[1])
    held = np.median(inputs, axis=0)
    for name, value in (at or {}).items():
        held[_position(name, names, inputs.shape[1], "at")] = _finite(value, name)
    decide = _decider(model, threshold)
    decided_rows, classes = decide(inputs)
    truth = _ids(y, len(inputs), classes)
    ends = [(low - margin, high + margin) for low, high, margin in (_range(inputs[:, i]) for i in (across, up))]
    grid = np.stack(np.meshgrid(*(np.linspace(*end, STEPS) for end in ends)), axis=-1).reshape(-1, 2)

    def on_plane(points: NDArray[np.float64]) -> NDArray[np.int64]:
        full = np.tile(held, (len(points), 1))
        full[:, [across, up]] = points
        return decide(full)[0]

    wrong, off = decided_rows != truth, decided_rows != on_plane(inputs[:, [across, up]])
    further = inputs.shape[1] - 2
    note = f" ({further} further input{'s' if further > 1 else ''} held)" if further else ""
    return draw_regions(
        on_plane(grid).reshape(STEPS, STEPS),
        ends[0],
        ends[1],
        classes=classes,
        points=(inputs[:, across], inputs[:, up], truth, np.where(wrong, 1, 2 * off)),
        along=(shorten(names[across]), shorten(names[up]) + note),
        width=4.4,
        first=0,
    )


def _inputs(x: Any) -> tuple[list[str], NDArray[np.float64]]:
    """Return the names of the columns, and the rows as numbers."""
    frame = x if isinstance(x, pd.DataFrame) else None
    try:
        values = np.array(x, np.float64)
    except (TypeError, ValueError):
        raise DataError("x holds cells that are no numbers: encode it as the model takes it.") from None
    if values.ndim != 2 or values.shape[1] < 2 or not len(values):
        raise DataError(f"x has shape {values.shape}: expected (rows, columns), with one row and two columns or more.")
    bad = np.flatnonzero(~np.isfinite(values).all(axis=1))
    if len(bad):
        raise DataError(f"x is missing or infinite in row {listing([str(row) for row in bad], most=5)}: fill it first.")
    names = map(str, frame.columns if frame is not None else (f"input {i}" for i in range(values.shape[1])))
    return [plain(name) for name in names], values


def _positions(columns: Any, names: list[str], count: int) -> tuple[int, int]:
    if isinstance(columns, str) or not hasattr(columns, "__len__") or len(columns) != 2:
        raise DataError(f"columns={columns!r}: expected two inputs, as columns=(0, 1).")
    first, second = (_position(column, names, count, "columns") for column in columns)
    if first == second:
        raise DataError(f"columns={columns!r}: expected two different inputs.")
    return first, second


def _position(column: Any, names: list[str], count: int, option: str) -> int:
    if isinstance(column, str):
        if column not in names:
            raise DataError(f"{option}: '{column}' is not one of the columns of x.{nearest(column, names)}")
        return names.index(column)
    if isinstance(column, bool) or not isinstance(column, int | np.integer) or not 0 <= column < count:
        raise DataError(f"{option}: {column!r} is not an input: expected a position from 0 to {count - 1}, or a name.")
    return int(column)


def _finite(value: Any, name: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | np.number) or not np.isfinite(value):
        raise DataError(f"at={{{name!r}: {value!r}}}: expected a finite number.")
    return float(value)


def _ids(y: Any, rows: int, classes: int) -> NDArray[np.int64]:
    """Return class ids, of -1 and 1 too."""
    values = np.asarray(y)
    values = values.reshape(-1) if values.ndim == 2 and values.shape[1] == 1 else values
    if values.shape != (rows,):
        raise DataError(f"y has shape {values.shape}: expected ({rows},), one class id per row of x.")
    accepted = [*range(classes)] if classes != 2 or not np.isin(values, [-1]).any() else [-1, 1]
    if values.dtype.kind not in "biuf" or not np.isin(values, accepted).all():
        raise DataError(
            f"y holds other values than the {classes} class ids of the model, 0 to {classes - 1}: "
            "np.unique(labels, return_inverse=True)[1] makes ids of labels."
        )
    return (values > 0).astype(np.int64) if accepted[0] == -1 else values.astype(np.int64)


def _decider(model: Any, threshold: float | None) -> Callable[[NDArray[np.float64]], tuple[NDArray[np.int64], int]]:
    """Return a function from inputs (n, columns) to class ids (n,) and the number of classes."""
    if not callable(model):
        raise DataError(f"model={type(model).__name__}: expected a Keras model, or a function from inputs to scores.")
    layers: Any = getattr(model, "layers", None)
    last = layers[-1] if layers else None
    after_sigmoid = getattr(getattr(last, "activation", None), "__name__", "") == "sigmoid"
    border = threshold if threshold is not None else 0.5 * after_sigmoid

    def decide(inputs: NDArray[np.float64]) -> tuple[NDArray[np.int64], int]:
        kind = np.float32 if last is not None else np.float64
        parts = [np.asarray(model(inputs[i : i + BATCH].astype(kind))) for i in range(0, len(inputs), BATCH)]
        scores = np.concatenate(parts)
        scores = scores[:, 0] if scores.ndim == 2 and scores.shape[1] == 1 else scores
        if scores.shape[:1] != (len(inputs),) or scores.ndim > 2 or not np.isfinite(scores).all():
            raise DataError(
                f"the model returns shape {scores.shape}: expected finite scores, (rows,) or (rows, classes)."
            )
        if scores.ndim == 1:
            return (scores > border).astype(np.int64), 2
        if scores.shape[1] > MOST_CLASSES:
            raise DataError(f"the model has {scores.shape[1]} classes: the picture has colors for {MOST_CLASSES}.")
        return scores.argmax(axis=1), scores.shape[1]

    return decide


def _range(values: NDArray[np.float64]) -> tuple[float, float, float]:
    low, high = float(values.min()), float(values.max())
    return low, high, 0.06 * (high - low) or 1.0
