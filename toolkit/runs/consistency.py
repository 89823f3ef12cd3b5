"""Whether what a saved file holds fits together: types, widths, classes, finite numbers."""

from __future__ import annotations

import math
import types
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Union, get_args, get_origin, get_type_hints

import numpy as np
import pandas as pd

from toolkit.common.errors import DataError
from toolkit.data.level_means import LevelMeans
from toolkit.data.preprocessing import SCALINGS, Preprocessing
from toolkit.data.reading_options import ReadingOptions
from toolkit.data.target import Target
from toolkit.evaluation.calibration import Calibration
from toolkit.evaluation.predictor import Predictor
from toolkit.heads import HEADS, Head
from toolkit.runs.archive import FOREIGN_ERRORS

if TYPE_CHECKING:
    from toolkit.evaluation.result import Result

__all__ = ["check_head", "check_predictor", "check_result", "explained", "frame_of"]

# The dtypes of targets: no other text becomes a dtype.
_DTYPES = {"object", "bool", "float16", "float32", "float64", "float128"} | {
    f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)
}
_KINDS = {"number", "boolean", "category", "date"}


def check_head(head: Head | None, content: Any, path: str | Path) -> None:
    """Check a user's own head against the content of the file that is loaded with it.

    Raises:
        DataError: It is no head, or one for another task, or it is missing.
    """
    if not isinstance(head, Head | None):
        raise DataError(f"head={head!r}: expected the Head of your own that the run was trained with, or None.")
    name = content.get("head")
    if head is None and isinstance(name, str) and name not in {known.name for known in HEADS.values()}:
        raise DataError(
            f"{path} was saved with a head of your own, {name!r:.80}, and a file holds no code: "
            "toolkit.load(path, head=...) takes it."
        )
    if head is not None and head.task != content.get("task"):
        raise DataError(f"head= is for {head.task}, and the run in {path} for {content.get('task')}.")


@contextmanager
def explained(path: str | Path, writer: str) -> Iterator[None]:
    """Raise what damaged content of a file makes a block raise as a DataError.

    Args:
        path: The file.
        writer: What writes such files, in messages.
    """
    try:
        yield
    except DataError as error:
        raise DataError(f"{path} can't be loaded: {error}") from error
    except KeyError as error:
        raise DataError(f"{path} is damaged: its settings lack {error}.") from error
    except FOREIGN_ERRORS as error:
        raise DataError(
            f"{path} is damaged: its settings are not of the form that {writer} writes: {error!r:.200}."
        ) from error


def check_result(result: Result) -> None:
    """Check that the parts of a loaded result fit each other.

    Raises:
        DataError: They don't; the message says which.
    """
    texts, numbers = [result.stopped, *result.verdict, *result.notes], [*result.metrics.values()]
    _check(all(isinstance(text, str) for text in texts), "its sentences are no text")
    _check(all(isinstance(number, int | float) for number in numbers), "its metrics are no numbers")
    _check(_fits(result.seconds, dict[str, float]), "its times are no numbers")
    _check(_fits(result.best_epoch, int) and isinstance(result.settings, dict), "its settings are damaged")
    summary = result.summary
    _check(isinstance(summary, dict) and summary.get("kind") == "run", "it has no summary of a run")
    check_predictor(result, tuple(result.model.input_shape), tuple(result.model.output_shape))


def check_predictor(result: Predictor, inputs: tuple[Any, ...], outputs: tuple[Any, ...]) -> None:
    """Check that what predicts fits together, and to the shapes of the model's inputs and scores.

    Raises:
        DataError: It does not; the message says which part.
    """
    for part in (result.preprocessing, result.target, result.calibration):
        if part is not None:
            _check_types(part, type(part).__name__)
    _check_target(result.target, result.task)
    _check_shapes(result, inputs, outputs)
    if isinstance(result.preprocessing, Preprocessing):
        _check_columns(result.preprocessing)
    _check_calibration(result.calibration, result.head, result.target)
    threshold = result.threshold
    fits = threshold is None or (result.task == "binary" and _fits(threshold, float) and 0 <= threshold <= 1)
    _check(fits, f"the threshold {threshold!r} is no probability")
    errors = result.absolute_errors
    if errors is not None:
        fits = result.task == "regression" and errors.ndim == 2 and errors.shape[1] == result.target.units
        _check(fits and bool(np.isfinite(errors).all()), "its absolute errors don't fit its targets")
    scores = result.conformity
    if scores is not None:
        fits = (bool(result.head.quantiles) or result.task in ("binary", "multiclass")) and scores.ndim == 1
        _check(fits and bool(np.isfinite(scores).all()), "its conformity scores don't fit its task")
    _check_answers(result)


def frame_of(content: dict[str, Any]) -> pd.DataFrame:
    """Return the DataFrame that `DataFrame.to_json(orient="split")` described.

    Raises:
        ValueError: The content is of another form.
    """
    columns, index, data = content["columns"], content["index"], content["data"]
    rows = all(isinstance(row, list) and len(row) == len(columns) for row in data)
    plain = _fits(columns, list[str]) and _fits(index, list[str | int])
    if not plain or not rows or not all(_fits(value, str | float | bool | None) for row in data for value in row):
        raise ValueError("a table is damaged")
    return pd.DataFrame(data, index, columns)


def _check(fits: bool, problem: str) -> None:
    if not fits:
        raise DataError(f"{problem}.")


def _check_target(target: Target, task: str) -> None:
    units = len(target.classes) if task == "multiclass" else 1 if task == "binary" else len(target.columns)
    _check(target.form.decimal in ("", ".", ","), f"{target.form.decimal!r:.80} is no decimal mark")
    _check(isinstance(target.form.reading, ReadingOptions), "its options of reading are damaged")
    _check(target.task == task, f"the target is for {target.task!r}, and the run for {task!r}")
    classes = {(type(label), label) for label in target.classes}
    _check(all(kind in (str, int, float, bool) for kind, _ in classes), "its classes are no labels")
    least, most = {"binary": (2, 2), "multiclass": (2, math.inf)}.get(task, (0, 0))
    _check(len(classes) == len(target.classes) and least <= len(classes) <= most, f"{len(classes)} classes for {task}")
    _check(1 <= len(target.columns) == len(target.dtypes), "the dtypes don't fit the target columns")
    _check(task in ("regression", "multilabel") or len(target.columns) == 1, "one target column has the classes")
    unknown = next((name for name in target.dtypes if name not in _DTYPES), None)
    _check(unknown is None, f"{unknown!r:.80} is no dtype of a target")
    _check(target.center.shape == target.scale.shape == (units,), f"the target's scale is not one of {units} numbers")
    _check(bool((target.scale > 0).all()), "the target's scale is not above 0")


def _check_shapes(result: Predictor, taken: tuple[Any, ...], given: tuple[Any, ...]) -> None:
    """Check the shapes of the model's inputs and outputs, (rows, ...), against those of the inputs and the target."""
    inputs = result.preprocessing.inputs
    expected = inputs if isinstance(inputs, tuple) else (inputs,)
    fits = len(taken) == len(expected) + 1 and all(
        size in (None, known) for size, known in zip(taken[1:], expected, strict=True)
    )
    _check(fits, f"the model takes inputs of shape {taken[1:]}, and the preprocessing makes {expected}")
    units = result.head.units(result.target.units)
    _check(given == (None, units), f"the model has outputs of shape {given[1:]}, and its head needs {units}")


def _are_means(means: LevelMeans | None) -> bool:
    """Return whether target statistics have a level and the same number of finite means for each level."""
    if means is None:
        return True
    kinds, widths = {type(level) for level in means.levels}, {len(row) for row in means.means}
    numbers = all(type(value) is float and math.isfinite(value) for row in means.means for value in row)
    unique = len(means.levels) == len(set(means.levels)) == len(means.means)
    return unique and numbers and kinds in ({str}, {float}) and len(widths) == 1 and 0 not in widths


def _check_columns(preprocessing: Preprocessing) -> None:
    names = [column.name for column in preprocessing.columns]
    unique = len(set(names)) == len(names) and set(names) <= set(preprocessing.source_columns)
    _check(unique, "the columns of the preprocessing are not those of the table")
    _check(preprocessing.scaling in SCALINGS, f"the scaling {preprocessing.scaling!r:.80} is not known")
    for column, fitted in zip(preprocessing.columns, preprocessing.by_column, strict=True):
        _check(column.kind in _KINDS, f"column {column.name!r} is of kind {column.kind!r:.80}")
        numbers: Any = getattr(fitted, "numbers", (fitted,))
        scaled = [number for number in numbers if hasattr(number, "spread")]
        rising = all((np.diff(ends) > 0).all() for number in scaled for ends in (number.edges, number.codes))
        positive = all(number.spread > 0 for number in scaled)
        _check(rising and positive, f"the numbers of column {column.name!r} are damaged")
        _check(_are_means(getattr(fitted, "means", None)), f"the means of column {column.name!r} are damaged")
        levels = getattr(fitted, "levels", ())
        _check(len(set(levels)) == len(levels), f"column {column.name!r} has a level twice")
        parts = getattr(fitted, "parts", ())
        _check(len(parts) == len(numbers) or not parts, f"the parts of date column {column.name!r} are damaged")


def _check_calibration(calibration: Calibration | None, head: Head, target: Target) -> None:
    if calibration is None:
        return
    matches = (calibration.task, calibration.link) == (target.task, head.link)
    _check(matches, f"its calibration is for {calibration.task} with {calibration.link}")
    lengths = {len(value) for value in calibration.parameters.values() if isinstance(value, list)}
    _check(lengths <= {target.units}, f"its calibration is not for {target.units} scores")
    _check(len(calibration.offsets) in (0, target.units), f"its calibration has {len(calibration.offsets)} offsets")


def _check_answers(result: Predictor) -> None:
    """Answer a row of missing cells, or a blank image, with scores of 0."""
    preprocessing, scores = result.preprocessing, np.zeros((1, result.head.units(result.target.units)), np.float32)
    if isinstance(preprocessing, Preprocessing):
        blank: dict[str, Any] = {"category": np.array([None]), "date": np.array(["NaT"], "datetime64[ns]")}
        cells = {column.name: blank.get(column.kind, np.array([np.nan])) for column in preprocessing.columns}
        _check(preprocessing.transform(pd.DataFrame(cells)).shape == (1, preprocessing.width), "damaged columns")
    result.target.decode(result.decide(scores))
    if result.calibration is not None:
        chances = result.probabilities(scores)
        _check(bool(((chances >= 0) & (chances <= 1)).all()), "its probabilities are not between 0 and 1")


def _check_types(value: Any, name: str) -> None:
    """Check that the fields of a dataclass, and of those within it, have the types that they are declared with."""
    hints = get_type_hints(type(value))
    for item in fields(value):
        fits = _fits(getattr(value, item.name), hints[item.name])
        _check(fits, f"{item.name} of {name} is {getattr(value, item.name)!r:.80}")


def _fits(value: Any, hint: Any) -> bool:
    """Return whether a value is of a type; numbers must be finite."""
    kind, inner = get_origin(hint) or hint, get_args(hint)
    if kind in (Union, types.UnionType):
        return any(_fits(value, choice) for choice in inner)
    if kind is Any:
        return True
    if is_dataclass(kind):
        if isinstance(kind, type) and isinstance(value, kind):
            _check_types(value, kind.__name__)
            return True
        return False
    if kind in (int, float):
        if isinstance(value, bool) or not isinstance(value, int | kind):
            return False
        return math.isfinite(value) if isinstance(value, float) else abs(value) < 2**64
    if kind is np.ndarray:
        return isinstance(value, np.ndarray) and bool(np.isfinite(value).all())
    if not isinstance(value, kind):
        return False
    if kind is tuple and inner and inner[-1] is not ...:
        return len(value) == len(inner) and all(
            _fits(entry, choice) for entry, choice in zip(value, inner, strict=True)
        )
    if kind in (list, tuple) and inner:
        return all(_fits(entry, inner[0]) for entry in value)
    if kind is dict and inner:
        return all(_fits(key, inner[0]) and _fits(entry, inner[1]) for key, entry in value.items())
    return True
